/*
 * The topic service, registered as pubsub.
 *
 *     call {subscribe, Topic}               ok: the caller gets what is published for Topic, as it is
 *          {subscribe, Topic, Pid}          another process, on whatever node
 *          {subscribe, Topic[, Pid], #{}}   with options:
 *              tagged => true               as {Topic, Message}
 *              self => false                not what it publishes itself
 *              policy => drop_newest | drop_oldest | disconnect     when its node does not read fast enough
 *          {unsubscribe, Topic[, Pid]}      ok, {error, not_subscribed}
 *          {publish, Topic, Message}        to how many it was sent, on all nodes
 *          {publish_from, Pid, Topic, Message}    the same, but not to Pid
 *          topics                           [Topic]: what processes are subscribed to through this node
 *          {glance, Max}                    {Count, [{Topic, Subscribers}]}: the same, Max of them at most, and how many there are
 *          {subscribers, Topic}             [Pid], of this node's service
 *          {subscriber_count, Topic}        on all nodes
 *     cast publish, publish_from, and (un)subscribe with a Pid: the same without an answer
 *          {publish_as, Pid, Topic, Message}     published by Pid
 *          and for hm_pubsub_subscribe the option routed => true (topics.h), whose refusal is a message {'$pubsub_refused', Topic, Reason}
 *
 * What cannot be done is {error, Reason}: limit, topic_too_large, invalid_pattern, invalid_option, not_a_pid, no_memory.
 *
 * A topic is any term. Binary ones may be patterns (topics.h). Who is subscribed twice to what matches, say to "a.b" and to "a.*", hears it
 * twice; once again to the same topic changes only the options. Messages of one publisher keep their order. A process that ends
 * has left, and so has one whose node goes.
 *
 * Several nodes with this service are one: pubsub_peers.h. Publishers and subscribers of another design: bus.h.
 */
#include "services/pubsub_peers.h"

#include <stdlib.h>
#include <string.h>

#include "services/bus.h"
#include "services/dispatch_metrics.h"
#include "services/services.h"

struct pubsub {
    hm_process *self;
    struct dispatch *dispatch;
    struct pubsub_peers *peers;
    const struct bus *buses;
    size_t bus_count;
    size_t max_topic;
    uint64_t too_large, to_buses; /* topics over max_topic; messages to other coordinators */
    struct dispatch_metrics metrics;
    hm_metrics *own_metrics;
};

/* ---- requests ---- */

/* What a request is about; a part that it does not name is empty or nobody. */
struct order {
    hm_term topic, message;
    hm_pid pid;
    enum topic_form form;
    uint32_t options;
    bool exclude;
};

static const char *reason_of(int error) {
    switch (error) {
    case HM_ELIMIT:
        return "limit";
    case HM_EINVAL:
        return "invalid_pattern";
    case HM_ENOENT:
        return "not_subscribed";
    default:
        return "no_memory";
    }
}

static bool read_policy(hm_term value, uint32_t *options) {
    static const struct {
        const char *name;
        uint32_t option;
    } policies[] = {{"drop_newest", DISPATCH_DROP_NEWEST},
                    {"drop_oldest", DISPATCH_DROP_OLDEST},
                    {"disconnect", DISPATCH_DISCONNECT}};
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (hm_is_atom(value, policies[i].name)) {
            *options |= policies[i].option;
            return true;
        }
    return false;
}

static bool read_options(hm_term term, struct order *order) {
    struct hm_map map;
    hm_term key, value;
    bool on;
    if (!hm_map_begin(term, &map))
        return false;
    while (hm_map_next(&map, &key, &value)) {
        if (hm_is_atom(key, "policy")) {
            if (!read_policy(value, &order->options))
                return false;
        } else if (!hm_get_bool(value, &on)) {
            return false;
        } else if (hm_is_atom(key, "tagged")) {
            order->form = on ? TOPIC_TAGGED : TOPIC_PLAIN;
        } else if (hm_is_atom(key, "routed")) {
            order->form = on ? TOPIC_ROUTED : TOPIC_PLAIN;
        } else if (hm_is_atom(key, "self")) {
            order->options |= on ? 0 : DISPATCH_NOT_OWN;
        } else {
            return false;
        }
    }
    return true;
}

