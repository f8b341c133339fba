/* One member of global, to which a test plays the others: what it sends becomes text, time is a number. */
#ifndef TEST_UNIT_OTP_GLOBAL_MEMBER_FIXTURE_H
#define TEST_UNIT_OTP_GLOBAL_MEMBER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etf/ids.h"
#include "node/terms.h"
#include "otp/global_member.h"

struct lone {
    struct names *names;
    struct log log;
    const hm_node_name *self, *peer, *third;
    struct global_member *member;
    int64_t now, timers[GLOBAL_TIMERS]; /* when each comes; -1 never */
    struct {
        uint64_t token;
        const hm_node_name *to;
    } calls[16]; /* that wait for an answer */
    unsigned call_count;
    char sent[8192];                    /* "node message\n" of everything since the last lone_sent */
    char last[8192];
};

static inline void lone_log(void *arg, enum log_level level, const char *id, const char *text) {
    (void)arg, (void)level, (void)id, (void)text;
}

static inline int lone_send(void *arg, enum global_actor from, const hm_node_name *to, bool cast, bool connected,
                            hm_term message) {
    struct lone *lone = arg;
    char *text = NULL;
    (void)from, (void)cast, (void)connected;
    assert_int_equal(hm_term_print(message, HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    size_t used = strlen(lone->sent);
    int size = snprintf(lone->sent + used, sizeof lone->sent - used, "%s %s\n", hm_node_name_text(to), text);
    assert_true(size > 0 && (size_t)size < sizeof lone->sent - used);
    free(text);
    return HM_OK;
}

static inline int lone_send_pid(void *arg, enum global_actor from, hm_pid to, hm_term message) {
    (void)arg, (void)from, (void)to, (void)message;
    return HM_OK;
}

static inline int lone_call(void *arg, enum global_actor from, const hm_node_name *to, hm_term request,
                            uint64_t token) {
    struct lone *lone = arg;
    assert_true(lone->call_count < 16);
    lone->calls[lone->call_count].token = token;
    lone->calls[lone->call_count++].to = to;
    return lone_send(arg, from, to, false, false, request);
}

static inline int lone_resolve(void *arg, const hm_node_name *on, hm_term arguments, uint64_t token) {
    (void)arg, (void)on, (void)arguments, (void)token;
    return HM_ENOCONNECTION;
}

static inline int lone_monitor(void *arg, hm_pid pid, hm_ref *ref) {
    (void)arg, (void)pid;
    memset(ref, 0, sizeof *ref);
    return HM_OK;
}

/* It dials: a line "node monitor_node" stands for that. */
static inline int lone_monitor_node(void *arg, const hm_node_name *node, hm_ref *ref) {
    lone_monitor(arg, HM_NO_PID, ref);
    return lone_send(arg, GLOBAL_SERVER, node, false, false, ATOM_TERM("monitor_node"));
}

static inline void lone_demonitor(void *arg, const hm_ref *ref) {
    (void)arg, (void)ref;
}

static inline void lone_kill(void *arg, hm_pid pid) {
    (void)arg, (void)pid;
}

static inline bool lone_is_alive(void *arg, hm_pid pid) {
    (void)arg, (void)pid;
    return true;
}

static inline bool lone_is_connected(void *arg, const hm_node_name *node) {
    (void)arg, (void)node;
    return true;
}

static inline void lone_disconnect(void *arg, const hm_node_name *node) {
    (void)arg, (void)node;
}

static inline void lone_set_timer(void *arg, enum global_timer timer, int64_t ms) {
    struct lone *lone = arg;
    lone->timers[timer] = ms < 0 ? -1 : lone->now + ms;
}

static inline uint32_t lone_random(void *arg, uint32_t below) {
    (void)arg;
    return below - 1;
}

static inline int64_t lone_now(void *arg) {
    return ((struct lone *)arg)->now;
}

static inline void lone_answer(void *arg, void *client, hm_term reply) {
    (void)arg, (void)client, (void)reply;
}

static const struct global_ports lone_ports = {
    .send = lone_send,
    .send_pid = lone_send_pid,
    .call = lone_call,
    .resolve = lone_resolve,
    .monitor = lone_monitor,
    .monitor_node = lone_monitor_node,
    .demonitor = lone_demonitor,
    .kill = lone_kill,
    .is_alive = lone_is_alive,
    .is_connected = lone_is_connected,
    .disconnect = lone_disconnect,
    .set_timer = lone_set_timer,
    .random = lone_random,
    .now_ms = lone_now,
    .answer = lone_answer,
};

static inline int lone_setup(void **state) {
    struct lone *lone = calloc(1, sizeof *lone);
    assert_non_null(lone);
    lone->names = names_new(100);
    lone->log = (struct log){.level = LOG_DEBUG, .write = lone_log};
    lone->self = names_intern(lone->names, "me@host", 7);
    lone->peer = names_intern(lone->names, "peer@host", 9);
    lone->third = names_intern(lone->names, "third@host", 10);
    lone->now = 1000;
    for (int i = 0; i < GLOBAL_TIMERS; i++)
        lone->timers[i] = -1;
    struct global_config config = {.names = lone->names,
                                   .log = &lone->log,
                                   .self = lone->self,
                                   .creation = 7,
                                   .pids = {{lone->self, 1, 0, 7}, {lone->self, 2, 0, 7}, {lone->self, 3, 0, 7}},
                                   .connect_all = true,
                                   .prevent_overlapping_partitions = true,
                                   .max_names = 100,
                                   .max_locks = 100};
    lone->member = global_member_new(&config, &lone_ports, lone);
    assert_non_null(lone->member);
    *state = lone;
    return 0;
}

static inline int lone_teardown(void **state) {
    struct lone *lone = *state;
    assert_false(global_member_failed(lone->member));
    global_member_free(lone->member);
    names_free(lone->names);
    free(lone);
    return 0;
}

static inline void lone_take(struct lone *lone, bool cast, hm_build *build) {
    assert_int_equal(hm_build_error(build), HM_OK);
    assert_true(cast ? global_member_cast(lone->member, hm_build_term(build), false)
                     : global_member_plain(lone->member, hm_build_term(build)));
    hm_build_free(build);
}

/* A message from another node, as hm_put_format makes it. */
#define LONE_HEAR(lone, cast, ...)             \
    do {                                       \
        hm_build *build_ = hm_build_new();     \
        hm_put_format(build_, __VA_ARGS__);    \
        lone_take(lone, cast, build_);         \
    } while (0)

/* What it has sent since the last time, a line for each message. */
static inline const char *lone_sent(struct lone *lone) {
    memcpy(lone->last, lone->sent, sizeof lone->last);
    lone->sent[0] = 0;
    return lone->last;
}

/* All calls, and those that follow from it, are answered with true. */
static inline void lone_grant(struct lone *lone) {
    while (lone->call_count > 0) {
        unsigned last = --lone->call_count;
        global_member_answer(lone->member, lone->calls[last].token, lone->calls[last].to, ATOM_TERM("true"));
    }
}

static inline void lone_hear_init(struct lone *lone, const hm_node_name *from, int64_t tag) {
    hm_pid locker = {from, 5, 0, 9};
    LONE_HEAR(lone, true, "{init_connect, {8, ~i}, ~a, {locker, no_longer_a_pid, ~t, ~p}}", tag, hm_node_name_text(from),
              (hm_term){(const unsigned char *)"\x74\0\0\0\0", 5}, locker);
}

/* The tag of the init_connect in what was sent. */
static inline int64_t lone_tag_of(const char *sent) {
    const char *at = strstr(sent, "{init_connect,{8,");
    assert_non_null(at);
    return strtoll(at + strlen("{init_connect,{8,"), NULL, 10);
}

/* From its nodeup until both have locked their side; our tag. */
static inline int64_t lone_lock_both(struct lone *lone, const hm_node_name *with) {
    enum { HIS_TAG = 100 };
    hm_pid locker = {with, 5, 0, 9};
    global_member_nodeup(lone->member, with);
    int64_t tag = lone_tag_of(lone_sent(lone));
    lone_hear_init(lone, with, HIS_TAG);
    LONE_HEAR(lone, false, "{init_connect_ack, ~a, ~i, ~i}", hm_node_name_text(with), tag, (int64_t)HIS_TAG);
    LONE_HEAR(lone, true, "{lock_set, ~p, true, [], ~i}", locker, tag);
    assert_non_null(strstr(lone_sent(lone), "{exchange,me@host"));
    return tag;
}

static inline void lone_pass_time(struct lone *lone, int64_t ms) {
    lone->now += ms;
    for (int i = 0; i < GLOBAL_TIMERS; i++)
        if (lone->timers[i] >= 0 && lone->timers[i] <= lone->now) {
            lone->timers[i] = -1;
            global_member_timer(lone->member, (enum global_timer)i);
        }
}

/* We join the peer, who knows the third node, over whose connection `third_begins` a session of its own by then. */
static inline void lone_join(struct lone *lone, bool third_is_up, bool third_begins) {
    if (third_is_up)
        global_member_nodeup(lone->member, lone->third);
    if (third_begins)
        lone_hear_init(lone, lone->third, 200);
    lone_sent(lone);
    int64_t tag = lone_lock_both(lone, lone->peer);
    LONE_HEAR(lone, true, "{exchange, 'peer@host', [], [], ~i}", tag);
    LONE_HEAR(lone, true, "{resolved, 'peer@host', [], [{'third@host', 8}], unused, [], ~i}", tag);
}

/* The end of a session with the peer, who knows nobody. */
static inline void lone_join_directly(struct lone *lone, int64_t tag) {
    LONE_HEAR(lone, true, "{exchange, 'peer@host', [], [], ~i}", tag);
    LONE_HEAR(lone, true, "{resolved, 'peer@host', [], [], unused, [], ~i}", tag);
    lone_grant(lone);
    lone_sent(lone);
}

static inline void lone_hear_in_sync(struct lone *lone, bool takes_part) {
    LONE_HEAR(lone, true, "{in_sync, 'third@host', ~a}", takes_part ? "true" : "false");
}

#define LONE_IN_SYNC "third@host {in_sync,me@host,true}\n"

static inline void lone_assert_counts(struct lone *lone, size_t known, size_t synced) {
    struct global_counts counts = global_member_count(lone->member);
    assert_int_equal(counts.known, known);
    assert_int_equal(counts.synced, synced);
}

/* As another node's registrar has it done, whose lock is taken for granted. */
static inline void lone_change(struct lone *lone, hm_build *request) {
    hm_build *reply = hm_build_new();
    assert_int_equal(hm_build_error(request), HM_OK);
    assert_int_equal(global_member_call(lone->member, (hm_pid){lone->peer, 60, 0, 9}, hm_build_term(request), reply, NULL, NULL), GLOBAL_ANSWERED);
    hm_build_free(request);
    hm_build_free(reply);
}

static inline void lone_register(struct lone *lone, const char *name, hm_pid pid) {
    hm_build *build = hm_build_new();
    hm_put_format(build, "{register, ~a, ~p, ~t}", name, pid, global_method_term(GLOBAL_RANDOM_EXIT));
    lone_change(lone, build);
}

static inline void lone_unregister(struct lone *lone, const char *name) {
    hm_build *build = hm_build_new();
    hm_put_format(build, "{unregister, ~a}", name);
    lone_change(lone, build);
}

#endif
