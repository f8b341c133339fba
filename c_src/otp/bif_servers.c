/*
 * What proc_lib, sys and supervisor tell about one server of this node to somebody who is elsewhere.
 *
 * get_status and get_state are read where they are, without a message to the server: nothing has to wait behind its mailbox, and it
 * cannot be stuck. Requests to a supervisor are real calls.
 */
#include <stdlib.h>

#include "etf/ids.h"
#include "node/registry.h"
#include "otp/bifs.h"
#include "otp/gen_server.h"
#include "otp/sys.h"

/* A process that is no supervisor may never answer; nobody's call is to stay here for ever because of that. */
enum { SUPERVISOR_PATIENCE_MS = 60 * 1000 };

hm_process *bif_find_process(struct hm_node *node, hm_term who) {
    char room[HM_ATOM_BYTES];
    struct hm_text name;
    hm_pid pid;
    if (pid_decode(node->names, who, &pid))
        return process_lookup(node, pid);
    if (hm_term_type(who) != HM_TYPE_ATOM)
        return NULL;
    if (!hm_get_atom(who, &name)) {
        size_t size;
        if (!hm_get_text(who, room, sizeof room, &size))
            return NULL;
        name = (struct hm_text){room, size};
    }
    return registry_lookup(node, bytes_of(name.at, name.size));
}

static bool is_server(const hm_process *process) {
    return process->class == &gen_server_class && process->state;
}

/* ---- proc_lib ---- */

/* {proc_lib, init_p, 5} is what a process without '$initial_call' in its dictionary gives. */
static void put_translated(const hm_process *process, hm_build *build) {
    if (process && is_server(process))
        sys_put_initial_call(process, build);
    else
        hm_put_format(build, "{proc_lib, init_p, 5}");
}

static enum mfa_outcome bif_translate_initial_call(struct mfa_call *call) {
    put_translated(bif_find_process(call->node, call->arguments[0]), call->result);
    return MFA_VALUE;
}

/* {M, F, Args} with names for the arguments that are not known any more. */
static enum mfa_outcome bif_initial_call(struct mfa_call *call) {
    const hm_process *process = bif_find_process(call->node, call->arguments[0]);
    hm_term mfa[3];
    if (!process || !is_server(process)) {
        hm_put_bool(call->result, false);
        return MFA_VALUE;
    }
    hm_build *build = hm_build_new();
    if (build)
        sys_put_initial_call(process, build);
    if (!build || hm_build_error(build) != HM_OK || !hm_tuple_elements(hm_build_term(build), 3, mfa)) {
        hm_build_free(build);
        return mfa_error(call, "system_limit");
    }
    hm_put_format(call->result, "{~t, ~t, ['Argument__1']}", mfa[0], mfa[1]);
    hm_build_free(build);
    return MFA_VALUE;
}

/* Nothing here sets labels. */
static enum mfa_outcome bif_get_label(struct mfa_call *call) {
    hm_pid pid;
    if (!pid_decode(call->node->names, call->arguments[0], &pid))
        return mfa_badarg(call);
    hm_put_atom(call->result, "undefined");
    return MFA_VALUE;
}

/* ---- sys ---- */

/* exit({Reason, {sys, Function, Arguments}}) of a call that failed. */
static enum mfa_outcome exit_of_call(struct mfa_call *call, const char *reason) {
    const struct mfa_row *row = mfa_entry_row(call->entry);
    hm_build_reset(call->result);
    hm_put_tuple(call->result, 2);
    hm_put_atom(call->result, reason);
    hm_put_tuple(call->result, 3);
    hm_put_atom(call->result, row->module);
    hm_put_atom(call->result, row->function);
    hm_put_list(call->result, call->arity);
    for (unsigned i = 0; i < call->arity; i++)
        hm_put_term(call->result, call->arguments[i]);
    hm_put_nil(call->result);
    return MFA_EXIT;
}

/* A process that serves no system messages would let the caller wait until its time is over. */
static enum mfa_outcome tell_about_server(struct mfa_call *call, void (*put)(hm_process *, hm_build *)) {
    hm_process *process = bif_find_process(call->node, call->arguments[0]);
    if (!process)
        return exit_of_call(call, "noproc");
    if (!is_server(process))
        return exit_of_call(call, "timeout");
    put(process, call->result);
    return MFA_VALUE;
}

static enum mfa_outcome bif_get_status(struct mfa_call *call) {
    return tell_about_server(call, sys_put_status);
}

