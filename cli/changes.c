/* cli/changes.c - see changes.h. */
#include "changes.h"

#include <inttypes.h>
#include <string.h>

static void show_json(struct text *out, const struct change_context *c,
                      const struct copse_change *change) {
  static const char *const names[] = {
      [COPSE_ADDED] = "added", [COPSE_REMOVED] = "removed", [COPSE_CHANGED] = "changed"};
  struct json_writer w = {.out = out};

  json_object(&w, NULL);
  if (c->version != 0)
    json_u64(&w, "version", c->version);
  json_string(&w, "change", names[change->kind]);
  if (c->map != NULL)
    json_string(&w, "map", c->map);
  key_to_json(&w, "key", c->after, change->key);
  if (!c->keys_only && change->kind != COPSE_ADDED)
    value_to_json(&w, "before", c->before, change->before);
  if (!c->keys_only && change->kind != COPSE_REMOVED)
    value_to_json(&w, "after", c->after, change->after);
  json_object_end(&w);
  json_line_end(&w);
}

void change_show(struct text *out, const struct change_context *c,
                 const struct copse_change *change) {
  static const char signs[] = {[COPSE_ADDED] = '+', [COPSE_REMOVED] = '-', [COPSE_CHANGED] = '~'};
  enum form form = form_given();

  if (common.json) {
    show_json(out, c, change);
    return;
  }
  if (c->version != 0)
    text_printf(out, "%" PRIu64 "\t", c->version);
  text_byte(out, signs[change->kind]);
  text_byte(out, '\t');
  if (c->map != NULL) {
    text_add_escaped(out, c->map, strlen(c->map));
    text_byte(out, '\t');
  }
  key_show(out, c->after, form, change->key);
  if (!c->keys_only && change->kind != COPSE_ADDED) {
    text_byte(out, '\t');
    value_show(out, c->before, form, change->before);
  }
  if (!c->keys_only && change->kind != COPSE_REMOVED) {
    text_byte(out, '\t');
    value_show(out, c->after, form, change->after);
  }
  text_byte(out, '\n');
}
