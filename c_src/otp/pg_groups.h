/*
 * otp/pg_groups: the table of one pg scope: which processes are in which group, and through whom we know it.
 *
 * Every member belongs to an owner: a scope process (ours for local members, a peer's for those of its node).
 * All members of an owner are pids of its node, so a membership is twelve bytes in an array of its (group,
 * owner) pair, a struct pg_part. A process that joined n times is there n times. A group is any term,
 * compared as Erlang's =:= does; it exists as long as it has members or somebody watches it.
 *
 * Owns its groups, parts and members; the owners' storage is the caller's. Tells of changes through
 * `changed`, after the table was changed; that must not change the table. No processes, nothing of the wire.
 * One thread.
 */
#ifndef HM_OTP_PG_GROUPS_H
#define HM_OTP_PG_GROUPS_H

#include <sys/queue.h>

#include <hermod/term.h>

/* A pid without its node. */
struct pg_member {
    uint32_t id, serial, creation;
};

struct pg_group;
struct pg_part;
struct pg_watch; /* otp/pg_watch */
LIST_HEAD(pg_watches, pg_watch);

struct pg_owner {
    const hm_node_name *node;
    LIST_HEAD(, pg_part) parts; /* newest group first */
    uint64_t members;
    uint64_t round; /* of pg_groups_replace */
    uint64_t fresh; /* members in this round so far: what it had before makes room, but only at the end */
};

/* The members joined or left this group, in this order. Borrowed. */
typedef void pg_changed(void *arg, struct pg_group *group, bool joined, const hm_node_name *node,
                        const struct pg_member *members, uint32_t count);

struct pg_groups {
    struct pg_group *table;
    uint64_t groups;                  /* in the table, also those that are only watched */
    uint64_t max_groups, max_members; /* members: of one owner */
    uint64_t groups_refused, members_refused; /* times that these two were reached; groups: also terms that are too large */
    pg_changed *changed;
    void *arg;
};

enum { PG_GROUP_BYTES = 64 * 1024 }; /* the largest term that names a group */

void pg_groups_init(struct pg_groups *groups, uint64_t max_groups, uint64_t max_members, pg_changed *changed,
                    void *arg);
/* All owners were dropped and all watches ended before. */
void pg_groups_fini(struct pg_groups *groups);

void pg_owner_init(struct pg_owner *owner, const hm_node_name *node);

struct pg_group *pg_groups_find(const struct pg_groups *groups, hm_term term);
/* The group, made when there is none: then it has to be joined, or watched, or given back with
 * pg_groups_release. HM_ENOMEM, HM_ELIMIT (max_groups, or the term is too large). */
int pg_groups_get(struct pg_groups *groups, hm_term term, struct pg_group **group);
/* Frees it when it has neither members nor watches. */
void pg_groups_release(struct pg_groups *groups, struct pg_group *group);

/* All of them or none. HM_ENOMEM, HM_ELIMIT. */
int pg_groups_join(struct pg_groups *groups, struct pg_owner *owner, hm_term term,
                   const struct pg_member *members, uint32_t count);
/* Takes one membership for each entry out, and those that had none out of `members` instead; returns how many
 * left. */
uint32_t pg_groups_leave(struct pg_groups *groups, struct pg_owner *owner, hm_term term,
                         struct pg_member *members, uint32_t count);
/* The same for one member of a group that it is in for sure. */
void pg_groups_leave_one(struct pg_groups *groups, struct pg_owner *owner, struct pg_group *group,
                         struct pg_member member);

/* All an owner has, anew: begin; one call for each group (count > 0); then those not named are gone. A group
 * with an error is gone at the end, too. */
void pg_groups_replace_begin(struct pg_owner *owner);
int pg_groups_replace(struct pg_groups *groups, struct pg_owner *owner, hm_term term,
                      const struct pg_member *members, uint32_t count);
void pg_groups_replace_end(struct pg_groups *groups, struct pg_owner *owner);

/* Everything of this owner leaves. */
void pg_groups_drop(struct pg_groups *groups, struct pg_owner *owner);

/* ---- reading ---- */

hm_term pg_group_term(const struct pg_group *group);
struct pg_watches *pg_group_watches(struct pg_group *group);

enum pg_which { PG_ALL, PG_LOCAL, PG_REMOTE };

/* Members of a group, our own first and within each node the newest first. `own` is the local owner. */
struct pg_cursor {
    const struct pg_part *part;
    const struct pg_owner *own;
    enum pg_which which;
    uint32_t left; /* of this part */
    bool second;   /* the round of the remote ones */
    const struct pg_group *group;
};
void pg_cursor_begin(struct pg_cursor *cursor, const struct pg_group *group, const struct pg_owner *own,
                     enum pg_which which);
bool pg_cursor_next(struct pg_cursor *cursor, hm_pid *pid);
uint64_t pg_group_count(const struct pg_group *group, const struct pg_owner *own, enum pg_which which);

/* Each group that has members (which: of that kind), `most' of them at most; must not change the table. */
void pg_groups_each(const struct pg_groups *groups, const struct pg_owner *own, enum pg_which which, uint64_t most,
                    void (*each)(void *arg, struct pg_group *group), void *arg);
/* Each group of this owner with its members, oldest first. */
void pg_owner_each(const struct pg_owner *owner,
                   void (*each)(void *arg, struct pg_group *group, const struct pg_member *members,
                                uint32_t count),
                   void *arg);

static inline hm_pid pg_member_pid(const hm_node_name *node, struct pg_member member) {
    return (hm_pid){node, member.id, member.serial, member.creation};
}

static inline struct pg_member pg_member_of(hm_pid pid) {
    return (struct pg_member){pid.id, pid.serial, pid.creation};
}

static inline bool pg_member_equal(struct pg_member a, struct pg_member b) {
    return a.id == b.id && a.serial == b.serial && a.creation == b.creation;
}

#endif
