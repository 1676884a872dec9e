/* cli/units.c - see units.h. */
#include "units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void units_bytes(struct text *t, uint64_t bytes) {
  static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = (double)bytes / 1024;
  size_t i = 0;

  if (bytes < 1024) {
    text_printf(t, "%u B", (unsigned)bytes);
    return;
  }
  while (value >= 1023.95 && i + 1 < sizeof names / sizeof names[0]) {
    value /= 1024;
    i++;
  }
  text_printf(t, "%.1f %s", value, names[i]);
}

void units_count(struct text *t, uint64_t count) {
  char digits[32];
  size_t length = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);

  for (size_t i = 0; i < length; i++) {
    if (i != 0 && (length - i) % 3 == 0)
      text_byte(t, ',');
    text_byte(t, digits[i]);
  }
}

void units_counted(struct text *t, uint64_t count, const char *noun) {
  units_count(t, count);
  text_printf(t, " %s%s", noun, count == 1 ? "" : "s");
}

void units_rate(struct text *t, double per_second) {
  if (per_second >= 999500)
    text_printf(t, "%.2f M/s", per_second / 1e6);
  else if (per_second >= 9999.5)
    text_printf(t, "%.1f k/s", per_second / 1e3);
  else
    text_printf(t, "%.0f /s", per_second);
}

void units_time(struct text *t, uint64_t ns) {
  double value = (double)ns;
  unsigned long long seconds = ns / 1000000000u;

  if (ns < 1000)
    text_printf(t, "%u ns", (unsigned)ns);
  else if (value < 999950)
    text_printf(t, "%.1f us", value / 1e3);
  else if (value < 999.95e6)
    text_printf(t, "%.1f ms", value / 1e6);
  else if (value < 120e9)
    text_printf(t, "%.1f s", value / 1e9);
  else if (seconds < 3600)
    text_printf(t, "%llu min %llu s", seconds / 60, seconds % 60);
  else
    text_printf(t, "%llu h %llu min", seconds / 3600, seconds / 60 % 60);
}

bool units_parse_bytes(const char *form, uint64_t *bytes) {
  static const char letters[] = "KMGT";
  size_t length = strspn(form, "0123456789");
  uint64_t value;
  const char *suffix = form + length, *letter;

  if (!parse_u64(form, length, &value))
    return false;
  if (*suffix != 0) {
    letter = strchr(letters, *suffix >= 'a' ? *suffix - 'a' + 'A' : *suffix);
    if (letter == NULL || *letter == 0)
      return false;
    if (suffix[1] != 0 && strcmp(suffix + 1, "iB") != 0 && strcmp(suffix + 1, "B") != 0)
      return false;
    if (__builtin_mul_overflow(value, UINT64_C(1) << 10 * (letter - letters + 1), &value))
      return false;
  }
  *bytes = value;
  return true;
}

bool units_parse_seconds(const char *form, int64_t *ns) {
  char *end;
  double seconds;

  if (*form == 0 || strspn(form, "0123456789.") != strlen(form))
    return false;
  seconds = strtod(form, &end);
  if (*end != 0 || !isfinite(seconds) || seconds > 9e9)
    return false;
  *ns = (int64_t)(seconds * 1e9);
  return true;
}
