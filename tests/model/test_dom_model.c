/* test_dom_model.c - random changes of a document against a simple reference: nodes with arrays of children.
 *
 * Handles are kept on purpose: those of removed nodes must be errors. Transactions are committed, aborted or rolled back
 * in part; snapshots opened on the way keep the document that they saw. After each commit the whole document is
 * compared, and checked for slots and strings that are lost. */
#include <stdlib.h>

#include "copse/copse.h"
#include "test.h"

enum { NODES = 72, OLD = 64, HELD = 2, NAMES = 5, VALUE = 48, BIG = 1500, DOCUMENT = 0 };

static const struct {
  enum copse_namespace space;
  const char *name;
} elements[] = {{COPSE_NS_HTML, "p"},       {COPSE_NS_HTML, "div"},  {COPSE_NS_SVG, "g"},
                {COPSE_NS_HTML, "my-one"},  {COPSE_NS_SVG, "myTwo"}, {COPSE_NS_MATHML, "mi"},
                {COPSE_NS_HTML, "template"}};
enum { ELEMENTS = sizeof elements / sizeof elements[0], TEMPLATE = ELEMENTS - 1 };

static const char *const attribute_names[NAMES] = {"id", "class", "href", "data-a", "data-b"};

struct text {
  uint32_t size;
  uint32_t is_big; /* then all of it is one letter */
  char bytes[VALUE];
};

struct item {
  struct copse_handle handle;
  enum copse_node_kind kind;
  int is_there, parent, element, contents, host; /* items; -1: none */
  struct text text;
  int attribute_count;
  struct {
    int name;
    struct text value;
  } attributes[NAMES];
  int count;
  short children[NODES];
};

struct reference {
  struct item items[NODES];
  int live;
};

static struct state {
  struct copse_store *store;
  struct copse_document *document;
  struct copse_txn *txn;
  struct copse_view *view;
  struct test_random random;
  struct reference now, base, saved; /* base: as committed */
  struct copse_handle old[OLD];      /* removed, and that is committed */
  unsigned old_count;
  struct copse_handle ended[4 * NODES]; /* by this transaction */
  unsigned ended_count, ended_saved;
  struct held {
    struct copse_snapshot *snapshot;
    struct reference reference;
  } held[HELD];
  uint64_t changes, refused[4]; /* hierarchy, cycles, roots, stale handles */
} * state;

static uint64_t below(uint64_t n) { return test_random_below(&state->random, n); }

/* --- texts ----------------------------------------------------------------------------- */

static char big_bytes[BIG + VALUE];

static struct text text_random(void) {
  struct text text = {0};
  if (test_random_one_in(&state->random, 40)) {
    text.is_big = 1;
    text.size = BIG;
    text.bytes[0] = (char)('A' + below(26));
    return text;
  }
  text.size = (uint32_t)below(VALUE / 4);
  for (uint32_t i = 0; i < text.size; i++)
    text.bytes[i] = (char)('a' + below(26));
  return text;
}

static const char *text_bytes(const struct text *text) {
  if (!text->is_big)
    return text->bytes;
  memset(big_bytes, text->bytes[0], text->size);
  return big_bytes;
}

static void text_is(struct copse_bytes bytes, const struct text *text) {
  CHECK_BYTES(bytes.data, bytes.size, text_bytes(text), text->size);
}

/* --- the reference --------------------------------------------------------------------- */

static int free_item(const struct reference *r) {
  for (int i = 1; i < NODES; i++)
    if (!r->items[i].is_there)
      return i;
  return -1;
}

static int item_new(struct reference *r, enum copse_node_kind kind,
                    const struct copse_handle *handle) {
  int at = free_item(r);
  CHECK(at > 0);
  r->items[at] = (struct item){
      .handle = *handle, .kind = kind, .is_there = 1, .parent = -1, .contents = -1, .host = -1};
  r->live++;
  return at;
}

static int place_of(const struct reference *r, int item) {
  const struct item *parent = &r->items[r->items[item].parent];
  for (int i = 0; i < parent->count; i++)
    if (parent->children[i] == item)
      return i;
  CHECK(!"a child that its parent does not know");
  return -1;
}

