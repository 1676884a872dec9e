/* test_selector_model.c - random selectors against a matcher that does it as the definition says, with recursion and
 * without remembering: over random trees that are scanned, walked, and seen by a view that copies. */
#include <stdio.h>
#include <stdlib.h>

#include "copse/copse.h"
#include "dom/document.h"
#include "page.h"
#include "test.h"

#define NODES 40u
#define PARTS 4u

/* --- the model's tree ------------------------------------------------------------------ */

struct element {
  int parent, previous; /* elements; -1: none */
  char name;            /* a to d */
  unsigned classes;     /* bits: x, y, z */
  int has_text;
};
struct tree {
  struct element elements[NODES];
  int count;
};

static void tree_make(struct test_random *random, struct tree *tree) {
  int last[NODES]; /* the last child of each */
  tree->count = 1 + (int)test_random_below(random, NODES);
  for (int i = 0; i < tree->count; i++) {
    struct element *e = &tree->elements[i];
    /* Only what is on the way to the last element can be a parent: so numbers are in document order. */
    int parent = i - 1;
    while (parent > 0 && test_random_below(random, 2))
      parent = tree->elements[parent].parent;
    *e = (struct element){.parent = i ? parent : -1,
                          .name = (char)('a' + test_random_below(random, 4)),
                          .classes = (unsigned)test_random_below(random, 8),
                          .has_text = test_random_below(random, 4) == 0};
    last[i] = -1;
    e->previous = i ? last[parent] : -1;
    if (i)
      last[parent] = i;
  }
}

static char *element_write(const struct tree *tree, int i, char *out) {
  const struct element *e = &tree->elements[i];
  out += sprintf(out, "<%c id=n%d class='%s%s%s'>%s", e->name, i, e->classes & 1 ? "x " : "",
                 e->classes & 2 ? "y " : "", e->classes & 4 ? "z" : "", e->has_text ? "t" : "");
  for (int child = i + 1; child < tree->count; child++)
    if (tree->elements[child].parent == i)
      out = element_write(tree, child, out);
  return out + sprintf(out, "</%c><!--c-->", e->name);
}

/* --- the model's selectors ------------------------------------------------------------- */

enum kind { NAME, CLASS, NTH, EMPTY, FIRST, NOT, IS, HAS };

struct selector;
struct simple {
  enum kind kind;
  int value, a, b; /* NTH: value: 0 child, 1 last, 2 of type, 3 last of type */
  struct selector *inner;
};
struct part {
  struct simple simples[2];
  int count;
  char combinator; /* before it: ' ', '>', '+', '~' */
};
struct selector { /* alternatives of parts from left to right */
  struct part parts[2][PARTS];
  int counts[2], count;
};

static char combinator_make(struct test_random *random) {
  return " >+~"[test_random_below(random, 4)];
}

static struct selector *selector_make(struct test_random *random, int depth, int in_has);

static struct simple simple_make(struct test_random *random, int is_first, int depth, int in_has) {
  struct simple s = {.kind = is_first && test_random_below(random, 2) ? NAME : CLASS};
  uint64_t what = test_random_below(random, 10);
  if (s.kind == CLASS && what >= 4)
    s.kind = what == 4 ? EMPTY : what == 5 ? FIRST : what == 6 ? NTH : NOT + (enum kind)(what - 7);
  if (s.kind == HAS && in_has)
    s.kind = CLASS;
  if (s.kind >= NOT && depth == 0)
    s.kind = NTH;
  s.value = (int)test_random_below(random, s.kind == CLASS ? 3 : 4);
  s.a = (int)test_random_below(random, 5) - 2;
  s.b = (int)test_random_below(random, 7) - 2;
  if (s.kind >= NOT)
    s.inner = selector_make(random, depth - 1, in_has || s.kind == HAS);
  return s;
}

static struct selector *selector_make(struct test_random *random, int depth, int in_has) {
  struct selector *selector = calloc(1, sizeof *selector);
  CHECK(selector != NULL);
  selector->count = 1 + (int)test_random_below(random, 2);
  for (int i = 0; i < selector->count; i++) {
    selector->counts[i] = 1 + (int)test_random_below(random, PARTS);
    for (int j = 0; j < selector->counts[i]; j++) {
      struct part *part = &selector->parts[i][j];
      part->count = 1 + (int)test_random_below(random, 2);
      part->combinator = combinator_make(random);
      for (int k = 0; k < part->count; k++)
        part->simples[k] = simple_make(random, k == 0, depth, in_has);
    }
  }
  return selector;
}

