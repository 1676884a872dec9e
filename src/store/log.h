/* store/log.h - the log file of a store with durability sync: making, opening, writing, reading. */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "store/store.h"

struct log {
  struct region file; /* mapped whole, which also keeps its description, and LOG_BYTE with it */
  uint64_t half_bytes;
};

/* Makes the log of a store that has none, or one that is of no use. Errors: NO_SPACE, IO, ... */
int log_create(struct copse_store *store);
/* COPSE_NONE: there is none, or another store's, or half of one. */
int log_open(struct copse_store *store, struct log *log);
void log_close(struct log *log);

/* Fills the head of the record that `data` begins with, and writes it: durable when it returns. */
int log_write(struct log *log, unsigned half, uint64_t offset, struct log_record *data);
/* The whole record at an offset of a half; NULL: there is none. */
const struct log_record *log_record_at(const struct log *log, unsigned half, uint64_t offset);

#endif
