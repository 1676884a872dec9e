/* cli/sqlite.h - the few functions of SQLite that importing a table takes.
 *
 * libsqlite3 is loaded when it is first wanted and not linked: the tool then runs, with all
 * its other commands, on machines that do not have it, and its package needs no dependency
 * for the sake of one command. The declarations below are SQLite's documented interface,
 * which has been stable since version 3 (https://sqlite.org/c3ref/intro.html). */
#ifndef CLI_SQLITE_H
#define CLI_SQLITE_H

#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

enum {
  SQLITE_OK = 0,
  SQLITE_ROW = 100,
  SQLITE_DONE = 101,
  SQLITE_OPEN_READONLY = 1,
  SQLITE_INTEGER = 1,
  SQLITE_FLOAT = 2,
  SQLITE_TEXT = 3,
  SQLITE_BLOB = 4,
  SQLITE_NULL = 5,
};

/* X(name, result, parameters) */
#define SQLITE_FUNCTIONS(X)                                                                        \
  X(open_v2, int, (const char *, struct sqlite3 **, int, const char *))                            \
  X(close, int, (struct sqlite3 *))                                                                \
  X(errmsg, const char *, (struct sqlite3 *))                                                      \
  X(busy_timeout, int, (struct sqlite3 *, int))                                                    \
  X(prepare_v2, int, (struct sqlite3 *, const char *, int, struct sqlite3_stmt **, const char **)) \
  X(step, int, (struct sqlite3_stmt *))                                                            \
  X(finalize, int, (struct sqlite3_stmt *))                                                        \
  X(column_count, int, (struct sqlite3_stmt *))                                                    \
  X(column_name, const char *, (struct sqlite3_stmt *, int))                                       \
  X(column_type, int, (struct sqlite3_stmt *, int))                                                \
  X(column_int64, long long, (struct sqlite3_stmt *, int))                                         \
  X(column_double, double, (struct sqlite3_stmt *, int))                                           \
  X(column_blob, const void *, (struct sqlite3_stmt *, int))                                       \
  X(column_bytes, int, (struct sqlite3_stmt *, int))

struct sqlite {
#define SQLITE_MEMBER(name, result, parameters) result(*name) parameters;
  SQLITE_FUNCTIONS(SQLITE_MEMBER)
#undef SQLITE_MEMBER
};

/* Loads the library. Returns a status. */
int sqlite_load(struct sqlite *functions);

#endif
