#include "node/node_metrics.h"

#include "dist/epmd.h"
#include "etf/names.h"
#include "node/peers.h"
#include "node/pool.h"

/* ---- <hermod/metrics.h> ---- */

int hm_metrics_add(hm_node *node, const struct hm_metric *metrics, size_t count, hm_metrics_collect *collect, void *arg,
                   hm_metrics **source) {
    return metrics_add(&node->metrics, metrics, count, collect, arg, source);
}

void hm_metrics_read(hm_node *node, const struct hm_metrics_reader *reader) {
    metrics_read(&node->metrics, reader);
}

/* ---- plain numbers ---- */

enum {
    UPTIME,
    PROCESSES,
    PROCESSES_STARTED,
    SPAWNS,
    RUN_QUEUE,
    HANDLED,
    LOCAL,
    FROM_PEERS,
    TO_PEERS,
    DEAD_LETTERS,
    DROPPED,
    NAMES,
    HALF_OPEN,
    EPMD_REGISTERED,
    EPMD_REGISTRATIONS,
    EPMD_LOST,
    EPMD_ATTEMPTS,
    POOL_THREADS_NOW,
    POOL_WAITING,
    POOL_JOBS,
    LOG_LEFT_OUT,
    NUMBERS,
};

static const struct hm_metric NUMBER[NUMBERS] = {
    [UPTIME] = {"hermod_uptime_seconds", HM_GAUGE, "Time since the node was made", {0}},
    [PROCESSES] = {"hermod_processes", HM_GAUGE, "Processes that are alive", {0}},
    [PROCESSES_STARTED] = {"hermod_processes_started_total", HM_COUNTER, "Processes started", {0}},
    [SPAWNS] = {"hermod_spawn_requests_total", HM_COUNTER, "Processes that other nodes asked for, calls of rpc among them", {0}},
    [RUN_QUEUE] = {"hermod_run_queue", HM_GAUGE, "Processes with mail", {0}},
    [HANDLED] = {"hermod_messages_handled_total", HM_COUNTER, "Messages that processes have handled", {0}},
    [LOCAL] = {"hermod_messages_local_total", HM_COUNTER, "Messages sent within the node", {0}},
    [FROM_PEERS] = {"hermod_messages_received_total", HM_COUNTER, "Control messages from other nodes", {0}},
    [TO_PEERS] = {"hermod_messages_sent_total", HM_COUNTER, "Control messages to other nodes", {0}},
    [DEAD_LETTERS] = {"hermod_dead_letters_total", HM_COUNTER, "Messages to processes and names that are not there", {0}},
    [DROPPED] = {"hermod_messages_dropped_total", HM_COUNTER, "Messages dropped because a mailbox was full", {0}},
    [NAMES] = {"hermod_node_names", HM_GAUGE, "Names of nodes that are remembered (--max-names)", {0}},
    [HALF_OPEN] = {"hermod_half_open_connections", HM_GAUGE, "Accepted connections in their handshake (--max-half-open)", {0}},
    [EPMD_REGISTERED] = {"hermod_epmd_registered", HM_GAUGE, "1 while the local epmd has the node's name", {0}},
    [EPMD_REGISTRATIONS] = {"hermod_epmd_registrations_total", HM_COUNTER, "Times that epmd took the name", {0}},
    [EPMD_LOST] = {"hermod_epmd_lost_total", HM_COUNTER, "Times that the connection to epmd was lost", {0}},
    [EPMD_ATTEMPTS] = {"hermod_epmd_attempts_total", HM_COUNTER, "Attempts to register", {0}},
    [POOL_THREADS_NOW] = {"hermod_worker_threads", HM_GAUGE, "Threads for long work", {0}},
    [POOL_WAITING] = {"hermod_worker_jobs_pending", HM_GAUGE, "Long work that waits or runs", {0}},
    [POOL_JOBS] = {"hermod_worker_jobs_total", HM_COUNTER, "Long work begun", {0}},
    [LOG_LEFT_OUT] = {"hermod_log_lines_left_out_total", HM_COUNTER, "Log lines left out because there were too many alike", {0}},
};

static void count_runnable(void *arg, hm_process *process) {
    *(uint64_t *)arg += process->mailbox.count != 0;
}

static uint64_t number_of(struct hm_node *node, size_t metric) {
    struct registration_counters epmd = registration_counters(node->registration);
    struct pool_stats pool = pool_stats(node->pool);
    uint64_t runnable = 0;
    switch (metric) {
    case PROCESSES:
        return node->process_count;
    case PROCESSES_STARTED:
        return node->counters.processes_started;
    case SPAWNS:
        return node->counters.spawns_in;
    case RUN_QUEUE:
        process_each(node, count_runnable, &runnable);
        return runnable;
    case HANDLED:
        return node->counters.reductions;
    case LOCAL:
        return node->counters.messages_local;
    case FROM_PEERS:
        return node->counters.messages_in;
    case TO_PEERS:
        return node->counters.messages_out;
    case DEAD_LETTERS:
        return node->counters.dead_letters;
    case DROPPED:
        return node->counters.mailbox_drops;
    case NAMES:
        return names_count(node->names);
    case HALF_OPEN:
        return node->dist.half_open;
    case EPMD_REGISTERED:
        return registration_is_up(node->registration);
    case EPMD_REGISTRATIONS:
        return epmd.registered;
    case EPMD_LOST:
        return epmd.lost;
    case EPMD_ATTEMPTS:
        return epmd.attempts;
    case POOL_THREADS_NOW:
        return pool.threads;
    case POOL_WAITING:
        return pool.taken - pool.done;
    case POOL_JOBS:
        return pool.taken;
    case LOG_LEFT_OUT:
        return node->log_limits.left_out;
    default:
        return 0;
    }
}

