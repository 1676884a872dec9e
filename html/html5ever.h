/* html5ever.h - what the crate in html5ever/ shows to C: the same as its src/abi.rs. */
#ifndef HTML_HTML5EVER_H
#define HTML_HTML5EVER_H

#include <stdbool.h>

#include <copse/sink.h>

struct html5ever_options {
  const char *label; /* NULL: none */
  size_t label_size;
  const char *context; /* NULL: a document */
  size_t context_size;
  int context_space; /* enum copse_namespace */
  bool scripting;
  bool positions;
  bool form;   /* the context is in a form */
  bool quirks; /* and its document in quirks mode */
  bool point;  /* it is a MathML annotation-xml that holds HTML */
  void (*error)(void *context, uint64_t line, uint64_t offset, const char *message, size_t size);
  void *error_context;
};

struct html5ever;

/* NULL: the label is not known. The sink stays the caller's. */
struct html5ever *html5ever_begin(struct copse_sink *sink, const struct html5ever_options *options);
/* Not 0: that is more than it can take. */
int html5ever_feed(struct html5ever *parser, const char *bytes, size_t size);
int html5ever_end(struct html5ever *parser);
void html5ever_drop(struct html5ever *parser);
/* NULL: the label is not known. */
const char *html5ever_sniff(const char *bytes, size_t size, const char *label, size_t label_size);

#endif
