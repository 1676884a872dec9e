/* test_create.c - many processes create, open, use, close and remove one path, and some die
 * doing so: what is at the path is always one sound store, or nothing. */
#include <sched.h>
#include <time.h>

#include "kill.h"

static _Atomic uint64_t *counts; /* opened, created anew, removed, refused, deaths */

/* Opens or creates. NULL: the path was being removed or made, which may be said. */
static struct copse_store *open_or_create(const char *path) {
  static const struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_store *store;
  int result = copse_store_open(path, &options, &store);
  counts[result ? 3 : 0]++;
  CHECK_MSG(result == 0 || result == COPSE_E_NO_STORE, "%s: %s", copse_error_name(result),
            copse_error_detail());
  return result ? NULL : store;
}

static _Noreturn void come_and_go(const char *path, uint64_t seed, bool removes) {
  struct test_random random = {seed};
  for (;;) {
    struct copse_store *store = open_or_create(path);
    if (store) {
      struct ledger ledger;
      uint64_t version;
      if (copse_store_version(store) == 1)
        counts[1]++;
      ledger_open(&ledger, store, seed);
      for (uint64_t n = test_random_below(&random, 4); n > 0; n--)
        CHECK_OK(ledger_change(&ledger, -1, &version));
      ledger_verify(&ledger);
      if (test_random_one_in(&random, 4))
        ledger_check(store);
      ledger_close(&ledger);
      CHECK_OK(copse_store_close(store));
    }
    for (int tries = removes ? 8 : 0; tries > 0; tries--) {
      int result = copse_store_remove(path);
      CHECK_MSG(result == 0 || result == COPSE_E_NO_STORE || result == COPSE_E_STATE, "%s: %s",
                copse_error_name(result), copse_error_detail());
      counts[2] += result == 0;
    }
    seed += 1000;
  }
}

static void actors_run(const char *path, bool removes, int deaths) {
  enum { ACTORS = 3 };
  pid_t pids[ACTORS];
  struct test_random random = {test_seed()};
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  counts = p;
  test_watchdog();
  for (int i = 0; i < ACTORS; i++)
    if ((pids[i] = test_fork()) == 0)
      come_and_go(path, test_seed() + (uint64_t)i, removes);
  for (int i = 0; i < deaths; i++) {
    struct timespec instant = {0, (long)test_random_below(&random, 3000000)};
    nanosleep(&instant, NULL); /* only chooses the instant */
    unsigned at = (unsigned)test_random_below(&random, ACTORS);
    child_end(pids[at]);
    if ((pids[at] = test_fork()) == 0)
      come_and_go(path, test_seed() + 100 + (uint64_t)i, removes);
  }
  for (int i = 0; i < ACTORS; i++)
    child_end(pids[i]);
  alarm(0);
  struct copse_store *store = open_or_create(path);
  store = store ? store : open_or_create(path);
  CHECK(store);
  struct ledger ledger;
  ledger_open(&ledger, store, test_seed());
  ledger_verify(&ledger);
  ledger_check(store);
  ledger_close(&ledger);
  CHECK_OK(copse_store_close(store));
  CHECK_OK(copse_store_remove(path));
  test_note(__FILE__, __LINE__, "%d deaths, opened %llu times, %llu of them first, removed %llu",
            deaths, (unsigned long long)counts[0], (unsigned long long)counts[1],
            (unsigned long long)counts[2]);
}

TEST(one_path_for_all) { actors_run(test_shm_path("path"), false, 60 * test_scale()); }
TEST(removed_and_made_again) { actors_run(test_shm_path("again"), true, 120 * test_scale()); }
TEST(removed_and_made_again_on_disk) {
  actors_run(test_disk_path("again"), true, 30 * test_scale());
}
