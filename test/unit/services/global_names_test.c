/* --register-global: a service has its name whenever it is there, and waits for its turn. */
#include "service_fixture.h"

#include <hermod/global.h>

static const unsigned char NAME[] = {119, 1, 'n'};
static const hm_term name = {NAME, sizeof NAME};

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
    hm_pid service = world_start(world, "late");
    await(world, service);
    world_kill(world, service);
    await(world, HM_NO_PID);
    hm_pid again = world_start(world, "late");
    await(world, again);
    /* global itself begins anew and knows nothing any more */
    world_kill(world, hm_whereis(world->node, "global_name_server"));
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
        hm_pid service = world_start(world, "late");
        await_at_once(world, service);
        world_kill(world, service);
        await_at_once(world, HM_NO_PID);
    }
}

static void who_comes_second_stands_by(void **state) {
    struct world *world = *state;
    static const struct service_global_name names[] = {{{NAME, sizeof NAME}, "first"}, {{NAME, sizeof NAME}, "second"}};
    static const struct service_config config = {.global_names = names, .global_name_count = 2};
    hm_pid first = world_start(world, "first"), second = world_start(world, "second");
    assert_int_equal(global_names_start(world->node, &config), 0);
    await(world, first);
    world_kill(world, first);
    await(world, second);
}

static void nothing_is_started_for_nothing(void **state) {
    struct world *world = *state;
    static const struct service_config config;
    assert_int_equal(global_names_start(world->node, &config), 0);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_service_has_its_name_whenever_it_is_there),
        TEST(it_has_it_at_once),
        TEST(who_comes_second_stands_by),
        TEST(nothing_is_started_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
