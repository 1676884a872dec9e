/* actor_roles.c - what actors do between "go" and the deadline: see actor.h. */
#include "actor_roles.h"

#include "files.h"
#include "matrix.h"

#include <errno.h>
#include <unistd.h>

/* What a role works with. */
struct scene {
  struct stage *stage;
  const struct actor_task *task;
  struct actor_result *result;
  const struct engine *engine;
  void *db;
};

static void ready(const struct actor_call *call) {
  if (write(call->ready_fd, "r", 1) != 1)
    die("an actor's parent is gone");
}

static void wait_for_go(const struct actor_call *call) {
  char byte;
  ssize_t n;
  do
    n = read(call->go_fd, &byte, 1);
  while (n < 0 && errno == EINTR);
  if (n != 1)
    die("an actor's parent is gone");
}

static void get_checked(const struct scene *scene, void *reader, uint64_t i) {
  uint64_t key[KEY_SIZE / 8];
  struct engine_bytes value;
  key_make(i, key);
  if (scene->engine->get(reader, key, KEY_SIZE, &value) != ENGINE_DONE)
    die("%s: record %llu is missing", scene->engine->name, (unsigned long long)i);
  if (value.size != scene->task->value_size ||
      value_ends(value.data, value.size) != value_ends_expected(i, value.size))
    die("%s: record %llu has a wrong value", scene->engine->name, (unsigned long long)i);
}

/* --- writers and readers ------------------------------------------------------------------ */

uint64_t write_random(const struct engine *engine, void *writer, struct random *random,
                      uint64_t records, size_t value_size, unsigned n) {
  const struct random before = *random;
  uint64_t key[KEY_SIZE / 8], value[VALUE_SIZE_MAX / 8], retries = 0;
  for (;; retries++) {
    *random = before; /* the same keys again */
    int result = engine->txn_begin(writer);
    for (unsigned k = 0; k < n && result == ENGINE_DONE; k++) {
      uint64_t i = random_below(random, records);
      key_make(i, key);
      value_make(i, random_next(random), value, value_size);
      result = engine->put(writer, key, KEY_SIZE, value, value_size, false);
    }
    if (result == ENGINE_DONE)
      result = engine->txn_commit(writer);
    if (result == ENGINE_DONE)
      return retries;
  }
}

/* Single puts that are not waited for. They count when all of them are seen. */
static void play_putter(const struct scene *scene, void *writer) {
  const struct actor_task *task = scene->task;
  struct random random = {task->seed};
  uint64_t key[KEY_SIZE / 8], value[VALUE_SIZE_MAX / 8], done = 0;
  uint64_t deadline = atomic_load(&scene->stage->deadline_ns), before = now_ns();
  while (before < deadline) {
    uint64_t i = random_below(&random, task->records);
    key_make(i, key);
    value_make(i, random_next(&random), value, task->value_size);
    scene->engine->put_later(writer, key, KEY_SIZE, value, task->value_size);
    uint64_t after = now_ns();
    histogram_add(&scene->result->latency, after - before);
    done += after <= deadline;
    before = after;
  }
  scene->engine->put_settle(writer);
  scene->result->ops = scene->result->commits = done;
}

static void play_writer(const struct scene *scene, void *writer) {
  const struct actor_task *task = scene->task;
  struct random random = {task->seed};
  unsigned batch = task->batch ? task->batch : 1;
  if (task->batch == 0 && scene->engine->put_later) {
    play_putter(scene, writer);
    return;
  }
  uint64_t deadline = atomic_load(&scene->stage->deadline_ns), before = now_ns();
  while (before < deadline) {
    scene->result->retries +=
        write_random(scene->engine, writer, &random, task->records, task->value_size, batch);
    uint64_t after = now_ns();
    histogram_add(&scene->result->latency, after - before);
    if (after <= deadline) {
      scene->result->ops += batch;
      scene->result->commits++;
    }
    before = after;
  }
}

/* Rows from `first` on in one transaction, begun anew until it goes through. */
static void make_rows(const struct scene *scene, void *writer, uint64_t first, unsigned n) {
  const struct engine *engine = scene->engine;
  for (int result = ENGINE_RETRY; result != ENGINE_DONE;) {
    result = engine->txn_begin(writer);
    for (unsigned k = 0; k < n && result == ENGINE_DONE; k++) {
      uint8_t id[MATRIX_ID_SIZE];
      double matrix[8];
      matrix_id((unsigned)scene->task->seed, first + k, id);
      matrix_make((unsigned)scene->task->seed, first + k, matrix);
      result = engine->put(writer, id, sizeof id, matrix, sizeof matrix, false);
    }
    if (result == ENGINE_DONE)
      result = engine->txn_commit(writer);
    scene->result->retries += result != ENGINE_DONE;
  }
}

