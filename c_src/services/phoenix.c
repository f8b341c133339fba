/*
 * The requests of 'Elixir.MyApp.PubSub', after the functions of Phoenix.PubSub:
 *
 *     call {subscribe, Topic[, Pid][, #{}]}           ok; the options of pubsub.c
 *          {unsubscribe, Topic[, Pid]}                ok, as Phoenix also for who is not subscribed
 *          {broadcast, Topic, Message}                ok: subscribers on all nodes
 *          {broadcast_from, Pid, Topic, Message}      all but Pid
 *          {local_broadcast, Topic, Message}          subscribers through this node
 *          {direct_broadcast, Node, Topic, Message}   those of one node
 *          each of the last four with a dispatcher as one more element: 'Elixir.Phoenix.PubSub' (the usual one) or
 *          'Elixir.Phoenix.Channel.Server', whose messages are %Phoenix.Socket.Broadcast{}
 *     cast: the same without an answer
 *
 * Topics are binaries, without patterns. What would crash a worker of Phoenix is not sent but answered {error, Reason}. What
 * comes with a dispatcher of the application reaches subscribers here as it is.
 */
#include "services/phoenix.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/pg.h>

#include "services/dispatch_metrics.h"
#include "services/phoenix_message.h"
#include "services/services.h"

enum { POOL_DIGITS = 6 };

static const char SCOPE[] = "Elixir.Phoenix.PubSub";

/* ---- names ---- */

static void name_group(struct phoenix *phoenix, unsigned index) {
    struct phoenix_worker *worker = &phoenix->pool[index];
    char name[PHOENIX_NAME_BYTES], number[16] = "";
    memcpy(name, phoenix->name, sizeof name); /* the compiler sees both in one struct */
    bool alias = strncmp(name, "Elixir.", 7) == 0;
    if (index > 0)
        snprintf(number, sizeof number, "_%u", index + 1);
    snprintf(worker->group, sizeof worker->group, "%s%s.Adapter%s", alias ? "" : "Elixir.", name, number);
    worker->phoenix = phoenix;
}

int phoenix_parse(const char *text, struct phoenix *phoenix, char *why, size_t capacity) {
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : strlen(text);
    bool alias = isupper((unsigned char)*text) && strncmp(text, "Elixir.", 7) != 0;
    char *end = NULL;
    unsigned long pool = colon ? strtoul(colon + 1, &end, 10) : 1;
    *phoenix = (struct phoenix){.pool_size = (unsigned)pool};
    if (!size || size > PHOENIX_NAME_BYTES - 8) {
        snprintf(why, capacity, "\"%s\" does not name a PubSub, as MyApp.PubSub or MyApp.PubSub:4", text);
        return HM_EINVAL;
    }
    if (colon && (!isdigit((unsigned char)colon[1]) || *end || pool < 1 || pool > PHOENIX_POOL_MAX)) {
        snprintf(why, capacity, "the pool size in \"%s\" is not a number from 1 to %d", text, PHOENIX_POOL_MAX);
        return HM_EINVAL;
    }
    snprintf(phoenix->name, sizeof phoenix->name, "%s%.*s", alias ? "Elixir." : "", (int)size, text);
    for (unsigned i = 0; i < PHOENIX_POOL_MAX; i++)
        name_group(phoenix, i);
    return 0;
}

int phoenix_group_index(const struct phoenix *phoenix, const char *name, size_t size) {
    const char *first = phoenix->pool[0].group;
    size_t prefix = strlen(first);
    if (size < prefix || memcmp(name, first, prefix) != 0)
        return -1;
    if (size == prefix)
        return 0;
    int index = 0;
    if (name[prefix] != '_' || size - prefix > 1 + POOL_DIGITS)
        return -1;
    for (size_t i = prefix + 1; i < size; i++) {
        if (!isdigit((unsigned char)name[i]))
            return -1;
        index = index * 10 + (name[i] - '0');
    }
    return index >= 2 && name[prefix + 1] != '0' ? index - 1 : -1;
}

/* ---- workers: one for each group ---- */

