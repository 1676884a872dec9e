/* test_power.c - power cuts: a store is recorded while it is used (disk.h), cut at many moments in
 * many ways, and opened again from what that leaves on the disk.
 *
 * It must open, show exactly one committed version, not older than the last one known to be durable
 * at that moment (sync: than the last one acknowledged), be sound, and go on. Some recoveries are
 * recorded and cut in turn. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../multi/ledger.h"
#include "base/points.h"
#include "disk.h"
#include "region/os.h"

#define VERSIONS 2000

/* What happened when. */
struct fact {
  unsigned moment;
  uint64_t version;
};

struct history {
  struct ledger_head heads[VERSIONS]; /* by version; version 0: not one of the ledger's */
  struct fact durable[VERSIONS];      /* known to be, from a moment on */
  size_t durable_count;
  struct fact begun[VERSIONS]; /* transactions that would commit a version */
  size_t begun_count;
};

struct setup {
  uint32_t durability;
  uint64_t sync_bytes;
  uint32_t large; /* of the ledger */
  uint64_t file_bytes;
};

static struct history *history;
static struct disk *disk;
static struct test_random looks;

/* Half of the durable roots that a full half of the log asks for do not come about. */
static void look_at_points(enum point point) {
  if (point == POINT_log_switched && test_random_below(&looks, 2) == 0)
    disk_refuse_lock(disk);
  if (test_random_below(&looks, 400) == 0)
    disk_look(disk);
}

static uint64_t durable_version(struct copse_store *store) {
  struct copse_stat stat;
  CHECK_OK(copse_stat(store, &stat));
  return stat.durable_version;
}

static void durable_note(struct copse_store *store) {
  history->durable[history->durable_count++] =
      (struct fact){disk_moment(disk), durable_version(store)};
}

static void begun_note(struct copse_store *store) {
  history->begun[history->begun_count++] =
      (struct fact){disk_moment(disk), copse_store_version(store) + 1};
}

