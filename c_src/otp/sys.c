#include "otp/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dist/left_out.h"
#include "node/registry.h"
#include "otp/hermod_sup.h"
#include "otp/releases.h"

enum {
    LOG_DEFAULT = 10,       /* sys:log(Pid, true) */
    LOG_EVENTS_MAX = 10000, /* whatever {true, N} asks for */
    LOG_BYTES_MAX = 16 * 1024 * 1024,
    PRINTED_BYTES = 1000, /* of an event in the log */
    ANCESTORS_MAX = 32,
};

/* One event, encoded as sys:log(Pid, get) shows it: {in, Msg}, {out, Reply, From, State} or {noreply, State}.
 */
struct sys_event {
    STAILQ_ENTRY(sys_event) link;
    size_t size;
    unsigned char at[];
};

struct sys_debug {
    bool trace, log, statistics;
    uint32_t log_limit, log_count;
    size_t log_bytes;
    STAILQ_HEAD(, sys_event) events;
    int64_t since; /* statistics: wall clock, and what had been handled before */
    uint64_t handled_before;
    uint64_t messages_in, messages_out;
    struct block *reply; /* what the running handler has answered */
};

/* ---- pieces of answers ---- */

void sys_put_state(hm_process *self, hm_build *build) {
    const struct gen_server *server = self->state;
    if (server->class->state)
        server->class->state(self, build);
    else
        hm_put_atom(build, "undefined");
}

void sys_put_local_time(hm_build *build, int64_t seconds) {
    time_t when = (time_t)seconds;
    struct tm tm = {0};
    localtime_r(&when, &tm);
    hm_put_format(build, "{{~i, ~i, ~i}, {~i, ~i, ~i}}", (int64_t)tm.tm_year + 1900, (int64_t)tm.tm_mon + 1,
                  (int64_t)tm.tm_mday, (int64_t)tm.tm_hour, (int64_t)tm.tm_min, (int64_t)tm.tm_sec);
}

/* As proc_lib has it: a supervisor's callback module says so. */
void sys_put_initial_call(const hm_process *process, hm_build *build) {
    const struct gen_server *server = process->state;
    if (server->class == &hermod_sup_class)
        hm_put_format(build, "{supervisor, ~a, 1}", server->class->module);
    else
        hm_put_format(build, "{~a, init, 1}", server->class->module);
}

/* The parent, its parent and so on, by name where they have one (proc_lib:get_ancestors/0). */
void sys_put_ancestors(const hm_process *process, hm_build *build) {
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    while (process && process->parent.node && count < ANCESTORS_MAX) {
        hm_pid pid = process->parent;
        process = process_lookup(process->node, pid);
        struct bytes name = process ? registry_name(process) : bytes_of(NULL, 0);
        if (name.size)
            hm_put_atom_n(build, (const char *)name.at, name.size);
        else
            hm_put_pid(build, pid);
        count++;
    }
    hm_put_list_end(build, begin, count);
}

void sys_put_dictionary(const hm_process *process, hm_build *build) {
    hm_put_list(build, 2);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "$initial_call");
    sys_put_initial_call(process, build);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "$ancestors");
    sys_put_ancestors(process, build);
    hm_put_nil(build);
}

static hm_pid parent_of(const hm_process *process) {
    return process->parent.node ? process->parent
                                : process->pid; /* as for a server that gen_server:start started */
}

static uint64_t handled_since(const hm_process *self, const struct sys_debug *debug) {
    return self->handled - debug->handled_before;
}

/* ---- events ---- */

static void drop_oldest(struct sys_debug *debug) {
    struct sys_event *event = STAILQ_FIRST(&debug->events);
    STAILQ_REMOVE_HEAD(&debug->events, link);
    debug->log_count--;
    debug->log_bytes -= event->size;
    free(event);
}

static void trim_log(struct sys_debug *debug) {
    while (debug->log_count > debug->log_limit || debug->log_bytes > LOG_BYTES_MAX)
        drop_oldest(debug);
}

static void clear_log(struct sys_debug *debug) {
    while (debug->log_count)
        drop_oldest(debug);
}

