/*
 * http/report: what the status page shows, as JSON: the numbers of <hermod/metrics.h>, groups, topics, presences, users.
 *
 * A process, started again when somebody ends it: it asks the services with calls, as anybody in the cluster can, and what does not answer within a
 * second is left out. However many look at the page, it asks once a second at most. Lists are cut; their totals are told.
 *
 *     {"node": "a@host", "version": "0.1.0", "time": 1700000000.5,
 *      "metrics": [{"name": "hermod_peer_sent_bytes_total", "kind": "counter", "labels": ["peer"], "samples": [[["b@host"], 4711]], "more": 0}],
 *      "groups": {"total": 1, "rows": [["pg", ":workers", 3, 1]]},                            scope, group, members, members on this node
 *      "topics": {"total": 1, "rows": [["\"room:1\"", 2]]},                                   topic, subscribers
 *      "presences": {"total": 1, "rows": [["MyAppWeb.Presence", "\"room:1\"", "\"ann\"", "b@host"]]}, tracker, topic, key, node
 *      "users": {"total": 1, "rows": ["%{id: 1}"]}}
 *
 * The sample of a histogram is [labels, count, sum]. Written against the public headers; it knows no HTTP. Node thread only.
 */
#ifndef HM_HTTP_REPORT_H
#define HM_HTTP_REPORT_H

#include <hermod/server.h>

#include "base/bytes.h"

struct report;

enum {
    REPORT_ROWS = 100,    /* of each list, and samples of each metric */
    REPORT_TEXT = 200,    /* bytes of a term */
    REPORT_SAMPLES = 500, /* of one metric */
    REPORT_SCOPES = 64,
    REPORT_FRESH_MS = 1000,
    REPORT_WAIT_MS = 1000,
    REPORT_BYTES = 8 * 1024 * 1024,
};

struct report_options {
    const char *const *trackers; /* registered names; NULL after the last. Borrowed until the node is freed */
    /* The answer to report_ask; NULL: no memory, or it does not fit. Borrowed until it returns. */
    void (*give)(void *arg, struct block *json);
    void *arg;
};

/* Free it after the node. HM_ENOMEM, HM_ETAKEN (its name, metrics_http). */
int report_start(hm_node *node, const struct report_options *options, struct report **report);
void report_free(struct report *report); /* NULL is allowed */

/* give follows, once for all who ask until then; it may come before this returns. HM_ENOPROC: the process is just being started again. */
int report_ask(struct report *report);
/* Writes a line to the log of the node. */
void report_log(struct report *report, enum hm_log_level level, const char *id, const char *text);

#endif
