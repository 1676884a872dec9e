/* test_selector.c - selectors: where their syntax is wrong, what they match in documents made by hand: scanned, walked,
 * and in a view that copies its pages. Other people's suites are in tests/conformance, random ones in tests/model. */
#include <stdlib.h>

#include "copse/selector.h"
#include "dom/document.h"
#include "page.h"
#include "test_store_fixture.h"

/* --- syntax ---------------------------------------------------------------------------- */

static void wrong(const char *text, const char *position, const char *expected) {
  struct copse_selector *selector;
  CHECK_MSG(copse_selector_compile(text, SIZE_MAX, &selector) == COPSE_E_SELECTOR, "%s", text);
  CHECK_MSG(strstr(copse_error_detail(), position) && strstr(copse_error_detail(), expected),
            "'%s' gives \"%s\"", text, copse_error_detail());
}

TEST(errors_name_the_position) {
  wrong("", "ends at byte 0", "a selector");
  wrong("a,", "ends at byte 2", "a selector");
  wrong("a,,b", "byte 2 of the selector, at ',b'", "a selector");
  wrong("div > ", "ends at byte 6", "a selector");
  wrong("> p", "byte 0 ", "a selector");
  wrong("a >> b", "byte 3 ", "a selector");
  wrong("div?", "byte 3 of the selector, at '?'", "a combinator");
  wrong("a || b", "byte 3 ", "an element's name");
  wrong("[href]p", "byte 6 ", "first place");
  wrong("..a", "byte 1 ", "a class");
  wrong("#1", "byte 1 ", "an id");
  wrong("a)", "byte 1 ", "')' that was not opened");
  wrong("[*=x]", "byte 1 ", "an attribute's name");
  wrong("[x=1]", "byte 3 ", "a value");
  wrong("[x=a b]", "byte 5 ", "']', i or s");
  wrong("[x y]", "byte 3 ", "']' or a comparison");
  wrong("[x='a\nb']", "byte 3 ", "a string that ends");
  wrong("ns|a", "byte 0 ", "prefix");
  wrong("a:example", "byte 2 ", "a pseudo-class that is known");
  wrong("a::example", "byte 2 ", "a pseudo-element that is known");
  wrong("a::before.b", "byte 9 ", "behind a pseudo-element");
  wrong(":not(::before)", "byte 6 ", "no pseudo-element");
  wrong(":is", "byte 1 ", "with its argument");
  wrong(":empty()", "byte 1 ", "without an argument");
  wrong(":not()", "byte 5 ", "a selector");
  wrong(":has()", "byte 5 ", "a selector");
  wrong(":has(a:has(b))", "byte 11 ", "no :has()");
  wrong(":nth-child(a)", "byte 11 ", "formula");
  wrong(":nth-child(2n+)", "byte 14 ", "a number");
  wrong(":nth-child(2 of)", "byte 15 ", "a selector");
  wrong(":nth-of-type(2 of a)", "byte 15 ", "')'");
  wrong(":nth-child(3nx)", "byte 13 ", "')' or of");
  wrong(":lang()", "byte 6 ", "a language");
  wrong(":is([)", "byte 5 ", "bracket");
  struct copse_selector *selector;
  FAILS(copse_selector_compile("a&b", 3, &selector), COPSE_E_SELECTOR, "'&b'");
  CHECK_OK(copse_selector_compile("a&b", 1, &selector)); /* sizes count */
  copse_selector_free(selector);
  copse_selector_free(NULL);
}

TEST(parentheses_have_a_limit) {
  char text[40 * 4 + 40];
  for (int depth = 32; depth <= 33; depth++) {
    char *at = text;
    for (int i = 0; i < depth; i++)
      at = stpcpy(at, ":is(");
    strcpy(at, "a");
    struct copse_selector *selector = NULL;
    CHECK_RESULT(copse_selector_compile(text, SIZE_MAX, &selector),
                 depth == 32 ? 0 : COPSE_E_SELECTOR);
    copse_selector_free(selector);
  }
}

/* --- matching -------------------------------------------------------------------------- */

static struct copse_store *store;
static struct copse_document *page;