static enum hm_verdict worker_info(hm_process *self, hm_term term) {
    const struct phoenix_worker *worker = hm_data(self);
    hm_term topic, message;
    if (!hm_match(term, "{forward_to_local, ~t, ~t, _}", &topic, &message))
        return HM_UNKNOWN;
    if (hm_sendf(self, hm_to_name(worker->phoenix->name, NULL), "{'$phoenix', ~t, ~t}", topic, message))
        hm_log(self, HM_LOG_WARN, "phoenix.lost", "a broadcast from another node is lost: no memory");
    return HM_CONTINUE;
}

static int worker_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return 0;
}

static const struct hm_server_class worker_class = {
    .module = "phoenix_pubsub_worker",
    .init = worker_init,
    .info = worker_info,
};

/* ---- the server ---- */

struct server {
    hm_process *self;
    struct phoenix *phoenix;
    struct dispatch *dispatch;
    hm_build *build;
    hm_ref groups;
    bool watching; /* the groups */
    bool too_large; /* a pool elsewhere, and that was said */
    unsigned used; /* how many groups broadcasts go to */
    size_t max_topic;
    uint64_t broadcasts;
    struct dispatch_metrics metrics;
    hm_metrics *own_metrics;
};

static hm_term group_term(struct server *server, unsigned index) {
    hm_build_reset(server->build);
    hm_put_atom(server->build, server->phoenix->pool[index].group);
    return hm_build_term(server->build);
}

struct search {
    hm_pid wanted;
    bool found;
};

static void look_at(void *arg, hm_pid member) {
    struct search *search = arg;
    search->found |= hm_pid_equal(search->wanted, member);
}

/* A worker joins as soon as it and the scope are there, and again when one of them has ended. */
static int join_worker(struct server *server, unsigned index) {
    hm_node *node = hm_node_of(server->self);
    hm_term group = group_term(server, index);
    hm_pid pid = hm_whereis(node, server->phoenix->pool[index].group);
    if (!pid.node || !hm_whereis(node, SCOPE).node)
        return 0;
    struct search search = {pid, false};
    hm_pg_members(node, SCOPE, group, HM_PG_LOCAL, look_at, &search);
    return search.found ? 0 : hm_pg_join(node, SCOPE, group, pid);
}

/* As many groups as every other node has. */
static void count_used(struct server *server) {
    const hm_node *node = hm_node_of(server->self);
    size_t nodes = hm_pg_count(node, SCOPE, group_term(server, 0), HM_PG_REMOTE);
    server->used = 1;
    while (server->used < server->phoenix->workers &&
           hm_pg_count(node, SCOPE, group_term(server, server->used), HM_PG_REMOTE) == nodes)
        server->used++;
}

static int join_all(struct server *server) {
    int error = 0;
    for (unsigned i = 0; i < server->phoenix->workers && !error; i++)
        error = join_worker(server, i);
    count_used(server);
    return error;
}

static int worker_is_there(hm_process *self, void *arg, hm_pid pid) {
    (void)self;
    (void)pid;
    return join_all(arg);
}

static int follow_worker(struct server *server, unsigned index) {
    return hm_follow(server->self, server->phoenix->pool[index].group, worker_is_there, server);
}

static int start_workers(struct server *server, unsigned count) {
    struct phoenix *phoenix = server->phoenix;
    int error = 0;
    while (phoenix->workers < count && !error) {
        struct phoenix_worker *worker = &phoenix->pool[phoenix->workers];
        struct hm_start start = {.name = worker->group, .restart = true};
        error = follow_worker(server, phoenix->workers);
        if (!error)
            error = hm_server_start(hm_node_of(server->self), &worker_class, &start, worker, NULL);
        phoenix->workers += !error;
    }
    return error;
}

static void learn_group(void *arg, hm_term group) {
    struct server *server = arg;
    struct hm_text name;
    int index = hm_get_atom(group, &name) ? phoenix_group_index(server->phoenix, name.at, name.size) : -1;
    if (index >= PHOENIX_POOL_MAX) {
        if (!server->too_large)
            hm_log(server->self, HM_LOG_WARN, "phoenix.pool",
                   "%s has a pool of more than %d elsewhere: what is broadcast through the others is not heard",
                   server->phoenix->name, PHOENIX_POOL_MAX);
        server->too_large = true;
        return;
    }
    if (index < (int)server->phoenix->workers)
        return;
    int error = start_workers(server, (unsigned)index + 1);
    if (error)
        hm_log(server->self, HM_LOG_WARN, "phoenix.pool", "%s has a larger pool elsewhere, and ours cannot grow: %s",
               server->phoenix->name, hm_strerror(error));
    else
        hm_log(server->self, HM_LOG_INFO, "phoenix.pool", "%s has a pool of %d elsewhere, ours has as many now",
               server->phoenix->name, index + 1);
}