/* The same as records without keys: computed where they are to stay. */
static void make_rows_in_place(const struct scene *scene, void *writer, uint64_t first,
                               unsigned n) {
  const struct engine *engine = scene->engine;
  engine->rows_begin(writer, n, MATRIX_SIZE);
  for (uint64_t done = 0, count; done < n; done += count) {
    double *place = engine->rows_piece(writer, done, &count);
    for (uint64_t k = 0; k < count; k++)
      matrix_make((unsigned)scene->task->seed, first + done + k, place + 8 * k);
  }
  engine->rows_commit(writer, n);
}

static void make_row_later(const struct scene *scene, void *writer, uint64_t n) {
  uint8_t id[MATRIX_ID_SIZE];
  double matrix[8];
  matrix_id((unsigned)scene->task->seed, n, id);
  matrix_make((unsigned)scene->task->seed, n, matrix);
  scene->engine->put_later(writer, id, sizeof id, matrix, sizeof matrix);
}

static double compute_rows(const struct scene *scene, uint64_t first, unsigned n) {
  double matrix[8], sum = 0;
  for (unsigned k = 0; k < n; k++) {
    matrix_make((unsigned)scene->task->seed, first + k, matrix);
    sum += matrix[k % 8];
  }
  return sum;
}

static void play_maker(const struct scene *scene, void *writer) {
  const struct actor_task *task = scene->task;
  bool later = task->batch == 0 && scene->engine->put_later && !task->dry;
  unsigned batch = task->batch ? task->batch : 1;
  uint64_t deadline = atomic_load(&scene->stage->deadline_ns), before = now_ns(), rows = 0;
  volatile double sink = 0;
  while (before < deadline && rows < task->records / 4) {
    if (task->dry)
      sink += compute_rows(scene, rows, batch);
    else if (later)
      make_row_later(scene, writer, rows);
    else if (task->rows && scene->engine->rows_begin)
      make_rows_in_place(scene, writer, rows, batch);
    else
      make_rows(scene, writer, rows, batch);
    uint64_t after = now_ns();
    histogram_add(&scene->result->latency, after - before);
    rows += batch;
    if (after <= deadline)
      scene->result->ops = scene->result->commits = rows;
    before = after;
  }
  if (later && rows > 0)
    scene->engine->put_settle(writer);
  scene->result->measured = rows;
}

static void play_reader(const struct scene *scene, void *reader) {
  struct random random = {scene->task->seed};
  uint64_t deadline = atomic_load(&scene->stage->deadline_ns), done = 0;
  while (now_ns() < deadline) {
    for (int k = 0; k < 16; k++) {
      scene->engine->view_begin(reader, true);
      get_checked(scene, reader, random_below(&random, scene->task->records));
      scene->engine->view_end(reader);
    }
    done += 16;
  }
  scene->result->ops = done;
}

/* Each get timed: the next one may wait for a disk. */
static void play_finder(const struct scene *scene, void *reader) {
  const struct engine *engine = scene->engine;
  struct random random = {scene->task->seed};
  uint64_t deadline = atomic_load(&scene->stage->deadline_ns), before = now_ns();
  engine->view_begin(reader, false);
  while (before < deadline) {
    unsigned worker = (unsigned)random_below(&random, 4);
    uint64_t n = random_below(&random, scene->task->records / 4);
    uint8_t id[MATRIX_ID_SIZE];
    double matrix[8];
    struct engine_bytes value;
    matrix_id(worker, n, id);
    if (engine->get(reader, id, sizeof id, &value) != ENGINE_DONE || value.size != MATRIX_SIZE)
      die("%s: a matrix is missing", engine->name);
    uint64_t after = now_ns();
    histogram_add(&scene->result->latency, after - before);
    matrix_make(worker, n, matrix);
    if (memcmp(value.data, matrix, sizeof matrix) != 0)
      die("%s: a matrix is another one", engine->name);
    scene->result->ops++;
    before = now_ns();
  }
  engine->view_end(reader);
}

/* --- visibility: sighting k is of generation seed + k of one record ------------------------ */

static void play_shower(const struct scene *scene, void *writer) {
  const struct engine *engine = scene->engine;
  const struct actor_task *task = scene->task;
  struct random random = {task->seed};
  uint64_t i = task->seed % task->records, deadline = atomic_load(&scene->stage->deadline_ns);
  uint64_t key[KEY_SIZE / 8], value[VALUE_SIZE_MAX / 8], sent = 0;
  key_make(i, key);
  while (sent < SIGHTINGS_MAX && now_ns() < deadline) {
    /* Up to two microseconds, so that the two loops don't run in step. */
    for (uint64_t pause = now_ns() + random_below(&random, 2000); now_ns() < pause;)
      cpu_relax();
    value_make(i, task->seed + sent + 1, value, task->value_size);
    scene->stage->begun_ns[sent] = now_ns();
    int result = engine->txn_begin(writer);
    if (result == ENGINE_DONE)
      result = engine->put(writer, key, KEY_SIZE, value, task->value_size, false);
    if (result == ENGINE_DONE) {
      scene->stage->sent_ns[sent] = now_ns();
      result = engine->txn_commit(writer);
    }
    if (result == ENGINE_RETRY)
      continue;
    sent++;
    while (atomic_load_explicit(&scene->stage->seen, memory_order_acquire) < sent)
      cpu_relax();
  }
  scene->result->ops = sent;
  atomic_store(&scene->stage->over, 1);
}

