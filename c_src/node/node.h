/*
 * node/node: the one struct that is passed down.
 *
 * Owns what all processes of one node share: tables, turn, dist, peers. Its parts belong to the files named beside them;
 * others use their functions. Made by node_new (settings in), started and stopped by api/node_api.c. One thread.
 *
 * Up-calls to the layer above (otp): struct node_hooks.
 */
#ifndef HM_NODE_NODE_H
#define HM_NODE_NODE_H

#include <sys/queue.h>

#include "base/log_levels.h"
#include "base/metrics.h"
#include "base/slab.h"
#include "base/turn.h"
#include "dist/channel.h"
#include "dist/listener.h"
#include "node/terms.h"
#include <hermod/server.h>

struct registry_entry;
struct link;
struct monitor;
struct alias;
struct peer;
struct pool;
struct spawn_out;
struct spawn_request;
struct node_trace;

struct node_hooks {
    /* A peer asks for a process. Starts one (process_spawn) and stores its pid: 0. Otherwise a negative error; *refusal may name the
     * atom of the answer ("notsup", "badopt", "system_limit"). The answer, link and monitor are made by node/spawn. */
    int (*on_spawn)(struct hm_node *node, const struct spawn_request *request, hm_pid *pid, const char **refusal);
};

struct node_counters {
    uint64_t messages_in, messages_out;       /* across connections */
    struct channel_stats gone;                /* of connections that went down; those that are up count themselves */
    uint64_t messages_local;
    uint64_t mailbox_drops;                   /* over max_mailbox */
    uint64_t process_refusals;                /* over max_processes */
    uint64_t pending_drops;                   /* messages to a node that is being dialled, over output_high */
    uint64_t processes_started;
    uint64_t spawns_in, dead_letters;         /* to names and pids that are not there */
    uint64_t reductions;                      /* messages handled */
};

struct hm_node {
    struct event_base *base;
    struct log log; /* writes through log_line */
    struct log_limits log_limits;
    struct log_levels log_levels;
    struct metrics metrics;
    struct turn *turn;
    struct names *names;
    struct dist dist;
    const hm_node_name *name;
    char *alive_name; /* the part before @ */
    bool long_names, hidden, no_listen;
    char *cookie;
    struct mono started;
    int64_t started_wall; /* seconds since the epoch */

    /* process.c */
    struct slab processes;
    struct process_slot *slots;
    uint32_t slot_count, slot_capacity, free_first, free_last, process_count, max_processes;
    uint32_t max_mailbox;
    uint32_t max_pg_groups, max_pg_members, max_pg_monitors; /* otp/pg; 0: its defaults */
    struct {
        uint32_t max, max_events, max_rate; /* otp/trace; 0: its defaults */
        size_t memory;
    } tracing;
    hm_pid leader;  /* the default group leader, once otp started one; else HM_NO_PID */

    struct {
        struct fanout *first, *last;
        struct turn_task task;
        size_t weight;
    } fanouts;                       /* fanout.c */

    struct registry_entry *registry; /* registry.c */
    struct followed *followed;       /* follow.c: names that somebody waits for */
    struct link *links;              /* links.c */
    LIST_HEAD(, link) owed_links;
    struct event *owed_links_timer;
    struct monitor *monitors;        /* monitors.c */
    LIST_HEAD(, monitor) owed_monitors;
    struct event *owed_timer;
    struct alias *aliases;           /* aliases.c */
    struct peer *peers;              /* peers.c */
    struct spawn_out *spawns;        /* spawn_out.c */
    TAILQ_HEAD(, node_watch) watches; /* node_watches.c */
    struct pool *pool;               /* pool.c: worker threads, made on first use */

    struct {
        bool no_connect_all, allow_overlapping_partitions;
        uint32_t max_names, max_locks; /* 0: the defaults of otp/global.c */
    } global;

    struct heard_topics *heard_topics; /* api/pubsub_api.c */

    uint64_t next_reference, next_unlink, next_timer;
    const struct node_hooks *hooks; /* otp */
    const struct node_trace *trace; /* trace.h; NULL while nothing is traced */
    bool trace_quiet;               /* a handler of a trace runs: what it sends is marked, and not traced */
    void *otp;                      /* otp's own things, freed by its hooks */
    hm_build *spare_build;          /* node.c */
    struct node_counters counters;
    bool stopping;

    /* api/node_api.c */
    struct listener *listener;
    struct registration *registration;
    uint16_t port, port_first, port_last;
    LIST_HEAD(, names_query) names_queries;
    char *listen, *epmd_address, *epmd_start;
    hm_node_ready *ready;
    void *ready_arg;
    void (*log_line)(void *arg, enum hm_log_level level, const char *id, const char *text);
    void *log_arg;
};

hm_ref node_make_ref(struct hm_node *node);
/* An empty builder for a moment (sending makes one for each message, and need not allocate it each time); given back when
 * its term was sent. NULL without memory. */
hm_build *node_build_take(struct hm_node *node);
void node_build_give(struct hm_node *node, hm_build *build);
/* Is this a pid of this node, of this life? */
static inline bool node_owns_pid(const struct hm_node *node, hm_pid pid) {
    return pid.node == node->name && pid.creation == node->dist.creation;
}

#endif
