/*
 * cli/bus_member: what sub and pub need to take part in somebody else's publish/subscribe without a daemon: --hermes and
 * --phoenix.
 *
 * Knows the scope, the groups and the messages of the two designs. For sub it is a scope of process groups with one
 * member, the tool; only as much of one as the others need to know that member. Prints nothing.
 */
#ifndef HM_CLI_BUS_MEMBER_H
#define HM_CLI_BUS_MEMBER_H

#include <hermod/rpc.h>

#include "cli/options.h"
#include "cli/tool.h"

struct bus_member {
    bool hermes;
    char adapter[HM_ATOM_BYTES]; /* Elixir.My.PubSub.Adapter: the first group of a Phoenix.PubSub */
    const char *scope;
    hm_build *groups; /* of the member: a list */
    hm_pid member;
    unsigned dialling;
    struct tool *tool;
    void (*ready)(struct tool *tool);
};

/* false: neither --hermes nor --phoenix. HM_EINVAL with why in *error. */
bool bus_member_wanted(struct bus_member *member, const struct settings *settings, int *error, char *why, size_t capacity);
/* HM_EINVAL with why: a Phoenix.PubSub has no such topics, and its workers end when they are sent one. */
int bus_member_check_topic(const struct bus_member *member, hm_term topic, char *why, size_t capacity);
/* Connects with all nodes that the target knows, and is a member there; then ready. Errors end the tool. */
void bus_member_join(struct bus_member *member, struct tool *tool, void (*ready)(struct tool *tool));
void bus_member_fini(struct bus_member *member);

/* false: the message is no publication. */
bool bus_member_read(const struct bus_member *member, hm_term message, hm_term *topic, hm_term *payload);
/* Writes the message for a coordinator. */
void bus_member_put(const struct bus_member *member, hm_build *build, hm_term topic, hm_term payload);
/* Asks the target for all coordinators of the cluster: done gets a list of pids. */
int bus_member_coordinators(struct bus_member *member, struct tool *tool, hm_rpc_done *done);

#endif
