/*
 * gen:call from C: a monitor and an alias under one reference, as OTP 24+ does it. The answer comes to the alias; a
 * server that ignores aliases (it answers the pid, as nodes without the ALIAS flag must) is recognised by the tag in
 * what arrives at the process: see calls_take.
 */
#include "node/calls.h"

#include <stdlib.h>

#include "dist/left_out.h"
#include "node/aliases.h"
#include "node/monitors.h"
#include "node/route.h"
#include "node/timers.h"

enum call_kind {
    CALL_GEN,
    CALL_SYSTEM, /* as CALL_GEN, under another label (gen:call/4) */
    CALL_IO,     /* an io_request: another shape, and its answer comes to the pid only */
};

struct call {
    LIST_ENTRY(call) link;
    hm_process *process;
    hm_ref ref;
    enum call_kind kind;
    struct alias *alias;
    uint64_t timer;
    hm_call_done *done;
    void *arg;
};

/* The outcome travels as a message of the process: error in its tag, the answer in its term. */
struct outcome {
    hm_call_done *done;
    void *arg;
    int error;
};

static enum hm_verdict run_outcome(hm_process *self, struct message *message) {
    struct outcome *outcome = message->arg;
    enum hm_verdict verdict = HM_CONTINUE;
    if (self && outcome->done)
        verdict = outcome->done(self, outcome->arg, outcome->error, message->term);
    free(outcome);
    return verdict;
}

static void forget(struct call *call) {
    hm_process *process = call->process;
    LIST_REMOVE(call, link);
    aliases_remove(call->alias);
    monitors_remove(process, &call->ref);
    if (call->timer && !timers_cancel(process, call->timer))
        process_drop(process, MESSAGE_CALL, call->timer); /* it fired, and lies in the mailbox */
}

static void finish(struct call *call, int error, hm_term term, struct block *shared) {
    hm_process *process = call->process;
    struct outcome *outcome = malloc(sizeof *outcome);
    struct message *message = outcome ? message_new(MESSAGE_CALL, term, shared) : NULL;
    forget(call);
    if (message) {
        *outcome = (struct outcome){call->done, call->arg, error};
        message->run = run_outcome;
        message->arg = outcome;
        process_deliver(process, message);
    } else {
        free(outcome);
        log_error(&process->node->log, "call.memory", "no memory for the answer to a call; it is lost");
    }
    free(call);
}

static void on_down(void *arg, hm_term reason) {
    struct call *call = arg;
    int error = HM_EEXIT;
    if (hm_is_atom(reason, "noproc"))
        error = HM_ENOPROC;
    else if (hm_is_atom(reason, "noconnection"))
        error = HM_ENOCONNECTION;
    finish(call, error, reason, NULL);
}

static void finish_with(struct call *call, hm_term reply, struct block *shared) {
    if (hm_is_atom(reply, LEFT_OUT))
        finish(call, HM_ELIMIT, (hm_term){0}, NULL);
    else
        finish(call, HM_OK, reply, shared);
}

static void on_reply(void *arg, hm_term message, struct block *shared) {
    hm_term parts[2];
    struct call *call = arg;
    if (call->kind != CALL_IO && hm_tuple_elements(message, 2, parts))
        finish_with(call, parts[1], shared);
}

static enum hm_verdict on_timeout(hm_process *self, struct message *message) {
    struct call *call = message->arg;
    if (!self)
        return HM_CONTINUE; /* the call was forgotten, or its process ended */
    call->timer = 0;
    finish(call, HM_ETIMEOUT, (hm_term){0}, NULL);
    return HM_CONTINUE;
}

static int send_request(struct call *call, hm_address to, hm_term request) {
    hm_process *process = call->process;
    hm_build *build = node_build_take(process->node);
    if (!build)
        return HM_ENOMEM;
    if (call->kind == CALL_IO) { /* lib/stdlib/src/io.erl, execute_request */
        hm_put_format(build, "{io_request, ~p, ~r, ~t}", process->pid, &call->ref, request);
    } else {
        hm_put_tuple(build, 3);
        hm_put_atom(build, call->kind == CALL_SYSTEM ? "system" : "$gen_call");
        hm_put_tuple(build, 2);
        hm_put_pid(build, process->pid);
        hm_put_list(build, 1);
        hm_put_atom(build, "alias");
        hm_put_ref(build, &call->ref);
        hm_put_term(build, request);
    }
    int error = hm_build_error(build);
    if (error == HM_OK)
        error = route_send(process->node, process->pid, to, hm_build_term(build), NULL);
    node_build_give(process->node, build);
    return error;
}

