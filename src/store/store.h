/* store/store.h - inside the store: handles and what its files share.
 *
 * This is the only layer where tree, page, sync and region meet. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "arena/table.h"
#include "copse/copse.h"
#include "page/pager.h"
#include "store/format.h"
#include "store/lease.h"
#include "sync/client.h"
#include "sync/lock.h"
#include "sync/ring.h"
#include "sync/slots.h"
#include "sync/wait.h"
#include "tree/tree.h"

struct copse_map {
  struct copse_store *store;
  uint32_t id;
  uint32_t key_kind;
  uint64_t tag;
  uint32_t value_size;
  struct tree_shape shape;
};

/* Its map handle comes first: what an arena is to the catalog. */
struct copse_arena {
  struct copse_map map;
  struct arena_shape shape;
  uint64_t number; /* of the handle: no other one of this process has had it; 0: an internal one */
};

/* An arena that a view has looked into. It holds while the turn is the view's. What changes an arena in a
 * transaction goes through arena_change_begin() and arena_change_end(), which keep it true, or begins
 * another turn, as what moves the view does: refreshing, savepoints, undoing, dropping. */
struct arena_cache {
  uint64_t tag;    /* 0: none */
  uint32_t id;     /* of the arena: after a restoration it has the tag of one that was dropped */
  uint64_t handle; /* that it was looked into by; UINT64_MAX: an internal one */
  uint64_t turn;
  struct arena arena;     /* its table is the one below */
  uint64_t end;           /* of views that do not copy pages; else 0 */
  struct arena_spot spot; /* node NULL: none */
  struct arena_table table;
  uint32_t map; /* transactions: its place among their maps */
};
#define ARENAS_KEPT 8u
#define ARENA_LEAVES_KEPT (UINT64_C(1) << 15) /* of a closed snapshot: 1 MiB */

/* Where pages of views that copy them are copied to: levels from here on are for what is to be kept while others
 * are read. */
#define VIEW_COPY_KEPT (TREE_DEPTH_MAX + 2 + TABLE_LEVELS_MAX)
#define VIEW_COPY_LEVELS (VIEW_COPY_KEPT + 3) /* the last one is PAGE_COPY_HEAD */

/* Anything that can be read: the first member of snapshots and transactions. */
struct copse_view {
  struct copse_store *store;
  struct copse_txn *txn;    /* the transaction it belongs to, or NULL */
  struct root root;         /* snapshots: the version; transactions: the base version */
  struct recent_map recent; /* snapshots: the map that the version changed */
  struct page_view pages;
  uint64_t moves;    /* rises with each refresh and write: cursors look */
  uint32_t last_id;  /* snapshots: the map that was looked up last, ... */
  uint64_t last_tag; /* 0: none */
  struct tree last_tree;
  uint64_t turn; /* rises when what is known of arenas is not true any more */
  struct arena_cache arenas[ARENAS_KEPT];
  struct arena_cache *arena; /* the one that was looked into last, or any */
  uint32_t arena_victim;     /* whose place the next one takes */
  const void
      *copied_for;  /* pages copied: the cursor whose pages lie in the copies; NULL: others' */
  _Atomic int open; /* 0: announces nothing (cached handle, refresh failed) */
};

struct copse_snapshot {
  struct copse_view view;
  uint32_t slot;
  uint32_t child_slot; /* while forking: the slot that the child will own */
  uint32_t flags;
  struct oust_memory *oust; /* oustable, and of observers: copies of pages */
  void *kept; /* of observers: a mapping that keeps the lock by which the version is kept */
  struct copse_snapshot *next, *previous; /* in the store's list of open ones, or its cache */
};

/* A map as a write transaction sees it. */
struct txn_map {
  uint32_t id;
  int dirty;
  uint64_t tag;     /* 0: not there: dropped, or not yet created */
  struct tree tree; /* of an arena: its root and count */
  uint64_t changed;
};

