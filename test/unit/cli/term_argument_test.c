/* NAME and TERM of the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hermod/error.h>

#include "cli/term_argument.h"

enum { ERLANG = 1, ELIXIR = 2 };

static void reads(const char *text, int flags, enum hm_syntax expected, const char *printed) {
    struct settings settings = {.erlang = flags & ERLANG, .elixir = flags & ELIXIR};
    hm_build *build = hm_build_new();
    enum hm_syntax syntax = HM_SYNTAX_ANY;
    char why[WHY_BYTES] = "", *again;
    assert_int_equal(term_argument_read(build, text, &settings, &syntax, why, sizeof why), 0);
    assert_int_equal(syntax, expected);
    assert_int_equal(hm_term_print(hm_build_term(build), HM_SYNTAX_ERLANG, 0, &again), 0);
    assert_string_equal(again, printed);
    free(again);
    hm_build_free(build);
}

static void the_language_of_a_term(void **state) {
    reads("{connect, <<\"john\">>}", 0, HM_SYNTAX_ERLANG, "{connect,<<\"john\">>}");
    reads("{:connect, \"john\"}", 0, HM_SYNTAX_ELIXIR, "{connect,<<\"john\">>}");
    reads("%{a: 1}", 0, HM_SYNTAX_ELIXIR, "#{a => 1}");
    reads("#{a => 1}", 0, HM_SYNTAX_ERLANG, "#{a => 1}");
    reads("list_users", 0, HM_SYNTAX_ERLANG, "list_users");
    reads(":list_users", 0, HM_SYNTAX_ELIXIR, "list_users");
    reads("\"john\"", 0, HM_SYNTAX_ERLANG, "\"john\"");
    reads("\"john\"", ELIXIR, HM_SYNTAX_ELIXIR, "<<\"john\">>");
    reads("-5", 0, HM_SYNTAX_ERLANG, "-5");
}

static void complains(const char *text, int flags, const char *begin, const char *end) {
    struct settings settings = {.erlang = flags & ERLANG, .elixir = flags & ELIXIR};
    hm_build *build = hm_build_new();
    enum hm_syntax syntax;
    char why[WHY_BYTES] = "";
    assert_int_equal(term_argument_read(build, text, &settings, &syntax, why, sizeof why), HM_ESYNTAX);
    assert_int_equal(strncmp(why, begin, strlen(begin)), 0);
    assert_true(strlen(why) > strlen(end));
    assert_string_equal(why + strlen(why) - strlen(end), end);
    hm_build_free(build);
}

static void a_caret_below_the_mistake(void **state) {
    complains("{connect, <<\"john\"", 0,
              "this is no Erlang term: ", "\n  {connect, <<\"john\"\n                    ^");
    complains("{:a, b c}", 0, "this is no Elixir term: ", "^");
    complains("{:a}", ERLANG, "this is no Erlang term: ", "\n  {:a}\n   ^");
    complains("{a", ELIXIR, "this is no Elixir term: ", "^");
}

static void a_long_term_is_cut_around_the_mistake(void **state) {
    char text[400];
    memset(text, 'a', sizeof text);
    memcpy(text + 200, ", }", 3);
    text[sizeof text - 1] = '\0';
    struct settings settings = {.erlang = true};
    hm_build *build = hm_build_new();
    enum hm_syntax syntax;
    char why[WHY_BYTES] = "";
    assert_int_equal(term_argument_read(build, text, &settings, &syntax, why, sizeof why), HM_ESYNTAX);
    const char *shown = strchr(why, '\n'), *caret = strrchr(why, '\n');
    assert_non_null(shown);
    assert_true(strlen(caret) < 80);
    assert_int_equal(shown[strlen(caret) - 1], ','); /* the character above the caret */
    hm_build_free(build);
}

static void terms_that_are_no_ascii_are_not_drawn(void **state) {
    struct settings settings = {.elixir = true};
    hm_build *build = hm_build_new();
    enum hm_syntax syntax;
    char why[WHY_BYTES] = "";
    assert_int_equal(term_argument_read(build, "{\"\033[2J\"", &settings, &syntax, why, sizeof why),
                     HM_ESYNTAX);
    assert_null(strchr(why, '\033'));
    assert_null(strchr(why, '\n'));
    hm_build_free(build);
}

static void name_is(const char *text, const char *expected) {
    char name[HM_ATOM_BYTES], why[WHY_BYTES];
    assert_int_equal(name_argument_read(name, sizeof name, text, why, sizeof why), 0);
    assert_string_equal(name, expected);
}