static struct copse_store *store_open(const char *path, const struct setup *setup) {
  struct copse_store_options options = {.flags = COPSE_CREATE | COPSE_NO_SYNC_THREAD,
                                        .durability = setup->durability,
                                        .sync_bytes = setup->sync_bytes,
                                        .max_bytes = 6 * setup->file_bytes, /* disk.c knows six */
                                        .file_bytes = setup->file_bytes,
                                        .sync_interval_ms = 3600000};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

/* Uses the store for a while, between an opening and a clean close. */
static void session_run(const char *path, const struct setup *setup, uint64_t seed, int changes) {
  struct copse_store *store = store_open(path, setup);
  struct ledger ledger;
  begun_note(store);
  ledger_open(&ledger, store, seed);
  ledger.large = setup->large;
  ledger.keys = 150;
  for (int i = 0; i < changes; i++) {
    uint64_t version;
    begun_note(store);
    CHECK_OK(ledger_change(&ledger, -1, &version));
    if (version)
      history->heads[version] = ledger.last;
    if (setup->durability == COPSE_DURABILITY_LAZY && test_random_below(&looks, 12) == 0)
      CHECK_OK(copse_store_sync(store, NULL));
    if (test_random_below(&looks, 4) == 0)
      disk_look(disk);
    if (setup->durability == COPSE_DURABILITY_SYNC && version)
      CHECK_GE(durable_version(store), version);
    durable_note(store);
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* --- after a cut ------------------------------------------------------------------------- */

static uint64_t durable_until(unsigned moment) {
  uint64_t version = 0;
  for (size_t i = 0; i < history->durable_count && history->durable[i].moment <= moment; i++)
    if (history->durable[i].version > version)
      version = history->durable[i].version;
  return version;
}

static uint64_t begun_until(unsigned moment) {
  uint64_t version = 1;
  for (size_t i = 0; i < history->begun_count && history->begun[i].moment <= moment; i++)
    version = history->begun[i].version;
  return version;
}

/* The version shown is one of the allowed, and wholly that one. */
static void state_check(struct copse_store *store, uint64_t least, uint64_t most) {
  struct copse_snapshot *snapshot;
  struct ledger ledger;
  struct ledger_head head;
  struct copse_map *map;
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  uint64_t version = copse_snapshot_version(snapshot);
  CHECK_MSG(version >= least && version <= most, "version %llu, not from %llu to %llu",
            (unsigned long long)version, (unsigned long long)least, (unsigned long long)most);
  int result = copse_map_open(copse_snapshot_view(snapshot), "head", NULL, &map);
  if (result == COPSE_E_NO_MAP) { /* before the first commit */
    CHECK_EQ(version, 1);
    copse_snapshot_close(snapshot);
    return;
  }
  CHECK_OK(result);
  copse_map_close(map);
  ledger_open(&ledger, store, 1);
  CHECK_OK(ledger_read(&ledger, copse_snapshot_view(snapshot), &head));
  CHECK_EQ(head.version, version);
  if (history->heads[version].version)
    CHECK(memcmp(&head, &history->heads[version], sizeof head) == 0);
  ledger_close(&ledger);
  copse_snapshot_close(snapshot);
}

static void image_check(const char *path, const struct setup *setup, uint64_t least,
                        uint64_t most) {
  struct ledger ledger;
  uint64_t version;
  struct copse_store *store = store_open(path, setup);
  state_check(store, least, most);
  ledger_check(store);
  ledger_open(&ledger, store, 1);
  for (int i = 0; i < 3; i++)
    CHECK_OK(ledger_change(&ledger, -1, &version));
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
}

/* The recovery itself is cut: what it leaves must have the same state. */
static void recovery_cut(const char *path, const char *second, const struct setup *setup,
                         uint64_t least, uint64_t most, struct test_random *random) {
  struct disk *outer = disk;
  disk = disk_record(path);
  struct copse_store *store = store_open(path, setup);
  disk_stop(disk);
  unsigned moment = 1 + (unsigned)test_random_below(random, disk_moment(disk));
  int missing =
      disk_cut(disk, moment, (enum disk_cut)test_random_below(random, DISK_CUTS), random, second);
  CHECK_OK(copse_store_close(store));
  disk_free(disk);
  disk = outer;
  if (!missing)
    image_check(second, setup, least, most);
}

static void cut_check(const struct setup *setup, unsigned moment, enum disk_cut cut,
                      uint64_t seed) {
  struct test_random random = {seed};
  const char *path = test_shm_path("cut"), *second = test_shm_path("second");
  if (disk_cut(disk, moment, cut, &random, path))
    return;
  uint64_t least = durable_until(moment), most = begun_until(moment);
  if (test_random_below(&random, 6) == 0)
    recovery_cut(path, second, setup, least, most, &random);
  else
    image_check(path, setup, least, most);
}

/* In a child, so that a failure is told together with the cut. */
static void cut_in_child(const struct setup *setup, unsigned moment, enum disk_cut cut,
                         uint64_t seed) {
  pid_t pid = test_fork();
  int status;
  if (pid == 0) {
    cut_check(setup, moment, cut, seed);
    exit(0);
  }
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_MSG(status == 0, "durability %u, log of %llu: cut %d at moment %u of %u, seed %llu",
            setup->durability, (unsigned long long)setup->sync_bytes, cut, moment,
            disk_moment(disk), (unsigned long long)seed);
}

static void cuts_run(const struct setup *setup, int rounds, int changes, int cuts) {
  struct test_random random = {test_seed() + setup->durability};
  os_file_system_magic = 0xef53; /* as on a disk, whose place is taken by memory that is recorded */
  alarm(3000);
  for (int round = 0; round < rounds; round++) {
    const char *path = test_shm_path("store");
    history = calloc(1, sizeof *history);
    looks = random;
    disk = disk_record(path);
    points_hook = look_at_points;
    for (int session = 0; session < 2; session++)
      session_run(path, setup, test_random_next(&random), changes);
    points_hook = NULL;
    disk_stop(disk);
    for (int i = 0; i < cuts; i++)
      cut_in_child(setup, 1 + (unsigned)test_random_below(&random, disk_moment(disk)),
                   (enum disk_cut)(i % DISK_CUTS), test_random_next(&random));
    disk_free(disk);
    free(history);
    CHECK_OK(copse_store_remove(path));
  }
  test_note(__FILE__, __LINE__, "%d power cuts", rounds * cuts);
  alarm(0);
}

TEST(lazy) {
  static const struct setup setups[] = {{COPSE_DURABILITY_LAZY, 0, 30, 0},
                                        {COPSE_DURABILITY_LAZY, 40000, 0, 0}};
  for (int i = 0; i < 2; i++)
    cuts_run(&setups[i], test_scale(), 60, test_scale() > 1 ? 80 : 20);
}

/* A small log, so that it goes round; a large one. */
TEST(sync) {
  static const struct setup setups[] = {{COPSE_DURABILITY_SYNC, 1, 60, 0},
                                        {COPSE_DURABILITY_SYNC, 1, 0, 0},
                                        {COPSE_DURABILITY_SYNC, 1 << 20, 0, 0}};
  for (int i = 0; i < 3; i++)
    cuts_run(&setups[i], test_scale(), 60, test_scale() > 1 ? 80 : 20);
}

/* Growing into further files, the names of which may be lost until they are synced. */
TEST(several_files) {
  static const struct setup setups[] = {{COPSE_DURABILITY_LAZY, 40000, 0, 1 << 20},
                                        {COPSE_DURABILITY_SYNC, 1, 0, 1 << 20}};
  for (int i = 0; i < 2; i++)
    cuts_run(&setups[i], test_scale(), 30, test_scale() > 1 ? 40 : 12);
}
