/*
 * services/tracker_state: who is present, as one replica of a Phoenix.Tracker knows it.
 *
 * Every change on a replica has a tag, {replica, clock}; a presence lives under the tag of the change that made it. A replica knows, of
 * each other one, all changes up to a clock (the context) and some beyond it (the cloud). What is known and not there has been removed: so
 * a delta, or another's whole knowledge, can be merged in any order and any number of times, and all replicas come to the same (an add-wins
 * set without tombstones). The cloud of a delta lists the tags that were made and those that were removed.
 *
 * Owns replicas, presences and the delta of the own one since it was last taken. Does not send, has no clock of time, monitors nobody. Knows pids
 * as terms. News go through on_diff, at the end of each function that changes something. One thread.
 *
 * Follows lib/phoenix/tracker/state.ex of phoenix_pubsub, with two differences that peers do not see: a removed tag stays in the cloud
 * until the context has passed it, and what a replica that is down gains is told when it comes back.
 */
#ifndef HM_SERVICES_TRACKER_STATE_H
#define HM_SERVICES_TRACKER_STATE_H

#include <sys/queue.h>

#include "services/tracker_clocks.h"
#include "services/tracker_wire.h"

struct tracker_state;
struct tracker_topic;

struct tracker_value {
    uint32_t number; /* of its record */
    uint32_t entry_hash, mark;
    bool shown; /* was told as joined, and not as left since */
    bool gone;
    struct tracker_replica *replica;
    struct tracker_topic *topic;
    struct tracker_owner *owner; /* own presences only */
    uint64_t clock;
    hm_term tuple; /* {Pid, Topic, Key, Meta}, in memory of its own; the others point into it */
    hm_term pid, key, meta;
    TAILQ_ENTRY(tracker_value) of_replica, of_topic;
    LIST_ENTRY(tracker_value) of_owner;
    STAILQ_ENTRY(tracker_value) changed;
};
TAILQ_HEAD(tracker_values, tracker_value);
STAILQ_HEAD(tracker_changes, tracker_value);

struct tracker_topic {
    uint32_t number, hash;
    hm_term name;
    struct tracker_values values; /* oldest first */
    uint32_t count;
    struct tracker_changes joined, left; /* inside on_diff: what is news */
    bool touched;
    STAILQ_ENTRY(tracker_topic) next_touched;
};

struct tracker_replica {
    TAILQ_ENTRY(tracker_replica) next;
    uint32_t id; /* below tracker_state_ids */
    bool own, up;
    bool partial;   /* something of it was left out, so we must not answer for it: what we do not name would be taken as removed */
    uint64_t clock; /* the context */
    struct tracker_clocks cloud, delta;
    struct tracker_values values; /* in the order of their arrival; own: of their clocks */
    uint32_t count;
    struct tracker_ref ref;
    /* The shard's. */
    int64_t heard_ms;
    uint64_t *pending; /* clocks that it said it has, by the ids of replicas */
    uint32_t pending_count;
    char node[]; /* ref.node points here */
};
TAILQ_HEAD(tracker_replicas, tracker_replica);

struct tracker_limits {
    uint32_t presences, replicas;
    uint64_t cloud; /* tags beyond a context, for each replica */
};

/* What was over a limit or found no memory, and is left out. */
struct tracker_counters {
    uint64_t presences, tags, unknown;
};

/* Borrowed until it returns; it must not change the state. */
typedef void tracker_diff(void *arg, const struct tracker_topic *topic);

/* NULL without memory, or for a name that is too long for an atom. Borrows arg. */
struct tracker_state *tracker_state_new(const struct tracker_ref *own, const struct tracker_limits *limits,
                                        tracker_diff *on_diff, void *arg);
void tracker_state_free(struct tracker_state *state); /* NULL is allowed */

/* ---- own presences ---- */

/* HM_ELIMIT, HM_ENOMEM. The caller looks first whether there is such an entry (tracker_state_find). */
int tracker_state_join(struct tracker_state *state, hm_term pid, hm_term topic, hm_term key, hm_term meta);
int tracker_state_update(struct tracker_state *state, struct tracker_value *value, hm_term meta);
void tracker_state_leave(struct tracker_state *state, struct tracker_value *value);
/* Any one of this process; NULL when it has none. */
struct tracker_value *tracker_state_first_of(struct tracker_state *state, hm_term pid);
/* All of a process leave, in one diff for each topic. */
void tracker_state_leave_all(struct tracker_state *state, hm_term pid);

/* ---- looking ---- */

/* Of whatever replica. */
struct tracker_value *tracker_state_find(struct tracker_state *state, hm_term pid, hm_term topic, hm_term key);
/* NULL: nobody. Show those whose replica is up. */
const struct tracker_topic *tracker_state_topic(struct tracker_state *state, hm_term topic);
uint32_t tracker_state_count(const struct tracker_state *state);
const struct tracker_counters *tracker_state_counters(const struct tracker_state *state);

/* ---- replicas ---- */

struct tracker_replica *tracker_state_own(const struct tracker_state *state);
/* All, the own one first. */
const struct tracker_replicas *tracker_state_replicas(const struct tracker_state *state);
uint32_t tracker_state_ids(const struct tracker_state *state);
struct tracker_replica *tracker_state_replica(const struct tracker_state *state, const struct tracker_ref *ref);
/* With this name, whatever its version; NULL. */
struct tracker_replica *tracker_state_named(const struct tracker_state *state, struct hm_text node);
/* A new one, or one that was down. NULL: the limit, or no memory. */
struct tracker_replica *tracker_state_up(struct tracker_state *state, const struct tracker_ref *ref);
void tracker_state_down(struct tracker_state *state, struct tracker_replica *replica);
void tracker_state_permdown(struct tracker_state *state, struct tracker_replica *replica);

/* ---- what is sent ---- */

/* HM_ENOMEM: as much was merged as could be; the context has not moved, so that it is asked for again. */
int tracker_state_merge(struct tracker_state *state, const struct tracker_set *set);
bool tracker_state_has_delta(const struct tracker_state *state);
void tracker_state_put_delta(struct tracker_state *state, hm_build *build);
void tracker_state_reset_delta(struct tracker_state *state);
/* Without replicas that are down or partial. */
void tracker_state_put_context(const struct tracker_state *state, hm_build *build);
/* {State, Values} of the replicas in this context, for who sent it. */
void tracker_state_put_full(const struct tracker_state *state, hm_build *build, const struct tracker_ref *to,
                            hm_term context);

#endif
