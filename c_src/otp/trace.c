#include "otp/trace.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "otp/trace_private.h"

enum { TOLD_PER_RUN = 64 }; /* events, before the processes get their turn */

static uint32_t or_default(uint32_t given, uint32_t usual) {
    return given ? given : usual;
}

/* ---- events ---- */

void trace_item_release(struct trace_item *item) {
    if (!item->waiting && !item->recorded)
        free(item);
}

static hm_term keep(unsigned char **room, hm_term term) {
    if (!term.size)
        return (hm_term){0};
    memcpy(*room, term.bytes, term.size);
    hm_term kept = {*room, term.size};
    *room += term.size;
    return kept;
}

static struct trace_item *item_new(hm_term who, hm_term what, hm_term value) {
    size_t bytes = who.size + what.size + value.size;
    struct trace_item *item = malloc(sizeof *item + bytes);
    if (!item)
        return NULL;
    *item = (struct trace_item){.size = sizeof *item + bytes};
    unsigned char *room = item->bytes;
    item->event.who = keep(&room, who);
    item->event.what = keep(&room, what);
    item->event.value = keep(&room, value);
    return item;
}

static void enqueue(struct tracing *tracing, struct trace_item *item) {
    item->waiting = true;
    tracing->waiting_bytes += item->size;
    STAILQ_INSERT_TAIL(&tracing->waiting, item, link);
    turn_add(tracing->node->turn, TURN_RUN, &tracing->task);
}

bool trace_is_due(struct trace *trace) {
    if (trace->over)
        return false;
    struct mono now = mono_now();
    if (mono_ms_between(trace->window, now) >= 1000) {
        trace->window = now;
        trace->in_window = 0;
    }
    if (trace->in_window < trace->options.rate)
        return true;
    trace_end(trace, HM_TRACE_RATE);
    return false;
}

