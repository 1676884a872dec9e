/* parser.h - parsers of libcopse-html from inside. */
#ifndef HTML_PARSER_H
#define HTML_PARSER_H

#include <copse/html.h>

#include "html5ever.h"

/* What a fragment's context is, apart from its name. */
struct html_place {
  bool form, quirks, point;
};

int html_begin(const struct copse_html_options *options, const struct html_place *place,
               struct copse_html_parser **parser);

#endif
