/* The table of global names: by name, by reference, with a cap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "etf/names.h"
#include "node/terms.h"
#include "otp/global_names.h"

static hm_ref ref_of(uint32_t number) {
    return (hm_ref){.words = 3, .id = {number, 0, 0}};
}

static hm_term integer(int64_t value) { /* lives until the next of four */
    static hm_build *builds[4];
    static unsigned next;
    hm_build **build = &builds[next++ % 4];
    hm_build_free(*build);
    *build = NULL;
    if (value < 0)
        return (hm_term){0};
    *build = hm_build_new();
    hm_put_format(*build, "{name, ~i}", value);
    return hm_build_term(*build);
}

static void forget_integers(void) {
    for (int i = 0; i < 4; i++)
        integer(-1);
}

static void add(struct global_names *table, int64_t name, int error) {
    hm_ref ref = ref_of((uint32_t)name);
    hm_pid pid = {.id = (uint32_t)name};
    assert_int_equal(global_names_add(table, integer(name), pid, ATOM_TERM("method"), &ref, NULL), error);
}

static void names_are_found_both_ways(void **state) {
    enum { MANY = 5000 };
    struct global_names table;
    global_names_init(&table, MANY);
    for (int64_t i = 0; i < MANY; i++)
        add(&table, i, HM_OK);
    add(&table, MANY, HM_ELIMIT);
    for (int64_t i = 0; i < MANY; i += 2) {
        hm_ref ref = ref_of((uint32_t)i);
        struct global_name *name = global_names_find_ref(&table, &ref);
        assert_ptr_equal(name, global_names_find(&table, integer(i)));
        assert_int_equal(name->pid.id, i);
        global_names_remove(&table, name);
        assert_null(global_names_find(&table, integer(i)));
        assert_null(global_names_find_ref(&table, &ref));
    }
    assert_int_equal(table.count, MANY / 2);
    assert_non_null(global_names_find(&table, integer(1)));
    add(&table, 0, HM_OK); /* there is room again */
    global_names_fini(&table);
    assert_int_equal(table.count, 0);
    forget_integers();
}

static void a_name_is_the_same_however_it_is_written(void **state) {
    static const unsigned char SHORT[] = {119, 1, 'a'}, LONG[] = {118, 0, 1, 'a'}, OLD[] = {100, 0, 1, 'a'};
    struct global_names table;
    hm_ref ref = ref_of(1);
    global_names_init(&table, 10);
    assert_int_equal(global_names_add(&table, (hm_term){SHORT, 3}, HM_NO_PID, ATOM_TERM("m"), &ref, NULL), HM_OK);
    assert_non_null(global_names_find(&table, (hm_term){LONG, 4}));
    assert_non_null(global_names_find(&table, (hm_term){OLD, 4}));
    global_names_fini(&table);
}

static void lists_tell_all_and_the_external_ones(void **state) {
    struct names *names = names_new(10);
    const hm_node_name *node = names_intern(names, "b@host", 6);
    struct global_names table;
    hm_ref one = ref_of(1), two = ref_of(2);
    hm_build *build = hm_build_new();
    char *text;
    global_names_init(&table, 10);
    hm_pid pid = {node, 1, 0, 1};
    assert_int_equal(global_names_add(&table, ATOM_TERM("a"), pid, ATOM_TERM("m"), &one, NULL), HM_OK);
    assert_int_equal(global_names_add(&table, ATOM_TERM("b"), pid, ATOM_TERM("m"), &two, node), HM_OK);
    assert_non_null(global_names_of_pid(&table, pid));
    assert_null(global_names_of_pid(&table, (hm_pid){node, 2, 0, 1}));
    size_t begin = hm_put_list_begin(build);
    hm_put_list_end(build, begin, global_names_put_external(&table, build));
    assert_int_equal(hm_term_print(hm_build_term(build), HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    assert_string_equal(text, "[{b,<b@host.1.0>,b@host}]");
    free(text);
    hm_build_reset(build);
    begin = hm_put_list_begin(build);
    hm_put_list_end(build, begin, global_names_put(&table, build));
    assert_int_equal(hm_list_length(hm_build_term(build)), 2);
    hm_build_free(build);
    global_names_fini(&table);
    names_free(names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_both_ways),
        cmocka_unit_test(a_name_is_the_same_however_it_is_written),
        cmocka_unit_test(lists_tell_all_and_the_external_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
