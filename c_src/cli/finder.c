#include "cli/finder.h"

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include <hermod/metrics.h>

#include "discovery/discovery.h"

enum { LOOK_MS = 25 }; /* while the start waits, and only then */

struct wanted {
    UT_hash_handle hh;
    unsigned finders;
    bool lost; /* uthash has no memory for it */
    bool connected; /* when it was last looked */
    char name[];
};

struct finder {
    hm_node *node;
    struct finder_events events;
    bool long_names;
    struct wanted *wanted;
    struct discovery **open;
    size_t count;
    struct event *timer;
    int64_t waits_ms; /* how long the start still waits */
    hm_metrics *metrics;
};

static void say(struct finder *finder, enum hm_log_level level, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct finder *finder, enum hm_log_level level, const char *id, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    finder->events.log(finder->events.arg, level, id, text);
}

/* ---- found, lost ---- */

static bool can_be_dialled(const struct finder *finder, const char *name) {
    const char *host = strchr(name, '@') + 1;
    return finder->long_names == (strpbrk(host, ".:") != NULL);
}

static struct wanted *want(struct finder *finder, const char *name) {
    size_t size = strlen(name);
    struct wanted *wanted = calloc(1, sizeof *wanted + size + 1);
    if (!wanted)
        return NULL;
    memcpy(wanted->name, name, size);
    HASH_ADD(hh, finder->wanted, name, (unsigned)size, wanted);
    if (!wanted->lost)
        return wanted;
    free(wanted);
    return NULL;
}

static void drop(struct finder *finder, struct wanted *wanted) {
    HASH_DEL(finder->wanted, wanted);
    free(wanted);
}

/* Room comes back when other names are lost, and memory may. */
static bool refuse(struct finder *finder, const char *name, int error, bool again) {
    if (!again && error == HM_ENOMEM)
        say(finder, HM_LOG_ERROR, "discovery.memory", "node=%s is not dialled: no memory; trying again", name);
    else if (!again)
        say(finder, HM_LOG_WARN, "discovery.dial", "node=%s cannot be dialled: there are too many names (--max-names); trying again", name);
    return false;
}

static bool on_found(void *arg, const struct discovery *discovery, const char *name, bool again) {
    struct finder *finder = arg;
    const char *kind = discovery_spec_of(discovery)->strategy->kind;
    struct wanted *wanted;
    if (strcmp(name, hm_node_name_of(finder->node)) == 0)
        return true;
    HASH_FIND(hh, finder->wanted, name, (unsigned)strlen(name), wanted);
    if (wanted) {
        wanted->finders++;
        return true;
    }
    bool is_ours = can_be_dialled(finder, name);
    int error = HM_OK;
    if (!again && !is_ours)
        say(finder, HM_LOG_INFO, "discovery.name", "node=%s found by %s is not dialled: it has a %s name, and this node a %s one",
            name, kind, finder->long_names ? "short" : "long", finder->long_names ? "long" : "short");
    else if (!again)
        say(finder, HM_LOG_INFO, "discovery.found", "node=%s by %s", name, kind);
    wanted = want(finder, name);
    if (!wanted)
        return refuse(finder, name, HM_ENOMEM, again);
    wanted->finders = 1;
    if (is_ours)
        error = hm_candidate_add(finder->node, name);
    if (error == HM_ENOMEM || error == HM_ELIMIT) {
        drop(finder, wanted);
        return refuse(finder, name, error, again);
    }
    if (error)
        say(finder, HM_LOG_WARN, "discovery.dial", "node=%s cannot be dialled: %s", name, hm_strerror(error));
    else if (again)
        say(finder, HM_LOG_INFO, "discovery.dial", "node=%s is dialled now: there is room for it", name);
    return true;
}

struct search {
    const char *name;
    const hm_node_name *found;
};

static void compare_name(void *arg, const hm_node_name *peer) {
    struct search *search = arg;
    if (strcmp(hm_node_name_text(peer), search->name) == 0)
        search->found = peer;
}

/* hm_node_find would remember for good whoever was lost, connected or not: in a DNS whose addresses change, one after the other until --max-names. */
static const hm_node_name *find_connected(const struct finder *finder, const char *name) {
    struct search search = {.name = name};
    hm_nodes(finder->node, HM_NODES_CONNECTED, compare_name, &search);
    return search.found;
}