/* malloc'ed, or NULL without memory. */
static char *printed(hm_term term) {
    char *text = NULL;
    return hm_term_print(term, HM_SYNTAX_ERLANG, PRINTED_BYTES, &text) == HM_OK ? text : NULL;
}

static const char *or_nothing(const char *text) {
    return text ? text : "(no memory to print it)";
}

/* gen_server:print_event/3. */
static void print_event(hm_process *self, const char *id, hm_term event) {
    const struct log *log = &self->node->log;
    struct process_label label = process_label(self);
    hm_term what, who, state;
    char *texts[3] = {NULL, NULL, NULL};
    if (hm_match(event, "{in, {'$gen_call', {~t, _}, ~t}}", &who, &what)) {
        texts[0] = printed(what);
        texts[1] = printed(who);
        log_info(log, id, "*DBG* %s got call %s from %s", label.text, or_nothing(texts[0]),
                 or_nothing(texts[1]));
    } else if (hm_match(event, "{in, {'$gen_cast', ~t}}", &what)) {
        texts[0] = printed(what);
        log_info(log, id, "*DBG* %s got cast %s", label.text, or_nothing(texts[0]));
    } else if (hm_match(event, "{in, ~t}", &what)) {
        texts[0] = printed(what);
        log_info(log, id, "*DBG* %s got %s", label.text, or_nothing(texts[0]));
    } else if (hm_match(event, "{out, ~t, {~t, _}, ~t}", &what, &who, &state)) {
        texts[0] = printed(what);
        texts[1] = printed(who);
        texts[2] = printed(state);
        log_info(log, id, "*DBG* %s sent %s to %s, new state %s", label.text, or_nothing(texts[0]),
                 or_nothing(texts[1]), or_nothing(texts[2]));
    } else if (hm_match(event, "{noreply, ~t}", &state)) {
        texts[0] = printed(state);
        log_info(log, id, "*DBG* %s new state %s", label.text, or_nothing(texts[0]));
    }
    for (size_t i = 0; i < 3; i++)
        free(texts[i]);
}

static void keep_event(struct sys_debug *debug, hm_term event) {
    struct sys_event *kept = malloc(sizeof *kept + event.size);
    if (!kept)
        return;
    kept->size = event.size;
    memcpy(kept->at, event.bytes, event.size);
    STAILQ_INSERT_TAIL(&debug->events, kept, link);
    debug->log_count++;
    debug->log_bytes += event.size;
    trim_log(debug);
}

static void show_event(hm_process *self, struct sys_debug *debug, hm_build *build) {
    if (!build || hm_build_error(build) != HM_OK)
        return;
    hm_term event = hm_build_term(build);
    if (debug->trace)
        print_event(self, "sys.trace", event);
    if (debug->log)
        keep_event(debug, event);
}

static struct sys_debug *debug_of(hm_process *self) {
    return ((struct gen_server *)self->state)->debug;
}

void sys_event_in(hm_process *self, hm_term message) {
    struct sys_debug *debug = debug_of(self);
    debug->messages_in++;
    block_release(debug->reply);
    debug->reply = NULL;
    if (!debug->trace && !debug->log)
        return;
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{in, ~t}", message);
    show_event(self, debug, build);
    hm_build_free(build);
}

void sys_note_reply(struct sys_debug *debug, hm_term reply) {
    block_release(debug->reply);
    debug->reply = block_copy(bytes_of(reply.bytes, reply.size));
}

void sys_event_done(hm_process *self, const struct hm_from *from) {
    struct sys_debug *debug = debug_of(self);
    struct block *reply = from ? debug->reply : NULL;
    if (reply)
        debug->messages_out++;
    hm_build *build = debug->trace || debug->log ? hm_build_new() : NULL;
    if (build && reply) {
        hm_put_tuple(build, 4);
        hm_put_atom(build, "out");
        hm_put_term(build, (hm_term){reply->at, reply->size});
        hm_put_tuple(build, 2);
        hm_put_pid(build, from->pid);
        hm_put_term(build, from->tag);
        sys_put_state(self, build);
    } else if (build) {
        hm_put_tuple(build, 2);
        hm_put_atom(build, "noreply");
        sys_put_state(self, build);
    }
    show_event(self, debug, build);
    hm_build_free(build);
    block_release(debug->reply);
    debug->reply = NULL;
}

