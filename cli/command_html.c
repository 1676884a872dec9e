/* cli/command_html.c - html: HTML into trees and stores, and out again. What needs the parser is in html_parse.c. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "html.h"
#include "json.h"
#include "session.h"

struct html_options html_given;
static struct {
  struct option_list from; /* a store's path, a document's name */
  const char *attribute;
  bool text, html;
} given;

static const struct option html_options[] = {
    {"from", 0, "STORE NAME", "a document of a store, in place of FILE", .list = &given.from},
    {"fragment", 'f', "CONTEXT", "FILE is what stands in an element of this name",
     .text = &html_given.fragment},
    {"scripting", 's', NULL, "noscript as in a browser that runs scripts",
     .flag = &html_given.scripting},
    {"encoding", 'e', "LABEL", "of FILE (default: what it says itself)",
     .text = &html_given.encoding},
    {"attr", 'a', "NAME", "select: the values of an attribute", .text = &given.attribute},
    {"text", 'T', NULL, "select: the text of the elements", .flag = &given.text},
    {"html", 'H', NULL, "select: the elements as HTML (default)", .flag = &given.html},
    {0},
};

static int to_output(void *context, const void *bytes, size_t size) {
  (void)context;
  output(bytes, size);
  return output_failed() ? STATUS_PIPE : 0;
}

/* A document that is read: of a store, or parsed into one that is this process's own. */
struct page {
  struct session session;
  const char *name;
  struct copse_document *document;
  struct copse_handle root;
};

static int page_parse(struct page *page, const char *file) {
  struct session *s = &page->session;
  int result, status;

  page->name = file != NULL && strcmp(file, "-") != 0 ? file : "standard input";
  *s = (struct session){.path = page->name};
  result = copse_store_open(NULL, NULL, &s->store);
  if (result == COPSE_OK)
    result = copse_document_ensure(s->store, "page", -1, &page->document);
  if (result != COPSE_OK)
    return fail(result, "%s", page->name);
  status = session_begin(s);
  if (status == STATUS_OK)
    status = html_parse(s->txn, page->document, file);
  return status;
}

static int page_read(struct page *page) {
  struct session *s = &page->session;
  int result, status = session_open(s, given.from.values[0], ACCESS_READ);

  page->name = given.from.values[1];
  if (status == STATUS_OK)
    status = session_snapshot(s);
  if (status != STATUS_OK)
    return status;
  result = copse_document_open(session_view(s), page->name, &page->document);
  return result == COPSE_OK ? STATUS_OK : fail(result, "document %s", page->name);
}

static int page_open(struct page *page, const char *file) {
  int result, status;

  *page = (struct page){0};
  if (given.from.count > 2)
    return fail_usage("--from is given more than once");
  if (given.from.count != 0 && (file != NULL || html_given.fragment || html_given.encoding))
    return fail_usage("--from reads a document that is parsed already: no FILE, --fragment or "
                      "--encoding goes with it");
  status = given.from.count != 0 ? page_read(page) : page_parse(page, file);
  if (status != STATUS_OK)
    return status;
  result = copse_document_root(session_view(&page->session), page->document, &page->root);
  return result == COPSE_OK ? STATUS_OK : fail(result, "%s", page->name);
}

static int page_close(struct page *page, int status) {
  copse_document_close(page->document);
  return session_close(&page->session, status);
}

static int write_form(char **operands, uint32_t form) {
  struct page page;
  int result, status = page_open(&page, operands[0]);

  if (html_given.scripting)
    form |= COPSE_MARKUP_SCRIPTING;
  if (status == STATUS_OK) {
    result = copse_markup_write(session_view(&page.session), page.document, &page.root, form,
                                to_output, NULL);
    status = result < 0 ? fail(result, "%s", page.name) : result;
  }
  return page_close(&page, status);
}

static int run_tree(char **operands) { return write_form(operands, COPSE_MARKUP_TREE); }
static int run_fmt(char **operands) { return write_form(operands, COPSE_MARKUP_PRETTY); }

/* --- select ---------------------------------------------------------------------------- */

struct selection {
  struct page page;
  struct text out;
  struct json_writer json;
};

static int member_markup(struct selection *s, const char *name, const struct copse_handle *element,
                         uint32_t form) {
  char *string;
  size_t size;
  int result = copse_markup_string(session_view(&s->page.session), s->page.document, element, form,
                                   &string, &size);

  if (result != COPSE_OK)
    return result;
  if (common.json)
    json_bytes(&s->json, name, string, size);
  else
    text_add(&s->out, string, size);
  copse_markup_free(string);
  return COPSE_OK;
}

/* All that there is to say of an element, as an object. */
static int show_object(struct selection *s, const struct copse_handle *element) {
  struct copse_view *view = session_view(&s->page.session);
  struct copse_node node;
  struct copse_attribute attribute;
  int result = copse_node_get(view, s->page.document, element, &node);

  if (result != COPSE_OK)
    return result;
  json_object(&s->json, NULL);
  json_bytes(&s->json, "name", node.name.data, node.name.size);
  json_object(&s->json, "attributes");
  for (uint32_t i = 0;
       (result = copse_attribute_at(view, s->page.document, element, i, &attribute)) == COPSE_OK;
       i++) {
    struct text name = {0};
    text_add(&name, attribute.prefix.data, attribute.prefix.size);
    if (attribute.prefix.size != 0)
      text_byte(&name, ':');
    text_add(&name, attribute.name.data, attribute.name.size);
    json_bytes(&s->json, name.data, attribute.value.data, attribute.value.size);
    text_free(&name);
  }
  json_object_end(&s->json);
  if (result == COPSE_NONE)
    result = member_markup(s, "text", element, COPSE_MARKUP_TEXT);
  if (result == COPSE_OK)
    result = member_markup(s, "html", element, COPSE_MARKUP_OUTER);
  json_object_end(&s->json);
  return result;
}

