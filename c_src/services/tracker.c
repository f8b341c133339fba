/*
 * The requests of 'Elixir.MyAppWeb.Presence', after the functions of Phoenix.Tracker:
 *
 *     call {track, Pid, Topic, Key, Meta}     {ok, Ref}; {error, {already_tracked, Pid, Topic, Key}}
 *          {update, Pid, Topic, Key, Meta}    {ok, Ref}; {error, nopresence} for what was not tracked here
 *          {untrack, Pid, Topic, Key}         ok
 *          {untrack, Pid}                     ok: from all topics
 *          {list, Topic}                      [{Key, Meta}], of all nodes
 *          {get_by_key, Topic, Key}           [{Pid, Meta}]
 *          {watch, Topic[, Pid]}              {ok, [{Key, Meta}]}; from now on the process gets each change as a presence_diff
 *          {unwatch, Topic[, Pid]}            ok
 *          {watch, all[, Pid]}                {ok, HowMany}; each change of any topic as {Tracker, Diff}; {unwatch, all[, Pid]}
 *          replicas                           [{Shard, Node, up | down}]
 *          {glance, Max}                      {Count, [{Topic, Key, Node}]}: Max of all presences at most, and how many there are
 *     cast: those that change something, without an answer
 *
 * The process `presence' answers the call trackers with the names of all of them.
 *
 * Topics are binaries, a meta is any map; phx_ref is put into it, and on an update phx_ref_prev. A diff also goes to those who are subscribed to the
 * topic with the Phoenix.PubSub on this node, as with Phoenix.Presence; it stays on this node, for every node tells its own.
 */
#include "services/tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

#include <hermod/pg.h>

#include "services/dispatch_metrics.h"
#include "services/services.h"
#include "services/tracker_diff.h"

static const char SCOPE[] = "Elixir.Phoenix.PubSub";
static const char USUAL[] = "Elixir.Phoenix.PubSub";
static const char CHANNELS[] = "Elixir.Phoenix.Channel.Server";

/* Who watches all topics is subscribed to this; topics that can be watched are binaries. */
static const unsigned char ALL_BYTES[] = {119, 3, 'a', 'l', 'l'};
static const hm_term ALL = {ALL_BYTES, sizeof ALL_BYTES};

enum { AGAIN_MS = 100, REF_BYTES = 12, REF_TEXT = 16, COMPLAIN_MS = 10000 };

struct pid_key {
    const hm_node_name *node;
    uint32_t id, serial, creation, zero;
};

/* A process that is tracked here. */
struct tracked {
    UT_hash_handle hh;
    struct pid_key key;
    hm_ref ref; /* its monitor */
    bool lost;
};

struct shard {
    struct server *server;
    struct tracker_shard *shard;
    hm_build *topic; /* on which it talks to the others */
    unsigned number;
};

