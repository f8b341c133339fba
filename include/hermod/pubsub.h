/*
 * Publish and subscribe, in C: the service pubsub of the own node, and through it those of all nodes.
 *
 *     static enum hm_verdict on_news(hm_process *self, void *arg, hm_term topic, hm_term message) { ... }
 *
 *     struct hm_pubsub_subscription news = {.topic = hm_build_term(topic), .heard = on_news};
 *     hm_pubsub_subscribe(self, &news);
 *     hm_pubsub_publish(self, hm_build_term(topic), message);
 *
 * What a topic and a pattern are, in which order messages arrive and what several nodes are to each other is in docs/pubsub.md; processes
 * of other nodes subscribe and publish with calls to the registered name pubsub. The service belongs to the daemon: a program with a node
 * of its own has none, and these functions give HM_ENOPROC there.
 *
 * Node thread only. A message is held once for all subscribers of the node and handed to one after the other. What another node could not
 * send to this one, because this one did not read fast enough, the class's info is told of as {pubsub_dropped, Topic, Count}.
 */
#ifndef HERMOD_PUBSUB_H
#define HERMOD_PUBSUB_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One message, in the process that subscribed, before its class sees it. topic: what was published, also for a pattern. Both are borrowed
 * until it returns. */
typedef enum hm_verdict hm_pubsub_heard(hm_process *self, void *arg, hm_term topic, hm_term message);
/* The service did not take the subscription: {error, Reason}'s reason, an atom as limit or invalid_pattern. Borrowed. */
typedef enum hm_verdict hm_pubsub_refused(hm_process *self, void *arg, hm_term reason);

struct hm_pubsub_subscription {
    hm_term topic; /* or a pattern; a copy is kept */
    bool not_own;  /* nothing that this process publishes itself */
    hm_pubsub_heard *heard;
    hm_pubsub_refused *refused; /* NULL: a refusal is only logged */
    void *arg;                  /* for both */
};

/* Until hm_pubsub_unsubscribe or the end of the process; when the service is started again the subscription is renewed. Again to the same
 * topic: replaces the first. HM_ENOPROC (no service), HM_EINVAL (no topic, no heard), HM_ENOMEM. */
HM_API int hm_pubsub_subscribe(hm_process *self, const struct hm_pubsub_subscription *subscription);
/* Nothing is heard of it after this. HM_ENOENT. */
HM_API int hm_pubsub_unsubscribe(hm_process *self, hm_term topic);
/* Borrows both. HM_ENOPROC, HM_EINVAL (a term of size 0), HM_ENOMEM. */
HM_API int hm_pubsub_publish(hm_process *self, hm_term topic, hm_term message);
/* The same, and this process does not hear it whatever it is subscribed to. */
HM_API int hm_pubsub_publish_from(hm_process *self, hm_term topic, hm_term message);

#ifdef __cplusplus
}
#endif
#endif
