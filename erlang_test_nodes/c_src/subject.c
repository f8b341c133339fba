/*
 * The registered server `subject' in C: what the suites drive on Hermod. Its protocol is described in, and must
 * stay the same as, src/subject.erl. Loaded with `hermod start --load subject.so`.
 *
 * Each subject, the registered one and those that {spawn, Name, Linked} makes, is one struct subject; events and
 * callers that wait hang on it in lists, which end with it.
 */
#include <stdlib.h>
#include <string.h>

#include <hermod/function.h>
#include <hermod/global.h>
#include <hermod/pubsub.h>
#include <hermod/rpc.h>

#include "callable.h"
#include "device.h"
#include "subject_global.h"
#include "subject_pg.h"

struct event {
    struct event *next;
    hm_term term; /* own copy */
};

/* A caller that is not answered yet, under a tag (hold) or a number (delayed). */
struct held {
    struct held *next;
    hm_term tag; /* own copy; size 0: known by its number */
    int64_t number;
    hm_from *from;
};

struct subject {
    int64_t counter;
    int64_t numbers;
    hm_pid report;
    struct event *events, **events_end;
    struct held *held;
    hm_term next; /* argument of a continue, own copy */
};

static const struct hm_server_class subject_class;

/* ---- events ------------------------------------------------------------------------------------------ */

static void free_term(hm_term term) {
    free((void *)term.bytes);
}

static void clear_events(struct subject *s) {
    while (s->events) {
        struct event *event = s->events;
        s->events = event->next;
        free_term(event->term);
        free(event);
    }
    s->events_end = &s->events;
}

/* Keeps {kind, term}, and tells whoever asked for reports. */
static void add_event(hm_process *self, const char *kind, hm_term term) {
    struct subject *s = hm_data(self);
    hm_build *build = hm_build_new();
    struct event *event = calloc(1, sizeof *event);
    if (!build || !event)
        goto fail;
    hm_put_format(build, "{~a, ~t}", kind, term);
    if (hm_build_error(build) || hm_term_copy(hm_build_term(build), &event->term))
        goto fail;
    *s->events_end = event;
    s->events_end = &event->next;
    if (s->report.node)
        hm_sendf(self, hm_to_pid(s->report), "{subject, ~p, ~t}", hm_self(self), event->term);
    hm_build_free(build);
    return;
fail:
    free(event);
    hm_build_free(build);
}

