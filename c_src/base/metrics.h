/*
 * base/metrics: the list of those who have numbers to tell, and the walk through them.
 *
 * Owns the list of sources; their counters are plain integers in structs of their own, so that counting costs an addition and reading
 * pays for the rest. A walk goes through metrics first and sources second, since the samples of one metric must stand together however many
 * sources it has. What is made of samples (a term, text, Prometheus) is up to struct hm_metrics_reader. One thread.
 */
#ifndef HM_BASE_METRICS_H
#define HM_BASE_METRICS_H

#include <hermod/metrics.h>

/* Zeroed is empty. */
struct metrics {
    struct hm_metrics *first;
};

/* See hm_metrics_add. */
int metrics_add(struct metrics *metrics, const struct hm_metric *table, size_t count, hm_metrics_collect *collect, void *arg,
                struct hm_metrics **source);
size_t metrics_count(const struct metrics *metrics); /* how many different ones */
void metrics_read(const struct metrics *metrics, const struct hm_metrics_reader *reader);
void metrics_fini(struct metrics *metrics);

size_t metric_label_count(const struct hm_metric *metric);

#endif
