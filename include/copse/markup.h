/* copse/markup.h - documents written out: HTML, text, trees for tests.
 *
 *   copse_markup_write(view, page, &root, COPSE_MARKUP_OUTER, to_file, file);
 *
 * Nothing here needs a parser; html.h has the way in. */
#ifndef COPSE_MARKUP_H
#define COPSE_MARKUP_H

#include "dom.h"

#ifdef __cplusplus
extern "C" {
#endif

enum copse_markup_form {
  COPSE_MARKUP_OUTER = 1,  /* the node and all below it, by the HTML standard's fragment serialisation */
  COPSE_MARKUP_INNER = 2,  /* what is below it; of a template element: its contents */
  COPSE_MARKUP_PRETTY = 3, /* OUTER with line ends and indentation where they do not change what is shown */
  COPSE_MARKUP_TEXT = 4,   /* the text alone, as copse_node_text() */
  COPSE_MARKUP_TREE = 5,   /* the format of the html5lib tests: lines that begin with "| " */
};
/* May be or-ed to a form: noscript is written as if scripts were run (its text is raw). */
#define COPSE_MARKUP_SCRIPTING 256

/* Writes a node through calls of write(), each with some kilobytes; another result than 0 ends it and is handed on.
 * Needs no memory that depends on the document's depth or size. Errors: those of handles, ARGUMENT. */
COPSE_CHECKED int copse_markup_write(struct copse_view *view, struct copse_document *document,
                                     const struct copse_handle *node, uint32_t form,
                                     int (*write)(void *context, const void *bytes, size_t size),
                                     void *context);
/* The same into memory that copse_markup_free() ends; a NUL stands behind the bytes. */
COPSE_CHECKED int copse_markup_string(struct copse_view *view, struct copse_document *document,
                                      const struct copse_handle *node, uint32_t form,
                                      char **string, size_t *size);
COPSE_API void copse_markup_free(char *string);

#ifdef __cplusplus
}
#endif
#endif
