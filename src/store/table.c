/* store/table.c - the map table: a radix of pages from a map's id to its tree. */
#include "store/store.h"

#include <string.h>

static uint32_t levels_for(uint64_t next_map) {
  uint32_t levels = 1;
  for (uint64_t reach = TABLE_FANOUT; reach < next_map && levels <= TABLE_LEVELS_MAX;
       reach *= TABLE_FANOUT)
    levels++; /* one too many for a count that makes no sense */
  return levels;
}

/* Opens a page of the table; *places: how many entries or references it has room for. */
static int table_open(struct page_view *pages, uint64_t ref, uint32_t level,
                      const struct table_page **out, uint32_t *places) {
  uint64_t size;
  const struct table_page *page = page_locate(pages, ref, &size);
  if (page && pages->copy) {
    const void *copied;
    int result = pages->copy(pages, page, size, TREE_DEPTH_MAX + 2 + level, &copied);
    if (result)
      return result;
    page = copied;
  }
  uint64_t unit = level ? sizeof(uint64_t) : sizeof(struct map_entry);
  if (!page || page->head.kind != PAGE_TABLE || page->head.level != level ||
      level >= TABLE_LEVELS_MAX)
    return node_corrupt(ref, "leads to a damaged page of the map table");
  uint64_t n = (size - sizeof(struct page_head)) / unit;
  *places = n < TABLE_FANOUT ? (uint32_t)n : TABLE_FANOUT;
  *out = page;
  return 0;
}

int table_lookup(struct page_view *pages, const struct root *root, uint32_t id,
                 struct map_entry *entry) {
  uint64_t ref = root->table;
  uint32_t levels = levels_for(root->next_map);
  memset(entry, 0, sizeof *entry);
  if (id >= root->next_map || ref == 0)
    return 0;
  if (levels > TABLE_LEVELS_MAX)
    return node_corrupt(ref, "belongs to a root that counts too many maps");
  for (uint32_t level = levels; level-- > 0;) {
    const struct table_page *page;
    uint32_t places, at = id >> (4 * level) & (TABLE_FANOUT - 1);
    int result = table_open(pages, ref, level, &page, &places);
    if (result)
      return result;
    if (at >= places)
      return 0;
    if (level == 0) {
      *entry = page->entries[at];
      return entry->count <= root->limit / RECORD_BYTES_LEAST
                 ? 0
                 : node_corrupt(ref, "has a map of more records than the store has room for");
    }
    ref = page->children[at];
    if (ref == 0)
      return 0;
  }
  return 0;
}

/* Bytes of a table page whose last used place is `last`. */
static uint32_t table_bytes(uint32_t level, uint32_t last) {
  return (uint32_t)sizeof(struct page_head) +
         (last + 1) * (uint32_t)(level ? sizeof(uint64_t) : sizeof(struct map_entry));
}

/* A copy of a table page (or a new, empty one) that this transaction may write. */
static int table_copy(struct pager *pager, uint64_t ref, uint32_t level, uint32_t last,
                      uint64_t *new_ref, struct table_page **out) {
  const struct table_page *old = NULL;
  uint32_t places = 0, actual, unit = level ? sizeof(uint64_t) : sizeof(struct map_entry);
  void *page;
  if (ref) {
    int result = table_open(&pager->view, ref, level, &old, &places);
    if (result)
      return result;
    if (last < places && pager_is_dirty(pager, &old->head)) {
      *new_ref = ref;
      *out = (struct table_page *)old;
      return 0;
    }
  }
  if (places > last + 1)
    last = places - 1;
  int result = pager_alloc(pager, table_bytes(level, last), 1, new_ref, &page, &actual);
  if (result)
    return result;
  struct table_page *copy = page;
  copy->head.kind = PAGE_TABLE;
  copy->head.level = (uint8_t)level;
  uint32_t used = places * unit;
  if (old)
    memcpy(copy->entries, old->entries, used);
  memset((uint8_t *)copy->entries + used, 0, actual - sizeof(struct page_head) - used);
  if (old)
    pager_drop(pager, ref);
  *out = copy;
  return 0;
}

/* Whether nothing is left on a page: no map, no page below. */
static int table_empty(const struct table_page *page, uint32_t level) {
  uint64_t bytes = (uint64_t)page->head.units * FORMAT_UNIT - sizeof page->head;
  uint32_t places = (uint32_t)(bytes / (level ? sizeof(uint64_t) : sizeof(struct map_entry)));
  for (uint32_t i = 0; i < places && i < TABLE_FANOUT; i++)
    if (level ? page->children[i] : page->entries[i].tag)
      return 0;
  return 1;
}

/* Writes one map's entry below `ref`. Ids are not used again: a page whose maps are all dropped goes,
 * *new_ref is then 0. */
static int entry_write(struct pager *pager, uint64_t ref, uint32_t level, const struct txn_map *map,
                       uint64_t *new_ref) {
  uint32_t at = map->id >> (4 * level) & (TABLE_FANOUT - 1);
  struct table_page *page;
  if (!map->tag && ref == 0) {
    *new_ref = 0;
    return 0;
  }
  int result = table_copy(pager, ref, level, at, new_ref, &page);
  if (result == 0 && level)
    result = entry_write(pager, page->children[at], level - 1, map, &page->children[at]);
  if (result)
    return result;
  if (level == 0)
    page->entries[at] = !map->tag ? (struct map_entry){0}
                                  : (struct map_entry){.root = map->tree.root,
                                                       .count = map->tree.count,
                                                       .changed = pager->version,
                                                       .tag = map->tag};
  if (!map->tag && table_empty(page, level)) {
    pager_drop(pager, *new_ref);
    *new_ref = 0;
  }
  return 0;
}

