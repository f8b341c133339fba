#include "etf_cmocka.h"

#include <stdio.h>

#include "etf/names.h"

static void interns_once(void **state) {
    struct names *names = names_new(10);
    const hm_node_name *a = names_intern(names, "a@host", 6), *b = names_intern(names, "b@host", 6);
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(names_intern(names, "a@host", 6), a);
    assert_ptr_equal(names_find(names, "b@host", 6), b);
    assert_null(names_find(names, "c@host", 6));
    assert_int_equal(names_count(names), 2);
    assert_string_equal(hm_node_name_text(a), "a@host");
    struct bytes encoded = node_name_encoded(a);
    assert_int_equal(encoded.size, 8);
    assert_memory_equal(encoded.at, "w\6a@host", 8);
    names_free(names);
    names_free(NULL);
}

static void keeps_to_the_cap(void **state) {
    struct names *names = names_new(100);
    char name[20];
    for (int i = 0; i < 200; i++) {
        int size = snprintf(name, sizeof name, "n%d@host", i);
        assert_true((names_intern(names, name, (size_t)size) != NULL) == (i < 100));
    }
    assert_int_equal(names_count(names), 100);
    assert_non_null(names_intern(names, "n7@host", 7));
    names_free(names);
}

static void refuses_what_is_no_atom(void **state) {
    struct names *names = names_new(10);
    char name[1100];
    memset(name, 'x', sizeof name);
    assert_null(names_intern(names, name, 256));
    assert_null(names_intern(names, name, 1050));
    assert_null(names_intern(names, "\xC3", 1));
    assert_non_null(names_intern(names, name, 255));
    for (int i = 0; i < 200; i++)
        memcpy(name + 2 * i, "\xC3\xA9", 2);
    const hm_node_name *wide = names_intern(names, name, 400);
    assert_non_null(wide);
    assert_memory_equal(node_name_encoded(wide).at, "v\1\x90\xC3\xA9", 5);
    names_free(names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interns_once),
        cmocka_unit_test(keeps_to_the_cap),
        cmocka_unit_test(refuses_what_is_no_atom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
