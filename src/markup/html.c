/* markup/html.c - HTML: the fragment serialisation of the HTML standard (13.3), and the same with line breaks. */
#include "markup/markup.h"

/* --- what elements are ----------------------------------------------------------------- */

enum {
  VOID = 1,
  RAW = 2,       /* its text is written as it is */
  BLOCK = 4,     /* spaces beside it show nothing */
  CONTAINER = 8, /* spaces in it show nothing, where all it holds are blocks */
  OUTLINE = BLOCK | CONTAINER,
};

static const uint8_t classes[DOM_NAMES_KNOWN] = {
    [DOM_HTML_BR] = VOID,
    [DOM_HTML_EMBED] = VOID,
    [DOM_HTML_IMG] = VOID,
    [DOM_HTML_INPUT] = VOID,
    [DOM_HTML_SOURCE] = VOID,
    [DOM_HTML_TRACK] = VOID,
    [DOM_HTML_WBR] = VOID,
    [DOM_HTML_BASEFONT] = VOID,
    [DOM_HTML_BGSOUND] = VOID,
    [DOM_HTML_KEYGEN] = VOID,
    [DOM_HTML_PARAM] = VOID,
    [DOM_HTML_AREA] = VOID | BLOCK,
    [DOM_HTML_BASE] = VOID | BLOCK,
    [DOM_HTML_COL] = VOID | BLOCK,
    [DOM_HTML_HR] = VOID | BLOCK,
    [DOM_HTML_LINK] = VOID | BLOCK,
    [DOM_HTML_META] = VOID | BLOCK,
    [DOM_HTML_FRAME] = VOID | BLOCK,
    [DOM_HTML_IFRAME] = RAW,
    [DOM_HTML_NOEMBED] = RAW,
    [DOM_HTML_STYLE] = RAW | BLOCK,
    [DOM_HTML_SCRIPT] = RAW | BLOCK,
    [DOM_HTML_XMP] = RAW | BLOCK,
    [DOM_HTML_NOFRAMES] = RAW | BLOCK,
    [DOM_HTML_PLAINTEXT] = RAW | BLOCK,
    [DOM_HTML_TITLE] = BLOCK,
    [DOM_HTML_PRE] = BLOCK,
    [DOM_HTML_LISTING] = BLOCK,
    [DOM_HTML_P] = BLOCK,
    [DOM_HTML_H1] = BLOCK,
    [DOM_HTML_H2] = BLOCK,
    [DOM_HTML_H3] = BLOCK,
    [DOM_HTML_H4] = BLOCK,
    [DOM_HTML_H5] = BLOCK,
    [DOM_HTML_H6] = BLOCK,
    [DOM_HTML_OPTION] = BLOCK,
    [DOM_HTML_LEGEND] = BLOCK,
    [DOM_HTML_SUMMARY] = BLOCK,
    [DOM_HTML_CAPTION] = BLOCK,
    [DOM_HTML_HTML] = OUTLINE,
    [DOM_HTML_HEAD] = OUTLINE,
    [DOM_HTML_BODY] = OUTLINE,
    [DOM_HTML_ARTICLE] = OUTLINE,
    [DOM_HTML_SECTION] = OUTLINE,
    [DOM_HTML_NAV] = OUTLINE,
    [DOM_HTML_ASIDE] = OUTLINE,
    [DOM_HTML_HGROUP] = OUTLINE,
    [DOM_HTML_HEADER] = OUTLINE,
    [DOM_HTML_FOOTER] = OUTLINE,
    [DOM_HTML_ADDRESS] = OUTLINE,
    [DOM_HTML_BLOCKQUOTE] = OUTLINE,
    [DOM_HTML_OL] = OUTLINE,
    [DOM_HTML_UL] = OUTLINE,
    [DOM_HTML_MENU] = OUTLINE,
    [DOM_HTML_LI] = OUTLINE,
    [DOM_HTML_DL] = OUTLINE,
    [DOM_HTML_DT] = OUTLINE,
    [DOM_HTML_DD] = OUTLINE,
    [DOM_HTML_FIGURE] = OUTLINE,
    [DOM_HTML_FIGCAPTION] = OUTLINE,
    [DOM_HTML_MAIN] = OUTLINE,
    [DOM_HTML_SEARCH] = OUTLINE,
    [DOM_HTML_DIV] = OUTLINE,
    [DOM_HTML_TABLE] = OUTLINE,
    [DOM_HTML_COLGROUP] = OUTLINE,
    [DOM_HTML_TBODY] = OUTLINE,
    [DOM_HTML_THEAD] = OUTLINE,
    [DOM_HTML_TFOOT] = OUTLINE,
    [DOM_HTML_TR] = OUTLINE,
    [DOM_HTML_TD] = OUTLINE,
    [DOM_HTML_TH] = OUTLINE,
    [DOM_HTML_FORM] = OUTLINE,
    [DOM_HTML_FIELDSET] = OUTLINE,
    [DOM_HTML_OPTGROUP] = OUTLINE,
    [DOM_HTML_DETAILS] = OUTLINE,
    [DOM_HTML_DIALOG] = OUTLINE,
    [DOM_HTML_CENTER] = OUTLINE,
    [DOM_HTML_FRAMESET] = OUTLINE,
    [DOM_HTML_TEMPLATE] = OUTLINE,
};

