/*
 * cli/service_setup: from settings to the configuration of the daemon's services.
 *
 * Owns what it makes of their texts: terms, names, groups. Prints nothing.
 */
#ifndef HM_CLI_SERVICE_SETUP_H
#define HM_CLI_SERVICE_SETUP_H

#include "cli/options.h"
#include "cli/global_name.h"
#include "cli/pg_join.h"
#include "services/services.h"

struct service_setup {
    struct service_config config; /* borrows from the settings and from the fields below */
    struct pg_joins pg_joins;
    struct global_name_list global_names;
    struct bus *buses;
    struct phoenix *phoenixes;
    size_t phoenix_count;
    struct tracker *trackers;
    size_t bus_count;
};

/* HM_EINVAL, HM_ENOMEM, with why; service_setup_free frees what was read until then. */
int service_setup_read(struct service_setup *setup, const struct settings *settings, char *why, size_t capacity);
void service_setup_free(struct service_setup *setup);

#endif
