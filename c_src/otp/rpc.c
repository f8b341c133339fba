/*
 * <hermod/rpc.h>: lib/kernel/src/erpc.erl from the caller's side. The result is the exit reason of the process that was spawned for the call,
 * {ResRef, return | throw | exit, Value} or {ResRef, error, Reason, Stack}; any other reason means that somebody ended it.
 *
 * A peer that cannot spawn is asked through rex. Whether it can is known only once it is connected, so until then the request is kept.
 */
#include <hermod/rpc.h>

#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "etf/ids.h"
#include "node/spawn_out.h"
#include "node/timers.h"

struct rpc {
    struct process_waiter waiter;
    hm_process *process;
    const hm_node_name *node;
    hm_ref spawn_ref, result_ref;
    hm_rpc_done *done;
    void *arg;
    uint64_t timer;
    struct mono asked;
    int64_t timeout_ms;
    struct block *request; /* {call, M, F, A, Leader} for rex, while it is not known whether the peer can spawn */
    struct message *message; /* made beforehand, for an outcome without a term */
};

/* ---- the outcome, a message of the process ---- */

struct outcome {
    hm_rpc_done *done;
    void *arg;
    int error;
    enum hm_rpc_kind kind;
};

static enum hm_verdict run_outcome(hm_process *self, struct message *message) {
    struct outcome *outcome = message->arg;
    enum hm_verdict verdict = HM_CONTINUE;
    struct hm_rpc_result result = {.error = outcome->error, .kind = outcome->kind, .value = message->term};
    hm_term parts[2];
    if (outcome->error == HM_EEXIT && outcome->kind == HM_RPC_ERROR && hm_tuple_elements(message->term, 2, parts)) {
        result.value = parts[0];
        result.stack = parts[1];
    }
    if (self)
        verdict = outcome->done(self, outcome->arg, &result);
    free(outcome);
    return verdict;
}

static void free_rpc(struct rpc *rpc) {
    block_release(rpc->request);
    if (rpc->message)
        message_free(rpc->message);
    free(rpc);
}

static void stop_timer(struct rpc *rpc) {
    if (rpc->timer && !timers_cancel(rpc->process, rpc->timer))
        process_drop(rpc->process, MESSAGE_CALL, rpc->timer); /* it fired, and lies in the mailbox */
    rpc->timer = 0;
}

static void forget(struct rpc *rpc) {
    hm_process *process = rpc->process;
    process_unwait(&rpc->waiter);
    if (rpc->spawn_ref.words) {
        spawn_out_abandon(process->node, &rpc->spawn_ref);
        monitors_remove(process, &rpc->spawn_ref);
    }
    stop_timer(rpc);
}

/* term: for HM_RPC_ERROR {Reason, Stack}. */
static void finish(struct rpc *rpc, int error, enum hm_rpc_kind kind, hm_term term) {
    hm_process *process = rpc->process;
    struct message *message = message_new(MESSAGE_CALL, term, NULL);
    if (!message) {
        message = rpc->message;
        error = HM_ENOMEM;
    } else {
        struct outcome *outcome = rpc->message->arg;
        message->arg = outcome;
        message->run = run_outcome;
        rpc->message->run = NULL;
        message_free(rpc->message);
    }
    rpc->message = NULL;
    struct outcome *outcome = message->arg;
    outcome->error = error;
    outcome->kind = kind;
    forget(rpc);
    free_rpc(rpc);
    process_deliver(process, message);
}

/* ---- by spawning ---- */

static void finish_with_error(struct rpc *rpc, hm_term reason, hm_term stack) {
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{~t, ~t}", reason, stack);
    if (build && hm_build_error(build) == HM_OK)
        finish(rpc, HM_EEXIT, HM_RPC_ERROR, hm_build_term(build));
    else
        finish(rpc, HM_ENOMEM, HM_RPC_ERROR, (hm_term){0});
    hm_build_free(build);
}

