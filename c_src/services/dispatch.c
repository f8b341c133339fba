#include "services/dispatch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

enum {
    DRAIN_MS = 10,
    MISSED_TOPICS = 256, /* told of one subscriber; of further ones only the counter knows */
};

/* A node with subscribers. */
struct place {
    UT_hash_handle hh;
    const hm_node_name *node;
    uint32_t subscribers;
    bool told; /* the log line of its slowness is written */
    bool lost; /* the table had no memory for it */
};

struct waiting {
    STAILQ_ENTRY(waiting) link;
    size_t topic_size, size;
    unsigned char bytes[]; /* the topic, then the message */
};

/* How much of a topic a slow subscriber has missed. */
struct missed {
    STAILQ_ENTRY(missed) link;
    uint64_t count;
    size_t size;
    unsigned char topic[];
};

struct backlog;

/* One subscriber (subscriber->data). */
struct follower {
    hm_pid pid;
    hm_ref monitor;
    struct place *place;
    struct backlog *backlog; /* NULL: it is not slow */
    uint64_t got;            /* the last publication, where each gets one only once */
};

/* What waits for a slow one. */
struct backlog {
    TAILQ_ENTRY(backlog) link;
    struct follower *follower;
    uint32_t kept, missed_topics;
    size_t kept_bytes;
    STAILQ_HEAD(, waiting) waiting;
    STAILQ_HEAD(, missed) missed;
};

struct dispatch {
    hm_process *self;
    struct topics *topics;
    struct topics_events events;
    struct dispatch_limits limits;
    struct dispatch_counters counters;
    const struct dispatch_events *above;
    void *arg;
    struct place *places; /* by node */
    TAILQ_HEAD(, backlog) slow;
    size_t memory; /* of all that waits and was missed */
    hm_build *changed, *routed, *drain; /* a tagged or wrapped message, a routed one; the message of the timer */
    hm_ref own;
    bool timer;
};

/* ---- subscribers ---- */

static struct place *hold_place(struct dispatch *dispatch, const hm_node_name *node) {
    struct place *place;
    HASH_FIND_PTR(dispatch->places, &node, place);
    if (!place) {
        place = calloc(1, sizeof *place);
        if (!place)
            return NULL;
        place->node = node;
        HASH_ADD_PTR(dispatch->places, node, place);
        if (place->lost) {
            free(place);
            return NULL;
        }
    }
    place->subscribers++;
    return place;
}

static void release_place(struct dispatch *dispatch, struct place *place) {
    if (--place->subscribers)
        return;
    HASH_DEL(dispatch->places, place);
    free(place);
}

static size_t memory_of_missed(size_t topic_size) {
    return sizeof(struct missed) + topic_size;
}

static size_t memory_of_waiting(size_t size) {
    return sizeof(struct waiting) + size;
}

static void forget_missed(struct dispatch *dispatch, struct backlog *backlog) {
    struct missed *missed = STAILQ_FIRST(&backlog->missed);
    STAILQ_REMOVE_HEAD(&backlog->missed, link);
    backlog->missed_topics--;
    dispatch->memory -= memory_of_missed(missed->size);
    free(missed);
}

/* The caller frees it. */
static struct waiting *take_oldest(struct dispatch *dispatch, struct backlog *backlog) {
    struct waiting *waiting = STAILQ_FIRST(&backlog->waiting);
    size_t size = waiting->topic_size + waiting->size;
    STAILQ_REMOVE_HEAD(&backlog->waiting, link);
    backlog->kept--;
    backlog->kept_bytes -= size;
    dispatch->memory -= memory_of_waiting(size);
    return waiting;
}

static struct backlog *backlog_of(struct dispatch *dispatch, struct follower *follower) {
    struct backlog *backlog = follower->backlog;
    if (backlog || !(backlog = calloc(1, sizeof *backlog)))
        return backlog;
    backlog->follower = follower;
    STAILQ_INIT(&backlog->waiting);
    STAILQ_INIT(&backlog->missed);
    TAILQ_INSERT_TAIL(&dispatch->slow, backlog, link);
    follower->backlog = backlog;
    return backlog;
}

