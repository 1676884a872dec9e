/* store/changes.h - what those who send changes and those who apply them share. */
#ifndef STORE_CHANGES_H
#define STORE_CHANGES_H

#include "copse/copy.h"
#include "store/store.h"

uint32_t changes_head_crc(const struct changes_head *head);
/* Of a block whose head has `bytes`, behind the one of checksum `chain` (the first: the stream's head). */
uint32_t changes_block_crc(uint32_t chain, uint32_t bytes, const void *payload);

/* That of a version of a store, or of a sealed copy, which has this header. */
void position_set(const struct data_header *header, const struct root *root,
                  struct copse_position *position);
/* CHANGES when two positions are of different stores or timelines. */
int position_check(const struct copse_position *has, const struct copse_position *wanted);

#endif
