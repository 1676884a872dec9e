/* select/match.c - complex selectors, from right to left.
 *
 * A compound that fails says how far it is of use to go on elsewhere (after Servo's selector matching): behind + and ~
 * no further than the next descendant combinator to the right, and when the ancestors are at an end, nowhere. So the
 * nodes looked at for each combinator are at most those on the way, and no combination is tried twice.
 *
 * What a descendant combinator leads to - "a node or an ancestor of it matches the rest" - depends on the node alone,
 * and is remembered for the nodes on the way: all descendants of a node pay for its ancestors once. */
#include <stdlib.h>

#include "select/match.h"

/* --- simple selectors and compounds ---------------------------------------------------- */

static int empty_test(struct select_match *match, const struct select_node *node) {
  uint64_t left = match->ways;
  struct select_node child;
  for (uint32_t link = node->record.links.first; link; link = child.record.links.next) {
    int result = select_node_load(match, link, &child);
    if (result)
      return result;
    if (select_is_element(&child) ||
        (child.record.data.kind == COPSE_NODE_TEXT && child.record.data.more))
      return 0;
    if (left-- == 0)
      return select_circle(child.link);
  }
  return 1;
}

static int root_test(struct select_match *match, const struct select_node *node) {
  struct select_node parent;
  if (node->record.links.parent == 0)
    return 0;
  int result = select_node_load(match, node->record.links.parent, &parent);
  return result ? result : parent.record.data.kind == COPSE_NODE_DOCUMENT;
}

static int scope_test(struct select_match *match, const struct select_node *node) {
  return match->scope_kind == COPSE_NODE_DOCUMENT ? root_test(match, node)
                                                  : node->link == match->scope;
}

static int link_test(struct select_match *match, const struct select_node *node) {
  switch (node->record.data.name) {
  case DOM_HTML_A:
  case DOM_HTML_AREA: return select_has(match, node, DOM_NONE_HREF);
  case DOM_SVG_A:
    return select_has(match, node, DOM_NONE_HREF) | select_has(match, node, DOM_XLINK_HREF);
  default: return 0;
  }
}

int select_simple_test(struct select_match *match, uint32_t number,
                       const struct select_node *node) {
  const struct select_simple *simple = &match->selector->simples[number];
  int result;
  switch ((enum select_op)simple->op) {
  case SELECT_ID: return select_id_test(match, simple, node);
  case SELECT_CLASS: return select_class_test(match, simple, node);
  case SELECT_ATTRIBUTE: return select_attribute_test(match, number, node);
  case SELECT_IS: return select_list_test(match, simple->list - 1, node);
  case SELECT_NOT:
    result = select_list_test(match, simple->list - 1, node);
    return result < 0 ? result : !result;
  case SELECT_HAS: return select_has_test(match, simple, node);
  case SELECT_ANCHOR: return node->link == match->anchor;
  case SELECT_NTH: return select_nth_test(match, number, node);
  case SELECT_LANG: return select_lang_test(match, simple, node);
  case SELECT_DIR: return select_dir_test(match, simple, node);
  case SELECT_CONTAINS: return select_contains_test(match, simple, node);
  case SELECT_NEVER: return 0;
  case SELECT_EMPTY: return empty_test(match, node);
  case SELECT_ROOT: return root_test(match, node);
  case SELECT_SCOPE: return scope_test(match, node);
  case SELECT_LINK: return link_test(match, node);
  case SELECT_STATE: return select_state_test(match, (enum select_state)simple->kind, node);
  }
  return 0;
}

static int compound_test(struct select_match *match, const struct select_compound *compound,
                         const struct select_node *node) {
  if ((node->record.data.more & compound->need) != compound->need)
    return 0;
  int result = 1;
  if (compound->is_typed || compound->space)
    result = select_type_test(match, compound, node);
  for (uint32_t i = 0; i < compound->count && result == 1; i++)
    result = select_simple_test(match, compound->simple + i, node);
  return result;
}

/* --- what is remembered of ancestors --------------------------------------------------- */

static struct select_above *above_of(struct select_match *match, uint32_t compound, uint32_t node) {
  return &match->above[(node + compound * 31) % SELECT_ABOVE];
}

/* 1, 0, or -1: it is not known. */
static int above_known(struct select_match *match, uint32_t compound, uint32_t node) {
  const struct select_above *above = above_of(match, compound, node);
  return above->node == node && above->compound == compound + 1 ? (int)above->is : -1;
}