static void take_out(struct reference *r, int item) {
  if (r->items[item].parent < 0)
    return;
  struct item *parent = &r->items[r->items[item].parent];
  int at = place_of(r, item);
  memmove(&parent->children[at], &parent->children[at + 1],
          (size_t)(--parent->count - at) * sizeof parent->children[0]);
  r->items[item].parent = -1;
}

static void put_in(struct reference *r, int parent, int at, int item) {
  struct item *above = &r->items[parent];
  memmove(&above->children[at + 1], &above->children[at],
          (size_t)(above->count++ - at) * sizeof above->children[0]);
  above->children[at] = (short)item;
  r->items[item].parent = parent;
}

static void end_item(struct reference *r, int item) {
  struct item *it = &r->items[item];
  while (it->count)
    end_item(r, it->children[0]);
  if (it->contents >= 0)
    end_item(r, it->contents);
  take_out(r, item);
  it->is_there = 0;
  r->live--;
  CHECK_LT(state->ended_count, 4 * NODES);
  state->ended[state->ended_count++] = it->handle;
}

/* Whether a is b or above it, contents being below their template. */
static int is_above(const struct reference *r, int a, int b) {
  while (b >= 0 && b != a)
    b = r->items[b].parent >= 0 ? r->items[b].parent : r->items[b].host;
  return b == a;
}

/* Whether a document could have these kinds as its children. */
static int order_allows(const enum copse_node_kind *kinds, int count) {
  int elements_seen = 0, doctypes = 0;
  for (int i = 0; i < count; i++) {
    if (kinds[i] == COPSE_NODE_TEXT || (kinds[i] == COPSE_NODE_DOCTYPE && elements_seen))
      return 0;
    elements_seen += kinds[i] == COPSE_NODE_ELEMENT;
    doctypes += kinds[i] == COPSE_NODE_DOCTYPE;
  }
  return elements_seen <= 1 && doctypes <= 1;
}

/* What putting an item before the child of number `at` is to give. */
static int put_result(const struct reference *r, int parent, int at, int item) {
  const struct item *above = &r->items[parent], *it = &r->items[item];
  enum copse_node_kind kinds[2 * NODES];
  int count = 0, has_doctype = it->kind == COPSE_NODE_DOCTYPE;
  if (above->kind != COPSE_NODE_DOCUMENT && above->kind != COPSE_NODE_ELEMENT &&
      above->kind != COPSE_NODE_FRAGMENT)
    return COPSE_E_HIERARCHY;
  if (it->kind == COPSE_NODE_DOCUMENT)
    return COPSE_E_HIERARCHY;
  if (is_above(r, item, parent))
    return COPSE_E_CYCLE;
  for (int i = 0; it->kind == COPSE_NODE_FRAGMENT && i < it->count; i++)
    has_doctype |= r->items[it->children[i]].kind == COPSE_NODE_DOCTYPE;
  if (above->kind != COPSE_NODE_DOCUMENT)
    return has_doctype ? COPSE_E_HIERARCHY : 0;
  for (int i = 0; i <= above->count; i++) {
    if (i == at && it->kind == COPSE_NODE_FRAGMENT)
      for (int j = 0; j < it->count; j++)
        kinds[count++] = r->items[it->children[j]].kind;
    else if (i == at)
      kinds[count++] = it->kind;
    if (i < above->count)
      kinds[count++] = r->items[above->children[i]].kind;
  }
  return order_allows(kinds, count) ? 0 : COPSE_E_HIERARCHY;
}

static void put(struct reference *r, int parent, int at, int item) {
  struct item *it = &r->items[item];
  if (it->kind == COPSE_NODE_FRAGMENT) {
    while (it->count) {
      int child = it->children[0];
      take_out(r, child);
      put_in(r, parent, at++, child);
    }
    return;
  }
  if (it->parent == parent && place_of(r, item) < at)
    at--;
  take_out(r, item);
  put_in(r, parent, at, item);
}

/* --- comparing ------------------------------------------------------------------------- */