static void on_down(void *arg, hm_term reason) {
    struct rpc *rpc = arg;
    hm_term parts[4];
    hm_ref ref;
    bool is_three = hm_tuple_elements(reason, 3, parts), is_four = !is_three && hm_tuple_elements(reason, 4, parts);
    bool is_ours = (is_three || is_four) && ref_decode(rpc->process->node->names, parts[0], &ref) &&
                   hm_ref_equal(&ref, &rpc->result_ref);
    if (is_ours && is_three && hm_is_atom(parts[1], "return"))
        finish(rpc, HM_OK, HM_RPC_RETURN, parts[2]);
    else if (is_ours && is_three && hm_is_atom(parts[1], "throw"))
        finish(rpc, HM_EEXIT, HM_RPC_THROW, parts[2]);
    else if (is_ours && is_three && hm_is_atom(parts[1], "exit"))
        finish(rpc, HM_EEXIT, HM_RPC_EXIT, parts[2]);
    else if (is_ours && is_four && hm_is_atom(parts[1], "error"))
        finish_with_error(rpc, parts[2], parts[3]);
    else if (hm_is_atom(reason, "noconnection"))
        finish(rpc, HM_ENOCONNECTION, HM_RPC_SIGNAL, reason);
    else
        finish(rpc, HM_EEXIT, HM_RPC_SIGNAL, reason);
}

static int ask_rex(struct rpc *rpc, hm_term request);

static void on_answer(void *arg, int error, hm_pid pid, hm_term reason) {
    struct rpc *rpc = arg;
    (void)pid;
    if (error == HM_OK || error == HM_ESTATE)
        return; /* its end will tell; or the waiter below has freed everything */
    rpc->spawn_ref.words = 0;
    if (error == HM_EFLAGS && rpc->request &&
        ask_rex(rpc, (hm_term){rpc->request->at, rpc->request->size}) == HM_OK)
        return;
    finish(rpc, error == HM_EFLAGS ? HM_EEXIT : error, HM_RPC_REFUSED, reason);
}

static void put_arguments(hm_build *build, const struct hm_rpc *call, const hm_ref *ref) {
    hm_put_list(build, ref ? 4 : 3);
    if (ref)
        hm_put_ref(build, ref);
    hm_put_atom(build, call->module);
    hm_put_atom(build, call->function);
    hm_put_term(build, call->arguments);
    hm_put_nil(build);
}

static hm_pid leader_of(hm_process *self, const struct hm_rpc *call) {
    return call->leader.node ? call->leader : self->leader;
}

static int ask_spawn(struct rpc *rpc, const struct hm_rpc *call) {
    hm_process *self = rpc->process;
    hm_build *arguments = hm_build_new();
    if (!arguments)
        return HM_ENOMEM;
    put_arguments(arguments, call, &rpc->result_ref);
    int error = hm_build_error(arguments);
    struct spawn_out_request request = {.node = call->node,
                                        .module = "erpc",
                                        .function = "execute_call",
                                        .arguments = hm_build_term(arguments),
                                        .leader = leader_of(self, call),
                                        .monitor = true,
                                        .down = {on_down, rpc},
                                        .on_answer = on_answer,
                                        .arg = rpc};
    hm_ref ref;
    if (error == HM_OK && (error = spawn_out_start(self, &request, &ref)) == HM_OK)
        rpc->spawn_ref = ref;
    hm_build_free(arguments);
    return error;
}

/* ---- through rex ---- */

/* {badrpc, {'EXIT', Why}}: rpc:call/4 of OTP 22 cannot tell exit(Why) from an error; a Why of {Reason, Stack} is taken for an error. */
static void finish_badrpc(struct rpc *rpc, hm_term why) {
    hm_term reason, parts[2], element;
    struct hm_list list;
    if (!hm_match(why, "{'EXIT', ~t}", &reason)) {
        finish(rpc, HM_EEXIT, HM_RPC_REFUSED, why);
    } else if (hm_tuple_elements(reason, 2, parts) && hm_list_begin(parts[1], &list) && hm_list_next(&list, &element) &&
               hm_tuple_arity(element) >= 3) {
        finish(rpc, HM_EEXIT, HM_RPC_ERROR, reason);
    } else {
        finish(rpc, HM_EEXIT, HM_RPC_EXIT, reason);
    }
}

