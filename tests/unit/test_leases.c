/* test_leases.c - chunks of leases, and what a reclaimer sees of them. */
#include "sync/leases.h"
#include "sync_fixture.h"

static struct fixture f;
static struct lease_seen seen;

/* What is leased, by block. */
#define BLOCKS 4000
static int named[BLOCKS];
static int visits;

static int note(void *context, uint64_t before, uint64_t after) {
  (void)context;
  visits++;
  CHECK_NE(before, after);
  named[before >> 16 < BLOCKS ? before >> 16 : 0] -= before != 0;
  named[after >> 16 < BLOCKS ? after >> 16 : 0] += after != 0;
  return 0;
}

static int look(void) {
  visits = 0;
  CHECK_OK(leases_look(&f.readers, &seen, note, NULL));
  return visits;
}

static void begin(void) {
  fixture_create(&f);
  leases_free(&seen);
  memset(named, 0, sizeof named);
}

static void put(uint32_t chunk, uint32_t place, uint64_t block) {
  lease_put(&f.readers, chunk, place, block ? LEASE_WORD(block, 1) : 0);
}

TEST(words_are_seen_once) {
  struct client a, b;
  uint32_t x, y;
  begin();
  fixture_attach(&f, &a);
  fixture_attach(&f, &b);
  CHECK_EQ(look(), 0);
  CHECK_OK(lease_chunk_take(&a, LEASE_CHUNK_NONE, &x));
  CHECK_OK(lease_chunk_take(&b, LEASE_CHUNK_NONE, &y));
  CHECK_NE(x, y);
  put(x, 0, 10);
  put(x, 511, 11);
  put(y, 7, 10);
  CHECK_EQ(look(), 3);
  CHECK_EQ(named[10], 2);
  CHECK_EQ(named[11], 1);
  CHECK_EQ(look(), 0);
  put(x, 0, 12);
  put(y, 7, 0);
  CHECK_EQ(look(), 2);
  CHECK_EQ(named[10], 0);
  CHECK_EQ(named[12], 1);
  lease_chunk_give(&f.readers, x);
  CHECK_EQ(look(), 2);
  CHECK_EQ(named[11] + named[12], 0);
  CHECK_OK(lease_chunk_take(&b, LEASE_CHUNK_NONE, &x)); /* with nothing of the former owner's */
  CHECK_EQ(x, 0);
  put(x, 100, 13);
  CHECK_EQ(look(), 1);
  CHECK_EQ(named[13], 1);
  leases_forget(&seen);
  memset(named, 0, sizeof named);
  CHECK_EQ(look(), 1);
  CHECK_EQ(named[13], 1);
  client_detach(&b);
  CHECK_EQ(look(), 1);
  CHECK_EQ(named[13], 0);
  client_detach(&a);
  fixture_close(&f);
}

/* Beyond the first ones, which lie before the slots, and with slots in use. */
TEST(the_table_grows_by_need) {
  enum { CHUNKS = LEASE_CHUNKS_FIRST + 300 };
  struct client client;
  uint32_t chunk, slot;
  begin();
  fixture_attach(&f, &client);
  CHECK_OK(slot_take(&client, 0, &slot));
  slot_announce_exact(readers_slot(&f.readers, slot), 77);
  for (uint32_t i = 0; i < CHUNKS; i++) {
    CHECK_OK(lease_chunk_take(&client, LEASE_CHUNK_NONE, &chunk));
    CHECK_EQ(chunk, i);
    put(chunk, i % LEASE_WORDS, i + 1);
  }
  CHECK_EQ(SLOT_VERSION(readers_slot(&f.readers, slot)->word), 77);
  CHECK_EQ(readers_client(&f.readers, client.index)->pid, getpid());
  CHECK_EQ(look(), CHUNKS);
  for (uint32_t i = 0; i < CHUNKS; i++)
    CHECK_EQ(named[i + 1], 1);
  lease_chunk_give(&f.readers, 100);
  lease_chunk_give(&f.readers, 400);
  CHECK_OK(lease_chunk_take(&client, 100, &chunk));
  CHECK_EQ(chunk, 400);
  CHECK_OK(lease_chunk_take(&client, 400, &chunk));
  CHECK_EQ(chunk, CHUNKS);
  client_detach(&client);
  CHECK_EQ(look(), CHUNKS);
  for (uint32_t i = 0; i < CHUNKS; i++)
    CHECK_EQ(named[i + 1], 0);
  fixture_close(&f);
}

