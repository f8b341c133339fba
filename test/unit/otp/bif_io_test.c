/* io and IO as functions: the probe spawns the call, is its group leader, and answers. */
#include "otp_fixture.h"

#include "etf/ids.h"
#include "otp/erpc.h"

/* Runs M:F(Arguments...) below the probe until it asks something, or ends. */
static void call(struct fixture *fixture, const char *module, const char *function, const char *arguments) {
    hm_build *m = hm_build_new(), *f = hm_build_new(), *list = hm_build_new();
    char text[500], why[100];
    hm_pid pid;
    const char *refusal;
    hm_put_atom(m, "erpc");
    hm_put_atom(f, "execute_call");
    snprintf(text, sizeof text, "[ref, '%s', %s, %s]", module, function, arguments);
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, list, why, sizeof why), HM_OK);
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = hm_build_term(m),
                                    .function = hm_build_term(f),
                                    .arity = 4,
                                    .arguments = hm_build_term(list)};
    assert_int_equal(erpc_on_spawn(fixture->node, &request, &pid, &refusal), HM_OK);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    fixture_run(fixture);
    hm_build_free(m);
    hm_build_free(f);
    hm_build_free(list);
}

/* The probe was asked this, and answers. */
static void expect_request(struct fixture *fixture, const char *wanted, const char *answer) {
    hm_term from, as, request, reply;
    hm_pid pid;
    char why[100];
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{io_request, ~t, ~t, ~t}", &from, &as, &request));
    char *text = print_term(request);
    assert_string_equal(text, wanted);
    free(text);
    assert_true(pid_decode(fixture->node->names, from, &pid));
    hm_build *build = hm_build_new();
    assert_int_equal(hm_term_parse(answer, HM_SYNTAX_ERLANG, build, why, sizeof why), HM_OK);
    reply = hm_build_term(build);
    assert_int_equal(hm_sendf(fixture->probe.process, hm_to_pid(pid), "{io_reply, ~t, ~t}", as, reply),
                     HM_OK);
    hm_build_free(build);
    probe_clear(&fixture->probe);
    fixture_run(fixture);
}

/* {ref, return, Value} and the like: how the call ended. */
static void expect_end(struct fixture *fixture, const char *wanted) {
    hm_term reason;
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{'DOWN', _, process, _, ~t}", &reason));
    char *text = print_term(reason);
    assert_string_equal(text, wanted);
    free(text);
    probe_clear(&fixture->probe);
}

