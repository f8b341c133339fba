/*
 * cli/command: what a command is to main, to --help, to the man page and to completion.
 *
 * Each command is one file that defines one struct command, and one line in commands.c.
 */
#ifndef HM_CLI_COMMAND_H
#define HM_CLI_COMMAND_H

#include "cli/complain.h"
#include "cli/options.h"

struct example {
    const char *line; /* what to type */
    const char *says; /* what it does, or prints */
};

struct command {
    const char *name;
    unsigned bit;                   /* enum command_bit: selects its options */
    const char *arguments;          /* "NODE NAME TERM" */
    int least, most;                /* how many of them */
    const char *summary;            /* one line without a full stop */
    const char *about;              /* paragraphs, an empty line between them */
    const struct example *examples; /* line NULL ends them */
    /* Runs it; settings are complete and checked. Returns the exit code. */
    int (*run)(const struct settings *settings, int count, char **arguments);
};

/* Every command, NULL after the last. */
extern const struct command *const commands[];

const struct command *command_find(const char *name);

#endif
