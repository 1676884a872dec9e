/* test_slots.c - slots, announcements, root records; announcing against reclaiming. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "sync_fixture.h"

static struct fixture f;

static struct reader_slot *slot_at(uint32_t index) { return readers_slot(&f.readers, index); }

static struct announced *list;
static size_t capacity, count;

static void scan(void) {
  CHECK_OK(slots_announced(&f.readers, f.writers.rw, &list, &capacity, &count));
}

/* --- taking -------------------------------------------------------------------------- */

TEST(slots_are_taken_and_given) {
  fixture_create(&f);
  struct client a, b;
  uint32_t x, y, z;
  fixture_attach(&f, &a);
  fixture_attach(&f, &b);
  CHECK_OK(slot_take(&a, 0, &x));
  CHECK_OK(slot_take(&b, 0, &y));
  CHECK_NE(x, y);
  CHECK_EQ(slot_at(x)->owner, client_owner_word(&a));
  CHECK_EQ(slot_at(y)->owner, client_owner_word(&b));
  slot_give(&a, x);
  CHECK_EQ(slot_at(x)->owner, 0);
  CHECK_OK(slot_take(&b, x, &z));
  CHECK_EQ(z, x);
  CHECK_OK(slot_take(&a, UINT32_MAX, &z));
  client_detach(&a);
  client_detach(&b);
  fixture_close(&f);
}

TEST(the_table_grows_by_need) {
  fixture_create(&f);
  struct client client;
  uint32_t slot, seen = 0;
  fixture_attach(&f, &client);
  for (uint32_t i = 0; i < 300; i++) {
    CHECK_OK(slot_take(&client, i, &slot));
    seen += slot;
  }
  CHECK_EQ(seen, 299 * 300 / 2);
  CHECK_EQ(readers_head(&f.readers)->slot_count, 300);
  CHECK_EQ(f.readers.size, READERS_SLOTS + 5 * 4096);
  client_detach(&client);
  fixture_attach(&f, &client);
  for (uint32_t i = 0; i < 300; i++)
    CHECK_OK(slot_take(&client, 299 - i, &slot));
  CHECK_EQ(readers_head(&f.readers)->slot_count, 300);
  client_detach(&client);
  fixture_close(&f);
}

TEST(a_slot_above_another) {
  fixture_create(&f);
  struct client client;
  uint32_t slot = 0;
  fixture_attach(&f, &client);
  CHECK_OK(slot_take_above(&client, 9, &slot));
  CHECK_EQ(slot, 10);
  CHECK_OK(slot_take_above(&client, 3, &slot));
  CHECK_EQ(slot, 4);
  CHECK_OK(slot_take_above(&client, 9, &slot));
  CHECK_EQ(slot, 11);
  CHECK_RESULT(slot_take_above(&client, SLOT_MAX, &slot), COPSE_E_ARGUMENT);
  CHECK_RESULT(slot_take_above(&client, SLOT_MAX - 1, &slot), COPSE_E_TOO_MANY);
  client_detach(&client);
  fixture_close(&f);
}

/* --- announcing ---------------------------------------------------------------------- */

TEST(announcing_shows_the_newest_version) {
  fixture_create(&f);
  struct client client;
  struct root root;
  uint32_t x;
  fixture_attach(&f, &client);
  fixture_publish(&f, 2);
  CHECK_OK(slot_take(&client, 0, &x));
  CHECK_OK(slot_announce(slot_at(x), f.writers.ro, &root, NULL));
  CHECK_EQ(root.version, 2);
  CHECK_EQ(root.table, 6);
  CHECK_EQ(root.limit, 2 * FORMAT_SEGMENT);
  CHECK_EQ(slot_at(x)->word, SLOT_WORD(2, SLOT_EXACT));
  CHECK_NE(slot_at(x)->since_ns, 0);
  slot_withdraw(slot_at(x));
  CHECK_EQ(slot_at(x)->word, SLOT_IDLE);
  CHECK_NE(slot_at(x)->owner, 0);
  client_detach(&client);
  fixture_close(&f);
}

