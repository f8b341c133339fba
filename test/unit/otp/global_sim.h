/*
 * Several members of global over the real code, under a scheduler that picks what happens next from a seed.
 *
 * A connection is a set of streams, one for each pair of processes: within one order is kept, between them it is not, as on a BEAM.
 * What may happen next is drawn from everything that could: the first message of any stream, any timer (time is as slow or as fast as
 * it likes), a connection that comes about or fails. A connection that is lost takes a random part of what was under way along; what
 * is left arrives before the loss is noticed. Nodes end and come back, the network is cut and mended.
 */
#ifndef TEST_UNIT_OTP_GLOBAL_SIM_H
#define TEST_UNIT_OTP_GLOBAL_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "etf/ids.h"
#include "node/terms.h"
#include "otp/global_member.h"

enum { SIM_NODES = 6, SIM_PIDS = 8, SIM_FIRST_USER = 10 };

enum sim_kind {
    SIM_CAST,
    SIM_PLAIN,
    SIM_TO_LOCKER,
    SIM_CALL,
    SIM_REPLY,
    SIM_RESOLVE,
    SIM_DOWN,    /* of a process; ref */
    SIM_KILL,
    SIM_MESSAGE, /* to a user process */
};

struct sim_mail {
    TAILQ_ENTRY(sim_mail) link;
    enum sim_kind kind;
    enum global_actor actor; /* who called, and gets the reply */
    int epoch; /* of the connection it goes over; 0: one that has to be made first */
    hm_pid from, pid;
    hm_ref ref;
    uint64_t token;
    hm_term term;
};

struct sim_stream {
    TAILQ_ENTRY(sim_stream) link;
    int from, to;          /* nodes */
    uint32_t sender, receiver; /* processes */
    TAILQ_HEAD(, sim_mail) mail;
};

struct sim_monitor {
    LIST_ENTRY(sim_monitor) link;
    int watcher, to, epoch;
    bool of_node;
    hm_ref ref;
    hm_pid pid;
};

struct sim_call { /* an answer that is still to come */
    LIST_ENTRY(sim_call) link;
    int from, to, epoch;
    uint64_t token;
};

enum sim_view { SIM_IS_DOWN, SIM_IS_UP, SIM_IS_CLOSING };

struct sim_process {
    uint32_t id;
    bool alive;
    unsigned conflicts; /* global_name_conflict messages */
};

struct sim_node {
    struct sim *sim;
    int index;
    const hm_node_name *name;
    uint32_t creation;
    struct global_member *member; /* NULL: down */
    hm_pid pids[GLOBAL_ACTORS];
    struct sim_process users[SIM_PIDS];
    int64_t timers[GLOBAL_TIMERS]; /* when, or -1 */
    enum sim_view view[SIM_NODES]; /* as this node sees the connection to another */
    bool dials[SIM_NODES], closed_it[SIM_NODES];
    int epoch[SIM_NODES];
    unsigned answered, asked; /* registrations, unregistrations, syncs */
};

struct sim {
    uint64_t seed, state;
    struct names *names;
    struct log log;
    int count;
    struct sim_node nodes[SIM_NODES];
    bool cut[SIM_NODES][SIM_NODES];
    TAILQ_HEAD(, sim_stream) streams;
    LIST_HEAD(, sim_monitor) monitors;
    LIST_HEAD(, sim_call) calls;
    int64_t now;
    uint32_t next_creation, next_ref;
    int next_epoch;
    uint64_t steps;
    bool trace;
    void (*spy)(void *arg, const char *way, hm_term message); /* sees all that goes to a name server */
    void *spy_arg;
};

/* ---- chance ---- */

static inline uint32_t sim_random(struct sim *sim, uint32_t below) {
    sim->state = sim->state * 6364136223846793005u + 1442695040888963407u;
    uint32_t value = (uint32_t)((sim->state ^ (sim->state >> 22)) >> (22 + (sim->state >> 61)));
    return below ? value % below : 0;
}

static inline bool sim_chance(struct sim *sim, uint32_t one_in) {
    return sim_random(sim, one_in) == 0;
}

#define sim_say(sim, ...)            \
    do {                             \
        if ((sim)->trace)            \
            print_error(__VA_ARGS__); \
    } while (0)

static inline const char *sim_text(hm_term term) {
    static char text[700];
    char *printed = NULL;
    if (!term.size || hm_term_print(term, HM_SYNTAX_ERLANG, 600, &printed) != HM_OK)
        return "-";
    snprintf(text, sizeof text, "%s", printed);
    free(printed);
    return text;
}

static inline int sim_index(const struct sim *sim, const hm_node_name *name) {
    for (int i = 0; i < sim->count; i++)
        if (sim->nodes[i].name == name)
            return i;
    return -1;
}

/* ---- streams ---- */

