/* Log events of other nodes become log lines of this one. */
#include "otp_fixture.h"

static const char *level_names[] = {"error", "warn", "info", "debug"};

static void note(void *arg, enum log_level level, const char *id, const char *text) {
    struct fixture *fixture = arg;
    size_t used = strlen(fixture->log);
    snprintf(fixture->log + used, sizeof fixture->log - used, "%s %s %s\n", level_names[level], id, text);
}

static void expect_log(struct fixture *fixture, const char *event, const char *log) {
    hm_build *build = hm_build_new();
    char why[100];
    assert_int_equal(hm_term_parse(event, HM_SYNTAX_ERLANG, build, why, sizeof why), HM_OK);
    fixture->node->log.write = note;
    fixture->log[0] = '\0';
    fixture_send(fixture, hm_to_name("logger_proxy", NULL), "~t", hm_build_term(build));
    assert_string_equal(fixture->log, log);
    hm_build_free(build);
}

static void events_of_all_shapes_are_shown(void **state) {
    struct fixture *fixture = *state;
    expect_log(fixture, "{log, error, \"broken: ~p~n\", [{a, \"b\"}], #{pid => <\"b@host\".12.3.4>}}",
               "error logger.remote <b@host.12.3> broken: {a,\"b\"}\n");
    expect_log(fixture, "{log, warning, <<\"a string\">>, #{}}", "warn logger.remote a string\n");
    expect_log(fixture, "{log, notice, \"a string\", #{pid => nobody}}", "info logger.remote a string\n");
    expect_log(fixture, "{log, info, #{label => {x, y}}, #{}}", "info logger.remote #{label => {x,y}}\n");
    expect_log(fixture, "{log, debug, [{a, 1}, {b, 2}], #{}}", "debug logger.remote [{a,1},{b,2}]\n");
    expect_log(fixture, "{log, emergency, \"~p\", [], #{}}", "error logger.remote \"~p\" []\n");
}

static void each_line_is_one_of_the_log(void **state) {
    struct fixture *fixture = *state;
    expect_log(fixture, "{log, error, \"one~n~ntwo\\e[2J~n\", [], #{}}",
               "error logger.remote one\nerror logger.remote two\\e[2J\n");
}

static void what_is_too_quiet_is_left_out(void **state) {
    struct fixture *fixture = *state;
    fixture->node->log.level = LOG_WARN;
    expect_log(fixture, "{log, info, \"x\", #{}}", "");
}

static void one_event_has_only_so_many_lines(void **state) {
    struct fixture *fixture = *state;
    fixture->node->log.write = note;
    fixture->log[0] = '\0';
    fixture_send(fixture, hm_to_name("logger_proxy", NULL), "{log, error, ~c, [], #{}}", "~100nend");
    assert_string_equal(fixture->log, "error logger.remote end\n");
    fixture->log[0] = '\0';
    fixture_send(fixture, hm_to_name("logger_proxy", NULL), "{log, error, ~c, [~c], #{}}", "~1p",
                 "123456789012345678901234567890123456789012345678901234567890");
    unsigned lines = 0;
    for (const char *at = fixture->log; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 1); /* a string is not broken */
    fixture->log[0] = '\0';
    fixture_send(fixture, hm_to_name("logger_proxy", NULL), "{log, error, ~c, [], #{}}", "~99999999n");
    assert_string_equal(fixture->log, ""); /* more than an event may have: nothing of it */
}

static void it_says_that_it_has_said_everything(void **state) {
    struct fixture *fixture = *state;
    fixture_call(fixture, hm_to_name("logger_proxy", NULL), "info");
    expect_text(fixture, "{t,#{}}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(events_of_all_shapes_are_shown),
        TEST(each_line_is_one_of_the_log),
        TEST(what_is_too_quiet_is_left_out),
        TEST(one_event_has_only_so_many_lines),
        TEST(it_says_that_it_has_said_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
