/* test_encoding.c - which encoding bytes have: the html5lib tests, and what
 * they leave out; conversion in pieces. */
#include <stdio.h>

#include "pages.h"
#include "suite.h"
#include "test.h"

#define SNIFFED 1024

/* A case is "#data\n", bytes, "\n#encoding\n", a label, in any letters. */
static size_t cases_check(const char *text, size_t size, const char *name) {
  size_t count = 0;
  for (const char *at = text, *end = text + size; at < end; count++) {
    const char *data = memmem(at, (size_t)(end - at), "#data\n", 6);
    if (!data)
      break;
    data += 6;
    const char *stop = memmem(data, (size_t)(end - data), "\n#encoding\n", 11);
    CHECK_MSG(stop != NULL, "%s", name);
    const char *label = stop + 11;
    size_t label_size = strcspn(label, "\n");
    char expected[64], wanted[64];
    snprintf(expected, sizeof expected, "%.*s", (int)label_size, label);
    at = label + label_size;
    /* Longer ones are for parsers that change the encoding when they meet a
     * declaration behind it. */
    if (stop - data > SNIFFED)
      continue;
    /* The suite has labels, sniffing gives names. */
    const char *known = copse_html_sniff("", 0, expected);
    CHECK_MSG(known != NULL, "%s: %s", name, expected);
    snprintf(wanted, sizeof wanted, "%s", known);
    CHECK_MSG(strcmp(copse_html_sniff(data, (size_t)(stop - data), NULL), wanted) == 0,
              "%s: %.*s\nhas encoding %s, not %s", name, (int)(stop - data), data,
              copse_html_sniff(data, (size_t)(stop - data), NULL), wanted);
  }
  return count;
}

TEST(encodings_are_found_as_the_suite_says) {
  size_t n, count = 0;
  struct suite_file *files = suite_files("html/encoding", &n);
  if (n == 0)
    SKIP("there are no html5lib tests in $COPSE_TEST_DATA/html/encoding");
  for (size_t i = 0; i < n; i++) {
    size_t size = suite_text(&files[i]);
    count += cases_check(files[i].text, size, files[i].name);
  }
  printf("     %zu files, %zu cases\n", n, count);
  CHECK_GT(count, 20);
  suite_free(files, n);
}

static void sniffs(const char *bytes, size_t size, const char *label, const char *expected) {
  const char *found = copse_html_sniff(bytes, size, label);
  CHECK_MSG(found && strcmp(found, expected) == 0, "%.*s: %s, not %s", (int)size, bytes,
            found ? found : "nothing", expected);
}
#define SNIFFS(bytes, label, expected) sniffs(bytes, sizeof bytes - 1, label, expected)

TEST(marks_labels_and_declarations_have_their_order) {
  SNIFFS("", NULL, "windows-1252");
  SNIFFS("<p>x", "shift-jis", "shift_jis");
  SNIFFS("\xef\xbb\xbf<p>", "shift-jis", "utf-8");
  SNIFFS("\xfe\xff\0<", NULL, "utf-16be");
  SNIFFS("\xff\xfe<\0", NULL, "utf-16le");
  SNIFFS("<\0?\0x\0m\0l\0", NULL, "utf-16le");
  SNIFFS("<meta charset=koi8-r>", NULL, "koi8-r");
  SNIFFS("<meta charset=koi8-r>", "euc-kr", "euc-kr");
  SNIFFS("<!-- <meta charset=koi8-r> --><meta charset=big5>", NULL, "big5");
  SNIFFS("<p title='<meta charset=koi8-r>'><meta charset=big5>", NULL, "big5");
  SNIFFS("<meta charset=utf-16>", NULL, "utf-8");
  SNIFFS("<meta charset=x-user-defined>", NULL, "windows-1252");
  SNIFFS("<?xml version='1.0' encoding='iso-8859-2'?>", NULL, "iso-8859-2");
  CHECK(copse_html_sniff("", 0, "no-such-encoding") == NULL);
  char late[1100];
  memset(late, ' ', sizeof late);
  memcpy(late + 1000, "<meta charset=koi8-r>", 21);
  sniffs(late, sizeof late, NULL, "koi8-r");
  memset(late, ' ', sizeof late);
  memcpy(late + 1010, "<meta charset=koi8-r>", 21);
  sniffs(late, sizeof late, NULL, "windows-1252");
}

static void text_is(const char *bytes, size_t size, size_t step, const char *label,
                    const char *expected) {
  struct copse_html_options options = {.encoding = label};
  struct page page = page_parse(bytes, size, step, &options);
  page_is(&page, COPSE_MARKUP_TEXT, expected);
  page_end(&page);
}

TEST(bytes_are_converted_in_any_pieces) {
  static const struct {
    const char *bytes;
    size_t size;
    const char *label, *text;
  } cases[] = {
#define CASE(bytes, label, text) {bytes, sizeof bytes - 1, label, text}
      CASE("caf\xe9 \x80", NULL, "caf\u00e9 \u20ac"),
      CASE("caf\xc3\xa9", "utf-8", "caf\u00e9"),
      CASE("\xef\xbb\xbf"
           "caf\xc3\xa9",
           "latin1", "caf\u00e9"),
      CASE("\x93\xfa\x96\x7b", "shift_jis", "\u65e5\u672c"),
      CASE("\x1b$BF|K\\\x1b(B.", "iso-2022-jp", "\u65e5\u672c."),
      CASE("\xff\xfe\x3d\xd8\x00\xde!\0", NULL, "\U0001f600!"),
      CASE("<meta charset=koi8-r>\xc1", NULL, "\u0430"),
      /* What is not valid becomes U+FFFD, at the end too. */
      CASE("a\xff\xc3(\xed\xa0\x80z", "utf-8", "a\ufffd\ufffd(\ufffd\ufffd\ufffdz"),
      CASE("a\xe2\x82", "utf-8", "a\ufffd"),
      CASE("\xff\xfe\x3d\xd8", NULL, "\ufffd"),
      CASE("\x00\x00<p>\x00x", "utf-8", "x"),
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (size_t step = 1; step <= cases[i].size; step += step < 4 ? 1 : 7)
      text_is(cases[i].bytes, cases[i].size, step, cases[i].label, cases[i].text);
}

/* The first half of a character ends what is looked at for an encoding, and one
 * piece. */
TEST(pieces_end_where_looking_ends) {
  char bytes[SNIFFED + 1];
  memset(bytes, 'a', sizeof bytes);
  bytes[SNIFFED - 1] = '\xa4';
  bytes[SNIFFED] = '!';
  struct copse_html_options options = {.encoding = "big5"};
  for (size_t step = SNIFFED / 2; step <= sizeof bytes; step += SNIFFED / 2) {
    struct page page = page_parse(bytes, sizeof bytes, step, &options);
    size_t size;
    char *text = page_string(&page, COPSE_MARKUP_TEXT, &size);
    CHECK_EQ(size, SNIFFED - 1 + 3 + 1);
    CHECK_STR(text + SNIFFED - 1, "\ufffd!");
    copse_markup_free(text);
    page_end(&page);
  }
}
