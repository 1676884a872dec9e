/* base/error.c - result codes and the per-thread detail message. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char detail[512];

void error_detail_set(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(detail, sizeof detail, format, args);
  va_end(args);
}

int copse_error_set(int result, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(detail, sizeof detail, format, args);
  va_end(args);
  return result;
}

void error_detail_errno(int errnum, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(detail, sizeof detail, format, args);
  va_end(args);
  char text[128] = "";
  const char *reason = strerror_r(errnum, text, sizeof text);
  if (n >= 0 && (size_t)n < sizeof detail)
    snprintf(detail + n, sizeof detail - (size_t)n, ": %s", reason);
}

int error_from_errno(int errnum) {
  switch (errnum) {
  case EACCES:
  case EPERM: return COPSE_E_PERMISSION;
  case EROFS: return COPSE_E_READ_ONLY;
  case ENOSPC:
  case EDQUOT:
  case EFBIG: return COPSE_E_NO_SPACE;
  case ENOMEM: return COPSE_E_MEMORY;
  case ENOENT: return COPSE_E_NO_STORE;
  case EEXIST: return COPSE_E_STORE_EXISTS;
  default: return COPSE_E_IO;
  }
}

const char *copse_error_detail(void) { return detail; }

const char *copse_strerror(int result) {
  switch (result) {
  case COPSE_OK: return "done";
  case COPSE_NONE: return "nothing there";
#define ERROR_TEXT(name, code, text)                                                               \
  case code: return text;
    COPSE_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
  default: return "not a result code of Copse";
  }
}

const char *copse_error_name(int result) {
  switch (result) {
  case COPSE_OK: return "COPSE_OK";
  case COPSE_NONE: return "COPSE_NONE";
#define ERROR_NAME(name, code, text)                                                               \
  case code: return "COPSE_E_" #name;
    COPSE_ERRORS(ERROR_NAME)
#undef ERROR_NAME
  default: return "COPSE_E_UNKNOWN";
  }
}

const char *copse_version(void) { return COPSE_VERSION_STRING; }
