#include "otp/pg_local.h"

#include <stdlib.h>
#include <string.h>

#define HASH_FUNCTION(key, size, value) ((void)(size), (value) = hash_member(key))
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

static unsigned hash_member(const void *key) {
    const struct pg_member *member = key;
    uint64_t mixed = ((uint64_t)member->serial << 32 | member->id) * 0x9e3779b97f4a7c15ull;
    return (unsigned)(mixed >> 32);
}

struct pg_local {
    UT_hash_handle hh;
    struct pg_member member;
    hm_ref ref;
    struct pg_group **groups; /* the last joined is the last */
    uint32_t count, capacity;
    bool lost;
};

static struct pg_local *find(const struct pg_locals *locals, struct pg_member member) {
    struct pg_local *local;
    HASH_FIND(hh, locals->table, &member, sizeof member, local);
    return local;
}

static struct pg_local *add(struct pg_locals *locals, struct pg_member member) {
    struct pg_local *local = calloc(1, sizeof *local);
    if (!local)
        return NULL;
    local->member = member;
    HASH_ADD(hh, locals->table, member, sizeof local->member, local);
    if (local->lost) {
        free(local);
        return NULL;
    }
    hm_pid pid = pg_member_pid(locals->scope->node->name, member);
    if (hm_monitor(locals->scope, hm_to_pid(pid), &local->ref) != HM_OK) {
        HASH_DEL(locals->table, local);
        free(local);
        return NULL;
    }
    return local;
}

static void drop(struct pg_locals *locals, struct pg_local *local) {
    HASH_DEL(locals->table, local);
    hm_demonitor(locals->scope, &local->ref);
    pg_local_free(local);
}

static bool has_room(struct pg_local *local) {
    if (local->count < local->capacity)
        return true;
    size_t capacity = local->capacity ? (size_t)local->capacity * 2 : 2;
    struct pg_group **groups = capacity <= UINT32_MAX ? realloc(local->groups, capacity * sizeof *groups)
                                                      : NULL;
    if (!groups)
        return false;
    local->groups = groups;
    local->capacity = (uint32_t)capacity;
    return true;
}

int pg_locals_join(struct pg_locals *locals, struct pg_member member, struct pg_group *group) {
    struct pg_local *local = find(locals, member);
    if (!local && !(local = add(locals, member)))
        return HM_ENOMEM;
    if (!has_room(local)) {
        if (local->count == 0)
            drop(locals, local);
        return HM_ENOMEM;
    }
    local->groups[local->count++] = group;
    return HM_OK;
}

bool pg_locals_leave(struct pg_locals *locals, struct pg_member member, struct pg_group *group) {
    struct pg_local *local = find(locals, member);
    uint32_t i = local ? local->count : 0;
    while (i > 0 && local->groups[i - 1] != group)
        i--;
    if (i == 0)
        return false;
    memmove(local->groups + i - 1, local->groups + i, (local->count - i) * sizeof *local->groups);
    if (--local->count == 0)
        drop(locals, local);
    return true;
}

static void reverse(struct pg_group **groups, uint32_t count) {
    for (uint32_t i = 0; i < count / 2; i++) {
        struct pg_group *group = groups[i];
        groups[i] = groups[count - 1 - i];
        groups[count - 1 - i] = group;
    }
}

struct pg_local *pg_locals_take(struct pg_locals *locals, struct pg_member member, const hm_ref *ref) {
    struct pg_local *local = find(locals, member);
    if (!local || !hm_ref_equal(&local->ref, ref))
        return NULL;
    HASH_DEL(locals->table, local);
    reverse(local->groups, local->count);
    return local;
}

struct pg_group *const *pg_local_groups(const struct pg_local *local, uint32_t *count) {
    *count = local->count;
    return local->groups;
}

void pg_local_free(struct pg_local *local) {
    if (!local)
        return;
    free(local->groups);
    free(local);
}

void pg_locals_fini(struct pg_locals *locals) {
    struct pg_local *local, *next;
    HASH_ITER(hh, locals->table, local, next) {
        HASH_DEL(locals->table, local);
        pg_local_free(local);
    }
}
