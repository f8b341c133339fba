#include "http/prometheus.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "etf/utf8.h"

static void put(struct writer *out, const char *text) {
    writer_put(out, text, strlen(text));
}

static void put_escaped(struct writer *out, const char *at, size_t size, bool quotes) {
    const uint8_t *p = (const uint8_t *)at, *end = p + size;
    while (p < end) {
        uint32_t character;
        unsigned length = utf8_next(p, end, &character);
        if (length == 0)
            put(out, "\xef\xbf\xbd"); /* U+FFFD */
        else if (*p == '\n')
            put(out, "\\n");
        else if (*p == '\\' || (quotes && *p == '"'))
            writer_put(out, (char[]){'\\', (char)*p}, 2);
        else
            writer_put(out, p, length);
        p += length ? length : 1;
    }
}

static void put_unsigned(struct writer *out, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put(out, text);
}

/* As short as it can be and still be the same number. */
static void put_real(struct writer *out, double value) {
    char text[32];
    if (isnan(value) || isinf(value)) {
        put(out, isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (sscanf(text, "%lf", &back) == 1 && back == value)
            break;
    }
    put(out, text);
}

/* name_suffix{label="value",le="0.1"}; le: of a bucket, NULL without. */
static void put_series(struct writer *out, const struct hm_metric *metric, const char *suffix, const struct hm_text labels[],
                       const double *le) {
    const char *between = "{";
    put(out, metric->name);
    put(out, suffix);
    for (size_t i = 0; i < HM_METRIC_LABELS && metric->labels[i]; i++) {
        put(out, between);
        put(out, metric->labels[i]);
        put(out, "=\"");
        put_escaped(out, labels[i].at, labels[i].size, true);
        put(out, "\"");
        between = ",";
    }
    if (le) {
        put(out, between);
        put(out, "le=\"");
        put_real(out, *le);
        put(out, "\"");
        between = ",";
    }
    put(out, *between == ',' ? "} " : " ");
}

/* Hermod's counts are those of each bucket, Prometheus' those of all buckets up to it. */
static void put_histogram(struct writer *out, const struct hm_metric *metric, const struct hm_sample *sample) {
    const struct hm_histogram *histogram = sample->histogram;
    uint64_t count = 0;
    for (size_t i = 0; i <= histogram->buckets; i++) {
        double bound = i < histogram->buckets ? histogram->bounds[i] : INFINITY;
        count += histogram->counts[i];
        put_series(out, metric, "_bucket", sample->labels, &bound);
        put_unsigned(out, count);
        put(out, "\n");
    }
    put_series(out, metric, "_sum", sample->labels, NULL);
    put_real(out, histogram->sum);
    put(out, "\n");
    put_series(out, metric, "_count", sample->labels, NULL);
    put_unsigned(out, count);
    put(out, "\n");
}

static void on_metric(void *arg, const struct hm_metric *metric) {
    static const char *const KINDS[] = {[HM_COUNTER] = "counter", [HM_GAUGE] = "gauge", [HM_HISTOGRAM] = "histogram"};
    struct writer *out = arg;
    put(out, "# HELP ");
    put(out, metric->name);
    put(out, " ");
    put_escaped(out, metric->help, strlen(metric->help), false);
    put(out, "\n# TYPE ");
    put(out, metric->name);
    put(out, " ");
    put(out, KINDS[metric->kind]);
    put(out, "\n");
}

static void on_sample(void *arg, const struct hm_metric *metric, const struct hm_sample *sample) {
    struct writer *out = arg;
    if (sample->histogram) {
        put_histogram(out, metric, sample);
        return;
    }
    put_series(out, metric, "", sample->labels, NULL);
    if (sample->is_real)
        put_real(out, sample->real);
    else
        put_unsigned(out, sample->integer);
    put(out, "\n");
}

struct hm_metrics_reader prometheus_reader(struct writer *out) {
    return (struct hm_metrics_reader){on_metric, on_sample, out};
}
