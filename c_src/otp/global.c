#include "otp/global.h"

#include <stdlib.h>
#include <sys/random.h>

#include "etf/ids.h"
#include "node/peers.h"
#include "node/timers.h"
#include "otp/gen_server.h"
#include "otp/global_member.h"
#include <hermod/rpc.h>

enum { DEFAULT_MAX_NAMES = 1000000, DEFAULT_MAX_LOCKS = 100000 };

struct outgoing { /* a call without an answer yet */
    LIST_ENTRY(outgoing) link;
    uint64_t token;
    const hm_node_name *to;
};

/* hm_data of the three processes. */
struct global {
    hm_process *self;
    struct global_member *member;
    hm_pid pids[GLOBAL_ACTORS];
    uint64_t timers[GLOBAL_TIMERS];
    hm_build *reply;
    LIST_HEAD(, outgoing) outgoing;
};

struct global_member *global_member_of(const struct hm_node *node) {
    hm_process *process = otp_of(node) ? process_lookup(node, otp_of(node)->global) : NULL;
    struct global *global = process ? hm_data(process) : NULL;
    return global ? global->member : NULL;
}

/* Half of the protocol stops registration in the whole cluster: without memory it ends as a whole. */
static enum hm_verdict check(hm_process *self, const struct global *global) {
    return global_member_failed(global->member) ? hm_stop(self, "enomem") : HM_CONTINUE;
}

/* ---- ports ---- */

static hm_process *actor_process(const struct global *global, enum global_actor actor) {
    return process_lookup(global->self->node, global->pids[actor]);
}

static int port_send(void *arg, enum global_actor from, const hm_node_name *to, bool cast, bool connected,
                     hm_term message) {
    struct global *global = arg;
    hm_process *process = actor_process(global, from);
    if (!process)
        return HM_OK; /* it was killed, which ends this server */
    if (connected) {
        struct peer *peer = peers_find(process->node, to);
        if (!peer || !peer_is_up(peer))
            return HM_OK;
    }
    hm_address address = hm_to_name("global_name_server", to);
    return cast ? hm_cast(process, address, message) : hm_send(process, address, message);
}

static int port_send_pid(void *arg, enum global_actor from, hm_pid to, hm_term message) {
    hm_process *process = actor_process(arg, from);
    return process ? hm_send(process, hm_to_pid(to), message) : HM_OK;
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct global *global = hm_data(self);
    struct outgoing *outgoing = arg;
    if (!global)
        return HM_CONTINUE; /* the server ended, and what was outgoing with it */
    uint64_t token = outgoing->token;
    const hm_node_name *to = outgoing->to;
    LIST_REMOVE(outgoing, link);
    free(outgoing);
    global_member_answer(global->member, token, to, error == HM_OK ? reply : (hm_term){0});
    return check(self, global);
}

static struct outgoing *outgoing_new(const hm_node_name *to, uint64_t token) {
    struct outgoing *outgoing = calloc(1, sizeof *outgoing);
    if (outgoing) {
        outgoing->token = token;
        outgoing->to = to;
    }
    return outgoing;
}

static int sent(struct global *global, struct outgoing *outgoing, int error) {
    if (error != HM_OK)
        free(outgoing);
    else
        LIST_INSERT_HEAD(&global->outgoing, outgoing, link);
    return error;
}

static int port_call(void *arg, enum global_actor from, const hm_node_name *to, hm_term request, uint64_t token) {
    struct global *global = arg;
    hm_process *process = actor_process(global, from);
    struct outgoing *outgoing = process ? outgoing_new(to, token) : NULL;
    if (!outgoing)
        return process ? HM_ENOMEM : HM_ENOPROC;
    return sent(global, outgoing,
                hm_call(process, hm_to_name("global_name_server", to), request, -1, on_answer, outgoing));
}

static enum hm_verdict on_resolved(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    return on_answer(self, arg, result->error, result->value);
}