int table_write(struct pager *pager, struct root *root, const struct txn_map *maps,
                uint32_t map_count, uint64_t next_map) {
  uint32_t level = root->table ? levels_for(root->next_map) : levels_for(next_map);
  uint64_t table = root->table;
  for (; level < levels_for(next_map); level++) { /* one level more on top */
    struct table_page *page;
    uint64_t ref;
    int result = table_copy(pager, 0, level, TABLE_FANOUT - 1, &ref, &page);
    if (result)
      return result;
    page->children[0] = table;
    table = ref;
  }
  for (uint32_t i = 0; i < map_count; i++) {
    if (!maps[i].dirty)
      continue;
    int result = entry_write(pager, table, level - 1, &maps[i], &table);
    if (result)
      return result;
  }
  root->table = table;
  root->next_map = next_map;
  return 0;
}

struct table_walker {
  struct page_view *pages;
  int (*page)(void *context, uint64_t ref);
  int (*entry)(void *context, uint32_t id, const struct map_entry *entry);
  void *context;
};

static int page_walk(struct table_walker *walker, uint64_t ref, uint32_t level, uint32_t first) {
  const struct table_page *page;
  uint32_t places;
  int result = table_open(walker->pages, ref, level, &page, &places);
  if (result == 0 && walker->page)
    result = walker->page(walker->context, ref);
  if (result == COPSE_NONE)
    return 0;
  for (uint32_t i = 0; i < places && result == 0; i++) {
    uint32_t id = first + (i << (4 * level));
    if (level && page->children[i])
      result = page_walk(walker, page->children[i], level - 1, id);
    else if (!level && page->entries[i].tag && walker->entry)
      result = walker->entry(walker->context, id, &page->entries[i]);
  }
  return result;
}

int table_walk(struct page_view *pages, const struct root *root,
               int (*page)(void *context, uint64_t ref),
               int (*entry)(void *context, uint32_t id, const struct map_entry *entry),
               void *context) {
  struct table_walker walker = {pages, page, entry, context};
  if (root->table == 0)
    return 0;
  uint32_t levels = levels_for(root->next_map);
  if (levels > TABLE_LEVELS_MAX)
    return error_set(COPSE_E_CORRUPT, "the root counts %llu maps",
                     (unsigned long long)root->next_map);
  return page_walk(&walker, root->table, levels - 1, 0);
}

/* --- comparing ------------------------------------------------------------------------- */

struct table_differ {
  struct page_view *pages[2];
  int (*visit)(void *context, uint32_t id, const struct map_entry *before,
               const struct map_entry *after);
  void *context;
};

/* Compares what hangs on two references of one level, of which either may be 0. */
static int pages_diff(struct table_differ *differ, const uint64_t refs[2], uint32_t level,
                      uint32_t first) {
  static const struct map_entry none;
  const struct table_page *page[2] = {NULL, NULL};
  uint32_t places[2] = {0, 0};
  int result = 0;
  if (refs[0] == refs[1])
    return 0;
  for (int i = 0; i < 2 && result == 0; i++)
    if (refs[i])
      result = table_open(differ->pages[i], refs[i], level, &page[i], &places[i]);
  for (uint32_t at = 0; (at < places[0] || at < places[1]) && result == 0; at++) {
    uint32_t id = first + (at << (4 * level));
    if (level) {
      uint64_t below[2];
      for (int i = 0; i < 2; i++)
        below[i] = at < places[i] ? page[i]->children[at] : 0;
      result = pages_diff(differ, below, level - 1, id);
      continue;
    }
    const struct map_entry *entry[2];
    for (int i = 0; i < 2; i++)
      entry[i] = at < places[i] ? &page[i]->entries[at] : &none;
    if (memcmp(entry[0], entry[1], sizeof none) != 0)
      result = differ->visit(differ->context, id, entry[0], entry[1]);
  }
  return result;
}

int table_diff(struct page_view *before_pages, const struct root *before,
               struct page_view *after_pages, const struct root *after,
               int (*visit)(void *context, uint32_t id, const struct map_entry *before,
                            const struct map_entry *after),
               void *context) {
  struct table_differ differ = {{before_pages, after_pages}, visit, context};
  uint32_t old = levels_for(before->next_map), levels = levels_for(after->next_map);
  if (old > levels || levels > TABLE_LEVELS_MAX)
    return error_set(COPSE_E_CORRUPT, "the later root counts fewer maps");
  const struct table_page *page;
  uint64_t refs[2] = {before->table, after->table};
  uint32_t places;
  int result = 0;
  /* Levels that came on top: what was there hangs on their first places. */
  while (before->table && levels > old && result == 0) {
    levels--;
    if (refs[1] == 0)
      continue;
    result = table_open(after_pages, refs[1], levels, &page, &places);
    for (uint32_t at = 1; at < places && result == 0; at++) {
      const uint64_t below[2] = {0, page->children[at]};
      result = pages_diff(&differ, below, levels - 1, at << (4 * levels));
    }
    if (result == 0)
      refs[1] = page->children[0];
  }
  return result ? result : pages_diff(&differ, refs, levels - 1, 0);
}
