#include "services/tracker_shard.h"

#include <stdlib.h>
#include <string.h>

struct tracker_shard {
    struct tracker_state *state;
    struct tracker_periods periods;
    const struct tracker_shard_events *events;
    void *arg;
    hm_build *build;
    uint32_t silent, sample;
};

struct tracker_state *tracker_shard_state(const struct tracker_shard *shard) {
    return shard->state;
}

/* ---- sending ---- */

/* {pub, What, ...} */
static hm_build *begin_message(struct tracker_shard *shard, uint32_t arity, const char *what) {
    hm_build_reset(shard->build);
    hm_put_tuple(shard->build, arity);
    hm_put_atom(shard->build, "pub");
    hm_put_atom(shard->build, what);
    return shard->build;
}

static const struct tracker_ref *own_ref(const struct tracker_shard *shard) {
    return &tracker_state_own(shard->state)->ref;
}

static void put_clocks(struct tracker_shard *shard) {
    hm_put_tuple(shard->build, 2);
    tracker_wire_put_ref(shard->build, own_ref(shard));
    tracker_state_put_context(shard->state, shard->build);
}

/* A delta that finds no memory stays for the next tick. */
static void broadcast_heartbeat(struct tracker_shard *shard) {
    bool delta = tracker_state_has_delta(shard->state);
    if (!delta && shard->silent < shard->periods.silent) {
        shard->silent++;
        return;
    }
    hm_build *build = begin_message(shard, 5, "heartbeat");
    tracker_wire_put_ref(build, own_ref(shard));
    if (delta)
        tracker_state_put_delta(shard->state, build);
    else
        hm_put_atom(build, "empty");
    put_clocks(shard);
    if (hm_build_error(build))
        return;
    shard->silent = 0;
    shard->events->broadcast(shard->arg, hm_build_term(build));
    if (delta)
        tracker_state_reset_delta(shard->state);
}

void tracker_shard_goodbye(struct tracker_shard *shard) {
    hm_build *build = begin_message(shard, 3, "graceful_permdown");
    tracker_wire_put_ref(build, own_ref(shard));
    if (!hm_build_error(build))
        shard->events->broadcast(shard->arg, hm_build_term(build));
}

static void request_transfer(struct tracker_shard *shard, const struct tracker_replica *replica) {
    hm_build *build = begin_message(shard, 5, "transfer_req");
    shard->events->put_ref(shard->arg, build);
    tracker_wire_put_ref(build, own_ref(shard));
    put_clocks(shard);
    if (!hm_build_error(build))
        shard->events->send(shard->arg, replica->ref.node, hm_build_term(build));
}

static void answer_transfer(struct tracker_shard *shard, const struct tracker_message *message) {
    hm_build *build = begin_message(shard, 5, "transfer_ack");
    hm_put_term(build, message->request);
    tracker_wire_put_ref(build, own_ref(shard));
    tracker_state_put_full(shard->state, build, &message->from, message->context);
    if (!hm_build_error(build))
        shard->events->send(shard->arg, message->from.node, hm_build_term(build));
}

/* ---- who is ahead ---- */

/* What a replica says it knows, of replicas that are known here: of others nothing could be asked. The last word counts, since it is at
 * least what it said before. */
static void note_clocks(struct tracker_shard *shard, struct tracker_replica *replica, hm_term context) {
    uint32_t ids = tracker_state_ids(shard->state);
    struct tracker_ref ref;
    struct hm_map map;
    uint64_t clock;
    if (replica->pending_count < ids) {
        uint64_t *pending = realloc(replica->pending, ids * sizeof *pending);
        if (!pending)
            return; /* its next heartbeat says it again */
        replica->pending = pending;
        replica->pending_count = ids;
    }
    memset(replica->pending, 0, replica->pending_count * sizeof *replica->pending);
    hm_map_begin(context, &map);
    while (tracker_wire_next_clock(&map, &ref, &clock)) {
        const struct tracker_replica *known = tracker_state_replica(shard->state, &ref);
        if (known && !known->own && !known->partial)
            replica->pending[known->id] = clock;
    }
}

static uint64_t pending_of(const struct tracker_replica *replica, uint32_t id) {
    return id < replica->pending_count ? replica->pending[id] : 0;
}

static bool is_ahead(const struct tracker_shard *shard, const struct tracker_replica *replica) {
    const struct tracker_replica *other;
    TAILQ_FOREACH (other, tracker_state_replicas(shard->state), next)
        if (other->up && pending_of(replica, other->id) > other->clock)
            return true;
    return false;
}

/* Whether the first has all that the second has. */
static bool covers(const struct tracker_replica *first, const struct tracker_replica *second) {
    for (uint32_t id = 0; id < second->pending_count; id++)
        if (pending_of(first, id) < second->pending[id])
            return false;
    return true;
}

/* Of those that are ahead and know the same, one is enough. */
static bool is_covered(const struct tracker_shard *shard, const struct tracker_replica *replica) {
    const struct tracker_replica *other;
    bool before = true;
    TAILQ_FOREACH (other, tracker_state_replicas(shard->state), next) {
        if (other == replica)
            before = false;
        else if (other->pending_count && other->up && covers(other, replica) && (before || !covers(replica, other)))
            return true;
    }
    return false;
}

