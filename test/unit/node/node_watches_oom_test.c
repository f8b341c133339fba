/*
 * Every allocation fails once while a connection comes and goes: whoever watches nodes hears of both or of none, in that order, and never that a
 * node is there which is not, nor the other way round.
 */
#include "node_fixture.h"

#include <sys/socket.h>

#include "dist/channel_private.h"
#include "node/node_watches.h"
#include "support/alloc.h"
#include "support/dist_pair.h"

struct watcher {
    hm_process *process;
    int ups, downs;
    bool is_up, monitors;
};

struct world {
    struct hm_node *node;
    struct pair pair;
    struct side other;
    const hm_node_name *name, *peer; /* of the node, to the other, and of the other */
    struct watcher watchers[2];
};

/* It does not allocate. */
static enum hm_verdict watcher_receive(hm_process *self, hm_term message) {
    struct watcher *watcher = self->data;
    if (hm_match(message, "{nodeup, 'b@host'}")) {
        assert_false(watcher->is_up || watcher->monitors);
        watcher->is_up = true;
        watcher->ups++;
    } else if (hm_match(message, "{nodedown, 'b@host'}")) {
        assert_true(watcher->is_up);
        watcher->is_up = false;
        watcher->downs++;
    } else if (hm_match(message, "{'DOWN', _, process, {x, 'b@host'}, noconnection}")) {
        assert_true(watcher->monitors);
        watcher->monitors = false;
    }
    return HM_CONTINUE;
}

static const struct process_class watcher_class = {.module = "watcher", .receive = watcher_receive};

static void open_world(struct world *world) {
    *world = (struct world){.node = fixture_new()};
    struct hm_node *node = world->node;
    world->pair = (struct pair){.base = node->base, .turn = node->turn};
    side_init(&world->other, &world->pair, "b@host");
    world->name = names_intern(world->other.dist.names, "n@host", 6);
    world->peer = names_intern(node->names, "b@host", 6);
    node->cookie = (char *)(uintptr_t)world->other.cookie;
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
    for (int i = 0; i < 2; i++) {
        assert_int_equal(process_spawn(node, &watcher_class, &world->watchers[i].process), HM_OK);
        world->watchers[i].process->data = &world->watchers[i];
    }
}

static void watch(struct world *world) {
    assert_int_equal(hm_monitor_nodes(world->watchers[0].process, true, false), HM_OK);
    assert_int_equal(hm_monitor_nodes(world->watchers[1].process, true, true), HM_OK);
}

static void settle(void) {
    for (int i = 0; i < 5; i++)
        fixture_run();
}

static void close_world(struct world *world) {
    side_fini(&world->other);
    settle();
    fixture_free(world->node);
}

/* The other node dials. */
static void connect_them(struct world *world) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    channel_accept(&world->node->dist, fds[1]);
    world->other.downs = 0;
    struct channel *channel = channel_connected(&world->other.dist, world->name, fds[0]);
    world->other.channel = world->other.downs ? NULL : channel; /* without memory it is down at once */
    settle();
}

static void disconnect_them(struct world *world) {
    channel_close(world->other.channel);
    world->other.channel = NULL;
    settle();
}

static bool is_up(const struct world *world) {
    struct peer *peer = peers_find(world->node, names_find(world->node->names, "b@host", 6));
    return peer && peer_is_up(peer);
}

static void expect(const struct world *world, bool up) {
    assert_int_equal(is_up(world), up);
    for (int i = 0; i < 2; i++)
        assert_int_equal(world->watchers[i].is_up, up);
}

static bool scenario(long n, bool for_ever) {
    struct world world;
    open_world(&world);
    watch(&world);
    (for_ever ? alloc_fail_from : alloc_fail_at)(n);
    connect_them(&world);
    expect(&world, is_up(&world));
    bool failed = alloc_failed();
    disconnect_them(&world);
    expect(&world, false);
    failed |= alloc_failed();
    alloc_fail_never();
    connect_them(&world);
    expect(&world, true);
    close_world(&world);
    return failed;
}

