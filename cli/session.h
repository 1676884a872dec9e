/* cli/session.h - a store that a command has open, and the maps in it.
 *
 * Everything is opened with the SIGBUS guard: a store's file that somebody shortens gives an
 * error, not a crash. Functions return an exit status and have said what was wrong. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "options.h"
#include "status.h"
#include "text.h"
#include <copse/copse.h>

enum access {
  ACCESS_READ,   /* read-only; else, where that is refused, reading and writing; else observing */
  ACCESS_WRITE,  /* of a store that is there */
  ACCESS_CREATE, /* creates the store when there is none, as the creation options say */
  ACCESS_NEW,    /* creates it; a store that is there is an error */
  ACCESS_CHECK,  /* as ACCESS_WRITE, or a sealed copy, to read */
};

struct session {
  const char *path;
  struct copse_store *store;
  struct copse_snapshot *snapshot; /* NULL: none open */
  struct copse_txn *txn;           /* NULL: none begun */
};

int session_open(struct session *s, const char *path, enum access access);
/* With options in place of those of the command line. */
int session_open_with(struct session *s, const char *path, enum access access,
                      const struct copse_store_options *options);
/* The options of the command line for a store that is created. */
int session_creation_options(struct copse_store_options *options);
/* Aborts, closes all and returns status, or why closing failed. */
int session_close(struct session *s, int status);

int session_snapshot(struct session *s);
int session_begin(struct session *s);
int session_commit(struct session *s, uint64_t *version);
void session_abort(struct session *s);
/* What is to be read: the transaction if one is begun, else the snapshot. */
struct copse_view *session_view(const struct session *s);

/* What a map's keys and values are like. */
struct shape {
  uint32_t key_kind;
  uint32_t key_encoding;
  uint32_t value_size;
  struct copse_layout *layout; /* owned; NULL: plain bytes */
  uint64_t arena;              /* an arena's number in handles; 0: not said, or a map's shape */
};
void shape_free(struct shape *shape);
/* The shape that the command line asks for; *given: whether it says anything at all. */
int shape_from_options(struct shape *shape, bool *given);
struct copse_map_options shape_options_of(const struct shape *shape);
/* What --key calls the kind of keys: "bytes", "u64" or "tuple". */
const char *shape_key_name(const struct shape *shape);
/* False if there is no such kind. */
bool shape_key_set(struct shape *shape, const char *name, size_t size);
bool shape_equal(const struct shape *a, const struct shape *b);
/* The layout as text: "name { ... }"; "" without one. */
void shape_layout_text(const struct shape *shape, struct text *out);

struct open_map {
  struct copse_map *map;     /* NULL: not open */
  struct copse_arena *arena; /* whose handle that is; NULL: it is a map */
  struct copse_map_info info;
  struct shape shape;
};
/* Opens a map in the session's view and learns its shape. */
int map_open(struct session *s, const char *name, struct open_map *map);
/* The same; STATUS_NOTHING without a message when there is no such map. */
int map_find(struct session *s, const char *name, struct open_map *map);
/* Creates what the shape says, an arena too. */
int map_create(struct session *s, const char *name, const struct shape *shape,
               struct open_map *map);
void map_close(struct open_map *map);

/* Calls visit for each map of the view in the order of names, or for those that are named.
 * A status other than STATUS_OK ends the walk. */
int maps_each(struct session *s, char *const *names, size_t count,
              int (*visit)(void *context, struct open_map *map), void *context);

#endif
