/* Functions that a program exports: at once, later, on the pool, and each way of getting it wrong. */
#include "otp_fixture.h"

#include <pthread.h>

#include "node/pool.h"
#include "otp/erpc.h"
#include <hermod/function.h>

struct seen {
    hm_pending *pending;
    unsigned ended;
    pthread_t thread;
    hm_process *self;
    hm_pid caller;
};

static enum hm_outcome add(struct hm_function_call *call) {
    int64_t a, b;
    struct seen *seen = call->argument;
    seen->self = call->self;
    seen->caller = call->caller;
    seen->thread = pthread_self();
    if (!hm_get_int64(call->arguments[0], &a) || !hm_get_int64(call->arguments[1], &b))
        return hm_raise(call, "badarg");
    hm_put_int64(call->result, a + b);
    return HM_VALUE;
}

static enum hm_outcome raise(struct hm_function_call *call) {
    hm_put_term(call->result, call->arguments[1]);
    return hm_is_atom(call->arguments[0], "throw") ? HM_THROW : hm_is_atom(call->arguments[0], "exit") ? HM_EXIT : HM_ERROR;
}

static enum hm_outcome silent(struct hm_function_call *call) {
    (void)call;
    return HM_VALUE;
}

static enum hm_outcome broken(struct hm_function_call *call) {
    hm_put_tuple(call->result, 2);
    return HM_VALUE;
}

static enum hm_outcome liar(struct hm_function_call *call) {
    (void)call;
    return HM_LATER;
}

static void on_ended(hm_pending *pending, void *arg) {
    struct seen *seen = arg;
    assert_ptr_equal(pending, seen->pending);
    seen->ended++;
}

static enum hm_outcome later(struct hm_function_call *call) {
    struct seen *seen = call->argument;
    seen->pending = hm_function_later(call, on_ended, seen);
    return seen->pending ? HM_LATER : HM_ERROR;
}

static bool on_message(hm_pending *pending, void *arg, hm_term message) {
    struct seen *seen = arg;
    hm_term what;
    if (!hm_match(message, "{go, ~t}", &what))
        return false;
    seen->pending = NULL;
    hm_finish(pending, HM_VALUE, what);
    return true;
}

/* Waits for a timer, or a message that comes before it. */
static enum hm_outcome patient(struct hm_function_call *call) {
    struct seen *seen = call->argument;
    seen->pending = hm_function_later(call, on_ended, seen);
    hm_on_message(seen->pending, on_message);
    hm_build *build = hm_build_new();
    hm_put_format(build, "{go, timer}");
    assert_int_equal(hm_send_after(call->self, 0, hm_build_term(build), NULL), HM_OK);
    hm_build_free(build);
    return HM_LATER;
}

static enum hm_outcome hasty(struct hm_function_call *call) {
    hm_pending *pending = hm_function_later(call, NULL, NULL);
    assert_non_null(pending);
    assert_null(hm_function_later(call, NULL, NULL));
    hm_build_reset(call->result);
    hm_put_atom(call->result, "soon");
    return HM_VALUE;
}

static struct seen *export(struct fixture *fixture) {
    struct seen *seen = fixture_own(fixture, sizeof *seen);
    const struct hm_function functions[] = {
        {"m", "add", 2, add, seen, false},     {"m", "slow_add", 2, add, seen, true}, {"m", "raise", 2, raise, seen, false},
        {"m", "slow_raise", 2, raise, seen, true}, {"m", "silent", 0, silent, seen, false}, {"m", "slow_silent", 0, silent, seen, true},
        {"m", "broken", 0, broken, seen, false}, {"m", "slow_broken", 0, broken, seen, true}, {"m", "liar", 0, liar, seen, false},
        {"m", "slow_later", 0, later, seen, true}, {"m", "later", 0, later, seen, false},
        {"m", "patient", 0, patient, seen, false}, {"m", "hasty", 0, hasty, seen, false},
    };
    assert_int_equal(hm_export(fixture->node, functions, sizeof functions / sizeof *functions), HM_OK);
    return seen;
}

static hm_pid spawn(struct fixture *fixture, const char *call) {
    hm_build *arguments = hm_build_new();
    hm_put_format(arguments, call);
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = ATOM_TERM("erpc"),
                                    .function = ATOM_TERM("execute_call"),
                                    .arity = 4,
                                    .arguments = hm_build_term(arguments)};
    hm_pid pid;
    const char *refusal = NULL;
    assert_int_equal(erpc_on_spawn(fixture->node, &request, &pid, &refusal), HM_OK);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    hm_build_free(arguments);
    return pid;
}

static void expect_down(struct fixture *fixture, const char *reason) {
    hm_term why;
    while (fixture->probe.count == 0)
        event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{'DOWN', _, process, _, ~t}", &why));
    char *text = print_term(why);
    assert_string_equal(text, reason);
    free(text);
    probe_clear(&fixture->probe);
}

static void expect_call(struct fixture *fixture, const char *call, const char *reason) {
    spawn(fixture, call);
    expect_down(fixture, reason);
}