TEST(the_reclaimer_sees_versions_in_order) {
  fixture_create(&f);
  struct client client;
  uint32_t s[6];
  fixture_attach(&f, &client);
  for (int i = 0; i < 6; i++)
    CHECK_OK(slot_take(&client, 0, &s[i]));
  scan();
  CHECK_EQ(count, 0);
  slot_announce_exact(slot_at(s[0]), 9);
  slot_announce_exact(slot_at(s[1]), 4);
  slot_announce_exact(slot_at(s[2]), 9);
  atomic_store(&slot_at(s[3])->word, SLOT_WORD(6, SLOT_PENDING));
  atomic_store(&slot_at(s[4])->word, SLOT_WORD(1, SLOT_OUSTED));
  sync_commit(f.writers.rw)->durable[0] = 5;
  scan();
  CHECK_EQ(count, 5);
  static const uint64_t versions[] = {4, 5, 6, 9, 9};
  for (size_t i = 0; i < count; i++)
    CHECK_EQ(list[i].version, versions[i]);
  CHECK_EQ(list[0].slot, s[1]);
  CHECK_EQ(list[1].slot, UINT32_MAX);
  CHECK_EQ(list[2].pending, 1);
  CHECK_EQ(list[3].pending, 0);
  client_detach(&client);
  sync_commit(f.writers.rw)->durable[0] = 0;
  scan();
  CHECK_EQ(count, 0);
  fixture_close(&f);
}

TEST(many_announcements_are_sorted) {
  fixture_create(&f);
  struct client client;
  struct test_random random = {test_seed()};
  uint32_t slot;
  fixture_attach(&f, &client);
  for (int i = 0; i < 1000; i++) {
    CHECK_OK(slot_take(&client, (uint32_t)i, &slot));
    slot_announce_exact(slot_at(slot), 1 + test_random_below(&random, 500));
  }
  scan();
  CHECK_EQ(count, 1000);
  for (size_t i = 1; i < count; i++)
    CHECK_LE(list[i - 1].version, list[i].version);
  client_detach(&client);
  fixture_close(&f);
}

TEST(ousting_needs_consent) {
  fixture_create(&f);
  struct client client;
  struct root root;
  uint32_t x;
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 0, &x));
  struct reader_slot *slot = slot_at(x);
  CHECK_OK(slot_announce(slot, f.writers.ro, &root, NULL));
  CHECK_EQ(slot_oust(slot, slot->word), 0);
  CHECK_EQ(slot_ousted(slot), 0);
  slot_withdraw(slot);
  CHECK_EQ(slot_oust(slot, slot->word), 0);
  atomic_store(&slot->oustable, 1);
  CHECK_OK(slot_announce(slot, f.writers.ro, &root, NULL));
  uint64_t word = slot->word;
  CHECK_EQ(SLOT_VERSION(word), 1);
  CHECK_EQ(slot_oust(slot, word + 4), 0);
  CHECK_EQ(slot_oust(slot, word), 1);
  CHECK_EQ(slot_ousted(slot), 1);
  CHECK_EQ(slot_oust(slot, slot->word), 1);
  scan();
  CHECK_EQ(count, 0);
  CHECK_OK(slot_announce(slot, f.writers.ro, &root, NULL));
  CHECK_EQ(slot_ousted(slot), 0);
  /* Given away and taken by one who does not consent: the old word ousts nobody. */
  word = slot->word;
  slot_give(&client, x);
  CHECK_OK(slot_take(&client, x, &x));
  CHECK_OK(slot_announce(slot_at(x), f.writers.ro, &root, NULL));
  CHECK_EQ(slot_oust(slot_at(x), word), 0);
  client_detach(&client);
  fixture_close(&f);
}

static struct reader_slot *ousted_slot;
static int pending_times;
static void oust_when_pending(enum point point) {
  if (point == POINT_slot_pending && ++pending_times <= 3)
    slot_oust(ousted_slot, ousted_slot->word);
}

TEST(an_announcement_ousted_halfway_begins_anew) {
  fixture_create(&f);
  struct client client;
  struct root root;
  uint32_t x;
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 0, &x));
  ousted_slot = slot_at(x);
  atomic_store(&ousted_slot->oustable, 1);
  pending_times = 0;
  points_hook = oust_when_pending;
  CHECK_OK(slot_announce(ousted_slot, f.writers.ro, &root, NULL));
  points_hook = NULL;
  CHECK_EQ(pending_times, 4);
  CHECK_EQ(slot_ousted(ousted_slot), 0);
  client_detach(&client);
  fixture_close(&f);
}