static void drop_backlog(struct dispatch *dispatch, struct follower *follower) {
    struct backlog *backlog = follower->backlog;
    if (!backlog)
        return;
    while (!STAILQ_EMPTY(&backlog->waiting))
        free(take_oldest(dispatch, backlog));
    while (!STAILQ_EMPTY(&backlog->missed))
        forget_missed(dispatch, backlog);
    TAILQ_REMOVE(&dispatch->slow, backlog, link);
    free(backlog);
    follower->backlog = NULL;
}

static void free_follower(struct dispatch *dispatch, struct follower *follower) {
    drop_backlog(dispatch, follower);
    release_place(dispatch, follower->place);
    free(follower);
}

static int on_subscriber(void *arg, struct subscriber *subscriber, bool here) {
    struct dispatch *dispatch = arg;
    struct follower *follower = subscriber->data;
    if (!here) {
        hm_demonitor(dispatch->self, &follower->monitor);
        free_follower(dispatch, follower);
        return 0;
    }
    follower = calloc(1, sizeof *follower);
    if (!follower)
        return HM_ENOMEM;
    follower->pid = subscriber->pid;
    follower->place = hold_place(dispatch, subscriber->pid.node);
    int error = follower->place ? hm_monitor(dispatch->self, hm_to_pid(subscriber->pid), &follower->monitor)
                                : HM_ENOMEM;
    if (error) {
        if (follower->place)
            release_place(dispatch, follower->place);
        free(follower);
        return error;
    }
    subscriber->data = follower;
    return 0;
}

static void on_topic(void *arg, hm_term topic, uint32_t count) {
    const struct dispatch *dispatch = arg;
    dispatch->above->on_topic(dispatch->arg, topic, count);
}

struct dispatch *dispatch_new(hm_process *self, const struct dispatch_limits *limits,
                              const struct dispatch_events *events, void *arg) {
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (!dispatch)
        return NULL;
    dispatch->self = self;
    dispatch->limits = *limits;
    dispatch->above = events;
    dispatch->arg = arg;
    dispatch->own = hm_make_ref(hm_node_of(self));
    TAILQ_INIT(&dispatch->slow);
    dispatch->events = (struct topics_events){on_subscriber, events->on_topic ? on_topic : NULL};
    dispatch->topics = topics_new(&limits->topics, &dispatch->events, dispatch);
    dispatch->changed = hm_build_new();
    dispatch->routed = hm_build_new();
    dispatch->drain = hm_build_new();
    if (dispatch->drain)
        hm_put_format(dispatch->drain, "{~r, drain}", &dispatch->own);
    if (!dispatch->topics || !dispatch->changed || !dispatch->routed || !dispatch->drain || hm_build_error(dispatch->drain)) {
        dispatch_free(dispatch);
        return NULL;
    }
    return dispatch;
}

static void free_subscriber(void *arg, struct subscriber *subscriber) {
    free_follower(arg, subscriber->data);
}

void dispatch_free(struct dispatch *dispatch) {
    if (!dispatch)
        return;
    if (dispatch->topics)
        topics_each_subscriber(dispatch->topics, free_subscriber, dispatch);
    topics_free(dispatch->topics);
    hm_build_free(dispatch->changed);
    hm_build_free(dispatch->routed);
    hm_build_free(dispatch->drain);
    free(dispatch);
}

int dispatch_subscribe(struct dispatch *dispatch, hm_term topic, hm_pid pid, enum topic_form form, uint32_t options) {
    return topics_add(dispatch->topics, topic, pid, form, options);
}

int dispatch_unsubscribe(struct dispatch *dispatch, hm_term topic, hm_pid pid) {
    return topics_remove(dispatch->topics, topic, pid);
}

/* ---- the slow ones ---- */

static void start_timer(struct dispatch *dispatch) {
    if (!dispatch->timer)
        dispatch->timer = hm_send_after(dispatch->self, DRAIN_MS, hm_build_term(dispatch->drain), NULL) == 0;
}

static bool has_room(const struct dispatch *dispatch, size_t memory) {
    return dispatch->memory + memory <= dispatch->limits.kept_memory;
}

static void count_missed(struct dispatch *dispatch, struct backlog *backlog, hm_term topic) {
    struct missed *missed;
    bool room;
    dispatch->counters.dropped++;
    if (!backlog)
        return; /* no memory: the counter has it */
    STAILQ_FOREACH (missed, &backlog->missed, link)
        if (missed->size == topic.size && memcmp(missed->topic, topic.bytes, topic.size) == 0) {
            missed->count++;
            return;
        }
    room = backlog->missed_topics < MISSED_TOPICS && has_room(dispatch, memory_of_missed(topic.size));
    missed = room ? malloc(memory_of_missed(topic.size)) : NULL;
    if (!missed)
        return;
    backlog->missed_topics++;
    dispatch->memory += memory_of_missed(topic.size);
    missed->count = 1;
    missed->size = topic.size;
    memcpy(missed->topic, topic.bytes, topic.size);
    STAILQ_INSERT_TAIL(&backlog->missed, missed, link);
}