static void outcomes_at_once(void **state) {
    struct fixture *fixture = *state;
    struct seen *seen = export(fixture);
    expect_call(fixture, "[r, m, add, [40, 2]]", "{r,return,42}");
    assert_non_null(seen->self);
    assert_true(hm_pid_equal(seen->caller, fixture->probe.process->pid));
    expect_call(fixture, "[r, m, add, [a, 2]]", "{r,error,badarg,[{m,add,[a,2],[]}]}");
    expect_call(fixture, "[r, m, raise, [error, {x, 1}]]", "{r,error,{x,1},[{m,raise,[error,{x,1}],[]}]}");
    expect_call(fixture, "[r, m, raise, [exit, x]]", "{r,exit,x}");
    expect_call(fixture, "[r, m, raise, [throw, x]]", "{r,throw,x}");
    expect_call(fixture, "[r, m, silent, []]", "{r,return,ok}");
    expect_call(fixture, "[r, m, broken, []]", "{r,error,system_limit,[{m,broken,[],[]}]}");
    expect_call(fixture, "[r, m, liar, []]", "{r,error,system_limit,[{m,liar,[],[]}]}");
    expect_call(fixture, "[r, m, add, [1]]", "{r,error,undef,[{m,add,[1],[]}]}");
}

static void outcomes_from_the_pool(void **state) {
    struct fixture *fixture = *state;
    struct seen *seen = export(fixture);
    expect_call(fixture, "[r, m, slow_add, [40, 2]]", "{r,return,42}");
    assert_null(seen->self);
    assert_true(hm_pid_equal(seen->caller, fixture->probe.process->pid));
    assert_false(pthread_equal(seen->thread, pthread_self()));
    expect_call(fixture, "[r, m, slow_add, [a, 2]]", "{r,error,badarg,[{m,slow_add,2,[]}]}");
    expect_call(fixture, "[r, m, slow_raise, [exit, x]]", "{r,exit,x}");
    expect_call(fixture, "[r, m, slow_silent, []]", "{r,return,ok}");
    expect_call(fixture, "[r, m, slow_broken, []]", "{r,error,system_limit,[{m,slow_broken,0,[]}]}");
    expect_call(fixture, "[r, m, slow_later, []]", "{r,error,system_limit,[{m,slow_later,0,[]}]}");
}

static void the_process_may_be_killed_while_the_pool_works(void **state) {
    struct fixture *fixture = *state;
    export(fixture);
    hm_pid pid = spawn(fixture, "[r, m, slow_add, [40, 2]]");
    assert_int_equal(hm_exit(fixture->probe.process, pid, ATOM_TERM("kill")), HM_OK);
    expect_down(fixture, "killed");
}

static void outcomes_later(void **state) {
    struct fixture *fixture = *state;
    struct seen *seen = export(fixture);
    hm_pid pid = spawn(fixture, "[r, m, later, []]");
    fixture_run(fixture);
    assert_true(hm_is_alive(fixture->node, pid));
    hm_finishf(seen->pending, HM_VALUE, "{done, ~i}", (int64_t)1);
    expect_down(fixture, "{r,return,{done,1}}");
    spawn(fixture, "[r, m, later, []]");
    fixture_run(fixture);
    hm_finish(seen->pending, HM_VALUE, (hm_term){0});
    expect_down(fixture, "{r,return,ok}");
    expect_call(fixture, "[r, m, hasty, []]", "{r,return,soon}");
    expect_call(fixture, "[r, m, patient, []]", "{r,return,timer}");
    pid = spawn(fixture, "[r, m, patient, []]");
    hm_sendf(fixture->probe.process, hm_to_pid(pid), "stray");
    hm_sendf(fixture->probe.process, hm_to_pid(pid), "{go, first}");
    expect_down(fixture, "{r,return,first}");
    assert_int_equal(seen->ended, 0);
}

static void who_answers_later_hears_of_the_end(void **state) {
    struct fixture *fixture = *state;
    struct seen *seen = export(fixture);
    hm_pid pid = spawn(fixture, "[r, m, later, []]");
    fixture_run(fixture);
    assert_int_equal(hm_exit(fixture->probe.process, pid, ATOM_TERM("kill")), HM_OK);
    expect_down(fixture, "killed");
    assert_int_equal(seen->ended, 1);
    hm_finishf(seen->pending, HM_VALUE, "late");
    fixture_run(fixture);
    expect_nothing(fixture);
}

static void all_or_none_are_exported(void **state) {
    struct fixture *fixture = *state;
    const struct hm_function taken[] = {{"m", "x", 0, silent, NULL, false}, {"erlang", "node", 0, silent, NULL, false}};
    const struct hm_function empty[] = {{"m", "x", 0, silent, NULL, false}, {"m", "y", 0, NULL, NULL, false}};
    const struct hm_function wide = {"m", "x", HM_FUNCTION_ARGUMENTS + 1, silent, NULL, false};
    assert_int_equal(hm_export(fixture->node, taken, 2), HM_ETAKEN);
    assert_int_equal(hm_export(fixture->node, empty, 2), HM_EINVAL);
    assert_int_equal(hm_export(fixture->node, &wide, 1), HM_EINVAL);
    assert_int_equal(hm_export(fixture->node, empty, 0), HM_OK);
    expect_call(fixture, "[r, m, x, []]", "{r,error,undef,[{m,x,[],[]}]}");
    assert_int_equal(hm_export(fixture->node, empty, 1), HM_OK);
    expect_call(fixture, "[r, m, x, []]", "{r,return,ok}");
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    pool_free(fixture->node->pool);
    return fixture_teardown(state);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(outcomes_at_once),
        TEST(outcomes_from_the_pool),
        TEST(the_process_may_be_killed_while_the_pool_works),
        TEST(outcomes_later),
        TEST(who_answers_later_hears_of_the_end),
        TEST(all_or_none_are_exported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