/* ---- debug options ---- */

void sys_debug_free(struct sys_debug *debug) {
    if (!debug)
        return;
    clear_log(debug);
    block_release(debug->reply);
    free(debug);
}

static struct sys_debug *need_debug(struct gen_server *server) {
    if (!server->debug && (server->debug = calloc(1, sizeof *server->debug)))
        STAILQ_INIT(&server->debug->events);
    return server->debug;
}

static void drop_unused_debug(struct gen_server *server) {
    const struct sys_debug *debug = server->debug;
    if (debug && !debug->trace && !debug->log && !debug->statistics) {
        sys_debug_free(server->debug);
        server->debug = NULL;
    }
}

static uint32_t put_events(const struct sys_debug *debug, hm_build *build) {
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    const struct sys_event *event;
    if (debug && debug->log)
        STAILQ_FOREACH (event, &debug->events, link) {
            hm_put_term(build, (hm_term){event->at, event->size});
            count++;
        }
    hm_put_list_end(build, begin, count);
    return count;
}

static void print_log(hm_process *self, const struct sys_debug *debug) {
    const struct sys_event *event;
    if (debug && debug->log)
        STAILQ_FOREACH (event, &debug->events, link)
            print_event(self, "sys.log", (hm_term){event->at, event->size});
}

static void put_statistics(hm_process *self, const struct sys_debug *debug, hm_build *build) {
    if (!debug || !debug->statistics) {
        hm_put_format(build, "{ok, no_statistics}");
        return;
    }
    hm_put_tuple(build, 2);
    hm_put_atom(build, "ok");
    hm_put_list(build, 5);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "start_time");
    sys_put_local_time(build, debug->since);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "current_time");
    sys_put_local_time(build, time(NULL));
    hm_put_format(build, "{reductions, ~u}", handled_since(self, debug));
    hm_put_format(build, "{messages_in, ~u}", debug->messages_in);
    hm_put_format(build, "{messages_out, ~u}", debug->messages_out);
    hm_put_nil(build);
}

static void start_statistics(hm_process *self, struct sys_debug *debug) {
    if (debug->statistics)
        return; /* install_debug/3 keeps what is there */
    debug->statistics = true;
    debug->since = time(NULL);
    debug->handled_before = self->handled;
    debug->messages_in = debug->messages_out = 0;
}

static void start_log(struct sys_debug *debug, int64_t limit) {
    debug->log = true;
    debug->log_limit = limit > LOG_EVENTS_MAX ? LOG_EVENTS_MAX : (uint32_t)limit;
    trim_log(debug);
}

/* sys:debug_cmd/2. */
static void do_debug(hm_process *self, struct gen_server *server, hm_term what, hm_build *reply) {
    bool on = false;
    int64_t limit = LOG_DEFAULT;
    hm_term item = {0}, value = {0};
    bool pair = hm_match(what, "{~t, ~t}", &item, &value);
    struct sys_debug *debug = server->debug;
    if (hm_is_atom(what, "no_debug")) {
        sys_debug_free(debug);
        server->debug = NULL;
        hm_put_atom(reply, "ok");
        return;
    }
    if (pair && hm_is_atom(item, "log") && hm_is_atom(value, "get")) {
        hm_put_tuple(reply, 2);
        hm_put_atom(reply, "ok");
        put_events(debug, reply);
        return;
    }
    if (pair && hm_is_atom(item, "log") && hm_is_atom(value, "print")) {
        print_log(self, debug);
        hm_put_atom(reply, "ok");
        return;
    }
    if (pair && hm_is_atom(item, "statistics") && hm_is_atom(value, "get")) {
        put_statistics(self, debug, reply);
        return;
    }
    if (pair && hm_is_atom(item, "log_to_file")) {
        /* A file of this machine is not a peer's to name. */
        hm_put_format(reply, hm_is_atom(value, "false") ? "ok" : "{error, open_file}");
        return;
    }
    if ((pair && (hm_is_atom(item, "install") || hm_is_atom(item, "remove")))) {
        hm_put_atom(reply, "ok"); /* accepted; a fun of another machine's code never runs here */
        return;
    }
    bool is_log_limit =
        pair && hm_is_atom(item, "log") && hm_match(value, "{true, ~i}", &limit) && limit >= 1;
    if (!pair ||
        !(is_log_limit || (hm_get_bool(value, &on) && (hm_is_atom(item, "trace") || hm_is_atom(item, "log") ||
                                                       hm_is_atom(item, "statistics"))))) {
        hm_put_atom(reply, "unknown_debug");
        return;
    }
    on = is_log_limit || on;
    if (!on && !debug) {
        hm_put_atom(reply, "ok");
        return;
    }
    debug = need_debug(server);
    if (!debug) {
        hm_put_format(reply, "{error, system_limit}");
        return;
    }
    if (hm_is_atom(item, "trace")) {
        debug->trace = on;
    } else if (hm_is_atom(item, "statistics")) {
        if (on)
            start_statistics(self, debug);
        else
            debug->statistics = false;
    } else if (on) {
        start_log(debug, limit);
    } else {
        debug->log = false;
        clear_log(debug);
    }
    drop_unused_debug(server);
    hm_put_atom(reply, "ok");
}

