/* copse/key.h - tuple keys: several values in one key, ordered as the values are.
 *
 * The encoding ctuple/1 has the codes of FoundationDB's tuple layer (its design/tuple.md), held
 * strictly, and one more for instants: each tuple has one encoding, and the order of encodings as byte strings is
 * that of the tuples, element by element:
 *
 *     null < bytes < text < nested tuple < integers < floats < doubles < false < true < uuid < instant
 *
 * and a tuple before those that it begins. Text is ordered as its UTF-8; every integer is before
 * every double; -0.0 is before 0.0, and NaNs are at the ends. A map says that its keys are such tuples by
 * COPSE_KEYS_TUPLE (map.h). docs/FORMAT.md has the table of codes.
 *
 *     uint8_t key[COPSE_KEY_MAX];
 *     struct copse_key_writer w;
 *     size_t size;
 *     copse_key_write(&w, key, sizeof key, 0);
 *     copse_key_put_text(&w, "H", 1);
 *     copse_key_put_i64(&w, 42);
 *     int result = copse_key_finish(&w, &size);
 *
 * The functions keep no state; any threads may call them at once. */
#ifndef COPSE_KEY_H
#define COPSE_KEY_H

#include "transaction.h"

#ifdef __cplusplus
extern "C" {
#endif

#define COPSE_TUPLE_DEPTH_MAX 32   /* tuples inside of one another, the outermost not counted */
#define COPSE_TUPLE_BIGINT_MAX 255 /* bytes of an integer */

enum copse_element_type {
  COPSE_ELEMENT_NULL = 1,
  COPSE_ELEMENT_BYTES,
  COPSE_ELEMENT_TEXT,
  COPSE_ELEMENT_NESTED, /* a nested tuple begins */
  COPSE_ELEMENT_END,    /* it ends */
  COPSE_ELEMENT_INT,    /* fits int64_t */
  COPSE_ELEMENT_UINT,   /* greater, fits uint64_t */
  COPSE_ELEMENT_BIGINT, /* fits neither */
  COPSE_ELEMENT_FLOAT,
  COPSE_ELEMENT_DOUBLE,
  COPSE_ELEMENT_BOOL,
  COPSE_ELEMENT_UUID,
  COPSE_ELEMENT_INSTANT,
};

/* --- writing ------------------------------------------------------------------------- */

enum copse_key_flag {
  COPSE_KEY_NAN = 1,      /* takes NaNs, which are refused otherwise */
  COPSE_KEY_ONE_ZERO = 2, /* writes -0.0 as 0.0 */
};

/* The caller's; its members are the library's, except that size may be read: bytes so far. */
struct copse_key_writer {
  uint8_t *data;
  size_t capacity, size;
  uint32_t flags, depth;
  int result; /* of the first call that failed; calls after it do nothing */
};

/* Begins a tuple in memory of the caller. flags: of enum copse_key_flag. capacity 0: only counts. */
COPSE_API void copse_key_write(struct copse_key_writer *w, void *memory, size_t capacity,
                               uint32_t flags);

/* Each adds an element; what is wrong is told by copse_key_finish(). */
COPSE_API void copse_key_put_null(struct copse_key_writer *w);
COPSE_API void copse_key_put_bool(struct copse_key_writer *w, int value);
COPSE_API void copse_key_put_i64(struct copse_key_writer *w, int64_t value);
COPSE_API void copse_key_put_u64(struct copse_key_writer *w, uint64_t value);
/* An integer of any size: its magnitude, big-endian. */
COPSE_API void copse_key_put_bigint(struct copse_key_writer *w, int negative, const void *magnitude,
                                    size_t size);
COPSE_API void copse_key_put_double(struct copse_key_writer *w, double value);
COPSE_API void copse_key_put_bytes(struct copse_key_writer *w, const void *data, size_t size);
COPSE_API void copse_key_put_text(struct copse_key_writer *w, const void *utf8, size_t size);
COPSE_API void copse_key_put_uuid(struct copse_key_writer *w, const uint8_t uuid[16]);
/* A point in time: microseconds since 1970 UTC. */
COPSE_API void copse_key_put_instant(struct copse_key_writer *w, int64_t microseconds);
/* What is put between these is a tuple of its own, and one element of the outer one. */
COPSE_API void copse_key_begin_nested(struct copse_key_writer *w);
COPSE_API void copse_key_end_nested(struct copse_key_writer *w);

/* Ends the tuple; *size is how many bytes it has. Errors: KEY_SIZE (the memory is too small: w->size bytes
 * are needed), ARGUMENT (text that is not UTF-8, NaN, an integer of too many bytes, nested too deeply, or
 * begun and ended differently often), of the first call that failed. */
COPSE_CHECKED int copse_key_finish(struct copse_key_writer *w, size_t *size);

/* --- reading ------------------------------------------------------------------------- */

struct copse_element {
  uint32_t type;     /* of enum copse_element_type */
  uint32_t escaped;  /* bytes and text: 1: copse_element_bytes() is needed, data is not the string itself */
  uint32_t negative; /* bigint: 1: less than 0 */
  const void *data;  /* bytes, text, uuid, bigint: in place, in the key */
  size_t size;       /* of data */
  size_t at;         /* where in the key the element begins */
  union {
    int64_t i64; /* int; bool: 0 or 1; instant: microseconds since 1970 UTC */
    uint64_t u64; /* uint */
    double f64;   /* double and float */
  };
};

/* The caller's, and all zero but for data and size at the beginning: {key, size}. The key's memory must stay. */
struct copse_key_reader {
  const void *data;
  size_t size, at; /* at: where the next element begins */
  uint32_t depth;
};

/* The next element, COPSE_NONE behind the last one. A nested tuple gives NESTED, its elements, END. Never
 * reads beyond the key. Errors: KEY_FORM, with a sentence that says what is wrong at which byte. */
COPSE_CHECKED int copse_key_next(struct copse_key_reader *reader, struct copse_element *element);
/* Passes over the next element, a nested tuple as a whole. Like copse_key_next() otherwise. */
COPSE_CHECKED int copse_key_skip(struct copse_key_reader *reader);
/* Copies the string of bytes or text without its escapes, or the magnitude of a bigint (big-endian), to
 * memory that has room for element->size bytes; returns how many there are. */
COPSE_API size_t copse_element_bytes(const struct copse_element *element, void *memory);

/* 0 when the whole key is a tuple. Errors: KEY_FORM. */
COPSE_CHECKED int copse_key_check(const void *key, size_t size);

/* --- order and ranges ---------------------------------------------------------------- */

/* < 0, 0, > 0: the order of keys, encoded or raw. */
COPSE_API int copse_key_compare(const void *a, size_t a_size, const void *b, size_t b_size);

/* The tuples that begin with all elements of this one and have more; closed 1: and this one too. The
 * byte key[size] must be there and is written. The range refers to the key's memory. */
COPSE_API void copse_key_range(void *key, size_t size, uint32_t closed, struct copse_range *range);
/* The tuples that are alike up to the last element, bytes or text, and in its place have a string that begins
 * with it, whatever follows. Refers to the key's memory. Errors: KEY_FORM, ARGUMENT (the last element is none of these). */
COPSE_CHECKED int copse_key_string_range(const void *key, size_t size, struct copse_range *range);
/* Changes a byte string to the least one that is greater than all that begin with it; *size gets
 * smaller, or stays. COPSE_NONE if there is none: it is empty, or has bytes ff only. */
COPSE_CHECKED int copse_key_end(void *key, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
