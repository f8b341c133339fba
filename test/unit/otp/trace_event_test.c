/* Events as terms, maps, words and JSON; and what is no event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hermod/trace.h>

static hm_build *source, *target;

/* Text in Erlang to an event that lies in `source'. */
static int read(const char *text, struct hm_trace_event *event) {
    char error[200] = "";
    hm_build_reset(source);
    if (hm_term_parse(text, HM_SYNTAX_ERLANG, source, error, sizeof error))
        print_error("%s: %s\n", text, error);
    assert_int_equal(hm_build_error(source), HM_OK);
    return hm_trace_read(hm_build_term(source), event);
}

static struct hm_trace_event good(const char *text) {
    struct hm_trace_event event = {0};
    assert_int_equal(read(text, &event), HM_OK);
    return event;
}

static void expect_words(const char *term, enum hm_syntax syntax, const char *expected) {
    struct hm_trace_event event = good(term);
    char *text;
    assert_int_equal(hm_trace_print(&event, syntax, 60, &text), HM_OK);
    assert_string_equal(text, expected);
    free(text);
}

static void expect_map(const char *term, const char *expected) {
    struct hm_trace_event event = good(term);
    char error[200];
    hm_build_reset(target);
    hm_trace_put_map(target, &event);
    assert_int_equal(hm_build_error(target), HM_OK);
    hm_build *other = hm_build_new();
    assert_int_equal(hm_term_parse(expected, HM_SYNTAX_ERLANG, other, error, sizeof error), HM_OK);
    if (!hm_term_equal(hm_build_term(target), hm_build_term(other))) {
        char *text;
        hm_term_print(hm_build_term(target), HM_SYNTAX_ERLANG, 0, &text);
        print_error("%s\n", text);
        fail();
    }
    hm_build_free(other);
}

static void events_read_are_written_the_same(void **state) {
    static const char *const EVENTS[] = {
        "{trace, p, call, {m, f, [1]}}",
        "{trace, p, return_from, {m, f, 1}, v}",
        "{trace, p, exception_from, {m, f, 1}, {error, v}}",
        "{trace, p, 'receive', m}",
        "{trace, p, send, m, to}",
        "{trace, p, spawned, q, {m, f, 1}}",
        "{trace, p, exit, r}",
        "{trace, p, link, q}",
        "{trace, p, unlink, q}",
        "{trace, p, getting_linked, q}",
        "{trace, p, getting_unlinked, q}",
        "{trace, p, register, n}",
        "{trace, p, unregister, n}",
        "{trace, p, gc_minor_start, [{heap, 1}]}", /* HM_TRACE_OTHER from here */
        "{trace, p, in, {m, f, 1}}",
        "{trace, p, call, {m, f, [1]}, matched}",
        "{trace, p, something}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof EVENTS / sizeof *EVENTS; i++) {
        struct hm_trace_event event = good(EVENTS[i]);
        assert_int_equal(event.type, i < HM_TRACE_OTHER ? i : HM_TRACE_OTHER);
        hm_build_reset(target);
        hm_trace_put(target, &event, false);
        assert_true(hm_term_equal(hm_build_term(target), hm_build_term(source)));
    }
}

static void timestamps_are_those_of_os_timestamp(void **state) {
    (void)state;
    struct hm_trace_event event = good("{trace_ts, p, exit, r, {1795, 281613, 44033}}");
    assert_int_equal(event.time_us, 1795281613044033);
    hm_build_reset(target);
    hm_trace_put(target, &event, true);
    assert_true(hm_term_equal(hm_build_term(target), hm_build_term(source)));
    assert_int_equal(good("{trace_ts, p, exit, r, 17}").time_us, 0);
    assert_int_equal(good("{trace_ts, p, exit, r, {1, 1000000, 0}}").time_us, 0);
    assert_int_equal(good("{trace_ts, p, exit, r, {9999999999, 1, 0}}").time_us, 0);
}

static void what_is_no_event_is_refused(void **state) {
    static const char *const OTHERS[] = {"a", "{}", "{trace}", "{trace, p}", "{traces, p, exit, r}", "{trace, p, \"exit\", r}",
                                         "{trace, p, send, a, b, c}", "{trace_ts, p, exit}", "{drop, 5}", "{trace, p, a, b, c, d, e}"};
    struct hm_trace_event event;
    (void)state;
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        assert_int_equal(read(OTHERS[i], &event), HM_EBADTERM);
}