static void compare_clocks(struct tracker_shard *shard) {
    struct tracker_replica *replica;
    if (--shard->sample > 0)
        return;
    shard->sample = shard->periods.clock_samples;
    TAILQ_FOREACH (replica, tracker_state_replicas(shard->state), next)
        if (replica->up && replica->pending_count && is_ahead(shard, replica) && !is_covered(shard, replica))
            request_transfer(shard, replica);
    TAILQ_FOREACH (replica, tracker_state_replicas(shard->state), next) {
        free(replica->pending);
        replica->pending = NULL;
        replica->pending_count = 0;
    }
}

/* ---- replicas come and go ---- */

static void take_down(struct tracker_shard *shard, struct tracker_replica *replica) {
    if (!replica->up)
        return;
    tracker_state_down(shard->state, replica);
    shard->events->replica(shard->arg, replica, TRACKER_DOWN);
}

static void forget(struct tracker_shard *shard, struct tracker_replica *replica) {
    take_down(shard, replica);
    shard->events->replica(shard->arg, replica, TRACKER_GONE);
    tracker_state_permdown(shard->state, replica);
}

static void detect_downs(struct tracker_shard *shard, int64_t now_ms) {
    struct tracker_replica *replica, *next;
    for (replica = TAILQ_FIRST(tracker_state_replicas(shard->state)); replica; replica = next) {
        next = TAILQ_NEXT(replica, next);
        int64_t silence_ms = now_ms - replica->heard_ms;
        if (replica->own)
            continue;
        if (silence_ms > shard->periods.permdown_ms)
            forget(shard, replica);
        else if (silence_ms > shard->periods.down_ms)
            take_down(shard, replica);
    }
}

/* Another version of a name is that node started again: what the former one had is gone. */
static struct tracker_replica *hear_of(struct tracker_shard *shard, const struct tracker_ref *ref, int64_t now_ms) {
    struct tracker_replica *replica = tracker_state_named(shard->state, ref->node);
    if (replica && replica->ref.vsn != ref->vsn) {
        forget(shard, replica);
        replica = NULL;
    }
    if (!replica || !replica->up) {
        replica = tracker_state_up(shard->state, ref);
        if (!replica)
            return NULL;
        shard->events->replica(shard->arg, replica, TRACKER_UP);
        shard->silent = shard->periods.silent; /* it may not know us, and need not wait until we would speak */
    }
    replica->heard_ms = now_ms;
    return replica;
}

void tracker_shard_tick(struct tracker_shard *shard, int64_t now_ms) {
    broadcast_heartbeat(shard);
    compare_clocks(shard);
    detect_downs(shard, now_ms);
}

/* Ourselves, of whatever version: what the former one said, or somebody who took our name. */
static bool is_own_name(const struct tracker_shard *shard, const struct tracker_ref *ref) {
    struct tracker_ref own = *own_ref(shard);
    own.vsn = ref->vsn;
    return tracker_ref_equal(&own, ref);
}

int tracker_shard_hear(struct tracker_shard *shard, hm_term term, int64_t now_ms) {
    struct tracker_message message;
    struct tracker_replica *replica;
    int error = tracker_wire_read(term, &message);
    if (error || is_own_name(shard, &message.from))
        return error;
    switch (message.kind) {
    case TRACKER_HEARTBEAT:
        if (!(replica = hear_of(shard, &message.from, now_ms)))
            return HM_ELIMIT;
        if (message.has_set)
            error = tracker_state_merge(shard->state, &message.set);
        note_clocks(shard, replica, message.context);
        break;
    case TRACKER_TRANSFER_REQ:
        answer_transfer(shard, &message);
        break;
    case TRACKER_TRANSFER_ACK:
        error = tracker_state_merge(shard->state, &message.set);
        break;
    case TRACKER_PERMDOWN:
        if ((replica = tracker_state_replica(shard->state, &message.from)))
            forget(shard, replica);
        break;
    }
    return error;
}

/* ---- begin and end ---- */

struct tracker_shard *tracker_shard_new(const struct tracker_ref *own, const struct tracker_periods *periods,
                                        const struct tracker_limits *limits, const struct tracker_shard_events *events,
                                        void *arg) {
    struct tracker_shard *shard = calloc(1, sizeof *shard);
    if (!shard)
        return NULL;
    shard->periods = *periods;
    shard->events = events;
    shard->arg = arg;
    shard->silent = periods->silent; /* the first tick speaks */
    shard->sample = periods->clock_samples;
    shard->build = hm_build_new();
    shard->state = tracker_state_new(own, limits, events->diff, arg);
    if (!shard->build || !shard->state) {
        tracker_shard_free(shard);
        return NULL;
    }
    return shard;
}

void tracker_shard_free(struct tracker_shard *shard) {
    if (!shard)
        return;
    tracker_state_free(shard->state);
    hm_build_free(shard->build);
    free(shard);
}
