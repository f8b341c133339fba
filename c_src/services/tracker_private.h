/*
 * services/tracker_private: what the files of the process of a tracker share.
 *
 * tracker.c is the process: requests, other messages, begin and end. tracker_requests.c makes the changes that are asked for, and watches who
 * is tracked. tracker_answers.c shows what is there. tracker_events.c sends what shards have to say. tracker_directory.c knows the names of
 * all trackers.
 */
#ifndef HM_SERVICES_TRACKER_PRIVATE_H
#define HM_SERVICES_TRACKER_PRIVATE_H

#include <time.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

#include "services/dispatch_metrics.h"
#include "services/services.h"
#include "services/tracker.h"
#include "services/tracker_shard.h"

struct tracked_key {
    const hm_node_name *node;
    uint32_t id, serial, creation, zero;
};

/* A process that is tracked here. */
struct tracked_process {
    UT_hash_handle hh;
    struct tracked_key key;
    hm_ref ref; /* its monitor */
    bool lost;
};

struct tracker_own_shard {
    struct tracker_process *server;
    struct tracker_shard *shard;
    hm_build *topic; /* on which it talks to the others */
    unsigned number;
    bool ticking, asking;     /* asking: to be subscribed to the topic */
    hm_pid subscribed, asked; /* with this pubsub; HM_NO_PID: not yet */
};

struct tracker_process {
    hm_process *self;
    const struct tracker *tracker;
    struct tracker_own_shard *shards;
    struct tracked_process *tracked;
    struct dispatch *dispatch;
    hm_build *out, *diff, *named, *pid, *meta, *adapter;
    hm_ref own;    /* in messages to itself */
    bool unticked; /* there was no memory for the timer of a shard */
    uint64_t malformed, left_out;
    int64_t complained_ms;
    size_t max_topic;
    uint16_t count; /* in references */
    uint16_t salt;
    struct dispatch_metrics metrics;
    hm_metrics *own_metrics;
};

/* ---- tracker_events.c ---- */

extern const struct tracker_shard_events tracker_events;
/* Who watches all topics is subscribed to this atom; topics that can be watched are binaries. */
hm_term tracker_all_topics(void);
/* Says that a message to other replicas is lost. */
void tracker_lose(const struct tracker_process *server, int error);

/* ---- tracker_requests.c ---- */

enum { TRACKER_REF_TEXT = 16 };

struct tracker_request {
    enum { TRACK, UPDATE, UNTRACK, UNTRACK_ALL, NO_CHANGE } what;
    hm_pid pid;
    hm_term topic, key, meta;
};

/* What a change comes to: an error's name, or a reference (empty for untrack). */
struct tracker_outcome {
    const char *refusal;
    bool tracked_already;
    char ref[TRACKER_REF_TEXT + 1];
};

/* false: the request is none that changes something. */
bool tracker_make_change(struct tracker_process *server, hm_term request, struct tracker_request *change, struct tracker_outcome *outcome);
/* NULL, or the error's name: not a binary, or too large. */
const char *tracker_check_topic(const struct tracker_process *server, hm_term topic);
/* NULL for HM_OK. */
const char *tracker_refusal_of(int error);
/* The set that has the presences of a topic; NULL when it is no binary. */
struct tracker_state *tracker_state_for(const struct tracker_process *server, hm_term topic);
/* A process that is tracked here, NULL when it is not. */
struct tracked_process *tracker_find_process(const struct tracker_process *server, hm_pid pid);
void tracker_untrack_all(struct tracker_process *server, hm_pid pid);

/* ---- tracker_answers.c ---- */

/* {ok, List} when it is `watched' from now on, else the list. */
enum hm_verdict tracker_answer_list(struct tracker_process *server, const hm_from *from, hm_term topic, bool watched);
enum hm_verdict tracker_answer_by_key(struct tracker_process *server, const hm_from *from, hm_term topic, hm_term key);
enum hm_verdict tracker_answer_glance(struct tracker_process *server, const hm_from *from, uint64_t most);
enum hm_verdict tracker_answer_replicas(struct tracker_process *server, const hm_from *from);
/* Presences of replicas that are up. */
uint64_t tracker_count_shown(const struct tracker_process *server);
/* For sys:get_state. */
void tracker_put_process_state(hm_process *self, hm_build *build);
/* hm_metrics_remove(server->own_metrics) ends them. */
int tracker_add_metrics(struct tracker_process *server);

/* ---- tracker_directory.c ---- */

/* The process `presence', when there are trackers. */
int tracker_start_directory(hm_node *node, const struct service_config *config);

/* ---- time ---- */

/* On the wall, in nanoseconds. */
static inline int64_t tracker_wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
