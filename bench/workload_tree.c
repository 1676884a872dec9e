/* workload_tree.c - tree: a million nodes are made and appended in the order of a document, walked, detached and
 * attached again, ns a node, in one transaction; walked in a snapshot, too; then leaves are moved at random in
 * a second transaction. Copse's nodes are in shared memory. Peer: libxml2's, in memory of their own. */
#include "bench.h"

#include <copse/copse.h>
#include <copse/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef BENCH_LIBXML2
#include <libxml/parser.h>
#include <libxml/tree.h>
#endif

enum { NODES = 1000000, DEPTH = 24 };

static void check(int result, const char *what) {
  if (result != 0)
    die("tree: %s: %s (%s)", what, copse_strerror(result), copse_error_detail());
}

/* The tree that all make: node i is the last child of parent[i] when it is made, parents before their
 * children. A leaf has none at the end. */
struct plan {
  uint32_t *parent;
  uint32_t *leaves;
  uint32_t leaf_count;
  struct {
    uint32_t node, to;
  } * moves;
};

static uint64_t dice(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return *state >> 33;
}

static void plan_make(struct plan *plan) {
  uint32_t open[DEPTH] = {0}, depth = 1;
  uint64_t state = 1;
  *plan = (struct plan){.parent = calloc(NODES, sizeof *plan->parent),
                        .leaves = calloc(NODES, sizeof *plan->leaves),
                        .moves = calloc(NODES, sizeof *plan->moves)};
  uint8_t *inner = calloc(NODES, 1);
  if (!plan->parent || !plan->leaves || !plan->moves || !inner)
    die("tree: no memory");
  for (uint32_t i = 1; i < NODES; i++) {
    plan->parent[i] = open[depth - 1];
    inner[open[depth - 1]] = 1;
    uint64_t roll = dice(&state) % 8;
    if (roll < 3 && depth < DEPTH)
      open[depth++] = i;
    else if (roll == 7)
      depth -= depth > 1 ? (uint32_t)(dice(&state) % depth) : 0;
  }
  for (uint32_t i = 1; i < NODES; i++)
    if (!inner[i])
      plan->leaves[plan->leaf_count++] = i;
  for (uint32_t i = 0; i < NODES;
       i++) { /* leaves move to others than leaves, so that no cycle is made */
    plan->moves[i].node = plan->leaves[dice(&state) % plan->leaf_count];
    do
      plan->moves[i].to = (uint32_t)(dice(&state) % NODES);
    while (!inner[plan->moves[i].to]);
  }
  free(inner);
}

/* What each has measured, ns a node. */
struct figures {
  double append, walk, detach, attach, move;
};

/* Processor time: one thread works, and waits for nobody. */
static uint64_t spent_ns(void) {
  struct timespec spent;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return (uint64_t)spent.tv_sec * 1000000000u + (uint64_t)spent.tv_nsec;
}

static double per_node(uint64_t began) { return (double)(spent_ns() - began) / NODES; }

static void figures_note(struct bench *bench, const char *name, const struct engine *engine,
                         const struct figures *figures) {
  bench_sample(bench, name, engine, "append_ns", 1, figures->append);
  bench_sample(bench, name, engine, "walk_ns", 1, figures->walk);
  bench_sample(bench, name, engine, "detach_ns", 1, figures->detach);
  bench_sample(bench, name, engine, "attach_ns", 1, figures->attach);
  bench_sample(bench, name, engine, "move_ns", 1, figures->move);
}

/* The sum of i x payload over what a walk hands out: the same of all engines. */
struct walked {
  uint64_t nodes, sum;
};
static void walked_note(struct walked *walked, uint64_t payload) {
  walked->sum += ++walked->nodes * payload;
}
static void walked_check(const struct walked *walked, struct walked *expected, const char *engine) {
  if (expected->nodes == 0)
    *expected = *walked;
  if (walked->nodes != NODES - 1 || walked->sum != expected->sum)
    die("tree: %s walked over %llu nodes, or in another order", engine,
        (unsigned long long)walked->nodes);
}

/* --- copse --------------------------------------------------------------------------------- */

