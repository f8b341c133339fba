/*
 * services/tracker_shard: one shard of a Phoenix.Tracker: when it speaks, to whom, and what it does with what it hears.
 *
 * Owns a tracker_state. On every tick it broadcasts its delta (or, after some silence, that it is there), asks those whose clocks are ahead
 * of its own for what it lacks, and counts those as down that were silent for too long. Sends through the events; the time is an argument,
 * so that a test moves it. No process, no sockets: services/tracker.c is both. One thread.
 *
 * Follows lib/phoenix/tracker/shard.ex, replica.ex and clock.ex of phoenix_pubsub. A request is answered with all that the other may lack,
 * never with one of the stored deltas: that is the original's economy with long histories and not part of the protocol.
 */
#ifndef HM_SERVICES_TRACKER_SHARD_H
#define HM_SERVICES_TRACKER_SHARD_H

#include "services/tracker_state.h"

struct tracker_shard;

struct tracker_periods {
    uint32_t broadcast_ms;  /* between ticks; the caller's timer */
    uint32_t silent;        /* ticks without news before it says that it is there */
    uint32_t down_ms;       /* silence of a replica until it is down */
    uint32_t permdown_ms;   /* and forgotten */
    uint32_t clock_samples; /* ticks between comparisons of clocks */
};

enum tracker_change { TRACKER_UP, TRACKER_DOWN, TRACKER_GONE };

struct tracker_shard_events {
    void (*broadcast)(void *arg, hm_term message); /* to all other nodes */
    /* false: not now, it has too much to read; it will ask again. */
    bool (*send)(void *arg, struct hm_text node, hm_term message);
    void (*put_ref)(void *arg, hm_build *build); /* one reference */
    tracker_diff *diff;
    void (*replica)(void *arg, const struct tracker_replica *replica, enum tracker_change change); /* not inside diff */
};

/* Borrows events and arg. NULL without memory. */
struct tracker_shard *tracker_shard_new(const struct tracker_ref *own, const struct tracker_periods *periods,
                                        const struct tracker_limits *limits, const struct tracker_shard_events *events,
                                        void *arg);
void tracker_shard_free(struct tracker_shard *shard); /* NULL is allowed */

void tracker_shard_tick(struct tracker_shard *shard, int64_t now_ms);
/* A message of another node. HM_EBADTERM: it is none that a shard sends. HM_ELIMIT: from one replica too many. HM_ENOMEM: it will be asked
 * for again. */
int tracker_shard_hear(struct tracker_shard *shard, hm_term message, int64_t now_ms);
/* Says goodbye: the others forget this replica at once. */
void tracker_shard_goodbye(struct tracker_shard *shard);

struct tracker_state *tracker_shard_state(const struct tracker_shard *shard);

#endif