/* NULL, or why it is refused. */
static const char *check_topic(struct pubsub *pubsub, hm_term topic) {
    if (topic.size <= pubsub->max_topic)
        return NULL;
    pubsub->too_large++;
    return "topic_too_large";
}

static const char *read_pid(const struct pubsub *pubsub, hm_term term, hm_pid *pid) {
    return hm_get_pid(hm_node_of(pubsub->self), term, pid) ? NULL : "not_a_pid";
}

/* false: no such request. *refusal: it is one, with an argument that makes no sense. */
static bool read_subscribe(const struct pubsub *pubsub, hm_term request, hm_pid caller, struct order *order,
                           const char **refusal) {
    hm_term third, options;
    *order = (struct order){.pid = caller};
    *refusal = NULL;
    if (hm_match(request, "{subscribe, ~t}", &order->topic))
        return true;
    if (hm_match(request, "{subscribe, ~t, ~t, ~t}", &order->topic, &third, &options)) {
        *refusal = read_pid(pubsub, third, &order->pid);
    } else if (hm_match(request, "{subscribe, ~t, ~t}", &order->topic, &third)) {
        options = third;
        if (hm_term_type(third) == HM_TYPE_PID) {
            *refusal = read_pid(pubsub, third, &order->pid);
            return true;
        }
    } else {
        return false;
    }
    if (!*refusal && !read_options(options, order))
        *refusal = "invalid_option";
    return true;
}

static bool read_unsubscribe(const struct pubsub *pubsub, hm_term request, hm_pid caller, struct order *order,
                             const char **refusal) {
    hm_term pid;
    *order = (struct order){.pid = caller};
    *refusal = NULL;
    if (hm_match(request, "{unsubscribe, ~t}", &order->topic))
        return true;
    if (!hm_match(request, "{unsubscribe, ~t, ~t}", &order->topic, &pid))
        return false;
    *refusal = read_pid(pubsub, pid, &order->pid);
    return true;
}

static bool read_publish(const struct pubsub *pubsub, hm_term request, hm_pid caller, struct order *order,
                         const char **refusal) {
    hm_term pid;
    *order = (struct order){.pid = caller};
    *refusal = NULL;
    if (hm_match(request, "{publish, ~t, ~t}", &order->topic, &order->message))
        return true;
    if (hm_match(request, "{publish_from, ~t, ~t, ~t}", &pid, &order->topic, &order->message))
        order->exclude = true;
    else if (!hm_match(request, "{publish_as, ~t, ~t, ~t}", &pid, &order->topic, &order->message))
        return false;
    *refusal = read_pid(pubsub, pid, &order->pid);
    return true;
}

/* ---- what they do ---- */

static const char *subscribe(struct pubsub *pubsub, const struct order *order) {
    const char *refusal = check_topic(pubsub, order->topic);
    if (refusal)
        return refusal;
    if (!order->pid.node)
        return "not_a_pid"; /* a cast without one */
    int error = dispatch_subscribe(pubsub->dispatch, order->topic, order->pid, order->form, order->options);
    return error ? reason_of(error) : NULL;
}

static const char *unsubscribe(struct pubsub *pubsub, const struct order *order) {
    int error = dispatch_unsubscribe(pubsub->dispatch, order->topic, order->pid);
    return error ? reason_of(error) : NULL;
}

static bool is_peer(void *arg, const hm_node_name *node) {
    return pubsub_peers_has(arg, node);
}

static const char *publish(struct pubsub *pubsub, const struct order *order, uint64_t *count) {
    const char *refusal = check_topic(pubsub, order->topic);
    if (refusal)
        return refusal;
    *count = dispatch_publish(pubsub->dispatch, order->topic, order->message, order->pid, order->exclude);
    *count += pubsub_peers_publish(pubsub->peers, order->topic, order->message, order->pid, order->exclude);
    for (size_t i = 0; i < pubsub->bus_count; i++)
        pubsub->to_buses += bus_publish(&pubsub->buses[i], pubsub->self, order->topic, order->message, is_peer, pubsub->peers);
    return NULL;
}

