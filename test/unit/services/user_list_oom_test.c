/*
 * Every allocation fails once while lists of users on two nodes change, and their nodes lose and find each other: afterwards both know the same users
 * again, and a node that speaks only as the article does is told them, again and again. What was asked while there was no memory may be lost.
 *
 *     hub     user_list, every interval to those that know no more
 *     leaf    user_list, with every change
 *     guest   a process that has the name and only listens
 */
#include "star_fixture.h"

#include "support/alloc.h"

enum { HUB, LEAF, GUEST, NODES, TICK_MS = 4 };

struct world {
    hm_node *node[NODES];
    struct service_config config[NODES];
    hm_process *actor[NODES];
    char *answer[GUEST];
    char told[GUEST][256]; /* the guest, by whom */
    unsigned syncs[GUEST];
    uint64_t now; /* of users */
};

static struct world world;

static const char *const NAMES[] = {"hub", "leaf", "guest"};

/* ---- nodes ---- */

static enum hm_verdict guest_cast(hm_process *self, hm_term message) {
    struct hm_text node;
    hm_term users;
    char *text;
    (void)self;
    if (!hm_match(message, "{sync, ~a, ~t}", &node, &users) || hm_term_print(users, HM_SYNTAX_ERLANG, 0, &text) != 0)
        return HM_CONTINUE;
    int from = node.size == strlen("hub@127.0.0.1") ? HUB : LEAF;
    world.syncs[from]++;
    snprintf(world.told[from], sizeof world.told[from], "%s", text);
    free(text);
    return HM_CONTINUE;
}

static const struct hm_server_class guest_class = {.module = "guest", .init = star_keep_process, .cast = guest_cast};
static const struct hm_server_class actor_class = {.module = "actor", .init = star_keep_process};

static int setup(void **state) {
    struct hm_options options = HM_OPTIONS_INIT;
    options.no_connect_all = true;
    (void)state;
    world.node[HUB] = star_node("hub@127.0.0.1", NULL, options);
    world.node[LEAF] = star_node("leaf@127.0.0.1", world.node[HUB], options);
    world.node[GUEST] = star_node("guest@127.0.0.1", world.node[HUB], options);
    for (int at = HUB; at <= LEAF; at++) {
        world.config[at] = (struct service_config){.user_list_interval = at == HUB, .user_list_interval_ms = TICK_MS};
        assert_int_equal(user_list_start(world.node[at], &world.config[at]), 0);
        assert_int_equal(hm_server_start(world.node[at], &actor_class, NULL, &world.actor[at], NULL), 0);
    }
    struct hm_start start = {.name = "user_list"};
    assert_int_equal(hm_server_start(world.node[GUEST], &guest_class, &start, &world.actor[GUEST], NULL), 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int at = NODES; at-- > 0;)
        hm_node_free(world.node[at]);
    event_base_free(star_base);
    for (int at = HUB; at <= LEAF; at++)
        free(world.answer[at]);
    return 0;
}

static void connect_all(void) {
    hm_connect(world.node[LEAF], star_hub_of(world.node[LEAF]), NULL, NULL);
    hm_connect(world.node[GUEST], star_hub_of(world.node[GUEST]), NULL, NULL);
}

/* ---- what they do ---- */

static void add(int at, uint64_t number) {
    hm_castf(world.actor[at], hm_to_name("user_list", NULL), "{add_user, #{id => {~a, ~u}}}", NAMES[at], number);
}

static void remove_user(int at, uint64_t number) {
    hm_castf(world.actor[at], hm_to_name("user_list", NULL), "{remove_user, {~a, ~u}}", NAMES[at], number);
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
    static const unsigned char GET_USERS[] = "\x77\x09get_users";
    (void)hm_call(world.actor[at], hm_to_name("user_list", NULL), (hm_term){GET_USERS, sizeof GET_USERS - 1}, 5000, on_answer, NULL);
}

/* Changes on both sides, and every few times a connection goes and comes. */
static void live(long n) {
    for (int at = HUB; at <= LEAF; at++)
        add(at, 0);
    star_run_for(2);
    if (n % 3 == 0)
        hm_disconnect(world.node[LEAF], star_hub_of(world.node[LEAF]));
    if (n % 3 == 1)
        hm_disconnect(world.node[GUEST], star_hub_of(world.node[GUEST]));
    star_run_for(1);
    connect_all();
    ask(LEAF);
    for (int at = HUB; at <= LEAF; at++)
        remove_user(at, 0);
    star_run_for(8);
}

static bool is_known(const char *hub, const char *leaf) {
    char all[2][160], told[160];
    snprintf(all[HUB], sizeof all[HUB], "[%s,%s]", hub, leaf);
    snprintf(all[LEAF], sizeof all[LEAF], "[%s,%s]", leaf, hub);
    snprintf(told, sizeof told, "[%s]", hub);
    for (int at = HUB; at <= LEAF; at++)
        if (!world.answer[at] || strcmp(world.answer[at], all[at]) != 0)
            return false;
    return strcmp(world.told[HUB], told) == 0;
}

/* Nothing fails any more: soon all know what is new, though nothing else happens, and the guest goes on being told. */
static void recovers(void) {
    char hub[64], leaf[64];
    connect_all();
    for (int at = HUB; at <= LEAF; at++) {
        remove_user(at, 0);
        remove_user(at, world.now);
        add(at, world.now + 1);
    }
    world.now++;
    snprintf(hub, sizeof hub, "#{id => {hub,%llu}}", (unsigned long long)world.now);
    snprintf(leaf, sizeof leaf, "#{id => {leaf,%llu}}", (unsigned long long)world.now);
    int64_t until = star_now_ms() + 20000;
    while (!is_known(hub, leaf) && star_now_ms() < until) {
        connect_all();
        ask(HUB);
        ask(LEAF);
        star_run_for(2);
    }
    unsigned before = world.syncs[HUB];
    while (world.syncs[HUB] < before + 2 && star_now_ms() < until)
        event_base_loop(star_base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (!is_known(hub, leaf) || world.syncs[HUB] < before + 2)
        fail_msg("hub %s, leaf %s, guest %s, told %u times more", world.answer[HUB], world.answer[LEAF], world.told[HUB], world.syncs[HUB] - before);
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
