#include "etf_cmocka.h"

static void reads_integers(void **state) {
    struct { hm_term term; bool fits_i, fits_u; int64_t i; uint64_t u; } cases[] = {
        {BYTES("a\xFF"), true, true, 255, 255},
        {BYTES("b\xFF\xFF\xFF\xFF"), true, false, -1, 0},
        {BYTES("b\x80\0\0\0"), true, false, INT32_MIN, 0},
        {BYTES("n\4\0\xFF\xFF\xFF\xFF"), true, true, UINT32_MAX, UINT32_MAX},
        {BYTES("n\10\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"), true, true, INT64_MAX, INT64_MAX},
        {BYTES("n\10\1\0\0\0\0\0\0\0\x80"), true, false, INT64_MIN, 0},
        {BYTES("n\10\1\1\0\0\0\0\0\0\x80"), false, false, 0, 0},
        {BYTES("n\10\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), false, true, 0, UINT64_MAX},
        {BYTES("n\11\0\0\0\0\0\0\0\0\0\1"), false, false, 0, 0},
        {BYTES("o\0\0\0\11\0\7\0\0\0\0\0\0\0\0"), true, true, 7, 7}, /* leading zeros */
        {BYTES("n\0\1"), true, true, 0, 0},
        {BYTES("w\1a"), false, false, 0, 0},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        int64_t i = 0;
        uint64_t u = 0;
        assert_int_equal(hm_get_int64(cases[k].term, &i), cases[k].fits_i);
        assert_int_equal(hm_get_uint64(cases[k].term, &u), cases[k].fits_u);
        assert_true(i == cases[k].i && u == cases[k].u);
        drop(cases[k].term);
    }
}

static void reads_floats(void **state) {
    double value;
    hm_term terms[] = {erl("1.5"), erl("-3"), erl("1267650600228229401496703205376"),
                       BYTES("c1.50000000000000000000e+00\0\0\0\0\0")};
    static const double expected[] = {1.5, -3, 0x1p100, 1.5};
    for (int i = 0; i < 4; i++) {
        assert_true(hm_get_double(terms[i], &value));
        assert_true(value == expected[i]);
        drop(terms[i]);
    }
    hm_term huge = BYTES("w\1a");
    assert_false(hm_get_double(huge, &value));
    drop(huge);
}

static void reads_text_of_every_shape(void **state) {
    static const struct { const char *term, *text;
    } cases[] = {
        {"<<\"abc\">>", "abc"}, {"abc", "abc"},
        {"\"abc\"", "abc"},     {"[]", ""},
        {"<<>>", ""},           {"[<<\"a\">>, [[98 | <<\"c\">>], d], 233, 26085]", "abcdé日"},
        {"'é'", "é"},           {"\"é\"", "é"},
        {"[195, 169]", "Ã©"},   {"12", NULL},
        {"{a}", NULL},          {"[a, {}]", NULL},
        {"<<255>>", NULL},      {"[-1]", NULL},
        {"[16#D800]", NULL},    {"[16#110000]", NULL},
        {"<<1:1>>", NULL},      {"1.5", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[40];
        size_t size = 0;
        hm_term term = erl(cases[i].term);
        bool is_text = hm_get_text(term, buffer, sizeof buffer, &size);
        assert_int_equal(is_text, cases[i].text != NULL);
        if (is_text) {
            assert_string_equal(buffer, cases[i].text);
            assert_int_equal(size, strlen(cases[i].text));
            assert_true(hm_get_text(term, buffer, size + 1, NULL));
            assert_false(hm_get_text(term, buffer, size, NULL));
        }
        drop(term);
    }
}

static void reads_latin1_atoms(void **state) {
    struct hm_text text;
    char buffer[8];
    hm_term old = BYTES("d\0\1\xE9"), plain = BYTES("s\3abc");
    assert_false(hm_get_atom(old, &text));
    assert_true(hm_is_atom(old, "é"));
    assert_true(hm_get_text(old, buffer, sizeof buffer, NULL));
    assert_string_equal(buffer, "é");
    assert_true(hm_get_atom(plain, &text));
    assert_int_equal(text.size, 3);
    assert_true(hm_is_atom(plain, "abc"));
    assert_false(hm_is_atom(plain, "ab"));
    drop(old);
    drop(plain);
}

static void walks_lists(void **state) {
    struct hm_list list;
    hm_term element, tail;
    int64_t value;
    /* in one piece, as a string, and in pieces, which the BEAM never sends */
    hm_term lists[] = {BYTES("l\0\0\0\3a\1a\2a\3j"), BYTES("k\0\3\1\2\3"),
                       BYTES("l\0\0\0\1a\1l\0\0\0\1a\2k\0\1\3")};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hm_term_type(lists[i]), HM_TYPE_LIST);
        assert_int_equal(hm_list_length(lists[i]), 3);
        assert_true(hm_list_begin(lists[i], &list));
        for (int k = 1; k <= 3; k++) {
            assert_true(hm_list_next(&list, &element) && hm_get_int64(element, &value));
            assert_int_equal(value, k);
        }
        assert_false(hm_list_next(&list, &element));
        assert_true(hm_list_end(&list, &tail));
        for (int k = 0; k < 3; k++) {
            assert_true(hm_term_equal(lists[i], lists[k]));
            assert_int_equal(hm_term_hash(lists[i]), hm_term_hash(lists[k]));
            assert_int_equal(hm_term_compare(lists[i], lists[k]), 0);
        }
    }
    for (int i = 0; i < 3; i++)
        drop(lists[i]);
    hm_term improper = erl("[a | b]"), empty[] = {BYTES("j"), BYTES("k\0\0"), BYTES("l\0\0\0\0j")};
    assert_true(hm_list_begin(improper, &list) && hm_list_next(&list, &element));
    assert_false(hm_list_end(&list, &tail));
    assert_true(hm_is_atom(tail, "b"));
    assert_int_equal(hm_list_length(improper), 1);
    drop(improper);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hm_term_type(empty[i]), HM_TYPE_NIL);
        assert_int_equal(hm_list_length(empty[i]), 0);
        assert_true(hm_list_begin(empty[i], &list));
        assert_false(hm_list_next(&list, &element));
        assert_true(hm_list_end(&list, NULL));
        assert_true(hm_term_equal(empty[i], empty[0]));
        assert_int_equal(hm_term_hash(empty[i]), hm_term_hash(empty[0]));
    }
    for (int i = 0; i < 3; i++)
        drop(empty[i]);
}

