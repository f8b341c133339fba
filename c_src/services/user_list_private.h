/*
 * services/user_list_private: what the files of user_list share. user_list.c is the server, user_list_report.c shows what it has.
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

/* Are users of it known, in whatever form it told them? */
bool user_list_knows(const struct user_list *users, const struct place *place);

/* For sys:get_state. */
void user_list_put_state(hm_process *self, hm_build *state);
/* hm_metrics_remove(users->metrics) ends them. */
int user_list_add_metrics(struct user_list *users);

#endif
