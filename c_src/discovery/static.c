/*
 * A list of nodes, which are there for good: what libcluster calls Epmd, and kernel's sync_nodes_optional and
 * sync_nodes_mandatory. Whoever opened it waits for them (discovery_number "timeout"); here they are names.
 */
#include <stdio.h>
#include <string.h>

#include "discovery/strategy.h"

/* A name alone is that of a node of this host, as for --connect. */
static int tell(struct discovery *discovery, const char *name, char *why, size_t capacity) {
    const char *host = strchr(hm_node_name_of(discovery_options_of(discovery)->node), '@');
    char whole[DISCOVERY_NAME_BYTES + 1];
    int size = snprintf(whole, sizeof whole, "%s%s", name, strchr(name, '@') ? "" : host);
    if (size < (int)sizeof whole && discovery_heard(discovery, bytes_of(whole, (size_t)size)))
        return HM_OK;
    snprintf(why, capacity, "static: \"%.200s\" is no node name; it has to be NAME@HOST, or NAME for a node of this host", name);
    return HM_EINVAL;
}

static int open_static(struct discovery *discovery, void *state, char *why, size_t capacity) {
    const struct discovery_spec *spec = discovery_spec_of(discovery);
    const char *const keys[] = {NULL, "mandatory"};
    bool any = false;
    (void)state;
    if (discovery_text(spec, "mandatory") && !discovery_number(spec, "timeout")) {
        snprintf(why, capacity, "static: mandatory needs a timeout, as in static:mandatory=a@host,timeout=10");
        return HM_EINVAL;
    }
    for (size_t i = 0; i < 2; i++) {
        const char *name;
        for (size_t place = 0; (name = discovery_value(spec, keys[i], &place)); any = true) {
            int error = tell(discovery, name, why, capacity);
            if (error)
                return error;
        }
    }
    if (discovery_has_missed(discovery))
        return HM_ENOMEM; /* they are named nowhere else */
    if (any)
        return HM_OK;
    snprintf(why, capacity, "static needs the names of nodes: static:a@host,b@host");
    return HM_EINVAL;
}

static const struct discovery_key keys[] = {
    {"mandatory", KEY_TEXT, NULL, 0, 0, "NODE: the start fails when it is not connected within timeout; may be repeated"},
    {"timeout", KEY_SECONDS, "0", 0, 3600000,
     "seconds that the start waits until all are connected; 0: it does not wait"},
    {0},
};

const struct discovery_strategy discovery_static = {
    .kind = "static",
    .operands = "NODE,NODE...",
    .help = "These nodes, for good.",
    .keys = keys,
    .lost = LOST_FORGET,
    .open = open_static,
};
