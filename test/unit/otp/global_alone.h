/*
 * One member of global without a node: what it asks for is taken note of, and what it says must be well-formed. Messages come as one byte that
 * says how and a term, as in test/fuzz/corpus/global. For the fuzz target, which has no cmocka, and for the test of allocations: nothing
 * in here allocates but the builder of a call's answer and what a caller leaves.
 */
#ifndef TEST_UNIT_OTP_GLOBAL_ALONE_H
#define TEST_UNIT_OTP_GLOBAL_ALONE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etf/check.h"
#include "etf/ids.h"
#include "node/terms.h"
#include "otp/global_member.h"

struct alone {
    struct names *names;
    struct log log;
    const hm_node_name *self, *peer, *third;
    struct global_member *member;
    uint32_t refs;
    uint64_t token; /* of the last call */
    int64_t now;
    bool failed; /* it said so: nothing may be sent from then on */
};

static inline void check_sent(hm_term term) {
    size_t size;
    assert(check_term(bytes_of(term.bytes, term.size), NULL, &size) == 0 && size == term.size);
}

static inline int on_send(void *arg, enum global_actor from, const hm_node_name *to, bool cast, bool connected,
                          hm_term term) {
    struct alone *alone = arg;
    (void)from, (void)to, (void)cast, (void)connected;
    assert(!alone->failed);
    check_sent(term);
    return HM_OK;
}

static inline int on_send_pid(void *arg, enum global_actor from, hm_pid to, hm_term term) {
    (void)arg, (void)from, (void)to;
    check_sent(term);
    return HM_OK;
}

static inline int on_call(void *arg, enum global_actor from, const hm_node_name *to, hm_term term, uint64_t token) {
    struct alone *alone = arg;
    (void)from, (void)to;
    check_sent(term);
    alone->token = token;
    return HM_OK;
}

static inline int on_resolve(void *arg, const hm_node_name *on, hm_term term, uint64_t token) {
    return on_call(arg, GLOBAL_SERVER, on, term, token);
}

static inline int on_monitor(void *arg, hm_pid pid, hm_ref *ref) {
    struct alone *alone = arg;
    (void)pid;
    *ref = (hm_ref){.node = alone->self, .creation = 1, .words = 3, .id = {++alone->refs}};
    return HM_OK;
}

static inline int on_monitor_node(void *arg, const hm_node_name *node, hm_ref *ref) {
    (void)node;
    return on_monitor(arg, HM_NO_PID, ref);
}

static inline void on_demonitor(void *arg, const hm_ref *ref) {
    (void)arg, (void)ref;
}

static inline void on_kill(void *arg, hm_pid pid) {
    (void)arg, (void)pid;
}

static inline bool on_is_alive(void *arg, hm_pid pid) {
    (void)arg;
    return pid.id % 2;
}

static inline bool on_is_connected(void *arg, const hm_node_name *node) {
    (void)arg, (void)node;
    return true;
}

static inline void on_disconnect(void *arg, const hm_node_name *node) {
    (void)arg, (void)node;
}

static inline void on_set_timer(void *arg, enum global_timer timer, int64_t ms) {
    (void)arg, (void)timer, (void)ms;
}

static inline uint32_t on_random(void *arg, uint32_t below) {
    (void)arg;
    return below / 2;
}

static inline int64_t on_now_ms(void *arg) {
    struct alone *alone = arg;
    return alone->now += 1000;
}

static inline void on_answer(void *arg, void *client, hm_term reply) {
    (void)arg;
    if (reply.size)
        check_sent(reply);
    free(client);
}

static const struct global_ports ports = {
    .send = on_send,
    .send_pid = on_send_pid,
    .call = on_call,
    .resolve = on_resolve,
    .monitor = on_monitor,
    .monitor_node = on_monitor_node,
    .demonitor = on_demonitor,
    .kill = on_kill,
    .is_alive = on_is_alive,
    .is_connected = on_is_connected,
    .disconnect = on_disconnect,
    .set_timer = on_set_timer,
    .random = on_random,
    .now_ms = on_now_ms,
    .answer = on_answer,
};