static void names(void **state) {
    char name[HM_ATOM_BYTES], why[WHY_BYTES], longest[300];
    name_is("message_server", "message_server");
    name_is(":message_server", "message_server");
    name_is("MyApp.Counter", "Elixir.MyApp.Counter");
    name_is("Elixir.MyApp", "Elixir.MyApp");
    name_is("'MyApp'", "MyApp");
    name_is(":\"two words\"", "two words");
    assert_int_equal(name_argument_read(name, sizeof name, "", why, sizeof why), HM_ENAME);
    memset(longest, 'x', sizeof longest);
    longest[255] = '\0';
    name_is(longest, longest);
    longest[255] = 'x';
    longest[256] = '\0';
    assert_int_equal(name_argument_read(name, sizeof name, longest, why, sizeof why), HM_ENAME);
    assert_string_equal(name_shown("Elixir.MyApp.Counter"), "MyApp.Counter");
    assert_string_equal(name_shown("Elixir.x"), "Elixir.x");
    assert_string_equal(name_shown("x"), "x");
}

static int read_call(struct call_argument *call, int flags, const char *module, const char *function,
                     const char *list, char *why) {
    struct settings settings = {.erlang = flags & ERLANG, .elixir = flags & ELIXIR};
    char room[3][40], *arguments[] = {room[0], room[1], room[2]};
    snprintf(room[0], sizeof room[0], "%s", module);
    snprintf(room[1], sizeof room[1], "%s", function);
    snprintf(room[2], sizeof room[2], "%s", list ? list : "");
    hm_build_reset(call->arguments);
    return call_argument_read(call, arguments, list ? 3 : 2, &settings, why, WHY_BYTES);
}

static void calls(int flags, const char *module, const char *function, const char *list,
                  enum hm_syntax syntax, const char *printed) {
    struct call_argument call = {.arguments = hm_build_new()};
    char why[WHY_BYTES] = "", *text;
    assert_int_equal(read_call(&call, flags, module, function, list, why), 0);
    assert_int_equal(call.syntax, syntax);
    assert_int_equal(hm_term_print(hm_build_term(call.arguments), HM_SYNTAX_ERLANG, 0, &text), 0);
    assert_string_equal(text, printed);
    free(text);
    hm_build_free(call.arguments);
}

/* Who writes the module as Elixir does means a binary by "text". */
static void the_module_tells_the_language(void **state) {
    (void)state;
    calls(0, "io", "format", "[\"x\"]", HM_SYNTAX_ERLANG, "[\"x\"]");
    calls(0, "IO", "puts", "[\"x\"]", HM_SYNTAX_ELIXIR, "[<<\"x\">>]");
    calls(0, ":io", ":format", "[\"x\"]", HM_SYNTAX_ELIXIR, "[<<\"x\">>]");
    calls(ERLANG, "IO", "puts", "[\"x\"]", HM_SYNTAX_ERLANG, "[\"x\"]");
    calls(ELIXIR, "io", "format", "[\"x\"]", HM_SYNTAX_ELIXIR, "[<<\"x\">>]");
    calls(0, "io", "nl", NULL, HM_SYNTAX_ERLANG, "[]");
    calls(0, "'Elixir.IO'", "puts", "[]", HM_SYNTAX_ELIXIR, "[]");
}

static void arguments_are_a_list(void **state) {
    static const char *const LISTS[] = {"x", "{1}", "[1 | 2]", "<<\"x\">>"};
    struct call_argument call = {.arguments = hm_build_new()};
    char why[WHY_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        assert_int_equal(read_call(&call, 0, "m", "f", LISTS[i], why), HM_EINVAL);
        assert_non_null(strstr(why, "ARGS must be a list"));
    }
    assert_int_equal(read_call(&call, 0, "m", "", NULL, why), HM_ENAME);
    assert_non_null(strstr(why, "no name of a function"));
    assert_int_equal(read_call(&call, 0, "", "f", NULL, why), HM_ENAME);
    assert_int_equal(read_call(&call, 0, "m", "f", "[", why), HM_ESYNTAX);
    hm_build_free(call.arguments);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_language_of_a_term),
        cmocka_unit_test(a_caret_below_the_mistake),
        cmocka_unit_test(a_long_term_is_cut_around_the_mistake),
        cmocka_unit_test(terms_that_are_no_ascii_are_not_drawn),
        cmocka_unit_test(names),
        cmocka_unit_test(the_module_tells_the_language),
        cmocka_unit_test(arguments_are_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
