/* Who may call functions of which module: what a rule matches, and which rule wins. */
#include "otp_fixture.h"

#include "otp/access.h"
#include <hermod/function.h>

static bool may(struct fixture *fixture, const char *node, const char *module) {
    hm_build *build = hm_build_new();
    hm_put_atom(build, module);
    fixture->probe.process->on_behalf = node ? names_intern(fixture->node->names, node, strlen(node)) : NULL;
    bool allowed = access_allows(fixture->probe.process, hm_build_term(build), ATOM_TERM("f"));
    hm_build_free(build);
    return allowed;
}

static void without_rules_everything_is_allowed(void **state) {
    struct fixture *fixture = *state;
    assert_true(may(fixture, "a@host", "erlang"));
    assert_int_equal(fixture->warnings, 0);
}

static void an_allow_rule_shuts_out_the_rest(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(hm_rpc_allow(fixture->node, "*@trusted:calc*"), HM_OK);
    assert_true(may(fixture, "a@trusted", "calc"));
    assert_true(may(fixture, "a@trusted", "calculator"));
    assert_false(may(fixture, "a@trusted", "erlang"));
    assert_false(may(fixture, "a@host", "calc"));
    assert_int_equal(fixture->warnings, 2);
    assert_non_null(strstr(fixture->log, "rpc.denied node=a@host may not call calc:f"));
}

static void denial_wins_in_either_order(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(hm_rpc_deny(fixture->node, "a@host:os"), HM_OK);
    assert_int_equal(hm_rpc_allow(fixture->node, "*"), HM_OK);
    assert_false(may(fixture, "a@host", "os"));
    assert_true(may(fixture, "b@host", "os"));
    assert_int_equal(hm_rpc_deny(fixture->node, "file"), HM_OK);
    assert_false(may(fixture, "b@host", "file"));
}

static void modules_of_elixir_need_no_prefix(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(hm_rpc_allow(fixture->node, "Native"), HM_OK);
    assert_int_equal(hm_rpc_allow(fixture->node, "Elixir.Other.*"), HM_OK);
    assert_true(may(fixture, "a@host", "Elixir.Native"));
    assert_true(may(fixture, "a@host", "Elixir.Other.One"));
    assert_false(may(fixture, "a@host", "Elixir.Native.More"));
    assert_false(may(fixture, "a@host", "native"));
}

static void hosts_may_have_colons(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(hm_rpc_allow(fixture->node, "a@fd00::1:calc"), HM_OK);
    assert_true(may(fixture, "a@fd00::1", "calc"));
    assert_false(may(fixture, "a@fd00::2", "calc"));
}

static void what_runs_for_this_node_is_not_asked(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(hm_rpc_deny(fixture->node, "*"), HM_OK);
    assert_true(may(fixture, NULL, "erlang"));
    assert_false(may(fixture, "m@host", "erlang"));
}

static void an_atom_with_a_nul_is_no_shorter_one(void **state) {
    struct fixture *fixture = *state;
    static const unsigned char ATOM[] = {119, 6, 'c', 'a', 'l', 'c', 0, 'x'};
    assert_int_equal(hm_rpc_allow(fixture->node, "calc"), HM_OK);
    assert_true(may(fixture, "a@host", "calc"));
    assert_false(access_allows(fixture->probe.process, (hm_term){ATOM, sizeof ATOM}, ATOM_TERM("f")));
}

static void empty_parts_are_refused(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(hm_rpc_allow(fixture->node, ""), HM_EINVAL);
    assert_int_equal(hm_rpc_allow(fixture->node, ":calc"), HM_EINVAL);
    assert_int_equal(hm_rpc_deny(fixture->node, "a@host:"), HM_EINVAL);
    assert_true(may(fixture, "a@host", "calc"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_rules_everything_is_allowed),
        TEST(an_allow_rule_shuts_out_the_rest),
        TEST(denial_wins_in_either_order),
        TEST(modules_of_elixir_need_no_prefix),
        TEST(hosts_may_have_colons),
        TEST(what_runs_for_this_node_is_not_asked),
        TEST(an_atom_with_a_nul_is_no_shorter_one),
        TEST(empty_parts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
