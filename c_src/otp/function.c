/*
 * <hermod/function.h> on otp/mfa: the public shape of a function, those that run on the worker pool, and handles for answers that come later.
 */
#include <hermod/function.h>

#include <stdarg.h>
#include <stdlib.h>

#include "otp/function.h"
#include "otp/mfa.h"

_Static_assert((int)HM_VALUE == MFA_VALUE && (int)HM_ERROR == MFA_ERROR && (int)HM_EXIT == MFA_EXIT &&
                   (int)HM_THROW == MFA_THROW && (int)HM_LATER == MFA_LATER && (int)HM_FUNCTION_ARGUMENTS == MFA_ARGUMENTS,
               "outcomes are passed through");

struct function {
    LIST_ENTRY(function) link;
    hm_function_handler *handler;
    void *argument;
    bool on_pool;
};

struct hm_pending {
    struct mfa_later *later;
    hm_pending_ended *ended;
    hm_pending_message *message;
    void *arg;
};

/* What hm_function_call.reserved points to while a handler runs. */
struct running {
    struct mfa_call *call; /* NULL on the pool */
    hm_pending *pending;   /* that the handler made */
};

/* ---- on the node's thread ---- */

static hm_term ok_if_empty(hm_term result) {
    return result.size ? result : ATOM_TERM("ok");
}

static enum mfa_outcome run_here(struct mfa_call *call, const struct function *function) {
    struct running running = {.call = call};
    struct hm_function_call public = {.self = call->self,
                                      .caller = call->self->parent,
                                      .arity = call->arity,
                                      .arguments = call->arguments,
                                      .result = call->result,
                                      .argument = function->argument,
                                      .reserved = &running};
    enum hm_outcome outcome = function->handler(&public);
    if (outcome == HM_LATER && !running.pending)
        return mfa_error(call, "system_limit"); /* it could not wait, or forgot to say that it does */
    if (outcome != HM_LATER && running.pending) { /* it has the answer after all */
        hm_finish(running.pending, outcome, hm_build_term(call->result));
        outcome = HM_LATER;
    }
    if (outcome != HM_LATER && hm_build_error(call->result) == HM_OK && hm_build_term(call->result).size == 0)
        hm_put_atom(call->result, "ok");
    return (enum mfa_outcome)outcome;
}

/* ---- on the pool ---- */

struct job {
    const struct function *function;
    struct mfa_later *later;
    unsigned arity;
    hm_pid caller;
    hm_build *result;
    enum hm_outcome outcome;
    hm_term arguments[MFA_ARGUMENTS]; /* copied behind */
    unsigned char bytes[];
};

static struct job *job_new(const struct mfa_call *call, const struct function *function) {
    size_t size = 0;
    for (unsigned i = 0; i < call->arity; i++)
        size += call->arguments[i].size;
    struct job *job = calloc(1, sizeof *job + size);
    if (!job)
        return NULL;
    job->function = function;
    job->arity = call->arity;
    job->caller = call->self->parent;
    unsigned char *at = job->bytes;
    for (unsigned i = 0; i < call->arity; i++) {
        job->arguments[i] = (hm_term){at, call->arguments[i].size};
        memcpy(at, call->arguments[i].bytes, call->arguments[i].size);
        at += call->arguments[i].size;
    }
    job->result = hm_build_new();
    if (!job->result) {
        free(job);
        return NULL;
    }
    return job;
}

static void free_job(struct job *job) {
    hm_build_free(job->result);
    free(job);
}

static void work(void *arg) {
    struct job *job = arg;
    struct running running = {0};
    struct hm_function_call public = {.caller = job->caller,
                                      .arity = job->arity,
                                      .arguments = job->arguments,
                                      .result = job->result,
                                      .argument = job->function->argument,
                                      .reserved = &running};
    job->outcome = job->function->handler(&public);
}

static enum hm_verdict on_worked(hm_process *self, void *arg) {
    struct job *job = arg;
    (void)self; /* NULL when it ended: the handle knows, too */
    if (job->outcome == HM_LATER || hm_build_error(job->result) != HM_OK)
        mfa_finish(job->later, MFA_ERROR, ATOM_TERM("system_limit"));
    else
        mfa_finish(job->later, (enum mfa_outcome)job->outcome, ok_if_empty(hm_build_term(job->result)));
    free_job(job);
    return HM_CONTINUE;
}

