/*
 * otp/pg_wire: what scope processes of pg say to each other, both ways.
 *
 * Version 0, lib/kernel/src/pg.erl of OTP 25 to 28, which every release understands:
 *     {discover, Peer}                              who is there?
 *     cast {sync, Peer, [{Group, [Pid]}]}           the answer: all that Peer has
 *     {join, Peer, Group, Pid | [Pid]}
 *     {leave, Peer, Pid | [Pid], [Group]}           one membership of each pid in each group, however often
 * named Version 1, lib/kernel/src/data_publisher.erl of OTP 29: {discover, Peer, Version} cast {local_data,
 * Peer, Version, #{Group => [Pid]}} {update, Peer, [{Group, Joined, Left}]}
 *
 * Reading checks the whole message first, so that who acts on it meets no surprise half-way. Pids of another
 * node than Peer's are no members (pg:join/2 takes none on a BEAM) and are passed over. Pure but for the
 * names of peers' nodes. The input is checked bytes. One thread.
 */
#ifndef HM_OTP_PG_WIRE_H
#define HM_OTP_PG_WIRE_H

#include "etf/names.h"
#include "otp/pg_groups.h"

enum pg_kind { PG_DISCOVER, PG_SYNC, PG_JOIN, PG_LEAVE, PG_UPDATE };

/* Borrows from the message. */
struct pg_message {
    enum pg_kind kind;
    hm_pid peer;
    int64_t version; /* DISCOVER, SYNC; 0 when none is said */
    hm_term group;   /* JOIN */
    hm_term members; /* JOIN, LEAVE */
    hm_term groups;  /* SYNC, LEAVE, UPDATE */
};

/* A message, or the body of a cast. false: none that a scope process sends. */
bool pg_wire_read(struct names *names, hm_term message, bool cast, struct pg_message *result);

/* Room that is used again for each list of members. */
struct pg_scratch {
    struct pg_member *at;
    uint32_t count, capacity;
};
void pg_scratch_fini(struct pg_scratch *scratch);
int pg_scratch_add(struct pg_scratch *scratch, struct pg_member member); /* HM_ENOMEM */
/* A pid or list of pids of the node; *strangers counts the others. HM_ENOMEM. */
int pg_wire_members(hm_term members, const hm_node_name *node, struct pg_scratch *scratch,
                    uint64_t *strangers);

/* SYNC and UPDATE: what they say of one group after the other. For UPDATE both terms are set, else `joined`.
 */
struct pg_entries {
    struct hm_list list;
    struct hm_map map;
    bool is_map, is_update;
};
void pg_entries_begin(struct pg_entries *entries, const struct pg_message *message);
bool pg_entries_next(struct pg_entries *entries, hm_term *group, hm_term *joined, hm_term *left);

/* ---- writing ---- */

void pg_wire_put_discover(hm_build *build, hm_pid self, int version);
/* One pid as such, several as a list: as pg:join/2 of 25 to 28 passes on what it was given. */
void pg_wire_put_join(hm_build *build, int version, hm_pid self, hm_term group,
                      const struct pg_member *members, uint32_t count);
void pg_wire_put_leave(hm_build *build, int version, hm_pid self, hm_term group,
                       const struct pg_member *members, uint32_t count);
/* One process out of many groups, each as often as it is named. */
void pg_wire_put_end(hm_build *build, int version, hm_pid self, struct pg_member member,
                     struct pg_group *const *groups, uint32_t count);
/* The whole cast, with all that the local owner has. */
void pg_wire_put_sync(hm_build *build, int version, hm_pid self, const struct pg_owner *own);
/* Pids as a list. */
void pg_wire_put_members(hm_build *build, const hm_node_name *node, const struct pg_member *members,
                         uint32_t count);

#endif
