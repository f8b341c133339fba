/*
 * otp/pg: process groups as OTP's pg has them: a scope is a server registered under the scope's name, which
 * knows its peers, the servers of the same name on other nodes.
 *
 * pg.c is the server: what peers and callers say to it. pg_peers.c knows the peers and tells them what
 * changes. pg_api.c is <hermod/pg.h>. Membership is changed and read directly, without a message to the
 * server: everything runs on one thread, and what peers are told leaves in the same order.
 *
 * A scope that ends takes its memberships along, as on a BEAM; it is started again, empty. One thread.
 */
#ifndef HM_OTP_PG_H
#define HM_OTP_PG_H

#include "otp/pg_local.h"
#include "otp/pg_watch.h"
#include "otp/pg_wire.h"

struct pg_peer;

struct pg_scope {
    hm_process *self;
    struct pg_groups groups;
    struct pg_owner own;
    struct pg_locals locals;
    struct pg_watchers watchers;
    struct pg_peer *peers;
    uint32_t peer_count;
    uint32_t behind;     /* peers that are owed a sync, because something could not be sent */
    bool unasked;        /* somebody could not be asked for what there is, or not be known, for want of memory */
    uint32_t truncated;  /* peers of whom not all is known, because it was too much */
    uint32_t drops_seen; /* hm_process.drops when all peers were last asked for a sync */
    struct pg_scratch scratch;
    hm_pid *pids; /* room for hm_pg_send */
    size_t pids_capacity;
    uint64_t random;
};

extern const struct hm_server_class pg_class;

/* Starts a scope under the supervisor; 0 when it is there already. HM_ETAKEN: the name is somebody else's. */
int pg_start(struct hm_node *node, const char *name);
/* NULL: no such scope. */
struct pg_scope *pg_find(const struct hm_node *node, struct bytes name);
struct bytes pg_name(const struct pg_scope *scope);

/* A pid or proper list of pids of this node, into the scratch. HM_ENOMEM; HM_EINVAL: *bad is what is none. */
int pg_read_locals(struct hm_node *node, struct pg_scratch *scratch, hm_term pids, hm_term *bad);
/* All of them or none: HM_ENOMEM, HM_ELIMIT. The members are processes of this node, or were. */
int pg_join(struct pg_scope *scope, hm_term group, const struct pg_member *members, uint32_t count);
/* How many left; `members` is changed. */
uint32_t pg_leave(struct pg_scope *scope, hm_term group, struct pg_member *members, uint32_t count);
/* The list of pids in a group. */
void pg_put_members(const struct pg_scope *scope, hm_term group, enum pg_which which, hm_build *build);
void pg_put_groups(const struct pg_scope *scope, enum pg_which which, hm_build *build);
void pg_put_all(const struct pg_scope *scope, hm_build *build); /* #{Group => Pids} */

/* ---- pg_peers.c ---- */

struct pg_news {
    enum { PG_NEWS_JOIN, PG_NEWS_LEAVE, PG_NEWS_END } kind;
    hm_term group; /* JOIN, LEAVE */
    const struct pg_member *members;
    uint32_t count;                 /* of members, for END of groups */
    struct pg_group *const *groups; /* END */
};
void pg_peers_tell(struct pg_scope *scope, const struct pg_news *news);
/* Asks the scope's namesake on that node, if it has one and is connected. */
void pg_peers_discover(struct pg_scope *scope, const hm_node_name *node);
/* A message that pg_wire_read has read. */
void pg_peers_on_message(struct pg_scope *scope, const struct pg_message *message);
/* false: no peer, or another monitor's message. */
bool pg_peers_on_down(struct pg_scope *scope, hm_pid pid, const hm_ref *ref);
/* After whatever happened: tries again what could not be sent, asks for what was dropped on the way in or did
 * not fit. */
void pg_peers_catch_up(struct pg_scope *scope);
void pg_peers_discover_all(struct pg_scope *scope);
void pg_peers_on_timeout(struct pg_scope *scope);
void pg_peers_put(const struct pg_scope *scope, hm_build *build); /* a list of their pids */
void pg_peers_fini(struct pg_scope *scope);

#endif
