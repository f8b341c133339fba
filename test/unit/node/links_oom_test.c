/*
 * Every allocation fails once while a linked process ends, or a connection with links: the other side hears of it, once, behind what was sent
 * before. What may be lost is the reason.
 */
#include "node_fixture.h"

#include <sys/socket.h>

#include "dist/channel_private.h"
#include "etf/ids.h"
#include "node/links.h"
#include "node/reasons.h"
#include "node/signals.h"
#include "support/alloc.h"
#include "support/dist_pair.h"

enum { LARGE = 200000 }; /* more than an empty channel has room for */

static unsigned char large[LARGE + 5] = {109, 0, LARGE >> 16, LARGE >> 8 & 255, LARGE & 255}; /* BINARY_EXT */

struct tester {
    hm_process *process; /* NULL: it ended */
    hm_term reason;      /* that it ends with when told to; none: it is set already */
    hm_pid other;
    enum reason heard, ended;
    int exits, before;
    bool whole; /* the large reason came */
};

static bool is_large(hm_term term) {
    return term.size == sizeof large && memcmp(term.bytes, large, term.size) == 0;
}

/* It does not allocate. */
static enum hm_verdict tester_receive(hm_process *self, hm_term message) {
    struct tester *tester = self->data;
    hm_term parts[3];
    hm_pid from;
    if (hm_is_atom(message, "stop")) {
        if (tester->reason.size)
            process_set_reason(self, tester->reason);
        return HM_STOP;
    }
    if (hm_is_atom(message, "before")) {
        assert_int_equal(tester->exits, 0);
        tester->before++;
        return HM_CONTINUE;
    }
    assert_true(hm_tuple_elements(message, 3, parts));
    assert_true(hm_is_atom(parts[0], "EXIT"));
    assert_true(pid_decode(self->node->names, parts[1], &from));
    assert_true(hm_pid_equal(from, tester->other));
    tester->heard = reason_known(parts[2]);
    tester->whole = is_large(parts[2]);
    tester->exits++;
    return HM_CONTINUE;
}

static void tester_ended(hm_process *self, hm_term reason) {
    struct tester *tester = self->data;
    tester->process = NULL;
    tester->ended = reason_known(reason);
    tester->whole = is_large(reason);
}

static const struct process_class tester_class = {.module = "tester", .receive = tester_receive, .ended = tester_ended};

static void start(struct hm_node *node, struct tester *tester, bool trap) {
    *tester = (struct tester){0};
    assert_int_equal(process_spawn(node, &tester_class, &tester->process), HM_OK);
    tester->process->data = tester;
    tester->process->trap_exit = trap;
}

/* ---- both here ---- */

static bool one_ends(hm_term reason, bool kill, bool trap, long n, bool for_ever) {
    struct hm_node *node = fixture_new();
    struct tester one, other, killer;
    start(node, &one, false);
    start(node, &other, trap);
    start(node, &killer, false);
    one.reason = reason;
    other.other = one.process->pid;
    assert_int_equal(n % 2 ? hm_link(one.process, other.process->pid) : hm_link(other.process, one.process->pid), HM_OK);
    assert_int_equal(hm_send(one.process, hm_to_pid(other.process->pid), ATOM_TERM("before")), HM_OK);
    if (!kill)
        fixture_tell(one.process, "stop");
    (for_ever ? alloc_fail_from : alloc_fail_at)(n);
    if (kill)
        assert_int_equal(hm_exit(killer.process, one.process->pid, ATOM_TERM("kill")), HM_OK);
    fixture_run();
    bool failed = alloc_failed();
    alloc_fail_never();
    assert_null(one.process);
    assert_int_equal(other.before, 1);
    bool is_normal = !kill && hm_is_atom(reason, "normal");
    enum reason told = trap ? other.heard : other.ended;
    if (kill)
        assert_int_equal(told, REASON_KILLED);
    else if (is_normal)
        assert_int_equal(told, trap ? REASON_NORMAL : REASON_OTHER);
    else if (!failed)
        assert_true(other.whole);
    else
        assert_true(other.whole || told == REASON_SYSTEM_LIMIT);
    assert_int_equal(other.exits, trap);
    assert_int_equal(other.process == NULL, !trap && !is_normal);
    if (other.process) { /* and the link is gone */
        process_exit(other.process, ATOM_TERM("shutdown"));
        assert_int_equal(killer.exits, 0);
    }
    fixture_free(node);
    return failed;
}

