/*
 * Three kinds of records, each found through an index: topics by (term, form), subscribers by pid, subscriptions by
 * (topic, subscriber). A subscription knows its place in the topic's array, and the
 * last of the array moves into the place of one that ends; so every change is O(1), however large the topic.
 */
#include "services/topics.h"

#include <stdlib.h>
#include <string.h>

#include "services/patterns.h"
#include "services/records.h"

struct key {
    uint32_t size;
    unsigned char bytes[];
};

struct topic {
    struct key *key;
    void *members; /* capacity pids, then the numbers of their subscriptions */
    uint32_t count, capacity;
    uint32_t end; /* of a pattern: where it stands in the trie */
    enum topic_form form;
};

struct subscription {
    uint32_t topic, subscriber;
    uint32_t at;             /* in the topic's members */
    uint32_t next, previous; /* of its subscriber */
    uint32_t options;
};

struct topics {
    struct topics_limits limits;
    const struct topics_events *events;
    void *arg;
    struct records topics, subscribers, subscriptions;
    struct record_index by_term, by_pid, by_pair;
    struct patterns trie;
    uint32_t patterns;
    uint64_t topics_refused, subscriptions_refused;
};

struct topics *topics_new(const struct topics_limits *limits, const struct topics_events *events, void *arg) {
    struct topics *topics = calloc(1, sizeof *topics);
    if (!topics)
        return NULL;
    topics->limits = *limits;
    topics->events = events;
    topics->arg = arg;
    records_init(&topics->topics, sizeof(struct topic));
    records_init(&topics->subscribers, sizeof(struct subscriber));
    records_init(&topics->subscriptions, sizeof(struct subscription));
    patterns_init(&topics->trie);
    return topics;
}

static struct topic *topic_at(const struct topics *topics, uint32_t number) {
    return records_at(&topics->topics, number);
}

static struct subscriber *subscriber_at(const struct topics *topics, uint32_t number) {
    return records_at(&topics->subscribers, number);
}

static struct subscription *subscription_at(const struct topics *topics, uint32_t number) {
    return records_at(&topics->subscriptions, number);
}

void topics_free(struct topics *topics) {
    if (!topics)
        return;
    for (uint32_t i = 0; i < topics->by_term.capacity; i++)
        if (topics->by_term.slots[i].number) {
            struct topic *topic = topic_at(topics, topics->by_term.slots[i].number);
            free(topic->key);
            free(topic->members);
        }
    record_index_fini(&topics->by_term);
    record_index_fini(&topics->by_pid);
    record_index_fini(&topics->by_pair);
    records_fini(&topics->topics);
    records_fini(&topics->subscribers);
    records_fini(&topics->subscriptions);
    patterns_fini(&topics->trie);
    free(topics);
}

/* ---- hashes and keys ---- */

static uint32_t fold(uint64_t hash) {
    hash ^= hash >> 32;
    hash *= 0x9E3779B97F4A7C15u;
    return (uint32_t)(hash >> 32);
}

static uint32_t hash_pid(hm_pid pid) {
    return fold(((uint64_t)(uintptr_t)pid.node << 20) ^ ((uint64_t)pid.serial << 40) ^ pid.id ^
                ((uint64_t)pid.creation << 32));
}

static uint32_t hash_pair(uint32_t topic, uint32_t subscriber) {
    return fold((uint64_t)topic << 32 | subscriber);
}

static struct key *new_key(const void *bytes, size_t size) {
    struct key *key = size > UINT32_MAX ? NULL : malloc(sizeof *key + size);
    if (!key)
        return NULL;
    key->size = (uint32_t)size;
    memcpy(key->bytes, bytes, size);
    return key;
}

static hm_term key_term(const struct topic *topic) {
    return (hm_term){topic->key->bytes, topic->key->size};
}

/* ---- finding ---- */

struct question {
    const struct topics *topics;
    hm_term term;
    enum topic_form form;
    hm_pid pid;
    uint32_t first, second; /* topic and subscriber */
};

static bool is_topic(void *arg, uint32_t number) {
    const struct question *question = arg;
    const struct topic *topic = topic_at(question->topics, number);
    return topic->form == question->form && hm_term_equal(key_term(topic), question->term);
}

static bool is_pid(void *arg, uint32_t number) {
    const struct question *question = arg;
    return hm_pid_equal(subscriber_at(question->topics, number)->pid, question->pid);
}