static inline struct sim_stream *sim_stream_of(struct sim *sim, int from, int to, uint32_t sender, uint32_t receiver) {
    struct sim_stream *stream;
    TAILQ_FOREACH(stream, &sim->streams, link)
        if (stream->from == from && stream->to == to && stream->sender == sender && stream->receiver == receiver)
            return stream;
    stream = calloc(1, sizeof *stream);
    assert_non_null(stream);
    stream->from = from;
    stream->to = to;
    stream->sender = sender;
    stream->receiver = receiver;
    TAILQ_INIT(&stream->mail);
    TAILQ_INSERT_TAIL(&sim->streams, stream, link);
    return stream;
}

/* The connection over which something that `from` does now will go: 0 when one has to be made, -1 when it goes into the void. */
static inline int sim_epoch(struct sim *sim, int from, int to) {
    struct sim_node *node = &sim->nodes[from];
    if (from == to)
        return 1;
    if (node->view[to] == SIM_IS_UP)
        return node->epoch[to];
    if (node->view[to] == SIM_IS_CLOSING && !node->closed_it[to])
        return -1;
    node->dials[to] = true;
    return 0;
}

static inline void sim_put(struct sim *sim, int from, int to, uint32_t sender, uint32_t receiver, struct sim_mail mail) {
    int epoch = sim_epoch(sim, from, to);
    if (epoch < 0)
        return;
    struct sim_mail *copy = malloc(sizeof *copy);
    assert_non_null(copy);
    *copy = mail;
    copy->epoch = epoch;
    if (mail.term.size)
        assert_int_equal(hm_term_copy(mail.term, &copy->term), HM_OK);
    TAILQ_INSERT_TAIL(&sim_stream_of(sim, from, to, sender, receiver)->mail, copy, link);
}

static inline void sim_free_mail(struct sim_mail *mail) {
    free((void *)(uintptr_t)mail->term.bytes);
    free(mail);
}

/* ---- processes ---- */

static inline bool sim_alive(struct sim *sim, hm_pid pid) {
    int index = sim_index(sim, pid.node);
    const struct sim_node *node = index < 0 ? NULL : &sim->nodes[index];
    if (!node || !node->member || node->creation != pid.creation)
        return false;
    if (pid.id < SIM_FIRST_USER)
        return pid.id >= 1 && pid.id <= GLOBAL_ACTORS;
    for (int i = 0; i < SIM_PIDS; i++)
        if (node->users[i].alive && node->users[i].id == pid.id)
            return true;
    return false;
}

static inline void sim_drop_monitor(struct sim_monitor *monitor) {
    LIST_REMOVE(monitor, link);
    free(monitor);
}

/* The 'DOWN' goes its own way to each watcher. */
static inline void sim_end_process(struct sim *sim, hm_pid pid) {
    int index = sim_index(sim, pid.node);
    struct sim_monitor *monitor, *next;
    for (int i = 0; i < SIM_PIDS; i++)
        if (sim->nodes[index].users[i].id == pid.id)
            sim->nodes[index].users[i].alive = false;
    for (monitor = LIST_FIRST(&sim->monitors); monitor; monitor = next) {
        next = LIST_NEXT(monitor, link);
        if (!monitor->of_node && hm_pid_equal(monitor->pid, pid) &&
            (index == monitor->watcher || sim->nodes[index].view[monitor->watcher] == SIM_IS_UP))
            sim_put(sim, index, monitor->watcher, pid.id, 1, (struct sim_mail){.kind = SIM_DOWN, .ref = monitor->ref});
    }
}

/* ---- ports ---- */

static inline bool sim_is_up(const struct sim_node *node, int to) {
    return to == node->index || node->view[to] == SIM_IS_UP;
}

static inline int sim_port_send(void *arg, enum global_actor from, const hm_node_name *to, bool cast, bool connected,
                                hm_term message) {
    struct sim_node *node = arg;
    struct sim *sim = node->sim;
    int index = sim_index(sim, to);
    hm_term checked;
    assert_true(index >= 0 && index != node->index);
    assert_int_equal(hm_term_check(message.bytes, message.size, true, NULL, &checked), HM_OK);
    if (sim->spy)
        sim->spy(sim->spy_arg, cast ? "cast" : "plain", message);
    if (connected && !sim_is_up(node, index))
        return HM_OK;
    sim_put(sim, node->index, index, 1 + from, 1, (struct sim_mail){.kind = cast ? SIM_CAST : SIM_PLAIN, .term = message});
    return HM_OK;
}

