#include "eval/evaluator.h"

#include <stddef.h>
#include <stdlib.h>

#include <hermod/rpc.h>

#include "etf/ids.h"
#include "eval/remote.h"
#include "eval/terms.h"
#include "node/timers.h"
#include "otp/gen_server.h"
#include "otp/mfa.h"

/* What one may do in its turn: less when there are many, so that a round of all of them stays short. */
enum { SLICE_STEPS = 4000, SLICE_STEPS_LEAST = 200, ROUND_STEPS = 64000 };

struct evaluator { /* otp->evaluator */
    struct otp_evaluator functions;
    struct library *library; /* NULL until it is needed */
    struct heap_budget budget;
    struct machine_limits limits;
    uint64_t next_id;
    uint32_t count; /* of those that have not ended */
    struct hm_metrics *metrics;
};

/* One that has not ended in its first slice. */
struct evaluation {
    struct process_waiter waiter;
    hm_process *process;
    struct machine m;
    struct mfa_then then;
    uint64_t id;
    struct message *tick; /* the next one, made beforehand: going on must not need memory. NULL: it is in the
                             mailbox */
    uint64_t timer, timer_of; /* of the receive that waits */
    uint64_t mail_of;         /* the receive that sees the mail there is and waits for no more */
};

static struct evaluator *evaluator_of(const struct hm_node *node) {
    return (struct evaluator *)otp_of(node)->evaluator;
}

static struct evaluation *evaluation_of(struct process_waiter *waiter) {
    return (struct evaluation *)(void *)((char *)waiter - offsetof(struct evaluation, waiter));
}

static int64_t slice_steps(const struct evaluation *e) {
    int64_t share = ROUND_STEPS / (int64_t)evaluator_of(e->process->node)->count;
    return share > SLICE_STEPS ? SLICE_STEPS : share < SLICE_STEPS_LEAST ? SLICE_STEPS_LEAST : share;
}

static void free_evaluation(struct evaluation *e) {
    evaluator_of(e->process->node)->count--;
    machine_fini(&e->m);
    if (e->tick) {
        e->tick->run = NULL;
        message_free(e->tick);
    }
    free(e);
}

/* ---- outcome ---- */

/* As otp/mfa gives it: a value, what was thrown, the reason of exit/1, or {Reason, Stack} of an error. */
static enum mfa_outcome put_outcome(struct machine *m, enum machine_status status, hm_build *result) {
    enum mfa_outcome outcome = MFA_VALUE;
    value v = m->result;
    hm_build_reset(result);
    if (status == MACHINE_KILLED) {
        otp_of(m->self->node)->counters.eval_limit++;
        log_warn(&m->self->node->log, "eval.limit",
                 "evaluated code in %s went over its limit of %s and was ended (--eval-%s)",
                 process_label(m->self).text, m->limit, m->limit);
        hm_put_atom(result, "killed");
        return MFA_EXIT;
    }
    if (status == MACHINE_RAISED) {
        outcome = m->class == A(throw) ? MFA_THROW : m->class == A(exit) ? MFA_EXIT : MFA_ERROR;
        v = m->class == A(error) ? heap_tuple_of(&m->heap, m->reason, m->stack) : m->reason;
    }
    if (terms_write(&m->heap, result, v, m->origin) == HM_OK && hm_build_error(result) == HM_OK &&
        !m->heap.exhausted)
        return outcome;
    hm_build_reset(result); /* too deep, or a fun without an origin */
    hm_put_format(result, "{system_limit, []}");
    return MFA_ERROR;
}

static enum hm_verdict finish(struct evaluation *e, enum machine_status status) {
    hm_process *process = e->process;
    struct mfa_then then = e->then;
    hm_build *result = hm_build_new();
    enum mfa_outcome outcome = result ? put_outcome(&e->m, status, result) : MFA_EXIT;
    process_unwait(&e->waiter);
    if (e->timer)
        timers_cancel(process, e->timer);
    free_evaluation(e);
    enum hm_verdict verdict =
        then.done(process, then.arg, outcome, result ? hm_build_term(result) : ATOM_TERM("killed"));
    hm_build_free(result);
    return verdict;
}