void trace_add(struct trace *trace, enum hm_trace_type type, hm_term who, hm_term what, hm_term value) {
    struct tracing *tracing = trace->tracing;
    struct timespec now;
    struct trace_item *item = item_new(who, what, value);
    if (!item) {
        trace_end(trace, HM_TRACE_NO_MEMORY);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    item->event.trace = trace->id;
    item->event.type = type;
    item->event.time_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    if (trace->options.record) {
        if (!recorder_make_room(tracing, item->size)) {
            free(item);
            otp_of(tracing->node)->counters.traces_cut++;
            trace_end(trace, HM_TRACE_RECORDING_FULL);
            return;
        }
        recorder_add(tracing, item);
    }
    enqueue(tracing, item);
    trace->in_window++;
    otp_of(tracing->node)->counters.trace_events++;
    if (++trace->events >= trace->options.limit)
        trace_end(trace, HM_TRACE_LIMIT);
}

/* ---- life ---- */

bool trace_is_running(const struct tracing *tracing, uint64_t id) {
    const struct trace *trace;
    TAILQ_FOREACH(trace, &tracing->traces, link)
        if (trace->id == id)
            return !trace->over;
    return false;
}

void trace_end(struct trace *trace, enum hm_trace_end why) {
    struct tracing *tracing = trace->tracing;
    if (trace->over)
        return;
    trace->over = true;
    tracing->running_by_kind[trace->target.kind]--;
    if (--tracing->running == 0)
        tracing->node->trace = NULL;
    log_info(&tracing->node->log, "trace.end", "trace %llu of %s ends after %u events: %s", (unsigned long long)trace->id,
             trace->target.text, trace->events, hm_trace_end_name(why));
    trace->end->why = why;
    enqueue(tracing, trace->end);
    trace->end = NULL;
}

static void trace_delete(struct trace *trace) {
    TAILQ_REMOVE(&trace->tracing->traces, trace, link);
    if (trace->owner)
        process_unwait(&trace->waiter);
    free(trace->end);
    free(trace->calls);
    free(trace);
}

static void on_owner_ended(struct process_waiter *waiter, hm_term reason) {
    struct trace *trace = (struct trace *)((char *)waiter - offsetof(struct trace, waiter));
    (void)reason;
    trace->owner = NULL;
    trace_end(trace, HM_TRACE_OWNER_GONE);
}

static const struct waiter_class owner_class = {.ended = on_owner_ended};

/* ---- telling ---- */

static struct trace *find(const struct tracing *tracing, uint64_t id) {
    struct trace *trace;
    TAILQ_FOREACH(trace, &tracing->traces, link)
        if (trace->id == id)
            return trace;
    return NULL;
}

static void tell_sinks(struct tracing *tracing, const struct trace_item *item) {
    for (struct trace_sink *sink = LIST_FIRST(&tracing->sinks); sink; sink = tracing->next_sink) {
        tracing->next_sink = LIST_NEXT(sink, link);
        if (item->is_end && sink->on_end)
            sink->on_end(sink, item->event.trace, item->why);
        else if (!item->is_end && sink->on_event)
            sink->on_event(sink, &item->event);
    }
    tracing->next_sink = NULL;
}

static void tell_owner(struct tracing *tracing, const struct trace_item *item) {
    struct trace *trace = find(tracing, item->event.trace);
    if (trace && trace->owner && !trace->owner->ended) {
        if (item->is_end && trace->options.ended)
            trace->options.ended(trace->owner, trace->options.arg, trace->id, item->why, trace->events);
        else if (!item->is_end && trace->options.event)
            trace->options.event(trace->owner, trace->options.arg, &item->event);
    }
    if (trace && item->is_end)
        trace_delete(trace);
}

static void tell(struct turn_task *task) {
    struct tracing *tracing = turn_owner(task, struct tracing, task);
    struct trace_item *item;
    tracing->node->trace_quiet = true;
    for (unsigned told = 0; told < TOLD_PER_RUN && (item = STAILQ_FIRST(&tracing->waiting)); told++) {
        STAILQ_REMOVE_HEAD(&tracing->waiting, link);
        tracing->waiting_bytes -= item->size;
        tell_sinks(tracing, item);
        tell_owner(tracing, item);
        item->waiting = false;
        trace_item_release(item);
    }
    tracing->node->trace_quiet = false;
    if (!STAILQ_EMPTY(&tracing->waiting))
        turn_add(tracing->node->turn, TURN_RUN, &tracing->task);
}

/* ---- start and stop ---- */

static struct tracing *tracing_of(struct hm_node *node) {
    struct otp *otp = otp_of(node);
    if (otp->tracing)
        return otp->tracing;
    struct tracing *tracing = calloc(1, sizeof *tracing);
    hm_build *build = hm_build_new();
    if (!tracing || !build) {
        free(tracing);
        hm_build_free(build);
        return NULL;
    }
    tracing->node = node;
    tracing->build = build;
    tracing->task.run = tell;
    TAILQ_INIT(&tracing->traces);
    STAILQ_INIT(&tracing->waiting);
    TAILQ_INIT(&tracing->records);
    LIST_INIT(&tracing->sinks);
    return otp->tracing = tracing;
}

static int refuse(int error, char *why, size_t capacity, const char *format, ...) __attribute__((format(printf, 4, 5)));

static int refuse(int error, char *why, size_t capacity, const char *format, ...) {
    va_list arguments;
    if (why && capacity) {
        va_start(arguments, format);
        vsnprintf(why, capacity, format, arguments);
        va_end(arguments);
    }
    return error;
}

static int check_limits(const struct hm_node *node, const struct hm_trace *options, char *why, size_t capacity) {
    uint32_t most = or_default(node->tracing.max_events, TRACE_DEFAULT_MAX_EVENTS),
             fastest = or_default(node->tracing.max_rate, TRACE_DEFAULT_MAX_RATE);
    if (options->limit == 0 || options->limit > most)
        return refuse(HM_EINVAL, why, capacity, "a trace needs a limit of 1 to %u events", most);
    if (options->rate > fastest)
        return refuse(HM_EINVAL, why, capacity, "the rate must be 1 to %u events in one second", fastest);
    return HM_OK;
}

static void mark(void *arg, hm_process *process) {
    const struct trace *trace = arg;
    if (trace_target_is_process(&trace->target, process))
        process->traced = true;
}

int hm_trace_start(hm_process *self, const struct hm_trace *options, uint64_t *id, char *why, size_t capacity) {
    struct hm_node *node = self->node;
    struct tracing *tracing = tracing_of(node);
    if (!tracing)
        return refuse(HM_ENOMEM, why, capacity, "%s", hm_strerror(HM_ENOMEM));
    int error = check_limits(node, options, why, capacity);
    if (error)
        return error;
    uint32_t most = or_default(node->tracing.max, TRACE_DEFAULT_MAX);
    if (tracing->running >= most) {
        otp_of(node)->counters.traces_refused++;
        return refuse(HM_ELIMIT, why, capacity, "%u traces run already", most);
    }
    struct trace *trace = calloc(1, sizeof *trace);
    error = trace ? trace_target_read(node, options->target, &trace->target, why, capacity) : HM_ENOMEM;
    if (!error && trace_target_is_process(&trace->target, self))
        error = refuse(HM_EINVAL, why, capacity, "a tracer cannot trace itself");
    if (!error && options->record && !recorder_make_room(tracing, sizeof(struct trace_item))) {
        otp_of(node)->counters.traces_cut++;
        error = refuse(HM_ELIMIT, why, capacity, "the recording is full (%zu bytes)", recorder_capacity(node));
    }
    if (error)
        goto fail;
    error = HM_ENOMEM;
    trace->end = item_new((hm_term){0}, (hm_term){0}, (hm_term){0});
    trace->calls = options->returns ? calloc(TRACE_CALLS, sizeof *trace->calls) : NULL;
    if (!trace->end || (options->returns && !trace->calls))
        goto fail;
    trace->tracing = tracing;
    trace->options = *options;
    trace->options.target = (hm_term){0};
    uint32_t fastest = or_default(node->tracing.max_rate, TRACE_DEFAULT_MAX_RATE);
    if (!trace->options.rate)
        trace->options.rate = fastest < TRACE_DEFAULT_RATE ? fastest : TRACE_DEFAULT_RATE;
    trace->id = ++tracing->last_id;
    trace->end->is_end = true;
    trace->end->event.trace = trace->id;
    trace->window = mono_now();
    trace->owner = self;
    trace->owner_pid = self->pid;
    process_wait(self, &trace->waiter, &owner_class);
    TAILQ_INSERT_TAIL(&tracing->traces, trace, link);
    tracing->running++;
    tracing->running_by_kind[trace->target.kind]++;
    node->trace = &trace_hooks;
    if (trace->target.kind == TRACE_PROCESS)
        process_each(node, mark, trace);
    log_info(&node->log, "trace.start", "trace %llu of %s, at most %u events", (unsigned long long)trace->id, trace->target.text,
             options->limit);
    if (id)
        *id = trace->id;
    return HM_OK;
fail:
    if (error == HM_ENOMEM)
        refuse(error, why, capacity, "%s", hm_strerror(error));
    if (trace) {
        free(trace->end);
        free(trace->calls);
    }
    free(trace);
    return error;
}

int hm_trace_stop(hm_node *node, uint64_t id) {
    struct tracing *tracing = otp_of(node)->tracing;
    struct trace *trace = tracing ? find(tracing, id) : NULL;
    if (!trace || trace->over)
        return HM_ENOENT;
    trace_end(trace, HM_TRACE_STOPPED);
    return HM_OK;
}

unsigned trace_count(const struct hm_node *node) {
    const struct tracing *tracing = otp_of(node)->tracing;
    return tracing ? tracing->running : 0;
}

void hm_trace_each(hm_node *node, void (*each)(void *arg, const struct hm_trace_info *info), void *arg) {
    const struct tracing *tracing = otp_of(node)->tracing;
    const struct trace *trace;
    if (!tracing)
        return;
    TAILQ_FOREACH(trace, &tracing->traces, link) {
        const struct hm_trace *options = &trace->options;
        if (!trace->over)
            each(arg, &(struct hm_trace_info){trace->id, trace->target.text, trace->owner_pid, options->limit, options->rate,
                                              trace->events, options->returns, options->record, options->local,
                                              options->messages});
    }
}

int trace_sink_add(struct hm_node *node, struct trace_sink *sink) {
    struct tracing *tracing = tracing_of(node);
    if (!tracing)
        return HM_ENOMEM;
    sink->tracing = tracing;
    LIST_INSERT_HEAD(&tracing->sinks, sink, link);
    return HM_OK;
}

void trace_sink_remove(struct trace_sink *sink) {
    if (sink->tracing->next_sink == sink)
        sink->tracing->next_sink = LIST_NEXT(sink, link);
    LIST_REMOVE(sink, link);
}

void trace_free(struct hm_node *node) {
    struct tracing *tracing = otp_of(node)->tracing;
    struct trace *trace;
    struct trace_item *item;
    if (!tracing)
        return;
    node->trace = NULL;
    while ((trace = TAILQ_FIRST(&tracing->traces)))
        trace_delete(trace);
    while ((item = STAILQ_FIRST(&tracing->waiting))) {
        STAILQ_REMOVE_HEAD(&tracing->waiting, link);
        item->waiting = false;
        trace_item_release(item);
    }
    recorder_clear(tracing);
    turn_remove(node->turn, &tracing->task);
    hm_build_free(tracing->build);
    free(tracing);
    otp_of(node)->tracing = NULL;
}
