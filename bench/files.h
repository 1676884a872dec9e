/* files.h - directories of stores, what they take, and getting their pages mapped. */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Creates a directory, empty: what was there is removed. */
void files_make_directory(const char *path);
/* Removes a tree; says nothing if there is none. */
void files_remove_tree(const char *path);

/* Storage allocated to all files in a directory. */
uint64_t files_allocated(const char *directory);

/* Maps all pages that the files of a directory have storage for into this process, wherever the
 * process has these files mapped: so that a timed part finds no page fault that another
 * engine, or an earlier round, would not find. The same for every engine. */
void files_map_pages(const char *directory);

/* Gives the first bytes of a file storage, content kept, before they are used. */
void files_populate(int fd, uint64_t bytes);

/* Memory that is free for stores: the smaller of available memory and space at path. */
uint64_t files_room(const char *path);

/* A field of a /proc file in bytes ("Private_Dirty" of /proc/self/smaps_rollup); 0 if missing. */
uint64_t files_proc_bytes(const char *path, const char *field);

#ifdef __cplusplus
}
#endif
#endif
