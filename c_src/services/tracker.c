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
 * Topics are binaries, a meta is any map; phx_ref is put into it, and on an update phx_ref_prev. A diff also goes to those who are subscribed to the
 * topic with the Phoenix.PubSub on this node, as with Phoenix.Presence; it stays on this node, for every node tells its own.
 */
#include "services/tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "services/tracker_private.h"

enum { SUBSCRIBE_MS = 5000, COMPLAIN_MS = 10000 };

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- requests ---- */

/* {watch, Topic[, Pid]} and {unwatch, ...}. false: neither. */
static bool make_watch(struct tracker_process *server, hm_term request, hm_pid caller, bool *on, hm_term *topic, const char **refusal) {
    hm_term pid = {0};
    *on = hm_match(request, "{watch, ~t}", topic) || hm_match(request, "{watch, ~t, ~t}", topic, &pid);
    if (!*on && !hm_match(request, "{unwatch, ~t}", topic) && !hm_match(request, "{unwatch, ~t, ~t}", topic, &pid))
        return false;
    *refusal = hm_is_atom(*topic, "all") ? NULL : tracker_check_topic(server, *topic);
    if ((pid.size && !hm_get_pid(hm_node_of(server->self), pid, &caller)) || !caller.node)
        *refusal = "not_a_pid";
    if (!*refusal && *on)
        *refusal = tracker_refusal_of(dispatch_subscribe(server->dispatch, *topic, caller, TOPIC_PLAIN, 0));
    else if (!*refusal)
        (void)dispatch_unsubscribe(server->dispatch, *topic, caller);
    return true;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct tracker_process *server = hm_data(self);
    uint64_t most;
    struct tracker_outcome outcome;
    struct tracker_request change;
    const char *refusal;
    hm_term topic, key;
    bool on;
    if (tracker_make_change(server, request, &change, &outcome)) {
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
            return hm_reply(self, from, "{ok, ~u}", tracker_count_shown(server));
        return on ? tracker_answer_list(server, from, topic, true) : hm_reply(self, from, "ok");
    }
    if (hm_match(request, "{list, ~t}", &topic))
        return tracker_answer_list(server, from, topic, false);
    if (hm_match(request, "{get_by_key, ~t, ~t}", &topic, &key))
        return tracker_answer_by_key(server, from, topic, key);
    if (hm_match(request, "{glance, ~u}", &most))
        return tracker_answer_glance(server, from, most);
    return hm_is_atom(request, "replicas") ? tracker_answer_replicas(server, from) : HM_UNKNOWN;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct tracker_process *server = hm_data(self);
    struct tracker_outcome outcome;
    struct tracker_request change;
    const char *refusal;
    hm_term topic;
    bool on;
    if (tracker_make_change(server, message, &change, &outcome))
        refusal = outcome.tracked_already ? "already_tracked" : outcome.refusal;
    else if (!make_watch(server, message, HM_NO_PID, &on, &topic, &refusal))
        return HM_UNKNOWN;
    if (refusal)
        hm_log(self, HM_LOG_WARN, "presence.refused", "a cast was refused: %s", refusal);
    return HM_CONTINUE;
}

/* ---- the pubsub below ---- */

static enum hm_verdict on_subscribed(hm_process *self, void *arg, int error, hm_term reply) {
    struct tracker_own_shard *shard = arg;
    (void)self;
    shard->asking = false;
    if (!error && hm_is_atom(reply, "ok"))
        shard->subscribed = shard->asked;
    return HM_CONTINUE;
}

/* A call, and not a cast: where there was no memory for it, there or here, the next tick asks again. */
static void subscribe(struct tracker_own_shard *shard) {
    struct tracker_process *server = shard->server;
    hm_pid pubsub = hm_whereis(hm_node_of(server->self), server->tracker->pubsub);
    if (!pubsub.node || shard->asking || hm_pid_equal(shard->subscribed, pubsub))
        return;
    hm_build_reset(server->out);
    hm_put_format(server->out, "{subscribe, ~t, ~p, #{tagged => true}}", hm_build_term(shard->topic), hm_self(server->self));
    shard->asked = pubsub;
    shard->asking = !hm_build_error(server->out) &&
                    hm_call(server->self, hm_to_pid(pubsub), hm_build_term(server->out), SUBSCRIBE_MS, on_subscribed, shard) == 0;
}

/* Or there again: with the former one its subscriptions ended. */
static int pubsub_is_there(hm_process *self, void *arg, hm_pid pubsub) {
    struct tracker_process *server = arg;
    (void)self;
    (void)pubsub;
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        subscribe(&server->shards[i]);
    return HM_OK;
}

/* ---- ticks ---- */

static int start_tick(struct tracker_own_shard *shard, int64_t ms) {
    struct tracker_process *server = shard->server;
    hm_build_reset(server->out);
    hm_put_format(server->out, "{~r, tick, ~u}", &server->own, (uint64_t)shard->number);
    int error = hm_build_error(server->out);
    if (!error)
        error = hm_send_after(server->self, ms, hm_build_term(server->out), NULL);
    shard->ticking = !error;
    server->unticked |= error != 0;
    return error;
}

/* Should there have been no memory for the timer, with whatever comes next: without heartbeats the others would take us for gone. */
static void keep_ticking(struct tracker_process *server) {
    if (!server->unticked)
        return;
    server->unticked = false;
    for (uint32_t i = 0; i < server->tracker->shards; i++)
        if (!server->shards[i].ticking)
            (void)start_tick(&server->shards[i], 0);
}

