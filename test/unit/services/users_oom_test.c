/* Every allocation of a list of users fails once: nothing changed, or it is there; nothing leaks (make asan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/users.h"
#include "support/alloc.h"

static const struct users_limits limits = {1000, 100000};

/* #{id => N}, in a buffer of the caller's. */
static hm_term user(unsigned char at[], unsigned number) {
    const unsigned char bytes[] = {116, 0, 0, 0, 1, 119, 2, 'i', 'd', 98, 0, 0, (unsigned char)(number >> 8), (unsigned char)number};
    for (size_t i = 0; i < sizeof bytes; i++)
        at[i] = bytes[i];
    return (hm_term){at, sizeof bytes};
}

static int scenario(void) {
    struct users users = {0};
    unsigned char bytes[16];
    int error = 0;
    hm_build *list = NULL, *all = NULL;
    /* Enough of them that the table grows. */
    for (unsigned i = 0; i < 400 && !error; i++) {
        size_t count = users.count;
        error = users_add(&users, user(bytes, i % 390), &limits);
        assert_int_equal(users.count, error || i >= 390 ? count : count + 1);
    }
    if (!error && (!(list = hm_build_new()) || !(all = hm_build_new())))
        error = HM_ENOMEM;
    if (!error) {
        users_put(&users, list);
        error = hm_build_error(list);
    }
    if (!error) {
        hm_term lists[] = {hm_build_term(list), hm_build_term(list)};
        error = users_put_uniq(lists, 2, all);
    }
    if (!error)
        assert_int_equal(hm_list_length(hm_build_term(all)), 390);
    hm_build_free(list);
    hm_build_free(all);
    users_fini(&users);
    assert_int_equal(users.count, 0);
    assert_int_equal(users.bytes, 0);
    return error;
}

static void each_allocation_fails_once(void **state) {
    long n = 0;
    (void)state;
    for (;; n++) {
        alloc_fail_at(n);
        int error = scenario();
        bool failed = alloc_failed();
        alloc_fail_never();
        if (!failed) {
            assert_int_equal(error, 0);
            break;
        }
        assert_true(error == 0 || error == HM_ENOMEM);
    }
    assert_true(n > 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
