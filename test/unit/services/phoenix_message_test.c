#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/phoenix_message.h"

static const char usual[] = "'Elixir.Phoenix.PubSub'", channels[] = "'Elixir.Phoenix.Channel.Server'";

static const char *refusal(const char *topic, const char *message, const char *dispatcher) {
    hm_build *build[3];
    const char *text[3] = {topic, message, dispatcher};
    char why[128];
    for (int i = 0; i < 3; i++) {
        build[i] = hm_build_new();
        if (text[i] && hm_term_parse(text[i], HM_SYNTAX_ERLANG, build[i], why, sizeof why))
            fail_msg("%s: %s", text[i], why);
    }
    const char *answer = phoenix_message_refusal(hm_build_term(build[0]), hm_build_term(build[1]), hm_build_term(build[2]));
    for (int i = 0; i < 3; i++)
        hm_build_free(build[i]);
    return answer;
}

#define BROADCAST(topic, payload)                                                                                \
    "#{'__struct__' => 'Elixir.Phoenix.Socket.Broadcast', topic => " topic ", event => <<\"e\">>, payload => " payload "}"

static void nothing_is_sent_that_a_worker_cannot_take(void **state) {
    (void)state;
    assert_null(refusal("<<\"t\">>", "anything", NULL));
    assert_null(refusal("<<\"t\">>", "{any, thing}", usual));
    assert_null(refusal("<<\"t\">>", BROADCAST("<<\"t\">>", "#{a => 1}"), channels));
    assert_null(refusal("<<\"t\">>", BROADCAST("<<\"t\">>", "{binary, <<1, 2>>}"), channels));
    assert_string_equal(refusal("t", "m", NULL), "topic_not_a_binary");
    assert_string_equal(refusal("<<\"t\">>", "m", "'Elixir.MyApp.Dispatcher'"), "unknown_dispatcher");
    assert_string_equal(refusal("<<\"t\">>", "m", "[]"), "unknown_dispatcher");
    assert_string_equal(refusal("<<\"t\">>", "m", channels), "not_a_broadcast");
    assert_string_equal(refusal("<<\"t\">>", BROADCAST("<<\"t\">>", "[1]"), channels), "not_a_broadcast");
    assert_string_equal(refusal("<<\"t\">>", BROADCAST("<<\"t\">>", "{binary, a}"), channels), "not_a_broadcast");
    assert_string_equal(refusal("<<\"t\">>", BROADCAST("t", "#{}"), channels), "not_a_broadcast");
    assert_string_equal(refusal("<<\"t\">>", "#{payload => #{}}", channels), "not_a_broadcast");
}

static const char *payload_refusal(const char *payload) {
    char text[4096];
    snprintf(text, sizeof text, BROADCAST("<<\"t\">>", "%s"), payload);
    return refusal("<<\"t\">>", text, channels);
}

/* The encoder of JSON would raise in the worker. */
static void what_json_cannot_say_is_not_sent(void **state) {
    (void)state;
    static const char *const good[] = {
        "#{}", "#{a => nil, <<\"b\">> => true, 1 => 2, 1.5 => -1.5e300}", "#{a => [1, [], [\"text\", #{b => <<\"\\x{e9}\"/utf8>>}]]}",
        "#{a => 123456789012345678901234567890}", "{binary, <<255>>}"};
    static const char *const bad[] = {
        "#{a => {b, c}}", "#{a => [{b, 1}]}", "#{a => [1 | 2]}", "#{a => <<255>>}", "#{<<255>> => a}", "#{a => <<1:3>>}", "#{[] => a}",
        "#{{a} => b}", "#{a => #{'__struct__' => 'Elixir.MapSet', map => #{}}}", "#{'__struct__' => 'Elixir.My.Struct'}", "#{a => [#{b => {}}]}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (payload_refusal(good[i]))
            fail_msg("%s: %s", good[i], payload_refusal(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!payload_refusal(bad[i]) || strcmp(payload_refusal(bad[i]), "not_json") != 0)
            fail_msg("%s: %s", bad[i], payload_refusal(bad[i]) ? payload_refusal(bad[i]) : "sent");
    assert_string_equal(refusal("<<\"t\">>", BROADCAST("<<255>>", "#{}"), channels), "not_json");
}

static void a_name_before_bytes_has_one_byte_of_length(void **state) {
    (void)state;
    char name[300], text[1024];
    for (int size = 255; size <= 256; size++) {
        memset(name, 'n', (size_t)size);
        name[size] = '\0';
        snprintf(text, sizeof text, BROADCAST("<<\"%s\">>", "{binary, <<0>>}"), name);
        const char *why = refusal("<<\"t\">>", text, channels);
        if (size == 255)
            assert_null(why);
        else
            assert_string_equal(why, "name_too_long");
    }
}

static void nesting_has_an_end(void **state) {
    (void)state;
    char text[2048] = "#{a => ";
    for (int i = 0; i < 400; i++)
        strcat(text, "[");
    for (int i = 0; i < 400; i++)
        strcat(text, "]");
    strcat(text, "}");
    assert_string_equal(payload_refusal(text), "not_json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_that_a_worker_cannot_take),
        cmocka_unit_test(what_json_cannot_say_is_not_sent),
        cmocka_unit_test(a_name_before_bytes_has_one_byte_of_length),
        cmocka_unit_test(nesting_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