static void on_tick(struct tracker_process *server, struct tracker_own_shard *shard) {
    subscribe(shard);
    tracker_shard_tick(shard->shard, now_ms());
    if (start_tick(shard, server->tracker->periods.broadcast_ms))
        hm_log(server->self, HM_LOG_ERROR, "presence.timer", "no memory for the timer of a shard, which is silent until something comes");
}

/* ---- other messages ---- */

/* Nothing is said about what came before it: a peer may say it a thousand times a second. */
static void complain(struct tracker_process *server, int64_t now, const char *id, const char *what, uint64_t count) {
    if (server->complained_ms && now - server->complained_ms < COMPLAIN_MS)
        return;
    server->complained_ms = now;
    hm_log(server->self, HM_LOG_WARN, id, "%s: %s (%llu so far)", server->tracker->name, what, (unsigned long long)count);
}

static void hear(struct tracker_process *server, struct tracker_own_shard *shard, hm_term message) {
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
        tracker_lose(server, error);
    if (left_out)
        complain(server, now, "presence.limit", "there are too many presences, some are left out", server->left_out);
}

/* 'DOWN' of a process that is tracked. false: of none. */
static bool on_down(struct tracker_process *server, hm_term ref_term, hm_term pid_of) {
    hm_node *node = hm_node_of(server->self);
    const struct tracked_process *tracked;
    hm_ref ref;
    hm_pid pid;
    if (!hm_get_ref(node, ref_term, &ref))
        return false;
    if (!hm_get_pid(node, pid_of, &pid) || !(tracked = tracker_find_process(server, pid)) || !hm_ref_equal(&ref, &tracked->ref))
        return false;
    tracker_untrack_all(server, pid);
    return true;
}

static enum hm_verdict on_info(hm_process *self, hm_term term) {
    struct tracker_process *server = hm_data(self);
    hm_term first, second;
    struct hm_text topic;
    uint64_t number;
    hm_ref ref;
    int shard;
    keep_ticking(server);
    if (hm_match(term, "{~b, ~t}", &topic, &second) && (shard = tracker_shard_in(server->tracker, topic.at, topic.size)) >= 0) {
        hear(server, &server->shards[shard], second);
        return HM_CONTINUE;
    }
    if (hm_match(term, "{~t, tick, ~u}", &first, &number) && hm_get_ref(hm_node_of(self), first, &ref) && hm_ref_equal(&ref, &server->own) &&
        number < server->tracker->shards) {
        on_tick(server, &server->shards[number]);
        return HM_CONTINUE;
    }
    if (hm_match(term, "{'DOWN', ~t, process, ~t, _}", &first, &second) && on_down(server, first, second))
        return HM_CONTINUE;
    return dispatch_info(server->dispatch, term) ? HM_CONTINUE : HM_UNKNOWN;
}

/* ---- begin and end ---- */

static void free_server(struct tracker_process *server) {
    struct tracked_process *tracked, *next;
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
static int start_shard(struct tracker_process *server, unsigned number) {
    const struct tracker *tracker = server->tracker;
    const char *name = hm_node_name_of(hm_node_of(server->self));
    struct tracker_limits limits = {tracker->max_presences ? tracker->max_presences : PRESENCE_DEFAULT_MAX, TRACKER_REPLICAS_MAX, TRACKER_CLOUD_MAX};
    struct tracker_ref own = {{name, strlen(name)}, tracker_wall_ns() / 1000 + number};
    struct tracker_own_shard *shard = &server->shards[number];
    char topic[PHOENIX_NAME_BYTES + 64];
    shard->server = server;
    shard->number = number;
    shard->topic = hm_build_new();
    shard->shard = tracker_shard_new(&own, &tracker->periods, &limits, &tracker_events, shard);
    if (!shard->topic || !shard->shard)
        return HM_ENOMEM;
    snprintf(topic, sizeof topic, "phx_presence:%s_shard%u", tracker->name, number);
    hm_put_text(shard->topic, topic);
    int error = hm_build_error(shard->topic);
    /* Not all shards and nodes at the same moment. */
    return error ? error : start_tick(shard, (int64_t)((server->salt + number * 7919u) % (tracker->periods.broadcast_ms / 4 + 1)));
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
    struct tracker_process *server = calloc(1, sizeof *server);
    int error = HM_ENOMEM;
    if (!server)
        return error;
    server->self = self;
    server->tracker = tracker;
    server->max_topic = PUBSUB_DEFAULT_MAX_TOPIC;
    server->own = hm_make_ref(hm_node_of(self));
    if (getrandom(&server->salt, sizeof server->salt, 0) != sizeof server->salt)
        server->salt = (uint16_t)tracker_wall_ns();
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
        (error = tracker_add_metrics(server)))
        goto fail;
    if ((error = hm_follow(self, tracker->pubsub, pubsub_is_there, server)))
        goto fail;
    hm_set_data(self, server);
    return 0;
fail:
    free_server(server);
    return error;
}

/* A process that was killed says nothing: the others see a new version of this replica soon. */
static void terminate(hm_process *self, hm_term reason) {
    struct tracker_process *server = hm_data(self);
    if (!hm_is_atom(reason, "killed"))
        for (uint32_t i = 0; i < server->tracker->shards; i++)
            tracker_shard_goodbye(server->shards[i].shard);
    free_server(server);
}

static const struct hm_server_class tracker_class = {
    .module = "phoenix_tracker",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .terminate = terminate,
    .state = tracker_put_process_state,
};

int tracker_start(hm_node *node, const struct service_config *config) {
    for (size_t i = 0; i < config->tracker_count; i++) {
        struct hm_start start = {.name = config->trackers[i].name, .restart = true};
        int error = hm_server_start(node, &tracker_class, &start, &config->trackers[i], NULL);
        if (error)
            return error;
    }
    return tracker_start_directory(node, config);
}
