/* What the two sides of a session make of each other's names. */
#include "etf/ids.h"
#include "unit/otp/global_member_fixture.h"

static hm_pid process(const hm_node_name *node, uint32_t id) {
    return (hm_pid){node, id, 0, 9};
}

/* As a registrar there does, under its lock. */
static void keep(struct lone *lone, const char *name, hm_pid pid) {
    hm_build *request = hm_build_new(), *reply = hm_build_new();
    hm_put_format(request, "{register, ~a, ~p, ~t}", name, pid, global_method_term(GLOBAL_RANDOM_EXIT));
    assert_int_equal(global_member_call(lone->member, process(pid.node, 6), hm_build_term(request), reply, NULL, NULL),
                     GLOBAL_ANSWERED);
    hm_build_free(request);
    hm_build_free(reply);
}

static hm_pid where(const struct lone *lone, const char *name) {
    hm_build *build = hm_build_new();
    hm_put_atom(build, name);
    hm_pid pid = global_member_whereis(lone->member, hm_build_term(build));
    hm_build_free(build);
    return pid;
}

/* The list of operations in what was sent to him. */
static void assert_resolved(struct lone *lone, const char *operations) {
    char expected[300];
    snprintf(expected, sizeof expected, "{resolved,me@host,%s,[", operations);
    const char *sent = lone_sent(lone);
    if (!strstr(sent, expected))
        fail_msg("no %s in %s", expected, sent);
}

static void test_names_of_one_side(void **state) {
    struct lone *lone = *state;
    keep(lone, "ours", process(lone->third, 11));
    int64_t tag = lone_lock_both(lone, lone->peer);
    LONE_HEAR(lone, true, "{exchange, 'peer@host', [{his, ~p, ~t}], [], ~i}", process(lone->peer, 12),
              global_method_term(GLOBAL_RANDOM_EXIT), tag);
    assert_resolved(lone, "[]"); /* he has what we have from our exchange */
    LONE_HEAR(lone, true, "{resolved, 'peer@host', [], [], unused, [], ~i}", tag);
    assert_true(hm_pid_equal(where(lone, "his"), process(lone->peer, 12)));
    assert_true(hm_pid_equal(where(lone, "ours"), process(lone->third, 11)));
}

/* He may be the only one of his who still has it; as OTP does it his partition would never hear of it. */
static void test_a_name_of_both_sides(void **state) {
    struct lone *lone = *state;
    keep(lone, "shared", process(lone->third, 11));
    int64_t tag = lone_lock_both(lone, lone->peer);
    LONE_HEAR(lone, true, "{exchange, 'peer@host', [{shared, ~p, ~t}], [], ~i}", process(lone->third, 11),
              global_method_term(GLOBAL_RANDOM_EXIT), tag);
    assert_resolved(lone, "[{insert,{shared,<third@host.11.0>,fun global:random_exit_name/3}}]");
    LONE_HEAR(lone, true, "{resolved, 'peer@host', [], [], unused, [], ~i}", tag);
    assert_true(hm_pid_equal(where(lone, "shared"), process(lone->third, 11)));
}

/* The side with the smaller node name settles it, and tells the other one. */
static void test_a_conflict(void **state) {
    struct lone *lone = *state;
    keep(lone, "both", process(lone->self, 11));
    int64_t tag = lone_lock_both(lone, lone->peer);
    LONE_HEAR(lone, true, "{exchange, 'peer@host', [{both, ~p, ~t}], [], ~i}", process(lone->peer, 12),
              global_method_term(GLOBAL_RANDOM_NOTIFY), tag);
    assert_resolved(lone, "[{insert,{both,<me@host.11.0>,fun global:random_exit_name/3}}]");
    LONE_HEAR(lone, true, "{resolved, 'peer@host', [], [], unused, [], ~i}", tag);
    assert_true(hm_pid_equal(where(lone, "both"), process(lone->self, 11)));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lone_setup, lone_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_names_of_one_side),
        TEST(test_a_name_of_both_sides),
        TEST(test_a_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
