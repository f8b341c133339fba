#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "http/prometheus.h"

static const char *labels[3];
static struct hm_histogram histogram;

static const struct hm_metric METRICS[] = {
    {"a_seconds", HM_GAUGE, "With \\ and\na line", {0}},
    {"hits_total", HM_COUNTER, "Hits of \"it\"", {"limit", "x"}},
    {"wait_seconds", HM_HISTOGRAM, "Waited", {"name"}},
    {"plain_seconds", HM_HISTOGRAM, "Waited", {0}},
    {"none_total", HM_COUNTER, "No samples", {"peer"}},
};

static double real;

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    struct hm_text texts[] = {hm_text_of(labels[0]), hm_text_of(labels[1])};
    (void)arg;
    if (metric == 0)
        hm_metric_put_real(out, NULL, real);
    else if (metric == 1)
        hm_metric_put(out, texts, UINT64_MAX);
    else if (metric == 2)
        hm_metric_put_histogram(out, texts, &histogram);
    else if (metric == 3)
        hm_metric_put_histogram(out, NULL, &histogram);
}

static char text[4096];

static const char *render(void) {
    static const double bounds[] = {0.001, 0.5};
    static const uint64_t counts[] = {1, 2, 4};
    struct metrics metrics = {0};
    struct writer out;
    histogram = (struct hm_histogram){bounds, counts, 2, 3.25};
    writer_init(&out, sizeof text - 1);
    assert_int_equal(metrics_add(&metrics, METRICS, 5, collect, NULL, NULL), 0);
    struct hm_metrics_reader reader = prometheus_reader(&out);
    metrics_read(&metrics, &reader);
    assert_int_equal(out.error, 0);
    memcpy(text, out.at, out.size);
    text[out.size] = '\0';
    writer_fini(&out);
    metrics_fini(&metrics);
    return text;
}

static void a_scrape_is_as_the_format_says(void **state) {
    (void)state;
    labels[0] = "max-mailbox";
    labels[1] = "y";
    real = 0.25;
    assert_string_equal(render(), "# HELP a_seconds With \\\\ and\\na line\n"
                                  "# TYPE a_seconds gauge\n"
                                  "a_seconds 0.25\n"
                                  "# HELP hits_total Hits of \"it\"\n"
                                  "# TYPE hits_total counter\n"
                                  "hits_total{limit=\"max-mailbox\",x=\"y\"} 18446744073709551615\n"
                                  "# HELP wait_seconds Waited\n"
                                  "# TYPE wait_seconds histogram\n"
                                  "wait_seconds_bucket{name=\"max-mailbox\",le=\"0.001\"} 1\n"
                                  "wait_seconds_bucket{name=\"max-mailbox\",le=\"0.5\"} 3\n"
                                  "wait_seconds_bucket{name=\"max-mailbox\",le=\"+Inf\"} 7\n"
                                  "wait_seconds_sum{name=\"max-mailbox\"} 3.25\n"
                                  "wait_seconds_count{name=\"max-mailbox\"} 7\n"
                                  "# HELP plain_seconds Waited\n"
                                  "# TYPE plain_seconds histogram\n"
                                  "plain_seconds_bucket{le=\"0.001\"} 1\n"
                                  "plain_seconds_bucket{le=\"0.5\"} 3\n"
                                  "plain_seconds_bucket{le=\"+Inf\"} 7\n"
                                  "plain_seconds_sum 3.25\n"
                                  "plain_seconds_count 7\n"
                                  "# HELP none_total No samples\n"
                                  "# TYPE none_total counter\n");
}

/* A label's value can be a name that a peer chose. */
static void values_cannot_leave_their_quotes(void **state) {
    (void)state;
    labels[0] = "a\"} 1\nevil_total{b=\"\\";
    labels[1] = "\xff\xc3\xa9\xed\xa0\x80\xf0\x9f\x98\x80\r\t";
    render();
    assert_non_null(strstr(text, "hits_total{limit=\"a\\\"} 1\\nevil_total{b=\\\"\\\\\","));
    assert_null(strstr(text, "\nevil_total"));
    /* What is no UTF-8 (a lone byte, a surrogate) is replaced, the rest as it is. */
    assert_non_null(strstr(text, ",x=\"\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80\r\t\"}"));
}

static void numbers_are_exact(void **state) {
    static const struct {
        double value;
        const char *text;
    } CASES[] = {{0, "0"},        {1e300, "1e+300"}, {0.1, "0.1"}, {1.0 / 3, "0.3333333333333333"}, {INFINITY, "+Inf"},
                 {-INFINITY, "-Inf"}, {NAN, "NaN"},      {-2.5, "-2.5"}, {123456789012345678.0, "1.2345678901234568e+17"}};
    (void)state;
    labels[0] = labels[1] = "";
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char line[64];
        real = CASES[i].value;
        snprintf(line, sizeof line, "\na_seconds %s\n", CASES[i].text);
        if (!strstr(render(), line))
            fail_msg("no %s in %s", line, text);
    }
}

static void what_does_not_fit_is_an_error(void **state) {
    struct metrics metrics = {0};
    struct writer out;
    (void)state;
    labels[0] = labels[1] = "z";
    writer_init(&out, 100);
    assert_int_equal(metrics_add(&metrics, METRICS, 2, collect, NULL, NULL), 0);
    struct hm_metrics_reader reader = prometheus_reader(&out);
    metrics_read(&metrics, &reader);
    assert_int_equal(out.error, HM_ELIMIT);
    writer_fini(&out);
    metrics_fini(&metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scrape_is_as_the_format_says),
        cmocka_unit_test(values_cannot_leave_their_quotes),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