static inline int sim_port_send_pid(void *arg, enum global_actor from, hm_pid to, hm_term message) {
    struct sim_node *node = arg;
    int index = sim_index(node->sim, to.node);
    assert_true(index >= 0);
    enum sim_kind kind = to.id == 1 + GLOBAL_LOCKER ? SIM_TO_LOCKER : to.id == 1 + GLOBAL_SERVER ? SIM_PLAIN : SIM_MESSAGE;
    sim_put(node->sim, node->index, index, 1 + from, to.id, (struct sim_mail){.kind = kind, .pid = to, .term = message});
    return HM_OK;
}

static inline int sim_call_out(struct sim_node *node, enum sim_kind kind, enum global_actor from, int to,
                               hm_term request, uint64_t token) {
    struct sim_call *call = calloc(1, sizeof *call);
    assert_non_null(call);
    call->from = node->index;
    call->to = to;
    call->epoch = sim_epoch(node->sim, node->index, to);
    call->token = token;
    LIST_INSERT_HEAD(&node->sim->calls, call, link);
    sim_put(node->sim, node->index, to, 1 + from, kind == SIM_CALL ? 1 : 9,
            (struct sim_mail){.kind = kind, .actor = from, .from = node->pids[from], .token = token, .term = request});
    return HM_OK;
}

static inline int sim_port_call(void *arg, enum global_actor from, const hm_node_name *to, hm_term request,
                                uint64_t token) {
    struct sim_node *node = arg;
    if (node->sim->spy)
        node->sim->spy(node->sim->spy_arg, "call", request);
    return sim_call_out(node, SIM_CALL, from, sim_index(node->sim, to), request, token);
}

static inline int sim_port_resolve(void *arg, const hm_node_name *on, hm_term arguments, uint64_t token) {
    struct sim_node *node = arg;
    return sim_call_out(node, SIM_RESOLVE, GLOBAL_SERVER, sim_index(node->sim, on), arguments, token);
}

static inline struct sim_monitor *sim_monitor_new(struct sim_node *node, int to, hm_ref *ref) {
    struct sim_monitor *monitor = calloc(1, sizeof *monitor);
    assert_non_null(monitor);
    *ref = (hm_ref){.node = node->name, .creation = node->creation, .words = 3, .id = {++node->sim->next_ref, 0, 0}};
    monitor->watcher = node->index;
    monitor->ref = *ref;
    monitor->to = to;
    monitor->epoch = sim_epoch(node->sim, node->index, to);
    LIST_INSERT_HEAD(&node->sim->monitors, monitor, link);
    return monitor;
}

static inline int sim_port_monitor(void *arg, hm_pid pid, hm_ref *ref) {
    struct sim_node *node = arg;
    struct sim *sim = node->sim;
    int index = sim_index(sim, pid.node);
    assert_true(index >= 0);
    sim_monitor_new(node, index, ref)->pid = pid;
    if (!sim_alive(sim, pid) && sim_is_up(node, index))
        sim_put(sim, index, node->index, pid.id, 1, (struct sim_mail){.kind = SIM_DOWN, .ref = *ref});
    return HM_OK;
}

static inline int sim_port_monitor_node(void *arg, const hm_node_name *name, hm_ref *ref) {
    struct sim_node *node = arg;
    int index = sim_index(node->sim, name);
    sim_monitor_new(node, index, ref)->of_node = true;
    return HM_OK;
}

static inline struct sim_monitor *sim_find_monitor(struct sim *sim, const hm_ref *ref) {
    struct sim_monitor *monitor;
    LIST_FOREACH(monitor, &sim->monitors, link)
        if (hm_ref_equal(&monitor->ref, ref))
            return monitor;
    return NULL;
}

static inline void sim_port_demonitor(void *arg, const hm_ref *ref) {
    struct sim_node *node = arg;
    struct sim_monitor *monitor = sim_find_monitor(node->sim, ref);
    if (monitor)
        sim_drop_monitor(monitor);
}

static inline void sim_port_kill(void *arg, hm_pid pid) {
    struct sim_node *node = arg;
    int index = sim_index(node->sim, pid.node);
    sim_put(node->sim, node->index, index, 1, pid.id, (struct sim_mail){.kind = SIM_KILL, .pid = pid});
}

static inline bool sim_port_is_alive(void *arg, hm_pid pid) {
    struct sim_node *node = arg;
    return sim_alive(node->sim, pid);
}

static inline bool sim_port_is_connected(void *arg, const hm_node_name *name) {
    struct sim_node *node = arg;
    int index = sim_index(node->sim, name);
    return index == node->index || node->view[index] == SIM_IS_UP ||
           (node->view[index] == SIM_IS_CLOSING && !node->closed_it[index]);
}

static inline void sim_close(struct sim *sim, int a, int b);

static inline void sim_port_disconnect(void *arg, const hm_node_name *name) {
    struct sim_node *node = arg;
    int index = sim_index(node->sim, name);
    if (node->view[index] == SIM_IS_UP)
        sim_close(node->sim, node->index, index);
}

