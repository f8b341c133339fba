/*
 * services/dispatch: sends what is published to the processes that are subscribed.
 *
 * Owns the topics of one server, a monitor for each subscriber, and what waits for those that are slow. Subscribers are processes of any
 * node; one that ends, or whose node goes, has left. The server that owns a dispatch hands it the messages that it does
 * not know itself (dispatch_info).
 *
 * Slow is a subscriber whose node has more waiting in its connection than the node's output limit (hm_is_busy).
 * Nobody else waits for it, least of all the publisher. What becomes of its messages is its own choice, by
 * subscription; what was dropped is counted and told as {pubsub_dropped, Topic, Count} when there is room again.
 *
 * One thread; all functions inside handlers of the owner.
 */
#ifndef HM_SERVICES_DISPATCH_H
#define HM_SERVICES_DISPATCH_H

#include <hermod/server.h>

#include "services/topics.h"

struct dispatch;

/* A subscription's options; or-ed. */
enum dispatch_option {
    DISPATCH_DROP_NEWEST = 0,   /* while slow: what is published is lost */
    DISPATCH_DROP_OLDEST = 1,   /* while slow: the last ones are kept, as many as dispatch_limits says */
    DISPATCH_DISCONNECT = 2,    /* slow: its node is disconnected */
    DISPATCH_POLICY = 3,        /* mask */
    DISPATCH_NOT_OWN = 4,       /* not what the subscriber itself publishes */
    DISPATCH_WEIGHT_SHIFT = 8,  /* above: how many a subscriber stands for, where limits.once */
    DISPATCH_WEIGHT_MAX = 0xFFFFFF,
};

struct dispatch_limits {
    struct topics_limits topics;
    uint32_t kept;     /* messages kept for one slow subscriber */
    size_t kept_bytes; /* and their bytes */
    size_t kept_memory; /* for all slow subscribers together, what they have missed included */
    bool once;         /* one message for each subscriber, however many of its subscriptions match */
};

struct dispatch_counters {
    uint64_t published, delivered, dropped, kept, disconnected;
};

/* May be NULL, each. Called inside the functions below; they must not change the dispatch. */
struct dispatch_events {
    void (*on_topic)(void *arg, hm_term topic, uint32_t count); /* as in topics_events */
    /* once: what is sent instead of the message; written into build, which is empty. Only when somebody gets it. */
    void (*wrap)(void *arg, hm_build *build, hm_term topic, hm_term message, hm_pid publisher, bool exclude);
};

/* Borrows events and arg. NULL without memory. */
struct dispatch *dispatch_new(hm_process *self, const struct dispatch_limits *limits,
                              const struct dispatch_events *events, void *arg);
void dispatch_free(struct dispatch *dispatch); /* NULL is allowed; monitors end with the process */

/* As topics_add and topics_remove. */
int dispatch_subscribe(struct dispatch *dispatch, hm_term topic, hm_pid pid, enum topic_form form, uint32_t options);
int dispatch_unsubscribe(struct dispatch *dispatch, hm_term topic, hm_pid pid);

/* Sends the message to the topic's subscribers and says to how many (once: the sum of their weights), slow ones included. publisher:
 * HM_NO_PID when unknown; exclude: it gets nothing of it whatever its options. */
uint32_t dispatch_publish(struct dispatch *dispatch, hm_term topic, hm_term message, hm_pid publisher, bool exclude);

/* The message as it is to everybody who hears of this topic, whatever their form; not counted as published. */
void dispatch_tell(struct dispatch *dispatch, hm_term topic, hm_term message);

/* true: the message was for the dispatch ('DOWN' of a subscriber, its timer). */
bool dispatch_info(struct dispatch *dispatch, hm_term message);

struct topics *dispatch_topics(const struct dispatch *dispatch);
const struct dispatch_counters *dispatch_counters(const struct dispatch *dispatch);

#endif