static int scope_is_there(hm_process *self, void *arg, hm_pid pid) {
    struct server *server = arg;
    (void)pid;
    if (server->watching)
        hm_pg_demonitor(self, SCOPE, &server->groups); /* of the scope that has ended, or of a first attempt */
    int error = hm_pg_monitor_scope(self, SCOPE, &server->groups);
    server->watching = !error;
    if (!error)
        error = hm_pg_groups(hm_node_of(self), SCOPE, HM_PG_REMOTE, learn_group, server);
    return error ? error : join_all(server);
}

/* ---- broadcasting ---- */

/* One group for each publisher, so that its messages keep their order. */
static unsigned group_for(const struct server *server, hm_pid publisher) {
    return (publisher.id * 31 + publisher.serial) % server->used;
}

/* {forward_to_local, Topic, Message, Dispatcher}; to every other node, or to one. */
static void forward(struct server *server, hm_term topic, hm_term message, hm_term dispatcher, hm_pid publisher,
                    const hm_node_name *only) {
    unsigned index = group_for(server, publisher);
    hm_term group = group_term(server, index);
    if (!only && hm_pg_count(hm_node_of(server->self), SCOPE, group, HM_PG_REMOTE) == 0)
        return;
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (build) {
        hm_put_tuple(build, 4);
        hm_put_atom(build, "forward_to_local");
        hm_put_term(build, topic);
        hm_put_term(build, message);
        if (dispatcher.size)
            hm_put_term(build, dispatcher);
        else
            hm_put_atom(build, PHOENIX_USUAL_DISPATCHER);
        error = hm_build_error(build);
    }
    if (!error && only)
        error = hm_send(server->self, hm_to_name(server->phoenix->pool[index].group, only), hm_build_term(build));
    else if (!error)
        error = hm_pg_send(server->self, SCOPE, group, HM_PG_REMOTE, hm_build_term(build));
    if (error)
        hm_log(server->self, HM_LOG_WARN, "phoenix.lost", "a broadcast does not reach all nodes: %s", hm_strerror(error));
    hm_build_free(build);
}

struct broadcast {
    hm_term topic, message, dispatcher;
    hm_pid from;
    const hm_node_name *only; /* direct_broadcast */
    bool local, remote, exclude;
};

static const char *send_broadcast(struct server *server, const struct broadcast *broadcast, hm_pid caller) {
    const char *refusal = phoenix_message_refusal(broadcast->topic, broadcast->message, broadcast->dispatcher);
    hm_pid publisher = broadcast->from.node ? broadcast->from : caller;
    if (refusal)
        return refusal;
    server->broadcasts++;
    if (broadcast->remote)
        forward(server, broadcast->topic, broadcast->message, broadcast->dispatcher, publisher, broadcast->only);
    if (broadcast->local)
        dispatch_publish(server->dispatch, broadcast->topic, broadcast->message, publisher, broadcast->exclude);
    return NULL;
}

/* ---- requests ---- */

/* An atom that is a node's name; NULL when it is none. */
static const hm_node_name *read_node(const struct server *server, hm_term term) {
    struct hm_text name;
    char text[HM_ATOM_BYTES];
    if (!hm_get_atom(term, &name) || name.size >= sizeof text)
        return NULL;
    memcpy(text, name.at, name.size);
    text[name.size] = '\0';
    return hm_node_find(hm_node_of(server->self), text);
}

/* Takes the dispatcher off: elements of {What, ..., Topic, Message[, Dispatcher]} with so many before the topic. */
static bool read_tail(hm_term *elements, unsigned arity, unsigned before, struct broadcast *broadcast) {
    if (arity != before + 2 && arity != before + 3)
        return false;
    broadcast->topic = elements[before];
    broadcast->message = elements[before + 1];
    if (arity == before + 3)
        broadcast->dispatcher = elements[before + 2];
    return true;
}

