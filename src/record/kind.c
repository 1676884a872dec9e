/* record/kind.c - the kinds of fields: their sizes and names, from the table in record.h. */
#include <string.h>

#include "copse/record.h"
#include "record/layout.h"

/* A compiler that lays these types out differently would read records wrongly. */
_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 sizes");
_Static_assert(sizeof(double _Complex) == 16 && sizeof(float _Complex) == 8, "two parts");

uint32_t copse_field_kind_size(uint32_t kind) {
  switch (kind) {
#define KIND_SIZE(kind, code, type, bytes)                                                         \
  case code: return bytes;
    COPSE_FIELD_KINDS(KIND_SIZE)
#undef KIND_SIZE
  default: return 0;
  }
}

const char *copse_field_kind_name(uint32_t kind) {
  switch (kind) {
#define KIND_NAME(kind, code, type, bytes)                                                         \
  case code: return #kind;
    COPSE_FIELD_KINDS(KIND_NAME)
#undef KIND_NAME
  default: return "?";
  }
}

uint32_t record_kind_find(const char *name, size_t size) {
#define KIND_FIND(kind, code, type, bytes)                                                         \
  if (size == sizeof(#kind) - 1 && memcmp(name, #kind, size) == 0)                                 \
    return code;
  COPSE_FIELD_KINDS(KIND_FIND)
#undef KIND_FIND
  return 0;
}
