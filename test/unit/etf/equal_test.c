#include "etf_cmocka.h"

#include <stdio.h>

#include "etf/equal.h"

static void expect(hm_term a, hm_term b, bool equal) {
    assert_int_equal(hm_term_equal(a, b), equal);
    assert_int_equal(hm_term_equal(b, a), equal);
    if (equal)
        assert_int_equal(hm_term_hash(a), hm_term_hash(b));
    else
        assert_true(hm_term_hash(a) != hm_term_hash(b));
    drop(a);
    drop(b);
}

static void ignores_the_encoding(void **state) {
    expect(BYTES("a\7"), BYTES("b\0\0\0\7"), true);
    expect(BYTES("a\7"), BYTES("n\2\0\7\0"), true);
    expect(BYTES("a\0"), BYTES("n\1\1\0"), true);
    expect(BYTES("w\2\xC3\xA9"), BYTES("s\1\xE9"), true);
    expect(BYTES("w\1a"), BYTES("v\0\1a"), true);
    expect(BYTES("h\1a\7"), BYTES("i\0\0\0\1a\7"), true);
    expect(BYTES("M\0\0\0\1\10x"), BYTES("m\0\0\0\1x"), true);
    expect(BYTES("M\0\0\0\1\3\xA0"), BYTES("M\0\0\0\1\3\xBF"), true);
    expect(BYTES("M\0\0\0\1\3\xA0"), BYTES("M\0\0\0\1\2\xA0"), false);
    expect(BYTES("a\7"), erl("7.0"), false);
    expect(erl("0.0"), erl("-0.0"), false);
    expect(erl("[a]"), erl("[a | a]"), false);
    expect(erl("{a}"), erl("[a]"), false);
    expect(erl("{1, 2}"), erl("{1, 2, 3}"), false);
    expect(erl("<\"a@b\".1.2.3>"), erl("<\"a@b\".1.2.4>"), false);
    expect(erl("fun a:b/1"), erl("fun a:b/2"), false);
}

static void finds_pairs_of_maps_in_any_order(void **state) {
    expect(erl("#{a => 1, b => #{c => 2, d => 3}}"), erl("#{b => #{d => 3, c => 2}, a => 1}"), true);
    expect(erl("#{a => 1, b => 2}"), erl("#{b => 1, a => 2}"), false);
    expect(erl("#{a => 1}"), erl("#{a => 1, b => 2}"), false);
    hm_build *forward = hm_build_new(), *backward = hm_build_new(), *other = hm_build_new();
    enum { PAIRS = 5000 };
    hm_put_map(forward, PAIRS);
    hm_put_map(backward, PAIRS);
    hm_put_map(other, PAIRS);
    for (int64_t i = 0; i < PAIRS; i++) {
        hm_put_format(forward, "{~i}", i);
        hm_put_int64(forward, i);
        hm_put_format(backward, "{~i}", PAIRS - 1 - i);
        hm_put_int64(backward, PAIRS - 1 - i);
        hm_put_format(other, "{~i}", PAIRS - 1 - i);
        hm_put_int64(other, i == PAIRS / 2 ? 0 : PAIRS - 1 - i);
    }
    hm_term a = hm_build_term(forward), b = hm_build_term(backward), c = hm_build_term(other);
    assert_true(hm_term_equal(a, b));
    assert_false(hm_term_equal(a, c));
    assert_int_equal(hm_term_compare(a, b), 0);
    assert_true(hm_term_compare(a, c) != 0);
    hm_build_free(forward);
    hm_build_free(backward);
    hm_build_free(other);
}

/* Keys that are maps whose keys are maps ...: must not take 2^depth comparisons. */
static void compares_nested_keys_once(void **state) {
    enum { DEPTH = 900 };
    hm_build *build[2] = {hm_build_new(), hm_build_new()};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < DEPTH; i++)
            hm_put_map(build[k], 1);
        hm_put_int64(build[k], k);
        for (int i = 0; i < DEPTH; i++)
            hm_put_nil(build[k]);
    }
    hm_term a = hm_build_term(build[0]), b = hm_build_term(build[1]);
    assert_false(hm_term_equal(a, b));
    assert_int_equal(hm_term_compare(a, b), -1);
    hm_build_free(build[0]);
    hm_build_free(build[1]);
}

/* The deepest that check can be told to accept costs no more stack than there is. */
static void goes_as_deep_as_check_does(void **state) {
    struct hm_check_limits limits = {.depth = HM_DEPTH_MAX};
    hm_build *build[2] = {hm_build_new(), hm_build_new()};
    hm_term term[2];
    char *text;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < HM_DEPTH_MAX; i++) {
            if (i % 2) {
                hm_put_map(build[k], 1);
                hm_put_nil(build[k]);
            } else {
                hm_put_list(build[k], 1);
            }
        }
        hm_put_int64(build[k], 5 + k);
        for (int i = 0; i < HM_DEPTH_MAX / 2; i++)
            hm_put_nil(build[k]);
        hm_term built = hm_build_term(build[k]);
        assert_int_equal(hm_term_check(built.bytes, built.size, true, &limits, &term[k]), 0);
        for (int syntax = 0; syntax <= HM_SYNTAX_JSON; syntax++) {
            assert_int_equal(hm_term_print(term[k], (enum hm_syntax)syntax, 0, &text), 0);
            assert_null(strstr(text, "..."));
            free(text);
        }
    }
    assert_false(hm_term_equal(term[0], term[1]));
    assert_int_equal(hm_term_compare(term[0], term[1]), -1);
    assert_true(hm_term_hash(term[0]) != hm_term_hash(term[1]));
    hm_build_free(build[0]);
    hm_build_free(build[1]);
}

static void finds_keys_that_stand_twice(void **state) {
    for (int count = 2; count < 80; count += 11) {
        /* -1: none does; else the last key says the number of that one again */
        for (int again = -1; again < count - 1; again += 3) {
            hm_term key = {0};
            int64_t number;
            hm_build *build = hm_build_new();
            hm_put_map(build, (uint32_t)count);
            for (int i = 0; i < count; i++) {
                hm_put_int64(build, i == count - 1 && again >= 0 ? again : i);
                hm_put_nil(build);
            }
            assert_int_equal(equal_find_duplicate_key(hm_build_term(build), &key), again >= 0);
            if (again >= 0)
                assert_true(hm_get_int64(key, &number) && number == again);
            hm_build_free(build);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ignores_the_encoding),
        cmocka_unit_test(finds_pairs_of_maps_in_any_order),
        cmocka_unit_test(compares_nested_keys_once),
        cmocka_unit_test(goes_as_deep_as_check_does),
        cmocka_unit_test(finds_keys_that_stand_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