static inline void sim_port_set_timer(void *arg, enum global_timer timer, int64_t ms) {
    struct sim_node *node = arg;
    node->timers[timer] = ms < 0 ? -1 : node->sim->now + ms;
}

static inline uint32_t sim_port_random(void *arg, uint32_t below) {
    struct sim_node *node = arg;
    return sim_random(node->sim, below);
}

static inline int64_t sim_port_now(void *arg) {
    struct sim_node *node = arg;
    return node->sim->now;
}

static inline void sim_port_answer(void *arg, void *client, hm_term reply) {
    struct sim_node *node = arg;
    if (reply.size)
        node->answered++;
    free(client);
}

static const struct global_ports sim_ports = {
    .send = sim_port_send,
    .send_pid = sim_port_send_pid,
    .call = sim_port_call,
    .resolve = sim_port_resolve,
    .monitor = sim_port_monitor,
    .monitor_node = sim_port_monitor_node,
    .demonitor = sim_port_demonitor,
    .kill = sim_port_kill,
    .is_alive = sim_port_is_alive,
    .is_connected = sim_port_is_connected,
    .disconnect = sim_port_disconnect,
    .set_timer = sim_port_set_timer,
    .random = sim_port_random,
    .now_ms = sim_port_now,
    .answer = sim_port_answer,
};

/* ---- connections ---- */

/* What is under way to `to` arrives in part. */
static inline void sim_cut_streams(struct sim *sim, int from, int to, int epoch) {
    struct sim_stream *stream;
    TAILQ_FOREACH(stream, &sim->streams, link) {
        if (stream->from != from || stream->to != to)
            continue;
        unsigned count = 0;
        struct sim_mail *mail, *next;
        TAILQ_FOREACH(mail, &stream->mail, link)
            count += mail->epoch == epoch;
        unsigned keep = sim_random(sim, count + 1);
        for (mail = TAILQ_FIRST(&stream->mail); mail; mail = next) {
            next = TAILQ_NEXT(mail, link);
            if (mail->epoch != epoch || keep > 0) {
                keep -= mail->epoch == epoch;
                continue;
            }
            TAILQ_REMOVE(&stream->mail, mail, link);
            sim_free_mail(mail);
        }
    }
}

/* Each side notices when it has read what still came. */
static inline void sim_close_side(struct sim *sim, int at, int to, bool itself) {
    struct sim_node *node = &sim->nodes[at];
    if (node->view[to] != SIM_IS_UP)
        return;
    node->view[to] = SIM_IS_CLOSING;
    node->closed_it[to] = itself;
    sim_cut_streams(sim, to, at, node->epoch[to]);
}

static inline void sim_close(struct sim *sim, int a, int b) {
    sim_say(sim, "  close %d - %d\n", a, b);
    sim_close_side(sim, a, b, true);
    sim_close_side(sim, b, a, false);
}

static inline bool sim_has_mail(struct sim *sim, int from, int to, int epoch) {
    struct sim_stream *stream;
    struct sim_mail *mail;
    TAILQ_FOREACH(stream, &sim->streams, link)
        if (stream->from == from && stream->to == to)
            TAILQ_FOREACH(mail, &stream->mail, link)
                if (mail->epoch == epoch)
                    return true;
    return false;
}

static inline void sim_drop_mail(struct sim *sim, int from, int to, int epoch) {
    struct sim_stream *stream;
    struct sim_mail *mail, *next;
    TAILQ_FOREACH(stream, &sim->streams, link)
        if (stream->from == from && stream->to == to)
            for (mail = TAILQ_FIRST(&stream->mail); mail; mail = next) {
                next = TAILQ_NEXT(mail, link);
                if (epoch < 0 || mail->epoch == epoch) {
                    TAILQ_REMOVE(&stream->mail, mail, link);
                    sim_free_mail(mail);
                }
            }
}

enum { SIM_MOST = 4096 };

