/* What every test of this folder begins with, and terms from text. */
#ifndef TEST_ETF_CMOCKA_H
#define TEST_ETF_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hermod/term.h>

/* A term of the text, malloc'ed. */
static inline hm_term term_of(const char *text, enum hm_syntax syntax) {
    char error[200] = "";
    hm_term copy;
    hm_build *build = hm_build_new();
    if (hm_term_parse(text, syntax, build, error, sizeof error) != 0)
        fail_msg("%s: %s", text, error);
    assert_int_equal(hm_build_error(build), 0);
    assert_int_equal(hm_term_copy(hm_build_term(build), &copy), 0);
    assert_int_equal(hm_term_check(copy.bytes, copy.size, true, NULL, &copy), 0);
    hm_build_free(build);
    return copy;
}

static inline hm_term erl(const char *text) {
    return term_of(text, HM_SYNTAX_ERLANG);
}

static inline void drop(hm_term term) {
    free((void *)term.bytes);
}

/* Bytes of a literal as a term of its own block, checked. */
static inline hm_term bytes_term(const void *bytes, size_t size) {
    hm_term term, copy;
    assert_int_equal(hm_term_copy((hm_term){bytes, size}, &copy), 0);
    assert_int_equal(hm_term_check(copy.bytes, copy.size, true, NULL, &term), 0);
    return copy;
}
#define BYTES(literal) bytes_term(literal, sizeof(literal) - 1)

#endif
