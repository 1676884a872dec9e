/* test_hostile.c - input that nobody writes by hand: depth, width, bytes of no encoding. The time that this takes is
 * in proportion to the input, or the test would not end. */
#include <stdio.h>
#include <stdlib.h>

#include "pages.h"
#include "test.h"

struct input {
  char *bytes;
  size_t size;
};

/* A text n times, each followed by its number if it is numbered, between two others. */
static struct input repeated(const char *before, const char *text, const char *after, size_t n,
                             int is_numbered) {
  struct input input = {.bytes =
                            malloc(strlen(before) + n * (strlen(text) + 8) + strlen(after) + 1)};
  CHECK(input.bytes != NULL);
  char *at = stpcpy(input.bytes, before);
  for (size_t i = 0; i < n; i++) {
    at = stpcpy(at, text);
    if (is_numbered)
      at += sprintf(at, "%zu", i);
  }
  at = stpcpy(at, after);
  input.size = (size_t)(at - input.bytes);
  return input;
}

static uint64_t nodes_of(struct page *page) {
  uint64_t count;
  CHECK_OK(copse_tree_count(page->view, copse_document_tree(page->document), &count));
  return count;
}

static void depth_is(struct page *page, uint64_t expected) {
  struct copse_tree_walk walk;
  uint64_t depth = 0, deepest = 0;
  int result;
  CHECK_OK(copse_tree_walk_begin(page->view, copse_document_tree(page->document), &page->root,
                                 COPSE_TREE_TRAVERSE, &walk));
  while ((result = copse_tree_walk_next(&walk, NULL)) == 0) {
    depth = walk.edge == COPSE_TREE_ENTER ? depth + 1 : depth - 1;
    deepest = depth > deepest ? depth : deepest;
  }
  CHECK_EQ(result, COPSE_NONE);
  CHECK_EQ(deepest, expected);
}

TEST(a_megabyte_of_nested_tags) {
  static const char *const tags[] = {"<div>",    "<b>",        "<p><span>",
                                     "<ul><li>", "<dl><dd>",   "<table><tr><td>",
                                     "<svg>",    "<math><mi>", "<blockquote>"};
  for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
    size_t n = (1 << 20) / strlen(tags[i]);
    struct input input = repeated("", tags[i], "x", n, 0);
    struct page page = page_parse(input.bytes, input.size, input.size, NULL);
    CHECK_GT(nodes_of(&page), n);
    if (i == 0) {
      CHECK_EQ(nodes_of(&page), n + 5);
      depth_is(&page, n + 4);
      size_t size, again;
      char *markup = page_string(&page, COPSE_MARKUP_OUTER, &size);
      struct page other = page_parse(markup, size, size, NULL);
      char *same = page_string(&other, COPSE_MARKUP_OUTER, &again);
      CHECK(size == again && memcmp(markup, same, size) == 0);
      copse_markup_free(markup);
      copse_markup_free(same);
      page_end(&other);
    }
    page_end(&page);
    free(input.bytes);
  }
}

TEST(templates_in_templates) {
  size_t n = 50000;
  struct input input = repeated("", "<template>", "x", n, 0);
  struct page page = page_parse(input.bytes, input.size, input.size, NULL);
  CHECK_EQ(nodes_of(&page), 2 * n + 5);
  size_t size;
  char *markup = page_string(&page, COPSE_MARKUP_OUTER, &size);
  struct input expected = repeated("<html><head>", "<template>", "x", n, 0);
  CHECK_GT(size, expected.size);
  CHECK(memcmp(markup, expected.bytes, expected.size) == 0);
  copse_markup_free(markup);
  free(expected.bytes);
  free(input.bytes);
  page_end(&page);
}

TEST(a_million_attributes) {
  size_t n = 1000000;
  struct input input = repeated("<p", " data-", " data-7=no>x", n, 1);
  struct page page = page_parse(input.bytes, input.size, input.size, NULL);
  size_t size;
  char *markup = page_string(&page, COPSE_MARKUP_OUTER, &size);
  /* Each as it was, with ="" behind it, and no second one of a name. */
  CHECK_EQ(size, strlen("<html><head></head><body>") + input.size - strlen(" data-7=no") + 3 * n +
                     strlen("</p></body></html>"));
  copse_markup_free(markup);
  page_end(&page);
  free(input.bytes);
}

