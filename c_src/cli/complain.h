/*
 * cli/complain: what went wrong, in words for whoever typed the command, and as an exit code for scripts.
 */
#ifndef HM_CLI_COMPLAIN_H
#define HM_CLI_COMPLAIN_H

#include <stddef.h>

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

/* Formats a sentence into why (capacity bytes); returns error, so that it can be returned. */
int complain(int error, char *why, size_t capacity, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "hermod: " and the message, on standard error. Returns code, so that it can be returned. */
int give_up(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The exit code for an enum hm_error. */
int exit_code_of(int error);
/* The same when a node cannot be connected: that it calls itself something else is no mistake on the command line. */
int exit_code_of_connection(int error);

#endif
