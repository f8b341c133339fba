/* --register-global: a service has its name whenever it is there, and waits for its turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <event2/event.h>
#include <hermod/global.h>

#include "services/services.h"

static const unsigned char NAME[] = {119, 1, 'n'};
static const hm_term name = {NAME, sizeof NAME};

struct world {
    struct event_base *base;
    hm_node *node;
};

static hm_process *killer;

static int keep_self(hm_process *self, void *argument) {
    killer = self;
    return 0;
}

static const struct hm_server_class service_class = {.module = "service"};
static const struct hm_server_class killer_class = {.module = "killer", .init = keep_self};

static int setup(void **state) {
    static struct world world;
    struct hm_options options = HM_OPTIONS_INIT;
    world.base = event_base_new();
    options.name = "n@host";
    options.cookie = "c";
    assert_int_equal(hm_node_new(world.base, &options, &world.node, NULL, 0), 0);
    assert_int_equal(hm_server_start(world.node, &killer_class, NULL, NULL, NULL), 0);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    hm_node_free(world->node);
    event_base_free(world->base);
    return 0;
}

static hm_pid start(struct world *world, const char *service) {
    struct hm_start how = {.name = service};
    hm_pid pid;
    assert_int_equal(hm_server_start(world->node, &service_class, &how, NULL, &pid), 0);
    return pid;
}

static void kill_process(hm_pid pid) {
    static const unsigned char KILL[] = {119, 4, 'k', 'i', 'l', 'l'};
    assert_int_equal(hm_exit(killer, pid, (hm_term){KILL, sizeof KILL}), 0);
}

/* Until the name leads there; the loop waits for its timers. */
static void await(struct world *world, hm_pid pid) {
    for (int i = 0; i < 1000 && !hm_pid_equal(hm_global_whereis(world->node, name), pid); i++)
        event_base_loop(world->base, EVLOOP_ONCE);
    assert_true(hm_pid_equal(hm_global_whereis(world->node, name), pid));
}

static void a_service_has_its_name_whenever_it_is_there(void **state) {
    struct world *world = *state;
    static const struct service_global_name names[] = {{{NAME, sizeof NAME}, "late"}};
    static const struct service_config config = {.global_names = names, .global_name_count = 1};
    assert_int_equal(global_names_start(world->node, &config), 0);
    for (int i = 0; i < 5; i++)
        event_base_loop(world->base, EVLOOP_NONBLOCK);
    await(world, HM_NO_PID);
    hm_pid service = start(world, "late");
    await(world, service);
    kill_process(service);
    await(world, HM_NO_PID);
    hm_pid again = start(world, "late");
    await(world, again);
    /* global itself begins anew and knows nothing any more */
    kill_process(hm_whereis(world->node, "global_name_server"));
    await(world, HM_NO_PID);
    await(world, again);
}

/* No time passes here: nobody asks every so often, somebody tells. */
static void await_at_once(struct world *world, hm_pid pid) {
    for (int i = 0; i < 100 && !hm_pid_equal(hm_global_whereis(world->node, name), pid); i++)
        event_base_loop(world->base, EVLOOP_NONBLOCK);
    assert_true(hm_pid_equal(hm_global_whereis(world->node, name), pid));
}

static void it_has_it_at_once(void **state) {
    struct world *world = *state;
    static const struct service_global_name names[] = {{{NAME, sizeof NAME}, "late"}};
    static const struct service_config config = {.global_names = names, .global_name_count = 1};
    assert_int_equal(global_names_start(world->node, &config), 0);
    for (int i = 0; i < 10; i++)
        event_base_loop(world->base, EVLOOP_NONBLOCK);
    for (int i = 0; i < 3; i++) {
        hm_pid service = start(world, "late");
        await_at_once(world, service);
        kill_process(service);
        await_at_once(world, HM_NO_PID);
    }
}

static void who_comes_second_stands_by(void **state) {
    struct world *world = *state;
    static const struct service_global_name names[] = {{{NAME, sizeof NAME}, "first"}, {{NAME, sizeof NAME}, "second"}};
    static const struct service_config config = {.global_names = names, .global_name_count = 2};
    hm_pid first = start(world, "first"), second = start(world, "second");
    assert_int_equal(global_names_start(world->node, &config), 0);
    await(world, first);
    kill_process(first);
    await(world, second);
}

static void nothing_is_started_for_nothing(void **state) {
    struct world *world = *state;
    static const struct service_config config;
    assert_int_equal(global_names_start(world->node, &config), 0);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_service_has_its_name_whenever_it_is_there),
        TEST(it_has_it_at_once),
        TEST(who_comes_second_stands_by),
        TEST(nothing_is_started_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