static void walks_tuples_and_maps(void **state) {
    hm_term term = erl("{a, #{k => 1, <<\"b\">> => {2}, 3 => []}}"), parts[2], value, key = erl("<<\"b\">>");
    int64_t number;
    assert_int_equal(hm_tuple_arity(term), 2);
    assert_false(hm_tuple_elements(term, 1, parts));
    assert_true(hm_tuple_elements(term, 2, parts));
    assert_int_equal(hm_map_size(parts[1]), 3);
    assert_true(hm_map_get_atom(parts[1], "k", &value) && hm_get_int64(value, &number));
    assert_int_equal(number, 1);
    assert_true(hm_map_get(parts[1], key, &value));
    assert_int_equal(hm_tuple_arity(value), 1);
    assert_false(hm_map_get_atom(parts[1], "b", &value));
    assert_int_equal(hm_map_size(parts[0]), -1);
    assert_int_equal(hm_tuple_arity(parts[1]), -1);
    assert_int_equal(hm_list_length(parts[1]), -1);
    drop(term);
    drop(key);
}

static void takes_nothing_for_no_term(void **state) {
    hm_term none = {0};
    int64_t i;
    const void *bytes;
    size_t size;
    char *text;
    assert_false(hm_is_atom(none, ""));
    assert_false(hm_get_int64(none, &i));
    assert_false(hm_get_binary(none, &bytes, &size));
    assert_int_equal(hm_tuple_arity(none), -1);
    assert_int_equal(hm_list_length(none), -1);
    assert_false(hm_match(none, "[]"));
    assert_int_equal(hm_term_print(none, HM_SYNTAX_ERLANG, 0, &text), HM_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_integers),
        cmocka_unit_test(reads_floats),
        cmocka_unit_test(reads_text_of_every_shape),
        cmocka_unit_test(reads_latin1_atoms),
        cmocka_unit_test(walks_lists),
        cmocka_unit_test(walks_tuples_and_maps),
        cmocka_unit_test(takes_nothing_for_no_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
