/* <hermod/pg.h>: what a C program gets. */
#include "otp_fixture.h"

#include <hermod/pg.h>

#define ATOM(text) ATOM_TERM(text)

static int setup(void **state) {
    if (fixture_setup(state))
        return -1;
    struct fixture *fixture = *state;
    assert_int_equal(hm_pg_start(fixture->node, NULL), HM_OK);
    return 0;
}

static void spawn(struct fixture *fixture, struct probe *probe) {
    assert_int_equal(process_spawn(fixture->node, &probe_class, &probe->process), HM_OK);
    probe->process->state = probe;
}

static void end(struct probe *probe) {
    process_exit(probe->process, ATOM("over"));
    probe_clear(probe);
}

static void a_scope_is_started_once(void **state) {
    struct fixture *fixture = *state;
    hm_pid before = hm_whereis(fixture->node, "pg");
    assert_int_equal(hm_pg_start(fixture->node, NULL), HM_OK);
    assert_int_equal(hm_pg_start(fixture->node, "pg"), HM_OK);
    assert_true(hm_pid_equal(before, hm_whereis(fixture->node, "pg")));
    assert_int_equal(hm_pg_start(fixture->node, "Elixir.Phoenix.PubSub"), HM_OK);
    assert_int_equal(hm_pg_start(fixture->node, "rex"), HM_ETAKEN);
    assert_int_equal(hm_pg_start(fixture->node, ""), HM_ENAME);
}

static void scopes_are_apart(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = fixture->probe.process->pid;
    assert_int_equal(hm_pg_join(fixture->node, "other", ATOM("g"), pid), HM_ENOPROC);
    assert_int_equal(hm_pg_start(fixture->node, "other"), HM_OK);
    assert_int_equal(hm_pg_join(fixture->node, "other", ATOM("g"), pid), HM_OK);
    assert_int_equal(hm_pg_count(fixture->node, "other", ATOM("g"), HM_PG_ALL), 1);
    assert_int_equal(hm_pg_count(fixture->node, NULL, ATOM("g"), HM_PG_ALL), 0);
    assert_int_equal(hm_pg_leave(fixture->node, NULL, ATOM("g"), pid), HM_ENOENT);
    assert_int_equal(hm_pg_leave(fixture->node, "other", ATOM("g"), pid), HM_OK);
    assert_int_equal(hm_pg_leave(fixture->node, "rex", ATOM("g"), pid), HM_ENOPROC);
}

static void only_processes_of_this_node_join(void **state) {
    struct fixture *fixture = *state;
    hm_pid pids[] = {fixture->probe.process->pid,
                     {names_intern(fixture->node->names, "far@host", 8), 1, 0, 9}};
    assert_int_equal(hm_pg_join_many(fixture->node, NULL, ATOM("g"), pids, 2), HM_EINVAL);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("g"), HM_NO_PID), HM_EINVAL);
    assert_int_equal(hm_pg_join(fixture->node, NULL, (hm_term){0}, pids[0]), HM_EINVAL);
    assert_int_equal(hm_pg_count(fixture->node, NULL, ATOM("g"), HM_PG_ALL), 0);
}

static void count_group(void *arg, hm_term group) {
    (void)group;
    ++*(int *)arg;
}

static void count_member(void *arg, hm_pid member) {
    *(uint32_t *)arg += member.id;
}

static void members_and_groups_are_listed(void **state) {
    struct fixture *fixture = *state;
    struct hm_node *node = fixture->node;
    hm_pid here = fixture->probe.process->pid, *members;
    struct probe *peer = fixture_own(fixture, sizeof *peer);
    size_t count;
    int groups = 0;
    uint32_t ids = 0;
    spawn(fixture, peer);
    hm_pid there = peer->process->pid;
    fixture_send(fixture, hm_to_name("pg", NULL), "{'$gen_cast', {sync, ~p, [{g, [~p]}, {far, [~p]}]}}",
                 there, there, there);
    assert_int_equal(hm_pg_join(node, NULL, ATOM("g"), here), HM_OK);
    assert_int_equal(hm_pg_join(node, NULL, ATOM("near"), here), HM_OK);
    assert_int_equal(hm_pg_get_members(node, NULL, ATOM("g"), &members, &count), HM_OK);
    assert_int_equal(count, 2);
    assert_true(hm_pid_equal(members[0], here) && hm_pid_equal(members[1], there));
    free(members);
    assert_int_equal(hm_pg_get_local_members(node, NULL, ATOM("g"), &members, &count), HM_OK);
    assert_int_equal(count, 1);
    free(members);
    assert_int_equal(hm_pg_get_local_members(node, NULL, ATOM("far"), &members, &count), HM_OK);
    assert_true(count == 0 && members == NULL);
    assert_int_equal(hm_pg_get_members(node, "none", ATOM("g"), &members, &count), HM_OK);
    assert_true(count == 0 && members == NULL);
    hm_pg_members(node, NULL, ATOM("g"), HM_PG_ALL, count_member, &ids);
    hm_pg_members(node, "none", ATOM("g"), HM_PG_ALL, count_member, &ids);
    assert_int_equal(ids, here.id + there.id);
    static const int EXPECTED[] = {[HM_PG_ALL] = 3, [HM_PG_LOCAL] = 2, [HM_PG_REMOTE] = 2};
    for (int which = HM_PG_ALL; which <= HM_PG_REMOTE; which++) {
        groups = 0;
        assert_int_equal(hm_pg_groups(node, NULL, (enum hm_pg_which)which, count_group, &groups), HM_OK);
        assert_int_equal(groups, EXPECTED[which]);
    }
    assert_int_equal(hm_pg_groups(node, "none", HM_PG_ALL, count_group, &groups), HM_ENOPROC);
    for (int which = HM_PG_ALL; which <= HM_PG_LOCAL; which++)
        for (size_t most = 0; most <= 1; most++) {
            groups = 0;
            assert_int_equal(hm_pg_some_groups(node, NULL, (enum hm_pg_which)which, most, count_group, &groups), HM_OK);
            assert_int_equal(groups, most);
        }
    end(peer);
}