static unsigned class_of(uint32_t name) { return name < DOM_NAMES_KNOWN ? classes[name] : 0; }

static int is_element(const struct dom_item *item) { return item->data.kind == COPSE_NODE_ELEMENT; }

/* --- nodes ----------------------------------------------------------------------------- */

/* An attribute's name, as the standard serialises it. */
static int attribute_name(struct markup_out *out, const struct dom_name *name) {
  static const char *const prefixes[] = {
      [COPSE_NS_XLINK] = "xlink:", [COPSE_NS_XML] = "xml:", [COPSE_NS_XMLNS] = "xmlns:"};
  int result = 0;
  if (name->space >= COPSE_NS_XLINK) {
    int is_xmlns = name->space == COPSE_NS_XMLNS && name->local.size == 5 &&
                   memcmp(name->local.data, "xmlns", 5) == 0;
    result = is_xmlns ? 0 : markup_text(out, prefixes[name->space]);
  } else if (name->prefix.size) {
    result = markup_bytes(out, name->prefix.data, name->prefix.size);
    if (result == 0)
      result = markup_bytes(out, ":", 1);
  }
  return result ? result : markup_bytes(out, name->local.data, name->local.size);
}

static int attributes(struct markup_walk *walk, struct markup_out *out) {
  struct dom_attributes all;
  struct dom_attribute attribute;
  const struct dom_data *data = &walk->item->data;
  int result = dom_attributes_shown(walk->view, walk->document, data, &all);
  while (result == 0) {
    struct dom_name name;
    int next = dom_attributes_next(&all, &attribute);
    if (next)
      return next < 0 ? dom_attributes_damaged() : 0;
    result = markup_bytes(out, " ", 1);
    if (result == 0)
      result = dom_name_get(walk->view, walk->document, attribute.name, &name);
    if (result == 0)
      result = attribute_name(out, &name);
    if (result == 0)
      result = markup_bytes(out, "=\"", 2);
    if (result == 0 &&
        walk->view->pages.copy) { /* the name's page lies where that of the value did */
      uint32_t at = (uint32_t)(attribute.value - all.block);
      struct dom_attributes again;
      result = dom_attributes(walk->view, walk->document, data, &again);
      all.block = again.block;
      attribute.value = again.block + at;
    }
    struct copse_bytes value = {attribute.value, attribute.size};
    if (result == 0)
      result = markup_escaped(out, &value, 1);
    if (result == 0)
      result = markup_bytes(out, "\"", 1);
  }
  return result;
}

static int tag_name(struct markup_walk *walk, struct markup_out *out) {
  struct dom_name name;
  int result = dom_name_get(walk->view, walk->document, walk->item->data.name, &name);
  if (result)
    return result;
  int is_plain = name.space >= COPSE_NS_HTML && name.space <= COPSE_NS_MATHML;
  if (!is_plain && name.prefix.size) {
    result = markup_bytes(out, name.prefix.data, name.prefix.size);
    if (result == 0)
      result = markup_bytes(out, ":", 1);
  }
  return result ? result : markup_bytes(out, name.local.data, name.local.size);
}