static int port_resolve(void *arg, const hm_node_name *on, hm_term arguments, uint64_t token) {
    struct global *global = arg;
    struct hm_rpc call = HM_RPC(on, "global", "resolve_it", arguments, -1);
    struct outgoing *outgoing = outgoing_new(on, token);
    return outgoing ? sent(global, outgoing, hm_rpc_call(global->self, &call, on_resolved, outgoing)) : HM_ENOMEM;
}

static int port_monitor(void *arg, hm_pid pid, hm_ref *ref) {
    struct global *global = arg;
    return hm_monitor(global->self, hm_to_pid(pid), ref);
}

static int port_monitor_node(void *arg, const hm_node_name *node, hm_ref *ref) {
    struct global *global = arg;
    return hm_monitor(global->self, hm_to_name("global_name_server", node), ref);
}

static void port_demonitor(void *arg, const hm_ref *ref) {
    struct global *global = arg;
    hm_demonitor(global->self, ref);
}

static void port_kill(void *arg, hm_pid pid) {
    struct global *global = arg;
    hm_exit(global->self, pid, ATOM_TERM("kill"));
}

static bool port_is_alive(void *arg, hm_pid pid) {
    struct global *global = arg;
    return hm_is_alive(global->self->node, pid);
}

static bool port_is_connected(void *arg, const hm_node_name *node) {
    struct global *global = arg;
    struct peer *peer = node == global->self->node->name ? NULL : peers_find(global->self->node, node);
    return node == global->self->node->name || (peer && peer_is_up(peer));
}

static void port_disconnect(void *arg, const hm_node_name *node) {
    struct global *global = arg;
    struct peer *peer = peers_find(global->self->node, node);
    if (peer)
        peers_disconnect(peer);
}

static enum hm_verdict on_timer(hm_process *self, struct message *message) {
    struct global *global = self ? hm_data(self) : NULL;
    if (!global)
        return HM_CONTINUE;
    for (int i = 0; i < GLOBAL_TIMERS; i++)
        if (global->timers[i] == message->tag) {
            global->timers[i] = 0;
            global_member_timer(global->member, (enum global_timer)i);
            return check(self, global);
        }
    return HM_CONTINUE; /* it lay in the mailbox when it was cancelled */
}

static void port_set_timer(void *arg, enum global_timer timer, int64_t ms) {
    struct global *global = arg;
    if (global->timers[timer])
        timers_cancel(global->self, global->timers[timer]);
    global->timers[timer] = 0;
    if (ms < 0)
        return;
    struct message *message = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (message)
        message->run = on_timer;
    if (!message || timers_add(global->self, ms, message, &global->timers[timer]) != HM_OK)
        global_member_fail(global->member);
}

static uint32_t port_random(void *arg, uint32_t below) {
    uint32_t value = 0;
    (void)arg;
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        value = (uint32_t)mono_now().ns; /* a pause need not be secret */
    return below ? value % below : 0;
}

static int64_t port_now_ms(void *arg) {
    (void)arg;
    return mono_now().ns / 1000000;
}

static void port_answer(void *arg, void *client, hm_term reply) {
    struct global *global = arg;
    if (reply.size)
        hm_reply_term(global->self, client, reply);
    hm_from_free(client);
}

static const struct global_ports ports = {
    .send = port_send,
    .send_pid = port_send_pid,
    .call = port_call,
    .resolve = port_resolve,
    .monitor = port_monitor,
    .monitor_node = port_monitor_node,
    .demonitor = port_demonitor,
    .kill = port_kill,
    .is_alive = port_is_alive,
    .is_connected = port_is_connected,
    .disconnect = port_disconnect,
    .set_timer = port_set_timer,
    .random = port_random,
    .now_ms = port_now_ms,
    .answer = port_answer,
};

/* ---- the locker and the registrar ---- */

static int actor_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return HM_OK;
}