static inline void *keep(void *arg) {
    (void)arg;
    return malloc(1);
}

static inline void say(struct alone *alone, unsigned how, hm_term term) {
    struct global_member *member = alone->member;
    hm_build *reply = hm_build_new();
    hm_ref ref;
    if (!reply)
        return;
    hm_pid from = {how & 8 ? alone->self : alone->peer, 9, 0, 1};
    switch (how % 8) {
    case 0:
        global_member_cast(member, term, false);
        break;
    case 1:
        global_member_plain(member, term);
        break;
    case 2:
        if (global_member_call(member, from, term, reply, keep, NULL) == GLOBAL_ANSWERED && hm_build_error(reply) == HM_OK)
            check_sent(hm_build_term(reply));
        break;
    case 3:
        global_member_cast(member, term, true);
        break;
    case 4:
        global_member_answer(member, alone->token, how & 8 ? alone->third : alone->peer, how & 16 ? (hm_term){0} : term);
        break;
    case 5:
        global_member_timer(member, (enum global_timer)(how / 8 % GLOBAL_TIMERS));
        break;
    case 6:
        if (how & 8)
            global_member_nodedown(member, how & 16 ? alone->third : alone->peer);
        else
            global_member_nodeup(member, how & 16 ? alone->third : alone->peer);
        break;
    case 7:
        on_monitor(alone, HM_NO_PID, &ref);
        ref.id[0] = 1 + how / 8 % (alone->refs ? alone->refs : 1);
        global_member_down(member, &ref);
        break;
    }
    hm_build_free(reply);
}

/* Has the names made before: then the member alone allocates. */
static inline bool alone_init(struct alone *alone) {
    *alone = (struct alone){.names = names_new(64)};
    if (!alone->names)
        return false;
    alone->self = names_intern(alone->names, "m@host", 6);
    alone->peer = names_intern(alone->names, "a@host", 6);
    alone->third = names_intern(alone->names, "z@host", 6);
    return names_intern(alone->names, "b@host", 6) != NULL;
}

/* In the middle of joining with the peer: our own tag is 1, his 5. false: it could not be made. */
static inline bool alone_begin(struct alone *alone) {
    static const unsigned char INIT[] = "\x68\x04\x77\x0cinit_connect\x68\x02\x61\x08\x61\x05\x77\x06" "a@host\x68\x04\x77\x06locker\x77\x01"
                                        "x\x6a\x58\x77\x06" "a@host\0\0\0\x02\0\0\0\0\0\0\0\x01";
    struct global_config config = {.names = alone->names,
                                   .log = &alone->log,
                                   .self = alone->self,
                                   .creation = 1,
                                   .pids = {{alone->self, 1, 0, 1}, {alone->self, 2, 0, 1}, {alone->self, 3, 0, 1}},
                                   .connect_all = true,
                                   .prevent_overlapping_partitions = true,
                                   .max_names = 8,
                                   .max_locks = 8};
    hm_term init = {INIT, sizeof INIT - 1};
    alone->member = global_member_new(&config, &ports, alone);
    if (!alone->member)
        return false;
    check_sent(init);
    global_member_nodeup(alone->member, alone->peer);
    global_member_cast(alone->member, init, false);
    return true;
}

/* As many messages as there are. */
static inline void alone_feed(struct alone *alone, const uint8_t *data, size_t size) {
    while (size > 1) {
        size_t used;
        if (check_term(bytes_of(data + 1, size - 1), NULL, &used) != 0)
            break;
        alone->failed = global_member_failed(alone->member);
        say(alone, data[0], (hm_term){data + 1, used});
        data += 1 + used;
        size -= 1 + used;
    }
}

#endif