/* ---- going on ---- */

static enum hm_verdict on_tick(hm_process *self, struct message *message);

static struct message *new_tick(uint64_t id) {
    struct message *tick = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (tick) {
        tick->run = on_tick;
        tick->tag = id;
    }
    return tick;
}

/* In the next turn. Nothing when it is on its way already. */
static void schedule(struct evaluation *e) {
    struct message *tick = e->tick;
    if (!tick)
        return;
    e->tick = NULL;
    process_deliver(e->process, tick);
}

static enum hm_verdict run(struct evaluation *e);

static enum hm_verdict on_message(struct process_waiter *waiter, hm_process *self, hm_term message) {
    struct evaluation *e = evaluation_of(waiter);
    (void)self;
    machine_deliver(&e->m, message);
    return e->tick ? run(e) : HM_CONTINUE; /* without a tick its turn comes */
}

static const struct waiter_class waiter_class;

static uint32_t kept(const hm_process *process, hm_build *build) {
    struct process_waiter *waiter;
    size_t count = 0;
    LIST_FOREACH(waiter, &process->waiters, link) {
        struct machine *m = &evaluation_of(waiter)->m;
        if (waiter->class != &waiter_class)
            continue;
        for (size_t i = 0; build && i < m->mail_count; i++)
            terms_write(&m->heap, build, m->mail[i], m->origin);
        count += m->mail_count;
    }
    return (uint32_t)count;
}

/* The process ended before the code did. */
static void on_ended(struct process_waiter *waiter, hm_term reason) {
    struct evaluation *e = evaluation_of(waiter);
    (void)reason;
    struct mfa_then then = e->then;
    free_evaluation(e);
    then.done(NULL, then.arg, MFA_ERROR, (hm_term){0});
}

static const struct waiter_class waiter_class = {.message = on_message, .ended = on_ended};

/* A message may come after the evaluation it was for: they are told apart by number. */
static struct evaluation *find(hm_process *self, uint64_t id, uint64_t timer) {
    struct process_waiter *waiter;
    LIST_FOREACH(waiter, &self->waiters, link) {
        struct evaluation *e = evaluation_of(waiter);
        if (waiter->class == &waiter_class && (timer ? e->timer == timer : e->id == id))
            return e;
    }
    return NULL;
}

static enum hm_verdict on_timeout(hm_process *self, struct message *message) {
    struct evaluation *e = self ? find(self, 0, message->tag) : NULL;
    if (!e)
        return HM_CONTINUE;
    e->timer = 0;
    if (e->timer_of == e->m.waits)
        machine_timeout(&e->m);
    schedule(e);
    return HM_CONTINUE;
}

/* A timer for the receive that it waits in, once for each. */
static bool set_timer(struct evaluation *e) {
    if (e->m.wait_ms < 0 || e->timer_of == e->m.waits)
        return true;
    if (e->m.wait_ms == 0) { /* the tick is behind all that is there */
        e->mail_of = e->m.waits;
        schedule(e);
        return true;
    }
    if (e->timer)
        timers_cancel(e->process, e->timer);
    e->timer = 0;
    struct message *message = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (!message)
        return false;
    message->run = on_timeout;
    e->timer_of = e->m.waits;
    return timers_add(e->process, e->m.wait_ms, message, &e->timer) == HM_OK;
}

static enum hm_verdict run(struct evaluation *e) {
    enum machine_status status = machine_run(&e->m, slice_steps(e));
    switch (status) {
    case MACHINE_BUSY: schedule(e); return HM_CONTINUE;
    case MACHINE_WAITING:
        if (set_timer(e))
            return HM_CONTINUE;
        e->m.limit = "memory";
        return finish(e, MACHINE_KILLED);
    default: return finish(e, status);
    }
}