/* ---- get_status ---- */

/* sys:debug_options as a list: what is on, in the shapes of OTP (a log is shown empty here: its events are in
 * the status). */
static void put_debug_options(const struct sys_debug *debug, hm_build *build) {
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    if (debug && debug->trace) {
        hm_put_format(build, "{trace, true}");
        count++;
    }
    if (debug && debug->log) {
        hm_put_format(build, "{log, [~u]}", (uint64_t)debug->log_limit);
        count++;
    }
    if (debug && debug->statistics) {
        hm_put_tuple(build, 2);
        hm_put_atom(build, "statistics");
        hm_put_tuple(build, 4);
        sys_put_local_time(build, debug->since);
        hm_put_format(build, "{reductions, ~u}", debug->handled_before);
        hm_put_uint64(build, debug->messages_in);
        hm_put_uint64(build, debug->messages_out);
        count++;
    }
    hm_put_list_end(build, begin, count);
}

static void put_pair(hm_build *build, const char *key) {
    hm_put_tuple(build, 2);
    hm_put_charlist(build, key);
}

static void put_header(const hm_process *self, hm_build *build) {
    char text[64 + HM_ATOM_BYTES];
    struct bytes name = registry_name(self);
    if (name.size)
        snprintf(text, sizeof text, "Status for generic server %.*s", (int)name.size, (const char *)name.at);
    else
        snprintf(text, sizeof text, "Status for generic server <0.%u.%u>", self->pid.id, self->pid.serial);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "header");
    hm_put_charlist(build, text);
}

/* gen_server:format_status/2 around sys:get_status/5; a supervisor adds what supervisor:get_callback_module/1 reads. */
void sys_put_status(hm_process *self, hm_build *build) {
    const struct gen_server *server = self->state;
    const char *state = self->suspended ? "suspended" : "running";
    hm_put_tuple(build, 4);
    hm_put_atom(build, "status");
    hm_put_pid(build, self->pid);
    hm_put_format(build, "{module, gen_server}");
    hm_put_list(build, 5);
    sys_put_dictionary(self, build);
    hm_put_atom(build, state);
    hm_put_pid(build, parent_of(self));
    put_debug_options(server->debug, build);
    bool is_supervisor = server->class == &hermod_sup_class;
    hm_put_list(build, is_supervisor ? 4 : 3);
    put_header(self, build);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "data");
    hm_put_list(build, 3);
    put_pair(build, "Status");
    hm_put_atom(build, state);
    put_pair(build, "Parent");
    hm_put_pid(build, parent_of(self));
    put_pair(build, "Logged events");
    put_events(server->debug, build);
    hm_put_nil(build);
    hm_put_tuple(build, 2);
    hm_put_atom(build, "data");
    hm_put_list(build, 1);
    put_pair(build, "State");
    sys_put_state(self, build);
    hm_put_nil(build);
    if (is_supervisor)
        hm_put_format(build, "{supervisor, [{~c, ~a}]}", "Callback", server->class->module);
    hm_put_nil(build);
    hm_put_nil(build);
}

/* ---- get_state ---- */

/* An answer that waits until the caller's release is known. The state is the one of the time of the question.
 */
