#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/metrics.h"

/* What a reader is told, one line for each. */
struct told {
    char text[2048];
};

static void tell(struct told *told, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct told *told, const char *format, ...) {
    size_t used = strlen(told->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(told->text + used, sizeof told->text - used, format, arguments);
    va_end(arguments);
}

static void on_metric(void *arg, const struct hm_metric *metric) {
    tell(arg, "%s\n", metric->name);
}

static void on_sample(void *arg, const struct hm_metric *metric, const struct hm_sample *sample) {
    tell(arg, " ");
    for (size_t i = 0; i < metric_label_count(metric); i++)
        tell(arg, " %s=%.*s", metric->labels[i], (int)sample->labels[i].size, sample->labels[i].at);
    if (sample->histogram)
        tell(arg, " sum %.1f of %zu buckets\n", sample->histogram->sum, sample->histogram->buckets);
    else if (sample->is_real)
        tell(arg, " %.2f\n", sample->real);
    else
        tell(arg, " %llu\n", (unsigned long long)sample->integer);
}

static const char *read_all(const struct metrics *metrics, struct told *told) {
    told->text[0] = '\0';
    metrics_read(metrics, &(struct hm_metrics_reader){on_metric, on_sample, told});
    return told->text;
}

static const struct hm_metric A[] = {
    {"a_seconds", HM_GAUGE, "A", {0}},
    {"hits_total", HM_COUNTER, "Hits", {"limit"}},
};
static const struct hm_metric B[] = {
    {"b_total", HM_COUNTER, "B", {0}},
    {"hits_total", HM_COUNTER, "Hits", {"limit"}},
    {"time_seconds", HM_HISTOGRAM, "Time", {"name"}},
};

static void collect_a(void *arg, size_t metric, hm_metrics_out *out) {
    struct hm_text label = hm_text_of("frame");
    if (metric == 0)
        hm_metric_put_real(out, NULL, *(double *)arg);
    else
        hm_metric_put(out, &label, 1);
}

static void collect_b(void *arg, size_t metric, hm_metrics_out *out) {
    static const double bounds[] = {0.1, 1};
    static const uint64_t counts[] = {1, 2, 3};
    struct hm_histogram histogram = {bounds, counts, 2, 7.5};
    struct hm_text label = hm_text_of("mailbox");
    (void)arg;
    if (metric == 0)
        hm_metric_put(out, NULL, UINT64_MAX);
    else if (metric == 1)
        hm_metric_put(out, &label, 2);
    else
        hm_metric_put_histogram(out, &label, &histogram);
}

static void samples_of_one_metric_come_together(void **state) {
    (void)state;
    struct metrics metrics = {0};
    struct told told;
    double value = 1.5;
    assert_int_equal(metrics_add(&metrics, A, 2, collect_a, &value, NULL), HM_OK);
    assert_int_equal(metrics_add(&metrics, B, 3, collect_b, NULL, NULL), HM_OK);
    assert_string_equal(read_all(&metrics, &told), "a_seconds\n  1.50\n"
                                                   "hits_total\n  limit=frame 1\n  limit=mailbox 2\n"
                                                   "b_total\n  18446744073709551615\n"
                                                   "time_seconds\n  name=mailbox sum 7.5 of 2 buckets\n");
    value = 2;
    assert_memory_equal(read_all(&metrics, &told), "a_seconds\n  2.00\n", 17);
    metrics_fini(&metrics);
    assert_string_equal(read_all(&metrics, &told), "");
}

static void a_source_that_went_is_not_asked(void **state) {
    (void)state;
    struct metrics metrics = {0};
    struct hm_metrics *first, *second;
    struct told told;
    double value = 0;
    assert_int_equal(metrics_add(&metrics, A, 2, collect_a, &value, &first), HM_OK);
    assert_int_equal(metrics_add(&metrics, B, 2, collect_b, NULL, &second), HM_OK);
    hm_metrics_remove(first);
    assert_string_equal(read_all(&metrics, &told),
                        "b_total\n  18446744073709551615\nhits_total\n  limit=mailbox 2\n");
    hm_metrics_remove(second);
    hm_metrics_remove(NULL);
    assert_null(metrics.first);
}

static void two_that_tell_one_number_are_told_once(void **state) {
    (void)state;
    struct metrics metrics = {0};
    struct told told;
    double one = 1, two = 2;
    assert_int_equal(metrics_add(&metrics, A, 1, collect_a, &one, NULL), HM_OK);
    assert_int_equal(metrics_add(&metrics, A, 1, collect_a, &two, NULL), HM_OK);
    assert_string_equal(read_all(&metrics, &told), "a_seconds\n  1.00\n");
    metrics_fini(&metrics);
}

static int add_one(struct metrics *metrics, const char *name, enum hm_metric_kind kind, const char *first, const char *second) {
    struct hm_metric metric = {name, kind, "", {first, second}};
    struct hm_metrics *source = NULL;
    int error = metrics_add(metrics, &metric, 1, collect_a, NULL, &source);
    hm_metrics_remove(source);
    return error;
}

static void names_that_no_reader_could_write_are_refused(void **state) {
    (void)state;
    struct metrics metrics = {0};
    assert_int_equal(add_one(&metrics, "fine_2", HM_GAUGE, "peer", "name"), HM_OK);
    static const char *const BAD[] = {"", "2fine", "Fine", "fi-ne", "fi ne", "fine\n", NULL};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_int_equal(add_one(&metrics, BAD[i], HM_GAUGE, NULL, NULL), HM_ENAME);
        if (BAD[i])
            assert_int_equal(add_one(&metrics, "fine", HM_GAUGE, "peer", BAD[i]), HM_ENAME);
    }
    assert_int_equal(add_one(&metrics, "fine", HM_GAUGE, "value", NULL), HM_ENAME);
    assert_int_equal(add_one(&metrics, "fine", HM_GAUGE, "peer", "peer"), HM_ENAME);
}

static void a_metric_means_the_same_everywhere(void **state) {
    (void)state;
    struct metrics metrics = {0};
    double value = 0;
    assert_int_equal(metrics_add(&metrics, A, 2, collect_a, &value, NULL), HM_OK);
    assert_int_equal(add_one(&metrics, "hits_total", HM_COUNTER, "limit", NULL), HM_OK);
    assert_int_equal(add_one(&metrics, "hits_total", HM_GAUGE, "limit", NULL), HM_EINVAL);
    assert_int_equal(add_one(&metrics, "hits_total", HM_COUNTER, "cap", NULL), HM_EINVAL);
    assert_int_equal(add_one(&metrics, "hits_total", HM_COUNTER, NULL, NULL), HM_EINVAL);
    struct hm_metric twice[] = {{"x", HM_GAUGE, "", {0}}, {"x", HM_GAUGE, "", {0}}};
    assert_int_equal(metrics_add(&metrics, twice, 2, collect_a, NULL, NULL), HM_EINVAL);
    metrics_fini(&metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_one_metric_come_together),
        cmocka_unit_test(a_source_that_went_is_not_asked),
        cmocka_unit_test(two_that_tell_one_number_are_told_once),
        cmocka_unit_test(names_that_no_reader_could_write_are_refused),
        cmocka_unit_test(a_metric_means_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
