/* The daemon's part in process groups: scopes are there, and a service is in its groups whenever both are. */
#include "service_fixture.h"

#include <hermod/pg.h>

static const unsigned char GROUP[] = {119, 1, 'g'};
#define GROUP_TERM {GROUP, sizeof GROUP}
static const hm_term group = GROUP_TERM;

/* Until the group has so many members; the loop waits for its timers. */
static void await(struct world *world, const char *scope, size_t count) {
    for (int i = 0; i < 1000 && hm_pg_count(world->node, scope, group, HM_PG_LOCAL) != count; i++)
        event_base_loop(world->base, EVLOOP_ONCE);
    assert_int_equal(hm_pg_count(world->node, scope, group, HM_PG_LOCAL), count);
}

static void scopes_are_started(void **state) {
    struct world *world = *state;
    const char *const more[] = {"one", "two"};
    struct service_config config = {.pg_scopes = more, .pg_scope_count = 2};
    assert_int_equal(pg_service_start(world->node, &config), 0);
    assert_true(hm_whereis(world->node, "pg").node != NULL);
    assert_true(hm_whereis(world->node, "one").node != NULL);
    assert_true(hm_whereis(world->node, "two").node != NULL);
    struct service_config taken = {.pg_scopes = (const char *const[]){"rex"}, .pg_scope_count = 1};
    assert_int_equal(pg_service_start(world->node, &taken), HM_ETAKEN);
}

static void a_service_is_a_member_whenever_it_is_there(void **state) {
    struct world *world = *state;
    static const struct service_pg_join joins[] = {{"pg", GROUP_TERM, "early"}, {"other", GROUP_TERM, "late"}};
    static const struct service_config config = {.pg_joins = joins, .pg_join_count = 2};
    assert_int_equal(pg_service_start(world->node, &config), 0);
    world_start(world, "early"); /* as what --load starts, after the services */
    await(world, NULL, 1);
    assert_int_equal(hm_pg_count(world->node, "other", group, HM_PG_ALL), 0);
    world_start(world, "late");
    await(world, "other", 1);
    /* The service ends and comes back. */
    world_kill(world, hm_whereis(world->node, "early"));
    await(world, NULL, 0);
    world_start(world, "early");
    await(world, NULL, 1);
    /* The scope does. */
    hm_pid scope = hm_whereis(world->node, "other");
    world_kill(world, scope);
    await(world, "other", 0);
    await(world, "other", 1);
    assert_false(hm_pid_equal(scope, hm_whereis(world->node, "other")));
    assert_int_equal(hm_pg_count(world->node, NULL, group, HM_PG_ALL), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(scopes_are_started),
        TEST(a_service_is_a_member_whenever_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