TEST(an_oustable_version_is_carried_over_with_its_fate) {
  fixture_create(&f);
  struct client client;
  struct root root;
  uint32_t x, y, z;
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 0, &x));
  CHECK_OK(slot_take_above(&client, x, &y));
  CHECK_OK(slot_take_above(&client, x, &z));
  CHECK_OK(slot_announce(slot_at(x), f.writers.ro, &root, NULL));
  CHECK_EQ(slot_carry_over(slot_at(x), slot_at(y), root.version + 1), 0); /* x has been refreshed */
  CHECK_EQ(slot_carry_over(slot_at(x), slot_at(y), root.version), 1);
  CHECK_EQ(slot_at(y)->word, SLOT_WORD(root.version, SLOT_EXACT));
  CHECK_EQ(slot_at(y)->oustable, 0);
  slot_withdraw(slot_at(x));
  atomic_store(&slot_at(x)->oustable, 1);
  CHECK_OK(slot_announce(slot_at(x), f.writers.ro, &root, NULL));
  slot_carry_over(slot_at(x), slot_at(y), root.version);
  CHECK_EQ(slot_ousted(slot_at(y)), 0);
  CHECK_EQ(slot_oust(slot_at(y), slot_at(y)->word), 1);
  CHECK_EQ(slot_oust(slot_at(x), slot_at(x)->word), 1);
  slot_carry_over(slot_at(x), slot_at(z), root.version);
  CHECK_EQ(slot_ousted(slot_at(z)), 1);
  client_detach(&client);
  client_detach(&client);
  fixture_close(&f);
}

TEST(scribbled_slots_lead_nowhere) {
  fixture_create(&f);
  struct client client;
  uint32_t x;
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 0, &x));
  atomic_store(&readers_head(&f.readers)->slot_count, UINT32_MAX);
  scan();
  CHECK_EQ(count, 0);
  memset((void *)slot_at(1), 0xff, 62 * sizeof(struct reader_slot));
  atomic_store(&slot_at(63)->word, SLOT_WORD(1, SLOT_EXACT)); /* nobody's */
  scan();
  CHECK_EQ(count, 0); /* all ousted, one without owner */
  memset((void *)slot_at(1), 0x55, 62 * sizeof(struct reader_slot));
  scan();
  CHECK_EQ(count, 62);
  CHECK_EQ(client_reap_all(&f.readers, client.index), 0);
  CHECK_OK(slot_take(&client, 5, &x));
  client_detach(&client);
  fixture_close(&f);
}

/* The descriptor is gone and the file's length in doubt: an error, not an empty list. */
TEST(a_scan_that_cannot_look_fails) {
  fixture_create(&f);
  struct client client;
  uint32_t x;
  fixture_attach(&f, &client);
  for (int i = 0; i < 65; i++)
    CHECK_OK(slot_take(&client, (uint32_t)i, &x));
  slot_announce_exact(slot_at(x), 1);
  atomic_store(&f.readers.size, 8192);
  close(atomic_load(&f.readers.fd));
  CHECK_SYS(rename(f.readers_path, test_shm_path("moved")));
  CHECK_RESULT(slots_announced(&f.readers, f.writers.rw, &list, &capacity, &count),
               COPSE_E_DESCRIPTOR);
  CHECK_SYS(rename(test_shm_path("moved"), f.readers_path));
  scan();
  CHECK_EQ(count, 1);
  client_detach(&client);
  fixture_close(&f);
}

/* --- root records -------------------------------------------------------------------- */