static void each_way(hm_term reason, bool kill) {
    for (int trap = 0; trap < 2; trap++) {
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            long n = 0;
            while (one_ends(reason, kill, trap, n, for_ever))
                n++;
            one_ends(reason, kill, trap, n + 1, for_ever);
        }
    }
}

static void an_end_is_told_here(void **state) {
    (void)state;
    each_way(ATOM_TERM("normal"), false);
    each_way((hm_term){large, sizeof large}, false);
}

static void a_kill_is_told_here(void **state) {
    (void)state;
    each_way(ATOM_TERM("killed"), true);
}

/* ---- one of them on another node ---- */

struct world {
    struct hm_node *node;
    struct pair pair;
    struct side other;
    const hm_node_name *name;
    hm_pid remote;         /* on the other node */
    hm_pid local;          /* here, as the other node knows it */
    struct tester tester;
    int exits, whole;      /* that the other node got */
};

static void on_control_there(struct side *side, struct channel *channel, const struct control *control, hm_term payload) {
    struct world *world = side->context;
    (void)channel;
    if (control->kind != CONTROL_EXIT)
        return;
    assert_int_equal(control->to.id, world->remote.id);
    assert_int_equal(control->from.id, world->local.id);
    world->exits++;
    world->whole = is_large(payload);
}

static void settle(void) {
    for (int i = 0; i < 5; i++)
        fixture_run();
}

static void connect_them(struct world *world) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    channel_accept(&world->node->dist, fds[1]);
    world->other.channel = channel_connected(&world->other.dist, world->name, fds[0]);
    settle();
}

static void open_world(struct world *world, bool trap) {
    *world = (struct world){.node = fixture_new()};
    struct hm_node *node = world->node;
    world->pair = (struct pair){.base = node->base, .turn = node->turn};
    side_init(&world->other, &world->pair, "b@host");
    world->other.context = world;
    world->other.on_control = on_control_there;
    world->name = names_intern(world->other.dist.names, "n@host", 6);
    node->cookie = (char *)(uintptr_t)world->other.cookie;
    struct event_base *base = node->dist.base;
    node->dist.flags = world->other.dist.flags;
    node->dist.setup_ms = world->other.dist.setup_ms;
    node->dist.tick_interval_ms = world->other.dist.tick_interval_ms;
    node->dist.tick_intensity = world->other.dist.tick_intensity;
    node->dist.max_half_open = world->other.dist.max_half_open;
    node->dist.max_frame = world->other.dist.max_frame;
    node->dist.max_message = world->other.dist.max_message;
    node->dist.max_fragments = world->other.dist.max_fragments;
    node->dist.max_depth = world->other.dist.max_depth;
    node->dist.output_low = world->other.dist.output_low;
    assert_ptr_equal(base, node->dist.base);
    start(node, &world->tester, trap);
    connect_them(world);
    world->remote = side_pid(&world->other, 5);
    world->tester.other = world->remote;
    world->tester.other.node = names_intern(node->names, "b@host", 6);
    world->local = world->tester.process->pid;
    world->local.node = world->name;
}

static void close_world(struct world *world) {
    alloc_fail_never();
    side_fini(&world->other);
    settle();
    fixture_free(world->node);
}

static bool is_up(const struct world *world) {
    struct peer *peer = peers_find(world->node, names_find(world->node->names, "b@host", 6));
    return peer && peer_is_up(peer);
}

