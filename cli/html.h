/* cli/html.h - parsing for 'copse html'; a build without libcopse-html says what is missing. */
#ifndef CLI_HTML_H
#define CLI_HTML_H

#include "session.h"

struct html_options {
  const char *fragment, *encoding;
  bool scripting;
};
extern struct html_options html_given;

/* Parses a file (NULL or "-": standard input) into a document. */
int html_parse(struct copse_txn *txn, struct copse_document *document, const char *file);
/* The same in a transaction of its own, which is not open while the file is read. */
int html_store(struct session *s, struct copse_document *document, const char *file);

#endif
