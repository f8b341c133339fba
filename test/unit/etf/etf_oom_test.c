/* Every allocation of the layer fails once: the answer is HM_ENOMEM or the right one, and nothing leaks (make
 * asan). */
#include "etf_cmocka.h"

#include <stdio.h>

#include "etf/ids.h"
#include "support/alloc.h"

/* A scenario returns 0, or the error that it met; called until none of its allocations fails any more. */
static void fail_each(int (*scenario)(void)) {
    long n = 0;
    for (;; n++) {
        alloc_fail_at(n);
        int error = scenario();
        bool failed = alloc_failed();
        alloc_fail_never();
        if (!failed) {
            assert_int_equal(error, 0);
            break;
        }
        if (error != 0)
            assert_int_equal(error, HM_ENOMEM);
    }
    assert_true(n > 0);
}

static int build(void) {
    hm_build *b = hm_build_new();
    if (!b)
        return HM_ENOMEM;
    size_t list = hm_put_list_begin(b);
    for (int64_t i = 0; i < 100; i++)
        hm_put_format(b, "{ok, ~i, \"some text\", #{k => [1.5]}}", i);
    hm_put_list_end(b, list, 100);
    int error = hm_build_error(b);
    hm_term term = hm_build_term(b), copy;
    assert_int_equal(term.size == 0, error != 0);
    if (!error) {
        assert_int_equal(hm_list_length(term), 100);
        error = hm_term_copy(term, &copy);
        if (!error)
            drop(copy);
    }
    hm_build_free(b);
    return error;
}

static int print(void) {
    static const uint8_t term[] =
        "h\4w\2okn\11\0\1\2\3\4\5\6\7\10\11t\0\0\0\2w\1am\0\0\0\1xh\1w\1bM\0\0\0\1\3xj";
    char *text;
    hm_term checked;
    assert_int_equal(hm_term_check(term, sizeof term - 1, true, NULL, &checked), 0);
    for (int syntax = 0; syntax <= HM_SYNTAX_JSON; syntax++) {
        int error = hm_term_print(checked, (enum hm_syntax)syntax, 0, &text);
        if (error)
            return error;
        free(text);
    }
    return 0;
}

static int parse(void) {
    static const char *const texts[] = {
        "{ok, [1, 2.5, 12345678901234567890123 | tail], #{\"a\" => <<\"b\"/utf8, 1:3>>, 'q' => []}, "
        "<\"a@h\".1.2.3>, fun a:b/1}",
        "{:ok, [a: 1, \"b\": 'x'], %Foo{a: \"text\"}, ~c\"y\", &Foo.bar/2, ?a}",
        "#{1 => 1, 1 => 2}",
        "{a, \"b",
    };
    int first = 0;
    for (int i = 0; i < 4; i++) {
        char error[100];
        hm_build *b = hm_build_new();
        if (!b)
            return HM_ENOMEM;
        int result = hm_term_parse(texts[i], HM_SYNTAX_ANY, b, error, sizeof error);
        hm_build_free(b);
        if (result != (i < 2 ? 0 : HM_ESYNTAX)) {
            assert_int_equal(result, HM_ENOMEM);
            first = result;
        }
    }
    return first;
}

static int intern(void) {
    struct names *names = names_new(1000);
    int error = 0;
    char name[20];
    if (!names)
        return HM_ENOMEM;
    for (int i = 0; i < 500; i++) {
        int size = snprintf(name, sizeof name, "n%d@host", i);
        const hm_node_name *entered = names_intern(names, name, (size_t)size);
        assert_ptr_equal(names_find(names, name, (size_t)size), entered);
        if (!entered) {
            error = HM_ENOMEM;
            /* only this one is missing, and it can be entered later */
            assert_non_null(names_intern(names, name, (size_t)size));
        }
    }
    assert_int_equal(names_count(names), 500);
    names_free(names);
    return error;
}

/* Comparing large maps takes memory for speed; without it the answer is the same. */
static hm_build *forward, *backward;

static int compare(void) {
    hm_term a = hm_build_term(forward), b = hm_build_term(backward);
    assert_true(hm_term_equal(a, b));
    assert_int_equal(hm_term_compare(a, b), 0);
    return 0;
}

static void builds(void **state) {
    fail_each(build);
}

static void prints(void **state) {
    fail_each(print);
}

static void parses(void **state) {
    fail_each(parse);
}

static void interns(void **state) {
    fail_each(intern);
}

static void compares(void **state) {
    forward = hm_build_new();
    backward = hm_build_new();
    hm_put_map(forward, 100);
    hm_put_map(backward, 100);
    for (int64_t i = 0; i < 100; i++) {
        hm_put_int64(forward, i);
        hm_put_nil(forward);
        hm_put_int64(backward, 99 - i);
        hm_put_nil(backward);
    }
    fail_each(compare);
    hm_build_free(forward);
    hm_build_free(backward);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds),  cmocka_unit_test(prints),   cmocka_unit_test(parses),
        cmocka_unit_test(interns), cmocka_unit_test(compares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
