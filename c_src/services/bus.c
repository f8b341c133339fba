#include "services/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/metrics.h>
#include <hermod/pg.h>

static const char HERMES[] = "name=Elixir.Hermes.PGServer,group={hermes, 'Elixir.Hermes.PubSub'},"
                             "message={broadcast_to_local, '$topic', '$message'}";

/* ---- settings ---- */

void bus_fini(struct bus *bus) {
    free(bus->scope);
    free(bus->name);
    hm_build_free(bus->group);
    hm_build_free(bus->message);
    *bus = (struct bus){0};
}

/* The end of a setting: the next comma that stands before "key=" of another one, since terms have commas too. */
static const char *end_of_setting(const char *text) {
    static const char *const keys[] = {"scope=", "name=", "group=", "message="};
    for (const char *comma = strchr(text, ','); comma; comma = strchr(comma + 1, ','))
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (strncmp(comma + 1, keys[i], strlen(keys[i])) == 0)
                return comma;
    return text + strlen(text);
}

static int parse_term(const char *text, hm_build **build, const char *what, char *why, size_t capacity) {
    char error[128];
    hm_build_free(*build);
    *build = hm_build_new();
    if (!*build)
        return HM_ENOMEM;
    int result = hm_term_parse(text, HM_SYNTAX_ERLANG, *build, error, sizeof error);
    if (result)
        snprintf(why, capacity, "%s of a bus: %s", what, error);
    return result == HM_ENOMEM ? result : result ? HM_EINVAL : 0;
}

static int set(struct bus *bus, const char *setting, char *why, size_t capacity) {
    const char *value = strchr(setting, '=');
    if (!value) {
        snprintf(why, capacity, "there is no bus %s; say hermes, or name=...,group=...,message=...", setting);
        return HM_EINVAL;
    }
    value++;
    if (strncmp(setting, "group=", 6) == 0)
        return parse_term(value, &bus->group, "the group", why, capacity);
    if (strncmp(setting, "message=", 8) == 0)
        return parse_term(value, &bus->message, "the message", why, capacity);
    char **to = strncmp(setting, "name=", 5) == 0 ? &bus->name : strncmp(setting, "scope=", 6) == 0 ? &bus->scope : NULL;
    if (!to || !*value) {
        snprintf(why, capacity, "a bus has scope=, name=, group= and message=, not \"%s\"", setting);
        return HM_EINVAL;
    }
    free(*to);
    *to = strdup(value);
    return *to ? 0 : HM_ENOMEM;
}

static bool read_elements(hm_term term, unsigned arity, hm_term *elements) {
    return hm_tuple_arity(term) == (long)arity && hm_tuple_elements(term, arity, elements);
}

static int read_shape(struct bus *bus, char *why, size_t capacity) {
    hm_term elements[BUS_ELEMENTS];
    long arity = bus->message ? hm_tuple_arity(hm_build_term(bus->message)) : -1;
    unsigned topics = 0, messages = 0;
    if (!bus->name || !bus->group || arity < 0) {
        snprintf(why, capacity, "a bus needs name=, group= and message=, and the message is a tuple");
        return HM_EINVAL;
    }
    if (arity > BUS_ELEMENTS || !read_elements(hm_build_term(bus->message), (unsigned)arity, elements)) {
        snprintf(why, capacity, "the message of a bus has at most %d elements", BUS_ELEMENTS);
        return HM_EINVAL;
    }
    bus->arity = (unsigned)arity;
    for (unsigned i = 0; i < bus->arity; i++) {
        if (hm_is_atom(elements[i], "$topic")) {
            bus->topic_at = i;
            topics++;
        } else if (hm_is_atom(elements[i], "$message")) {
            bus->payload_at = i;
            messages++;
        }
    }
    if (topics == 1 && messages == 1)
        return 0;
    snprintf(why, capacity, "the message of a bus has '$topic' once and '$message' once among its elements");
    return HM_EINVAL;
}

int bus_parse(const char *text, struct bus *bus, char *why, size_t capacity) {
    int error = 0;
    *bus = (struct bus){0};
    snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
    if (strcmp(text, "hermes") == 0)
        text = HERMES;
    while (*text && !error) {
        const char *end = end_of_setting(text);
        char *setting = strndup(text, (size_t)(end - text));
        error = setting ? set(bus, setting, why, capacity) : HM_ENOMEM;
        free(setting);
        text = *end ? end + 1 : end;
    }
    if (!error)
        error = read_shape(bus, why, capacity);
    if (error)
        bus_fini(bus);
    return error;
}

/* ---- messages ---- */

bool bus_read(const struct bus *bus, hm_term term, hm_term *topic, hm_term *message) {
    hm_term wanted[BUS_ELEMENTS], found[BUS_ELEMENTS];
    if (!read_elements(term, bus->arity, found) || !read_elements(hm_build_term(bus->message), bus->arity, wanted))
        return false;
    for (unsigned i = 0; i < bus->arity; i++)
        if (i != bus->topic_at && i != bus->payload_at && !hm_term_equal(wanted[i], found[i]))
            return false;
    *topic = found[bus->topic_at];
    *message = found[bus->payload_at];
    return true;
}

