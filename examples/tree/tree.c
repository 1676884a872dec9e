/* examples/tree/tree.c - a tree in an arena: an outline that is edited while another process reads it. */
#include <copse/copse.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct heading {
  char title[24];
};

static void check(int result, const char *what) {
  if (result == 0)
    return;
  fprintf(stderr, "%s: %s (%s)\n", what, copse_strerror(result), copse_error_detail());
  exit(1);
}

static struct copse_handle add(struct copse_txn *txn, struct copse_tree *tree,
                               const struct copse_handle *parent, const char *title) {
  struct heading heading = {0};
  struct copse_handle node;
  snprintf(heading.title, sizeof heading.title, "%s", title);
  check(copse_tree_new(txn, tree, &heading, &node, NULL), "new");
  if (parent)
    check(copse_tree_append(txn, tree, parent, &node), "append");
  return node;
}

/* What is below a node, a line for each, indented by its depth. */
static void print(struct copse_view *view, struct copse_tree *tree,
                  const struct copse_handle *root) {
  struct copse_tree_walk walk;
  const void *payload;
  int depth = 0;
  check(copse_tree_walk_begin(view, tree, root, COPSE_TREE_TRAVERSE, &walk), "walk");
  while (copse_tree_walk_next(&walk, &payload) == 0)
    if (walk.edge == COPSE_TREE_ENTER)
      printf("%*s%s\n", 2 * depth++, "", ((const struct heading *)payload)->title);
    else
      depth--;
}

/* The other process has the handle of the root as bytes, through the pipe. */
static void other(const char *path, int pipe) {
  struct copse_snapshot *snapshot;
  struct copse_handle root;
  struct copse_store *store;
  struct copse_tree *tree;
  if (read(pipe, &root, sizeof root) != sizeof root)
    exit(1);
  check(copse_store_open(path, NULL, &store), "open");
  check(copse_snapshot_open(store, 0, &snapshot), "snapshot");
  check(copse_tree_open(copse_snapshot_view(snapshot), "outline", NULL, &tree), "tree");
  print(copse_snapshot_view(snapshot), tree, &root);
  copse_snapshot_close(snapshot);
  copse_tree_close(tree);
  check(copse_store_close(store), "close");
  fflush(stdout);
  _exit(0);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "/dev/shm/copse-outline";
  struct copse_store_options options = {.flags = COPSE_CREATE};
  struct copse_tree_options headings = {.payload_size = sizeof(struct heading)};
  struct copse_snapshot *before;
  struct copse_store *store;
  struct copse_tree *tree;
  struct copse_txn *txn;
  const void *payload;
  uint64_t removed;
  int pipes[2];
  if (pipe(pipes) != 0)
    return 1;
  pid_t child = fork();
  if (child == 0)
    other(path, pipes[0]);

  check(copse_store_open(path, &options, &store), "open");
  check(copse_tree_ensure(store, "outline", &headings, -1, &tree), "tree");
  check(copse_txn_begin(store, -1, &txn), "begin");
  struct copse_handle book = add(txn, tree, NULL, "A book");
  struct copse_handle trees = add(txn, tree, &book, "Trees");
  struct copse_handle oaks = add(txn, tree, &trees, "Oaks");
  struct copse_handle woods = add(txn, tree, &book, "Woods");
  add(txn, tree, &woods, "Coppice");
  check(copse_txn_commit(txn, NULL), "commit");
  check(copse_snapshot_open(store, 0, &before), "snapshot");

  check(copse_txn_begin(store, -1, &txn), "begin");
  check(copse_tree_append(txn, tree, &woods, &oaks), "move");
  int result = copse_tree_append(txn, tree, &oaks, &woods);
  printf("woods under oaks: %s\n", copse_strerror(result)); /* CYCLE */
  check(copse_tree_insert_before(txn, tree, &trees, &woods), "order");
  check(copse_tree_remove_subtree(txn, tree, &trees, &removed), "remove");
  result = copse_tree_get(copse_txn_view(txn), tree, &trees, &payload);
  printf("the removed chapter: %s\n", copse_strerror(result)); /* STALE */
  check(copse_txn_commit(txn, NULL), "commit");

  printf("as it was:\n");
  print(copse_snapshot_view(before), tree, &book);
  printf("as another process sees it:\n");
  fflush(stdout);
  if (write(pipes[1], &book, sizeof book) != sizeof book)
    return 1;
  int status;
  waitpid(child, &status, 0);
  copse_snapshot_close(before);
  copse_tree_close(tree);
  check(copse_store_close(store), "close");
  check(copse_store_remove(path), "remove");
  return status != 0;
}