static void selector_free(struct selector *selector) {
  for (int i = 0; selector && i < selector->count; i++)
    for (int j = 0; j < selector->counts[i]; j++)
      for (int k = 0; k < selector->parts[i][j].count; k++)
        selector_free(selector->parts[i][j].simples[k].inner);
  free(selector);
}

static char *selector_write(const struct selector *selector, int is_relative, char *out);

static char *simple_write(const struct simple *s, char *out) {
  static const char *const names[] = {"nth-child", "nth-last-child", "nth-of-type",
                                      "nth-last-of-type"};
  static const char *const lists[] = {"not", "is", "has"};
  switch (s->kind) {
  case NAME: return out + sprintf(out, "%c", 'a' + s->value);
  case CLASS: return out + sprintf(out, ".%c", 'x' + s->value);
  case EMPTY: return out + sprintf(out, ":empty");
  case FIRST: return out + sprintf(out, ":first-child");
  case NTH: return out + sprintf(out, ":%s(%dn%+d)", names[s->value], s->a, s->b);
  default:
    out += sprintf(out, ":%s(", lists[s->kind - NOT]);
    out = selector_write(s->inner, s->kind == HAS, out);
    return out + sprintf(out, ")");
  }
}

static char *selector_write(const struct selector *selector, int is_relative, char *out) {
  for (int i = 0; i < selector->count; i++) {
    out += sprintf(out, "%s", i ? ", " : "");
    for (int j = 0; j < selector->counts[i]; j++) {
      const struct part *part = &selector->parts[i][j];
      if (j || is_relative)
        out += sprintf(out, "%s%c ", part->combinator == ' ' ? "" : " ", part->combinator);
      for (int k = 0; k < part->count; k++)
        out = simple_write(&part->simples[k], out);
    }
  }
  return out;
}

/* --- the model's matching -------------------------------------------------------------- */

static int selector_test(const struct tree *tree, const struct selector *selector, int at,
                         int anchor);

/* The number among the siblings that count, from the beginning or the end. */
static int number_of(const struct tree *tree, int at, int kind) {
  const struct element *e = &tree->elements[at];
  int number = 1;
  for (int i = 0; i < tree->count; i++) {
    const struct element *other = &tree->elements[i];
    int is_side = kind & 1 ? i > at : i < at;
    number += is_side && other->parent == e->parent && (kind < 2 || other->name == e->name);
  }
  return number;
}

static int is_empty(const struct tree *tree, int at) {
  for (int i = at + 1; i < tree->count; i++)
    if (tree->elements[i].parent == at)
      return 0;
  return !tree->elements[at].has_text;
}

static int simple_test(const struct tree *tree, const struct simple *s, int at) {
  const struct element *e = &tree->elements[at];
  switch (s->kind) {
  case NAME: return e->name == 'a' + s->value;
  case CLASS: return e->classes >> s->value & 1;
  case EMPTY: return is_empty(tree, at);
  case FIRST: return e->previous < 0;
  case NTH:
    for (int n = 0; n <= 2 * (int)NODES; n++)
      if (s->a * n + s->b == number_of(tree, at, s->value))
        return 1;
    return 0;
  case NOT: return !selector_test(tree, s->inner, at, -1);
  case IS: return selector_test(tree, s->inner, at, -1);
  case HAS:
    for (int i = 0; i < tree->count; i++)
      if (selector_test(tree, s->inner, i, at))
        return 1;
    return 0;
  }
  return 0;
}

/* Whether the first n parts match with the last of them at an element; anchor: what must stand before the first, or
 * -1. */
