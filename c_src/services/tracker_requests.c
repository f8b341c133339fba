/* The requests that change what is tracked: track, update, untrack; and the processes that are tracked here, each with one monitor. */
#include <stdlib.h>

#include "services/tracker_private.h"

enum { REF_BYTES = 12 };
_Static_assert(REF_BYTES / 3 * 4 == TRACKER_REF_TEXT, "base64");

/* ---- processes that are tracked ---- */

static struct tracked_key key_of(hm_pid pid) {
    struct tracked_key key = {pid.node, pid.id, pid.serial, pid.creation, 0};
    return key;
}

struct tracked_process *tracker_find_process(const struct tracker_process *server, hm_pid pid) {
    struct tracked_key key = key_of(pid);
    struct tracked_process *tracked;
    HASH_FIND(hh, server->tracked, &key, sizeof key, tracked);
    return tracked;
}

static int hold_tracked(struct tracker_process *server, hm_pid pid) {
    struct tracked_process *tracked = tracker_find_process(server, pid);
    if (tracked)
        return HM_OK;
    if (!(tracked = calloc(1, sizeof *tracked)))
        return HM_ENOMEM;
    tracked->key = key_of(pid);
    int error = hm_monitor(server->self, hm_to_pid(pid), &tracked->ref);
    if (!error) {
        HASH_ADD(hh, server->tracked, key, sizeof tracked->key, tracked);
        if (!tracked->lost)
            return HM_OK;
        hm_demonitor(server->self, &tracked->ref);
        error = HM_ENOMEM;
    }
    free(tracked);
    return error;
}

/* As it is in own presences. */
static hm_term pid_term(struct tracker_process *server, hm_pid pid) {
    hm_build_reset(server->pid);
    hm_put_pid(server->pid, pid);
    return hm_build_term(server->pid);
}

static void release_tracked(struct tracker_process *server, hm_pid pid) {
    struct tracked_process *tracked = tracker_find_process(server, pid);
    hm_term term = pid_term(server, pid);
    if (!tracked)
        return;
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        if (tracker_state_first_of(tracker_shard_state(server->shards[i].shard), term))
            return;
    hm_demonitor(server->self, &tracked->ref);
    HASH_DEL(server->tracked, tracked);
    free(tracked);
}

void tracker_untrack_all(struct tracker_process *server, hm_pid pid) {
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        tracker_state_leave_all(tracker_shard_state(server->shards[i].shard), pid_term(server, pid));
    release_tracked(server, pid);
}

/* ---- metas ---- */

/* 12 bytes as base64url: the time, this process, a count. */
static void make_ref(struct tracker_process *server, char text[TRACKER_REF_TEXT + 1]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t now = (uint64_t)tracker_wall_ns();
    unsigned char bytes[REF_BYTES];
    server->count++;
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(now >> (56 - 8 * i));
    bytes[8] = (unsigned char)(server->salt >> 8);
    bytes[9] = (unsigned char)server->salt;
    bytes[10] = (unsigned char)(server->count >> 8);
    bytes[11] = (unsigned char)server->count;
    for (int i = 0; i < REF_BYTES / 3; i++) {
        uint32_t three = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];
        for (int j = 0; j < 4; j++)
            text[4 * i + j] = digits[three >> (18 - 6 * j) & 63];
    }
    text[TRACKER_REF_TEXT] = '\0';
}

/* The meta with phx_ref, and phx_ref_prev when there is one before. */
static int put_meta(struct tracker_process *server, hm_term meta, const char *ref, hm_term before) {
    struct hm_map map;
    hm_term key, value, old;
    bool again = before.size && hm_map_get_atom(before, "phx_ref", &old);
    uint32_t kept = 0;
    hm_build_reset(server->meta);
    for (int pass = 0; pass < 2; pass++) {
        hm_map_begin(meta, &map);
        while (hm_map_next(&map, &key, &value)) {
            if (hm_is_atom(key, "phx_ref") || (again && hm_is_atom(key, "phx_ref_prev")))
                continue;
            kept += pass == 0;
            if (pass == 1) {
                hm_put_term(server->meta, key);
                hm_put_term(server->meta, value);
            }
        }
        if (pass == 0)
            hm_put_map(server->meta, kept + 1 + again);
    }
    hm_put_atom(server->meta, "phx_ref");
    hm_put_text(server->meta, ref);
    if (again) {
        hm_put_atom(server->meta, "phx_ref_prev");
        hm_put_term(server->meta, old);
    }
    return hm_build_error(server->meta);
}

/* ---- changes ---- */