/* false: no such request. */
static bool read_broadcast(struct server *server, hm_term request, struct broadcast *broadcast, const char **refusal) {
    hm_term elements[5];
    long arity = hm_tuple_arity(request);
    *broadcast = (struct broadcast){.local = true, .remote = true};
    *refusal = NULL;
    if (arity < 3 || arity > 5 || !hm_tuple_elements(request, (unsigned)arity, elements))
        return false;
    unsigned count = (unsigned)arity;
    if (hm_is_atom(elements[0], "broadcast"))
        return read_tail(elements, count, 1, broadcast);
    if (hm_is_atom(elements[0], "local_broadcast")) {
        broadcast->remote = false;
        return read_tail(elements, count, 1, broadcast);
    }
    if (hm_is_atom(elements[0], "broadcast_from")) {
        broadcast->exclude = true;
        if (!hm_get_pid(hm_node_of(server->self), elements[1], &broadcast->from))
            *refusal = "not_a_pid";
        return read_tail(elements, count, 2, broadcast);
    }
    if (!hm_is_atom(elements[0], "direct_broadcast"))
        return false;
    broadcast->only = read_node(server, elements[1]);
    broadcast->local = broadcast->only == hm_self(server->self).node;
    broadcast->remote = !broadcast->local;
    if (!broadcast->only)
        *refusal = "not_a_node";
    return read_tail(elements, count, 2, broadcast);
}

static const char *subscribe(struct server *server, hm_term topic, hm_term pid_term, hm_pid pid, hm_term options) {
    hm_term tagged;
    bool on = false;
    if (hm_term_type(topic) != HM_TYPE_BINARY)
        return "topic_not_a_binary";
    if (topic.size > server->max_topic)
        return "topic_too_large";
    if (pid_term.size && !hm_get_pid(hm_node_of(server->self), pid_term, &pid))
        return "not_a_pid";
    if (!pid.node)
        return "not_a_pid";
    if (options.size && (hm_term_type(options) != HM_TYPE_MAP || hm_map_size(options) > 1 ||
                         (hm_map_size(options) == 1 &&
                          (!hm_map_get_atom(options, "tagged", &tagged) || !hm_get_bool(tagged, &on)))))
        return "invalid_option";
    int error = dispatch_subscribe(server->dispatch, topic, pid, on ? TOPIC_TAGGED : TOPIC_PLAIN, 0);
    return error == HM_ELIMIT ? "limit" : error ? "no_memory" : NULL;
}

static const char *unsubscribe(struct server *server, hm_term topic, hm_term pid_term, hm_pid pid) {
    if (pid_term.size && !hm_get_pid(hm_node_of(server->self), pid_term, &pid))
        return "not_a_pid";
    (void)dispatch_unsubscribe(server->dispatch, topic, pid);
    return NULL;
}

/* false: no such request. */
static bool obey(struct server *server, hm_term request, hm_pid caller, const char **refusal) {
    const hm_term none = {0};
    struct broadcast broadcast;
    hm_term topic, second, third;
    if (read_broadcast(server, request, &broadcast, refusal)) {
        if (!*refusal)
            *refusal = send_broadcast(server, &broadcast, caller);
    } else if (hm_match(request, "{subscribe, ~t}", &topic)) {
        *refusal = subscribe(server, topic, none, caller, none);
    } else if (hm_match(request, "{subscribe, ~t, ~t}", &topic, &second)) {
        bool options = hm_term_type(second) == HM_TYPE_MAP;
        *refusal = subscribe(server, topic, options ? none : second, caller, options ? second : none);
    } else if (hm_match(request, "{subscribe, ~t, ~t, ~t}", &topic, &second, &third)) {
        *refusal = subscribe(server, topic, second, caller, third);
    } else if (hm_match(request, "{unsubscribe, ~t}", &topic)) {
        *refusal = unsubscribe(server, topic, none, caller);
    } else if (hm_match(request, "{unsubscribe, ~t, ~t}", &topic, &second)) {
        *refusal = unsubscribe(server, topic, second, caller);
    } else {
        return false;
    }
    return true;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    const char *refusal;
    if (!obey(hm_data(self), request, hm_from_pid(from), &refusal))
        return HM_UNKNOWN;
    return refusal ? hm_reply(self, from, "{error, ~a}", refusal) : hm_reply(self, from, "ok");
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    const char *refusal;
    if (!obey(hm_data(self), message, HM_NO_PID, &refusal))
        return HM_UNKNOWN;
    if (refusal)
        hm_log(self, HM_LOG_WARN, "phoenix.refused", "a cast was refused: %s", refusal);
    return HM_CONTINUE;
}

