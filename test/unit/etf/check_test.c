#include "etf_cmocka.h"

#include "etf/check.h"

static int check_bytes(const void *bytes, size_t size, const struct hm_check_limits *limits) {
    hm_term term;
    uint8_t *copy = malloc(size ? size : 1); /* exactly so long, for the sanitizer */
    memcpy(copy, bytes, size);
    int error = hm_term_check(copy, size, true, limits, &term);
    free(copy);
    return error;
}
#define CHECK(literal) check_bytes(literal, sizeof(literal) - 1, NULL)

static void refuses_what_is_not_sent(void **state) {
    assert_int_equal(CHECK(""), HM_EBADTERM);
    assert_int_equal(CHECK("\203"), HM_EBADTERM);
    assert_int_equal(CHECK("\203\203j"), HM_EBADTERM);
    assert_int_equal(CHECK("P\0\0\0\1x"), HM_EBADTERM);   /* compressed */
    assert_int_equal(CHECK("R\0"), HM_EBADTERM);          /* atom cache reference */
    assert_int_equal(CHECK("yj"), HM_EBADTERM);           /* local */
    assert_int_equal(CHECK("\0"), HM_EBADTERM);
    assert_int_equal(CHECK("h\2aa\1"), HM_EBADTERM);
}

static void checks_leaves(void **state) {
    assert_int_equal(CHECK("w\2\xC3\xA9"), 0);
    assert_int_equal(CHECK("w\2\xC3\x28"), HM_EBADTERM);
    assert_int_equal(CHECK("w\2\xC0\x80"), HM_EBADTERM);
    assert_int_equal(CHECK("w\3\xED\xA0\x80"), HM_EBADTERM);
    assert_int_equal(CHECK("s\1\xE9"), 0);
    assert_int_equal(CHECK("F\x7F\xF0\0\0\0\0\0\0"), HM_EBADTERM); /* infinity */
    assert_int_equal(CHECK("F\xFF\xF8\0\0\0\0\0\0"), HM_EBADTERM); /* not a number */
    assert_int_equal(CHECK("F\x80\0\0\0\0\0\0\0"), 0);
    assert_int_equal(CHECK("c1.50000000000000000000e+00\0\0\0\0\0"), 0);
    assert_int_equal(CHECK("cnan\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), HM_EBADTERM);
    assert_int_equal(CHECK("M\0\0\0\1\0x"), HM_EBADTERM);
    assert_int_equal(CHECK("M\0\0\0\1\11x"), HM_EBADTERM);
    assert_int_equal(CHECK("M\0\0\0\0\1"), HM_EBADTERM);
    assert_int_equal(CHECK("M\0\0\0\1\3x"), 0);
    assert_int_equal(CHECK("m\xFF\xFF\xFF\xFFx"), HM_EBADTERM);
    assert_int_equal(CHECK("o\xFF\xFF\xFF\xFF\0x"), HM_EBADTERM);
    assert_int_equal(CHECK("Z\0\0w\1n\0\0\0\1"), HM_EBADTERM);
    assert_int_equal(CHECK("Z\0\6w\1n\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"), HM_EBADTERM);
    assert_int_equal(CHECK("Z\0\1w\1n\0\0\0\1\0\0\0\1"), 0);
    assert_int_equal(CHECK("Xa\1\0\0\0\1\0\0\0\1\0\0\0\1"), HM_EBADTERM); /* the node is no atom */
    assert_int_equal(CHECK("qw\1mw\1fa\2"), 0);
    assert_int_equal(CHECK("qw\1mw\1fb\0\0\0\2"), HM_EBADTERM);
    assert_int_equal(CHECK("l\0\0\0\0j"), 0);
    assert_int_equal(CHECK("l\0\0\0\0a\1"), HM_EBADTERM);
}

static void limits_atoms(void **state) {
    uint8_t atom[3 + 1100];
    memset(atom, 'a', sizeof atom);
    atom[0] = 118;
    set_be16(atom + 1, 255);
    assert_int_equal(check_bytes(atom, 3 + 255, NULL), 0);
    set_be16(atom + 1, 256);
    assert_int_equal(check_bytes(atom, 3 + 256, NULL), HM_EBADTERM);
    for (size_t i = 0; i < 255; i++)
        memcpy(atom + 3 + 4 * i, "\xF0\x9F\x99\x82", 4);
    set_be16(atom + 1, 1020);
    assert_int_equal(check_bytes(atom, 3 + 1020, NULL), 0);
    atom[0] = 100;
    set_be16(atom + 1, 256);
    assert_int_equal(check_bytes(atom, 3 + 256, NULL), HM_EBADTERM);
}

/* ei took 3.7 s for these six bytes. */
static void refuses_headers_that_lie_at_once(void **state) {
    assert_int_equal(CHECK("l\x40\0\0\0j"), HM_EBADTERM);
    assert_int_equal(CHECK("l\xFF\xFF\xFF\xFFj"), HM_EBADTERM);
    assert_int_equal(CHECK("i\xFF\xFF\xFF\xFFj"), HM_EBADTERM);
    assert_int_equal(CHECK("t\xFF\xFF\xFF\xFFj"), HM_EBADTERM);
    assert_int_equal(CHECK("C\xFF\xFF\xFF\xFF\0w\1mw\1r"), HM_EBADTERM);
    assert_int_equal(CHECK("C\0\0\0\1\0w\1mw\1rw\1fa\7"), 0);
}

static void holds_funs_to_their_size(void **state) {
    static const char fun[] = "p\0\0\0\x36\1" "0123456789abcdef" "\0\0\0\1\0\0\0\1" "w\1m" "a\1" "a\2"
                              "Xw\1n\0\0\0\1\0\0\0\2\0\0\0\3" "a\7";
    char bent[sizeof fun];
    assert_int_equal(sizeof fun - 1, 0x36 + 1);
    assert_int_equal(CHECK(fun), 0);
    for (int delta = -2; delta <= 2; delta++) {
        memcpy(bent, fun, sizeof fun);
        bent[4] = (char)(bent[4] + delta);
        assert_int_equal(check_bytes(bent, sizeof fun - 1, NULL), delta ? HM_EBADTERM : 0);
    }
}

/* [[[...]]] and {_, {_, ...}}: the last place counts as depth, too. */
static void limits_depth(void **state) {
    for (uint32_t depth = 1020; depth < 1030; depth++) {
        uint8_t *nested = malloc(6 * depth + 1);
        for (uint32_t i = 0; i < depth; i++)
            memcpy(nested + 2 * i, "h\1", 2);
        nested[2 * depth] = 'j';
        assert_int_equal(check_bytes(nested, 2 * depth + 1, NULL), depth <= 1024 ? 0 : HM_ELIMIT);
        struct hm_check_limits ten = {.depth = 10}, deep = {.depth = 3000};
        assert_int_equal(check_bytes(nested, 2 * depth + 1, &ten), HM_ELIMIT);
        assert_int_equal(check_bytes(nested, 2 * depth + 1, &deep), 0);
        free(nested);
    }
    enum { MANY = 300000 };
    uint8_t *nested = malloc(6 * MANY);
    for (uint32_t i = 0; i < MANY; i++)
        memcpy(nested + 6 * i, "l\0\0\0\1j", 6);
    struct hm_check_limits unlimited = {.depth = UINT32_MAX};
    assert_int_equal(check_bytes(nested, 6 * MANY, &unlimited), HM_ELIMIT);
    free(nested);
}

static void limits_terms(void **state) {
    struct hm_check_limits limits = {.terms = 5};
    assert_int_equal(check_bytes("h\4jjjj", 6, &limits), 0);
    assert_int_equal(check_bytes("h\5jjjjj", 7, &limits), HM_ELIMIT);
    assert_int_equal(check_bytes("h\2h\2jjh\2jj", 10, &limits), HM_ELIMIT);
}

static void says_where_the_term_ends(void **state) {
    size_t size;
    hm_term term;
    assert_int_equal(check_term(bytes_of("h\1a\7rest", 8), NULL, &size), 0);
    assert_int_equal(size, 4);
    assert_int_equal(hm_term_check("\203jj", 3, false, NULL, &term), 0);
    assert_int_equal(term.size, 1);
    assert_int_equal(hm_term_check("\203jj", 3, true, NULL, &term), HM_EBADTERM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_sent), cmocka_unit_test(checks_leaves),
        cmocka_unit_test(limits_atoms),             cmocka_unit_test(refuses_headers_that_lie_at_once),
        cmocka_unit_test(holds_funs_to_their_size), cmocka_unit_test(limits_depth),
        cmocka_unit_test(limits_terms),             cmocka_unit_test(says_where_the_term_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
