#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/bus.h"

static char why[256];

static hm_build *term(const char *text) {
    hm_build *build = hm_build_new();
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, why, sizeof why), 0);
    return build;
}

static void equals(hm_term found, const char *wanted) {
    hm_build *build = term(wanted);
    assert_true(hm_term_equal(found, hm_build_term(build)));
    hm_build_free(build);
}

/* What the term is to this bus; topic NULL: nothing. */
static void reads(const struct bus *bus, const char *text, const char *topic, const char *message) {
    hm_build *build = term(text);
    hm_term found_topic, found_message;
    bool is = bus_read(bus, hm_build_term(build), &found_topic, &found_message);
    assert_int_equal(is, topic != NULL);
    if (is) {
        equals(found_topic, topic);
        equals(found_message, message);
    }
    hm_build_free(build);
}

static void hermes_is_a_preset(void **state) {
    (void)state;
    struct bus bus;
    assert_int_equal(bus_parse("hermes", &bus, why, sizeof why), 0);
    assert_null(bus.scope);
    assert_string_equal(bus.name, "Elixir.Hermes.PGServer");
    equals(hm_build_term(bus.group), "{hermes, 'Elixir.Hermes.PubSub'}");
    reads(&bus, "{broadcast_to_local, 'user.created', #{name => <<\"Jade\">>}}", "'user.created'",
          "#{name => <<\"Jade\">>}");
    reads(&bus, "{broadcast_to_local, x}", NULL, NULL);
    reads(&bus, "{broadcast_to_all, x, y}", NULL, NULL);
    reads(&bus, "broadcast_to_local", NULL, NULL);
    bus_fini(&bus);
}

static void anybodys_design_can_be_described(void **state) {
    (void)state;
    struct bus bus;
    assert_int_equal(bus_parse("message={'$message', [1, 2], from, '$topic'},scope=my.scope,group=[a, {b, c}],name=Elixir.A.B",
                               &bus, why, sizeof why),
                     0);
    assert_string_equal(bus.scope, "my.scope");
    assert_string_equal(bus.name, "Elixir.A.B");
    equals(hm_build_term(bus.group), "[a, {b, c}]");
    reads(&bus, "{hello, [1, 2], from, <<\"t\">>}", "<<\"t\">>", "hello");
    reads(&bus, "{hello, [1, 3], from, <<\"t\">>}", NULL, NULL);
    bus_fini(&bus);
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"mercury", "there is no bus mercury"},
        {"", "needs name="},
        {"name=a,group=b", "needs name="},
        {"name=a,message={'$topic', '$message'}", "needs name="},
        {"group=b,message={'$topic', '$message'}", "needs name="},
        {"name=a,group={b,message={'$topic', '$message'}", "the group of a bus"},
        {"name=a,group=b,message=['$topic', '$message']", "is a tuple"},
        {"name=a,group=b,message={x, '$message'}", "'$topic' once"},
        {"name=a,group=b,message={'$topic', '$topic', '$message'}", "'$topic' once"},
        {"name=a,group=b,message={1,2,3,4,5,6,7,'$topic','$message'}", "at most 8"},
        {"name=,group=b,message={'$topic', '$message'}", "scope=, name="},
        {"colour=blue", "scope=, name="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bus bus;
        assert_int_equal(bus_parse(cases[i].text, &bus, why, sizeof why), HM_EINVAL);
        if (!strstr(why, cases[i].why))
            fail_msg("%s: %s", cases[i].text, why);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hermes_is_a_preset),
        cmocka_unit_test(anybodys_design_can_be_described),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
