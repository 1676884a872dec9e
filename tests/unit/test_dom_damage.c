/* test_dom_damage.c - documents whose nodes, heap or map of names were written over: whatever is read of them, there
 * are errors, but no crash and no endless loop. The damage is done with functions of arenas and maps. */
#include <stdlib.h>

#include "test_dom_fixture.h"

enum { NODES = 24 };

static struct copse_handle nodes[NODES];
static struct test_random random_state;
static uint64_t corrupt, others, sum;

static uint64_t below(uint64_t n) { return test_random_below(&random_state, n); }

static const struct copse_handle *any(void) { return &nodes[below(NODES)]; }

/* What is there before it is damaged: all kinds, big strings, own and long names, templates. */
static void fill(struct page *page) {
  static char big[2000];
  struct copse_handle body;
  memset(big, 'x', sizeof big - 1);
  CHECK_OK(copse_document_root(page->view, page->document, &nodes[0]));
  nodes[1] = element_of(page, "html");
  CHECK_OK(copse_node_append(page->txn, page->document, &nodes[0], &nodes[1]));
  CHECK_OK(copse_doctype_new(page->txn, page->document, "html", "public", NULL, &nodes[2]));
  CHECK_OK(copse_node_prepend(page->txn, page->document, &nodes[0], &nodes[2]));
  nodes[3] = element_of(page, "template");
  nodes[4] = element_of(page, "my-own");
  nodes[5] = element_of(page, big);
  CHECK_OK(copse_text_new(page->txn, page->document, big, sizeof big, &nodes[6]));
  CHECK_OK(copse_instruction_new(page->txn, page->document, "own-target", "x", 1, &nodes[7]));
  CHECK_OK(copse_template_contents(page->view, page->document, &nodes[3], &body));
  for (int i = 8; i < NODES; i++) {
    nodes[i] = i % 3 ? element_of(page, i % 3 == 1 ? "p" : "template") : text_of(page, "some text");
    if (i % 3 == 0)
      continue;
    CHECK_OK(copse_attribute_set(page->txn, page->document, &nodes[i], "class", "a b c", 5));
    CHECK_OK(copse_attribute_set(page->txn, page->document, &nodes[i], "data-own", big,
                                 i % 5 ? 9 : sizeof big));
  }
  CHECK_OK(copse_node_append(page->txn, page->document, &body, &nodes[4]));
  for (int i = 3; i < NODES; i++)
    if (i != 4) {
      int result = copse_node_append(page->txn, page->document,
                                     &nodes[i < 9 ? 1 : below((uint64_t)i)], &nodes[i]);
      CHECK(result == 0 || result == COPSE_E_HIERARCHY);
    }
  document_sound(page->view, page->document);
}

/* A number that may be taken for a link, a place, a size or a name. */
static uint32_t number(void) {
  switch (below(6)) {
  case 0: return 0;
  case 1: return UINT32_MAX - (uint32_t)below(8);
  case 2: return (uint32_t)below(64);
  case 3: return (uint32_t)below(2000);
  case 4: return 4096 + (uint32_t)below(1000);
  default: return (uint32_t)test_random_next(&random_state);
  }
}

static void arena_damage(struct copse_txn *txn, struct copse_arena *arena, uint32_t size) {
  struct copse_arena_info info;
  struct copse_handle handle;
  const void *record;
  void *memory;
  uint32_t value = number();
  CHECK_OK(copse_arena_info(copse_txn_view(txn), arena, &info));
  if (copse_arena_at(copse_txn_view(txn), arena, below(info.end), &handle, &record))
    return;
  CHECK_OK(copse_arena_update(txn, arena, &handle, NULL, &memory));
  if (below(3))
    memcpy((uint8_t *)memory + 4 * below(size / 4), &value, 4);
  else
    ((uint8_t *)memory)[below(size)] ^= (uint8_t)(1 << below(8));
}

static void map_damage(struct copse_txn *txn, struct copse_map *map) {
  struct copse_cursor *cursor;
  struct copse_bytes key, value;
  uint8_t copy[COPSE_KEY_MAX], bytes[8] = {0};
  uint32_t made = number();
  CHECK_OK(copse_cursor_open(copse_txn_view(txn), map, NULL, &cursor));
  int result = COPSE_NONE;
  for (uint64_t steps = below(6) + 1; steps; steps--)
    result = copse_cursor_next(cursor, &key, &value);
  if (result == 0) {
    size_t size = key.size;
    memcpy(copy, key.data, size);
    memcpy(bytes, &made, 4);
    result = below(3) ? copse_put(txn, map, copy, size, bytes, below(3) ? 4 : below(9), 0)
                      : copse_delete(txn, map, copy, size);
    CHECK_OK(result);
  }
  copse_cursor_close(cursor);
}