static enum mfa_outcome run_on_pool(struct mfa_call *call, const struct function *function) {
    struct job *job = job_new(call, function);
    if (!job)
        return mfa_error(call, "system_limit");
    job->later = mfa_later(call, NULL);
    if (!job->later) {
        free_job(job);
        return MFA_ERROR; /* the reason is in result */
    }
    if (hm_work(call->self, work, on_worked, job) == HM_OK)
        return MFA_LATER;
    mfa_finish(job->later, MFA_ERROR, ATOM_TERM("system_limit"));
    free_job(job);
    return MFA_LATER;
}

static enum mfa_outcome run_function(struct mfa_call *call) {
    const struct function *function = call->argument;
    return function->on_pool ? run_on_pool(call, function) : run_here(call, function);
}

/* ---- public ---- */

static void drop_functions(struct otp *otp, size_t count) {
    while (count-- > 0) {
        struct function *function = LIST_FIRST(&otp->exported);
        LIST_REMOVE(function, link);
        free(function);
    }
}

int hm_export(hm_node *node, const struct hm_function *functions, size_t count) {
    struct otp *otp = otp_of(node);
    struct mfa_row *rows = calloc(count ? count : 1, sizeof *rows);
    size_t made = 0;
    int error = HM_ENOMEM;
    if (!rows)
        return HM_ENOMEM;
    for (; made < count; made++) {
        const struct hm_function *from = &functions[made];
        if (!from->module || !from->function || !from->handler) {
            error = HM_EINVAL;
            goto fail;
        }
        struct function *function = calloc(1, sizeof *function);
        if (!function)
            goto fail;
        *function = (struct function){.handler = from->handler, .argument = from->argument, .on_pool = from->on_pool};
        LIST_INSERT_HEAD(&otp->exported, function, link);
        rows[made] = (struct mfa_row){from->module, from->function, from->arity, run_function, function};
    }
    error = mfa_export(node, rows, count);
fail:
    if (error != HM_OK)
        drop_functions(otp, made);
    free(rows);
    return error;
}

void function_free(struct hm_node *node) {
    struct function *function;
    while ((function = LIST_FIRST(&otp_of(node)->exported))) {
        LIST_REMOVE(function, link);
        free(function);
    }
}

enum hm_outcome hm_raise(struct hm_function_call *call, const char *reason) {
    hm_build_reset(call->result);
    hm_put_atom(call->result, reason);
    return HM_ERROR;
}

static void on_ended(struct mfa_later *later, void *arg) {
    hm_pending *pending = arg;
    (void)later;
    if (pending->ended)
        pending->ended(pending, pending->arg);
}

static bool on_message(struct mfa_later *later, void *arg, hm_term message) {
    hm_pending *pending = arg;
    (void)later;
    return pending->message && pending->message(pending, pending->arg, message);
}

void hm_on_message(hm_pending *pending, hm_pending_message *message) {
    pending->message = message;
}

hm_pending *hm_function_later(struct hm_function_call *call, hm_pending_ended *ended, void *arg) {
    struct running *running = call->reserved;
    hm_pending *pending = running->call && !running->pending ? calloc(1, sizeof *pending) : NULL;
    if (!pending) {
        hm_raise(call, "system_limit");
        return NULL;
    }
    *pending = (hm_pending){.ended = ended, .arg = arg};
    pending->later = mfa_later(running->call, &(struct mfa_wait){on_message, on_ended, pending});
    if (!pending->later) {
        free(pending);
        return NULL;
    }
    running->pending = pending;
    return pending;
}

void hm_finish(hm_pending *pending, enum hm_outcome outcome, hm_term result) {
    mfa_finish(pending->later, (enum mfa_outcome)outcome, ok_if_empty(result));
    free(pending);
}

void hm_finishf(hm_pending *pending, enum hm_outcome outcome, const char *pattern, ...) {
    hm_build *build = hm_build_new();
    va_list arguments;
    va_start(arguments, pattern);
    if (build)
        hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    if (build && hm_build_error(build) == HM_OK)
        hm_finish(pending, outcome, hm_build_term(build));
    else
        hm_finish(pending, HM_ERROR, ATOM_TERM("system_limit"));
    hm_build_free(build);
}
