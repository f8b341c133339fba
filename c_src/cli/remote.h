/*
 * cli/remote: what rpc and spawn have in common: a function on another node that prints on this terminal.
 *
 * Reads NODE M F [ARGS], connects, opens the terminal as a group leader, and calls `start`. With
 * --json standard output is for the answer alone, and what the function prints goes to standard error.
 */
#ifndef HM_CLI_REMOTE_H
#define HM_CLI_REMOTE_H

#include "cli/remote_error.h"
#include "cli/term_argument.h"
#include "cli/terminal.h"
#include "cli/tool.h"

struct remote {
    struct call_argument call;
    struct terminal terminal;
    void (*start)(struct tool *tool); /* tool->arg is this */
    hm_ref monitor;                   /* spawn's */
    int code;
};

/* Returns the exit code. */
int remote_run(const struct settings *settings, const char *command, int count, char **arguments,
               void (*start)(struct tool *tool));

/* The outcome, after everything that the function printed. They give the exit code. */
int remote_print(struct tool *tool, hm_term value);
int remote_fail(struct tool *tool, const struct remote_error *error);
/* The end, after everything that it logged. */
void remote_finish(struct tool *tool, int code);

#endif