static void drop_oldest(struct dispatch *dispatch, struct backlog *backlog) {
    struct waiting *oldest = take_oldest(dispatch, backlog);
    count_missed(dispatch, backlog, (hm_term){oldest->bytes, oldest->topic_size});
    free(oldest);
}

/* Its own oldest go for it; where those of others fill the memory of all, it is dropped itself. */
static bool make_room(struct dispatch *dispatch, struct backlog *backlog, size_t size) {
    const struct dispatch_limits *limits = &dispatch->limits;
    if (size > limits->kept_bytes)
        return false;
    while (backlog->kept > 0 && (backlog->kept >= limits->kept || backlog->kept_bytes + size > limits->kept_bytes ||
                                 !has_room(dispatch, memory_of_waiting(size))))
        drop_oldest(dispatch, backlog);
    return has_room(dispatch, memory_of_waiting(size));
}

static void keep(struct dispatch *dispatch, struct backlog *backlog, hm_term topic, hm_term message) {
    size_t size = topic.size + message.size;
    struct waiting *waiting = backlog && make_room(dispatch, backlog, size) ? malloc(memory_of_waiting(size)) : NULL;
    if (!waiting) {
        count_missed(dispatch, backlog, topic);
        return;
    }
    waiting->topic_size = topic.size;
    waiting->size = message.size;
    memcpy(waiting->bytes, topic.bytes, topic.size);
    memcpy(waiting->bytes + topic.size, message.bytes, message.size);
    STAILQ_INSERT_TAIL(&backlog->waiting, waiting, link);
    backlog->kept++;
    backlog->kept_bytes += size;
    dispatch->memory += memory_of_waiting(size);
    dispatch->counters.kept++;
}

static bool is_busy(const struct dispatch *dispatch, const struct place *place) {
    return hm_is_busy(hm_node_of(dispatch->self), place->node);
}

/* As much of what waits as its node takes; the backlog ends when that is all. */
static void drain_follower(struct dispatch *dispatch, struct follower *follower) {
    struct backlog *backlog = follower->backlog;
    struct waiting *waiting;
    struct missed *missed;
    hm_address to = hm_to_pid(follower->pid);
    while ((missed = STAILQ_FIRST(&backlog->missed))) {
        if (is_busy(dispatch, follower->place) ||
            hm_sendf(dispatch->self, to, "{pubsub_dropped, ~t, ~u}", (hm_term){missed->topic, missed->size}, missed->count))
            return;
        forget_missed(dispatch, backlog);
    }
    while ((waiting = STAILQ_FIRST(&backlog->waiting))) {
        if (is_busy(dispatch, follower->place) ||
            hm_send(dispatch->self, to, (hm_term){waiting->bytes + waiting->topic_size, waiting->size}))
            return;
        free(take_oldest(dispatch, backlog));
    }
    drop_backlog(dispatch, follower);
}

static void drain(struct dispatch *dispatch) {
    struct backlog *backlog, *next;
    struct place *place;
    dispatch->timer = false;
    for (backlog = TAILQ_FIRST(&dispatch->slow); backlog; backlog = next) {
        next = TAILQ_NEXT(backlog, link);
        drain_follower(dispatch, backlog->follower);
    }
    if (!TAILQ_EMPTY(&dispatch->slow)) {
        start_timer(dispatch);
        return;
    }
    for (place = dispatch->places; place; place = place->hh.next)
        place->told = false;
}

static void disconnect(struct dispatch *dispatch, struct place *place) {
    dispatch->counters.disconnected++;
    hm_log(dispatch->self, HM_LOG_WARN, "pubsub.disconnect",
           "node=%s does not read, and a subscriber there asked to be disconnected then",
           hm_node_name_text(place->node));
    hm_disconnect(hm_node_of(dispatch->self), place->node);
}