TEST(attributes_that_come_one_by_one) {
  size_t n = 100000;
  struct input input = repeated("", "><body a", ">x", n, 1);
  struct page page = page_parse(input.bytes, input.size, input.size, NULL);
  struct copse_handle html, body;
  struct copse_attribute last;
  struct copse_tree *tree = copse_document_tree(page.document);
  CHECK_OK(copse_document_element(page.view, page.document, &html));
  CHECK_OK(copse_tree_step(page.view, tree, &html, COPSE_TREE_LAST, &body, NULL));
  CHECK_OK(copse_attribute_at(page.view, page.document, &body, (uint32_t)n - 1, &last));
  CHECK_RESULT(copse_attribute_at(page.view, page.document, &body, (uint32_t)n, &last), COPSE_NONE);
  page_end(&page);
  free(input.bytes);
}

TEST(text_by_turns_in_two_places) {
  size_t n = 50000;
  struct input input = repeated("<table>", "a<tr><td>b", "", n, 0);
  struct page page = page_parse(input.bytes, input.size, input.size, NULL);
  size_t size;
  char *text = page_string(&page, COPSE_MARKUP_TEXT, &size);
  CHECK_EQ(size, 2 * n);
  copse_markup_free(text);
  page_end(&page);
  free(input.bytes);
}

TEST(nuls_in_all_places) {
  static const char bytes[] =
      "\0<\0p\0 a\0=\0b\0>x\0y<!\0--z\0--><!--\0--><title>\0</title><svg>\0<![CDATA[\0]]>";
  struct copse_html_options options = {.encoding = "utf-8"};
  for (size_t step = 1; step <= sizeof bytes; step++) {
    struct page page = page_parse(bytes, sizeof bytes - 1, step, &options);
    page_is(
        &page, COPSE_MARKUP_TREE,
        "| <html>\n|   <head>\n|   <body>\n|     \"<p a=b>xy\"\n|     <!-- \ufffd--z\ufffd-- -->\n"
        "|     <!-- \ufffd -->\n|     <title>\n|       \"\ufffd\"\n|     <svg svg>\n"
        "|       \"\ufffd\ufffd\"\n");
    page_end(&page);
  }
}

/* A carriage return and a line feed are one line end, wherever a piece ends. */
TEST(line_ends_before_a_value) {
  static const char bytes[] = "<p a=\r\nEm b\r\n=\r'x\r\ny'>";
  for (size_t step = 1; step <= sizeof bytes; step++) {
    struct page page = page_parse(bytes, sizeof bytes - 1, step, NULL);
    page_is(&page, COPSE_MARKUP_TREE,
            "| <html>\n|   <head>\n|   <body>\n|     <p>\n|       a=\"Em\"\n|       b=\"x\ny\"\n");
    page_end(&page);
  }
}

/* Bytes of no meaning, in every encoding: the same tree in whatever pieces they come. */
TEST(noise_in_all_encodings) {
  static const char *const labels[] = {
      NULL,     "utf-8",  "utf-16le",  "utf-16be",    "gbk",    "gb18030",     "big5",
      "euc-jp", "euc-kr", "shift_jis", "iso-2022-jp", "koi8-r", "replacement", "x-user-defined"};
  static const char marks[] = "<<<<>>>/!-= \"'&;ab\n\r\0";
  struct test_random random = {test_seed()};
  for (int turn = 0; turn < 3 * test_scale(); turn++)
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
      unsigned char bytes[3000];
      for (size_t k = 0; k < sizeof bytes; k++) {
        uint64_t r = test_random_next(&random);
        bytes[k] = r & 1 ? (unsigned char)(r >> 8) : (unsigned char)marks[(r >> 8) % sizeof marks];
      }
      struct copse_html_options options = {.encoding = labels[i]};
      struct page whole = page_parse(bytes, sizeof bytes, sizeof bytes, &options);
      struct page pieces =
          page_parse(bytes, sizeof bytes, 1 + test_random_next(&random) % 50, &options);
      size_t size, again;
      char *tree = page_string(&whole, COPSE_MARKUP_TREE, &size);
      char *same = page_string(&pieces, COPSE_MARKUP_TREE, &again);
      CHECK_BYTES(tree, size, same, again);
      copse_markup_free(tree);
      copse_markup_free(same);
      page_end(&whole);
      page_end(&pieces);
    }
}