TEST(root_records_go_round) {
  fixture_create(&f);
  struct root root;
  for (uint64_t v = 2; v <= 1000; v++)
    fixture_publish(&f, v);
  CHECK_EQ(root_published(f.writers.ro), 1000);
  CHECK_OK(root_read(f.writers.ro, 1000, &root, NULL));
  CHECK_EQ(root.table, 3000);
  CHECK_OK(root_read(f.writers.ro, 1000 - 255, &root, NULL));
  CHECK_EQ(root.version, 745);
  CHECK_RESULT(root_read(f.writers.ro, 1000 - 256, &root, NULL), COPSE_NONE);
  CHECK_RESULT(root_read(f.writers.ro, 1001, &root, NULL), COPSE_NONE);
  fixture_close(&f);
}

TEST(a_senseless_record_is_damage) {
  fixture_create(&f);
  struct client client;
  struct root root;
  uint32_t x;
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 0, &x));
  root_publish(f.writers.rw, 77);
  CHECK_RESULT(slot_announce(slot_at(x), f.writers.ro, &root, NULL), COPSE_E_CORRUPT);
  CHECK_EQ(slot_at(x)->word, SLOT_IDLE);
  client_detach(&client);
  fixture_close(&f);
}

/* --- announcing against reclaiming ----------------------------------------------------- */

/* A store of one page per version, copied on write: each commit takes a free page, fills it
 * with its version, and frees the page of the version before. What a reader has announced
 * must read as that version from end to end, whatever the reclaimer reuses meanwhile. The
 * pages of readers that may not be ousted are plain memory, so that the thread sanitizer
 * also checks the order of the accesses. */
#define PAGES 7
#define PAGE_WORDS 16

struct stress {
  uint64_t pages[PAGES][PAGE_WORDS];
  uint64_t birth[PAGES], freed[PAGES]; /* the writer's; freed 0: in use, or on the stack */
  _Atomic uint64_t reads, ousted, reused, carried;
  _Atomic int stop;
};

static struct stress *stress;

/* 1 when no announced version lies in [birth, freed). */
static int reclaimable(uint64_t birth, uint64_t freed) {
  for (size_t i = 0; i < count; i++)
    if (list[i].version < freed && (list[i].pending || list[i].version >= birth))
      return 0;
  return 1;
}

static void oust_oldest(void) {
  for (size_t i = 0; i < count; i++)
    if (list[i].slot != UINT32_MAX) {
      struct reader_slot *slot = slot_at(list[i].slot);
      uint64_t word = atomic_load(&slot->word);
      if (SLOT_VERSION(word) == list[i].version && slot_oust(slot, word))
        return;
    }
}

static void stress_begin(void) {
  fixture_create(&f);
  stress = shared_memory(sizeof *stress);
  for (int i = 0; i < PAGE_WORDS; i++)
    stress->pages[0][i] = 1;
  stress->birth[0] = 1;
  struct root first = {.version = 1, .table = 0};
  root_write(f.writers.rw, &first, &(struct recent_map){0});
}

/* Until readers have read so many times. */
static void write_versions(uint64_t reads) {
  uint32_t stack[PAGES], n = 0, current = 0;
  uint64_t full = 0;
  for (uint32_t i = 1; i < PAGES; i++)
    stack[n++] = i;
  for (uint64_t v = 2; atomic_load(&stress->reads) < reads; v++) {
    while (n == 0 || v % 3 == 0) {
      scan();
      for (uint32_t i = 0; i < PAGES; i++)
        if (stress->freed[i] && reclaimable(stress->birth[i], stress->freed[i])) {
          stress->freed[i] = 0;
          stack[n++] = i;
          /* relaxed: a counter */
          atomic_fetch_add_explicit(&stress->reused, 1, memory_order_relaxed);
        }
      if (n)
        break;
      if (++full % 4 == 0)
        oust_oldest();
      sched_yield();
    }
    uint32_t page = stack[--n];
    for (int i = 0; i < PAGE_WORDS; i++)
      __atomic_store_n(&stress->pages[page][i], v, __ATOMIC_RELAXED);
    stress->birth[page] = v;
    stress->freed[current] = v;
    current = page;
    struct root root = {.version = v, .table = page};
    root_write(f.writers.rw, &root, &(struct recent_map){0});
    root_publish(f.writers.rw, v);
  }
}

static void check_page(const struct root *root) {
  CHECK_LT(root->table, PAGES);
  for (int i = 0; i < PAGE_WORDS; i++)
    CHECK_EQ(stress->pages[root->table][i], root->version);
}

