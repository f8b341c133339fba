/* What a tracker shows: lists of presences and replicas, its state and its metrics. */
#include "services/tracker_diff.h"
#include "services/tracker_private.h"

static enum hm_verdict answer_built(struct tracker_process *server, const hm_from *from) {
    if (hm_build_error(server->out))
        return hm_reply(server->self, from, "{error, no_memory}");
    return hm_reply_term(server->self, from, hm_build_term(server->out));
}

enum hm_verdict tracker_answer_list(struct tracker_process *server, const hm_from *from, hm_term topic, bool watched) {
    struct tracker_state *state = tracker_state_for(server, topic);
    hm_build_reset(server->out);
    if (watched) {
        hm_put_tuple(server->out, 2);
        hm_put_atom(server->out, "ok");
    }
    tracker_diff_put_list(server->out, state ? tracker_state_topic(state, topic) : NULL, false);
    return answer_built(server, from);
}

uint64_t tracker_count_shown(const struct tracker_process *server) {
    const struct tracker_replica *replica;
    uint64_t count = 0;
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        TAILQ_FOREACH (replica, tracker_state_replicas(tracker_shard_state(server->shards[i].shard)), next)
            count += replica->up ? replica->count : 0;
    return count;
}

enum hm_verdict tracker_answer_by_key(struct tracker_process *server, const hm_from *from, hm_term topic, hm_term key) {
    struct tracker_state *state = tracker_state_for(server, topic);
    const struct tracker_topic *found = state ? tracker_state_topic(state, topic) : NULL;
    const struct tracker_value *value;
    uint32_t count = 0;
    hm_build_reset(server->out);
    size_t begin = hm_put_list_begin(server->out);
    if (found)
        TAILQ_FOREACH (value, &found->values, of_topic)
            if (value->replica->up && hm_term_equal(value->key, key)) {
                hm_put_format(server->out, "{~t, ~t}", value->pid, value->meta);
                count++;
            }
    hm_put_list_end(server->out, begin, count);
    return answer_built(server, from);
}

enum hm_verdict tracker_answer_replicas(struct tracker_process *server, const hm_from *from) {
    hm_build *build = server->out;
    hm_build_reset(build);
    size_t begin = hm_put_list_begin(build);
    uint32_t count = 0;
    for (uint32_t i = 0; i < server->tracker->shards; i++) {
        const struct tracker_replica *replica;
        TAILQ_FOREACH (replica, tracker_state_replicas(tracker_shard_state(server->shards[i].shard)), next)
            if (!replica->own) {
                hm_put_tuple(build, 3);
                hm_put_uint64(build, i);
                hm_put_atom_n(build, replica->ref.node.at, replica->ref.node.size);
                hm_put_atom(build, replica->up ? "up" : "down");
                count++;
            }
    }
    hm_put_list_end(build, begin, count);
    return answer_built(server, from);
}

enum hm_verdict tracker_answer_glance(struct tracker_process *server, const hm_from *from, uint64_t most) {
    uint64_t total = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        total += tracker_state_count(tracker_shard_state(server->shards[i].shard));
    hm_build_reset(server->out);
    hm_put_tuple(server->out, 2);
    hm_put_uint64(server->out, total);
    size_t begin = hm_put_list_begin(server->out);
    for (uint32_t i = 0; i < server->tracker->shards && count < most; i++) {
        const struct tracker_replica *replica;
        const struct tracker_value *value;
        TAILQ_FOREACH (replica, tracker_state_replicas(tracker_shard_state(server->shards[i].shard)), next)
            TAILQ_FOREACH (value, &replica->values, of_replica) {
                if (!replica->up || count >= most)
                    break;
                hm_put_tuple(server->out, 3);
                hm_put_term(server->out, value->topic->name);
                hm_put_term(server->out, value->key);
                hm_put_atom_n(server->out, replica->ref.node.at, replica->ref.node.size);
                count++;
            }
    }
    hm_put_list_end(server->out, begin, count);
    return answer_built(server, from);
}

void tracker_put_process_state(hm_process *self, hm_build *build) {
    const struct tracker_process *server = hm_data(self);
    struct topics_size watched;
    uint64_t presences = 0;
    topics_size(dispatch_topics(server->dispatch), &watched);
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        presences += tracker_state_count(tracker_shard_state(server->shards[i].shard));
    hm_put_format(build, "#{shards => ~u, presences => ~u, tracked => ~u, watchers => ~u, malformed => ~u, left_out => ~u}",
                  (uint64_t)server->tracker->shards, presences, (uint64_t)HASH_COUNT(server->tracked),
                  (uint64_t)watched.subscribers, server->malformed, server->left_out);
}

/* ---- metrics ---- */

enum { METRIC_PRESENCES, METRIC_TRACKED, METRIC_REPLICAS, METRIC_LEFT_OUT, METRIC_MALFORMED, METRICS };

static const struct hm_metric metrics[METRICS] = {
    [METRIC_PRESENCES] = {"hermod_presence_entries", HM_GAUGE, "Presences of all replicas", {"tracker"}},
    [METRIC_TRACKED] = {"hermod_presence_tracked", HM_GAUGE, "Processes tracked on this node", {"tracker"}},
    [METRIC_REPLICAS] = {"hermod_presence_replicas", HM_GAUGE, "Other replicas of a shard, summed up over the shards", {"tracker", "state"}},
    [METRIC_LEFT_OUT] = {"hermod_presence_left_out_total", HM_COUNTER, "Presences and replicas left out (--presence-max)", {"tracker"}},
    [METRIC_MALFORMED] = {"hermod_presence_malformed_total", HM_COUNTER, "Messages among replicas that made no sense", {"tracker"}},
};

struct tracker_sums {
    uint64_t presences, up, down;
};

static struct tracker_sums sum_up(const struct tracker_process *server) {
    struct tracker_sums sums = {0};
    for (uint32_t i = 0; i < server->tracker->shards; i++) {
        const struct tracker_state *state = tracker_shard_state(server->shards[i].shard);
        const struct tracker_replica *replica;
        sums.presences += tracker_state_count(state);
        TAILQ_FOREACH (replica, tracker_state_replicas(state), next)
            if (!replica->own)
                (*(replica->up ? &sums.up : &sums.down))++;
    }
    return sums;
}

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct tracker_process *server = arg;
    struct tracker_sums sums = sum_up(server);
    struct hm_text up[] = {hm_text_of(server->tracker->name), hm_text_of("up")}, down[] = {up[0], hm_text_of("down")};
    switch (metric) {
    case METRIC_PRESENCES:
        hm_metric_put(out, up, sums.presences);
        break;
    case METRIC_TRACKED:
        hm_metric_put(out, up, HASH_COUNT(server->tracked));
        break;
    case METRIC_REPLICAS:
        hm_metric_put(out, up, sums.up);
        hm_metric_put(out, down, sums.down);
        break;
    case METRIC_LEFT_OUT:
        hm_metric_put(out, up, server->left_out);
        break;
    default:
        hm_metric_put(out, up, server->malformed);
    }
}

int tracker_add_metrics(struct tracker_process *server) {
    return hm_metrics_add(hm_node_of(server->self), metrics, METRICS, collect, server, &server->own_metrics);
}