struct txn_save {
  struct pager_mark mark;
  struct txn_map *maps; /* copy of the transaction's */
  uint32_t map_count;
};
#define SAVEPOINTS_MAX 64u

struct copse_txn {
  struct copse_view view;
  int active;
  int forked; /* this is the child's copy: not usable */
  uint64_t next_map;
  struct txn_map *maps; /* maps touched, in order of first use */
  uint32_t map_count;
  uint32_t last_map; /* index of the one used last */
  size_t map_capacity;
  struct txn_save
      saves[SAVEPOINTS_MAX + 3]; /* the last ones are for what calls undo by themselves */
  uint32_t save_count;
  uint64_t puts, deletes;
};

/* Makes durable without being asked; the thread of a process that writes. */
struct syncer {
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  pthread_t thread;
  _Atomic int running; /* 1: there is a thread; -1: none was to be had */
  _Atomic int asked;   /* too many bytes were written: not to wait for the interval's end */
  int ends;
};

/* This process's ring. */
struct leaver {
  pthread_mutex_t mutex;       /* held while an entry is left, never while anything is waited for */
  _Atomic(struct ring *) ring; /* NULL: no batch was committed yet */
  uint64_t tail, settled;      /* as far as we know; ring.h */
  uint64_t lock_word,
      lock_word_ns; /* the lock word last met, and when first: to notice a dead holder */
};

struct combine; /* combine.c */

struct copse_store {
  char *path; /* NULL: anonymous */
  char *readers_path, *writers_path, *log_path, *applying_path;
  uint32_t flags; /* enum copse_open_flag */
  int memory;     /* on tmpfs or memfd */
  struct data_header header;
  uint64_t segments; /* max_bytes / segment */
  struct region data, readers, writers;
  struct client client;
  _Atomic int told;                 /* the client's entry names our PID namespace */
  _Atomic int truncated;            /* an outsider shortened the file: nothing works any more */
  _Atomic uint64_t size_checked_ns; /* when the file's size was last looked at */

  pthread_mutex_t mutex;                  /* protects the lists below */
  struct copse_snapshot *snapshots;       /* open */
  struct copse_snapshot *cache;           /* closed, each with a slot of its own */
  struct copse_reservation *reservations; /* open */
  uint64_t reservation_number;            /* of the last one */
  uint32_t maps_open, watches_open, cursors_open;
  uint32_t slot_hint;

  struct pager pager; /* used by the holder of the writer lock */
  struct copse_txn txn;
  _Atomic uint64_t writer_thread; /* thread that holds our transaction; 0: none */
  struct pager_pin *pins;         /* announced versions, scratch */
  size_t pin_capacity;
  struct announced *announced;
  size_t announced_capacity;
  struct lease_seen leases_seen;   /* what others have leased, as it was last seen, ... */
  struct leased leased;            /* and as the pager needs it */
  uint64_t reclaim_at;             /* pending pages from which on reclaiming is worth a look */
  uint64_t reclaim_bytes_at;       /* or bytes in them */
  uint64_t probed_ns;              /* when dead readers were last looked for */
  uint64_t reserved_probed_ns;     /* or dead owners of reserved pages */
  _Atomic int reservations_closed; /* some pages of ours may have to go back */

  struct leases leases;
  struct syncer syncer;
  struct group *group; /* durability sync; NULL in other stores and when opened read-only */
  struct leaver leaver;
  struct combine *combine;       /* used by the holder of the writer lock; NULL: not yet */
  struct client_passage passage; /* while forking */
  struct copse_store *next;      /* all open stores of the process */
};

/* Whether a view announces its version. A fork in another thread looks at it, too. */
static inline int view_is_open(const struct copse_view *view) {
  /* pairs: view-open */
  return atomic_load_explicit(&view->open, memory_order_acquire);
}
static inline void view_open_set(struct copse_view *view, int open) {
  /* pairs: view-open */
  atomic_store_explicit(&view->open, open, memory_order_release);
}

/* Of the data file; see store.c. */
#define ATTACH_BYTE (UINT64_C(1) << 41)
#define PRESENCE_BYTE (ATTACH_BYTE + 1)

