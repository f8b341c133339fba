/*
 * services/tracker_wire: what the shards of a Phoenix.Tracker say to each other, as terms.
 *
 *     {pub, heartbeat, Ref, empty | Delta, {Ref, Context}}
 *     {pub, transfer_req, Request, Ref, {Ref, Context}}
 *     {pub, transfer_ack, Request, Ref, Delta | {State, Values}}
 *     {pub, graceful_permdown, Ref}
 *
 * A Ref is {Node, Vsn}, a Context #{Ref => Clock}, a tag {Ref, Clock}; Delta and State are %Phoenix.Tracker.State{}. Reading checks a
 * message whole: when it is taken, everything that the iterators give is of the right shape. No sockets, no state. Follows
 * lib/phoenix/tracker/shard.ex and state.ex of phoenix_pubsub.
 */
#ifndef HM_SERVICES_TRACKER_WIRE_H
#define HM_SERVICES_TRACKER_WIRE_H

#include <hermod/term.h>

/* A clock beyond this is nobody's: 36 years at a thousand million a second. */
#define TRACKER_CLOCK_MAX (UINT64_C(1) << 60)

struct tracker_ref {
    struct hm_text node; /* an atom's text */
    int64_t vsn;
};

/* A delta, or all that a replica knows. */
struct tracker_set {
    bool full;
    hm_term context, clouds, values;
};

enum tracker_kind { TRACKER_HEARTBEAT, TRACKER_TRANSFER_REQ, TRACKER_TRANSFER_ACK, TRACKER_PERMDOWN };

/* Borrows from the term. */
struct tracker_message {
    enum tracker_kind kind;
    struct tracker_ref from;
    hm_term request; /* of transfers */
    bool has_set;    /* a heartbeat with a delta; transfer_ack */
    struct tracker_set set;
    hm_term context; /* of the clocks in heartbeats and transfer_req */
};

/* HM_EBADTERM: no such message, or anything in it has another shape. */
int tracker_wire_read(hm_term term, struct tracker_message *message);

/* What is in a context, in clouds, in one of their clouds, in values; false after the last. */
bool tracker_wire_next_clock(struct hm_map *context, struct tracker_ref *ref, uint64_t *clock);
bool tracker_wire_next_cloud(struct hm_map *clouds, struct tracker_ref *ref, struct hm_map *tags);
bool tracker_wire_next_tag(struct hm_map *tags, uint64_t *clock);
/* parts: pid, topic, key, meta (a map) in the tuple. Topics are binaries by custom only: the original tracks whatever it is given. */
bool tracker_wire_next_value(struct hm_map *values, struct tracker_ref *ref, uint64_t *clock, hm_term *tuple,
                             hm_term parts[4]);

bool tracker_ref_equal(const struct tracker_ref *a, const struct tracker_ref *b);
void tracker_wire_put_ref(hm_build *build, const struct tracker_ref *ref);
void tracker_wire_put_tag(hm_build *build, const struct tracker_ref *ref, uint64_t clock);
/* A MapSet: size elements follow, each with tracker_wire_put_member after it. */
void tracker_wire_put_set(hm_build *build, uint32_t size);
void tracker_wire_put_member(hm_build *build);
/* A %Phoenix.Tracker.State{} up to its replica; these keys with their values follow: context, clouds, values, replicas, range. */
void tracker_wire_put_state(hm_build *build, bool full, const struct tracker_ref *owner);
enum { TRACKER_STATE_REST = 5 };

#endif
