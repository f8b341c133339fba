/* What io_lib:format of OTP made of the same formats and terms (test/golden/io_format.escript). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "otp/io_format.h"
#include "support/golden.h"

enum { CAP = 1 << 20, SHOWN = 20 };

struct totals {
    unsigned cases, failures;
};

static char *print_term(hm_term term) {
    char *text = NULL;
    assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 300, &text), HM_OK);
    return text;
}

static void compare(struct totals *totals, hm_term term, struct bytes wanted, bool fails) {
    hm_term parts[2];
    struct writer out;
    assert_true(hm_tuple_elements(term, 2, parts));
    writer_init(&out, CAP);
    int error = io_format(&out, parts[0], parts[1]);
    bool same = fails ? error == HM_EINVAL : !error && bytes_equal(wanted, bytes_of(out.at, out.size));
    totals->cases++;
    if (!same && totals->failures++ < SHOWN) {
        char *text = print_term(term);
        print_error("%s\n  gave   %.*s (%d)\n  wanted %.*s%s\n", text, (int)out.size, (char *)out.at, error,
                    (int)wanted.size, (const char *)wanted.at, fails ? "an error" : "");
        free(text);
    }
    writer_fini(&out);
}

static void compare_all(const struct golden *golden, void *context) {
    struct reader reader = reader_of(bytes_of(golden->bytes, golden->size));
    while (reader_left(&reader) && !reader.failed) {
        struct bytes in = reader_bytes(&reader, reader_u32(&reader)), wanted = {NULL, 0};
        uint32_t size = reader_u32(&reader);
        hm_term term;
        if (size != UINT32_MAX)
            wanted = reader_bytes(&reader, size);
        assert_false(reader.failed);
        assert_int_equal(hm_term_check(in.at, in.size, true, NULL, &term), HM_OK);
        compare(context, term, wanted, size == UINT32_MAX);
    }
}

static void formats_as_otp_does(void **state) {
    struct totals totals = {0};
    (void)state;
    golden_each("io_format", ".bin", compare_all, &totals);
    print_message("%u cases\n", totals.cases);
    assert_true(totals.cases > 2000);
    assert_int_equal(totals.failures, 0);
}

static int format_with(size_t cap, const char *format, const char *arguments, char *text, size_t capacity) {
    struct writer out;
    hm_build *f = hm_build_new(), *a = hm_build_new();
    char why[100];
    writer_init(&out, cap);
    hm_put_charlist(f, format);
    assert_int_equal(hm_term_parse(arguments, HM_SYNTAX_ERLANG, a, why, sizeof why), HM_OK);
    int error = io_format(&out, hm_build_term(f), hm_build_term(a));
    if (text)
        snprintf(text, capacity, "%.*s", (int)out.size, (char *)out.at);
    writer_fini(&out);
    hm_build_free(f);
    hm_build_free(a);
    return error;
}

/* A few bytes must not become gigabytes. */
static void a_short_format_cannot_fill_the_memory(void **state) {
    static const char *const FORMATS[] = {"~99999999c", "~99999999w", "~.99999999f", "~99999999.99999999c",
                                          "~99999999s"};
    static const char *const ARGUMENTS[] = {"[120]", "[x]", "[1.5]", "[120]", "[x]"};
    (void)state;
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        assert_int_equal(format_with(1000, FORMATS[i], ARGUMENTS[i], NULL, 0), HM_ELIMIT);
    assert_int_equal(format_with(1000, "~99999999999999999999w", "[x]", NULL, 0), HM_EINVAL);
}

static void integers_of_thousands_of_digits_are_refused(void **state) {
    struct writer out;
    size_t size = 10000;
    (void)state;
    uint8_t *big = calloc(1, size + 6);
    big[0] = 111; /* LARGE_BIG_EXT */
    set_be32(big + 1, (uint32_t)size);
    memset(big + 6, 0xFF, size);
    hm_build *arguments = hm_build_new(), *format = hm_build_new();
    hm_put_list(arguments, 1);
    hm_put_term(arguments, (hm_term){big, size + 6});
    hm_put_nil(arguments);
    hm_put_charlist(format, "~b");
    writer_init(&out, CAP);
    assert_int_equal(io_format(&out, hm_build_term(format), hm_build_term(arguments)), HM_ELIMIT);
    writer_fini(&out);
    hm_build_free(arguments);
    hm_build_free(format);
    free(big);
}

