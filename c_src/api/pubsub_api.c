/*
 * hm_pubsub_*: the subscriptions of each process, and the way from a message to the function that wants it.
 *
 * The service sends {'$pubsub', Given, Topic, Message} to subscriptions that were made here (their option is `routed`), Given being what they
 * subscribed to, and {'$pubsub_refused', Given, Reason} when it does not take one. A process_waiter takes these messages out before the class
 * sees them.
 */
#include <hermod/pubsub.h>

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Most processes have one subscription or a few; the table grows when there are more. */
#define HASH_INITIAL_NUM_BUCKETS 2U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 1U
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

#include "etf/tags.h"
#include "etf/view.h"
#include "node/process.h"

static const char SERVICE[] = "pubsub";

/* What some process of the node is subscribed to: held once, however many they are. */
struct heard_topic {
    SLIST_ENTRY(heard_topic) link;
    struct heard_topics *list;
    size_t users; /* subscriptions */
    size_t size;
    unsigned char bytes[];
};

/* Those of one hash. */
struct heard_topics {
    UT_hash_handle hh;
    uint64_t hash;
    SLIST_HEAD(, heard_topic) list;
    bool lost; /* the table had no memory for it */
};

struct subscription {
    UT_hash_handle hh;
    struct heard_topic *topic;
    hm_pubsub_heard *heard;
    hm_pubsub_refused *refused;
    void *arg;
    bool not_own;
    bool lost;
};

/* Those of one process. */
struct subscriber {
    /* Most messages look at nothing but this cache line, and the topic, which others have, too. */
    struct process_waiter waiter;
    hm_pubsub_heard *heard; /* of the last one; NULL: nothing yet */
    void *arg;
    const struct heard_topic *topic;
    /* And these at more. */
    const struct subscription *last;
    hm_process *process;
    struct subscription *table; /* by topic */
} __attribute__((aligned(CACHE_LINE)));

_Static_assert(offsetof(struct subscriber, last) <= CACHE_LINE, "what most messages look at is on one cache line");

/* ---- topics ---- */

static hm_term term_of(const struct heard_topic *topic) {
    return (hm_term){topic->bytes, topic->size};
}

static struct heard_topics *topics_with(const hm_process *self, uint64_t hash) {
    struct heard_topics *topics;
    HASH_FIND(hh, self->node->heard_topics, &hash, sizeof hash, topics);
    return topics;
}

static struct heard_topic *topic_in(const struct heard_topics *topics, hm_term term) {
    struct heard_topic *topic = topics ? SLIST_FIRST(&topics->list) : NULL;
    while (topic && !hm_term_equal(term_of(topic), term))
        topic = SLIST_NEXT(topic, link);
    return topic;
}

static struct heard_topics *new_topics(hm_process *self, uint64_t hash) {
    struct heard_topics *topics = calloc(1, sizeof *topics);
    if (!topics)
        return NULL;
    topics->hash = hash;
    HASH_ADD(hh, self->node->heard_topics, hash, sizeof topics->hash, topics);
    if (!topics->lost)
        return topics;
    free(topics);
    return NULL;
}

static void free_if_empty(hm_process *self, struct heard_topics *topics) {
    if (!SLIST_EMPTY(&topics->list))
        return;
    HASH_DEL(self->node->heard_topics, topics);
    free(topics);
}

static struct heard_topic *hold_topic(hm_process *self, hm_term term) {
    uint64_t hash = hm_term_hash(term);
    struct heard_topics *topics = topics_with(self, hash);
    struct heard_topic *topic = topic_in(topics, term);
    if (!topic) {
        if (!topics && !(topics = new_topics(self, hash)))
            return NULL;
        topic = malloc(sizeof *topic + term.size);
        if (!topic) {
            free_if_empty(self, topics);
            return NULL;
        }
        *topic = (struct heard_topic){.list = topics, .size = term.size};
        memcpy(topic->bytes, term.bytes, term.size);
        SLIST_INSERT_HEAD(&topics->list, topic, link);
    }
    topic->users++;
    return topic;
}

static void release_topic(hm_process *self, struct heard_topic *topic) {
    struct heard_topics *topics = topic->list;
    if (--topic->users)
        return;
    SLIST_REMOVE(&topics->list, topic, heard_topic, link);
    free(topic);
    free_if_empty(self, topics);
}

/* ---- the subscriptions of a process ---- */

static struct subscription *find(const struct subscriber *subscriber, hm_term term) {
    const struct heard_topic *topic = topic_in(topics_with(subscriber->process, hm_term_hash(term)), term);
    struct subscription *found = NULL;
    if (topic)
        HASH_FIND_PTR(subscriber->table, &topic, found);
    return found;
}

