/* cli/html_parse.c - see html.h. */
#include "html.h"

#include <stdio.h>
#include <string.h>

#include "work.h"

#ifdef COPSE_WITH_HTML
#include <copse/html.h>

static int feed(struct copse_html_parser *parser, FILE *file, const char *name) {
  static char buffer[1 << 16];
  size_t size;

  while ((size = fread(buffer, 1, sizeof buffer, file)) != 0) {
    int result = copse_html_feed(parser, buffer, size);
    if (result != COPSE_OK)
      return fail_with(status_of(result), "%s: %s", name, copse_strerror(result));
    if (work_interrupted())
      return fail_with(STATUS_INTERRUPTED, "interrupted");
  }
  return ferror(file) ? fail_system("%s", name) : STATUS_OK;
}

static int parse(const char *path, struct copse_sink **sink) {
  struct copse_html_options options = {.scripting = html_given.scripting,
                                       .encoding = html_given.encoding,
                                       .context = html_given.fragment};
  bool standard = path == NULL || strcmp(path, "-") == 0;
  const char *name = standard ? "standard input" : path;
  struct copse_html_parser *parser;
  FILE *file = standard ? stdin : fopen(path, "rb");
  int ended, status, result;

  if (file == NULL)
    return fail_system("%s", name);
  result = copse_html_begin(&options, &parser);
  if (result == COPSE_E_ARGUMENT)
    status = fail_usage("there is no such context or encoding: %s%s%s",
                        html_given.fragment ? html_given.fragment : "",
                        html_given.fragment && html_given.encoding ? ", " : "",
                        html_given.encoding ? html_given.encoding : "");
  else
    status = result == COPSE_OK ? feed(parser, file, name) : fail(result, "%s", name);
  if (result == COPSE_OK) {
    ended = copse_html_end(parser, status == STATUS_OK ? sink : NULL);
    if (status == STATUS_OK && ended != COPSE_OK)
      status = fail_with(status_of(ended), "%s: %s", name, copse_strerror(ended));
  }
  if (!standard)
    fclose(file);
  return status;
}

static int put(struct copse_txn *txn, struct copse_document *document, struct copse_sink *sink) {
  int result = copse_sink_put(txn, document, sink);

  return result == COPSE_OK ? STATUS_OK : fail(result, "document");
}

int html_parse(struct copse_txn *txn, struct copse_document *document, const char *file) {
  struct copse_sink *sink;
  int status = parse(file, &sink);

  if (status != STATUS_OK)
    return status;
  status = put(txn, document, sink);
  copse_sink_free(sink);
  return status;
}

int html_store(struct session *s, struct copse_document *document, const char *file) {
  struct copse_sink *sink;
  int status = parse(file, &sink);

  if (status != STATUS_OK)
    return status;
  status = session_begin(s);
  if (status == STATUS_OK)
    status = put(s->txn, document, sink);
  if (status == STATUS_OK)
    status = session_commit(s, NULL);
  copse_sink_free(sink);
  return status;
}

#else

static int missing(void) {
  return fail_with(STATUS_STORE,
                   "this build has no HTML parser: install cargo, rustc, librust-html5ever-dev and "
                   "librust-encoding-rs-dev, and build again (scripts/install-deps.sh html)");
}

int html_parse(struct copse_txn *txn, struct copse_document *document, const char *file) {
  (void)txn, (void)document, (void)file;
  return missing();
}

int html_store(struct session *s, struct copse_document *document, const char *file) {
  (void)s, (void)document, (void)file;
  return missing();
}
#endif