static enum hm_verdict on_rex(hm_process *self, void *arg, int error, hm_term reply) {
    hm_term why;
    (void)self;
    if (error == HM_OK && hm_match(reply, "{badrpc, ~t}", &why))
        finish_badrpc(arg, why);
    else if (error == HM_ENOPROC)
        finish(arg, HM_EEXIT, HM_RPC_REFUSED, ATOM_TERM("notsup")); /* neither spawn nor rex */
    else
        finish(arg, error, error == HM_OK ? HM_RPC_RETURN : HM_RPC_SIGNAL, reply);
    return HM_CONTINUE;
}

static void put_rex_request(hm_build *build, hm_process *self, const struct hm_rpc *call, const char *what) {
    hm_put_format(build, "{~a, ~a, ~a, ~t, ~p}", what, call->module, call->function, call->arguments,
                  leader_of(self, call));
}

static int ask_rex(struct rpc *rpc, hm_term request) {
    int64_t left = rpc->timeout_ms;
    if (left >= 0) {
        left -= mono_ms_between(rpc->asked, mono_now());
        left = left < 0 ? 0 : left;
    }
    stop_timer(rpc); /* one clock is enough, and this call ends by its own */
    return hm_call(rpc->process, hm_to_name("rex", rpc->node), request, left, on_rex, rpc);
}

static bool has_known_flags(const struct hm_node *node, const hm_node_name *name) {
    struct peer *peer = name && name != node->name ? peers_find(node, name) : NULL;
    return !name || name == node->name || (peer && peer_is_up(peer));
}

/* The flags of a peer that is connected are known at once; else the request is kept until they are. */
static int keep_request(struct rpc *rpc, const struct hm_rpc *call, bool *up) {
    *up = has_known_flags(rpc->process->node, call->node);
    if (*up)
        return HM_OK;
    hm_build *build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    put_rex_request(build, rpc->process, call, "call");
    int error = hm_build_error(build);
    hm_term term = hm_build_term(build);
    if (error == HM_OK && !(rpc->request = block_copy(bytes_of(term.bytes, term.size))))
        error = HM_ENOMEM;
    hm_build_free(build);
    return error;
}

static int ask_rex_now(struct rpc *rpc, const struct hm_rpc *call) {
    hm_build *build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    put_rex_request(build, rpc->process, call, "call");
    int error = hm_build_error(build);
    if (error == HM_OK)
        error = ask_rex(rpc, hm_build_term(build));
    hm_build_free(build);
    return error;
}

/* ---- public ---- */

static enum hm_verdict on_timeout(hm_process *self, struct message *message) {
    struct rpc *rpc = message->arg;
    if (!self)
        return HM_CONTINUE; /* the call is over, or its process */
    rpc->timer = 0;
    finish(rpc, HM_ETIMEOUT, HM_RPC_SIGNAL, (hm_term){0});
    return HM_CONTINUE;
}

static int start_timer(struct rpc *rpc, int64_t timeout_ms) {
    struct message *timeout = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (!timeout)
        return HM_ENOMEM;
    timeout->run = on_timeout;
    timeout->arg = rpc;
    rpc->asked = mono_now();
    return timers_add(rpc->process, timeout_ms, timeout, &rpc->timer);
}

static void on_ended(struct process_waiter *waiter, hm_term reason) {
    (void)reason;
    free_rpc((struct rpc *)((char *)waiter - offsetof(struct rpc, waiter)));
}

static const struct waiter_class waiter_class = {.ended = on_ended};