/* The tester has heard of an end, once. */
static bool has_heard(const struct world *world, bool trap, enum reason reason) {
    const struct tester *tester = &world->tester;
    enum reason told = trap ? tester->heard : tester->ended;
    assert_true(tester->exits <= 1);
    return trap ? tester->exits == 1 && told == reason : !tester->process && told == reason;
}

static void link_them(struct world *world) {
    assert_int_equal(hm_link(world->tester.process, world->tester.other), HM_OK);
    settle();
    assert_int_equal(world->other.control.kind, CONTROL_LINK);
}

static bool connection_ends(bool trap, long n, bool for_ever) {
    struct world world;
    open_world(&world, trap);
    link_them(&world);
    (for_ever ? alloc_fail_from : alloc_fail_at)(n);
    channel_close(world.other.channel);
    world.other.channel = NULL;
    settle();
    bool failed = alloc_failed();
    alloc_fail_never();
    assert_true(has_heard(&world, trap, REASON_NOCONNECTION));
    close_world(&world);
    return failed;
}

static void the_end_of_a_connection_is_told(void **state) {
    (void)state;
    for (int trap = 0; trap < 2; trap++)
        for (int for_ever = 0; for_ever < 2; for_ever++)
            for (long n = 0; connection_ends(trap, n, for_ever) || n < 2; n++)
                continue;
}

static bool was_told_there(struct pair *pair) {
    const struct world *world = (const struct world *)(const void *)((const char *)pair - offsetof(struct world, pair));
    return world->exits || world->other.downs;
}

/* There is memory for its reason, but not to send it. */
static void prepare_to_end(struct world *world, hm_term reason) {
    assert_int_equal(process_set_reason(world->tester.process, reason), HM_OK);
    fixture_tell(world->tester.process, "stop");
}

static bool one_ends_for_the_other_node(hm_term reason, long n, bool for_ever) {
    struct world world;
    open_world(&world, false);
    link_them(&world);
    prepare_to_end(&world, reason);
    (for_ever ? alloc_fail_from : alloc_fail_at)(n);
    fixture_run();
    bool failed = alloc_failed();
    alloc_fail_never();
    assert_null(world.tester.process);
    assert_true(pair_until(&world.pair, was_told_there));
    assert_true(world.exits <= 1);
    if (!failed)
        assert_int_equal(world.whole, is_large(reason));
    close_world(&world);
    return failed;
}

static void an_end_is_told_to_another_node(void **state) {
    (void)state;
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        for (long n = 0; one_ends_for_the_other_node(ATOM_TERM("normal"), n, for_ever) || n < 2; n++)
            continue;
        for (long n = 0; one_ends_for_the_other_node((hm_term){large, sizeof large}, n, for_ever) || n < 2; n++)
            continue;
    }
}

/* And forgets what it could not tell when the connection goes. */
static void what_is_owed_ends_with_the_connection(void **state) {
    struct world world;
    (void)state;
    open_world(&world, false);
    link_them(&world);
    prepare_to_end(&world, (hm_term){large, sizeof large});
    alloc_fail_from(0);
    fixture_run();
    assert_false(LIST_EMPTY(&world.node->owed_links));
    channel_close(world.other.channel);
    world.other.channel = NULL;
    settle();
    assert_true(LIST_EMPTY(&world.node->owed_links));
    alloc_fail_never();
    connect_them(&world);
    assert_true(is_up(&world));
    close_world(&world);
}

