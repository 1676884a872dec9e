/* examples/dom/dom.c - a document in a store: made by one process, changed by another, read by both. */
#include <copse/copse.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int result, const char *what) {
  if (result == 0)
    return;
  fprintf(stderr, "%s: %s (%s)\n", what, copse_strerror(result), copse_error_detail());
  exit(1);
}

/* An element with text, put behind the other children. */
static struct copse_handle add(struct copse_txn *txn, struct copse_document *page,
                               const struct copse_handle *parent, const char *name,
                               const char *text) {
  struct copse_handle element;
  check(copse_element_new(txn, page, COPSE_NS_HTML, name, &element), "element");
  check(copse_text_append(txn, page, &element, text, strlen(text)), "text");
  check(copse_node_append(txn, page, parent, &element), "append");
  return element;
}

/* Elements with their classes and text, a line for each, indented by their depth. */
static void print(struct copse_view *view, struct copse_document *page) {
  struct copse_tree_walk walk;
  struct copse_handle root;
  struct copse_node node;
  struct copse_bytes class;
  int depth = 0;
  check(copse_document_element(view, page, &root), "element");
  check(copse_tree_walk_begin(view, copse_document_tree(page), &root, COPSE_TREE_TRAVERSE, &walk),
        "walk");
  while (copse_tree_walk_next(&walk, NULL) == 0) {
    depth -= walk.edge == COPSE_TREE_LEAVE;
    if (walk.edge == COPSE_TREE_LEAVE)
      continue;
    check(copse_node_get(view, page, &walk.node, &node), "node");
    const struct copse_bytes *shown = node.kind == COPSE_NODE_TEXT ? &node.text : &node.name;
    printf("%*s%.*s", 2 * depth++, "", (int)shown->size, (const char *)shown->data);
    if (node.kind == COPSE_NODE_ELEMENT &&
        copse_attribute_get(view, page, &walk.node, "class", &class) == 0)
      printf(" (%.*s)", (int)class.size, (const char *)class.data);
    printf("\n");
  }
}

/* The other process: it gets the handles of two list items as bytes, through the pipe. */
static void other(const char *path, int pipe) {
  struct copse_handle items[2], list;
  struct copse_document *page;
  struct copse_store *store;
  struct copse_txn *txn;
  if (read(pipe, items, sizeof items) != sizeof items)
    exit(1);
  check(copse_store_open(path, NULL, &store), "open");
  check(copse_document_ensure(store, "list", -1, &page), "document");
  check(copse_txn_begin(store, -1, &txn), "begin");
  check(copse_tree_step(copse_txn_view(txn), copse_document_tree(page), &items[0],
                        COPSE_TREE_PARENT, &list, NULL),
        "step");
  check(copse_node_remove(txn, page, &items[0]), "remove");
  check(copse_class_add(txn, page, &items[1], "done"), "class");
  add(txn, page, &list, "li", "salt");
  check(copse_txn_commit(txn, NULL), "commit");
  copse_document_close(page);
  check(copse_store_close(store), "close");
  exit(0);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "/dev/shm/copse-list";
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_handle root, html, list, items[2];
  struct copse_snapshot *before, *after;
  struct copse_document *page;
  struct copse_store *store;
  struct copse_txn *txn;
  struct copse_node node;
  int pipes[2];
  if (pipe(pipes) != 0)
    return 1;
  pid_t child = fork();
  if (child == 0)
    other(path, pipes[0]);

  check(copse_store_open(path, &options, &store), "open");
  check(copse_document_ensure(store, "list", -1, &page), "document");
  check(copse_txn_begin(store, -1, &txn), "begin");
  check(copse_document_root(copse_txn_view(txn), page, &root), "root");
  check(copse_element_new(txn, page, COPSE_NS_HTML, "html", &html), "html");
  check(copse_node_append(txn, page, &root, &html), "append");
  add(txn, page, &html, "h1", "To buy");
  list = add(txn, page, &html, "ul", "");
  items[0] = add(txn, page, &list, "li", "bread");
  items[1] = add(txn, page, &list, "li", "butter");
  int result = copse_node_append(txn, page, &items[0], &list);
  printf("the list into its item: %s\n", copse_strerror(result)); /* CYCLE */
  check(copse_txn_commit(txn, NULL), "commit");
  check(copse_snapshot_open(store, 0, &before), "snapshot");

  if (write(pipes[1], items, sizeof items) != sizeof items)
    return 1;
  int status;
  waitpid(child, &status, 0);
  check(copse_snapshot_open(store, 0, &after), "snapshot");
  result = copse_node_get(copse_snapshot_view(after), page, &items[0], &node);
  printf("the removed item: %s\n", copse_strerror(result)); /* STALE */
  printf("as it was:\n");
  print(copse_snapshot_view(before), page);
  printf("as it is:\n");
  print(copse_snapshot_view(after), page);
  copse_snapshot_close(before);
  copse_snapshot_close(after);
  copse_document_close(page);
  check(copse_store_close(store), "close");
  check(copse_store_remove(path), "remove");
  return status != 0;
}
