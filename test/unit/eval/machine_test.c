/* The machine's limits, waits and errors. What expressions come to is closures_test's. */
#include "eval_fixture.h"

static int setup(void **state) {
    struct library *library;
    assert_int_equal(library_new(&library), HM_OK);
    *state = library;
    return 0;
}

static int teardown(void **state) {
    library_free(*state);
    return 0;
}

static void begin(struct machine *m, const struct library *library, const struct machine_limits *limits,
                  const char *text) {
    hm_term fun = recorded_fun(text);
    machine_init(m, library, limits, NULL);
    machine_apply(m, terms_read(&m->heap, fun), VALUE_NIL);
    free((void *)(uintptr_t)fun.bytes);
}

#define FIBONACCI "fib = fn f, n -> if n < 2, do: n, else: f.(f, n - 1) + f.(f, n - 2) end; fib.(fib, 15)"
#define FACTORIAL "fact = fn f, n -> if n <= 1, do: 1, else: n * f.(f, n - 1) end; fact.(fact, 30)"

static void stops_after_its_slice(void **state) {
    struct machine m;
    unsigned slices = 1;
    begin(&m, *state, &ROOMY, FIBONACCI);
    while (machine_run(&m, 500) == MACHINE_BUSY)
        slices++;
    assert_true(slices > 20);
    assert_int_equal(m.result, value_of_small(610));
    machine_fini(&m);
}

static void ends_at_its_steps(void **state) {
    struct machine m;
    struct machine_limits few = ROOMY;
    few.steps = 3000;
    begin(&m, *state, &few, FIBONACCI);
    assert_int_equal(run_machine(&m), MACHINE_KILLED);
    assert_string_equal(m.limit, "steps");
    machine_fini(&m);
}

static void ends_at_its_memory(void **state) {
    struct machine m;
    struct machine_limits little = ROOMY;
    little.memory_bytes = 64 << 10;
    begin(&m, *state, &little, "inspect(Enum.to_list(1..60))");
    assert_int_equal(run_machine(&m), MACHINE_KILLED);
    assert_string_equal(m.limit, "memory");
    machine_fini(&m);
}

/* All evaluations of a node share one budget, and give back what they had. */
static void shares_a_budget(void **state) {
    struct heap_budget budget = {.limit = 100 << 10};
    struct machine m;
    hm_term fun = recorded_fun("1 + 1");
    machine_init(&m, *state, &ROOMY, &budget);
    machine_apply(&m, terms_read(&m.heap, fun), VALUE_NIL);
    assert_int_equal(run_machine(&m), MACHINE_VALUE);
    assert_true(budget.used > 0);
    for (int i = 0; i < 100000; i++)
        heap_cons(&m.heap, VALUE_NIL, VALUE_NIL);
    assert_true(m.heap.exhausted);
    assert_true(budget.used <= budget.limit);
    machine_fini(&m);
    assert_int_equal(budget.used, 0);
    free((void *)(uintptr_t)fun.bytes);
}

static void too_deep_is_an_error(void **state) {
    struct machine m;
    struct machine_limits flat = ROOMY;
    flat.depth = 40;
    begin(&m, *state, &flat, FACTORIAL);
    assert_int_equal(run_machine(&m), MACHINE_RAISED);
    assert_true(m.class == A(error) && m.reason == A(system_limit));
    machine_fini(&m);
}

static void collects_what_nothing_reaches(void **state) {
    struct machine m;
    begin(&m, *state, &ROOMY, "Enum.reduce(1..100, 0, &+/2)");
    value kept = heap_tuple_of(&m.heap, heap_text(&m.heap, "kept"), value_of_small(1));
    m.dictionary = kept;
    for (int i = 0; i < 20000; i++)
        heap_tuple_of(&m.heap, kept, kept);
    size_t before = m.heap.used;
    assert_int_equal(run_machine(&m), MACHINE_VALUE);
    assert_int_equal(m.result, value_of_small(5050));
    assert_true(m.heap.used < before / 4);
    assert_true(value_is_tuple(m.dictionary) && value_bytes(value_words(m.dictionary)[0]).size == 4);
    machine_fini(&m);
}

/* {receive, ...} as forms of our own: waits, looks at what comes, keeps what it does not want. */
static value wait_form(struct heap *heap) {
    struct hm_build *build = hm_build_new();
    char error[200];
    const char *text = "[{clause,1,[],[],[{'receive',1,[{clause,1,[{tuple,1,[{atom,1,wanted},{var,1,'X'}]}],["
                       "],[{var,1,'X'}]}],"
                       "{integer,1,50},[{atom,1,late}]}]}]";
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, error, sizeof error), HM_OK);
    value form = terms_read(heap, hm_build_term(build));
    hm_build_free(build);
    return form;
}

