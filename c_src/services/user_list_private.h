/*
 * services/user_list_private: what the files of user_list share. user_list.c is the server: what it is asked, and the own users. user_list_peers.c
 * looks after the other nodes: which is told what and when, and what they tell. user_list_report.c shows what there is.
 */
#ifndef HM_SERVICES_USER_LIST_PRIVATE_H
#define HM_SERVICES_USER_LIST_PRIVATE_H

#include <hermod/metrics.h>
#include <hermod/server.h>

#include "services/user_places.h"
#include "services/user_replica.h"

struct user_list {
    hm_process *self;
    struct user_replica *replica; /* the own users, and those of nodes that speak of changes */
    struct users_limits limits;
    struct places places;
    bool interval;       /* the article's first form */
    int64_t tick_ms;
    bool ticking;        /* a timer runs: while there are others */
    bool unmet;          /* there was no memory for a node that is connected: the next tick looks again */
    bool pausing;        /* a timer runs, before whose end nothing is sent */
    bool flushing;       /* a message to ourselves is under way, behind which all of this turn is sent */
    uint64_t refused;    /* casts, and elements of lists */
    uint64_t full;       /* of these, over a limit */
    hm_metrics *metrics;
    hm_ref mark;         /* in what this server sends to itself, so that no one else can */
    hm_build *list;      /* the own users, while `listed' */
    hm_build *answer;    /* to get_users, while `answered' */
    hm_build *scratch;
    bool listed, answered;
};

/* ---- user_list.c ---- */

/* Counts and logs it. */
void user_list_refuse(struct user_list *users, const char *what);
void user_list_report_memory(struct user_list *users, const char *what);
/* The own users as a term, size 0 without memory. */
hm_term user_list_own(struct user_list *users);

/* ---- user_list_peers.c ---- */

/* What the replica asks of us; its argument is the struct user_list. */
extern const struct user_replica_events user_list_events;

/* The own users have changed: whoever takes changes is told, soon. */
void user_list_changed(struct user_list *users);
/* The nodes that are connected; who has a place keeps it. */
void user_list_add_nodes(struct user_list *users);
/* Should there have been no memory for the timer, with whatever comes next. */
void user_list_keep_ticking(struct user_list *users);
void user_list_nodedown(struct user_list *users, struct hm_text name);
/* A monitor of user_list_peers.c fired, or one that is gone. */
void user_list_down(struct user_list *users, hm_term ref_term, hm_term reason);
/* All the users of a node, in the article's form. */
void user_list_sync(struct user_list *users, struct hm_text node, hm_term list);
/* A message about changes (user_wire.h). */
void user_list_hear(struct user_list *users, hm_term message);
/* Something that this server sent to itself: what is due is sent. false: it is not. */
bool user_list_own_message(struct user_list *users, hm_term message);

/* ---- user_list_report.c ---- */

/* Are users of it known, in whatever form it told them? */
bool user_list_knows(const struct user_list *users, const struct place *place);

/* For sys:get_state. */
void user_list_put_state(hm_process *self, hm_build *state);
/* hm_metrics_remove(users->metrics) ends them. */
int user_list_add_metrics(struct user_list *users);

#endif
