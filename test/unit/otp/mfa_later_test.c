/* Functions that answer later: the process waits, gets messages meanwhile, and either of the two owners may be the first to go. */
#include "otp_fixture.h"

#include "otp/erpc.h"
#include "otp/mfa.h"

struct waiting {
    struct mfa_later *later;
    unsigned messages, ended;
    bool takes;
};

static bool on_message(struct mfa_later *later, void *arg, hm_term message) {
    struct waiting *waiting = arg;
    waiting->messages++;
    if (waiting->takes && hm_match(message, "{go, _}")) {
        hm_term parts[2];
        hm_tuple_elements(message, 2, parts);
        mfa_finish(later, MFA_VALUE, parts[1]);
        waiting->later = NULL;
        return true;
    }
    return false;
}

static void on_ended(struct mfa_later *later, void *arg) {
    struct waiting *waiting = arg;
    assert_null(mfa_later_process(later));
    waiting->ended++;
}

static enum mfa_outcome wait(struct mfa_call *call) {
    struct waiting *waiting = call->argument;
    waiting->later = mfa_later(call, &(struct mfa_wait){on_message, on_ended, waiting});
    return waiting->later ? MFA_LATER : MFA_ERROR;
}

/* Spawns erpc:execute_call(r, m, wait, []), watched by the probe. */
static struct waiting *spawn_waiting(struct fixture *fixture, hm_pid *pid) {
    struct waiting *waiting = fixture_own(fixture, sizeof *waiting);
    assert_int_equal(mfa_export(fixture->node, &(struct mfa_row){"m", "wait", 0, wait, waiting}, 1), HM_OK);
    hm_build *arguments = hm_build_new();
    hm_put_format(arguments, "[r, m, wait, []]");
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = ATOM_TERM("erpc"),
                                    .function = ATOM_TERM("execute_call"),
                                    .arity = 4,
                                    .arguments = hm_build_term(arguments)};
    const char *refusal = NULL;
    assert_int_equal(erpc_on_spawn(fixture->node, &request, pid, &refusal), HM_OK);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(*pid), NULL), HM_OK);
    hm_build_free(arguments);
    fixture_run(fixture);
    assert_non_null(waiting->later);
    assert_true(hm_is_alive(fixture->node, *pid));
    expect_nothing(fixture);
    return waiting;
}

static void expect_down(struct fixture *fixture, const char *pattern) {
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 1);
    if (!hm_match(fixture->probe.terms[0], pattern))
        fail_msg("%s is not %s", fixture->probe.texts[0], pattern);
    probe_clear(&fixture->probe);
}

static void a_later_value_is_the_outcome(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid;
    struct waiting *waiting = spawn_waiting(fixture, &pid);
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("done"));
    assert_true(hm_is_alive(fixture->node, pid)); /* not on this stack */
    expect_down(fixture, "{'DOWN', _, process, _, {r, return, done}}");
    assert_int_equal(waiting->ended, 0);
}

static void a_later_error_has_a_stack(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid;
    struct waiting *waiting = spawn_waiting(fixture, &pid);
    mfa_finish(waiting->later, MFA_ERROR, ATOM_TERM("broken"));
    expect_down(fixture, "{'DOWN', _, process, _, {r, error, broken, [{m, wait, 0, []}]}}");
}

static void a_later_throw_and_exit_are_told_apart(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid;
    mfa_finish(spawn_waiting(fixture, &pid)->later, MFA_THROW, ATOM_TERM("ball"));
    expect_down(fixture, "{'DOWN', _, process, _, {r, throw, ball}}");
}

static void messages_come_to_the_function_that_waits(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid;
    struct waiting *waiting = spawn_waiting(fixture, &pid);
    fixture_send(fixture, hm_to_pid(pid), "{go, 1}");
    assert_true(hm_is_alive(fixture->node, pid));
    waiting->takes = true;
    fixture_send(fixture, hm_to_pid(pid), "stray");
    fixture_send(fixture, hm_to_pid(pid), "{go, 2}");
    assert_int_equal(waiting->messages, 3);
    expect_down(fixture, "{'DOWN', _, process, _, {r, return, 2}}");
}

static void the_process_may_end_first(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid;
    struct waiting *waiting = spawn_waiting(fixture, &pid);
    assert_int_equal(hm_exit(fixture->probe.process, pid, ATOM_TERM("kill")), HM_OK);
    expect_down(fixture, "{'DOWN', _, process, _, killed}");
    assert_int_equal(waiting->ended, 1);
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("late"));
    fixture_run(fixture);
    expect_nothing(fixture);
}

static void the_process_may_end_with_the_answer_on_its_way(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid;
    struct waiting *waiting = spawn_waiting(fixture, &pid);
    assert_int_equal(hm_exit(fixture->probe.process, pid, ATOM_TERM("kill")), HM_OK);
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("late"));
    expect_down(fixture, "{'DOWN', _, process, _, killed}");
    assert_int_equal(waiting->ended, 0);
}

static void who_cannot_wait_is_told(void **state) {
    struct fixture *fixture = *state;
    struct waiting waiting = {0};
    hm_build *result = hm_build_new();
    static const unsigned char NIL[] = {106};
    assert_int_equal(mfa_export(fixture->node, &(struct mfa_row){"m", "wait", 0, wait, &waiting}, 1), HM_OK);
    assert_int_equal(mfa_apply(fixture->probe.process, ATOM_TERM("m"), ATOM_TERM("wait"), (hm_term){NIL, 1}, result,
                               NULL),
                     MFA_ERROR);
    assert_true(hm_match(hm_build_term(result), "{notsup, [{m, wait, [], []}]}"));
    hm_build_free(result);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_later_value_is_the_outcome),
        TEST(a_later_error_has_a_stack),
        TEST(a_later_throw_and_exit_are_told_apart),
        TEST(messages_come_to_the_function_that_waits),
        TEST(the_process_may_end_first),
        TEST(the_process_may_end_with_the_answer_on_its_way),
        TEST(who_cannot_wait_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
