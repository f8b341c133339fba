/* Tasks as Elixir starts them: told what to run, answered, watched while they wait, ended with their supervisor. */
#include "otp_fixture.h"

#include "etf/ids.h"
#include "otp/mfa.h"
#include <hermod/function.h>

struct waiting {
    struct mfa_later *later;
    const hm_node_name *on_behalf;
};

static enum mfa_outcome wait(struct mfa_call *call) {
    struct waiting *waiting = call->argument;
    waiting->on_behalf = call->self->on_behalf;
    waiting->later = mfa_later(call, NULL);
    return waiting->later ? MFA_LATER : MFA_ERROR;
}

static enum mfa_outcome raise(struct mfa_call *call) {
    hm_put_atom(call->result, "reason");
    return hm_is_atom(call->arguments[0], "throw") ? MFA_THROW : hm_is_atom(call->arguments[0], "exit") ? MFA_EXIT : MFA_ERROR;
}

static struct waiting *begin(struct fixture *fixture, uint32_t max) {
    struct waiting *waiting = fixture_own(fixture, sizeof *waiting);
    const struct mfa_row rows[] = {{"m", "wait", 0, wait, waiting}, {"m", "raise", 1, raise, NULL}};
    assert_int_equal(mfa_export(fixture->node, rows, 2), HM_OK);
    assert_int_equal(hm_task_supervisor_start(fixture->node, "tasks", max), HM_OK);
    return waiting;
}

static struct hm_address tasks(void) {
    return hm_to_name("tasks", NULL);
}

/* start_task [Owner, What]; the pid of the task. */
static hm_pid start(struct fixture *fixture, const char *what) {
    hm_term term;
    hm_pid pid, probe = fixture->probe.process->pid;
    fixture_call(fixture, tasks(), "{start_task, [{n@host, ~p, ~p}, ~a], temporary, nil}", probe, probe, what);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{t, {ok, ~t}}", &term));
    assert_true(pid_decode(fixture->node->names, term, &pid));
    probe_clear(&fixture->probe);
    return pid;
}

static void expect_children(struct fixture *fixture, int64_t count) {
    int64_t got;
    probe_clear(&fixture->probe);
    fixture_call(fixture, tasks(), "count_children");
    assert_true(hm_match(fixture->probe.terms[0], "{t, [{specs, _}, {active, ~i}, {supervisors, 0}, {workers, _}]}", &got));
    assert_int_equal(got, count);
    probe_clear(&fixture->probe);
}

static void expect_down(struct fixture *fixture, const char *reason) {
    hm_term why;
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{'DOWN', _, process, _, ~t}", &why));
    char *text = print_term(why);
    assert_string_equal(text, reason);
    free(text);
    probe_clear(&fixture->probe);
}

static void an_async_task_answers_and_ends(void **state) {
    struct fixture *fixture = *state;
    begin(fixture, 0);
    hm_pid probe = fixture->probe.process->pid, pid = start(fixture, "monitor");
    expect_children(fixture, 1);
    fixture_send(fixture, hm_to_pid(pid), "{~p, ref, ~p, [], {erlang, node, []}}", pid, probe); /* not its owner */
    expect_nothing(fixture);
    fixture_send(fixture, hm_to_pid(pid), "{~p, ref, ~p, [], {erlang, node, []}}", probe, probe);
    expect_text(fixture, "{ref,n@host}");
    assert_false(hm_is_alive(fixture->node, pid));
    expect_children(fixture, 0);
}

static void the_answer_may_go_to_an_alias(void **state) {
    struct fixture *fixture = *state;
    begin(fixture, 0);
    hm_ref alias, none = node_make_ref(fixture->node);
    hm_pid probe = fixture->probe.process->pid, pid = start(fixture, "nomonitor");
    assert_int_equal(hm_alias(fixture->probe.process, &alias), HM_OK);
    fixture_send(fixture, hm_to_pid(pid), "{~p, ref, ~r, [], {erlang, apply, [erlang, node, []]}}", probe, &alias);
    expect_text(fixture, "{ref,n@host}");
    pid = start(fixture, "monitor");
    fixture_send(fixture, hm_to_pid(pid), "{~p, ~r, ~r, [], {erlang, node, []}}", probe, &none, &none);
    expect_nothing(fixture);
    assert_false(hm_is_alive(fixture->node, pid));
}

static void a_task_that_fails_ends_with_the_reason(void **state) {
    struct fixture *fixture = *state;
    begin(fixture, 0);
    hm_pid probe = fixture->probe.process->pid;
    static const char *const CASES[][2] = {
        {"error", "{reason,[{m,raise,[error],[]}]}"}, {"exit", "reason"}, {"throw", "{{nocatch,reason},[]}"}};
    for (size_t i = 0; i < 3; i++) {
        hm_pid pid = start(fixture, "monitor");
        assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
        hm_sendf(fixture->probe.process, hm_to_pid(pid), "{~p, ref, ~p, [], {m, raise, [~a]}}", probe, probe, CASES[i][0]);
        expect_down(fixture, CASES[i][1]);
    }
    assert_int_equal(fixture->warnings, 3);
    expect_children(fixture, 0);
}

static void start_child_runs_at_once(void **state) {
    struct fixture *fixture = *state;
    struct waiting *waiting = begin(fixture, 0);
    hm_pid probe = fixture->probe.process->pid;
    fixture_call(fixture, tasks(), "{start_task, [{n@host, ~p, ~p}, [], {m, wait, []}], nil, nil}", probe, probe);
    assert_non_null(waiting->later);
    assert_int_equal(fixture->probe.count, 1);
    expect_children(fixture, 1);
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("unseen"));
    fixture_run(fixture);
    expect_nothing(fixture);
    expect_children(fixture, 0);
}

