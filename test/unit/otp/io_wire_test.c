/* Requests of both generations, options, prompts and what was read, as terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "otp/io_wire.h"

static hm_build *parse(const char *text) {
    hm_build *build = hm_build_new();
    char why[100];
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, why, sizeof why), HM_OK);
    return build;
}

static void every_request_is_known(void **state) {
    static const struct {
        const char *text;
        enum io_request_kind kind;
        bool latin1;
    } CASES[] = {
        {"{put_chars, unicode, <<\"x\">>}", IO_PUT_CHARS, false},
        {"{put_chars, latin1, \"x\"}", IO_PUT_CHARS, true},
        {"{put_chars, utf8, \"x\"}", IO_PUT_CHARS, false},
        {"{put_chars, \"x\"}", IO_PUT_CHARS, true},
        {"{put_chars, unicode, io_lib, format, [\"x\", []]}", IO_PUT_APPLY, false},
        {"{put_chars, io_lib, format, [\"x\", []]}", IO_PUT_APPLY, true},
        {"{get_line, unicode, \"> \"}", IO_GET_LINE, false},
        {"{get_line, \"> \"}", IO_GET_LINE, true},
        {"{get_chars, unicode, \"> \", 3}", IO_GET_CHARS, false},
        {"{get_chars, \"> \", 3}", IO_GET_CHARS, true},
        {"{get_chars, unicode, \"> \", -1}", IO_UNKNOWN, false},
        {"{get_chars, unicode, \"> \", x}", IO_UNKNOWN, false},
        {"{get_until, unicode, \"> \", erl_scan, tokens, [1]}", IO_GET_UNTIL, false},
        {"{get_until, \"> \", erl_scan, tokens, [1]}", IO_GET_UNTIL, true},
        {"{get_password, unicode}", IO_GET_PASSWORD, false},
        {"get_password", IO_GET_PASSWORD, true},
        {"getopts", IO_GETOPTS, false},
        {"{setopts, [binary]}", IO_SETOPTS, false},
        {"{setopts, binary}", IO_UNKNOWN, false},
        {"{get_geometry, columns}", IO_COLUMNS, false},
        {"{get_geometry, rows}", IO_ROWS, false},
        {"{get_geometry, depth}", IO_UNKNOWN, false},
        {"{requests, [getopts]}", IO_REQUESTS, false},
        {"{requests, getopts}", IO_UNKNOWN, false},
        {"{put_ansi, [], [red, \"x\"]}", IO_UNKNOWN, false}, /* OTP 29, which then sends characters */
        {"{put_chars, utf16, \"x\"}", IO_UNKNOWN, false},
        {"'$hm_left_out'", IO_LEFT_OUT, false},
        {"{put_chars}", IO_UNKNOWN, false},
        {"{}", IO_UNKNOWN, false},
        {"{1, 2, 3, 4, 5, 6, 7}", IO_UNKNOWN, false},
        {"17", IO_UNKNOWN, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *build = parse(CASES[i].text);
        struct io_request request;
        io_wire_read_request(hm_build_term(build), &request);
        if (request.kind != CASES[i].kind)
            print_error("%s\n", CASES[i].text);
        assert_int_equal(request.kind, CASES[i].kind);
        if (request.kind != IO_UNKNOWN)
            assert_int_equal(request.latin1, CASES[i].latin1);
        if (request.kind == IO_GET_CHARS)
            assert_int_equal(request.count, 3);
        hm_build_free(build);
    }
}

