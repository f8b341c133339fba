/*
 * otp/trace: what is traced, by whom, and within which limits: <hermod/trace.h>.
 *
 * Owns the traces, the events that wait to be told, and the recording (otp/trace_recorder). otp/trace_watch copies what happens into events, when the
 * hooks of node/trace and the functions below are called; a task of the turn tells them: first to the sinks of the node, then to the trace's own
 * handler. Nobody is called on the stack of what is traced. One thread.
 */
#ifndef HM_OTP_TRACE_H
#define HM_OTP_TRACE_H

#include <sys/queue.h>

#include "otp/gen_message.h"
#include "otp/mfa.h"
#include <hermod/trace.h>

struct tracing;

/* Sees the events of every trace of the node, as a trace port does. The owner embeds it; both functions may be NULL, and may send, add and
 * remove sinks and end traces. The event is borrowed. hm_trace_put makes dbg's term of it. */
struct trace_sink {
    LIST_ENTRY(trace_sink) link;
    struct tracing *tracing;
    void (*on_event)(struct trace_sink *sink, const struct hm_trace_event *event);
    void (*on_end)(struct trace_sink *sink, uint64_t trace, enum hm_trace_end why);
};

/* A sink hears what traces tell; it starts none. It must be removed before it goes; those that are left when the node is freed are
 * forgotten. HM_ENOMEM. */
int trace_sink_add(struct hm_node *node, struct trace_sink *sink);
void trace_sink_remove(struct trace_sink *sink);

/* ---- for the files of otp where it happens; only while node->trace is set ---- */

/* A reply goes to who called. */
void trace_on_reply(struct hm_node *node, const struct hm_from *from, hm_term reply);
/* A function is about to run. Not 0: trace_on_outcome wants to know how it ended, and gets this number. */
uint64_t trace_on_call(hm_process *process, const struct mfa_row *row, hm_term arguments);
/* result: the value, what was thrown, or the reason of error/1 or exit/1 (without stack). */
void trace_on_outcome(hm_process *process, uint64_t traced, const struct mfa_row *row, enum mfa_outcome outcome, hm_term result);

unsigned trace_count(const struct hm_node *node); /* that run */

/* Ends all traces and forgets the recording; with the node. */
void trace_free(struct hm_node *node);

#endif