static void item_compare(struct copse_view *view, const struct reference *r, int item) {
  const struct item *it = &r->items[item];
  struct copse_document *document = state->document;
  struct copse_tree *tree = copse_document_tree(document);
  struct copse_tree_walk walk;
  struct copse_handle found;
  struct copse_node node;
  struct copse_attribute attribute;
  CHECK_OK(copse_node_get(view, document, &it->handle, &node));
  CHECK_EQ(node.kind, it->kind);
  if (it->kind >= COPSE_NODE_TEXT && it->kind <= COPSE_NODE_INSTRUCTION)
    text_is(node.text, &it->text);
  if (it->kind == COPSE_NODE_ELEMENT) {
    CHECK_BYTES(node.name.data, node.name.size, elements[it->element].name,
                strlen(elements[it->element].name));
    CHECK_EQ(node.space, elements[it->element].space);
    for (int i = 0; i < it->attribute_count; i++) {
      CHECK_OK(copse_attribute_at(view, document, &it->handle, (uint32_t)i, &attribute));
      CHECK_BYTES(attribute.name.data, attribute.name.size, attribute_names[it->attributes[i].name],
                  strlen(attribute_names[it->attributes[i].name]));
      text_is(attribute.value, &it->attributes[i].value);
    }
    CHECK_RESULT(
        copse_attribute_at(view, document, &it->handle, (uint32_t)it->attribute_count, &attribute),
        COPSE_NONE);
  }
  CHECK_RESULT(copse_template_contents(view, document, &it->handle, &found),
               it->contents >= 0 ? 0 : COPSE_NONE);
  if (it->contents >= 0)
    CHECK_EQ(found.index, r->items[it->contents].handle.index);
  CHECK_RESULT(copse_tree_step(view, tree, &it->handle, COPSE_TREE_PARENT, &found, NULL),
               it->parent >= 0 ? 0 : COPSE_NONE);
  CHECK_OK(copse_tree_walk_begin(view, tree, &it->handle, COPSE_TREE_CHILDREN, &walk));
  for (int i = 0; i < it->count; i++) {
    CHECK_OK(copse_tree_walk_next(&walk, NULL));
    CHECK_EQ(walk.node.index, r->items[it->children[i]].handle.index);
    CHECK_EQ(walk.node.generation, r->items[it->children[i]].handle.generation);
  }
  CHECK_RESULT(copse_tree_walk_next(&walk, NULL), COPSE_NONE);
}

static void fault_print(void *context, const char *sentence) {
  (void)context;
  test_note(__FILE__, __LINE__, "%s", sentence);
}

static void compare(struct copse_view *view, const struct reference *r) {
  struct copse_document_info info;
  uint64_t faults;
  for (int i = 0; i < NODES; i++)
    if (r->items[i].is_there)
      item_compare(view, r, i);
  CHECK_OK(copse_document_info(view, state->document, &info));
  CHECK_EQ(info.nodes, r->live);
  CHECK_OK(copse_document_check(view, state->document, fault_print, NULL, &faults));
  CHECK_EQ(faults, 0);
}

/* --- changes --------------------------------------------------------------------------- */

static int any(void) {
  for (;;) {
    int item = (int)below(NODES);
    if (state->now.items[item].is_there)
      return item;
  }
}

/* Mostly an element, so that trees become deep. */
static int any_parent(void) {
  int item = any();
  for (int i = 0; i < 4 && state->now.items[item].kind != COPSE_NODE_ELEMENT; i++)
    item = any();
  return item;
}

static struct copse_handle *handle_of(int item) { return &state->now.items[item].handle; }

static void result_is(int result, int expected) {
  CHECK_RESULT(result, expected);
  state->refused[0] += expected == COPSE_E_HIERARCHY;
  state->refused[1] += expected == COPSE_E_CYCLE;
  state->refused[2] += expected == COPSE_E_ROOT;
  state->changes++;
}

