/* The module hermod: what only this node has. metrics/0 is everything that is counted, status/0 what one asks for first. */
#include "node/peers.h"
#include "otp/bifs.h"
#include "otp/metrics_term.h"
#include "otp/vitals.h"

static enum mfa_outcome bif_metrics(struct mfa_call *call) {
    metrics_put_term(call->node, call->result);
    return MFA_VALUE;
}

/* ---- status ---- */

struct listing {
    hm_build *build;
    uint32_t count;
};

static void put_peer(void *arg, struct peer *peer) {
    struct listing *listing = arg;
    struct channel_stats stats;
    if (!peer_is_up(peer))
        return;
    channel_stats(peer_channel(peer), &stats);
    hm_put_format(listing->build,
                  "#{node => ~a, visible => ~a, connected_seconds => ~f, received_bytes => ~u, sent_bytes => ~u, waiting_bytes => ~u}",
                  hm_node_name_text(peer_name(peer)), peer_is_visible(peer) ? "true" : "false", (double)peer_up_ms(peer) / 1e3,
                  stats.bytes_in, stats.bytes_out, (uint64_t)stats.output_bytes);
    listing->count++;
}

/* The samples of one metric with one label that are not 0, as {Label, Count}. */
struct picking {
    struct listing listing;
    const char *name;
    bool is_it;
};

static void pick_metric(void *arg, const struct hm_metric *metric) {
    struct picking *picking = arg;
    picking->is_it = strcmp(metric->name, picking->name) == 0;
}

static void pick_sample(void *arg, const struct hm_metric *metric, const struct hm_sample *sample) {
    struct picking *picking = arg;
    (void)metric;
    if (!picking->is_it || sample->integer == 0)
        return;
    hm_put_format(picking->listing.build, "{~b, ~u}", sample->labels[0].at, sample->labels[0].size, sample->integer);
    picking->listing.count++;
}

static void put_picked(struct hm_node *node, const char *name, hm_build *build) {
    struct picking picking = {.listing = {build, 0}, .name = name};
    size_t begin = hm_put_list_begin(build);
    metrics_read(&node->metrics, &(struct hm_metrics_reader){pick_metric, pick_sample, &picking});
    hm_put_list_end(build, begin, picking.listing.count);
}

static enum mfa_outcome bif_status(struct mfa_call *call) {
    struct hm_node *node = call->node;
    hm_build *build = call->result;
    struct listing peers = {.build = build};
    hm_put_map(build, 9);
    hm_put_atom(build, "node");
    hm_put_atom(build, hm_node_name_text(node->name));
    hm_put_atom(build, "version");
    hm_put_text(build, HM_VERSION);
    hm_put_atom(build, "uptime_seconds");
    hm_put_double(build, (double)mono_ms_between(node->started, mono_now()) / 1e3);
    hm_put_atom(build, "memory_bytes");
    hm_put_uint64(build, vitals_heap_bytes());
    hm_put_atom(build, "processes");
    hm_put_uint64(build, node->process_count);
    hm_put_atom(build, "run_queue");
    hm_put_uint64(build, vitals_run_queue(node));
    hm_put_atom(build, "peers");
    size_t begin = hm_put_list_begin(build);
    peers_each(node, put_peer, &peers);
    hm_put_list_end(build, begin, peers.count);
    hm_put_atom(build, "limit_hits");
    put_picked(node, "hermod_limit_hits_total", build);
    hm_put_atom(build, "connections_refused");
    put_picked(node, "hermod_connections_refused_total", build);
    return MFA_VALUE;
}

int bif_hermod_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"hermod", "metrics", 0, bif_metrics, NULL},
        {"hermod", "status", 0, bif_status, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
