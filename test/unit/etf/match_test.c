#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hermod/term.h>

static hm_build *build;

static int set_up(void **state) {
    (void)state;
    build = hm_build_new();
    return build ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    hm_build_free(build);
    return 0;
}

/* The term of a format, checked. */
static hm_term format(const char *pattern, ...) {
    va_list arguments;
    hm_term built, checked;
    hm_build_reset(build);
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    assert_int_equal(hm_build_error(build), 0);
    built = hm_build_term(build);
    assert_int_equal(hm_term_check(built.bytes, built.size, true, NULL, &checked), 0);
    return checked;
}

static void binds_results(void **state) {
    (void)state;
    struct hm_text name, nick;
    int64_t count;
    uint64_t size;
    double load;
    hm_term rest;
    hm_term term = format("{say, ~s, [joe, -5, 7 | tail], ~f, #{a => 1, <<\"b\">> => 2.5}}", "nick", 0.5);
    assert_true(
        hm_match(term, "{say, ~b, [~a, ~i, ~u | tail], ~f, ~t}", &nick, &name, &count, &size, &load, &rest));
    assert_int_equal(nick.size, 4);
    assert_memory_equal(nick.at, "nick", 4);
    assert_memory_equal(name.at, "joe", 3);
    assert_int_equal(count, -5);
    assert_int_equal(size, 7);
    assert_true(load == 0.5);
    assert_int_equal(hm_map_size(rest), 2);
    assert_false(
        hm_match(term, "{say, ~b, [~a, ~u, ~u | tail], ~f, ~t}", &nick, &name, &size, &size, &load, &rest));
}

static void compares_literals(void **state) {
    (void)state;
    assert_true(
        hm_match(format("{'$gen_cast', \"x\", <<>>, 1, 1.5, []}"), " { '$gen_cast' ,\"x\", <<>>,1,1.5,[]}"));
    assert_true(hm_match(format("\"a\\nb\""), "<<\"a\\nb\">>"));
    assert_true(hm_match(format("{}"), "{}"));
    assert_false(hm_match(format("{}"), "{_}"));
    assert_false(hm_match(format("{a}"), "{}"));
    assert_false(hm_match(format("{a, b}"), "{a}"));
    assert_false(hm_match(format("{a}"), "{a, b}"));
    assert_false(hm_match(format("ab"), "a"));
    assert_false(hm_match(format("[a]"), "[]"));
    assert_false(hm_match(format("[]"), "[_]"));
    assert_false(hm_match(format("[a | b]"), "[a]"));
    assert_true(hm_match(format("[a | b]"), "[a | b]"));
    assert_true(hm_match(format("[a, b, c]"), "[a | _]"));
    assert_true(hm_match(format("[a]"), "[a | []]"));
    assert_false(hm_match(format("1.0"), "1"));
    assert_false(hm_match(format("1"), "1.0"));
}

/* [1, 2] of the BEAM is STRING_EXT; its elements live as long as the term. */
static void looks_into_strings(void **state) {
    (void)state;
    hm_term a, b;
    int64_t i, j;
    hm_term term = format("~c", "ab");
    assert_true(hm_match(term, "[~t, ~t]", &a, &b));
    assert_true(hm_get_int64(a, &i) && hm_get_int64(b, &j));
    assert_int_equal(i, 'a');
    assert_int_equal(j, 'b');
    assert_false(hm_match(term, "[_]"));
    assert_false(hm_match(term, "[_, _, _]"));
    assert_true(hm_match(term, "[97 | _]"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(binds_results, set_up, tear_down),
        cmocka_unit_test_setup_teardown(compares_literals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(looks_into_strings, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