/* Notes the verdict for the nodes from one on up to, but not, another. */
static int above_note(struct select_match *match, uint32_t compound, uint32_t from, uint32_t to,
                      int is) {
  struct select_node node;
  for (unsigned i = 0; i < SELECT_ABOVE / 2 && from && from != to; i++) {
    *above_of(match, compound, from) = (struct select_above){compound + 1, from, (uint32_t)is};
    int result = select_node_load(match, from, &node);
    if (result)
      return result;
    from = node.record.links.parent;
  }
  return 0;
}

/* --- complex selectors ----------------------------------------------------------------- */

/* How a compound and all to its left fail: try the next sibling or ancestor, the next ancestor, nothing more. */
enum outcome { MATCHED = 1, RETRY_SIBLING = 2, RETRY_ANCESTOR = 3, FAILED = 4 };

/* A compound, and the node that it is tried at. */
struct level {
  struct select_node at;
  uint32_t begin; /* behind a descendant combinator: the first ancestor that was tried */
  uint64_t left;
};

#define LEVELS 8u /* more of them are allocated */

struct search {
  struct select_match *match;
  const struct select_complex *complex;
  const struct select_compound *compounds;
  struct level *levels;
  uint32_t i; /* the compound that is looked for; those before it match at their levels */
};

/* A scope that is a fragment is matched by :scope, and by nothing else. */
static int is_virtual(const struct search *search, const struct select_node *node) {
  return node->link == search->match->scope && node->record.data.kind == COPSE_NODE_FRAGMENT &&
         search->i + 1 == search->complex->count && search->compounds[search->i].is_scope;
}

/* Goes on to the next node for the compound that is looked for. MATCHED: it and the rest do match there, as is known. */
static int advance(struct search *search, enum outcome *outcome) {
  struct select_match *match = search->match;
  struct level *level = &search->levels[search->i];
  unsigned combinator = search->compounds[search->i - 1].combinator;
  struct select_node from = level->at;
  int result;
  if (level->left-- == 0)
    return select_circle(from.link);
  if (combinator == SELECT_NEXT || combinator == SELECT_LATER) {
    result = select_previous(match, &from, &level->at);
    *outcome = RETRY_ANCESTOR;
    return result;
  }
  *outcome = FAILED;
  if (from.record.links.parent == 0)
    return COPSE_NONE;
  result = select_node_load(match, from.record.links.parent, &level->at);
  if (result)
    return result;
  if (!select_is_element(&level->at)) {
    *outcome = is_virtual(search, &level->at) ? MATCHED : FAILED;
    return COPSE_NONE;
  }
  if (combinator != SELECT_DESCENDANT || search->complex->is_relative)
    return 0;
  level->begin = level->begin ? level->begin : level->at.link;
  int known = above_known(match, search->complex->compound + search->i, level->at.link);
  if (known < 0)
    return 0;
  *outcome = known ? MATCHED : FAILED;
  return COPSE_NONE;
}

/* Takes in how the compound that is looked for failed: 1: it is to be tried at its next node; 0: nowhere. */
static int retry(struct search *search, enum outcome outcome) {
  while (search->i) {
    switch ((enum select_combinator)search->compounds[search->i - 1].combinator) {
    case SELECT_DESCENDANT: return 1;
    case SELECT_LATER:
      if (outcome == RETRY_SIBLING)
        return 1;
      break;
    case SELECT_CHILD_OF: outcome = RETRY_ANCESTOR; break;
    case SELECT_NEXT: break;
    }
    search->i--;
  }
  return 0;
}

/* Notes what has come out for the ancestors. */
static int search_note(const struct search *search, int is) {
  int result = 0;
  for (uint32_t i = 1; i <= search->i && i < search->complex->count && result == 0; i++) {
    const struct level *level = &search->levels[i];
    if (search->compounds[i - 1].combinator == SELECT_DESCENDANT && level->begin)
      result = above_note(search->match, search->complex->compound + i, level->begin,
                          is ? level->at.record.links.parent : 0, is);
  }
  return result;
}

/* The first compound matches at levels[0]. */
static int search_run(struct search *search) {
  const uint32_t count = search->complex->count;
  while (search->i < count) {
    enum outcome outcome = FAILED;
    int result = advance(search, &outcome);
    if (result < 0)
      return result;
    if (result == 0) {
      struct level *level = &search->levels[search->i];
      result = compound_test(search->match, &search->compounds[search->i], &level->at);
      if (result < 0)
        return result;
      if (result == 1) {
        if (++search->i < count) {
          level[1].at = level->at;
          level[1].begin = 0;
          level[1].left = search->match->ways;
        }
        continue;
      }
      outcome = RETRY_SIBLING;
    }
    if (outcome == MATCHED)
      break;
    if (outcome == FAILED) {
      result = search_note(search, 0);
      return result;
    }
    if (!retry(search, outcome))
      return 0;
  }
  int result = search_note(search, 1);
  return result ? result : 1;
}

