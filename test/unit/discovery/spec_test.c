/* KIND[:options]: what is understood, and what is said when it is not. */
#include "discovery_fixture.h"

static void expect_refused(const char *text, const char *says) {
    struct discovery_spec spec;
    char why[512] = "";
    assert_int_equal(discovery_parse(text, &spec, why, sizeof why), HM_EINVAL);
    if (!strstr(why, says))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, why, says);
}

static void read_it(const char *text, struct discovery_spec *spec) {
    char why[512] = "";
    if (discovery_parse(text, spec, why, sizeof why))
        fail_msg("%s: %s", text, why);
}

static void operands_and_keys(void **state) {
    struct discovery_spec spec;
    size_t place = 0;
    (void)state;
    read_it("static:a@h,mandatory=b@h,c@h,timeout=1.5", &spec);
    assert_string_equal(spec.strategy->kind, "static");
    assert_string_equal(discovery_value(&spec, NULL, &place), "a@h");
    assert_string_equal(discovery_value(&spec, NULL, &place), "c@h");
    assert_null(discovery_value(&spec, NULL, &place));
    assert_string_equal(discovery_text(&spec, "mandatory"), "b@h");
    assert_int_equal(discovery_number(&spec, "timeout"), 1500);
    discovery_spec_free(&spec);
}

static void defaults(void **state) {
    struct discovery_spec spec;
    size_t place = 0;
    (void)state;
    read_it("broadcast", &spec);
    assert_int_equal(discovery_number(&spec, "port"), 45826);
    assert_int_equal(discovery_number(&spec, "interval"), 2000);
    assert_string_equal(discovery_text(&spec, "address"), "255.255.255.255");
    assert_null(discovery_value(&spec, "if", &place));
    place = 0;
    assert_string_equal(discovery_value(&spec, "address", &place), "255.255.255.255");
    assert_null(discovery_value(&spec, "address", &place));
    assert_false(discovery_flag(&spec, "no such key"));
    discovery_spec_free(&spec);
}

static void the_last_of_several_counts(void **state) {
    struct discovery_spec spec;
    (void)state;
    read_it("broadcast:port=1,if=lo,if=eth7,port=65535", &spec);
    assert_int_equal(discovery_number(&spec, "port"), 65535);
    size_t place = 0;
    assert_string_equal(discovery_value(&spec, "if", &place), "lo");
    assert_string_equal(discovery_value(&spec, "if", &place), "eth7");
    assert_null(discovery_value(&spec, "if", &place));
    discovery_spec_free(&spec);
}

static void commas_of_a_value(void **state) {
    struct discovery_spec spec;
    size_t place = 0;
    (void)state;
    read_it("kubernetes:selector=tier in (a\\,b),selector=app=own,account=/a\\b", &spec);
    assert_string_equal(discovery_value(&spec, "selector", &place), "tier in (a,b)");
    assert_string_equal(discovery_value(&spec, "selector", &place), "app=own");
    assert_string_equal(discovery_text(&spec, "account"), "/a\\b");
    discovery_spec_free(&spec);
}

static void mistakes(void **state) {
    (void)state;
    expect_refused("", "there is no way to find nodes called \"\"");
    expect_refused("brodcast", "local-epmd");
    expect_refused("broadcast:prt=1", "it takes: port");
    expect_refused("broadcast:45826", "takes no \"45826\"");
    expect_refused("broadcast:port", "port=");
    expect_refused("broadcast:port=0", "from 1 to 65535");
    expect_refused("broadcast:port=65536", "from 1 to 65535");
    expect_refused("broadcast:port=99999999999999999999999", "from 1 to 65535");
    expect_refused("broadcast:port=-1", "from 1 to 65535");
    expect_refused("broadcast:port=1.5", "from 1 to 65535");
    expect_refused("broadcast:interval=0.01", "from 0.1 to 3600");
    expect_refused("broadcast:interval=1.2345", "seconds");
    expect_refused("broadcast:address=", "not empty");
    expect_refused("broadcast:port=1,", "between two commas");
    expect_refused("broadcast:", "between two commas");
    expect_refused("hosts", "hosts:FILE");
    expect_refused("hosts:interval=1", "hosts:FILE");
}

static void too_many(void **state) {
    char text[8 * DISCOVERY_VALUES] = "static:a@h";
    (void)state;
    for (int i = 0; i < DISCOVERY_VALUES; i++)
        strcat(text, ",a@h");
    expect_refused(text, "more than");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands_and_keys),         cmocka_unit_test(defaults),
        cmocka_unit_test(the_last_of_several_counts), cmocka_unit_test(mistakes),
        cmocka_unit_test(too_many),                  cmocka_unit_test(commas_of_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