static bool is_pair(void *arg, uint32_t number) {
    const struct question *question = arg;
    const struct subscription *subscription = subscription_at(question->topics, number);
    return subscription->topic == question->first && subscription->subscriber == question->second;
}

/* Both forms of a topic have one hash, so that a publication hashes once. */
static uint32_t find_topic(const struct topics *topics, uint32_t hash, hm_term term, enum topic_form form) {
    struct question question = {.topics = topics, .term = term, .form = form};
    return record_index_find(&topics->by_term, hash, is_topic, &question);
}

static uint32_t find_subscriber(const struct topics *topics, hm_pid pid) {
    struct question question = {.topics = topics, .pid = pid};
    return record_index_find(&topics->by_pid, hash_pid(pid), is_pid, &question);
}

static uint32_t find_pair(const struct topics *topics, uint32_t topic, uint32_t subscriber) {
    struct question question = {.topics = topics, .first = topic, .second = subscriber};
    return topic && subscriber
               ? record_index_find(&topics->by_pair, hash_pair(topic, subscriber), is_pair, &question)
               : 0;
}

/* ---- topics ---- */

static void remove_topic(struct topics *topics, uint32_t number, uint32_t hash) {
    struct topic *topic = topic_at(topics, number);
    if (topic->end) {
        patterns_at(&topics->trie, topic->end)[topic->form] = 0;
        patterns_trim(&topics->trie, topic->end);
        topics->patterns--;
    }
    record_index_remove(&topics->by_term, hash, number);
    free(topic->key);
    free(topic->members);
    records_remove(&topics->topics, number);
}

static int add_topic(struct topics *topics, hm_term term, uint32_t hash, enum topic_form form,
                     uint32_t *number) {
    struct segments segments;
    int error = 0;
    bool pattern = segments_read(&segments, term) && segments_are_pattern(&segments, &error);
    if (error)
        return error;
    if (topics->topics.live >= topics->limits.topics) {
        topics->topics_refused++;
        return HM_ELIMIT;
    }
    uint32_t made = records_add(&topics->topics);
    if (!made)
        return HM_ENOMEM;
    struct topic *topic = topic_at(topics, made);
    topic->form = form;
    topic->key = new_key(term.bytes, term.size);
    if (!topic->key || (pattern && !(topic->end = patterns_add(&topics->trie, &segments))))
        goto fail;
    if (record_index_put(&topics->by_term, hash, made)) {
        patterns_trim(&topics->trie, topic->end);
        goto fail;
    }
    if (pattern) {
        patterns_at(&topics->trie, topic->end)[form] = made;
        topics->patterns++;
    }
    *number = made;
    return 0;
fail:
    free(topic->key);
    records_remove(&topics->topics, made);
    return HM_ENOMEM;
}

/* ---- members ---- */

static hm_pid *pids_of(const struct topic *topic) {
    return topic->members;
}

static uint32_t *numbers_of(const struct topic *topic) {
    return (uint32_t *)(void *)(pids_of(topic) + topic->capacity);
}

static bool set_capacity(struct topic *topic, uint32_t capacity) {
    void *members = malloc((size_t)capacity * (sizeof(hm_pid) + sizeof(uint32_t)));
    if (!members)
        return false;
    struct topic next = *topic;
    next.members = members;
    next.capacity = capacity;
    if (topic->count) {
        memcpy(pids_of(&next), pids_of(topic), topic->count * sizeof(hm_pid));
        memcpy(numbers_of(&next), numbers_of(topic), topic->count * sizeof(uint32_t));
    }
    free(topic->members);
    *topic = next;
    return true;
}

static bool make_room(struct topic *topic) {
    if (topic->count < topic->capacity)
        return true;
    return set_capacity(topic, topic->capacity < 2 ? topic->capacity + 1 : topic->capacity + topic->capacity / 2);
}

/* The last member moves into the hole. */
static void take_out(struct topics *topics, struct topic *topic, uint32_t at) {
    uint32_t last = --topic->count;
    if (at != last) {
        pids_of(topic)[at] = pids_of(topic)[last];
        numbers_of(topic)[at] = numbers_of(topic)[last];
        subscription_at(topics, numbers_of(topic)[at])->at = at;
    }
    if (topic->capacity > 8 && topic->count < topic->capacity / 4)
        set_capacity(topic, topic->capacity / 2); /* without memory it stays large */
}