static void copse_walk(struct copse_view *view, struct copse_tree *tree,
                       const struct copse_handle *root, struct walked *walked) {
  struct copse_tree_walk walk;
  const void *payload;
  *walked = (struct walked){0};
  check(copse_tree_walk_begin(view, tree, root, COPSE_TREE_DESCENDANTS, &walk), "walk");
  while (copse_tree_walk_next(&walk, &payload) == 0)
    walked_note(walked, *(const uint64_t *)payload);
}

static void copse_nodes(struct copse_txn *txn, struct copse_tree *tree, const struct plan *plan,
                        struct copse_handle *nodes, struct figures *figures) {
  uint64_t began = spent_ns();
  for (uint64_t i = 0; i < NODES; i++) {
    check(copse_tree_new(txn, tree, &i, &nodes[i], NULL), "new");
    if (i)
      check(copse_tree_append(txn, tree, &nodes[plan->parent[i]], &nodes[i]), "append");
  }
  figures->append = per_node(began);
}

static void copse_changes(struct copse_txn *txn, struct copse_tree *tree, const struct plan *plan,
                          const struct copse_handle *nodes, struct figures *figures) {
  uint64_t began = spent_ns();
  for (uint32_t i = 0; i < NODES; i++)
    check(copse_tree_detach(txn, tree, &nodes[i]), "detach");
  figures->detach = per_node(began);
  began = spent_ns();
  for (uint32_t i = 1; i < NODES; i++)
    check(copse_tree_append(txn, tree, &nodes[plan->parent[i]], &nodes[i]), "attach");
  figures->attach = per_node(began);
}

static void copse_moves(struct copse_txn *txn, struct copse_tree *tree, const struct plan *plan,
                        const struct copse_handle *nodes, struct figures *figures) {
  uint64_t began = spent_ns();
  for (uint32_t i = 0; i < NODES; i++)
    check(copse_tree_append(txn, tree, &nodes[plan->moves[i].to], &nodes[plan->moves[i].node]),
          "move");
  figures->move = per_node(began);
}

static struct figures copse_round(struct bench *bench, const char *name,
                                  const struct engine *engine, const struct plan *plan,
                                  struct walked *expected) {
  struct copse_handle *nodes = calloc(NODES, sizeof *nodes);
  struct copse_store_options store_options = {
      .flags = COPSE_CREATE, .max_bytes = UINT64_C(1) << 30, .prefault_bytes = UINT64_C(128) << 20};
  struct copse_tree_options options = {.payload_size = 8};
  struct copse_snapshot *snapshot;
  struct copse_store *store;
  struct copse_tree *tree;
  struct copse_txn *txn;
  struct figures figures;
  struct walked walked;
  char path[256];
  snprintf(path, sizeof path, "%s/tree", bench->directory);
  if (!nodes)
    die("tree: no memory");
  check(copse_store_open(path, &store_options, &store), "open");
  check(copse_tree_ensure(store, "tree", &options, -1, &tree), "tree");
  check(copse_txn_begin(store, -1, &txn), "begin");
  copse_nodes(txn, tree, plan, nodes, &figures);
  uint64_t began = spent_ns();
  copse_walk(copse_txn_view(txn), tree, &nodes[0], &walked);
  double writer_walk = per_node(began);
  walked_check(&walked, expected, "copse");
  copse_changes(txn, tree, plan, nodes, &figures);
  check(copse_txn_commit(txn, NULL), "commit");
  check(copse_snapshot_open(store, 0, &snapshot), "snapshot");
  began = spent_ns();
  copse_walk(copse_snapshot_view(snapshot), tree, &nodes[0], &walked);
  figures.walk = per_node(began);
  walked_check(&walked, expected, "copse");
  copse_snapshot_close(snapshot);
  check(copse_txn_begin(store, -1, &txn), "begin");
  copse_moves(txn, tree, plan, nodes, &figures);
  check(copse_txn_commit(txn, NULL), "commit");
  figures_note(bench, name, engine, &figures);
  bench_sample(bench, name, engine, "writer_walk_ns", 1, writer_walk);
  copse_tree_close(tree);
  check(copse_store_close(store), "close");
  check(copse_store_remove(path), "remove");
  free(nodes);
  return figures;
}