/* ---- answers ---- */

static enum hm_verdict answer(hm_process *self, const hm_from *from, const char *refusal) {
    return refusal ? hm_reply(self, from, "{error, ~a}", refusal) : hm_reply(self, from, "ok");
}

struct listing {
    hm_build *build;
    uint32_t count;
};

static bool list_topic(void *arg, hm_term topic) {
    struct listing *listing = arg;
    hm_put_term(listing->build, topic);
    listing->count++;
    return true;
}

static void list_pid(void *arg, hm_pid pid) {
    struct listing *listing = arg;
    hm_put_pid(listing->build, pid);
    listing->count++;
}

/* topic: whose subscribers; empty: the topics. */
static enum hm_verdict answer_list(hm_process *self, const hm_from *from, hm_term topic) {
    struct pubsub *pubsub = hm_data(self);
    struct topics *topics = dispatch_topics(pubsub->dispatch);
    struct listing listing = {.build = hm_build_new()};
    if (!listing.build)
        return answer(self, from, "no_memory");
    size_t begin = hm_put_list_begin(listing.build);
    if (topic.size)
        topics_each_pid(topics, topic, list_pid, &listing);
    else
        topics_each(topics, list_topic, &listing);
    hm_put_list_end(listing.build, begin, listing.count);
    if (hm_build_error(listing.build))
        answer(self, from, "no_memory");
    else
        hm_reply_term(self, from, hm_build_term(listing.build));
    hm_build_free(listing.build);
    return HM_CONTINUE;
}

struct glance {
    struct topics *topics;
    hm_build *build;
    uint64_t most;
    uint32_t count;
};

static bool glance_at(void *arg, hm_term topic) {
    struct glance *glance = arg;
    if (glance->count >= glance->most)
        return false;
    hm_put_format(glance->build, "{~t, ~u}", topic, (uint64_t)topics_count(glance->topics, topic));
    glance->count++;
    return true;
}

static enum hm_verdict answer_glance(hm_process *self, const hm_from *from, uint64_t most) {
    struct pubsub *pubsub = hm_data(self);
    struct glance glance = {.topics = dispatch_topics(pubsub->dispatch), .build = hm_build_new(), .most = most};
    struct topics_size size;
    if (!glance.build)
        return answer(self, from, "no_memory");
    topics_size(glance.topics, &size);
    hm_put_tuple(glance.build, 2);
    hm_put_uint64(glance.build, (uint64_t)size.topics + size.patterns);
    size_t begin = hm_put_list_begin(glance.build);
    topics_each(glance.topics, glance_at, &glance);
    hm_put_list_end(glance.build, begin, glance.count);
    if (hm_build_error(glance.build))
        answer(self, from, "no_memory");
    else
        hm_reply_term(self, from, hm_build_term(glance.build));
    hm_build_free(glance.build);
    return HM_CONTINUE;
}