static void on_lost(void *arg, const struct discovery *discovery, const char *name) {
    struct finder *finder = arg;
    const struct discovery_strategy *strategy = discovery_spec_of(discovery)->strategy;
    struct wanted *wanted;
    HASH_FIND(hh, finder->wanted, name, (unsigned)strlen(name), wanted);
    if (!wanted || --wanted->finders > 0)
        return;
    say(finder, HM_LOG_INFO, "discovery.lost", "node=%s by %s", name, strategy->kind);
    drop(finder, wanted);
    const hm_node_name *peer = strategy->lost == LOST_DISCONNECT ? find_connected(finder, name) : NULL;
    hm_candidate_remove(finder->node, name);
    if (peer)
        hm_disconnect(finder->node, peer);
}

static void on_log(void *arg, enum hm_log_level level, const char *id, const char *text) {
    struct finder *finder = arg;
    finder->events.log(finder->events.arg, level, id, text);
}

/* ---- what the start waits for ---- */

static void note_connected(void *arg, const hm_node_name *peer) {
    struct finder *finder = arg;
    const char *name = hm_node_name_text(peer);
    struct wanted *wanted;
    HASH_FIND(hh, finder->wanted, name, (unsigned)strlen(name), wanted);
    if (wanted)
        wanted->connected = true;
}

static bool is_connected(const struct finder *finder, const char *name) {
    struct wanted *wanted;
    if (strcmp(name, hm_node_name_of(finder->node)) == 0)
        return true;
    HASH_FIND(hh, finder->wanted, name, (unsigned)strlen(name), wanted);
    return wanted && wanted->connected;
}

static bool is_operand_connected(const struct finder *finder, const char *name) {
    char whole[2048];
    const char *host = strchr(hm_node_name_of(finder->node), '@');
    snprintf(whole, sizeof whole, "%s%s", name, strchr(name, '@') ? "" : host);
    return is_connected(finder, whole);
}

/* The first one of a key that is not connected yet, in the specs that wait; NULL: all are. */
static const char *find_missing(const struct finder *finder, const char *key) {
    for (size_t i = 0; i < finder->count; i++) {
        const struct discovery_spec *spec = discovery_spec_of(finder->open[i]);
        const char *name;
        if (discovery_number(spec, "timeout") == 0)
            continue;
        for (size_t place = 0; (name = discovery_value(spec, key, &place));)
            if (!is_operand_connected(finder, name))
                return name;
    }
    return NULL;
}

static void look(evutil_socket_t fd, short what, void *arg) {
    struct finder *finder = arg;
    struct timeval pause = {.tv_usec = LOOK_MS * 1000};
    char text[512];
    (void)fd;
    (void)what;
    for (struct wanted *wanted = finder->wanted; wanted; wanted = wanted->hh.next)
        wanted->connected = false;
    hm_nodes(finder->node, HM_NODES_CONNECTED, note_connected, finder);
    const char *mandatory = finder->waits_ms ? find_missing(finder, "mandatory") : NULL;
    const char *missing = mandatory || !finder->waits_ms ? mandatory : find_missing(finder, NULL);
    if (missing && finder->waits_ms > LOOK_MS) {
        finder->waits_ms -= LOOK_MS;
        event_add(finder->timer, &pause);
        return;
    }
    if (missing)
        snprintf(text, sizeof text, "%.300s is not connected in time", missing);
    if (missing && !mandatory)
        say(finder, HM_LOG_WARN, "discovery.sync", "%s; started without it", text);
    finder->events.settled(finder->events.arg, mandatory ? HM_ETIMEOUT : HM_OK, mandatory ? text : "");
}

/* ---- metrics ---- */

enum { METRIC_FOUND, METRIC_JUNK, METRIC_FOREIGN, METRIC_REFUSED, METRIC_FAILED, METRICS };

#define METRIC(name, kind, help) {"hermod_discovery_" name, kind, help, {"strategy", "number"}}

