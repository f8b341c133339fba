#include "etf_cmocka.h"

#include <stdio.h>

/* What the text is, as Erlang writes it; or the message. */
static void expect(const char *text, enum hm_syntax syntax, const char *expected) {
    char error[200] = "", *printed;
    hm_build *build = hm_build_new();
    int result = hm_term_parse(text, syntax, build, error, sizeof error);
    if (result == HM_ESYNTAX) {
        assert_string_equal(error, expected);
        assert_int_equal(hm_build_error(build), 0);
        assert_int_equal(hm_build_term(build).size, 0);
    } else {
        hm_term checked, built = hm_build_term(build);
        assert_int_equal(result, 0);
        assert_int_equal(hm_term_check(built.bytes, built.size, true, NULL, &checked), 0);
        assert_int_equal(hm_term_print(checked, HM_SYNTAX_ERLANG, 0, &printed), 0);
        assert_string_equal(printed, expected);
        free(printed);
    }
    hm_build_free(build);
}

struct row {
    const char *text, *expected;
};

static void expect_rows(const struct row *rows, size_t count, enum hm_syntax syntax) {
    for (size_t i = 0; i < count; i++)
        expect(rows[i].text, syntax, rows[i].expected);
}
#define EXPECT(rows, syntax) expect_rows(rows, sizeof(rows) / sizeof(rows)[0], syntax)

static void parses_erlang(void **state) {
    static const struct row rows[] = {
        {"{connect, <<\"john\">>}", "{connect,<<\"john\">>}"},
        {" [ a , 'B c' , \"d\\x{e9}\" | e ] . ", "[a,'B c',\"dé\"|e]"},
        {"#{a=>1,[]=>{}}", "#{a => 1,[] => {}}"},
        {"[-1, +2, 16#fF, 2#101, 36#z, 1_000, $a, $\\n, $é]", "[-1,2,255,5,35,1000,97,10,233]"},
        {"[1.5, -2.0e3, 1.0e-5, 1_0.2_5]", "[1.5,-2.0e3,1.0e-5,10.25]"},
        {"<<\"h\\xe9\", 1, 255:16, -1, 1:4>>", "<<104,233,1,0,255,255,1:4>>"},
        {"<<\"é\"/utf8>>", "<<\"é\"/utf8>>"},
        {"<<\"é\">>", "<<233>>"},
        {"'\\'\\101\\^G'", "'\\'A\\x{7}'"},
        {"fun lists:'map'/2", "fun lists:map/2"},
        {"<\"a@host\".1.2.3>", "<a@host.1.2>"},
        /* what io:format writes without quotes */
        {"{é,ñandú,fun ß:ø/1,aÀ}", "{'é','ñandú',fun 'ß':'ø'/1,'aÀ'}"},
        {"340282366920938463463374607431768211456", "340282366920938463463374607431768211456"},
        {"-340282366920938463463374607431768211456", "-340282366920938463463374607431768211456"},
    };
    EXPECT(rows, HM_SYNTAX_ERLANG);
}

static void parses_elixir(void **state) {
    static const struct row rows[] = {
        {"{:connect, \"john\"}", "{connect,<<\"john\">>}"},
        {"[:a, :\"b c\", :B, :ok?, :+, :==, nil, true, Foo.Bar, Elixir.Foo, :'x']",
         "[a,'b c','B','ok?','+','==',nil,true,'Elixir.Foo.Bar','Elixir.Foo',x]"},
        {"%{a: 1, \"b c\": 2}", "#{a => 1,'b c' => 2}"},
        {"%{:a => 1, \"b\" => [c: 2, d: []]}", "#{a => 1,<<\"b\">> => [{c,2},{d,[]}]}"},
        {"%Foo.Bar{a: 1}", "#{'__struct__' => 'Elixir.Foo.Bar',a => 1}"},
        {"['abc', ~c\"abc\", ~c'a\"']", "[\"abc\",\"abc\",\"a\\\"\"]"},
        {"[0xff, 0b101, 0o17, ?a, ?\\n, -3, 1_000, 1.5e3]", "[255,5,15,97,10,-3,1000,1.5e3]"},
        {"\"\\u00e9\\u{1F642}\\t\\\"\\#{\"", "<<\"é🙂\\t\\\"#{\"/utf8>>"},
        {"\"\\xFF\"", "<<255>>"},
        {"<<1, 2::size(3)>>", "<<1,2:3>>"},
        {"<<\"é\", 1::16>>", "<<195,169,0,1>>"},
        {"[&Enum.map/2, &:lists.map/2, &:erlang.+/2]",
         "[fun 'Elixir.Enum':map/2,fun lists:map/2,fun erlang:'+'/2]"},
        {"[1 | 2]", "[1|2]"},
        /* what inspect writes without quotes (Elixir 1.14): letters of all scripts, and operators, also as keys */
        {"[:é, :日本, :éa?, :a·b, é: 1, 日: 2]", "['é','日本','éa?','a·b',{'é',1},{'日',2}]"},
        {"[:{}, :%{}, :%, :<<>>, :..//, :.., :**, :~>, :<~, :<<<, :|>]", "['{}','%{}','%','<<>>','..//','..','**','~>','<~','<<<','|>']"},
        {"[+: 1, -: 2, &: 3, .: 4, ..: 5, {}: 6, %{}: 7, <<>>: 8, %: 9, !: 10, |: 11, ->: 12, ..//: 13]",
         "[{'+',1},{'-',2},{'&',3},{'.',4},{'..',5},{'{}',6},{'%{}',7},{'<<>>',8},{'%',9},{'!',10},{'|',11},{'->',12},{'..//',13}]"},
        {"%{&: &:lists.map/2, *: -1}", "#{'&' => fun lists:map/2,'*' => -1}"},
        {"[&Kernel.+/2, &Kernel.//2, &Kernel.../2, &Kernel...///3]",
         "[fun 'Elixir.Kernel':'+'/2,fun 'Elixir.Kernel':'/'/2,fun 'Elixir.Kernel':'..'/2,fun 'Elixir.Kernel':'..//'/3]"},
    };
    EXPECT(rows, HM_SYNTAX_ELIXIR);
}

