/* test_parser.c - copse/html.h: options, errors and where they are, where elements are in the source. */
#include <stdio.h>
#include <stdlib.h>

#include "copse/selector.h"
#include "pages.h"
#include "test.h"

static struct page parsed(const char *html, const struct copse_html_options *options) {
  return page_parse(html, strlen(html), strlen(html) + 1, options);
}

TEST(options_that_do_not_exist) {
  struct copse_html_parser *parser;
  static const struct copse_html_options wrong[] = {
      {.encoding = "no-such-thing"}, {.encoding = ""},   {.context = ""},
      {.context = "svg "},           {.context = "a b"}, {.context = "math"}};
  for (size_t i = 0; i + 1 < sizeof wrong / sizeof wrong[0]; i++) {
    CHECK_RESULT(copse_html_begin(&wrong[i], &parser), COPSE_E_ARGUMENT);
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'",
             wrong[i].encoding ? wrong[i].encoding : wrong[i].context);
    CHECK(strstr(copse_error_detail(), quoted));
  }
  CHECK_OK(copse_html_begin(&wrong[5], &parser)); /* an HTML element of that name */
  CHECK_OK(copse_html_feed(parser, "<p>", 3));
  CHECK_OK(copse_html_end(parser, NULL));
  struct copse_sink *sink;
  CHECK_OK(copse_html_parse(NULL, 0, NULL, &sink));
  copse_sink_free(sink);
}

TEST(scripting_and_contexts) {
  struct copse_html_options options = {0};
  struct page page = parsed("<body><noscript><p>x", &options);
  page_is(&page, COPSE_MARKUP_OUTER,
          "<html><head></head><body><noscript><p>x</p></noscript></body></html>");
  page_end(&page);
  options.scripting = 1;
  page = parsed("<body><noscript><p>x", &options);
  page_is(&page, COPSE_MARKUP_OUTER | COPSE_MARKUP_SCRIPTING,
          "<html><head></head><body><noscript><p>x</noscript></body></html>");
  page_end(&page);
  options.context = "tr";
  page = parsed("<!-- 1 --><td>x</html><!-- 2 -->", &options);
  page_is(&page, COPSE_MARKUP_OUTER, "<!-- 1 --><td>x<!-- 2 --></td>");
  page_end(&page);
  options.context = "svg path";
  page = parsed("<foreignobject>", &options);
  page_is(&page, COPSE_MARKUP_TREE, "| <svg foreignObject>\n");
  page_end(&page);
}

static void element_find(struct page *page, const char *selector, struct copse_handle *found) {
  struct copse_selector *compiled;
  CHECK_OK(copse_selector_compile(selector, SIZE_MAX, &compiled));
  CHECK_OK(copse_selector_first(page->view, page->document, &page->root, compiled, found));
  copse_selector_free(compiled);
}

static void inner(struct page *page, const char *selector, const char *html) {
  struct copse_handle element;
  element_find(page, selector, &element);
  CHECK_OK(copse_html_set_inner(page->txn, page->document, &element, html, strlen(html)));
}

static void outer(struct page *page, const char *selector, const char *html) {
  struct copse_handle element;
  element_find(page, selector, &element);
  CHECK_OK(copse_html_set_outer(page->txn, page->document, &element, html, strlen(html)));
}

TEST(inner_and_outer_are_set) {
  struct page page = parsed("<table><tr id=r><td>x</table><template id=t>y</template><form><p id=p>"
                            "</form><svg><g id=g></g></svg><math><annotation-xml id=m encoding="
                            "'Text/HTML'></annotation-xml></math>",
                            NULL);
  struct copse_handle html, text;
  struct copse_tree *tree = copse_document_tree(page.document);
  inner(&page, "#r", "<td>1<td>2<tr>");
  inner(&page, "#t", "<tr><td>z</td></tr>");
  inner(&page, "#p", "a<form><b>c");
  inner(&page, "#g", "<foreignobject><p>x</p></foreignobject><x-own Y=1>\u00e9");
  inner(&page, "#m", "<p><div>");
  page_is(&page, COPSE_MARKUP_OUTER,
          "<html><head></head><body><table><tbody><tr id=\"r\"><td>1</td><td>2</td></tr></tbody>"
          "</table><template id=\"t\"><tr><td>z</td></tr></template><form><p id=\"p\">a<b>c</b></p>"
          "</form><svg><g id=\"g\"><foreignObject><p>x</p></foreignObject><x-own "
          "y=\"1\">\u00e9</x-own></g>"
          "</svg><math><annotation-xml id=\"m\" encoding=\"Text/HTML\"><p></p><div></div>"
          "</annotation-xml></math></body></html>");
  outer(&page, "table", "<i>1</i><i>2</i>");
  outer(&page, "template", "");
  outer(&page, "form", "<p>");
  outer(&page, "svg", "&lt;");
  outer(&page, "math", "x<td>");
  page_is(&page, COPSE_MARKUP_OUTER,
          "<html><head></head><body><i>1</i><i>2</i><p></p>&lt;x</body></html>");
  /* What fails changes nothing. */
  element_find(&page, "html", &html);
  CHECK_RESULT(copse_html_set_outer(page.txn, page.document, &html, "x", 1), COPSE_E_HIERARCHY);
  CHECK_RESULT(copse_html_set_outer(page.txn, page.document, &page.root, "x", 1), COPSE_E_ROOT);
  CHECK_RESULT(copse_html_set_inner(page.txn, page.document, &page.root, "x", 1), COPSE_E_ARGUMENT);
  element_find(&page, "i", &html);
  CHECK_OK(copse_tree_step(page.view, tree, &html, COPSE_TREE_FIRST, &text, NULL));
  CHECK_RESULT(copse_html_set_inner(page.txn, page.document, &text, "x", 1), COPSE_E_ARGUMENT);
  CHECK(strstr(copse_error_detail(), "no inner HTML"));
  CHECK_OK(copse_node_remove(page.txn, page.document, &html));
  CHECK_RESULT(copse_html_set_inner(page.txn, page.document, &html, "x", 1), COPSE_E_STALE);
  page_is(&page, COPSE_MARKUP_OUTER, "<html><head></head><body><i>2</i><p></p>&lt;x</body></html>");
  page_end(&page);
}