static struct rpc *rpc_new(hm_process *self, const struct hm_rpc *call, hm_rpc_done *done, void *arg) {
    struct rpc *rpc = calloc(1, sizeof *rpc);
    struct outcome *outcome = rpc ? calloc(1, sizeof *outcome) : NULL;
    if (!outcome || !(rpc->message = message_new(MESSAGE_CALL, (hm_term){0}, NULL))) {
        free(outcome);
        free(rpc);
        return NULL;
    }
    *outcome = (struct outcome){.done = done, .arg = arg};
    rpc->message->run = run_outcome;
    rpc->message->arg = outcome;
    rpc->process = self;
    rpc->node = call->node;
    rpc->timeout_ms = call->timeout_ms;
    rpc->result_ref = node_make_ref(self->node);
    process_wait(self, &rpc->waiter, &waiter_class);
    return rpc;
}

int hm_rpc_call(hm_process *self, const struct hm_rpc *call, hm_rpc_done *done, void *arg) {
    if (hm_list_length(call->arguments) < 0 || !done)
        return HM_EINVAL;
    struct rpc *rpc = rpc_new(self, call, done, arg);
    bool up;
    if (!rpc)
        return HM_ENOMEM;
    int error = keep_request(rpc, call, &up);
    if (error == HM_OK && call->timeout_ms >= 0)
        error = start_timer(rpc, call->timeout_ms);
    if (error == HM_OK && (error = ask_spawn(rpc, call)) == HM_EFLAGS && up)
        error = ask_rex_now(rpc, call);
    if (error != HM_OK) {
        forget(rpc);
        free_rpc(rpc);
    }
    return error;
}

/* ---- casts ---- */

/* A cast to a peer that is not connected: what to send to its rex, should it turn out that it cannot spawn. */
struct late_cast {
    hm_process *process;
    const hm_node_name *node;
    struct block *request;
};

static int cast_rex(hm_process *self, const hm_node_name *node, hm_term request) {
    return hm_cast(self, hm_to_name("rex", node), request);
}

static void on_cast_answer(void *arg, int error, hm_pid pid, hm_term reason) {
    struct late_cast *cast = arg;
    (void)pid;
    (void)reason;
    if (error == HM_EFLAGS)
        cast_rex(cast->process, cast->node, (hm_term){cast->request->at, cast->request->size});
    block_release(cast->request);
    free(cast);
}

static struct late_cast *late_cast_new(hm_process *self, const hm_node_name *node, hm_term request) {
    struct late_cast *cast = malloc(sizeof *cast);
    if (!cast)
        return NULL;
    *cast = (struct late_cast){self, node, block_copy(bytes_of(request.bytes, request.size))};
    if (!cast->request) {
        free(cast);
        return NULL;
    }
    return cast;
}

int hm_rpc_cast(hm_process *self, const struct hm_rpc *call) {
    if (hm_list_length(call->arguments) < 0)
        return HM_EINVAL;
    struct late_cast *late = NULL;
    hm_build *arguments = hm_build_new(), *for_rex = hm_build_new();
    int error = HM_ENOMEM;
    if (!arguments || !for_rex)
        goto done;
    put_arguments(arguments, call, NULL);
    put_rex_request(for_rex, self, call, "cast");
    if ((error = hm_build_error(arguments)) != HM_OK || (error = hm_build_error(for_rex)) != HM_OK)
        goto done;
    if (!has_known_flags(self->node, call->node) && !(late = late_cast_new(self, call->node, hm_build_term(for_rex)))) {
        error = HM_ENOMEM;
        goto done;
    }
    hm_ref ref;
    struct spawn_out_request request = {.node = call->node,
                                        .module = "erpc",
                                        .function = "execute_cast",
                                        .arguments = hm_build_term(arguments),
                                        .leader = leader_of(self, call),
                                        .on_answer = late ? on_cast_answer : NULL,
                                        .arg = late};
    error = spawn_out_start(self, &request, &ref);
    if (error != HM_OK && late)
        on_cast_answer(late, error == HM_EFLAGS ? HM_OK : error, HM_NO_PID, (hm_term){0});
    if (error == HM_EFLAGS)
        error = cast_rex(self, call->node, hm_build_term(for_rex));
done:
    hm_build_free(arguments);
    hm_build_free(for_rex);
    return error;
}
