/*
 * services/bus: the topic service as one member of somebody else's publish/subscribe.
 *
 * A common design on the BEAM: each node has one coordinator process, all of them are in one process group, and a publisher sends its message to
 * the coordinators of the other nodes, which hand it to their subscribers. A bus describes such a design; a process of
 * ours under the coordinator's name is in the group and hands what it gets to pubsub, and pubsub sends what is published
 * through this node to the other coordinators. What came from a bus goes to subscribers only, and other Hermod nodes get it from where it
 * was published: nothing comes twice, or back.
 *
 * Such coordinators often crash on a message that they do not know, so they get nothing but publications.
 *
 * A bus is given as the name of a preset, "hermes", or as settings: "scope=pg,name=Elixir.My.Server,group={my, group},message={publish,
 * '$topic', '$message'}". message and group are terms in Erlang syntax; in message the atoms '$topic' and '$message' stand for what
 * they say, as elements of the tuple. scope may be left out.
 */
#ifndef HM_SERVICES_BUS_H
#define HM_SERVICES_BUS_H

#include <hermod/server.h>

#include "services/services.h"

enum { BUS_ELEMENTS = 8 };

struct bus {
    char *scope; /* NULL: the default one */
    char *name;
    hm_build *group, *message;
    unsigned arity, topic_at, payload_at;
};

/* HM_EINVAL and a sentence in why; HM_ENOMEM. On success end it with bus_fini. */
int bus_parse(const char *text, struct bus *bus, char *why, size_t capacity);
void bus_fini(struct bus *bus);

/* Sends a publication of this node to the coordinators of other nodes; not to nodes for which is_served says that they got it
 * otherwise. To how many. */
uint64_t bus_publish(const struct bus *bus, hm_process *self, hm_term topic, hm_term message,
                 bool (*is_served)(void *arg, const hm_node_name *node), void *arg);
/* false: the term is no publication of this bus. */
bool bus_read(const struct bus *bus, hm_term term, hm_term *topic, hm_term *message);

#endif