static const struct hm_metric metrics[METRICS] = {
    [METRIC_FOUND] = METRIC("nodes", HM_GAUGE, "Nodes that a --discover has found and not lost"),
    [METRIC_JUNK] = METRIC("junk_total", HM_COUNTER, "Datagrams and answers that made no sense"),
    [METRIC_FOREIGN] = METRIC("foreign_total", HM_COUNTER, "Datagrams of a cluster with another secret"),
    [METRIC_REFUSED] = METRIC("refused_total", HM_COUNTER, "Names over --max-discovered"),
    [METRIC_FAILED] = METRIC("failed_total", HM_COUNTER, "Questions, as to epmd, DNS or Kubernetes, without an answer of use"),
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct finder *finder = arg;
    for (size_t i = 0; i < finder->count; i++) {
        const struct discovery_counters *counters = discovery_counters(finder->open[i]);
        const uint64_t values[METRICS] = {discovery_count(finder->open[i]), counters->junk, counters->foreign, counters->refused,
                                          counters->failed};
        char number[24];
        snprintf(number, sizeof number, "%zu", i + 1);
        struct hm_text labels[] = {hm_text_of(discovery_spec_of(finder->open[i])->strategy->kind), hm_text_of(number)};
        hm_metric_put(out, labels, values[metric]);
    }
}

/* ---- life ---- */

int finder_check(const struct text_list *list, char *why, size_t capacity) {
    for (size_t i = 0; i < list->count; i++) {
        struct discovery_spec spec;
        int error = discovery_parse(list->items[i], &spec, why, capacity);
        if (error)
            return error;
        discovery_spec_free(&spec);
    }
    return HM_OK;
}

static int open_one(struct finder *finder, const char *text, const struct settings *settings, const char *cookie,
                    char *why, size_t capacity) {
    struct discovery_spec spec;
    struct discovery_options options = {
        .node = finder->node,
        .cookie = cookie,
        .max_nodes = (uint32_t)settings->max_discovered,
        .kubernetes_host = getenv("KUBERNETES_SERVICE_HOST"),
        .kubernetes_port = getenv("KUBERNETES_SERVICE_PORT"),
        .found = on_found,
        .lost = on_lost,
        .log = on_log,
        .arg = finder,
    };
    int error = discovery_parse(text, &spec, why, capacity);
    if (!error)
        error = discovery_open(&options, &spec, &finder->open[finder->count], why, capacity);
    if (error)
        return error;
    int64_t waits_ms = (int64_t)discovery_number(discovery_spec_of(finder->open[finder->count++]), "timeout");
    if (waits_ms > finder->waits_ms)
        finder->waits_ms = waits_ms;
    return HM_OK;
}

int finder_open(hm_node *node, const struct settings *settings, const char *cookie, const struct finder_events *events,
                struct finder **result, char *why, size_t capacity) {
    const struct text_list *list = &settings->discover;
    struct finder *finder = calloc(1, sizeof *finder);
    struct timeval now = {0};
    int error = HM_ENOMEM;
    snprintf(why, capacity, "%s", hm_strerror(error));
    if (!finder)
        return error;
    *finder = (struct finder){.node = node, .events = *events, .long_names = settings->name != NULL};
    finder->open = calloc(list->count + 1, sizeof(struct discovery *));
    finder->timer = evtimer_new(hm_node_base(node), look, finder);
    if (finder->open && finder->timer)
        error = HM_OK;
    for (size_t i = 0; !error && i < list->count; i++)
        error = open_one(finder, list->items[i], settings, cookie, why, capacity);
    if (!error && (event_add(finder->timer, &now) || hm_metrics_add(node, metrics, METRICS, collect, finder, &finder->metrics)))
        error = HM_ENOMEM;
    if (error)
        finder_close(finder);
    else
        *result = finder;
    return error;
}

void finder_close(struct finder *finder) {
    struct wanted *wanted, *next;
    if (!finder)
        return;
    hm_metrics_remove(finder->metrics);
    for (size_t i = 0; i < finder->count; i++)
        discovery_close(finder->open[i]);
    HASH_ITER(hh, finder->wanted, wanted, next)
        drop(finder, wanted);
    if (finder->timer)
        event_free(finder->timer);
    free(finder->open);
    free(finder);
}
