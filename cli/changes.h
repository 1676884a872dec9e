/* cli/changes.h - changed keys as diff and watch print them. */
#ifndef CLI_CHANGES_H
#define CLI_CHANGES_H

#include "value.h"
#include <copse/copse.h>

/* What stands before a change on its line; a member left NULL or 0 is left out. */
struct change_context {
  const char *map;
  uint64_t version;
  const struct shape *before, *after; /* of the two sides; the same for one map */
  bool keys_only;
};

/* A line "+ KEY VALUE", "- KEY VALUE" or "~ KEY BEFORE AFTER" with tabs between, or JSON. */
void change_show(struct text *out, const struct change_context *context,
                 const struct copse_change *change);

#endif