/* ---- the server ---- */

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct pubsub *pubsub = hm_data(self);
    struct order order;
    const char *refusal;
    uint64_t count;
    if (read_publish(pubsub, request, hm_from_pid(from), &order, &refusal)) {
        if (!refusal)
            refusal = publish(pubsub, &order, &count);
        return refusal ? answer(self, from, refusal) : hm_reply(self, from, "~u", count);
    }
    if (read_subscribe(pubsub, request, hm_from_pid(from), &order, &refusal))
        return answer(self, from, refusal ? refusal : subscribe(pubsub, &order));
    if (read_unsubscribe(pubsub, request, hm_from_pid(from), &order, &refusal))
        return answer(self, from, refusal ? refusal : unsubscribe(pubsub, &order));
    if (hm_match(request, "{subscriber_count, ~t}", &order.topic)) {
        count = topics_count(dispatch_topics(pubsub->dispatch), order.topic);
        return hm_reply(self, from, "~u", count + pubsub_peers_count(pubsub->peers, order.topic));
    }
    if (hm_match(request, "{subscribers, ~t}", &order.topic))
        return answer_list(self, from, order.topic);
    if (hm_is_atom(request, "topics"))
        return answer_list(self, from, (hm_term){0});
    if (hm_match(request, "{glance, ~u}", &count))
        return answer_glance(self, from, count);
    return HM_UNKNOWN;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct pubsub *pubsub = hm_data(self);
    struct order order;
    const char *refusal;
    uint64_t count;
    if (read_publish(pubsub, message, HM_NO_PID, &order, &refusal)) {
        if (!refusal)
            refusal = publish(pubsub, &order, &count);
    } else if (read_subscribe(pubsub, message, HM_NO_PID, &order, &refusal)) {
        if (!refusal)
            refusal = subscribe(pubsub, &order);
        if (refusal && order.form == TOPIC_ROUTED && order.pid.node) {
            hm_sendf(self, hm_to_pid(order.pid), "{'$pubsub_refused', ~t, ~a}", order.topic, refusal);
            return HM_CONTINUE;
        }
    } else if (read_unsubscribe(pubsub, message, HM_NO_PID, &order, &refusal)) {
        if (!refusal)
            refusal = unsubscribe(pubsub, &order);
    } else {
        return HM_UNKNOWN;
    }
    if (refusal)
        hm_log(self, HM_LOG_WARN, "pubsub.refused", "a cast was refused: %s", refusal);
    return HM_CONTINUE;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct pubsub *pubsub = hm_data(self);
    hm_term topic, payload;
    if (hm_match(message, "{'$pubsub', bus, ~t, ~t}", &topic, &payload)) {
        dispatch_publish(pubsub->dispatch, topic, payload, HM_NO_PID, false);
        return HM_CONTINUE;
    }
    return dispatch_info(pubsub->dispatch, message) || pubsub_peers_info(pubsub->peers, message) ? HM_CONTINUE
                                                                                                  : HM_UNKNOWN;
}

static void put_state(hm_process *self, hm_build *state) {
    const struct pubsub *pubsub = hm_data(self);
    const struct dispatch_counters *counters = dispatch_counters(pubsub->dispatch);
    struct topics_size size;
    topics_size(dispatch_topics(pubsub->dispatch), &size);
    hm_put_format(state,
                  "#{topics => ~u, patterns => ~u, subscriptions => ~u, subscribers => ~u, bytes => ~u, "
                  "published => ~u, delivered => ~u, dropped => ~u, disconnected => ~u, nodes => ~u}",
                  (uint64_t)size.topics, (uint64_t)size.patterns, (uint64_t)size.subscriptions,
                  (uint64_t)size.subscribers, (uint64_t)size.bytes, counters->published, counters->delivered,
                  counters->dropped, counters->disconnected, (uint64_t)pubsub_peers_nodes(pubsub->peers));
}

static void on_topic(void *arg, hm_term topic, uint32_t count) {
    const struct pubsub *pubsub = arg;
    pubsub_peers_changed(pubsub->peers, topic, count);
}

static void on_publication(void *arg, hm_term topic, hm_term message, hm_pid publisher, bool exclude) {
    const struct pubsub *pubsub = arg;
    dispatch_publish(pubsub->dispatch, topic, message, publisher, exclude);
}

static void on_missed(void *arg, hm_term topic, uint64_t count) {
    const struct pubsub *pubsub = arg;
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{pubsub_dropped, ~t, ~u}", topic, count);
    if (build && !hm_build_error(build))
        dispatch_tell(pubsub->dispatch, topic, hm_build_term(build));
    hm_build_free(build);
}

/* ---- metrics ---- */

enum { METRIC_NODES, METRIC_TO_BUSES, METRIC_LIMIT_HITS, METRICS };

