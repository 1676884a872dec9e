/* power/disk.c - see disk.h. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "region/os.h"

#define SECTOR 512u
#define PAGE 4096u
#define FILES                                                                                      \
  8 /* data, log, what may come and go: changes that are being applied, further data files */
#define MAY_LACK 2 /* from there on */

static const char *const suffixes[FILES] = {"",        "-log",    "-applying", "-data-1",
                                            "-data-2", "-data-3", "-data-4",   "-data-5"};

/* A sector's state from a moment on. */
struct state {
  uint64_t sector;
  unsigned moment;
  uint8_t bytes[SECTOR];
};

struct length {
  unsigned moment;
  uint64_t bytes;
};

/* From `done` on, the range is as durable as it was at `begun`. */
struct sync {
  unsigned begun, done;
  uint64_t from, to;
};

struct file {
  char path[512];
  uint8_t *seen; /* as it was at the last look */
  uint64_t length;
  unsigned there; /* moment at which it was first seen; 0: not yet */
  unsigned named; /* at which its name was made durable */
  unsigned gone;  /* at which its name was no longer seen */
  struct state *states;
  size_t state_count, state_room;
  struct length *lengths;
  size_t length_count, length_room;
  struct sync *syncs;
  size_t sync_count, sync_room;
  unsigned begun; /* of the sync under way */
};

struct disk {
  char path[512];
  unsigned moment;
  int refuses;  /* the next lock of a byte of the data file */
  int unsynced; /* writes to the file that is to become the store, since its last sync */
  struct file files[FILES];
};

static struct disk *recorded;

#define APPEND(list, count, room, ...)                                                             \
  do {                                                                                             \
    if ((count) == (room)) {                                                                       \
      (room) = (room) ? 2 * (room) : 256;                                                          \
      (list) = realloc((list), (room) * sizeof *(list));                                           \
      CHECK((list) != NULL);                                                                       \
    }                                                                                              \
    (list)[(count)++] = (__VA_ARGS__);                                                             \
  } while (0)

/* --- looking ----------------------------------------------------------------------------- */

static void length_note(struct disk *disk, struct file *file, uint64_t length) {
  if (file->length_count && file->length == length)
    return;
  file->seen = realloc(file->seen, length + PAGE);
  CHECK(file->seen != NULL);
  if (length > file->length)
    memset(file->seen + file->length, 0, length - file->length);
  file->length = length;
  APPEND(file->lengths, file->length_count, file->length_room,
         (struct length){disk->moment, length});
}

static void sectors_note(struct disk *disk, struct file *file, const uint8_t *now) {
  for (uint64_t page = 0; page < file->length; page += PAGE) {
    uint64_t size = file->length - page < PAGE ? file->length - page : PAGE;
    if (memcmp(file->seen + page, now + page, size) == 0)
      continue;
    for (uint64_t at = page; at < page + size; at += SECTOR) {
      struct state state = {at / SECTOR, disk->moment, {0}};
      uint64_t rest = file->length - at < SECTOR ? file->length - at : SECTOR;
      if (memcmp(file->seen + at, now + at, rest) == 0)
        continue;
      memcpy(state.bytes, now + at, rest);
      memcpy(file->seen + at, now + at, rest);
      APPEND(file->states, file->state_count, file->state_room, state);
    }
  }
}

static void everything_is_durable(struct file *file, unsigned moment) {
  APPEND(file->syncs, file->sync_count, file->sync_room,
         (struct sync){moment, moment, 0, UINT64_MAX});
}

static void file_look(struct disk *disk, struct file *file) {
  struct stat stat_of;
  int fd = open(file->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    file->gone = file->there && !file->gone ? disk->moment : file->gone;
    return;
  }
  CHECK_SYS(fstat(fd, &stat_of));
  uint64_t length = (uint64_t)stat_of.st_size;
  if (!file->there) {
    file->there = disk->moment;
    if (file == disk->files) {
      CHECK_MSG(disk->unsynced == 0, "the data file got its name before it was synced");
      everything_is_durable(file, disk->moment);
    }
  }
  length_note(disk, file, length);
  if (length) {
    uint8_t *now = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(now != MAP_FAILED);
    sectors_note(disk, file, now);
    munmap(now, length);
  }
  close(fd);
}

void disk_look(struct disk *disk) {
  disk->moment++;
  for (int i = 0; i < FILES; i++)
    file_look(disk, &disk->files[i]);
}

void disk_refuse_lock(struct disk *disk) { disk->refuses = 1; }

unsigned disk_moment(const struct disk *disk) { return disk->moment; }

/* --- recording --------------------------------------------------------------------------- */

