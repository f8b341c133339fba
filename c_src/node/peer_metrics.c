#include "etf/names.h"
#include "node/node_metrics.h"
#include "node/peers.h"
#include "node/registry.h"

/* ---- connected nodes ---- */

enum peer_metric {
    PEER_INFO,
    PEER_UP,
    PEER_BYTES_IN,
    PEER_BYTES_OUT,
    PEER_FRAMES_IN,
    PEER_FRAMES_OUT,
    PEER_FRAGMENTS_IN,
    PEER_FRAGMENTS_OUT,
    PEER_FRAGMENTS_OPEN,
    PEER_TICKS_IN,
    PEER_TICKS_OUT,
    PEER_TICKS_MISSED,
    PEER_OUTPUT,
    PEER_IS_BUSY,
    PEER_BUSY,
    PEER_METRICS,
};

#define PEER(name, kind, help) {"hermod_peer_" name, kind, help, {"peer"}}

static const struct hm_metric PEERS[PEER_METRICS] = {
    [PEER_INFO] = {"hermod_peer_info", HM_GAUGE, "1 for each connected node", {"peer", "visibility", "direction"}},
    [PEER_UP] = PEER("connected_seconds", HM_GAUGE, "Time since the connection came up"),
    [PEER_BYTES_IN] = PEER("received_bytes_total", HM_COUNTER, "Bytes that came from the node"),
    [PEER_BYTES_OUT] = PEER("sent_bytes_total", HM_COUNTER, "Bytes written to the node"),
    [PEER_FRAMES_IN] = PEER("received_frames_total", HM_COUNTER, "Frames that came, without ticks"),
    [PEER_FRAMES_OUT] = PEER("sent_frames_total", HM_COUNTER, "Messages sent, without ticks"),
    [PEER_FRAGMENTS_IN] = PEER("received_fragments_total", HM_COUNTER, "Parts of large messages that came"),
    [PEER_FRAGMENTS_OUT] = PEER("sent_fragments_total", HM_COUNTER, "Parts of large messages sent"),
    [PEER_FRAGMENTS_OPEN] = PEER("open_fragments", HM_GAUGE, "Large messages of which a part has come"),
    [PEER_TICKS_IN] = PEER("received_ticks_total", HM_COUNTER, "Ticks that came"),
    [PEER_TICKS_OUT] = PEER("sent_ticks_total", HM_COUNTER, "Ticks sent"),
    [PEER_TICKS_MISSED] = PEER("missed_ticks_total", HM_COUNTER, "Tick intervals in which nothing came"),
    [PEER_OUTPUT] = PEER("output_bytes", HM_GAUGE, "Bytes that wait to be written"),
    [PEER_IS_BUSY] = PEER("busy", HM_GAUGE, "1 while too many bytes wait (--output-high)"),
    [PEER_BUSY] = PEER("busy_times_total", HM_COUNTER, "Times that the node became busy"),
};

struct peers_walk {
    enum peer_metric metric;
    hm_metrics_out *out;
};

static void put_info(hm_metrics_out *out, struct hm_text name, const struct peer *peer) {
    struct hm_text labels[] = {name, hm_text_of(peer_is_visible(peer) ? "visible" : "hidden"),
                               hm_text_of(channel_is_dialled(peer_channel(peer)) ? "dialled" : "accepted")};
    hm_metric_put(out, labels, 1);
}

