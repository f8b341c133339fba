/* The last changes of a list: what it reaches back to, what it forgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/user_log.h"

static void add(struct user_log *log, bool added, int64_t what) {
    hm_build *build = hm_build_new();
    hm_put_int64(build, what);
    user_log_add(log, added, hm_build_term(build));
    hm_build_free(build);
}

static void assert_since(const struct user_log *log, uint64_t version, const char *expected) {
    char *text;
    size_t bytes;
    hm_build *build = hm_build_new();
    assert_true(user_log_reaches(log, version, SIZE_MAX, &bytes));
    user_log_put(log, version, build);
    assert_int_equal(hm_build_error(build), 0);
    assert_int_equal(hm_term_print(hm_build_term(build), HM_SYNTAX_ERLANG, 0, &text), 0);
    assert_string_equal(text, expected);
    free(text);
    hm_build_free(build);
}

static void changes_since_a_version(void **state) {
    struct user_log log;
    size_t bytes;
    (void)state;
    user_log_init(&log, 10);
    assert_since(&log, 10, "[]");
    add(&log, true, 1);
    add(&log, false, 2);
    add(&log, true, 3);
    assert_since(&log, 10, "[{add,1},{remove,2},{add,3}]");
    assert_since(&log, 12, "[{add,3}]");
    assert_since(&log, 13, "[]");
    assert_false(user_log_reaches(&log, 9, SIZE_MAX, &bytes));
    assert_false(user_log_reaches(&log, 14, SIZE_MAX, &bytes));
    /* It is not counted further than it matters. */
    assert_true(user_log_reaches(&log, 10, 0, &bytes));
    assert_int_equal(bytes, 2);
    user_log_reset(&log, 20);
    assert_false(user_log_reaches(&log, 13, SIZE_MAX, &bytes));
    assert_since(&log, 20, "[]");
    assert_int_equal(log.bytes, 0);
}

static void old_ones_are_forgotten(void **state) {
    struct user_log log;
    size_t bytes;
    (void)state;
    user_log_init(&log, 0);
    for (int i = 0; i < USER_LOG_CHANGES + 5; i++)
        add(&log, true, i % 100);
    assert_int_equal(log.count, USER_LOG_CHANGES);
    assert_int_equal(log.from, 5);
    assert_false(user_log_reaches(&log, 4, SIZE_MAX, &bytes));
    assert_true(user_log_reaches(&log, 5, SIZE_MAX, &bytes));
    assert_int_equal(bytes, log.bytes);
    user_log_reset(&log, 0);
}

static void large_ones_push_out_many(void **state) {
    struct user_log log;
    size_t bytes;
    hm_build *build = hm_build_new();
    static char text[USER_LOG_BYTES];
    (void)state;
    user_log_init(&log, 0);
    for (int i = 0; i < 10; i++)
        add(&log, true, i);
    hm_put_binary(build, text, sizeof text / 2);
    user_log_add(&log, true, hm_build_term(build));
    assert_int_equal(log.count, 11);
    user_log_add(&log, true, hm_build_term(build));
    assert_int_equal(log.count, 1);
    assert_true(log.bytes <= USER_LOG_BYTES);
    /* One that is larger than all of it: whoever lacks it gets the list. */
    hm_build_reset(build);
    hm_put_binary(build, text, sizeof text);
    user_log_add(&log, true, hm_build_term(build));
    assert_int_equal(log.count, 0);
    assert_false(user_log_reaches(&log, 12, SIZE_MAX, &bytes));
    assert_since(&log, 13, "[]");
    add(&log, false, 7);
    assert_since(&log, 13, "[{remove,7}]");
    user_log_reset(&log, 0);
    hm_build_free(build);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_since_a_version),
        cmocka_unit_test(old_ones_are_forgotten),
        cmocka_unit_test(large_ones_push_out_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