static void words(void **state) {
    (void)state;
    expect_words("{trace, p, call, {'Elixir.Foo', bar, [<<\"Buzz\">>]}}", HM_SYNTAX_ELIXIR,
                 "Elixir.Foo.bar/1 is being called with: [\"Buzz\"]");
    expect_words("{trace, p, return_from, {'Elixir.Foo', bar, 1}, <<\"Hello\">>}", HM_SYNTAX_ELIXIR,
                 "Elixir.Foo.bar/1 returns: \"Hello\"");
    expect_words("{trace, p, call, {'Elixir.Foo', bar, [<<\"Buzz\">>]}}", HM_SYNTAX_ERLANG,
                 "'Elixir.Foo':bar/1 is being called with: [<<\"Buzz\">>]");
    expect_words("{trace, p, call, {m, f, [104, 105]}}", HM_SYNTAX_ELIXIR, "m.f/2 is being called with: [104, 105]");
    expect_words("{trace, p, call, {m, f, []}}", HM_SYNTAX_ELIXIR, "m.f/0 is being called with: []");
    expect_words("{trace, p, exception_from, {m, f, 1}, {throw, ball}}", HM_SYNTAX_ELIXIR, "m.f/1 throws: :ball");
    expect_words("{trace, p, exception_from, {m, f, 1}, {exit, normal}}", HM_SYNTAX_ELIXIR, "m.f/1 exits: :normal");
    expect_words("{trace, p, exception_from, {m, f, 1}, odd}", HM_SYNTAX_ELIXIR, "m.f/1 fails: :odd");
    expect_words("{trace, [p], 'receive', m}", HM_SYNTAX_ELIXIR, "[:p] receives: :m");
    expect_words("{trace, [p], send, m, to}", HM_SYNTAX_ERLANG, "[p] sends to to: m");
    expect_words("{trace, a@b, 'receive', {{link, x, y}}}", HM_SYNTAX_ELIXIR, "from a@b: {:link, :x, :y}");
    expect_words("{trace, a@b, send, {{send, x, y}, hi}, a@b}", HM_SYNTAX_ELIXIR, "to a@b: {:send, :x, :y} :hi");
    expect_words("{trace, a@b, 'receive', odd}", HM_SYNTAX_ELIXIR, "from a@b: :odd");
    expect_words("{trace, p, spawned, q, {m, f, [1, a]}}", HM_SYNTAX_ELIXIR, ":p is started by :q: m.f/2 with: [1, :a]");
    expect_words("{trace, p, spawned, q, strange}", HM_SYNTAX_ELIXIR, ":p is started by :q: :strange");
    expect_words("{trace, p, call, strange}", HM_SYNTAX_ELIXIR, ":p call :strange");
    expect_words("{trace, p, call, {m, f, [a | b]}}", HM_SYNTAX_ELIXIR, ":p call {:m, :f, [:a | :b]}");
    expect_words("{trace, p, in, 0}", HM_SYNTAX_ELIXIR, ":p in 0");
    expect_words("{trace, p, in}", HM_SYNTAX_ELIXIR, ":p in");
}

static void words_are_short_and_safe(void **state) {
    (void)state;
    expect_words("{trace, p, call, {'a\\e[2J', 'b\nc', [<<\"\\e[2J\">>]}}", HM_SYNTAX_ELIXIR,
                 ":\"a\\e[2J\".:\"b\\nc\"/1 is being called with: [\"\\e[2J\"]");
    struct hm_trace_event event = {.type = HM_TRACE_EXIT};
    char *text, *large = malloc(100000);
    memset(large, 'x', 100000);
    hm_build_reset(source);
    hm_put_binary(source, large, 100000);
    event.who = event.what = hm_build_term(source);
    assert_int_equal(hm_trace_print(&event, HM_SYNTAX_ELIXIR, 60, &text), HM_OK);
    assert_true(strlen(text) < 200);
    free(text);
    assert_int_equal(hm_trace_print(&event, HM_SYNTAX_ELIXIR, 0, &text), HM_OK);
    assert_true(strlen(text) > 1500 && strlen(text) < 2500);
    free(text);
    free(large);
}

static void maps_for_elixir(void **state) {
    static const char time[] = "#{'__struct__' => 'Elixir.DateTime', calendar => 'Elixir.Calendar.ISO', year => 2021, "
                               "month => 2, day => 5, hour => 19, "
                               "minute => 47, second => 35, microsecond => {7, 6}, time_zone => <<\"Etc/UTC\">>, "
                               "zone_abbr => <<\"UTC\">>, utc_offset => 0, "
                               "std_offset => 0}";
    char expected[1000];
    (void)state;
    snprintf(expected, sizeof expected, "#{args => [1], arity => 1, datetime => %s, function => f, module => m, type => call}", time);
    expect_map("{trace_ts, p, call, {m, f, [1]}, {1612, 554455, 7}}", expected);
    expect_map("{trace, p, return_from, {m, f, 1}, v}", "#{return_value => v, arity => 1, datetime => nil, function => f, "
                                                        "module => m, type => return}");
    expect_map("{trace, p, exception_from, {m, f, 1}, {error, v}}",
               "#{class => error, reason => v, arity => 1, datetime => nil, function => f, module => m, type => exception}");
    expect_map("{trace, p, send, a, b}", "#{args => [a, b], datetime => nil, pid => p, type => send}");
    expect_map("{trace, p, something, a}", "#{args => [a], datetime => nil, pid => p, type => something}");
    expect_map("{trace, p, something}", "#{args => [], datetime => nil, pid => p, type => something}");
}

static void json(void **state) {
    (void)state;
    expect_words("{trace_ts, p, call, {m, f, [<<\"a\">>, {b}]}, {1612, 554455, 7}}", HM_SYNTAX_JSON,
                 "{\"type\":\"call\",\"args\":[\"a\",[\"b\"]],\"module\":\"m\",\"function\":\"f\",\"arity\":2,"
                 "\"datetime\":\"2021-02-05T19:47:35.000007Z\"}");
    expect_words("{trace, p, exit, r}", HM_SYNTAX_JSON, "{\"datetime\":null,\"pid\":\"p\",\"type\":\"exit\",\"args\":[\"r\"]}");
}

static int setup(void **state) {
    (void)state;
    source = hm_build_new();
    target = hm_build_new();
    return source && target ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    hm_build_free(source);
    hm_build_free(target);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_read_are_written_the_same),
        cmocka_unit_test(timestamps_are_those_of_os_timestamp),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(words),
        cmocka_unit_test(words_are_short_and_safe),
        cmocka_unit_test(maps_for_elixir),
        cmocka_unit_test(json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