static void make(void) {
  struct reference *r = &state->now;
  struct copse_handle handle, contents;
  struct text text = text_random();
  enum copse_node_kind kind = (enum copse_node_kind)(2 + below(6));
  int element = (int)below(ELEMENTS);
  if (r->live > NODES - 8)
    return;
  switch (kind) {
  case COPSE_NODE_DOCTYPE:
    CHECK_OK(copse_doctype_new(state->txn, state->document, "html", "p", NULL, &handle));
    break;
  case COPSE_NODE_TEXT:
    CHECK_OK(copse_text_new(state->txn, state->document, text_bytes(&text), text.size, &handle));
    break;
  case COPSE_NODE_COMMENT:
    CHECK_OK(copse_comment_new(state->txn, state->document, text_bytes(&text), text.size, &handle));
    break;
  case COPSE_NODE_INSTRUCTION:
    CHECK_OK(copse_instruction_new(state->txn, state->document, "own-target", text_bytes(&text),
                                   text.size, &handle));
    break;
  case COPSE_NODE_FRAGMENT:
    CHECK_OK(copse_fragment_new(state->txn, state->document, &handle));
    break;
  default:
    kind = COPSE_NODE_ELEMENT;
    CHECK_OK(copse_element_new(state->txn, state->document, elements[element].space,
                               elements[element].name, &handle));
  }
  int item = item_new(r, kind, &handle);
  r->items[item].text = text;
  r->items[item].element = element;
  if (kind == COPSE_NODE_ELEMENT && element == TEMPLATE) {
    CHECK_OK(copse_template_contents(state->view, state->document, &handle, &contents));
    int fragment = item_new(r, COPSE_NODE_FRAGMENT, &contents);
    r->items[item].contents = fragment;
    r->items[fragment].host = item;
  }
}

static void place(void) {
  struct reference *r = &state->now;
  int item = any(), beside = any_parent(), how = (int)below(4), result, expected;
  const struct copse_handle *node = handle_of(item), *at = handle_of(beside);
  int parent = how < 2 ? beside : r->items[beside].parent, number = 0;
  switch (how) {
  case 0: result = copse_node_append(state->txn, state->document, at, node); break;
  case 1: result = copse_node_prepend(state->txn, state->document, at, node); break;
  case 2: result = copse_node_insert_before(state->txn, state->document, at, node); break;
  default: result = copse_node_insert_after(state->txn, state->document, at, node);
  }
  if (how == 0)
    number = r->items[parent].count;
  else if (how > 1 && parent >= 0)
    number = place_of(r, beside) + (how == 3);
  expected = parent < 0 ? COPSE_E_ROOT : put_result(r, parent, number, item);
  result_is(result, expected);
  if (expected == 0)
    put(r, parent, number, item);
}

static void detach(void) {
  int item = any();
  result_is(copse_node_detach(state->txn, state->document, handle_of(item)), 0);
  take_out(&state->now, item);
}

static void end_one(void) {
  struct reference *r = &state->now;
  int item = any();
  struct item *it = &r->items[item];
  int expected = item == DOCUMENT || it->host >= 0 ? COPSE_E_ARGUMENT : 0;
  result_is(copse_node_remove(state->txn, state->document, &it->handle), expected);
  if (expected == 0)
    end_item(r, item);
}

static void clear(void) {
  int item = any();
  struct item *it = &state->now.items[item];
  result_is(copse_node_clear(state->txn, state->document, &it->handle), 0);
  while (it->count)
    end_item(&state->now, it->children[0]);
}

static void unwrap(void) {
  struct reference *r = &state->now;
  int item = any(), expected = 0;
  struct item *it = &r->items[item];
  enum copse_node_kind kinds[NODES];
  for (int i = 0; i < it->count; i++)
    kinds[i] = r->items[it->children[i]].kind;
  if (it->kind != COPSE_NODE_ELEMENT)
    expected = COPSE_E_ARGUMENT;
  else if (it->parent == DOCUMENT && !order_allows(kinds, it->count))
    expected = COPSE_E_HIERARCHY;
  result_is(copse_node_unwrap(state->txn, state->document, &it->handle), expected);
  if (expected)
    return;
  int parent = it->parent, at = parent >= 0 ? place_of(r, item) : 0;
  while (it->count) {
    int child = it->children[0];
    take_out(r, child);
    if (parent >= 0)
      put_in(r, parent, at++, child);
  }
  end_item(r, item);
}

/* Texts that would be too long for the reference are left alone. */
static int can_join(const struct text *a, const struct text *b) {
  return !a->is_big && !b->is_big && a->size + b->size <= VALUE;
}

static void join(struct text *a, const struct text *b) {
  memcpy(a->bytes + a->size, b->bytes, b->size);
  a->size += b->size;
}