/* ---- subscriptions ---- */

static uint32_t count_of(const struct topics *topics, uint32_t hash, hm_term term) {
    uint32_t count = 0;
    for (int form = 0; form < TOPIC_FORMS; form++) {
        uint32_t number = find_topic(topics, hash, term, form);
        count += number ? topic_at(topics, number)->count : 0;
    }
    return count;
}

static void tell_topic(const struct topics *topics, hm_term term, uint32_t hash) {
    if (topics->events->on_topic)
        topics->events->on_topic(topics->arg, term, count_of(topics, hash, term));
}

static void link_to_subscriber(struct topics *topics, struct subscriber *subscriber, uint32_t number) {
    struct subscription *subscription = subscription_at(topics, number);
    subscription->next = subscriber->first;
    if (subscriber->first)
        subscription_at(topics, subscriber->first)->previous = number;
    subscriber->first = number;
    subscriber->count++;
}

static void unlink_from_subscriber(struct topics *topics, struct subscriber *subscriber,
                                   const struct subscription *subscription) {
    if (subscription->previous)
        subscription_at(topics, subscription->previous)->next = subscription->next;
    else
        subscriber->first = subscription->next;
    if (subscription->next)
        subscription_at(topics, subscription->next)->previous = subscription->previous;
    subscriber->count--;
}

static void drop_subscriber(struct topics *topics, uint32_t number) {
    struct subscriber *subscriber = subscriber_at(topics, number);
    record_index_remove(&topics->by_pid, hash_pid(subscriber->pid), number);
    records_remove(&topics->subscribers, number);
}

static void drop_idle_subscriber(struct topics *topics, uint32_t number) {
    struct subscriber *subscriber = subscriber_at(topics, number);
    if (subscriber->count)
        return;
    if (topics->events->on_subscriber)
        topics->events->on_subscriber(topics->arg, subscriber, false);
    drop_subscriber(topics, number);
}

static void remove_subscription(struct topics *topics, uint32_t number, uint32_t hash, bool tell) {
    struct subscription *subscription = subscription_at(topics, number);
    uint32_t topic_number = subscription->topic;
    struct topic *topic = topic_at(topics, topic_number);
    take_out(topics, topic, subscription->at);
    unlink_from_subscriber(topics, subscriber_at(topics, subscription->subscriber), subscription);
    record_index_remove(&topics->by_pair, hash_pair(topic_number, subscription->subscriber), number);
    records_remove(&topics->subscriptions, number);
    if (tell)
        tell_topic(topics, key_term(topic), hash);
    if (!topic->count)
        remove_topic(topics, topic_number, hash);
}

static int add_subscriber(struct topics *topics, hm_pid pid, uint32_t *number) {
    uint32_t made = records_add(&topics->subscribers);
    if (!made)
        return HM_ENOMEM;
    struct subscriber *subscriber = subscriber_at(topics, made);
    subscriber->pid = pid;
    if (record_index_put(&topics->by_pid, hash_pid(pid), made)) {
        records_remove(&topics->subscribers, made);
        return HM_ENOMEM;
    }
    int error = topics->events->on_subscriber
                    ? topics->events->on_subscriber(topics->arg, subscriber, true)
                    : 0;
    if (error) {
        drop_subscriber(topics, made);
        return error;
    }
    *number = made;
    return 0;
}

/* The subscription of these two, who have none yet. */
static int join(struct topics *topics, uint32_t topic_number, uint32_t subscriber_number, uint32_t options) {
    struct topic *topic = topic_at(topics, topic_number);
    struct subscriber *subscriber = subscriber_at(topics, subscriber_number);
    if (topics->subscriptions.live >= topics->limits.subscriptions) {
        topics->subscriptions_refused++;
        return HM_ELIMIT;
    }
    if (!make_room(topic))
        return HM_ENOMEM;
    uint32_t number = records_add(&topics->subscriptions);
    if (!number)
        return HM_ENOMEM;
    if (record_index_put(&topics->by_pair, hash_pair(topic_number, subscriber_number), number)) {
        records_remove(&topics->subscriptions, number);
        return HM_ENOMEM;
    }
    struct subscription *subscription = subscription_at(topics, number);
    *subscription = (struct subscription){
        .topic = topic_number, .subscriber = subscriber_number, .at = topic->count, .options = options};
    pids_of(topic)[topic->count] = subscriber->pid;
    numbers_of(topic)[topic->count++] = number;
    link_to_subscriber(topics, subscriber, number);
    return 0;
}

