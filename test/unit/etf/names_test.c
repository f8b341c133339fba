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

static void claims_of_strangers_leave_nothing_behind(void **state) {
    (void)state;
    struct names *names = names_new(2);
    const hm_node_name *kept = names_intern(names, "kept@host", 9);
    for (int i = 0; i < 100; i++) {
        char text[32];
        snprintf(text, sizeof text, "n%d@host", i);
        const hm_node_name *claimed = names_claim(names, text, strlen(text));
        assert_non_null(claimed);
        names_release(names, claimed);
    }
    assert_int_equal(names_count(names), 1);
    assert_ptr_equal(names_claim(names, "kept@host", 9), kept);
    names_release(names, kept);
    assert_ptr_equal(names_find(names, "kept@host", 9), kept);

    const hm_node_name *twice = names_claim(names, "x@host", 6);
    assert_ptr_equal(names_claim(names, "x@host", 6), twice);
    assert_null(names_claim(names, "y@host", 6)); /* the cap holds for claims, too */
    names_release(names, twice);
    assert_ptr_equal(names_intern(names, "x@host", 6), twice); /* it proved itself */
    names_release(names, twice);
    assert_int_equal(names_count(names), 2);
    names_free(names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_of_strangers_leave_nothing_behind),
        cmocka_unit_test(interns_once),
        cmocka_unit_test(keeps_to_the_cap),
        cmocka_unit_test(refuses_what_is_no_atom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