static inline int store_is_sealed(const struct copse_store *store) {
  return (store->header.read_compat & FORMAT_SEALED) != 0;
}

static inline struct commit_words *store_words(const struct copse_store *store) {
  return (struct commit_words *)(store->writers.rw + WRITERS_COMMIT);
}
static inline const struct commit_words *store_words_ro(const struct copse_store *store) {
  return (const struct commit_words *)(store->writers.ro + WRITERS_COMMIT);
}

/* fork.c: in a raw clone the kernel has wiped the page that the canary lies in. */
extern const volatile uint32_t *_Atomic fork_canary;
static inline int fork_is_raw_clone(void) {
  /* relaxed: until the first store is opened it is another word, which is not 0 either */
  return __builtin_expect(*atomic_load_explicit(&fork_canary, memory_order_relaxed) == 0, 0);
}
/* 0 if this process may use its handles; FORKED in a raw clone. */
int fork_check(void);
int fork_register(struct copse_store *store);
void fork_unregister(struct copse_store *store);

/* guard.c: turns faults on truncated files into zero pages and sets store->truncated. */
int guard_install(void);
int guard_add(struct copse_store *store);
void guard_remove(struct copse_store *store);
/* The error for a failure that truncation explains: TRUNCATED instead of CORRUPT. */
int store_fault(const struct copse_store *store, int result);

/* Completes what people see of this process, at the first call that is not part of attaching. */
void store_tell(struct copse_store *store);

/* store.c */
/* Whether a header makes sense; path: for messages. STATE when changes are half-applied to a sealed copy. */
int data_header_check(const struct data_header *header, const char *path);
static inline int data_header_is_half(const struct data_header *header) {
  return header->magic == FORMAT_MAGIC_DATA && (header->read_compat & FORMAT_SEALED) &&
         header->nonce == FORMAT_NONCE_APPLYING;
}
/* STATE: changes are half-applied to the sealed copy at path. */
int data_header_half(const char *path);
/* Reads and checks the header of an open data file. */
int data_header_read(struct copse_store *store, int fd);
/* The names of the store's files. */
int store_paths_make(struct copse_store *store, const char *path);
void store_paths_free(struct copse_store *store);
/* remove.c: removes a store; only_begun: only one whose removal has begun, which is ended. */
int store_remove_at(const char *path, int only_begun);
/* The end of a store that is closed, and stayed for its leases. */
void store_end(struct copse_store *store);
/* Opens one coordination file and maps it. COPSE_NONE: missing, or not this store's. */
int coordination_map(struct copse_store *store, int data_fd, const char *path, int write,
                     uint64_t reserve, uint64_t minimum, uint64_t magic, struct region *region);
/* Maps the data file, and the further ones as far as they are asked for. Takes over fd. */
int data_map(struct copse_store *store, int fd, unsigned flags, uint64_t reserve);
/* Looks at the file's size now and then; TRUNCATED when somebody shortened it. */
int store_size_check(struct copse_store *store, const struct root *root);

/* create.c: new data files and new coordination files. */
int store_create_file(const char *path, const struct copse_store_options *options);
int store_create_anonymous(const struct copse_store_options *options, int *fd);
/* A name beside path, for a file that is to get that one when it is complete. */
int name_temporary(const char *path, char temporary[PATH_MAX]);
/* Makes an empty file beside the data file, in the place of what is there, with the permissions of an open file. */
int store_file_make(const char *path, int like, int *fd);
/* Writes another nonce to the header. */
int nonce_write(struct copse_store *store, int data_fd, uint64_t nonce);
/* Makes coordination files for a data file that nobody else has open, from its durable root. */
int coordination_create(struct copse_store *store, int data_fd);

/* The same for what nobody writes to, a sealed copy for one: without names, and only to read. */
int coordination_create_private(struct copse_store *store, int data_fd);
/* A readers' file without a name alone. */
int coordination_readers_private(struct copse_store *store);

