/*
 * cli/command: what a command is to main, to --help, to the man page and to completion.
 *
 * Each command is one file that defines one struct command, and one line in commands.c.
 */
#ifndef HM_CLI_COMMAND_H
#define HM_CLI_COMMAND_H

#include "cli/options.h"

/* The exit codes of every command. */
enum exit_code {
    EXIT_FINE = 0,
    EXIT_FAILED = 1, /* our own or the remote side's failure: the called process ended, no memory ... */
    EXIT_USAGE = 2,  /* the command line, the environment or the configuration file is wrong */
    EXIT_NO_CONNECTION = 3, /* no such node, no epmd, refused for another reason than the cookie */
    EXIT_COOKIE = 4,        /* the cookies differ, or ours cannot be read */
    EXIT_NOPROC = 5,        /* the node is there, the process is not */
    EXIT_TIMEOUT = 6,
    EXIT_RAISED = 7, /* what was called or spawned there raised an error, threw, or ended with another reason than normal */
};

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

/* "hermod: " and the message, on standard error. Returns code, so that it can be returned. */
int give_up(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The exit code for an enum hm_error. */
int exit_code_of(int error);

#endif
