/*
 * eval/evaluator: closures and library functions that others want to run here: Node.spawn(node, fn -> ...
 * end), erpc:call with a fun, apply.
 *
 * Registers itself with otp/mfa, which asks it where the BEAM would run code that is not in the table of
 * exported functions. An evaluation runs in the process that was spawned for it, takes its messages, and lets
 * others run after each slice of steps. What it calls and the library lacks goes to the table. One thread.
 */
#ifndef HM_EVAL_EVALUATOR_H
#define HM_EVAL_EVALUATOR_H

#include "node/node.h"

/* A number of 0 means its default. */
struct evaluator_options {
    size_t memory_bytes;       /* of one evaluation: 32 MiB */
    size_t total_memory_bytes; /* of all of a node: 256 MiB */
    uint32_t depth;            /* frames of its stack: 200 000 */
    uint64_t steps;            /* without waiting in a receive: 200 000 000 */
};

/* After otp_start. HM_ENOMEM. */
int evaluator_start(struct hm_node *node, const struct evaluator_options *options);
/* Before otp_stop, when all processes have ended. */
void evaluator_stop(struct hm_node *node);

#endif
