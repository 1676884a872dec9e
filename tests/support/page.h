/* support/page.h - documents for tests, from a small and strict kind of HTML, without a parser of HTML.
 *
 *   page = page_new(store, "page", "<!DOCTYPE html><html><p id=a class='b c'>text<br></p></html>");
 *
 * Every element but the void ones has an end tag; nothing is implied, and there are no character references. Below
 * svg and math elements are of those namespaces; attributes may be written with xlink:, xml: and xmlns:. A
 * template has contents. Nodes are numbered in document order, contents behind their template. */
#ifndef SUPPORT_PAGE_H
#define SUPPORT_PAGE_H

#include "copse/dom.h"
#include "copse/store.h"

struct copse_document *page_new(struct copse_store *store, const char *name, const char *html);

#endif
