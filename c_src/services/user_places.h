/*
 * services/user_places: the nodes that are connected, and what user_list has to do with each. Ordered by name.
 *
 * Owns the lists that they sent. Sends nothing; who changes a place looks after its monitors.
 */
#ifndef HM_SERVICES_USER_PLACES_H
#define HM_SERVICES_USER_PLACES_H

#include <sys/queue.h>

#include <hermod/hermod.h>

/* How its list of users speaks. */
enum place_form {
    PLACE_ASKED,  /* not known yet: it gets nothing, so that it need not get everything */
    PLACE_SYNCS,  /* as the article's, if it has one */
    PLACE_DELTAS, /* it is a member of our replica */
};

struct place {
    TAILQ_ENTRY(place) next;
    const hm_node_name *node;
    enum place_form form;
    bool visible;  /* it is sent what changes */
    bool owed;     /* and has not got it yet: PLACE_SYNCS */
    bool bell;     /* user_list_delta is there, or nobody has said otherwise; it is monitored */
    bool heard;    /* it has a user_list that syncs, or said hello; it is monitored */
    bool over;     /* that it has too many users was said */
    uint8_t asked; /* so many ticks ago, at most 2 */
    hm_ref bell_monitor, monitor;
    hm_term list;     /* its users, as synced; size 0: none */
    hm_build *listed; /* those of a member as a list, when somebody wanted it; NULL: they have changed since */
};

TAILQ_HEAD(places, place);

struct place *places_find(const struct places *places, const hm_node_name *node);
struct place *places_find_name(const struct places *places, struct hm_text name);
/* NULL without memory. */
struct place *places_add(struct places *places, const hm_node_name *node, bool visible);
void places_remove(struct places *places, struct place *place);

/* true: there was one. */
bool place_forget_list(struct place *place);
void place_forget_listed(struct place *place);

#endif
