/* dom/names.c - the table of the well-known names, and an index by hash that is made at its first use. */
#include "dom/names.h"

#include <pthread.h>
#include <string.h>

/* Without pointers: a process that maps the library has nothing to relocate. */
struct known {
  uint8_t space, prefix, size;
  char local[29];
};
enum { PREFIX_NONE, PREFIX_XLINK, PREFIX_XML, PREFIX_XMLNS };
static const char prefixes[][6] = {"", "xlink", "xml", "xmlns"};

#define PREFIX_OF(space, number)                                                                   \
  ((space) == COPSE_NS_XLINK     ? PREFIX_XLINK                                                    \
   : (space) == COPSE_NS_XML     ? PREFIX_XML                                                      \
   : (number) == DOM_XMLNS_XMLNS ? PREFIX_NONE                                                     \
   : (space) == COPSE_NS_XMLNS   ? PREFIX_XMLNS                                                    \
                                 : PREFIX_NONE)
#define KNOWN(space, constant, local)                                                              \
  {COPSE_NS_##space, PREFIX_OF(COPSE_NS_##space, DOM_##space##_##constant), sizeof(local) - 1,     \
   local},
static const struct known table[] = {DOM_NAMES(KNOWN)};
#define TABLE_FIRST (DOM_NAME_FIRST + 1u)
_Static_assert(TABLE_FIRST + sizeof table / sizeof table[0] == DOM_NAMES_KNOWN, "numbers");

#define INDEX_SIZE 2048u
static uint16_t index_of[INDEX_SIZE]; /* numbers; 0: none */
static pthread_once_t index_once = PTHREAD_ONCE_INIT;
_Static_assert(sizeof table / sizeof table[0] * 2 < INDEX_SIZE + 256, "short probes");

static uint32_t hash_of(uint32_t space, const uint8_t *local, size_t size) {
  uint32_t hash = 2166136261u + space;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ local[i]) * 16777619u;
  return (hash ^ hash >> 15) % INDEX_SIZE;
}

static void index_make(void) {
  for (uint32_t number = TABLE_FIRST; number < DOM_NAMES_KNOWN; number++) {
    const struct known *known = &table[number - TABLE_FIRST];
    uint32_t at = hash_of(known->space, (const uint8_t *)known->local, known->size);
    while (index_of[at])
      at = (at + 1) % INDEX_SIZE;
    index_of[at] = (uint16_t)number;
  }
}

int dom_known_name(uint32_t number, struct dom_name *name) {
  if (number < TABLE_FIRST || number >= DOM_NAMES_KNOWN)
    return COPSE_NONE;
  const struct known *known = &table[number - TABLE_FIRST];
  const char *prefix = prefixes[known->prefix];
  *name = (struct dom_name){known->space, {prefix, strlen(prefix)}, {known->local, known->size}};
  return 0;
}

uint32_t dom_known_number(enum copse_namespace space, const void *prefix, size_t prefix_size,
                          const void *local, size_t size) {
  if (size == 0 || size >= sizeof table[0].local)
    return 0;
  pthread_once(&index_once, index_make);
  for (uint32_t at = hash_of(space, local, size); index_of[at]; at = (at + 1) % INDEX_SIZE) {
    const struct known *known = &table[index_of[at] - TABLE_FIRST];
    const char *wanted = prefixes[known->prefix];
    if (known->size == size && known->space == space && memcmp(known->local, local, size) == 0)
      return prefix_size == strlen(wanted) &&
                     memcmp(prefix_size ? prefix : "", wanted, prefix_size) == 0
                 ? index_of[at]
                 : 0;
  }
  return 0;
}
