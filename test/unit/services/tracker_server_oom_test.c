/*
 * Every allocation fails once while processes are tracked on two nodes, and a pubsub ends below its tracker: afterwards both know who is present,
 * though nothing but heartbeats goes between them. What was asked while there was no memory may be lost.
 */
#include "star_fixture.h"

#include "services/tracker.h"
#include "support/alloc.h"

enum { HUB, LEAF, NODES };

static const char PUBSUB[] = "Elixir.My.PubSub", TRACKER[] = "Elixir.MyWeb.Presence";

struct world {
    hm_node *node[NODES];
    struct phoenix phoenix[NODES];
    struct tracker tracker[NODES];
    struct service_config config[NODES];
    hm_process *actor[NODES];
    char *answer[NODES];
    uint64_t now; /* of keys */
};

static struct world world;

static const char *const NAMES[] = {"hub", "leaf"};

/* ---- nodes ---- */

static const struct hm_server_class actor_class = {.module = "actor", .init = star_keep_process};

static void start_services(int at) {
    struct service_config *config = &world.config[at];
    char why[128];
    assert_int_equal(phoenix_parse("My.PubSub:1", &world.phoenix[at], why, sizeof why), 0);
    if (tracker_parse("MyWeb.Presence,pubsub=My.PubSub,broadcast_period=10,max_silent_periods=1,clock_sample_periods=1,"
                      "down_period=600,permdown_period=1200",
                      &world.tracker[at], why, sizeof why))
        fail_msg("%s", why);
    _Static_assert(sizeof world.tracker[at].adapter == sizeof world.phoenix[at].pool[0].group, "the same names");
    memcpy(world.tracker[at].adapter, world.phoenix[at].pool[0].group, sizeof world.tracker[at].adapter);
    *config = (struct service_config){
        .phoenixes = &world.phoenix[at], .phoenix_count = 1, .trackers = &world.tracker[at], .tracker_count = 1};
    assert_int_equal(pg_service_start(world.node[at], config), 0);
    assert_int_equal(phoenix_start(world.node[at], config), 0);
    assert_int_equal(tracker_start(world.node[at], config), 0);
    assert_int_equal(hm_server_start(world.node[at], &actor_class, NULL, &world.actor[at], NULL), 0);
}

static int setup(void **state) {
    struct hm_options options = HM_OPTIONS_INIT;
    options.no_connect_all = true;
    (void)state;
    world.node[HUB] = star_node("hub@127.0.0.1", NULL, options);
    world.node[LEAF] = star_node("leaf@127.0.0.1", world.node[HUB], options);
    for (int at = HUB; at < NODES; at++)
        start_services(at);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int at = NODES; at-- > 0;)
        hm_node_free(world.node[at]);
    event_base_free(star_base);
    for (int at = HUB; at < NODES; at++)
        free(world.answer[at]);
    return 0;
}

static void connect_them(void) {
    hm_connect(world.node[LEAF], star_hub_of(world.node[LEAF]), NULL, NULL);
}

/* ---- what they do ---- */

static void track(int at, uint64_t number) {
    hm_castf(world.actor[at], hm_to_name(TRACKER, NULL), "{track, ~p, ~s, {~a, ~u}, #{}}", hm_self(world.actor[at]), "room", NAMES[at], number);
}

static void untrack(int at, uint64_t number) {
    hm_castf(world.actor[at], hm_to_name(TRACKER, NULL), "{untrack, ~p, ~s, {~a, ~u}}", hm_self(world.actor[at]), "room", NAMES[at], number);
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    int at = self == world.actor[HUB] ? HUB : LEAF;
    (void)arg;
    free(world.answer[at]);
    world.answer[at] = NULL;
    if (!error)
        (void)hm_term_print(reply, HM_SYNTAX_ERLANG, 0, &world.answer[at]);
    return HM_CONTINUE;
}

static void ask(int at) {
    hm_build *build = hm_build_new();
    hm_put_format(build, "{list, ~s}", "room");
    assert_int_equal(hm_call(world.actor[at], hm_to_name(TRACKER, NULL), hm_build_term(build), 5000, on_answer, NULL), 0);
    hm_build_free(build);
}

/* Changes on both sides; every few times the pubsub below ends, or the connection goes and comes back at once. */
static void live(long n) {
    static const unsigned char KILL[] = {119, 4, 'k', 'i', 'l', 'l'};
    hm_pid pubsub = hm_whereis(world.node[LEAF], PUBSUB);
    for (int at = HUB; at < NODES; at++)
        track(at, 0);
    star_run_for(2);
    if (n % 12 == 4 && pubsub.node)
        hm_exit(world.actor[LEAF], pubsub, (hm_term){KILL, sizeof KILL});
    star_run_for(12);
    if (n % 3 == 1)
        hm_disconnect(world.node[LEAF], star_hub_of(world.node[LEAF]));
    connect_them();
    for (int at = HUB; at < NODES; at++)
        untrack(at, 0);
    star_run_for(12);
}

/* These two, and nobody else. */
static bool is_known(int at) {
    char hub[64], leaf[64];
    unsigned count = 0;
    if (!world.answer[at])
        return false;
    for (const char *next = world.answer[at]; (next = strstr(next, "phx_ref")); next++)
        count++;
    snprintf(hub, sizeof hub, "{{hub,%llu},", (unsigned long long)world.now);
    snprintf(leaf, sizeof leaf, "{{leaf,%llu},", (unsigned long long)world.now);
    return count == 2 && strstr(world.answer[at], hub) && strstr(world.answer[at], leaf);
}

/* Nothing fails any more. */
static void recovers(void) {
    connect_them();
    for (int at = HUB; at < NODES; at++) {
        untrack(at, 0);
        untrack(at, world.now);
        track(at, world.now + 1);
    }
    world.now++;
    for (int64_t until = star_now_ms() + 20000; (!is_known(HUB) || !is_known(LEAF)) && star_now_ms() < until;) {
        connect_them();
        ask(HUB);
        ask(LEAF);
        star_run_for(2);
    }
    if (!is_known(HUB) || !is_known(LEAF))
        fail_msg("%llu: hub %s, leaf %s", (unsigned long long)world.now, world.answer[HUB], world.answer[LEAF]);
}

static void all_is_well_afterwards(void **state) {
    (void)state;
    recovers();
    long n = 0, untouched = 0;
    /* What happens takes a way of its own each time; so a few rounds without a failure are the end. */
    for (; untouched < 6; n++) {
        alloc_fail_at(n);
        live(n);
        untouched += !alloc_failed();
        alloc_fail_never();
        recovers();
    }
    assert_true(n > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(all_is_well_afterwards, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