static void finds_the_language(void **state) {
    static const struct row rows[] = {
        {"{a, 1}", "{a,1}"},
        {"{:a, 1}", "{a,1}"},
        {"\"john\"", "\"john\""},
        {"{:a, \"john\"}", "{a,<<\"john\">>}"},
        {"Foo", "'Elixir.Foo'"},
        {"[a: 1]", "[{a,1}]"},
        {"'a'", "a"},
        {"[:x, 'a']", "[x,\"a\"]"},
        {"1", "1"},
        {"{:a, b}", "a variable is no term (an atom is :b) at column 6"},
        {"{a, B}", "a variable is no term (write the value, or quotes around an atom) at column 5"},
    };
    EXPECT(rows, HM_SYNTAX_ANY);
}

static void says_what_is_wrong_and_where(void **state) {
    static const struct row erlang[] = {
        {"", "expected a term at column 1, where the text ends"},
        {"{a, b", "expected , or } at column 6, where the text ends"},
        {"[日 a]", "expected a term at column 2, not 日"},
        {"[÷ a]", "expected a term at column 2, not ÷"},
        {"[Éa]", "a variable is no term (write the value, or quotes around an atom) at column 2"},
        {"['é' a]", "expected , or | or ] at column 6, not a"},
        {"{a,\n  b,\n  c d}", "expected , or } at line 3, column 5, not d"},
        {"a b", "expected the end at column 3, not b"},
        {"'abc", "the closing quote is missing of the text that begins at column 1"},
        {"#{a => 1, a => 2}", "the key a stands twice in the map that ends at column 18"},
        {"#{1 => 1, 1 => 2}", "the key 1 stands twice in the map that ends at column 18"},
        {"#{a}", "expected => at column 4, not }"},
        {"12ab", "expected the end of the number at column 3, not a"},
        {"99#1", "the base of a number is 2 to 36 at column 1"},
        {"1.0e999", "the float is too large or too long at column 1"},
        {"<<300>>", "the integer does not fit into 8 bits at column 3"},
        {"<<\"日\">>", "a character over 255 needs \"text\"/utf8, for the text at column 3"},
        {"\"\\x{D800}\"", "there is no character D800 at column 3"},
        {"<a>", "expected another < at column 2, not a"},
        {"<0.1.0>", "this says too little to be read (a pid is written <\"node@host\".Id.Serial.Creation>) at column 2"},
        {"#Ref<0.1.2.3>", "this says too little to be read (a pid is written <\"node@host\".Id.Serial.Creation>) at column 2"},
        {"-", "expected a digit at column 2, where the text ends"},
    };
    static const struct row elixir[] = {
        {"\"a#{b}\"", "nothing can be interpolated (write \\#) at column 3"},
        {"~s(a)", "of the sigils only ~c\"...\" is known at column 1"},
        {"hello", "a variable is no term (an atom is :hello) at column 1"},
        {":", "expected an atom after the colon at column 2, where the text ends"},
        {"#PID<0.1.0>", "this says too little to be read (a pid is written <\"node@host\".Id.Serial.Creation>) at column 1"},
        {":★", "expected an atom after the colon at column 2, not ★"},
        {"é", "a variable is no term (an atom is :é) at column 1"},
        {"[+:a]", "expected a digit at column 3, not :"},
    };
    EXPECT(erlang, HM_SYNTAX_ERLANG);
    EXPECT(elixir, HM_SYNTAX_ELIXIR);
    expect("\xFF", HM_SYNTAX_ANY, "the text is not valid UTF-8");
}

static void limits_what_a_text_may_ask_for(void **state) {
    enum { DEPTH = 100000 };
    char error[200], *text = malloc(DEPTH + 1);
    hm_build *build = hm_build_new();
    memset(text, '[', DEPTH);
    text[DEPTH] = 0;
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ANY, build, error, sizeof error), HM_ESYNTAX);
    assert_string_equal(error, "terms are nested too deep at column 1025");
    memset(text, '7', DEPTH);
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ANY, build, error, sizeof error), HM_ESYNTAX);
    assert_string_equal(error, "the integer is too long (hexadecimal may be longer) at column 1");
    memset(text, 'a', DEPTH);
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, error, 10), HM_ESYNTAX);
    assert_int_equal(strlen(error), 9);
    hm_build_free(build);
    free(text);
}

static void appends_to_what_is_there(void **state) {
    hm_build *build = hm_build_new();
    char error[100];
    hm_put_tuple(build, 2);
    assert_int_equal(hm_term_parse("{a, 1}", HM_SYNTAX_ANY, build, error, sizeof error), 0);
    assert_int_equal(hm_term_parse("{a, ", HM_SYNTAX_ANY, build, error, sizeof error), HM_ESYNTAX);
    assert_int_equal(hm_term_parse("[b]", HM_SYNTAX_ANY, build, error, sizeof error), 0);
    assert_true(hm_match(hm_build_term(build), "{{a, 1}, [b]}"));
    hm_build_free(build);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_erlang),
        cmocka_unit_test(parses_elixir),
        cmocka_unit_test(finds_the_language),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(limits_what_a_text_may_ask_for),
        cmocka_unit_test(appends_to_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
