/* region/format.h - the data file's first blocks.
 *
 *   offset  size   what
 *        0  4096   struct data_header: written at creation; the nonce alone again whenever
 *                  new coordination files are made (pwrite, by an attacher that is alone)
 *     4096  4096   struct root_slot A   \  a durable root each, alternating, checksummed,
 *     8192  4096   struct root_slot B   /  written by pwrite, never through the mapping
 *    12288  ...    pages, in units of 128 bytes; segments of 256 KiB counted from offset 0
 *
 * A store of several files: bytes [k x file_bytes, (k + 1) x file_bytes) of the above lie in file k, PATH-data-k,
 * behind FORMAT_FURTHER_HEAD bytes, of which the first 4096 are struct further_header.
 *
 * All integers little-endian (the only byte order supported; `byte_order` tells). */
#ifndef REGION_FORMAT_H
#define REGION_FORMAT_H

#include "base/bytes.h"

#define FORMAT_VERSION 1
#define FORMAT_BYTE_ORDER 0x01020304u
#define FORMAT_BLOCK 4096u
#define FORMAT_UNIT 128u
#define FORMAT_SEGMENT (256u * 1024)
#define FORMAT_FIRST_PAGE (3 * FORMAT_BLOCK)

/* The first eight bytes of each of the files. */
#define FORMAT_MAGIC_DATA 0x0a0d4553504f4389u    /* 89 "COPSE" 0d 0a */
#define FORMAT_MAGIC_READERS 0x0a0d5245504f4389u /* 89 "COPER" 0d 0a */
#define FORMAT_MAGIC_WRITERS 0x0a0d5745504f4389u /* 89 "COPEW" 0d 0a */
#define FORMAT_MAGIC_FURTHER 0x0a0d4644504f4389u /* 89 "COPDF" 0d 0a */

#define FORMAT_NONCE_REMOVED                                                                       \
  UINT64_MAX /* the store's removal has begun: there is no store any more */

#define FORMAT_NONCE_APPLYING                                                                      \
  (UINT64_MAX - 1) /* sealed copies: changes are half-applied, and PATH-applying has them */

/* Features that this build knows, beside FORMAT_SEALED, and puts into what it creates: those that any
 * build may ignore, that one must know to write, and to read. A test builds libraries of a later day. */
#ifndef FORMAT_COMPAT
#define FORMAT_COMPAT 0u
#endif
#ifndef FORMAT_READ_COMPAT
#define FORMAT_READ_COMPAT 0u
#endif
#ifndef FORMAT_INCOMPAT
#define FORMAT_INCOMPAT 0u
#endif

/* Of read_compat: the file is complete and not written again, but to bring it up to date; no coordination files belong to it. */
#define FORMAT_SEALED 1u

struct data_header {
  uint64_t magic;             /*   0 FORMAT_MAGIC_DATA */
  uint32_t version;           /*   8 FORMAT_VERSION: a reader refuses a greater one */
  uint32_t byte_order;        /*  12 FORMAT_BYTE_ORDER */
  uint64_t compat;            /*  16 features that any build may ignore */
  uint64_t read_compat;       /*  24 features that a build must know to write */
  uint64_t incompat;          /*  32 features that a build must know to read */
  uint32_t unit;              /*  40 FORMAT_UNIT */
  uint32_t segment;           /*  44 FORMAT_SEGMENT */
  uint64_t store_id[2];       /*  48 random: this store's identity */
  uint64_t nonce;             /*  64 names the coordination files that belong to this file now. Torn
                                 by a power cut it names none, which only means: none are current */
  uint64_t max_bytes;         /*  72 bound of the data file, multiple of a segment */
  uint32_t durability;        /*  80 enum copse_durability, never DEFAULT */
  uint32_t slow_reader;       /*  84 enum copse_slow_reader */
  uint64_t slow_reader_bytes; /* 88 */
  uint64_t created_ns;        /*  96 wall clock */
  uint64_t sync_bytes;        /* 104 bytes of pages written between two durable roots; 0: 256 MiB */
  uint32_t sync_interval_ms;  /* 112 time between them; 0: one second */
  uint32_t zero0;
  uint64_t
      sealed_units; /* 120 of a sealed copy: units of its pages, which are all in use; 0: not counted */
  uint64_t source_id[2]; /* 128 of a sealed copy: identity of the store that it is one of */
  uint64_t
      file_bytes; /* 144 of the data in each file but the last, multiple of a segment; 0: one file */
  uint8_t zero1[FORMAT_BLOCK - 152 - 4];
  uint32_t crc; /* 4092 CRC-32C of all before, with a nonce of 0 */
};
_Static_assert(sizeof(struct data_header) == FORMAT_BLOCK, "header is one block");
_Static_assert(offsetof(struct data_header, nonce) == 64, "offset");
_Static_assert(offsetof(struct data_header, sealed_units) == 120, "offset");
_Static_assert(offsetof(struct data_header, file_bytes) == 144, "offset");
_Static_assert(offsetof(struct data_header, crc) == 4092, "offset");

#define FORMAT_FURTHER_HEAD                                                                        \
  (UINT64_C(2) << 20) /* a hole but for the header; a multiple of every page size */
#define FORMAT_FILES_MOST 1024u

/* Written once, before anything of the file is used. */
struct further_header {
  uint64_t magic;       /*  0 FORMAT_MAGIC_FURTHER */
  uint32_t version;     /*  8 FORMAT_VERSION */
  uint32_t number;      /* 12 of the file: 1 and so on */
  uint64_t store_id[2]; /* 16 of the data file */
  uint64_t file_bytes;  /* 32 as there */
  uint8_t zero[FORMAT_BLOCK - 40 - 4];
  uint32_t crc; /* 4092 CRC-32C of all before */
};
_Static_assert(sizeof(struct further_header) == FORMAT_BLOCK, "header is one block");
_Static_assert(offsetof(struct further_header, crc) == 4092, "offset");

static inline uint32_t data_header_crc(const struct data_header *header) {
  struct data_header fixed = *header;
  fixed.nonce = 0;
  return base_crc32c(&fixed, offsetof(struct data_header, crc));
}

/* What a version of the store is: all that a reader needs. With a struct recent_map, also the payload of
 * the root records in the writers' file (sync/format.h). */
struct root {
  uint64_t version;
  uint64_t table;    /* page reference of the map table; 0: no maps */
  uint64_t next_map; /* ids below have been given out; also gives the table's depth */
  uint64_t limit;    /* bytes of the data file that references may point into */
  uint64_t time_ns;  /* wall clock at commit */
  uint64_t timeline; /* 1 in a new store, another random number after each recovery */
};

/* The map that a version changed first, published beside its root: spares its readers the way
 * through the map table, whose page has just been written by another processor. */
struct recent_map {
  uint64_t tag; /* of the map; 0: none */
  uint64_t tree;
  uint64_t count;
};

struct root_slot {
  uint64_t magic;    /*  0 FORMAT_MAGIC_DATA */
  uint64_t sequence; /*  8 rises with each durable root; the greater valid one counts */
  struct root root;  /* 16 */
  uint64_t clean;    /* 64 1: nothing was written to the file after this root */
  uint64_t nonce;    /* 72 of the coordination files in use when it was written */
  uint8_t zero[FORMAT_BLOCK - 80 - 4];
  uint32_t crc; /* 4092 CRC-32C of all before */
};
_Static_assert(sizeof(struct root_slot) == FORMAT_BLOCK, "root slot is one block");
_Static_assert(offsetof(struct root_slot, clean) == 64, "offset");

#endif
