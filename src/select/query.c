/* select/query.c - going through a document for what a selector matches.
 *
 * Nodes whose numbers are in document order - as a sink puts them, until one is moved - are scanned as an array: a
 * name leads through a table to the selectors of the list whose subject may have it, their filter bits are
 * compared, and only what is left is matched. Other documents are walked by links. */
#include <stdlib.h>

#include "select/match.h"

struct copse_query {
  struct select_match match;
  uint64_t left, stamp;
  uint32_t next; /* link. scanning: to be looked at next; walking: looked at last */
  uint32_t end;  /* scanning: link behind the last one */
  int is_scan;
  int result; /* what has ended it */
};

static uint64_t stamp_of(const struct copse_view *view) {
  return view->moves + (view->txn ? view->txn->puts + view->txn->deletes : 0);
}

/* is_first: its slot has had no other node. */
static int handle_of(const struct select_match *match, uint32_t link, int is_first,
                     struct copse_handle *handle) {
  struct copse_arena *arena = match->document->tree->arena;
  const void *record;
  if (is_first) {
    *handle = (struct copse_handle){arena->map.tag, link - 1, 1, 0};
    return 0;
  }
  int result = copse_arena_at(match->view, arena, (uint64_t)link - 1, handle, &record);
  return result == COPSE_NONE ? error_set(COPSE_E_CORRUPT, "node %u is not there", link - 1)
                              : result;
}

/* --- scanning -------------------------------------------------------------------------- */

/* Whether what follows a node is the contents of it, a template. *contents is loaded if there is a node. */
static int contents_load(struct select_match *match, const struct select_node *node,
                         struct select_node *contents) {
  if (!(node->record.data.flags & DOM_TEMPLATE) || !select_is_element(node))
    return COPSE_NONE;
  int result = select_node_load(match, node->link + 1, contents);
  if (result)
    return result;
  return contents->record.data.kind == COPSE_NODE_FRAGMENT &&
                 contents->record.data.data == node->link
             ? 0
             : error_set(COPSE_E_CORRUPT, "node %u is not followed by its contents",
                         node->link - 1);
}

/* The link behind the last node of a subtree whose nodes are in document order, contents of templates too. */
static int end_find(struct select_match *match, uint32_t link, uint32_t *end) {
  struct select_node node, contents;
  int result = 0;
  while (result == 0) {
    result = select_node_load(match, link, &node);
    if (result)
      return result;
    uint32_t last = node.record.links.last;
    if (last == 0) {
      result = contents_load(match, &node, &contents);
      last = link + 1;
    } else if (last <= link) {
      return error_set(COPSE_E_CORRUPT, "node %u has a last child before it", link - 1);
    }
    link = result == 0 ? last : link;
  }
  *end = link + 1;
  return result == COPSE_NONE ? 0 : result;
}

/* Finds out whether what is below the scope can be scanned, and from where to where. */
static int scan_begin(struct copse_query *query) {
  struct select_match *match = &query->match;
  struct select_node root, scope;
  uint32_t end;
  int result = select_node_load(match, 1, &root);
  if (result || !(root.record.data.flags & DOM_ORDERED))
    return result;
  result = end_find(match, 1, &end);
  if (result)
    return result;
  if (match->scope != 1 && (match->scope < root.record.links.first || match->scope >= end))
    return 0;
  result = select_node_load(match, match->scope, &scope);
  if (result == 0)
    result = end_find(match, match->scope, &query->end);
  if (result)
    return result;
  query->next = scope.record.links.first ? scope.record.links.first : query->end;
  query->is_scan = 1;
  return 0;
}

/* Of the alternatives that a name has, those whose filter bits an element has. */
static inline unsigned filtered(const struct select_match *match, unsigned bits, uint32_t filter) {
  unsigned left = 0;
  for (; bits; bits &= bits - 1) {
    unsigned i = (unsigned)__builtin_ctz(bits);
    left |= (unsigned)((filter & match->needs[i]) == match->needs[i]) << i;
  }
  return left;
}

static inline unsigned bits_of(const struct copse_selector *selector, uint32_t name) {
  return selector->by_name[name < DOM_NAMES_OWN ? name : DOM_NAMES_OWN];
}

/* The alternatives that may match the next node of which there are some; 0: there is no such node before the end. */
static int scan(struct copse_query *query, uint32_t *link, unsigned *found) {
  const struct copse_selector *selector = query->match.selector;
  const uint32_t slots = query->match.nodes.arena->shape.slots;
  while (query->next < query->end) {
    const uint8_t *records;
    uint32_t in_leaf;
    int result = select_leaf(&query->match.nodes, query->next - 1, &records, &in_leaf);
    if (result)
      return result;
    const struct select_record *record = (const struct select_record *)records + in_leaf;
    uint32_t left = query->end - query->next, n = slots - in_leaf < left ? slots - in_leaf : left;
    for (uint32_t i = 0; i < n; i++) {
      unsigned bits = bits_of(selector, record[i].data.name);
      if (__builtin_expect(bits == 0, 1))
        continue;
      bits = filtered(&query->match, bits, record[i].data.more);
      if (bits) {
        *link = query->next + i;
        *found = bits;
        query->next += i + 1;
        return 0;
      }
    }
    query->next += n;
  }
  return COPSE_NONE;
}

/* Goes past the contents of a template, which come behind it. */
static int contents_skip(struct copse_query *query, const struct select_node *node) {
  struct select_node contents;
  int result = contents_load(&query->match, node, &contents);
  if (result == 0)
    result = end_find(&query->match, contents.link, &query->next);
  return result == COPSE_NONE ? 0 : result;
}

/* --- walking --------------------------------------------------------------------------- */