static int start_tag(struct markup_walk *walk, struct markup_out *out) {
  int result = markup_bytes(out, "<", 1);
  if (result == 0)
    result = tag_name(walk, out);
  if (result == 0 && walk->item->data.data)
    result = attributes(walk, out);
  return result ? result : markup_bytes(out, ">", 1);
}

static int end_tag(struct markup_walk *walk, struct markup_out *out) {
  int result = markup_bytes(out, "</", 2);
  if (result == 0)
    result = tag_name(walk, out);
  return result ? result : markup_bytes(out, ">", 1);
}

/* "<!--", "<?", ... text, "-->", ... */
static int wrapped(struct markup_walk *walk, struct markup_out *out, const char *open,
                   const char *close) {
  struct copse_bytes text;
  int result = markup_text(out, open);
  if (result == 0 && walk->item->data.kind == COPSE_NODE_INSTRUCTION) {
    result = tag_name(walk, out);
    if (result == 0)
      result = markup_bytes(out, " ", 1);
  }
  if (result == 0)
    result = dom_text(walk->view, walk->document, &walk->item->data, &text);
  if (result == 0)
    result = markup_bytes(out, text.data, text.size);
  return result ? result : markup_text(out, close);
}

static int doctype(struct markup_walk *walk, struct markup_out *out) {
  struct copse_bytes strings[3];
  int result = markup_text(out, "<!DOCTYPE ");
  if (result == 0)
    result = dom_doctype(walk->view, walk->document, &walk->item->data, strings);
  if (result == 0)
    result = markup_bytes(out, strings[0].data, strings[0].size);
  return result ? result : markup_bytes(out, ">", 1);
}

/* --- all of them ----------------------------------------------------------------------- */

#define KNOWN_DEPTHS 64u

struct html {
  struct markup_walk *walk;
  struct markup_out *out;
  int is_scripting;
  uint64_t raw; /* a bit for each of the first depths: text there is written as it is */
  uint64_t
      broken; /* pretty: so many depths, from the top on, have children in lines of their own */
};

static int is_raw(const struct html *html, const struct dom_item *item) {
  uint32_t name = item->data.name;
  return is_element(item) &&
         (class_of(name) & RAW || (html->is_scripting && name == DOM_HTML_NOSCRIPT));
}

/* Whether the text where the walk is stands in an element whose text is raw. */
static int text_is_raw(const struct html *html, int *raw) {
  const struct markup_walk *walk = html->walk;
  struct dom_item parent;
  *raw = walk->depth < KNOWN_DEPTHS && html->raw >> walk->depth & 1;
  if (walk->depth - 1 < KNOWN_DEPTHS - 1)
    return 0;
  int result = dom_item_step(walk->view, walk->document, walk->item, COPSE_TREE_PARENT, &parent);
  *raw = result == 0 && is_raw(html, &parent);
  return result == COPSE_NONE ? 0 : result;
}

static int text_write(const struct html *html) {
  struct markup_walk *walk = html->walk;
  struct copse_bytes text;
  int raw, result = text_is_raw(html, &raw);
  if (result == 0)
    result = dom_text(walk->view, walk->document, &walk->item->data, &text);
  if (result)
    return result;
  return raw ? markup_bytes(html->out, text.data, text.size) : markup_escaped(html->out, &text, 0);
}

static int node_write(struct html *html) {
  struct markup_walk *walk = html->walk;
  struct markup_out *out = html->out;
  switch (walk->item->data.kind) {
  case COPSE_NODE_ELEMENT:
    if (walk->depth + 1 < KNOWN_DEPTHS) {
      uint64_t bit = UINT64_C(1) << (walk->depth + 1);
      html->raw = is_raw(html, walk->item) ? html->raw | bit : html->raw & ~bit;
    }
    return start_tag(walk, out);
  case COPSE_NODE_TEXT: return text_write(html);
  case COPSE_NODE_COMMENT: return wrapped(walk, out, "<!--", "-->");
  case COPSE_NODE_INSTRUCTION: return wrapped(walk, out, "<?", ">");
  case COPSE_NODE_DOCTYPE: return doctype(walk, out);
  default: return 0;
  }
}

/* --- pretty ---------------------------------------------------------------------------- */

#define INDENT_MAX 40u

static int is_blank(const struct copse_bytes *text) {
  const uint8_t *bytes = text->data;
  size_t at = 0;
  while (at < text->size && dom_is_space(bytes[at]))
    at++;
  return at == text->size;
}

