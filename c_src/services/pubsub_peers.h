/*
 * services/pubsub_peers: the topic services of other nodes.
 *
 * All of them are members of the process group {hermod, pubsub} of the default scope, and tell each other how many subscribers each of their
 * topics has. So a publication crosses the wire once for each node that has subscribers for it, and not at all to the others.
 * A change is told at most TELL_MS later, together with the others of that time; until it has arrived the other node sends what it
 * knew: a new subscriber may miss what is published elsewhere in that moment, never what is published through its own node.
 *
 * Between the services, Pid being the sender's, all as plain messages:
 *     {'$pubsub', Pid, all, [{Topic, Count}]}       so many subscribers have my topics, forget what I told before; what does not fit follows
 *     {'$pubsub', Pid, topics, [{Topic, Count}]}    so many now; 0: none any more
 *     {'$pubsub', Pid, ask, []}                     I could not keep all: tell me all again
 *     {'$pubsub', Pid, publish, Topic, Message, Publisher, Exclude}   for the subscribers there; Publisher a pid or []
 *     {pubsub_dropped, Topic, Count}                we could not send so many: tell your subscribers
 *
 * One thread; all functions inside handlers of the owner.
 */
#ifndef HM_SERVICES_PUBSUB_PEERS_H
#define HM_SERVICES_PUBSUB_PEERS_H

#include <hermod/server.h>

#include "services/topics.h"

struct pubsub_peers;

struct pubsub_peers_events {
    /* What another node sent for our subscribers. */
    void (*on_publication)(void *arg, hm_term topic, hm_term message, hm_pid publisher, bool exclude);
    /* What another node could not send to them. */
    void (*on_missed)(void *arg, hm_term topic, uint64_t count);
};

/* own: the topics of this node. Borrows own, events, arg. NULL without memory. */
struct pubsub_peers *pubsub_peers_new(hm_process *self, struct topics *own, const struct pubsub_peers_events *events,
                                      void *arg);
void pubsub_peers_free(struct pubsub_peers *peers); /* NULL is allowed */

/* A topic of ours has so many subscribers now. */
void pubsub_peers_changed(struct pubsub_peers *peers, hm_term topic, uint32_t count);
/* To every node that has subscribers for it; how many these are, as far as they told. */
uint64_t pubsub_peers_publish(struct pubsub_peers *peers, hm_term topic, hm_term message, hm_pid publisher,
                              bool exclude);
/* Subscribers of exactly this topic on other nodes. */
uint64_t pubsub_peers_count(struct pubsub_peers *peers, hm_term topic);
/* Whether that node has such a service. */
bool pubsub_peers_has(const struct pubsub_peers *peers, const hm_node_name *node);
size_t pubsub_peers_nodes(const struct pubsub_peers *peers);
/* true: the message was for the peers. */
bool pubsub_peers_info(struct pubsub_peers *peers, hm_term message);

#endif
