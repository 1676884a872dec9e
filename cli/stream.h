/* cli/stream.h - changes as a stream, to a file or standard output. */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include "session.h"

/* Writes what the session's snapshot has and `since` has not to `target`, a new file or "-": since is the path
 * of a copy or a version, NULL: everything is written. */
int stream_send(struct session *s, const char *since, const char *target);

#endif
