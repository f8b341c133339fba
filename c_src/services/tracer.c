/*
 * `tracer`: tracing of this node, for other nodes. What it is asked is in tracer_request.h; docs/tracing.md is for those who ask.
 *
 * A session is a trace (<hermod/trace.h>) and who hears of it: a handler, which gets dbg's messages and at the end {trace_end, Id, Reason,
 * Events}; or, without one, the log of this node and the logger of the node that asked, in words. It ends with the process that asked and
 * with the handler: both are monitored, so it ends with their nodes, too.
 *
 * Tracing shows what others send. A node may ask for it if it may call functions of a module `tracer` (--allow-rpc, --deny-rpc).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include <hermod/function.h>
#include <hermod/trace.h>

#include "services/services.h"
#include "services/tracer_request.h"

enum { WHY_SIZE = 256, NAME_SIZE = HM_ATOM_BYTES };

struct session {
    LIST_ENTRY(session) link;
    uint64_t id;
    hm_pid owner;
    hm_ref owner_ref, handler_ref;
    bool has_handler, timestamp;
    enum tracer_output output;
    hm_pid handler;                /* HM_NO_PID: by name */
    const hm_node_name *handler_node;
    char handler_name[NAME_SIZE];
    char target[WHY_SIZE];
};

struct tracer {
    LIST_HEAD(, session) sessions;
    hm_build *build;
};

/* ---- telling ---- */

static hm_address handler_of(const struct session *session) {
    return session->handler.node ? hm_to_pid(session->handler) : hm_to_name(session->handler_name, session->handler_node);
}

/* As if that node had logged it (lib/kernel/src/logger.erl sends what a process logs whose group leader is there). */
static void tell_logger(hm_process *self, const struct session *session, const char *text, int64_t time_us) {
    const hm_node_name *there = session->owner.node;
    if (there != hm_self(self).node)
        hm_sendf(self, hm_to_name("logger_proxy", there), "{log, info, ~c, [~s], #{gl => ~p, pid => ~p, time => ~i}}", "~ts", text,
                 session->owner, hm_self(self), time_us);
}

/* Who does not read what it asked for gets no more: events would wait here in its place. */
static bool is_too_slow(hm_process *self, const struct session *session, const struct hm_trace_event *event) {
    const hm_node_name *there = !session->has_handler ? session->owner.node
                                : session->handler.node ? session->handler.node
                                                        : session->handler_node;
    if (!hm_is_busy(hm_node_of(self), there) || hm_trace_stop(hm_node_of(self), event->trace))
        return false;
    hm_log(self, HM_LOG_WARN, "trace.slow", "%s does not read what it traces: trace %llu is stopped", hm_node_name_text(there),
           (unsigned long long)event->trace);
    return true;
}

static void on_event(hm_process *self, void *arg, const struct hm_trace_event *event) {
    const struct session *session = arg;
    const struct tracer *tracer = hm_data(self);
    char *text;
    if ((session->has_handler || session->output & TRACER_TO_LOGGER) && is_too_slow(self, session, event))
        return;
    if (session->has_handler) {
        hm_build_reset(tracer->build);
        hm_trace_put(tracer->build, event, session->timestamp);
        if (hm_build_error(tracer->build) == HM_OK)
            hm_send(self, handler_of(session), hm_build_term(tracer->build));
    }
    if (!session->output || hm_trace_print(event, HM_SYNTAX_ELIXIR, 0, &text) != 0)
        return;
    if (session->output & TRACER_TO_LOG)
        hm_log(self, HM_LOG_INFO, "trace.event", "%s", text);
    if (session->output & TRACER_TO_LOGGER)
        tell_logger(self, session, text, event->time_us);
    free(text);
}

static void session_free(hm_process *self, struct session *session) {
    LIST_REMOVE(session, link);
    hm_demonitor(self, &session->owner_ref);
    if (session->has_handler)
        hm_demonitor(self, &session->handler_ref);
    free(session);
}

