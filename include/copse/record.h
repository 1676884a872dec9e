/* copse/record.h - typed records: C structs as values, with their layout kept in the store.
 *
 * A layout lists the fields of a struct: name, kind, offset, how many. There is no kind for
 * pointers, and a struct with bytes that no field describes does not compile (name padding as
 * a field of kind pad).
 *
 *     struct quote {
 *       uint64_t time_ns;
 *       double bid, ask;
 *       int32_t size[2];
 *       char symbol[8];
 *     };
 *     #define QUOTE_FIELDS(F)                                               \
 *       F(u64, time_ns, 1) F(f64, bid, 1) F(f64, ask, 1) F(i32, size, 2)    \
 *       F(text, symbol, 8)
 *     COPSE_RECORD(quote, QUOTE_FIELDS)
 *
 * which defines a function that returns the layout, for any thread, with nothing to free:
 *
 *     static inline const struct copse_layout *quote_layout(void);
 *
 * The layout is given to copse_map_create() and copse_map_open(); two programs that disagree
 * about a struct find out there, with an error that names the field. Which C types fit which
 * kind is told in record_macro.h. Numbers are kept as this machine has them: little-endian.
 *
 * The functions here keep no state; any threads may call them at once. */
#ifndef COPSE_RECORD_H
#define COPSE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define COPSE_FIELD_NAME_MAX 63 /* bytes in a field's name */
#define COPSE_LAYOUT_FIELDS_MAX 1024
#define COPSE_RECORD_MAX 4096 /* bytes in a record of a map */
#define COPSE_LAYOUT_SIZE_MAX 65535 /* and of an arena, if it has a layout */

/* X(kind, code, C type, bytes): the bytes of one element */
/* clang-format off */
#define COPSE_FIELD_KINDS(X)                                                                       \
  X(u8, 1, uint8_t, 1) X(i8, 2, int8_t, 1) X(u16, 3, uint16_t, 2) X(i16, 4, int16_t, 2)            \
  X(u32, 5, uint32_t, 4) X(i32, 6, int32_t, 4) X(u64, 7, uint64_t, 8) X(i64, 8, int64_t, 8)        \
  X(f32, 9, float, 4) X(f64, 10, double, 8)                                                        \
  X(text, 11, char, 1)   /* UTF-8, ends at the first NUL or at the array's end */                  \
  X(bytes, 12, uint8_t, 1) X(pad, 13, uint8_t, 1)                                                  \
  X(c32, 14, float, 8) X(c64, 15, double, 16) /* complex: two numbers, real and imaginary */
/* clang-format on */

enum copse_field_kind {
#define COPSE_FIELD_ENUM(kind, code, type, bytes) COPSE_FIELD_##kind = code,
  COPSE_FIELD_KINDS(COPSE_FIELD_ENUM)
#undef COPSE_FIELD_ENUM
};

/* A name is UTF-8 and looks like an identifier: letters, digits and '_', no digit first, or
 * characters beyond ASCII that are visible. Fields may have several such parts, "pos.x". */
struct copse_field {
  const char *name; /* at most COPSE_FIELD_NAME_MAX bytes; each once in a layout */
  uint32_t kind;    /* of enum copse_field_kind */
  uint32_t offset;  /* bytes from the start of the struct */
  uint32_t count;   /* array elements; 1 for a scalar */
};

struct copse_layout {
  const char *name;                 /* of the struct; at most COPSE_FIELD_NAME_MAX bytes */
  uint32_t size;                    /* sizeof the struct */
  uint32_t field_count;             /* 1 to COPSE_LAYOUT_FIELDS_MAX */
  const struct copse_field *fields; /* by rising offset, without gaps */
  uint64_t hash; /* of what copse_layout_compare() looks at; 0 until copse_layout_init() */
};

/* Completes a layout: checks it (names, kinds, limits, fields in order without gap or overlap)
 * and sets the hash, nothing else; the struct, fields and names stay the caller's. Called once
 * by COPSE_RECORD, and by programs for layouts they build at run time. Several threads may
 * complete one layout at once. Errors: ARGUMENT, naming the field. */
COPSE_CHECKED int copse_layout_init(struct copse_layout *layout);

/* 0 if both have the same fields (name, kind, count) at the same offsets in records of the same
 * size; else LAYOUT, with a detail that names the first field that differs and how. The name of
 * the record and the names of pad fields do not count. Both layouts must be valid. */
COPSE_CHECKED int copse_layout_compare(const struct copse_layout *stored,
                                       const struct copse_layout *expected);

/* Frees a layout that copse_map_layout() or copse_layout_parse() gave. NULL is allowed. */
COPSE_API void copse_layout_free(struct copse_layout *layout);

/* A layout as text and back, "name { u64 time_ns; i32 size[2]; }": what tools print and read.
 * Blanks and line ends may stand anywhere between words and marks; a count of 1 is left out.
 * format: writes at most size bytes with the final NUL, returns the bytes needed without it.
 * parse: the layout is complete, and the caller's: copse_layout_free(). Errors: ARGUMENT (naming
 * the place), MEMORY. */
COPSE_API size_t copse_layout_format(const struct copse_layout *layout, char *text, size_t size);
COPSE_CHECKED int copse_layout_parse(const char *text, struct copse_layout **layout);

/* The bytes of one element of a kind; 0 if there is no such kind. The kind's name, static
 * storage; "?" if there is no such kind. */
COPSE_API uint32_t copse_field_kind_size(uint32_t kind);
COPSE_API const char *copse_field_kind_name(uint32_t kind);

/* A projection reads some fields of stored records into a struct of another layout: every
 * field of wanted must be in stored under the same name, with the same kind and count, at any
 * offset. Pad fields of wanted need no counterpart and are zeroed. The projection keeps nothing
 * of the layouts; it belongs to the caller, who closes it, and may be used by all threads.
 * Errors: ARGUMENT (a layout is not valid), LAYOUT (naming the field), MEMORY. */
struct copse_projection;
COPSE_CHECKED int copse_projection_open(const struct copse_layout *stored,
                                        const struct copse_layout *wanted,
                                        struct copse_projection **projection);

/* Copies the fields of one stored record (stored->size bytes, at any address) to a struct
 * (wanted->size bytes). Cannot fail. */
COPSE_API void copse_projection_read(const struct copse_projection *projection,
                                     const void *stored_record, void *record);

/* Frees it. NULL is allowed. */
COPSE_API void copse_projection_close(struct copse_projection *projection);

#ifdef __cplusplus
}
#endif

#include "record_macro.h"
#endif