static enum hm_verdict on_tick(hm_process *self, struct message *message) {
    struct evaluation *e = self ? find(self, message->tag, 0) : NULL;
    if (!e)
        return HM_CONTINUE;
    e->tick = new_tick(e->id);
    if (!e->tick) {
        e->m.limit = "memory";
        return finish(e, MACHINE_KILLED);
    }
    if (e->mail_of == e->m.waits)
        machine_timeout(&e->m);
    return run(e);
}

/* ---- functions of the table ---- */

static enum hm_verdict on_table_done(hm_process *self, void *arg, enum mfa_outcome outcome, hm_term result);

static void take_outcome(struct machine *m, enum mfa_outcome outcome, hm_term result) {
    value v = result.size ? terms_read(&m->heap, result) : A(system_limit);
    if (outcome == MFA_VALUE) {
        machine_value(m, v);
        return;
    }
    bool with_stack = outcome == MFA_ERROR && value_is_tuple(v) && value_size(v) == 2;
    value class = outcome == MFA_THROW ? A(throw) : outcome == MFA_EXIT ? A(exit) : A(error);
    if (with_stack)
        unwind_raise_with(m, class, value_words(v)[0], value_words(v)[1]);
    else
        unwind_raise(m, class, v, VALUE_NONE);
}

/* Who waits for a function that answers later, here or on another node. */
struct called {
    uint64_t id;
};

static struct evaluation *take_called(hm_process *self, void *arg) {
    struct called *called = arg;
    struct evaluation *e = self ? find(self, called->id, 0) : NULL;
    free(called);
    return e;
}

static enum hm_verdict on_table_done(hm_process *self, void *arg, enum mfa_outcome outcome, hm_term result) {
    struct evaluation *e = take_called(self, arg);
    if (!e)
        return HM_CONTINUE;
    take_outcome(&e->m, outcome, result);
    schedule(e);
    return HM_CONTINUE;
}

static bool call_out(struct machine *m, value module, value function, value arguments) {
    struct evaluation *e = m->host;
    hm_process *self = m->self;
    hm_build *build = hm_build_new(), *result = hm_build_new();
    struct called *called = malloc(sizeof *called);
    bool known = false;
    hm_term mfa[3];
    if (!build || !result || !called)
        goto done;
    hm_put_tuple(build, 3);
    if (terms_write(&m->heap, build, module, m->origin) != HM_OK ||
        terms_write(&m->heap, build, function, m->origin) != HM_OK ||
        terms_write(&m->heap, build, arguments, m->origin) != HM_OK || hm_build_error(build) != HM_OK)
        goto done;
    hm_tuple_elements(hm_build_term(build), 3, mfa);
    if (!mfa_find(self->node, mfa[0], mfa[1], value_list_length(arguments)))
        goto done;
    known = true;
    *called = (struct called){e->id};
    struct mfa_then then = {on_table_done, called};
    enum mfa_outcome outcome = mfa_apply(self, mfa[0], mfa[1], mfa[2], result, &then);
    if (outcome == MFA_LATER) {
        called = NULL;
        machine_pause(m);
    } else {
        take_outcome(m, outcome, hm_build_term(result));
    }
done:
    free(called);
    hm_build_free(build);
    hm_build_free(result);
    return known;
}

/* ---- other nodes ---- */

/* {return, V} | {throw, V} | {exit, R} | {error, R, Stack} | {signal, R} | {failed, Why}:
 * eval/library/erpc.erl makes of it what erpc does. */
