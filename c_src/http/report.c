#include "http/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <hermod/metrics.h>
#include <hermod/pg.h>

#include "base/clock.h"
#include "http/json.h"

/* What is asked, and the part of the answer that is kept. */
struct question {
    struct report *report;
    const char *name; /* of the server */
    hm_term answer;   /* a copy, of malloc; size 0: none (yet) */
};

struct report {
    struct report_options options;
    hm_process *self; /* NULL while it is down */
    struct question *questions; /* pubsub, user_list, trackers */
    size_t count, open;
    struct block *json; /* the last one */
    struct mono made;
};

enum { PUBSUB, USER_LIST, TRACKERS };

/* ---- numbers ---- */

struct metric_walk {
    struct json *json;
    size_t samples;
    bool open, scoped;
    char scopes[REPORT_SCOPES][HM_ATOM_BYTES]; /* of process groups */
    size_t scope_count;
    uint64_t groups; /* in all of them */
};

static void end_metric(struct metric_walk *walk) {
    if (!walk->open)
        return;
    json_end(walk->json, ']');
    json_key(walk->json, "more");
    json_unsigned(walk->json, walk->samples > REPORT_SAMPLES ? walk->samples - REPORT_SAMPLES : 0);
    json_end(walk->json, '}');
}

static void on_metric(void *arg, const struct hm_metric *metric) {
    static const char *const KINDS[] = {[HM_COUNTER] = "counter", [HM_GAUGE] = "gauge", [HM_HISTOGRAM] = "histogram"};
    struct metric_walk *walk = arg;
    end_metric(walk);
    walk->open = true;
    walk->samples = 0;
    walk->scoped = strcmp(metric->name, "hermod_pg_groups") == 0;
    json_begin(walk->json, '{');
    json_key(walk->json, "name");
    json_string(walk->json, metric->name);
    json_key(walk->json, "kind");
    json_string(walk->json, KINDS[metric->kind]);
    json_key(walk->json, "labels");
    json_begin(walk->json, '[');
    for (size_t i = 0; i < HM_METRIC_LABELS && metric->labels[i]; i++)
        json_string(walk->json, metric->labels[i]);
    json_end(walk->json, ']');
    json_key(walk->json, "samples");
    json_begin(walk->json, '[');
}

static void on_sample(void *arg, const struct hm_metric *metric, const struct hm_sample *sample) {
    struct metric_walk *walk = arg;
    if (++walk->samples > REPORT_SAMPLES)
        return;
    if (walk->scoped)
        walk->groups += sample->integer;
    if (walk->scoped && walk->scope_count < REPORT_SCOPES)
        snprintf(walk->scopes[walk->scope_count++], HM_ATOM_BYTES, "%.*s", (int)sample->labels[0].size, sample->labels[0].at);
    json_begin(walk->json, '[');
    json_begin(walk->json, '[');
    for (size_t i = 0; i < HM_METRIC_LABELS && metric->labels[i]; i++)
        json_text(walk->json, sample->labels[i]);
    json_end(walk->json, ']');
    if (sample->histogram) {
        uint64_t count = 0;
        for (size_t i = 0; i <= sample->histogram->buckets; i++)
            count += sample->histogram->counts[i];
        json_unsigned(walk->json, count);
        json_real(walk->json, sample->histogram->sum);
    } else if (sample->is_real) {
        json_real(walk->json, sample->real);
    } else {
        json_unsigned(walk->json, sample->integer);
    }
    json_end(walk->json, ']');
}

static void put_metrics(struct json *json, hm_node *node, struct metric_walk *walk) {
    struct hm_metrics_reader reader = {on_metric, on_sample, walk};
    json_key(json, "metrics");
    json_begin(json, '[');
    hm_metrics_read(node, &reader);
    end_metric(walk);
    json_end(json, ']');
}

/* ---- lists ---- */

static void begin_list(struct json *json, const char *key) {
    json_key(json, key);
    json_begin(json, '{');
    json_key(json, "rows");
    json_begin(json, '[');
}