/* Makes queries walk: as if a node had been moved. */
static void disorder(void) {
  struct copse_txn *txn = begin(store);
  struct copse_handle root;
  struct dom_item item;
  CHECK_OK(copse_document_root(copse_txn_view(txn), page, &root));
  CHECK_OK(dom_item_get(copse_txn_view(txn), page, &root, &item));
  item.data.flags &= (uint8_t)~DOM_ORDERED;
  CHECK_OK(copse_tree_update(txn, page->tree, &root, &item.data, NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
}

static void page_open(const char *html) {
  store = store_new(NULL, 0);
  page = page_new(store, "page", html);
}

static void page_close(void) {
  copse_document_close(page);
  copse_store_close(store);
}

/* The id, or else the name, of an element. */
static void label_add(struct copse_view *view, const struct copse_handle *element, char *out) {
  struct dom_item item;
  struct dom_attribute attribute;
  struct dom_name name;
  if (*out)
    strcat(out, " ");
  CHECK_OK(dom_item_get(view, page, element, &item));
  int result = dom_attribute_find(view, page, &item.data, DOM_NONE_ID, &attribute);
  if (result == 0) {
    strncat(out, (const char *)attribute.value, attribute.size);
    return;
  }
  CHECK_EQ(result, COPSE_NONE);
  CHECK_OK(dom_name_get(view, page, item.data.name, &name));
  strncat(out, name.local.data, name.local.size);
}

static void found_are(struct copse_view *view, const struct copse_handle *scope, const char *text,
                      const char *expected) {
  struct copse_selector *selector;
  struct copse_query *query;
  struct copse_handle found;
  char labels[2048] = "";
  int result;
  CHECK_OK(copse_selector_compile(text, SIZE_MAX, &selector));
  CHECK_OK(copse_query_begin(view, page, scope, selector, &query));
  while ((result = copse_query_next(query, &found)) == 0) {
    CHECK_LT(strlen(labels), sizeof labels - 64);
    label_add(view, &found, labels);
    if (!strstr(text, ":scope"))
      CHECK_OK(copse_selector_matches(view, page, &found, selector));
  }
  CHECK_EQ(result, COPSE_NONE);
  CHECK_EQ(copse_query_next(query, &found), COPSE_NONE);
  copse_query_end(query);
  CHECK_MSG(strcmp(labels, expected) == 0, "%s: '%s' instead of '%s'", text, labels, expected);
  result = copse_selector_first(view, page, scope, selector, &found);
  CHECK_EQ(result, *expected ? 0 : COPSE_NONE);
  copse_selector_free(selector);
}

static void select_is(const char *text, const char *expected) {
  for (uint32_t flags = 0; flags <= COPSE_SNAPSHOT_OUSTABLE; flags += COPSE_SNAPSHOT_OUSTABLE) {
    struct copse_snapshot *snapshot;
    struct copse_handle root;
    CHECK_OK(copse_snapshot_open(store, flags, &snapshot));
    CHECK_OK(copse_document_root(copse_snapshot_view(snapshot), page, &root));
    found_are(copse_snapshot_view(snapshot), &root, text, expected);
    copse_snapshot_close(snapshot);
  }
}

static void cases_are(const char *html, const char *const *cases) {
  page_open(html);
  for (int is_walked = 0; is_walked < 2; is_walked++) {
    for (size_t i = 0; cases[i]; i += 2)
      select_is(cases[i], cases[i + 1]);
    disorder();
  }
  page_close();
}

#define CASES(html, ...) cases_are(html, (const char *const[]){__VA_ARGS__, NULL})

#define STRICT "<!DOCTYPE html>"

TEST(names_and_attributes) {
  CASES(STRICT
        "<html><body><p id=a class='x Y'></p><P2 id=b></P2><my-tag id=c data-x=Q></my-tag>"
        "<svg id=s viewBox='0'><linearGradient id=g></linearGradient><a id=h xlink:href=z></a>"
        "</svg><a id=i href=Z TYPE=Q></a><input id=j type=TEXT></body></html>",
        "p", "a", "P", "a", "my-tag", "c", "MY-TAG", "c", "lineargradient", "", "linearGradient",
        "g", "a", "h i", "*|a", "h i", "|a", "", "|*", "", "svg *", "g h", ".x.Y", "a", ".y", "",
        "#A", "", "[data-x]", "c", "[DATA-X=Q]", "c", "[data-x=q]", "", "[data-x=q i]", "c",
        "[data-y]", "", "[viewBox]", "s", "[viewbox]", "", "[href]", "i", "[*|href]", "h i",
        "[*|href=z]", "h", "[|href]", "i", "[type=text]", "j", "[type=text s]", "", "[class~=Y]",
        "a", "[class^='x Y']", "a", "[class$=' Y']", "a", "[class*=' ']", "a", "[class*=z]", "",
        "[class|=x]", "", ":link", "h i", ":any-link:not(svg *)", "i");
}

TEST(quirks_fold_ids_and_classes) {
  page_open("<p id=Aa class=Bb></p><p id=aa></p>");
  struct copse_txn *txn = begin(store);
  struct copse_handle root;
  struct dom_item item;
  select_is("#aa", "aa");
  select_is(".bb", "");
  CHECK_OK(copse_document_root(copse_txn_view(txn), page, &root));
  CHECK_OK(dom_item_get(copse_txn_view(txn), page, &root, &item));
  item.data.name = COPSE_QUIRKS;
  CHECK_OK(copse_tree_update(txn, page->tree, &root, &item.data, NULL));
  CHECK_OK(copse_txn_commit(txn, NULL));
  select_is("#aa", "Aa aa");
  select_is(".bb", "Aa");
  select_is("[id=aa]", "aa");
  page_close();
}

TEST(combinators) {
  CASES("<html><body><div id=a><p id=b></p>t<p id=c><b id=d></b></p><!--x--><i id=e></i></div>"
        "<section id=f><div id=g><p id=h></p></div></section></body></html>",
        "div p", "b c h", "div > p", "b c h", "body > p", "", "p + p", "c", "p ~ *", "c e", "p + i",
        "e", "b + i", "", "section div > p", "h", "body > div b", "d", "body > section > div > p",
        "h", "div div", "", "html body div p b", "d", "div>p>b", "d", "p ~ p > b", "d",
        "b, i, section", "d e f", "div p, p", "b c h", ":is(div, section) > p", "b c h",
        "section :is(div > p)", "h", "section > p", "", "body *:not(p):not(div)", "d e f");
}

TEST(an_ancestor_further_up_serves_as_well) {
  CASES("<a id=1><b id=2><x><b id=3><c id=4></c></b></x></b></a>", "a > b c", "4", "a > b > c", "",
        "a > b b c", "4", "x > b > c", "4", "a b x b c", "4", "a a c", "");
  CASES("<a id=1></a><b id=2></b><b id=3></b><c id=4></c>", "a + b ~ c", "4", "a ~ b + c", "4",
        "b + b + c", "4", "a + c", "", "a + b + c", "");
}

TEST(positions) {
  CASES("<ul><li id=1></li> <li id=2 class=x></li><b id=3></b><li id=4 class=x></li>"
        "<li id=5 class=x></li></ul><p id=6>t</p><p id=7> </p><p id=8><!--c--></p>",
        "li:first-child", "1", "li:last-child", "5", ":nth-child(2)", "2 6", "li:nth-child(odd)",
        "1 5", "li:nth-child(even)", "2 4", "li:nth-child(-n+2)", "1 2", "li:nth-child(n+4)", "4 5",
        "li:nth-child(2n of .x)", "4", ":nth-last-child(1 of .x)", "5", "li:nth-last-child(2n+1)",
        "1 5", "li:nth-of-type(3)", "4", ":nth-last-of-type(2):not(ul)", "4 7", "b:only-of-type",
        "3", "ul:only-of-type", "ul", ":only-child", "", "p:empty", "8", "li:first-of-type", "1",
        "p:last-of-type", "8", "ul > :nth-child(100)", "", ":nth-child(0)", "",
        "li:nth-child(3n-1)", "2 5", "li:nth-last-child(-n+2)", "4 5");
}

TEST(relatives_below_and_beside) {
  CASES("<div id=a><p id=b><i id=c></i></p></div><div id=d><i id=e></i></div><div id=f></div>"
        "<p id=g></p>",
        "div:has(i)", "a d", "div:has(> i)", "d", "div:has(p i)", "a", "div:has(> p > i)", "a",
        ":has(+ p)", "f", "div:has(~ p)", "a d f", "div:has(+ div i)", "a", "div:has(+ div + p)",
        "d", "div:not(:has(*))", "f", "p:has(i), p:has(b)", "b", "div:has(p, i)", "a d",
        "div:has(~ div > i)", "a");
}

TEST(scopes) {
  struct copse_handle root, a, b;
  page_open("<div id=a><p id=b></p><div id=c><p id=d></p></div></div><p id=e></p>");
  for (int is_walked = 0; is_walked < 2; is_walked++) {
    struct copse_snapshot *snapshot = snapshot_new(store);
    struct copse_view *view = copse_snapshot_view(snapshot);
    CHECK_OK(copse_document_root(view, page, &root));
    CHECK_OK(copse_tree_step(view, page->tree, &root, COPSE_TREE_FIRST, &a, NULL));
    CHECK_OK(copse_tree_step(view, page->tree, &a, COPSE_TREE_FIRST, &b, NULL));
    found_are(view, &a, "p", "b d");
    found_are(view, &a, ":scope > p", "b");
    found_are(view, &a, "#a p", "b d");
    found_are(view, &a, ":root p", "b d");
    found_are(view, &root, ":scope", "a e");
    found_are(view, &b, "*", "");
    struct copse_selector *selector;
    struct copse_handle found;
    CHECK_OK(copse_selector_compile("div", SIZE_MAX, &selector));
    CHECK_EQ(copse_selector_matches(view, page, &b, selector), COPSE_NONE);
    CHECK_OK(copse_selector_closest(view, page, &b, selector, &found));
    CHECK_EQ(found.index, a.index);
    CHECK_EQ(found.generation, a.generation);
    CHECK_EQ(copse_selector_closest(view, page, &root, selector, &found), COPSE_NONE);
    CHECK_EQ(copse_selector_matches(view, page, &root, selector), COPSE_NONE);
    copse_selector_free(selector);
    copse_snapshot_close(snapshot);
    disorder();
  }
  page_close();
}

TEST(contents_of_templates_are_not_below_them) {
  CASES("<div id=a><template id=t><p id=b></p><template id=u><p id=v></p></template></template>"
        "<p id=c></p></div><template id=w><p id=x></p></template>",
        "p", "c", "*", "a t c w", "template", "t w", ":has(p)", "a");
}

TEST(states_of_controls) {
  CASES("<form id=f><fieldset id=a disabled><legend id=l><input id=b></legend><input id=c required>"
        "</fieldset><select id=s><option id=o1></option><option id=o2 selected></option></select>"
        "<select id=m multiple><option id=o3></option></select><select id=n><option id=o4></option>"
        "</select><button id=g></button><input id=h type=checkbox checked>"
        "<input id=i type=radio name=r><input id=j type=radio name=r checked>"
        "<input id=k type=radio name=q><textarea id=t placeholder=p></textarea></form>",
        ":disabled", "a c", ":enabled", "b s o1 o2 m o3 n o4 g h i j k t", ":checked", "o2 o4 h j",
        ":required", "c", "select:optional", "s m n", ":default", "o2 g h j", ":indeterminate", "k",
        ":placeholder-shown", "t", ":read-write", "b t", "fieldset:read-only", "a");
  CASES("<input id=1 type=number min=1 max=9 value=5><input id=2 type=number min=1 value=0.5e0>"
        "<input id=3 type=date min=2024-02-29 value=2024-02-30><input id=4 type=number value=1>"
        "<input id=5 type=time min=22:00 max=06:00 value=23:00>"
        "<input id=6 type=time min=22:00 max=06:00 value=12:00:30.5>",
        ":in-range", "1 3 5", ":out-of-range", "2 6");
}

TEST(languages_directions_texts) {
  CASES("<html><head><meta http-equiv=Content-Language content=fr></head><body><p id=a lang=en-GB>"
        "<b id=b dir=rtl></b></p><p id=c lang=''></p><p id=d>Hello <i id=e>wor</i>ld</p>"
        "<details id=g open></details><x-y id=h></x-y></body></html>",
        "p:lang(en)", "a", ":lang(en)", "a b", "p:lang('*-GB')", "a", "p:lang(fr)", "d",
        "p:lang('')", "c", ":dir(rtl)", "b", "p:dir(ltr)", "a c d", "p:contains('o world')", "d",
        "i:contains(wor, x)", "e", "p:-soup-contains-own('Hello ')", "d",
        "p:-soup-contains-own(wor)", "", ":open", "g", "body :not(:defined)", "h", ":hover", "",
        "p::before", "", ":is(, p, %)", "a c d");
}

/* Each way to move nodes, in a document that was in order: what is found is in document order as it is then. */
TEST(moved_nodes_are_found_where_they_are) {
  static const char *const expected[] = {"b c a d", "c a b d", "b a c d", "a b d c", "b c d",
                                         "b c d",   "b c d",   "",        "a b c d", "a b c d"};
  for (int way = 0; way < 10; way++) {
    struct copse_handle root, all, node[4], text;
    page_open("<ul><p id=a>t</p><p id=b></p>x<p id=c></p><p id=d></p></ul>");
    struct copse_txn *txn = begin(store);
    struct copse_view *view = copse_txn_view(txn);
    CHECK_OK(copse_document_root(view, page, &root));
    CHECK_OK(copse_tree_step(view, page->tree, &root, COPSE_TREE_FIRST, &all, NULL));
    CHECK_OK(copse_tree_step(view, page->tree, &all, COPSE_TREE_FIRST, &node[0], NULL));
    for (int i = 1; i < 4; i++) {
      CHECK_OK(copse_tree_step(view, page->tree, &node[i - 1], COPSE_TREE_NEXT, &node[i], NULL));
      if (i == 2)
        CHECK_OK(copse_tree_step(view, page->tree, &node[i], COPSE_TREE_NEXT, &node[i], NULL));
    }
    switch (way) {
    case 0: CHECK_OK(copse_node_insert_before(txn, page, &node[3], &node[0])); break;
    case 1: CHECK_OK(copse_node_prepend(txn, page, &all, &node[2])); break;
    case 2: CHECK_OK(copse_node_insert_after(txn, page, &node[1], &node[0])); break;
    case 3: CHECK_OK(copse_node_append(txn, page, &all, &node[2])); break;
    case 4: CHECK_OK(copse_node_detach(txn, page, &node[0])); break;
    case 5: CHECK_OK(copse_node_remove(txn, page, &node[0])); break;
    case 6: CHECK_OK(copse_node_unwrap(txn, page, &node[0])); break;
    case 7: CHECK_OK(copse_node_clear(txn, page, &all)); break;
    case 8:
      CHECK_OK(copse_text_append(txn, page, &node[1], "new", 3));
      CHECK_OK(copse_tree_step(view, page->tree, &node[1], COPSE_TREE_FIRST, &text, NULL));
      break;
    default: CHECK_OK(copse_text_insert_before(txn, page, &node[3], "new", 3));
    }
    struct dom_item item;
    CHECK_OK(dom_item_get(view, page, &root, &item));
    CHECK_EQ(item.data.flags & DOM_ORDERED, 0);
    found_are(view, &all, "p", expected[way]);
    CHECK_OK(copse_txn_commit(txn, NULL));
    page_close();
  }
}

TEST(a_changed_document_ends_a_query) {
  page_open("<p></p><p></p>");
  struct copse_txn *txn = begin(store);
  struct copse_selector *selector;
  struct copse_query *query;
  struct copse_handle root, found;
  CHECK_OK(copse_selector_compile("p", SIZE_MAX, &selector));
  CHECK_OK(copse_document_root(copse_txn_view(txn), page, &root));
  CHECK_OK(copse_query_begin(copse_txn_view(txn), page, &root, selector, &query));
  CHECK_OK(copse_query_next(query, &found));
  CHECK_OK(copse_tree_remove_subtree(txn, page->tree, &found, NULL));
  FAILS(copse_query_next(query, &found), COPSE_E_STATE, "begin another");
  copse_query_end(query);
  CHECK_RESULT(copse_selector_matches(copse_txn_view(txn), page, &found, selector), COPSE_E_STALE);
  copse_selector_free(selector);
  copse_txn_abort(txn);
  page_close();
}
