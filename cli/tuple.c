/* cli/tuple.c - see tuple.h. */
#include "tuple.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMB_DIGITS = 9, LIMBS = COPSE_TUPLE_BIGINT_MAX * 241 / 100 / LIMB_DIGITS + 2 };
static const uint32_t limb_base = 1000000000;
static const int64_t day_us = INT64_C(86400000000);
static const int64_t first_day = -719162, last_day = 2932896; /* 0001-01-01, 9999-12-31 */

/* --- showing ------------------------------------------------------------------------- */

/* Nothing is written into an array by name, so that a number made here is a value like any other. */
static void add_ready(struct json_writer *w, const char *string) {
  struct text ready = {0};

  text_string(&ready, string);
  json_ready(w, NULL, &ready);
  text_free(&ready);
}

/* Divides the magnitude by 10^9 until nothing is left; the remainders are the digits. */
static void show_bigint(struct json_writer *w, const struct copse_element *e) {
  uint8_t magnitude[COPSE_TUPLE_BIGINT_MAX];
  char digits[LIMBS * LIMB_DIGITS + 2];
  size_t size = copse_element_bytes(e, magnitude), at = sizeof digits - 1;

  digits[at] = 0;
  for (size_t first = 0; first < size;) {
    uint64_t rest = 0;
    for (size_t i = first; i < size; i++) {
      rest = rest << 8 | magnitude[i];
      magnitude[i] = (uint8_t)(rest / limb_base);
      rest %= limb_base;
    }
    while (first < size && magnitude[first] == 0)
      first++;
    for (int i = 0; i < LIMB_DIGITS && (rest != 0 || first < size); i++, rest /= 10)
      digits[--at] = (char)('0' + rest % 10);
  }
  if (e->negative)
    digits[--at] = '-';
  add_ready(w, digits + at);
}

/* False for a NaN other than the one that programs make. */
static bool show_double(struct json_writer *w, double value) {
  const double plain = NAN;
  struct text text = {0};
  struct json_writer number = {.out = &text};

  if (isnan(value) && memcmp(&value, &plain, sizeof value) != 0)
    return false;
  if (!isfinite(value)) {
    json_object(w, NULL);
    json_double(w, "double", value);
    json_object_end(w);
    return true;
  }
  json_double(&number, NULL, value);
  if (strpbrk(text.data, ".e") == NULL)
    text_string(&text, ".0");
  json_ready(w, NULL, &text);
  text_free(&text);
  return true;
}

static void show_uuid(struct json_writer *w, const uint8_t *bytes) {
  struct text text = {0};

  for (size_t i = 0; i < 16; i++) {
    if (i >= 4 && i <= 10 && i % 2 == 0)
      text_byte(&text, '-');
    text_add_hex(&text, bytes + i, 1);
  }
  json_object(w, NULL);
  json_string(w, "uuid", text.data);
  json_object_end(w);
  text_free(&text);
}

/* Days since 1970 and dates of the Gregorian calendar, as Howard Hinnant's days_from_civil() and
 * civil_from_days() have them (public domain); eras of 400 years begin on a 1st of March. */
static void date_of(int64_t days, int64_t *year, int *month, int *day) {
  int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

  *day = (int)(doy - (153 * mp + 2) / 5 + 1);
  *month = (int)(mp < 10 ? mp + 3 : mp - 9);
  *year = yoe + era * 400 + (*month <= 2);
}

