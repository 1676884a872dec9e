/* copse/error.h - result codes and their messages.
 *
 * Every function that can fail returns an int: 0 is done, 1 (COPSE_NONE) is
 * "nothing there", a negative value is one of the errors below. Out-parameters
 * are written on success only. */
#ifndef COPSE_ERROR_H
#define COPSE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define COPSE_API __attribute__((visibility("default")))
#define COPSE_CHECKED __attribute__((visibility("default"), warn_unused_result))
#define COPSE_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define COPSE_API
#define COPSE_CHECKED
#define COPSE_PRINTF(f, a)
#endif

/* X(name, code, sentence): the one list of errors. The sentence says what
 * happened and what to do; copse_error_detail() adds which key, file or limit. */
#define COPSE_ERRORS(X)                                                                            \
  X(ARGUMENT, -1, "an argument is not valid; see the detail message")                              \
  X(MEMORY, -2, "this process is out of memory; free some or raise its limit")                     \
  X(NO_SPACE, -3, "no space is left where the store lives; free some or move the store")           \
  X(LIMIT, -4, "the store has reached its max_bytes; delete data or create a larger store")        \
  X(ADDRESS_SPACE, -5, "this process has too little address space for the store; raise RLIMIT_AS") \
  X(IO, -6, "the operating system reported an input/output error")                                 \
  X(NOT_A_STORE, -7, "this is not a Copse store; check the path")                                  \
  X(VERSION, -8, "the store was written by a newer Copse; upgrade this program")                   \
  X(CORRUPT, -9, "the store's content is damaged; run 'copse check' and restore a copy")           \
  X(TRUNCATED, -10, "somebody shortened the store's file while it was open; restore a copy")       \
  X(FILE_SYSTEM, -11, "this file system cannot hold a live store; use tmpfs, ext4 or xfs")         \
  X(READ_ONLY, -12, "the store is on read-only storage or was opened read-only")                   \
  X(PERMISSION, -13, "permission denied; check the owner and mode of the store's files")           \
  X(NO_STORE, -14, "there is no store at this path; create it first")                              \
  X(STORE_EXISTS, -15, "a store already exists at this path; open it or remove it")                \
  X(COORDINATION, -16, "the store's coordination files are missing, replaced or foreign")          \
  X(UNCLEAN, -17, "the store was in use without durability when the machine stopped")              \
  X(FORKED, -18, "this handle belongs to the parent process; open one in this process")            \
  X(TIMEOUT, -19, "the time limit passed")                                                         \
  X(INTERRUPTED, -20, "a signal interrupted the wait; call again to go on waiting")                \
  X(DEADLOCK, -21, "this thread already has a write transaction; use a savepoint")                 \
  X(STATE, -22, "the handle is not in a state that allows this call; see the detail message")      \
  X(KEY_SIZE, -23, "the key's size is outside of what the map allows")                             \
  X(VALUE_SIZE, -24, "the value's size is outside of what the map allows")                         \
  X(KEY_EXISTS, -25, "the key is already there")                                                   \
  X(CONFLICT, -26, "the value is not the expected one; read it again and retry")                   \
  X(ORDER, -27, "an appended key must be greater than every key in the map")                       \
  X(MAP_EXISTS, -28, "a map of this name already exists")                                          \
  X(NO_MAP, -29, "there is no map of this name in this version of the store")                      \
  X(MAP_KIND, -30, "the map has another kind of key or value than asked for")                      \
  X(LAYOUT, -31, "the stored record layout differs; run 'copse migrate' or rebuild the program")   \
  X(OUSTED, -32, "this snapshot was ousted because it held too much; open a new one")              \
  X(PINNED, -33, "slow readers hold too much of the store; see 'copse readers'")                   \
  X(TOO_MANY, -34, "too many processes or handles are attached at once")                           \
  X(SYNC_FAILED, -35, "an earlier sync failed; close the store everywhere and open it again")      \
  X(DESCRIPTOR, -36, "a descriptor of the library was closed by the program; open the store again")\
  X(CANCELLED, -37, "the wait was cancelled from another thread")                                  \
  X(CHANGES, -38, "these changes do not belong to that copy; make others, or copy the store anew")  \
  X(STREAM, -39, "the stream of changes is damaged or not complete; send it again")                \
  X(KEY_FORM, -40, "the key is not an encoded tuple; see the detail message")                    \
  X(LEASE, -41, "leases of this process hold too much or too long; release some, or copy")          \
  X(STALE, -42, "the slot that the handle names was removed; what lives there now is another")     \
  X(FOREIGN, -43, "the handle belongs to another arena")                                           \
  X(NOT_YET, -44, "the handle is younger than this snapshot; refresh it")                          \
  X(OVERRUN, -45, "writers went past this observer's snapshot; refresh it or open a new one")      \
  X(CYCLE, -46, "a node cannot be put at itself, or at a node that is below it")                   \
  X(ROOT, -47, "a root has no siblings; put the node under it, or give it a parent first")   \
  X(HIERARCHY, -48, "a document does not allow this kind of node in this place")                   \
  X(SELECTOR, -49, "the selector is not valid; see the detail message")                            \
  X(NOT_SUPPORTED, -50, "this build has no such part; see the detail message")                     \
  X(FILES, -51, "a data file of the store is missing or another one; put the right one back")

enum copse_result {
  COPSE_OK = 0,
  COPSE_NONE = 1,
#define COPSE_ERROR_ENUM(name, code, text) COPSE_E_##name = code,
  COPSE_ERRORS(COPSE_ERROR_ENUM)
#undef COPSE_ERROR_ENUM
};

/* The sentence for a result code; never NULL, static storage, any thread. */
COPSE_API const char *copse_strerror(int result);

/* The code's name, such as "COPSE_E_NO_SPACE"; never NULL, static storage. */
COPSE_API const char *copse_error_name(int result);

/* What exactly was wrong in the last call that failed on this thread: which
 * key, file, field or limit, and what to do. Empty before the first failure.
 * The text stays valid until this thread's next failing call. */
COPSE_API const char *copse_error_detail(void);

/* Sets this thread's detail message and returns the result: for libraries on top of this one, which so report their
 * errors as it does its own. */
COPSE_API int copse_error_set(int result, const char *format, ...) COPSE_PRINTF(2, 3);

/* The library's version, "major.minor.patch". */
COPSE_API const char *copse_version(void);

#ifdef __cplusplus
}
#endif
#endif