/* 0: spaces between the children of the node show nothing; COPSE_NONE: they do, or there are none. */
static int breaks(const struct markup_walk *walk) {
  struct dom_item child, from = *walk->item, contents;
  struct copse_bytes text;
  uint8_t kind = from.data.kind;
  if (is_element(&from) ? !(class_of(from.data.name) & CONTAINER)
                        : kind != COPSE_NODE_DOCUMENT && kind != COPSE_NODE_FRAGMENT)
    return COPSE_NONE;
  int result = dom_item_contents(walk->view, walk->document, &from, &contents);
  from = result == 0 ? contents : from;
  if (result < 0)
    return result;
  uint64_t left = walk->left, seen = 0;
  result = dom_item_step(walk->view, walk->document, &from, COPSE_TREE_FIRST, &child);
  while (result == 0 && left--) {
    if (is_element(&child) && !(class_of(child.data.name) & BLOCK))
      return COPSE_NONE;
    if (child.data.kind == COPSE_NODE_TEXT) {
      result = dom_text(walk->view, walk->document, &child.data, &text);
      if (result == 0 && !is_blank(&text))
        return COPSE_NONE;
    } else {
      seen++;
    }
    from = child;
    if (result == 0)
      result = dom_item_step(walk->view, walk->document, &from, COPSE_TREE_NEXT, &child);
  }
  return result == COPSE_NONE && seen ? 0 : result ? result : COPSE_NONE;
}

static int line(const struct html *html, uint64_t depth) {
  int result = markup_bytes(html->out, "\n", 1);
  return result ? result : markup_indent(html->out, depth < INDENT_MAX ? depth : INDENT_MAX);
}

static int is_line(const struct dom_item *item) {
  return item->data.kind != COPSE_NODE_DOCUMENT && item->data.kind != COPSE_NODE_FRAGMENT;
}

/* Writes one edge of the walk; *shown: how many levels of indentation are in use. */
static int pretty_edge(struct html *html, uint64_t *shown, int *is_first, int is_void) {
  struct markup_walk *walk = html->walk;
  const struct dom_item *item = walk->item;
  int in_line = walk->depth <= html->broken, result = 0;
  if (walk->edge == COPSE_TREE_LEAVE) {
    if (walk->depth < html->broken) { /* its children had lines */
      html->broken = walk->depth;
      *shown -= is_line(item) != 0;
      if (is_line(item))
        result = line(html, *shown);
    }
    return result || !is_element(item) || is_void ? result : end_tag(walk, html->out);
  }
  if (in_line && item->data.kind == COPSE_NODE_TEXT && walk->depth)
    return 0; /* it is blank */
  if (in_line && is_line(item) && !*is_first)
    result = line(html, *shown);
  *is_first &= !is_line(item);
  if (result == 0)
    result = node_write(html);
  if (result == 0 && in_line && !is_void) {
    result = breaks(walk);
    if (result == 0) {
      html->broken = walk->depth + 1;
      *shown += is_line(item) != 0;
    }
    result = result == COPSE_NONE ? 0 : result;
  }
  return result;
}

int markup_html(struct markup_walk *walk, struct markup_out *out, int is_outer, int is_scripting,
                int is_pretty) {
  struct html html = {.walk = walk, .out = out, .is_scripting = is_scripting};
  uint64_t shown = 0;
  int result = 0, is_first = 1;
  struct dom_item top = *walk->item;
  html.raw = is_raw(&html, &top) ? 2 : 0;
  while (result == 0) {
    const struct dom_item *item = walk->item;
    int is_enter = walk->edge == COPSE_TREE_ENTER;
    int is_void = is_element(item) && class_of(item->data.name) & VOID;
    int is_top = walk->depth == 0;
    if (is_pretty)
      result = pretty_edge(&html, &shown, &is_first, is_void);
    else if (!is_top || is_outer)
      result = is_enter ? node_write(&html) : is_element(item) && !is_void ? end_tag(walk, out) : 0;
    if (result == 0)
      result = markup_walk_next(walk, is_enter && is_void && (is_outer || !is_top));
  }
  if (result == COPSE_NONE && is_pretty && !is_first)
    return markup_bytes(out, "\n", 1);
  return result == COPSE_NONE ? 0 : result;
}