static void collect_numbers(void *arg, size_t metric, hm_metrics_out *out) {
    struct hm_node *node = arg;
    if (metric == UPTIME)
        hm_metric_put_real(out, NULL, (double)(mono_now().ns - node->started.ns) / 1e9);
    else
        hm_metric_put(out, NULL, number_of(node, metric));
}

/* ---- traffic of all connections, those that are gone included ---- */

enum {
    BYTES_IN,
    BYTES_OUT,
    FRAMES_IN,
    FRAMES_OUT,
    FRAGMENTS_IN,
    FRAGMENTS_OUT,
    TICKS_IN,
    TICKS_OUT,
    TICKS_MISSED,
    BUSY,
    TRAFFIC_METRICS,
};

static const struct hm_metric TRAFFIC[TRAFFIC_METRICS] = {
    [BYTES_IN] = {"hermod_received_bytes_total", HM_COUNTER, "Bytes from all nodes that were ever connected", {0}},
    [BYTES_OUT] = {"hermod_sent_bytes_total", HM_COUNTER, "Bytes to them", {0}},
    [FRAMES_IN] = {"hermod_received_frames_total", HM_COUNTER, "Frames from them, without ticks", {0}},
    [FRAMES_OUT] = {"hermod_sent_frames_total", HM_COUNTER, "Messages to them, without ticks", {0}},
    [FRAGMENTS_IN] = {"hermod_received_fragments_total", HM_COUNTER, "Parts of large messages from them", {0}},
    [FRAGMENTS_OUT] = {"hermod_sent_fragments_total", HM_COUNTER, "Parts of large messages to them", {0}},
    [TICKS_IN] = {"hermod_received_ticks_total", HM_COUNTER, "Ticks from them", {0}},
    [TICKS_OUT] = {"hermod_sent_ticks_total", HM_COUNTER, "Ticks to them", {0}},
    [TICKS_MISSED] = {"hermod_missed_ticks_total", HM_COUNTER, "Tick intervals in which one of them sent nothing", {0}},
    [BUSY] = {"hermod_busy_times_total", HM_COUNTER, "Times that one of them became busy (--output-high)", {0}},
};

static void add_traffic(void *arg, struct peer *peer) {
    struct channel_stats stats;
    if (!peer_is_up(peer))
        return;
    channel_stats(peer_channel(peer), &stats);
    channel_stats_add(arg, &stats);
}

static void collect_traffic(void *arg, size_t metric, hm_metrics_out *out) {
    struct hm_node *node = arg;
    struct channel_stats sum = node->counters.gone;
    peers_each(node, add_traffic, &sum);
    const uint64_t values[TRAFFIC_METRICS] = {
        [BYTES_IN] = sum.bytes_in,         [BYTES_OUT] = sum.bytes_out,         [FRAMES_IN] = sum.frames_in,
        [FRAMES_OUT] = sum.frames_out,     [FRAGMENTS_IN] = sum.fragments_in,   [FRAGMENTS_OUT] = sum.fragments_out,
        [TICKS_IN] = sum.ticks_in,         [TICKS_OUT] = sum.ticks_out,         [TICKS_MISSED] = sum.ticks_missed,
        [BUSY] = sum.busy,
    };
    hm_metric_put(out, NULL, values[metric]);
}

/* ---- numbers with labels ---- */

enum { INFO, PEERS, CONNECTIONS, REFUSED, FAILED, LOST, LOG_LINES, LIMIT, LIMIT_HITS, LABELLED };

static const struct hm_metric LABELLED_METRICS[LABELLED] = {
    [INFO] = {"hermod_info", HM_GAUGE, "1", {"node", "version", "visibility"}},
    [PEERS] = {"hermod_peers", HM_GAUGE, "Connected nodes", {"visibility"}},
    [CONNECTIONS] = {"hermod_connections_total", HM_COUNTER, "Connections that came up", {"direction"}},
    [REFUSED] = {"hermod_connections_refused_total", HM_COUNTER, "Accepted connections that did not come up", {"reason"}},
    [FAILED] = {"hermod_dials_failed_total", HM_COUNTER, "Dialled connections that did not come up", {"reason"}},
    [LOST] = {"hermod_connections_lost_total", HM_COUNTER, "Connections that were up and ended", {"reason"}},
    [LOG_LINES] = {"hermod_log_lines_total", HM_COUNTER, "Lines of the log", {"level"}},
    [LIMIT] = {"hermod_limit", HM_GAUGE, "What the option of this name is set to", {"limit"}},
    [LIMIT_HITS] = {"hermod_limit_hits_total", HM_COUNTER,
                    "Times that something was refused or dropped because of the option of this name", {"limit"}},
};