static enum hm_verdict on_rpc_done(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct evaluation *e = take_called(self, arg);
    if (!e)
        return HM_CONTINUE;
    static const enum atom KINDS[] = {
        [HM_RPC_RETURN] = ATOM_return, [HM_RPC_THROW] = ATOM_throw,   [HM_RPC_EXIT] = ATOM_exit,
        [HM_RPC_ERROR] = ATOM_error,   [HM_RPC_SIGNAL] = ATOM_signal, [HM_RPC_REFUSED] = ATOM_failed};
    struct heap *heap = &e->m.heap;
    value v = result->value.size ? terms_read(heap, result->value) : A(undefined);
    if (result->error != HM_OK && result->error != HM_EEXIT)
        v = heap_tuple_of(heap, A(failed),
                          result->error == HM_ETIMEOUT        ? A(timeout)
                          : result->error == HM_ENOCONNECTION ? A(noconnection)
                                                              : A(system_limit));
    else if (result->kind == HM_RPC_ERROR)
        v = heap_tuple_of(heap, A(error), v,
                          result->stack.size ? terms_read(heap, result->stack) : VALUE_NIL);
    else
        v = heap_tuple_of(heap, ATOM_OF(KINDS[result->kind]), v);
    machine_value(&e->m, v);
    schedule(e);
    return HM_CONTINUE;
}

/* The pid, or {failed, Why}. */
static enum hm_verdict on_spawn_done(hm_process *self, void *arg, int error, hm_pid pid, hm_term reason) {
    struct evaluation *e = take_called(self, arg);
    uint8_t bytes[PID_BYTES_MAX];
    if (!e)
        return HM_CONTINUE;
    struct heap *heap = &e->m.heap;
    value v = error == HM_OK
                  ? heap_ext(heap, (hm_term){bytes, pid_encode(pid, bytes)})
                  : heap_tuple_of(heap, A(failed), reason.size ? terms_read(heap, reason) : A(noconnection));
    machine_value(&e->m, v);
    schedule(e);
    return HM_CONTINUE;
}

static bool copy_atom(const struct machine *m, value atom, char text[HM_ATOM_BYTES + 1]) {
    if (!value_is_atom(atom))
        return false;
    struct bytes bytes = value_atom_text(&m->heap, atom);
    memcpy(text, bytes.at, bytes.size);
    text[bytes.size] = 0;
    return strlen(text) == bytes.size;
}

static int ask_node(struct machine *m, const value call[4], const struct remote_call *how,
                    struct called *called) {
    char node[HM_ATOM_BYTES + 1], module[HM_ATOM_BYTES + 1], function[HM_ATOM_BYTES + 1];
    struct names *names = m->self->node->names;
    if (!copy_atom(m, call[0], node) || !copy_atom(m, call[1], module) || !copy_atom(m, call[2], function) ||
        !strchr(node, '@'))
        return HM_EINVAL;
    hm_build *build = hm_build_new();
    const hm_node_name *name = names_intern(names, node, strlen(node));
    int error = build && name ? terms_write(&m->heap, build, call[3], m->origin) : HM_ENOMEM;
    if (error == HM_OK && how->spawn) {
        struct hm_spawn spawn = {.node = name,
                                 .module = module,
                                 .function = function,
                                 .arguments = hm_build_term(build),
                                 .link = how->link};
        error = hm_spawn(m->self, &spawn, on_spawn_done, called, NULL);
    } else if (error == HM_OK) {
        struct hm_rpc rpc = HM_RPC(name, module, function, hm_build_term(build), how->timeout_ms);
        error = hm_rpc_call(m->self, &rpc, on_rpc_done, called);
    }
    hm_build_free(build);
    return error;
}

int evaluator_ask_node(struct machine *m, const value call[4], const struct remote_call *how) {
    struct evaluation *e = m->host;
    struct called *called = e ? malloc(sizeof *called) : NULL;
    if (!called)
        return e ? HM_ENOMEM : HM_EINVAL;
    *called = (struct called){e->id};
    int error = ask_node(m, call, how, called);
    if (error == HM_OK)
        machine_pause(m);
    else
        free(called);
    return error;
}

/* ---- beginning ---- */

static enum mfa_outcome refuse(hm_build *result, const char *reason) {
    hm_build_reset(result);
    hm_put_format(result, "{~a, [{erl_eval, expr, 6, []}]}", reason);
    return MFA_ERROR;
}

