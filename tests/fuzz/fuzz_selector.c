/* fuzz_selector.c - hostile selectors: they compile or are refused with a position within the text; what compiles
 * matches the same elements by scanning as one by one. */
#include <stdlib.h>
#include <strings.h>

#include "copse/copse.h"
#include "fuzz.h"
#include "page.h"

static const char html[] =
    "<!DOCTYPE html><html lang=en><body class='a b'><div id=x><p class=a>t<i></i></p><p>u</p>"
    "<svg viewBox=1><a xlink:href=z></a></svg></div><template><p></p></template><form><fieldset "
    "disabled><legend><input type=radio name=n></legend><select><option></option><option selected>"
    "</option></select><input type=date min=2024-01-01 "
    "value=2023-01-01></fieldset><button></button>"
    "<textarea placeholder=p dir=auto>x</textarea></form><x-y data-z=1></x-y></body></html>";

static struct copse_view *view;
static struct copse_document *page;
static struct copse_handle root;

static void page_open(void) {
  struct copse_store *store;
  struct copse_snapshot *snapshot;
  CHECK_OK(copse_store_open(NULL, NULL, &store));
  page = page_new(store, "page", html);
  CHECK_OK(copse_snapshot_open(store, 0, &snapshot));
  view = copse_snapshot_view(snapshot);
  CHECK_OK(copse_document_root(view, page, &root));
}

/* Whether it may speak of :scope, which is another element where it is asked of each by itself. */
static int is_scoped(const uint8_t *data, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (data[i] == '\\' || (size - i >= 5 && strncasecmp((const char *)data + i, "scope", 5) == 0))
      return 1;
  return 0;
}

FUZZ(selector) {
  struct copse_selector *selector;
  struct copse_tree_walk walk;
  struct copse_query *query;
  struct copse_handle found;
  if (!page)
    page_open();
  int result = copse_selector_compile((const char *)data, size, &selector);
  if (result) {
    CHECK_EQ(result, COPSE_E_SELECTOR);
    const char *position = strstr(copse_error_detail(), "at byte ");
    CHECK(position != NULL);
    CHECK_LE(strtoul(position + 8, NULL, 10), size);
    return;
  }
  CHECK_OK(copse_query_begin(view, page, &root, selector, &query));
  CHECK_OK(
      copse_tree_walk_begin(view, copse_document_tree(page), &root, COPSE_TREE_DESCENDANTS, &walk));
  int is_free = is_scoped(data, size);
  while (!is_free && (result = copse_tree_walk_next(&walk, NULL)) == 0) {
    result = copse_selector_matches(view, page, &walk.node, selector);
    CHECK_GE(result, 0);
    if (result == 0) {
      CHECK_OK(copse_query_next(query, &found));
      CHECK_EQ(found.index, walk.node.index);
    }
  }
  while ((result = copse_query_next(query, &found)) == 0)
    CHECK(is_free);
  CHECK_EQ(result, COPSE_NONE);
  copse_query_end(query);
  copse_selector_free(selector);
}
