/*
 * services/topics: who is subscribed to what.
 *
 * A topic is any term; a binary one has segments, which ':' and '.' divide. A pattern is a binary topic with a
 * segment that is * (any one segment) or, as the last one, > (one or more). "room.*" is told of "room.7" and not
 * of "room:7" or "room.7.x"; "room.>" of both "room.7" and "room.7.x". Patterns stand in a trie, so what does not
 * match costs nothing. One subscription for each subscriber, topic and form.
 *
 * The form says how the subscriber wants its messages; those of one form and topic stand in one array of pids,
 * ready for hm_send_many. About 90 bytes for a subscription and 70 for a topic beside its term.
 *
 * It sends nothing, monitors nobody and knows no nodes; the caller does, with the two callbacks. One thread.
 */
#ifndef HM_SERVICES_TOPICS_H
#define HM_SERVICES_TOPICS_H

#include <hermod/term.h>

struct topics;

enum topic_form {
    TOPIC_PLAIN,  /* the message itself */
    TOPIC_TAGGED, /* {Topic, Message} */
    TOPIC_ROUTED, /* {'$pubsub', Given, Topic, Message}, Given being what was subscribed to: hm_pubsub_subscribe */
};
enum { TOPIC_FORMS = 3 };

/* Who has at least one subscription. Its address stays until it has none. */
struct subscriber {
    hm_pid pid;
    uint32_t first, count; /* its subscriptions */
    void *data;            /* the caller's; NULL at first */
};

struct topics_events {
    /* A subscriber got its first subscription (here), or lost its last one. An error refuses it. */
    int (*on_subscriber)(void *arg, struct subscriber *subscriber, bool here);
    /* So many are subscribed to this topic or pattern now, of whatever form; 0: nobody any more. */
    void (*on_topic)(void *arg, hm_term topic, uint32_t count);
};

struct topics_limits {
    uint32_t topics, subscriptions; /* that may exist at one time */
};

/* The subscribers of one form to a topic or pattern that matches. Borrowed, until topics change. */
struct topic_match {
    hm_term topic; /* the topic or pattern that they gave */
    bool pattern;
    enum topic_form form;
    const hm_pid *pids;
    const uint32_t *numbers; /* of their subscriptions, for topics_options */
    uint32_t count;
};

/* Borrows events and arg (callbacks may be NULL). NULL without memory. */
struct topics *topics_new(const struct topics_limits *limits, const struct topics_events *events, void *arg);
void topics_free(struct topics *topics); /* no callbacks */

/* Keeps a copy of the topic; options are the caller's. Again: the new form and options hold. HM_ELIMIT (topics, subscriptions, segments),
 * HM_EINVAL (a pattern with > before its end), HM_ENOMEM, or what on_subscriber gave: nothing has changed. */
int topics_add(struct topics *topics, hm_term topic, hm_pid pid, enum topic_form form, uint32_t options);
/* HM_ENOENT */
int topics_remove(struct topics *topics, hm_term topic, hm_pid pid);
/* All subscriptions of one subscriber; how many they were. */
uint32_t topics_remove_all(struct topics *topics, hm_pid pid);

/* Calls each for every group of subscribers that a message for this topic goes to. `each` must not change
 * the topics. */
void topics_match(struct topics *topics, hm_term topic, void (*each)(void *arg, const struct topic_match *match),
                  void *arg);
/* Where in match->pids this one stands; match->count when it does not. */
uint32_t topics_position(struct topics *topics, const struct topic_match *match, hm_pid pid);

uint32_t topics_options(const struct topics *topics, const struct topic_match *match, uint32_t position);

struct subscriber *topics_subscriber(struct topics *topics, hm_pid pid); /* NULL: it has no subscription */
/* Those of exactly this topic or pattern. */
uint32_t topics_count(struct topics *topics, hm_term topic);
/* Their pids, in no order. */
void topics_each_pid(struct topics *topics, hm_term topic, void (*each)(void *arg, hm_pid pid), void *arg);
/* Every topic and pattern somebody is subscribed to, each once, in no order. `each` must not change the topics; false
 * ends it. */
void topics_each(struct topics *topics, bool (*each)(void *arg, hm_term topic), void *arg);
/* Every topic of one subscriber. */
void topics_each_of(struct topics *topics, const struct subscriber *subscriber,
                    void (*each)(void *arg, hm_term topic, enum topic_form form), void *arg);

/* Every subscriber; `each` must not change the topics. */
void topics_each_subscriber(struct topics *topics, void (*each)(void *arg, struct subscriber *subscriber), void *arg);

struct topics_size {
    uint32_t topics, patterns, subscriptions, subscribers;
    size_t bytes; /* of memory, without the terms of the topics */
    uint64_t topics_refused, subscriptions_refused; /* times that a limit was reached */
};
/* All but bytes, for which topics_size goes through all topics. */
void topics_counts(const struct topics *topics, struct topics_size *size);
void topics_size(const struct topics *topics, struct topics_size *size);

#endif