static uint64_t value_of(const struct channel *channel, enum peer_metric metric) {
    struct channel_stats stats;
    channel_stats(channel, &stats);
    switch (metric) {
    case PEER_BYTES_IN:
        return stats.bytes_in;
    case PEER_BYTES_OUT:
        return stats.bytes_out;
    case PEER_FRAMES_IN:
        return stats.frames_in;
    case PEER_FRAMES_OUT:
        return stats.frames_out;
    case PEER_FRAGMENTS_IN:
        return stats.fragments_in;
    case PEER_FRAGMENTS_OUT:
        return stats.fragments_out;
    case PEER_FRAGMENTS_OPEN:
        return stats.fragments_open;
    case PEER_TICKS_IN:
        return stats.ticks_in;
    case PEER_TICKS_OUT:
        return stats.ticks_out;
    case PEER_TICKS_MISSED:
        return stats.ticks_missed;
    case PEER_OUTPUT:
        return stats.output_bytes;
    case PEER_IS_BUSY:
        return channel_is_busy(channel);
    case PEER_BUSY:
        return stats.busy;
    case PEER_INFO:
    case PEER_UP:
    case PEER_METRICS:
        break;
    }
    return 0;
}

static void put_peer(void *arg, struct peer *peer) {
    const struct peers_walk *walk = arg;
    if (!peer_is_up(peer))
        return;
    struct hm_text name = metrics_text(node_name_bytes(peer_name(peer)));
    if (walk->metric == PEER_INFO)
        put_info(walk->out, name, peer);
    else if (walk->metric == PEER_UP)
        hm_metric_put_real(walk->out, &name, (double)peer_up_ms(peer) / 1e3);
    else
        hm_metric_put(walk->out, &name, value_of(peer_channel(peer), walk->metric));
}

static void collect_peers(void *arg, size_t metric, hm_metrics_out *out) {
    peers_each(arg, put_peer, &(struct peers_walk){(enum peer_metric)metric, out});
}

/* ---- processes with a name ---- */

enum process_metric {
    PROCESS_MESSAGES,
    PROCESS_MAILBOX,
    PROCESS_DROPPED,
    PROCESS_TIME,
    PROCESS_METRICS,
};

#define PROCESS(name, kind, help) {"hermod_process_" name, kind, help, {"name"}}

static const struct hm_metric PROCESSES[PROCESS_METRICS] = {
    [PROCESS_MESSAGES] = PROCESS("messages_total", HM_COUNTER, "Messages that the process with this name has handled"),
    [PROCESS_MAILBOX] = PROCESS("mailbox_messages", HM_GAUGE, "Messages that wait in its mailbox"),
    [PROCESS_DROPPED] = PROCESS("dropped_messages_total", HM_COUNTER, "Messages dropped because the mailbox was full (--max-mailbox)"),
    [PROCESS_TIME] = PROCESS("handler_seconds", HM_HISTOGRAM, "Time to handle a message: the mean of what was handled in one go"),
};

struct processes_walk {
    enum process_metric metric;
    hm_metrics_out *out;
    unsigned left;
};

static void put_process(void *arg, struct bytes bytes, hm_process *process) {
    struct processes_walk *walk = arg;
    struct hm_text name = metrics_text(bytes);
    const struct registry_times *times = registry_times(process);
    if (walk->left == 0)
        return;
    walk->left--;
    switch (walk->metric) {
    case PROCESS_MESSAGES:
        hm_metric_put(walk->out, &name, process->handled);
        break;
    case PROCESS_MAILBOX:
        hm_metric_put(walk->out, &name, process->mailbox.count + process->deferred_count);
        break;
    case PROCESS_DROPPED:
        hm_metric_put(walk->out, &name, process->drops);
        break;
    case PROCESS_TIME:
        hm_metric_put_histogram(walk->out, &name,
                                &(struct hm_histogram){REGISTRY_BOUND_SECONDS, times->counts, REGISTRY_BOUNDS,
                                                       (double)times->ns / 1e9});
        break;
    case PROCESS_METRICS:
        break;
    }
}

static void collect_processes(void *arg, size_t metric, hm_metrics_out *out) {
    registry_each(arg, put_process, &(struct processes_walk){(enum process_metric)metric, out, METRICS_PROCESSES});
}

int peer_metrics_add(struct hm_node *node) {
    int error = metrics_add(&node->metrics, PEERS, PEER_METRICS, collect_peers, node, NULL);
    return error ? error : metrics_add(&node->metrics, PROCESSES, PROCESS_METRICS, collect_processes, node, NULL);
}
