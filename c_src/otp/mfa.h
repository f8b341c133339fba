/*
 * otp/mfa: the functions that can be called from outside: erpc, rpc, spawn.
 *
 * A table of {module, function, arity, handler}; what is not in it is undef, as on a BEAM where that module
 * is not loaded. A function is one row in mfa.c and one handler in a bif_*.c. Handlers answer at once; they
 * run in the process that was spawned for the call (or in rex, for block_call), on whose behalf they may
 * send. One thread.
 */
#ifndef HM_OTP_MFA_H
#define HM_OTP_MFA_H

#include "otp/otp.h"

enum { MFA_ARGUMENTS = 4 }; /* the most that a row has */

enum mfa_outcome {
    MFA_VALUE, /* result: what the function returned */
    MFA_ERROR, /* result: the reason of error/1, as badarg */
    MFA_EXIT,  /* result: the reason of exit/1 */
    MFA_THROW, /* result: what was thrown */
};

struct mfa_call {
    struct hm_node *node;
    hm_process *self; /* who runs it: self() */
    unsigned arity;
    const hm_term *arguments;
    hm_build *result; /* exactly one term */
};

typedef enum mfa_outcome mfa_handler(struct mfa_call *call);

/* Runs M:F(Arguments...) and writes one term into result (empty before): the value, what was thrown, the
 * reason of exit/1, or {Reason, Stack} of an error. erlang:apply/2,3 of functions of the table work; closures
 * are undef. */
enum mfa_outcome mfa_apply(hm_process *self, hm_term module, hm_term function, hm_term arguments,
                           hm_build *result);

/* For handlers: badarg. */
enum mfa_outcome mfa_badarg(struct mfa_call *call);

#endif
