/*
 * Metrics: counters, gauges and histograms of a node, and those that your own code adds.
 *
 *     static const struct hm_metric METRICS[] = {
 *         {"shop_orders_total", HM_COUNTER, "Orders taken", {"country"}},
 *         {"shop_open_carts", HM_GAUGE, "Carts that are not paid", {0}},
 *     };
 *     static void collect(void *arg, size_t metric, hm_metrics_out *out) {
 *         struct shop *shop = arg;
 *         if (metric == 0)
 *             for (size_t i = 0; i < shop->country_count; i++)
 *                 hm_metric_put(out, (struct hm_text[]){hm_text_of(shop->countries[i].name)}, shop->countries[i].orders);
 *         else
 *             hm_metric_put(out, NULL, shop->open_carts);
 *     }
 *     hm_metrics_add(node, METRICS, 2, collect, shop, &shop->metrics);
 *
 *     iex> :rpc.call(node, :hermod, :metrics, [])
 *     %{shop_open_carts: 7, shop_orders_total: [%{country: "is", value: 12}], hermod_processes: 14, ...}
 *
 * Nothing is kept here: your code counts in plain integers of its own, and is asked for them when somebody reads (`hermod status`, :rpc, a
 * scrape). So counting costs an addition. Names and units follow the conventions of Prometheus: snake_case with the program's name in front,
 * counters end in _total (and nothing else has the name before it), base units (_seconds, _bytes).
 *
 * What varies goes into labels, and a label's values must be bounded: connected peers and registered names, never whatever a peer sends. Node
 * thread only.
 */
#ifndef HERMOD_METRICS_H
#define HERMOD_METRICS_H

#include <string.h>

#include <hermod/hermod.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hm_metric_kind {
    HM_COUNTER,   /* only grows, and begins again at 0 with its process or node */
    HM_GAUGE,     /* what is now */
    HM_HISTOGRAM, /* how often values lay below certain bounds */
};

enum { HM_METRIC_LABELS = 3 }; /* the most that a metric has */

/* One metric; with labels it has a sample for each combination of their values. */
struct hm_metric {
    const char *name; /* [a-z][a-z0-9_]* */
    enum hm_metric_kind kind;
    const char *help;                     /* a sentence without full stop */
    const char *labels[HM_METRIC_LABELS]; /* names as above, but not value, count, sum, buckets, le; NULL behind the last */
};

/* Of a histogram. counts[i]: values up to bounds[i] and above bounds[i - 1]; counts[buckets]: those above all bounds. */
struct hm_histogram {
    const double *bounds; /* ascending */
    const uint64_t *counts;
    size_t buckets; /* bounds */
    double sum;     /* of all values */
};

/* Where samples go while they are collected. */
typedef struct hm_metrics_out hm_metrics_out;

/* Puts the samples of metrics[metric], none or many, and changes nothing else. Called on the node's thread, once for each metric of the
 * table whenever somebody reads. */
typedef void hm_metrics_collect(void *arg, size_t metric, hm_metrics_out *out);

/* A source of metrics, from hm_metrics_add to hm_metrics_remove. */
typedef struct hm_metrics hm_metrics;

/*
 * Borrows the table and its strings until the source is removed. Several sources may have the same metric (each service its share of
 * hermod_limit_hits_total): their samples come together. source may be NULL when it stays as long as the node; else *source is for
 * hm_metrics_remove, which a server calls in terminate. HM_ENAME (a name that is none), HM_EINVAL (another source has the metric with another
 * kind or other labels, or a name twice in the table), HM_ENOMEM.
 */
HM_API int hm_metrics_add(hm_node *node, const struct hm_metric *metrics, size_t count, hm_metrics_collect *collect,
                          void *arg, hm_metrics **source);
HM_API void hm_metrics_remove(hm_metrics *source); /* NULL is allowed. Not while samples are collected */

/* ---- in a collect function ----------------------------------------------------------------------------------- */

/* A text that ends in NUL, as a label. Borrows it. */
static inline struct hm_text hm_text_of(const char *text) {
    struct hm_text result = {text, strlen(text)};
    return result;
}

/* labels: one value for each label of the metric, any bytes, borrowed until this returns; NULL without labels. No two samples of a metric may
 * have the same values; of a metric without labels only the first sample counts. */
HM_API void hm_metric_put(hm_metrics_out *out, const struct hm_text labels[], uint64_t value);
/* The same with a value that is no integer, and with a histogram (borrowed). */
HM_API void hm_metric_put_real(hm_metrics_out *out, const struct hm_text labels[], double value);
HM_API void hm_metric_put_histogram(hm_metrics_out *out, const struct hm_text labels[],
                                    const struct hm_histogram *histogram);

/* ---- reading them -------------------------------------------------------------------------------------------- */

struct hm_sample {
    const struct hm_text *labels; /* as many as the metric has */
    bool is_real;
    uint64_t integer;                     /* unless is_real, or of a histogram */
    double real;                          /* of an integer, too */
    const struct hm_histogram *histogram; /* NULL: a number */
};

/* How samples are told to a reader: each metric once, before its samples, also when it has none; metrics come in the order in which they were
 * added. Everything is borrowed until the function returns. They must neither add nor remove sources. */
struct hm_metrics_reader {
    void (*metric)(void *arg, const struct hm_metric *metric);
    void (*sample)(void *arg, const struct hm_metric *metric, const struct hm_sample *sample);
    void *arg;
};

/* Asks every source for its samples, now. Borrows the reader. */
HM_API void hm_metrics_read(hm_node *node, const struct hm_metrics_reader *reader);

#ifdef __cplusplus
}
#endif
#endif
