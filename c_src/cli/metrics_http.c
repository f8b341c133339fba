#include "cli/metrics_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/metrics.h>

#include "cli/complain.h"
#include "http/prometheus.h"
#include "http/report.h"
#include "http/server.h"
#include "http/token.h"
#include "services/tracker.h"

struct metrics_http {
    hm_node *node;
    const struct settings *settings;
    struct log log;
    struct report *report;
    struct http_server *server;
    struct http_counters counters; /* of the server when it is closed */
    const char **trackers;
    bool ready;
};

/* ---- its own numbers ---- */

enum http_metric { REQUESTS, REFUSED, CONNECTIONS, LIMIT, LIMIT_HITS, METRICS };

static const struct hm_metric TABLE[METRICS] = {
    [REQUESTS] = {"hermod_http_requests_total", HM_COUNTER, "Requests to --metrics that were answered", {0}},
    [REFUSED] = {"hermod_http_requests_refused_total", HM_COUNTER, "Of these, those that were answered with an error", {"reason"}},
    [CONNECTIONS] = {"hermod_http_connections", HM_GAUGE, "Connections to --metrics", {0}},
    [LIMIT] = {"hermod_limit", HM_GAUGE, "What the option of this name is set to", {"limit"}},
    [LIMIT_HITS] = {"hermod_limit_hits_total", HM_COUNTER,
                    "Times that something was refused or dropped because of the option of this name", {"limit"}},
};

static void put_labelled(hm_metrics_out *out, const char *value, uint64_t count) {
    struct hm_text label = hm_text_of(value);
    hm_metric_put(out, &label, count);
}

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct metrics_http *http = arg;
    struct http_counters counters = http->counters;
    if (http->server)
        http_server_counters(http->server, &counters);
    switch ((enum http_metric)metric) {
    case REQUESTS:
        hm_metric_put(out, NULL, counters.requests);
        break;
    case REFUSED:
        put_labelled(out, "token", counters.denied);
        put_labelled(out, "too large", counters.too_large);
        put_labelled(out, "too much output", counters.too_much);
        put_labelled(out, "other", counters.refused - counters.denied - counters.too_large - counters.too_much);
        break;
    case CONNECTIONS:
        hm_metric_put(out, NULL, counters.connections);
        break;
    case LIMIT:
        put_labelled(out, "metrics-connections", http->settings->metrics_connections);
        hm_metric_put_real(out, (struct hm_text[]){hm_text_of("metrics-timeout")}, (double)http->settings->metrics_timeout_ms / 1000);
        break;
    case LIMIT_HITS:
        put_labelled(out, "metrics-connections", counters.full);
        put_labelled(out, "metrics-timeout", counters.timeouts);
        break;
    case METRICS:
        break;
    }
}

/* ---- content ---- */

static int write_metrics(void *arg, struct writer *out) {
    const struct metrics_http *http = arg;
    struct hm_metrics_reader reader = prometheus_reader(out);
    hm_metrics_read(http->node, &reader);
    return out->error;
}

static int ask_status(void *arg) {
    const struct metrics_http *http = arg;
    return report_ask(http->report);
}

static bool is_ready(void *arg) {
    const struct metrics_http *http = arg;
    return http->ready;
}

static void give_status(void *arg, struct block *json) {
    const struct metrics_http *http = arg;
    if (http->server)
        http_server_give_status(http->server, json);
}

/* Through the report's process, so that these lines are under the same levels and limits as all others. */
static void write_log(void *arg, enum log_level level, const char *id, const char *text) {
    const struct metrics_http *http = arg;
    if (http->report)
        report_log(http->report, (enum hm_log_level)level, id, text);
}

/* ---- settings ---- */

static int read_settings(const struct settings *settings, struct http_address *address, char token[HTTP_TOKEN_BYTES], char *why,
                         size_t capacity) {
    char reason[WHY_BYTES];
    int error = http_address_parse(settings->metrics, address, reason, sizeof reason);
    if (error)
        return complain(error, why, capacity, "--metrics: %s", reason);
    if (settings->metrics_token) {
        error = http_token_load(settings->metrics_token, token, reason, sizeof reason);
        return error ? complain(error, why, capacity, "--metrics-token: %s", reason) : HM_OK;
    }
    *token = '\0';
    if (address->loopback)
        return HM_OK;
    return complain(HM_EINVAL, why, capacity,
                    "--metrics %s can be reached from other machines, and so needs a token: write one into a file, as with "
                    "`(umask 077; head -c 24 /dev/urandom | base64 >metrics.token)', and give it with --metrics-token metrics.token; or "
                    "give a port alone for this machine only: --metrics %u",
                    settings->metrics, address->port);
}

int metrics_http_check(const struct settings *settings, char *why, size_t capacity) {
    struct http_address address;
    char token[HTTP_TOKEN_BYTES];
    int error = read_settings(settings, &address, token, why, capacity);
    explicit_bzero(token, sizeof token);
    return error;
}

/* ---- life ---- */

static bool make_names(struct metrics_http *http, const struct service_setup *services) {
    const struct service_config *config = &services->config;
    http->trackers = calloc(config->tracker_count + 1, sizeof *http->trackers);
    if (!http->trackers)
        return false;
    for (size_t i = 0; i < config->tracker_count; i++)
        http->trackers[i] = config->trackers[i].name;
    return true;
}

int metrics_http_open(hm_node *node, const struct settings *settings, const struct service_setup *services,
                      struct metrics_http **opened, char *why, size_t capacity) {
    struct http_address address;
    char token[HTTP_TOKEN_BYTES], reason[WHY_BYTES];
    int error = read_settings(settings, &address, token, why, capacity);
    struct metrics_http *http = error ? NULL : calloc(1, sizeof *http);
    if (error)
        return error;
    error = HM_ENOMEM;
    if (http && make_names(http, services)) {
        http->node = node;
        http->settings = settings;
        http->log = (struct log){.level = LOG_DEBUG, .write = write_log, .arg = http};
        struct report_options report = {http->trackers, give_status, http};
        error = report_start(node, &report, &http->report);
    }
    snprintf(reason, sizeof reason, "%s", hm_strerror(error));
    if (!error)
        error = hm_metrics_add(node, TABLE, METRICS, collect, http, NULL);
    if (!error) {
        struct http_options options = {
            .base = hm_node_base(node),
            .address = &address,
            .token = *token ? token : NULL,
            .max_connections = (uint32_t)settings->metrics_connections,
            .timeout_ms = (uint32_t)settings->metrics_timeout_ms,
            .log = &http->log,
            .content = {write_metrics, ask_status, is_ready, http},
        };
        error = http_server_open(&options, &http->server, reason, sizeof reason);
    }
    explicit_bzero(token, sizeof token);
    *opened = http; /* also with an error: the node knows of it by now, and it is freed after that */
    return error ? complain(error, why, capacity, "--metrics: %s", reason) : HM_OK;
}

void metrics_http_ready(struct metrics_http *http) {
    if (http)
        http->ready = true;
}

void metrics_http_close(struct metrics_http *http) {
    struct http_server *server = http ? http->server : NULL;
    if (!server)
        return;
    http_server_counters(server, &http->counters);
    http->counters.connections = 0;
    http->server = NULL;
    http_server_close(server);
}

void metrics_http_free(struct metrics_http *http) {
    if (!http)
        return;
    report_free(http->report);
    free(http->trackers);
    free(http);
}