static void end_list(struct json *json, uint64_t total) {
    json_end(json, ']');
    json_key(json, "total");
    json_unsigned(json, total);
    json_end(json, '}');
}

struct group_walk {
    struct json *json;
    hm_node *node;
    const char *scope;
    size_t shown;
};

static void put_group(void *arg, hm_term group) {
    struct group_walk *walk = arg;
    walk->shown++;
    json_begin(walk->json, '[');
    json_string(walk->json, walk->scope);
    json_term(walk->json, group, REPORT_TEXT);
    json_unsigned(walk->json, hm_pg_count(walk->node, walk->scope, group, HM_PG_ALL));
    json_unsigned(walk->json, hm_pg_count(walk->node, walk->scope, group, HM_PG_LOCAL));
    json_end(walk->json, ']');
}

static void put_groups(struct json *json, hm_node *node, const struct metric_walk *metrics) {
    struct group_walk walk = {.json = json, .node = node};
    begin_list(json, "groups");
    for (size_t i = 0; i < metrics->scope_count; i++) {
        walk.scope = metrics->scopes[i];
        hm_pg_some_groups(node, walk.scope, HM_PG_ALL, REPORT_ROWS - walk.shown, put_group, &walk);
    }
    end_list(json, metrics->groups > walk.shown ? metrics->groups : walk.shown);
}

/* {Total, Rows}; false: something else, or no answer. */
static bool read_answer(const struct question *question, uint64_t *total, struct hm_list *rows) {
    hm_term list;
    return question->answer.size && hm_match(question->answer, "{~u, ~t}", total, &list) && hm_list_begin(list, rows);
}

static void put_topics(struct json *json, const struct question *question) {
    struct hm_list rows;
    hm_term row, topic;
    uint64_t total = 0, subscribers;
    begin_list(json, "topics");
    if (read_answer(question, &total, &rows))
        while (hm_list_next(&rows, &row))
            if (hm_match(row, "{~t, ~u}", &topic, &subscribers)) {
                json_begin(json, '[');
                json_term(json, topic, REPORT_TEXT);
                json_unsigned(json, subscribers);
                json_end(json, ']');
            }
    end_list(json, total);
}

static void put_users(struct json *json, const struct question *question) {
    struct hm_list rows;
    hm_term row;
    uint64_t total = 0;
    begin_list(json, "users");
    if (read_answer(question, &total, &rows))
        while (hm_list_next(&rows, &row))
            json_term(json, row, REPORT_TEXT);
    end_list(json, total);
}

/* MyAppWeb.Presence is what Elixir's users call 'Elixir.MyAppWeb.Presence'. */
static const char *short_name(const char *name) {
    return strncmp(name, "Elixir.", 7) == 0 ? name + 7 : name;
}

static void put_presences(struct json *json, const struct report *report) {
    uint64_t all = 0;
    size_t shown = 0;
    begin_list(json, "presences");
    for (size_t i = TRACKERS; i < report->count; i++) {
        struct hm_list rows;
        struct hm_text node;
        hm_term row, topic, key;
        uint64_t total = 0;
        if (!read_answer(&report->questions[i], &total, &rows))
            continue;
        all += total;
        while (shown < REPORT_ROWS && hm_list_next(&rows, &row))
            if (hm_match(row, "{~t, ~t, ~a}", &topic, &key, &node)) {
                json_begin(json, '[');
                json_string(json, short_name(report->questions[i].name));
                json_term(json, topic, REPORT_TEXT);
                json_term(json, key, REPORT_TEXT);
                json_text(json, node);
                json_end(json, ']');
                shown++;
            }
    }
    end_list(json, all);
}

/* ---- the whole ---- */

static double wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)(now.tv_nsec / 1000000) / 1000;
}

