/* test_markup.c - documents written out: the rules of the HTML standard, line breaks that show nothing, text, and
 * the format of the html5lib tests. */
#include <stdlib.h>

#include "copse/markup.h"
#include "page.h"
#include "test_store_fixture.h"

static struct copse_store *store;
static struct copse_snapshot *snapshot;
static struct copse_document *page;

static struct copse_view *page_open(const char *html, uint32_t flags) {
  store = store_new(NULL, 0);
  page = page_new(store, "page", html);
  CHECK_OK(copse_snapshot_open(store, flags, &snapshot));
  return copse_snapshot_view(snapshot);
}

static void page_close(void) {
  copse_snapshot_close(snapshot);
  copse_document_close(page);
  copse_store_close(store);
}

static void node_is(struct copse_view *view, const struct copse_handle *node, uint32_t form,
                    const char *expected) {
  char *string;
  size_t size;
  CHECK_OK(copse_markup_string(view, page, node, form, &string, &size));
  CHECK_EQ(size, strlen(string));
  CHECK_STR(string, expected);
  copse_markup_free(string);
}

/* What a page is in a form, in a snapshot and in one that copies. */
static void written(const char *html, uint32_t form, const char *expected) {
  for (unsigned i = 0; i < 2; i++) {
    struct copse_handle root;
    struct copse_view *view = page_open(html, i ? COPSE_SNAPSHOT_OUSTABLE : 0);
    CHECK_OK(copse_document_root(view, page, &root));
    node_is(view, &root, form, expected);
    page_close();
  }
}

static void same(const char *html) { written(html, COPSE_MARKUP_OUTER, html); }

TEST(what_the_standard_writes_as_it_was) {
  same("");
  same("<!DOCTYPE html><!-- a<b --><html "
       "lang=\"en\"><head></head><body>a<br>b<p></p></body></html>");
  same("<script>if (a < b && c) d();</script><style>a > b</style><p>x<i>y</i>z</p>");
  same("<svg viewBox=\"0 0 1 1\"><path "
       "d=\"M0\"></path><foreignObject><p>x</p></foreignObject></svg>");
  same("<template id=\"t\"><b>in</b></template><p>out</p>");
  same("<pre>\na</pre><textarea>\n\nb</textarea>");
  same("<my-element data-x=\"1\" data-y=\"2\">x</my-element>");
  same("<svg><a xlink:href=\"x\" xml:lang=\"en\" xmlns:xlink=\"y\"></a></svg>");
}

TEST(what_is_escaped) {
  written("a&b > c\xc2\xa0"
          "d\xc2\xa9",
          COPSE_MARKUP_OUTER, "a&amp;b &gt; c&nbsp;d\xc2\xa9");
  written("<p title='<a href=\"x\">&\xc2\xa0'></p>", COPSE_MARKUP_OUTER,
          "<p title=\"&lt;a href=&quot;x&quot;&gt;&amp;&nbsp;\"></p>");
  written("<noscript>a&b</noscript>", COPSE_MARKUP_OUTER, "<noscript>a&amp;b</noscript>");
  written("<noscript>a&b</noscript>", COPSE_MARKUP_OUTER | COPSE_MARKUP_SCRIPTING,
          "<noscript>a&b</noscript>");
  written("<svg><style>a>b</style></svg>", COPSE_MARKUP_OUTER, "<svg><style>a&gt;b</style></svg>");
}

TEST(an_inner_form_leaves_the_node_out) {
  struct copse_handle root, node;
  struct copse_view *view =
      page_open("<p a=1>x<b>y</b></p><template><i>z</i></template><script>a&b</script>", 0);
  CHECK_OK(copse_document_root(view, page, &root));
  struct copse_tree *tree = copse_document_tree(page);
  CHECK_OK(copse_tree_step(view, tree, &root, COPSE_TREE_FIRST, &node, NULL));
  node_is(view, &node, COPSE_MARKUP_INNER, "x<b>y</b>");
  node_is(view, &node, COPSE_MARKUP_OUTER, "<p a=\"1\">x<b>y</b></p>");
  node_is(view, &node, COPSE_MARKUP_TEXT, "xy");
  CHECK_OK(copse_tree_step(view, tree, &node, COPSE_TREE_NEXT, &node, NULL));
  node_is(view, &node, COPSE_MARKUP_INNER, "<i>z</i>");
  node_is(view, &node, COPSE_MARKUP_TEXT, "");
  CHECK_OK(copse_tree_step(view, tree, &node, COPSE_TREE_NEXT, &node, NULL));
  node_is(view, &node, COPSE_MARKUP_INNER, "a&b");
  CHECK_OK(copse_tree_step(view, tree, &node, COPSE_TREE_FIRST, &node, NULL));
  node_is(view, &node, COPSE_MARKUP_OUTER, "a&b");
  node_is(view, &root, COPSE_MARKUP_TEXT, "xya&b");
  char *string;
  size_t size;
  FAILS(copse_markup_string(view, page, &root, 7, &string, &size), COPSE_E_ARGUMENT, "form 7");
  page_close();
}