/* Terms with more parts than are laid out come in one line, as deep as they may be. */
static void terms_too_large_for_a_layout_are_written_in_one_line(void **state) {
    hm_build *format = hm_build_new(), *arguments = hm_build_new();
    struct writer out;
    const uint32_t count = 300000;
    (void)state;
    hm_put_charlist(format, "~p");
    hm_put_list(arguments, 1);
    hm_put_list(arguments, count);
    for (uint32_t i = 0; i < count; i++)
        hm_put_int64(arguments, 1000);
    hm_put_nil(arguments);
    hm_put_nil(arguments);
    writer_init(&out, 16 << 20);
    assert_int_equal(io_format(&out, hm_build_term(format), hm_build_term(arguments)), HM_OK);
    assert_int_equal(out.size, count * 5 + 1);
    assert_null(memchr(out.at, '\n', out.size));
    writer_fini(&out);
    hm_build_reset(arguments);
    hm_put_list(arguments, 1);
    for (int i = 0; i < HM_DEPTH_MAX - 10; i++)
        hm_put_tuple(arguments, 1);
    hm_put_atom(arguments, "x");
    hm_put_nil(arguments);
    writer_init(&out, 64 << 20);
    assert_int_equal(io_format(&out, hm_build_term(format), hm_build_term(arguments)), HM_OK);
    writer_fini(&out);
    hm_build_free(format);
    hm_build_free(arguments);
}

static void functions_that_are_known(void **state) {
    static const struct {
        const char *call, *text;
        int error;
    } CASES[] = {
        {"{io_lib, format, [\"~p~n\", [{a}]]}", "{a}\n", HM_OK},
        {"{io_lib, fwrite, [\"~s\", [\"x\"]]}", "x", HM_OK},
        {"{io_lib, write, [\"ab\"]}", "[97,98]", HM_OK},
        {"{io_lib, write, [{a, b, c}, 2]}", "{a,...}", HM_OK},
        {"{io_lib, print, [\"ab\"]}", "\"ab\"", HM_OK},
        {"{io_lib, print, [[aaaa, bbbb], 1, 8, -1]}", "[aaaa,\n bbbb]", HM_OK},
        {"{io_lib, nl, []}", "\n", HM_OK},
        {"{io_lib, format, [\"~p\", []]}", "", HM_EINVAL},
        {"{io_lib, write, [a, b]}", "", HM_EINVAL},
        {"{io_lib, format, [\"x\"]}", "", HM_ENOENT},
        {"{io_lib, format, [a, b, c, d, e]}", "", HM_ENOENT},
        {"{io_lib, format, [a | b]}", "", HM_ENOENT},
        {"{my_module, format, [\"~p\", []]}", "", HM_ENOENT},
        {"{erlang, halt, []}", "", HM_ENOENT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *build = hm_build_new();
        struct writer out;
        hm_term parts[3];
        char why[100];
        assert_int_equal(hm_term_parse(CASES[i].call, HM_SYNTAX_ERLANG, build, why, sizeof why), HM_OK);
        assert_true(hm_tuple_elements(hm_build_term(build), 3, parts));
        writer_init(&out, CAP);
        assert_int_equal(io_format_apply(&out, parts[0], parts[1], parts[2]), CASES[i].error);
        if (!CASES[i].error) {
            assert_int_equal(out.size, strlen(CASES[i].text));
            assert_memory_equal(out.at, CASES[i].text, out.size);
        }
        writer_fini(&out);
        hm_build_free(build);
    }
}

/* A BEAM has a number for each node, which says nothing here. */
static void pids_have_the_name_of_their_node(void **state) {
    char text[100];
    (void)state;
    assert_int_equal(format_with(CAP, "~p ~w", "[<\"a@host\".12.3.4>, fun lists:map/2]", text, sizeof text),
                     HM_OK);
    assert_string_equal(text, "<a@host.12.3> fun lists:map/2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_as_otp_does),
        cmocka_unit_test(a_short_format_cannot_fill_the_memory),
        cmocka_unit_test(integers_of_thousands_of_digits_are_refused),
        cmocka_unit_test(terms_too_large_for_a_layout_are_written_in_one_line),
        cmocka_unit_test(functions_that_are_known),
        cmocka_unit_test(pids_have_the_name_of_their_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