static void put_message(const struct bus *bus, hm_build *build, hm_term topic, hm_term message) {
    hm_term elements[BUS_ELEMENTS];
    read_elements(hm_build_term(bus->message), bus->arity, elements);
    hm_put_tuple(build, bus->arity);
    for (unsigned i = 0; i < bus->arity; i++)
        hm_put_term(build, i == bus->topic_at ? topic : i == bus->payload_at ? message : elements[i]);
}

struct sending {
    const struct bus *bus;
    hm_process *self;
    hm_term topic, message;
    bool (*is_served)(void *arg, const hm_node_name *node);
    void *arg;
    hm_build *build; /* made for the first member */
    uint64_t count, lost;
};

static void send_to_member(void *arg, hm_pid member) {
    struct sending *sending = arg;
    if (sending->is_served(sending->arg, member.node))
        return;
    if (!sending->build) {
        sending->build = hm_build_new();
        if (sending->build)
            put_message(sending->bus, sending->build, sending->topic, sending->message);
    }
    if (sending->build && !hm_build_error(sending->build) &&
        !hm_send(sending->self, hm_to_pid(member), hm_build_term(sending->build)))
        sending->count++;
    else
        sending->lost++;
}

uint64_t bus_publish(const struct bus *bus, hm_process *self, hm_term topic, hm_term message,
                 bool (*is_served)(void *arg, const hm_node_name *node), void *arg) {
    struct sending sending = {bus, self, topic, message, is_served, arg, NULL, 0, 0};
    hm_pg_members(hm_node_of(self), bus->scope, hm_build_term(bus->group), HM_PG_REMOTE, send_to_member, &sending);
    hm_build_free(sending.build);
    if (sending.lost)
        hm_log(self, HM_LOG_WARN, "pubsub.memory", "no memory to send a publication: %llu members of %s do not get it",
               (unsigned long long)sending.lost, bus->name);
    return sending.count;
}

/* ---- the coordinator of this node ---- */

struct coordinator {
    const struct bus *bus;
    uint64_t received;
    hm_metrics *metrics;
};

/* The scope is there, for the first time or again. */
static int join(hm_process *self, void *arg, hm_pid scope) {
    const struct bus *bus = arg;
    (void)scope;
    return hm_pg_join(hm_node_of(self), bus->scope, hm_build_term(bus->group), hm_self(self));
}

static enum hm_verdict on_info(hm_process *self, hm_term term) {
    struct coordinator *coordinator = hm_data(self);
    hm_term topic, message;
    if (!bus_read(coordinator->bus, term, &topic, &message))
        return HM_UNKNOWN;
    coordinator->received++;
    if (hm_sendf(self, hm_to_name("pubsub", NULL), "{'$pubsub', bus, ~t, ~t}", topic, message))
        hm_log(self, HM_LOG_WARN, "pubsub.memory", "a publication for %s is lost: no memory", coordinator->bus->name);
    return HM_CONTINUE;
}

static const struct hm_metric metrics[] = {
    {"hermod_bus_received_total", HM_COUNTER, "Messages from coordinators of other nodes (--bus)", {"bus"}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct coordinator *coordinator = arg;
    struct hm_text name = hm_text_of(coordinator->bus->name);
    (void)metric;
    hm_metric_put(out, &name, coordinator->received);
}

static int init(hm_process *self, void *argument) {
    struct coordinator *coordinator = calloc(1, sizeof *coordinator);
    if (!coordinator)
        return HM_ENOMEM;
    const struct bus *bus = coordinator->bus = argument;
    int error = hm_pg_start(hm_node_of(self), bus->scope);
    if (!error)
        error = hm_follow(self, bus->scope ? bus->scope : "pg", join, argument);
    if (!error)
        error = hm_metrics_add(hm_node_of(self), metrics, 1, collect, coordinator, &coordinator->metrics);
    if (error) {
        free(coordinator);
        return error;
    }
    hm_set_data(self, coordinator);
    return 0;
}

static void terminate(hm_process *self, hm_term reason) {
    struct coordinator *coordinator = hm_data(self);
    (void)reason;
    hm_metrics_remove(coordinator->metrics);
    free(coordinator);
}

static const struct hm_server_class coordinator_class = {
    .module = "bus",
    .init = init,
    .info = on_info,
    .terminate = terminate,
};

int bus_start(hm_node *node, const struct service_config *config) {
    for (size_t i = 0; i < config->bus_count; i++) {
        const struct bus *bus = &config->buses[i];
        struct hm_start start = {.name = bus->name, .restart = true};
        /* init only reads it. */
        int error = hm_server_start(node, &coordinator_class, &start, (void *)bus, NULL);
        if (error)
            return error;
    }
    return 0;
}
