#include "otp/pg.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "etf/ids.h"
#include "node/peers.h"
#include "node/registry.h"
#include "otp/gen_server.h"
#include "otp/supervisor.h"

enum {
    MAX_GROUPS = 1000000,
    MAX_MEMBERS = 10000000,
    MAX_MONITORS = 65536,
};

struct bytes pg_name(const struct pg_scope *scope) {
    return registry_name(scope->self);
}

/* ---- membership ---- */

static void on_changed(void *arg, struct pg_group *group, bool joined, const hm_node_name *node,
                       const struct pg_member *members, uint32_t count) {
    struct pg_scope *scope = arg;
    pg_watchers_tell(&scope->watchers, group, joined, node, members, count);
}

int pg_join(struct pg_scope *scope, hm_term term, const struct pg_member *members, uint32_t count) {
    struct pg_group *group;
    uint32_t joined = 0;
    int error = pg_groups_get(&scope->groups, term, &group);
    if (error != HM_OK)
        return error;
    while (joined < count && error == HM_OK) {
        error = pg_locals_join(&scope->locals, members[joined], group);
        joined += error == HM_OK;
    }
    if (error == HM_OK)
        error = pg_groups_join(&scope->groups, &scope->own, term, members, count);
    if (error != HM_OK) {
        while (joined > 0)
            pg_locals_leave(&scope->locals, members[--joined], group);
    }
    if (error != HM_OK || count == 0) {
        if (pg_groups_find(&scope->groups, term) == group) /* a join that failed has released it */
            pg_groups_release(&scope->groups, group);
        return error;
    }
    pg_peers_tell(scope,
                  &(struct pg_news){.kind = PG_NEWS_JOIN, .group = term, .members = members, .count = count});
    return HM_OK;
}

uint32_t pg_leave(struct pg_scope *scope, hm_term term, struct pg_member *members, uint32_t count) {
    struct pg_group *group = pg_groups_find(&scope->groups, term);
    uint32_t left = 0;
    for (uint32_t i = 0; group && i < count; i++)
        if (pg_locals_leave(&scope->locals, members[i], group))
            members[left++] = members[i];
    if (left == 0)
        return 0;
    pg_groups_leave(&scope->groups, &scope->own, term, members, left);
    pg_peers_tell(scope,
                  &(struct pg_news){.kind = PG_NEWS_LEAVE, .group = term, .members = members, .count = left});
    return left;
}

/* The peers are told while the groups are still there to be named. */
static void on_member_end(struct pg_scope *scope, struct pg_member member, struct pg_local *local) {
    uint32_t count;
    struct pg_group *const *groups = pg_local_groups(local, &count);
    pg_peers_tell(
        scope, &(struct pg_news){.kind = PG_NEWS_END, .members = &member, .groups = groups, .count = count});
    for (uint32_t i = 0; i < count; i++)
        pg_groups_leave_one(&scope->groups, &scope->own, groups[i], member);
    pg_local_free(local);
}

void pg_put_members(const struct pg_scope *scope, hm_term term, enum pg_which which, hm_build *build) {
    struct pg_cursor cursor;
    hm_pid pid;
    uint32_t length = 0;
    pg_cursor_begin(&cursor, pg_groups_find(&scope->groups, term), &scope->own, which);
    size_t begin = hm_put_list_begin(build);
    for (; pg_cursor_next(&cursor, &pid); length++)
        hm_put_pid(build, pid);
    hm_put_list_end(build, begin, length);
}

struct listing {
    const struct pg_scope *scope;
    hm_build *build;
    uint32_t count;
};

static void put_group(void *arg, struct pg_group *group) {
    struct listing *listing = arg;
    hm_put_term(listing->build, pg_group_term(group));
    listing->count++;
}

void pg_put_groups(const struct pg_scope *scope, enum pg_which which, hm_build *build) {
    struct listing listing = {.build = build};
    size_t begin = hm_put_list_begin(build);
    pg_groups_each(&scope->groups, &scope->own, which, UINT64_MAX, put_group, &listing);
    hm_put_list_end(build, begin, listing.count);
}

static void put_group_and_members(void *arg, struct pg_group *group) {
    struct listing *listing = arg;
    hm_put_term(listing->build, pg_group_term(group));
    pg_put_members(listing->scope, pg_group_term(group), PG_ALL, listing->build);
}

static void count_group(void *arg, struct pg_group *group) {
    struct listing *listing = arg;
    (void)group;
    listing->count++;
}

void pg_put_all(const struct pg_scope *scope, hm_build *build) {
    struct listing listing = {.scope = scope, .build = build};
    pg_groups_each(&scope->groups, &scope->own, PG_ALL, UINT64_MAX, count_group, &listing);
    hm_put_map(build, listing.count);
    pg_groups_each(&scope->groups, &scope->own, PG_ALL, UINT64_MAX, put_group_and_members, &listing);
}

