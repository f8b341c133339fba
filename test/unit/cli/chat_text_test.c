/* What strangers write must not reach a terminal as it is; and libedit gets whole keys only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/chat_text.h"

static void clean_is(const char *text, const char *expected) {
    char out[256];
    size_t size = chat_text_clean(text, strlen(text), out, sizeof out);
    assert_string_equal(out, expected);
    assert_int_equal(size, strlen(expected));
}

static void plain_text_stays(void **state) {
    clean_is("hello", "hello");
    clean_is("", "");
    clean_is("gr\xc3\xbc\xc3\x9f dich \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80",
             "gr\xc3\xbc\xc3\x9f dich \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80");
    clean_is("spaces at the end \r\n\t ", "spaces at the end");
    clean_is("a\tb", "a b");
    clean_is("back\\slash", "back\\slash");
}

static void controls_are_spelt_out(void **state) {
    clean_is("\033[2J", "\\x1b[2J");
    clean_is("a\nb\a", "a\\x0ab\\x07");
    clean_is("\x7f|", "\\x7f|");
    clean_is("\xc2\x9b|", "\\x9b|");              /* C1: a CSI in one character */
    clean_is("x\xe2\x80\xaey", "x\\u202ey");      /* right to left from here */
    clean_is("x\xe2\x80\xa8y", "x\\u2028y");      /* a line separator */
    clean_is("x\xf3\xa0\x81\x81y", "x\\ue0041y"); /* an invisible tag */
}

static void what_is_no_utf8_is_spelt_out(void **state) {
    clean_is("\xff|", "\\xff|");
    clean_is("\xc0\xaf|", "\\xc0\\xaf|");          /* overlong */
    clean_is("\xed\xa0\x80|", "\\xed\\xa0\\x80|"); /* a surrogate */
    clean_is("\xf4\x90\x80\x80|", "\\xf4\\x90\\x80\\x80|");
    clean_is("\xe6\xbc", "\\xe6\\xbc"); /* cut off */
}

static void what_is_too_long_is_cut_at_a_character(void **state) {
    char out[10];
    assert_int_equal(chat_text_clean("123456789", 9, out, sizeof out), 9);
    assert_string_equal(out, "123456789");
    assert_int_equal(chat_text_clean("1234567890", 10, out, sizeof out), 9);
    assert_string_equal(out, "123456...");
    chat_text_clean("\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2", 12, out, sizeof out);
    assert_string_equal(out, "\xe6\xbc\xa2\xe6\xbc\xa2...");
    for (size_t capacity = 4; capacity < 40; capacity++) {
        static const char text[] = "\033\033\033 \xe6\xbc\xa2 long enough for all";
        char small[40];
        memset(small, '#', sizeof small);
        size_t size = chat_text_clean(text, strlen(text), small, capacity);
        assert_true(size < capacity);
        assert_int_equal(strlen(small), size);
        if (capacity < sizeof small)
            assert_int_equal(small[capacity], '#');
    }
}

static void nicks(void **state) {
    char name[64];
    assert_true(chat_text_is_clean("j\xc3\xb6rg"));
    assert_false(chat_text_is_clean("a\nb"));
    assert_false(chat_text_is_clean("a\xff"));
    chat_text_node_name("J\xc3\xb6rg_the-1st!", name, sizeof name);
    assert_string_equal(name, "Jrg_the-1st");
    chat_text_node_name("\xe6\xbc\xa2", name, sizeof name);
    assert_string_equal(name, "client");
    chat_text_node_name("0123456789012345678901234567890123456789", name, sizeof name);
    assert_int_equal(strlen(name), 32);
}

static void whole_keys(void **state) {
    static const struct {
        const char *bytes;
        size_t whole;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"a\033", 1},
        {"\033[", 0},
        {"\033[A", 3},
        {"\033[1;5C", 6},
        {"\033O", 0},
        {"\033OA", 3},
        {"\033b", 2},
        {"\030", 0},
        {"\030\030", 2},
        {"\xc3", 0},
        {"\xc3\xbc", 2},
        {"a\xe6\xbc", 1},
        {"\xe6\xbc\xa2", 3},
        {"\xf0\x9f\x98", 0},
        {"\xff"
         "a",
         2},
        {"\xc3"
         "a",
         2},
        {"\033[1;5", 0},
        {"x\033[Ay\033", 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(chat_text_whole_keys(cases[i].bytes, strlen(cases[i].bytes)), cases[i].whole);
    /* A sequence that never ends is given up. */
    char endless[64] = "\033[";
    memset(endless + 2, '1', 62);
    assert_true(chat_text_whole_keys(endless, sizeof endless) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(controls_are_spelt_out),
        cmocka_unit_test(what_is_no_utf8_is_spelt_out),
        cmocka_unit_test(what_is_too_long_is_cut_at_a_character),
        cmocka_unit_test(nicks),
        cmocka_unit_test(whole_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