static int parts_test(const struct tree *tree, const struct part *parts, int n, int at,
                      int anchor) {
  const struct part *part = &parts[n - 1];
  for (int k = 0; k < part->count; k++)
    if (!simple_test(tree, &part->simples[k], at))
      return 0;
  if (n == 1 && anchor < 0)
    return 1;
  int is_up = part->combinator == ' ' || part->combinator == '>';
  int is_once = part->combinator == '>' || part->combinator == '+';
  for (int to = at;;) {
    to = is_up ? tree->elements[to].parent : tree->elements[to].previous;
    if (to < 0)
      return 0;
    if (n == 1 ? to == anchor : parts_test(tree, parts, n - 1, to, anchor))
      return 1;
    if (is_once)
      return 0;
  }
}

static int selector_test(const struct tree *tree, const struct selector *selector, int at,
                         int anchor) {
  for (int i = 0; i < selector->count; i++)
    if (parts_test(tree, selector->parts[i], selector->counts[i], at, anchor))
      return 1;
  return 0;
}

/* --- comparing ------------------------------------------------------------------------- */

static int number_in(struct copse_view *view, struct copse_document *page,
                     const struct copse_handle *handle) {
  struct dom_item item;
  struct dom_attribute id;
  char text[16] = "";
  CHECK_OK(dom_item_get(view, page, handle, &item));
  CHECK_OK(dom_attribute_find(view, page, &item.data, DOM_NONE_ID, &id));
  CHECK_LT(id.size, sizeof text);
  memcpy(text, id.value, id.size);
  return atoi(text + 1);
}

static void compare(struct copse_view *view, struct copse_document *page, const struct tree *tree,
                    const struct selector *model, const char *text) {
  struct copse_selector *selector;
  struct copse_query *query;
  struct copse_handle root, found;
  int result, next = 0;
  CHECK_OK(copse_selector_compile(text, SIZE_MAX, &selector));
  CHECK_OK(copse_document_root(view, page, &root));
  CHECK_OK(copse_query_begin(view, page, &root, selector, &query));
  while ((result = copse_query_next(query, &found)) == 0) {
    int number = number_in(view, page, &found);
    while (next < number)
      CHECK_MSG(!selector_test(tree, model, next++, -1), "%s misses n%d", text, next - 1);
    CHECK_MSG(next == number && selector_test(tree, model, next++, -1), "%s finds n%d", text,
              number);
  }
  CHECK_EQ(result, COPSE_NONE);
  while (next < tree->count)
    CHECK_MSG(!selector_test(tree, model, next++, -1), "%s misses n%d", text, next - 1);
  copse_query_end(query);
  copse_selector_free(selector);
}

static void disorder(struct copse_store *store, struct copse_document *page) {
  struct copse_txn *txn;
  struct copse_handle root;
  struct dom_item item;
  CHECK_OK(copse_txn_begin(store, -1, &txn));
  CHECK_OK(copse_document_root(copse_txn_view(txn), page, &root));
  CHECK_OK(dom_item_get(copse_txn_view(txn), page, &root, &item));
  item.data.flags &= (uint8_t)~DOM_ORDERED;
  CHECK_OK(copse_tree_update(txn, page->tree, &root, &item.data, NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void trees_try(struct test_random *random, int selectors) {
  static char html[NODES * 64], text[1 << 20];
  struct tree tree;
  struct copse_store *store;
  struct copse_snapshot *snapshots[3];
  tree_make(random, &tree);
  element_write(&tree, 0, html);
  CHECK_OK(copse_store_open(NULL, NULL, &store));
  struct copse_document *page = page_new(store, "page", html);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshots[0]));
  CHECK_OK(copse_snapshot_open(store, COPSE_SNAPSHOT_OUSTABLE, &snapshots[1]));
  disorder(store, page);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshots[2]));
  for (int i = 0; i < selectors; i++) {
    struct selector *selector = selector_make(random, 2, 0);
    selector_write(selector, 0, text);
    for (int j = 0; j < 3; j++)
      compare(copse_snapshot_view(snapshots[j]), page, &tree, selector, text);
    selector_free(selector);
  }
  for (int j = 0; j < 3; j++)
    copse_snapshot_close(snapshots[j]);
  copse_document_close(page);
  copse_store_close(store);
}

TEST(random_selectors_match_as_defined) {
  struct test_random random = {test_seed()};
  for (int i = 0; i < 40 * test_scale(); i++)
    trees_try(&random, 200);
}