static enum hm_verdict on_info(hm_process *self, hm_term term) {
    struct server *server = hm_data(self);
    hm_node *node = hm_node_of(self);
    hm_term topic, message, ref_term, group;
    struct hm_text what;
    hm_ref ref;
    if (hm_match(term, "{'$phoenix', ~t, ~t}", &topic, &message)) {
        dispatch_publish(server->dispatch, topic, message, HM_NO_PID, false);
        return HM_CONTINUE;
    }
    if (hm_match(term, "{~t, ~a, ~t, _}", &ref_term, &what, &group) && hm_get_ref(node, ref_term, &ref) &&
        hm_ref_equal(&ref, &server->groups)) {
        learn_group(server, group);
        count_used(server);
        return HM_CONTINUE;
    }
    return dispatch_info(server->dispatch, term) ? HM_CONTINUE : HM_UNKNOWN;
}

enum { METRIC_BROADCASTS, METRIC_POOL, METRICS };

static const struct hm_metric metrics[METRICS] = {
    [METRIC_BROADCASTS] = {"hermod_phoenix_broadcasts_total", HM_COUNTER, "Broadcasts made through this node", {"service"}},
    [METRIC_POOL] = {"hermod_phoenix_workers", HM_GAUGE, "Workers of a Phoenix.PubSub", {"service"}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct server *server = arg;
    struct hm_text name = hm_text_of(server->phoenix->name);
    hm_metric_put(out, &name, metric == METRIC_POOL ? server->phoenix->workers : server->broadcasts);
}

static void free_server(struct server *server) {
    if (!server)
        return;
    dispatch_metrics_remove(&server->metrics);
    hm_metrics_remove(server->own_metrics);
    dispatch_free(server->dispatch);
    hm_build_free(server->build);
    free(server);
}

static int init(hm_process *self, void *argument) {
    static const struct dispatch_events events = {0};
    struct phoenix *phoenix = argument;
    struct dispatch_limits limits = {
        .topics = {PUBSUB_DEFAULT_MAX_TOPICS, PUBSUB_DEFAULT_MAX_SUBSCRIPTIONS},
        .kept = PUBSUB_DEFAULT_KEPT,
        .kept_bytes = PUBSUB_KEPT_BYTES,
        .kept_memory = PUBSUB_DEFAULT_KEPT_MEMORY,
    };
    struct server *server = calloc(1, sizeof *server);
    int error = HM_ENOMEM;
    if (!server)
        return error;
    server->self = self;
    server->phoenix = phoenix;
    server->used = 1;
    server->max_topic = PUBSUB_DEFAULT_MAX_TOPIC;
    server->dispatch = dispatch_new(self, &limits, &events, server);
    server->build = hm_build_new();
    if (!server->dispatch || !server->build)
        goto fail;
    if ((error = dispatch_metrics_add(&server->metrics, hm_node_of(self), server->dispatch, phoenix->name)) ||
        (error = hm_metrics_add(hm_node_of(self), metrics, METRICS, collect, server, &server->own_metrics)))
        goto fail;
    error = hm_pg_start(hm_node_of(self), SCOPE);
    for (unsigned i = 0; i < phoenix->workers && !error; i++) /* of a predecessor */
        error = follow_worker(server, i);
    if (!error)
        error = start_workers(server, phoenix->pool_size);
    if (!error)
        error = hm_follow(self, SCOPE, scope_is_there, server);
    if (error)
        goto fail;
    hm_set_data(self, server);
    return 0;
fail:
    free_server(server);
    return error;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    free_server(hm_data(self));
}

static const struct hm_server_class phoenix_class = {
    .module = "phoenix_pubsub",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .terminate = terminate,
};

int phoenix_start(hm_node *node, const struct service_config *config) {
    for (size_t i = 0; i < config->phoenix_count; i++) {
        struct hm_start start = {.name = config->phoenixes[i].name, .restart = true};
        int error = hm_server_start(node, &phoenix_class, &start, &config->phoenixes[i], NULL);
        if (error)
            return error;
    }
    return 0;
}