static void each_function_asks_its_leader(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *module, *function, *arguments, *request, *answer, *end;
    } CASES[] = {
        {"io", "format", "[\"x\"]", "{put_chars,unicode,io_lib,format,[\"x\",[]]}", "ok", "{ref,return,ok}"},
        {"io", "format", "[\"~p\", [a]]", "{put_chars,unicode,io_lib,format,[\"~p\",[a]]}", "ok",
         "{ref,return,ok}"},
        {"io", "fwrite", "[standard_io, \"~p\", [a]]", "{put_chars,unicode,io_lib,format,[\"~p\",[a]]}", "ok",
         "{ref,return,ok}"},
        {"io", "format", "[\"~p\", []]", "{put_chars,unicode,io_lib,format,[\"~p\",[]]}", "{error, format}",
         "{ref,error,badarg,[{io,format,2,[]}]}"},
        {"io", "put_chars", "[[\"a\", <<\"b\">>]]", "{put_chars,unicode,<<\"ab\">>}", "ok",
         "{ref,return,ok}"},
        {"io", "put_chars", "[\"a\"]", "{put_chars,unicode,<<\"a\">>}", "{error, terminated}",
         "{ref,error,terminated,[{io,put_chars,1,[]}]}"},
        {"io", "put_chars", "[\"a\"]", "{put_chars,unicode,<<\"a\">>}",
         "{error, {no_translation, unicode, latin1}}", "{ref,error,no_translation,[{io,put_chars,1,[]}]}"},
        {"io", "nl", "[]", "{put_chars,unicode,<<\"\\n\">>}", "ok", "{ref,return,ok}"},
        {"io", "write", "[{a}]", "{put_chars,unicode,io_lib,write,[{a}]}", "ok", "{ref,return,ok}"},
        {"io", "get_line", "[\"> \"]", "{get_line,unicode,\"> \"}", "\"line\"", "{ref,return,\"line\"}"},
        {"io", "get_chars", "[\"> \", 3]", "{get_chars,unicode,\"> \",3}", "{error, enotsup}",
         "{ref,return,{error,enotsup}}"},
        {"Elixir.IO", "puts", "[<<\"hi\">>]", "{put_chars,unicode,<<\"hi\\n\">>}", "ok", "{ref,return,ok}"},
        {"Elixir.IO", "puts", "[stdio, 'Elixir.A']", "{put_chars,unicode,<<\"Elixir.A\\n\">>}", "ok",
         "{ref,return,ok}"},
        {"Elixir.IO", "puts", "[17]", "{put_chars,unicode,<<\"17\\n\">>}", "ok", "{ref,return,ok}"},
        {"Elixir.IO", "puts", "[nil]", "{put_chars,unicode,<<\"\\n\">>}", "ok", "{ref,return,ok}"},
        {"Elixir.IO", "write", "[1.5]", "{put_chars,unicode,<<\"1.5\">>}", "ok", "{ref,return,ok}"},
        {"Elixir.IO", "inspect", "[#{a => nil}]", "{put_chars,unicode,<<\"%{a: nil}\\n\">>}", "ok",
         "{ref,return,#{a => nil}}"},
        {"Elixir.IO", "gets", "[<<\"> \">>]", "{get_line,unicode,<<\"> \">>}", "eof", "{ref,return,eof}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        call(fixture, CASES[i].module, CASES[i].function, CASES[i].arguments);
        expect_request(fixture, CASES[i].request, CASES[i].answer);
        expect_end(fixture, CASES[i].end);
    }
}

static void what_is_no_text_or_device_is_badarg(void **state) {
    struct fixture *fixture = *state;
    call(fixture, "io", "put_chars", "[foo]");
    expect_end(fixture, "{ref,error,badarg,[{io,put_chars,[foo],[]}]}");
    call(fixture, "io", "put_chars", "[nobody, \"x\"]");
    expect_end(fixture, "{ref,error,badarg,[{io,put_chars,[nobody,\"x\"],[]}]}");
    call(fixture, "io", "get_chars", "['', x]");
    expect_end(fixture, "{ref,error,badarg,[{io,get_chars,['',x],[]}]}");
    call(fixture, "Elixir.IO", "puts", "[{a}]");
    expect_end(fixture, "{ref,error,badarg,[{'Elixir.IO',puts,[{a}],[]}]}");
}

static void names_are_devices(void **state) {
    struct fixture *fixture = *state;
    fixture->log[0] = '\0';
    call(fixture, "io", "put_chars", "[user, \"to the log\\n\"]");
    expect_end(fixture, "{ref,return,ok}");
    assert_non_null(strstr(fixture->log, "to the log"));
}

static void an_end_before_the_answer_leaves_nothing(void **state) {
    struct fixture *fixture = *state;
    hm_term from, rest;
    hm_pid pid;
    call(fixture, "Elixir.IO", "inspect", "[[a, b]]");
    assert_true(hm_match(fixture->probe.terms[0], "{io_request, ~t, _, ~t}", &from, &rest));
    assert_true(pid_decode(fixture->node->names, from, &pid));
    hm_exit(fixture->probe.process, pid, ATOM_TERM("kill"));
    probe_clear(&fixture->probe);
    fixture_run(fixture);
    expect_end(fixture, "killed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_function_asks_its_leader),
        TEST(what_is_no_text_or_device_is_badarg),
        TEST(names_are_devices),
        TEST(an_end_before_the_answer_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
