/* copse/map.h - maps: the ordered containers of a store.
 *
 * A map takes keys (byte strings of 0 to COPSE_KEY_MAX bytes ordered as by memcmp, or
 * uint64) to values (byte strings, or fixed-size typed records). A uint64 key is handled
 * as 8 bytes, big-endian, wherever the interface takes a key: see copse_key_u64().
 * A map handle names a map; it holds no data and may be used by all threads with any
 * snapshot or transaction of its store. Where the map is not there (it was dropped, is younger
 * than the snapshot, or its creation was undone) calls give NO_MAP; a handle never
 * becomes one of another map. */
#ifndef COPSE_MAP_H
#define COPSE_MAP_H

#include "record.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define COPSE_KEY_MAX 1024      /* bytes in a key */
#define COPSE_MAP_NAME_MAX 255  /* bytes in a map's name, without the final NUL */

struct copse_map;
struct copse_view; /* a snapshot or a write transaction: see transaction.h */
struct copse_txn;

enum copse_key_kind {
  COPSE_KEY_BYTES = 0,
  COPSE_KEY_U64 = 1,
  COPSE_KEY_SLOT = 2, /* not a map but an arena, which has a name among the maps: see arena.h. Its
                         records are found by the index of their slot */
};

/* What the bytes of a map's keys stand for. The store keeps it and looks at it when a map is opened; keys
 * are ordered by their bytes all the same, and are not looked into. */
enum copse_key_encoding {
  COPSE_KEYS_RAW = 0,   /* what the program knows */
  COPSE_KEYS_TUPLE = 1, /* tuples, in the encoding ctuple/1: see key.h */
};

/* Bytes lent to or by the library. */
struct copse_bytes {
  const void *data;
  size_t size;
};

/* What a map is, given at creation; all zero: byte strings to byte strings. */
struct copse_map_options {
  uint32_t key_kind;                 /* of enum copse_key_kind */
  uint32_t key_encoding;             /* of enum copse_key_encoding; of byte strings only */
  uint32_t value_size;               /* each value has exactly this many bytes (1 to 4096);
                                        0: any size */
  const struct copse_layout *layout; /* values are records of this layout (see record.h);
                                        value_size is then the layout's. NULL: plain bytes */
};

struct copse_map_info {
  char name[COPSE_MAP_NAME_MAX + 1];
  uint32_t id;           /* never used again in this store */
  uint32_t key_kind;     /* of enum copse_key_kind */
  uint32_t key_encoding; /* of enum copse_key_encoding */
  uint32_t value_size;   /* 0: any; of an arena: of its records */
  uint32_t has_layout;   /* 1: values are typed records */
  uint64_t layout_hash;  /* 0 without a layout */
  uint64_t count;        /* records */
  uint64_t changed;      /* the version whose commit last changed it */
};

/* Creates a map in a write transaction and opens it. name: 1 to COPSE_MAP_NAME_MAX bytes
 * without NUL. Errors: ARGUMENT, MAP_EXISTS, NO_SPACE, LIMIT, PINNED, MEMORY, STATE. */
COPSE_CHECKED int copse_map_create(struct copse_txn *txn, const char *name,
                                   const struct copse_map_options *options,
                                   struct copse_map **map);

/* Opens a map that is there in the view. options (may be NULL: take what is there) says what
 * the program expects; a typed map's layout is compared by hash, and the error's detail
 * names the first field that differs and how. To read a subset of the stored fields, open with
 * options NULL and use a projection (record.h).
 * Errors: NO_MAP, MAP_KIND, LAYOUT, CORRUPT, MEMORY, STATE. */
COPSE_CHECKED int copse_map_open(struct copse_view *view, const char *name,
                                 const struct copse_map_options *options, struct copse_map **map);

/* Opens the map, or creates it in a transaction of its own when there is none. timeout_ns as
 * for copse_txn_begin(). Errors: those of both. */
COPSE_CHECKED int copse_map_ensure(struct copse_store *store, const char *name,
                                   const struct copse_map_options *options, int64_t timeout_ns,
                                   struct copse_map **map);

/* Frees the handle. Cursors and watches on it must be closed before. */
COPSE_API void copse_map_close(struct copse_map *map);

/* Renames or drops a map in a transaction. Dropping returns at once: the space is taken back
 * a little by each later commit. Errors: NO_MAP, MAP_EXISTS, ARGUMENT, NO_SPACE, STATE. */
COPSE_CHECKED int copse_map_rename(struct copse_txn *txn, struct copse_map *map, const char *name);
COPSE_CHECKED int copse_map_drop(struct copse_txn *txn, struct copse_map *map);

/* What the view knows of a map. Errors: NO_MAP, CORRUPT. */
COPSE_CHECKED int copse_map_info(struct copse_view *view, struct copse_map *map,
                                 struct copse_map_info *info);

/* The first map whose name is greater than after (NULL: the first one), in byte order.
 * COPSE_NONE at the end. Errors: CORRUPT. */
COPSE_CHECKED int copse_map_next(struct copse_view *view, const char *after,
                                 struct copse_map_info *info);

/* The stored layout of a typed map, as a layout of its own that the caller frees with
 * copse_layout_free() (record.h). COPSE_NONE if the map has none. Errors: NO_MAP, CORRUPT,
 * MEMORY. */
COPSE_CHECKED int copse_map_layout(struct copse_view *view, struct copse_map *map,
                                   struct copse_layout **layout);

/* Writes a uint64 key in the byte form that maps of COPSE_KEY_U64 use, and reads it back. */
static inline void copse_key_u64(uint64_t key, uint8_t bytes[8]) {
  for (int i = 0; i < 8; i++)
    bytes[i] = (uint8_t)(key >> (56 - 8 * i));
}
static inline uint64_t copse_key_to_u64(const void *bytes) {
  const uint8_t *b = (const uint8_t *)bytes;
  uint64_t key = 0;
  for (int i = 0; i < 8; i++)
    key = key << 8 | b[i];
  return key;
}

#ifdef __cplusplus
}
#endif
#endif
