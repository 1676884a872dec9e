/* copse/html.h - HTML in: documents made from bytes, by html5ever.
 *
 * Part of libcopse-html, a library of its own: pkg-config copse-html, and -lcopse-html.
 *
 *   copse_html_parse(bytes, size, NULL, &sink);              no transaction needed
 *   copse_sink_put(txn, page, sink);
 *
 * or, in pieces as they come:
 *
 *   copse_html_begin(NULL, &parser);
 *   copse_html_feed(parser, bytes, size); ...
 *   copse_html_end(parser, &sink);
 *
 * Any bytes are HTML: parsing fails for want of memory only, and for more than 4 GiB as UTF-8 (VALUE_SIZE). */
#ifndef COPSE_HTML_H
#define COPSE_HTML_H

#include "sink.h"

#ifdef __cplusplus
extern "C" {
#endif

struct copse_html_error {
  uint64_t line;       /* counted from 1 */
  uint64_t offset;     /* in the input as UTF-8; UINT64_MAX: not known */
  const char *message; /* valid during the call */
};

/* Zero values are the usual ones. */
struct copse_html_options {
  int scripting;           /* noscript is parsed as by a browser that runs scripts */
  const char *encoding;    /* label that came with the bytes (HTTP); NULL: find out as the standard says
                              (byte order mark, then meta in the first 1,024 bytes, then windows-1252) */
  const char *context;     /* parse a fragment as the inner HTML of an element of this name; "svg path" and
                              "math mi" name others than HTML's. NULL: a whole document */
  int offsets;             /* keep where in the source each element lies (copse_element_source()): in bytes
                              of the input as UTF-8; takes longer */
  /* Receives parse errors; may be NULL, for finding out where they are takes many times as long. */
  void (*error)(void *error_context, const struct copse_html_error *error);
  void *error_context;
};

struct copse_html_parser;

/* options may be NULL. Errors: ARGUMENT (an encoding or context that is not known), MEMORY. The strings in options
 * are used during the call only; a parser is used by one thread at a time. */
COPSE_CHECKED int copse_html_parse(const void *bytes, size_t size,
                                   const struct copse_html_options *options,
                                   struct copse_sink **sink);
COPSE_CHECKED int copse_html_begin(const struct copse_html_options *options,
                                   struct copse_html_parser **parser);
COPSE_CHECKED int copse_html_feed(struct copse_html_parser *parser, const void *bytes, size_t size);
/* Ends the parser, also when it fails. sink: NULL to throw the result away. */
COPSE_CHECKED int copse_html_end(struct copse_html_parser *parser, struct copse_sink **sink);

/* The encoding that a document in bytes has, as the standard finds it out: its name, lower case, not to be freed.
 * label as above. NULL: the label is not known. */
COPSE_API const char *copse_html_sniff(const void *bytes, size_t size, const char *label);

/* Parses UTF-8 into the place of an element's children (a template's: of its contents); of the element itself, which
 * ends. It is parsed as what stands in that element, or its parent. A fragment may stand for an element.
 * Errors: ARGUMENT (no element), ROOT (outer: it has no parent), HIERARCHY (outer: its parent is the document),
 * those of handles, and as copse_sink_put(). */
COPSE_CHECKED int copse_html_set_inner(struct copse_txn *txn, struct copse_document *document,
                                       const struct copse_handle *element, const void *bytes,
                                       size_t size);
COPSE_CHECKED int copse_html_set_outer(struct copse_txn *txn, struct copse_document *document,
                                       const struct copse_handle *element, const void *bytes,
                                       size_t size);

#ifdef __cplusplus
}
#endif
#endif
