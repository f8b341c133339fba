/* <hermod/pg.h> over otp/pg. */
#include <hermod/pg.h>

#include <stdlib.h>
#include <string.h>

#include "node/route.h"
#include "otp/pg.h"

static const char *scope_name(const char *scope) {
    return scope ? scope : "pg";
}

static struct pg_scope *find(const hm_node *node, const char *name) {
    name = scope_name(name);
    return pg_find(node, bytes_of(name, strlen(name)));
}

int hm_pg_start(hm_node *node, const char *scope) {
    return pg_start(node, scope_name(scope));
}

/* ---- join and leave ---- */

/* The scope, and the members in its scratch. */
static int prepare(hm_node *node, const char *name, hm_term group, const hm_pid members[], size_t count,
                   struct pg_scope **result) {
    struct pg_scope *scope = find(node, name);
    if (!scope)
        return HM_ENOPROC;
    if (!group.size) /* of a failed builder: a group that no message to a peer could name */
        return HM_EINVAL;
    scope->scratch.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (members[i].node != node->name)
            return HM_EINVAL;
        int error = pg_scratch_add(&scope->scratch, pg_member_of(members[i]));
        if (error != HM_OK)
            return error;
    }
    *result = scope;
    return HM_OK;
}

int hm_pg_join_many(hm_node *node, const char *name, hm_term group, const hm_pid members[], size_t count) {
    struct pg_scope *scope;
    int error = prepare(node, name, group, members, count, &scope);
    return error == HM_OK ? pg_join(scope, group, scope->scratch.at, scope->scratch.count) : error;
}

int hm_pg_leave_many(hm_node *node, const char *name, hm_term group, const hm_pid members[], size_t count) {
    struct pg_scope *scope;
    int error = prepare(node, name, group, members, count, &scope);
    if (error != HM_OK)
        return error;
    return pg_leave(scope, group, scope->scratch.at, scope->scratch.count) ? HM_OK : HM_ENOENT;
}

int hm_pg_join(hm_node *node, const char *scope, hm_term group, hm_pid member) {
    return hm_pg_join_many(node, scope, group, &member, 1);
}

int hm_pg_leave(hm_node *node, const char *scope, hm_term group, hm_pid member) {
    return hm_pg_leave_many(node, scope, group, &member, 1);
}

/* ---- reading ---- */

_Static_assert((int)HM_PG_ALL == (int)PG_ALL && (int)HM_PG_LOCAL == (int)PG_LOCAL &&
                   (int)HM_PG_REMOTE == (int)PG_REMOTE,
               "the public names of enum pg_which");

static const struct pg_group *find_group(const hm_node *node, const char *name, hm_term group,
                                         const struct pg_scope **scope) {
    *scope = find(node, name);
    return *scope ? pg_groups_find(&(*scope)->groups, group) : NULL;
}

size_t hm_pg_count(const hm_node *node, const char *name, hm_term term, enum hm_pg_which which) {
    const struct pg_scope *scope;
    const struct pg_group *group = find_group(node, name, term, &scope);
    return group ? pg_group_count(group, &scope->own, (enum pg_which)which) : 0;
}

void hm_pg_members(const hm_node *node, const char *name, hm_term term, enum hm_pg_which which,
                   void (*each)(void *arg, hm_pid member), void *arg) {
    const struct pg_scope *scope;
    const struct pg_group *group = find_group(node, name, term, &scope);
    struct pg_cursor cursor;
    hm_pid pid;
    if (!group)
        return;
    pg_cursor_begin(&cursor, group, &scope->own, (enum pg_which)which);
    while (pg_cursor_next(&cursor, &pid))
        each(arg, pid);
}

/* As many as there are: count is pg_group_count of the same. */
static void fill(const struct pg_scope *scope, const struct pg_group *group, enum pg_which which,
                 hm_pid pids[], size_t count) {
    struct pg_cursor cursor;
    pg_cursor_begin(&cursor, group, &scope->own, which);
    for (size_t i = 0; i < count; i++)
        pg_cursor_next(&cursor, &pids[i]);
}

static int get_members(const hm_node *node, const char *name, hm_term term, enum pg_which which,
                       hm_pid **members, size_t *count) {
    const struct pg_scope *scope;
    const struct pg_group *group = find_group(node, name, term, &scope);
    size_t expected = group ? pg_group_count(group, &scope->own, which) : 0;
    *members = NULL;
    *count = 0;
    if (!expected)
        return HM_OK;
    hm_pid *pids = malloc(expected * sizeof *pids);
    if (!pids)
        return HM_ENOMEM;
    fill(scope, group, which, pids, expected);
    *members = pids;
    *count = expected;
    return HM_OK;
}