/* --- libxml2 ------------------------------------------------------------------------------- */

#ifdef BENCH_LIBXML2
static const struct engine peer_libxml2 = {.name = "libxml2"};

static void xml_walk(xmlNodePtr root, struct walked *walked) {
  xmlNodePtr node = root;
  *walked = (struct walked){0};
  for (;;) {
    if (node->children) {
      node = node->children;
    } else {
      while (node != root && !node->next)
        node = node->parent;
      if (node == root)
        return;
      node = node->next;
    }
    walked_note(walked, (uint64_t)(uintptr_t)node->_private);
  }
}

static struct figures xml_round(struct bench *bench, const char *name, const struct plan *plan,
                                struct walked *expected) {
  xmlNodePtr *nodes = calloc(NODES, sizeof(xmlNodePtr));
  xmlDocPtr document = xmlNewDoc((const xmlChar *)"1.0");
  struct figures figures;
  struct walked walked;
  if (!nodes || !document)
    die("tree: no memory");
  document->dict = xmlDictCreate(); /* so that names are not copied */
  xmlChar *label = (xmlChar *)(uintptr_t)xmlDictLookup(document->dict, (const xmlChar *)"node", -1);
  uint64_t began = spent_ns();
  for (uint64_t i = 0; i < NODES; i++) {
    nodes[i] = xmlNewDocNodeEatName(document, NULL, label, NULL);
    nodes[i]->_private = (void *)(uintptr_t)i;
    if (i)
      xmlAddChild(nodes[plan->parent[i]], nodes[i]);
  }
  figures.append = per_node(began);
  began = spent_ns();
  xml_walk(nodes[0], &walked);
  figures.walk = per_node(began);
  walked_check(&walked, expected, "libxml2");
  began = spent_ns();
  for (uint32_t i = 0; i < NODES; i++)
    xmlUnlinkNode(nodes[i]);
  figures.detach = per_node(began);
  began = spent_ns();
  for (uint32_t i = 1; i < NODES; i++)
    xmlAddChild(nodes[plan->parent[i]], nodes[i]);
  figures.attach = per_node(began);
  xml_walk(nodes[0], &walked);
  walked_check(&walked, expected, "libxml2");
  began = spent_ns();
  for (uint32_t i = 0; i < NODES; i++) {
    xmlUnlinkNode(nodes[plan->moves[i].node]);
    xmlAddChild(nodes[plan->moves[i].to], nodes[plan->moves[i].node]);
  }
  figures.move = per_node(began);
  figures_note(bench, name, &peer_libxml2, &figures);
  xmlFreeNode(nodes[0]);
  xmlFreeDoc(document);
  free(nodes);
  return figures;
}
#endif

void workload_tree(struct bench *bench, const char *name) {
  const struct settings *settings = bench->settings;
  struct walked expected = {0};
  struct plan plan;
  plan_make(&plan);
  for (unsigned round = 0; bench_round(bench, round, settings->rounds); round++)
    for (size_t e = 0; e < settings->engine_count; e++) {
      if (strcmp(settings->engines[e]->name, "copse") != 0)
        continue;
      struct figures copse = copse_round(bench, name, settings->engines[e], &plan, &expected);
#ifdef BENCH_LIBXML2
      struct figures xml = xml_round(bench, name, &plan, &expected);
      bench_sample(bench, name, settings->engines[e], "append_ratio", 1, xml.append / copse.append);
      bench_sample(bench, name, settings->engines[e], "walk_ratio", 1, xml.walk / copse.walk);
      bench_sample(bench, name, settings->engines[e], "detach_ratio", 1, xml.detach / copse.detach);
      bench_sample(bench, name, settings->engines[e], "attach_ratio", 1, xml.attach / copse.attach);
      bench_sample(bench, name, settings->engines[e], "move_ratio", 1, xml.move / copse.move);
#else
      (void)copse;
#endif
    }
  free(plan.parent);
  free(plan.leaves);
  free(plan.moves);
}