/* What it copies may be torn; then the snapshot must have been ousted. */
static void check_oustable(struct reader_slot *slot, const struct root *root) {
  uint64_t copy[PAGE_WORDS];
  for (int i = 0; i < PAGE_WORDS; i++) {
    copy[i] = __atomic_load_n(&stress->pages[root->table][i], __ATOMIC_RELAXED);
    if (i == PAGE_WORDS / 2)
      sched_yield();
  }
  if (slot_ousted(slot)) {
    atomic_fetch_add(&stress->ousted, 1);
    return;
  }
  for (int i = 0; i < PAGE_WORDS; i++)
    CHECK_EQ(copy[i], root->version);
}

enum reader_kind { READER_PLAIN, READER_CARRYING, READER_OUSTABLE, READER_KINDS };

static void read_versions(struct client *client, enum reader_kind kind, uint64_t seed) {
  struct test_random random = {seed};
  struct root root;
  uint32_t s, above = 0;
  CHECK_OK(slot_take(client, 0, &s));
  struct reader_slot *slot = readers_slot(client->readers, s);
  if (kind == READER_OUSTABLE)
    atomic_store(&slot->oustable, 1);
  while (!atomic_load(&stress->stop)) {
    CHECK_OK(slot_announce(slot, f.writers.ro, &root, NULL));
    if (test_random_one_in(&random, 8))
      sched_yield();
    if (kind == READER_OUSTABLE) {
      check_oustable(slot, &root);
    } else {
      check_page(&root);
      if (kind == READER_CARRYING) {
        CHECK_OK(slot_take_above(client, s, &above));
        slot_carry_over(slot, readers_slot(client->readers, above), root.version);
        slot_withdraw(slot);
        if (test_random_one_in(&random, 4))
          sched_yield();
        check_page(&root);
        atomic_fetch_add(&stress->carried, 1);
        slot_give(client, above);
      }
    }
    slot_withdraw(slot);
    /* relaxed: a counter */
    atomic_fetch_add_explicit(&stress->reads, 1, memory_order_relaxed);
    if (test_random_one_in(&random, 64)) {
      slot_give(client, s);
      CHECK_OK(slot_take(client, test_random_below(&random, 8), &s));
      slot = readers_slot(client->readers, s);
      atomic_store(&slot->oustable, kind == READER_OUSTABLE);
    }
  }
  slot_give(client, s);
}

struct reader {
  pthread_t thread;
  struct client client;
  int number;
};

static void *reader_main(void *arg) {
  struct reader *reader = arg;
  read_versions(&reader->client, (enum reader_kind)(reader->number % READER_KINDS),
                test_seed() + (uint64_t)reader->number);
  return NULL;
}

#define READERS 6
#define READS (TEST_TSAN ? 20000 : 100000)

TEST(stress_of_threads_over_one_mapping) {
  stress_begin();
  static struct reader readers[READERS];
  for (int i = 0; i < READERS; i++) {
    readers[i].number = i;
    fixture_attach(&f, &readers[i].client);
    CHECK_EQ(pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]), 0);
  }
  write_versions(READS * (uint64_t)test_scale());
  atomic_store(&stress->stop, 1);
  for (int i = 0; i < READERS; i++) {
    pthread_join(readers[i].thread, NULL);
    client_detach(&readers[i].client);
  }
  scan();
  CHECK_EQ(count, 0);
  CHECK_GT(stress->reused, 0);
  fixture_close(&f);
}

TEST(stress_of_processes) {
  stress_begin();
  pid_t children[READERS];
  for (int i = 0; i < READERS; i++) {
    children[i] = test_fork();
    if (children[i] == 0) {
      struct client client;
      fixture_open(&f);
      fixture_attach(&f, &client);
      read_versions(&client, (enum reader_kind)(i % READER_KINDS), test_seed() + (uint64_t)i);
      client_detach(&client);
      return;
    }
  }
  write_versions(READS * (uint64_t)test_scale());
  atomic_store(&stress->stop, 1);
  for (int i = 0; i < READERS; i++)
    CHECK_CHILD_OK(children[i]);
  fixture_close(&f);
}
