/* select/compile.c - selectors from their text; what of them is known before any document is. */
#include <stdlib.h>

#include "dom/data.h"
#include "select/match.h"
#include "select/parse.h"

/* --- filters and names ----------------------------------------------------------------- */

static uint32_t need_of(const struct copse_selector *selector, const struct select_simple *simple) {
  const char *value = select_text(selector, simple->value);
  switch (simple->op) {
  case SELECT_ID: return dom_filter_id(value, simple->value.size);
  case SELECT_CLASS: return dom_filter_class(value, simple->value.size);
  case SELECT_ATTRIBUTE:
    return simple->number && simple->number == simple->exact && !(simple->flags & SELECT_ANY_SPACE)
               ? dom_filter_attribute(simple->number)
               : 0;
  default: return 0;
  }
}

static void needs_set(struct copse_selector *selector) {
  for (uint32_t i = 0; i < selector->compound_count; i++) {
    struct select_compound *compound = &selector->compounds[i];
    compound->is_scope = compound->count == 1 && !compound->is_typed && !compound->space &&
                         selector->simples[compound->simple].op == SELECT_SCOPE;
    for (uint32_t j = 0; j < compound->count; j++)
      compound->need |= need_of(selector, &selector->simples[compound->simple + j]);
  }
}

static void names_mark(struct copse_selector *selector, uint32_t complex, uint8_t bit);

/* Names that the subject of a complex selector of a list may have. */
static void list_mark(struct copse_selector *selector, uint32_t list, uint8_t bit) {
  for (uint32_t i = 0; i < selector->lists[list].count; i++)
    names_mark(selector, selector->lists[list].complex + i, bit);
}

static void names_mark(struct copse_selector *selector, uint32_t complex, uint8_t bit) {
  const struct select_compound *compound =
      &selector->compounds[selector->complexes[complex].compound];
  if (compound->is_typed && !compound->space) {
    for (unsigned i = 0; i < SELECT_NUMBERS; i++)
      if (compound->numbers[i])
        selector->by_name[compound->numbers[i]] |= bit;
    selector->by_name[DOM_NAMES_OWN] |= bit;
    return;
  }
  for (uint32_t i = 0; i < compound->count; i++) {
    const struct select_simple *simple = &selector->simples[compound->simple + i];
    if (simple->op == SELECT_IS) {
      list_mark(selector, simple->list - 1, bit);
      return;
    }
  }
  for (uint32_t name = DOM_NAME_FIRST; name <= DOM_NAMES_OWN; name++)
    selector->by_name[name] |= bit;
}

static void subjects_set(struct copse_selector *selector) {
  const struct select_list *list = &selector->lists[selector->list_count - 1];
  for (uint32_t i = 0; i < list->count; i++) {
    uint32_t at = i < SELECT_ALTERNATIVES - 1 ? i : SELECT_ALTERNATIVES - 1;
    const struct select_complex *complex = &selector->complexes[list->complex + i];
    names_mark(selector, list->complex + i, (uint8_t)(1u << at));
    if (at < SELECT_ALTERNATIVES - 1)
      selector->needs[at] = selector->compounds[complex->compound].need;
    const struct select_compound *subject = &selector->compounds[complex->compound];
    if (at < SELECT_ALTERNATIVES - 1 && complex->count == 1 && subject->count == 0 &&
        subject->is_typed && !subject->space)
      selector->exact |= (uint8_t)(1u << at);
  }
  selector->by_name[DOM_HTML_TEMPLATE] |=
      1u << (SELECT_ALTERNATIVES - 1); /* whose contents are skipped */
}

/* --- the public functions -------------------------------------------------------------- */

static void parser_free(struct select_parser *parser) {
  free(parser->open_simples.items);
  free(parser->open_compounds.items);
  free(parser->open_complexes.items);
}

void copse_selector_free(struct copse_selector *selector) {
  if (!selector)
    return;
  free(selector->simples);
  free(selector->compounds);
  free(selector->complexes);
  free(selector->lists);
  free(selector->pool);
  free(selector);
}

/* The text about a fault, with what stands there. */
static int refuse(const struct select_parser *parser) {
  size_t at = parser->fault_at, left = parser->size - at, shown = left < 24 ? left : 24;
  while (shown && shown < left && (parser->text[at + shown] & 0xc0) == 0x80)
    shown--;
  if (left == 0)
    return error_set(COPSE_E_SELECTOR, "the selector ends at byte %zu; expected there: %s", at,
                     parser->fault);
  return error_set(COPSE_E_SELECTOR, "at byte %zu of the selector, at '%.*s%s'; expected there: %s",
                   at, (int)shown, (const char *)parser->text + at, shown < left ? "..." : "",
                   parser->fault);
}

int copse_selector_compile(const char *text, size_t size, struct copse_selector **out) {
  struct copse_selector *selector = calloc(1, sizeof *selector);
  if (!selector)
    return select_memory();
  struct select_parser parser = {.text = (const uint8_t *)text,
                                 .size = size == SIZE_MAX ? strlen(text) : size};
  int result = parser.size < UINT32_MAX / 8
                   ? select_parse(&parser)
                   : error_set(COPSE_E_ARGUMENT, "a selector of %zu bytes", parser.size);
  selector->simples = parser.simples.items;
  selector->compounds = parser.compounds.items;
  selector->complexes = parser.complexes.items;
  selector->lists = parser.lists.items;
  selector->pool = parser.pool.items;
  selector->simple_count = parser.simples.count;
  selector->compound_count = parser.compounds.count;
  selector->complex_count = parser.complexes.count;
  selector->list_count = parser.lists.count;
  selector->pool_size = parser.pool.count;
  parser_free(&parser);
  if (result == COPSE_E_SELECTOR)
    result = refuse(&parser);
  if (result) {
    copse_selector_free(selector);
    return result;
  }
  needs_set(selector);
  subjects_set(selector);
  *out = selector;
  return 0;
}