static void the_closest_is_of_this_node_if_there_is_one(void **state) {
    struct fixture *fixture = *state;
    struct hm_node *node = fixture->node;
    hm_pid here = fixture->probe.process->pid;
    struct probe *peer = fixture_own(fixture, sizeof *peer), *second = fixture_own(fixture, sizeof *second);
    spawn(fixture, peer);
    spawn(fixture, second);
    hm_pid there = peer->process->pid, too = second->process->pid;
    assert_false(hm_pg_get_closest_pid(node, NULL, ATOM("g")).node);
    assert_false(hm_pg_get_closest_pid(node, "none", ATOM("g")).node);
    fixture_send(fixture, hm_to_name("pg", NULL), "{'$gen_cast', {sync, ~p, [{g, [~p, ~p]}]}}", there, there,
                 too);
    bool got_one = false, got_other = false;
    for (int i = 0; i < 200; i++) {
        hm_pid pid = hm_pg_get_closest_pid(node, NULL, ATOM("g"));
        got_one = got_one || hm_pid_equal(pid, there);
        got_other = got_other || hm_pid_equal(pid, too);
        assert_true(hm_pid_equal(pid, there) || hm_pid_equal(pid, too));
    }
    assert_true(got_one && got_other);
    assert_int_equal(hm_pg_join(node, NULL, ATOM("g"), here), HM_OK);
    for (int i = 0; i < 20; i++)
        assert_true(hm_pid_equal(hm_pg_get_closest_pid(node, NULL, ATOM("g")), here));
    end(peer);
    end(second);
}

static void a_message_goes_to_every_membership(void **state) {
    struct fixture *fixture = *state;
    struct hm_node *node = fixture->node;
    hm_process *self = fixture->probe.process;
    struct probe *peer = fixture_own(fixture, sizeof *peer), *local = fixture_own(fixture, sizeof *local);
    spawn(fixture, peer);
    spawn(fixture, local);
    hm_pid there = peer->process->pid, twice[] = {local->process->pid, local->process->pid};
    fixture_send(fixture, hm_to_name("pg", NULL), "{'$gen_cast', {sync, ~p, [{g, [~p]}]}}", there, there);
    assert_int_equal(hm_pg_join_many(node, NULL, ATOM("g"), twice, 2), HM_OK);
    assert_int_equal(hm_pg_send(self, NULL, ATOM("g"), HM_PG_ALL, ATOM("all")), HM_OK);
    assert_int_equal(hm_pg_send(self, NULL, ATOM("g"), HM_PG_REMOTE, ATOM("far")), HM_OK);
    assert_int_equal(hm_pg_send(self, NULL, ATOM("g"), HM_PG_LOCAL, ATOM("near")), HM_OK);
    assert_int_equal(hm_pg_send(self, NULL, ATOM("empty"), HM_PG_ALL, ATOM("none")), HM_OK);
    assert_int_equal(hm_pg_send(self, "none", ATOM("g"), HM_PG_ALL, ATOM("none")), HM_ENOPROC);
    fixture_run(fixture);
    assert_int_equal(local->count, 4);
    assert_string_equal(local->texts[0], "all");
    assert_string_equal(local->texts[2], "near");
    assert_int_equal(peer->count, 2);
    assert_string_equal(peer->texts[1], "far");
    expect_nothing(fixture);
    end(peer);
    end(local);
}

static void monitors_need_a_scope(void **state) {
    struct fixture *fixture = *state;
    hm_process *self = fixture->probe.process;
    hm_ref ref = {0};
    assert_int_equal(hm_pg_monitor(self, "none", ATOM("g"), &ref), HM_ENOPROC);
    assert_int_equal(hm_pg_monitor_scope(self, "none", &ref), HM_ENOPROC);
    assert_false(hm_pg_demonitor(self, "none", &ref));
    assert_false(hm_pg_demonitor(self, NULL, &ref));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_scope_is_started_once),
        TEST(scopes_are_apart),
        TEST(only_processes_of_this_node_join),
        TEST(members_and_groups_are_listed),
        TEST(the_closest_is_of_this_node_if_there_is_one),
        TEST(a_message_goes_to_every_membership),
        TEST(monitors_need_a_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
