/*
 * Every allocation fails once while three nodes in one program publish and subscribe: through the service, a bus and a Phoenix.PubSub, in C
 * and as plain processes. What is lost then is lost; but afterwards the nodes know of each other's subscribers again, each message comes
 * once, and nothing leaks (make asan).
 *
 *     hub     listens; pubsub, a bus, a Phoenix.PubSub
 *     leaf    the same
 *     guest   no services: a process that is in the groups of the bus and of the Phoenix.PubSub
 */
#include "star_fixture.h"

#include <hermod/pg.h>
#include <hermod/pubsub.h>

#include "services/bus.h"
#include "services/phoenix.h"
#include "support/alloc.h"

enum { HUB, LEAF, GUEST, NODES, SUBSCRIBERS = 3 };

static const char PHOENIX[] = "Elixir.My.PubSub", ADAPTER[] = "Elixir.My.PubSub.Adapter", SCOPE[] = "Elixir.Phoenix.PubSub";

/* How often what is published now was heard. */
struct heard {
    unsigned count;
    hm_process *process;
};

struct world {
    hm_node *node[NODES];
    struct bus bus;
    struct phoenix phoenix[NODES];
    struct service_config config[NODES];
    hm_process *actor[NODES];
    struct heard in_c[NODES], plain[NODES], by_phoenix[NODES], guest_bus, guest_phoenix;
    uint64_t now; /* the number of what is published now; older ones may still come */
};

static struct world world;

static void count(struct heard *heard, hm_term message) {
    uint64_t number;
    if (hm_match(message, "{m, ~u}", &number) && number == world.now)
        heard->count++;
}

/* ---- who hears ---- */

static enum hm_verdict on_heard(hm_process *self, void *arg, hm_term topic, hm_term message) {
    (void)self;
    (void)topic;
    count(arg, message);
    return HM_CONTINUE;
}

static enum hm_verdict plain_info(hm_process *self, hm_term message) {
    count(hm_data(self), message);
    return HM_CONTINUE;
}

static enum hm_verdict guest_info(hm_process *self, hm_term term) {
    hm_term message;
    (void)self;
    if (hm_match(term, "{broadcast_to_local, _, ~t}", &message))
        count(&world.guest_bus, message);
    else if (hm_match(term, "{forward_to_local, _, ~t, _}", &message))
        count(&world.guest_phoenix, message);
    return HM_CONTINUE;
}

static int keep_process(hm_process *self, void *argument) {
    struct heard *heard = argument;
    heard->process = self;
    hm_set_data(self, heard);
    return 0;
}

static const struct hm_server_class plain_class = {.module = "plain", .init = keep_process, .info = plain_info};
static const struct hm_server_class guest_class = {.module = "guest", .init = star_keep_process, .info = guest_info};
static const struct hm_server_class actor_class = {.module = "actor", .init = star_keep_process};

/* ---- nodes ---- */

static void start_services(int at) {
    struct service_config *config = &world.config[at];
    char why[128];
    assert_int_equal(phoenix_parse("My.PubSub:2", &world.phoenix[at], why, sizeof why), 0);
    *config = (struct service_config){.buses = &world.bus, .bus_count = 1, .phoenixes = &world.phoenix[at], .phoenix_count = 1};
    assert_int_equal(pg_service_start(world.node[at], config), 0);
    assert_int_equal(pubsub_start(world.node[at], config), 0);
    assert_int_equal(bus_start(world.node[at], config), 0);
    assert_int_equal(phoenix_start(world.node[at], config), 0);
}

static void start_guest(void) {
    hm_node *node = world.node[GUEST];
    hm_build *group = hm_build_new();
    assert_int_equal(hm_server_start(node, &guest_class, NULL, &world.actor[GUEST], NULL), 0);
    hm_pid pid = hm_self(world.actor[GUEST]);
    assert_int_equal(hm_pg_start(node, NULL), 0);
    assert_int_equal(hm_pg_start(node, SCOPE), 0);
    assert_int_equal(hm_pg_join(node, NULL, hm_build_term(world.bus.group), pid), 0);
    hm_put_atom(group, ADAPTER);
    assert_int_equal(hm_pg_join(node, SCOPE, hm_build_term(group), pid), 0);
    hm_build_free(group);
}

static void connect_all(void) {
    hm_connect(world.node[LEAF], star_hub_of(world.node[LEAF]), NULL, NULL);
    hm_connect(world.node[GUEST], star_hub_of(world.node[GUEST]), NULL, NULL);
}

static int setup(void **state) {
    struct hm_options options = HM_OPTIONS_INIT;
    char why[128];
    (void)state;
    assert_int_equal(bus_parse("hermes", &world.bus, why, sizeof why), 0);
    world.node[HUB] = star_node("hub@127.0.0.1", NULL, options);
    world.node[LEAF] = star_node("leaf@127.0.0.1", world.node[HUB], options);
    world.node[GUEST] = star_node("guest@127.0.0.1", world.node[HUB], options);
    for (int at = HUB; at <= LEAF; at++) {
        start_services(at);
        assert_int_equal(hm_server_start(world.node[at], &actor_class, NULL, &world.actor[at], NULL), 0);
        assert_int_equal(hm_server_start(world.node[at], &plain_class, NULL, &world.plain[at], NULL), 0);
        assert_int_equal(hm_server_start(world.node[at], &plain_class, NULL, &world.in_c[at], NULL), 0);
        assert_int_equal(hm_server_start(world.node[at], &plain_class, NULL, &world.by_phoenix[at], NULL), 0);
    }
    start_guest();
    connect_all();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int at = NODES; at-- > 0;)
        hm_node_free(world.node[at]);
    bus_fini(&world.bus);
    event_base_free(star_base);
    return 0;
}

