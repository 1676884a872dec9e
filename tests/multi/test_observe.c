/* test_observe.c - observers beside writers at work: every snapshot that is read to its end is exactly one
 * committed state, whether it is kept or passed, and being kept suffices to read all of it. */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ledger.h"

enum { WRITERS = 2, OBSERVERS = 3 };

struct tally {
  uint64_t lag; /* commits, at most */
  _Atomic int ends;
  _Atomic uint64_t commits;
  _Atomic uint64_t whole, passed; /* without being kept */
  _Atomic uint64_t kept_whole, kept_passed;
};

static _Noreturn void changes_write(const char *path, struct tally *tally, uint64_t seed) {
  struct copse_store *store;
  struct ledger ledger;
  uint64_t version;
  CHECK_OK(copse_store_open(path, NULL, &store));
  ledger_open(&ledger, store, seed);
  while (!tally->ends) {
    CHECK_OK(ledger_change(&ledger, -1, &version));
    tally->commits++;
  }
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  _exit(0);
}

/* Lets writers go on for a while, so that some versions are passed and some are not. */
static void versions_pass(struct ledger *ledger, const struct tally *tally) {
  uint64_t until =
      copse_store_version(ledger->store) + test_random_below(&ledger->random, tally->lag + 1);
  while (copse_store_version(ledger->store) < until)
    sched_yield();
}

/* Reads one version, again from the beginning when it was passed; but not for ever. */
static void version_observe(struct ledger *ledger, struct copse_snapshot *snapshot, int kept,
                            struct tally *tally) {
  for (int attempt = 0; attempt < 20; attempt++) {
    struct ledger_head head;
    uint64_t version = copse_snapshot_version(snapshot);
    versions_pass(ledger, tally);
    int result = ledger_read(ledger, copse_snapshot_view(snapshot), &head);
    CHECK_MSG(result == 0 || result == COPSE_E_OVERRUN, "%s: %s", copse_error_name(result),
              copse_error_detail());
    if (result == 0) {
      CHECK_EQ(head.version, version);
      *(kept ? &tally->kept_whole : &tally->whole) += 1;
      return;
    }
    *(kept ? &tally->kept_passed : &tally->passed) += 1;
    CHECK(copse_snapshot_refresh(snapshot) >= 0);
    CHECK_GE(copse_snapshot_version(snapshot), version);
  }
}

static _Noreturn void versions_observe(const char *path, struct tally *tally, uint64_t seed,
                                       int times) {
  static const struct copse_store_options observing = {.flags = COPSE_OBSERVE};
  struct copse_store *store;
  struct ledger ledger;
  struct copse_snapshot *snapshots[2];
  CHECK_OK(copse_store_open(path, &observing, &store));
  ledger_open(&ledger, store, seed);
  for (int i = 0; i < 2; i++)
    CHECK_OK(copse_snapshot_open(store, i ? COPSE_SNAPSHOT_KEPT : 0, &snapshots[i]));
  for (int i = 0; i < times; i++) {
    int kept = test_random_one_in(&ledger.random, 2);
    CHECK(copse_snapshot_refresh(snapshots[kept]) >= 0);
    version_observe(&ledger, snapshots[kept], kept, tally);
  }
  for (int i = 0; i < 2; i++)
    copse_snapshot_close(snapshots[i]);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  _exit(0);
}

static void observe_for(const char *path, struct copse_store_options options, int times,
                        uint64_t lag) {
  struct tally *tally =
      mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct copse_store *store;
  struct ledger ledger;
  pid_t pids[WRITERS + OBSERVERS];
  CHECK(tally != MAP_FAILED);
  tally->lag = lag;
  options.flags |= COPSE_CREATE;
  CHECK_OK(copse_store_open(path, &options, &store));
  ledger_open(&ledger, store, test_seed());
  for (int i = 0; i < WRITERS + OBSERVERS; i++) {
    pids[i] = test_fork();
    if (pids[i] == 0 && i < WRITERS)
      changes_write(path, tally, test_seed() + (uint64_t)i);
    if (pids[i] == 0)
      versions_observe(path, tally, test_seed() + (uint64_t)i, times);
  }
  for (int i = WRITERS; i < WRITERS + OBSERVERS; i++)
    CHECK_CHILD_OK(pids[i]);
  tally->ends = 1;
  for (int i = 0; i < WRITERS; i++)
    CHECK_CHILD_OK(pids[i]);
  test_note(__FILE__, __LINE__,
            "%llu commits, %llu snapshots read whole, %llu passed; kept: %llu and %llu",
            (unsigned long long)tally->commits, (unsigned long long)tally->whole,
            (unsigned long long)tally->passed, (unsigned long long)tally->kept_whole,
            (unsigned long long)tally->kept_passed);
  CHECK_GT(tally->kept_whole, 0);
  CHECK_GT(tally->whole, 0);
  if (options.durability !=
      COPSE_DURABILITY_SYNC) /* few: the machine may hold a writer up for long */
    CHECK_LE(tally->kept_passed * 10, tally->kept_whole + 20);
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  munmap(tally, sizeof *tally);
}

TEST(observers_beside_writers) {
  observe_for(test_shm_path("store"), (struct copse_store_options){0}, 60 * test_scale(), 60);
}

TEST(observers_of_a_lazy_store) {
  observe_for(test_disk_path("lazy"), (struct copse_store_options){0}, 20 * test_scale(), 40);
}

TEST(observers_of_durable_versions) {
  observe_for(test_disk_path("sync"),
              (struct copse_store_options){.durability = COPSE_DURABILITY_SYNC}, 10 * test_scale(),
              4);
}
