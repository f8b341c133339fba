/* pg as rpc:call/4 finds it: what its functions answer, and how they fail. */
#include "otp_fixture.h"

#include <hermod/pg.h>

#include "otp/mfa.h"

static int setup(void **state) {
    if (fixture_setup(state))
        return -1;
    struct fixture *fixture = *state;
    assert_int_equal(hm_pg_start(fixture->node, NULL), HM_OK);
    return 0;
}

/* pg:FUNCTION(ARGUMENTS...) as text; the outcome first, unless it is a value. */
static void expect_call(struct fixture *fixture, const char *text, const char *function,
                        const char *arguments, ...) {
    static const char *const outcomes[] = {
        [MFA_VALUE] = "", [MFA_ERROR] = "error ", [MFA_EXIT] = "exit ", [MFA_THROW] = "throw "};
    hm_build *list = hm_build_new(), *name = hm_build_new(), *result = hm_build_new();
    char got[512];
    va_list values;
    va_start(values, arguments);
    hm_put_vformat(list, arguments, values);
    va_end(values);
    hm_put_atom(name, function);
    enum mfa_outcome outcome = mfa_apply(fixture->probe.process, ATOM_TERM("pg"), hm_build_term(name),
                                         hm_build_term(list), result, NULL);
    assert_int_equal(hm_build_error(result), HM_OK);
    char *printed = print_term(hm_build_term(result));
    snprintf(got, sizeof got, "%s%s", outcomes[outcome], printed);
    assert_string_equal(got, text);
    free(printed);
    hm_build_free(list);
    hm_build_free(name);
    hm_build_free(result);
}

static void members_come_and_go(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = fixture->probe.process->pid;
    char one[128], two[128];
    snprintf(one, sizeof one, "[<n@host.%u.%u>]", pid.id, pid.serial);
    snprintf(two, sizeof two, "[<n@host.%u.%u>,<n@host.%u.%u>]", pid.id, pid.serial, pid.id, pid.serial);
    expect_call(fixture, "[]", "get_members", "[g]");
    expect_call(fixture, "[]", "which_groups", "[]");
    expect_call(fixture, "ok", "join", "[g, ~p]", pid);
    expect_call(fixture, "ok", "join", "[pg, {g, 1}, [~p, ~p]]", pid, pid);
    expect_call(fixture, one, "get_members", "[g]");
    expect_call(fixture, two, "get_local_members", "[pg, {g, 1}]");
    expect_call(fixture, two, "get_members", "[pg, {g, 1}]");
    expect_call(fixture, one, "get_local_members", "[g]");
    expect_call(fixture, "ok", "leave", "[pg, {g, 1}, [~p, ~p, ~p]]", pid, pid, pid);
    expect_call(fixture, "not_joined", "leave", "[{g, 1}, ~p]", pid);
    expect_call(fixture, "[g]", "which_groups", "[pg]");
    expect_call(fixture, "[g]", "which_local_groups", "[]");
    expect_call(fixture, "[g]", "which_local_groups", "[pg]");
    expect_call(fixture, "ok", "leave", "[g, ~p]", pid);
    expect_call(fixture, "[]", "which_local_groups", "[]");
}

static void another_scope_is_started_and_used(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = fixture->probe.process->pid;
    expect_call(fixture, "[]", "get_members", "[new, g]");
    expect_call(fixture, "error {badarg,[{pg,which_groups,[new],[]}]}", "which_groups", "[new]");
    hm_build *list = hm_build_new(), *result = hm_build_new();
    hm_put_format(list, "[new]");
    assert_int_equal(mfa_apply(fixture->probe.process, ATOM_TERM("pg"), ATOM_TERM("start"),
                               hm_build_term(list), result, NULL),
                     MFA_VALUE);
    assert_true(hm_match(hm_build_term(result), "{ok, _}"));
    hm_build_reset(result);
    assert_int_equal(mfa_apply(fixture->probe.process, ATOM_TERM("pg"), ATOM_TERM("start"),
                               hm_build_term(list), result, NULL),
                     MFA_VALUE);
    assert_true(hm_match(hm_build_term(result), "{error, {already_started, _}}"));
    hm_build_free(list);
    hm_build_free(result);
    expect_call(fixture, "ok", "join", "[new, g, ~p]", pid);
    expect_call(fixture, "[g]", "which_groups", "[new]");
    expect_call(fixture, "[]", "which_groups", "[]");
}

static void mistakes_fail_as_on_a_beam(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = fixture->probe.process->pid,
           far = {names_intern(fixture->node->names, "far@host", 8), 1, 0, 9};
    char noproc[512];
    expect_call(fixture, "error {{nolocal,<far@host.1.0>},[{pg,join,[g,<far@host.1.0>],[]}]}", "join",
                "[g, ~p]", far);
    expect_call(fixture, "error {{nolocal,x},[{pg,leave,[g,[x]],[]}]}", "leave", "[g, [x]]");
    expect_call(fixture, "error {function_clause,[{pg,join,[g,x],[]}]}", "join", "[g, x]");
    expect_call(fixture, "error {function_clause,[{pg,which_groups,[1],[]}]}", "which_groups", "[1]");
    expect_call(fixture, "error {function_clause,[{pg,start,[<<\"x\">>],[]}]}", "start", "[\"x\"]");
    expect_call(fixture, "error {undef,[{pg,what,[g],[]}]}", "what", "[g]");
    snprintf(noproc, sizeof noproc,
             "exit {noproc,{gen_server,call,[none,{join_local,g,<n@host.%u.%u>},infinity]}}", pid.id,
             pid.serial);
    expect_call(fixture, noproc, "join", "[none, g, ~p]", pid);
    expect_call(fixture, "exit {noproc,{gen_server,call,[none,{monitor,g},infinity]}}", "monitor",
                "[none, g]");
    expect_call(fixture, "exit {noproc,{gen_server,call,[none,monitor,infinity]}}", "monitor_scope",
                "[none]");
    expect_call(fixture, "exit {noproc,{gen_server,call,[none,{demonitor,x},infinity]}}", "demonitor",
                "[none, x]");
    expect_call(fixture, "false", "demonitor", "[x]");
}

static void who_runs_it_can_watch(void **state) {
    struct fixture *fixture = *state;
    hm_process *self = fixture->probe.process;
    hm_build *list = hm_build_new(), *result = hm_build_new();
    hm_term ref;
    hm_put_format(list, "[g]");
    assert_int_equal(
        mfa_apply(self, ATOM_TERM("pg"), ATOM_TERM("monitor"), hm_build_term(list), result, NULL), MFA_VALUE);
    assert_true(hm_match(hm_build_term(result), "{~t, []}", &ref));
    expect_call(fixture, "ok", "join", "[g, ~p]", self->pid);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{_, join, g, [_]}"));
    probe_clear(&fixture->probe);
    expect_call(fixture, "ok", "demonitor", "[~t]", ref);
    hm_build_reset(result);
    hm_build_reset(list);
    hm_put_nil(list);
    assert_int_equal(
        mfa_apply(self, ATOM_TERM("pg"), ATOM_TERM("monitor_scope"), hm_build_term(list), result, NULL),
        MFA_VALUE);
    assert_true(hm_match(hm_build_term(result), "{_, _}"));
    hm_build_free(list);
    hm_build_free(result);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(members_come_and_go),
        TEST(another_scope_is_started_and_used),
        TEST(mistakes_fail_as_on_a_beam),
        TEST(who_runs_it_can_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