static void deliver(struct machine *m, const char *text) {
    hm_build *build = hm_build_new();
    char error[200];
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, error, sizeof error), HM_OK);
    assert_true(machine_deliver(m, hm_build_term(build)));
    hm_build_free(build);
}

static void begin_waiting(struct machine *m, const struct library *library) {
    machine_init(m, library, &ROOMY, NULL);
    m->env = VALUE_NIL;
    value fun = call_make_fun(m, wait_form(&m->heap), VALUE_NONE);
    assert_true(fun != VALUE_NONE);
    machine_apply(m, fun, VALUE_NIL);
    assert_int_equal(run_machine(m), MACHINE_WAITING);
    assert_int_equal(m->wait_ms, 50);
}

static void waits_for_what_matches(void **state) {
    struct machine m;
    begin_waiting(&m, *state);
    deliver(&m, "other");
    assert_int_equal(run_machine(&m), MACHINE_WAITING);
    deliver(&m, "{wanted, [1]}");
    assert_int_equal(run_machine(&m), MACHINE_VALUE);
    assert_true(value_is_cons(m.result));
    assert_int_equal(m.mail_count, 1);
    machine_fini(&m);
}

static void times_out(void **state) {
    struct machine m;
    begin_waiting(&m, *state);
    deliver(&m, "other");
    machine_timeout(&m);
    assert_int_equal(run_machine(&m), MACHINE_VALUE);
    assert_true(value_is_atom_text(&m.heap, m.result, "late"));
    machine_fini(&m);
}

/* Forms that are none, one for each kind of place. */
static void bad_forms_are_errors(void **state) {
    static const char *const FORMS[] = {
        "x",
        "[]",
        "[x]",
        "[{clause,1,[],[],[]}]",
        "[{clause,1,[],[],[x]}]",
        "[{clause,1,[],[],[{call,1,2,3}]}]",
        "[{clause,1,[],[],[{match,1,{foo},{integer,1,1}}]}]",
        "[{clause,1,[],[],[{bin,1,[x]}]}]",
        "[{clause,1,[],[],[{'case',1,{integer,1,1},[x]}]}]",
        "[{clause,1,[],[],[{'try',1,[{atom,1,a}],x,y,z}]}]",
        "[{clause,1,[],[],[{'receive',1,x,{integer,1,0},y}]}]",
        "[{clause,1,[],[],[{lc,1,{var,1,'X'},[{generate,1,x,{string,1,\"a\"}}|y]}]}]",
        "[{clause,1,[],[],[{map,1,[{map_field_assoc,1}]}]}]",
        "[{clause,1,[],[],[{'fun',1,{clauses,[]}}]}]",
        "[{clause,1,[],[],[{op,1,'+',{integer,1,x},{integer,1,2}}]}]",
        "[{clause,1,[],[],[{tuple,1,[{integer,1,1}|x]}]}]"};
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        struct machine m;
        hm_build *build = hm_build_new();
        char error[200];
        machine_init(&m, *state, &ROOMY, NULL);
        assert_int_equal(hm_term_parse(FORMS[i], HM_SYNTAX_ERLANG, build, error, sizeof error), HM_OK);
        value *object = heap_object(&m.heap, KIND_FUN, FUN_FIELDS);
        assert_non_null(object);
        object[1 + FUN_ARITY] = value_of_small(0);
        object[1 + FUN_CLAUSES] = terms_read(&m.heap, hm_build_term(build));
        object[1 + FUN_ENV] = VALUE_NIL;
        object[1 + FUN_NAME] = object[1 + FUN_SOURCE] = VALUE_NONE;
        machine_apply(&m, (value)(uintptr_t)object, VALUE_NIL);
        assert_int_equal(run_machine(&m), MACHINE_RAISED);
        machine_fini(&m);
        hm_build_free(build);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_after_its_slice),  cmocka_unit_test(ends_at_its_steps),
        cmocka_unit_test(ends_at_its_memory),     cmocka_unit_test(shares_a_budget),
        cmocka_unit_test(too_deep_is_an_error),   cmocka_unit_test(collects_what_nothing_reaches),
        cmocka_unit_test(waits_for_what_matches), cmocka_unit_test(times_out),
        cmocka_unit_test(bad_forms_are_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
