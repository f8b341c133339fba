/*
 * cli/start_hints: what a person can paste into another terminal to talk to the node that has just started.
 *
 * Only lines that work as they stand: they follow the cookie's place, the port of epmd, and the kind of name.
 * A cookie itself is never printed.
 */
#ifndef HM_CLI_START_HINTS_H
#define HM_CLI_START_HINTS_H

#include <stdio.h>

#include "cli/options.h"

struct hint_facts {
    const char *node;    /* "hermod@vm" */
    const char *program; /* how the shell finds us: "hermod", or a path */
    unsigned port;       /* where the node listens */
    bool chat;           /* message_server is on */
    bool cookie_file;    /* the cookie is in the file that iex reads too */
};

void start_hints(FILE *out, const struct settings *settings, const struct hint_facts *facts);

#endif
