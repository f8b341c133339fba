#include "etf_cmocka.h"

#include <math.h>
#include <stdio.h>

#include "etf/number.h"

static void prints_the_shortest_float(void **state) {
    uint64_t bits = 88172645463325252u; /* xorshift: the same on every run */
    for (int i = 0; i < 20000; i++) {
        char text[NUMBER_FLOAT_TEXT];
        double value, again;
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        for (int elixir = 0; elixir < 2; elixir++) {
            size_t size = number_print_float(value, elixir, text);
            assert_true(size < sizeof text && strlen(text) == size);
            assert_true(number_parse_float(text, size, &again));
            assert_memory_equal(&again, &value, sizeof value);
        }
    }
}

static void parses_floats_strictly(void **state) {
    static const char *const bad[] = {"",    "1",   "1.",      ".5",  "1.e5", "1.5e", "1.5e+",
                                      "inf", "nan", "0x1.8p3", "1,5", " 1.5", "1.5 ", "1.0e309"};
    double value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(number_parse_float(bad[i], strlen(bad[i]), &value));
    assert_true(value == 7);
    assert_true(number_parse_float("-1.5E-3", 7, &value));
    assert_true(value == -1.5e-3);
}

/* Smaller than, as, or larger than the float; exact where the nearest float of the integer is another number.
 */
static void compares_integers_with_floats(void **state) {
    static const struct { const char *integer; double value; int order;
    } cases[] = {
        {"0", 0.0, 0},
        {"0", -0.0, 0},
        {"0", 0.5, -1},
        {"0", -0.5, 1},
        {"1", 1.5, -1},
        {"-1", -1.5, 1},
        {"-2", -1.5, -1},
        {"9007199254740993", 9007199254740992.0, 1},
        {"9007199254740993", 9007199254740994.0, -1},
        {"-9007199254740993", -9007199254740992.0, -1},
        {"9007199254740992", 9007199254740992.0, 0},
        {"18446744073709551616", 0x1p64, 0},
        {"18446744073709551617", 0x1p64, 1},
        {"18446744073709551615", 0x1p64, -1},
        {"1267650600228229401496703205376", 0x1p100, 0},
        {"-1267650600228229401496703205377", -0x1p100, -1},
        {"5", 1e300, -1},
        {"-5", -1e300, 1},
        {"5", 1e-300, 1},
        {"123456789", 123456789.0, 0},
        {"4503599627370497", 4503599627370496.5, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hm_term term = erl(cases[i].integer);
        struct integer integer;
        assert_true(view_integer(term.bytes, &integer));
        assert_int_equal(number_compare_integer_float(&integer, cases[i].value), cases[i].order);
        drop(term);
    }
    uint8_t *huge = calloc(1, 3 + 200);
    memcpy(huge, "n\xC8\0", 3);
    huge[202] = 1;
    hm_term term = bytes_term(huge, 203);
    struct integer integer;
    assert_true(view_integer(term.bytes, &integer));
    double value;
    assert_int_equal(number_compare_integer_float(&integer, 1.7e308), 1);
    assert_false(number_integer_to_float(&integer, &value));
    drop(term);
    free(huge);
}

/* Rounds to nearest, ties to even, as the BEAM's float/1. */
static void converts_to_the_nearest_float(void **state) {
    static const struct { const char *integer; double value; } cases[] = {
        {"0", 0}, {"-7", -7}, {"9007199254740993", 0x1p53}, {"9007199254740995", 0x1.0000000000002p53},
        {"18446744073709551615", 0x1p64}, {"18446744073709549568", 0x1.fffffffffffffp63},
        {"36893488147419103231", 0x1p65},
        {"36893488147419107328", 0x1p65},                 /* 2^65 + 2^12: a tie, to even */
        {"36893488147419107329", 0x1.0000000000001p65},   /* one more: up */
        {"-36893488147419107329", -0x1.0000000000001p65},
        {"1000000000000000000000000000000", 1e30},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hm_term term = erl(cases[i].integer);
        double value;
        assert_true(hm_get_double(term, &value));
        if (value != cases[i].value)
            fail_msg("%s becomes %a, not %a", cases[i].integer, value, cases[i].value);
        drop(term);
    }
}

static void converts_integers_to_text_and_back(void **state) {
    char text[NUMBER_DECIMAL_DIGITS + 2];
    for (size_t length = 1; length <= NUMBER_DECIMAL_DIGITS; length = length * 5 / 3 + 1) {
        for (size_t i = 0; i < length; i++)
            text[i] = (char)('0' + (i * 7 + length) % 10);
        text[0] = '9';
        text[length] = 0;
        hm_term term = erl(text);
        struct integer integer;
        assert_true(view_integer(term.bytes, &integer));
        char *again = number_print_decimal(&integer), *hex = number_print_hex(&integer);
        assert_string_equal(again, text);
        uint8_t *digits;
        size_t size;
        assert_int_equal(number_parse_digits(hex, strlen(hex), 16, &digits, &size), 0);
        assert_int_equal(size, integer.size);
        assert_memory_equal(digits, integer.digits, size);
        free(digits);
        free(hex);
        free(again);
        drop(term);
    }
    hm_term zero = erl("0000");
    struct integer integer;
    assert_true(view_integer(zero.bytes, &integer));
    char *text_of_zero = number_print_decimal(&integer);
    assert_string_equal(text_of_zero, "0");
    free(text_of_zero);
    drop(zero);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_the_shortest_float),     cmocka_unit_test(parses_floats_strictly),
        cmocka_unit_test(compares_integers_with_floats), cmocka_unit_test(converts_to_the_nearest_float),
        cmocka_unit_test(converts_integers_to_text_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
