/* Watchers: who is told of what, until when, and how many there may be. */
#include "otp_fixture.h"

#include "otp/pg_watch.h"

struct world {
    struct pg_groups groups;
    struct pg_watchers watchers;
    struct pg_owner own;
    hm_process *scope;
};

static enum hm_verdict scope_receive(hm_process *self, hm_term message) {
    (void)self;
    (void)message;
    return HM_CONTINUE;
}

static const struct process_class scope_class = {.module = "scope", .receive = scope_receive};

static void on_changed(void *arg, struct pg_group *group, bool joined, const hm_node_name *node,
                       const struct pg_member *members, uint32_t count) {
    struct world *world = arg;
    pg_watchers_tell(&world->watchers, group, joined, node, members, count);
}

static void setup_world(struct world *world, struct fixture *fixture) {
    assert_int_equal(process_spawn(fixture->node, &scope_class, &world->scope), HM_OK);
    pg_groups_init(&world->groups, 10, 10, on_changed, world);
    pg_watchers_init(&world->watchers, world->scope, &world->groups, 3);
    pg_owner_init(&world->own, fixture->node->name);
}

static void end_world(struct world *world) {
    pg_watchers_fini(&world->watchers);
    pg_groups_drop(&world->groups, &world->own);
    pg_groups_fini(&world->groups);
    process_exit(world->scope, ATOM_TERM("over"));
}

static void expect_news(struct fixture *fixture, unsigned count, const char *const patterns[]) {
    assert_int_equal(fixture->probe.count, count);
    for (unsigned i = 0; i < count; i++)
        assert_true(hm_match(fixture->probe.terms[i], patterns[i]));
    probe_clear(&fixture->probe);
}

static void a_group_is_kept_as_long_as_it_is_watched(void **state) {
    struct fixture *fixture = *state;
    struct world world;
    struct pg_member member = pg_member_of(fixture->probe.process->pid);
    const hm_term g = ATOM_TERM("g"), h = ATOM_TERM("h");
    hm_ref of_group, of_scope;
    setup_world(&world, fixture);
    assert_int_equal(pg_watchers_add(&world.watchers, fixture->probe.process->pid, &g, &of_group), HM_OK);
    assert_int_equal(world.groups.groups, 1);
    assert_int_equal(pg_watchers_add(&world.watchers, fixture->probe.process->pid, NULL, &of_scope), HM_OK);
    assert_int_equal(pg_groups_join(&world.groups, &world.own, g, &member, 1), HM_OK);
    assert_int_equal(pg_groups_join(&world.groups, &world.own, h, &member, 1), HM_OK);
    fixture_run(fixture);
    expect_news(fixture, 3, (const char *const[]){"{_, join, g, [_]}", "{_, join, g, [_]}", "{_, join, h, [_]}"});
    assert_true(pg_watchers_remove(&world.watchers, &of_scope));
    assert_false(pg_watchers_remove(&world.watchers, &of_scope));
    pg_groups_leave_one(&world.groups, &world.own, pg_groups_find(&world.groups, g), member);
    pg_groups_leave_one(&world.groups, &world.own, pg_groups_find(&world.groups, h), member);
    assert_int_equal(world.groups.groups, 1);
    fixture_run(fixture);
    expect_news(fixture, 1, (const char *const[]){"{_, leave, g, [_]}"});
    assert_true(pg_watchers_remove(&world.watchers, &of_group));
    assert_int_equal(world.groups.groups, 0);
    end_world(&world);
}

static void what_was_on_its_way_can_be_taken_back(void **state) {
    struct fixture *fixture = *state;
    struct world world;
    struct pg_member member = pg_member_of(fixture->probe.process->pid);
    const hm_term g = ATOM_TERM("g");
    hm_ref one, other;
    setup_world(&world, fixture);
    assert_int_equal(pg_watchers_add(&world.watchers, fixture->probe.process->pid, &g, &one), HM_OK);
    assert_int_equal(pg_watchers_add(&world.watchers, fixture->probe.process->pid, &g, &other), HM_OK);
    assert_int_equal(pg_groups_join(&world.groups, &world.own, g, &member, 1), HM_OK);
    assert_true(pg_watchers_remove(&world.watchers, &one));
    pg_watchers_flush(fixture->probe.process, &one);
    fixture_run(fixture);
    expect_news(fixture, 1, (const char *const[]){"{_, join, g, [_]}"});
    end_world(&world);
}

static void there_is_a_most_and_strangers_are_refused(void **state) {
    struct fixture *fixture = *state;
    struct world world;
    const hm_term g = ATOM_TERM("g");
    hm_pid far = {names_intern(fixture->node->names, "far@host", 8), 1, 0, 9};
    hm_ref refs[4];
    setup_world(&world, fixture);
    assert_int_equal(pg_watchers_add(&world.watchers, far, &g, &refs[0]), HM_ENOCONNECTION);
    assert_int_equal(pg_watchers_add(&world.watchers, HM_NO_PID, &g, &refs[0]), HM_ENOCONNECTION);
    assert_int_equal(world.groups.groups, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pg_watchers_add(&world.watchers, fixture->probe.process->pid, &g, &refs[i]), HM_OK);
    assert_int_equal(pg_watchers_add(&world.watchers, fixture->probe.process->pid, &g, &refs[3]), HM_ELIMIT);
    assert_true(pg_watchers_remove(&world.watchers, &refs[1]));
    assert_int_equal(pg_watchers_add(&world.watchers, fixture->probe.process->pid, &g, &refs[3]), HM_OK);
    assert_null(peers_find(fixture->node, far.node));
    end_world(&world);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_group_is_kept_as_long_as_it_is_watched),
        TEST(what_was_on_its_way_can_be_taken_back),
        TEST(there_is_a_most_and_strangers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
