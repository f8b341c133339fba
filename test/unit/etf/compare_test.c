/* The order of what one node has is held against the BEAM in golden_test.c; here is what it can't record. */
#include "etf_cmocka.h"

/* Each is less than the next. */
static void orders(void **state) {
    static const char *const terms[] = {
        "-1.5",
        "-1",
        "0",
        "1.0e-300",
        "1",
        "1.5",
        "2",
        "18446744073709551616",
        "1.0e300",
        "a",
        "aa",
        "b",
        "'é'",
        "fun a:a/0",
        "fun a:a/1",
        "<\"b@h\".1.0.1>",
        "<\"a@h\".2.0.1>",
        "<\"b@h\".2.0.1>",
        "<\"b@h\".2.0.2>",
        "<\"a@h\".1.1.1>",
        "{}",
        "{b}",
        "{a, a}",
        "#{}",
        "#{a => 2}",
        "#{b => 1}",
        "#{1 => z, 2 => a}",
        "#{1 => a, 1.0 => b}",
        "[]",
        "[1 | 2]",
        "[1]",
        "[1, 2]",
        "[a]",
        "<<>>",
        "<<0:1>>",
        "<<0>>",
        "<<\"ab\">>",
        "<<\"b\">>",
        "<<1:1>>",
        "<<128>>",
    };
    enum { COUNT = sizeof terms / sizeof terms[0] };
    hm_term all[COUNT];
    for (int i = 0; i < COUNT; i++)
        all[i] = erl(terms[i]);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++)
            if (hm_term_compare(all[i], all[j]) != (i > j) - (i < j))
                fail_msg("%s and %s compare as %d", terms[i], terms[j], hm_term_compare(all[i], all[j]));
    for (int i = 0; i < COUNT; i++)
        drop(all[i]);
}

static void numbers_are_equal_by_value(void **state) {
    hm_term one = erl("1"), one_float = erl("1.0"), map = erl("#{1 => 1}"), map_float = erl("#{1 => 1.0}");
    hm_term key_float = erl("#{1.0 => 1}");
    assert_int_equal(hm_term_compare(one, one_float), 0);
    assert_false(hm_term_equal(one, one_float));
    assert_int_equal(hm_term_compare(map, map_float), 0);
    assert_int_equal(hm_term_compare(map, key_float), -1); /* but not keys */
    drop(one);
    drop(one_float);
    drop(map);
    drop(map_float);
    drop(key_float);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders),
        cmocka_unit_test(numbers_are_equal_by_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
