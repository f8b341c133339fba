/* layer: otp
 * What a peer may say to global: one byte says how (cast, plain, call, to the locker, an answer, news), the rest is a term. A member that is in
 * the middle of joining gets it, and what it says in turn is well-formed. Several may follow each other. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etf/check.h"
#include "etf/ids.h"
#include "node/terms.h"
#include "otp/global_member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct names *names;
    struct log log;
    const hm_node_name *self, *peer, *third;
    struct global_member *member;
    uint32_t refs;
    uint64_t token; /* of the last call */
    int64_t now;
};

static void check_sent(hm_term term) {
    size_t size;
    assert(check_term(bytes_of(term.bytes, term.size), NULL, &size) == 0 && size == term.size);
}

static int on_send(void *arg, enum global_actor from, const hm_node_name *to, bool cast, bool connected, hm_term term) {
    (void)arg, (void)from, (void)to, (void)cast, (void)connected;
    check_sent(term);
    return HM_OK;
}

static int on_send_pid(void *arg, enum global_actor from, hm_pid to, hm_term term) {
    (void)arg, (void)from, (void)to;
    check_sent(term);
    return HM_OK;
}

static int on_call(void *arg, enum global_actor from, const hm_node_name *to, hm_term term, uint64_t token) {
    struct world *world = arg;
    (void)from, (void)to;
    check_sent(term);
    world->token = token;
    return HM_OK;
}

static int on_resolve(void *arg, const hm_node_name *on, hm_term term, uint64_t token) {
    return on_call(arg, GLOBAL_SERVER, on, term, token);
}

static int on_monitor(void *arg, hm_pid pid, hm_ref *ref) {
    struct world *world = arg;
    (void)pid;
    *ref = (hm_ref){.node = world->self, .creation = 1, .words = 3, .id = {++world->refs}};
    return HM_OK;
}

static int on_monitor_node(void *arg, const hm_node_name *node, hm_ref *ref) {
    (void)node;
    return on_monitor(arg, HM_NO_PID, ref);
}

static void on_demonitor(void *arg, const hm_ref *ref) {
    (void)arg, (void)ref;
}

static void on_kill(void *arg, hm_pid pid) {
    (void)arg, (void)pid;
}

static bool on_is_alive(void *arg, hm_pid pid) {
    (void)arg;
    return pid.id % 2;
}

static bool on_is_connected(void *arg, const hm_node_name *node) {
    (void)arg, (void)node;
    return true;
}

static void on_disconnect(void *arg, const hm_node_name *node) {
    (void)arg, (void)node;
}

static void on_set_timer(void *arg, enum global_timer timer, int64_t ms) {
    (void)arg, (void)timer, (void)ms;
}

static uint32_t on_random(void *arg, uint32_t below) {
    (void)arg;
    return below / 2;
}

static int64_t on_now_ms(void *arg) {
    struct world *world = arg;
    return world->now += 1000;
}

static void on_answer(void *arg, void *client, hm_term reply) {
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

static void *keep(void *arg) {
    (void)arg;
    return malloc(1);
}

static void say(struct world *world, unsigned how, hm_term term) {
    struct global_member *member = world->member;
    hm_build *reply = hm_build_new();
    hm_ref ref;
    hm_pid from = {how & 8 ? world->self : world->peer, 9, 0, 1};
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
        global_member_answer(member, world->token, how & 8 ? world->third : world->peer, how & 16 ? (hm_term){0} : term);
        break;
    case 5:
        global_member_timer(member, (enum global_timer)(how / 8 % GLOBAL_TIMERS));
        break;
    case 6:
        if (how & 8)
            global_member_nodedown(member, how & 16 ? world->third : world->peer);
        else
            global_member_nodeup(member, how & 16 ? world->third : world->peer);
        break;
    case 7:
        on_monitor(world, HM_NO_PID, &ref);
        ref.id[0] = 1 + how / 8 % (world->refs ? world->refs : 1);
        global_member_down(member, &ref);
        break;
    }
    hm_build_free(reply);
}

/* The tags that our own sessions have: 1 and 2. */
static void begin(struct world *world) {
    hm_build *build = hm_build_new();
    hm_pid locker = {world->peer, 2, 0, 1};
    global_member_nodeup(world->member, world->peer);
    hm_put_format(build, "{init_connect, {8, 5}, 'a@host', {locker, no_longer_a_pid, #{}, ~p}}", locker);
    global_member_cast(world->member, hm_build_term(build), false);
    hm_build_free(build);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world world = {.names = names_new(64)};
    world.self = names_intern(world.names, "m@host", 6);
    world.peer = names_intern(world.names, "a@host", 6);
    world.third = names_intern(world.names, "z@host", 6);
    struct global_config config = {.names = world.names,
                                   .log = &world.log,
                                   .self = world.self,
                                   .creation = 1,
                                   .pids = {{world.self, 1, 0, 1}, {world.self, 2, 0, 1}, {world.self, 3, 0, 1}},
                                   .connect_all = true,
                                   .prevent_overlapping_partitions = true,
                                   .max_names = 8,
                                   .max_locks = 8};
    world.member = global_member_new(&config, &ports, &world);
    assert(world.member);
    begin(&world);
    while (size > 1) {
        size_t used;
        unsigned how = data[0];
        if (check_term(bytes_of(data + 1, size - 1), NULL, &used) != 0)
            break;
        say(&world, how, (hm_term){data + 1, used});
        data += 1 + used;
        size -= 1 + used;
    }
    assert(!global_member_failed(world.member));
    hm_build *info = hm_build_new();
    global_member_put_info(world.member, info);
    check_sent(hm_build_term(info));
    hm_build_free(info);
    global_member_free(world.member);
    names_free(world.names);
    return 0;
}