struct errors {
  char text[4096];
  size_t size;
};

static void note_error(void *context, const struct copse_html_error *error) {
  struct errors *errors = context;
  errors->size += (size_t)snprintf(errors->text + errors->size, sizeof errors->text - errors->size,
                                   "%llu:%llu %.20s\n", (unsigned long long)error->line,
                                   (unsigned long long)error->offset, error->message);
  CHECK_LE(strlen(error->message), 200);
}

TEST(errors_have_lines_and_offsets) {
  struct errors errors = {0};
  struct copse_html_options options = {.error = note_error, .error_context = &errors};
  struct page page = parsed("<!DOCTYPE html>\n<p>\n\n<b a a></p>", &options);
  CHECK_STR(errors.text, "4:27 Duplicate attribute\n4:31 Unexpected open elem\n");
  page_end(&page);
}

/* Each element in order: where it begins, its start tag ends, it ends itself; "-": it has no source. */
static void sources_are(struct page *page, const char *expected) {
  char text[2000] = "", *at = text;
  struct copse_tree_walk walk;
  CHECK_OK(copse_tree_walk_begin(page->view, copse_document_tree(page->document), &page->root,
                                 COPSE_TREE_DESCENDANTS, &walk));
  while (copse_tree_walk_next(&walk, NULL) == 0) {
    struct copse_node node;
    struct copse_source source;
    CHECK_OK(copse_node_get(page->view, page->document, &walk.node, &node));
    if (node.kind != COPSE_NODE_ELEMENT)
      continue;
    at += sprintf(at, "%.*s", (int)node.name.size, (const char *)node.name.data);
    int result = copse_element_source(page->view, page->document, &walk.node, &source);
    at += result == COPSE_NONE
              ? sprintf(at, " - ")
              : sprintf(at, " %d,%d,%d ", (int)source.begin, (int)source.tag_end, (int)source.end);
  }
  CHECK_STR(text, expected);
}

TEST(elements_know_where_they_were) {
  static const struct {
    const char *html, *sources;
  } cases[] = {
      {"<html><head></head><body><p>x</p></body></html>",
       "html 0,6,47 head 6,12,19 body 19,25,40 p 25,28,33 "},
      {"<p>x<br>y<p>z", "html - head - body - p 0,3,0 br 4,8,0 p 9,12,0 "},
      {"a < b <i title='<b>'>c</i> &am<u>&lt</u>", "html - head - body - i 6,21,26 u 30,33,40 "},
      {"<b>1<p>2</b>3</p>", "html - head - body - b 0,3,12 p 4,7,17 b - "},
      {"<table><td>x</table>", "html - head - body - table 0,7,20 tbody - tr - td 7,11,0 "},
      {"<p><table></p>", "html - head - body - p 0,3,0 p - table 3,10,0 "},
      {"<script>if (a<b) '</p>'</script><p>", "html - head - script 0,8,32 body - p 32,35,0 "},
      {"<style></style</style><p>", "html - head - style 0,7,22 body - p 22,25,0 "},
      {"<svg><foreignobject><p></p></foreignObject></svg>",
       "html - head - body - svg 0,5,49 foreignObject 5,20,43 p 20,23,27 "},
      {"<!-- <p> --><form><div></form></div>", "html - head - body - form 12,18,30 div 18,23,36 "},
      {"\xef\xbb\xbf<p>\xc3\xa9</p>", "html - head - body - p 3,6,12 "},
      {"<image><a><a>", "html - head - body - img 0,7,0 a 7,10,0 a 10,13,0 "},
      {"<li>1<li>2</li></ul>", "html - head - body - li 0,4,0 li 5,9,15 "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (int errors = 0; errors < 2; errors++) {
      struct errors noted = {0};
      struct copse_html_options options = {
          .offsets = 1, .error = errors ? note_error : NULL, .error_context = &noted};
      size_t size = strlen(cases[i].html);
      for (size_t step = 1; step <= size; step += 9) {
        noted.size = 0;
        struct page page = page_parse(cases[i].html, size, step, &options);
        sources_are(&page, cases[i].sources);
        page_end(&page);
      }
    }
}