/* Monitors of a connection that is gone, or did not come, fire; calls over it are answered by nobody, before or after the nodedown. */
static inline void sim_fail_waiting(struct sim *sim, int at, int to, int epoch, bool nodedown) {
    struct sim_node *node = &sim->nodes[at];
    struct sim_call *call, *next_call;
    struct sim_monitor *monitor, *next;
    static hm_ref refs[SIM_MOST];
    static uint64_t tokens[SIM_MOST];
    unsigned ref_count = 0, token_count = 0;
    for (monitor = LIST_FIRST(&sim->monitors); monitor; monitor = next) {
        next = LIST_NEXT(monitor, link);
        if (monitor->watcher != at || monitor->to != to || (monitor->epoch != epoch && monitor->epoch != -1))
            continue;
        assert_true(ref_count < SIM_MOST);
        refs[ref_count++] = monitor->ref;
    }
    for (call = LIST_FIRST(&sim->calls); call; call = next_call) {
        next_call = LIST_NEXT(call, link);
        if (call->from != at || call->to != to || (call->epoch != epoch && call->epoch != -1))
            continue;
        assert_true(token_count < SIM_MOST);
        tokens[token_count++] = call->token;
        LIST_REMOVE(call, link);
        free(call);
    }
    for (unsigned i = 0; i < ref_count; i++)
        if ((monitor = sim_find_monitor(sim, &refs[i]))) {
            sim_drop_monitor(monitor);
            global_member_down(node->member, &refs[i]);
        }
    unsigned before = sim_random(sim, token_count + 1);
    for (unsigned i = 0; i < before; i++)
        global_member_answer(node->member, tokens[i], sim->nodes[to].name, (hm_term){0});
    if (nodedown)
        global_member_nodedown(node->member, sim->nodes[to].name);
    for (unsigned i = before; i < token_count; i++)
        global_member_answer(node->member, tokens[i], sim->nodes[to].name, (hm_term){0});
}

static inline bool sim_may_connect(struct sim *sim, int a, int b) {
    return sim->nodes[a].member && sim->nodes[b].member && !sim->cut[a][b];
}

static inline void sim_take_pending(struct sim *sim, int from, int to, int epoch) {
    struct sim_stream *stream;
    struct sim_mail *mail;
    struct sim_monitor *monitor;
    struct sim_call *call;
    TAILQ_FOREACH(stream, &sim->streams, link)
        if (stream->from == from && stream->to == to)
            TAILQ_FOREACH(mail, &stream->mail, link)
                mail->epoch = mail->epoch == 0 ? epoch : mail->epoch;
    LIST_FOREACH(monitor, &sim->monitors, link)
        if (monitor->watcher == from && monitor->to == to && monitor->epoch == 0) {
            monitor->epoch = epoch;
            if (!monitor->of_node && !sim_alive(sim, monitor->pid))
                sim_put(sim, to, from, monitor->pid.id, 1, (struct sim_mail){.kind = SIM_DOWN, .ref = monitor->ref});
        }
    LIST_FOREACH(call, &sim->calls, link)
        if (call->from == from && call->to == to && call->epoch == 0)
            call->epoch = epoch;
}

/* Both sides hear nodeup before anything else of this connection. */
static inline void sim_connect(struct sim *sim, int a, int b) {
    struct sim_node *one = &sim->nodes[a], *other = &sim->nodes[b];
    int epoch = ++sim->next_epoch;
    sim_say(sim, "  connect %d - %d\n", a, b);
    one->view[b] = other->view[a] = SIM_IS_UP;
    one->dials[b] = other->dials[a] = false;
    one->epoch[b] = other->epoch[a] = epoch;
    sim_take_pending(sim, a, b, epoch);
    sim_take_pending(sim, b, a, epoch);
    global_member_nodeup(one->member, other->name);
    global_member_nodeup(other->member, one->name);
}

static inline bool sim_are_down(struct sim *sim, int a, int b) {
    return sim->nodes[a].view[b] == SIM_IS_DOWN && sim->nodes[b].view[a] == SIM_IS_DOWN;
}

/* ---- nodes ---- */

static inline void sim_boot(struct sim *sim, int index) {
    struct sim_node *node = &sim->nodes[index];
    node->creation = ++sim->next_creation + 4;
    for (uint32_t i = 0; i < GLOBAL_ACTORS; i++)
        node->pids[i] = (hm_pid){node->name, 1 + i, 0, node->creation};
    for (int i = 0; i < GLOBAL_TIMERS; i++)
        node->timers[i] = -1;
    for (uint32_t i = 0; i < SIM_PIDS; i++)
        node->users[i] = (struct sim_process){.id = SIM_FIRST_USER + i, .alive = true};
    node->asked = node->answered = 0;
    struct global_config config = {.names = sim->names,
                                   .log = &sim->log,
                                   .self = node->name,
                                   .creation = node->creation,
                                   .pids = {node->pids[0], node->pids[1], node->pids[2]},
                                   .connect_all = true,
                                   .prevent_overlapping_partitions = true,
                                   .max_names = 1000,
                                   .max_locks = 1000};
    node->member = global_member_new(&config, &sim_ports, node);
    assert_non_null(node->member);
}

