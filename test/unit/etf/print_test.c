#include "etf_cmocka.h"

static void expect(hm_term term, enum hm_syntax syntax, size_t limit, const char *expected) {
    char *text;
    assert_int_equal(hm_term_print(term, syntax, limit, &text), 0);
    assert_string_equal(text, expected);
    free(text);
}

/* From text of Erlang to text of each. */
static void prints_each_syntax(void **state) {
    static const struct {
        const char *term, *erlang, *elixir, *json;
    } cases[] = {
        {"ok", "ok", ":ok", "\"ok\""},
        {"[nil, true, null, undefined]", "[nil,true,null,undefined]", "[nil, true, :null, :undefined]",
         "[null,true,null,\"undefined\"]"},
        {"\"abc\"", "\"abc\"", "~c\"abc\"", "[97,98,99]"},
        {"\"é\"", "\"é\"", "[233]", "[233]"},
        {"\"a#{b#\"", "\"a#{b#\"", "~c\"a\\#{b#\"", "[97,35,123,98,35]"},
        {"<<\"a#{b}\">>", "<<\"a#{b}\">>", "\"a\\#{b}\"", "\"a#{b}\""},
        {"<<\"a\\nb\\\"\\\\\\e\">>", "<<\"a\\nb\\\"\\\\\\e\">>", "\"a\\nb\\\"\\\\\\e\"",
         "\"a\\nb\\\"\\\\\\u001B\""},
        {"<<0, 255>>", "<<0,255>>", "<<0, 255>>", "[0,255]"},
        {"#{a => 1, <<\"b\">> => 2, 3 => {}}", "#{a => 1,<<\"b\">> => 2,3 => {}}",
         "%{:a => 1, \"b\" => 2, 3 => {}}", "{\"a\":1,\"b\":2,\"3\":[]}"},
        {"#{{a} => b}", "#{{a} => b}", "%{{:a} => :b}", "{\"{a}\":\"b\"}"},
        {"[{a, 1}, {'b c', 2}]", "[{a,1},{'b c',2}]", "[a: 1, \"b c\": 2]", "[[\"a\",1],[\"b c\",2]]"},
        {"[a | b]", "[a|b]", "[:a | :b]", "{\"list\":[\"a\"],\"tail\":\"b\"}"},
        {"[[[1000] | x], y | z]", "[[[1000]|x],y|z]", "[[[1000] | :x], :y | :z]",
         "{\"list\":[{\"list\":[[1000]],\"tail\":\"x\"},\"y\"],\"tail\":\"z\"}"},
        {"<<5:3>>", "<<5:3>>", "<<5::size(3)>>", "\"<<5:3>>\""},
        {"1.0e5", "1.0e5", "100000.0", "1.0e5"},
        {"-12345678901234567890", "-12345678901234567890", "-12345678901234567890", "-12345678901234567890"},
        {"<\"a@b\".1.2.3>", "<a@b.1.2>", "#PID<a@b.1.2>", "\"<a@b.1.2>\""},
        {"fun 'Elixir.Foo':bar/1", "fun 'Elixir.Foo':bar/1", "&Foo.bar/1", "\"fun 'Elixir.Foo':bar/1\""},
        {"#{'__struct__' => 'Elixir.Foo', a => 1}", "#{'__struct__' => 'Elixir.Foo',a => 1}", "%Foo{a: 1}",
         "{\"__struct__\":\"Elixir.Foo\",\"a\":1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hm_term term = erl(cases[i].term);
        expect(term, HM_SYNTAX_ERLANG, 0, cases[i].erlang);
        expect(term, HM_SYNTAX_ELIXIR, 0, cases[i].elixir);
        expect(term, HM_SYNTAX_JSON, 0, cases[i].json);
        drop(term);
    }
}

/* A nick must not move the cursor of who reads the log, nor turn the line around. */
static void escapes_what_a_terminal_acts_on(void **state) {
    hm_term evil = erl("{'a\\e[2Jb', <<\"x\\x{202E}y\\x{9B}z\"/utf8>>, '\\x{200B}'}");
    expect(evil, HM_SYNTAX_ERLANG, 0,
           "{'a\\e[2Jb',<<120,226,128,174,121,194,155,122>>,'\\x{200B}'}");
    expect(evil, HM_SYNTAX_ELIXIR, 0,
           "{:\"a\\e[2Jb\", <<120, 226, 128, 174, 121, 194, 155, 122>>, :\"\\u{200B}\"}");
    drop(evil);
    hm_term turned = erl("<<\"x\\x{202E}y🙂\"/utf8>>");
    expect(turned, HM_SYNTAX_ERLANG, 0, "<<\"x\\x{202E}y🙂\"/utf8>>");
    expect(turned, HM_SYNTAX_JSON, 0, "\"x\\u202Ey🙂\"");
    drop(turned);
    hm_term node = BYTES("Xw\4a\x1B@b\0\0\0\1\0\0\0\2\0\0\0\3");
    expect(node, HM_SYNTAX_ERLANG, 0, "<a\\e@b.1.2>");
    drop(node);
}

static void stops_at_the_limit(void **state) {
    hm_term term = erl("{ok, [abc, def], <<\"ééééééé\"/utf8>>}");
    expect(term, HM_SYNTAX_ERLANG, 8, "{ok,[abc...");
    expect(term, HM_SYNTAX_ERLANG, 20, "{ok,[abc,def],<<\"é...");
    expect(term, HM_SYNTAX_ERLANG, 19, "{ok,[abc,def],<<\"é...");
    expect(term, HM_SYNTAX_ERLANG, 18, "{ok,[abc,def],<<\"...");
    expect(term, HM_SYNTAX_ERLANG, 41, "{ok,[abc,def],<<\"ééééééé\"/utf8>>}");
    expect(term, HM_SYNTAX_JSON, 5, "[\"ok\"...");
    char *text;
    for (size_t limit = 1; limit < 60; limit++)
        for (int syntax = 0; syntax <= HM_SYNTAX_JSON; syntax++) {
            assert_int_equal(hm_term_print(term, (enum hm_syntax)syntax, limit, &text), 0);
            assert_true(strlen(text) <= limit + 3);
            free(text);
        }
    drop(term);
}

static void prints_deep_and_large(void **state) {
    char *text;
    hm_build *build = hm_build_new();
    for (int i = 0; i < 20000; i++) /* deeper than anything that was checked */
        hm_put_tuple(build, 1);
    hm_put_nil(build);
    assert_int_equal(hm_term_print(hm_build_term(build), HM_SYNTAX_ERLANG, 0, &text), 0);
    assert_non_null(strstr(text, "..."));
    free(text);
    hm_build_free(build);
    /* 1 bsl 80000: hexadecimal, since decimal takes quadratic time */
    uint8_t *big = calloc(1, 6 + 10001);
    memcpy(big, "o\0\0\x27\x11\0", 6);
    big[6 + 10000] = 1;
    hm_term term = bytes_term(big, 6 + 10001);
    assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &text), 0);
    assert_int_equal(strlen(text), 3 + 20001);
    assert_memory_equal(text, "16#1000", 7);
    hm_term again = erl(text);
    assert_true(hm_term_equal(again, term));
    drop(again);
    free(text);
    expect(term, HM_SYNTAX_ELIXIR, 6, "0x1000...");
    drop(term);
    free(big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_each_syntax),
        cmocka_unit_test(escapes_what_a_terminal_acts_on),
        cmocka_unit_test(stops_at_the_limit),
        cmocka_unit_test(prints_deep_and_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