/* A process that has mapped less than there is must take everything for leased. */
TEST(what_is_not_mapped_is_leased) {
  struct client client;
  struct fixture less = f;
  uint32_t chunk;
  int fd;
  begin();
  less = f;
  fixture_attach(&f, &client);
  CHECK_OK(os_open(f.readers_path, OS_WRITE, 0, &fd));
  CHECK_OK(region_open(&less.readers, fd, f.readers_path, 0, REGION_RW, READERS_SLOTS, 8192));
  for (uint32_t i = 0; i < LEASE_CHUNKS_FIRST; i++)
    CHECK_OK(lease_chunk_take(&client, LEASE_CHUNK_NONE, &chunk));
  put(chunk, 1, 5);
  CHECK_OK(leases_look(&less.readers, &seen, note, NULL));
  CHECK_EQ(named[5], 1);
  CHECK_OK(lease_chunk_take(&client, LEASE_CHUNK_NONE, &chunk));
  put(chunk, 1, 6);
  CHECK_RESULT(leases_look(&less.readers, &seen, note, NULL), COPSE_NONE);
  CHECK_OK(leases_look(&f.readers, &seen, note, NULL));
  CHECK_EQ(named[6], 1);
  struct client second;
  CHECK_OK(client_attach(&less.readers, f.writers.ro, &second));
  CHECK_RESULT(lease_chunk_take(&second, LEASE_CHUNK_NONE, &chunk), COPSE_E_TOO_MANY);
  client_detach(&second);
  region_close(&less.readers);
  client_detach(&client);
  fixture_close(&f);
}

/* Scribble: counts are bounded by what has storage. */
TEST(a_count_that_makes_no_sense) {
  struct client client;
  uint32_t chunk;
  begin();
  fixture_attach(&f, &client);
  CHECK_OK(lease_chunk_take(&client, LEASE_CHUNK_NONE, &chunk));
  put(chunk, 3, 9);
  readers_head(&f.readers)->lease_count = UINT32_MAX;
  CHECK_EQ(look(), 1);
  CHECK_EQ(named[9], 1);
  client_detach(&client);
  fixture_close(&f);
}

TEST(the_leases_of_the_dead_end) {
  uint32_t chunk;
  begin();
  pid_t pid = test_fork();
  if (pid == 0) {
    struct client client;
    fixture_attach(&f, &client);
    CHECK_OK(lease_chunk_take(&client, LEASE_CHUNK_NONE, &chunk));
    put(chunk, 0, 21);
    CHECK_OK(lease_chunk_take(&client, LEASE_CHUNK_NONE, &chunk));
    put(chunk, 0, 22);
    raise(SIGKILL);
  }
  CHECK_CHILD_KILLED(pid, SIGKILL);
  CHECK_EQ(look(), 2);
  CHECK_EQ(client_reap_all(&f.readers, UINT32_MAX), 1);
  CHECK_EQ(look(), 2);
  CHECK_EQ(named[21] + named[22], 0);
  struct client client;
  fixture_attach(&f, &client);
  CHECK_OK(lease_chunk_take(&client, LEASE_CHUNK_NONE, &chunk));
  CHECK_EQ(chunk, 0);
  CHECK_EQ(look(), 0);
  client_detach(&client);
  fixture_close(&f);
}

/* As a fork does it. */
TEST(chunks_are_copied) {
  struct client parent, child;
  uint32_t from, to;
  begin();
  fixture_attach(&f, &parent);
  fixture_attach(&f, &child);
  CHECK_OK(lease_chunk_take(&parent, LEASE_CHUNK_NONE, &from));
  put(from, 5, 31);
  put(from, 6, 32);
  CHECK_OK(lease_chunk_take(&child, from, &to));
  CHECK_GT(to, from);
  lease_chunk_copy(&f.readers, from, to);
  client_detach(&parent);
  CHECK_EQ(look(), 2);
  CHECK_EQ(named[31] + named[32], 2);
  client_detach(&child);
  CHECK_EQ(look(), 2);
  fixture_close(&f);
}