struct server {
    hm_process *self;
    const struct tracker *tracker;
    struct shard *shards;
    struct tracked *tracked;
    struct dispatch *dispatch;
    hm_build *out, *diff, *named, *pid, *meta, *adapter;
    hm_ref own, pubsub; /* in messages to itself; the monitor of the pubsub */
    uint64_t malformed, left_out;
    int64_t complained_ms;
    size_t max_topic;
    uint16_t count; /* in references */
    uint16_t salt;
    struct dispatch_metrics metrics;
    hm_metrics *own_metrics;
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- what shards send ---- */

static hm_term put_forward(struct shard *shard, hm_term message) {
    hm_build *out = shard->server->out;
    hm_build_reset(out);
    hm_put_format(out, "{forward_to_local, ~t, ~t, ~a}", hm_build_term(shard->topic), message, USUAL);
    return hm_build_term(out);
}

static void lose(const struct server *server, int error) {
    hm_log(server->self, HM_LOG_WARN, "presence.lost", "a message to other replicas is lost, they will ask for it: %s", hm_strerror(error));
}

/* To the first worker of each node, always: so they keep their order. */
static void on_broadcast(void *arg, hm_term message) {
    struct shard *shard = arg;
    struct server *server = shard->server;
    hm_term forward = put_forward(shard, message);
    int error = hm_build_error(server->out);
    if (!error)
        error = hm_pg_send(server->self, SCOPE, hm_build_term(server->adapter), HM_PG_REMOTE, forward);
    if (error && error != HM_ENOPROC)
        lose(server, error);
}

struct search {
    struct hm_text name;
    const hm_node_name *found;
};

static void look_at(void *arg, const hm_node_name *peer) {
    struct search *search = arg;
    const char *text = hm_node_name_text(peer);
    if (strlen(text) == search->name.size && memcmp(text, search->name.at, search->name.size) == 0)
        search->found = peer;
}

/* To connected nodes alone: a name in a message is no reason to dial. */
static bool on_send(void *arg, struct hm_text name, hm_term message) {
    struct shard *shard = arg;
    struct server *server = shard->server;
    struct search search = {.name = name};
    hm_nodes(hm_node_of(server->self), HM_NODES_CONNECTED, look_at, &search);
    if (!search.found || hm_is_busy(hm_node_of(server->self), search.found))
        return false;
    hm_term forward = put_forward(shard, message);
    int error = hm_build_error(server->out);
    if (!error)
        error = hm_send(server->self, hm_to_name(server->tracker->adapter, search.found), forward);
    if (error)
        lose(server, error);
    return !error;
}

static void on_put_ref(void *arg, hm_build *build) {
    struct shard *shard = arg;
    hm_ref ref = hm_make_ref(hm_node_of(shard->server->self));
    hm_put_ref(build, &ref);
}

static void on_replica(void *arg, const struct tracker_replica *replica, enum tracker_change change) {
    static const char *const texts[] = {"up", "down, its presences are not shown", "gone, its presences are forgotten"};
    struct shard *shard = arg;
    hm_log(shard->server->self, change == TRACKER_DOWN ? HM_LOG_WARN : HM_LOG_INFO, "presence.replica",
           "%s_shard%u: the replica on %.*s is %s", shard->server->tracker->name, shard->number, (int)replica->ref.node.size,
           replica->ref.node.at, texts[change]);
}

static int tell_all(struct server *server, hm_term diff) {
    if (topics_count(dispatch_topics(server->dispatch), ALL) == 0)
        return HM_OK;
    hm_build_reset(server->named);
    hm_put_format(server->named, "{~a, ~t}", server->tracker->name, diff);
    int error = hm_build_error(server->named);
    if (!error)
        dispatch_publish(server->dispatch, ALL, hm_build_term(server->named), HM_NO_PID, false);
    return error;
}

static void on_diff(void *arg, const struct tracker_topic *topic) {
    struct shard *shard = arg;
    struct server *server = shard->server;
    hm_build_reset(server->diff);
    int error = tracker_diff_put(server->diff, topic);
    hm_term diff = hm_build_term(server->diff);
    int told = error ? HM_OK : tell_all(server, diff);
    if (!error && hm_term_type(topic->name) == HM_TYPE_BINARY) { /* nobody can be subscribed to another */
        dispatch_publish(server->dispatch, topic->name, diff, HM_NO_PID, false);
        error = hm_castf(server->self, hm_to_name(server->tracker->pubsub, NULL), "{local_broadcast, ~t, ~t, ~a}", topic->name, diff, CHANNELS);
    }
    error = error ? error : told;
    if (error)
        hm_log(server->self, HM_LOG_WARN, "presence.diff", "a presence_diff is lost: %s", hm_strerror(error));
}

static const struct tracker_shard_events shard_events = {on_broadcast, on_send, on_put_ref, on_diff, on_replica};

/* ---- processes that are tracked ---- */

static struct pid_key key_of(hm_pid pid) {
    struct pid_key key = {pid.node, pid.id, pid.serial, pid.creation, 0};
    return key;
}

static struct tracked *find_tracked(const struct server *server, hm_pid pid) {
    struct pid_key key = key_of(pid);
    struct tracked *tracked;
    HASH_FIND(hh, server->tracked, &key, sizeof key, tracked);
    return tracked;
}

static int hold_tracked(struct server *server, hm_pid pid) {
    struct tracked *tracked = find_tracked(server, pid);
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
static hm_term pid_term(struct server *server, hm_pid pid) {
    hm_build_reset(server->pid);
    hm_put_pid(server->pid, pid);
    return hm_build_term(server->pid);
}

static void release_tracked(struct server *server, hm_pid pid) {
    struct tracked *tracked = find_tracked(server, pid);
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

static void untrack_all(struct server *server, hm_pid pid) {
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        tracker_state_leave_all(tracker_shard_state(server->shards[i].shard), pid_term(server, pid));
    release_tracked(server, pid);
}

/* ---- metas ---- */

/* 12 bytes as base64url: the time, this process, a count. */
static void make_ref(struct server *server, char text[REF_TEXT + 1]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t now = (uint64_t)wall_ns();
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
    text[REF_TEXT] = '\0';
}

/* The meta with phx_ref, and phx_ref_prev when there is one before. */
static int put_meta(struct server *server, hm_term meta, const char *ref, hm_term before) {
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

/* ---- requests ---- */

enum what { TRACK, UPDATE, UNTRACK, UNTRACK_ALL, NO_CHANGE };

struct change {
    enum what what;
    hm_pid pid;
    hm_term topic, key, meta;
};

/* What a change comes to: an error's name, or a reference (empty for untrack). */
struct outcome {
    const char *refusal;
    bool tracked_already;
    char ref[REF_TEXT + 1];
};

static const char *check_topic(const struct server *server, hm_term topic) {
    if (hm_term_type(topic) != HM_TYPE_BINARY)
        return "topic_not_a_binary";
    return topic.size > server->max_topic ? "topic_too_large" : NULL;
}

static struct tracker_state *state_for(const struct server *server, hm_term topic) {
    const void *bytes;
    size_t size;
    if (!hm_get_binary(topic, &bytes, &size))
        return NULL;
    return tracker_shard_state(server->shards[tracker_shard_of(server->tracker, bytes, size)].shard);
}

static const char *refusal_of(int error) {
    return error == HM_ELIMIT ? "limit" : error ? "no_memory" : NULL;
}

static void track(struct server *server, const struct change *change, struct outcome *outcome) {
    struct tracker_state *state = state_for(server, change->topic);
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
    outcome->refusal = refusal_of(error);
}

/* Those that are tracked here. */
static struct tracker_value *find_own(struct server *server, const struct change *change) {
    struct tracker_value *value = tracker_state_find(state_for(server, change->topic), pid_term(server, change->pid), change->topic, change->key);
    return value && value->replica->own ? value : NULL;
}

static void update(struct server *server, const struct change *change, struct outcome *outcome) {
    struct tracker_value *value = find_own(server, change);
    if (!value) {
        outcome->refusal = "nopresence";
        return;
    }
    make_ref(server, outcome->ref);
    int error = put_meta(server, change->meta, outcome->ref, value->meta);
    if (!error)
        error = tracker_state_update(state_for(server, change->topic), value, hm_build_term(server->meta));
    outcome->refusal = refusal_of(error);
}

static void untrack(struct server *server, const struct change *change) {
    struct tracker_value *value = find_own(server, change);
    if (value)
        tracker_state_leave(state_for(server, change->topic), value);
    release_tracked(server, change->pid);
}

/* NO_CHANGE: another request. A change with something wrong in it has a refusal. */
static void read_change(struct server *server, hm_term request, struct change *change, struct outcome *outcome) {
    hm_term pid;
    *outcome = (struct outcome){0};
    *change = (struct change){.what = NO_CHANGE};
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
        outcome->refusal = check_topic(server, change->topic);
    if (change->meta.size && hm_term_type(change->meta) != HM_TYPE_MAP)
        outcome->refusal = "meta_not_a_map";
    if (change->key.size + change->meta.size > PUBSUB_KEPT_BYTES)
        outcome->refusal = "too_large";
    if (!hm_get_pid(hm_node_of(server->self), pid, &change->pid))
        outcome->refusal = "not_a_pid";
}

/* false: no change. */
static bool make_change(struct server *server, hm_term request, struct change *change, struct outcome *outcome) {
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
            untrack_all(server, change->pid);
            break;
        case NO_CHANGE:
            break;
        }
    return change->what != NO_CHANGE;
}

/* {watch, Topic[, Pid]} and {unwatch, ...}. false: neither. */
static bool make_watch(struct server *server, hm_term request, hm_pid caller, bool *on, hm_term *topic, const char **refusal) {
    hm_term pid = {0};
    *on = hm_match(request, "{watch, ~t}", topic) || hm_match(request, "{watch, ~t, ~t}", topic, &pid);
    if (!*on && !hm_match(request, "{unwatch, ~t}", topic) && !hm_match(request, "{unwatch, ~t, ~t}", topic, &pid))
        return false;
    *refusal = hm_is_atom(*topic, "all") ? NULL : check_topic(server, *topic);
    if ((pid.size && !hm_get_pid(hm_node_of(server->self), pid, &caller)) || !caller.node)
        *refusal = "not_a_pid";
    if (!*refusal && *on)
        *refusal = refusal_of(dispatch_subscribe(server->dispatch, *topic, caller, TOPIC_PLAIN, 0));
    else if (!*refusal)
        (void)dispatch_unsubscribe(server->dispatch, *topic, caller);
    return true;
}

static enum hm_verdict answer_built(struct server *server, const hm_from *from) {
    if (hm_build_error(server->out))
        return hm_reply(server->self, from, "{error, no_memory}");
    return hm_reply_term(server->self, from, hm_build_term(server->out));
}

static enum hm_verdict answer_list(struct server *server, const hm_from *from, hm_term topic, bool watched) {
    struct tracker_state *state = state_for(server, topic);
    hm_build_reset(server->out);
    if (watched) {
        hm_put_tuple(server->out, 2);
        hm_put_atom(server->out, "ok");
    }
    tracker_diff_put_list(server->out, state ? tracker_state_topic(state, topic) : NULL, false);
    return answer_built(server, from);
}

static uint64_t count_shown(const struct server *server) {
    const struct tracker_replica *replica;
    uint64_t count = 0;
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        TAILQ_FOREACH (replica, tracker_state_replicas(tracker_shard_state(server->shards[i].shard)), next)
            count += replica->up ? replica->count : 0;
    return count;
}

static enum hm_verdict answer_by_key(struct server *server, const hm_from *from, hm_term topic, hm_term key) {
    struct tracker_state *state = state_for(server, topic);
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

static void put_replicas(const struct server *server, hm_build *build) {
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
}

static enum hm_verdict answer_glance(struct server *server, const hm_from *from, uint64_t most) {
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

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct server *server = hm_data(self);
    uint64_t most;
    struct outcome outcome;
    struct change change;
    const char *refusal;
    hm_term topic, key;
    bool on;
    if (make_change(server, request, &change, &outcome)) {
        if (outcome.refusal)
            return hm_reply(self, from, "{error, ~a}", outcome.refusal);
        if (outcome.tracked_already)
            return hm_reply(self, from, "{error, {already_tracked, ~p, ~t, ~t}}", change.pid, change.topic, change.key);
        return *outcome.ref ? hm_reply(self, from, "{ok, ~s}", outcome.ref) : hm_reply(self, from, "ok");
    }
    if (make_watch(server, request, hm_from_pid(from), &on, &topic, &refusal)) {
        if (refusal)
            return hm_reply(self, from, "{error, ~a}", refusal);
        if (on && hm_is_atom(topic, "all"))
            return hm_reply(self, from, "{ok, ~u}", count_shown(server));
        return on ? answer_list(server, from, topic, true) : hm_reply(self, from, "ok");
    }
    if (hm_match(request, "{list, ~t}", &topic))
        return answer_list(server, from, topic, false);
    if (hm_match(request, "{get_by_key, ~t, ~t}", &topic, &key))
        return answer_by_key(server, from, topic, key);
    if (hm_match(request, "{glance, ~u}", &most))
        return answer_glance(server, from, most);
    if (!hm_is_atom(request, "replicas"))
        return HM_UNKNOWN;
    hm_build_reset(server->out);
    put_replicas(server, server->out);
    return answer_built(server, from);
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct server *server = hm_data(self);
    struct outcome outcome;
    struct change change;
    const char *refusal;
    hm_term topic;
    bool on;
    if (make_change(server, message, &change, &outcome))
        refusal = outcome.tracked_already ? "already_tracked" : outcome.refusal;
    else if (!make_watch(server, message, HM_NO_PID, &on, &topic, &refusal))
        return HM_UNKNOWN;
    if (refusal)
        hm_log(self, HM_LOG_WARN, "presence.refused", "a cast was refused: %s", refusal);
    return HM_CONTINUE;
}

/* ---- other messages ---- */

/* Nothing is said about what came before it: a peer may say it a thousand times a second. */
static void complain(struct server *server, int64_t now, const char *id, const char *what, uint64_t count) {
    if (server->complained_ms && now - server->complained_ms < COMPLAIN_MS)
        return;
    server->complained_ms = now;
    hm_log(server->self, HM_LOG_WARN, id, "%s: %s (%llu so far)", server->tracker->name, what, (unsigned long long)count);
}

static void hear(struct server *server, struct shard *shard, hm_term message) {
    int64_t now = now_ms();
    uint64_t before = tracker_state_counters(tracker_shard_state(shard->shard))->presences;
    int error = tracker_shard_hear(shard->shard, message, now);
    uint64_t left_out = tracker_state_counters(tracker_shard_state(shard->shard))->presences - before;
    server->left_out += left_out;
    if (error == HM_EBADTERM)
        complain(server, now, "presence.malformed", "a message on the topic of the replicas is none of a tracker", ++server->malformed);
    else if (error == HM_ELIMIT)
        complain(server, now, "presence.limit", "there are too many replicas, one is left out", ++server->left_out);
    else if (error)
        lose(server, error);
    if (left_out)
        complain(server, now, "presence.limit", "there are too many presences, some are left out", server->left_out);
}

static int send_to_self(struct server *server, int64_t ms, const char *what, int64_t number) {
    hm_build_reset(server->out);
    hm_put_format(server->out, "{~r, ~a, ~i}", &server->own, what, number);
    int error = hm_build_error(server->out);
    return error ? error : hm_send_after(server->self, ms, hm_build_term(server->out), NULL);
}

/* Both at once: when the pubsub ends the subscriptions are gone. */
static int subscribe(struct server *server) {
    const char *pubsub = server->tracker->pubsub;
    if (!hm_whereis(hm_node_of(server->self), pubsub).node)
        return HM_ENOPROC;
    int error = hm_monitor(server->self, hm_to_name(pubsub, NULL), &server->pubsub);
    for (uint32_t i = 0; i < server->tracker->shards && !error; i++)
        error = hm_castf(server->self, hm_to_name(pubsub, NULL), "{subscribe, ~t, ~p, #{tagged => true}}",
                         hm_build_term(server->shards[i].topic), hm_self(server->self));
    return error;
}

static void own_message(struct server *server, hm_term what, int64_t number) {
    if (hm_is_atom(what, "tick") && number >= 0 && number < (int64_t)server->tracker->shards) {
        tracker_shard_tick(server->shards[number].shard, now_ms());
        if (send_to_self(server, server->tracker->periods.broadcast_ms, "tick", number))
            hm_log(server->self, HM_LOG_ERROR, "presence.timer", "a shard has no memory for its timer and is silent");
    } else if (subscribe(server)) {
        send_to_self(server, AGAIN_MS, "subscribe", 0);
    }
}

/* 'DOWN' of the pubsub or of a process that is tracked. false: of neither. */
static bool on_down(struct server *server, hm_term ref_term, hm_term pid_of) {
    hm_node *node = hm_node_of(server->self);
    const struct tracked *tracked;
    hm_ref ref;
    hm_pid pid;
    if (!hm_get_ref(node, ref_term, &ref))
        return false;
    if (hm_ref_equal(&ref, &server->pubsub)) {
        send_to_self(server, AGAIN_MS, "subscribe", 0);
        return true;
    }
    if (!hm_get_pid(node, pid_of, &pid) || !(tracked = find_tracked(server, pid)) || !hm_ref_equal(&ref, &tracked->ref))
        return false;
    untrack_all(server, pid);
    return true;
}

static enum hm_verdict on_info(hm_process *self, hm_term term) {
    struct server *server = hm_data(self);
    hm_term first, second;
    struct hm_text topic;
    int64_t number;
    hm_ref ref;
    int shard;
    if (hm_match(term, "{~b, ~t}", &topic, &second) && (shard = tracker_shard_in(server->tracker, topic.at, topic.size)) >= 0) {
        hear(server, &server->shards[shard], second);
        return HM_CONTINUE;
    }
    if (hm_match(term, "{~t, ~t, ~i}", &first, &second, &number) && hm_get_ref(hm_node_of(self), first, &ref) &&
        hm_ref_equal(&ref, &server->own)) {
        own_message(server, second, number);
        return HM_CONTINUE;
    }
    if (hm_match(term, "{'DOWN', ~t, process, ~t, _}", &first, &second) && on_down(server, first, second))
        return HM_CONTINUE;
    return dispatch_info(server->dispatch, term) ? HM_CONTINUE : HM_UNKNOWN;
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

static struct tracker_sums sum_up(const struct server *server) {
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
    const struct server *server = arg;
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

/* ---- begin and end ---- */

static void free_server(struct server *server) {
    struct tracked *tracked, *next;
    if (!server)
        return;
    dispatch_metrics_remove(&server->metrics);
    hm_metrics_remove(server->own_metrics);
    HASH_ITER(hh, server->tracked, tracked, next) {
        HASH_DEL(server->tracked, tracked);
        free(tracked);
    }
    for (uint32_t i = 0; server->shards && i < server->tracker->shards; i++) {
        tracker_shard_free(server->shards[i].shard);
        hm_build_free(server->shards[i].topic);
    }
    free(server->shards);
    dispatch_free(server->dispatch);
    hm_build *builds[] = {server->out, server->diff, server->named, server->pid, server->meta, server->adapter};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++)
        hm_build_free(builds[i]);
    free(server);
}

/* A version that grows with every start, as that of the original: from the clock on the wall, in microseconds. */
static int start_shard(struct server *server, unsigned number) {
    const struct tracker *tracker = server->tracker;
    const char *name = hm_node_name_of(hm_node_of(server->self));
    struct tracker_limits limits = {tracker->max_presences ? tracker->max_presences : PRESENCE_DEFAULT_MAX, TRACKER_REPLICAS_MAX, TRACKER_CLOUD_MAX};
    struct tracker_ref own = {{name, strlen(name)}, wall_ns() / 1000 + number};
    struct shard *shard = &server->shards[number];
    char topic[PHOENIX_NAME_BYTES + 64];
    shard->server = server;
    shard->number = number;
    shard->topic = hm_build_new();
    shard->shard = tracker_shard_new(&own, &tracker->periods, &limits, &shard_events, shard);
    if (!shard->topic || !shard->shard)
        return HM_ENOMEM;
    snprintf(topic, sizeof topic, "phx_presence:%s_shard%u", tracker->name, number);
    hm_put_text(shard->topic, topic);
    int error = hm_build_error(shard->topic);
    /* Not all shards and nodes at the same moment. */
    return error ? error : send_to_self(server, (int64_t)((server->salt + number * 7919u) % (tracker->periods.broadcast_ms / 4 + 1)), "tick", number);
}

static int init(hm_process *self, void *argument) {
    static const struct dispatch_events events = {0};
    const struct tracker *tracker = argument;
    struct dispatch_limits limits = {
        .topics = {PUBSUB_DEFAULT_MAX_TOPICS, PUBSUB_DEFAULT_MAX_SUBSCRIPTIONS},
        .kept = PUBSUB_DEFAULT_KEPT,
        .kept_bytes = PUBSUB_KEPT_BYTES,
        .kept_memory = PUBSUB_DEFAULT_KEPT_MEMORY,
    };
    struct server *server = calloc(1, sizeof *server);
    int error = HM_ENOMEM;
    if (!server)
        return error;
    server->self = self;
    server->tracker = tracker;
    server->max_topic = PUBSUB_DEFAULT_MAX_TOPIC;
    server->own = hm_make_ref(hm_node_of(self));
    if (getrandom(&server->salt, sizeof server->salt, 0) != sizeof server->salt)
        server->salt = (uint16_t)wall_ns();
    server->shards = calloc(tracker->shards, sizeof *server->shards);
    server->dispatch = dispatch_new(self, &limits, &events, server);
    hm_build **builds[] = {&server->out, &server->diff, &server->named, &server->pid, &server->meta, &server->adapter};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++)
        if (!(*builds[i] = hm_build_new()))
            goto fail;
    if (!server->shards || !server->dispatch)
        goto fail;
    hm_put_atom(server->adapter, tracker->adapter);
    if ((error = hm_build_error(server->adapter)))
        goto fail;
    for (uint32_t i = 0; i < tracker->shards; i++)
        if ((error = start_shard(server, i)))
            goto fail;
    if ((error = dispatch_metrics_add(&server->metrics, hm_node_of(self), server->dispatch, tracker->name)) ||
        (error = hm_metrics_add(hm_node_of(self), metrics, METRICS, collect, server, &server->own_metrics)))
        goto fail;
    error = subscribe(server);
    if (error == HM_ENOPROC)
        error = send_to_self(server, AGAIN_MS, "subscribe", 0);
    if (error)
        goto fail;
    hm_set_data(self, server);
    return 0;
fail:
    free_server(server);
    return error;
}

/* A process that was killed says nothing: the others see a new version of this replica soon. */
static void terminate(hm_process *self, hm_term reason) {
    struct server *server = hm_data(self);
    if (!hm_is_atom(reason, "killed"))
        for (uint32_t i = 0; i < server->tracker->shards; i++)
            tracker_shard_goodbye(server->shards[i].shard);
    free_server(server);
}

static void put_state(hm_process *self, hm_build *build) {
    const struct server *server = hm_data(self);
    struct topics_size watched;
    uint64_t presences = 0;
    topics_size(dispatch_topics(server->dispatch), &watched);
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        presences += tracker_state_count(tracker_shard_state(server->shards[i].shard));
    hm_put_format(build, "#{shards => ~u, presences => ~u, tracked => ~u, watchers => ~u, malformed => ~u, left_out => ~u}",
                  (uint64_t)server->tracker->shards, presences, (uint64_t)HASH_COUNT(server->tracked),
                  (uint64_t)watched.subscribers, server->malformed, server->left_out);
}

static const struct hm_server_class tracker_class = {
    .module = "phoenix_tracker",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .terminate = terminate,
    .state = put_state,
};

/* ---- the directory ---- */

static int directory_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return 0;
}

static enum hm_verdict directory_call(hm_process *self, hm_term request, const hm_from *from) {
    const struct service_config *config = hm_data(self);
    hm_build *build;
    if (!hm_is_atom(request, "trackers"))
        return HM_UNKNOWN;
    if (!(build = hm_build_new()))
        return hm_reply(self, from, "{error, no_memory}");
    hm_put_list(build, (uint32_t)config->tracker_count);
    for (size_t i = 0; i < config->tracker_count; i++)
        hm_put_atom(build, config->trackers[i].name);
    hm_put_nil(build);
    hm_reply_term(self, from, hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

static const struct hm_server_class directory_class = {
    .module = "phoenix_trackers",
    .init = directory_init,
    .call = directory_call,
};

static int start_directory(hm_node *node, const struct service_config *config) {
    struct hm_start start = {.name = "presence", .restart = true};
    return config->tracker_count ? hm_server_start(node, &directory_class, &start, (void *)(uintptr_t)config, NULL) : HM_OK;
}

int tracker_start(hm_node *node, const struct service_config *config) {
    for (size_t i = 0; i < config->tracker_count; i++) {
        struct hm_start start = {.name = config->trackers[i].name, .restart = true};
        int error = hm_server_start(node, &tracker_class, &start, &config->trackers[i], NULL);
        if (error)
            return error;
    }
    return start_directory(node, config);
}