/* What was lent can be read, from end to end. */
static int touch(int result, const struct copse_bytes *bytes) {
  const uint8_t *data = bytes->data;
  if (result == 0 && bytes->size)
    sum += (uint64_t)data[0] + data[bytes->size - 1];
  return result;
}

static int operate(struct page *page) {
  struct copse_txn *txn = page->txn;
  struct copse_document *document = page->document;
  struct copse_view *view = page->view;
  const struct copse_handle *a = any(), *b = any();
  struct copse_document_info info;
  struct copse_attribute attribute;
  struct copse_handle made;
  struct copse_bytes value;
  struct copse_node node = {0};
  struct copse_source source;
  char text[64];
  uint64_t faults;
  size_t size;
  int result;
  switch (below(26)) {
  case 0:
    result = copse_node_get(view, document, a, &node);
    touch(result, &node.name);
    touch(result, &node.public_id);
    return touch(result, &node.text);
  case 1: return copse_node_text(view, document, a, text, sizeof text, &size);
  case 2: return touch(copse_attribute_get(view, document, a, "data-own", &value), &value);
  case 3:
    result = copse_attribute_at(view, document, a, (uint32_t)below(3), &attribute);
    touch(result, &attribute.name);
    return touch(result, &attribute.value);
  case 4: return copse_class_has(view, document, a, "b");
  case 5: return copse_element_source(view, document, a, &source);
  case 6: return copse_template_contents(view, document, a, &made);
  case 7: return copse_document_element(view, document, &made);
  case 8: return copse_document_info(view, document, &info);
  case 9: return copse_document_check(view, document, NULL, NULL, &faults);
  case 10: return copse_element_new(txn, document, COPSE_NS_HTML, "other-own", &made);
  case 11: return copse_text_new(txn, document, "text", 4, &made);
  case 12: return copse_node_clone(txn, document, view, document, a, 1, &made);
  case 13: return copse_node_append(txn, document, a, b);
  case 14: return copse_node_insert_before(txn, document, a, b);
  case 15: return copse_node_insert_after(txn, document, a, b);
  case 16: return copse_node_detach(txn, document, a);
  case 17: return copse_node_remove(txn, document, a);
  case 18: return copse_node_clear(txn, document, a);
  case 19: return copse_node_unwrap(txn, document, a);
  case 20: return copse_node_normalize(txn, document, a);
  case 21: return copse_text_append(txn, document, a, "more", 4);
  case 22: return copse_attribute_set(txn, document, a, below(2) ? "class" : "new-own", "v", 1);
  case 23: return copse_attribute_remove(txn, document, a, "class");
  case 24:
    return below(4) ? copse_text_set(txn, document, a, "x", 1)
                    : copse_document_clear(txn, document);
  default: return copse_document_compact(txn, document);
  }
}

TEST(damage_ends_in_errors) {
  random_state.state = test_seed();
  struct page page = page_new();
  fill(&page);
  CHECK_OK(copse_txn_commit(page.txn, NULL));
  struct copse_arena *text = NULL;
  struct copse_map *names = NULL;
  for (int round = 0; round < 8000 * test_scale(); round++) {
    page.txn = begin(page.store);
    page.view = copse_txn_view(page.txn);
    if (!text) {
      CHECK_OK(copse_arena_open(page.view, "page.text", NULL, &text));
      CHECK_OK(copse_map_open(page.view, "page.names", NULL, &names));
    }
    for (uint64_t i = below(4) + 1; i; i--)
      switch (below(4)) {
      case 0: arena_damage(page.txn, text, 4); break;
      case 1: map_damage(page.txn, names); break;
      default: arena_damage(page.txn, copse_tree_arena(copse_document_tree(page.document)), 40);
      }
    for (int i = 0; i < 12; i++) {
      int result = operate(&page);
      CHECK_MSG(result == 0 || result == COPSE_NONE || result == COPSE_E_CORRUPT ||
                    result == COPSE_E_CYCLE || result == COPSE_E_ROOT ||
                    result == COPSE_E_HIERARCHY || result == COPSE_E_STALE ||
                    result == COPSE_E_ARGUMENT || result == COPSE_E_VALUE_SIZE ||
                    result == COPSE_E_TOO_MANY,
                "%s: %s", copse_error_name(result), copse_error_detail());
      corrupt += result == COPSE_E_CORRUPT;
      others += result == 0;
    }
    copse_txn_abort(page.txn);
  }
  CHECK_GT(corrupt, 0);
  CHECK_GT(others, 0);
  CHECK_GT(sum, 0);
  copse_arena_close(text);
  copse_map_close(names);
  page.txn = begin(page.store);
  document_sound(copse_txn_view(page.txn), page.document);
  page_end(&page);
}
