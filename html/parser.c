/* parser.c - copse/html.h on html5ever: options, the sink's life, errors. */
#include "parser.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 200u

struct copse_html_parser {
  struct html5ever *engine;
  struct copse_sink *sink;
  void (*error)(void *context, const struct copse_html_error *error);
  void *error_context;
  int result; /* of the first feed that failed */
};

/* A message may tell a whole token; it ends before a character that does not fit. */
static void report(void *context, uint64_t line, uint64_t offset, const char *message,
                   size_t size) {
  const struct copse_html_parser *parser = context;
  char text[MESSAGE_MAX + 1];
  size_t shown = size < MESSAGE_MAX ? size : MESSAGE_MAX;
  while (shown < size && shown && ((unsigned char)message[shown] & 0xc0) == 0x80)
    shown--;
  memcpy(text, message, shown);
  text[shown] = 0;
  struct copse_html_error error = {line, offset, text};
  parser->error(parser->error_context, &error);
}

/* "p", "svg path", "math mi" */
static int context_take(const char *asked, struct html5ever_options *options) {
  const char *context = asked;
  options->context_space = COPSE_NS_HTML;
  if (strncmp(context, "svg ", 4) == 0) {
    options->context_space = COPSE_NS_SVG;
    context += 4;
  } else if (strncmp(context, "math ", 5) == 0) {
    options->context_space = COPSE_NS_MATHML;
    context += 5;
  }
  options->context = context;
  options->context_size = strlen(context);
  if (*context && !strpbrk(context, " \t\n\f\r/>"))
    return 0;
  return copse_error_set(
      COPSE_E_ARGUMENT,
      "the context '%s' names no element; \"div\", \"svg path\" and \"math mi\" do", asked);
}

int html_begin(const struct copse_html_options *asked, const struct html_place *place,
               struct copse_html_parser **out) {
  struct html5ever_options options = {.label = asked->encoding,
                                      .scripting = asked->scripting != 0,
                                      .positions = asked->offsets != 0,
                                      .form = place->form,
                                      .quirks = place->quirks,
                                      .point = place->point};
  int result = asked->context ? context_take(asked->context, &options) : 0;
  if (result)
    return result;
  struct copse_html_parser *parser = calloc(1, sizeof *parser);
  if (!parser)
    return copse_error_set(COPSE_E_MEMORY, "no memory for a parser");
  options.label_size = asked->encoding ? strlen(asked->encoding) : 0;
  if (asked->error) {
    parser->error = asked->error;
    parser->error_context = asked->error_context;
    options.error = report;
    options.error_context = parser;
  }
  result = copse_sink_new(&parser->sink);
  if (result == 0 && !(parser->engine = html5ever_begin(parser->sink, &options)))
    result = copse_error_set(COPSE_E_ARGUMENT,
                             "'%s' is no label of an encoding; give one such as utf-8 or shift_jis",
                             asked->encoding ? asked->encoding : "");
  if (result) {
    copse_sink_free(parser->sink);
    free(parser);
    return result;
  }
  *out = parser;
  return 0;
}

int copse_html_begin(const struct copse_html_options *options, struct copse_html_parser **parser) {
  static const struct copse_html_options usual;
  static const struct html_place anywhere;
  return html_begin(options ? options : &usual, &anywhere, parser);
}

static int too_long(void) {
  return copse_error_set(COPSE_E_VALUE_SIZE, "a document of HTML has less than 4 GiB as UTF-8");
}

int copse_html_feed(struct copse_html_parser *parser, const void *bytes, size_t size) {
  if (parser->result == 0 && html5ever_feed(parser->engine, bytes, size))
    parser->result = too_long();
  return parser->result;
}

int copse_html_end(struct copse_html_parser *parser, struct copse_sink **sink) {
  int result = parser->result;
  if (result || !sink)
    html5ever_drop(parser->engine);
  else if (html5ever_end(parser->engine))
    result = too_long();
  if (result == 0 && sink)
    *sink = parser->sink;
  else
    copse_sink_free(parser->sink);
  free(parser);
  return result;
}

int copse_html_parse(const void *bytes, size_t size, const struct copse_html_options *options,
                     struct copse_sink **sink) {
  struct copse_html_parser *parser;
  int result = copse_html_begin(options, &parser);
  if (result)
    return result;
  result = copse_html_feed(parser, bytes, size);
  int ended = copse_html_end(parser, result ? NULL : sink);
  return result ? result : ended;
}

const char *copse_html_sniff(const void *bytes, size_t size, const char *label) {
  return html5ever_sniff(bytes, size, label, label ? strlen(label) : 0);
}
