#include "services/services.h"

#include <stdio.h>
#include <string.h>

/* One line for each service: its name, which is what --without takes, and its start in services.h. */
#define SERVICES(entry)                           \
    entry("message_server", message_server_start) \
    entry("pg", pg_service_start)                 \
    entry("global_names", global_names_start)     \
    entry("pubsub", pubsub_start)                 \
    entry("bus", bus_start)                       \
    entry("phoenix", phoenix_start)               \
    entry("phoenix_tracker", tracker_start)       \
    entry("greeter", greeter_start)               \
    entry("user_list", user_list_start)           \
    entry("tracer", tracer_start)

#define NAME(name, start) name,
#define ROW(name, start) {name, start},

static const struct service {
    const char *name;
    int (*start)(hm_node *node, const struct service_config *config);
} table[] = {SERVICES(ROW)};

static const char *const names[] = {SERVICES(NAME) NULL};

enum { SERVICE_COUNT = sizeof table / sizeof *table };

const char *const *services_names(void) {
    return names;
}

static bool is_service(const char *name) {
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        if (strcmp(table[i].name, name) == 0)
            return true;
    return false;
}

static bool is_wanted(const struct service_config *config, const char *name) {
    for (size_t i = 0; i < config->without_count; i++)
        if (strcmp(config->without[i], name) == 0)
            return false;
    return true;
}

int services_start(hm_node *node, const struct service_config *config, char *why, size_t capacity) {
    for (size_t i = 0; i < config->without_count; i++)
        if (!is_service(config->without[i])) {
            snprintf(why, capacity, "there is no service %s", config->without[i]);
            return HM_EINVAL;
        }
    if (config->chat_max_nick > CHAT_NICK_BYTES) {
        snprintf(why, capacity, "a nick may have at most %d bytes", CHAT_NICK_BYTES);
        return HM_EINVAL;
    }
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        if (!is_wanted(config, table[i].name))
            continue;
        int error = table[i].start(node, config);
        if (error) {
            snprintf(why, capacity, "the service %s did not start: %s", table[i].name, hm_strerror(error));
            return error;
        }
    }
    return 0;
}