/* A locker of an old protocol, or one that does not know us, writes to it directly. */
static enum hm_verdict locker_info(hm_process *self, hm_term message) {
    struct global *global = hm_data(self);
    if (!global)
        return HM_CONTINUE;
    if (!global_member_cast(global->member, message, true))
        return HM_UNKNOWN;
    return check(self, global);
}

static const struct hm_server_class locker_class = {
    .module = "global_locker", .init = actor_init, .info = locker_info};
static const struct hm_server_class registrar_class = {.module = "global_registrar", .init = actor_init};

/* They trap exits to end with the server whatever its reason. */
static int start_actor(struct global *global, enum global_actor actor, const struct hm_server_class *class) {
    struct hm_start start = {.link = global->self->pid, .trap_exit = true};
    return gen_server_start(global->self->node, class, &start, global, NULL, &global->pids[actor]);
}

/* ---- the server ---- */

static void end(struct global *global) {
    struct outgoing *outgoing;
    for (int i = 0; i < GLOBAL_ACTORS; i++) {
        hm_process *process = actor_process(global, (enum global_actor)i);
        if (process)
            hm_set_data(process, NULL);
    }
    while ((outgoing = LIST_FIRST(&global->outgoing))) {
        LIST_REMOVE(outgoing, link);
        free(outgoing);
    }
    global_member_free(global->member);
    hm_build_free(global->reply);
    free(global);
}

struct connected {
    const hm_node_name **names;
    size_t count, capacity;
};

static void count_peer(void *arg, struct peer *peer) {
    struct connected *connected = arg;
    connected->capacity += peer_is_up(peer) && peer_is_visible(peer);
}

static void note_peer(void *arg, struct peer *peer) {
    struct connected *connected = arg;
    if (peer_is_up(peer) && peer_is_visible(peer))
        connected->names[connected->count++] = peer_name(peer);
}

/* Started again: the others know what the one before said, and we do not. */
static int begin_anew(hm_process *self) {
    struct connected connected = {0};
    peers_each(self->node, count_peer, &connected);
    if (connected.capacity == 0)
        return HM_OK;
    connected.names = calloc(connected.capacity, sizeof *connected.names);
    if (!connected.names)
        return HM_ENOMEM;
    peers_each(self->node, note_peer, &connected);
    log_warn(&self->node->log, "global.anew", "global was started again: %zu connections are made anew",
             connected.count);
    for (size_t i = 0; i < connected.count; i++) {
        struct peer *peer = peers_find(self->node, connected.names[i]);
        if (peer && peers_disconnect(peer) && (peer = peers_get(self->node, connected.names[i])))
            peers_connect(peer, NULL, NULL);
    }
    free(connected.names);
    return HM_OK;
}

static int on_init(hm_process *self, void *argument) {
    struct hm_node *node = self->node;
    struct global *global = calloc(1, sizeof *global);
    (void)argument;
    if (!global)
        return HM_ENOMEM;
    LIST_INIT(&global->outgoing);
    global->self = self;
    global->reply = hm_build_new();
    global->pids[GLOBAL_SERVER] = self->pid;
    int error = global->reply ? start_actor(global, GLOBAL_LOCKER, &locker_class) : HM_ENOMEM;
    if (error == HM_OK)
        error = start_actor(global, GLOBAL_REGISTRAR, &registrar_class);
    if (error != HM_OK)
        goto fail;
    struct global_config config = {
        .names = node->names,
        .log = &node->log,
        .self = node->name,
        .creation = node->dist.creation,
        .pids = {global->pids[GLOBAL_SERVER], global->pids[GLOBAL_LOCKER], global->pids[GLOBAL_REGISTRAR]},
        .connect_all = !node->global.no_connect_all,
        .prevent_overlapping_partitions = !node->global.allow_overlapping_partitions,
        .max_names = node->global.max_names ? node->global.max_names : DEFAULT_MAX_NAMES,
        .max_locks = node->global.max_locks ? node->global.max_locks : DEFAULT_MAX_LOCKS,
    };
    global->member = global_member_new(&config, &ports, global);
    error = global->member ? HM_OK : HM_ENOMEM;
    if (error == HM_OK && !node->hidden) {
        error = begin_anew(self);
        if (error == HM_OK)
            error = hm_monitor_nodes(self, true, false);
    }
    if (error == HM_OK) {
        hm_set_data(self, global);
        return HM_OK;
    }
fail:
    for (int i = GLOBAL_LOCKER; i < GLOBAL_ACTORS; i++) {
        hm_process *process = actor_process(global, (enum global_actor)i);
        if (process)
            process_exit(process, ATOM_TERM("shutdown"));
    }
    end(global);
    return error;
}