static struct evaluation *new_evaluation(struct evaluator *evaluator, hm_process *self,
                                         const struct mfa_then *then) {
    if (!evaluator->library && library_new(&evaluator->library) != HM_OK)
        return NULL;
    struct evaluation *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->id = ++evaluator->next_id;
    e->tick = new_tick(e->id);
    if (!e->tick) {
        free(e);
        return NULL;
    }
    machine_init(&e->m, evaluator->library, &evaluator->limits, &evaluator->budget);
    e->m.self = e->process = self;
    e->m.host = e;
    e->m.call_out = call_out;
    e->then = *then;
    evaluator->count++;
    process_wait(self, &e->waiter, &waiter_class);
    return e;
}

/* The first slice; most code ends in it, and answers at once. */
static enum mfa_outcome begin(struct evaluation *e, hm_build *result) {
    enum machine_status status = machine_run(&e->m, slice_steps(e));
    if (status == MACHINE_BUSY) {
        schedule(e);
        return MFA_LATER;
    }
    if (status == MACHINE_WAITING && set_timer(e))
        return MFA_LATER;
    if (status == MACHINE_WAITING) {
        e->m.limit = "memory";
        status = MACHINE_KILLED;
    }
    enum mfa_outcome outcome = put_outcome(&e->m, status, result);
    process_unwait(&e->waiter);
    free_evaluation(e);
    return outcome;
}

static enum mfa_outcome apply_fun(hm_process *self, hm_term fun, hm_term arguments, hm_build *result,
                                  const struct mfa_then *then) {
    struct evaluation *e;
    if (!then)
        return refuse(result, "notsup");
    if (!(e = new_evaluation(evaluator_of(self->node), self, then)))
        return refuse(result, "system_limit");
    value v = terms_read(&e->m.heap, fun);
    machine_apply(&e->m, v, terms_read(&e->m.heap, arguments));
    return begin(e, result);
}

enum { METRIC_RUNNING, METRIC_BEGUN, METRIC_MEMORY, METRICS };

static const struct hm_metric METRIC[METRICS] = {
    [METRIC_RUNNING] = {"hermod_evaluations_running", HM_GAUGE, "Closures of other nodes that are being evaluated", {0}},
    [METRIC_BEGUN] = {"hermod_evaluations_total", HM_COUNTER, "Closures of other nodes that were evaluated", {0}},
    [METRIC_MEMORY] = {"hermod_evaluation_memory_bytes", HM_GAUGE, "Memory of their values", {0}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct evaluator *evaluator = arg;
    const uint64_t values[METRICS] = {evaluator->count, evaluator->next_id, evaluator->budget.used};
    hm_metric_put(out, NULL, values[metric]);
}

int evaluator_start(struct hm_node *node, const struct evaluator_options *options) {
    struct evaluator *evaluator = calloc(1, sizeof *evaluator);
    if (!evaluator)
        return HM_ENOMEM;
    evaluator->functions = (struct otp_evaluator){apply_fun, kept};
    evaluator->budget.limit = options->total_memory_bytes ? options->total_memory_bytes : (size_t)256 << 20;
    evaluator->limits = (struct machine_limits){.memory_bytes = options->memory_bytes ? options->memory_bytes
                                                                                      : (size_t)32 << 20,
                                                .depth = options->depth ? options->depth : 200000,
                                                .steps = options->steps ? options->steps : 200000000};
    int error = metrics_add(&node->metrics, METRIC, METRICS, collect, evaluator, &evaluator->metrics);
    if (error) {
        free(evaluator);
        return error;
    }
    otp_of(node)->evaluator = &evaluator->functions;
    return HM_OK;
}

void evaluator_stop(struct hm_node *node) {
    struct evaluator *evaluator = node->otp ? evaluator_of(node) : NULL;
    if (!evaluator)
        return;
    hm_metrics_remove(evaluator->metrics);
    library_free(evaluator->library);
    free(evaluator);
    otp_of(node)->evaluator = NULL;
}