static enum hm_verdict reply_events(hm_process *self, const hm_from *from) {
    struct subject *s = hm_data(self);
    hm_build *build = hm_build_new();
    if (!build)
        return hm_reply(self, from, "{error, no_memory}");
    size_t begin = hm_put_list_begin(build);
    uint32_t length = 0;
    for (struct event *event = s->events; event; event = event->next, length++)
        hm_put_term(build, event->term);
    hm_put_list_end(build, begin, length);
    hm_reply_term(self, from, hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

/* ---- callers that wait ------------------------------------------------------------------------------- */

static struct held *hold(struct subject *s, const hm_from *from, const hm_term *tag) {
    struct held *held = calloc(1, sizeof *held);
    if (!held)
        return NULL;
    held->number = ++s->numbers;
    held->from = hm_from_keep(from);
    if (!held->from || (tag && hm_term_copy(*tag, &held->tag))) {
        hm_from_free(held->from);
        free(held);
        return NULL;
    }
    held->next = s->held;
    s->held = held;
    return held;
}

/* Takes it out of the list; NULL when there is none. */
static struct held *take_held(struct subject *s, const hm_term *tag, int64_t number) {
    for (struct held **at = &s->held; *at; at = &(*at)->next) {
        struct held *held = *at;
        if (tag ? held->tag.size > 0 && hm_term_equal(held->tag, *tag) : held->number == number) {
            *at = held->next;
            return held;
        }
    }
    return NULL;
}

static void free_held(struct held *held) {
    if (held->tag.size > 0)
        free_term(held->tag);
    hm_from_free(held->from);
    free(held);
}

/* {delayed, Ms, T}: the timer's message says which caller it is for. */
static enum hm_verdict delay(hm_process *self, const hm_from *from, int64_t ms, hm_term answer) {
    struct subject *s = hm_data(self);
    struct held *held = hold(s, from, NULL);
    hm_build *build = hm_build_new();
    if (held && build) {
        hm_put_format(build, "{'$delayed', ~i, ~t}", held->number, answer);
        hm_send_after(self, ms, hm_build_term(build), NULL);
    }
    hm_build_free(build);
    return HM_CONTINUE;
}

/* ---- arguments --------------------------------------------------------------------------------------- */

/* A pid, a name, {Name, Node} or {global, Name}. The name is stored in buffer. */
static bool get_address(hm_process *self, hm_term term, char *buffer, hm_address *address) {
    hm_node *node = hm_node_of(self);
    hm_term parts[2];
    hm_pid pid;
    size_t size;
    char text[HM_ATOM_BYTES];
    if (hm_get_pid(node, term, &pid)) {
        *address = hm_to_pid(pid);
        return true;
    }
    if (hm_term_type(term) == HM_TYPE_ATOM && hm_get_text(term, buffer, HM_ATOM_BYTES, &size)) {
        *address = hm_to_name(buffer, NULL);
        return true;
    }
    if (hm_match(term, "{global, ~t}", &parts[1])) {
        *address = hm_to_global(node, parts[1]);
        return true;
    }
    if (hm_tuple_elements(term, 2, parts) && hm_get_text(parts[0], buffer, HM_ATOM_BYTES, &size) &&
        hm_get_text(parts[1], text, sizeof text, &size)) {
        const hm_node_name *name = hm_node_find(node, text);
        if (!name)
            return false;
        *address = hm_to_name(buffer, name);
        return true;
    }
    return false;
}

static enum hm_verdict reply_bool(hm_process *self, const hm_from *from, bool value) {
    return hm_reply(self, from, "~a", value ? "true" : "false");
}

static enum hm_verdict reply_ok(hm_process *self, const hm_from *from) {
    return hm_reply(self, from, "ok");
}

static enum hm_verdict reply_badarg(hm_process *self, const hm_from *from) {
    return hm_reply(self, from, "{error, badarg}");
}

/* ---- calls that reach out ---------------------------------------------------------------------------- */

/* The outcome of {call, To, Req, Ms}; arg is the caller who asked for it. */
static enum hm_verdict call_done(hm_process *self, void *arg, int error, hm_term reply) {
    hm_from *from = arg;
    switch (error) {
    case 0: hm_reply(self, from, "{ok, ~t}", reply); break;
    case HM_ETIMEOUT: hm_reply(self, from, "{error, timeout}"); break;
    case HM_ENOPROC: hm_reply(self, from, "{error, noproc}"); break;
    case HM_ENOCONNECTION: hm_reply(self, from, "{error, noconnection}"); break;
    case HM_EEXIT: hm_reply(self, from, "{error, ~t}", reply); break;
    default: hm_reply(self, from, "{error, {hermod, ~i}}", (int64_t)error); break;
    }
    hm_from_free(from);
    return HM_CONTINUE;
}

static enum hm_verdict call_out(hm_process *self, const hm_from *from, hm_address to, hm_term request,
                                int64_t ms) {
    hm_from *kept = hm_from_keep(from);
    int error = kept ? hm_call(self, to, request, ms, call_done, kept) : HM_ENOMEM;
    if (error)
        return call_done(self, kept, error, (hm_term){0});
    return HM_CONTINUE;
}

/* {connect, Node} is answered from the loop, when this process may be gone. */
struct connecting {
    hm_node *node;
    hm_process *self;
    hm_pid pid;
    hm_from *from;
};

static void connect_done(void *arg, int error, const char *text) {
    struct connecting *c = arg;
    (void)text;
    if (hm_is_alive(c->node, c->pid))
        reply_bool(c->self, c->from, error == 0);
    hm_from_free(c->from);
    free(c);
}

static enum hm_verdict connect_out(hm_process *self, const hm_from *from, const char *text) {
    hm_node *node = hm_node_of(self);
    const hm_node_name *name = hm_node_find(node, text);
    struct connecting *c = calloc(1, sizeof *c);
    if (!name || !c)
        goto fail;
    *c = (struct connecting){node, self, hm_self(self), hm_from_keep(from)};
    if (!c->from || hm_connect(node, name, connect_done, c))
        goto fail;
    return HM_CONTINUE;
fail:
    if (c)
        hm_from_free(c->from);
    free(c);
    return reply_bool(self, from, false);
}

static enum hm_verdict spawn_subject(hm_process *self, const hm_from *from, hm_term name_term, bool linked) {
    hm_node *node = hm_node_of(self);
    char name[HM_ATOM_BYTES];
    size_t size;
    hm_pid pid;
    struct hm_start start = {.link = linked ? hm_self(self) : HM_NO_PID};
    if (!hm_is_atom(name_term, "undefined")) {
        if (!hm_get_text(name_term, name, sizeof name, &size))
            return reply_badarg(self, from);
        start.name = name;
    }
    int error = hm_server_start(node, &subject_class, &start, NULL, &pid);
    if (error == HM_ETAKEN)
        return hm_reply(self, from, "{error, {already_started, ~p}}", hm_whereis(node, name));
    if (error)
        return hm_reply(self, from, "{error, ~i}", (int64_t)error);
    return hm_reply(self, from, "{ok, ~p}", pid);
}

/* ---- functions and processes of other nodes ---- */

static enum hm_verdict rpc_done(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    static const char *const KINDS[] = {"ok", "throw", "exit", "error", "signal", "failed"};
    hm_from *from = arg;
    switch (result->error) {
    case HM_OK:
    case HM_EEXIT: hm_reply(self, from, "{~a, ~t}", KINDS[result->kind], result->value); break;
    case HM_ETIMEOUT: hm_reply(self, from, "{failed, timeout}"); break;
    case HM_ENOCONNECTION: hm_reply(self, from, "{failed, noconnection}"); break;
    default: hm_reply(self, from, "{failed, {hermod, ~i}}", (int64_t)result->error); break;
    }
    hm_from_free(from);
    return HM_CONTINUE;
}

/* Node, M, F, A of a request; the strings are stored in room. */
static bool get_mfa(hm_node *node, const hm_term parts[4], char room[3][HM_ATOM_BYTES], struct hm_rpc *call) {
    size_t size;
    for (int i = 0; i < 3; i++)
        if (!hm_get_text(parts[i], room[i], HM_ATOM_BYTES, &size))
            return false;
    *call = (struct hm_rpc){
        .node = hm_node_find(node, room[0]), .module = room[1], .function = room[2], .arguments = parts[3]};
    return call->node != NULL;
}

static enum hm_verdict rpc_out(hm_process *self, const hm_from *from, const hm_term parts[4], int64_t ms) {
    char room[3][HM_ATOM_BYTES];
    struct hm_rpc call;
    if (!get_mfa(hm_node_of(self), parts, room, &call))
        return reply_badarg(self, from);
    call.timeout_ms = ms;
    hm_from *kept = hm_from_keep(from);
    int error = kept ? hm_rpc_call(self, &call, rpc_done, kept) : HM_ENOMEM;
    if (error) {
        hm_from_free(kept);
        return hm_reply(self, from, "{failed, {hermod, ~i}}", (int64_t)error);
    }
    return HM_CONTINUE;
}

static enum hm_verdict rpc_cast_out(hm_process *self, const hm_from *from, const hm_term parts[4]) {
    char room[3][HM_ATOM_BYTES];
    struct hm_rpc call;
    if (!get_mfa(hm_node_of(self), parts, room, &call) || hm_rpc_cast(self, &call))
        return reply_badarg(self, from);
    return reply_ok(self, from);
}

static enum hm_verdict spawn_done(hm_process *self, void *arg, int error, hm_pid pid, hm_term reason) {
    hm_from *from = arg;
    if (error)
        hm_reply(self, from, "{error, ~t}", reason);
    else
        hm_reply(self, from, "{ok, ~p}", pid);
    hm_from_free(from);
    return HM_CONTINUE;
}

static bool has_atom(hm_term term, const char *atom) {
    struct hm_list list;
    hm_term element;
    if (hm_list_begin(term, &list))
        while (hm_list_next(&list, &element))
            if (hm_is_atom(element, atom))
                return true;
    return false;
}

static enum hm_verdict spawn_out(hm_process *self, const hm_from *from, const hm_term parts[4], hm_term options) {
    char room[3][HM_ATOM_BYTES];
    struct hm_rpc call;
    if (!get_mfa(hm_node_of(self), parts, room, &call))
        return reply_badarg(self, from);
    struct hm_spawn what = {.node = call.node,
                            .module = call.module,
                            .function = call.function,
                            .arguments = call.arguments,
                            .link = has_atom(options, "link"),
                            .monitor = has_atom(options, "monitor")};
    hm_from *kept = hm_from_keep(from);
    int error = kept ? hm_spawn(self, &what, spawn_done, kept, NULL) : HM_ENOMEM;
    if (error) {
        hm_from_free(kept);
        return hm_reply(self, from, "{error, ~i}", (int64_t)error);
    }
    return HM_CONTINUE;
}

static enum hm_verdict on_remote_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_term parts[4], options, name;
    char text[HM_ATOM_BYTES];
    size_t size;
    int64_t ms;
    if (hm_match(request, "{rpc, ~t, ~t, ~t, ~t, ~i}", &parts[0], &parts[1], &parts[2], &parts[3], &ms))
        return rpc_out(self, from, parts, ms);
    if (hm_match(request, "{rpc_cast, ~t, ~t, ~t, ~t}", &parts[0], &parts[1], &parts[2], &parts[3]))
        return rpc_cast_out(self, from, parts);
    if (hm_match(request, "{spawn_on, ~t, ~t, ~t, ~t, ~t}", &parts[0], &parts[1], &parts[2], &parts[3], &options))
        return spawn_out(self, from, parts, options);
    if (hm_match(request, "{tasks, ~t}", &name) && hm_get_text(name, text, sizeof text, &size))
        return hm_task_supervisor_start(hm_node_of(self), text, 0) ? reply_badarg(self, from) : reply_ok(self, from);
    return HM_UNKNOWN;
}

static enum hm_verdict reply_binary(hm_process *self, const hm_from *from, uint64_t size) {
    void *bytes = malloc(size ? size : 1);
    if (!bytes)
        return hm_reply(self, from, "{error, no_memory}");
    memset(bytes, 'x', size);
    hm_reply(self, from, "~b", bytes, (size_t)size);
    free(bytes);
    return HM_CONTINUE;
}

/* ---- the server -------------------------------------------------------------------------------------- */

static int on_init(hm_process *self, void *argument) {
    struct subject *s = calloc(1, sizeof *s);
    (void)argument;
    if (!s)
        return HM_ENOMEM;
    s->events_end = &s->events;
    hm_set_data(self, s);
    return 0;
}

/* Requests about links, monitors, exits and aliases. HM_UNKNOWN: none of them. */
static enum hm_verdict on_process_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_node *node = hm_node_of(self);
    struct subject *s = hm_data(self);
    char name[HM_ATOM_BYTES];
    hm_address address;
    hm_term a, b;
    hm_pid pid;
    hm_ref ref;
    bool flag;
    if (hm_match(request, "{link, ~t}", &a) && hm_get_pid(node, a, &pid))
        return hm_link(self, pid), reply_ok(self, from);
    if (hm_match(request, "{unlink, ~t}", &a) && hm_get_pid(node, a, &pid))
        return hm_unlink(self, pid), reply_ok(self, from);
    if (hm_match(request, "{monitor, ~t}", &a) && get_address(self, a, name, &address))
        return hm_monitor(self, address, &ref) ? reply_badarg(self, from) : hm_reply(self, from, "~r", &ref);
    if (hm_match(request, "{demonitor, ~t}", &a) && hm_get_ref(node, a, &ref))
        return hm_demonitor(self, &ref), reply_ok(self, from);
    if (hm_match(request, "{trap_exit, ~t}", &a) && hm_get_bool(a, &flag))
        return hm_trap_exit(self, flag), reply_ok(self, from);
    if (hm_match(request, "{exit, ~t, ~t}", &a, &b) && hm_get_pid(node, a, &pid))
        return hm_exit(self, pid, b), reply_ok(self, from);
    if (hm_is_atom(request, "alias"))
        return hm_alias(self, &ref) ? reply_badarg(self, from) : hm_reply(self, from, "~r", &ref);
    if (hm_match(request, "{unalias, ~t}", &a) && hm_get_ref(node, a, &ref))
        return hm_unalias(self, &ref), reply_ok(self, from);
    if (hm_match(request, "{monitor_nodes, ~t}", &a) && hm_get_bool(a, &flag))
        return hm_monitor_nodes(self, flag, false), reply_ok(self, from);
    if (hm_match(request, "{report, ~t}", &a) && hm_get_pid(node, a, &pid))
        return s->report = pid, reply_ok(self, from);
    if (hm_is_atom(request, "group_leader"))
        return hm_reply(self, from, "~p", hm_group_leader(self));
    return HM_UNKNOWN;
}