static void *keep_client(void *arg) {
    return hm_from_keep(arg);
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct global *global = hm_data(self);
    hm_build_reset(global->reply);
    enum global_answer answer = global_member_call(global->member, hm_from_pid(from), request, global->reply,
                                                   keep_client, (void *)(uintptr_t)from);
    if (answer == GLOBAL_ANSWERED && hm_build_error(global->reply) == HM_OK)
        hm_reply_term(self, from, hm_build_term(global->reply));
    else if (answer == GLOBAL_NO_ANSWER && !global_member_failed(global->member))
        log_info(&self->node->log, "global.unknown", "a process of %s made a call that global does not know",
                 hm_node_name_text(hm_from_pid(from).node)); /* as global.erl: no answer */
    return check(self, global);
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct global *global = hm_data(self);
    if (self->node->hidden || !global_member_cast(global->member, message, false))
        return HM_UNKNOWN;
    return check(self, global);
}

static const hm_node_name *node_of(hm_process *self, struct hm_text text) {
    return names_find(self->node->names, text.at, text.size);
}

static bool is_up(hm_process *self, const hm_node_name *node) {
    struct peer *peer = node ? peers_find(self->node, node) : NULL;
    return peer && peer_is_up(peer) && peer_is_visible(peer);
}

static bool is_actor(const struct global *global, hm_term message, hm_term *reason) {
    hm_pid pid;
    return gen_message_read_exit(global->self->node->names, message, &pid, reason) &&
           (hm_pid_equal(pid, global->pids[GLOBAL_LOCKER]) || hm_pid_equal(pid, global->pids[GLOBAL_REGISTRAR]));
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct global *global = hm_data(self);
    struct hm_text node;
    hm_term ref_term, reason;
    hm_ref ref;
    if (hm_match(message, "{nodeup, ~a}", &node)) {
        if (is_up(self, node_of(self, node))) /* else its nodedown lies in the mailbox already */
            global_member_nodeup(global->member, node_of(self, node));
    } else if (hm_match(message, "{nodedown, ~a}", &node)) {
        if (node_of(self, node))
            global_member_nodedown(global->member, node_of(self, node));
    } else if (hm_match(message, "{'DOWN', ~t, process, _, _}", &ref_term)) {
        if (ref_decode(self->node->names, ref_term, &ref))
            global_member_down(global->member, &ref);
    } else if (is_actor(global, message, &reason)) {
        return hm_stop(self, "{locker_or_registrar_died, ~t}", reason);
    } else if (hm_match(message, "{'EXIT', _, _}")) {
        return HM_CONTINUE; /* somebody linked to us */
    } else if (self->node->hidden || !global_member_plain(global->member, message)) {
        return HM_UNKNOWN;
    }
    return check(self, global);
}

static void on_terminate(hm_process *self, hm_term reason) {
    (void)reason;
    end(hm_data(self));
    hm_set_data(self, NULL);
}

static void put_state(hm_process *self, hm_build *state) {
    struct global *global = hm_data(self);
    global_member_put_info(global->member, state);
}

const struct hm_server_class global_class = {
    .module = "global",
    .init = on_init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .terminate = on_terminate,
    .state = put_state,
};