int select_complex_test(struct select_match *match, uint32_t number,
                        const struct select_node *node) {
  const struct select_complex *complex = &match->selector->complexes[number];
  const struct select_compound *compounds = &match->selector->compounds[complex->compound];
  struct level some[LEVELS], *levels = some;
  int result = compound_test(match, compounds, node);
  if (result != 1 || complex->count == 1)
    return result;
  if (complex->count > LEVELS && !(levels = malloc(complex->count * sizeof *levels)))
    return error_set(COPSE_E_MEMORY, "no memory for a selector of %u parts", complex->count);
  levels[0].at = levels[1].at = *node;
  levels[1].begin = 0;
  levels[1].left = match->ways;
  struct search search = {match, complex, compounds, levels, 1};
  result = search_run(&search);
  if (levels != some)
    free(levels);
  return result;
}

int select_list_test(struct select_match *match, uint32_t number, const struct select_node *node) {
  const struct select_list *list = &match->selector->lists[number];
  int result = 0;
  for (uint32_t i = 0; i < list->count && result == 0; i++)
    result = select_complex_test(match, list->complex + i, node);
  return result;
}

/* --- a call ---------------------------------------------------------------------------- */

/* Numbers that names of attributes have in this document only. */
static int own_find(struct select_match *match) {
  const struct copse_selector *selector = match->selector;
  for (uint32_t i = 0; i < selector->simple_count; i++) {
    const struct select_simple *simple = &selector->simples[i];
    if (simple->op != SELECT_ATTRIBUTE || (simple->number && simple->exact) ||
        simple->flags & SELECT_ANY_SPACE)
      continue;
    if (!match->own) {
      match->own = calloc(2 * selector->simple_count, sizeof *match->own);
      if (!match->own)
        return error_set(COPSE_E_MEMORY, "no memory for the names of a selector");
    }
    for (unsigned j = 0; j < 2; j++) {
      struct select_text text = j ? simple->name : simple->lower;
      if (j ? simple->exact : simple->number)
        continue;
      int result = dom_name_find(match->view, match->document, COPSE_NS_NONE, NULL, 0,
                                 select_text(selector, text), text.size, &match->own[2 * i + j]);
      if (result < 0)
        return result;
    }
  }
  return 0;
}

/* The filter bits of the subjects of the first alternatives, those of such names too. */
static void needs_find(struct select_match *match) {
  const struct copse_selector *selector = match->selector;
  const struct select_list *list = &selector->lists[selector->list_count - 1];
  memcpy(match->needs, selector->needs, sizeof match->needs);
  for (uint32_t i = 0; match->own && i < list->count && i < SELECT_ALTERNATIVES - 1; i++) {
    const struct select_complex *complex = &selector->complexes[list->complex + i];
    const struct select_compound *subject = &selector->compounds[complex->compound];
    for (uint32_t j = subject->simple; j < subject->simple + subject->count; j++) {
      uint32_t lower = match->own[2 * j], exact = match->own[2 * j + 1];
      if (selector->simples[j].op == SELECT_ATTRIBUTE && lower && lower == exact)
        match->needs[i] |= dom_filter_attribute(lower);
    }
  }
}

int select_match_begin(struct select_match *match, struct copse_view *view,
                       struct copse_document *document, const struct copse_selector *selector,
                       const struct copse_handle *scope) {
  struct dom_item item, root;
  int result = dom_item_get(view, document, scope, &item);
  if (result == 0)
    result = dom_item_root(view, document, &root);
  memset(match, 0, sizeof *match);
  if (result == 0)
    result = copse_tree_count(view, document->tree, &match->ways);
  if (result)
    return result;
  match->ways *= 2;
  match->view = view;
  match->document = document;
  match->selector = selector;
  match->scope = dom_link(&item.node);
  match->scope_kind = item.data.kind;
  match->is_quirky = root.data.name == COPSE_QUIRKS;
  result = select_reader_begin(&match->nodes, view, document->tree->arena);
  if (result == 0)
    result = select_reader_begin(&match->heap, view, document->text);
  if (result == 0)
    result = own_find(match);
  if (result)
    select_match_end(match);
  else
    needs_find(match);
  return result;
}

void select_match_end(struct select_match *match) {
  select_reader_end(&match->nodes);
  select_reader_end(&match->heap);
  free(match->own);
  free(match->language);
  free(match->text);
}
