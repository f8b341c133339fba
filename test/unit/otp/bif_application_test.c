/* The one application of a node. */
#include "rpc_fixture.h"

#include "otp/appmon_info.h"

static void the_application_is_told(void **state) {
    struct fixture *fixture = *state;
    rpc_expect(fixture, "return", "[{hermod,\"" APPMON_DESCRIPTION "\",\"" HM_VERSION "\"}]", "application",
               "which_applications", "[]");
    rpc_expect(fixture, "return", "[{hermod,\"" APPMON_DESCRIPTION "\",\"" HM_VERSION "\"}]", "application",
               "which_applications", "[5000]");
    rpc_expect(fixture, "return", "{ok,hermod}", "application", "get_application", "[rex]");
    rpc_expect(fixture, "return", "{ok,hermod}", "application", "get_application", "[hermod_sup]");
    rpc_expect(fixture, "return", "undefined", "application", "get_application", "[~p]",
               fixture->probe.process->pid);
    rpc_expect(fixture, "return", "undefined", "application", "get_application", "[nobody]");
    rpc_expect(fixture, "return", "{ok,\"" HM_VERSION "\"}", "application", "get_key", "[hermod, vsn]");
    rpc_expect(fixture, "return", "undefined", "application", "get_key", "[kernel, vsn]");
    rpc_expect(fixture, "return", "undefined", "application", "get_key", "[hermod, modules]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(the_application_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
