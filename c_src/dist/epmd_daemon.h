/*
 * dist/epmd_daemon: starts the epmd daemon, as erl does before it registers.
 *
 * The command daemonizes itself, so the process that is started here ends soon. It is collected by its pid
 * when the owner asks for it: a library has no business with the program's SIGCHLD. One thread.
 */
#ifndef HM_DIST_EPMD_DAEMON_H
#define HM_DIST_EPMD_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "dist/epmd.h"

/* Runs config->start with -daemon and the configured port and addresses. 0: *pid must be collected;
 * HM_ESYSTEM (errno). */
int epmd_daemon_start(const struct epmd_config *config, pid_t *pid);
/* true: it has ended and is collected. */
bool epmd_daemon_collect(pid_t pid);

#endif
