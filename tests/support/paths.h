/* support/paths.h - files of a test, in a folder of its own that goes away with the test. */
#ifndef SUPPORT_PATHS_H
#define SUPPORT_PATHS_H

/* The absolute path of a file "name" in this test's folder, in shared memory (/dev/shm) or on
 * a disk (below the build folder; TMPDIR or /var/tmp outside of a run by scripts/run-tests).
 * The folder is made by the first call and removed with all its files when the test ends.
 * The same name gives the same path. The string is valid until then. Call these in the
 * test's process, before it forks. A failure fails the test. */
const char *test_shm_path(const char *name);
const char *test_disk_path(const char *name);

/* What the runner does after each test. */
void test_paths_remove(void);

#endif