static int64_t days_of(int64_t year, int month, int day) {
  int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
  int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void show_time(struct json_writer *w, int64_t us) {
  int64_t days = us / day_us - (us % day_us < 0), rest = us - days * day_us, year;
  int month, day;
  char shown[64];

  json_object(w, NULL);
  if (days < first_day || days > last_day) {
    json_i64(w, "time", us);
  } else {
    date_of(days, &year, &month, &day);
    snprintf(shown, sizeof shown, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", (int)year, month, day,
             (int)(rest / 3600000000), (int)(rest / 60000000 % 60), (int)(rest / 1000000 % 60),
             (int)(rest % 1000000));
    json_string(w, "time", shown);
  }
  json_object_end(w);
}

static void show_string(struct json_writer *w, const struct copse_element *e) {
  struct text string = {0};

  string.size = copse_element_bytes(e, text_room(&string, e->size));
  if (e->type == COPSE_ELEMENT_TEXT) {
    json_bytes(w, NULL, string.data, string.size);
  } else {
    json_object(w, NULL);
    json_hex(w, "hex", string.data, string.size);
    json_object_end(w);
  }
  text_free(&string);
}

static bool show_element(struct json_writer *w, const struct copse_element *e) {
  switch (e->type) {
  case COPSE_ELEMENT_NULL: json_null(w, NULL); return true;
  case COPSE_ELEMENT_BOOL: json_bool(w, NULL, e->i64 != 0); return true;
  case COPSE_ELEMENT_INT: json_i64(w, NULL, e->i64); return true;
  case COPSE_ELEMENT_UINT: json_u64(w, NULL, e->u64); return true;
  case COPSE_ELEMENT_BIGINT: show_bigint(w, e); return true;
  case COPSE_ELEMENT_DOUBLE: return show_double(w, e->f64);
  case COPSE_ELEMENT_BYTES:
  case COPSE_ELEMENT_TEXT: show_string(w, e); return true;
  case COPSE_ELEMENT_UUID: show_uuid(w, e->data); return true;
  case COPSE_ELEMENT_INSTANT: show_time(w, e->i64); return true;
  case COPSE_ELEMENT_NESTED: json_array(w, NULL); return true;
  case COPSE_ELEMENT_END: json_array_end(w); return true;
  default: return false;
  }
}

void tuple_to_json(struct json_writer *w, const char *name, struct copse_bytes key) {
  struct copse_key_reader reader = {.data = key.data, .size = key.size};
  struct text array = {0};
  struct json_writer inner = {.out = &array};
  struct copse_element e;
  int result;

  json_array(&inner, NULL);
  while ((result = copse_key_next(&reader, &e)) == COPSE_OK)
    if (!show_element(&inner, &e))
      break;
  json_array_end(&inner);
  if (result == COPSE_NONE) {
    json_ready(w, name, &array);
  } else {
    json_object(w, name);
    json_hex(w, "hex", key.data, key.size);
    json_object_end(w);
  }
  text_free(&array);
}

/* --- reading ------------------------------------------------------------------------- */

/* Multiplies the magnitude by ten and adds a digit, for each digit. */
static bool read_integer(struct copse_key_writer *w, const char *digits, size_t size,
                         struct problem *p) {
  uint8_t magnitude[COPSE_TUPLE_BIGINT_MAX] = {0};
  bool negative = size != 0 && digits[0] == '-';

  for (size_t i = negative; i < size; i++) {
    unsigned carry = (unsigned)(digits[i] - '0');
    for (size_t k = sizeof magnitude; k-- > 0; carry >>= 8) {
      carry += magnitude[k] * 10u;
      magnitude[k] = (uint8_t)carry;
    }
    if (carry != 0)
      return problem(p, "an integer of more than %d bytes", COPSE_TUPLE_BIGINT_MAX);
  }
  copse_key_put_bigint(w, negative, magnitude, sizeof magnitude);
  return true;
}

static bool read_number(struct copse_key_writer *w, const struct json_value *v, struct problem *p) {
  struct text copy = {0};
  double value;

  if (memchr(v->text, '.', v->size) == NULL && memchr(v->text, 'e', v->size) == NULL &&
      memchr(v->text, 'E', v->size) == NULL)
    return read_integer(w, v->text, v->size, p);
  text_add(&copy, v->text, v->size);
  errno = 0;
  value = strtod(copy.data, NULL);
  text_free(&copy);
  if (!isfinite(value))
    return problem(p, "%.*s is too large for a double", (int)v->size, v->text);
  copse_key_put_double(w, value);
  return true;
}

static bool word_is(const struct json_value *v, const char *word) {
  return v->kind == JSON_STRING && v->size == strlen(word) && memcmp(v->text, word, v->size) == 0;
}

static bool read_special(struct copse_key_writer *w, const struct json_value *v,
                         struct problem *p) {
  if (word_is(v, "nan"))
    copse_key_put_double(w, NAN);
  else if (word_is(v, "inf"))
    copse_key_put_double(w, INFINITY);
  else if (word_is(v, "-inf"))
    copse_key_put_double(w, -INFINITY);
  else
    return problem(p, "\"double\" takes \"inf\", \"-inf\" or \"nan\"; others are plain numbers");
  return true;
}

static bool read_hex(struct copse_key_writer *w, const struct json_value *v, struct problem *p) {
  struct text bytes = {0};
  bool good = v->kind == JSON_STRING && text_unhex(&bytes, v->text, v->size, p);

  if (v->kind != JSON_STRING)
    problem(p, "\"hex\" takes a string");
  if (good)
    copse_key_put_bytes(w, bytes.data, bytes.size);
  text_free(&bytes);
  return good;
}

static bool read_uuid(struct copse_key_writer *w, const struct json_value *v, struct problem *p) {
  static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  uint8_t uuid[16];
  size_t n = 0;

  for (size_t i = 0; i < sizeof form - 1; i++) {
    int digit = v->size == sizeof form - 1 ? hex_digit(v->text[i]) : -1;
    if (v->kind != JSON_STRING || (form[i] == 'x' ? digit < 0 : v->text[i] != '-'))
      return problem(p, "\"uuid\" takes a string like %s", form);
    if (form[i] == 'x') {
      uuid[n / 2] = (uint8_t)(n % 2 != 0 ? uuid[n / 2] | digit : digit << 4);
      n++;
    }
  }
  copse_key_put_uuid(w, uuid);
  return true;
}

/* The number in a few digits. */
static int part(const char *digits, int size) {
  int sum = 0;

  for (int i = 0; i < size; i++)
    sum = sum * 10 + (digits[i] - '0');
  return sum;
}

static bool read_time(struct copse_key_writer *w, const struct json_value *v, struct problem *p) {
  static const char form[] = "0000-00-00T00:00:00.000000Z";
  bool good = v->kind == JSON_STRING && v->size == sizeof form - 1;
  const char *t = v->text;
  int64_t days, year, us;
  int month, day;

  if (v->kind == JSON_NUMBER) {
    char digits[24], *end;
    snprintf(digits, sizeof digits, "%.*s", (int)v->size, t);
    errno = 0;
    us = strtoll(digits, &end, 10);
    if (errno != 0 || *end != 0 || v->size >= sizeof digits)
      return problem(p, "\"time\": not a number of microseconds that fits 64 bits");
    copse_key_put_instant(w, us);
    return true;
  }
  for (size_t i = 0; good && i < sizeof form - 1; i++)
    good = form[i] == '0' ? t[i] >= '0' && t[i] <= '9' : t[i] == form[i];
  if (!good)
    return problem(p, "\"time\" takes a string like 2013-09-07T11:30:15.250000Z");
  days = days_of(part(t, 4), part(t + 5, 2), part(t + 8, 2));
  date_of(days, &year, &month, &day);
  if (part(t, 4) == 0 || month != part(t + 5, 2) || day != part(t + 8, 2) || part(t + 11, 2) > 23 ||
      part(t + 14, 2) > 59 || part(t + 17, 2) > 59)
    return problem(p, "\"time\": there is no such date or time");
  us = ((part(t + 11, 2) * 60 + part(t + 14, 2)) * 60 + part(t + 17, 2)) * INT64_C(1000000);
  copse_key_put_instant(w, days * day_us + us + part(t + 20, 6));
  return true;
}

static bool read_object(struct copse_key_writer *w, const struct json_value *v, struct problem *p) {
  static const struct {
    const char *name;
    bool (*read)(struct copse_key_writer *w, const struct json_value *v, struct problem *p);
  } kinds[] = {
      {"hex", read_hex}, {"uuid", read_uuid}, {"time", read_time}, {"double", read_special}};

  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const struct json_value *member = json_member(v, kinds[i].name);
    if (member != NULL && v->first->next == NULL)
      return kinds[i].read(w, member, p);
  }
  return problem(p,
                 "an object in a tuple has one member: \"hex\", \"uuid\", \"time\" or \"double\"");
}

