/*
 * services: the servers of the daemon, each written against the public headers and nothing else.
 *
 * Owns the table of services: one file and one line in services.c each. `hermod start` calls services_start
 * once, after hm_node_new; the services then live as processes of that node and end with it. What they need
 * of the command line stands in struct service_config; they read neither the environment nor files.
 *
 * It does not know who connects, opens no sockets and calls nobody back.
 */
#ifndef HM_SERVICES_SERVICES_H
#define HM_SERVICES_SERVICES_H

#include <hermod/server.h>

/* `service', a registered name, is a member of the group as long as it runs. */
struct service_pg_join {
    const char *scope;
    hm_term group;
    const char *service;
};
/* `service', a registered name, has this global name as long as it runs. */
struct service_global_name {
    hm_term name;
    const char *service;
};
struct bus;
struct phoenix;
struct tracker;

/* A number of 0 means its default. Must live as long as the node: a service that ends is started again with it. */
struct service_config {
    size_t chat_max_nick;       /* bytes of a nick, at most CHAT_NICK_BYTES */
    size_t chat_max_message;    /* bytes of what a user says */
    size_t chat_max_users;      /* users in the room at one time */
    const char *const *pg_scopes; /* to start beside the default one, pg */
    size_t pg_scope_count;
    const struct service_pg_join *pg_joins; /* their scopes are started, too */
    size_t pg_join_count;
    const struct service_global_name *global_names;
    size_t global_name_count;
    uint32_t pubsub_max_topics;        /* with subscribers on this node's service */
    uint32_t pubsub_max_subscriptions;
    uint32_t pubsub_max_topic;         /* bytes of a topic */
    uint32_t pubsub_kept;              /* messages kept for a slow subscriber that asked for it */
    size_t pubsub_kept_memory;         /* for all of them together */
    const struct bus *buses;    /* bus.h */
    size_t bus_count;
    struct phoenix *phoenixes;  /* phoenix.h */
    size_t phoenix_count;
    struct tracker *trackers;   /* tracker.h; each over one of the phoenixes */
    size_t tracker_count;
    const char *const *greeters; /* names of greeters; without any, the one of the article */
    size_t greeter_count;
    bool user_list_interval;    /* sends the users every so often, and not when they change */
    uint64_t user_list_interval_ms;
    size_t user_list_max_users, user_list_max_bytes; /* of one node */
    const char *const *without; /* names of services that are not wanted */
    size_t without_count;
};

enum {
    CHAT_NICK_BYTES = 1024, /* no configuration allows a longer nick */
    CHAT_DEFAULT_MAX_NICK = 64,
    CHAT_DEFAULT_MAX_MESSAGE = 8192,
    CHAT_DEFAULT_MAX_USERS = 10000,
    PUBSUB_DEFAULT_MAX_TOPICS = 1000000,
    PUBSUB_DEFAULT_MAX_SUBSCRIPTIONS = 10000000,
    PUBSUB_DEFAULT_MAX_TOPIC = 4096,
    USER_LIST_DEFAULT_INTERVAL_MS = 3000,
    USER_LIST_DEFAULT_MAX_USERS = 100000,
    USER_LIST_DEFAULT_MAX_BYTES = 16 * 1024 * 1024,
    PUBSUB_DEFAULT_KEPT = 1000,
    PUBSUB_KEPT_BYTES = 1024 * 1024,
    PUBSUB_DEFAULT_KEPT_MEMORY = 256 * 1024 * 1024,
    PRESENCE_DEFAULT_MAX = 1000000,
};

/* Starts every service that is not in `without`. HM_EINVAL (a limit out of range, a name in `without` that is
 * no service), or what a service's start gave; why gets a sentence for humans. What was started before an
 * error stays. */
int services_start(hm_node *node, const struct service_config *config, char *why, size_t capacity);

/* The names of all services, NULL after the last. */
const char *const *services_names(void);

/* ---- the services, for the table ---- */

int message_server_start(hm_node *node, const struct service_config *config);
int global_names_start(hm_node *node, const struct service_config *config);
int pg_service_start(hm_node *node, const struct service_config *config);
int pubsub_start(hm_node *node, const struct service_config *config);
int phoenix_start(hm_node *node, const struct service_config *config);
int tracker_start(hm_node *node, const struct service_config *config);
int greeter_start(hm_node *node, const struct service_config *config);
int user_list_start(hm_node *node, const struct service_config *config);
int user_bell_start(hm_node *node); /* with user_list */
int tracer_start(hm_node *node, const struct service_config *config);
int bus_start(hm_node *node, const struct service_config *config);

#endif