/* The subscription to the same topic that wants its messages another way. */
static uint32_t find_other_form(const struct topics *topics, uint32_t hash, hm_term term, enum topic_form form,
                                uint32_t subscriber) {
    for (int other = 0; other < TOPIC_FORMS; other++) {
        uint32_t number = other == (int)form ? 0 : find_pair(topics, find_topic(topics, hash, term, other), subscriber);
        if (number)
            return number;
    }
    return 0;
}

int topics_add(struct topics *topics, hm_term term, hm_pid pid, enum topic_form form, uint32_t options) {
    uint32_t hash = fold(hm_term_hash(term));
    uint32_t topic = find_topic(topics, hash, term, form), subscriber = find_subscriber(topics, pid);
    uint32_t number = find_pair(topics, topic, subscriber);
    bool fresh = !topic, unknown = !subscriber;
    int error = 0;
    if (number) {
        subscription_at(topics, number)->options = options;
        return 0;
    }
    if (fresh && (error = add_topic(topics, term, hash, form, &topic)))
        return error;
    if (unknown)
        error = add_subscriber(topics, pid, &subscriber);
    if (!error) {
        /* With the other form it was counted already. */
        uint32_t replaced = find_other_form(topics, hash, term, form, subscriber);
        topics->limits.subscriptions += replaced != 0;
        error = join(topics, topic, subscriber, options);
        topics->limits.subscriptions -= replaced != 0;
        if (!error && replaced)
            remove_subscription(topics, replaced, hash, false);
        else if (!error)
            tell_topic(topics, term, hash);
        if (error && unknown)
            drop_idle_subscriber(topics, subscriber);
    }
    if (error && fresh)
        remove_topic(topics, topic, hash);
    return error;
}

int topics_remove(struct topics *topics, hm_term term, hm_pid pid) {
    uint32_t hash = fold(hm_term_hash(term)), subscriber = find_subscriber(topics, pid);
    for (int form = 0; form < TOPIC_FORMS; form++) {
        uint32_t number = find_pair(topics, find_topic(topics, hash, term, form), subscriber);
        if (!number)
            continue;
        remove_subscription(topics, number, hash, true);
        drop_idle_subscriber(topics, subscriber);
        return 0;
    }
    return HM_ENOENT;
}

uint32_t topics_remove_all(struct topics *topics, hm_pid pid) {
    uint32_t number = find_subscriber(topics, pid), removed = 0;
    if (!number)
        return 0;
    struct subscriber *subscriber = subscriber_at(topics, number);
    for (; subscriber->first; removed++) {
        const struct topic *topic = topic_at(topics, subscription_at(topics, subscriber->first)->topic);
        remove_subscription(topics, subscriber->first, fold(hm_term_hash(key_term(topic))), true);
    }
    drop_idle_subscriber(topics, number);
    return removed;
}

/* ---- matching ---- */

struct matching {
    const struct topics *topics;
    void (*each)(void *arg, const struct topic_match *match);
    void *arg;
};

static void emit(const struct matching *matching, uint32_t number) {
    if (!number)
        return;
    const struct topic *topic = topic_at(matching->topics, number);
    struct topic_match match = {
        .topic = key_term(topic),
        .pattern = topic->end != 0,
        .form = topic->form,
        .pids = pids_of(topic),
        .numbers = numbers_of(topic),
        .count = topic->count,
    };
    matching->each(matching->arg, &match);
}

static void emit_ends(void *arg, const uint32_t numbers[PATTERN_ENDS]) {
    for (int form = 0; form < TOPIC_FORMS; form++)
        emit(arg, numbers[form]);
}

_Static_assert((int)TOPIC_FORMS == (int)PATTERN_ENDS, "each form of a pattern has a place at its end");

