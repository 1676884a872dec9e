/* suite.h - the html5lib tests for tree construction: files of cases, and where they lie. */
#ifndef HTML_SUITE_H
#define HTML_SUITE_H

#include <stddef.h>

struct suite_case {
  const char *data; /* HTML, as UTF-8 */
  size_t size;
  const char *context; /* of a fragment, as copse_html_options has it; NULL: a document */
  const char *tree;    /* what is expected: lines that begin with "| " */
  size_t tree_size;
  int scripts; /* 1: to be run with scripting on; 2: off; 3: both */
};

struct suite_file {
  const char *name;
  char *text; /* what the cases lie in */
  struct suite_case *cases;
  size_t count;
};

/* The .dat files in a folder of the test data, in the order of their names. *count 0: it is not there. */
struct suite_file *suite_files(const char *folder, size_t *count);
/* Reads one, as it is; gives its size. */
size_t suite_text(struct suite_file *file);
/* Reads its cases. */
void suite_read(struct suite_file *file);
void suite_free(struct suite_file *files, size_t count);

#endif
