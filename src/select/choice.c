/* select/choice.c - controls that belong together: options of a select element, buttons of a form, radio buttons. The
 * last group that was looked at is remembered. */
#include "select/match.h"

/* --- options --------------------------------------------------------------------------- */

/* Whether a select element shows one option, and so always has one. */
static int is_drop_down(struct select_match *match, const struct select_node *node) {
  struct copse_bytes value;
  int result = select_value_of(match, node, DOM_NONE_SIZE, &value);
  if (result)
    return result == COPSE_NONE ? 1 : result;
  const uint8_t *bytes = value.data;
  size_t at = 0;
  while (at < value.size && dom_is_space(bytes[at]))
    at++;
  at += at < value.size && bytes[at] == '+';
  while (at < value.size && bytes[at] == '0')
    at++;
  int digits = 0;
  for (size_t i = at; i < value.size && bytes[i] >= '0' && bytes[i] <= '9'; i++)
    digits++;
  return digits == 0 || (digits == 1 && bytes[at] == '1');
}

/* The option that a select element of one choice has: the last one that says so, or the first that can be chosen. */
static int option_choose(struct select_match *match, const struct select_node *select,
                         uint32_t *chosen) {
  struct select_node node = *select;
  uint64_t left = match->ways;
  uint32_t first = 0, last = 0;
  int result = is_drop_down(match, select), shows_one = result;
  if (result < 0)
    return result;
  while ((result = select_walk(match, select->link, &left, &node)) == 0) {
    if (node.record.data.name != DOM_HTML_OPTION || !select_is_element(&node))
      continue;
    int is = select_has(match, &node, DOM_NONE_SELECTED);
    if (is == 1)
      last = node.link;
    if (is == 0 && !first && shows_one) {
      is = select_state_test(match, SELECT_ENABLED, &node);
      first = is == 1 ? node.link : 0;
    }
    if (is < 0)
      return is;
  }
  *chosen = last ? last : first;
  return result == COPSE_NONE ? 0 : result;
}

/* The nearest ancestor of a name. COPSE_NONE: there is none. */
static int ancestor(struct select_match *match, const struct select_node *node, uint32_t name,
                    struct select_node *found) {
  struct select_node from = *node;
  uint64_t left = match->ways;
  int result;
  while ((result = select_parent(match, &from, found)) == 0 && found->record.data.name != name) {
    from = *found;
    if (left-- == 0)
      return select_circle(found->link);
  }
  return result;
}

static int option_test(struct select_match *match, const struct select_node *node) {
  struct select_node select;
  int result = ancestor(match, node, DOM_HTML_SELECT, &select);
  int is_many = result == 0 ? select_has(match, &select, DOM_NONE_MULTIPLE) : 1;
  if (result < 0 || is_many < 0)
    return result < 0 ? result : is_many;
  if (is_many)
    return select_has(match, node, DOM_NONE_SELECTED);
  if (match->option.group != select.link) {
    result = option_choose(match, &select, &match->option.control);
    if (result)
      return result;
    match->option.group = select.link;
  }
  return match->option.control == node->link;
}

static int is_box(int type) { return type == SELECT_INPUT_CHECKBOX || type == SELECT_INPUT_RADIO; }

int select_checked_test(struct select_match *match, const struct select_node *node) {
  if (node->record.data.name == DOM_HTML_OPTION)
    return option_test(match, node);
  int type = select_input_of(match, node);
  return type < 0 ? type : is_box(type) ? select_has(match, node, DOM_NONE_CHECKED) : 0;
}

/* --- forms ----------------------------------------------------------------------------- */

/* The top of a node's tree. */
static int top_of(struct select_match *match, const struct select_node *node,
                  struct select_node *top) {
  uint64_t left = match->ways;
  *top = *node;
  while (top->record.links.parent) {
    int result = select_node_load(match, top->record.links.parent, top);
    if (result)
      return result;
    if (left-- == 0)
      return select_circle(top->link);
  }
  return 0;
}

/* The element of an id in the tree of a node: its link; 0: there is none. */
static int by_id(struct select_match *match, const struct select_node *near,
                 const struct copse_bytes *id, uint32_t *link) {
  struct select_node node;
  struct copse_bytes value;
  uint64_t left = match->ways;
  char wanted[DOM_SMALL];
  *link = 0;
  if (id->size > sizeof wanted || id->size == 0)
    return 0;
  memcpy(wanted, id->data, id->size);
  size_t size = id->size;
  int result = top_of(match, near, &node);
  uint32_t top = node.link;
  while (result == 0 && (result = select_walk(match, top, &left, &node)) == 0) {
    if (!select_is_element(&node))
      continue;
    int missing = select_value_of(match, &node, DOM_NONE_ID, &value);
    if (missing < 0)
      return missing;
    if (missing == 0 && value.size == size && memcmp(value.data, wanted, size) == 0) {
      *link = node.record.data.name == DOM_HTML_FORM ? node.link : 0;
      return 0;
    }
  }
  return result == COPSE_NONE ? 0 : result;
}

