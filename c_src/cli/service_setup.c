#include "cli/service_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/bus.h"
#include "services/phoenix.h"
#include "services/tracker.h"

static bool is_without(const struct settings *settings, const char *service) {
    for (size_t i = 0; i < settings->without.count; i++)
        if (strcmp(settings->without.items[i], service) == 0)
            return true;
    return false;
}

static int read_pg(struct service_setup *setup, const struct settings *settings, char *why, size_t capacity) {
    int error = pg_joins_read(&setup->pg_joins, &settings->pg_join, why, capacity);
    if (!error && is_without(settings, "pg") && (settings->pg_join.count || settings->pg_scope.count)) {
        snprintf(why, capacity, "--pg-join and --pg-scope need the service pg: drop --without pg");
        return HM_EINVAL;
    }
    return error;
}

/* What the option says would come to nothing without that service. */
static int check_wanted(const struct settings *settings, const struct text_list *list, const char *option, const char *service, char *why,
                        size_t capacity) {
    if (!list->count || !is_without(settings, service))
        return HM_OK;
    snprintf(why, capacity, "--%s needs the service %s: drop --without %s", option, service, service);
    return HM_EINVAL;
}

static int read_buses(struct service_setup *setup, const struct settings *settings, char *why, size_t capacity) {
    const struct text_list *list = &settings->bus;
    char reason[512];
    int wanted = check_wanted(settings, list, "bus", "bus", why, capacity);
    if (!wanted)
        wanted = check_wanted(settings, list, "bus", "pubsub", why, capacity);
    if (wanted)
        return wanted;
    setup->buses = calloc(list->count + 1, sizeof *setup->buses);
    if (!setup->buses)
        return HM_ENOMEM;
    for (; setup->bus_count < list->count; setup->bus_count++) {
        int error = bus_parse(list->items[setup->bus_count], &setup->buses[setup->bus_count], reason, sizeof reason);
        if (error) {
            snprintf(why, capacity, "--bus: %s", reason);
            return error;
        }
    }
    return HM_OK;
}

static int read_phoenixes(struct service_setup *setup, const struct settings *settings, char *why, size_t capacity) {
    const struct text_list *list = &settings->phoenix_pubsub;
    char reason[512];
    if (check_wanted(settings, list, "phoenix-pubsub", "phoenix", why, capacity))
        return HM_EINVAL;
    setup->phoenixes = calloc(list->count + settings->phoenix_presence.count + 1, sizeof *setup->phoenixes);
    if (!setup->phoenixes)
        return HM_ENOMEM;
    for (; setup->phoenix_count < list->count; setup->phoenix_count++)
        if (phoenix_parse(list->items[setup->phoenix_count], &setup->phoenixes[setup->phoenix_count], reason, sizeof reason)) {
            snprintf(why, capacity, "--phoenix-pubsub: %s", reason);
            return HM_EINVAL;
        }
    return HM_OK;
}

/* The PubSub of a tracker is started with it, unless it is asked for anyway. */
static int find_pubsub(struct service_setup *setup, struct tracker *tracker, char *why, size_t capacity) {
    struct phoenix *phoenix = setup->phoenixes;
    while (phoenix < setup->phoenixes + setup->phoenix_count && strcmp(phoenix->name, tracker->pubsub) != 0)
        phoenix++;
    if (phoenix == setup->phoenixes + setup->phoenix_count) {
        int error = phoenix_parse(tracker->pubsub, phoenix, why, capacity);
        if (error)
            return error;
        setup->phoenix_count++;
    }
    snprintf(tracker->adapter, sizeof tracker->adapter, "%s", phoenix->pool[0].group);
    return HM_OK;
}

static int read_trackers(struct service_setup *setup, const struct settings *settings, char *why, size_t capacity) {
    const struct text_list *list = &settings->phoenix_presence;
    char reason[512];
    setup->trackers = calloc(list->count + 1, sizeof *setup->trackers);
    if (!setup->trackers)
        return HM_ENOMEM;
    if (check_wanted(settings, list, "phoenix-presence", "phoenix", why, capacity) ||
        check_wanted(settings, list, "phoenix-presence", "phoenix_tracker", why, capacity))
        return HM_EINVAL;
    for (size_t i = 0; i < list->count; i++) {
        int error = tracker_parse(list->items[i], &setup->trackers[i], reason, sizeof reason);
        if (!error)
            error = find_pubsub(setup, &setup->trackers[i], reason, sizeof reason);
        if (error) {
            snprintf(why, capacity, "--phoenix-presence: %s", reason);
            return error;
        }
        setup->trackers[i].max_presences = (uint32_t)settings->presence_max;
    }
    return HM_OK;
}

int service_setup_read(struct service_setup *setup, const struct settings *settings, char *why, size_t capacity) {
    snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
    int error = read_pg(setup, settings, why, capacity);
    if (!error)
        error = global_names_read(&setup->global_names, &settings->register_global, why, capacity);
    if (!error)
        error = read_buses(setup, settings, why, capacity);
    if (!error)
        error = read_phoenixes(setup, settings, why, capacity);
    if (!error)
        error = read_trackers(setup, settings, why, capacity);
    setup->config = (struct service_config){
        .chat_max_nick = settings->chat_max_nick,
        .chat_max_message = settings->chat_max_message,
        .chat_max_users = settings->chat_max_users,
        .pg_scopes = (const char *const *)settings->pg_scope.items,
        .pg_scope_count = settings->pg_scope.count,
        .pg_joins = setup->pg_joins.items,
        .pg_join_count = setup->pg_joins.count,
        .global_names = setup->global_names.items,
        .global_name_count = setup->global_names.count,
        .pubsub_max_topics = (uint32_t)settings->pubsub_max_topics,
        .pubsub_max_subscriptions = (uint32_t)settings->pubsub_max_subscriptions,
        .pubsub_max_topic = (uint32_t)settings->pubsub_max_topic,
        .pubsub_kept = (uint32_t)settings->pubsub_kept,
        .pubsub_kept_memory = (size_t)settings->pubsub_kept_memory,
        .buses = setup->buses,
        .bus_count = setup->bus_count,
        .phoenixes = setup->phoenixes,
        .phoenix_count = setup->phoenix_count,
        .trackers = setup->trackers,
        .tracker_count = settings->phoenix_presence.count,
        .greeters = (const char *const *)settings->greeter.items,
        .greeter_count = settings->greeter.count,
        .user_list_interval = settings->user_list_sync == 1,
        .user_list_interval_ms = settings->user_list_interval_ms,
        .user_list_max_users = settings->user_list_max_users,
        .user_list_max_bytes = settings->user_list_max_bytes,
        .without = (const char *const *)settings->without.items,
        .without_count = settings->without.count,
    };
    return error;
}

void service_setup_free(struct service_setup *setup) {
    for (size_t i = 0; i < setup->bus_count; i++)
        bus_fini(&setup->buses[i]);
    free(setup->buses);
    free(setup->phoenixes);
    free(setup->trackers);
    pg_joins_free(&setup->pg_joins);
    global_names_free(&setup->global_names);
}