static void report_lost(struct dispatch *dispatch, uint32_t count) {
    dispatch->counters.dropped += count;
    hm_log(dispatch->self, HM_LOG_WARN, "pubsub.memory", "no memory to send a message: %u subscribers or more do not get it", count);
}

/* To one subscriber while its node, or another one, is slow. */
static void send_slowly(struct dispatch *dispatch, struct follower *follower, uint32_t options, hm_term topic,
                        hm_term message) {
    if (follower->backlog)
        drain_follower(dispatch, follower);
    if (!follower->backlog && !is_busy(dispatch, follower->place)) {
        if (hm_send(dispatch->self, hm_to_pid(follower->pid), message))
            report_lost(dispatch, 1);
        return;
    }
    if (!follower->place->told) {
        follower->place->told = true;
        hm_log(dispatch->self, HM_LOG_WARN, "pubsub.slow", "node=%s does not read fast enough: subscribers there miss messages",
               hm_node_name_text(follower->place->node));
    }
    switch (options & DISPATCH_POLICY) {
    case DISPATCH_DISCONNECT:
        disconnect(dispatch, follower->place);
        return;
    case DISPATCH_DROP_OLDEST:
        keep(dispatch, backlog_of(dispatch, follower), topic, message);
        break;
    default:
        count_missed(dispatch, backlog_of(dispatch, follower), topic);
    }
    start_timer(dispatch);
}

/* ---- publishing ---- */

struct publication {
    struct dispatch *dispatch;
    hm_term topic, message, changed;
    hm_pid publisher;
    bool exclude, slow;
    uint32_t count;
};

/* Whether a subscriber of these may be slow. */
static bool any_slow(struct dispatch *dispatch) {
    struct place *place;
    if (!TAILQ_EMPTY(&dispatch->slow)) {
        start_timer(dispatch); /* for which there may have been no memory */
        return true;
    }
    for (place = dispatch->places; place; place = place->hh.next)
        if (is_busy(dispatch, place))
            return true;
    return false;
}

/* {Topic, Message} with the topic that was published, also for those who gave a pattern; or what the owner makes of
 * it. */
static hm_term changed_message(struct publication *publication) {
    const struct dispatch *dispatch = publication->dispatch;
    hm_build *build = dispatch->changed;
    if (publication->changed.size)
        return publication->changed;
    hm_build_reset(build);
    if (dispatch->limits.once)
        dispatch->above->wrap(dispatch->arg, build, publication->topic, publication->message, publication->publisher,
                              publication->exclude);
    else
        hm_put_format(build, "{~t, ~t}", publication->topic, publication->message);
    publication->changed = hm_build_error(build) ? (hm_term){0} : hm_build_term(build);
    return publication->changed;
}

/* Routed ones differ from one given topic to the next. */
static hm_term message_for(struct publication *publication, const struct topic_match *match) {
    hm_build *build = publication->dispatch->routed;
    switch (match->form) {
    case TOPIC_PLAIN:
        return publication->message;
    case TOPIC_TAGGED:
        return changed_message(publication);
    case TOPIC_ROUTED:
        hm_build_reset(build);
        hm_put_format(build, "{'$pubsub', ~t, ~t, ~t}", match->topic, publication->topic, publication->message);
        return hm_build_error(build) ? (hm_term){0} : hm_build_term(build);
    }
    return publication->message;
}

static bool is_slow(struct dispatch *dispatch, struct follower *follower) {
    if (follower->backlog)
        drain_follower(dispatch, follower);
    return follower->backlog || is_busy(dispatch, follower->place);
}

/* Somebody is slow, and may be one of these. The others get it as always: all of them one message, and nobody a copy. */
static void send_beside_slow(struct publication *publication, const struct topic_match *match, uint32_t skip, hm_term message) {
    struct dispatch *dispatch = publication->dispatch;
    hm_pid *quick = malloc(match->count * sizeof *quick);
    uint32_t count = 0;
    for (uint32_t i = 0; i < match->count; i++) {
        if (i == skip)
            continue;
        struct follower *follower = topics_subscriber(dispatch->topics, match->pids[i])->data;
        if (quick && !is_slow(dispatch, follower))
            quick[count++] = follower->pid;
        else
            send_slowly(dispatch, follower, topics_options(dispatch->topics, match, i), publication->topic, message);
    }
    if (count && hm_send_many(dispatch->self, quick, count, message))
        report_lost(dispatch, 1);
    free(quick);
}

