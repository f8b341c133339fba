/* Which modules there are, as tools ask before they call one. */
#include "rpc_fixture.h"

static void modules_are_what_can_be_called_or_runs(void **state) {
    struct fixture *fixture = *state;
    rpc_expect(fixture, "return", "{module,observer_backend}", "code", "ensure_loaded", "[observer_backend]");
    rpc_expect(fixture, "return", "{module,global}", "code", "ensure_loaded", "[global]");
    rpc_expect(fixture, "return", "{module,gen_server}", "code", "ensure_loaded", "[gen_server]");
    rpc_expect(fixture, "return", "{error,nofile}", "code", "ensure_loaded", "[rb]");
    rpc_expect(fixture, "error", "function_clause", "code", "ensure_loaded", "[1]");
    rpc_expect(fixture, "return", "preloaded", "code", "which", "[erlang]");
    rpc_expect(fixture, "return", "non_existing", "code", "which", "[rb]");
    rpc_expect(fixture, "return", "{file,preloaded}", "code", "is_loaded", "[erlang]");
    rpc_expect(fixture, "return", "false", "code", "is_loaded", "[rb]");
    rpc_expect(fixture, "return", "true", "erlang", "module_loaded", "[erlang]");
    rpc_expect(fixture, "return", "false", "erlang", "module_loaded", "[rb]");
    rpc_expect(fixture, "error", "badarg", "erlang", "module_loaded", "[1]");
}

static void functions_are_what_can_be_called(void **state) {
    struct fixture *fixture = *state;
    rpc_expect(fixture, "return", "true", "erlang", "function_exported", "[observer_backend, procs_info, 1]");
    rpc_expect(fixture, "return", "false", "erlang", "function_exported", "[observer_backend, procs_info, 2]");
    rpc_expect(fixture, "return", "false", "erlang", "function_exported", "[observer_backend, procs_info, 70000]");
    rpc_expect(fixture, "return", "true", "erlang", "function_exported", "[global, module_info, 1]");
    rpc_expect(fixture, "return", "false", "erlang", "function_exported", "[rb, module_info, 1]");
    rpc_expect(fixture, "error", "badarg", "erlang", "function_exported", "[a, b, -1]");
    rpc_expect(fixture, "error", "badarg", "erlang", "function_exported", "[1, b, 1]");
}

static void a_module_tells_about_itself(void **state) {
    struct fixture *fixture = *state;
    rpc_expect(fixture, "return", "[{behaviour,[gen_server]}]", "net_kernel", "module_info", "[attributes]");
    rpc_expect(fixture, "return", "[{behaviour,[supervisor]}]", "hermod_sup", "module_info", "[attributes]");
    rpc_expect(fixture, "return", "[{behaviour,[gen_server]}]", "supervisor", "module_info", "[attributes]");
    rpc_expect(fixture, "return", "[]", "observer_backend", "module_info", "[attributes]");
    rpc_expect(fixture, "return", "net_kernel", "net_kernel", "module_info", "[module]");
    rpc_expect(fixture, "return", "[]", "net_kernel", "module_info", "[compile]");
    rpc_expect(fixture, "return", "[{init,1},{handle_call,3},{handle_cast,2},{module_info,0},{module_info,1}]",
               "hermod_sup", "module_info", "[exports]");
    rpc_expect(fixture, "error", "badarg", "net_kernel", "module_info", "[what]");
    rpc_expect(fixture, "error", "undef", "rb", "module_info", "[attributes]");
    rpc_spawn(fixture, true, "net_kernel", "module_info", "[]");
    assert_true(hm_match(rpc_outcome(fixture, "return"),
                         "[{module, net_kernel}, {exports, _}, {attributes, _}, {compile, []}]"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(modules_are_what_can_be_called_or_runs),
        TEST(functions_are_what_can_be_called),
        TEST(a_module_tells_about_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