/* As deep as the reader of JSON lets anybody go. */
static bool read_elements(struct copse_key_writer *w, const struct json_value *array,
                          struct problem *p) {
  for (const struct json_value *v = array->first; v != NULL; v = v->next) {
    bool good = true;
    switch (v->kind) {
    case JSON_NULL: copse_key_put_null(w); break;
    case JSON_FALSE:
    case JSON_TRUE: copse_key_put_bool(w, v->kind == JSON_TRUE); break;
    case JSON_NUMBER: good = read_number(w, v, p); break;
    case JSON_STRING: copse_key_put_text(w, v->text, v->size); break;
    case JSON_OBJECT: good = read_object(w, v, p); break;
    case JSON_ARRAY:
      copse_key_begin_nested(w);
      good = read_elements(w, v, p);
      copse_key_end_nested(w);
    }
    if (!good)
      return false;
  }
  return true;
}

bool tuple_from_json(struct text *out, const struct json_value *v, struct problem *p) {
  struct copse_key_writer w;
  size_t size;
  int result;

  text_clear(out);
  if (v->kind == JSON_OBJECT && v->first != NULL && v->first->next == NULL &&
      (v = json_member(v, "hex")) != NULL && v->kind == JSON_STRING)
    return text_unhex(out, v->text, v->size, p);
  if (v == NULL || v->kind != JSON_ARRAY)
    return problem(p, "the map's keys are tuples: an array was expected, such as [\"H\", 5]");
  copse_key_write(&w, text_room(out, COPSE_KEY_MAX), COPSE_KEY_MAX, COPSE_KEY_NAN);
  if (!read_elements(&w, v, p))
    return false;
  result = copse_key_finish(&w, &size);
  if (result == COPSE_E_KEY_SIZE)
    return problem(p, "a key of %zu bytes; the most is %d", w.size, COPSE_KEY_MAX);
  if (result != COPSE_OK)
    return problem(p, "%s", copse_error_detail());
  out->size = size;
  return true;
}
