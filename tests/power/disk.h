/* power/disk.h - what a disk may hold after a power cut.
 *
 * While a store is recorded, every operation on its files goes through the seam (region/os.h), and
 * at each one, and whenever the test says so, the files are compared with what they were: each
 * sector that changed, by a write or through a mapping, is kept with the moment at which
 * that was seen. A sync that has returned makes durable what was there when it began.
 *
 * A cut at a moment then leaves of each sector what was durable, or any later state up to that
 * moment: written back early, late or never, in any order, torn into sectors of 512 bytes;
 * and of each file's length likewise. */
#ifndef POWER_DISK_H
#define POWER_DISK_H

#include "test.h"

struct disk;

/* Records the store at `path` from now on, until disk_stop(); what is there is taken as durable. One
 * at a time. */
struct disk *disk_record(const char *path);
void disk_stop(struct disk *disk);
void disk_free(struct disk *disk);

/* Looks at the files now: what is in memory may be written back at this moment. */
void disk_look(struct disk *disk);
/* Lets the next lock of a byte of the data file fail: that of a sync that has just been asked for. */
void disk_refuse_lock(struct disk *disk);
/* Moments so far; the last one is now. */
unsigned disk_moment(const struct disk *disk);

enum disk_cut {
  DISK_ALL,     /* everything was written back */
  DISK_DURABLE, /* nothing was that had not to be */
  DISK_PAGES,   /* each page: any state it had */
  DISK_SECTORS, /* each sector: any state it had */
  DISK_BUT_ONE, /* everything but one sector */
  DISK_ONE,     /* nothing but one page */
  DISK_CUTS
};
/* Makes at path `to` what a cut at a moment leaves. 1: the store was not there yet. */
int disk_cut(const struct disk *disk, unsigned moment, enum disk_cut cut,
             struct test_random *random, const char *to);

#endif
