/* select/dir.c - :dir(): the directionality of elements (HTML 3.2.6.4). What dir=auto leaves open, for want of strong
 * characters, is that of the parent. */
#include "base/utf8.h"
#include "select/bidi_list.h"
#include "select/match.h"

enum { LTR = 0, RTL = 1, OPEN = 2 };

static const uint32_t runs[] = {SELECT_BIDI_RUNS};

/* 0: neutral, 1: left to right, 2: right to left. */
static unsigned strength_of(uint32_t character) {
  size_t low = 0, high = sizeof runs / sizeof runs[0];
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (runs[middle] >> 2 <= character)
      low = middle;
    else
      high = middle;
  }
  return runs[low] & 3;
}

/* The direction of the first strong character. */
static int direction_of(const uint8_t *bytes, size_t size) {
  size_t at = 0;
  while (at < size) {
    uint32_t character = bytes[at];
    size_t n = character < 0x80 ? 1 : utf8_decode(bytes + at, size - at, &character);
    unsigned strength = n ? strength_of(character) : 0;
    if (strength)
      return strength == 2 ? RTL : LTR;
    at += n ? n : 1;
  }
  return OPEN;
}

enum { DIR_NONE, DIR_LTR, DIR_RTL, DIR_AUTO };

/* What the attribute dir of an element says; of HTML only. */
static int attribute_of(struct select_match *match, const struct select_node *node) {
  struct copse_bytes value;
  int result = select_value_of(match, node, DOM_NONE_DIR, &value);
  if (result)
    return result == COPSE_NONE ? DIR_NONE : result;
  int dir = select_word_is(&value, "ltr")    ? DIR_LTR
            : select_word_is(&value, "rtl")  ? DIR_RTL
            : select_word_is(&value, "auto") ? DIR_AUTO
                                             : DIR_NONE;
  int is_html = dir ? select_html_test(match, node) : 1;
  return is_html < 0 ? is_html : is_html ? dir : DIR_NONE;
}

/* Of a form control, by its value. COPSE_NONE: it is none. */
static int value_direction(struct select_match *match, const struct select_node *node,
                           int *direction) {
  struct copse_bytes value = {"", 0};
  int result = 0, type = select_input_of(match, node);
  if (type < 0)
    return type;
  if (node->record.data.name == DOM_HTML_TEXTAREA) {
    result = select_text_gather(match, node);
    value = (struct copse_bytes){match->text, match->text_size};
  } else if ((type >= SELECT_INPUT_TEXT && type <= SELECT_INPUT_PASSWORD) ||
             (type >= SELECT_INPUT_HIDDEN && type != SELECT_INPUT_IMAGE)) {
    result = select_value_of(match, node, DOM_NONE_VALUE, &value);
  } else {
    return COPSE_NONE;
  }
  if (result < 0)
    return result;
  *direction = result == 0 && value.size ? direction_of(value.data, value.size) == RTL : OPEN;
  return 0;
}

/* Whether what is below an element says nothing of the direction around it. */
static int is_apart(struct select_match *match, const struct select_node *node) {
  switch (node->record.data.name) {
  case DOM_HTML_BDI:
  case DOM_HTML_SCRIPT:
  case DOM_HTML_STYLE:
  case DOM_HTML_TEXTAREA: return 1;
  default: return select_is_element(node) ? attribute_of(match, node) : 0;
  }
}

/* Goes past what is below a node. */
static void leaf_make(struct select_node *node) { node->record.links.first = 0; }

static int auto_direction(struct select_match *match, const struct select_node *top,
                          int *direction) {
  int result = value_direction(match, top, direction);
  if (result != COPSE_NONE)
    return result;
  struct select_node node = *top;
  uint64_t left = match->ways;
  struct copse_bytes text;
  *direction = OPEN;
  while (*direction == OPEN && (result = select_walk(match, top->link, &left, &node)) == 0) {
    if (node.record.data.kind == COPSE_NODE_TEXT) {
      result = select_string_of(match, &node, &text);
      if (result)
        return result;
      *direction = direction_of(text.data, text.size);
      continue;
    }
    result = is_apart(match, &node);
    if (result < 0)
      return result;
    if (result)
      leaf_make(&node);
  }
  return result == COPSE_NONE ? 0 : result;
}

int select_dir_test(struct select_match *match, const struct select_simple *simple,
                    const struct select_node *node) {
  struct select_node at = *node, from;
  uint64_t left = match->ways;
  int result, direction = OPEN;
  for (;;) {
    int dir = attribute_of(match, &at);
    if (dir < 0)
      return dir;
    if (dir == DIR_AUTO || (dir == DIR_NONE && at.record.data.name == DOM_HTML_BDI)) {
      result = auto_direction(match, &at, &direction);
      if (result)
        return result;
    } else if (dir != DIR_NONE) {
      direction = dir == DIR_RTL;
    } else if (at.record.data.name == DOM_HTML_INPUT) {
      result = select_input_of(match, &at);
      if (result < 0)
        return result;
      direction = result == SELECT_INPUT_TEL ? LTR : OPEN;
    }
    if (direction != OPEN)
      return direction == (int)simple->kind;
    from = at;
    result = select_parent(match, &from, &at);
    if (result)
      return result < 0 ? result : simple->kind == LTR;
    if (left-- == 0)
      return select_circle(at.link);
  }
}