/* observe.c: opening as an observer, once the header is read. Takes over fd. */
int observe_attach(struct copse_store *store, int fd, uint64_t reserve);
/* Whether to try again, after a pause: somebody may be making coordination files. */
int observe_retries(int result, int *attempt);
/* COORDINATION when the store's files are no longer those that were opened. */
int observe_check(const struct copse_store *store);
/* In the place of snapshot_announce(): takes the newest version's root over, and has it kept if the
 * snapshot asks for it. */
int observe_announce(struct copse_snapshot *snapshot);
void observe_release(struct copse_snapshot *snapshot);
/* For writers, with the lock: looks now and then what observers want to be kept, and gives up what is too
 * much; gives up all. */
void observers_look(struct copse_store *store);
void observers_drop(struct copse_store *store);

/* snapshot.c: whether all that a root speaks of can be touched. Errors: ADDRESS_SPACE, CORRUPT, FILES, TRUNCATED. */
int store_reach(struct copse_store *store, const struct root *root);
/* Announces the newest version in the snapshot's slot and takes its root over. */
int snapshot_announce(struct copse_snapshot *snapshot);

/* durable.c */
/* The newest valid root slot. Errors: CORRUPT. */
int durable_read(int fd, const char *path, struct root_slot *slot);
int durable_write(struct copse_store *store, const struct root *root, int clean);
/* Marks the file as in use before the first write after a clean close. */
int durable_mark_unclean(struct copse_store *store);
/* Makes the newest version durable by a root slot. Errors: IO, SYNC_FAILED, DESCRIPTOR, TOO_MANY. */
int durable_checkpoint(struct copse_store *store, uint64_t *version);
/* The same for a version that the caller has announced; written_units: of a lazy store, those that it has
 * at least. */
int durable_root_sync(struct copse_store *store, const struct root *root, uint64_t written_units);
/* Waits until a committed version is durable, and helps: any way that the store has. Errors: those
 * of durable_checkpoint(), TIMEOUT. */
int durable_wait(struct copse_store *store, uint64_t version, uint64_t deadline_ns);
/* For who has the store alone: makes a root durable, marked clean or not; notes that it is. */
int durable_root(struct copse_store *store, const struct root *root, int clean);
void durable_set(struct copse_store *store, const struct root *root);
/* Says that a sync failed, for good. What the kernel still holds of the file is unknown from then on.
 * Returns result. */
int durable_fail(struct copse_store *store, int result);
/* SYNC_FAILED when a sync failed since the coordination files were made. */
int durable_failed(const struct copse_store *store);
/* Leaves the file complete and marked clean; for the last writer to close. */
int durable_close(struct copse_store *store);

/* group.c: durability sync. */
int group_open(struct copse_store *store); /* the log must be there */
void group_close(struct copse_store *store);
void group_forget(struct copse_store *store); /* in a forked child */
/* Announces the newest version in a slot and has the log make it durable. */
int group_lead(struct copse_store *store, uint32_t slot, struct root *root);
int group_wait(struct copse_store *store, uint64_t version, uint64_t deadline_ns);

/* syncer.c: makes durable without being asked. */
void syncer_init(struct copse_store *store);
void syncer_stop(struct copse_store *store);
/* In a forked child, which has no such thread yet. */
void syncer_forget(struct copse_store *store);
/* After a commit to a lazy store, without the lock. */
void syncer_committed(struct copse_store *store);
/* Has a root slot written soon. */
void syncer_ask(struct copse_store *store);

/* checksum.c */
/* Gives the pages that a root reaches and that were born after `since` their checksums: before they are
 * synced for a durable root, and with that root announced. Errors: CORRUPT, ADDRESS_SPACE. */
int checksums_write(struct copse_store *store, const struct root *root, uint64_t since);
/* A page's, whose place in its head is left out. Never 0. */
uint32_t page_checksum(const struct page_head *head, uint64_t size);

