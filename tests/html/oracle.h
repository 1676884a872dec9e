/* oracle.h - html5ever into its own tree, rcdom: the second oracle. The functions are those of html/oracle. */
#ifndef HTML_ORACLE_H
#define HTML_ORACLE_H

#include <stddef.h>

void *oracle_parse(const char *bytes, size_t size, const char *context, size_t context_size,
                   int space, int scripting);
void oracle_free(void *dom);
char *oracle_tree(void *dom, int is_fragment, size_t *size);
void oracle_tree_free(char *tree, size_t size);

#endif