void topics_match(struct topics *topics, hm_term term, void (*each)(void *arg, const struct topic_match *match),
                  void *arg) {
    struct matching matching = {topics, each, arg};
    uint32_t hash = fold(hm_term_hash(term));
    struct segments segments;
    for (int form = 0; form < TOPIC_FORMS; form++) {
        uint32_t number = find_topic(topics, hash, term, form);
        /* A message for "a.*" itself is found through the trie, as every other that this pattern matches. */
        if (number && !topic_at(topics, number)->end)
            emit(&matching, number);
    }
    if (topics->patterns && segments_read(&segments, term))
        patterns_match(&topics->trie, &segments, emit_ends, &matching);
}

uint32_t topics_position(struct topics *topics, const struct topic_match *match, hm_pid pid) {
    uint32_t topic = subscription_at(topics, match->numbers[0])->topic;
    uint32_t number = find_pair(topics, topic, find_subscriber(topics, pid));
    return number ? subscription_at(topics, number)->at : match->count;
}

uint32_t topics_options(const struct topics *topics, const struct topic_match *match, uint32_t position) {
    return subscription_at(topics, match->numbers[position])->options;
}

/* ---- asking ---- */

struct subscriber *topics_subscriber(struct topics *topics, hm_pid pid) {
    uint32_t number = find_subscriber(topics, pid);
    return number ? subscriber_at(topics, number) : NULL;
}

uint32_t topics_count(struct topics *topics, hm_term term) {
    return count_of(topics, fold(hm_term_hash(term)), term);
}

void topics_each_pid(struct topics *topics, hm_term term, void (*each)(void *arg, hm_pid pid), void *arg) {
    uint32_t hash = fold(hm_term_hash(term));
    for (int form = 0; form < TOPIC_FORMS; form++) {
        uint32_t number = find_topic(topics, hash, term, form);
        const struct topic *topic = number ? topic_at(topics, number) : NULL;
        for (uint32_t i = 0; topic && i < topic->count; i++)
            each(arg, pids_of(topic)[i]);
    }
}

void topics_each(struct topics *topics, bool (*each)(void *arg, hm_term topic), void *arg) {
    for (uint32_t i = 0; i < topics->by_term.capacity; i++) {
        const struct record_slot *slot = &topics->by_term.slots[i];
        if (!slot->number)
            continue;
        const struct topic *topic = topic_at(topics, slot->number);
        /* Once, when several forms are there. */
        bool again = false;
        for (int form = 0; form < (int)topic->form; form++)
            again |= find_topic(topics, slot->hash, key_term(topic), form) != 0;
        if (!again && !each(arg, key_term(topic)))
            return;
    }
}

void topics_each_of(struct topics *topics, const struct subscriber *subscriber,
                    void (*each)(void *arg, hm_term topic, enum topic_form form), void *arg) {
    for (uint32_t number = subscriber->first; number;) {
        const struct subscription *subscription = subscription_at(topics, number);
        const struct topic *topic = topic_at(topics, subscription->topic);
        number = subscription->next;
        each(arg, key_term(topic), topic->form);
    }
}

void topics_each_subscriber(struct topics *topics, void (*each)(void *arg, struct subscriber *subscriber), void *arg) {
    for (uint32_t i = 0; i < topics->by_pid.capacity; i++)
        if (topics->by_pid.slots[i].number)
            each(arg, subscriber_at(topics, topics->by_pid.slots[i].number));
}

void topics_counts(const struct topics *topics, struct topics_size *size) {
    *size = (struct topics_size){
        .topics = topics->topics.live - topics->patterns,
        .patterns = topics->patterns,
        .subscriptions = topics->subscriptions.live,
        .subscribers = topics->subscribers.live,
        .topics_refused = topics->topics_refused,
        .subscriptions_refused = topics->subscriptions_refused,
    };
}

void topics_size(const struct topics *topics, struct topics_size *size) {
    size_t members = 0;
    for (uint32_t i = 0; i < topics->by_term.capacity; i++)
        if (topics->by_term.slots[i].number)
            members += topic_at(topics, topics->by_term.slots[i].number)->capacity *
                       (sizeof(hm_pid) + sizeof(uint32_t));
    topics_counts(topics, size);
    size->bytes = sizeof *topics + members + records_bytes(&topics->topics) +
                  records_bytes(&topics->subscribers) + records_bytes(&topics->subscriptions) +
                  patterns_bytes(&topics->trie) + record_index_bytes(&topics->by_term) +
                  record_index_bytes(&topics->by_pid) + record_index_bytes(&topics->by_pair);
}
