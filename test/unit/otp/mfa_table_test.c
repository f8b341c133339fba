/* The table of the functions that can be called: all or none, no duplicates, names that share their letters. */
#include "otp_fixture.h"

#include "otp/mfa.h"

static enum mfa_outcome put_argument(struct mfa_call *call) {
    hm_put_atom(call->result, call->argument);
    return MFA_VALUE;
}

static void expect_found(struct fixture *fixture, const char *module, const char *function, long arity,
                         const char *argument) {
    hm_build *names = hm_build_new();
    hm_term parts[2];
    hm_put_format(names, "{~a, ~a}", module, function);
    assert_true(hm_tuple_elements(hm_build_term(names), 2, parts));
    const struct mfa_entry *entry = mfa_find(fixture->node, parts[0], parts[1], arity);
    if (argument)
        assert_string_equal(mfa_entry_row(entry)->argument, argument);
    else
        assert_null(entry);
    hm_build_free(names);
}

static char A[] = "a", B[] = "b", C[] = "c";

static void functions_are_found_by_all_three(void **state) {
    struct fixture *fixture = *state;
    const struct mfa_row rows[] = {
        {"ab", "c", 0, put_argument, A}, {"a", "bc", 0, put_argument, B}, {"ab", "c", 1, put_argument, C}};
    assert_int_equal(mfa_export(fixture->node, rows, 3), HM_OK);
    expect_found(fixture, "ab", "c", 0, "a");
    expect_found(fixture, "a", "bc", 0, "b");
    expect_found(fixture, "ab", "c", 1, "c");
    expect_found(fixture, "ab", "c", 2, NULL);
    expect_found(fixture, "ab", "c", 257, NULL); /* one byte of it would be 1 */
    expect_found(fixture, "ab", "c", -1, NULL);
    expect_found(fixture, "abc", "", 0, NULL);
    assert_null(mfa_find(fixture->node, (hm_term){(const unsigned char *)"a\1", 2}, ATOM_TERM("c"), 0));
}

static void latin1_atoms_are_the_same_names(void **state) {
    struct fixture *fixture = *state;
    const struct mfa_row row = {"caf\xc3\xa9", "x", 0, put_argument, A};
    static const unsigned char LATIN1[] = {100, 0, 4, 'c', 'a', 'f', 0xe9};
    assert_int_equal(mfa_export(fixture->node, &row, 1), HM_OK);
    assert_non_null(mfa_find(fixture->node, (hm_term){LATIN1, sizeof LATIN1}, ATOM_TERM("x"), 0));
}

static void all_or_none_are_exported(void **state) {
    struct fixture *fixture = *state;
    const struct mfa_row twice[] = {
        {"m", "one", 0, put_argument, A}, {"m", "two", 0, put_argument, A}, {"m", "one", 0, put_argument, B}};
    const struct mfa_row taken[] = {{"m", "one", 0, put_argument, A}, {"erlang", "node", 0, put_argument, A}};
    const struct mfa_row wide = {"m", "f", MFA_ARGUMENTS + 1, put_argument, A}, empty = {"m", "f", 0, NULL, A};
    const struct mfa_row nameless = {"", "f", 0, put_argument, A}, broken = {"m", "\xff", 0, put_argument, A};
    assert_int_equal(mfa_export(fixture->node, twice, 3), HM_ETAKEN);
    assert_int_equal(mfa_export(fixture->node, taken, 2), HM_ETAKEN);
    assert_int_equal(mfa_export(fixture->node, &wide, 1), HM_EINVAL);
    assert_int_equal(mfa_export(fixture->node, &empty, 1), HM_EINVAL);
    assert_int_equal(mfa_export(fixture->node, &nameless, 1), HM_ENAME);
    assert_int_equal(mfa_export(fixture->node, &broken, 1), HM_ENAME);
    expect_found(fixture, "m", "one", 0, NULL);
    expect_found(fixture, "m", "two", 0, NULL);
    assert_int_equal(mfa_export(fixture->node, twice, 2), HM_OK);
    expect_found(fixture, "m", "two", 0, "a");
}

static void count_m(void *arg, const struct mfa_row *row) {
    unsigned *count = arg;
    *count += strcmp(row->module, "m") == 0;
}

static void many_functions_are_kept(void **state) {
    struct fixture *fixture = *state;
    char name[20];
    unsigned count = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "f%d", i);
        assert_int_equal(mfa_export(fixture->node, &(struct mfa_row){"m", name, 2, put_argument, A}, 1), HM_OK);
    }
    expect_found(fixture, "m", "f0", 2, "a");
    expect_found(fixture, "m", "f999", 2, "a");
    mfa_each(fixture->node, count_m, &count);
    assert_int_equal(count, 1000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(functions_are_found_by_all_three),
        TEST(latin1_atoms_are_the_same_names),
        TEST(all_or_none_are_exported),
        TEST(many_functions_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
