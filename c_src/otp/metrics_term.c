#include "otp/metrics_term.h"

struct writing {
    hm_build *build;
    bool in_list;
    size_t list;
    uint32_t samples;
    bool is_open; /* a metric without labels that has no sample yet */
};

static void end_metric(struct writing *writing) {
    if (writing->in_list)
        hm_put_list_end(writing->build, writing->list, writing->samples);
    else if (writing->is_open)
        hm_put_atom(writing->build, "undefined");
    writing->in_list = writing->is_open = false;
    writing->samples = 0;
}

static void begin_metric(void *arg, const struct hm_metric *metric) {
    struct writing *writing = arg;
    end_metric(writing);
    hm_put_atom(writing->build, metric->name);
    if (metric_label_count(metric) == 0) {
        writing->is_open = true;
        return;
    }
    writing->in_list = true;
    writing->list = hm_put_list_begin(writing->build);
}

static void put_number(hm_build *build, const struct hm_sample *sample) {
    if (sample->is_real)
        hm_put_double(build, sample->real);
    else
        hm_put_uint64(build, sample->integer);
}

/* The three pairs of a histogram. */
static void put_histogram(hm_build *build, const struct hm_histogram *histogram) {
    uint64_t total = 0;
    hm_put_atom(build, "buckets");
    hm_put_list(build, (uint32_t)histogram->buckets + 1);
    for (size_t i = 0; i < histogram->buckets; i++) {
        total += histogram->counts[i];
        hm_put_format(build, "{~f, ~u}", histogram->bounds[i], total);
    }
    total += histogram->counts[histogram->buckets];
    hm_put_format(build, "{infinity, ~u}", total);
    hm_put_nil(build);
    hm_put_atom(build, "count");
    hm_put_uint64(build, total);
    hm_put_atom(build, "sum");
    hm_put_double(build, histogram->sum);
}

static void put_sample(void *arg, const struct hm_metric *metric, const struct hm_sample *sample) {
    struct writing *writing = arg;
    hm_build *build = writing->build;
    size_t labels = metric_label_count(metric);
    if (!writing->in_list) {
        writing->is_open = false;
        if (sample->histogram) {
            hm_put_map(build, 3);
            put_histogram(build, sample->histogram);
        } else {
            put_number(build, sample);
        }
        return;
    }
    writing->samples++;
    hm_put_map(build, (uint32_t)labels + (sample->histogram ? 3 : 1));
    for (size_t i = 0; i < labels; i++) {
        hm_put_atom(build, metric->labels[i]);
        hm_put_binary(build, sample->labels[i].at, sample->labels[i].size);
    }
    if (sample->histogram) {
        put_histogram(build, sample->histogram);
        return;
    }
    hm_put_atom(build, "value");
    put_number(build, sample);
}

void metrics_put_term(struct hm_node *node, hm_build *build) {
    struct writing writing = {.build = build};
    hm_put_map(build, (uint32_t)metrics_count(&node->metrics));
    metrics_read(&node->metrics, &(struct hm_metrics_reader){begin_metric, put_sample, &writing});
    end_metric(&writing);
}