struct waiting_state {
    hm_pid server;
    hm_from *from;
    hm_term state;
};

static void send_state(struct hm_node *node, hm_pid server, const struct hm_from *from, hm_term state,
                       enum state_form form) {
    hm_build *build = hm_build_new();
    if (!build)
        return;
    if (form == STATE_BARE)
        hm_put_term(build, state);
    else
        hm_put_format(build, "{ok, ~t}", state);
    if (hm_build_error(build) == HM_OK)
        gen_server_send_reply(node, server, from, hm_build_term(build));
    hm_build_free(build);
}

static void on_release(struct hm_node *node, enum state_form form, void *arg) {
    struct waiting_state *waiting = arg;
    if (form != STATE_UNKNOWN)
        send_state(node, waiting->server, waiting->from, waiting->state, form);
    hm_from_free(waiting->from);
    free((void *)(uintptr_t)waiting->state.bytes);
    free(waiting);
}

/* Asks for the caller's release and answers then. false: without memory or way to ask. */
static bool answer_later(hm_process *self, const struct hm_from *from, hm_term state) {
    struct waiting_state *waiting = calloc(1, sizeof *waiting);
    if (!waiting)
        return false;
    waiting->server = self->pid;
    waiting->from = hm_from_keep(from);
    if (waiting->from && hm_term_copy(state, &waiting->state) == HM_OK &&
        releases_ask(self->node, from->pid.node, on_release, waiting) == HM_OK)
        return true;
    hm_from_free(waiting->from);
    free((void *)(uintptr_t)waiting->state.bytes);
    free(waiting);
    return false;
}

static void answer_state(hm_process *self, const struct hm_from *from) {
    hm_build *build = hm_build_new();
    if (!build)
        return;
    sys_put_state(self, build);
    if (hm_build_error(build) == HM_OK) {
        enum state_form form = releases_state_form(self->node, from->pid.node);
        hm_term state = hm_build_term(build);
        if (form != STATE_UNKNOWN || !answer_later(self, from, state))
            send_state(self->node, self->pid, from, state, form);
    }
    hm_build_free(build);
}

/* ---- the messages ---- */

enum hm_verdict sys_handle(hm_process *self, const struct hm_from *from, hm_term request) {
    struct gen_server *server = self->state;
    enum hm_verdict verdict = HM_CONTINUE;
    hm_term first = {0};
    if (hm_is_atom(request, "get_state")) {
        answer_state(self, from);
        return HM_CONTINUE;
    }
    hm_build *reply = hm_build_new();
    if (!reply)
        return HM_CONTINUE;
    if (hm_is_atom(request, "suspend")) {
        process_suspend(self);
        hm_put_atom(reply, "ok");
    } else if (hm_is_atom(request, "resume")) {
        process_resume(self);
        hm_put_atom(reply, "ok");
    } else if (hm_is_atom(request, "get_status")) {
        sys_put_status(self, reply);
    } else if (hm_match(request, "{debug, ~t}", &first)) {
        do_debug(self, server, first, reply);
    } else if (hm_match(request, "{terminate, ~t}", &first)) {
        process_set_reason(self, first);
        hm_put_atom(reply, "ok");
        verdict = HM_STOP;
    } else if (hm_match(request, "{replace_state, _}")) {
        hm_put_format(reply,
                      "{error, {callback_failed, {gen_server, system_replace_state}, {error, undef}}}");
    } else if (self->suspended && hm_match(request, "{change_code, _, _, _}")) {
        hm_put_format(reply, "{error, {'EXIT', {undef, [{~a, code_change, 3, []}]}}}", server->class->module);
    } else if (hm_is_atom(request, LEFT_OUT)) {
        hm_put_format(reply, "{error, system_limit}");
    } else {
        hm_put_format(reply, "{error, {unknown_system_msg, ~t}}", request);
    }
    int error = hm_build_error(reply);
    if (error == HM_OK)
        error = gen_server_send_reply(self->node, self->pid, from, hm_build_term(reply));
    if (error != HM_OK)
        log_warn(&self->node->log, "server.reply", "%s: the answer to a system message could not be sent: %s",
                 process_label(self).text, hm_strerror(error));
    hm_build_free(reply);
    return verdict;
}