static void a_task_ends_with_its_owner_until_it_is_told(void **state) {
    struct fixture *fixture = *state;
    begin(fixture, 0);
    hm_process *owner;
    hm_term term;
    hm_pid pid;
    assert_int_equal(process_spawn(fixture->node, &probe_class, &owner), HM_OK);
    owner->state = &fixture->probe;
    fixture_call(fixture, tasks(), "{start_task, [{n@host, ~p, ~p}, monitor], temporary, nil}", owner->pid, owner->pid);
    assert_true(hm_match(fixture->probe.terms[0], "{t, {ok, ~t}}", &term));
    assert_true(pid_decode(fixture->node->names, term, &pid));
    probe_clear(&fixture->probe);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    hm_exit(fixture->probe.process, owner->pid, ATOM_TERM("gone"));
    expect_down(fixture, "{shutdown,gone}");
    expect_children(fixture, 0);
}

static void children_are_listed_and_ended(void **state) {
    struct fixture *fixture = *state;
    begin(fixture, 0);
    hm_pid pid = start(fixture, "monitor");
    fixture_call(fixture, tasks(), "which_children");
    assert_true(hm_match(fixture->probe.terms[0], "{t, [{undefined, _, worker, ['Elixir.Task.Supervised']}]}"));
    probe_clear(&fixture->probe);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    fixture_call(fixture, tasks(), "{terminate_child, ~p}", pid);
    assert_int_equal(fixture->probe.count, 2);
    probe_clear(&fixture->probe);
    fixture_call(fixture, tasks(), "{terminate_child, ~p}", pid);
    expect_text(fixture, "{t,{error,not_found}}");
    expect_children(fixture, 0);
}

static void tasks_end_with_their_supervisor(void **state) {
    struct fixture *fixture = *state;
    struct waiting *waiting = begin(fixture, 0);
    hm_pid probe = fixture->probe.process->pid, pid = start(fixture, "monitor");
    fixture_send(fixture, hm_to_pid(pid), "{~p, ref, ~p, [], {m, wait, []}}", probe, probe);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    hm_exit(fixture->probe.process, hm_whereis(fixture->node, "tasks"), ATOM_TERM("kill"));
    expect_down(fixture, "shutdown");
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("late"));
    expect_children(fixture, 0); /* it was started again */
}

static void what_cannot_be_done_is_refused(void **state) {
    struct fixture *fixture = *state;
    begin(fixture, 1);
    hm_pid probe = fixture->probe.process->pid;
    static const char *const BAD[] = {
        "{start_task, junk, nil, nil}",
        "{start_task, [1, 2], nil, nil}",
        "{start_task, [{n, x, y}, monitor], nil, nil}",
        "{start_task, [{n, x, y}, monitor | z], nil, nil}",
        "{start_task, [a, b, c, d], nil, nil}",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        hm_build *build = hm_build_new();
        hm_put_format(build, BAD[i]);
        fixture_call(fixture, tasks(), "~t", hm_build_term(build));
        hm_build_free(build);
        expect_text(fixture, "{t,{error,badarg}}");
    }
    fixture_call(fixture, tasks(), "{start_task, [{n, ~p, ~p}, what], nil, nil}", probe, probe);
    expect_text(fixture, "{t,{error,badarg}}");
    fixture_call(fixture, tasks(), "{start_task, [{n, ~p, ~p}, [], {m, f, []}], permanent, nil}", probe, probe);
    expect_text(fixture, "{t,{error,notsup}}");
    hm_pid pid = start(fixture, "monitor");
    fixture_call(fixture, tasks(), "{start_task, [{n, ~p, ~p}, monitor], nil, nil}", probe, probe);
    expect_text(fixture, "{t,{error,max_children}}");
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    fixture_send(fixture, hm_to_pid(pid), "{~p, ref, ~p, [], nonsense}", probe, probe);
    expect_down(fixture, "badarg");
    fixture->node->max_processes = fixture->node->process_count;
    fixture_call(fixture, tasks(), "{start_task, [{n, ~p, ~p}, monitor], nil, nil}", probe, probe);
    expect_text(fixture, "{t,{error,system_limit}}");
    fixture->node->max_processes = 1000;
    assert_int_equal(hm_task_supervisor_start(fixture->node, "tasks", 0), HM_ETAKEN);
    assert_int_equal(hm_task_supervisor_start(fixture->node, NULL, 0), HM_EINVAL);
}

static void a_task_has_the_rights_of_who_told_it(void **state) {
    struct fixture *fixture = *state;
    struct waiting *waiting = begin(fixture, 0);
    hm_pid probe = fixture->probe.process->pid, pid = start(fixture, "monitor");
    const hm_node_name *peer = names_intern(fixture->node->names, "m@host", 6);
    hm_build *build = hm_build_new();
    hm_put_format(build, "{~p, ref, ~p, [], {m, wait, []}}", probe, probe);
    assert_int_equal(process_deliver_from(process_lookup(fixture->node, pid), peer, hm_build_term(build), NULL), HM_OK);
    hm_build_free(build);
    fixture_run(fixture);
    assert_ptr_equal(waiting->on_behalf, peer);
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("done"));
    fixture_run(fixture);
    expect_text(fixture, "{ref,done}");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_async_task_answers_and_ends),
        TEST(the_answer_may_go_to_an_alias),
        TEST(a_task_that_fails_ends_with_the_reason),
        TEST(start_child_runs_at_once),
        TEST(a_task_ends_with_its_owner_until_it_is_told),
        TEST(children_are_listed_and_ended),
        TEST(tasks_end_with_their_supervisor),
        TEST(what_cannot_be_done_is_refused),
        TEST(a_task_has_the_rights_of_who_told_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