static void each_is_told_all_or_nothing(void **state) {
    (void)state;
    long n = 0;
    while (scenario(n, false))
        n++;
    assert_true(n > 20);
    while (n-- > 0)
        scenario(n, true);
}

/* Who begins while the node is up hears of its end, or could not begin. */
static void who_watches_later_is_told_of_the_end(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct world world;
        open_world(&world);
        connect_them(&world);
        assert_true(is_up(&world));
        alloc_fail_at(n);
        for (int i = 0; i < 2; i++) /* what it is not told */
            world.watchers[i].is_up = hm_monitor_nodes(world.watchers[i].process, true, i) == HM_OK;
        failed = alloc_failed();
        alloc_fail_never();
        assert_int_equal(world.watchers[0].is_up + world.watchers[1].is_up, failed ? 1 : 2);
        alloc_fail_from(0);
        disconnect_them(&world);
        alloc_fail_never();
        expect(&world, false);
        close_world(&world);
    }
}

/* Else it would be taken for the end of what the next connection has brought. */
static void a_down_of_the_last_connection_comes_before_the_next(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct world world;
        open_world(&world);
        watch(&world);
        connect_them(&world);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(hm_monitor(world.watchers[i].process, hm_to_name("x", world.peer), NULL), HM_OK);
            world.watchers[i].monitors = true;
        }
        alloc_fail_at(n);
        disconnect_them(&world);
        failed = alloc_failed();
        alloc_fail_from(0);
        connect_them(&world);
        alloc_fail_never();
        connect_them(&world);
        expect(&world, true);
        for (int i = 0; i < 2; i++)
            assert_false(world.watchers[i].monitors);
        close_world(&world);
    }
}

static void a_full_mailbox_has_room_for_it(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    watch(&world);
    for (int i = 0; i < 2; i++) {
        process_suspend(world.watchers[i].process);
        for (uint32_t many = 0; many < world.node->max_mailbox + 3; many++)
            fixture_tell(world.watchers[i].process, "more");
        settle();
    }
    connect_them(&world);
    disconnect_them(&world);
    connect_them(&world);
    for (int i = 0; i < 2; i++)
        process_resume(world.watchers[i].process);
    settle();
    expect(&world, true);
    assert_int_equal(world.watchers[0].ups, 2);
    assert_int_equal(world.watchers[1].downs, 1);
    assert_int_equal(world.watchers[0].process->drops, 3);
    close_world(&world);
}

static void hidden_ones_are_for_those_who_asked(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    watch(&world);
    world.other.dist.flags &= ~FLAG_PUBLISHED;
    connect_them(&world);
    assert_true(is_up(&world));
    assert_int_equal(world.watchers[0].ups, 0);
    assert_int_equal(world.watchers[1].ups, 1);
    world.watchers[0].is_up = true;
    assert_int_equal(hm_monitor_nodes(world.watchers[0].process, true, true), HM_OK);
    assert_int_equal(hm_monitor_nodes(world.watchers[0].process, true, true), HM_OK);
    assert_int_equal(hm_monitor_nodes(world.watchers[1].process, true, false), HM_OK);
    disconnect_them(&world);
    assert_int_equal(world.watchers[0].downs, 1);
    assert_int_equal(world.watchers[1].downs, 0);
    world.watchers[1].is_up = false;
    assert_int_equal(hm_monitor_nodes(world.watchers[0].process, false, false), HM_OK);
    world.other.dist.flags |= FLAG_PUBLISHED;
    connect_them(&world);
    assert_int_equal(world.watchers[0].ups, 0);
    assert_int_equal(world.watchers[1].ups, 2);
    process_exit(world.watchers[1].process, ATOM_TERM("shutdown"));
    disconnect_them(&world);
    close_world(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_all_or_nothing),
        cmocka_unit_test(who_watches_later_is_told_of_the_end),
        cmocka_unit_test(a_down_of_the_last_connection_comes_before_the_next),
        cmocka_unit_test(a_full_mailbox_has_room_for_it),
        cmocka_unit_test(hidden_ones_are_for_those_who_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
