#include "etf_cmocka.h"

#include <math.h>

#include "etf/ids.h"

static hm_build *build;

static int set_up(void **state) {
    build = hm_build_new();
    return build ? 0 : -1;
}

static int tear_down(void **state) {
    hm_build_free(build);
    return 0;
}

static void expect(const char *text) {
    hm_term term = hm_build_term(build), checked;
    char *printed;
    assert_int_equal(hm_build_error(build), 0);
    assert_int_equal(hm_term_check(term.bytes, term.size, true, NULL, &checked), 0);
    assert_int_equal(hm_term_print(checked, HM_SYNTAX_ERLANG, 0, &printed), 0);
    assert_string_equal(printed, text);
    free(printed);
    hm_build_reset(build);
}

static void builds_each_kind(void **state) {
    hm_put_tuple(build, 9);
    hm_put_atom(build, "abc");
    hm_put_bool(build, true);
    hm_put_double(build, -0.5);
    hm_put_binary(build, NULL, 0);
    hm_put_text(build, "text");
    hm_put_charlist(build, "é");
    hm_put_charlist(build, "日");
    hm_put_nil(build);
    hm_put_map(build, 1);
    hm_put_atom(build, "k");
    hm_put_list(build, 0);
    hm_put_nil(build);
    expect("{abc,true,-0.5,<<>>,<<\"text\">>,\"é\",[26085],[],#{k => []}}");
}

static void builds_integers(void **state) {
    static const struct { int64_t value; const char *text;
    } cases[] = {
        {0, "0"},
        {255, "255"},
        {256, "256"},
        {-1, "-1"},
        {1 << 27, "134217728"},
        {-(1 << 27) - 1, "-134217729"},
        {INT32_MIN, "-2147483648"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value;
        hm_put_int64(build, cases[i].value);
        assert_true(hm_get_int64(hm_build_term(build), &value));
        assert_true(value == cases[i].value);
        expect(cases[i].text);
    }
    hm_put_uint64(build, UINT64_MAX);
    expect("18446744073709551615");
}

static void builds_lists_of_unknown_length(void **state) {
    size_t outer = hm_put_list_begin(build), inner;
    hm_put_list_end(build, outer, 0);
    expect("[]");
    outer = hm_put_list_begin(build);
    hm_put_int64(build, 1000);
    inner = hm_put_list_begin(build);
    hm_put_list_end(build, inner, 0);
    hm_put_list_end(build, outer, 2);
    expect("[1000,[]]");
}

static void sticks_to_the_first_error(void **state) {
    hm_put_double(build, NAN);
    hm_put_nil(build);
    assert_int_equal(hm_build_error(build), HM_EINVAL);
    assert_int_equal(hm_build_term(build).size, 0);
    hm_build_reset(build);
    hm_put_atom_n(build, "\xFF", 1);
    assert_int_equal(hm_build_error(build), HM_EINVAL);
    hm_build_reset(build);
    hm_put_term(build, (hm_term){0});
    assert_int_equal(hm_build_error(build), HM_EINVAL);
    hm_build_reset(build);
    hm_put_pid(build, HM_NO_PID);
    assert_int_equal(hm_build_error(build), HM_EINVAL);
    hm_build_reset(build);
    hm_put_binary(build, "", (size_t)3 << 30);
    assert_int_equal(hm_build_error(build), HM_ELIMIT);
    hm_build_reset(build);
    hm_put_nil(build);
    expect("[]");
}

/* A header that lies would make the peer drop the connection. */
static void finds_wrong_counts(void **state) {
    assert_int_equal(hm_build_error(build), 0); /* empty */
    hm_put_tuple(build, 2);
    hm_put_nil(build);
    assert_int_equal(hm_build_error(build), HM_EINVAL);
    assert_int_equal(hm_build_term(build).size, 0);
    hm_put_nil(build);
    assert_int_equal(hm_build_error(build), 0);
    hm_put_nil(build);
    assert_int_equal(hm_build_error(build), HM_EINVAL);
    hm_build_reset(build);
    size_t list = hm_put_list_begin(build);
    hm_put_nil(build);
    hm_put_list_end(build, list, 2);
    assert_int_equal(hm_build_error(build), HM_EINVAL);
    hm_build_reset(build);
    list = hm_put_list_begin(build);
    hm_put_nil(build);
    hm_put_list_end(build, list, 0);
    assert_int_equal(hm_build_error(build), HM_EINVAL);
}

static void formats(void **state) {
    struct names *names = names_new(5);
    hm_pid pid = {names_intern(names, "a@host", 6), 54, 0, 7};
    hm_ref ref = {.node = pid.node, .creation = 7, .words = 2, .id = {1, 2}};
    hm_term inner = erl("[x]");
    hm_put_format(
        build,
        "{ok, [{nick, ~s}, {'count x', ~i} | ~t], #{~a => ~u, <<\"k\">> => ~f}, ~p, ~r, ~b, ~c, -5, 1.5, []}",
        "n", (int64_t)-3, inner, "key", (uint64_t)4, 0.25, pid, &ref, "by", (size_t)2, "ab");
    expect("{ok,[{nick,<<\"n\">>},{'count x',-3},x],#{key => 4,<<\"k\">> => "
           "0.25},<a@host.54.0>,#Ref<a@host.2.1>,"
           "<<\"by\">>,\"ab\",-5,1.5,[]}");
    hm_put_format(build, " { } ");
    expect("{}");
    hm_put_format(build, "\"a\\\"b\"");
    expect("<<\"a\\\"b\">>");
    drop(inner);
    names_free(names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(builds_each_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(builds_integers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(builds_lists_of_unknown_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sticks_to_the_first_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_wrong_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(formats, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
