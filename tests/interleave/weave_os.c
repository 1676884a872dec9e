/* weave_os.c - models of the system's part in the protocols: byte locks of open file descriptions,
 * futexes, time, and the readers' file. They stand in the place of region/os.h and
 * region/region.h for the sources that are driven.
 *
 * Byte locks and what the kernel does at a death order what was written before against who gets
 * the lock (the kernel's own locks do): a byte has a clock. A futex call looks at the word
 * itself: not at an older value than who called wake on that word before knew of, since the calls
 * take turns at one lock of the kernel's. Being woken orders nothing. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "copse/error.h"
#include "region/region.h"
#include "weave_engine.h"
#include "weave_os.h"

#define DESCRIPTIONS 64
#define BYTES 16 /* of clients 0 to 15 */
#define FUTEXES 8
#define CLIENT_BYTES (UINT64_C(1) << 40)

/* An open file description: lives as long as a descriptor or a mapping of a living process. */
static struct description {
  bool open, mapped;
  int owner; /* actor; SELF of begin(): whom os_model_owner() named */
} descriptions[DESCRIPTIONS];
static int description_count;
static int setup_owner;

static struct {
  int holder; /* description + 1; 0: nobody */
  struct clock clock;
} bytes[BYTES];

static struct {
  const void *word;
  struct clock clock; /* what wakers knew */
} futexes[FUTEXES];

static uint64_t now_ns;
static int64_t sleep_ns[WEAVE_ACTORS];

void os_model_reset(void) {
  description_count = 0;
  setup_owner = -1;
  memset(bytes, 0, sizeof bytes);
  memset(futexes, 0, sizeof futexes);
  now_ns = 1000000000;
}

void os_model_owner(int actor) { setup_owner = actor; }

static int owner_now(void) { return weave_self() < 0 ? setup_owner : weave_self(); }

/* --- descriptions and their locks --------------------------------------------------------- */

static struct description *description_at(int fd) {
  BASE_ASSERT(fd >= 0 && fd < description_count);
  return &descriptions[fd];
}

static void release_unless_kept(int fd, int thread) {
  if (descriptions[fd].open || descriptions[fd].mapped)
    return;
  for (int i = 0; i < BYTES; i++)
    if (bytes[i].holder == fd + 1) {
      bytes[i].holder = 0;
      clock_join(&bytes[i].clock, memory_clock(thread));
    }
}

void os_model_died(int actor) {
  for (int fd = 0; fd < description_count; fd++)
    if (descriptions[fd].owner == actor) {
      descriptions[fd].open = descriptions[fd].mapped = false;
      release_unless_kept(fd, actor + 1);
    }
}

bool os_model_lives(uint32_t client) { return client < BYTES && bytes[client].holder != 0; }

static void lock_step(void) {
  if (engine_driven())
    engine_step((struct step){.kind = STEP_LOCK});
}

int region_fresh_descriptor(struct region *region, int *fd) {
  (void)region;
  if (description_count == DESCRIPTIONS)
    weave_fault("no end after %d descriptors: an endless loop", DESCRIPTIONS);
  descriptions[description_count] = (struct description){.open = true, .owner = owner_now()};
  *fd = description_count++;
  return 0;
}

void os_close(int fd) {
  lock_step();
  engine_record(NULL, "closes descriptor %d", fd);
  description_at(fd)->open = false;
  release_unless_kept(fd, engine_thread());
}

/* A mapping is told from others by its address: one past the description. */
static uint8_t pages[DESCRIPTIONS];

int os_map(int fd, const char *path, uint64_t size, unsigned flags, void **address) {
  (void)path, (void)size, (void)flags;
  description_at(fd)->mapped = true;
  *address = &pages[fd];
  return 0;
}

void os_unmap(void *address, uint64_t size) {
  (void)size;
  lock_step();
  int fd = (int)((uint8_t *)address - pages);
  engine_record(NULL, "unmaps descriptor %d", fd);
  description_at(fd)->mapped = false;
  release_unless_kept(fd, engine_thread());
}