int hm_pg_get_members(const hm_node *node, const char *scope, hm_term group, hm_pid **members,
                      size_t *count) {
    return get_members(node, scope, group, PG_ALL, members, count);
}

int hm_pg_get_local_members(const hm_node *node, const char *scope, hm_term group, hm_pid **members,
                            size_t *count) {
    return get_members(node, scope, group, PG_LOCAL, members, count);
}

struct pass {
    void (*each)(void *arg, hm_term group);
    void *arg;
};

static void pass_group(void *arg, struct pg_group *group) {
    const struct pass *pass = arg;
    pass->each(pass->arg, pg_group_term(group));
}

int hm_pg_some_groups(const hm_node *node, const char *name, enum hm_pg_which which, size_t most,
                      void (*each)(void *arg, hm_term group), void *arg) {
    const struct pg_scope *scope = find(node, name);
    struct pass pass = {each, arg};
    if (!scope)
        return HM_ENOPROC;
    pg_groups_each(&scope->groups, &scope->own, (enum pg_which)which, most, pass_group, &pass);
    return HM_OK;
}

int hm_pg_groups(const hm_node *node, const char *name, enum hm_pg_which which,
                 void (*each)(void *arg, hm_term group), void *arg) {
    return hm_pg_some_groups(node, name, which, SIZE_MAX, each, arg);
}

/* xorshift64*: which of many equals is asked matters to nobody but the load. */
static uint64_t next_random(struct pg_scope *scope) {
    scope->random ^= scope->random >> 12;
    scope->random ^= scope->random << 25;
    scope->random ^= scope->random >> 27;
    return scope->random * 0x2545f4914f6cdd1dull;
}

hm_pid hm_pg_get_closest_pid(hm_node *node, const char *name, hm_term term) {
    struct pg_scope *scope = find(node, name);
    const struct pg_group *group = scope ? pg_groups_find(&scope->groups, term) : NULL;
    struct pg_cursor cursor;
    hm_pid pid = HM_NO_PID;
    if (!group)
        return HM_NO_PID;
    enum pg_which which = PG_LOCAL;
    uint64_t count = pg_group_count(group, &scope->own, which);
    if (!count)
        count = pg_group_count(group, &scope->own, which = PG_REMOTE);
    if (!count)
        return HM_NO_PID;
    uint64_t pick = next_random(scope) % count;
    pg_cursor_begin(&cursor, group, &scope->own, which);
    while (pg_cursor_next(&cursor, &pid) && pick-- > 0)
        continue;
    return pid;
}

/* ---- sending ---- */

int hm_pg_send(hm_process *self, const char *name, hm_term term, enum hm_pg_which which, hm_term message) {
    struct pg_scope *scope = find(self->node, name);
    if (!scope)
        return HM_ENOPROC;
    const struct pg_group *group = pg_groups_find(&scope->groups, term);
    size_t count = group ? pg_group_count(group, &scope->own, (enum pg_which)which) : 0;
    if (!count)
        return HM_OK;
    if (count > scope->pids_capacity) {
        hm_pid *pids = realloc(scope->pids, count * sizeof *pids);
        if (!pids)
            return HM_ENOMEM;
        scope->pids = pids;
        scope->pids_capacity = count;
    }
    fill(scope, group, (enum pg_which)which, scope->pids, count);
    return hm_send_many(self, scope->pids, count, message);
}

/* ---- monitors ---- */

static int monitor(hm_process *self, const char *name, const hm_term *group, hm_ref *ref) {
    struct pg_scope *scope = find(self->node, name);
    if (!scope)
        return HM_ENOPROC;
    return group && !group->size ? HM_EINVAL : pg_watchers_add(&scope->watchers, self->pid, group, ref);
}

int hm_pg_monitor(hm_process *self, const char *scope, hm_term group, hm_ref *ref) {
    return monitor(self, scope, &group, ref);
}

int hm_pg_monitor_scope(hm_process *self, const char *scope, hm_ref *ref) {
    return monitor(self, scope, NULL, ref);
}

bool hm_pg_demonitor(hm_process *self, const char *name, const hm_ref *ref) {
    struct pg_scope *scope = find(self->node, name);
    bool found = scope && pg_watchers_remove(&scope->watchers, ref);
    pg_watchers_flush(self, ref);
    return found;
}