static void put(hm_metrics_out *out, const char *label, uint64_t value) {
    struct hm_text text = hm_text_of(label);
    hm_metric_put(out, &text, value);
}

static void put_info(const struct hm_node *node, hm_metrics_out *out) {
    struct hm_text labels[] = {metrics_text(node_name_bytes(node->name)), hm_text_of(HM_VERSION),
                               hm_text_of(node->hidden ? "hidden" : "visible")};
    hm_metric_put(out, labels, 1);
}

static void count_peer(void *arg, struct peer *peer) {
    uint64_t *counts = arg;
    if (peer_is_up(peer))
        counts[peer_is_visible(peer)]++;
}

static void put_peers(struct hm_node *node, hm_metrics_out *out) {
    uint64_t counts[2] = {0};
    peers_each(node, count_peer, counts);
    put(out, "visible", counts[true]);
    put(out, "hidden", counts[false]);
}

#define BIT(reason) (1u << (reason))
enum {
    ONLY_DIALLED = BIT(DOWN_NO_HOST) | BIT(DOWN_NO_EPMD) | BIT(DOWN_NO_NODE) | BIT(DOWN_REFUSED),
    ONLY_UP = BIT(DOWN_TICK),
    WHEN_UP = BIT(DOWN_LOCAL) | BIT(DOWN_CLOSED) | BIT(DOWN_TICK) | BIT(DOWN_PROTOCOL) | BIT(DOWN_LIMIT) | BIT(DOWN_MEMORY),
};

/* All reasons that there can be, so that a counter is there before it counts. */
static void put_reasons(hm_metrics_out *out, const uint64_t counts[], unsigned reasons) {
    for (int reason = 0; reason < DOWN_REASONS; reason++)
        if (reasons & BIT(reason))
            put(out, down_reason_name((enum down_reason)reason), counts[reason]);
}

static void put_limits(const struct hm_node *node, bool hits, hm_metrics_out *out) {
    const struct dist *dist = &node->dist;
    const struct dist_counters *counters = &dist->counters;
    const struct {
        const char *name;
        uint64_t value, hits;
    } ROWS[] = {
        {"max-half-open", dist->max_half_open, counters->half_open},
        {"max-frame", dist->max_frame, counters->over_frame},
        {"max-message", dist->max_message, counters->over_message},
        {"max-fragments", dist->max_fragments, counters->over_fragments},
        {"max-depth", dist->max_depth, counters->over_depth},
        {"max-names", names_max(node->names), names_refused(node->names)},
        {"max-mailbox", node->max_mailbox, node->counters.mailbox_drops},
        {"max-processes", node->max_processes, node->counters.process_refusals},
        {"output-max", dist->output_max, counters->over_output},
        {"output-high", dist->output_high, node->counters.pending_drops},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        put(out, ROWS[i].name, hits ? ROWS[i].hits : ROWS[i].value);
    if (hits)
        put(out, "open-files", counters->pauses);
}

static void collect_labelled(void *arg, size_t metric, hm_metrics_out *out) {
    struct hm_node *node = arg;
    const struct dist_counters *counters = &node->dist.counters;
    switch (metric) {
    case INFO:
        put_info(node, out);
        break;
    case PEERS:
        put_peers(node, out);
        break;
    case CONNECTIONS:
        put(out, "accepted", counters->accepted);
        put(out, "dialled", counters->dialled);
        break;
    case REFUSED:
        put_reasons(out, counters->refused, ~(unsigned)(ONLY_DIALLED | ONLY_UP));
        put(out, "half_open", counters->half_open);
        break;
    case FAILED:
        put_reasons(out, counters->failed, ~(unsigned)ONLY_UP);
        break;
    case LOST:
        put_reasons(out, counters->lost, WHEN_UP);
        break;
    case LOG_LINES:
        for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
            put(out, log_level_name((enum log_level)level), node->log_limits.written[level]);
        break;
    case LIMIT:
        put_limits(node, false, out);
        break;
    case LIMIT_HITS:
        put_limits(node, true, out);
        break;
    }
}

int node_metrics_add(struct hm_node *node) {
    int error = metrics_add(&node->metrics, NUMBER, NUMBERS, collect_numbers, node, NULL);
    if (error == HM_OK)
        error = metrics_add(&node->metrics, TRAFFIC, TRAFFIC_METRICS, collect_traffic, node, NULL);
    if (error == HM_OK)
        error = metrics_add(&node->metrics, LABELLED_METRICS, LABELLED, collect_labelled, node, NULL);
    return error == HM_OK ? peer_metrics_add(node) : error;
}