/* The form that a control belongs to: its link; 0: none. */
static int owner_of(struct select_match *match, const struct select_node *node, uint32_t *form) {
  struct select_node found;
  struct copse_bytes id;
  int result = select_value_of(match, node, DOM_NONE_FORM, &id);
  if (result == 0)
    return by_id(match, node, &id, form);
  if (result < 0)
    return result;
  result = ancestor(match, node, DOM_HTML_FORM, &found);
  *form = result == 0 ? found.link : 0;
  return result == COPSE_NONE ? 0 : result;
}

static int is_submit(struct select_match *match, const struct select_node *node) {
  struct copse_bytes value;
  int type = select_input_of(match, node);
  if (type)
    return type < 0 ? type : type == SELECT_INPUT_SUBMIT || type == SELECT_INPUT_IMAGE;
  if (node->record.data.name != DOM_HTML_BUTTON || !select_is_element(node))
    return 0;
  int result = select_value_of(match, node, DOM_NONE_TYPE, &value);
  if (result)
    return result < 0 ? result : 1;
  return !select_word_is(&value, "button") && !select_word_is(&value, "reset");
}

/* The first of a form's buttons that submit it. */
static int button_choose(struct select_match *match, const struct select_node *near, uint32_t form,
                         uint32_t *chosen) {
  struct select_node node;
  uint64_t left = match->ways;
  uint32_t owner;
  *chosen = 0;
  int result = top_of(match, near, &node);
  uint32_t top = node.link;
  while (result == 0 && (result = select_walk(match, top, &left, &node)) == 0) {
    int is = is_submit(match, &node);
    result = is < 0 ? is : 0;
    if (is == 1)
      result = owner_of(match, &node, &owner);
    if (is == 1 && result == 0 && owner == form) {
      *chosen = node.link;
      return 0;
    }
  }
  return result == COPSE_NONE ? 0 : result;
}

int select_default_test(struct select_match *match, const struct select_node *node) {
  uint32_t form;
  if (node->record.data.name == DOM_HTML_OPTION)
    return select_has(match, node, DOM_NONE_SELECTED);
  int type = select_input_of(match, node);
  if (type < 0 || is_box(type))
    return type < 0 ? type : select_has(match, node, DOM_NONE_CHECKED);
  int result = is_submit(match, node);
  if (result != 1)
    return result;
  result = owner_of(match, node, &form);
  if (result || form == 0)
    return result;
  if (match->button.group != form) {
    result = button_choose(match, node, form, &match->button.control);
    if (result)
      return result;
    match->button.group = form;
  }
  return match->button.control == node->link;
}

/* --- radio buttons --------------------------------------------------------------------- */

/* Whether a radio button of the group of another one is checked. */
static int group_is_checked(struct select_match *match, const struct select_node *radio,
                            const char *name, size_t size) {
  struct select_node node;
  struct copse_bytes value;
  uint64_t left = match->ways;
  uint32_t form, owner;
  int result = owner_of(match, radio, &form);
  if (result == 0)
    result = top_of(match, radio, &node);
  uint32_t top = node.link;
  while (result == 0 && (result = select_walk(match, top, &left, &node)) == 0) {
    int type = select_is_element(&node) ? select_input_of(match, &node) : 0;
    if (type != SELECT_INPUT_RADIO) {
      result = type < 0 ? type : 0;
      continue;
    }
    int is = select_has(match, &node, DOM_NONE_CHECKED);
    if (is == 1) {
      is = select_value_of(match, &node, DOM_NONE_NAME, &value);
      is = is < 0 ? is : is == 0 && value.size == size && memcmp(value.data, name, size) == 0;
    }
    result = is < 0 ? is : is ? owner_of(match, &node, &owner) : 0;
    if (result == 0 && is && owner == form)
      return 1;
  }
  return result == COPSE_NONE ? 0 : result;
}

int select_indeterminate_test(struct select_match *match, const struct select_node *node) {
  struct copse_bytes value;
  char name[DOM_SMALL];
  if (node->record.data.name == DOM_HTML_PROGRESS) {
    int has = select_has(match, node, DOM_NONE_VALUE);
    return has < 0 ? has : !has;
  }
  int type = select_input_of(match, node);
  if (type != SELECT_INPUT_RADIO)
    return type < 0 ? type : 0;
  int result = select_has(match, node, DOM_NONE_CHECKED);
  if (result)
    return result < 0 ? result : 0;
  result = select_value_of(match, node, DOM_NONE_NAME, &value);
  if (result || value.size == 0 || value.size > sizeof name)
    return result < 0 ? result : 1;
  size_t size = value.size;
  memcpy(name, value.data, size);
  result = group_is_checked(match, node, name, size);
  return result < 0 ? result : !result;
}