static struct file *file_named(struct disk *disk, const char *path) {
  for (int i = 0; i < FILES; i++)
    if (strcmp(disk->files[i].path, path) == 0)
      return &disk->files[i];
  return NULL;
}

static int call_before(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  struct disk *disk = recorded;
  (void)offset, (void)size;
  if (call == OS_CALL_LOCK && disk->refuses && strcmp(path, disk->path) == 0) {
    disk->refuses = 0;
    return ENOLCK;
  }
  if (call == OS_CALL_READ || call == OS_CALL_LOCK || call == OS_CALL_MAP || call == OS_CALL_OPEN)
    return 0;
  disk_look(disk);
  if (call == OS_CALL_SYNC && path[strlen(path) - 1] == '/' &&
      strncmp(path, disk->path, strlen(path)) == 0) /* their folder */
    for (int i = 0; i < FILES; i++)
      if (disk->files[i].there && !disk->files[i].named)
        disk->files[i].named = disk->moment;
  struct file *file = file_named(disk, path);
  if (file)
    file->begun = disk->moment;
  else if (strncmp(path, disk->path, strlen(disk->path)) == 0 && strstr(path, "-new-"))
    disk->unsynced = call == OS_CALL_SYNC ? 0 : call == OS_CALL_WRITE ? 1 : disk->unsynced;
  return 0;
}

static void call_after(enum os_call call, const char *path, uint64_t offset, uint64_t size) {
  struct disk *disk = recorded;
  disk_look(disk);
  struct file *file = file_named(disk, path);
  if (!file)
    return;
  /* What one call has written is durable when it returns; what a sync finds, when that returns. */
  struct sync sync = {file->begun, disk->moment, 0, UINT64_MAX};
  if (call == OS_CALL_WRITE_SYNC)
    sync = (struct sync){disk->moment, disk->moment, offset / SECTOR * SECTOR, offset + size};
  APPEND(file->syncs, file->sync_count, file->sync_room, sync);
}

struct disk *disk_record(const char *path) {
  struct disk *disk = calloc(1, sizeof *disk);
  CHECK(disk != NULL);
  snprintf(disk->path, sizeof disk->path, "%s", path);
  for (int i = 0; i < FILES; i++)
    snprintf(disk->files[i].path, sizeof disk->files[i].path, "%s%s", path, suffixes[i]);
  disk_look(disk);
  for (int i = 1; i < FILES; i++)
    if (disk->files[i].there) {
      everything_is_durable(&disk->files[i], disk->moment);
      disk->files[i].named = disk->moment;
    }
  recorded = disk;
  os_hook = call_before;
  os_done_hook = call_after;
  return disk;
}

void disk_stop(struct disk *disk) {
  os_hook = NULL;
  os_done_hook = NULL;
  recorded = NULL;
  disk_look(disk);
}

void disk_free(struct disk *disk) {
  for (int i = 0; i < FILES; i++) {
    free(disk->files[i].seen);
    free(disk->files[i].states);
    free(disk->files[i].lengths);
    free(disk->files[i].syncs);
  }
  free(disk);
}

/* --- cutting ----------------------------------------------------------------------------- */

/* The moment whose state of a place is durable at another moment. */
static unsigned durable_at(const struct file *file, unsigned moment, uint64_t offset) {
  unsigned durable = 0;
  for (size_t i = file->sync_count; i-- > 0;) {
    const struct sync *sync = &file->syncs[i];
    if (sync->done > moment || sync->from > offset || sync->to < offset + 1)
      continue;
    if (sync->begun > durable)
      durable = sync->begun;
    if (sync->to == UINT64_MAX)
      break; /* the syncs before it began before it */
  }
  return durable;
}

/* The last state of a sector not after a moment. */
static const struct state *state_at(struct state *const *states, size_t count, unsigned moment) {
  const struct state *found = NULL;
  for (size_t i = 0; i < count && states[i]->moment <= moment; i++)
    found = states[i];
  return found;
}

static int by_sector(const void *a, const void *b) {
  const struct state *x = *(struct state *const *)a, *y = *(struct state *const *)b;
  if (x->sector != y->sector)
    return x->sector < y->sector ? -1 : 1;
  return (x->moment > y->moment) - (x->moment < y->moment);
}

struct choice {
  enum disk_cut cut;
  struct test_random *random;
  uint64_t page;       /* being chosen for */
  unsigned page_until; /* its moment */
  uint64_t one;        /* DISK_BUT_ONE: a sector; DISK_ONE: a page */
};

