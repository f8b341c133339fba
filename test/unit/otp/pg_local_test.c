/* Processes of this node and what they joined: order, counts, and the monitor that comes and goes with them. */
#include "otp_fixture.h"

#include "etf/ids.h"
#include "otp/pg_local.h"

static void ignore_change(void *arg, struct pg_group *group, bool joined, const hm_node_name *node,
                          const struct pg_member *members, uint32_t count) {
    (void)arg;
    (void)group;
    (void)joined;
    (void)node;
    (void)members;
    (void)count;
}

struct world {
    struct fixture *fixture;
    struct pg_groups groups;
    struct pg_locals locals; /* the probe is the scope */
    struct pg_group *a, *b;
    struct probe member;
};

static void setup_world(struct world *world, struct fixture *fixture) {
    *world = (struct world){.fixture = fixture, .locals = {.scope = fixture->probe.process}};
    pg_groups_init(&world->groups, 10, 10, ignore_change, NULL);
    assert_int_equal(pg_groups_get(&world->groups, ATOM_TERM("a"), &world->a), HM_OK);
    assert_int_equal(pg_groups_get(&world->groups, ATOM_TERM("b"), &world->b), HM_OK);
    assert_int_equal(process_spawn(fixture->node, &probe_class, &world->member.process), HM_OK);
    world->member.process->state = &world->member;
}

static void end_world(struct world *world) {
    if (world->member.process)
        process_exit(world->member.process, ATOM_TERM("over"));
    pg_locals_fini(&world->locals);
    pg_groups_fini(&world->groups);
    fixture_run(world->fixture);
}

static void the_monitor_goes_with_the_last_membership(void **state) {
    struct fixture *fixture = *state;
    struct world world;
    setup_world(&world, fixture);
    struct pg_member member = pg_member_of(world.member.process->pid), other = {member.id, member.serial + 1, 7};
    assert_int_equal(pg_locals_join(&world.locals, member, world.a), HM_OK);
    assert_int_equal(pg_locals_join(&world.locals, member, world.b), HM_OK);
    assert_int_equal(pg_locals_join(&world.locals, member, world.a), HM_OK);
    assert_false(LIST_EMPTY(&world.member.process->watched_by));
    assert_false(pg_locals_leave(&world.locals, other, world.a));
    assert_true(pg_locals_leave(&world.locals, member, world.a));
    assert_true(pg_locals_leave(&world.locals, member, world.b));
    assert_false(pg_locals_leave(&world.locals, member, world.b));
    assert_false(LIST_EMPTY(&world.member.process->watched_by));
    assert_true(pg_locals_leave(&world.locals, member, world.a));
    assert_true(LIST_EMPTY(&world.member.process->watched_by));
    assert_false(pg_locals_leave(&world.locals, member, world.a));
    process_exit(world.member.process, ATOM_TERM("over"));
    world.member.process = NULL;
    fixture_run(fixture);
    expect_nothing(fixture); /* no DOWN of a monitor that was given up */
    end_world(&world);
}

static void who_ends_is_taken_with_all_it_joined(void **state) {
    struct fixture *fixture = *state;
    struct world world;
    hm_term term;
    hm_ref ref, wrong = node_make_ref(fixture->node);
    setup_world(&world, fixture);
    struct pg_member member = pg_member_of(world.member.process->pid);
    assert_int_equal(pg_locals_join(&world.locals, member, world.a), HM_OK);
    assert_int_equal(pg_locals_join(&world.locals, member, world.b), HM_OK);
    assert_int_equal(pg_locals_join(&world.locals, member, world.a), HM_OK);
    assert_int_equal(pg_locals_join(&world.locals, member, world.b), HM_OK);
    assert_true(pg_locals_leave(&world.locals, member, world.a)); /* the newer one */
    process_exit(world.member.process, ATOM_TERM("over"));
    world.member.process = NULL;
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{'DOWN', ~t, process, _, over}", &term));
    assert_true(ref_decode(fixture->node->names, term, &ref));
    assert_null(pg_locals_take(&world.locals, member, &wrong));
    struct pg_local *local = pg_locals_take(&world.locals, member, &ref);
    assert_non_null(local);
    assert_null(pg_locals_take(&world.locals, member, &ref));
    uint32_t count;
    struct pg_group *const *groups = pg_local_groups(local, &count);
    assert_int_equal(count, 3);
    assert_ptr_equal(groups[0], world.b);
    assert_ptr_equal(groups[1], world.b);
    assert_ptr_equal(groups[2], world.a);
    pg_local_free(local);
    end_world(&world);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_monitor_goes_with_the_last_membership),
        TEST(who_ends_is_taken_with_all_it_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
