/* What a node tells of itself, and that it tells each number once. */
#include "node_fixture.h"

#include <stdio.h>

#include "node/node_metrics.h"
#include "node/registry.h"

/* The sample that is looked for: of a metric, with these values of its labels. */
struct search {
    const char *name, *labels[HM_METRIC_LABELS];
    bool is_metric;
    unsigned found;
    double value;
};

static void on_metric(void *arg, const struct hm_metric *metric) {
    struct search *search = arg;
    search->is_metric = strcmp(metric->name, search->name) == 0;
}

static void on_sample(void *arg, const struct hm_metric *metric, const struct hm_sample *sample) {
    struct search *search = arg;
    if (!search->is_metric)
        return;
    for (size_t i = 0; i < metric_label_count(metric); i++)
        if (!search->labels[i] || sample->labels[i].size != strlen(search->labels[i]) ||
            memcmp(sample->labels[i].at, search->labels[i], sample->labels[i].size) != 0)
            return;
    search->found++;
    search->value = sample->real;
}

static double number(struct hm_node *node, const char *name, const char *label) {
    struct search search = {.name = name, .labels = {label}};
    hm_metrics_read(node, &(struct hm_metrics_reader){on_metric, on_sample, &search});
    if (search.found != 1)
        fail_msg("%u samples of %s %s", search.found, name, label ? label : "");
    return search.value;
}

/* Every name is written as Prometheus wants it, and nothing comes twice. */
struct names {
    char seen[16384];
    unsigned count;
};

static void check_metric(void *arg, const struct hm_metric *metric) {
    struct names *names = arg;
    char line[128];
    snprintf(line, sizeof line, "\n%s\n", metric->name);
    if (strstr(names->seen, line))
        fail_msg("%s comes twice", metric->name);
    strcat(names->seen, line);
    names->count++;
    size_t size = strlen(metric->name);
    bool is_total = size > 6 && strcmp(metric->name + size - 6, "_total") == 0;
    if ((metric->kind == HM_COUNTER) != is_total)
        fail_msg("%s: counters, and nothing else, end in _total", metric->name);
    size = strlen(metric->help);
    assert_true(size > 0 && metric->help[size - 1] != '.');
}

static void ignore_sample(void *arg, const struct hm_metric *metric, const struct hm_sample *sample) {
    (void)arg;
    (void)sample;
    if (metric->kind == HM_HISTOGRAM)
        assert_non_null(sample->histogram);
    else
        assert_null(sample->histogram);
}

static void names_follow_the_conventions(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    static struct names names;
    assert_int_equal(node_metrics_add(node), HM_OK);
    hm_metrics_read(node, &(struct hm_metrics_reader){check_metric, ignore_sample, &names});
    assert_true(names.count > 50);
    fixture_free(node);
}

static void processes_and_limits_are_counted(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen), *other;
    assert_int_equal(node_metrics_add(node), HM_OK);
    assert_int_equal(registry_add(process, "p", 1), HM_OK);
    assert_true(number(node, "hermod_processes", NULL) == 1);
    process_suspend(process); /* what comes waits, up to the 50 of the fixture */
    for (int i = 0; i < 60; i++)
        fixture_tell(process, "hello");
    assert_true(number(node, "hermod_run_queue", NULL) == 1);
    assert_true(number(node, "hermod_process_mailbox_messages", "p") == 50);
    assert_true(number(node, "hermod_process_dropped_messages_total", "p") == 10);
    assert_true(number(node, "hermod_limit_hits_total", "max-mailbox") == 10);
    assert_true(number(node, "hermod_limit", "max-mailbox") == 50);
    process_resume(process);
    fixture_run();
    assert_true(number(node, "hermod_process_messages_total", "p") == 50);
    assert_true(number(node, "hermod_messages_handled_total", NULL) == 50);
    node->max_processes = 1;
    assert_int_equal(process_spawn(node, &seen_class, &other), HM_ELIMIT);
    assert_true(number(node, "hermod_limit_hits_total", "max-processes") == 1);
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d@host", i);
        names_intern(node->names, name, strlen(name));
    }
    assert_true(number(node, "hermod_node_names", NULL) == 100);
    assert_true(number(node, "hermod_limit_hits_total", "max-names") == 101);
    fixture_free(node);
    seen_clear(&seen);
}

static void connections_that_are_gone_count_in_the_sums(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    assert_int_equal(node_metrics_add(node), HM_OK);
    channel_stats_add(&node->counters.gone, &(struct channel_stats){.bytes_in = 5, .frames_out = 2, .ticks_missed = 1, .busy = 3});
    channel_stats_add(&node->counters.gone, &(struct channel_stats){.bytes_in = 5});
    assert_true(number(node, "hermod_received_bytes_total", NULL) == 10);
    assert_true(number(node, "hermod_sent_frames_total", NULL) == 2);
    assert_true(number(node, "hermod_missed_ticks_total", NULL) == 1);
    assert_true(number(node, "hermod_busy_times_total", NULL) == 3);
    node->dist.counters.refused[DOWN_COOKIE] = 4;
    node->dist.counters.lost[DOWN_TICK] = 2;
    assert_true(number(node, "hermod_connections_refused_total", "cookie") == 4);
    assert_true(number(node, "hermod_connections_lost_total", "tick") == 2);
    fixture_free(node);
}

static void more_names_than_are_told(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    enum { MANY = METRICS_PROCESSES + 50 };
    static struct seen seen[MANY];
    node->max_processes = MANY;
    assert_int_equal(node_metrics_add(node), HM_OK);
    for (unsigned i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "p%u", i);
        assert_int_equal(registry_add(fixture_process(node, &seen[i]), name, strlen(name)), HM_OK);
    }
    assert_true(number(node, "hermod_process_mailbox_messages", "p0") == 0);
    struct search search = {.name = "hermod_process_mailbox_messages", .labels = {"p1049"}};
    hm_metrics_read(node, &(struct hm_metrics_reader){on_metric, on_sample, &search});
    assert_int_equal(search.found, 0);
    fixture_free(node);
    for (unsigned i = 0; i < MANY; i++)
        seen_clear(&seen[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_conventions),
        cmocka_unit_test(processes_and_limits_are_counted),
        cmocka_unit_test(connections_that_are_gone_count_in_the_sums),
        cmocka_unit_test(more_names_than_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