/* ---- publish and subscribe ---- */

static enum hm_verdict on_heard(hm_process *self, void *arg, hm_term topic, hm_term message) {
    (void)arg;
    if (hm_is_atom(message, "stop"))
        return hm_stop(self, "normal");
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{~t, ~t}", topic, message);
    if (build && !hm_build_error(build))
        add_event(self, "heard", hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

static enum hm_verdict on_refused(hm_process *self, void *arg, hm_term reason) {
    (void)arg;
    add_event(self, "refused", reason);
    return HM_CONTINUE;
}

static enum hm_verdict on_pubsub_call(hm_process *self, hm_term request, const hm_from *from) {
    struct hm_pubsub_subscription subscription = {.heard = on_heard, .refused = on_refused};
    hm_term topic, message;
    int error;
    if (hm_match(request, "{pubsub_subscribe, ~t}", &topic) ||
        (subscription.not_own = hm_match(request, "{pubsub_subscribe_not_own, ~t}", &topic))) {
        subscription.topic = topic;
        error = hm_pubsub_subscribe(self, &subscription);
    } else if (hm_match(request, "{pubsub_unsubscribe, ~t}", &topic)) {
        error = hm_pubsub_unsubscribe(self, topic);
    } else if (hm_match(request, "{pubsub_publish, ~t, ~t}", &topic, &message)) {
        error = hm_pubsub_publish(self, topic, message);
    } else if (hm_match(request, "{pubsub_publish_from, ~t, ~t}", &topic, &message)) {
        error = hm_pubsub_publish_from(self, topic, message);
    } else {
        return HM_UNKNOWN;
    }
    return error ? hm_reply(self, from, "{error, ~i}", (int64_t)error) : reply_ok(self, from);
}

/* Requests that send, call, register or spawn. HM_UNKNOWN: none of them. */
static enum hm_verdict on_outward_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_node *node = hm_node_of(self);
    char name[HM_ATOM_BYTES];
    hm_address address;
    hm_term a, b;
    hm_ref ref;
    int64_t ms;
    size_t size;
    bool flag;
    if (hm_match(request, "{send, ~t, ~t}", &a, &b) && get_address(self, a, name, &address))
        return hm_send(self, address, b), reply_ok(self, from);
    if (hm_match(request, "{send_alias, ~t, ~t}", &a, &b) && hm_get_ref(node, a, &ref))
        return hm_send_alias(self, &ref, b), reply_ok(self, from);
    if (hm_match(request, "{cast, ~t, ~t}", &a, &b) && get_address(self, a, name, &address))
        return hm_cast(self, address, b), reply_ok(self, from);
    if (hm_match(request, "{call, ~t, ~t, ~i}", &a, &b, &ms) && get_address(self, a, name, &address))
        return call_out(self, from, address, b, ms);
    if (hm_match(request, "{connect, ~t}", &a) && hm_get_text(a, name, sizeof name, &size))
        return connect_out(self, from, name);
    if (hm_match(request, "{spawn, ~t, ~t}", &a, &b) && hm_get_bool(b, &flag))
        return spawn_subject(self, from, a, flag);
    if (hm_match(request, "{register, ~t}", &a) && hm_get_text(a, name, sizeof name, &size))
        return reply_bool(self, from, hm_register(self, name) == 0);
    if (hm_match(request, "{unregister, ~t}", &a) && hm_get_text(a, name, sizeof name, &size)) {
        bool mine = hm_pid_equal(hm_whereis(node, name), hm_self(self));
        return reply_bool(self, from, mine && hm_unregister(self) == 0);
    }
    return HM_UNKNOWN;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct subject *s = hm_data(self);
    struct held *held;
    const void *bytes;
    uint64_t timer, count;
    size_t size;
    int64_t number;
    hm_term a, b;
    if (hm_match(request, "{echo, ~t}", &a))
        return hm_reply_term(self, from, a);
    if (hm_match(request, "{delayed, ~i, ~t}", &number, &a))
        return delay(self, from, number, a);
    if (hm_match(request, "{hold, ~t}", &a))
        return hold(s, from, &a), HM_CONTINUE;
    if (hm_match(request, "{release, ~t, ~t}", &a, &b)) {
        if (!(held = take_held(s, &a, 0)))
            return hm_reply(self, from, "none");
        hm_reply_term(self, held->from, b);
        free_held(held);
        return reply_ok(self, from);
    }
    if (hm_match(request, "{size, ~t}", &a) && hm_get_binary(a, &bytes, &size))
        return hm_reply(self, from, "~u", (uint64_t)size);
    if (hm_match(request, "{binary, ~u}", &count))
        return reply_binary(self, from, count);
    if (hm_match(request, "{bump, ~i}", &number))
        return hm_reply(self, from, "~i", s->counter += number);
    if (hm_match(request, "{stop, ~t, ~t}", &a, &b))
        return hm_reply_term(self, from, b), hm_stop(self, "~t", a);
    if (hm_match(request, "{stop, ~t}", &a))
        return hm_stop(self, "~t", a);
    if (hm_match(request, "{timer, ~i, ~t}", &number, &a))
        return hm_send_after(self, number, a, &timer) ? reply_badarg(self, from)
                                                      : hm_reply(self, from, "~u", timer);
    if (hm_match(request, "{cancel, ~u}", &timer))
        return reply_bool(self, from, hm_cancel_timer(self, timer));
    if (hm_match(request, "{timeout, ~i}", &number))
        return hm_set_timeout(self, number), reply_ok(self, from);
    if (hm_match(request, "{continue, ~t}", &a)) {
        free_term(s->next);
        s->next = (hm_term){0};
        if (hm_term_copy(a, &s->next))
            return reply_badarg(self, from);
        return hm_continue(self), reply_ok(self, from);
    }
    if (hm_is_atom(request, "events"))
        return reply_events(self, from);
    if (hm_is_atom(request, "clear"))
        return clear_events(s), reply_ok(self, from);
    enum hm_verdict verdict = on_process_call(self, request, from);
    if (verdict == HM_UNKNOWN)
        verdict = on_remote_call(self, request, from);
    if (verdict == HM_UNKNOWN)
        verdict = subject_pg_call(self, request, from);
    if (verdict == HM_UNKNOWN)
        verdict = subject_global_call(self, request, from);
    if (verdict == HM_UNKNOWN)
        verdict = on_pubsub_call(self, request, from);
    return verdict == HM_UNKNOWN ? on_outward_call(self, request, from) : verdict;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    hm_term reason;
    if (hm_match(message, "{crash, ~t}", &reason) || hm_match(message, "{stop, ~t}", &reason))
        return hm_stop(self, "~t", reason);
    add_event(self, "cast", message);
    return HM_CONTINUE;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    int64_t number;
    hm_term answer;
    if (hm_match(message, "{'$delayed', ~i, ~t}", &number, &answer)) {
        struct held *held = take_held(hm_data(self), NULL, number);
        if (held) {
            hm_reply_term(self, held->from, answer);
            free_held(held);
        }
        return HM_CONTINUE;
    }
    add_event(self, "info", message);
    return HM_CONTINUE;
}

static enum hm_verdict on_next(hm_process *self) {
    struct subject *s = hm_data(self);
    add_event(self, "continue", s->next);
    return HM_CONTINUE;
}

static enum hm_verdict on_timeout(hm_process *self) {
    hm_build *build = hm_build_new();
    if (build) {
        hm_put_atom(build, "timeout");
        add_event(self, "info", hm_build_term(build));
    }
    hm_build_free(build);
    return HM_CONTINUE;
}

static void on_terminate(hm_process *self, hm_term reason) {
    struct subject *s = hm_data(self);
    if (!hm_is_atom(reason, "killed"))
        add_event(self, "terminate", reason);
    clear_events(s);
    while (s->held) {
        struct held *held = s->held;
        s->held = held->next;
        free_held(held);
    }
    free_term(s->next);
    free(s);
}

static void put_state(hm_process *self, hm_build *state) {
    struct subject *s = hm_data(self);
    hm_put_format(state, "{subject_state, ~i}", s->counter);
}

static const struct hm_server_class subject_class = {
    .module = "subject",
    .init = on_init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .next = on_next,
    .timeout = on_timeout,
    .terminate = on_terminate,
    .state = put_state,
};

HM_API hm_load_function hermod_load;

int hermod_load(hm_node *node, const char *argument) {
    struct hm_start start = {.name = *argument ? argument : "subject"};
    int error = callable_export(node);
    if (!error || error == HM_ETAKEN) /* loaded twice, under two names */
        error = device_server_start(node);
    if (error && error != HM_ETAKEN)
        return error;
    return hm_server_start(node, &subject_class, &start, NULL, NULL);
}
