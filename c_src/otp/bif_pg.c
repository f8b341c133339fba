/*
 * pg for rpc: pg:join/2,3, get_members/1,2 and so on of this node's scopes (lib/kernel/src/pg.erl). A scope
 * argument, where there is one, comes first; without it the scope is `pg'. `without' is how many arguments a
 * function has beside it.
 */
#include <stdarg.h>
#include <string.h>

#include "etf/ids.h"
#include "otp/bifs.h"
#include "otp/pg.h"

static const hm_term *arguments_of(const struct mfa_call *call, unsigned without) {
    return call->arguments + (call->arity - without);
}

static hm_term scope_term(const struct mfa_call *call, unsigned without) {
    return call->arity == without ? ATOM_TERM("pg") : call->arguments[0];
}

static struct pg_scope *find_scope(const struct mfa_call *call, unsigned without) {
    struct hm_text name;
    return hm_get_atom(scope_term(call, without), &name) ? pg_find(call->node, bytes_of(name.at, name.size))
                                                         : NULL;
}

/* As gen_server:call/3 exits when nobody has the name: {noproc, {gen_server, call, [Scope, Request,
 * infinity]}}. */
static enum mfa_outcome exit_noproc(struct mfa_call *call, unsigned without, const char *request, ...) {
    va_list arguments;
    if (hm_term_type(scope_term(call, without)) != HM_TYPE_ATOM)
        return mfa_error(call, "function_clause");
    hm_put_tuple(call->result, 2);
    hm_put_atom(call->result, "noproc");
    hm_put_tuple(call->result, 3);
    hm_put_atom(call->result, "gen_server");
    hm_put_atom(call->result, "call");
    hm_put_list(call->result, 3);
    hm_put_term(call->result, scope_term(call, without));
    va_start(arguments, request);
    hm_put_vformat(call->result, request, arguments);
    va_end(arguments);
    hm_put_atom(call->result, "infinity");
    hm_put_nil(call->result);
    return MFA_EXIT;
}

/* ---- join and leave ---- */

static enum mfa_outcome change(struct mfa_call *call, bool joins) {
    const hm_term group = arguments_of(call, 2)[0], pids = arguments_of(call, 2)[1];
    struct pg_scratch members = {0};
    enum mfa_outcome outcome = MFA_VALUE;
    hm_term bad;
    int error = HM_EINVAL;
    if (hm_term_type(pids) != HM_TYPE_PID && hm_list_length(pids) < 0)
        return mfa_error(call, "function_clause");
    error = pg_read_locals(call->node, &members, pids, &bad);
    struct pg_scope *scope = find_scope(call, 2);
    if (error == HM_EINVAL) {
        hm_put_format(call->result, "{nolocal, ~t}", bad);
        outcome = MFA_ERROR;
    } else if (!scope) {
        outcome = exit_noproc(call, 2, joins ? "{join_local, ~t, ~t}" : "{leave_local, ~t, ~t}", group, pids);
    } else if (error == HM_OK && joins) {
        error = pg_join(scope, group, members.at, members.count);
        hm_put_atom(call->result, "ok");
    } else if (error == HM_OK) {
        hm_put_atom(call->result, pg_leave(scope, group, members.at, members.count) ? "ok" : "not_joined");
    }
    pg_scratch_fini(&members);
    return error == HM_OK || error == HM_EINVAL ? outcome : mfa_error(call, "system_limit");
}

static enum mfa_outcome bif_join(struct mfa_call *call) {
    return change(call, true);
}

static enum mfa_outcome bif_leave(struct mfa_call *call) {
    return change(call, false);
}

/* ---- reading: an unknown scope has no members, but its groups cannot be listed (ets:match/2 of no table)
 * ---- */