/* Few subscribers that stand for many: other nodes. */
static void send_once(struct publication *publication, const struct topic_match *match) {
    struct dispatch *dispatch = publication->dispatch;
    hm_term message = changed_message(publication);
    hm_pid *quick = message.size ? malloc(match->count * sizeof *quick) : NULL;
    uint32_t count = 0;
    if (!quick) {
        report_lost(dispatch, match->count);
        return;
    }
    for (uint32_t i = 0; i < match->count; i++) {
        struct follower *follower = topics_subscriber(dispatch->topics, match->pids[i])->data;
        uint32_t options = topics_options(dispatch->topics, match, i);
        publication->count += options >> DISPATCH_WEIGHT_SHIFT;
        if (follower->got == dispatch->counters.published)
            continue;
        follower->got = dispatch->counters.published;
        if (publication->slow && is_slow(dispatch, follower))
            send_slowly(dispatch, follower, options, publication->topic, message);
        else
            quick[count++] = follower->pid;
    }
    if (count && hm_send_many(dispatch->self, quick, count, message))
        report_lost(dispatch, 1);
    free(quick);
}

static void on_match(void *arg, const struct topic_match *match) {
    struct publication *publication = arg;
    struct dispatch *dispatch = publication->dispatch;
    if (dispatch->limits.once) {
        send_once(publication, match);
        return;
    }
    hm_term message = message_for(publication, match);
    uint32_t skip = match->count;
    if (!message.size) {
        report_lost(dispatch, match->count);
        return;
    }
    if (publication->publisher.node) {
        uint32_t own = topics_position(dispatch->topics, match, publication->publisher);
        if (own < match->count &&
            (publication->exclude || topics_options(dispatch->topics, match, own) & DISPATCH_NOT_OWN))
            skip = own;
    }
    publication->count += match->count - (skip < match->count);
    if (publication->slow) {
        send_beside_slow(publication, match, skip, message);
        return;
    }
    int error = hm_send_many(dispatch->self, match->pids, skip, message);
    if (skip + 1 < match->count && hm_send_many(dispatch->self, match->pids + skip + 1, match->count - skip - 1, message))
        error = HM_ENOMEM;
    if (error)
        report_lost(dispatch, 1);
}

uint32_t dispatch_publish(struct dispatch *dispatch, hm_term topic, hm_term message, hm_pid publisher, bool exclude) {
    struct publication publication = {
        .dispatch = dispatch,
        .topic = topic,
        .message = message,
        .publisher = publisher,
        .exclude = exclude,
        .slow = any_slow(dispatch),
    };
    dispatch->counters.published++;
    topics_match(dispatch->topics, topic, on_match, &publication);
    dispatch->counters.delivered += publication.count;
    return publication.count;
}

static void on_told(void *arg, const struct topic_match *match) {
    const struct publication *publication = arg;
    hm_send_many(publication->dispatch->self, match->pids, match->count, publication->message);
}

void dispatch_tell(struct dispatch *dispatch, hm_term topic, hm_term message) {
    struct publication publication = {.dispatch = dispatch, .message = message};
    topics_match(dispatch->topics, topic, on_told, &publication);
}

/* ---- messages ---- */

bool dispatch_info(struct dispatch *dispatch, hm_term message) {
    hm_node *node = hm_node_of(dispatch->self);
    hm_term ref_term, pid_term;
    hm_ref ref;
    hm_pid pid;
    if (hm_match(message, "{'DOWN', ~t, process, ~t, _}", &ref_term, &pid_term)) {
        if (!hm_get_pid(node, pid_term, &pid) || !hm_get_ref(node, ref_term, &ref))
            return false;
        const struct subscriber *subscriber = topics_subscriber(dispatch->topics, pid);
        if (!subscriber || !hm_ref_equal(&((struct follower *)subscriber->data)->monitor, &ref))
            return false;
        topics_remove_all(dispatch->topics, pid);
        return true;
    }
    if (hm_match(message, "{~t, drain}", &ref_term) && hm_get_ref(node, ref_term, &ref) &&
        hm_ref_equal(&ref, &dispatch->own)) {
        drain(dispatch);
        return true;
    }
    return false;
}

struct topics *dispatch_topics(const struct dispatch *dispatch) {
    return dispatch->topics;
}

const struct dispatch_counters *dispatch_counters(const struct dispatch *dispatch) {
    return &dispatch->counters;
}
