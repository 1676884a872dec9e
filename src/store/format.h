/* store/format.h - the map table and the catalog.
 *
 * The map table finds a map's tree by its id in constant time: a radix of pages (kind
 * PAGE_TABLE) of 16 places each, as deep as root.next_map asks for. Level 0 holds struct map_entry,
 * higher levels references (0: nothing below). The page of a table with one level is as
 * small as its entries allow.
 *
 * Map 0 is the catalog: name -> struct catalog_entry, then the record layout as encoded by
 * record/encode.c. It is an ordinary map, and not listed in itself.
 *
 * An id whose map's creation was undone is given out again, perhaps by another process: a handle names a
 * map by id and tag. */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include "page/format.h"

#define TABLE_FANOUT 16u
#define TABLE_LEVELS_MAX 8u /* 2^32 ids */

struct map_entry {
  uint64_t root;    /* of its tree; 0: empty */
  uint64_t count;   /* records */
  uint64_t changed; /* version that changed it last */
  uint64_t tag;     /* random, odd, the same as in the catalog; 0: no such map */
};

struct table_page {
  struct page_head head; /* level: 0 holds entries */
  union {
    struct map_entry entries[TABLE_FANOUT];
    uint64_t children[TABLE_FANOUT];
  };
};

struct catalog_entry {
  uint32_t id;
  uint16_t key_kind;
  uint16_t key_encoding;
  uint32_t value_size;
  uint32_t layout_size; /* bytes of the encoded layout behind this; 0: plain values */
  uint64_t layout_hash;
  uint64_t created; /* version */
  uint64_t tag;     /* of map_entry */
};
_Static_assert(sizeof(struct catalog_entry) == 40, "catalog entry");

/* A record takes at least so many bytes of the file: a map or an arena cannot count more of them. */
#define RECORD_BYTES_LEAST 1u

#define CATALOG_ID 0u
#define CATALOG_TAG 1u

/* The log of a store with durability sync, PATH-log: a header of 4096 bytes, then two halves. A half
 * holds records without gaps, from its start on, all of one salt. A record leads from one
 * version to another by what follows it, a delta (delta.h). */
#define FORMAT_MAGIC_LOG 0x0a0d474c504f4389u /* 89 "COPLG" 0d 0a */

struct log_header {
  uint64_t magic;   /*  0 FORMAT_MAGIC_LOG */
  uint32_t version; /*  8 FORMAT_VERSION */
  uint32_t zero0;
  uint64_t store_id[2]; /* 16 of the data file */
  uint64_t half_bytes;  /* 32 of each half, a multiple of 4096 */
  uint8_t zero1[FORMAT_BLOCK - 40 - 4];
  uint32_t crc; /* 4092 CRC-32C of all before */
};
_Static_assert(sizeof(struct log_header) == FORMAT_BLOCK, "one block");

#define LOG_RECORD_MAGIC 0x52504f43u /* "COPR" */
struct log_record {
  uint32_t magic;    /*  0 LOG_RECORD_MAGIC */
  uint32_t crc;      /*  4 CRC-32C of all that follows */
  uint64_t size;     /*  8 of the record, this included */
  uint64_t timeline; /* 16 of the store when it was written */
  uint64_t salt;     /* 24 random: of the half since it was begun anew */
  uint64_t from, to; /* 32 versions */
  uint64_t next_map; /* 48 of `to` */
  uint64_t time_ns;  /* 56 of the commit of `to` */
};
_Static_assert(sizeof(struct log_record) == 64, "record");

/* Changes: a stream of a head, blocks with pages, and a block without, the end. A block's payload is
 * entries, each followed by its bytes: a page, or a part of one that does not fit in a block. */
#define FORMAT_MAGIC_CHANGES 0x0a0d4843504f4389u /* 89 "COPCH" 0d 0a */

struct changes_head {
  uint64_t magic;            /*   0 FORMAT_MAGIC_CHANGES */
  uint32_t version;          /*   8 FORMAT_VERSION */
  uint32_t crc;              /*  12 CRC-32C of all that follows */
  uint64_t since;            /*  16 the version that they lead from; 0: everything */
  struct root root;          /*  24 of the version that they lead to */
  uint64_t zero[7];          /*  72 */
  struct data_header header; /* 128 that a sealed copy of it has, its pages not counted */
};
_Static_assert(offsetof(struct changes_head, since) == 16, "offset");
_Static_assert(offsetof(struct changes_head, header) == 128, "offset");
_Static_assert(sizeof(struct changes_head) == 4224, "head");

struct changes_block {
  uint32_t bytes; /* of the payload, which follows; 0: the end of the stream */
  uint32_t crc;   /* CRC-32C of the checksum of the block before (the head's), of `bytes` and of the
                     payload's CRC-32C, four bytes each */
};
#define CHANGES_BLOCK_MAX (256u * 1024)

struct changes_entry {
  uint64_t offset; /* in the file; this and the size are multiples of 128 bytes */
  uint64_t size;   /* of what follows */
};

#endif
