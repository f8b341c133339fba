/* Servers that end are started again, the node's own and those that ask for it. */
#include "otp_fixture.h"

static int starts, ends, refuse;
static char argument_given[] = "argument";

static int init(hm_process *self, void *argument) {
    (void)self;
    assert_string_equal(argument, "argument");
    if (refuse) {
        refuse--;
        return HM_ENOMEM;
    }
    starts++;
    return HM_OK;
}

static enum hm_verdict call(hm_process *self, hm_term request, const hm_from *from) {
    if (hm_is_atom(request, "stop"))
        return hm_stop(self, "normal");
    return hm_reply(self, from, "~i", (int64_t)starts);
}

static void terminate(hm_process *self, hm_term reason) {
    (void)self;
    (void)reason;
    ends++;
}

static const struct hm_server_class fragile = {
    .module = "fragile", .init = init, .call = call, .terminate = terminate};

static void start_fragile(struct fixture *fixture, hm_pid *pid) {
    struct hm_start start = {.name = "fragile", .restart = true};
    starts = ends = refuse = 0;
    assert_int_equal(hm_server_start(fixture->node, &fragile, &start, argument_given, pid), HM_OK);
}

static void kill_by_name(struct fixture *fixture, const char *name) {
    hm_exit(fixture->probe.process, hm_whereis(fixture->node, name), ATOM_TERM("kill"));
    fixture_run(fixture);
}

static void one_that_ends_comes_back_under_its_name(void **state) {
    struct fixture *fixture = *state;
    hm_pid first;
    start_fragile(fixture, &first);
    assert_true(hm_pid_equal(first, hm_whereis(fixture->node, "fragile")));
    kill_by_name(fixture, "fragile");
    assert_int_equal(ends, 1);
    assert_int_equal(starts, 2);
    assert_false(hm_pid_equal(first, hm_whereis(fixture->node, "fragile")));
    fixture_call(fixture, hm_to_name("fragile", NULL), "stop"); /* normal is a reason like any other */
    assert_int_equal(starts, 3);
    probe_clear(&fixture->probe);
    fixture_call(fixture, hm_to_name("fragile", NULL), "count");
    expect_text(fixture, "{t,3}");
}

static void one_that_keeps_ending_makes_pauses(void **state) {
    struct fixture *fixture = *state;
    start_fragile(fixture, NULL);
    for (int i = 0; i < 5; i++)
        kill_by_name(fixture, "fragile");
    assert_int_equal(starts, 6);
    kill_by_name(fixture, "fragile");
    assert_int_equal(starts, 6);
    assert_null(hm_whereis(fixture->node, "fragile").node);
}

static void one_that_cannot_start_again_is_tried_later(void **state) {
    struct fixture *fixture = *state;
    start_fragile(fixture, NULL);
    refuse = 1;
    kill_by_name(fixture, "fragile");
    assert_int_equal(starts, 1);
    assert_null(hm_whereis(fixture->node, "fragile").node);
}

static void one_that_never_started_is_not_kept(void **state) {
    struct fixture *fixture = *state;
    struct hm_start start = {.name = "fragile", .restart = true};
    starts = ends = 0;
    refuse = 1;
    assert_int_equal(hm_server_start(fixture->node, &fragile, &start, argument_given, NULL), HM_ENOMEM);
    fixture_run(fixture);
    assert_int_equal(starts, 0);
    start.link = fixture->probe.process->pid;
    assert_int_equal(hm_server_start(fixture->node, &fragile, &start, argument_given, NULL), HM_EINVAL);
}

static void the_servers_of_a_node_come_back(void **state) {
    struct fixture *fixture = *state;
    static const char *const NAMES[] = {"user", "logger_proxy", "rex", "global_name_server", "net_kernel"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        kill_by_name(fixture, NAMES[i]);
        assert_non_null(hm_whereis(fixture->node, NAMES[i]).node);
    }
    assert_true(hm_pid_equal(fixture->node->leader, hm_whereis(fixture->node, "user")));
    fixture_call(fixture, hm_to_name("net_kernel", NULL), "{is_auth, 'a@host'}");
    expect_text(fixture, "{t,yes}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_that_ends_comes_back_under_its_name),
        TEST(one_that_keeps_ending_makes_pauses),
        TEST(one_that_cannot_start_again_is_tried_later),
        TEST(one_that_never_started_is_not_kept),
        TEST(the_servers_of_a_node_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
