/* The request lies in the worker's mailbox, as in otp/erpc: it runs in the worker's turn and needs no copy of its own. */
#include "otp/worker.h"

#include <stdlib.h>

struct worker {
    worker_on_end *on_end;
    void *arg;
    bool started, told;
};

static void tell(hm_process *self, struct worker *worker, const struct worker_end *end) {
    if (!worker->told)
        worker->on_end(self, worker->arg, end);
    worker->told = true;
}

static enum hm_verdict on_done(hm_process *self, void *arg, enum mfa_outcome outcome, hm_term result) {
    if (self) /* else it was ended, and has told */
        tell(self, arg, &(struct worker_end){.ran = true, .outcome = outcome, .result = result});
    return HM_STOP;
}

static enum hm_verdict receive(hm_process *self, hm_term message) {
    struct worker *worker = self->state;
    hm_term mfa[3];
    if (worker->started || !hm_tuple_elements(message, 3, mfa))
        return HM_CONTINUE; /* nobody's: what a function waits for it has taken already */
    worker->started = true;
    return mfa_run(self, mfa, &(struct mfa_then){on_done, worker});
}

static void ended(hm_process *self, hm_term reason) {
    struct worker *worker = self->state;
    tell(self, worker, &(struct worker_end){.result = reason});
    free(worker);
}

static const struct process_class worker_class = {.module = "rpc", .receive = receive, .ended = ended};

int worker_start(hm_process *server, hm_pid caller, hm_pid leader, const hm_term mfa[3], worker_on_end *on_end, void *arg) {
    struct hm_node *node = server->node;
    hm_process *process = NULL;
    struct worker *worker = calloc(1, sizeof *worker);
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (!worker || !build)
        goto fail;
    hm_put_format(build, "{~t, ~t, ~t}", mfa[0], mfa[1], mfa[2]);
    if ((error = hm_build_error(build)) != HM_OK || (error = process_spawn(node, &worker_class, &process)) != HM_OK)
        goto fail;
    if ((error = process_deliver_term(process, hm_build_term(build), NULL)) != HM_OK) {
        process_abandon(process);
        goto fail;
    }
    *worker = (struct worker){.on_end = on_end, .arg = arg};
    process->state = worker;
    process->parent = caller;
    process->on_behalf = server->origin;
    if (leader.node)
        process->leader = leader;
    process->initial_function = "execute_call";
    process->initial_arity = 3;
    process_started(process, hm_build_term(build));
    hm_build_free(build);
    return HM_OK;
fail:
    hm_build_free(build);
    free(worker);
    return error;
}
