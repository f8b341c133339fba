#include "services/dispatch_metrics.h"

enum {
    TOPICS,
    PATTERNS,
    SUBSCRIPTIONS,
    SUBSCRIBERS,
    PUBLISHED,
    DELIVERED,
    DROPPED,
    KEPT,
    DISCONNECTED,
    METRICS,
};

#define METRIC(name, kind, help) {"hermod_pubsub_" name, kind, help, {"service"}}

static const struct hm_metric TABLE[METRICS] = {
    [TOPICS] = METRIC("topics", HM_GAUGE, "Topics with subscribers"),
    [PATTERNS] = METRIC("patterns", HM_GAUGE, "Patterns with subscribers"),
    [SUBSCRIPTIONS] = METRIC("subscriptions", HM_GAUGE, "Subscriptions"),
    [SUBSCRIBERS] = METRIC("subscribers", HM_GAUGE, "Processes that are subscribed"),
    [PUBLISHED] = METRIC("published_total", HM_COUNTER, "Messages published"),
    [DELIVERED] = METRIC("delivered_total", HM_COUNTER, "Messages sent to subscribers"),
    [DROPPED] = METRIC("dropped_total", HM_COUNTER, "Messages that slow subscribers missed"),
    [KEPT] = METRIC("kept_total", HM_COUNTER, "Messages kept for slow subscribers"),
    [DISCONNECTED] = METRIC("disconnected_total", HM_COUNTER, "Nodes disconnected because a subscriber there was slow"),
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct dispatch_metrics *metrics = arg;
    const struct dispatch_counters *counters = dispatch_counters(metrics->dispatch);
    struct hm_text service = hm_text_of(metrics->name);
    struct topics_size size;
    topics_counts(dispatch_topics(metrics->dispatch), &size);
    const uint64_t values[METRICS] = {
        [TOPICS] = size.topics,
        [PATTERNS] = size.patterns,
        [SUBSCRIPTIONS] = size.subscriptions,
        [SUBSCRIBERS] = size.subscribers,
        [PUBLISHED] = counters->published,
        [DELIVERED] = counters->delivered,
        [DROPPED] = counters->dropped,
        [KEPT] = counters->kept,
        [DISCONNECTED] = counters->disconnected,
    };
    hm_metric_put(out, &service, values[metric]);
}

int dispatch_metrics_add(struct dispatch_metrics *metrics, hm_node *node, const struct dispatch *dispatch, const char *name) {
    *metrics = (struct dispatch_metrics){.dispatch = dispatch, .name = name};
    return hm_metrics_add(node, TABLE, METRICS, collect, metrics, &metrics->source);
}

void dispatch_metrics_remove(struct dispatch_metrics *metrics) {
    hm_metrics_remove(metrics->source);
    metrics->source = NULL;
}