/* ---- calls: what pg:join/3 and its like send to the scope of their own node ---- */

static enum hm_verdict reply_watch(struct pg_scope *scope, const hm_from *from, const hm_term *group) {
    hm_ref ref;
    int error = pg_watchers_add(&scope->watchers, hm_from_pid(from), group, &ref);
    if (error != HM_OK)
        return hm_reply(scope->self, from, "{error, system_limit}");
    hm_build *build = hm_build_new();
    if (build) {
        hm_put_tuple(build, 2);
        hm_put_ref(build, &ref);
        if (group)
            pg_put_members(scope, *group, PG_ALL, build);
        else
            pg_put_all(scope, build);
    }
    if (build && hm_build_error(build) == HM_OK) {
        hm_reply_term(scope->self, from, hm_build_term(build));
    } else {
        pg_watchers_remove(&scope->watchers, &ref);
        hm_reply(scope->self, from, "{error, system_limit}");
    }
    hm_build_free(build);
    return HM_CONTINUE;
}

static int take_local(struct hm_node *node, struct pg_scratch *scratch, hm_term term, hm_term *bad) {
    hm_pid pid;
    *bad = term;
    if (!pid_decode(node->names, term, &pid) || pid.node != node->name)
        return HM_EINVAL;
    return pg_scratch_add(scratch, pg_member_of(pid));
}

int pg_read_locals(struct hm_node *node, struct pg_scratch *scratch, hm_term pids, hm_term *bad) {
    struct hm_list list;
    hm_term pid;
    int error = HM_OK;
    scratch->count = 0;
    if (!hm_list_begin(pids, &list))
        return take_local(node, scratch, pids, bad);
    while (error == HM_OK && hm_list_next(&list, &pid))
        error = take_local(node, scratch, pid, bad);
    if (error == HM_OK && !hm_list_end(&list, bad))
        error = HM_EINVAL;
    return error;
}

static enum hm_verdict join_or_leave(struct pg_scope *scope, const hm_from *from, bool joins, hm_term group,
                                     hm_term pids) {
    hm_process *self = scope->self;
    hm_term bad;
    int error = pg_read_locals(self->node, &scope->scratch, pids, &bad);
    if (error == HM_EINVAL)
        return hm_reply(self, from, "{error, {nolocal, ~t}}", bad);
    if (error == HM_OK && joins)
        error = pg_join(scope, group, scope->scratch.at, scope->scratch.count);
    if (error != HM_OK)
        return hm_reply(self, from, "{error, system_limit}");
    if (!joins && !pg_leave(scope, group, scope->scratch.at, scope->scratch.count))
        return hm_reply(self, from, "not_joined");
    return hm_reply(self, from, "ok");
}

static enum hm_verdict answer(struct pg_scope *scope, hm_term request, const hm_from *from) {
    hm_term group, pids;
    hm_ref ref;
    if (hm_match(request, "{join_local, ~t, ~t}", &group, &pids))
        return join_or_leave(scope, from, true, group, pids);
    if (hm_match(request, "{leave_local, ~t, ~t}", &group, &pids))
        return join_or_leave(scope, from, false, group, pids);
    if (hm_is_atom(request, "monitor"))
        return reply_watch(scope, from, NULL);
    if (hm_match(request, "{monitor, ~t}", &group))
        return reply_watch(scope, from, &group);
    if (!hm_match(request, "{demonitor, ~t}", &group))
        return HM_UNKNOWN;
    bool found = ref_decode(scope->self->node->names, group, &ref) &&
                 pg_watchers_remove(&scope->watchers, &ref);
    return hm_reply(scope->self, from, "~a", found ? "ok" : "false");
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct pg_scope *scope = hm_data(self);
    enum hm_verdict verdict = answer(scope, request, from);
    pg_peers_catch_up(scope);
    return verdict;
}

/* ---- messages ---- */

static void on_down(struct pg_scope *scope, hm_term ref_term, hm_term pid_term) {
    struct names *names = scope->self->node->names;
    hm_pid pid;
    hm_ref ref;
    if (!ref_decode(names, ref_term, &ref) || !pid_decode(names, pid_term, &pid))
        return;
    if (node_owns_pid(scope->self->node, pid)) {
        struct pg_member member = pg_member_of(pid);
        struct pg_local *local = pg_locals_take(&scope->locals, member, &ref);
        if (local) {
            on_member_end(scope, member, local);
            return;
        }
    }
    if (!pg_peers_on_down(scope, pid, &ref))
        pg_watchers_remove(&scope->watchers, &ref);
}

static void report_junk(hm_process *self, hm_term message) {
    char *text = NULL;
    if (hm_term_print(message, HM_SYNTAX_ERLANG, 200, &text) == HM_OK)
        log_warn(&self->node->log, "pg.malformed", "scope %s got what no scope sends: %s",
                 process_label(self).text, text);
    free(text);
}