TEST(trees_as_the_html5lib_tests_tell_them) {
  written("<!DOCTYPE html><!-- c --><html z=1 a=\"2\"><body>a \"b\"\n<br></body></html>",
          COPSE_MARKUP_TREE,
          "| <!DOCTYPE html>\n| <!--  c  -->\n| <html>\n|   a=\"2\"\n|   z=\"1\"\n|   <body>\n"
          "|     \"a \"b\"\n\"\n|     <br>\n");
  written("<svg xlink:href=a b=c><path></path></svg><math><mi></mi></math>", COPSE_MARKUP_TREE,
          "| <svg svg>\n|   b=\"c\"\n|   xlink href=\"a\"\n|   <svg path>\n"
          "| <math math>\n|   <math mi>\n");
  written("<template><p>x</p></template>", COPSE_MARKUP_TREE,
          "| <template>\n|   content\n|     <p>\n|       \"x\"\n");
}

TEST(pretty_lines_show_nothing) {
  written(
      "<!DOCTYPE html><html><head><title>T</title></head><body><div><p>a <b>b</b></p>\n\n"
      "<ul><li>1</li> <li><p>2</p></li></ul></div><pre>\n x</pre></body></html>",
      COPSE_MARKUP_PRETTY,
      "<!DOCTYPE html>\n<html>\n  <head>\n    <title>T</title>\n  </head>\n  <body>\n    <div>\n"
      "      <p>a <b>b</b></p>\n      <ul>\n        <li>1</li>\n        <li>\n"
      "          <p>2</p>\n        </li>\n      </ul>\n    </div>\n    <pre>\n x</pre>\n"
      "  </body>\n</html>\n");
  written("<div>a<p>b</p></div><div></div>", COPSE_MARKUP_PRETTY,
          "<div>a<p>b</p></div>\n<div></div>\n");
  written("<div><span>a</span> <span>b</span></div>", COPSE_MARKUP_PRETTY,
          "<div><span>a</span> <span>b</span></div>\n");
}

static int refuse(void *context, const void *bytes, size_t size) {
  (void)bytes;
  CHECK_GT(size, 0);
  return --*(int *)context == 0 ? 77 : 0;
}

/* Depth and size need no memory, and what write() returns ends it. */
TEST(deep_and_large_pages) {
  char *html = malloc(4000 * 11 + 100000), *end = html;
  CHECK(html != NULL);
  for (int i = 0; i < 4000; i++)
    end = stpcpy(end, "<div>");
  memset(end, '&', 40000);
  end += 40000;
  for (int i = 0; i < 4000; i++)
    end = stpcpy(end, "</div>");
  struct copse_handle root;
  struct copse_view *view = page_open(html, 0);
  CHECK_OK(copse_document_root(view, page, &root));
  char *string;
  size_t size;
  CHECK_OK(copse_markup_string(view, page, &root, COPSE_MARKUP_OUTER, &string, &size));
  CHECK_EQ(size, 4000 * 11 + 5 * 40000);
  copse_markup_free(string);
  CHECK_OK(copse_markup_string(view, page, &root, COPSE_MARKUP_TEXT, &string, &size));
  CHECK_EQ(size, 40000);
  copse_markup_free(string);
  int left = 2;
  CHECK_EQ(copse_markup_write(view, page, &root, COPSE_MARKUP_OUTER, refuse, &left), 77);
  CHECK_EQ(left, 0);
  page_close();
  free(html);
}