static inline void sim_halt(struct sim *sim, int index) {
    struct sim_node *node = &sim->nodes[index];
    struct sim_monitor *monitor, *next;
    struct sim_call *call, *next_call;
    sim_say(sim, "  halt %d\n", index);
    for (int i = 0; i < sim->count; i++) {
        if (i == index)
            continue;
        sim_close_side(sim, i, index, false);
        sim_drop_mail(sim, i, index, -1);
        sim_drop_mail(sim, index, i, 0);
        node->view[i] = SIM_IS_DOWN;
        node->dials[i] = false;
    }
    sim_drop_mail(sim, index, index, -1);
    for (monitor = LIST_FIRST(&sim->monitors); monitor; monitor = next) {
        next = LIST_NEXT(monitor, link);
        if (monitor->watcher == index)
            sim_drop_monitor(monitor);
    }
    for (call = LIST_FIRST(&sim->calls); call; call = next_call) {
        next_call = LIST_NEXT(call, link);
        if (call->from == index) {
            LIST_REMOVE(call, link);
            free(call);
        }
    }
    global_member_free(node->member);
    node->member = NULL;
}

/* ---- what happens ---- */

static inline void sim_reply(struct sim *sim, const struct sim_stream *stream, const struct sim_mail *mail,
                             hm_term reply) {
    sim_put(sim, stream->to, stream->from, stream->receiver, 1 + mail->actor,
            (struct sim_mail){.kind = SIM_REPLY, .token = mail->token, .term = reply});
}

static inline void *sim_keep(void *arg) {
    (void)arg;
    return calloc(1, 1);
}

static inline void sim_resolve(struct sim *sim, struct sim_node *node, const struct sim_stream *stream,
                               const struct sim_mail *mail) {
    hm_term method, name, one_term, other_term;
    hm_pid one, other;
    hm_build *build = hm_build_new();
    assert_true(hm_match(mail->term, "[~t, ~t, ~t, ~t]", &method, &name, &one_term, &other_term));
    assert_true(pid_decode(sim->names, one_term, &one) && pid_decode(sim->names, other_term, &other));
    assert_true(global_member_resolve(node->member, method, name, one, other, build));
    sim_reply(sim, stream, mail, hm_build_term(build));
    hm_build_free(build);
}

static inline void sim_deliver_call(struct sim *sim, struct sim_node *node, const struct sim_stream *stream,
                                    const struct sim_mail *mail) {
    hm_build *build = hm_build_new();
    enum global_answer answer = global_member_call(node->member, mail->from, mail->term, build, sim_keep, NULL);
    assert_int_equal(answer, GLOBAL_ANSWERED);
    sim_reply(sim, stream, mail, hm_build_term(build));
    hm_build_free(build);
}

static inline void sim_deliver_reply(struct sim *sim, struct sim_node *node, const struct sim_stream *stream,
                                     const struct sim_mail *mail) {
    struct sim_call *call;
    LIST_FOREACH(call, &sim->calls, link)
        if (call->from == node->index && call->to == stream->from && call->token == mail->token) {
            LIST_REMOVE(call, link);
            free(call);
            global_member_answer(node->member, mail->token, sim->nodes[stream->from].name, mail->term);
            return;
        }
}

static inline void sim_deliver(struct sim *sim, const struct sim_stream *stream, struct sim_mail *mail) {
    static const char *const KINDS[] = {"cast", "plain", "locker", "call", "reply", "resolve", "down", "kill", "msg"};
    struct sim_node *node = &sim->nodes[stream->to];
    struct sim_monitor *monitor;
    hm_ref ref = mail->ref;
    sim_say(sim, "%d -> %d %s %s\n", stream->from, stream->to, KINDS[mail->kind], sim_text(mail->term));
    switch (mail->kind) {
    case SIM_CAST:
        assert_true(global_member_cast(node->member, mail->term, false));
        break;
    case SIM_TO_LOCKER:
        if (sim_alive(sim, mail->pid))
            assert_true(global_member_cast(node->member, mail->term, true));
        break;
    case SIM_PLAIN:
        assert_true(global_member_plain(node->member, mail->term));
        break;
    case SIM_CALL:
        sim_deliver_call(sim, node, stream, mail);
        break;
    case SIM_RESOLVE:
        sim_resolve(sim, node, stream, mail);
        break;
    case SIM_REPLY:
        sim_deliver_reply(sim, node, stream, mail);
        break;
    case SIM_DOWN:
        if ((monitor = sim_find_monitor(sim, &ref))) {
            sim_drop_monitor(monitor);
            global_member_down(node->member, &ref);
        }
        break;
    case SIM_KILL:
        if (sim_alive(sim, mail->pid))
            sim_end_process(sim, mail->pid);
        break;
    case SIM_MESSAGE:
        if (sim_alive(sim, mail->pid))
            node->users[mail->pid.id - SIM_FIRST_USER].conflicts++;
        break;
    }
    assert_false(global_member_failed(node->member));
    sim_free_mail(mail);
}

static inline bool sim_is_deliverable(struct sim *sim, const struct sim_stream *stream) {
    const struct sim_mail *mail = TAILQ_FIRST(&stream->mail);
    const struct sim_node *node = &sim->nodes[stream->to];
    if (!mail || !node->member)
        return false;
    return stream->from == stream->to ||
           (node->view[stream->from] != SIM_IS_DOWN && mail->epoch == node->epoch[stream->from]);
}

