/* copse/selector.h - CSS selectors: finding elements of a document.
 *
 *   copse_selector_compile("ul.menu > li:not(.off) a[href^=http]", SIZE_MAX, &selector);
 *   copse_selector_first(view, page, &root, selector, &link);         COPSE_NONE: there is none
 *   copse_query_begin(view, page, &root, selector, &query);
 *   while (copse_query_next(query, &link) == 0) ...                   in document order
 *   copse_query_end(query);
 *
 * Selectors Level 4, as far as a document that nobody looks at gives them meaning; :contains("text") is an extension.
 * The list is in docs/SELECTORS.md. A compiled selector belongs to no document or store, does not change, and is
 * used by any number of threads at once. */
#ifndef COPSE_SELECTOR_H
#define COPSE_SELECTOR_H

#include "dom.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_selector;
struct copse_query;

/* Compiles a list of selectors. size: SIZE_MAX for a string that ends with a NUL.
 * Errors: SELECTOR (the detail message names the position and what was expected there), MEMORY. */
COPSE_CHECKED int copse_selector_compile(const char *text, size_t size,
                                         struct copse_selector **selector);
COPSE_API void copse_selector_free(struct copse_selector *selector);

/* The first element below scope (in document order) that the selector matches; :scope is scope. COPSE_NONE: no
 * such element. scope: any node. Errors: those of handles, MEMORY. */
COPSE_CHECKED int copse_selector_first(struct copse_view *view, struct copse_document *document,
                                       const struct copse_handle *scope,
                                       const struct copse_selector *selector,
                                       struct copse_handle *found);
/* Whether it matches an element: 0; COPSE_NONE: no. */
COPSE_CHECKED int copse_selector_matches(struct copse_view *view, struct copse_document *document,
                                         const struct copse_handle *element,
                                         const struct copse_selector *selector);
/* The element itself or the nearest of its ancestors that the selector matches. COPSE_NONE: none. */
COPSE_CHECKED int copse_selector_closest(struct copse_view *view, struct copse_document *document,
                                         const struct copse_handle *element,
                                         const struct copse_selector *selector,
                                         struct copse_handle *found);

/* All elements below scope that the selector matches. In a transaction the document is not to be changed between
 * the beginning and the end (STATE). Errors: as copse_selector_first(). */
COPSE_CHECKED int copse_query_begin(struct copse_view *view, struct copse_document *document,
                                    const struct copse_handle *scope,
                                    const struct copse_selector *selector,
                                    struct copse_query **query);
COPSE_CHECKED int copse_query_next(struct copse_query *query, struct copse_handle *found);
/* NULL is allowed. */
COPSE_API void copse_query_end(struct copse_query *query);

#ifdef __cplusplus
}
#endif
#endif