/* seal.c: sealed copies. */
/* The header that a copy of the store has, which is also one of a store that is a sealed copy itself. */
int sealed_header(const struct copse_store *store, struct data_header *header);
int sealed_slots_write(int fd, const char *path, const struct root *root);

/* recover.c: books rebuilt from the pages that root reaches. */
int books_rebuild(struct copse_store *store, const struct root *root);
/* Applies what the log has on top of a published root, and makes what that leads to durable. timeline:
 * of the records; the root's is already that of the time after. */
int log_replay(struct copse_store *store, uint64_t timeline, struct root *root);

/* table.c: the map table. */
int table_lookup(struct page_view *pages, const struct root *root, uint32_t id,
                 struct map_entry *entry);
int table_write(struct pager *pager, struct root *root, const struct txn_map *maps,
                uint32_t map_count, uint64_t next_map);
/* Calls visit for each page of the table (COPSE_NONE: what hangs on it is left out), and for
 * each entry in use. Either may be NULL. */
int table_walk(struct page_view *pages, const struct root *root,
               int (*page)(void *context, uint64_t ref),
               int (*entry)(void *context, uint32_t id, const struct map_entry *entry),
               void *context);

/* Calls visit for each id whose entry is not the same in both; entries of none are all zero. Pages
 * that both share are stepped over. */
int table_diff(struct page_view *before_pages, const struct root *before,
               struct page_view *after_pages, const struct root *after,
               int (*visit)(void *context, uint32_t id, const struct map_entry *before,
                            const struct map_entry *after),
               void *context);

/* walk.c */
/* What hangs on a page of a tree or of an arena: see pager_children. */
int page_children(struct page_view *view, uint64_t ref,
                  int (*visit)(void *context, uint64_t ref, int subtree), void *context);
/* Calls visit for each page that a root reaches, those that refer to others before them; COPSE_NONE: what
 * hangs on it is left out. Errors: CORRUPT, and what visit returns. */
int pages_walk(struct page_view *view, const struct root *root,
               int (*visit)(void *context, uint64_t ref), void *context);

/* maps.c: the catalog. */
struct catalog_record {
  struct catalog_entry entry;
  const uint8_t *layout; /* encoded */
};
int catalog_find(struct copse_view *view, const char *name, struct catalog_record *record);
int catalog_parse(const struct tree_value *value, struct catalog_record *record);
/* Opens and creates maps (is_arena 0) and arenas, whose options are those of a map of kind
 * COPSE_KEY_SLOT. options NULL: whatever is there. tag: of what is created; 0: a new one. */
int catalog_open(struct copse_view *view, const char *name, int is_arena,
                 const struct copse_map_options *options, struct catalog_entry *entry);
int catalog_create(struct copse_txn *txn, const char *name, const struct copse_map_options *options,
                   uint64_t tag, struct catalog_entry *made);
int catalog_ensure(struct copse_store *store, const char *name, int is_arena,
                   const struct copse_map_options *options, uint64_t tag, int64_t timeout_ns,
                   struct catalog_entry *entry);
extern const struct copse_map catalog_map; /* its handle, of no store */
/* What a handle of the map says. */
struct copse_map map_of_entry(struct copse_store *store, const struct catalog_entry *entry);
/* What map has this id and tag; NO_MAP. Reads the whole catalog. */
int map_by_id(struct copse_view *view, uint32_t id, uint64_t tag, struct copse_map *map);

/* arena.c: forgets what a view knows of arenas, and gives the memory back of tables that are larger than so
 * many leaves. */
void arena_caches_trim(struct copse_view *view, uint64_t leaves);

