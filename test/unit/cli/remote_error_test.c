/* What went wrong on another node, for humans and as a term. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cli/remote_error.h"

static hm_build *parse(const char *text) {
    hm_build *build = hm_build_new();
    char why[100];
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, why, sizeof why), HM_OK);
    return build;
}

static void expect_printed(const struct remote_error *error, enum hm_syntax syntax, const char *wanted) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    remote_error_print(out, error, syntax);
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

#define STACK "[{m,f,[1,2],[{file,\"m.erl\"},{line,12}]},{'Elixir.A.B',run,0,[]}]"
#define IN_ERLANG "  in function  m:f/2 (m.erl, line 12)\n  in call from 'Elixir.A.B':run/0\n"
#define IN_ELIXIR "    m.erl:12: :m.f/2\n    A.B.run/0\n"

static void errors_are_told_as_the_shells_do(void **state) {
    static const struct {
        enum hm_rpc_kind kind;
        const char *reason, *stack, *erlang, *elixir;
    } CASES[] = {
        {HM_RPC_ERROR, "undef", STACK, "exception error: undefined function m:f/2\n" IN_ERLANG,
         "** (UndefinedFunctionError) function :m.f/2 is undefined\n" IN_ELIXIR},
        {HM_RPC_ERROR, "function_clause", STACK,
         "exception error: no function clause matching m:f/2\n" IN_ERLANG,
         "** (FunctionClauseError) no function clause matching in :m.f/2\n" IN_ELIXIR},
        {HM_RPC_ERROR, "badarg", "[]", "exception error: bad argument\n",
         "** (ArgumentError) argument error\n"},
        {HM_RPC_ERROR, "undef", "[]", "exception error: undef\n", "** (ErlangError) Erlang error: :undef\n"},
        {HM_RPC_ERROR, "{badmatch, [a]}", "x", "exception error: no match of right hand side value [a]\n",
         "** (MatchError) no match of right hand side value: [:a]\n"},
        {HM_RPC_ERROR, "{my, \"own\"}", "[{x}]", "exception error: {my,\"own\"}\n",
         "** (ErlangError) Erlang error: {:my, ~c\"own\"}\n"},
        {HM_RPC_ERROR,
         "#{'__exception__' => true, '__struct__' => 'Elixir.RuntimeError', message => <<\"oops \\\"x\\\" "
         "\\e[2J\">>}",
         "[]", "exception error: (RuntimeError) oops \\\"x\\\" \\e[2J\n",
         "** (RuntimeError) oops \\\"x\\\" \\e[2J\n"},
        {HM_RPC_ERROR, "#{'__exception__' => true, '__struct__' => 'Elixir.E', term => 1}", "[]", NULL,
         "** (E) %E{__exception__: true, term: 1}\n"},
        {HM_RPC_EXIT, "because", "[]", "exception exit: because\n", "** (exit) :because\n"},
        {HM_RPC_THROW, "{ball}", "[]", "exception throw: {ball}\n", "** (throw) {:ball}\n"},
        {HM_RPC_SIGNAL, "killed", "[]", "the process was ended: killed\n", "** (EXIT) :killed\n"},
        {HM_RPC_REFUSED, "system_limit", "[]", "the node refused: system_limit\n",
         "** the node refused: :system_limit\n"},
        {HM_RPC_ERROR, "badarith", "[{m, f, 1, [{file, \"a\\e[2Jb\"}, {line, 3}]}]",
         "exception error: an error occurred when evaluating an arithmetic expression\n"
         "  in function  m:f/1 (a?[2Jb, line 3)\n",
         NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *reason = parse(CASES[i].reason), *stack = parse(CASES[i].stack);
        struct remote_error error = {CASES[i].kind, hm_build_term(reason), hm_build_term(stack)};
        if (CASES[i].erlang)
            expect_printed(&error, HM_SYNTAX_ERLANG, CASES[i].erlang);
        if (CASES[i].elixir)
            expect_printed(&error, HM_SYNTAX_ELIXIR, CASES[i].elixir);
        hm_build_free(reason);
        hm_build_free(stack);
    }
}

static void exit_reasons_are_taken_apart(void **state) {
    static const struct {
        const char *reason, *text;
    } CASES[] = {
        {"because", "exception exit: because\n"},
        {"{badarg, " STACK "}", "exception error: bad argument\n" IN_ERLANG},
        {"{{nocatch, ball}, " STACK "}", "exception throw: ball\n" IN_ERLANG},
        {"{shutdown, [1, 2]}", "exception exit: {shutdown,[1,2]}\n"},
        {"{shutdown, \"text\"}", "exception exit: {shutdown,\"text\"}\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *reason = parse(CASES[i].reason);
        struct remote_error error = remote_error_of_exit(hm_build_term(reason));
        expect_printed(&error, HM_SYNTAX_ERLANG, CASES[i].text);
        hm_build_free(reason);
    }
}

static void as_a_term_it_has_four_parts(void **state) {
    (void)state;
    hm_build *reason = parse("undef"), *stack = parse(STACK), *out = hm_build_new();
    struct remote_error error = {HM_RPC_ERROR, hm_build_term(reason), hm_build_term(stack)};
    char *text;
    remote_error_put(out, &error, HM_SYNTAX_ERLANG);
    assert_int_equal(hm_build_error(out), HM_OK);
    assert_int_equal(hm_term_print(hm_build_term(out), HM_SYNTAX_JSON, 0, &text), HM_OK);
    assert_string_equal(text,
                        "{\"class\":\"error\",\"message\":\"exception error: undefined function m:f/2\","
                        "\"reason\":\"undef\",\"stack\":[\"m:f/2 (m.erl:12)\",\"'Elixir.A.B':run/0\"]}");
    free(text);
    hm_build_free(reason);
    hm_build_free(stack);
    hm_build_free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_told_as_the_shells_do),
        cmocka_unit_test(exit_reasons_are_taken_apart),
        cmocka_unit_test(as_a_term_it_has_four_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
