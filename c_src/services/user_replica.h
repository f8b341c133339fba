/*
 * services/user_replica: the lists of users of this node and of those that only send what changes.
 *
 * Each list has one writer, its node, who counts its changes: version V is the list after V of them. What a replica has of all lists is
 * its vector of versions. A change goes to every member as the delta between two versions and is applied by who has the first of them, so
 * nothing is applied twice or out of order. The rest is anti-entropy: every tick a replica tells one member, in turn, its vector. Who finds in it a
 * version that it has not got by the second tick after asks whoever said so, and gets the changes from that one's log, or the whole list. So
 * lost messages are made up for, also by third nodes: a list whose node is cut off from here, and not gone yet, still arrives through others.
 *
 * A list belongs to one process, by whose pid it is named; pids are terms that nobody here looks into. Only those of members are kept, who
 * said hello and whose end is told with user_replica_down; so a list of somebody who is gone is never taken from a third.
 *
 * It owns copies of everything, knows no processes, sockets or time, and calls `events', which must not call back.
 */
#ifndef HM_SERVICES_USER_REPLICA_H
#define HM_SERVICES_USER_REPLICA_H

#include "services/users.h"

struct user_replica;

struct user_replica_events {
    /* To the process of a member; list.size 0: to the name user_list_delta on that node. false: not now. */
    bool (*send)(void *arg, const char *node, hm_term list, hm_term message);
    /* A list of that node said hello. true: it is one, and user_replica_down will be called when it ends. */
    bool (*admit)(void *arg, struct hm_text node, hm_term list);
    /* Users of this member have changed. */
    void (*changed)(void *arg, const char *node);
    /* Some were not taken: elements that are no users, and (once until the list is whole again) users over a limit. */
    void (*left_out)(void *arg, const char *node, const struct users_left_out *out);
};

/* What was sent so far. */
struct user_replica_counts {
    uint64_t deltas, fulls, vectors, wants;
};

/* NULL without memory. Keeps a copy of all but the events, which are borrowed. */
struct user_replica *user_replica_new(const char *node, hm_term list, const struct users_limits *limits,
                                      const struct user_replica_events *events, void *arg);
void user_replica_free(struct user_replica *replica);

/* The users of this node: as users_add and users_remove. */
int user_replica_add(struct user_replica *replica, hm_term user);
size_t user_replica_remove(struct user_replica *replica, hm_term id);
const struct users *user_replica_users(const struct user_replica *replica);

/* Says hello to a node that is connected and no member (yet, or again). */
void user_replica_greet(struct user_replica *replica, const char *node);
/* What came. HM_EBADTERM: it is nothing of the kind, or refused; HM_ENOMEM: as if it had been lost. */
int user_replica_hear(struct user_replica *replica, hm_term message);
/* That node is gone, or that list of it (size 0: any). */
void user_replica_down(struct user_replica *replica, const char *node, hm_term list);
/* Sends what has changed to every member that lacks it. false: some could not be sent to. */
bool user_replica_flush(struct user_replica *replica);
/* Is there anything to flush? */
bool user_replica_owes(const struct user_replica *replica);
/* Every now and then. */
void user_replica_tick(struct user_replica *replica);

/* The users of a member, the newest first; NULL when it is none. */
const struct users *user_replica_find(const struct user_replica *replica, const char *node, uint64_t *version);
uint64_t user_replica_version(const struct user_replica *replica);
const struct user_replica_counts *user_replica_counted(const struct user_replica *replica);

#endif