/* view.c: a map's tree in a view. */
int view_refuse(const struct copse_view *view);
static inline int view_check(const struct copse_view *view) {
  int usable = view_is_open(view) && !fork_is_raw_clone();
  return __builtin_expect(usable, 1) ? 0 : view_refuse(view);
}
/* NO_MAP when it is not there. */
int view_tree_look_up(struct copse_view *view, const struct copse_map *map, struct tree *tree);
static inline int view_tree(struct copse_view *view, const struct copse_map *map,
                            struct tree *tree) {
  if (__builtin_expect(
          view->last_tag != map->tag || view->last_id != map->id || map->store != view->store, 0))
    return view_tree_look_up(view, map, tree);
  view->copied_for = NULL;
  *tree = view->last_tree;
  return 0;
}
/* The same, with the version that changed it last; COPSE_NONE when it is not there. */
int view_tree_find(struct copse_view *view, const struct copse_map *map, struct tree *tree,
                   uint64_t *changed);
/* The same for maps and arenas. Errors: NO_MAP. */
int view_container(struct copse_view *view, const struct copse_map *map, struct tree *tree);
/* MAP_KIND: an arena was given where a map is needed. */
int arena_refuse(void);
int key_refuse(const struct copse_map *map, size_t size);
static inline int key_check(const struct copse_map *map, const void *key, size_t size) {
  int fits = size <= COPSE_KEY_MAX && (key || !size) &&
             (map->key_kind == COPSE_KEY_BYTES || (map->key_kind == COPSE_KEY_U64 && size == 8));
  return __builtin_expect(fits, 1) ? 0 : key_refuse(map, size);
}
int value_size_check(const struct copse_map *map, size_t size);
/* Lent memory comes from the read-only mapping. */
static inline const void *view_lend(const struct copse_view *view, const uint8_t *data) {
  const struct region *region = &view->store->data;
  return view->txn ? region->ro + (data - region->rw) : data;
}

/* leave.c: this process's ring. */
static inline struct ring *leaver_ring(const struct copse_store *store) {
  /* pairs: ring-owner */
  return atomic_load_explicit(&store->leaver.ring, memory_order_acquire);
}
void leaver_init(struct copse_store *store);
/* In a forked child, which has no ring yet. */
void leaver_forget(struct copse_store *store);
/* With the lock: takes a ring, if there is none yet. Errors: NO_SPACE, ADDRESS_SPACE, TOO_MANY, CORRUPT. */
int leaver_claim(struct copse_store *store);
/* The number for a batch that is not left, but applied by its process. */
uint64_t leaver_number(struct copse_store *store);
/* Leaves an entry, whose head receives the batch's number; *end is its end. 0: done; COPSE_NONE: no room. */
int leaver_leave(struct copse_store *store, struct ring_entry *entry, uint64_t *end);
/* Waits for room, for a short time only. */
int leaver_wait(struct copse_store *store, uint32_t bytes, uint64_t deadline_ns);
/* 1: all up to `end` was applied and is published. */
int leaver_is_applied(struct copse_store *store, uint64_t end);
/* 1: the lock has long been held by the same holder, of whom it is to be asked whether it lives. */
int leaver_holder_is_old(struct copse_store *store);
/* Applies what this process left, and gives its ring back. */
int leaver_close(struct copse_store *store);
/* After it, when no other writer is attached: applies all that is in rings. */
int leaver_last(struct copse_store *store);

/* combine.c: with the writer lock. */
/* A batch that is applied without having been left. */
struct own_batch {
  const uint8_t *entry; /* struct ring_entry and what follows */
  size_t bytes;
  struct ring_result result;
};
/* Applies what was left, up to a bounded part of it, and then own (may be NULL), and publishes it all
 * as one version. *applied: how many batches. */
int combine_round(struct copse_store *store, struct own_batch *own, uint64_t *applied);
#define COMBINE_NS                                                                                 \
  UINT64_C(2000000) /* a caller that has other things to do applies others' batches for so long */
/* Rounds as long as there is work and nobody waits for the lock, for about budget_ns. */
int combine_rounds(struct copse_store *store, uint64_t budget_ns, uint64_t *applied);
/* Without the lock, when there was more to apply than there was time for: waits a moment for one of those
 * who left it to take over, so that the work, and what one's own program loses by it, goes round. */
void combine_pass(struct copse_store *store);
/* All that this process left. */
int combine_own(struct copse_store *store);
void combine_free(struct copse_store *store);
/* Without the lock, after giving it back: takes it again if something was left meanwhile. */
void combine_left(struct copse_store *store);