/* ---- what they do ---- */

static void subscribe(int at) {
    hm_build *topic = hm_build_new();
    if (topic) {
        hm_put_text(topic, "a.b");
        struct hm_pubsub_subscription in_c = {.topic = hm_build_term(topic), .heard = on_heard, .arg = &world.in_c[at]};
        if (!hm_build_error(topic))
            hm_pubsub_subscribe(world.in_c[at].process, &in_c);
    }
    hm_build_free(topic);
    hm_castf(world.plain[at].process, hm_to_name("pubsub", NULL), "{subscribe, ~s, ~p}", "a.*", hm_self(world.plain[at].process));
    hm_castf(world.by_phoenix[at].process, hm_to_name(PHOENIX, NULL), "{subscribe, ~s, ~p}", "a.b", hm_self(world.by_phoenix[at].process));
}

static void unsubscribe(int at) {
    hm_build *topic = hm_build_new();
    if (topic) {
        hm_put_text(topic, "a.b");
        hm_pubsub_unsubscribe(world.in_c[at].process, hm_build_term(topic));
    }
    hm_build_free(topic);
    hm_castf(world.plain[at].process, hm_to_name("pubsub", NULL), "{unsubscribe, ~s, ~p}", "a.*", hm_self(world.plain[at].process));
    hm_castf(world.by_phoenix[at].process, hm_to_name(PHOENIX, NULL), "{unsubscribe, ~s, ~p}", "a.b", hm_self(world.by_phoenix[at].process));
}

static void publish(int at) {
    hm_process *actor = world.actor[at];
    world.now++;
    hm_castf(actor, hm_to_name("pubsub", NULL), "{publish, ~s, {m, ~u}}", "a.b", world.now);
    hm_castf(actor, hm_to_name(PHOENIX, NULL), "{broadcast, ~s, {m, ~u}}", "a.b", world.now);
}

static void kill_server(int at, const char *name) {
    static const unsigned char KILL[] = {119, 4, 'k', 'i', 'l', 'l'};
    hm_pid pid = hm_whereis(world.node[at], name);
    if (pid.node)
        hm_exit(world.actor[at], pid, (hm_term){KILL, sizeof KILL});
}

/* Changes under way, in both directions; every few times a scope or a service ends, too. */
static void live(long n) {
    subscribe(HUB);
    subscribe(LEAF);
    star_run_for(3);
    publish(LEAF);
    publish(HUB);
    hm_castf(world.actor[HUB], hm_to_name("Elixir.Hermes.PGServer", NULL), "x");
    hm_sendf(world.actor[HUB], hm_to_name("Elixir.Hermes.PGServer", NULL), "{broadcast_to_local, ~s, {m, 0}}", "a.b");
    if (n % 12 == 1)
        kill_server(LEAF, "pg");
    if (n % 12 == 5)
        kill_server(HUB, "pubsub");
    if (n % 12 == 9)
        kill_server(LEAF, SCOPE);
    unsubscribe(LEAF);
    star_run_for(3);
    subscribe(LEAF);
    star_run_for(2);
}

static void forget_heard(void) {
    for (int at = HUB; at <= LEAF; at++)
        world.in_c[at].count = world.plain[at].count = world.by_phoenix[at].count = 0;
    world.guest_bus.count = world.guest_phoenix.count = 0;
}

/* Whether each of those has heard it, once. The guest is connected with the hub alone. */
static bool was_heard(int from) {
    bool all = true;
    for (int at = HUB; at <= LEAF; at++) {
        const struct heard *heard[] = {&world.in_c[at], &world.plain[at], &world.by_phoenix[at]};
        for (int i = 0; i < SUBSCRIBERS; i++) {
            all &= heard[i]->count == 1;
        }
    }
    return all && (from != HUB || (world.guest_bus.count == 1 && world.guest_phoenix.count == 1));
}

/* Nothing fails any more: soon what one publishes is heard by all. Whose subscription there was no memory for was told so, and subscribes again. */
static void recovers(int from) {
    for (int tries = 0; tries < 400; tries++) {
        connect_all();
        subscribe(HUB);
        subscribe(LEAF);
        forget_heard();
        publish(from);
        for (int64_t until = star_now_ms() + (tries < 20 ? 5 : 100); star_now_ms() < until && !was_heard(from);)
            event_base_loop(star_base, EVLOOP_NONBLOCK);
        if (was_heard(from)) {
            star_run_for(2);
            if (was_heard(from)) /* and not once more */
                return;
        }
    }
    fail_msg("in C %u %u, plain %u %u, phoenix %u %u, guest %u %u", world.in_c[HUB].count, world.in_c[LEAF].count, world.plain[HUB].count,
             world.plain[LEAF].count, world.by_phoenix[HUB].count, world.by_phoenix[LEAF].count, world.guest_bus.count, world.guest_phoenix.count);
}

static void all_is_well_afterwards(void **state) {
    (void)state;
    recovers(LEAF);
    recovers(HUB);
    long n = 0, untouched = 0;
    /* What happens takes a way of its own each time; so a few rounds without a failure are the end. */
    for (; untouched < 4; n++) {
        alloc_fail_at(n);
        live(n);
        untouched += !alloc_failed();
        alloc_fail_never();
        recovers(LEAF);
        recovers(HUB);
    }
    assert_true(n > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(all_is_well_afterwards, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
