/*
 * A call that answers later lives between two owners: the process that waits, and whoever will finish it. The handle belongs to the
 * second, always; when the process ends first it is only told so. A message to finish with is made beforehand, so that a call
 * cannot hang for want of memory: it then ends with system_limit.
 */
#include <stddef.h>
#include <stdlib.h>

#include "otp/mfa.h"
#include "otp/trace.h"

struct mfa_later {
    struct process_waiter waiter;
    hm_process *process; /* NULL: it ended */
    struct mfa_then then;
    struct mfa_wait wait;
    struct message *spare;
    enum mfa_outcome outcome;
    const struct mfa_row *row;
    uint64_t traced;
};

static struct mfa_later *later_of(struct process_waiter *waiter) {
    return (struct mfa_later *)((char *)waiter - offsetof(struct mfa_later, waiter));
}

static enum hm_verdict on_message(struct process_waiter *waiter, hm_process *self, hm_term message) {
    struct mfa_later *later = later_of(waiter);
    (void)self;
    return later->wait.message && later->wait.message(later, later->wait.arg, message) ? HM_CONTINUE : HM_UNKNOWN;
}

static void on_ended(struct process_waiter *waiter, hm_term reason) {
    (void)reason;
    struct mfa_later *later = later_of(waiter);
    later->process = NULL;
    later->then.done(NULL, later->then.arg, MFA_ERROR, (hm_term){0});
    if (later->wait.ended)
        later->wait.ended(later, later->wait.arg); /* may free it */
}

static const struct waiter_class waiter_class = {.message = on_message, .ended = on_ended};

static void free_later(struct mfa_later *later) {
    if (later->spare) {
        later->spare->run = NULL;
        message_free(later->spare);
    }
    free(later);
}

struct mfa_later *mfa_later(struct mfa_call *call, const struct mfa_wait *wait) {
    if (!call->then) {
        mfa_error(call, "notsup");
        return NULL;
    }
    struct mfa_later *later = calloc(1, sizeof *later);
    if (!later || !(later->spare = message_new(MESSAGE_CALL, (hm_term){0}, NULL))) {
        free(later);
        mfa_error(call, "system_limit");
        return NULL;
    }
    later->process = call->self;
    later->then = *call->then;
    if (wait)
        later->wait = *wait;
    later->row = mfa_entry_row(call->entry);
    later->traced = call->traced;
    process_wait(call->self, &later->waiter, &waiter_class);
    return later;
}

hm_process *mfa_later_process(const struct mfa_later *later) {
    return later->process;
}

/* As the BEAM shows a function that failed while it ran: with its arity, not its arguments. */
static enum hm_verdict end_with_error(hm_process *self, const struct mfa_later *later, hm_term reason) {
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{~t, [{~a, ~a, ~u, []}]}", reason, later->row->module, later->row->function,
                      (uint64_t)later->row->arity);
    bool built = build && hm_build_error(build) == HM_OK;
    enum hm_verdict verdict =
        later->then.done(self, later->then.arg, MFA_ERROR, built ? hm_build_term(build) : ATOM_TERM("system_limit"));
    hm_build_free(build);
    return verdict;
}

static enum hm_verdict run_finish(hm_process *self, struct message *message) {
    struct mfa_later *later = message->arg;
    enum hm_verdict verdict;
    if (self && later->traced)
        trace_on_outcome(self, later->traced, later->row, later->outcome, message->term);
    if (!self)
        verdict = later->then.done(NULL, later->then.arg, MFA_ERROR, (hm_term){0});
    else if (later->outcome == MFA_ERROR)
        verdict = end_with_error(self, later, message->term);
    else
        verdict = later->then.done(self, later->then.arg, later->outcome, message->term);
    free_later(later);
    return verdict;
}

void mfa_finish(struct mfa_later *later, enum mfa_outcome outcome, hm_term result) {
    hm_process *process = later->process;
    if (!process) {
        free_later(later);
        return;
    }
    struct message *message = message_new(MESSAGE_CALL, result, NULL);
    if (!message) {
        message = later->spare;
        later->spare = NULL;
        message->term = ATOM_TERM("system_limit");
        outcome = MFA_ERROR;
    }
    later->outcome = outcome;
    message->run = run_finish;
    message->arg = later;
    process_unwait(&later->waiter);
    process_deliver(process, message);
}
