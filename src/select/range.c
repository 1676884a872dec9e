/* select/range.c - :in-range and :out-of-range: values of input elements between min and max (HTML 4.10.5.3.7). Only
 * what attributes say counts: a range input without min and max has no limits here. */
#include "select/match.h"

/* --- the microsyntaxes of HTML (2.3.4, 2.3.5) ------------------------------------------ */

struct scan {
  const uint8_t *at, *end;
};

/* Digits, least to most of them; -1: there are none. */
static int64_t digits(struct scan *scan, unsigned least, unsigned most) {
  int64_t value = 0;
  unsigned n = 0;
  while (n < most && scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
    value = value * 10 + (*scan->at++ - '0');
    n++;
  }
  return n < least ? -1 : value;
}

static int sign(struct scan *scan, char c) {
  int is = scan->at < scan->end && *scan->at == (uint8_t)c;
  scan->at += is;
  return is;
}

static int is_leap(int64_t year) { return (year % 4 == 0 && year % 100) || year % 400 == 0; }

/* Years are numbers of four digits and more. */
#define YEAR_DIGITS 9u

static int year_month(struct scan *scan, int64_t *year, int64_t *month) {
  *year = digits(scan, 4, YEAR_DIGITS);
  if (*year < 1 || !sign(scan, '-'))
    return 0;
  *month = digits(scan, 2, 2);
  return *month >= 1 && *month <= 12;
}

static int date(struct scan *scan, double *value) {
  static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t year, month;
  if (!year_month(scan, &year, &month) || !sign(scan, '-'))
    return 0;
  int64_t day = digits(scan, 2, 2);
  *value = (double)((year * 12 + month) * 31 + day);
  return day >= 1 && day <= days[month - 1] + (month == 2 && is_leap(year));
}

/* Day of the week of a year's first day; 0: Monday. */
static int64_t first_day(int64_t year) {
  int64_t before = year - 1;
  return (before * 365 + before / 4 - before / 100 + before / 400) % 7;
}

static int week(struct scan *scan, double *value) {
  int64_t year = digits(scan, 4, YEAR_DIGITS);
  if (year < 1 || !sign(scan, '-') || !sign(scan, 'W'))
    return 0;
  int64_t number = digits(scan, 2, 2), first = first_day(year);
  *value = (double)(year * 54 + number);
  return number >= 1 && number <= 52 + (first == 3 || (first == 2 && is_leap(year)));
}

/* Milliseconds of the day. */
static int time_of_day(struct scan *scan, double *value) {
  int64_t hour = digits(scan, 2, 2), second = 0, millisecond = 0;
  if (hour < 0 || hour > 23 || !sign(scan, ':'))
    return 0;
  int64_t minute = digits(scan, 2, 2);
  if (minute < 0 || minute > 59)
    return 0;
  if (sign(scan, ':')) {
    second = digits(scan, 2, 2);
    if (second < 0 || second > 59)
      return 0;
    if (sign(scan, '.')) {
      const uint8_t *begin = scan->at;
      millisecond = digits(scan, 1, 3);
      if (millisecond < 0)
        return 0;
      for (int64_t n = scan->at - begin; n < 3; n++)
        millisecond *= 10;
    }
  }
  *value = (double)(((hour * 60 + minute) * 60 + second) * 1000 + millisecond);
  return 1;
}

static int local(struct scan *scan, double *value) {
  double day, time;
  if (!date(scan, &day) || (!sign(scan, 'T') && !sign(scan, ' ')) || !time_of_day(scan, &time))
    return 0;
  *value = day * 86400000.0 + time;
  return 1;
}

/* A floating-point number. strtod() would depend on the locale. */
static int number(struct scan *scan, double *value) {
  int is_negative = sign(scan, '-'), scale = 0, has_digits = 0;
  double mantissa = 0;
  for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; has_digits = 1)
    mantissa = mantissa * 10 + (*scan->at++ - '0');
  if (sign(scan, '.')) {
    has_digits = 0;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; has_digits = 1) {
      mantissa = mantissa * 10 + (*scan->at++ - '0');
      scale--;
    }
  }
  if (!has_digits)
    return 0;
  if (sign(scan, 'e') || sign(scan, 'E')) {
    int is_down = sign(scan, '-');
    if (!is_down)
      sign(scan, '+');
    int64_t exponent = digits(scan, 1, 4);
    if (exponent < 0)
      return 0;
    scale += (int)(is_down ? -exponent : exponent);
  }
  double power = 1;
  for (int i = scale < 0 ? -scale : scale; i > 0 && power < 1e300; i--)
    power *= 10;
  mantissa = scale < 0 ? mantissa / power : mantissa * power;
  *value = is_negative ? -mantissa : mantissa;
  return 1;
}

/* --- ranges ---------------------------------------------------------------------------- */

static int month(struct scan *scan, double *value) {
  int64_t y, m;
  if (!year_month(scan, &y, &m))
    return 0;
  *value = (double)(y * 12 + m);
  return 1;
}

/* The number that an attribute stands for. COPSE_NONE: it is not there, or not valid. */
static int value_get(struct select_match *match, const struct select_node *node, uint32_t name,
                     int type, double *value) {
  static int (*const readers[])(struct scan *, double *) = {
      [SELECT_INPUT_DATE] = date,   [SELECT_INPUT_MONTH] = month,
      [SELECT_INPUT_WEEK] = week,   [SELECT_INPUT_TIME] = time_of_day,
      [SELECT_INPUT_LOCAL] = local, [SELECT_INPUT_NUMBER] = number,
      [SELECT_INPUT_RANGE] = number};
  struct copse_bytes bytes;
  int result = select_value_of(match, node, name, &bytes);
  if (result)
    return result;
  struct scan scan = {bytes.data, (const uint8_t *)bytes.data + bytes.size};
  return readers[type](&scan, value) && scan.at == scan.end ? 0 : COPSE_NONE;
}

int select_range_test(struct select_match *match, const struct select_node *node, int is_out) {
  double min, max, value;
  int type = select_input_of(match, node);
  if (type < 0 ||
      !((type >= SELECT_INPUT_DATE && type <= SELECT_INPUT_NUMBER) || type == SELECT_INPUT_RANGE))
    return type < 0 ? type : 0;
  int no_min = value_get(match, node, DOM_NONE_MIN, type, &min);
  int no_max = no_min < 0 ? no_min : value_get(match, node, DOM_NONE_MAX, type, &max);
  int no_value = no_max < 0 ? no_max : value_get(match, node, DOM_NONE_VALUE, type, &value);
  if (no_value < 0)
    return no_value;
  if (no_min && no_max)
    return 0;
  if (no_value)
    return !is_out;
  int below = !no_min && value < min, above = !no_max && value > max;
  int is_reversed = type == SELECT_INPUT_TIME && !no_min && !no_max && max < min;
  return (is_reversed ? below && above : below || above) == is_out;
}
