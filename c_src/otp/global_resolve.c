/*
 * The resolver of global.erl: goes through the names of the other side, and settles those that both have.
 *
 * Conflicts are settled by the side with the smaller node name, by the method that was registered here, on the node of
 * the process that has the name here: on a BEAM by global:resolve_it/4, called as rpc does; on this node the three methods of global
 * itself. A method that is Erlang code cannot run here; the node of the other process is asked to run it then.
 */
#include <stdlib.h>

#include "etf/ids.h"
#include "node/terms.h"
#include "otp/global_private.h"

void resolution_free(struct other *other) {
    struct resolution *resolution = other->resolution;
    if (!resolution)
        return;
    other->resolution = NULL;
    term_drop(&resolution->names);
    term_drop(&resolution->own_method);
    hm_build_free(resolution->ops);
    hm_build_free(resolution->resolved);
    free(resolution);
}

/* ---- outcomes of a conflict ---- */

static void put_insert(struct resolution *resolution, bool also_his) {
    const struct global_entry *his = &resolution->his;
    if (also_his) { /* ours stays: he has to insert it */
        global_put_insert(resolution->resolved, his->name, resolution->own_pid, resolution->own_method);
        resolution->resolved_count++;
    } else {
        global_put_insert(resolution->ops, his->name, his->pid, his->method);
        resolution->ops_count++;
    }
}

/*
 * One that both have already goes to both partitions once more: OTP leaves it out, and a node that lost it would never get it back. So
 * ends a BEAM that has left a node but kept the connection to it: it keeps the names of that node, and those who then
 * meet it hear nothing of them.
 */
static void put_shared(struct global_member *m, const struct other *other, const struct global_name *own) {
    struct resolution *resolution = other->resolution;
    const struct global_entry *his = &resolution->his;
    hm_term method = node_compare(m->config.self, other->name) < 0 ? own->method : his->method;
    global_put_insert(resolution->ops, his->name, his->pid, method);
    resolution->ops_count++;
    global_put_insert(resolution->resolved, his->name, his->pid, method);
    resolution->resolved_count++;
}

static void put_delete(struct resolution *resolution) {
    global_put_delete(resolution->ops, resolution->his.name);
    resolution->ops_count++;
    global_put_delete(resolution->resolved, resolution->his.name);
    resolution->resolved_count++;
}

static void log_outcome(struct global_member *m, const struct resolution *resolution, const char *outcome) {
    char *name = NULL;
    if (hm_term_print(resolution->his.name, HM_SYNTAX_ERLANG, 120, &name) != HM_OK)
        name = NULL;
    log_info(m->config.log, "global.conflict", "%s is registered on both sides, by processes of %s and %s: %s",
             name ? name : "a name", hm_node_name_text(resolution->own_pid.node),
             hm_node_name_text(resolution->his.pid.node), outcome);
    free(name);
}

/* What resolve_it/4 returned; size 0: nothing, as {badrpc, _}. */
static void settle(struct global_member *m, struct resolution *resolution, hm_term result) {
    hm_pid pid;
    if (result.size && pid_decode(m->config.names, result, &pid)) {
        if (hm_pid_equal(pid, resolution->his.pid)) {
            put_insert(resolution, false);
            log_outcome(m, resolution, "the other one keeps it");
            return;
        }
        if (hm_pid_equal(pid, resolution->own_pid)) {
            put_insert(resolution, true);
            log_outcome(m, resolution, "ours keeps it");
            return;
        }
    }
    if (!result.size || hm_match(result, "{badrpc, _}")) {
        put_insert(resolution, false);
        log_outcome(m, resolution, "nobody could be asked, so the other one keeps it");
        return;
    }
    put_delete(resolution);
    log_outcome(m, resolution, "nobody keeps it");
}

/* ---- methods ---- */

static void notify(struct global_member *m, hm_pid to, hm_term name, const hm_pid *other) {
    hm_build *build = member_build(m);
    if (other)
        hm_put_format(build, "{global_name_conflict, ~t, ~p}", name, *other);
    else
        hm_put_format(build, "{global_name_conflict, ~t}", name);
    member_send_pid(m, GLOBAL_SERVER, to);
}