const char *tracker_check_topic(const struct tracker_process *server, hm_term topic) {
    if (hm_term_type(topic) != HM_TYPE_BINARY)
        return "topic_not_a_binary";
    return topic.size > server->max_topic ? "topic_too_large" : NULL;
}

struct tracker_state *tracker_state_for(const struct tracker_process *server, hm_term topic) {
    const void *bytes;
    size_t size;
    if (!hm_get_binary(topic, &bytes, &size))
        return NULL;
    return tracker_shard_state(server->shards[tracker_shard_of(server->tracker, bytes, size)].shard);
}

const char *tracker_refusal_of(int error) {
    return error == HM_ELIMIT ? "limit" : error ? "no_memory" : NULL;
}

static void track(struct tracker_process *server, const struct tracker_request *change, struct tracker_outcome *outcome) {
    struct tracker_state *state = tracker_state_for(server, change->topic);
    hm_term pid = pid_term(server, change->pid);
    if (tracker_state_find(state, pid, change->topic, change->key)) {
        outcome->tracked_already = true;
        return;
    }
    make_ref(server, outcome->ref);
    int error = hold_tracked(server, change->pid);
    if (!error && !(error = put_meta(server, change->meta, outcome->ref, (hm_term){0})))
        error = tracker_state_join(state, pid, change->topic, change->key, hm_build_term(server->meta));
    if (error)
        release_tracked(server, change->pid);
    outcome->refusal = tracker_refusal_of(error);
}

/* Those that are tracked here. */
static struct tracker_value *find_own(struct tracker_process *server, const struct tracker_request *change) {
    struct tracker_value *value = tracker_state_find(tracker_state_for(server, change->topic),
                                                     pid_term(server, change->pid), change->topic, change->key);
    return value && value->replica->own ? value : NULL;
}

static void update(struct tracker_process *server, const struct tracker_request *change, struct tracker_outcome *outcome) {
    struct tracker_value *value = find_own(server, change);
    if (!value) {
        outcome->refusal = "nopresence";
        return;
    }
    make_ref(server, outcome->ref);
    int error = put_meta(server, change->meta, outcome->ref, value->meta);
    if (!error)
        error = tracker_state_update(tracker_state_for(server, change->topic), value, hm_build_term(server->meta));
    outcome->refusal = tracker_refusal_of(error);
}

static void untrack(struct tracker_process *server, const struct tracker_request *change) {
    struct tracker_value *value = find_own(server, change);
    if (value)
        tracker_state_leave(tracker_state_for(server, change->topic), value);
    release_tracked(server, change->pid);
}

/* NO_CHANGE: another request. A change with something wrong in it has a refusal. */
static void read_change(struct tracker_process *server, hm_term request, struct tracker_request *change, struct tracker_outcome *outcome) {
    hm_term pid;
    *outcome = (struct tracker_outcome){0};
    *change = (struct tracker_request){.what = NO_CHANGE};
    if (hm_match(request, "{track, ~t, ~t, ~t, ~t}", &pid, &change->topic, &change->key, &change->meta))
        change->what = TRACK;
    else if (hm_match(request, "{update, ~t, ~t, ~t, ~t}", &pid, &change->topic, &change->key, &change->meta))
        change->what = UPDATE;
    else if (hm_match(request, "{untrack, ~t, ~t, ~t}", &pid, &change->topic, &change->key))
        change->what = UNTRACK;
    else if (hm_match(request, "{untrack, ~t}", &pid))
        change->what = UNTRACK_ALL;
    else
        return;
    if (change->topic.size)
        outcome->refusal = tracker_check_topic(server, change->topic);
    if (change->meta.size && hm_term_type(change->meta) != HM_TYPE_MAP)
        outcome->refusal = "meta_not_a_map";
    if (change->key.size + change->meta.size > PUBSUB_KEPT_BYTES)
        outcome->refusal = "too_large";
    if (!hm_get_pid(hm_node_of(server->self), pid, &change->pid))
        outcome->refusal = "not_a_pid";
}

bool tracker_make_change(struct tracker_process *server, hm_term request, struct tracker_request *change, struct tracker_outcome *outcome) {
    read_change(server, request, change, outcome);
    if (!outcome->refusal)
        switch (change->what) {
        case TRACK:
            track(server, change, outcome);
            break;
        case UPDATE:
            update(server, change, outcome);
            break;
        case UNTRACK:
            untrack(server, change);
            break;
        case UNTRACK_ALL:
            tracker_untrack_all(server, change->pid);
            break;
        case NO_CHANGE:
            break;
        }
    return change->what != NO_CHANGE;
}
