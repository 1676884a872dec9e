/* select/state.c - what the attributes of elements of HTML say about their state (HTML 4.16.3). */
#include "select/match.h"

int select_input_of(struct select_match *match, const struct select_node *node) {
  static const char *const types[] = {[SELECT_INPUT_TEXT] = "text",
                                      [SELECT_INPUT_SEARCH] = "search",
                                      [SELECT_INPUT_URL] = "url",
                                      [SELECT_INPUT_TEL] = "tel",
                                      [SELECT_INPUT_EMAIL] = "email",
                                      [SELECT_INPUT_PASSWORD] = "password",
                                      [SELECT_INPUT_DATE] = "date",
                                      [SELECT_INPUT_MONTH] = "month",
                                      [SELECT_INPUT_WEEK] = "week",
                                      [SELECT_INPUT_TIME] = "time",
                                      [SELECT_INPUT_LOCAL] = "datetime-local",
                                      [SELECT_INPUT_NUMBER] = "number",
                                      [SELECT_INPUT_CHECKBOX] = "checkbox",
                                      [SELECT_INPUT_RADIO] = "radio",
                                      [SELECT_INPUT_FILE] = "file",
                                      [SELECT_INPUT_RANGE] = "range",
                                      [SELECT_INPUT_COLOR] = "color",
                                      [SELECT_INPUT_HIDDEN] = "hidden",
                                      [SELECT_INPUT_SUBMIT] = "submit",
                                      [SELECT_INPUT_IMAGE] = "image",
                                      [SELECT_INPUT_RESET] = "reset",
                                      [SELECT_INPUT_BUTTON] = "button"};
  struct copse_bytes value;
  if (node->record.data.name != DOM_HTML_INPUT)
    return SELECT_INPUT_NONE;
  int result = select_value_of(match, node, DOM_NONE_TYPE, &value);
  if (result)
    return result == COPSE_NONE ? SELECT_INPUT_TEXT : result;
  for (int i = SELECT_INPUT_TEXT; i <= SELECT_INPUT_BUTTON; i++)
    if (select_word_is(&value, types[i]))
      return i;
  return SELECT_INPUT_TEXT;
}

/* --- disabled -------------------------------------------------------------------------- */

/* Whether a legend is the first of its fieldset's. */
static int is_first_legend(struct select_match *match, const struct select_node *legend) {
  struct select_node at = *legend, before;
  int result;
  uint64_t left = match->ways;
  while ((result = select_previous(match, &at, &before)) == 0) {
    if (before.record.data.name == DOM_HTML_LEGEND)
      return 0;
    at = before;
    if (left-- == 0)
      return select_circle(at.link);
  }
  return result == COPSE_NONE ? 1 : result;
}

/* Whether a fieldset around a control disables it. */
static int in_disabled(struct select_match *match, const struct select_node *node) {
  struct select_node at = *node, above;
  uint64_t left = match->ways;
  int result;
  while ((result = select_parent(match, &at, &above)) == 0) {
    if (above.record.data.name == DOM_HTML_FIELDSET) {
      int is = select_has(match, &above, DOM_NONE_DISABLED);
      if (is == 1 && at.record.data.name == DOM_HTML_LEGEND) {
        is = is_first_legend(match, &at);
        is = is < 0 ? is : !is;
      }
      if (is)
        return is;
    }
    at = above;
    if (left-- == 0)
      return select_circle(at.link);
  }
  return result == COPSE_NONE ? 0 : result;
}

/* 1: disabled; 0: enabled; 2: it cannot be either. */
enum { NEITHER = 2 };

static int disabled_of(struct select_match *match, const struct select_node *node) {
  struct select_node parent;
  int is = 0, result;
  switch (node->record.data.name) {
  case DOM_HTML_BUTTON:
  case DOM_HTML_INPUT:
  case DOM_HTML_SELECT:
  case DOM_HTML_TEXTAREA:
  case DOM_HTML_FIELDSET:
    is = select_has(match, node, DOM_NONE_DISABLED);
    return is ? is : in_disabled(match, node);
  case DOM_HTML_OPTGROUP: return select_has(match, node, DOM_NONE_DISABLED);
  case DOM_HTML_OPTION:
    is = select_has(match, node, DOM_NONE_DISABLED);
    if (is)
      return is;
    result = select_parent(match, node, &parent);
    if (result)
      return result < 0 ? result : 0;
    return parent.record.data.name == DOM_HTML_OPTGROUP
               ? select_has(match, &parent, DOM_NONE_DISABLED)
               : 0;
  default: return NEITHER;
  }
}

static int disabled_test(struct select_match *match, const struct select_node *node, int wanted) {
  int result = disabled_of(match, node);
  return result < 0 ? result : result == wanted;
}

/* --- written by users ------------------------------------------------------------------ */

/* Whether an element is in an editing host, or is one. */
static int is_editable(struct select_match *match, const struct select_node *node) {
  struct select_node at = *node, from;
  struct copse_bytes value;
  uint64_t left = match->ways;
  int result;
  do {
    result = select_value_of(match, &at, DOM_NONE_CONTENTEDITABLE, &value);
    if (result < 0)
      return result;
    if (result == 0) {
      if (value.size == 0 || select_word_is(&value, "true") ||
          select_word_is(&value, "plaintext-only"))
        return 1;
      if (select_word_is(&value, "false"))
        return 0;
    }
    from = at;
    result = select_parent(match, &from, &at);
    if (left-- == 0)
      return select_circle(at.link);
  } while (result == 0);
  return result == COPSE_NONE ? 0 : result;
}

