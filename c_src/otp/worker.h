/*
 * otp/worker: a process that runs one function for a server, so that the server need not wait: calls to rex.
 *
 * Owns what it needs until it ends, which it does when the function did, or when somebody ends it: on_end hears of either, once. One thread.
 */
#ifndef HM_OTP_WORKER_H
#define HM_OTP_WORKER_H

#include "otp/mfa.h"

struct worker_end {
    bool ran;                 /* the function ended by itself; else: killed, and result is the exit reason */
    enum mfa_outcome outcome; /* when it ran */
    hm_term result;           /* as mfa_done gets it; borrowed */
};

/* Runs in the worker, which may still send; frees arg. */
typedef void worker_on_end(hm_process *self, void *arg, const struct worker_end *end);

/* server: has been asked, and is handling the message; the worker has the rights of the node that sent it. caller: who asked, or HM_NO_PID.
 * leader HM_NO_PID: the node's. On error on_end is not called. */
int worker_start(hm_process *server, hm_pid caller, hm_pid leader, const hm_term mfa[3], worker_on_end *on_end, void *arg);

#endif
