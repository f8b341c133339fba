/*
 * cli/remote_error: how an error, exit or throw on another node is told to a human, as iex or erl would have
 * it.
 *
 * Reads terms, and writes text or a term. Calls nobody back.
 */
#ifndef HM_CLI_REMOTE_ERROR_H
#define HM_CLI_REMOTE_ERROR_H

#include <stdio.h>

#include <hermod/rpc.h>

struct remote_error {
    enum hm_rpc_kind kind;
    hm_term reason, stack; /* stack of size 0: none */
};

/* The exit reason of a process, taken apart: {Reason, Stack} of an error, {{nocatch, Thrown}, Stack}, or an
 * exit. */
struct remote_error remote_error_of_exit(hm_term reason);
/* Some lines: what it was, and where. */
void remote_error_print(FILE *out, const struct remote_error *error, enum hm_syntax syntax);
/* #{class, reason, message, stack} for --json. */
void remote_error_put(hm_build *build, const struct remote_error *error, enum hm_syntax syntax);

#endif
