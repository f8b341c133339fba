/*
 * eval/remote: what evaluated code asks of other nodes (evaluator.c): the machine pauses, and goes on with
 * what came of it. One thread.
 */
#ifndef HM_EVAL_REMOTE_H
#define HM_EVAL_REMOTE_H

#include "eval/machine.h"

struct remote_call {
    bool spawn;         /* a process there; else a call */
    bool link;          /* with it */
    int64_t timeout_ms; /* of a call; negative: for ever */
};

/* call: node, module, function, arguments. On an error the machine is as before: HM_EINVAL (badarg),
 * HM_ENOMEM, HM_ELIMIT. */
int evaluator_ask_node(struct machine *m, const value call[4], const struct remote_call *how);

#endif
