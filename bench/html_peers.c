/* html_peers.c - gumbo and libxml2 as parsers of HTML. */
#include "html.h"

#include "common.h"
#include <stdlib.h>
#ifdef BENCH_GUMBO
#include <gumbo.h>
#endif
#ifdef BENCH_LIBXML2
#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>
#endif

#ifdef BENCH_GUMBO
static void *gumbo_page(const struct html_page *page) {
  GumboOutput *tree = gumbo_parse_with_options(&kGumboDefaultOptions, page->bytes, page->size);
  if (!tree)
    die("html: gumbo has no memory");
  return tree;
}

static const GumboVector *gumbo_children(const GumboNode *node) {
  static const GumboVector none;
  if (node->type == GUMBO_NODE_DOCUMENT)
    return &node->v.document.children;
  if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE)
    return &node->v.element.children;
  return &none;
}

/* By the links to parents and the index among their children, which gumbo keeps. */
static uint64_t gumbo_walk(void *tree) {
  const GumboNode *root = ((GumboOutput *)tree)->document, *node = root;
  uint64_t count = 1;
  for (;;) {
    const GumboVector *children = gumbo_children(node);
    if (children->length) {
      node = children->data[0];
    } else {
      while (node != root && node->index_within_parent + 1 >= gumbo_children(node->parent)->length)
        node = node->parent;
      if (node == root)
        return count;
      node = gumbo_children(node->parent)->data[node->index_within_parent + 1];
    }
    count++;
  }
}

static void gumbo_drop(void *tree) { gumbo_destroy_output(&kGumboDefaultOptions, tree); }

const struct html_parser html_gumbo = {
    .engine = {.name = "gumbo"}, .parse = gumbo_page, .walk = gumbo_walk, .drop = gumbo_drop};
#endif

#ifdef BENCH_LIBXML2
static void *xml_page(const struct html_page *page) {
  htmlDocPtr tree = htmlReadMemory(page->bytes, (int)page->size, NULL, "utf-8",
                                   HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_RECOVER |
                                       HTML_PARSE_NONET | HTML_PARSE_COMPACT);
  if (!tree)
    die("html: libxml2 cannot parse %s", page->path);
  return tree;
}

static uint64_t xml_walk(void *tree) {
  const xmlNode *root = tree, *node = root;
  uint64_t count = 0;
  for (;;) {
    count += node->type != 0;
    if (node->children && node->type != XML_ENTITY_REF_NODE) {
      node = node->children;
    } else {
      while (node != root && !node->next)
        node = node->parent;
      if (node == root)
        return count;
      node = node->next;
    }
  }
}

static size_t xml_write(void *tree) {
  xmlChar *text;
  int size;
  htmlDocDumpMemory(tree, &text, &size);
  xmlFree(text);
  return (size_t)size;
}

static void xml_drop(void *tree) { xmlFreeDoc(tree); }

static void xml_nodes(const char *directory, const uint32_t *parents, uint32_t n, uint64_t ns[2]) {
  (void)directory;
  xmlNodePtr *nodes = calloc(n, sizeof(xmlNodePtr));
  xmlDocPtr document = xmlNewDoc((const xmlChar *)"1.0");
  if (!nodes || !document)
    die("html: no memory");
  document->dict = xmlDictCreate(); /* so that names are not copied */
  xmlChar *name = (xmlChar *)(uintptr_t)xmlDictLookup(document->dict, (const xmlChar *)"div", -1);
  uint64_t began = now_ns();
  for (uint32_t i = 0; i < n; i++) {
    nodes[i] = xmlNewDocNodeEatName(document, NULL, name, NULL);
    if (i)
      xmlAddChild(nodes[parents[i]], nodes[i]);
  }
  ns[0] = now_ns() - began;
  began = now_ns();
  for (uint32_t i = 0; i < n; i++)
    xmlUnlinkNode(nodes[i]);
  ns[1] = now_ns() - began;
  for (uint32_t i = 0; i < n; i++)
    xmlFreeNode(nodes[i]);
  xmlFreeDoc(document);
  free(nodes);
}

const struct html_parser html_libxml2 = {
    .engine = {.name = "libxml2"},
    .parse = xml_page,
    .walk = xml_walk,
    .write = xml_write,
    .drop = xml_drop,
    .nodes = xml_nodes,
};
#endif
