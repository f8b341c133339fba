/*
 * What otp/trace.c (who traces, limits, telling), trace_watch.c (what happens) and trace_recorder.c (what is kept) share. Nobody else includes it.
 */
#ifndef HM_OTP_TRACE_PRIVATE_H
#define HM_OTP_TRACE_PRIVATE_H

#include "base/clock.h"
#include "node/trace.h"
#include "otp/trace.h"
#include "otp/trace_target.h"

enum {
    TRACE_DEFAULT_MAX = 32,          /* traces at one time */
    TRACE_DEFAULT_MAX_EVENTS = 10000,
    TRACE_DEFAULT_MAX_RATE = 1000,
    TRACE_DEFAULT_RATE = 100,
    TRACE_DEFAULT_MEMORY = 16 * 1024 * 1024,
    TRACE_TERM_BYTES = 16 * 1024,    /* a larger term is cut */
    TRACE_QUEUE_BYTES = 4 * 1024 * 1024, /* when more waits to be told, new ones are cut to the bone */
    TRACE_CALLS = 256,               /* calls whose return is waited for, of one trace: the oldest is forgotten */
};

/* One event, or the end of a trace, in one block: waits to be told, is recorded, or both. */
struct trace_item {
    STAILQ_ENTRY(trace_item) link;
    TAILQ_ENTRY(trace_item) record;
    bool waiting, recorded, is_end;
    enum hm_trace_end why;
    size_t size;
    struct hm_trace_event event;
    unsigned char bytes[];
};

struct trace_call {
    uint64_t hash; /* of who asked, and the tag; 0: none */
    hm_pid who;
    const char *module;
};

struct trace {
    TAILQ_ENTRY(trace) link;
    struct tracing *tracing;
    struct hm_trace options; /* target, event and so on; the target's term is gone */
    uint64_t id;
    struct trace_target target;
    hm_process *owner; /* NULL: it ended */
    hm_pid owner_pid;
    struct process_waiter waiter;
    bool over;
    uint32_t events, in_window;
    struct mono window; /* when the present second began */
    struct trace_call *calls; /* TRACE_CALLS, with returns */
    unsigned next_call;
    struct trace_item *end; /* made with the trace: its end is told whatever memory there is */
};

/* otp->tracing */
struct tracing {
    struct hm_node *node;
    struct turn_task task;
    TAILQ_HEAD(trace_list, trace) traces; /* until their end was told */
    unsigned running, running_by_kind[TRACE_KINDS];
    uint64_t last_id;
    STAILQ_HEAD(, trace_item) waiting;
    size_t waiting_bytes;
    TAILQ_HEAD(, trace_item) records; /* the oldest first */
    size_t recorded_bytes;
    LIST_HEAD(, trace_sink) sinks;
    struct trace_sink *next_sink; /* while they are told */
    hm_build *build;              /* trace_watch.c */
};

/* The hooks. */
extern const struct node_trace trace_hooks;

/* May this trace have another event now? Ends it when its rate is passed. */
bool trace_is_due(struct trace *trace);
/* Adds one; ends the trace with its last. The terms are copied. */
void trace_add(struct trace *trace, enum hm_trace_type type, hm_term who, hm_term what, hm_term value);
void trace_end(struct trace *trace, enum hm_trace_end why);
bool trace_is_running(const struct tracing *tracing, uint64_t id);

/* Makes room for `size` bytes more by forgetting what traces recorded that are over. false: there is none. */
bool recorder_make_room(struct tracing *tracing, size_t size);
void recorder_add(struct tracing *tracing, struct trace_item *item);
void recorder_clear(struct tracing *tracing);
size_t recorder_capacity(const struct hm_node *node);
/* Frees it unless it waits or is recorded. */
void trace_item_release(struct trace_item *item);

#endif
