/* woven_store.c - see woven_store.h. */
#include "woven_store.h"

#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "woven.h"

#define SLOT_PAGES_BYTES 65536u

struct region readers;
uint8_t *writers;
struct client clients[WEAVE_ACTORS];
struct weave_cell pages[PAGES] = {{.name = "page 0"}, {.name = "page 1"}, {.name = "page 2"}};
int page_limit;
bool ousting;
enum leasing leasing;

/* The writer's: what is announced, as it last saw it. */
static struct announced *announced;
static size_t announced_count, announced_capacity;
static struct lease_seen leases;
static unsigned leased[PAGES]; /* words that name the page */

/* The writer's: when the page was written, and when it was freed; freed 0: in use, and both 0: free. */
static struct { uint64_t birth, freed; } books[PAGES];
static int newest_page;

static void files_map(void) {
  readers.reserved = READERS_SLOTS + SLOT_PAGES_BYTES;
  readers.path = "(woven)";
  void *memory = mmap(NULL, readers.reserved + WRITERS_BOOKS, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  BASE_ASSERT(memory != MAP_FAILED);
  readers.rw = memory;
  readers.ro = memory;
  writers = readers.rw + readers.reserved;
}

void lock_must_be_held(void) {
  uint64_t word = atomic_load_explicit(&sync_commit_ro(writers)->lock, memory_order_relaxed);
  WEAVE_CHECK(LOCK_OWNER(word) == clients[weave_self()].index + 1,
              "a holder does not hold the lock");
}

void lock_keep(int client) {
  struct commit_words *commit = sync_commit(writers);
  uint64_t generation = UINT64_C(1) << 24;
  clients[client].lock_returns = 1;
  atomic_store_explicit(&clients[client].lock_left, generation, memory_order_relaxed);
  atomic_store_explicit(&commit->lock_turn_ns, 1, memory_order_relaxed);
  atomic_store_explicit(&commit->lock_generation, 1, memory_order_relaxed);
  atomic_store_explicit(&commit->lock, generation | LOCK_WAITERS | LOCK_KEPT, memory_order_relaxed);
}

void version_publish(uint64_t version, uint64_t page) {
  struct root root = {.version = version,
                      .table = page,
                      .next_map = version + 1,
                      .limit = (version + 2) * FORMAT_SEGMENT,
                      .time_ns = version + 3,
                      .timeline = version + 4};
  struct recent_map recent = {version + 5, version + 6, version + 7};
  root_write(writers, &root, &recent);
  root_publish(writers, version);
}

static void root_check(const struct root *root, const struct recent_map *recent) {
  uint64_t version = root->version;
  WEAVE_CHECK(root->next_map == version + 1 && root->limit == (version + 2) * FORMAT_SEGMENT &&
                  root->time_ns == version + 3 && root->timeline == version + 4 &&
                  recent->tag == version + 5 && recent->tree == version + 6 &&
                  recent->count == version + 7,
              "version %llu has a torn root", (unsigned long long)version);
}

void snapshot_open(uint32_t slot, struct root *root) {
  struct recent_map recent;
  int code = slot_announce(readers_slot(&readers, slot), writers, root, &recent);
  WEAVE_CHECK(code == 0, "a snapshot cannot be opened: %d", code);
  root_check(root, &recent);
}

void store_begin(int n) {
  if (!writers)
    files_map();
  for (int i = 0; i < n; i++) {
    os_model_owner(i);
    int code = client_attach(&readers, writers, &clients[i]);
    BASE_ASSERT(code == 0);
  }
  page_limit = 2;
  ousting = false;
  leasing = LEASES_NEVER;
  leases_forget(&leases);
  memset(leased, 0, sizeof leased);
  newest_page = 0;
  for (int i = 0; i < PAGES; i++)
    books[i].birth = books[i].freed = 0;
  books[0].birth = 1;
  weave_cell_write(&pages[0], 1);
  version_publish(1, 0);
}

/* --- the writer ------------------------------------------------------------------------ */

uint64_t page_word(uint64_t page) { return LEASE_WORD(page + 1, 1); }

static int lease_note(void *context, uint64_t before, uint64_t after) {
  (void)context;
  for (int i = 0; i < PAGES; i++)
    leased[i] +=
        (unsigned)(after == page_word((uint64_t)i)) - (unsigned)(before == page_word((uint64_t)i));
  return 0;
}

static void leases_see(enum leasing when) {
  if (leasing != when)
    return;
  int code = leases_look(&readers, &leases, lease_note, NULL);
  WEAVE_CHECK(code == 0, "what is leased cannot be listed");
}

static void announced_look(void) {
  leases_see(LEASES_FIRST);
  int code = slots_announced(&readers, writers, &announced, &announced_capacity, &announced_count);
  WEAVE_CHECK(code == 0, "what is announced cannot be listed");
  leases_see(LEASES_LAST);
}

/* The rule of page/pager.h. */
static bool is_reusable(int page) {
  for (size_t i = 0; i < announced_count; i++)
    if (announced[i].version < books[page].freed &&
        (announced[i].pending || announced[i].version >= books[page].birth))
      return false;
  return !leased[page];
}

static int page_find(void) {
  for (int i = 0; i < page_limit; i++)
    if (books[i].freed && is_reusable(i))
      return i;
  return -1;
}

/* As store/pins.c does. */
static void holders_oust(void) {
  for (size_t i = 0; i < announced_count; i++) {
    struct reader_slot *slot = readers_slot(&readers, announced[i].slot);
    (void)slot_oust(slot, atomic_load_explicit(&slot->word, memory_order_acquire));
  }
}

static int page_take(void) {
  for (int i = 0; i < page_limit; i++)
    if (!books[i].birth)
      return i;
  announced_look();
  int page = page_find();
  if (page < 0 && ousting) {
    holders_oust();
    announced_look();
    page = page_find();
  }
  return page;
}

int version_commit(uint64_t version) {
  int page = page_take();
  if (page < 0)
    return 0;
  weave_cell_write(&pages[page], version);
  books[newest_page].freed = version;
  newest_page = page;
  books[page].birth = version;
  books[page].freed = 0;
  version_publish(version, (uint64_t)page);
  return 1;
}

static void page_check(const struct root *root, uint64_t found) {
  WEAVE_CHECK(found == root->version, "a reader of version %llu found a page of version %llu",
              (unsigned long long)root->version, (unsigned long long)found);
}

void page_read(const struct root *root) { page_check(root, weave_cell_read(&pages[root->table])); }

int page_copy(const struct root *root, struct reader_slot *slot) {
  uint64_t found = weave_cell_peek(&pages[root->table]);
  if (slot_ousted(slot))
    return 0;
  weave_cell_confirm(&pages[root->table]);
  page_check(root, found);
  return 1;
}
