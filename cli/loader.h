/* cli/loader.h - many records into maps and arenas, in batches.
 *
 * A batch is one transaction, so other writers come to their turn between batches and an
 * interrupted load leaves whole batches. Keys that arrive in order behind all that a map holds
 * are appended, which fills pages densely and finds its place at once: the loader tries
 * whenever a key is greater than all it has put itself, and after a refusal not again before
 * the next batch. */
#ifndef CLI_LOADER_H
#define CLI_LOADER_H

#include "session.h"

struct loader_map {
  struct open_map open;
  char *name;
  struct text greatest; /* key that this loader has put */
  bool any;             /* it has put one */
  bool appending;       /* an append was not refused in this batch */
};

struct loader {
  struct session *session;
  uint64_t batch;       /* records in a transaction; 0: all in one */
  bool keep;            /* records that are there already stay as they are */
  struct shape *wanted; /* of maps that are created, NULL: as the input says; lent */
  struct loader_map **maps;
  size_t map_count;
  uint64_t pending;   /* records in the transaction that is open */
  uint64_t committed; /* records in the store */
  uint64_t kept;      /* of these: they were there already */
  bool all_or_nothing_failed;
};

/* The map of a name: opened, or created with the loader's wanted shape, else the input's
 * (NULL: bytes). *map belongs to the loader. */
int loader_map(struct loader *l, const char *name, const struct shape *defined,
               struct loader_map **map);
int loader_put(struct loader *l, struct loader_map *map, struct copse_bytes key,
               struct copse_bytes value);
/* A record behind the end of an arena. */
int loader_append(struct loader *l, struct loader_map *map, const void *record);
/* Slots of an arena, as they are elsewhere. */
int loader_restore(struct loader *l, struct loader_map *map, const struct copse_slots *slots);
/* Commits what is pending. After a failure that is done too, unless all was to be one
 * transaction: that is then undone. Returns status, or why committing failed. */
int loader_finish(struct loader *l, int status);
/* Frees all but the session; before it is closed. */
void loader_free(struct loader *l);

#endif
