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

enum {
    NEAR = 23, /* a topic of so many bytes, a text of 18, lies beside what else is looked at */
    FAR = 255,
};

struct subscription {
    UT_hash_handle hh;
    uint64_t hash;
    hm_term topic; /* lies behind */
    hm_pubsub_heard *heard;
    hm_pubsub_refused *refused;
    void *arg;
    struct subscription *same; /* others whose topics have this hash */
    bool not_own;
    bool lost; /* the table had no memory for it */
    unsigned char bytes[];
};

/* The topic that was heard last. */
union last_topic {
    struct {
        uint8_t size; /* FAR: it is the subscription's */
        unsigned char bytes[NEAR];
    } near;
    struct {
        uint8_t size;
        hm_term topic;
    } far;
};

/* Those of one process. */
struct subscriber {
    /* Most messages look at nothing but this cache line. */
    struct process_waiter waiter;
    hm_pubsub_heard *heard; /* of the last one; NULL: nothing yet */
    void *arg;
    union last_topic topic;
    /* And these at more. */
    const struct subscription *last;
    hm_process *process;
    struct subscription *table; /* by hash */
} __attribute__((aligned(CACHE_LINE)));

_Static_assert(offsetof(struct subscriber, last) <= CACHE_LINE, "what most messages look at is on one cache line");

/* ---- the table ---- */

static struct subscription *find(const struct subscriber *subscriber, uint64_t hash, hm_term topic) {
    struct subscription *found;
    HASH_FIND(hh, subscriber->table, &hash, sizeof hash, found);
    while (found && !hm_term_equal(found->topic, topic))
        found = found->same;
    return found;
}

static struct subscription *new_subscription(hm_term topic, uint64_t hash) {
    struct subscription *subscription = malloc(sizeof *subscription + topic.size);
    if (!subscription)
        return NULL;
    *subscription = (struct subscription){.hash = hash, .topic = {subscription->bytes, topic.size}};
    memcpy(subscription->bytes, topic.bytes, topic.size);
    return subscription;
}

static void set_last(struct subscriber *subscriber, const struct subscription *last) {
    subscriber->last = last;
    subscriber->heard = last ? last->heard : NULL;
    subscriber->arg = last ? last->arg : NULL;
    if (!last)
        return;
    if (last->topic.size > NEAR) {
        subscriber->topic.far.size = FAR;
        subscriber->topic.far.topic = last->topic;
    } else {
        subscriber->topic.near.size = (uint8_t)last->topic.size;
        memcpy(subscriber->topic.near.bytes, last->topic.bytes, last->topic.size);
    }
}

static hm_term last_topic(const struct subscriber *subscriber) {
    const union last_topic *topic = &subscriber->topic;
    return topic->near.size == FAR ? topic->far.topic : (hm_term){topic->near.bytes, topic->near.size};
}

static void set_handlers(struct subscriber *subscriber, struct subscription *subscription, const struct hm_pubsub_subscription *wanted) {
    subscription->heard = wanted->heard;
    subscription->refused = wanted->refused;
    subscription->arg = wanted->arg;
    subscription->not_own = wanted->not_own;
    if (subscriber->last == subscription)
        set_last(subscriber, subscription);
}

static bool add(struct subscriber *subscriber, struct subscription *subscription) {
    struct subscription *first;
    HASH_FIND(hh, subscriber->table, &subscription->hash, sizeof first->hash, first);
    if (first) {
        subscription->same = first->same;
        first->same = subscription;
        return true;
    }
    HASH_ADD(hh, subscriber->table, hash, sizeof subscription->hash, subscription);
    return !subscription->lost;
}

static bool remove_subscription(struct subscriber *subscriber, struct subscription *subscription) {
    struct subscription *first, **at;
    if (subscriber->last == subscription)
        set_last(subscriber, NULL);
    HASH_FIND(hh, subscriber->table, &subscription->hash, sizeof first->hash, first);
    if (first != subscription) {
        for (at = &first->same; *at != subscription;)
            at = &(*at)->same;
        *at = subscription->same;
        return true;
    }
    HASH_DEL(subscriber->table, first);
    if (first->same) {
        struct subscription *next = first->same;
        HASH_ADD(hh, subscriber->table, hash, sizeof next->hash, next);
        return !next->lost;
    }
    return true;
}

/* ---- asking the service ---- */

static bool has_service(const hm_process *self) {
    return hm_whereis(hm_node_of(self), SERVICE).node != NULL;
}

static int send_built(hm_process *self, hm_build *build) {
    int error = hm_build_error(build);
    if (!error)
        error = hm_cast(self, hm_to_name(SERVICE, NULL), hm_build_term(build));
    hm_build_free(build);
    return error;
}

static int request(const struct subscriber *subscriber, const struct subscription *subscription) {
    hm_build *build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    hm_put_format(build, "{subscribe, ~t, ~p, #{routed => true, self => ~a}}", subscription->topic,
                  hm_self(subscriber->process), subscription->not_own ? "false" : "true");
    return send_built(subscriber->process, build);
}

/* The service is there, for the first time or again: it knows nothing of what it was asked before. */
static int renew(hm_process *self, void *arg, hm_pid service) {
    const struct subscriber *subscriber = arg;
    const struct subscription *first, *one;
    int error = HM_OK;
    (void)self;
    (void)service;
    for (first = subscriber->table; first && !error; first = first->hh.next)
        for (one = first; one && !error; one = one->same)
            error = request(subscriber, one);
    return error;
}

/* ---- messages ---- */

static struct subscriber *subscriber_at(const struct process_waiter *waiter) {
    return (struct subscriber *)((uintptr_t)waiter - offsetof(struct subscriber, waiter));
}

