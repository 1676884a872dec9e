/* test_shrink.c - power cuts of a store that gives storage back while it is used (disk.h): what a durable root
 * has is never in a hole. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/points.h"
#include "counted.h"
#include "disk.h"
#include "region/os.h"

#define FACTS 4000

static struct disk *disk;
static struct test_random looks;
static struct fact {
  unsigned moment;
  uint64_t durable, begun; /* changes, from that moment on */
} facts[FACTS];
static unsigned fact_count;

static void look_at_points(enum point point) {
  if (point == POINT_hole_said || point == POINT_hole_stored || test_random_below(&looks, 300) == 0)
    disk_look(disk);
}

static struct copse_store *store_open(const char *path) {
  struct copse_store_options options = {.flags = COPSE_CREATE | COPSE_NO_SYNC_THREAD,
                                        .durability = COPSE_DURABILITY_LAZY,
                                        .sync_interval_ms = 3600000};
  struct copse_store *store;
  CHECK_OK(copse_store_open(path, &options, &store));
  return store;
}

static void note(uint64_t durable, uint64_t begun) {
  CHECK_LT(fact_count, FACTS);
  facts[fact_count++] = (struct fact){disk_moment(disk), durable, begun};
}

static void store_use(const char *path, int changes) {
  struct copse_store *store = store_open(path);
  uint64_t durable = 0;
  for (uint64_t n = 1; n <= (uint64_t)changes; n++) {
    note(durable, n);
    CHECK_OK(counted_change(store, n));
    if (test_random_below(&looks, 15) == 0) {
      CHECK_OK(copse_store_sync(store, NULL));
      durable = n;
    } else if (test_random_below(&looks, 15) == 0) {
      CHECK_OK(copse_store_shrink(store, NULL));
      durable = n; /* it writes durable roots */
    }
    note(durable, n);
  }
  CHECK_OK(copse_store_close(store));
}

static void cut_check(unsigned moment, enum disk_cut cut, uint64_t seed) {
  struct test_random random = {seed};
  struct copse_check check;
  const char *path = test_shm_path("cut");
  uint64_t least = 0, most = 0;
  if (disk_cut(disk, moment, cut, &random, path))
    return;
  for (unsigned i = 0; i < fact_count && facts[i].moment <= moment; i++) {
    least = facts[i].durable;
    most = facts[i].begun;
  }
  struct copse_store *store = store_open(path);
  uint64_t n = counted_check(store);
  CHECK_MSG(n >= least && n <= most, "%llu changes, not from %llu to %llu", (unsigned long long)n,
            (unsigned long long)least, (unsigned long long)most);
  CHECK_OK(copse_check_store(store, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  CHECK_OK(counted_change(store, n + 1));
  CHECK_OK(copse_store_shrink(store, NULL));
  CHECK_EQ(counted_check(store), n + 1);
  CHECK_OK(copse_store_close(store));
}

static void cut_in_child(unsigned moment, enum disk_cut cut, uint64_t seed) {
  pid_t pid = test_fork();
  int status;
  if (pid == 0) {
    cut_check(moment, cut, seed);
    exit(0);
  }
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_MSG(status == 0, "cut %d at moment %u of %u, seed %llu", cut, moment, disk_moment(disk),
            (unsigned long long)seed);
}

TEST(shrink) {
  struct test_random random = {test_seed()};
  int rounds = test_scale(), cuts = test_scale() > 1 ? 50 : 25;
  const char *path = test_shm_path("store");
  os_file_system_magic = 0xef53; /* as on a disk */
  alarm(3000);
  for (int round = 0; round < rounds; round++) {
    fact_count = 0;
    looks.state = test_random_next(&random);
    disk = disk_record(path);
    points_hook = look_at_points;
    store_use(path, 150);
    points_hook = NULL;
    disk_stop(disk);
    for (int i = 0; i < cuts; i++)
      cut_in_child(1 + (unsigned)test_random_below(&random, disk_moment(disk)),
                   (enum disk_cut)(i % DISK_CUTS), test_random_next(&random));
    disk_free(disk);
    CHECK_OK(copse_store_remove(path));
  }
  test_note(__FILE__, __LINE__, "%d power cuts", rounds * cuts);
  alarm(0);
}