static int is_mutable(struct select_match *match, const struct select_node *node) {
  int result = select_has(match, node, DOM_NONE_READONLY);
  return result ? (result < 0 ? result : 0) : disabled_test(match, node, 0);
}

static int writable_test(struct select_match *match, const struct select_node *node) {
  int type = select_input_of(match, node);
  if (type < 0)
    return type;
  if (type)
    return type <= SELECT_INPUT_NUMBER ? is_mutable(match, node) : 0;
  return node->record.data.name == DOM_HTML_TEXTAREA ? is_mutable(match, node)
                                                     : is_editable(match, node);
}

static int required_test(struct select_match *match, const struct select_node *node, int wanted) {
  uint32_t name = node->record.data.name;
  int type = select_input_of(match, node);
  if (type < 0 || (!type && name != DOM_HTML_SELECT && name != DOM_HTML_TEXTAREA))
    return type;
  int result = type >= SELECT_INPUT_RANGE ? 0 : select_has(match, node, DOM_NONE_REQUIRED);
  return result < 0 ? result : result == wanted;
}

static int placeholder_test(struct select_match *match, const struct select_node *node) {
  struct copse_bytes value;
  int type = select_input_of(match, node);
  int is_textarea = node->record.data.name == DOM_HTML_TEXTAREA;
  if (type < 0 ||
      (!is_textarea && (!type || (type > SELECT_INPUT_PASSWORD && type != SELECT_INPUT_NUMBER))))
    return type < 0 ? type : 0;
  int result = select_value_of(match, node, DOM_NONE_PLACEHOLDER, &value);
  if (result || value.size == 0)
    return result < 0 ? result : 0;
  if (is_textarea) {
    result = select_text_gather(match, node);
    return result ? result : match->text_size == 0;
  }
  result = select_value_of(match, node, DOM_NONE_VALUE, &value);
  return result < 0 ? result : result == COPSE_NONE || value.size == 0;
}

/* --- what else there is ---------------------------------------------------------------- */

/* Whether a name may be that of a custom element (HTML 4.13.3). */
static int is_custom_name(const struct copse_bytes *name) {
  static const char *const reserved[] = {"annotation-xml", "color-profile", "font-face",
                                         "font-face-src",  "font-face-uri", "font-face-format",
                                         "font-face-name", "missing-glyph"};
  const uint8_t *bytes = name->data;
  int has_dash = 0;
  if (name->size == 0 || bytes[0] < 'a' || bytes[0] > 'z')
    return 0;
  for (size_t i = 0; i < name->size; i++) {
    uint8_t c = bytes[i];
    has_dash |= c == '-';
    if (!(c == '-' || c == '.' || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
          c >= 0x80))
      return 0;
  }
  for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
    if (name->size == strlen(reserved[i]) && memcmp(bytes, reserved[i], name->size) == 0)
      return 0;
  return has_dash;
}

static int defined_test(struct select_match *match, const struct select_node *node) {
  struct dom_name name;
  if (node->record.data.name >= DOM_NAMES_OWN) {
    int result = dom_name_get(match->view, match->document, node->record.data.name, &name);
    if (result || name.space != COPSE_NS_HTML || is_custom_name(&name.local))
      return result ? result : name.space != COPSE_NS_HTML;
  } else if (!select_is_html(node->record.data.name)) {
    return 1;
  }
  int result = select_has(match, node, DOM_NONE_IS);
  return result < 0 ? result : !result;
}

static int range_test(struct select_match *match, const struct select_node *node, int is_out) {
  int result = select_range_test(match, node, is_out);
  return result == 1 ? is_mutable(match, node) : result;
}

int select_state_test(struct select_match *match, enum select_state state,
                      const struct select_node *node) {
  uint32_t name = node->record.data.name;
  int result;
  switch (state) {
  case SELECT_CHECKED: return select_checked_test(match, node);
  case SELECT_DISABLED: return disabled_test(match, node, 1);
  case SELECT_ENABLED: return disabled_test(match, node, 0);
  case SELECT_REQUIRED: return required_test(match, node, 1);
  case SELECT_OPTIONAL: return required_test(match, node, 0);
  case SELECT_READ_ONLY:
    result = select_html_test(match, node);
    if (result != 1)
      return result;
    result = writable_test(match, node);
    return result < 0 ? result : !result;
  case SELECT_READ_WRITE: return writable_test(match, node);
  case SELECT_DEFAULT: return select_default_test(match, node);
  case SELECT_INDETERMINATE: return select_indeterminate_test(match, node);
  case SELECT_PLACEHOLDER_SHOWN: return placeholder_test(match, node);
  case SELECT_IN_RANGE: return range_test(match, node, 0);
  case SELECT_OUT_OF_RANGE: return range_test(match, node, 1);
  case SELECT_DEFINED: return defined_test(match, node);
  case SELECT_MUTED:
    return name == DOM_HTML_VIDEO || name == DOM_HTML_AUDIO
               ? select_has(match, node, DOM_NONE_MUTED)
               : 0;
  case SELECT_OPEN:
    return name == DOM_HTML_DETAILS || name == DOM_HTML_DIALOG
               ? select_has(match, node, DOM_NONE_OPEN)
               : 0;
  }
  return 0;
}
