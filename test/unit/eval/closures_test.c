/* Funs recorded from shells (test/golden/record_closures) come to what they came to on the BEAM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "eval/machine.h"
#include "eval/terms.h"
#include "support/golden.h"

static const struct machine_limits LIMITS = {.memory_bytes = 32 << 20, .depth = 200000, .steps = 50000000};

struct run {
    struct library *library;
    unsigned compared, differing;
};

static enum machine_status run_all(struct machine *m) {
    enum machine_status status;
    while ((status = machine_run(m, 1000)) == MACHINE_BUSY)
        continue;
    return status;
}

/* Some text for a person who reads the failure. */
static char *printed(struct machine *m, value v) {
    hm_build *build = hm_build_new();
    char *text = NULL;
    if (terms_write(&m->heap, build, v, m->origin) == HM_OK)
        hm_term_print(hm_build_term(build), HM_SYNTAX_ERLANG, 300, &text);
    hm_build_free(build);
    return text;
}

/* a_fun stands for any fun. */
static bool is_like(struct machine *m, value found, hm_term expected) {
    hm_term parts[4];
    struct hm_list list;
    long arity = hm_tuple_arity(expected);
    if (hm_is_atom(expected, "a_fun"))
        return value_is_fun(found);
    if (arity > 0 && arity <= 4 && value_is_tuple(found) && (long)value_size(found) == arity) {
        hm_tuple_elements(expected, (unsigned)arity, parts);
        for (long i = 0; i < arity; i++)
            if (!is_like(m, value_words(found)[i], parts[i]))
                return false;
        return true;
    }
    if (value_is_cons(found) && hm_list_begin(expected, &list)) {
        while (hm_list_next(&list, &parts[0])) {
            if (!value_is_cons(found) || !is_like(m, value_head(found), parts[0]))
                return false;
            found = value_tail(found);
        }
        return hm_list_end(&list, NULL) ? found == VALUE_NIL : !value_is_cons(found);
    }
    hm_build *build = hm_build_new();
    bool like = terms_write(&m->heap, build, found, m->origin) == HM_OK &&
                hm_term_equal(hm_build_term(build), expected);
    hm_build_free(build);
    return like;
}

static void compare(struct run *run, hm_term text, hm_term fun, hm_term outcome) {
    struct machine m;
    hm_term parts[2];
    char name[1024];
    size_t size;
    machine_init(&m, run->library, &LIMITS, NULL);
    machine_apply(&m, terms_read(&m.heap, fun), VALUE_NIL);
    enum machine_status status = run_all(&m);
    assert_true(hm_tuple_elements(outcome, 2, parts));
    bool same = hm_is_atom(parts[0], "value") ? status == MACHINE_VALUE && is_like(&m, m.result, parts[1])
                                              : status == MACHINE_RAISED && is_like(&m, m.class, parts[0]) &&
                                                    is_like(&m, m.reason, parts[1]);
    run->compared++;
    if (!same) {
        char *expected = NULL, *found = printed(&m, status == MACHINE_VALUE ? m.result : m.reason);
        hm_term_print(parts[1], HM_SYNTAX_ERLANG, 300, &expected);
        hm_get_text(text, name, sizeof name, &size);
        print_message("%s\n  expected %s\n  found    %s (status %d)\n", name, expected, found ? found : "?",
                      status);
        free(expected);
        free(found);
        run->differing++;
    }
    machine_fini(&m);
}

static void each_file(const struct golden *golden, void *context) {
    struct run *run = context;
    struct hm_list list;
    hm_term rows, row, parts[3];
    assert_int_equal(hm_term_check(golden->bytes, golden->size, true, NULL, &rows), HM_OK);
    assert_true(hm_list_begin(rows, &list));
    while (hm_list_next(&list, &row)) {
        assert_true(hm_tuple_elements(row, 3, parts));
        compare(run, parts[0], parts[1], parts[2]);
    }
}

static void come_to_the_same(void **state) {
    struct run run = {0};
    (void)state;
    assert_int_equal(library_new(&run.library), HM_OK);
    golden_each("closures", ".bin", each_file, &run);
    library_free(run.library);
    assert_true(run.compared > 1000);
    assert_int_equal(run.differing, 0);
}

/* What arrived goes out as it came. */
static void each_round_trip(const struct golden *golden, void *context) {
    const struct library *library = context;
    struct heap heap;
    hm_term rows;
    hm_build *build = hm_build_new();
    assert_int_equal(hm_term_check(golden->bytes, golden->size, true, NULL, &rows), HM_OK);
    heap_init(&heap, library_atoms(library), (size_t)256 << 20, NULL);
    assert_int_equal(terms_write(&heap, build, terms_read(&heap, rows), VALUE_NONE), HM_OK);
    assert_int_equal(hm_build_error(build), HM_OK);
    assert_true(hm_term_equal(hm_build_term(build), rows));
    heap_fini(&heap);
    hm_build_free(build);
}

static void terms_come_back(void **state) {
    struct library *library;
    (void)state;
    assert_int_equal(library_new(&library), HM_OK);
    assert_true(golden_each("closures", ".bin", each_round_trip, library) > 0);
    assert_true(golden_each("term_", ".bin", each_round_trip, library) > 10);
    library_free(library);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(terms_come_back), cmocka_unit_test(come_to_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