/* From the other node: it arrives, or the connection ends. */
static bool signal_arrives(struct control *control, hm_term payload, bool linked, long n, bool for_ever) {
    struct world world;
    open_world(&world, true);
    if (linked)
        link_them(&world);
    control->from = world.remote;
    control->to = world.local;
    assert_int_equal(channel_send(world.other.channel, control, payload, NULL), HM_OK);
    (for_ever ? alloc_fail_from : alloc_fail_at)(n);
    settle();
    bool failed = alloc_failed();
    alloc_fail_never();
    settle();
    struct tester *tester = &world.tester;
    if (linked && payload.size && is_up(&world))
        assert_true(tester->whole || tester->heard == REASON_SYSTEM_LIMIT);
    if (linked)
        assert_true(tester->exits == 1 || (control->kind == CONTROL_EXIT2 && !is_up(&world)));
    else
        assert_true(was_told_there(&world.pair) || !LIST_EMPTY(&tester->process->links));
    assert_true(failed || is_up(&world));
    close_world(&world);
    return failed;
}

static void a_signal_of_another_node_arrives(void **state) {
    (void)state;
    struct control exit = {.kind = CONTROL_EXIT}, exit2 = {.kind = CONTROL_EXIT2}, link = {.kind = CONTROL_LINK};
    hm_term reason = {large, sizeof large};
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        for (long n = 0; signal_arrives(&exit, reason, true, n, for_ever) || n < 2; n++)
            continue;
        for (long n = 0; signal_arrives(&exit2, reason, true, n, for_ever) || n < 2; n++)
            continue;
        for (long n = 0; signal_arrives(&link, (hm_term){0}, false, n, for_ever) || n < 2; n++)
            continue;
    }
}

/* Of the node: no signal finds room, or memory for more. */
static struct peer *fill_channel(struct world *world) {
    struct peer *peer = peers_find(world->node, world->tester.other.node);
    struct control fill = {.kind = CONTROL_UNLINK_ACK, .from = world->tester.process->pid, .to = world->tester.other, .id = 1};
    alloc_fail_from(0);
    while (channel_send(peer_channel(peer), &fill, (hm_term){0}, NULL) == HM_OK)
        continue;
    return peer;
}

static void an_unlink_without_memory_is_refused(void **state) {
    struct world world;
    (void)state;
    open_world(&world, false);
    link_them(&world);
    fill_channel(&world);
    assert_int_equal(hm_unlink(world.tester.process, world.tester.other), HM_ENOMEM);
    alloc_fail_never();
    settle();
    channel_close(world.other.channel);
    world.other.channel = NULL;
    settle();
    assert_true(has_heard(&world, false, REASON_NOCONNECTION));
    close_world(&world);
}

/* Of each of these the other node would wait for an answer. */
static void an_answer_that_cannot_be_sent_ends_the_connection(void **state) {
    const struct control signals[] = {
        {.kind = CONTROL_LINK},
        {.kind = CONTROL_LINK, .id = 1}, /* to nobody */
        {.kind = CONTROL_UNLINK, .id = 2},
        {.kind = CONTROL_MONITOR, .id = 1, .ref = {.words = 3}},
        {.kind = CONTROL_SPAWN_REQUEST, .ref = {.words = 3}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct world world;
        open_world(&world, false);
        struct control control = signals[i];
        control.from = world.tester.other;
        control.to = world.tester.process->pid;
        control.ref.node = control.from.node;
        if (control.id == 1)
            control.to.serial++;
        struct peer *peer = fill_channel(&world);
        signals_handle(world.node, peer, &control, (hm_term){0}, NULL);
        assert_true(peer_is_up(peer)); /* a handler of it may still run */
        settle();
        alloc_fail_never();
        assert_false(is_up(&world));
        assert_int_equal(world.other.downs, 1);
        connect_them(&world);
        assert_true(is_up(&world));
        close_world(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_is_told_here),
        cmocka_unit_test(a_kill_is_told_here),
        cmocka_unit_test(the_end_of_a_connection_is_told),
        cmocka_unit_test(an_end_is_told_to_another_node),
        cmocka_unit_test(what_is_owed_ends_with_the_connection),
        cmocka_unit_test(a_signal_of_another_node_arrives),
        cmocka_unit_test(an_unlink_without_memory_is_refused),
        cmocka_unit_test(an_answer_that_cannot_be_sent_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
