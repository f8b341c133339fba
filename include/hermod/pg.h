/*
 * Process groups: pg of OTP, in C.
 *
 * A group is any term, a member a process, and a scope keeps the groups of one purpose apart; the scopes of
 * the same name on all connected nodes know each other's members. Members are joined on their own node. A
 * process that joined n times is in the group n times, and leaves when it ends.
 *
 *     hm_pg_start(node, NULL);
 *     hm_pg_join(node, NULL, group, hm_self(self));
 *     hm_pg_send(self, NULL, group, HM_PG_ALL, message);
 *
 * From Elixir these are :pg.join/2, :pg.get_members/1 and so on of any node in the cluster. The scope NULL is
 * the default one, "pg". A scope is a process registered under its name. When it ends its memberships are
 * gone, as on a BEAM; it is started again, and who wants to be a member still has to join again: follow
 * its name to be called then (hm_follow).
 *
 * A change is seen by the next call on this node, and travels to the others in order. Node thread only.
 * Follows lib/kernel/src/pg.erl of OTP; get_closest_pid was in its predecessor pg2.
 */
#ifndef HERMOD_PG_H
#define HERMOD_PG_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the scope and keeps it running until the node stops; 0 also when it runs already, or has ended and is
 * about to be started again. Keeps a copy of the name. HM_ETAKEN (another process has the name), HM_ENAME, HM_ELIMIT (max_processes), HM_ENOMEM. */
HM_API int hm_pg_start(hm_node *node, const char *scope);

/* Joins processes of this node: all of them or none. A pid that is given twice joins twice. Borrows
 * everything. HM_ENOPROC (no such scope), HM_EINVAL (a pid of another node, a group of size 0), HM_ELIMIT (max_pg_groups,
 * max_pg_members, or a group of more than 64 KiB), HM_ENOMEM. */
HM_API int hm_pg_join(hm_node *node, const char *scope, hm_term group, hm_pid member);
HM_API int hm_pg_join_many(hm_node *node, const char *scope, hm_term group, const hm_pid members[],
                           size_t count);
/* Takes one membership of each back; those who have none are passed over. HM_ENOENT: none of them had; else
 * as above. */
HM_API int hm_pg_leave(hm_node *node, const char *scope, hm_term group, hm_pid member);
HM_API int hm_pg_leave_many(hm_node *node, const char *scope, hm_term group, const hm_pid members[],
                            size_t count);

enum hm_pg_which {
    HM_PG_ALL,
    HM_PG_LOCAL,  /* members of this node */
    HM_PG_REMOTE, /* of the others */
};

/* How many memberships there are; 0 also when there is no such scope. */
HM_API size_t hm_pg_count(const hm_node *node, const char *scope, hm_term group, enum hm_pg_which which);
/* Calls each for every membership, those of this node first; it must not join, leave or end anybody. */
HM_API void hm_pg_members(const hm_node *node, const char *scope, hm_term group, enum hm_pg_which which,
                          void (*each)(void *arg, hm_pid member), void *arg);
/* The same as an array, which the caller frees; NULL when it is empty. HM_ENOMEM. An unknown scope has no
 * members. */
HM_API int hm_pg_get_members(const hm_node *node, const char *scope, hm_term group, hm_pid **members,
                             size_t *count);
/* The same, of members of this node only. */
HM_API int hm_pg_get_local_members(const hm_node *node, const char *scope, hm_term group, hm_pid **members,
                                   size_t *count);
/* Calls each for every group that has such members; the term is borrowed until it returns. HM_ENOPROC. */
HM_API int hm_pg_groups(const hm_node *node, const char *scope, enum hm_pg_which which,
                        void (*each)(void *arg, hm_term group), void *arg);
/* The same for `most' of them at most: a glance at a scope that may have a million. */
HM_API int hm_pg_some_groups(const hm_node *node, const char *scope, enum hm_pg_which which, size_t most,
                             void (*each)(void *arg, hm_term group), void *arg);

/* A member of this node when there is one, else any; picked by chance. HM_NO_PID: the group is empty. */
HM_API hm_pid hm_pg_get_closest_pid(hm_node *node, const char *scope, hm_term group);

/* Sends one message to every such member, as hm_send_many does: once for each membership. HM_ENOPROC,
 * HM_ENOMEM, HM_ELIMIT. */
HM_API int hm_pg_send(hm_process *self, const char *scope, hm_term group, enum hm_pg_which which,
                      hm_term message);

/* From now on this process gets {Ref, join, Group, Pids} and {Ref, leave, Group, Pids} when the group changes
 * (of any group, for the second), until hm_pg_demonitor or its end. hm_pg_members tells who is in it at this
 * moment. HM_ENOPROC, HM_EINVAL (a group of size 0), HM_ELIMIT (max_pg_monitors), HM_ENOMEM. */
HM_API int hm_pg_monitor(hm_process *self, const char *scope, hm_term group, hm_ref *ref);
HM_API int hm_pg_monitor_scope(hm_process *self, const char *scope, hm_ref *ref);
/* No such message of it comes after this. false: it was not there. */
HM_API bool hm_pg_demonitor(hm_process *self, const char *scope, const hm_ref *ref);

#ifdef __cplusplus
}
#endif
#endif
