/* cli/npy.h - arrays in files: numpy's .npy (format 1.0 to 3.0, as numpy.lib.format tells), and the text of
 * numpy.savetxt(). */
#ifndef CLI_NPY_H
#define CLI_NPY_H

#include "session.h"

enum { ARRAY_DIMENSIONS_MAX = 32 };

/* An array of numbers, in C order. */
struct array {
  uint32_t kind; /* of its numbers: enum copse_field_kind */
  uint32_t dimensions;
  uint64_t shape[ARRAY_DIMENSIONS_MAX];
  const char *data; /* lent */
  size_t size;      /* bytes */
};

/* What a file's content is. The numbers lie in it, or in *numbers. */
bool array_from_npy(struct array *array, const struct text *content, struct text *numbers,
                    struct problem *p);
/* As numpy.loadtxt() reads it: rows of numbers, real (f64) or all complex (c64); '#' begins a comment. */
bool array_from_text(struct array *array, const struct text *content, struct text *numbers,
                     struct problem *p);

/* The layout of records that are such arrays: "array_2x2 { c64 value[4]; }", or "scalar { f64 value; }". */
void array_layout(const struct array *array, struct text *out);

/* The head of an .npy of so many records of a shape: numbers and arrays when the records are single ones of
 * those, records with fields, or of plain bytes. *what receives how numpy calls it. */
void npy_head(struct text *out, const struct shape *shape, uint64_t count, struct text *what);

#endif
