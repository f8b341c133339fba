/* Metrics as the map that :rpc.call(node, :hermod, :metrics, []) gives. */
#include "otp_fixture.h"
#include "otp/metrics_term.h"

static const struct hm_metric METRICS[] = {
    {"plain_total", HM_COUNTER, "Plain", {0}},
    {"real_seconds", HM_GAUGE, "Real", {0}},
    {"labelled", HM_GAUGE, "Labelled", {"peer", "kind"}},
    {"nobody", HM_GAUGE, "Has no samples now", {"peer"}},
    {"missing", HM_GAUGE, "Told by nobody", {0}},
    {"time_seconds", HM_HISTOGRAM, "Time", {"name"}},
    {"own_seconds", HM_HISTOGRAM, "Time", {0}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    static const double bounds[] = {0.5, 2};
    static const uint64_t counts[] = {1, 0, 3};
    struct hm_histogram histogram = {bounds, counts, 2, 4.5};
    struct hm_text first[] = {hm_text_of("a@h"), hm_text_of("x")}, second[] = {{"\xff\0", 2}, hm_text_of("")};
    (void)arg;
    switch (metric) {
    case 0:
        hm_metric_put(out, NULL, UINT64_MAX);
        hm_metric_put(out, NULL, 1); /* says nothing that a map could hold */
        break;
    case 1:
        hm_metric_put_real(out, NULL, 1.5);
        break;
    case 2:
        hm_metric_put(out, first, 1);
        hm_metric_put_real(out, second, -2);
        break;
    case 5:
        hm_metric_put_histogram(out, first, &histogram);
        break;
    case 6:
        hm_metric_put_histogram(out, NULL, &histogram);
        break;
    }
}

static hm_term value_of(hm_term map, const char *name) {
    hm_term value = {0};
    if (!hm_map_get_atom(map, name, &value))
        fail_msg("there is no %s", name);
    return value;
}

static void expect(hm_term map, const char *name, const char *text) {
    char *printed = print_term(value_of(map, name));
    assert_string_equal(printed, text);
    free(printed);
}

static void each_metric_is_one_key(void **state) {
    struct fixture *fixture = *state;
    struct hm_metrics *source;
    hm_build *build = hm_build_new();
    assert_int_equal(hm_metrics_add(fixture->node, METRICS, sizeof METRICS / sizeof *METRICS, collect, NULL, &source), HM_OK);
    metrics_put_term(fixture->node, build);
    assert_int_equal(hm_build_error(build), HM_OK);
    hm_term map = hm_build_term(build), checked;
    assert_int_equal(hm_term_check(map.bytes, map.size, true, NULL, &checked), HM_OK); /* a peer would do so, too */
    expect(map, "plain_total", "18446744073709551615");
    expect(map, "real_seconds", "1.5");
    expect(map, "labelled", "[#{peer => <<\"a@h\">>,kind => <<\"x\">>,value => 1},#{peer => <<255,0>>,kind => <<>>,value => -2.0}]");
    expect(map, "nobody", "[]");
    expect(map, "missing", "undefined");
    expect(map, "time_seconds", "[#{name => <<\"a@h\">>,buckets => [{0.5,1},{2.0,1},{infinity,4}],count => 4,sum => 4.5}]");
    expect(map, "own_seconds", "#{buckets => [{0.5,1},{2.0,1},{infinity,4}],count => 4,sum => 4.5}");
    /* The node's own are there as well. */
    double names;
    assert_true(hm_get_double(value_of(map, "hermod_global_names"), &names));
    hm_build_free(build);
    hm_metrics_remove(source);
}

static void a_call_counts(void **state) {
    struct fixture *fixture = *state;
    fixture_call(fixture, hm_to_name("net_kernel", NULL), "{is_auth, a@b}");
    hm_build *build = hm_build_new();
    metrics_put_term(fixture->node, build);
    struct hm_list list;
    hm_term sample, name;
    bool found = false;
    assert_true(hm_list_begin(value_of(hm_build_term(build), "hermod_process_calls_total"), &list));
    while (hm_list_next(&list, &sample)) {
        uint64_t value;
        assert_true(hm_map_get_atom(sample, "name", &name) && hm_get_uint64(value_of(sample, "value"), &value));
        bool is_it = hm_match(name, "\"net_kernel\"");
        assert_int_equal(value, is_it);
        found = found || is_it;
    }
    assert_true(found);
    hm_build_free(build);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_metric_is_one_key),
        TEST(a_call_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
