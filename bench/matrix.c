/* matrix.c - see matrix.h. */
#include "matrix.h"

#include <complex.h>

enum { GATES = 8, GATES_PER_MATRIX = 3 };
#define HALF 0.70710678118654752440

/* I, X, Y, Z, H, S, T and the inverse of T, row by row. */
static const double complex gates[GATES][4] = {
    {1, 0, 0, 1},
    {0, 1, 1, 0},
    {0, -1.0 * I, 1.0 * I, 0},
    {1, 0, 0, -1},
    {HALF, HALF, HALF, -HALF},
    {1, 0, 0, 1.0 * I},
    {1, 0, 0, HALF + HALF *I},
    {1, 0, 0, HALF - HALF *I},
};

void matrix_make(unsigned worker, uint64_t n, double matrix[8]) {
  uint64_t choice = mix64(((uint64_t)worker << 40 | n) * SPLITMIX_GAMMA);
  double complex product[4], next[4];
  memcpy(product, gates[choice % GATES], sizeof product);
  for (int g = 1; g < GATES_PER_MATRIX; g++) {
    const double complex *gate = gates[(choice >> (8 * g)) % GATES];
    for (int i = 0; i < 4; i++) {
      const double complex *row = product + (i & 2);
      const double complex *column = gate + (i & 1);
      double real = creal(row[0]) * creal(column[0]) - cimag(row[0]) * cimag(column[0]) +
                    creal(row[1]) * creal(column[2]) - cimag(row[1]) * cimag(column[2]);
      double imaginary = creal(row[0]) * cimag(column[0]) + cimag(row[0]) * creal(column[0]) +
                         creal(row[1]) * cimag(column[2]) + cimag(row[1]) * creal(column[2]);
      next[i] = real + imaginary * I;
    }
    memcpy(product, next, sizeof product);
  }
  memcpy(matrix, product, MATRIX_SIZE);
}

uint64_t matrix_sum(unsigned worker, uint64_t n, bool with_ids) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint8_t id[MATRIX_ID_SIZE];
    double matrix[8];
    matrix_id(worker, i, id);
    matrix_make(worker, i, matrix);
    sum += (with_ids ? words_sum(id, sizeof id) : 0) + words_sum(matrix, sizeof matrix);
  }
  return sum;
}
