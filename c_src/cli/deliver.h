/*
 * cli/deliver: what cast and send have in common: one message to a named process, and nothing comes back.
 */
#ifndef HM_CLI_DELIVER_H
#define HM_CLI_DELIVER_H

#include "cli/options.h"

/* arguments: NODE NAME TERM. Returns the exit code. */
int deliver(const struct settings *settings, const char *command, char **arguments, bool cast);

#endif