static const struct hm_metric metrics[METRICS] = {
    [METRIC_NODES] = {"hermod_pubsub_nodes", HM_GAUGE, "Other nodes with this service", {0}},
    [METRIC_TO_BUSES] = {"hermod_bus_sent_total", HM_COUNTER, "Messages sent to coordinators of other nodes (--bus)", {0}},
    [METRIC_LIMIT_HITS] = {"hermod_limit_hits_total", HM_COUNTER,
                           "Times that something was refused or dropped because of the option of this name", {"limit"}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct pubsub *pubsub = arg;
    struct topics_size size;
    struct hm_text limits[] = {hm_text_of("pubsub-max-topics"), hm_text_of("pubsub-max-subscriptions"),
                               hm_text_of("pubsub-max-topic")};
    topics_counts(dispatch_topics(pubsub->dispatch), &size);
    switch (metric) {
    case METRIC_NODES:
        hm_metric_put(out, NULL, pubsub_peers_nodes(pubsub->peers));
        break;
    case METRIC_TO_BUSES:
        hm_metric_put(out, NULL, pubsub->to_buses);
        break;
    default:
        hm_metric_put(out, &limits[0], size.topics_refused);
        hm_metric_put(out, &limits[1], size.subscriptions_refused);
        hm_metric_put(out, &limits[2], pubsub->too_large);
    }
}

static const struct dispatch_events events = {.on_topic = on_topic};
static const struct pubsub_peers_events peers_events = {on_publication, on_missed};

static void free_pubsub(struct pubsub *pubsub) {
    if (!pubsub)
        return;
    dispatch_metrics_remove(&pubsub->metrics);
    hm_metrics_remove(pubsub->own_metrics);
    pubsub_peers_free(pubsub->peers);
    dispatch_free(pubsub->dispatch);
    free(pubsub);
}

static uint32_t number_or(uint32_t number, uint32_t otherwise) {
    return number ? number : otherwise;
}

static int init(hm_process *self, void *argument) {
    const struct service_config *config = argument;
    struct pubsub *pubsub = calloc(1, sizeof *pubsub);
    struct dispatch_limits limits = {
        .topics = {number_or(config->pubsub_max_topics, PUBSUB_DEFAULT_MAX_TOPICS),
                   number_or(config->pubsub_max_subscriptions, PUBSUB_DEFAULT_MAX_SUBSCRIPTIONS)},
        .kept = number_or(config->pubsub_kept, PUBSUB_DEFAULT_KEPT),
        .kept_bytes = PUBSUB_KEPT_BYTES,
        .kept_memory = config->pubsub_kept_memory ? config->pubsub_kept_memory : PUBSUB_DEFAULT_KEPT_MEMORY,
    };
    if (!pubsub)
        return HM_ENOMEM;
    pubsub->self = self;
    pubsub->buses = config->buses;
    pubsub->bus_count = config->bus_count;
    pubsub->max_topic = number_or(config->pubsub_max_topic, PUBSUB_DEFAULT_MAX_TOPIC);
    pubsub->dispatch = dispatch_new(self, &limits, &events, pubsub);
    if (pubsub->dispatch)
        pubsub->peers = pubsub_peers_new(self, dispatch_topics(pubsub->dispatch), &peers_events, pubsub);
    int error = pubsub->peers ? dispatch_metrics_add(&pubsub->metrics, hm_node_of(self), pubsub->dispatch, "pubsub") : HM_ENOMEM;
    if (!error)
        error = hm_metrics_add(hm_node_of(self), metrics, METRICS, collect, pubsub, &pubsub->own_metrics);
    if (error) {
        free_pubsub(pubsub);
        return error;
    }
    hm_set_data(self, pubsub);
    return 0;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    free_pubsub(hm_data(self));
}

static const struct hm_server_class pubsub_class = {
    .module = "pubsub",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .terminate = terminate,
    .state = put_state,
};

int pubsub_start(hm_node *node, const struct service_config *config) {
    struct hm_start start = {.name = "pubsub", .restart = true};
    /* init only reads it. */
    return hm_server_start(node, &pubsub_class, &start, (void *)config, NULL);
}