static int normalize_is_small(const struct reference *r, int item) {
  const struct item *it = &r->items[item];
  uint32_t run = 0;
  for (int i = 0; i < it->count; i++) {
    const struct item *child = &r->items[it->children[i]];
    run = child->kind == COPSE_NODE_TEXT ? run + child->text.size : 0;
    if (run > VALUE || !normalize_is_small(r, it->children[i]))
      return 0;
  }
  return 1;
}

static void normalize_item(struct reference *r, int item) {
  struct item *it = &r->items[item];
  for (int i = 0; i < it->count;) {
    struct item *child = &r->items[it->children[i]];
    struct item *next = i + 1 < it->count ? &r->items[it->children[i + 1]] : NULL;
    if (child->kind == COPSE_NODE_TEXT && child->text.size == 0)
      end_item(r, it->children[i]);
    else if (child->kind == COPSE_NODE_TEXT && next && next->kind == COPSE_NODE_TEXT) {
      join(&child->text, &next->text);
      end_item(r, it->children[i + 1]);
    } else
      normalize_item(r, it->children[i++]);
  }
}

static void normalize(void) {
  int item = any();
  if (!normalize_is_small(&state->now, item))
    return;
  result_is(copse_node_normalize(state->txn, state->document, handle_of(item)), 0);
  normalize_item(&state->now, item);
}

static void set_text(void) {
  int item = any();
  struct item *it = &state->now.items[item];
  struct text text = text_random();
  int holds = it->kind >= COPSE_NODE_TEXT && it->kind <= COPSE_NODE_INSTRUCTION;
  result_is(copse_text_set(state->txn, state->document, &it->handle, text_bytes(&text), text.size),
            holds ? 0 : COPSE_E_ARGUMENT);
  if (holds)
    it->text = text;
}

static void add_text(void) {
  struct reference *r = &state->now;
  int item = any(), before = (int)below(2), beside = -1, result, expected = 0;
  struct item *it = &r->items[item];
  int parent = before ? it->parent : item;
  struct text text = text_random();
  if (parent >= 0) {
    const struct item *above = &r->items[parent];
    int at = before ? place_of(r, item) : above->count;
    beside = at > 0 ? above->children[at - 1] : -1;
    expected = above->kind == COPSE_NODE_ELEMENT || above->kind == COPSE_NODE_FRAGMENT
                   ? 0
                   : COPSE_E_HIERARCHY;
  } else {
    expected = COPSE_E_ROOT;
  }
  int joins = expected == 0 && beside >= 0 && r->items[beside].kind == COPSE_NODE_TEXT;
  if ((joins && !can_join(&r->items[beside].text, &text)) || r->live > NODES - 4)
    return;
  result = before ? copse_text_insert_before(state->txn, state->document, &it->handle,
                                             text_bytes(&text), text.size)
                  : copse_text_append(state->txn, state->document, &it->handle, text_bytes(&text),
                                      text.size);
  result_is(result, expected);
  if (expected || text.size == 0)
    return;
  if (joins) {
    join(&r->items[beside].text, &text);
    return;
  }
  struct copse_handle made;
  int at = before ? place_of(r, item) : r->items[parent].count;
  CHECK_OK(copse_tree_step(state->view, copse_document_tree(state->document), &it->handle,
                           before ? COPSE_TREE_PREVIOUS : COPSE_TREE_LAST, &made, NULL));
  int added = item_new(r, COPSE_NODE_TEXT, &made);
  r->items[added].text = text;
  put_in(r, parent, at, added);
}

static void attribute(void) {
  int item = any(), name = (int)below(NAMES), is_removed = (int)below(3) == 0, at = 0;
  struct item *it = &state->now.items[item];
  struct text text = text_random();
  struct copse_bytes value;
  while (at < it->attribute_count && it->attributes[at].name != name)
    at++;
  int has = at < it->attribute_count, is_element = it->kind == COPSE_NODE_ELEMENT;
  const char *called = attribute_names[name];
  int got = copse_attribute_get(state->view, state->document, &it->handle, called, &value);
  CHECK_RESULT(got, !is_element ? COPSE_E_ARGUMENT : has ? 0 : COPSE_NONE);
  if (got == 0)
    text_is(value, &it->attributes[at].value);
  if (is_removed) {
    result_is(copse_attribute_remove(state->txn, state->document, &it->handle, called),
              !is_element ? COPSE_E_ARGUMENT
              : has       ? 0
                          : COPSE_NONE);
    if (is_element && has)
      memmove(&it->attributes[at], &it->attributes[at + 1],
              (size_t)(--it->attribute_count - at) * sizeof it->attributes[0]);
    return;
  }
  result_is(copse_attribute_set(state->txn, state->document, &it->handle, called, text_bytes(&text),
                                text.size),
            is_element ? 0 : COPSE_E_ARGUMENT);
  if (!is_element)
    return;
  it->attribute_count += !has;
  it->attributes[at].name = name;
  it->attributes[at].value = text;
}

