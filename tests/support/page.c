/* support/page.c - see page.h: nodes and strings are put together as dom/data.h tells them. */
#include "page.h"

#include <stdlib.h>

#include "arena/arena.h"
#include "dom/document.h"
#include "test.h"

#define DEPTH_MAX 4096u
#define HOUSE (UINT32_C(1) << 22)

struct record {
  struct dom_links links;
  struct dom_data data;
};

struct page {
  struct copse_txn *txn;
  struct copse_document *document;
  struct record *records;
  uint8_t *heap; /* its first unit is the mark */
  uint32_t count, room, units, leaf_units, big;
  uint32_t open[DEPTH_MAX]; /* links */
  enum copse_namespace spaces[DEPTH_MAX];
  uint32_t depth;
  const char *at;
};

/* --- strings and names ----------------------------------------------------------------- */

static uint32_t big_put(struct page *page, const void *bytes, size_t size) {
  uint32_t number = page->big++;
  uint8_t key[5] = {'b', (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                    (uint8_t)number};
  CHECK_OK(copse_put(page->txn, page->document->names, key, sizeof key, bytes, size, 0));
  return number;
}

/* A place in the heap for so many bytes, which are in *place. */
static uint32_t room_take(struct page *page, uint32_t size, uint8_t **place) {
  uint32_t units = dom_units(size), left = page->leaf_units - page->units % page->leaf_units;
  if (units > left)
    page->units += left;
  CHECK_LT((page->units + units) * 4u, HOUSE);
  uint32_t at = page->units;
  *place = page->heap + 4u * at;
  page->units += units;
  return at;
}

static void string_put(struct page *page, struct dom_data *data, const void *bytes, size_t size) {
  uint8_t *place;
  if (size > DOM_SMALL) {
    data->flags |= DOM_BIG;
    data->data = big_put(page, bytes, size);
  } else if (size) {
    data->data = room_take(page, (uint32_t)size, &place);
    memcpy(place, bytes, size);
  }
}

static uint32_t name_number(struct page *page, enum copse_namespace space, const char *local,
                            size_t size) {
  static const char *const prefixes[] = {
      [COPSE_NS_XLINK] = "xlink", [COPSE_NS_XML] = "xml", [COPSE_NS_XMLNS] = "xmlns"};
  const char *prefix = space >= COPSE_NS_XLINK ? prefixes[space] : "";
  uint32_t number = dom_known_number(space, prefix, strlen(prefix), local, size);
  if (number)
    return number;
  struct dom_name name = {space, {prefix, strlen(prefix)}, {local, size}};
  struct dom_name_key key;
  int result = dom_name_look(copse_txn_view(page->txn), page->document, &name, &key, &number);
  if (result == 0)
    return number;
  CHECK_EQ(result, COPSE_NONE);
  CHECK_LE(size, DOM_SMALL);
  uint8_t *place;
  number = DOM_NAMES_OWN + room_take(page, (uint32_t)(4 + strlen(prefix) + size), &place);
  place[0] = (uint8_t)space;
  place[1] = (uint8_t)strlen(prefix);
  place[2] = (uint8_t)size;
  place[3] = (uint8_t)(size >> 8);
  memcpy(place + 4, prefix, strlen(prefix));
  memcpy(place + 4 + strlen(prefix), local, size);
  CHECK_OK(copse_put(page->txn, page->document->names, key.bytes, key.size, &number, 4, 0));
  return number;
}

/* --- nodes ----------------------------------------------------------------------------- */

static struct record *record_new(struct page *page, enum copse_node_kind kind) {
  if (page->count == page->room) {
    page->room = page->room ? 2 * page->room : 256;
    page->records = realloc(page->records, page->room * sizeof *page->records);
    CHECK(page->records != NULL);
  }
  struct record *record = &page->records[page->count++];
  *record = (struct record){.data = {.kind = (uint8_t)kind}};
  return record;
}

static struct record *node_new(struct page *page, enum copse_node_kind kind) {
  record_new(page, kind);
  uint32_t link = page->count, parent = page->open[page->depth];
  struct record *node = &page->records[link - 1], *above = &page->records[parent - 1];
  node->links.parent = parent;
  node->links.previous = above->links.last;
  if (above->links.last)
    page->records[above->links.last - 1].links.next = link;
  else
    above->links.first = link;
  above->links.last = link;
  return node;
}

static void text_new(struct page *page, enum copse_node_kind kind, const char *bytes, size_t size) {
  struct record *node = node_new(page, kind);
  node->data.more = (uint32_t)size;
  string_put(page, &node->data, bytes, size);
}

static size_t name_size(const char *at) { return strcspn(at, " \t\n/>="); }

struct value {
  uint32_t name;
  const char *bytes;
  size_t size;
};

static enum copse_namespace attribute_space(const char **name, size_t *size) {
  static const char *const prefixes[] = {
      [COPSE_NS_XLINK] = "xlink:", [COPSE_NS_XML] = "xml:", [COPSE_NS_XMLNS] = "xmlns:"};
  for (unsigned space = COPSE_NS_XLINK; space <= COPSE_NS_XMLNS; space++) {
    size_t n = strlen(prefixes[space]);
    if (*size > n && memcmp(*name, prefixes[space], n) == 0) {
      *name += n;
      *size -= n;
      return (enum copse_namespace)space;
    }
  }
  return COPSE_NS_NONE;
}

/* The attributes of a start tag, up to its end. */
static unsigned values_read(struct page *page, struct value *values, unsigned room,
                            int is_foreign) {
  unsigned n = 0;
  for (;;) {
    page->at += strspn(page->at, " \t\n/");
    if (*page->at == '>')
      return n;
    CHECK_LT(n, room);
    const char *name = page->at;
    size_t size = name_size(name);
    page->at += size;
    enum copse_namespace space = is_foreign ? attribute_space(&name, &size) : COPSE_NS_NONE;
    values[n].name = name_number(page, space, name, size);
    values[n].bytes = "";
    values[n].size = 0;
    if (*page->at == '=') {
      char quote = *++page->at;
      int is_quoted = quote == '"' || quote == '\'';
      page->at += is_quoted;
      char end[] = {quote, 0};
      values[n].bytes = page->at;
      values[n].size = strcspn(page->at, is_quoted ? end : " \t\n>");
      page->at += values[n].size + (size_t)is_quoted;
    }
    n++;
  }
}

/* The block of an element's attributes. contents: link of a template's contents, or 0. */
static void block_put(struct page *page, struct dom_data *data, const struct value *values,
                      unsigned n, uint32_t contents) {
  uint32_t count = n + (contents != 0), at = 4 + 8 * count;
  size_t size = at;
  for (unsigned i = 0; i < n; i++)
    size += values[i].size;
  if (count == 0)
    return;
  uint8_t *block = malloc(size);
  CHECK(block != NULL);
  memcpy(block, &count, 4);
  uint32_t hidden[2] = {DOM_NAME_CONTENTS, contents};
  if (contents)
    memcpy(block + 4, hidden, 8);
  for (unsigned i = 0; i < n; i++) {
    uint32_t entry[2] = {values[i].name, (uint32_t)values[i].size};
    struct dom_attribute attribute = {entry[0], entry[1], (const uint8_t *)values[i].bytes};
    memcpy(block + 4 + 8 * (i + (contents != 0)), entry, 8);
    memcpy(block + at, values[i].bytes, values[i].size);
    at += entry[1];
    data->more |= dom_filter(&attribute);
  }
  string_put(page, data, block, size);
  free(block);
}

static int is_void(const char *name, size_t size) {
  static const char *const words[] = {"br", "hr", "img", "input", "link", "meta", "col", "area"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strlen(words[i]) == size && memcmp(words[i], name, size) == 0)
      return 1;
  return 0;
}

static int is_word(const char *name, size_t size, const char *word) {
  return strlen(word) == size && memcmp(name, word, size) == 0;
}

static void element_open(struct page *page) {
  struct value values[64];
  const char *name = page->at;
  size_t size = name_size(name);
  enum copse_namespace space = is_word(name, size, "svg")    ? COPSE_NS_SVG
                               : is_word(name, size, "math") ? COPSE_NS_MATHML
                                                             : page->spaces[page->depth];
  page->at += size;
  int is_html = space == COPSE_NS_HTML, is_template = is_html && is_word(name, size, "template");
  unsigned n = values_read(page, values, 64, !is_html);
  page->at++;
  uint32_t number = name_number(page, space, name, size);
  node_new(page, COPSE_NODE_ELEMENT);
  uint32_t link = page->count;
  if (is_template) {
    struct record *contents = record_new(page, COPSE_NODE_FRAGMENT);
    contents->data.flags = DOM_HOST;
    contents->data.data = link;
  }
  struct record *node = &page->records[link - 1];
  node->data.name = number;
  node->data.flags = is_template ? DOM_TEMPLATE : 0;
  block_put(page, &node->data, values, n, is_template ? link + 1 : 0);
  if (is_html && is_void(name, size))
    return;
  CHECK_LT(page->depth + 1, DEPTH_MAX);
  page->open[++page->depth] = is_template ? link + 1 : link;
  page->spaces[page->depth] = is_word(name, size, "foreignObject") ? COPSE_NS_HTML : space;
  if (is_html && (is_word(name, size, "script") || is_word(name, size, "style"))) {
    const char *end = strstr(page->at, "</");
    CHECK(end != NULL);
    if (end > page->at)
      text_new(page, COPSE_NODE_TEXT, page->at, (size_t)(end - page->at));
    page->at = end;
  }
}

static void doctype_new(struct page *page, const char *name, size_t size) {
  struct record *node = node_new(page, COPSE_NODE_DOCTYPE);
  uint8_t block[64] = {(uint8_t)size};
  CHECK_LT(size, sizeof block - DOM_DOCTYPE_HEAD);
  memcpy(block + DOM_DOCTYPE_HEAD, name, size);
  string_put(page, &node->data, block, DOM_DOCTYPE_HEAD + size);
}

static void tag(struct page *page) {
  const char *end = strchr(page->at, '>');
  CHECK(end != NULL);
  if (strncmp(page->at, "!--", 3) == 0) {
    end = strstr(page->at, "-->");
    CHECK(end != NULL);
    text_new(page, COPSE_NODE_COMMENT, page->at + 3, (size_t)(end - page->at - 3));
    page->at = end + 3;
  } else if (*page->at == '!') {
    doctype_new(page, page->at + 9, (size_t)(end - page->at - 9));
    page->at = end + 1;
  } else if (*page->at == '/') {
    CHECK_GT(page->depth, 0);
    page->depth--;
    page->at = end + 1;
  } else {
    element_open(page);
  }
}

struct copse_document *page_new(struct copse_store *store, const char *name, const char *html) {
  struct page *page = calloc(1, sizeof *page);
  CHECK(page != NULL && (page->heap = calloc(1, HOUSE)) != NULL);
  CHECK_OK(copse_txn_begin(store, -1, &page->txn));
  CHECK_OK(copse_document_create(page->txn, name, &page->document));
  page->at = html;
  page->units = page->big = 1;
  page->leaf_units = arena_shape_make(DOM_UNIT).slots;
  record_new(page, COPSE_NODE_DOCUMENT);
  page->open[0] = 1;
  page->spaces[0] = COPSE_NS_HTML;
  while (*page->at) {
    if (*page->at == '<') {
      page->at++;
      tag(page);
    } else {
      size_t size = strcspn(page->at, "<");
      text_new(page, COPSE_NODE_TEXT, page->at, size);
      page->at += size;
    }
  }
  CHECK_EQ(page->depth, 0);
  page->records[0].data.data = page->big;
  page->records[0].data.flags = DOM_ORDERED;
  struct copse_handle root;
  struct copse_arena *arena = copse_tree_arena(page->document->tree);
  CHECK_OK(copse_document_root(copse_txn_view(page->txn), page->document, &root));
  CHECK_OK(copse_arena_update(page->txn, arena, &root, page->records, NULL));
  CHECK_OK(copse_arena_append(page->txn, arena, page->count - 1, page->records + 1, NULL));
  CHECK_OK(
      copse_arena_append(page->txn, page->document->text, page->units - 1, page->heap + 4, NULL));
  CHECK_OK(copse_txn_commit(page->txn, NULL));
  struct copse_document *document = page->document;
  free(page->records);
  free(page->heap);
  free(page);
  return document;
}