static struct block *make_json(struct report *report) {
    hm_node *node = hm_node_of(report->self);
    struct writer out;
    struct json json = {.out = &out};
    struct metric_walk metrics = {.json = &json};
    writer_init(&out, REPORT_BYTES);
    json_begin(&json, '{');
    json_key(&json, "node");
    json_string(&json, hm_node_name_of(node));
    json_key(&json, "version");
    json_string(&json, hm_version());
    json_key(&json, "time");
    json_unsigned(&json, (uint64_t)(wall_seconds() * 1000));
    put_metrics(&json, node, &metrics);
    put_groups(&json, node, &metrics);
    put_topics(&json, &report->questions[PUBSUB]);
    put_presences(&json, report);
    put_users(&json, &report->questions[USER_LIST]);
    json_end(&json, '}');
    struct block *block = out.error ? NULL : block_copy(bytes_of(out.at, out.size));
    writer_fini(&out);
    return block;
}

static void forget_answers(struct report *report) {
    for (size_t i = 0; i < report->count; i++) {
        free((void *)(uintptr_t)report->questions[i].answer.bytes);
        report->questions[i].answer = (hm_term){0};
    }
}

static void finish(struct report *report) {
    block_release(report->json);
    report->json = make_json(report);
    report->made = mono_now();
    forget_answers(report);
    report->options.give(report->options.arg, report->json);
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct question *question = arg;
    (void)self;
    if (!error && hm_term_copy(reply, &question->answer) != 0)
        question->answer = (hm_term){0};
    if (--question->report->open == 0)
        finish(question->report);
    return HM_CONTINUE;
}

int report_ask(struct report *report) {
    hm_build *request;
    if (!report->self)
        return HM_ENOPROC;
    if (report->open)
        return HM_OK;
    if (report->json && mono_ms_between(report->made, mono_now()) < REPORT_FRESH_MS) {
        report->options.give(report->options.arg, report->json);
        return HM_OK;
    }
    request = hm_build_new();
    if (!request)
        return HM_ENOMEM;
    hm_put_format(request, "{glance, ~u}", (uint64_t)REPORT_ROWS);
    for (size_t i = 0; i < report->count && !hm_build_error(request); i++)
        report->open += hm_call(report->self, hm_to_name(report->questions[i].name, NULL), hm_build_term(request), REPORT_WAIT_MS,
                                on_answer, &report->questions[i]) == 0;
    hm_build_free(request);
    if (!report->open)
        finish(report);
    return HM_OK;
}

void report_log(struct report *report, enum hm_log_level level, const char *id, const char *text) {
    if (report->self)
        hm_log(report->self, level, id, "%s", text);
}

/* ---- the process ---- */

static int init(hm_process *self, void *argument) {
    struct report *report = argument;
    report->self = self;
    hm_set_data(self, report);
    return HM_OK;
}

/* Whoever waits is told that nothing comes. */
static void terminate(hm_process *self, hm_term reason) {
    struct report *report = hm_data(self);
    (void)reason;
    report->self = NULL;
    report->open = 0;
    forget_answers(report);
    report->options.give(report->options.arg, NULL);
}

static const struct hm_server_class report_class = {.module = "metrics_http", .init = init, .terminate = terminate};

int report_start(hm_node *node, const struct report_options *options, struct report **started) {
    struct hm_start start = {.name = "metrics_http", .restart = true};
    struct report *report = calloc(1, sizeof *report);
    size_t trackers = 0;
    while (options->trackers[trackers])
        trackers++;
    if (report)
        report->questions = calloc(TRACKERS + trackers, sizeof *report->questions);
    if (!report || !report->questions) {
        free(report);
        return HM_ENOMEM;
    }
    report->options = *options;
    report->count = TRACKERS + trackers;
    report->questions[PUBSUB].name = "pubsub";
    report->questions[USER_LIST].name = "user_list";
    for (size_t i = 0; i < trackers; i++)
        report->questions[TRACKERS + i].name = options->trackers[i];
    for (size_t i = 0; i < report->count; i++)
        report->questions[i].report = report;
    int error = hm_server_start(node, &report_class, &start, report, NULL);
    if (error)
        report_free(report);
    else
        *started = report;
    return error;
}

void report_free(struct report *report) {
    if (!report)
        return;
    forget_answers(report);
    block_release(report->json);
    free(report->questions);
    free(report);
}