static int show_attribute(struct selection *s, const struct copse_handle *element) {
  struct copse_bytes value;
  int result = copse_attribute_get(session_view(&s->page.session), s->page.document, element,
                                   given.attribute, &value);

  if (result == COPSE_OK && common.json)
    json_bytes(&s->json, NULL, value.data, value.size);
  else if (result == COPSE_OK)
    text_add(&s->out, value.data, value.size);
  else if (result == COPSE_NONE && common.json)
    json_null(&s->json, NULL);
  return result == COPSE_NONE && common.json ? COPSE_OK : result;
}

/* One element, on a line of its own; COPSE_NONE: there is nothing to show. */
static int show_element(struct selection *s, const struct copse_handle *element) {
  uint32_t form = given.text ? COPSE_MARKUP_TEXT : COPSE_MARKUP_OUTER;
  int result;

  s->json = (struct json_writer){.out = &s->out};
  if (given.attribute != NULL)
    result = show_attribute(s, element);
  else if (common.json && !given.text && !given.html)
    result = show_object(s, element);
  else
    result =
        member_markup(s, NULL, element, form | (html_given.scripting ? COPSE_MARKUP_SCRIPTING : 0));
  if (result == COPSE_OK)
    text_byte(&s->out, '\n');
  text_output(&s->out);
  return result;
}

static int select_elements(struct selection *s, const struct copse_selector *selector) {
  struct copse_query *query;
  struct copse_handle element;
  bool any = false;
  int result = copse_query_begin(session_view(&s->page.session), s->page.document, &s->page.root,
                                 selector, &query);

  if (result != COPSE_OK)
    return fail(result, "%s", s->page.name);
  while (!output_failed() && (result = copse_query_next(query, &element)) == COPSE_OK) {
    result = show_element(s, &element);
    any |= result == COPSE_OK;
    if (result < 0)
      break;
  }
  copse_query_end(query);
  text_free(&s->out);
  if (result < 0)
    return fail(result, "%s", s->page.name);
  return any ? STATUS_OK : STATUS_NOTHING;
}

static int run_select(char **operands) {
  struct selection s = {0};
  struct copse_selector *selector;
  int result, status;

  if ((given.attribute != NULL) + given.text + given.html > 1)
    return fail_usage("--attr, --text and --html exclude one another");
  result = copse_selector_compile(operands[0], SIZE_MAX, &selector);
  if (result != COPSE_OK)
    return fail_with(STATUS_USAGE, "%s", copse_error_detail());
  status = page_open(&s.page, operands[1]);
  if (status == STATUS_OK)
    status = select_elements(&s, selector);
  copse_selector_free(selector);
  return page_close(&s.page, status);
}

/* --- store ----------------------------------------------------------------------------- */

static int run_store(char **operands) {
  struct session s;
  struct copse_document *document = NULL;
  int result, status = session_open(&s, operands[0], ACCESS_CREATE);

  if (status == STATUS_OK) {
    result = copse_document_ensure(s.store, operands[1], lock_wait_ns, &document);
    if (result != COPSE_OK)
      status = fail(result, "document %s", operands[1]);
  }
  if (status == STATUS_OK)
    status = html_store(&s, document, operands[2]);
  copse_document_close(document);
  return session_close(&s, status);
}

/* --- the command ----------------------------------------------------------------------- */

static const struct action {
  const char *name;
  size_t least, most; /* operands */
  const char *operands;
  bool stores;
  int (*run)(char **operands);
} actions[] = {
    {"tree", 0, 1, "[FILE]", false, run_tree},
    {"fmt", 0, 1, "[FILE]", false, run_fmt},
    {"select", 1, 2, "SELECTOR [FILE]", false, run_select},
    {"store", 2, 3, "STORE NAME [FILE]", true, run_store},
};

static int run_html(char **operands, size_t count) {
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    const struct action *action = &actions[i];
    if (strcmp(operands[0], action->name) != 0)
      continue;
    if (count - 1 < action->least || count - 1 > action->most)
      return fail_usage("expected: html %s %s", action->name, action->operands);
    if (action->run != run_select && (given.attribute != NULL || given.text || given.html))
      return fail_usage("--attr, --text and --html go with select");
    if (action->stores && given.from.count != 0)
      return fail_usage("--from does not go with store: see 'copse copy'");
    return action->run(operands + 1);
  }
  return fail_usage("there is no html %s: tree, fmt, select or store", operands[0]);
}

const struct command command_html = {
    .name = "html",
    .operands = "tree|fmt|select|store [OPERAND...]",
    .summary = "Parse HTML; select of it, write it, keep it in a store",
    .text = "  tree [FILE]               the tree, as the html5lib tests write it\n"
            "  fmt [FILE]                HTML, with line ends and indentation\n"
            "  select SELECTOR [FILE]    the elements that a CSS selector matches\n"
            "  store STORE NAME [FILE]   parse into a document of a store, which is made\n"
            "                            if there is none\n"
            "\n"
            "Without FILE, or if it is -, standard input is read. Any bytes are HTML. With\n"
            "--json select writes an object for each element, or the string that --attr,\n"
            "--text or --html asks for. Nothing selected: exit code 1.\n",
    .examples = "  curl -s https://example.org | copse html select 'a[href^=http]' --attr href\n"
                "  copse html fmt page.html\n"
                "  echo '<td>x' | copse html tree --fragment tr\n"
                "  copse html store /dev/shm/pages index page.html\n"
                "  copse html select 'h1, h2' --text --from /dev/shm/pages index\n",
    .groups = {html_options, creation_options, lock_options, json_options, common_options},
    .run = run_html,
};