static int start(hm_process *self, enum call_kind kind, hm_address to, hm_term request, int64_t timeout_ms, hm_call_done *done,
                 void *arg) {
    struct call *call = calloc(1, sizeof *call);
    struct message *timeout = NULL;
    int error = HM_ENOMEM;
    if (!call)
        return HM_ENOMEM;
    *call = (struct call){.process = self, .ref = node_make_ref(self->node), .kind = kind, .done = done, .arg = arg};
    call->alias = aliases_add(self, &call->ref, on_reply, call);
    if (!call->alias)
        goto fail;
    if (timeout_ms >= 0) {
        timeout = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
        if (!timeout)
            goto fail_alias;
        timeout->run = on_timeout;
        timeout->arg = call;
        if ((error = timers_add(self, timeout_ms, timeout, &call->timer)) != HM_OK)
            goto fail_alias;
    }
    LIST_INSERT_HEAD(&self->calls, call, link);
    /* The request first leaves when the monitor is on its way; a monitor that fails at once finishes the call. */
    hm_ref ref = call->ref;
    struct monitor_down down = {on_down, call};
    if ((error = monitors_add(self, to, &down, &ref)) != HM_OK) {
        forget(call);
        free(call);
        return error;
    }
    if (!aliases_lookup(self->node, &ref))
        return HM_OK; /* over already: noproc */
    if ((error = send_request(call, to, request)) != HM_OK) {
        forget(call);
        free(call);
        return error;
    }
    return HM_OK;
fail_alias:
    aliases_remove(call->alias);
fail:
    free(call);
    return error;
}

int hm_call(hm_process *self, hm_address to, hm_term request, int64_t timeout_ms, hm_call_done *done, void *arg) {
    return start(self, CALL_GEN, to, request, timeout_ms, done, arg);
}

int hm_system_call(hm_process *self, hm_address to, hm_term request, int64_t timeout_ms, hm_call_done *done, void *arg) {
    return start(self, CALL_SYSTEM, to, request, timeout_ms, done, arg);
}

int calls_io_request(hm_process *self, hm_address to, hm_term request, int64_t timeout_ms, hm_call_done *done,
                     void *arg) {
    return start(self, CALL_IO, to, request, timeout_ms, done, arg);
}

/* The call of this process that has this reference. */
static struct call *find(const hm_process *self, hm_term reference) {
    hm_ref ref;
    if (!ref_decode(self->node->names, reference, &ref))
        return NULL;
    struct alias *alias = aliases_lookup(self->node, &ref);
    struct call *call = alias ? alias_argument(alias, on_reply) : NULL;
    return call && call->process == self ? call : NULL;
}

/* {io_reply, Ref, Reply} */
static bool take_io_reply(hm_process *self, hm_term message) {
    hm_term parts[3];
    if (!hm_tuple_elements(message, 3, parts) || !hm_is_atom(parts[0], "io_reply"))
        return false;
    struct call *call = find(self, parts[1]);
    if (!call || call->kind != CALL_IO)
        return false;
    finish_with(call, parts[2], NULL);
    return true;
}

bool calls_take(hm_process *self, hm_term message) {
    hm_term parts[2], tag[1];
    struct hm_list list;
    if (LIST_EMPTY(&self->calls))
        return false;
    if (!hm_tuple_elements(message, 2, parts))
        return take_io_reply(self, message);
    hm_term reference = parts[0];
    if (hm_list_begin(parts[0], &list)) { /* [alias | Ref] */
        if (!hm_list_next(&list, &tag[0]) || !hm_is_atom(tag[0], "alias") || hm_list_next(&list, &tag[0]) ||
            hm_list_end(&list, &reference))
            return false;
    }
    struct call *call = find(self, reference);
    if (!call || call->kind == CALL_IO)
        return false;
    on_reply(call, message, NULL);
    return true;
}

void calls_on_end(hm_process *process) {
    struct call *call;
    while ((call = LIST_FIRST(&process->calls))) {
        LIST_REMOVE(call, link);
        free(call); /* its alias, monitor and timer end with the process */
    }
}