static void play_watcher(const struct scene *scene, void *reader) {
  const struct engine *engine = scene->engine;
  const struct actor_task *task = scene->task;
  uint64_t i = task->seed % task->records, seen = 0, key[KEY_SIZE / 8];
  key_make(i, key);
  while (atomic_load_explicit(&scene->stage->over, memory_order_relaxed) == 0) {
    struct engine_bytes value;
    engine->view_begin(reader, true);
    if (engine->get(reader, key, KEY_SIZE, &value) != ENGINE_DONE)
      die("%s: the watched record is missing", engine->name);
    bool is_new = value_generation(i, value.data) == task->seed + seen + 1;
    uint64_t at = is_new ? now_ns() : 0;
    engine->view_end(reader);
    if (is_new) {
      scene->stage->seen_ns[seen] = at;
      atomic_store_explicit(&scene->stage->seen, ++seen, memory_order_release);
    }
  }
}

/* --- attaching ---------------------------------------------------------------------------- */

static void open_store(struct scene *scene, bool read_only) {
  struct engine_config config = {.directory = scene->task->directory,
                                 .records = scene->task->records,
                                 .key_size = KEY_SIZE,
                                 .value_size = scene->task->value_size,
                                 .read_only = read_only,
                                 .memory_bytes = scene->task->memory_bytes,
                                 .durable = scene->task->durable};
  scene->db = scene->engine->open(&config);
}

static uint64_t private_bytes(void) {
  return files_proc_bytes("/proc/self/smaps_rollup", "Private_Dirty");
}

/* The store's first get. The reader stays open. */
static void *first_get(const struct scene *scene) {
  void *reader = scene->engine->reader_open(scene->db);
  scene->engine->view_begin(reader, true);
  get_checked(scene, reader, scene->task->seed % scene->task->records);
  scene->engine->view_end(reader);
  return reader;
}

static void play_attach(struct scene *scene) {
  bool memory = scene->task->role == ACTOR_ATTACH_MEMORY;
  uint64_t before = memory ? (private_bytes(), private_bytes()) : now_ns();
  open_store(scene, true);
  void *reader = first_get(scene);
  uint64_t after = memory ? private_bytes() : now_ns();
  scene->result->measured = after > before ? after - before : 0;
  scene->engine->reader_close(reader);
  scene->engine->close(scene->db);
}

/* --- all of them -------------------------------------------------------------------------- */

static bool writes(const struct actor_task *task) {
  return task->role == ACTOR_WRITER || task->role == ACTOR_SHOWER || task->role == ACTOR_MAKER;
}

/* Open, warm up, report ready, wait, play, report done. */
static void play_in_company(struct scene *scene, const struct actor_call *call) {
  const struct engine *engine = scene->engine;
  bool writer = writes(scene->task), own = call->db == NULL;
  if (own)
    open_store(scene, !writer);
  void *self;
  if (writer)
    self = engine->writer_open(scene->db);
  else if (scene->task->role == ACTOR_FINDER)
    self = engine->reader_open(scene->db);
  else
    self = first_get(scene);
  if (own && scene->task->role != ACTOR_FINDER)
    files_map_pages(scene->task->directory);
  ready(call);
  wait_for_go(call);
  switch (scene->task->role) {
  case ACTOR_WRITER: play_writer(scene, self); break;
  case ACTOR_READER: play_reader(scene, self); break;
  case ACTOR_SHOWER: play_shower(scene, self); break;
  case ACTOR_MAKER: play_maker(scene, self); break;
  case ACTOR_FINDER: play_finder(scene, self); break;
  default: play_watcher(scene, self); break;
  }
  ready(call);
  if (writer)
    engine->writer_close(self);
  else
    engine->reader_close(self);
  if (own)
    engine->close(scene->db);
}

void actor_perform(const struct actor_call *call) {
  struct scene scene = {.stage = call->stage,
                        .task = &call->actor->task,
                        .result = &call->actor->result,
                        .engine = engine_find(call->actor->task.engine),
                        .db = call->db};
  if (scene.engine == NULL)
    die("--actor is for the program itself");
  if (scene.task->role == ACTOR_ATTACH || scene.task->role == ACTOR_ATTACH_MEMORY) {
    ready(call);
    wait_for_go(call);
    play_attach(&scene);
    ready(call);
  } else if (scene.task->dry) {
    ready(call);
    wait_for_go(call);
    play_maker(&scene, NULL);
    ready(call);
  } else {
    play_in_company(&scene, call);
  }
  close(call->ready_fd);
  close(call->go_fd);
}