/* Everything that could happen next, counted; the chosen one is done. */
enum sim_event { SIM_EVENT_MAIL, SIM_EVENT_NODEDOWN, SIM_EVENT_DIAL, SIM_EVENT_TIMER };

struct sim_choice {
    enum sim_event event;
    struct sim_stream *stream;
    int a, b;
};

enum { SIM_CHOICES = 2048 };

static inline unsigned sim_choices(struct sim *sim, struct sim_choice *choices, bool *only_timers) {
    struct sim_stream *stream;
    unsigned count = 0;
    TAILQ_FOREACH(stream, &sim->streams, link)
        if (sim_is_deliverable(sim, stream) && count < SIM_CHOICES - 200)
            choices[count++] = (struct sim_choice){SIM_EVENT_MAIL, stream, 0, 0};
    for (int a = 0; a < sim->count; a++)
        for (int b = 0; b < sim->count; b++) {
            struct sim_node *node = &sim->nodes[a];
            if (a == b || !node->member)
                continue;
            if (node->view[b] == SIM_IS_CLOSING && !sim_has_mail(sim, b, a, node->epoch[b]))
                choices[count++] = (struct sim_choice){SIM_EVENT_NODEDOWN, NULL, a, b};
            if (node->dials[b] && node->view[b] == SIM_IS_DOWN &&
                (!sim_may_connect(sim, a, b) || sim_are_down(sim, a, b)))
                choices[count++] = (struct sim_choice){SIM_EVENT_DIAL, NULL, a, b};
        }
    *only_timers = count == 0;
    for (int a = 0; a < sim->count; a++)
        for (int timer = GLOBAL_TIMER_LOCKER; timer <= GLOBAL_TIMER_HEAL; timer++)
            if (sim->nodes[a].member && sim->nodes[a].timers[timer] >= 0 && (*only_timers || sim_chance(sim, 20)))
                choices[count++] = (struct sim_choice){SIM_EVENT_TIMER, NULL, a, timer};
    return count;
}

/* false: nothing can happen any more. */
static inline bool sim_step(struct sim *sim) {
    static struct sim_choice choices[SIM_CHOICES];
    bool only_timers;
    unsigned count = sim_choices(sim, choices, &only_timers);
    if (count == 0)
        return false;
    struct sim_choice *choice = &choices[sim_random(sim, count)];
    struct sim_node *node = &sim->nodes[choice->a];
    int a = choice->a, b = choice->b;
    sim->steps++;
    switch (choice->event) {
    case SIM_EVENT_MAIL: {
        struct sim_mail *mail = TAILQ_FIRST(&choice->stream->mail);
        TAILQ_REMOVE(&choice->stream->mail, mail, link);
        sim_deliver(sim, choice->stream, mail);
        break;
    }
    case SIM_EVENT_NODEDOWN: {
        int epoch = node->epoch[b];
        sim_say(sim, "  nodedown %d at %d\n", b, a);
        node->view[b] = SIM_IS_DOWN;
        sim_fail_waiting(sim, a, b, epoch, true);
        break;
    }
    case SIM_EVENT_DIAL:
        if (sim_may_connect(sim, a, b)) {
            sim_connect(sim, a, b);
        } else {
            sim_say(sim, "  %d cannot connect to %d\n", a, b);
            node->dials[b] = false;
            sim_drop_mail(sim, a, b, 0);
            sim_fail_waiting(sim, a, b, 0, false);
        }
        break;
    case SIM_EVENT_TIMER:
        if (sim->now < node->timers[b])
            sim->now = node->timers[b];
        node->timers[b] = -1;
        sim_say(sim, "  timer %d at %d\n", b, a);
        global_member_timer(node->member, (enum global_timer)b);
        break;
    }
    return true;
}

/* ---- life ---- */

static inline void sim_log(void *arg, enum log_level level, const char *id, const char *text) {
    struct sim *sim = arg;
    (void)level;
    sim_say(sim, "    log %s %s\n", id, text);
}

static inline struct sim *sim_new(uint64_t seed, int count) {
    struct sim *sim = calloc(1, sizeof *sim);
    assert_non_null(sim);
    sim->seed = seed;
    sim->state = seed * 0x9e3779b97f4a7c15u + 1;
    sim->names = names_new(100);
    sim->log = (struct log){.level = LOG_DEBUG, .write = sim_log, .arg = sim};
    sim->count = count;
    sim->trace = getenv("GLOBAL_SIM_TRACE") != NULL;
    TAILQ_INIT(&sim->streams);
    LIST_INIT(&sim->monitors);
    LIST_INIT(&sim->calls);
    for (int i = 0; i < count; i++) {
        char name[16];
        /* two hosts; which name is the greatest has nothing to do with the index */
        int size = snprintf(name, sizeof name, "%c%d@%s", "qmzbsf"[i], i, i % 2 ? "host" : "other");
        sim->nodes[i].sim = sim;
        sim->nodes[i].index = i;
        sim->nodes[i].name = names_intern(sim->names, name, (size_t)size);
        assert_non_null(sim->nodes[i].name);
    }
    for (int i = 0; i < count; i++)
        sim_boot(sim, i);
    return sim;
}