int os_map_no_fork(void *address, uint64_t size) {
  (void)address, (void)size;
  return 0;
}

int os_lock_byte(int fd, const char *path, uint64_t byte, int exclusive, int *held) {
  (void)path, (void)exclusive;
  BASE_ASSERT(byte >= CLIENT_BYTES && byte < CLIENT_BYTES + BYTES);
  uint64_t client = byte - CLIENT_BYTES;
  lock_step();
  *held = !bytes[client].holder || bytes[client].holder == fd + 1;
  if (*held) {
    bytes[client].holder = fd + 1;
    clock_join(memory_clock(engine_thread()), &bytes[client].clock);
  }
  engine_record(NULL, "locks the byte of client %d by descriptor %d: %s", (int)client, fd,
                *held ? "held" : "another has it");
  return 0;
}

int os_unlock_byte(int fd, const char *path, uint64_t byte) {
  (void)path;
  uint64_t client = byte - CLIENT_BYTES;
  lock_step();
  engine_record(NULL, "unlocks the byte of client %d", (int)client);
  if (bytes[client].holder == fd + 1) {
    bytes[client].holder = 0;
    clock_join(&bytes[client].clock, memory_clock(engine_thread()));
  }
  return 0;
}

/* --- the readers' file ------------------------------------------------------------------- */

int region_allocate(struct region *region, uint64_t offset, uint64_t size) {
  BASE_ASSERT(offset + size <= region->reserved);
  return 0;
}

int region_reach(struct region *region, uint64_t end, uint64_t *reach) {
  *reach = end < region->reserved ? end : region->reserved;
  return 0;
}

void os_command_name(char name[16]) { memcpy(name, "woven", 6); }
uint64_t os_pid_namespace(void) { return 1; }

/* --- futexes ----------------------------------------------------------------------------- */

static struct clock *futex_clock(const void *word) {
  for (int i = 0; i < FUTEXES; i++) {
    if (!futexes[i].word)
      futexes[i].word = word;
    if (futexes[i].word == word)
      return &futexes[i].clock;
  }
  BASE_ASSERT(!"too many futexes");
  return NULL;
}

int os_futex_wait_either(const void *word, uint32_t expected, const void *own, int64_t timeout_ns) {
  engine_step((struct step){.kind = STEP_WRITE, .place = word, .other = own});
  if (memory_kernel_load(word, 4, futex_clock(word)) != expected)
    return 0;
  if (own && memory_kernel_load(own, 4, futex_clock(own)) != 0)
    return 0;
  engine_record(NULL, "sleeps");
  sleep_ns[weave_self()] = timeout_ns;
  int result = engine_sleep(word, own, timeout_ns >= 0);
  engine_record(NULL, result ? "its sleep has run out" : "is woken");
  return result;
}

int os_futex_wait(const void *word, uint32_t expected, int64_t timeout_ns) {
  return os_futex_wait_either(word, expected, NULL, timeout_ns);
}

int os_futex_wake(void *word, int count) {
  engine_step((struct step){.kind = STEP_WRITE, .place = word});
  clock_join(futex_clock(word), memory_clock(engine_thread()));
  int woken = engine_wake(word, count);
  engine_record(NULL, "wakes %d", woken);
  return woken;
}

void os_futex_wake_own(void *word) { (void)os_futex_wake(word, INT32_MAX); }

/* --- time -------------------------------------------------------------------------------- */

/* Time passes only while somebody sleeps until his time is over. */
void os_model_time_passes(int actor) { now_ns += (uint64_t)sleep_ns[actor]; }

int weave_clock_gettime(clockid_t clock, struct timespec *time) {
  (void)clock;
  time->tv_sec = (time_t)(now_ns / 1000000000);
  time->tv_nsec = (long)(now_ns % 1000000000);
  return 0;
}