static void set_last(struct subscriber *subscriber, const struct subscription *last) {
    subscriber->last = last;
    subscriber->heard = last ? last->heard : NULL;
    subscriber->arg = last ? last->arg : NULL;
    subscriber->topic = last ? last->topic : NULL;
}

static void set_handlers(struct subscriber *subscriber, struct subscription *subscription, const struct hm_pubsub_subscription *wanted) {
    subscription->heard = wanted->heard;
    subscription->refused = wanted->refused;
    subscription->arg = wanted->arg;
    subscription->not_own = wanted->not_own;
    if (subscriber->last == subscription)
        set_last(subscriber, subscription);
}

/* NULL without memory. */
static struct subscription *new_subscription(struct subscriber *subscriber, hm_term term) {
    struct subscription *subscription = calloc(1, sizeof *subscription);
    if (!subscription)
        return NULL;
    subscription->topic = hold_topic(subscriber->process, term);
    if (subscription->topic) {
        HASH_ADD_PTR(subscriber->table, topic, subscription);
        if (!subscription->lost)
            return subscription;
        release_topic(subscriber->process, subscription->topic);
    }
    free(subscription);
    return NULL;
}

static void free_subscription(struct subscriber *subscriber, struct subscription *subscription) {
    if (subscriber->last == subscription)
        set_last(subscriber, NULL);
    HASH_DEL(subscriber->table, subscription);
    release_topic(subscriber->process, subscription->topic);
    free(subscription);
}

/* ---- asking the service ---- */

static bool has_service(const hm_process *self) {
    return hm_whereis(hm_node_of(self), SERVICE).node != NULL;
}

static int request(const struct subscriber *subscriber, const struct subscription *subscription) {
    return hm_castf(subscriber->process, hm_to_name(SERVICE, NULL), "{subscribe, ~t, ~p, #{routed => true, self => ~a}}", term_of(subscription->topic),
                    hm_self(subscriber->process), subscription->not_own ? "false" : "true");
}

/* The service is there, for the first time or again: it knows nothing of what it was asked before. */
static int renew(hm_process *self, void *arg, hm_pid service) {
    const struct subscriber *subscriber = arg;
    const struct subscription *subscription;
    int error = HM_OK;
    (void)self;
    (void)service;
    for (subscription = subscriber->table; subscription && !error; subscription = subscription->hh.next)
        error = request(subscriber, subscription);
    return error;
}

/* ---- messages ---- */

static struct subscriber *subscriber_at(const struct process_waiter *waiter) {
    return (struct subscriber *)((uintptr_t)waiter - offsetof(struct subscriber, waiter));
}

/* It was for the subscription, whatever that makes of it. */
static enum hm_verdict taken(enum hm_verdict verdict) {
    return verdict == HM_UNKNOWN ? HM_CONTINUE : verdict;
}

static enum hm_verdict hear(struct subscriber *subscriber, hm_term given, hm_term topic, hm_term message) {
    const struct subscription *subscription = find(subscriber, given);
    /* Taken back while this message was on its way. */
    if (!subscription)
        return HM_CONTINUE;
    if (subscriber->last != subscription)
        set_last(subscriber, subscription);
    return taken(subscription->heard(subscriber->process, subscription->arg, topic, message));
}

/* What was heard last is mostly heard next, and its topic comes in the same bytes. Nothing is looked up then. HM_UNKNOWN: it is something else. */
static enum hm_verdict hear_again(const struct subscriber *subscriber, hm_process *self, hm_term term) {
    static const unsigned char HEAD[] = {ETF_SMALL_TUPLE, 4, ETF_SMALL_ATOM_UTF8, 7, '$', 'p', 'u', 'b', 's', 'u', 'b'};
    if (!subscriber->heard)
        return HM_UNKNOWN;
    hm_term given = term_of(subscriber->topic);
    if (term.size < sizeof HEAD + given.size || memcmp(term.bytes, HEAD, sizeof HEAD) != 0 ||
        memcmp(term.bytes + sizeof HEAD, given.bytes, given.size) != 0)
        return HM_UNKNOWN;
    const unsigned char *topic = term.bytes + sizeof HEAD + given.size;
    /* Nearly all topics are binaries. */
    const unsigned char *message = topic[0] == ETF_BINARY ? topic + 5 + get_be32(topic + 1) : view_skip(topic);
    return taken(subscriber->heard(self, subscriber->arg, (hm_term){topic, (size_t)(message - topic)},
                                   (hm_term){message, (size_t)(term.bytes + term.size - message)}));
}

