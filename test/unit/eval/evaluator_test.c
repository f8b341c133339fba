/* Closures in the processes that were spawned for them, on a node without sockets. */
#include "unit/otp/otp_fixture.h"

#include "eval/evaluator.h"
#include "eval_fixture.h"
#include "otp/erpc.h"
#include "otp/mfa.h"

static int setup(void **state) {
    fixture_setup(state);
    struct fixture *fixture = *state;
    return evaluator_start(fixture->node, &(struct evaluator_options){.memory_bytes = 1 << 20});
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    struct hm_node *node = fixture->node;
    for (uint32_t id = 1; id < node->slot_count; id++) /* what still evaluates uses the library */
        if (node->slots[id].process && strcmp(node->slots[id].process->class->module, "erpc") == 0)
            process_exit(node->slots[id].process, ATOM_TERM("shutdown"));
    evaluator_stop(node);
    return fixture_teardown(state);
}

/* fun() -> ... end of these clauses, as it would arrive. */
static hm_build *closure_of(const char *clauses) {
    struct library *library;
    struct machine m;
    hm_build *build = hm_build_new(), *forms = hm_build_new();
    char error[200];
    hm_term origin = recorded_fun("1 + 1");
    assert_int_equal(library_new(&library), HM_OK);
    machine_init(&m, library, &ROOMY, NULL);
    assert_int_equal(hm_term_parse(clauses, HM_SYNTAX_ERLANG, forms, error, sizeof error), HM_OK);
    value fun = call_make_fun(&m, terms_read(&m.heap, hm_build_term(forms)), VALUE_NONE);
    assert_true(fun != VALUE_NONE);
    assert_int_equal(terms_write(&m.heap, build, fun, heap_ext(&m.heap, origin)), HM_OK);
    machine_fini(&m);
    library_free(library);
    hm_build_free(forms);
    free((void *)(uintptr_t)origin.bytes);
    return build;
}

/* spawn_monitor by the probe, which hears of the end. */
static hm_pid spawn_closure(struct fixture *fixture, hm_term fun) {
    hm_build *arguments = hm_build_new();
    hm_pid pid;
    const char *refusal;
    hm_put_format(arguments, "[~t, []]", fun);
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = ATOM_TERM("erlang"),
                                    .function = ATOM_TERM("apply"),
                                    .arity = 2,
                                    .arguments = hm_build_term(arguments)};
    assert_int_equal(erpc_on_spawn(fixture->node, &request, &pid, &refusal), HM_OK);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    fixture_run(fixture);
    hm_build_free(arguments);
    return pid;
}

static void expect_reason(struct fixture *fixture, const char *pattern) {
    hm_term down[5];
    assert_true(fixture->probe.count >= 1);
    assert_true(hm_tuple_elements(fixture->probe.terms[fixture->probe.count - 1], 5, down));
    if (!hm_match(down[4], pattern))
        print_error("ended with %s\n", fixture->probe.texts[fixture->probe.count - 1]);
    assert_true(hm_match(down[4], pattern));
    probe_clear(&fixture->probe);
}

#define RECEIVE(body) "[{clause,1,[],[],[{'receive',1,[{clause,1,[{var,1,'X'}],[],[" body "]}]}]}]"
#define CALL(module, function, arguments)                                                                    \
    "{call,1,{remote,1,{atom,1," module "},{atom,1," function "}},[" arguments "]}"

static void ends_with_what_it_comes_to(void **state) {
    static const struct {
        const char *clauses, *reason;
    } CASES[] = {
        {"[{clause,1,[],[],[{atom,1,x}]}]", "normal"},
        {"[{clause,1,[],[],[" CALL("erlang", "exit", "{atom,1,bye}") "]}]", "bye"},
        {"[{clause,1,[],[],[" CALL("erlang", "throw", "{atom,1,ball}") "]}]", "{{nocatch, ball}, _}"},
        {"[{clause,1,[],[],[" CALL("foo", "bar", "") "]}]", "{undef, [{foo, bar, [], []} | _]}"},
        {"[{clause,1,[],[],[{match,1,{integer,1,1},{integer,1,2}}]}]",
         "{{badmatch, 2}, [{erl_eval, expr, 6, []} | _]}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *fun = closure_of(CASES[i].clauses);
        spawn_closure(*state, hm_build_term(fun));
        expect_reason(*state, CASES[i].reason);
        hm_build_free(fun);
    }
}

static void gets_its_messages(void **state) {
    struct fixture *fixture = *state;
    hm_build *fun = closure_of(RECEIVE(CALL("erlang", "exit", "{var,1,'X'}")));
    hm_pid pid = spawn_closure(fixture, hm_build_term(fun));
    expect_nothing(fixture);
    fixture_send(fixture, hm_to_pid(pid), "{got, ~i}", (int64_t)1);
    expect_reason(fixture, "{got, 1}");
    hm_build_free(fun);
}

static void is_killed_while_it_waits(void **state) {
    struct fixture *fixture = *state;
    hm_build *fun = closure_of(RECEIVE("{atom,1,ok}"));
    hm_pid pid = spawn_closure(fixture, hm_build_term(fun));
    hm_exit(fixture->probe.process, pid, ATOM_TERM("kill"));
    fixture_run(fixture);
    expect_reason(fixture, "killed");
    hm_build_free(fun);
}

/* More than one slice, and more than it may have. */
static void ends_over_its_memory(void **state) {
    struct fixture *fixture = *state;
    hm_build *fun =
        closure_of("[{clause,1,[],[],[" CALL("lists", "seq", "{integer,1,1},{integer,1,1000000}") "]}]");
    spawn_closure(fixture, hm_build_term(fun));
    for (int i = 0; i < 1000 && !fixture->probe.count; i++)
        fixture_run(fixture);
    expect_reason(fixture, "killed");
    assert_non_null(strstr(fixture->log, "eval.limit"));
    hm_build_free(fun);
}

/* What the library lacks is looked for in the node's table. */
static void calls_functions_of_the_table(void **state) {
    struct fixture *fixture = *state;
    hm_build *fun = closure_of(
        "[{clause,1,[],[],[" CALL("erlang", "exit", CALL("erlang", "statistics", "{atom,1,io}")) "]}]");
    spawn_closure(fixture, hm_build_term(fun));
    expect_reason(fixture, "{{input, _}, {output, _}}");
    hm_build_free(fun);
}

static void is_undef_when_nobody_evaluates(void **state) {
    struct fixture *fixture = *state;
    evaluator_stop(fixture->node);
    hm_build *fun = closure_of("[{clause,1,[],[],[{atom,1,x}]}]");
    spawn_closure(fixture, hm_build_term(fun));
    expect_reason(fixture, "{undef, [{erl_eval, '-fun-', _, []}]}");
    hm_build_free(fun);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ends_with_what_it_comes_to, setup, teardown),
        cmocka_unit_test_setup_teardown(gets_its_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(is_killed_while_it_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_over_its_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_functions_of_the_table, setup, teardown),
        cmocka_unit_test_setup_teardown(is_undef_when_nobody_evaluates, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