static enum hm_verdict on_message(hm_process *self, hm_term message, bool cast) {
    struct pg_scope *scope = hm_data(self);
    struct pg_message read;
    if (pg_wire_read(self->node->names, message, cast, &read))
        pg_peers_on_message(scope, &read);
    else
        report_junk(self, message);
    pg_peers_catch_up(scope);
    return HM_CONTINUE;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    return on_message(self, message, true);
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct pg_scope *scope = hm_data(self);
    struct hm_text node;
    hm_term ref, pid;
    if (hm_match(message, "{nodeup, ~a}", &node)) {
        const hm_node_name *name = names_find(self->node->names, node.at, node.size);
        if (name)
            pg_peers_discover(scope, name);
    } else if (hm_match(message, "{'DOWN', ~t, process, ~t, _}", &ref, &pid)) {
        on_down(scope, ref, pid);
    } else if (!hm_match(message, "{nodedown, _}") && !hm_match(message, "{'EXIT', _, _}")) {
        return on_message(self, message, false);
    }
    pg_peers_catch_up(scope);
    return HM_CONTINUE;
}

static enum hm_verdict on_timeout(hm_process *self) {
    pg_peers_on_timeout(hm_data(self));
    return HM_CONTINUE;
}

/* ---- life ---- */

static int on_init(hm_process *self, void *argument) {
    struct hm_node *node = self->node;
    struct pg_scope *scope = calloc(1, sizeof *scope);
    (void)argument;
    if (!scope)
        return HM_ENOMEM;
    int error = hm_monitor_nodes(self, true, false);
    if (error != HM_OK) {
        free(scope);
        return error;
    }
    scope->self = self;
    scope->locals.scope = self;
    pg_groups_init(&scope->groups, node->max_pg_groups ? node->max_pg_groups : MAX_GROUPS,
                   node->max_pg_members ? node->max_pg_members : MAX_MEMBERS, on_changed, scope);
    pg_owner_init(&scope->own, node->name);
    pg_watchers_init(&scope->watchers, self, &scope->groups,
                     node->max_pg_monitors ? node->max_pg_monitors : MAX_MONITORS);
    if (getrandom(&scope->random, sizeof scope->random, 0) != sizeof scope->random)
        scope->random = self->pid.creation;
    scope->random |= 1;
    hm_set_data(self, scope);
    pg_peers_discover_all(scope);
    return HM_OK;
}

/* Nobody is told that the members left: for whoever watches the groups the scope is gone, and with it its
 * say. */
static void on_terminate(hm_process *self, hm_term reason) {
    struct pg_scope *scope = hm_data(self);
    (void)reason;
    pg_watchers_fini(&scope->watchers);
    pg_peers_fini(scope);
    pg_groups_drop(&scope->groups, &scope->own);
    pg_groups_fini(&scope->groups);
    pg_locals_fini(&scope->locals);
    pg_scratch_fini(&scope->scratch);
    free(scope->pids);
    free(scope);
    hm_set_data(self, NULL);
}

static void put_state(hm_process *self, hm_build *build) {
    struct pg_scope *scope = hm_data(self);
    struct bytes name = pg_name(scope);
    hm_put_map(build, 5);
    hm_put_atom(build, "scope");
    hm_put_atom_n(build, (const char *)name.at, name.size);
    hm_put_atom(build, "groups");
    hm_put_uint64(build, scope->groups.groups);
    hm_put_atom(build, "local_members");
    hm_put_uint64(build, scope->own.members);
    hm_put_atom(build, "monitors");
    hm_put_uint64(build, scope->watchers.count);
    hm_put_atom(build, "peers");
    pg_peers_put(scope, build);
}

const struct hm_server_class pg_class = {
    .module = "pg",
    .init = on_init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .timeout = on_timeout,
    .terminate = on_terminate,
    .state = put_state,
};

struct pg_scope *pg_find(const struct hm_node *node, struct bytes name) {
    const hm_process *process = registry_lookup(node, name);
    if (!process || process->class != &gen_server_class)
        return NULL;
    const struct gen_server *server = process->state;
    return server && server->class == &pg_class ? hm_data(process) : NULL;
}

int pg_start(struct hm_node *node, const char *name) {
    /* It traps exits: a peer that links to it and ends does not take the memberships along. */
    struct hm_start start = {.name = name, .trap_exit = true};
    /* One that has ended is there again soon; a second child of the supervisor would be in its way for ever. */
    if (pg_find(node, bytes_of(name, strlen(name))) || supervisor_keeps(node, &pg_class, name))
        return HM_OK;
    return supervisor_start(node, &pg_class, &start, NULL, NULL);
}
