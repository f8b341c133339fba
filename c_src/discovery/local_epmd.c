/*
 * The nodes of this machine. libcluster's LocalEpmd asks once, and so misses whoever comes later; epmd tells
 * nobody of its own accord, but a question costs it and us a tenth of a millisecond, so it is asked often.
 */
#include <string.h>

#include "discovery/epmd_poll.h"

struct local {
    const char *host;
    struct epmd_poll *poll;
};

static int open_local(struct discovery *discovery, void *state, char *why, size_t capacity) {
    struct local *local = state;
    (void)why;
    (void)capacity;
    local->host = strchr(hm_node_name_of(discovery_options_of(discovery)->node), '@') + 1;
    local->poll = epmd_poll_open(discovery, &local->host, 1, true,
                                 (int64_t)discovery_number(discovery_spec_of(discovery), "interval"));
    return local->poll ? HM_OK : HM_ENOMEM;
}

static void close_local(struct discovery *discovery, void *state) {
    struct local *local = state;
    (void)discovery;
    epmd_poll_close(local->poll);
}

static const struct discovery_key keys[] = {
    {"interval", KEY_SECONDS, "2", 100, 86400000, "seconds between two questions to epmd"},
    {0},
};

const struct discovery_strategy discovery_local_epmd = {
    .kind = "local-epmd",
    .help = "Every node of this machine that epmd knows.",
    .keys = keys,
    .lost = LOST_FORGET,
    .size = sizeof(struct local),
    .open = open_local,
    .close = close_local,
};