static enum hm_verdict hear(struct subscriber *subscriber, hm_term given, hm_term topic, hm_term message) {
    const struct subscription *subscription = find(subscriber, hm_term_hash(given), given);
    /* Taken back while this message was on its way. */
    if (!subscription)
        return HM_CONTINUE;
    if (subscriber->last != subscription)
        set_last(subscriber, subscription);
    return subscription->heard(subscriber->process, subscription->arg, topic, message);
}

/* What was heard last is mostly heard next, and its topic comes in the same bytes. Nothing is looked up then. */
static bool hear_again(const struct subscriber *subscriber, hm_process *self, hm_term term, enum hm_verdict *verdict) {
    static const unsigned char HEAD[] = {ETF_SMALL_TUPLE, 4, ETF_SMALL_ATOM_UTF8, 7, '$', 'p', 'u', 'b', 's', 'u', 'b'};
    if (!subscriber->heard)
        return false;
    hm_term last = last_topic(subscriber);
    if ( term.size < sizeof HEAD + last.size || memcmp(term.bytes, HEAD, sizeof HEAD) != 0)
        return false;
    const unsigned char *given = term.bytes + sizeof HEAD, *topic = given + last.size;
    if (memcmp(given, last.bytes, last.size) != 0)
        return false;
    size_t left = (size_t)(term.bytes + term.size - topic);
    size_t size = left > last.size && memcmp(topic, given, last.size) == 0 ? last.size : (size_t)(view_skip(topic) - topic);
    *verdict = subscriber->heard(self, subscriber->arg, (hm_term){topic, size}, (hm_term){topic + size, left - size});
    return true;
}

static enum hm_verdict refuse(struct subscriber *subscriber, hm_term given, hm_term reason) {
    struct subscription *subscription = find(subscriber, hm_term_hash(given), given);
    struct hm_text text;
    if (!subscription)
        return HM_CONTINUE;
    hm_pubsub_refused *refused = subscription->refused;
    void *arg = subscription->arg;
    remove_subscription(subscriber, subscription);
    free(subscription);
    if (refused)
        return refused(subscriber->process, arg, reason);
    if (hm_get_atom(reason, &text))
        hm_log(subscriber->process, HM_LOG_WARN, "pubsub.refused", "a subscription was refused: %.*s", (int)text.size, text.at);
    return HM_CONTINUE;
}

static bool on_message(struct process_waiter *waiter, hm_process *self, hm_term term, enum hm_verdict *verdict) {
    struct subscriber *subscriber = subscriber_at(waiter);
    hm_term elements[4];
    if (hear_again(subscriber, self, term, verdict))
        return true;
    if (hm_tuple_elements(term, 4, elements) && hm_is_atom(elements[0], "$pubsub"))
        *verdict = hear(subscriber, elements[1], elements[2], elements[3]);
    else if (hm_tuple_elements(term, 3, elements) && hm_is_atom(elements[0], "$pubsub_refused"))
        *verdict = refuse(subscriber, elements[1], elements[2]);
    else
        return false;
    return true;
}

static void on_ended(struct process_waiter *waiter, hm_term reason) {
    struct subscriber *subscriber = subscriber_at(waiter);
    struct subscription *first, *next, *one, *same;
    (void)reason;
    HASH_ITER(hh, subscriber->table, first, next) {
        HASH_DEL(subscriber->table, first);
        for (one = first; one; one = same) {
            same = one->same;
            free(one);
        }
    }
    free(subscriber);
}

static void fetch(const struct process_waiter *waiter) {
    const struct subscriber *subscriber = subscriber_at(waiter);
    if (subscriber->topic.near.size == FAR)
        __builtin_prefetch(subscriber->topic.far.topic.bytes);
}

static const struct waiter_class waiter_class = {.message = on_message, .fetch = fetch, .ended = on_ended};

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
    uint64_t hash = hm_term_hash(wanted->topic);
    struct subscription *subscription = find(subscriber, hash, wanted->topic);
    if (subscription) {
        set_handlers(subscriber, subscription, wanted);
        return request(subscriber, subscription);
    }
    subscription = new_subscription(wanted->topic, hash);
    if (!subscription)
        return HM_ENOMEM;
    set_handlers(subscriber, subscription, wanted);
    int error = add(subscriber, subscription) ? HM_OK : HM_ENOMEM;
    if (!error && (error = request(subscriber, subscription)))
        remove_subscription(subscriber, subscription);
    if (error)
        free(subscription);
    return error;
}

int hm_pubsub_unsubscribe(hm_process *self, hm_term topic) {
    struct subscriber *subscriber = subscriber_of(self);
    struct subscription *subscription = subscriber ? find(subscriber, hm_term_hash(topic), topic) : NULL;
    hm_build *build;
    if (!subscription)
        return HM_ENOENT;
    remove_subscription(subscriber, subscription);
    free(subscription);
    build = hm_build_new();
    if (!build)
        return HM_OK; /* what still comes is not heard */
    hm_put_format(build, "{unsubscribe, ~t, ~p}", topic, hm_self(self));
    send_built(self, build);
    return HM_OK;
}

int hm_pubsub_publish(hm_process *self, hm_term topic, hm_term message) {
    hm_build *build;
    if (!has_service(self))
        return HM_ENOPROC;
    build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    /* The caller's pid, so that not_own works; it is not excluded by that. */
    hm_put_format(build, "{publish_as, ~p, ~t, ~t}", hm_self(self), topic, message);
    return send_built(self, build);
}

int hm_pubsub_publish_from(hm_process *self, hm_term topic, hm_term message) {
    hm_build *build;
    if (!has_service(self))
        return HM_ENOPROC;
    build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    hm_put_format(build, "{publish_from, ~p, ~t, ~t}", hm_self(self), topic, message);
    return send_built(self, build);
}
