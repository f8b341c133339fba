/*
 * The request lies in the mailbox of its process as the first message, {M, F, Args}: a process needs no state
 * of its own for it, and it runs after whatever the socket callback still had to do.
 */
#include "otp/erpc.h"

#include <stdlib.h>
#include <time.h>

#include "node/process.h"
#include "otp/gen_server.h"
#include "otp/mfa.h"

enum { PRINTED_BYTES = 500 };

enum request_kind { CALL, CAST, PLAIN };

/* A process that raised error/1 outside erpc:execute_call is worth a line, as the BEAM's own "Error in
 * process". */
static void log_error_exit(hm_process *self, hm_term reason) {
    char *text = NULL;
    if (hm_term_print(reason, HM_SYNTAX_ERLANG, PRINTED_BYTES, &text) != HM_OK)
        text = NULL;
    log_error(&self->node->log, "process.error", "error in process %s with exit value: %s",
              process_label(self).text, text ? text : "(no memory to print it)");
    free(text);
}

/* The node of the group leader shows it, as a log event of ours: what the emulator makes of such an end, and logger sends there
 * (lib/kernel/src/logger.erl, log_remote). */
static void log_at_leader(hm_process *self, hm_term reason) {
    struct hm_node *node = self->node;
    const char *name = hm_node_name_text(node->name);
    struct timespec now;
    if (!self->leader.node || self->leader.node == node->name)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    hm_sendf(self, hm_to_name("logger_proxy", self->leader.node),
             "{log, error, ~c, [~p, ~a, ~t], #{gl => ~p, pid => ~p, time => ~i, error_logger => #{emulator => true, tag => error}}}",
             "Error in process ~p on node ~p with exit value:~n~p~n", self->pid, name, reason, self->leader, self->pid,
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

/* {ResRef, return, V} | {ResRef, throw, T} | {ResRef, exit, R} | {ResRef, error, Reason, Stack} */
static void put_call_outcome(hm_build *reason, hm_term reference, enum mfa_outcome outcome, hm_term result) {
    static const char *const NAMES[] = {[MFA_VALUE] = "return", [MFA_EXIT] = "exit", [MFA_THROW] = "throw"};
    hm_term parts[2];
    if (outcome == MFA_ERROR && hm_tuple_elements(result, 2, parts))
        hm_put_format(reason, "{~t, error, ~t, ~t}", reference, parts[0], parts[1]);
    else if (outcome != MFA_ERROR)
        hm_put_format(reason, "{~t, ~a, ~t}", reference, NAMES[outcome], result);
}

static void put_plain_outcome(hm_build *reason, enum mfa_outcome outcome, hm_term result, bool cast) {
    if (outcome == MFA_VALUE)
        hm_put_atom(reason, "normal");
    else if (outcome == MFA_THROW)
        hm_put_format(reason, "{{nocatch, ~t}, []}", result);
    else if (outcome == MFA_ERROR && cast)
        hm_put_format(reason, "{{exception, ~t}, [{erpc, execute_cast, 3, []}]}", result);
    else
        hm_put_term(reason, result);
}

/* The elements of a list of exactly `count` terms. A STRING_EXT cannot be one of ours: modules are no
 * integers. */
static bool list_elements(hm_term term, unsigned count, hm_term elements[]) {
    struct hm_list list;
    if (!hm_list_begin(term, &list) || list.string)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!hm_list_next(&list, &elements[i]))
            return false;
    hm_term more;
    return !hm_list_next(&list, &more) && hm_list_end(&list, NULL);
}

/* What a function that answers later leaves behind for its end. */
struct pending {
    enum request_kind kind;
    hm_term reference; /* CALL: lies behind */
};

static struct pending *pending_new(enum request_kind kind, hm_term reference) {
    struct pending *pending = malloc(sizeof *pending + reference.size);
    if (!pending)
        return NULL;
    *pending = (struct pending){kind, {(unsigned char *)(pending + 1), reference.size}};
    if (reference.size)
        memcpy(pending + 1, reference.bytes, reference.size);
    return pending;
}

static enum hm_verdict end(hm_process *self, const struct pending *request, enum mfa_outcome outcome, hm_term result) {
    hm_build *reason = hm_build_new();
    if (reason && result.size && request->kind == CALL)
        put_call_outcome(reason, request->reference, outcome, result);
    else if (reason && result.size)
        put_plain_outcome(reason, outcome, result, request->kind == CAST);
    bool built = reason && hm_build_error(reason) == HM_OK && hm_build_term(reason).size;
    process_set_reason(self, built ? hm_build_term(reason) : ATOM_TERM("system_limit"));
    if (built && request->kind != CALL && (outcome == MFA_ERROR || outcome == MFA_THROW)) {
        log_error_exit(self, hm_build_term(reason));
        log_at_leader(self, hm_build_term(reason));
    }
    hm_build_free(reason);
    return HM_STOP;
}

static enum hm_verdict on_done(hm_process *self, void *arg, enum mfa_outcome outcome, hm_term result) {
    enum hm_verdict verdict = self ? end(self, arg, outcome, result) : HM_CONTINUE;
    free(arg);
    return verdict;
}

/* {M, F, Args}: what to call, for whom. */
static enum request_kind read_request(hm_term request[3], hm_term mfa[3], hm_term *reference) {
    hm_term inner[4];
    bool is_erpc = hm_is_atom(request[0], "erpc");
    enum request_kind kind = PLAIN;
    const hm_term *from = request;
    *reference = (hm_term){0};
    if (is_erpc && hm_is_atom(request[1], "execute_call") && list_elements(request[2], 4, inner)) {
        kind = CALL;
        *reference = inner[0];
        from = &inner[1];
    } else if (is_erpc && hm_is_atom(request[1], "execute_cast") && list_elements(request[2], 3, inner)) {
        kind = CAST;
        from = inner;
    }
    memcpy(mfa, from, 3 * sizeof *mfa);
    return kind;
}

static enum hm_verdict run_request(hm_process *self, hm_term request[3]) {
    hm_term mfa[3], reference;
    enum request_kind kind = read_request(request, mfa, &reference);
    struct pending *pending = pending_new(kind, reference);
    if (pending)
        return mfa_run(self, mfa, &(struct mfa_then){on_done, pending});
    process_set_reason(self, ATOM_TERM("system_limit"));
    return HM_STOP;
}

/* The first message is the request; what else comes is for a function that waits (node/process has asked it), or for nobody. */
static enum hm_verdict receive(hm_process *self, hm_term message) {
    hm_term request[3];
    if (self->state)
        return HM_CONTINUE;
    self->state = self;
    if (hm_tuple_elements(message, 3, request))
        return run_request(self, request);
    process_set_reason(self, ATOM_TERM("system_limit"));
    return HM_STOP;
}

static const struct process_class spawned_class = {.module = "erpc", .receive = receive};

/* What process_info shows: names that live as long as the node, so of a function that is here. */
static void set_initial_call(hm_process *process, const struct spawn_request *request) {
    const struct mfa_entry *entry =
        mfa_find(process->node, request->module, request->function, (long)request->arity);
    process->initial_module = entry ? mfa_entry_row(entry)->module : "erpc";
    process->initial_function = entry ? mfa_entry_row(entry)->function : "execute_call";
    process->initial_arity = entry ? (uint8_t)request->arity : 4;
}

int erpc_on_spawn(struct hm_node *node, const struct spawn_request *request, hm_pid *pid,
                  const char **refusal) {
    hm_process *process = NULL;
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    *refusal = "system_limit";
    if (!build)
        return HM_ENOMEM;
    hm_put_tuple(build, 3);
    hm_put_term(build, request->module);
    hm_put_term(build, request->function);
    hm_put_term(build, request->arguments);
    if ((error = hm_build_error(build)) != HM_OK ||
        (error = process_spawn(node, &spawned_class, &process)) != HM_OK)
        goto done;
    process->leader = request->leader;
    process->parent = request->from;
    process->on_behalf = request->peer == node->name ? NULL : request->peer;
    set_initial_call(process, request);
    if ((error = process_deliver_term(process, hm_build_term(build), NULL)) != HM_OK) {
        process_abandon(process);
        goto done;
    }
    process_started(process, hm_build_term(build));
    *pid = process->pid;
done:
    hm_build_free(build);
    return error;
}