static void options_change_all_or_nothing(void **state) {
    static const struct {
        const char *text;
        bool valid, binary, echo, latin1;
    } CASES[] = {
        {"[]", true, false, true, false},
        {"[binary]", true, true, true, false},
        {"[binary, list]", true, false, true, false},
        {"[{binary, true}, {echo, false}]", true, true, false, false},
        {"[{list, false}]", true, true, true, false},
        {"[{encoding, latin1}]", true, false, true, true},
        {"[latin1, unicode]", true, false, true, false},
        {"[{encoding, utf8}, {expand_fun, x}]", true, false, true, false},
        {"[binary, {echo, maybe}]", false, false, true, false},
        {"[binary, {colour, true}]", false, false, true, false},
        {"[binary, shiny]", false, false, true, false},
        {"[binary | x]", false, false, true, false},
        {"[binary, 1]", false, false, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *build = parse(CASES[i].text);
        struct io_options options = {.echo = true};
        assert_int_equal(io_wire_read_options(hm_build_term(build), &options), CASES[i].valid);
        assert_int_equal(options.binary, CASES[i].binary);
        assert_int_equal(options.echo, CASES[i].echo);
        assert_int_equal(options.latin1, CASES[i].latin1);
        hm_build_free(build);
    }
}

static void expect_data(const char *utf8, bool binary, bool latin1, const char *wanted) {
    hm_build *build = hm_build_new();
    char *text;
    assert_true(io_wire_put_data(build, bytes_of(utf8, strlen(utf8)), binary, latin1));
    assert_int_equal(hm_term_print(hm_build_term(build), HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    assert_string_equal(text, wanted);
    free(text);
    hm_build_free(build);
}

static void data_has_the_form_that_was_asked_for(void **state) {
    (void)state;
    expect_data("h\xc3\xa9\n", true, false, "<<\"h\xc3\xa9\\n\"/utf8>>");
    expect_data("h\xc3\xa9\n", true, true, "<<104,233,10>>");
    expect_data("\xe2\x82\xac", false, false, "[8364]");
    expect_data("", false, false, "[]");
    expect_data("", true, true, "<<>>");
    hm_build *build = hm_build_new();
    const char *euro = "\xe2\x82\xac";
    assert_false(io_wire_put_data(build, bytes_of(euro, 3), true, true));
    assert_int_equal(hm_build_term(build).size, 0);
    hm_build_free(build);
}

static void expect_prompt(const char *term, const char *wanted) {
    hm_build *build = parse(term);
    struct writer out;
    writer_init(&out, 1000);
    io_wire_put_prompt(&out, hm_build_term(build));
    assert_int_equal(out.error, HM_OK);
    assert_int_equal(out.size, strlen(wanted));
    if (out.size)
        assert_memory_equal(out.at, wanted, out.size);
    writer_fini(&out);
    hm_build_free(build);
}

static void prompts_come_in_many_forms(void **state) {
    (void)state;
    expect_prompt("\"name> \"", "name> ");
    expect_prompt("<<\"name> \">>", "name> ");
    expect_prompt("'name> '", "name> ");
    expect_prompt("''", "");
    expect_prompt("[]", "");
    expect_prompt("[\"a\", <<\"b\">>]", "ab");
    expect_prompt("{format, \"~p> \", [12]}", "12> ");
    expect_prompt("{format, \"~p\", []}", "{format,\"~p\",[]}");
    expect_prompt("{a, 1}", "{a,1}");
    expect_prompt("<<255>>", "\xc3\xbf");
}

static void messages_have_four_elements(void **state) {
    struct io_message io;
    (void)state;
    hm_build *build = parse("{io_request, pid, ref, getopts}");
    assert_true(io_wire_read_message(hm_build_term(build), &io));
    assert_true(hm_is_atom(io.from, "pid") && hm_is_atom(io.reply_as, "ref") &&
                hm_is_atom(io.request, "getopts"));
    hm_build_free(build);
    build = parse("{io_request, pid, getopts}");
    assert_false(io_wire_read_message(hm_build_term(build), &io));
    hm_build_free(build);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_known),
        cmocka_unit_test(options_change_all_or_nothing),
        cmocka_unit_test(data_has_the_form_that_was_asked_for),
        cmocka_unit_test(prompts_come_in_many_forms),
        cmocka_unit_test(messages_have_four_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
