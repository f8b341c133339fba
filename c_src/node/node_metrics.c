#include "node/node_metrics.h"

#include "etf/names.h"
#include "node/peers.h"

/* ---- <hermod/metrics.h> ---- */

int hm_metrics_add(hm_node *node, const struct hm_metric *metrics, size_t count, hm_metrics_collect *collect, void *arg,
                   hm_metrics **source) {
    return metrics_add(&node->metrics, metrics, count, collect, arg, source);
}

void hm_metrics_read(hm_node *node, const struct hm_metrics_reader *reader) {
    metrics_read(&node->metrics, reader);
}

/* ---- the node ---- */

enum node_metric {
    UPTIME,
    PROCESSES,
    PROCESSES_STARTED,
    MESSAGES_HANDLED,
    MESSAGES_LOCAL,
    DEAD_LETTERS,
    NODE_METRICS,
};

static const struct hm_metric METRICS[NODE_METRICS] = {
    [UPTIME] = {"hermod_uptime_seconds", HM_GAUGE, "Time since the node was made", {0}},
    [PROCESSES] = {"hermod_processes", HM_GAUGE, "Processes that are alive", {0}},
    [PROCESSES_STARTED] = {"hermod_processes_started_total", HM_COUNTER, "Processes started", {0}},
    [MESSAGES_HANDLED] = {"hermod_messages_handled_total", HM_COUNTER, "Messages that processes have handled", {0}},
    [MESSAGES_LOCAL] = {"hermod_messages_local_total", HM_COUNTER, "Messages sent within the node", {0}},
    [DEAD_LETTERS] = {"hermod_dead_letters_total", HM_COUNTER, "Messages to processes and names that are not there", {0}},
};

static void collect_node(void *arg, size_t metric, hm_metrics_out *out) {
    const struct hm_node *node = arg;
    switch ((enum node_metric)metric) {
    case UPTIME:
        hm_metric_put_real(out, NULL, (double)(mono_now().ns - node->started.ns) / 1e9);
        break;
    case PROCESSES:
        hm_metric_put(out, NULL, node->process_count);
        break;
    case PROCESSES_STARTED:
        hm_metric_put(out, NULL, node->counters.processes_started);
        break;
    case MESSAGES_HANDLED:
        hm_metric_put(out, NULL, node->counters.reductions);
        break;
    case MESSAGES_LOCAL:
        hm_metric_put(out, NULL, node->counters.messages_local);
        break;
    case DEAD_LETTERS:
        hm_metric_put(out, NULL, node->counters.dead_letters);
        break;
    case NODE_METRICS:
        break;
    }
}

/* ---- peers ---- */

enum peer_metric {
    PEER_BYTES_IN,
    PEER_BYTES_OUT,
    PEER_FRAMES_IN,
    PEER_FRAMES_OUT,
    PEER_OUTPUT,
    PEER_METRICS,
};

static const struct hm_metric PEER[PEER_METRICS] = {
    [PEER_BYTES_IN] = {"hermod_peer_received_bytes_total", HM_COUNTER, "Bytes that came from a connected node", {"peer"}},
    [PEER_BYTES_OUT] = {"hermod_peer_sent_bytes_total", HM_COUNTER, "Bytes written to a connected node", {"peer"}},
    [PEER_FRAMES_IN] = {"hermod_peer_received_frames_total", HM_COUNTER, "Frames that came from a connected node, without ticks", {"peer"}},
    [PEER_FRAMES_OUT] = {"hermod_peer_sent_frames_total", HM_COUNTER, "Messages queued to a connected node, without ticks", {"peer"}},
    [PEER_OUTPUT] = {"hermod_peer_output_bytes", HM_GAUGE, "Bytes that wait to be written to a connected node", {"peer"}},
};

struct peers_walk {
    enum peer_metric metric;
    hm_metrics_out *out;
};

static uint64_t peer_value(const struct channel_stats *stats, enum peer_metric metric) {
    switch (metric) {
    case PEER_BYTES_IN:
        return stats->bytes_in;
    case PEER_BYTES_OUT:
        return stats->bytes_out;
    case PEER_FRAMES_IN:
        return stats->frames_in;
    case PEER_FRAMES_OUT:
        return stats->frames_out;
    case PEER_OUTPUT:
        return stats->output_bytes;
    case PEER_METRICS:
        break;
    }
    return 0;
}

static struct hm_text text_of(const hm_node_name *name) {
    struct bytes bytes = node_name_bytes(name);
    return (struct hm_text){(const char *)bytes.at, bytes.size};
}

static void put_peer(void *arg, struct peer *peer) {
    const struct peers_walk *walk = arg;
    struct channel_stats stats;
    if (!peer_is_up(peer))
        return;
    channel_stats(peer_channel(peer), &stats);
    struct hm_text label = text_of(peer_name(peer));
    hm_metric_put(walk->out, &label, peer_value(&stats, walk->metric));
}

static void collect_peers(void *arg, size_t metric, hm_metrics_out *out) {
    peers_each(arg, put_peer, &(struct peers_walk){(enum peer_metric)metric, out});
}

int node_metrics_add(struct hm_node *node) {
    int error = metrics_add(&node->metrics, METRICS, NODE_METRICS, collect_node, node, NULL);
    return error ? error : metrics_add(&node->metrics, PEER, PEER_METRICS, collect_peers, node, NULL);
}
