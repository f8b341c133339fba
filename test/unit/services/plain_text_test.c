#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/plain_text.h"

/* The text in a block of exactly its size, so that a sanitizer sees a read beyond it. */
static char *exact(const char *text, size_t size) {
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    return copy;
}

static void becomes(const char *text, size_t size, const char *expected, size_t expected_size) {
    char *in = exact(text, size);
    char *out = malloc(PLAIN_TEXT_GROWTH * size + 1);
    assert_non_null(out);
    size_t length = plain_text_clean(out, in, size);
    assert_int_equal(length, expected_size);
    assert_memory_equal(out, expected, expected_size);
    bool same = size == expected_size && memcmp(text, expected, size) == 0;
    assert_int_equal(plain_text_is_clean(in, size), same);
    assert_true(plain_text_is_clean(out, length));
    free(in);
    free(out);
}

#define BECOMES(text, expected) becomes(text, sizeof text - 1, expected, sizeof expected - 1)
#define STAYS(text) BECOMES(text, text)

static void ordinary_text_stays(void **state) {
    (void)state;
    STAYS("");
    STAYS("hello, world!");
    STAYS("gr\u00fc\u00dfe \u4f60\u597d \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \U0001F468\u200D\U0001F469");
    STAYS("\u00a0\u00ad \uFFFD \U0010FFFF");
}

static void line_breaks_become_spaces(void **state) {
    (void)state;
    BECOMES("one\ntwo\tthree\r\n", "one two three  ");
    BECOMES("a\xC2\x85z", "a z");
}

static void control_characters_go(void **state) {
    (void)state;
    BECOMES("a\0b\x07\x08\x7F"
            "c",
            "abc");
    BECOMES("a\xC2\x80\xC2\x84\xC2\x9C"
            "b",
            "ab");
}

static void escape_sequences_go(void **state) {
    (void)state;
    BECOMES("\x1B[31mred\x1B[0m", "red");
    BECOMES("\xC2\x9B"
            "2Jgone",
            "gone");
    BECOMES("\x1B]0;title\x07text", "text");
    BECOMES("\x1B]8;;http://a\x1B\\link\x1B]8;;\x1B\\", "link");
    BECOMES("\xC2\x9D"
            "0;title\xC2\x9Ctext",
            "text");
    BECOMES("\x1BP1$r\x1B\\x", "x");
    BECOMES("\x1B(Bplain\x1B=", "plain");
    BECOMES("\x1B"
            "cback",
            "back");
    BECOMES("end\x1B", "end");
    BECOMES("end\x1B[", "end");
    BECOMES("end\x1B[12;3", "end");
    BECOMES("end\x1B(", "end");
}

static void a_string_without_end_swallows_nothing(void **state) {
    (void)state;
    BECOMES("\x1B]0;the rest of the message", "0;the rest of the message");
    BECOMES("\xC2\x9D"
            "0;rest",
            "0;rest");
}

static void what_is_left_of_a_sequence_is_looked_at_again(void **state) {
    (void)state;
    BECOMES("\x1B[\x1B[31mx", "x");
    BECOMES("\x1B\x1B[31mx", "x");
    BECOMES("\x1B[3\n1mx", " 1mx");
    BECOMES("\x1B]\x1B[31mx", "x");
}

static void broken_utf8_is_replaced(void **state) {
    (void)state;
    BECOMES("a\xFFz", "a\uFFFDz");
    BECOMES("\xC3", "\uFFFD");
    BECOMES("\xE4\xBDz", "\uFFFDz");
    BECOMES("\xC0\xAF", "\uFFFD\uFFFD");
    BECOMES("\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD");
    BECOMES("\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD");
    BECOMES("\xF0\x9F\x91", "\uFFFD");
    BECOMES("\x80\x80", "\uFFFD\uFFFD");
    BECOMES("\xEF\xBF", "\uFFFD");
}

/* Whatever comes in: the result is clean, and cleaning it again changes nothing. */
static void random_bytes_become_clean(void **state) {
    (void)state;
    static const unsigned char likely[] = {0x1B, '[', ']',  0x07, 0xC2, 0x9B, 0x9D, 0x9C,
                                           'm',  ';', 0xE2, 0x80, '\n', 'a',  '\\'};
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        char in[24], out[PLAIN_TEXT_GROWTH * sizeof in], again[PLAIN_TEXT_GROWTH * sizeof out];
        for (size_t i = 0; i < sizeof in; i++) {
            seed = seed * 1664525 + 1013904223;
            in[i] = (char)(seed >> 31 ? likely[(seed >> 16) % sizeof likely] : seed >> 20);
        }
        size_t length = plain_text_clean(out, in, sizeof in);
        assert_true(length <= sizeof out);
        assert_true(plain_text_is_clean(out, length));
        assert_int_equal(plain_text_clean(again, out, length), length);
        assert_memory_equal(out, again, length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_text_stays),
        cmocka_unit_test(line_breaks_become_spaces),
        cmocka_unit_test(control_characters_go),
        cmocka_unit_test(escape_sequences_go),
        cmocka_unit_test(a_string_without_end_swallows_nothing),
        cmocka_unit_test(what_is_left_of_a_sequence_is_looked_at_again),
        cmocka_unit_test(broken_utf8_is_replaced),
        cmocka_unit_test(random_bytes_become_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
