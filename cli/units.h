/* cli/units.h - numbers as people read them. */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include "text.h"

void units_bytes(struct text *t, uint64_t bytes); /* 1.5 MiB */
void units_count(struct text *t, uint64_t count); /* 1,234,567 */
/* 1 map, 2 maps */
void units_counted(struct text *t, uint64_t count, const char *noun);
void units_rate(struct text *t, double per_second); /* 1.23 M/s */
void units_time(struct text *t, uint64_t ns);       /* 12.3 us, 4.5 s, 3 h 12 min */

/* "64M": a whole number and an optional K, M, G or T, each 1024 times the one before. */
bool units_parse_bytes(const char *form, uint64_t *bytes);
/* "2.5": seconds, not negative. */
bool units_parse_seconds(const char *form, int64_t *ns);

#endif
