/* test_selectors.c - selectors of the web-platform tests and of soupsieve's, over documents that html5ever parsed: every
 * case, but for those of soupsieve that contradict the standard (docs/SELECTORS.md has the clauses). */
#include <stdio.h>
#include <stdlib.h>

#include "copse/selector.h"
#include "pages.h"
#include "test.h"

#define IDS_MAX 256u

/* Selectors of soupsieve's that are answered as the standard says. */
static const char *const contradicting[] = {":before", ":is(> div)", ":is(div, > div)",
                                            "body :empty"};

struct selector_case {
  char *name, *html, *selector, *expected;
};

struct suite {
  char *text, *page; /* page: what "@..." stands for */
  struct selector_case *cases;
  size_t count;
};

static char *file_read(const char *name) {
  const char *data = getenv("COPSE_TEST_DATA");
  char path[4096];
  snprintf(path, sizeof path, "%s/html/selectors/%s", data ? data : "", name);
  FILE *file = data ? fopen(path, "rb") : NULL;
  if (!file)
    SKIP("there is no %s in $COPSE_TEST_DATA/html/selectors", name);
  CHECK_SYS(fseek(file, 0, SEEK_END));
  long size = ftell(file);
  rewind(file);
  char *text = malloc((size_t)size + 1);
  CHECK(text != NULL);
  CHECK_EQ(fread(text, 1, (size_t)size, file), (size_t)size);
  text[size] = 0;
  fclose(file);
  return text;
}

/* Ends a section at the line that begins the next one; gives what follows that line. NULL: there is none. */
static char *section_end(char *at, const char *next) {
  char line[32];
  snprintf(line, sizeof line, "\n%s\n", next);
  char *end = strncmp(at, line + 1, strlen(line) - 1) == 0 ? at : strstr(at, line);
  if (!end)
    return NULL;
  char *behind = end + strlen(line) - (end == at && *at != '\n');
  *end = 0;
  return behind;
}

static struct suite suite_read(const char *name, const char *page) {
  struct suite suite = {.text = file_read(name), .page = page ? file_read(page) : NULL};
  size_t room = 0;
  CHECK(strncmp(suite.text, "#name\n", 6) == 0);
  for (char *at = suite.text + 6, *next; at; at = next) {
    if (suite.count == room) {
      room = room ? 2 * room : 64;
      suite.cases = realloc(suite.cases, room * sizeof *suite.cases);
      CHECK(suite.cases != NULL);
    }
    struct selector_case *c = &suite.cases[suite.count++];
    c->name = at;
    c->html = section_end(c->name, "#html");
    CHECK(c->html != NULL);
    c->selector = section_end(c->html, "#selector");
    CHECK(c->selector != NULL);
    c->expected = section_end(c->selector, "#expect");
    CHECK(c->expected != NULL);
    next = section_end(c->expected, "#name");
    c->html = *c->html == '@' ? suite.page : c->html;
  }
  return suite;
}

static void suite_end(struct suite *suite) {
  free(suite->text);
  free(suite->page);
  free(suite->cases);
}

/* --- sets of ids ----------------------------------------------------------------------- */

struct ids {
  char items[IDS_MAX][64];
  size_t count;
};

static void ids_add(struct ids *ids, const char *id, size_t size) {
  CHECK_LT(size, sizeof ids->items[0]);
  for (size_t i = 0; i < ids->count; i++)
    if (strlen(ids->items[i]) == size && memcmp(ids->items[i], id, size) == 0)
      return;
  CHECK_LT(ids->count, IDS_MAX);
  memcpy(ids->items[ids->count], id, size);
  ids->items[ids->count++][size] = 0;
}

static int ids_same(const struct ids *a, const struct ids *b) {
  size_t same = 0;
  for (size_t i = 0; i < a->count; i++)
    for (size_t j = 0; j < b->count; j++)
      same += strcmp(a->items[i], b->items[j]) == 0;
  return a->count == b->count && same == a->count;
}

static void ids_read(struct ids *ids, const char *text) {
  ids->count = 0;
  while (*(text += strspn(text, " \n"))) {
    size_t size = strcspn(text, " \n");
    ids_add(ids, text, size);
    text += size;
  }
}

static void ids_find(struct ids *ids, const struct page *page,
                     const struct copse_selector *selector) {
  struct copse_query *query;
  struct copse_handle found;
  struct copse_bytes id;
  int result;
  ids->count = 0;
  CHECK_OK(copse_query_begin(page->view, page->document, &page->root, selector, &query));
  while ((result = copse_query_next(query, &found)) == 0)
    if (copse_attribute_get(page->view, page->document, &found, "id", &id) == 0)
      ids_add(ids, id.data, id.size);
  CHECK_EQ(result, COPSE_NONE);
  copse_query_end(query);
}

/* --- cases ----------------------------------------------------------------------------- */

static int case_holds(const struct selector_case *c) {
  static struct ids expected, found;
  struct copse_html_options options = {.encoding = "utf-8"};
  struct copse_selector *selector;
  int result = copse_selector_compile(c->selector, SIZE_MAX, &selector);
  if (strncmp(c->expected, "!error", 6) == 0 || result) {
    if (result == 0)
      copse_selector_free(selector);
    return result == COPSE_E_SELECTOR && strncmp(c->expected, "!error", 6) == 0;
  }
  size_t size = strlen(c->html);
  struct page page = page_parse(c->html, size, size + 1, &options);
  ids_read(&expected, c->expected);
  ids_find(&found, &page, selector);
  page_end(&page);
  copse_selector_free(selector);
  return ids_same(&expected, &found);
}

static int is_contradicting(const struct selector_case *c) {
  for (size_t i = 0; i < sizeof contradicting / sizeof contradicting[0]; i++)
    if (strcmp(c->selector, contradicting[i]) == 0)
      return 1;
  return 0;
}

TEST(every_case_of_the_web_platform_tests_holds) {
  struct suite suite = suite_read("wpt-selectors.sel", "wpt-content.html");
  for (size_t i = 0; i < suite.count; i++)
    CHECK_MSG(case_holds(&suite.cases[i]), "%s: %s", suite.cases[i].name, suite.cases[i].selector);
  printf("     %zu cases hold\n", suite.count);
  suite_end(&suite);
}

TEST(the_cases_of_soupsieve_hold_that_do_not_contradict_the_standard) {
  struct suite suite = suite_read("soupsieve.sel", NULL);
  size_t held = 0;
  for (size_t i = 0; i < suite.count; i++) {
    const struct selector_case *c = &suite.cases[i];
    int holds = case_holds(c);
    CHECK_MSG(holds != is_contradicting(c), "%s: %s", c->name, c->selector);
    held += (size_t)holds;
  }
  printf("     %zu of %zu cases hold\n", held, suite.count);
  CHECK_GE(held * 280, suite.count * 270);
  suite_end(&suite);
}
