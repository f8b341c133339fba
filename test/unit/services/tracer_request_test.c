/* What `tracer' is asked: forms, options, and why something is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/tracer_request.h"

static hm_build *build;

static int read(const char *text, struct tracer_request *request, char why[256]) {
    char error[128];
    hm_build_reset(build);
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, error, sizeof error), 0);
    why[0] = '\0';
    return tracer_request_read(hm_build_term(build), request, why, 256);
}

static struct tracer_request good(const char *text) {
    struct tracer_request request;
    char why[256];
    int error = read(text, &request, why);
    if (error)
        print_error("%s: %s\n", text, why);
    assert_int_equal(error, 0);
    assert_string_equal(why, "");
    return request;
}

static void expect_refused(const char *text, const char *expected) {
    struct tracer_request request;
    char why[256];
    assert_int_equal(read(text, &request, why), HM_EINVAL);
    assert_string_equal(why, expected);
}

static void a_limit_is_enough(void **state) {
    (void)state;
    struct tracer_request request = good("{trace, chat, 5}");
    assert_int_equal(request.what, TRACER_TRACE);
    assert_true(hm_is_atom(request.target, "chat"));
    assert_int_equal(request.limit, 5);
    assert_int_equal(request.rate, 0);
    assert_false(request.returns || request.record || request.local || request.messages || request.timestamp || request.has_output);
    assert_int_equal(request.output, TRACER_TO_BOTH);
    assert_int_equal(request.handler.size, 0);
    assert_int_equal(good("{trace, chat, 99999999999}").limit, UINT32_MAX);
}

static void options_are_a_list_or_a_map(void **state) {
    static const char *const FORMS[] = {
        "{trace, chat, 7, [{rate, 9}, return, {record, true}, {messages, true}, {scope, local}, timestamp, {output, log}, {handler, {a, b}}]}",
        "{trace, chat, [{limit, 7}, {rate, 9}, {return, true}, record, messages, {scope, local}, {timestamp, true}, "
        "{output, log}, {handler, {a, b}}]}",
        "{trace, chat, #{limit => 7, rate => 9, return => true, record => true, messages => true, scope => local, timestamp => true, "
        "output => log, handler => {a, b}}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        struct tracer_request request = good(FORMS[i]);
        assert_int_equal(request.limit, 7);
        assert_int_equal(request.rate, 9);
        assert_true(request.returns && request.record && request.local && request.messages && request.timestamp);
        assert_true(request.has_output);
        assert_int_equal(request.output, TRACER_TO_LOG);
        assert_true(hm_match(request.handler, "{a, b}"));
    }
    assert_int_equal(good("{trace, chat, 5, [{limit, 6}]}").limit, 6);
    assert_int_equal(good("{trace, chat, 5, [{output, none}]}").output, TRACER_TO_NOBODY);
    assert_false(good("{trace, chat, 5, [{scope, external}]}").local);
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    expect_refused("{trace, chat, []}", "a trace needs a limit: how many events, 1 or more");
    expect_refused("{trace, chat, #{}}", "a trace needs a limit: how many events, 1 or more");
    expect_refused("{trace, chat, 0}", "limit is how many events, 1 or more");
    expect_refused("{trace, chat, -1}", "limit is how many events, 1 or more");
    expect_refused("{trace, chat, infinity}", "a limit is needed: a number of events, or options that have one");
    expect_refused("{trace, chat, [{limit, infinity}]}", "limit is how many events, 1 or more");
    expect_refused("{trace, chat, 5, [{rate, 0}]}", "rate is how many events in one second, 1 or more");
    expect_refused("{trace, chat, 5, [{return, yes}]}", "return, record, messages and timestamp are true or false");
    expect_refused("{trace, chat, 5, [{scope, all}]}", "scope is local or external");
    expect_refused("{trace, chat, 5, [{output, all}]}", "output is log, logger, both or none");
    expect_refused("{trace, chat, 5, [{handler, me}]}", "handler is a pid, or {Name, Node}");
    expect_refused("{trace, chat, 5, [{'Elixir.What', 1}]}", "there is no option What");
    expect_refused("{trace, chat, 5, [record | record]}", "the options are no proper list");
}

static void other_requests(void **state) {
    static const struct {
        const char *text;
        enum tracer_what what;
        uint64_t id;
        bool as_messages;
    } CASES[] = {
        {"{stop, 3}", TRACER_STOP, 3, false},         {"stop", TRACER_STOP_ALL, 0, false},
        {"playback", TRACER_PLAYBACK, 0, false},      {"{playback, 4}", TRACER_PLAYBACK, 4, false},
        {"{playback, 4, messages}", TRACER_PLAYBACK, 4, true}, {"forget", TRACER_FORGET, 0, false},
        {"list", TRACER_LIST, 0, false},
    };
    static const char *const STRANGE[] = {"{trace, a}", "{stop, a}", "{stop, -1}", "{playback, 1, maps}", "what", "[]", "{trace, a, b, c, d}"};
    struct tracer_request request;
    char why[256];
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        request = good(CASES[i].text);
        assert_int_equal(request.what, CASES[i].what);
        assert_int_equal(request.id, CASES[i].id);
        assert_int_equal(request.as_messages, CASES[i].as_messages);
    }
    for (size_t i = 0; i < sizeof STRANGE / sizeof *STRANGE; i++)
        assert_int_equal(read(STRANGE[i], &request, why), HM_ENOENT);
}

static int setup(void **state) {
    (void)state;
    build = hm_build_new();
    return build ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    hm_build_free(build);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_enough),
        cmocka_unit_test(options_are_a_list_or_a_map),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(other_requests),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
