#include <stdlib.h>

#include <hermod/pg.h>

#include "subject_pg.h"

static enum hm_verdict reply_pids(hm_process *self, const hm_from *from, const hm_pid *pids, size_t count) {
    hm_build *build = hm_build_new();
    if (!build)
        return hm_reply(self, from, "{error, no_memory}");
    hm_put_list(build, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        hm_put_pid(build, pids[i]);
    hm_put_nil(build);
    hm_reply_term(self, from, hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

static enum hm_verdict reply_outcome(hm_process *self, const hm_from *from, int error) {
    return error == HM_ENOENT ? hm_reply(self, from, "not_joined")
           : error            ? hm_reply(self, from, "{error, ~i}", (int64_t)error)
                              : hm_reply(self, from, "ok");
}

static enum hm_verdict reply_members(hm_process *self, const hm_from *from, const char *scope, hm_term group,
                                     bool local) {
    hm_pid *pids;
    size_t count;
    int error = local ? hm_pg_get_local_members(hm_node_of(self), scope, group, &pids, &count)
                      : hm_pg_get_members(hm_node_of(self), scope, group, &pids, &count);
    if (error)
        return reply_outcome(self, from, error);
    reply_pids(self, from, pids, count);
    free(pids);
    return HM_CONTINUE;
}

struct listing {
    hm_build *build;
    uint32_t length;
};

static void put_group(void *arg, hm_term group) {
    struct listing *listing = arg;
    hm_put_term(listing->build, group);
    listing->length++;
}

static enum hm_verdict reply_groups(hm_process *self, const hm_from *from, const char *scope, enum hm_pg_which which) {
    struct listing listing = {.build = hm_build_new()};
    if (!listing.build)
        return hm_reply(self, from, "{error, no_memory}");
    size_t begin = hm_put_list_begin(listing.build);
    int error = hm_pg_groups(hm_node_of(self), scope, which, put_group, &listing);
    hm_put_list_end(listing.build, begin, listing.length);
    if (error)
        reply_outcome(self, from, error);
    else
        hm_reply_term(self, from, hm_build_term(listing.build));
    hm_build_free(listing.build);
    return HM_CONTINUE;
}

/* {pg, Scope, Request}. */
static enum hm_verdict answer(hm_process *self, const hm_from *from, const char *scope, hm_term request) {
    hm_node *node = hm_node_of(self);
    hm_term group, term;
    hm_ref ref;
    if (hm_is_atom(request, "start"))
        return reply_outcome(self, from, hm_pg_start(node, scope));
    if (hm_match(request, "{join, ~t}", &group))
        return reply_outcome(self, from, hm_pg_join(node, scope, group, hm_self(self)));
    if (hm_match(request, "{leave, ~t}", &group))
        return reply_outcome(self, from, hm_pg_leave(node, scope, group, hm_self(self)));
    if (hm_match(request, "{members, ~t}", &group))
        return reply_members(self, from, scope, group, false);
    if (hm_match(request, "{local_members, ~t}", &group))
        return reply_members(self, from, scope, group, true);
    if (hm_is_atom(request, "groups"))
        return reply_groups(self, from, scope, HM_PG_ALL);
    if (hm_is_atom(request, "local_groups"))
        return reply_groups(self, from, scope, HM_PG_LOCAL);
    if (hm_match(request, "{closest, ~t}", &group)) {
        hm_pid pid = hm_pg_get_closest_pid(node, scope, group);
        return pid.node ? hm_reply(self, from, "~p", pid) : hm_reply(self, from, "none");
    }
    if (hm_match(request, "{send, ~t, ~t}", &group, &term))
        return reply_outcome(self, from, hm_pg_send(self, scope, group, HM_PG_ALL, term));
    if (hm_is_atom(request, "monitor_scope") || hm_match(request, "{monitor, ~t}", &group)) {
        int error = hm_is_atom(request, "monitor_scope") ? hm_pg_monitor_scope(self, scope, &ref)
                                                         : hm_pg_monitor(self, scope, group, &ref);
        return error ? reply_outcome(self, from, error) : hm_reply(self, from, "~r", &ref);
    }
    if (hm_match(request, "{demonitor, ~t}", &term) && hm_get_ref(node, term, &ref))
        return hm_reply(self, from, "~a", hm_pg_demonitor(self, scope, &ref) ? "ok" : "false");
    return HM_UNKNOWN;
}

enum hm_verdict subject_pg_call(hm_process *self, hm_term request, const hm_from *from) {
    char scope[HM_ATOM_BYTES];
    hm_term name, body;
    size_t size;
    if (!hm_match(request, "{pg, ~t, ~t}", &name, &body) || !hm_get_text(name, scope, sizeof scope, &size))
        return HM_UNKNOWN;
    return answer(self, from, scope, body);
}
