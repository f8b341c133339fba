/* Every recorded term through everything: check, readers, text and back, hash, order; then broken in every
 * way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hermod/term.h>

#include "etf/view.h"
#include "support/golden.h"

static hm_term check(const struct golden *golden) {
    hm_term term;
    if (hm_term_check(golden->bytes, golden->size, true, NULL, &term) != 0)
        fail_msg("%s is refused", golden->path);
    return term;
}

static bool has_ids(const char *text) {
    return strstr(text, "#Ref<") || strstr(text, "#Port<") || strstr(text, "#Fun<") ||
           strstr(text, "<golden@") || strstr(text, "<x@y");
}

static void print_and_parse(const struct golden *golden, void *context) {
    static const char *const suffixes[] = {".erl", ".ex"};
    hm_term term = check(golden);
    char *text, error[200];
    for (int syntax = HM_SYNTAX_ERLANG; syntax <= HM_SYNTAX_ELIXIR; syntax++) {
        hm_build *build = hm_build_new();
        assert_int_equal(hm_term_print(term, (enum hm_syntax)syntax, 0, &text), 0);
        char *expected = golden_text_beside(golden, suffixes[syntax]);
        if (expected)
            assert_string_equal(text, expected);
        free(expected);
        char *erlang;
        assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &erlang), 0);
        if (!has_ids(erlang)) {
            if (hm_term_parse(text, (enum hm_syntax)syntax, build, error, sizeof error) != 0)
                fail_msg("%s: %s: %s", golden->path, text, error);
            assert_int_equal(hm_build_error(build), 0);
            assert_true(hm_term_equal(hm_build_term(build), term));
            assert_int_equal(hm_term_hash(hm_build_term(build)), hm_term_hash(term));
            ++*(int *)context;
        }
        free(erlang);
        free(text);
        hm_build_free(build);
    }
    assert_int_equal(hm_term_print(term, HM_SYNTAX_JSON, 0, &text), 0);
    free(text);
}

static void prints_and_parses(void **state) {
    (void)state;
    int parsed = 0;
    golden_each("term_", ".bin", print_and_parse, &parsed);
    assert_true(parsed > 90);
}

static void copy_through_builder(const struct golden *golden, void *context) {
    (void)context;
    hm_term term = check(golden), copy;
    hm_build *build = hm_build_new();
    hm_put_tuple(build, 2);
    hm_put_term(build, term);
    hm_put_term(build, term);
    hm_term both = hm_build_term(build), parts[2];
    assert_true(hm_tuple_elements(both, 2, parts));
    assert_int_equal(parts[0].size, term.size);
    assert_int_equal(parts[1].size, term.size);
    assert_memory_equal(parts[1].bytes, term.bytes, term.size);
    assert_true(hm_term_equal(parts[0], parts[1]));
    assert_int_equal(hm_term_compare(parts[0], term), 0);
    assert_true(view_skip(term.bytes) == term.bytes + term.size);
    assert_int_equal(hm_term_copy(term, &copy), 0);
    assert_true(hm_term_equal(copy, term));
    free((void *)copy.bytes);
    hm_build_free(build);
}

static void copies(void **state) {
    (void)state;
    golden_each("term_", ".bin", copy_through_builder, NULL);
}

static void compare_neighbours(const struct golden *golden, void *context) {
    struct hm_list list;
    hm_term element;
    hm_term all[400];
    size_t count = 0;
    assert_true(hm_list_begin(check(golden), &list));
    while (hm_list_next(&list, &element)) {
        assert_true(count < 400);
        all[count++] = element;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            int order = hm_term_compare(all[i], all[j]);
            if (i < j ? order > 0 : i > j ? order < 0 : order != 0) {
                char *a, *b;
                hm_term_print(all[i], HM_SYNTAX_ERLANG, 200, &a);
                hm_term_print(all[j], HM_SYNTAX_ERLANG, 200, &b);
                fail_msg("%zu and %zu compare as %d: %s  %s", i, j, order, a, b);
            }
            if (hm_term_equal(all[i], all[j]))
                assert_int_equal(hm_term_hash(all[i]), hm_term_hash(all[j]));
        }
    *(size_t *)context += count;
}

static void sorts_as_the_beam(void **state) {
    (void)state;
    size_t compared = 0;
    golden_each("term_sorted", ".bin", compare_neighbours, &compared);
    assert_true(compared > 90);
}

/* Reads everything there is; what for, the sanitizer says. */
static void use(hm_term term) {
    static const enum hm_syntax syntaxes[] = {HM_SYNTAX_ERLANG, HM_SYNTAX_ELIXIR, HM_SYNTAX_JSON};
    char *text, buffer[64];
    for (int i = 0; i < 3; i++)
        if (hm_term_print(term, syntaxes[i], 300, &text) == 0)
            free(text);
    hm_get_text(term, buffer, sizeof buffer, NULL);
    hm_term_hash(term);
    assert_true(hm_term_equal(term, term));
    assert_true(view_skip(term.bytes) == term.bytes + term.size);
}

static void break_bytes(const struct golden *golden, void *context) {
    (void)context;
    if (golden->size > 20000)
        return;
    hm_term term;
    for (size_t size = 0; size < golden->size; size++) {
        uint8_t *cut = malloc(size ? size : 1);
        memcpy(cut, golden->bytes, size);
        if (hm_term_check(cut, size, true, NULL, &term) != HM_EBADTERM)
            fail_msg("%s is accepted with %zu bytes", golden->path, size);
        free(cut);
    }
    uint8_t *bent = malloc(golden->size);
    size_t step = golden->size > 2000 ? 7 : 1;
    for (size_t i = 0; i < golden->size; i += step) {
        static const uint8_t masks[] = {0x01, 0x80, 0xFF, 0x04, 0x13};
        for (size_t m = 0; m < sizeof masks; m++) {
            memcpy(bent, golden->bytes, golden->size);
            bent[i] ^= masks[m];
            if (hm_term_check(bent, golden->size, false, NULL, &term) == 0)
                use(term);
        }
    }
    free(bent);
}

static void survives_broken_bytes(void **state) {
    (void)state;
    golden_each("term_", ".bin", break_bytes, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_and_parses),
        cmocka_unit_test(copies),
        cmocka_unit_test(sorts_as_the_beam),
        cmocka_unit_test(survives_broken_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
