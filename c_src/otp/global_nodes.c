/* What the files of a member have in common: failing, writing messages, the table of other nodes. */
#include <stdlib.h>

#include "otp/global_private.h"

enum { REACH_TRIES = 5 };

/* ---- memory and messages ---- */

void member_fail(struct global_member *m) {
    m->failed = true;
}

void global_member_fail(struct global_member *m) {
    member_fail(m);
}

bool global_member_failed(const struct global_member *m) {
    return m->failed;
}

struct global_stats global_member_stats(const struct global_member *m) {
    struct global_stats stats = {.names = m->names.count,
                                 .max_names = m->names.max,
                                 .locks = m->locks.count,
                                 .max_locks = m->locks.max,
                                 .names_refused = m->names.refused,
                                 .locks_refused = m->locks.refused};
    for (const struct other *other = m->others; other; other = other->hh.next) {
        stats.known += other->known != NOT_KNOWN;
        stats.synced += other->synced;
    }
    return stats;
}

void term_drop(hm_term *term) {
    free((void *)(uintptr_t)term->bytes);
    *term = (hm_term){0};
}

bool member_copy(struct global_member *m, hm_term term, hm_term *copy) {
    *copy = (hm_term){0};
    if (term.size && hm_term_copy(term, copy) == HM_OK)
        return true;
    member_fail(m);
    return false;
}

hm_build *member_build(struct global_member *m) {
    hm_build_reset(m->build);
    return m->build;
}

static void send(struct global_member *m, enum global_actor from, const hm_node_name *to, bool cast, bool connected) {
    if (hm_build_error(m->build) != HM_OK ||
        m->ports->send(m->arg, from, to, cast, connected, hm_build_term(m->build)) == HM_ENOMEM)
        member_fail(m);
}

void member_send_pid(struct global_member *m, enum global_actor from, hm_pid to) {
    if (hm_build_error(m->build) != HM_OK || m->ports->send_pid(m->arg, from, to, hm_build_term(m->build)) == HM_ENOMEM)
        member_fail(m);
}

void member_cast(struct global_member *m, enum global_actor from, const hm_node_name *to) {
    send(m, from, to, true, false);
}

void member_volatile(struct global_member *m, const hm_node_name *to) {
    send(m, GLOBAL_SERVER, to, false, true);
}

void member_tell_in_sync(struct global_member *m, const hm_node_name *node) {
    hm_build *build = member_build(m);
    hm_put_tuple(build, 3);
    hm_put_atom(build, "in_sync");
    global_put_node(build, m->config.self);
    hm_put_bool(build, true);
    member_cast(m, GLOBAL_SERVER, node);
}

/* ---- nodes ---- */

int node_compare(const hm_node_name *a, const hm_node_name *b) {
    return a == b ? 0 : strcmp(hm_node_name_text(a), hm_node_name_text(b));
}

struct other *other_find(const struct global_member *m, const hm_node_name *name) {
    struct other *other;
    HASH_FIND_PTR(m->others, &name, other);
    return other;
}

struct other *other_get(struct global_member *m, const hm_node_name *name) {
    struct other *other = other_find(m, name);
    if (other || name == m->config.self)
        return other;
    other = calloc(1, sizeof *other);
    if (!other) {
        member_fail(m);
        return NULL;
    }
    other->name = name;
    other->known = other->pending = NOT_KNOWN;
    HASH_ADD_PTR(m->others, name, other);
    if (other->lost) {
        free(other);
        member_fail(m);
        return NULL;
    }
    return other;
}

void other_free(struct global_member *m, struct other *other) {
    session_reset(other);
    resolution_free(other);
    HASH_DEL(m->others, other);
    free(other);
}

void other_drop_idle(struct global_member *m, struct other *other) {
    if (!other->up && other->known == NOT_KNOWN && other->pending == NOT_KNOWN && !other->removing &&
        !other->synced && !other->resolver && !other->reaching && !other->my_tag && !other->ignore_down)
        other_free(m, other);
}

bool other_is_known(const struct global_member *m, const hm_node_name *name) {
    const struct other *other = other_find(m, name);
    return other && other->known != NOT_KNOWN;
}

int64_t other_version(const struct global_member *m, const hm_node_name *name) {
    const struct other *other = other_find(m, name);
    if (name == m->config.self)
        return GLOBAL_VERSION;
    if (!other)
        return GLOBAL_UNKNOWN_VERSION;
    return other->known != NOT_KNOWN     ? other->known
           : other->pending != NOT_KNOWN ? other->pending
                                         : GLOBAL_UNKNOWN_VERSION;
}

void node_list_drop(struct node_list *list) {
    free(list->at);
    *list = (struct node_list){0};
}

const hm_node_name *node_list_greatest(struct node_list list) {
    const hm_node_name *greatest = list.count ? list.at[0] : NULL;
    for (unsigned i = 1; i < list.count; i++)
        if (node_compare(list.at[i], greatest) > 0)
            greatest = list.at[i];
    return greatest;
}

bool member_known_list(struct global_member *m, bool self, struct node_list *list) {
    struct other *other, *next;
    *list = (struct node_list){calloc(HASH_COUNT(m->others) + 3, sizeof *list->at), 0};
    if (!list->at) {
        member_fail(m);
        return false;
    }
    if (self)
        list->at[list->count++] = m->config.self;
    HASH_ITER(hh, m->others, other, next)
        if (other->known != NOT_KNOWN)
            list->at[list->count++] = other->name;
    return true;
}

int64_t member_random_sleep(struct global_member *m, unsigned times) {
    uint32_t most = times > 5 ? 8000 : (1u << times) * 1000 / 8;
    return 1 + m->ports->random(m->arg, most);
}

/* ---- reaching nodes that others told us of (sync_others/1) ---- */

void other_stop_reaching(struct global_member *m, struct other *other) {
    if (other->reaching)
        m->ports->demonitor(m->arg, &other->reach_ref);
    other->reaching = false;
}

void other_try_to_reach(struct global_member *m, struct other *other) {
    other->reaching = m->ports->monitor_node(m->arg, other->name, &other->reach_ref) == HM_OK;
    if (!other->reaching)
        member_fail(m);
}

void other_reach(struct global_member *m, struct other *other, bool in_sync) {
    if (other->up) {
        if (in_sync)
            member_tell_in_sync(m, other->name);
        return;
    }
    other->reach_in_sync = (other->reaching && other->reach_in_sync) || in_sync;
    if (other->reaching)
        return;
    other->reach_tries = REACH_TRIES;
    other_try_to_reach(m, other);
}