static int walk(struct copse_query *query, uint32_t *link, unsigned *found) {
  struct select_match *match = &query->match;
  const struct select_record *record;
  int result;
  while ((result = select_way(match, match->scope, &query->left, &query->next, &record)) == 0) {
    unsigned bits = bits_of(match->selector, record->data.name);
    if (__builtin_expect(bits == 0, 1))
      continue;
    bits = filtered(match, bits, record->data.more);
    if (bits) {
      *link = query->next;
      *found = bits;
      return 0;
    }
  }
  return result;
}

/* --- both ------------------------------------------------------------------------------ */

/* Tests the alternatives. */
static int alternatives_test(struct select_match *match, unsigned bits,
                             const struct select_node *node) {
  const struct copse_selector *selector = match->selector;
  const struct select_list *list = &selector->lists[selector->list_count - 1];
  int result = 0;
  for (; bits && result == 0; bits &= bits - 1) {
    uint32_t i = (uint32_t)__builtin_ctz(bits);
    uint32_t end = i == SELECT_ALTERNATIVES - 1 ? list->count : i + 1;
    for (; i < end && result == 0; i++)
      result = select_complex_test(match, list->complex + i, node);
  }
  return result;
}

/* The next element that matches: its link. */
static int next(struct copse_query *query, uint32_t *link) {
  struct select_match *match = &query->match;
  for (;;) {
    const struct select_record *record;
    unsigned bits = 0;
    int result = query->is_scan ? scan(query, link, &bits) : walk(query, link, &bits);
    if (result == 0)
      result = select_record_of(match, *link, &record);
    if (result)
      return result;
    if (bits & match->selector->exact && record->data.name < DOM_NAMES_OWN &&
        record->data.name != DOM_HTML_TEMPLATE)
      return 0;
    if (record->data.kind != COPSE_NODE_ELEMENT)
      continue;
    struct select_node node = {*record, *link};
    if (query->is_scan)
      result = contents_skip(query, &node);
    if (result == 0)
      result = alternatives_test(match, bits, &node);
    if (result)
      return result < 0 ? result : 0;
  }
}

static int begin(struct copse_query *query, struct copse_view *view,
                 struct copse_document *document, const struct copse_handle *scope,
                 const struct copse_selector *selector) {
  int result = select_match_begin(&query->match, view, document, selector, scope);
  if (result)
    return result;
  query->left = query->match.ways;
  query->stamp = stamp_of(view);
  query->is_scan = 0;
  query->result = 0;
  result = scan_begin(query);
  if (!query->is_scan)
    query->next = query->match.scope;
  if (result)
    select_match_end(&query->match);
  return result;
}

/* --- the public functions -------------------------------------------------------------- */

int copse_query_begin(struct copse_view *view, struct copse_document *document,
                      const struct copse_handle *scope, const struct copse_selector *selector,
                      struct copse_query **out) {
  struct copse_query *query = malloc(sizeof *query);
  if (!query)
    return error_set(COPSE_E_MEMORY, "no memory for a query");
  int result = begin(query, view, document, scope, selector);
  if (result)
    free(query);
  else
    *out = query;
  return result;
}

int copse_query_next(struct copse_query *query, struct copse_handle *found) {
  uint32_t link;
  if (query->result)
    return query->result;
  if (stamp_of(query->match.view) != query->stamp)
    return error_set(COPSE_E_STATE,
                     "the store was changed, or the snapshot refreshed, since the query "
                     "began; begin another");
  query->result = next(query, &link);
  return query->result ? query->result : handle_of(&query->match, link, query->is_scan, found);
}

void copse_query_end(struct copse_query *query) {
  if (!query)
    return;
  select_match_end(&query->match);
  free(query);
}

int copse_selector_first(struct copse_view *view, struct copse_document *document,
                         const struct copse_handle *scope, const struct copse_selector *selector,
                         struct copse_handle *found) {
  struct copse_query query;
  uint32_t link;
  int result = begin(&query, view, document, scope, selector);
  if (result)
    return result;
  result = next(&query, &link);
  if (result == 0)
    result = handle_of(&query.match, link, query.is_scan, found);
  select_match_end(&query.match);
  return result;
}

/* The element itself or, if is_above, the nearest of its ancestors that matches: its link. COPSE_NONE: none. */
static int nearest(struct select_match *match, int is_above, uint32_t *link) {
  const uint32_t list = match->selector->list_count - 1;
  struct select_node node, from;
  uint64_t left = match->ways;
  int result = select_node_load(match, match->scope, &node);
  if (result)
    return result;
  if (!select_is_element(&node)) {
    from = node;
    result = is_above ? select_parent(match, &from, &node) : COPSE_NONE;
  }
  while (result == 0) {
    int is = select_list_test(match, list, &node);
    if (is) {
      *link = node.link;
      return is < 0 ? is : 0;
    }
    from = node;
    result = is_above ? select_parent(match, &from, &node) : COPSE_NONE;
    if (left-- == 0)
      return select_circle(node.link);
  }
  return result;
}

int copse_selector_matches(struct copse_view *view, struct copse_document *document,
                           const struct copse_handle *element,
                           const struct copse_selector *selector) {
  struct select_match match;
  uint32_t link;
  int result = select_match_begin(&match, view, document, selector, element);
  if (result)
    return result;
  result = nearest(&match, 0, &link);
  select_match_end(&match);
  return result;
}

int copse_selector_closest(struct copse_view *view, struct copse_document *document,
                           const struct copse_handle *element,
                           const struct copse_selector *selector, struct copse_handle *found) {
  struct select_match match;
  uint32_t link;
  int result = select_match_begin(&match, view, document, selector, element);
  if (result)
    return result;
  result = nearest(&match, 1, &link);
  if (result == 0)
    result = handle_of(&match, link, 0, found);
  select_match_end(&match);
  return result;
}
