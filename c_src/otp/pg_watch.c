#include "otp/pg_watch.h"

#include "node/refkey.h"

#define HASH_FUNCTION REFKEY_HASH_FUNCTION
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <stdlib.h>
#include <uthash.h>

#include "node/peers.h"
#include "node/route.h"
#include "otp/pg_wire.h"

struct pg_watch {
    UT_hash_handle hh;
    struct refkey key;
    hm_ref ref;
    hm_pid pid;
    struct pg_group *group; /* NULL: the scope */
    LIST_ENTRY(pg_watch) of_group;
    bool lost;
};

bool pg_is_reachable(const struct hm_node *node, const hm_node_name *name) {
    if (name == node->name)
        return true;
    const struct peer *peer = peers_find(node, name);
    return peer && peer_is_up(peer);
}

int pg_send(hm_process *scope, hm_pid to, hm_term message) {
    if (!pg_is_reachable(scope->node, to.node))
        return HM_OK;
    return route_send(scope->node, scope->pid, hm_to_pid(to), message, NULL);
}

void pg_watchers_init(struct pg_watchers *watchers, hm_process *scope, struct pg_groups *groups,
                      uint32_t max) {
    *watchers = (struct pg_watchers){.scope = scope, .groups = groups, .max = max};
    LIST_INIT(&watchers->all);
}

static struct pg_watch *find(const struct pg_watchers *watchers, const hm_ref *ref) {
    struct refkey key = refkey_of(ref);
    struct pg_watch *watch;
    HASH_FIND(hh, watchers->table, &key, sizeof key, watch);
    return watch;
}

static void drop(struct pg_watchers *watchers, struct pg_watch *watch) {
    struct pg_group *group = watch->group;
    HASH_DEL(watchers->table, watch);
    LIST_REMOVE(watch, of_group);
    free(watch);
    watchers->count--;
    if (group)
        pg_groups_release(watchers->groups, group);
}

int pg_watchers_add(struct pg_watchers *watchers, hm_pid pid, const hm_term *term, hm_ref *ref) {
    struct pg_group *group = NULL;
    int error = HM_ENOMEM;
    if (watchers->count >= watchers->max) {
        watchers->refused++;
        return HM_ELIMIT;
    }
    if (!pid.node || !pg_is_reachable(watchers->scope->node, pid.node))
        return HM_ENOCONNECTION;
    struct pg_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return HM_ENOMEM;
    if (term && (error = pg_groups_get(watchers->groups, *term, &group)) != HM_OK)
        goto fail;
    if ((error = hm_monitor(watchers->scope, hm_to_pid(pid), &watch->ref)) != HM_OK)
        goto fail_group;
    watch->key = refkey_of(&watch->ref);
    watch->pid = pid;
    watch->group = group;
    HASH_ADD(hh, watchers->table, key, sizeof watch->key, watch);
    if (watch->lost) {
        hm_demonitor(watchers->scope, &watch->ref);
        error = HM_ENOMEM;
        goto fail_group;
    }
    LIST_INSERT_HEAD(group ? pg_group_watches(group) : &watchers->all, watch, of_group);
    watchers->count++;
    *ref = watch->ref;
    return HM_OK;
fail_group:
    if (group)
        pg_groups_release(watchers->groups, group);
fail:
    free(watch);
    return error;
}

bool pg_watchers_remove(struct pg_watchers *watchers, const hm_ref *ref) {
    struct pg_watch *watch = find(watchers, ref);
    if (!watch)
        return false;
    hm_demonitor(watchers->scope, ref);
    drop(watchers, watch);
    return true;
}

/* Messages to local watchers carry this number, so that they can be taken back: see node_make_ref. */
static uint64_t number_of(const hm_ref *ref) {
    return (uint64_t)ref->id[2] << 50 | (uint64_t)ref->id[1] << 18 | ref->id[0];
}

void pg_watchers_flush(hm_process *watcher, const hm_ref *ref) {
    process_drop(watcher, MESSAGE_TERM, number_of(ref));
}

static int deliver(const struct pg_watchers *watchers, const struct pg_watch *watch, hm_term term) {
    struct hm_node *node = watchers->scope->node;
    hm_process *process = process_lookup(node, watch->pid);
    if (!process)
        return pg_send(watchers->scope, watch->pid, term);
    struct message *message = message_new(MESSAGE_TERM, term, NULL);
    if (!message)
        return HM_ENOMEM;
    message->tag = number_of(&watch->ref);
    node->counters.messages_local++;
    process_deliver(process, message);
    return HM_OK;
}

static int tell(const struct pg_watchers *watchers, const struct pg_watch *watch, struct pg_group *group,
                bool joined, const hm_node_name *node, const struct pg_member *members, uint32_t count) {
    hm_build *build = node_build_take(watchers->scope->node);
    if (!build)
        return HM_ENOMEM;
    hm_put_tuple(build, 4);
    hm_put_ref(build, &watch->ref);
    hm_put_atom(build, joined ? "join" : "leave");
    hm_put_term(build, pg_group_term(group));
    pg_wire_put_members(build, node, members, count);
    int error = hm_build_error(build);
    if (error == HM_OK)
        error = deliver(watchers, watch, hm_build_term(build));
    node_build_give(watchers->scope->node, build);
    return error;
}

void pg_watchers_tell(struct pg_watchers *watchers, struct pg_group *group, bool joined,
                      const hm_node_name *node, const struct pg_member *members, uint32_t count) {
    struct pg_watch *watch;
    int error = HM_OK;
    LIST_FOREACH(watch, &watchers->all, of_group)
    error |= tell(watchers, watch, group, joined, node, members, count);
    LIST_FOREACH(watch, pg_group_watches(group), of_group)
    error |= tell(watchers, watch, group, joined, node, members, count);
    if (error != HM_OK)
        log_error(&watchers->scope->node->log, "pg.memory",
                  "no memory to tell all who watch a group that it changed");
}

void pg_watchers_fini(struct pg_watchers *watchers) {
    struct pg_watch *watch, *next;
    HASH_ITER(hh, watchers->table, watch, next) {
        HASH_DEL(watchers->table, watch);
        LIST_REMOVE(watch, of_group);
        free(watch);
    }
    watchers->count = 0;
}
