/*
 * otp/global_member: one node's part in global as a state machine without sockets: events in, messages out.
 *
 * What lib/kernel/src/global.erl (OTP 25) does in four kinds of processes is done here in files of one struct:
 *   global_member.c     the server: calls and messages; the end of everything
 *   global_session.c    the server: joining with another node
 *   global_join.c       the server: what becomes of it when both agree
 *   global_nodes.c      the other nodes, and what all files share
 *   global_changes.c    the server: names and locks
 *   global_rounds.c     calls to several nodes at once
 *   global_locker.c     the locker: locks two partitions so that they can be joined
 *   global_registrar.c  the registrar: changes of names by this node, one at a time, under the lock on all nodes
 *   global_resolve.c    the resolver: what to do when both sides have a name
 *   global_heal.c       the server: what did not happen although it should have, after a while
 *   global_partition.c  prevent_overlapping_partitions
 * otp/global.c runs it on a node; test/unit/otp/global_sim.h runs several against each other.
 *
 * An event may not be reported from inside one of the ports. When memory runs out the member fails as a whole
 * (global_member_failed), since half of this protocol stops registration in the whole cluster; its owner then ends it and the
 * connections of the node. One thread.
 */
#ifndef HM_OTP_GLOBAL_MEMBER_H
#define HM_OTP_GLOBAL_MEMBER_H

#include "base/log.h"
#include "etf/names.h"
#include "otp/global_wire.h"

struct global_member;

/* On whose behalf something is sent or called: each is a process with a pid of its own. */
enum global_actor { GLOBAL_SERVER, GLOBAL_LOCKER, GLOBAL_REGISTRAR, GLOBAL_ACTORS };

enum global_timer { GLOBAL_TIMER_LOCKER, GLOBAL_TIMER_REGISTRAR, GLOBAL_TIMER_HEAL, GLOBAL_TIMER_SWEEP, GLOBAL_TIMERS };

struct global_ports {
    /* To global_name_server there: as a cast, or as it is. Only when connected, if `connected`; else it may dial. 0, or HM_ENOMEM. */
    int (*send)(void *arg, enum global_actor from, const hm_node_name *to, bool cast, bool connected, hm_term message);
    /* To a process. */
    int (*send_pid)(void *arg, enum global_actor from, hm_pid to, hm_term message);
    /* A gen call to global_name_server of a node, or global:resolve_it with these arguments there. Answered by global_member_answer, later
     * and exactly once (unless the member is freed before). 0 or an error: then no answer comes. */
    int (*call)(void *arg, enum global_actor from, const hm_node_name *to, hm_term request, uint64_t token);
    int (*resolve)(void *arg, const hm_node_name *on, hm_term arguments, uint64_t token);
    /* Monitors by the server; ends are reported by global_member_down. */
    int (*monitor)(void *arg, hm_pid pid, hm_ref *ref);
    /* The name server of a node, which dials when it must. */
    int (*monitor_node)(void *arg, const hm_node_name *node, hm_ref *ref);
    void (*demonitor)(void *arg, const hm_ref *ref); /* no news of it come after this */
    void (*kill)(void *arg, hm_pid pid);
    bool (*is_alive)(void *arg, hm_pid pid); /* a pid of this node */
    bool (*is_connected)(void *arg, const hm_node_name *node); /* true for this node */
    void (*disconnect)(void *arg, const hm_node_name *node);
    /* global_member_timer after ms, in place of the earlier one; negative: never. */
    void (*set_timer)(void *arg, enum global_timer timer, int64_t ms);
    uint32_t (*random)(void *arg, uint32_t below);
    int64_t (*now_ms)(void *arg);
    /* The answer to a call that was not answered at once; takes client. reply of size 0: none, only free it. */
    void (*answer)(void *arg, void *client, hm_term reply);
};

struct global_config {
    struct names *names;
    struct log *log;
    const hm_node_name *self;
    uint32_t creation;
    hm_pid pids[GLOBAL_ACTORS];
    bool connect_all, prevent_overlapping_partitions;
    size_t max_names, max_locks;
};

struct global_member *global_member_new(const struct global_config *config, const struct global_ports *ports, void *arg);
void global_member_free(struct global_member *member);
bool global_member_failed(const struct global_member *member);
void global_member_fail(struct global_member *member); /* for ports that have no result to say so */

/* ---- events ---- */

void global_member_nodeup(struct global_member *member, const hm_node_name *node);
void global_member_nodedown(struct global_member *member, const hm_node_name *node);
/* false: not for global. to_locker: it came to the locker's pid. */
bool global_member_cast(struct global_member *member, hm_term message, bool to_locker);
bool global_member_plain(struct global_member *member, hm_term message);
enum global_answer { GLOBAL_ANSWERED, GLOBAL_LATER, GLOBAL_NO_ANSWER };
/* GLOBAL_ANSWERED: one term is in reply. GLOBAL_LATER: `keep` made a client, which ports->answer will end. */
enum global_answer global_member_call(struct global_member *member, hm_pid from, hm_term request, hm_build *reply,
                                      void *(*keep)(void *arg), void *keep_arg);
void global_member_down(struct global_member *member, const hm_ref *ref);
/* reply of size 0: no such process, or the connection is gone. */
void global_member_answer(struct global_member *member, uint64_t token, const hm_node_name *from, hm_term reply);
void global_member_timer(struct global_member *member, enum global_timer timer);

/* ---- questions ---- */

hm_pid global_member_whereis(const struct global_member *member, hm_term name);
/* global:resolve_it/4 for the methods of the module global: acts, and puts the pid that keeps the name, or none. false: another
 * method. */
bool global_member_resolve(struct global_member *member, hm_term method, hm_term name, hm_pid one, hm_pid other,
                           hm_build *result);
struct global_stats {
    size_t names, max_names, locks, max_locks;
    uint64_t names_refused, locks_refused;
    uint32_t known, synced; /* nodes that we joined with, and of these those with all names exchanged */
};
struct global_stats global_member_stats(const struct global_member *member);
/* Puts a list of all names. */
void global_member_put_names(const struct global_member *member, hm_build *build);
/* The nodes in each list. */
void global_member_put_known(const struct global_member *member, hm_build *build, bool synced);
/* The state record of OTP 25, as global:info/0. */
void global_member_put_info(const struct global_member *member, hm_build *build);
/* How many names, holders of locks, and sessions that are not over; for tests and metrics. */
struct global_counts {
    size_t names, holders, known, synced, sessions;
    bool busy; /* a lock is being set or held, or names are being changed */
};
struct global_counts global_member_count(const struct global_member *member);

#endif