static enum mfa_outcome put_members(struct mfa_call *call, enum pg_which which) {
    const struct pg_scope *scope = find_scope(call, 1);
    if (scope)
        pg_put_members(scope, arguments_of(call, 1)[0], which, call->result);
    else
        hm_put_nil(call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_get_members(struct mfa_call *call) {
    return put_members(call, PG_ALL);
}

static enum mfa_outcome bif_get_local_members(struct mfa_call *call) {
    return put_members(call, PG_LOCAL);
}

static enum mfa_outcome put_groups(struct mfa_call *call, enum pg_which which) {
    const struct pg_scope *scope = find_scope(call, 0);
    if (!scope)
        return hm_term_type(scope_term(call, 0)) == HM_TYPE_ATOM ? mfa_badarg(call)
                                                                 : mfa_error(call, "function_clause");
    pg_put_groups(scope, which, call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_which_groups(struct mfa_call *call) {
    return put_groups(call, PG_ALL);
}

static enum mfa_outcome bif_which_local_groups(struct mfa_call *call) {
    return put_groups(call, PG_LOCAL);
}

/* ---- monitors: of the process that was spawned for the call ---- */

static enum mfa_outcome watch(struct mfa_call *call, const hm_term *group) {
    struct pg_scope *scope = find_scope(call, group ? 1 : 0);
    hm_ref ref;
    if (!scope)
        return group ? exit_noproc(call, 1, "{monitor, ~t}", *group) : exit_noproc(call, 0, "monitor");
    if (pg_watchers_add(&scope->watchers, call->self->pid, group, &ref) != HM_OK)
        return mfa_error(call, "system_limit");
    hm_put_tuple(call->result, 2);
    hm_put_ref(call->result, &ref);
    if (group)
        pg_put_members(scope, *group, PG_ALL, call->result);
    else
        pg_put_all(scope, call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_monitor(struct mfa_call *call) {
    return watch(call, arguments_of(call, 1));
}

static enum mfa_outcome bif_monitor_scope(struct mfa_call *call) {
    return watch(call, NULL);
}

static enum mfa_outcome bif_demonitor(struct mfa_call *call) {
    struct pg_scope *scope = find_scope(call, 1);
    const hm_term term = arguments_of(call, 1)[0];
    hm_ref ref;
    if (!scope)
        return exit_noproc(call, 1, "{demonitor, ~t}", term);
    bool found = ref_decode(call->node->names, term, &ref) && pg_watchers_remove(&scope->watchers, &ref);
    if (found)
        pg_watchers_flush(call->self, &ref);
    hm_put_atom(call->result, found ? "ok" : "false");
    return MFA_VALUE;
}

/* ---- start ---- */

/* Linked to nobody: a scope lives as long as the node, whoever wanted it. */
static enum mfa_outcome bif_start(struct mfa_call *call) {
    struct hm_text text;
    char name[HM_ATOM_BYTES];
    if (!hm_get_atom(scope_term(call, 0), &text) || memchr(text.at, '\0', text.size))
        return mfa_error(call, "function_clause");
    memcpy(name, text.at, text.size);
    name[text.size] = '\0';
    hm_pid there = hm_whereis(call->node, name);
    if (there.node) {
        hm_put_format(call->result, "{error, {already_started, ~p}}", there);
        return MFA_VALUE;
    }
    int error = pg_start(call->node, name);
    if (error != HM_OK)
        return mfa_error(call, error == HM_ENAME ? "badarg" : "system_limit");
    hm_put_format(call->result, "{ok, ~p}", hm_whereis(call->node, name));
    return MFA_VALUE;
}

int bif_pg_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"pg", "demonitor", 1, bif_demonitor, NULL},
        {"pg", "demonitor", 2, bif_demonitor, NULL},
        {"pg", "get_local_members", 1, bif_get_local_members, NULL},
        {"pg", "get_local_members", 2, bif_get_local_members, NULL},
        {"pg", "get_members", 1, bif_get_members, NULL},
        {"pg", "get_members", 2, bif_get_members, NULL},
        {"pg", "join", 2, bif_join, NULL},
        {"pg", "join", 3, bif_join, NULL},
        {"pg", "leave", 2, bif_leave, NULL},
        {"pg", "leave", 3, bif_leave, NULL},
        {"pg", "monitor", 1, bif_monitor, NULL},
        {"pg", "monitor", 2, bif_monitor, NULL},
        {"pg", "monitor_scope", 0, bif_monitor_scope, NULL},
        {"pg", "monitor_scope", 1, bif_monitor_scope, NULL},
        {"pg", "start", 1, bif_start, NULL},
        {"pg", "start_link", 0, bif_start, NULL},
        {"pg", "start_link", 1, bif_start, NULL},
        {"pg", "which_groups", 0, bif_which_groups, NULL},
        {"pg", "which_groups", 1, bif_which_groups, NULL},
        {"pg", "which_local_groups", 0, bif_which_local_groups, NULL},
        {"pg", "which_local_groups", 1, bif_which_local_groups, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
