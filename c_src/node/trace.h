/*
 * node/trace: where the runtime tells a tracer what happens.
 *
 * node->trace is NULL while nothing is traced: that is all that tracing costs then. otp/trace sets it with the first trace and takes it
 * away with the last. The functions copy what they want; they neither send nor change a process. One thread.
 */
#ifndef HM_NODE_TRACE_H
#define HM_NODE_TRACE_H

#include "dist/control.h"
#include "node/process.h"

enum trace_news {
    TRACE_STARTED,          /* other: who had it started, or HM_NO_PID; term: {M, F, Args}, or of size 0 */
    TRACE_ENDED,            /* term: the reason */
    TRACE_LINKED,           /* other */
    TRACE_UNLINKED,
    TRACE_GETTING_LINKED,
    TRACE_GETTING_UNLINKED,
    TRACE_REGISTERED,       /* it has its name now */
    TRACE_UNREGISTERED,     /* it still has it */
};

struct node_trace {
    /* A message that the process is about to handle; only of those with process->traced. origin: the node it came from, NULL for this one. */
    void (*on_message)(hm_process *process, const hm_node_name *origin, hm_term message);
    /* A process of this node sends; alias: NULL, or where to instead of `to`. */
    void (*on_send)(struct hm_node *node, hm_pid from, hm_address to, const hm_ref *alias, hm_term message);
    void (*on_news)(hm_process *process, enum trace_news news, hm_pid other, hm_term term);
    void (*on_control)(struct hm_node *node, const hm_node_name *peer, bool out, const struct control *control, hm_term payload);
};

static inline void trace_news(hm_process *process, enum trace_news news, hm_pid other, hm_term term) {
    if (process->node->trace)
        process->node->trace->on_news(process, news, other, term);
}

#endif