static inline void sim_free(struct sim *sim) {
    struct sim_stream *stream;
    for (int i = 0; i < sim->count; i++)
        if (sim->nodes[i].member)
            sim_halt(sim, i);
    for (int i = 0; i < sim->count; i++)
        for (int j = 0; j < sim->count; j++)
            sim_drop_mail(sim, i, j, -1);
    assert_true(LIST_EMPTY(&sim->calls));
    assert_true(LIST_EMPTY(&sim->monitors));
    while ((stream = TAILQ_FIRST(&sim->streams))) {
        TAILQ_REMOVE(&sim->streams, stream, link);
        free(stream);
    }
    names_free(sim->names);
    free(sim);
}

/* A call to the own name server by a process of the node. */
static inline void sim_ask(struct sim_node *node, const char *pattern, ...) {
    hm_build *request = hm_build_new(), *reply = hm_build_new();
    va_list arguments;
    va_start(arguments, pattern);
    hm_put_vformat(request, pattern, arguments);
    va_end(arguments);
    hm_pid from = {node->name, SIM_FIRST_USER, 0, node->creation};
    enum global_answer answer =
        global_member_call(node->member, from, hm_build_term(request), reply, sim_keep, NULL);
    assert_true(answer != GLOBAL_NO_ANSWER);
    node->asked++;
    node->answered += answer == GLOBAL_ANSWERED;
    hm_build_free(request);
    hm_build_free(reply);
}

static inline hm_pid sim_user(const struct sim_node *node, unsigned i) {
    return (hm_pid){node->name, node->users[i].id, 0, node->creation};
}

/* ---- what users and the network do ---- */

static inline void sim_do_something(struct sim *sim) {
    struct sim_node *node = &sim->nodes[sim_random(sim, (uint32_t)sim->count)];
    unsigned i = sim_random(sim, SIM_PIDS);
    int64_t name = sim_random(sim, 4);
    hm_term method = global_method_term((enum global_method)sim_random(sim, GLOBAL_OTHER_METHOD));
    if (!node->member)
        return;
    switch (sim_random(sim, 8)) {
    case 0:
        sim_ask(node, "{'$hm_unregister', {name, ~i}}", name);
        break;
    case 1:
        if (node->users[i].alive)
            sim_end_process(sim, sim_user(node, i));
        break;
    case 2:
        if (node->users[i].alive)
            sim_ask(node, "{'$hm_register', true, {name, ~i}, ~p, ~t}", name, sim_user(node, i), method);
        break;
    case 3:
        sim_ask(node, "{sync, [~a]}", hm_node_name_text(sim->nodes[sim_random(sim, (uint32_t)sim->count)].name));
        break;
    default:
        if (node->users[i].alive)
            sim_ask(node, "{'$hm_register', false, {name, ~i}, ~p, ~t}", name, sim_user(node, i), method);
    }
}

/* Calm: nodes meet, and nothing is lost. */
static inline void sim_disturb(struct sim *sim, bool calm) {
    int a = (int)sim_random(sim, (uint32_t)sim->count), b = (int)sim_random(sim, (uint32_t)sim->count);
    switch (calm ? 9 : sim_random(sim, 10)) {
    case 0:
        if (sim->nodes[a].member)
            sim_halt(sim, a);
        break;
    case 1:
    case 2:
        for (int i = 0; i < sim->count && !sim->nodes[a].member; i++)
            if (i != a && sim->nodes[i].view[a] != SIM_IS_DOWN)
                return; /* its old connections are noticed first */
        if (!sim->nodes[a].member)
            sim_boot(sim, a);
        break;
    case 3:
        if (a != b && sim->nodes[a].view[b] == SIM_IS_UP)
            sim_close(sim, a, b);
        break;
    case 4:
        sim->cut[a][b] = sim->cut[b][a] = a != b;
        if (a != b && sim->nodes[a].view[b] == SIM_IS_UP)
            sim_close(sim, a, b);
        break;
    case 5:
        sim->cut[a][b] = sim->cut[b][a] = false;
        break;
    default:
        if (a != b && sim_may_connect(sim, a, b) && sim_are_down(sim, a, b))
            sim_connect(sim, a, b);
    }
}

#endif