/* Up to which moment a sector was written back: at least `durable`, at most `moment`. */
static unsigned until_choose(struct choice *choice, uint64_t sector, unsigned durable,
                             unsigned moment) {
  uint64_t page = sector / (PAGE / SECTOR);
  switch (choice->cut) {
  case DISK_ALL: return moment;
  case DISK_DURABLE: return durable;
  case DISK_BUT_ONE: return sector == choice->one ? durable : moment;
  case DISK_ONE: return page == choice->one ? moment : durable;
  case DISK_PAGES:
    if (page != choice->page) {
      choice->page = page;
      choice->page_until = test_random_below(choice->random, 3)
                               ? (unsigned)test_random_below(choice->random, moment + 1)
                               : moment;
    }
    return choice->page_until > durable ? choice->page_until : durable;
  default: {
    unsigned until = test_random_below(choice->random, 2)
                         ? (unsigned)test_random_below(choice->random, moment + 1)
                     : test_random_below(choice->random, 2) ? moment
                                                            : 0;
    return until > durable ? until : durable;
  }
  }
}

/* One of the lengths that the file may have. */
static uint64_t length_choose(const struct file *file, unsigned moment, struct choice *choice) {
  unsigned durable = durable_at(file, moment, 0);
  uint64_t length = 0;
  for (size_t i = 0; i < file->length_count && file->lengths[i].moment <= moment; i++) {
    int may_stay = choice->cut == DISK_DURABLE || choice->cut == DISK_ONE ||
                   (choice->cut != DISK_ALL && choice->cut != DISK_BUT_ONE &&
                    test_random_below(choice->random, 2));
    if (file->lengths[i].moment > durable && may_stay)
      break;
    length = file->lengths[i].bytes;
  }
  return length;
}

static void file_cut(const struct file *file, unsigned moment, struct choice choice,
                     const char *to) {
  struct state **states = malloc((file->state_count + 1) * sizeof *states);
  uint64_t length = length_choose(file, moment, &choice);
  uint8_t *image = calloc(1, length + PAGE);
  CHECK(states != NULL && image != NULL);
  size_t count = 0;
  for (size_t i = 0; i < file->state_count && file->states[i].moment <= moment; i++)
    states[count++] = &file->states[i];
  if (count) /* one of those that changed last, most likely: it may be all that is missing */
    choice.one =
        states[count - 1 - test_random_below(choice.random, count < 64 ? count : 64)]->sector /
        (choice.cut == DISK_ONE ? PAGE / SECTOR : 1);
  qsort(states, count, sizeof(struct state *), by_sector);
  choice.page = UINT64_MAX;
  for (size_t i = 0, next; i < count; i = next) {
    uint64_t sector = states[i]->sector;
    for (next = i; next < count && states[next]->sector == sector;)
      next++;
    unsigned durable = durable_at(file, moment, sector * SECTOR);
    const struct state *state =
        state_at(states + i, next - i, until_choose(&choice, sector, durable, moment));
    if (state && sector * SECTOR < length)
      memcpy(image + sector * SECTOR, state->bytes, SECTOR);
  }
  int fd = CHECK_SYS(open(to, O_WRONLY | O_CREAT | O_EXCL, 0600));
  CHECK_EQ(write(fd, image, length), (ssize_t)length);
  close(fd);
  free(image);
  free(states);
}

/* Whether the name, or that it was removed, is among what was not written back. */
static int name_is_lost(const struct file *file, unsigned moment, enum disk_cut cut,
                        struct test_random *random) {
  int gone = file->gone && file->gone <= moment;
  if (file->named && file->named <= moment && !gone)
    return 0;
  if (cut == DISK_ALL || cut == DISK_BUT_ONE)
    return gone;
  if (cut == DISK_DURABLE || cut == DISK_ONE)
    return !gone;
  return (int)test_random_below(random, 2);
}

int disk_cut(const struct disk *disk, unsigned moment, enum disk_cut cut,
             struct test_random *random, const char *to) {
  static const char *const made_anew[] = {"-readers", "-writers"};
  char name[600];
  for (int i = 0; i < FILES + 2; i++) {
    snprintf(name, sizeof name, "%s%s", to, i < FILES ? suffixes[i] : made_anew[i - FILES]);
    unlink(name);
  }
  if (!disk->files[0].there || disk->files[0].there > moment)
    return 1;
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "%s%s", to, suffixes[i]);
    if (disk->files[i].there && disk->files[i].there <= moment &&
        !(i >= MAY_LACK && name_is_lost(&disk->files[i], moment, cut, random)))
      file_cut(&disk->files[i], moment, (struct choice){.cut = cut, .random = random}, name);
  }
  return 0;
}
