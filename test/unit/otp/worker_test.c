/* Calls to rex run in workers: block_call keeps rex waiting, call does not, and a worker that is killed still has its caller answered. */
#include "otp_fixture.h"

#include "otp/worker.h"

struct waiting {
    struct mfa_later *later;
    hm_pid worker, leader, parent;
    const hm_node_name *on_behalf;
};

static enum mfa_outcome wait(struct mfa_call *call) {
    struct waiting *waiting = call->argument;
    waiting->worker = call->self->pid;
    waiting->leader = call->self->leader;
    waiting->parent = call->self->parent;
    waiting->on_behalf = call->self->on_behalf;
    waiting->later = mfa_later(call, NULL);
    return waiting->later ? MFA_LATER : MFA_ERROR;
}

static struct waiting *export(struct fixture *fixture) {
    struct waiting *waiting = fixture_own(fixture, sizeof *waiting);
    assert_int_equal(mfa_export(fixture->node, &(struct mfa_row){"m", "wait", 0, wait, waiting}, 1), HM_OK);
    return waiting;
}

static struct hm_address rex(void) {
    return hm_to_name("rex", NULL);
}

static void a_block_call_keeps_the_others_waiting(void **state) {
    struct fixture *fixture = *state;
    struct waiting *waiting = export(fixture);
    hm_pid probe = fixture->probe.process->pid;
    fixture_call(fixture, rex(), "{block_call, m, wait, [], ~p}", probe);
    assert_non_null(waiting->later);
    assert_true(hm_pid_equal(waiting->leader, probe));
    assert_true(hm_pid_equal(waiting->parent, probe));
    fixture_send(fixture, rex(), "{~p, features_request}", probe);
    fixture_call(fixture, rex(), "{call, erlang, node, [], ~p}", probe);
    expect_nothing(fixture);
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("done"));
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 3);
    assert_string_equal(fixture->probe.texts[0], "{t,done}");
    assert_string_equal(fixture->probe.texts[1], "{features_reply,n@host,[erpc]}");
    assert_string_equal(fixture->probe.texts[2], "{t,n@host}");
}

static void a_call_does_not(void **state) {
    struct fixture *fixture = *state;
    struct waiting *waiting = export(fixture);
    hm_pid probe = fixture->probe.process->pid;
    fixture_send(fixture, rex(), "{~p, {call, m, wait, [], user}}", probe);
    assert_true(hm_pid_equal(waiting->leader, fixture->node->leader));
    fixture_send(fixture, rex(), "{~p, features_request}", probe);
    expect_text(fixture, "{features_reply,n@host,[erpc]}");
    mfa_finish(waiting->later, MFA_EXIT, ATOM_TERM("out"));
    fixture_run(fixture);
    expect_text(fixture, "{rex,{badrpc,{'EXIT',out}}}");
}

static void a_killed_worker_is_answered_and_lets_rex_go_on(void **state) {
    struct fixture *fixture = *state;
    struct waiting *waiting = export(fixture);
    hm_pid probe = fixture->probe.process->pid;
    fixture_call(fixture, rex(), "{block_call, m, wait, [], ~p}", probe);
    assert_int_equal(hm_exit(fixture->probe.process, waiting->worker, ATOM_TERM("kill")), HM_OK);
    fixture_run(fixture);
    expect_text(fixture, "{t,{badrpc,{'EXIT',killed}}}");
    fixture_send(fixture, rex(), "{~p, features_request}", probe);
    expect_text(fixture, "{features_reply,n@host,[erpc]}");
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("late"));
    fixture_run(fixture);
    expect_nothing(fixture);
}

static void a_worker_has_the_rights_of_the_node_that_asked(void **state) {
    struct fixture *fixture = *state;
    struct waiting *waiting = export(fixture);
    const hm_node_name *peer = names_intern(fixture->node->names, "m@host", 6);
    hm_build *build = hm_build_new(); /* whoever it claims to come from */
    hm_put_format(build, "{~p, {call, m, wait, [], user}}", fixture->probe.process->pid);
    hm_process *server = process_lookup(fixture->node, hm_whereis(fixture->node, "rex"));
    assert_int_equal(process_deliver_from(server, peer, hm_build_term(build), NULL), HM_OK);
    hm_build_free(build);
    fixture_run(fixture);
    assert_ptr_equal(waiting->on_behalf, peer);
    fixture->probe.process->on_behalf = peer; /* and what was started for a peer, passes on its rights */
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("done"));
    fixture_call(fixture, rex(), "{call, m, wait, [], user}");
    assert_ptr_equal(waiting->on_behalf, peer);
    mfa_finish(waiting->later, MFA_VALUE, ATOM_TERM("done"));
    fixture_run(fixture);
}

static void a_cast_runs_and_stray_messages_do_no_harm(void **state) {
    struct fixture *fixture = *state;
    struct waiting *waiting = export(fixture);
    fixture_send(fixture, rex(), "{'$gen_cast', {cast, m, wait, [], user}}");
    assert_non_null(waiting->later);
    fixture_send(fixture, hm_to_pid(waiting->worker), "{m, wait, []}");
    fixture_send(fixture, hm_to_pid(waiting->worker), "junk");
    assert_true(hm_is_alive(fixture->node, waiting->worker));
    mfa_finish(waiting->later, MFA_ERROR, ATOM_TERM("bad"));
    fixture_run(fixture);
    assert_false(hm_is_alive(fixture->node, waiting->worker));
    expect_nothing(fixture);
}

static void without_room_for_a_worker_the_caller_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture->node->max_processes = fixture->node->process_count;
    fixture_call(fixture, rex(), "{block_call, erlang, node, [], ~p}", fixture->probe.process->pid);
    expect_text(fixture, "{t,{badrpc,{'EXIT',system_limit}}}");
    fixture_send(fixture, rex(), "{~p, features_request}", fixture->probe.process->pid);
    expect_text(fixture, "{features_reply,n@host,[erpc]}");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_block_call_keeps_the_others_waiting),
        TEST(a_call_does_not),
        TEST(a_killed_worker_is_answered_and_lets_rex_go_on),
        TEST(a_worker_has_the_rights_of_the_node_that_asked),
        TEST(a_cast_runs_and_stray_messages_do_no_harm),
        TEST(without_room_for_a_worker_the_caller_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