/* txn.c: the writer lock and the one transaction. */
int write_permitted(const struct copse_store *store); /* READ_ONLY, FORKED */
int writer_check(struct copse_store *store); /* the same, where people are to see who writes */
int writer_take(struct copse_store *store, int64_t timeout_ns);
int writer_try(struct copse_store *store);           /* 1: the lock is ours */
int writer_is_self(const struct copse_store *store); /* 1: this thread has it */
void writer_end(struct copse_store *store);
/* With the lock: begins; ends without a trace; publishes (unchanged_too: even if no map has changed). The
 * lock stays ours, also on an error, with which nothing is begun any more. */
int txn_open(struct copse_store *store);
void txn_undo(struct copse_txn *txn);
int txn_finish(struct copse_txn *txn, int unchanged_too, uint64_t *version);
/* After a commit, without the lock: sees to it that it becomes durable, as the store's durability asks for. */
int writer_settle(struct copse_store *store, uint64_t version);
/* The transaction's copy of a map; COPSE_NONE when it is not there. */
int txn_map_look_up(struct copse_txn *txn, const struct copse_map *map, struct txn_map **own);
static inline int txn_map_find(struct copse_txn *txn, const struct copse_map *map,
                               struct txn_map **own) {
  struct txn_map *last = txn->maps; /* NULL before the first */
  if (__builtin_expect(txn->last_map >= txn->map_count || (last += txn->last_map)->id != map->id ||
                           last->tag != map->tag,
                       0))
    return txn_map_look_up(txn, map, own);
  *own = last;
  return 0;
}
/* A place for a map to be created: empty, and not there until it has its tag. */
int txn_map_make(struct copse_txn *txn, const struct copse_map *map, struct txn_map **own);
int txn_refuse(const struct copse_txn *txn);
static inline int txn_check(const struct copse_txn *txn) {
  return __builtin_expect(txn->active && !txn->forked && !fork_is_raw_clone(), 1) ? 0
                                                                                  : txn_refuse(txn);
}
/* Commits, and does not wait until it is durable, nor see to it. */
int txn_publish(struct copse_txn *txn, uint64_t *version);
/* A savepoint that the program's limit does not stand in the way of. */
int txn_savepoint(struct copse_txn *txn);

/* pins.c: what holds pages back, and what to do about it. */
int pins_reclaim(struct copse_store *store, size_t budget);
/* Reclaims some when a transaction begins, in steps that last even if it is aborted: in a full store,
 * transactions that fail must bring nearer the one that does not. */
int pins_reclaim_first(struct copse_store *store);
int pins_reclaim_hook(void *context, int urgent);
int pins_may_grow(void *context);
/* In a forked child: what it knows of leases may be half changed. */
void pins_forget(struct copse_store *store);

/* reserve.c: when a transaction begins, makes reserved pages free that nobody will link any more. */
int reservations_reap(struct copse_store *store);

/* oust.c: snapshots whose pages are copied out. */
/* 0: what was copied before the call is of the snapshot's version. Errors: OUSTED, OVERRUN, COORDINATION. */
int oust_check(struct copse_snapshot *snapshot);
int oust_attach(struct copse_snapshot *snapshot);
void oust_free(struct copse_snapshot *snapshot);

/* follow.c: a time limit as a point of CLOCK_MONOTONIC; 0: only look, UINT64_MAX: none. */
uint64_t deadline_from(int64_t timeout_ns);
/* TIMEOUT when it has passed: asked after a commit that was not the one waited for, since a busy
 * store always has another. */
int deadline_check(uint64_t deadline);

/* range.c: bounds of a cursor, diff or watch, copied. */
struct range {
  struct tree_key from, to; /* [from, to) by memcmp order; data NULL: open */
  uint8_t *memory;
};
int range_make(const struct copse_map *map, const struct copse_range *asked, struct range *range);
void range_free(struct range *range);

#endif