static int size_of(const struct reference *r, int item) {
  const struct item *it = &r->items[item];
  int size = 1 + (it->contents >= 0 ? size_of(r, it->contents) : 0);
  for (int i = 0; i < it->count; i++)
    size += size_of(r, it->children[i]);
  return size;
}

/* Makes the reference's copy of an item, whose handle is known, and of what is below it. */
static int item_copy(struct reference *r, int from, const struct copse_handle *handle, int deep) {
  struct copse_tree *tree = copse_document_tree(state->document);
  const struct item *it = &r->items[from];
  enum copse_node_kind kind = it->kind == COPSE_NODE_DOCUMENT ? COPSE_NODE_FRAGMENT : it->kind;
  int copy = item_new(r, kind, handle);
  struct copse_handle at;
  r->items[copy].element = it->element;
  r->items[copy].text = it->text;
  r->items[copy].attribute_count = it->attribute_count;
  memcpy(r->items[copy].attributes, it->attributes, sizeof it->attributes);
  if (it->contents >= 0) {
    CHECK_OK(copse_template_contents(state->view, state->document, handle, &at));
    int fragment =
        deep ? item_copy(r, it->contents, &at, 1) : item_new(r, COPSE_NODE_FRAGMENT, &at);
    r->items[copy].contents = fragment;
    r->items[fragment].host = copy;
  }
  for (int i = 0; deep && i < it->count; i++) {
    CHECK_OK(copse_tree_step(state->view, tree, i ? &at : handle,
                             i ? COPSE_TREE_NEXT : COPSE_TREE_FIRST, &at, NULL));
    int child = item_copy(r, it->children[i], &at, 1);
    put_in(r, copy, i, child);
  }
  return copy;
}

static void clone(void) {
  int item = any(), deep = (int)below(2);
  struct copse_handle copy;
  if (state->now.live + size_of(&state->now, item) + 1 > NODES - 4)
    return;
  result_is(copse_node_clone(state->txn, state->document, state->view, state->document,
                             handle_of(item), deep, &copy),
            0);
  item_copy(&state->now, item, &copy, deep);
}

static void everything(void) {
  if (below(30) == 0) {
    CHECK_OK(copse_document_clear(state->txn, state->document));
    struct reference *r = &state->now;
    for (int i = 1; i < NODES; i++)
      if (r->items[i].is_there && r->items[i].parent < 0 && r->items[i].host < 0)
        end_item(r, i);
    while (r->items[DOCUMENT].count)
      end_item(r, r->items[DOCUMENT].children[0]);
  } else {
    CHECK_OK(copse_document_compact(state->txn, state->document));
  }
}

/* A handle of what is gone, in any call: STALE. */
static void stale(void) {
  int from_ended = state->ended_count && below(2);
  if (!from_ended && state->old_count == 0)
    return;
  unsigned kept = state->old_count < OLD ? state->old_count : OLD;
  struct copse_handle gone =
      from_ended ? state->ended[below(state->ended_count)] : state->old[below(kept)];
  const struct copse_handle *live = handle_of(any());
  struct copse_node node;
  struct copse_handle copy;
  struct copse_bytes value;
  int result;
  switch (below(9)) {
  case 0: result = copse_node_get(state->view, state->document, &gone, &node); break;
  case 1: result = copse_node_append(state->txn, state->document, &gone, live); break;
  case 2:
    result = copse_node_append(state->txn, state->document, handle_of(DOCUMENT), &gone);
    break;
  case 3: result = copse_text_set(state->txn, state->document, &gone, "x", 1); break;
  case 4: result = copse_text_append(state->txn, state->document, &gone, "x", 1); break;
  case 5: result = copse_attribute_set(state->txn, state->document, &gone, "id", "x", 1); break;
  case 6: result = copse_node_remove(state->txn, state->document, &gone); break;
  case 7: result = copse_attribute_get(state->view, state->document, &gone, "id", &value); break;
  default:
    result = copse_node_clone(state->txn, state->document, state->view, state->document, &gone, 1,
                              &copy);
  }
  CHECK_RESULT(result, COPSE_E_STALE);
  state->refused[3]++;
}

