/* The table of global locks: one requester at a time, any number of holders, a cap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "node/terms.h"
#include "otp/global_locks.h"

static hm_ref ref_of(uint32_t number) {
    return (hm_ref){.words = 3, .id = {number, 0, 0}};
}

static hm_pid pid_of(uint32_t number) {
    return (hm_pid){.id = number, .creation = 1};
}

static void a_lock_is_there_until_its_last_holder_goes(void **state) {
    struct global_locks table;
    hm_term resource = ATOM_TERM("global"), one = ATOM_TERM("one"), other = ATOM_TERM("other");
    hm_ref refs[] = {ref_of(1), ref_of(2)};
    global_locks_init(&table, 10);
    assert_true(global_locks_allow(&table, resource, one));
    assert_int_equal(global_locks_add(&table, resource, one, pid_of(1), &refs[0]), HM_OK);
    assert_int_equal(global_locks_add(&table, resource, one, pid_of(2), &refs[1]), HM_OK);
    assert_true(global_locks_allow(&table, resource, one));
    assert_false(global_locks_allow(&table, resource, other));
    assert_true(global_locks_allow(&table, ATOM_TERM("another"), other));
    struct global_lock *lock = global_locks_find(&table, resource);
    assert_ptr_equal(global_lock_holder(lock, pid_of(2)), global_locks_find_ref(&table, &refs[1]));
    assert_null(global_lock_holder(lock, pid_of(3)));
    assert_false(global_locks_remove(&table, global_locks_find_ref(&table, &refs[0])));
    assert_true(global_locks_remove(&table, global_locks_find_ref(&table, &refs[1])));
    assert_null(global_locks_find(&table, resource));
    assert_true(global_locks_allow(&table, resource, other));
    global_locks_fini(&table);
}

static void there_are_no_more_holders_than_allowed(void **state) {
    struct global_locks table;
    hm_ref refs[] = {ref_of(1), ref_of(2), ref_of(3)};
    global_locks_init(&table, 2);
    assert_int_equal(global_locks_add(&table, ATOM_TERM("a"), ATOM_TERM("x"), pid_of(1), &refs[0]), HM_OK);
    assert_int_equal(global_locks_add(&table, ATOM_TERM("b"), ATOM_TERM("x"), pid_of(1), &refs[1]), HM_OK);
    assert_int_equal(global_locks_add(&table, ATOM_TERM("c"), ATOM_TERM("x"), pid_of(1), &refs[2]), HM_ELIMIT);
    assert_null(global_locks_find(&table, ATOM_TERM("c")));
    assert_int_equal(table.count, 2);
    global_locks_fini(&table);
    assert_int_equal(table.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_is_there_until_its_last_holder_goes),
        cmocka_unit_test(there_are_no_more_holders_than_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
