/* matrix.h - the rows of the matrices workloads: 2x2 complex matrices of 64 bytes, each the
 * product of three random gates, under ids that name the worker and its count. */
#ifndef BENCH_MATRIX_H
#define BENCH_MATRIX_H

#include "common.h"

enum { MATRIX_SIZE = 64, MATRIX_ID_SIZE = 8 };

/* The id as a key: big-endian, so that each worker's rows lie in order. */
static inline void matrix_id(unsigned worker, uint64_t n, uint8_t id[MATRIX_ID_SIZE]) {
  uint64_t number = __builtin_bswap64((uint64_t)worker << 40 | n);
  memcpy(id, &number, sizeof number);
}

/* Computes row n of a worker: the work that storing is compared with. */
void matrix_make(unsigned worker, uint64_t n, double matrix[8]);

/* What a scan over rows 0 to n - 1 of a worker adds to its checksum, with their ids or without. */
uint64_t matrix_sum(unsigned worker, uint64_t n, bool with_ids);

#endif