static void change(void) {
  static void (*const changes[])(void) = {
      make,     make,      make,      place,     place,     place,    place,
      detach,   end_one,   clear,     unwrap,    normalize, set_text, add_text,
      add_text, attribute, attribute, attribute, clone,     stale,    stale};
  if (state->ended_count > 2 * NODES)
    return;
  if (test_random_one_in(&state->random, 200))
    everything();
  else
    changes[below(sizeof changes / sizeof changes[0])]();
}

/* --- transactions ---------------------------------------------------------------------- */

static void transaction(void) {
  CHECK_OK(copse_txn_begin(state->store, -1, &state->txn));
  state->view = copse_txn_view(state->txn);
  state->ended_count = 0;
  int is_saved = 0;
  for (uint64_t i = below(60); i; i--) {
    if (!is_saved && test_random_one_in(&state->random, 60)) {
      CHECK_OK(copse_savepoint(state->txn));
      state->saved = state->now;
      state->ended_saved = state->ended_count;
      is_saved = 1;
    } else if (is_saved && test_random_one_in(&state->random, 20)) {
      if (below(2)) {
        CHECK_OK(copse_savepoint_rollback(state->txn));
        state->now = state->saved;
        state->ended_count = state->ended_saved;
      }
      CHECK_OK(copse_savepoint_release(state->txn));
      is_saved = 0;
    }
    change();
  }
  if (test_random_one_in(&state->random, 8)) {
    copse_txn_abort(state->txn);
    state->now = state->base;
    return;
  }
  if (test_random_one_in(&state->random, 4))
    compare(state->view, &state->now);
  CHECK_OK(copse_txn_commit(state->txn, NULL));
  state->base = state->now;
  for (unsigned i = 0; i < state->ended_count; i++)
    state->old[state->old_count++ % OLD] = state->ended[i];
}

static void snapshots_look(void) {
  struct held *held = &state->held[below(HELD)];
  if (held->snapshot && below(8))
    return;
  if (held->snapshot) {
    compare(copse_snapshot_view(held->snapshot), &held->reference);
    copse_snapshot_close(held->snapshot);
  }
  CHECK_OK(copse_snapshot_open(state->store, 0, &held->snapshot));
  held->reference = state->base;
}

TEST(random_changes_agree_with_a_simple_document) {
  struct copse_check check;
  struct copse_snapshot *snapshot;
  state = calloc(1, sizeof *state);
  CHECK(state);
  state->random.state = test_seed();
  CHECK_OK(copse_store_open(NULL, NULL, &state->store));
  CHECK_OK(copse_document_ensure(state->store, "page", -1, &state->document));
  CHECK_OK(copse_snapshot_open(state->store, 0, &snapshot));
  struct item *root = &state->now.items[DOCUMENT];
  *root = (struct item){
      .kind = COPSE_NODE_DOCUMENT, .is_there = 1, .parent = -1, .contents = -1, .host = -1};
  state->now.live = 1;
  CHECK_OK(copse_document_root(copse_snapshot_view(snapshot), state->document, &root->handle));
  copse_snapshot_close(snapshot);
  state->base = state->now;
  for (int i = 0; i < 30000 * test_scale(); i++) {
    transaction();
    snapshots_look();
  }
  for (int i = 0; i < 4; i++)
    CHECK_GT(state->refused[i], 0);
  for (int i = 0; i < HELD; i++)
    copse_snapshot_close(state->held[i].snapshot);
  CHECK_OK(copse_check_store(state->store, -1, NULL, NULL, NULL, &check));
  CHECK_EQ(check.errors, 0);
  copse_document_close(state->document);
  CHECK_OK(copse_store_close(state->store));
  free(state);
}