static void on_ended(hm_process *self, void *arg, uint64_t trace, enum hm_trace_end why, uint32_t events) {
    struct session *session = arg;
    char text[2 * WHY_SIZE];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (session->has_handler)
        hm_sendf(self, handler_of(session), "{trace_end, ~u, ~a, ~u}", trace, hm_trace_end_name(why), (uint64_t)events);
    snprintf(text, sizeof text, "Tracing of %s ends after %u event%s: %s", session->target, events, events == 1 ? "" : "s",
             hm_trace_end_name(why));
    if (session->output & TRACER_TO_LOGGER)
        tell_logger(self, session, text, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    session_free(self, session);
}

/* ---- requests ---- */

static enum hm_verdict refuse(hm_process *self, const hm_from *from, int error, const struct hm_trace *trace, const char *why) {
    switch (error) {
    case HM_ENOPROC:
        return hm_reply(self, from, "{error, noproc}");
    case HM_ENOENT:
        return hm_reply(self, from, "{error, undef}");
    case HM_ENOCONNECTION:
        return hm_reply(self, from, "{error, noconnection}");
    case HM_ELIMIT:
        return hm_reply(self, from, "{error, ~a}", trace->record && strstr(why, "recording") ? "recording_full" : "system_limit");
    case HM_EINVAL:
        return hm_reply(self, from, "{error, {badarg, ~s}}", why);
    default:
        return hm_reply(self, from, "{error, system_limit}");
    }
}

static bool read_handler(hm_process *self, const struct tracer_request *request, struct session *session) {
    char node[NAME_SIZE];
    hm_term parts[2];
    size_t size;
    session->has_handler = request->handler.size != 0;
    if (!session->has_handler || hm_get_pid(hm_node_of(self), request->handler, &session->handler))
        return true;
    return hm_tuple_elements(request->handler, 2, parts) &&
           hm_get_text(parts[0], session->handler_name, sizeof session->handler_name, &size) &&
           hm_get_text(parts[1], node, sizeof node, &size) &&
           (session->handler_node = hm_node_find(hm_node_of(self), node)) != NULL;
}

static void keep_target(struct session *session, hm_term target) {
    char *text = NULL;
    if (hm_term_print(target, HM_SYNTAX_ELIXIR, sizeof session->target - 8, &text) == 0)
        snprintf(session->target, sizeof session->target, "%s", text);
    free(text);
}

/* Monitors those that it is for. */
static int watch(hm_process *self, struct session *session) {
    int error = hm_monitor(self, hm_to_pid(session->owner), &session->owner_ref);
    if (error || !session->has_handler)
        return error;
    error = hm_monitor(self, handler_of(session), &session->handler_ref);
    if (error)
        hm_demonitor(self, &session->owner_ref);
    return error;
}

static enum hm_verdict start_trace(hm_process *self, const struct tracer_request *request, const hm_from *from) {
    struct tracer *tracer = hm_data(self);
    struct session *session = calloc(1, sizeof *session);
    struct hm_trace trace = {.target = request->target, .limit = request->limit, .rate = request->rate,
                             .returns = request->returns, .record = request->record, .local = request->local,
                             .messages = request->messages, .event = on_event, .ended = on_ended, .arg = session};
    char why[WHY_SIZE] = "";
    if (!session)
        return refuse(self, from, HM_ENOMEM, &trace, why);
    session->owner = hm_from_pid(from);
    session->timestamp = request->timestamp;
    if (!read_handler(self, request, session)) {
        free(session);
        return refuse(self, from, HM_EINVAL, &trace, "the handler is of a node that cannot be named here");
    }
    session->output = !session->has_handler || request->has_output ? request->output : TRACER_TO_NOBODY;
    keep_target(session, request->target);
    int error = watch(self, session);
    if (!error && (error = hm_trace_start(self, &trace, &session->id, why, sizeof why))) {
        hm_demonitor(self, &session->owner_ref);
        if (session->has_handler)
            hm_demonitor(self, &session->handler_ref);
    }
    if (error) {
        free(session);
        return refuse(self, from, error, &trace, why);
    }
    LIST_INSERT_HEAD(&tracer->sessions, session, link);
    return hm_reply(self, from, "{ok, ~u}", session->id);
}

struct list {
    const struct tracer *tracer;
    hm_build *build;
    uint32_t count;
};

/* Who asked this tracer for it; a C program's trace is its own. */
static hm_pid owner_of(const struct tracer *tracer, const struct hm_trace_info *info) {
    const struct session *session;
    LIST_FOREACH(session, &tracer->sessions, link)
        if (session->id == info->id)
            return session->owner;
    return info->owner;
}

static void put_info(void *arg, const struct hm_trace_info *info) {
    static const char *const BOOL[] = {"false", "true"};
    struct list *list = arg;
    hm_put_format(list->build,
                  "#{id => ~u, target => ~s, owner => ~p, limit => ~u, rate => ~u, events => ~u, return => ~a, record => ~a, "
                  "scope => ~a, messages => ~a}",
                  info->id, info->target, owner_of(list->tracer, info), (uint64_t)info->limit, (uint64_t)info->rate, (uint64_t)info->events,
                  BOOL[info->returns], BOOL[info->record], info->local ? "local" : "external", BOOL[info->messages]);
    list->count++;
}

static enum hm_verdict reply_built(hm_process *self, const hm_from *from, const hm_build *build) {
    if (hm_build_error(build) != HM_OK)
        return hm_reply(self, from, "{error, system_limit}");
    return hm_reply_term(self, from, hm_build_term(build));
}

static enum hm_verdict list_traces(hm_process *self, const hm_from *from) {
    const struct tracer *tracer = hm_data(self);
    struct list list = {tracer, tracer->build, 0};
    hm_build_reset(list.build);
    size_t begin = hm_put_list_begin(list.build);
    hm_trace_each(hm_node_of(self), put_info, &list);
    hm_put_list_end(list.build, begin, list.count);
    return reply_built(self, from, list.build);
}

static enum hm_verdict play_back(hm_process *self, const struct tracer_request *request, const hm_from *from) {
    hm_build *build = hm_build_new(); /* not tracer->build: it may become large */
    if (!build)
        return hm_reply(self, from, "{error, system_limit}");
    hm_trace_playback(hm_node_of(self), request->id, request->as_messages, build);
    enum hm_verdict verdict = reply_built(self, from, build);
    hm_build_free(build);
    return verdict;
}

/* This tracer's; those that C programs run are theirs. */
static void stop_all(hm_process *self) {
    const struct tracer *tracer = hm_data(self);
    const struct session *session;
    LIST_FOREACH(session, &tracer->sessions, link)
        hm_trace_stop(hm_node_of(self), session->id);
}

static bool is_allowed(hm_process *self) {
    const hm_node_name *origin = hm_origin(self);
    if (!origin || hm_rpc_is_allowed(hm_node_of(self), origin, "tracer"))
        return true;
    hm_log(self, HM_LOG_WARN, "trace.denied", "node=%s may not trace (--allow-rpc, --deny-rpc)", hm_node_name_text(origin));
    return false;
}

static enum hm_verdict on_call(hm_process *self, hm_term term, const hm_from *from) {
    struct tracer_request request;
    char why[WHY_SIZE];
    if (!is_allowed(self))
        return hm_reply(self, from, "{error, not_allowed}");
    int error = tracer_request_read(term, &request, why, sizeof why);
    if (error == HM_EINVAL)
        return hm_reply(self, from, "{error, {badarg, ~s}}", why);
    if (error)
        return HM_UNKNOWN;
    switch (request.what) {
    case TRACER_TRACE:
        return start_trace(self, &request, from);
    case TRACER_STOP:
        return hm_reply(self, from, hm_trace_stop(hm_node_of(self), request.id) ? "{error, noent}" : "ok");
    case TRACER_STOP_ALL:
        stop_all(self);
        return hm_reply(self, from, "ok");
    case TRACER_PLAYBACK:
        return play_back(self, &request, from);
    case TRACER_FORGET:
        hm_trace_forget(hm_node_of(self));
        return hm_reply(self, from, "ok");
    case TRACER_LIST:
        return list_traces(self, from);
    }
    return HM_UNKNOWN;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    const struct tracer *tracer = hm_data(self);
    struct session *session, *next;
    hm_term ref_term;
    hm_ref ref;
    if (!hm_match(message, "{'DOWN', ~t, process, _, _}", &ref_term) || !hm_get_ref(hm_node_of(self), ref_term, &ref))
        return HM_UNKNOWN;
    for (session = LIST_FIRST(&tracer->sessions); session; session = next) {
        next = LIST_NEXT(session, link);
        if (!hm_ref_equal(&session->owner_ref, &ref) && !(session->has_handler && hm_ref_equal(&session->handler_ref, &ref)))
            continue;
        session->has_handler = session->has_handler && !hm_ref_equal(&session->handler_ref, &ref);
        session->output = session->output & TRACER_TO_LOG;
        hm_trace_stop(hm_node_of(self), session->id);
    }
    return HM_CONTINUE;
}

static void put_state(hm_process *self, hm_build *state) {
    const struct tracer *tracer = hm_data(self);
    const struct session *session;
    uint64_t count = 0;
    LIST_FOREACH(session, &tracer->sessions, link)
        count++;
    hm_put_format(state, "#{traces => ~u}", count);
}

static int init(hm_process *self, void *argument) {
    (void)argument;
    struct tracer *tracer = calloc(1, sizeof *tracer);
    if (!tracer || !(tracer->build = hm_build_new())) {
        free(tracer);
        return HM_ENOMEM;
    }
    hm_set_data(self, tracer);
    return HM_OK;
}

/* The traces end with this process. */
static void terminate(hm_process *self, hm_term reason) {
    struct tracer *tracer = hm_data(self);
    struct session *session;
    (void)reason;
    while ((session = LIST_FIRST(&tracer->sessions)))
        session_free(self, session);
    hm_build_free(tracer->build);
    free(tracer);
}

static const struct hm_server_class class = {
    .module = "tracer",
    .init = init,
    .call = on_call,
    .info = on_info,
    .terminate = terminate,
    .state = put_state,
};

int tracer_start(hm_node *node, const struct service_config *config) {
    (void)config;
    return hm_server_start(node, &class, &(struct hm_start){.name = "tracer", .trap_exit = true, .restart = true}, NULL, NULL);
}
