/* select/lang.c - :lang(): languages of elements (HTML 3.2.6.2) and extended filtering of them (RFC 4647, 3.3.2). */
#include <stdlib.h>

#include "select/match.h"

/* --- filtering ------------------------------------------------------------------------- */

struct subtag {
  const char *bytes;
  size_t size;
  int is_there;
};

/* The subtag at the beginning of *rest, which goes on behind it; NULL: at the end. */
static struct subtag subtag_next(const char **rest, const char *end) {
  const char *begin = *rest;
  if (!begin)
    return (struct subtag){0};
  const char *at = begin;
  while (at < end && *at != '-')
    at++;
  *rest = at < end ? at + 1 : NULL;
  return (struct subtag){begin, (size_t)(at - begin), 1};
}

static int is_same(struct subtag a, struct subtag b) {
  return a.size == b.size && select_bytes_same(a.bytes, b.bytes, a.size, 1);
}

static int is_any(struct subtag range) { return range.size == 1 && range.bytes[0] == '*'; }

static int filter(const char *range, size_t range_size, const char *tag, size_t tag_size) {
  const char *ranges = range, *ranges_end = range + range_size;
  const char *tags = tag, *tags_end = tag + tag_size;
  if (range_size == 0 || tag_size == 0)
    return range_size == tag_size;
  struct subtag wanted = subtag_next(&ranges, ranges_end), is = subtag_next(&tags, tags_end);
  if (!is_any(wanted) && !is_same(wanted, is))
    return 0;
  wanted = subtag_next(&ranges, ranges_end);
  is = subtag_next(&tags, tags_end);
  while (wanted.is_there) {
    if (is_any(wanted)) {
      wanted = subtag_next(&ranges, ranges_end);
      continue;
    }
    if (!is.is_there)
      return 0;
    if (is_same(wanted, is))
      wanted = subtag_next(&ranges, ranges_end);
    else if (is.size == 1)
      return 0;
    is = subtag_next(&tags, tags_end);
  }
  return 1;
}

/* --- languages ------------------------------------------------------------------------- */

/* The language that a meta element gives the document. */
static int document_language(struct select_match *match) {
  struct select_node node;
  uint64_t left = match->ways;
  struct copse_bytes value;
  match->has_language = -1;
  int result = select_node_load(match, 1, &node);
  while (result == 0 && (result = select_walk(match, 1, &left, &node)) == 0) {
    if (node.record.data.name != DOM_HTML_META || !select_is_element(&node))
      continue;
    result = select_value_of(match, &node, DOM_NONE_HTTP_EQUIV, &value);
    if (result || !select_word_is(&value, "content-language")) {
      result = result == COPSE_NONE ? 0 : result;
      continue;
    }
    result = select_value_of(match, &node, DOM_NONE_CONTENT, &value);
    const uint8_t *bytes = value.data;
    if (result == COPSE_NONE || (result == 0 && memchr(bytes, ',', value.size))) {
      result = 0;
      continue;
    }
    if (result)
      return result;
    struct copse_bytes rest = value, word = dom_word_next(&rest);
    if (word.size == 0)
      continue;
    match->language = malloc(word.size);
    if (!match->language)
      return error_set(COPSE_E_MEMORY, "no memory for a language");
    memcpy(match->language, word.data, word.size);
    match->language_size = word.size;
    match->has_language = 1;
    return 0;
  }
  return result == COPSE_NONE ? 0 : result;
}

static int own_language(struct select_match *match, const struct select_node *node,
                        struct copse_bytes *value) {
  int result = select_value_of(match, node, DOM_XML_LANG, value);
  return result == COPSE_NONE ? select_value_of(match, node, DOM_NONE_LANG, value) : result;
}

static int ranges_test(const struct select_match *match, const struct select_simple *simple,
                       const struct copse_bytes *language) {
  const char *range = select_text(match->selector, simple->value);
  const char *end = range + simple->value.size;
  for (; range < end; range += strlen(range) + 1)
    if (filter(range, strlen(range), language->data, language->size))
      return 1;
  return 0;
}

int select_lang_test(struct select_match *match, const struct select_simple *simple,
                     const struct select_node *node) {
  struct copse_bytes value;
  struct select_node at = *node, from;
  uint64_t left = match->ways;
  int result;
  do {
    result = own_language(match, &at, &value);
    if (result != COPSE_NONE)
      return result ? result : ranges_test(match, simple, &value);
    from = at;
    result = select_parent(match, &from, &at);
    if (left-- == 0)
      return select_circle(at.link);
  } while (result == 0);
  if (result == COPSE_NONE && !match->has_language)
    result = document_language(match);
  if (result < 0 || match->has_language < 0)
    return result < 0 ? result : 0;
  value = (struct copse_bytes){match->language, match->language_size};
  return ranges_test(match, simple, &value);
}