static enum hm_verdict refuse(struct subscriber *subscriber, hm_term given, hm_term reason) {
    struct subscription *subscription = find(subscriber, given);
    struct hm_text text;
    if (!subscription)
        return HM_CONTINUE;
    hm_pubsub_refused *refused = subscription->refused;
    void *arg = subscription->arg;
    free_subscription(subscriber, subscription);
    if (refused)
        return taken(refused(subscriber->process, arg, reason));
    if (hm_get_atom(reason, &text))
        hm_log(subscriber->process, HM_LOG_WARN, "pubsub.refused", "a subscription was refused: %.*s", (int)text.size, text.at);
    return HM_CONTINUE;
}

/* Not inlined: it would make the way of most messages longer. */
__attribute__((noinline)) static enum hm_verdict hear_other(struct subscriber *subscriber, hm_term term) {
    hm_term elements[4];
    if (hm_tuple_elements(term, 4, elements) && hm_is_atom(elements[0], "$pubsub"))
        return hear(subscriber, elements[1], elements[2], elements[3]);
    if (hm_tuple_elements(term, 3, elements) && hm_is_atom(elements[0], "$pubsub_refused"))
        return refuse(subscriber, elements[1], elements[2]);
    return HM_UNKNOWN;
}

static enum hm_verdict on_message(struct process_waiter *waiter, hm_process *self, hm_term term) {
    struct subscriber *subscriber = subscriber_at(waiter);
    enum hm_verdict verdict = hear_again(subscriber, self, term);
    return verdict == HM_UNKNOWN ? hear_other(subscriber, term) : verdict;
}

static void on_ended(struct process_waiter *waiter, hm_term reason) {
    struct subscriber *subscriber = subscriber_at(waiter);
    struct subscription *subscription, *next;
    (void)reason;
    HASH_ITER(hh, subscriber->table, subscription, next)
        free_subscription(subscriber, subscription);
    free(subscriber);
}

static const struct waiter_class waiter_class = {.message = on_message, .ended = on_ended};

/* ---- the functions ---- */

static struct subscriber *subscriber_of(const hm_process *self) {
    struct process_waiter *waiter;
    LIST_FOREACH(waiter, &self->waiters, link)
        if (waiter->class == &waiter_class)
            return subscriber_at(waiter);
    return NULL;
}

static struct subscriber *new_subscriber(hm_process *self) {
    struct subscriber *subscriber = aligned_alloc(CACHE_LINE, sizeof *subscriber);
    if (!subscriber)
        return NULL;
    *subscriber = (struct subscriber){0};
    subscriber->process = self;
    /* Before the waiter: that one is found first then, by every message. */
    if (hm_follow(self, SERVICE, renew, subscriber)) {
        free(subscriber);
        return NULL;
    }
    process_wait(self, &subscriber->waiter, &waiter_class);
    return subscriber;
}

int hm_pubsub_subscribe(hm_process *self, const struct hm_pubsub_subscription *wanted) {
    if (!wanted->topic.size || !wanted->heard)
        return HM_EINVAL;
    if (!has_service(self))
        return HM_ENOPROC;
    struct subscriber *subscriber = subscriber_of(self);
    if (!subscriber && !(subscriber = new_subscriber(self)))
        return HM_ENOMEM;
    struct subscription *subscription = find(subscriber, wanted->topic);
    if (subscription) {
        set_handlers(subscriber, subscription, wanted);
        return request(subscriber, subscription);
    }
    subscription = new_subscription(subscriber, wanted->topic);
    if (!subscription)
        return HM_ENOMEM;
    set_handlers(subscriber, subscription, wanted);
    int error = request(subscriber, subscription);
    if (error)
        free_subscription(subscriber, subscription);
    return error;
}

int hm_pubsub_unsubscribe(hm_process *self, hm_term topic) {
    struct subscriber *subscriber = subscriber_of(self);
    struct subscription *subscription = subscriber ? find(subscriber, topic) : NULL;
    if (!subscription)
        return HM_ENOENT;
    free_subscription(subscriber, subscription);
    hm_castf(self, hm_to_name(SERVICE, NULL), "{unsubscribe, ~t, ~p}", topic, hm_self(self)); /* without memory, what still comes is not heard */
    return HM_OK;
}

/* The caller's pid, so that not_own works; it is not excluded by that. */
int hm_pubsub_publish(hm_process *self, hm_term topic, hm_term message) {
    if (!has_service(self))
        return HM_ENOPROC;
    return hm_castf(self, hm_to_name(SERVICE, NULL), "{publish_as, ~p, ~t, ~t}", hm_self(self), topic, message);
}

int hm_pubsub_publish_from(hm_process *self, hm_term topic, hm_term message) {
    if (!has_service(self))
        return HM_ENOPROC;
    return hm_castf(self, hm_to_name(SERVICE, NULL), "{publish_from, ~p, ~t, ~t}", hm_self(self), topic, message);
}
