/*
 * The module global for callers on other nodes (lib/kernel/src/global.erl): names, and the settling of conflicts. set_lock and trans are
 * for processes that live on, and so for C (otp/global_lock.c).
 */
#include "etf/ids.h"
#include "etf/view.h"
#include "otp/bifs.h"
#include "otp/global.h"
#include "otp/global_call.h"
#include "otp/global_member.h"
#include <hermod/global.h>

static enum mfa_outcome bif_whereis_name(struct mfa_call *call) {
    hm_pid pid = hm_global_whereis(call->node, call->arguments[0]);
    if (pid.node)
        hm_put_pid(call->result, pid);
    else
        hm_put_atom(call->result, "undefined");
    return MFA_VALUE;
}

static enum mfa_outcome bif_registered_names(struct mfa_call *call) {
    hm_global_put_registered_names(call->node, call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_info(struct mfa_call *call) {
    struct global_member *member = global_member_of(call->node);
    if (!member)
        return mfa_error(call, "noproc");
    global_member_put_info(member, call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_send(struct mfa_call *call) {
    hm_pid pid = hm_global_whereis(call->node, call->arguments[0]);
    if (!pid.node) {
        hm_put_format(call->result, "{badarg, {~t, ~t}}", call->arguments[0], call->arguments[1]);
        return MFA_EXIT;
    }
    hm_send(call->self, hm_to_pid(pid), call->arguments[1]);
    hm_put_pid(call->result, pid);
    return MFA_VALUE;
}

/* ---- what the name server answers later ---- */

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    (void)self;
    if (error == HM_OK)
        mfa_finish(arg, MFA_VALUE, reply);
    else
        mfa_finish(arg, MFA_EXIT, ATOM_TERM("noproc"));
    return HM_CONTINUE;
}

static void on_ended(struct mfa_later *later, void *arg) {
    (void)arg;
    mfa_finish(later, MFA_EXIT, ATOM_TERM("noproc"));
}

/* Takes request. */
static enum mfa_outcome ask(struct mfa_call *call, hm_build *request) {
    static const struct mfa_wait wait = {.ended = on_ended};
    struct mfa_later *later = NULL;
    enum mfa_outcome outcome = MFA_LATER;
    if (!request || hm_build_error(request) != HM_OK)
        outcome = mfa_error(call, "system_limit");
    else if (!(later = mfa_later(call, &wait)))
        outcome = MFA_ERROR;
    else if (hm_call(mfa_later_process(later), hm_to_name("global_name_server", NULL), hm_build_term(request), -1,
                     on_answer, later) != HM_OK)
        mfa_finish(later, MFA_ERROR, ATOM_TERM("system_limit"));
    hm_build_free(request);
    return outcome;
}

static enum mfa_outcome bif_sync_0(struct mfa_call *call) {
    hm_build *request = hm_build_new();
    if (request) {
        hm_put_tuple(request, 2);
        hm_put_atom(request, "sync");
        global_put_visible(call->node, request);
    }
    return ask(call, request);
}

static enum mfa_outcome bif_sync_1(struct mfa_call *call) {
    hm_build *request = hm_build_new();
    if (hm_list_length(call->arguments[0]) < 0) {
        hm_build_free(request);
        return mfa_badarg(call);
    }
    if (request)
        hm_put_format(request, "{sync, ~t}", call->arguments[0]);
    return ask(call, request);
}

/* {M, F}, as before there were funs, or a fun with three arguments. */
static bool is_method(hm_term term) {
    struct fun fun;
    return hm_term_type(term) == HM_TYPE_FUN && view_fun(term.bytes, &fun) && fun.arity == 3;
}

static enum mfa_outcome register_name(struct mfa_call *call, const char *replace) {
    hm_pid pid;
    hm_term method =
        call->arity > 2 ? call->arguments[2] : global_method_term(GLOBAL_RANDOM_EXIT);
    if (!pid_decode(call->node->names, call->arguments[1], &pid) || !is_method(method))
        return mfa_error(call, "function_clause");
    hm_build *request = hm_build_new();
    if (request)
        hm_put_format(request, "{'$hm_register', ~a, ~t, ~p, ~t}", replace, call->arguments[0], pid, method);
    return ask(call, request);
}

static enum mfa_outcome bif_register_name(struct mfa_call *call) {
    return register_name(call, "false");
}

static enum mfa_outcome bif_re_register_name(struct mfa_call *call) {
    return register_name(call, "true");
}

static enum mfa_outcome bif_unregister_name(struct mfa_call *call) {
    hm_build *request = hm_build_new();
    if (request)
        hm_put_format(request, "{'$hm_unregister', ~t}", call->arguments[0]);
    return ask(call, request);
}

/* resolve_it(Method, Name, Pid1, Pid2): a BEAM asks the node of a process that has a name on both sides. What cannot be run here is caught there, as
 * `catch Method(...)` would be, and the name is then unregistered. */
static enum mfa_outcome bif_resolve_it(struct mfa_call *call) {
    struct global_member *member = global_member_of(call->node);
    hm_pid one, other;
    if (!pid_decode(call->node->names, call->arguments[2], &one) ||
        !pid_decode(call->node->names, call->arguments[3], &other) || !member)
        return mfa_badarg(call);
    if (!global_member_resolve(member, call->arguments[0], call->arguments[1], one, other, call->result))
        hm_put_format(call->result, "{'EXIT', {undef, [{~t, [~t, ~t, ~t], []}]}}", call->arguments[0],
                      call->arguments[1], call->arguments[2], call->arguments[3]);
    return MFA_VALUE;
}

int bif_global_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"global", "info", 0, bif_info, NULL},
        {"global", "re_register_name", 2, bif_re_register_name, NULL},
        {"global", "re_register_name", 3, bif_re_register_name, NULL},
        {"global", "register_name", 2, bif_register_name, NULL},
        {"global", "register_name", 3, bif_register_name, NULL},
        {"global", "registered_names", 0, bif_registered_names, NULL},
        {"global", "resolve_it", 4, bif_resolve_it, NULL},
        {"global", "send", 2, bif_send, NULL},
        {"global", "sync", 0, bif_sync_0, NULL},
        {"global", "sync", 1, bif_sync_1, NULL},
        {"global", "unregister_name", 1, bif_unregister_name, NULL},
        {"global", "whereis_name", 1, bif_whereis_name, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
