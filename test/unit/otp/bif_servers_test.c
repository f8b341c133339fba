/* What is told about a server to somebody who calls from elsewhere. */
#include "rpc_fixture.h"

static hm_pid pid_of(struct fixture *fixture, const char *name) {
    return hm_whereis(fixture->node, name);
}

static void the_initial_call_is_that_of_the_class(void **state) {
    struct fixture *fixture = *state;
    hm_pid rex = pid_of(fixture, "rex"), gone = rex;
    gone.serial++;
    rpc_expect(fixture, "return", "{rpc,init,1}", "proc_lib", "translate_initial_call", "[~p]", rex);
    rpc_expect(fixture, "return", "{supervisor,hermod_sup,1}", "proc_lib", "translate_initial_call", "[~p]",
               pid_of(fixture, "hermod_sup"));
    rpc_expect(fixture, "return", "{proc_lib,init_p,5}", "proc_lib", "translate_initial_call", "[~p]", gone);
    rpc_expect(fixture, "return", "{proc_lib,init_p,5}", "proc_lib", "translate_initial_call", "[~p]",
               fixture->probe.process->pid);
    rpc_expect(fixture, "return", "{rpc,init,['Argument__1']}", "proc_lib", "initial_call", "[~p]", rex);
    rpc_expect(fixture, "return", "false", "proc_lib", "initial_call", "[~p]", gone);
    rpc_expect(fixture, "return", "undefined", "proc_lib", "get_label", "[~p]", rex);
    rpc_expect(fixture, "error", "badarg", "proc_lib", "get_label", "[rex]");
}

static void the_status_is_that_of_sys(void **state) {
    struct fixture *fixture = *state;
    rpc_spawn(fixture, true, "sys", "get_status", "[~p, 200]", pid_of(fixture, "rex"));
    assert_true(hm_match(rpc_outcome(fixture, "return"),
                         "{status, _, {module, gen_server}, [[_, _], running, _, [], [{header, _}, {data, _}, "
                         "{data, _}]]}"));
    probe_clear(&fixture->probe);
    rpc_spawn(fixture, true, "sys", "get_status", "[rex]");
    assert_true(hm_match(rpc_outcome(fixture, "return"), "{status, _, _, _}"));
    probe_clear(&fixture->probe);
    rpc_expect(fixture, "return", "undefined", "sys", "get_state", "[rex]");
    rpc_expect(fixture, "exit", "{noproc,{sys,get_status,[nobody,200]}}", "sys", "get_status", "[nobody, 200]");
    rpc_expect(fixture, "exit", "{noproc,{sys,get_state,[1]}}", "sys", "get_state", "[~t]",
               (hm_term){(const unsigned char *)"a\1", 2});
    rpc_spawn(fixture, true, "sys", "get_status", "[~p, 200]", fixture->probe.process->pid);
    assert_true(hm_match(rpc_outcome(fixture, "exit"), "{timeout, {sys, get_status, [_, 200]}}"));
}

static void a_supervisor_is_asked(void **state) {
    struct fixture *fixture = *state;
    rpc_spawn(fixture, true, "supervisor", "which_children", "[hermod_sup]");
    long children = hm_list_length(rpc_outcome(fixture, "return"));
    assert_true(children >= 3);
    probe_clear(&fixture->probe);
    rpc_spawn(fixture, true, "supervisor", "count_children", "[~p]", pid_of(fixture, "hermod_sup"));
    uint64_t workers;
    assert_true(hm_match(rpc_outcome(fixture, "return"), "[{specs, _}, {active, _}, {supervisors, 0}, {workers, ~u}]",
                         &workers));
    assert_int_equal(workers, children);
    probe_clear(&fixture->probe);
    rpc_expect(fixture, "exit", "{noproc,{gen_server,call,[nobody,which_children,infinity]}}", "supervisor",
               "which_children", "[nobody]");
}

static enum hm_verdict stop_on_call(hm_process *self, hm_term request, const hm_from *from) {
    (void)request;
    (void)from;
    return hm_stop(self, "broken");
}

static enum hm_verdict never_answer(hm_process *self, hm_term request, const hm_from *from) {
    (void)self;
    (void)request;
    (void)from;
    return HM_CONTINUE;
}

static const struct hm_server_class stopping = {.module = "stopping", .call = stop_on_call};
static const struct hm_server_class silent = {.module = "silent", .call = never_answer};

static void one_that_ends_or_is_silent_is_no_supervisor(void **state) {
    struct fixture *fixture = *state;
    struct hm_start start = {.name = "fragile"};
    assert_int_equal(hm_server_start(fixture->node, &stopping, &start, NULL, NULL), HM_OK);
    rpc_expect(fixture, "exit", "{broken,{gen_server,call,[fragile,count_children,infinity]}}", "supervisor",
               "count_children", "[fragile]");
    start.name = "silent";
    assert_int_equal(hm_server_start(fixture->node, &silent, &start, NULL, NULL), HM_OK);
    hm_pid asker = rpc_spawn(fixture, true, "supervisor", "which_children", "[silent]");
    fixture_run(fixture);
    expect_nothing(fixture);
    hm_exit(fixture->probe.process, asker, ATOM_TERM("kill")); /* it waits no more, and nothing is left of it */
    fixture_run(fixture);
    assert_true(hm_match(fixture->probe.terms[0], "{'DOWN', _, process, _, killed}"));
    rpc_spawn(fixture, true, "supervisor", "which_children", "[silent]"); /* and one that the end of the node ends */
    fixture_run(fixture);
}

static void garbage_is_collected_at_once(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = pid_of(fixture, "rex"), gone = pid;
    gone.serial++;
    rpc_expect(fixture, "return", "true", "erlang", "garbage_collect", "[~p]", pid);
    rpc_expect(fixture, "return", "false", "erlang", "garbage_collect", "[~p]", gone);
    rpc_expect(fixture, "error", "badarg", "erlang", "garbage_collect", "[rex]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_initial_call_is_that_of_the_class),
        TEST(the_status_is_that_of_sys),
        TEST(a_supervisor_is_asked),
        TEST(one_that_ends_or_is_silent_is_no_supervisor),
        TEST(garbage_is_collected_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