bool global_member_resolve(struct global_member *m, hm_term method, hm_term name, hm_pid one, hm_pid other,
                           hm_build *result) {
    bool one_is_smaller = node_compare(one.node, other.node) < 0;
    hm_pid winner = one_is_smaller ? one : other, loser = one_is_smaller ? other : one;
    switch (global_method_read(method)) {
    case GLOBAL_RANDOM_EXIT:
        m->ports->kill(m->arg, loser);
        hm_put_pid(result, winner);
        return true;
    case GLOBAL_RANDOM_NOTIFY:
        notify(m, loser, name, NULL);
        hm_put_pid(result, winner);
        return true;
    case GLOBAL_NOTIFY_ALL:
        notify(m, one, name, &other);
        notify(m, other, name, &one);
        hm_put_atom(result, "none");
        return true;
    case GLOBAL_OTHER_METHOD:
        break;
    }
    return false;
}

static void call_resolve(struct global_member *m, struct resolution *resolution, const hm_node_name *node) {
    hm_build *build = hm_build_new();
    uint64_t token = ++m->next_token;
    if (build)
        hm_put_format(build, "[~t, ~t, ~p, ~p]", resolution->own_method, resolution->his.name, resolution->his.pid,
                      resolution->own_pid);
    if (!build || hm_build_error(build) != HM_OK)
        member_fail(m);
    else if (m->ports->resolve(m->arg, node, hm_build_term(build), token) == HM_OK)
        resolution->token = token;
    else
        settle(m, resolution, (hm_term){0});
    hm_build_free(build);
}

static void resolve_here(struct global_member *m, struct resolution *resolution) {
    hm_build *result = hm_build_new();
    if (!result)
        member_fail(m);
    else if (global_member_resolve(m, resolution->own_method, resolution->his.name, resolution->his.pid,
                                   resolution->own_pid, result))
        settle(m, resolution, hm_build_term(result));
    else if (resolution->his.pid.node != m->config.self)
        call_resolve(m, resolution, resolution->his.pid.node);
    else
        settle(m, resolution, ATOM_TERM("none"));
    hm_build_free(result);
}

/* ---- the walk ---- */

static void finish(struct global_member *m, struct other *other) {
    struct resolution *resolution = other->resolution;
    hm_put_list_end(resolution->ops, resolution->ops_begin, resolution->ops_count);
    hm_put_list_end(resolution->resolved, resolution->resolved_begin, resolution->resolved_count);
    if (hm_build_error(resolution->ops) != HM_OK || hm_build_error(resolution->resolved) != HM_OK) {
        member_fail(m);
        return;
    }
    other->resolution = NULL; /* the session may be over before member_on_ops returns */
    member_on_ops(m, other, hm_build_term(resolution->ops), hm_build_term(resolution->resolved));
    struct other ended = {.resolution = resolution};
    resolution_free(&ended);
}

/* Until a conflict has to be settled elsewhere, or the end. */
static void go_on(struct global_member *m, struct other *other) {
    struct resolution *resolution = other->resolution;
    while (!m->failed && !resolution->token) {
        if (!global_next_name(m->config.names, &resolution->at, &resolution->his)) {
            finish(m, other);
            return;
        }
        const struct global_name *own = global_names_find(&m->names, resolution->his.name);
        if (!own) {
            put_insert(resolution, false);
        } else if (hm_pid_equal(own->pid, resolution->his.pid)) {
            put_shared(m, other, own);
        } else if (node_compare(m->config.self, other->name) < 0) {
            term_drop(&resolution->own_method);
            if (!member_copy(m, own->method, &resolution->own_method))
                return;
            resolution->own_pid = own->pid;
            if (own->pid.node == m->config.self)
                resolve_here(m, resolution);
            else
                call_resolve(m, resolution, own->pid.node);
        }
    }
}

void resolution_begin(struct global_member *m, struct other *other, hm_term names) {
    struct resolution *resolution = calloc(1, sizeof *resolution);
    resolution_free(other);
    if (!resolution) {
        term_drop(&names);
        member_fail(m);
        return;
    }
    other->resolution = resolution;
    resolution->names = names;
    resolution->ops = hm_build_new();
    resolution->resolved = hm_build_new();
    if (!resolution->ops || !resolution->resolved || !hm_list_begin(names, &resolution->at)) {
        member_fail(m);
        return;
    }
    resolution->ops_begin = hm_put_list_begin(resolution->ops);
    resolution->resolved_begin = hm_put_list_begin(resolution->resolved);
    go_on(m, other);
}

bool resolution_answer(struct global_member *m, uint64_t token, hm_term reply) {
    struct other *other, *next;
    HASH_ITER(hh, m->others, other, next)
        if (other->resolution && other->resolution->token == token) {
            other->resolution->token = 0;
            settle(m, other->resolution, reply);
            go_on(m, other);
            return true;
        }
    return false;
}