static enum mfa_outcome bif_get_state(struct mfa_call *call) {
    return tell_about_server(call, sys_put_state);
}

/* ---- supervisor ---- */

struct question {
    struct mfa_later *later;
    hm_term arguments; /* a copy, for the reason of a failure */
};

static void free_question(struct question *question) {
    free((void *)(uintptr_t)question->arguments.bytes);
    free(question);
}

static void on_asker_ended(struct mfa_later *later, void *arg) {
    (void)later;
    struct question *question = arg;
    mfa_finish(question->later, MFA_VALUE, ATOM_TERM("ok"));
    free_question(question);
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    (void)self;
    struct question *question = arg;
    hm_term reason = error == HM_EEXIT      ? reply
                     : error == HM_ETIMEOUT ? ATOM_TERM("timeout")
                                            : ATOM_TERM("noproc");
    hm_build *build = hm_build_new();
    if (build && error != HM_OK)
        hm_put_format(build, "{~t, {gen_server, call, ~t}}", reason,
                      question->arguments);
    if (error == HM_OK)
        mfa_finish(question->later, MFA_VALUE, reply);
    else
        mfa_finish(question->later, MFA_EXIT,
                   build && hm_build_error(build) == HM_OK ? hm_build_term(build) : ATOM_TERM("noproc"));
    hm_build_free(build);
    free_question(question);
    return HM_CONTINUE;
}

/* gen_server:call(Supervisor, Request, infinity), but for SUPERVISOR_PATIENCE_MS. */
static enum mfa_outcome ask_supervisor(struct mfa_call *call, hm_term request) {
    const hm_process *process = bif_find_process(call->node, call->arguments[0]);
    struct question *question = calloc(1, sizeof *question);
    hm_build *build = hm_build_new();
    if (!question || !build)
        goto fail;
    hm_put_format(build, "[~t, ~t, infinity]", call->arguments[0], request);
    if (!process) {
        hm_put_format(call->result, "{noproc, {gen_server, call, ~t}}", hm_build_term(build));
        hm_build_free(build);
        free(question);
        return MFA_EXIT;
    }
    if (hm_build_error(build) != HM_OK || hm_term_copy(hm_build_term(build), &question->arguments) != HM_OK)
        goto fail;
    struct mfa_wait wait = {.ended = on_asker_ended, .arg = question};
    question->later = mfa_later(call, &wait);
    hm_build_free(build);
    if (!question->later) {
        free_question(question);
        return MFA_ERROR;
    }
    if (hm_call(call->self, hm_to_pid(process->pid), request, SUPERVISOR_PATIENCE_MS, on_answer, question) != HM_OK)
        on_answer(call->self, question, HM_ENOPROC, (hm_term){0});
    return MFA_LATER;
fail:
    hm_build_free(build);
    free(question);
    return mfa_error(call, "system_limit");
}

static enum mfa_outcome bif_which_children(struct mfa_call *call) {
    return ask_supervisor(call, ATOM_TERM("which_children"));
}

static enum mfa_outcome bif_count_children(struct mfa_call *call) {
    return ask_supervisor(call, ATOM_TERM("count_children"));
}

/* ---- erlang ---- */

/* There is nothing to collect; a process that is gone is what erlang:garbage_collect/1 says false to. */
static enum mfa_outcome bif_garbage_collect(struct mfa_call *call) {
    hm_pid pid;
    if (!pid_decode(call->node->names, call->arguments[0], &pid) || pid.node != call->node->name)
        return mfa_badarg(call);
    hm_put_bool(call->result, process_lookup(call->node, pid) != NULL);
    return MFA_VALUE;
}

int bif_servers_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"erlang", "garbage_collect", 1, bif_garbage_collect, NULL},
        {"proc_lib", "get_label", 1, bif_get_label, NULL},
        {"proc_lib", "initial_call", 1, bif_initial_call, NULL},
        {"proc_lib", "translate_initial_call", 1, bif_translate_initial_call, NULL},
        {"supervisor", "count_children", 1, bif_count_children, NULL},
        {"supervisor", "which_children", 1, bif_which_children, NULL},
        {"sys", "get_state", 1, bif_get_state, NULL},
        {"sys", "get_state", 2, bif_get_state, NULL},
        {"sys", "get_status", 1, bif_get_status, NULL},
        {"sys", "get_status", 2, bif_get_status, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
