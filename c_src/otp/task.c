#include "otp/task.h"

#include <stdlib.h>

#include "etf/ids.h"
#include "node/timers.h"
#include "otp/mfa.h"

enum { TOLD_WITHIN_MS = 5000, PRINTED_BYTES = 500 };

struct task {
    hm_pid owner;
    hm_ref monitor; /* words 0: none */
    uint64_t timer;
    bool told; /* what to run */
    bool at_once; /* the first message is what to run, from the supervisor */
    hm_term ref, reply_to; /* copies; size 0: nobody waits for the result */
};

static void free_task(struct task *task) {
    free((void *)(uintptr_t)task->ref.bytes);
    free((void *)(uintptr_t)task->reply_to.bytes);
    free(task);
}

/* ---- the end ---- */

static void send_result(hm_process *self, const struct task *task, hm_term value) {
    struct hm_node *node = self->node;
    hm_build *build = hm_build_new();
    hm_pid pid;
    hm_ref alias;
    if (build)
        hm_put_format(build, "{~t, ~t}", task->ref, value);
    if (!build || hm_build_error(build) != HM_OK)
        log_error(&node->log, "task.memory", "no memory for the result of a task; it is lost");
    else if (pid_decode(node->names, task->reply_to, &pid))
        hm_send(self, hm_to_pid(pid), hm_build_term(build));
    else if (ref_decode(node->names, task->reply_to, &alias)) /* start_child of Elixir 1.15 gives a reference that is none */
        hm_send_alias(self, &alias, hm_build_term(build));
    hm_build_free(build);
}

/* Task.Supervised.exit_reason/3: throw is {{nocatch, What}, Stack}, an error is {Reason, Stack}, an exit itself. */
static void end_badly(hm_process *self, enum mfa_outcome outcome, hm_term result) {
    hm_term reason = result, parts[2];
    hm_build *build = NULL;
    if (outcome == MFA_THROW && (build = hm_build_new())) {
        hm_put_format(build, "{{nocatch, ~t}, []}", result);
        reason = hm_build_term(build);
    }
    if (!reason.size)
        reason = ATOM_TERM("system_limit");
    process_set_reason(self, reason);
    bool is_usual = outcome == MFA_EXIT && (hm_is_atom(reason, "normal") || hm_is_atom(reason, "shutdown") ||
                                            (hm_tuple_elements(reason, 2, parts) && hm_is_atom(parts[0], "shutdown")));
    char *text = NULL;
    if (!is_usual && hm_term_print(reason, HM_SYNTAX_ERLANG, PRINTED_BYTES, &text) == HM_OK)
        log_error(&self->node->log, "process.error", "a task of %s ended with %s", hm_node_name_text(((struct task *)self->state)->owner.node),
                  text);
    free(text);
    hm_build_free(build);
}

static enum hm_verdict on_done(hm_process *self, void *arg, enum mfa_outcome outcome, hm_term result) {
    (void)arg;
    if (!self)
        return HM_CONTINUE;
    struct task *task = self->state;
    if (outcome != MFA_VALUE || !result.size)
        end_badly(self, outcome, result);
    else if (task->reply_to.size)
        send_result(self, task, result);
    return HM_STOP;
}

/* ---- being told ---- */

static void stop_waiting(hm_process *self, struct task *task) {
    if (task->monitor.words)
        hm_demonitor(self, &task->monitor);
    if (task->timer)
        hm_cancel_timer(self, task->timer);
    task->monitor.words = 0;
    task->timer = 0;
}

static enum hm_verdict run(hm_process *self, struct task *task, hm_term mfa) {
    hm_term parts[3];
    task->told = true;
    if (hm_tuple_elements(mfa, 3, parts))
        return mfa_run(self, parts, &(struct mfa_then){on_done, NULL});
    process_set_reason(self, ATOM_TERM("badarg"));
    return HM_STOP;
}

/* {OwnerPid, Ref, ReplyTo, Callers, MFA} */
static bool is_told(hm_process *self, const struct task *task, hm_term message, hm_term parts[5]) {
    hm_pid owner;
    return hm_tuple_elements(message, 5, parts) && pid_decode(self->node->names, parts[0], &owner) &&
           hm_pid_equal(owner, task->owner);
}

static enum hm_verdict on_down(hm_process *self, hm_term why) {
    hm_build *build = hm_build_new();
    if (build)
        hm_put_format(build, "{shutdown, ~t}", why);
    process_set_reason(self, build && hm_build_error(build) == HM_OK ? hm_build_term(build) : ATOM_TERM("shutdown"));
    hm_build_free(build);
    return HM_STOP;
}

static enum hm_verdict receive(hm_process *self, hm_term message) {
    struct task *task = self->state;
    hm_term parts[5];
    hm_ref ref;
    if (task->told)
        return HM_CONTINUE; /* nobody's: what a function waits for it has taken already */
    if (task->at_once)
        return run(self, task, message);
    if (is_told(self, task, message, parts)) {
        if (hm_term_copy(parts[1], &task->ref) != HM_OK || hm_term_copy(parts[2], &task->reply_to) != HM_OK) {
            process_set_reason(self, ATOM_TERM("system_limit"));
            return HM_STOP;
        }
        stop_waiting(self, task);
        self->on_behalf = self->origin;
        return run(self, task, parts[4]);
    }
    if (hm_tuple_elements(message, 5, parts) && hm_is_atom(parts[0], "DOWN") && ref_decode(self->node->names, parts[1], &ref) &&
        task->monitor.words && hm_ref_equal(&ref, &task->monitor))
        return on_down(self, parts[4]);
    return HM_CONTINUE;
}

static enum hm_verdict on_timeout(hm_process *self, struct message *message) {
    (void)message;
    if (!self)
        return HM_CONTINUE;
    process_set_reason(self, ATOM_TERM("timeout"));
    return HM_STOP;
}

static void ended(hm_process *self, hm_term reason) {
    (void)reason;
    free_task(self->state);
    self->state = NULL;
}

static const struct process_class task_class = {.module = "Elixir.Task.Supervised", .receive = receive, .ended = ended};

/* ---- start ---- */

/* {Node, NameOrPid, Pid} */
static bool read_owner(struct hm_node *node, hm_term term, hm_pid *pid) {
    hm_term parts[3];
    return hm_tuple_elements(term, 3, parts) && pid_decode(node->names, parts[2], pid);
}

static bool read_list(hm_term term, hm_term elements[3], unsigned *count) {
    struct hm_list list;
    hm_term element;
    if (!hm_list_begin(term, &list) || list.string)
        return false;
    for (*count = 0; hm_list_next(&list, &element); ++*count) {
        if (*count == 3)
            return false;
        elements[*count] = element;
    }
    return hm_list_end(&list, NULL);
}

/* Until it is told: ends with its owner, and after a while by itself, since the owner may not have got our answer. */
static int watch_owner(hm_process *process, struct task *task) {
    struct message *timeout = message_new(MESSAGE_CALL, (hm_term){0}, NULL);
    if (!timeout)
        return HM_ENOMEM;
    timeout->run = on_timeout;
    int error = timers_add(process, TOLD_WITHIN_MS, timeout, &task->timer);
    return error == HM_OK ? hm_monitor(process, hm_to_pid(task->owner), &task->monitor) : error;
}

int task_start(hm_process *supervisor, hm_term arguments, hm_process **result) {
    struct hm_node *node = supervisor->node;
    hm_process *process = NULL;
    hm_term parts[3];
    unsigned count;
    hm_pid owner;
    if (!read_list(arguments, parts, &count) || count < 2 || !read_owner(node, parts[0], &owner))
        return HM_EINVAL;
    bool watch = count == 2 && hm_is_atom(parts[1], "monitor");
    if (count == 2 && !watch && !hm_is_atom(parts[1], "nomonitor"))
        return HM_EINVAL;
    struct task *task = calloc(1, sizeof *task);
    if (!task)
        return HM_ENOMEM;
    int error = process_spawn(node, &task_class, &process);
    if (error != HM_OK) {
        free_task(task);
        return error;
    }
    task->owner = owner;
    task->at_once = count == 3;
    process->state = task;
    process->parent = supervisor->pid;
    process->on_behalf = supervisor->origin;
    process->initial_function = count == 3 ? "noreply" : "reply";
    process->initial_arity = count == 3 ? 4 : 2;
    if (count == 3)
        error = process_deliver_term(process, parts[2], NULL);
    else if (watch)
        error = watch_owner(process, task);
    if (error != HM_OK) {
        process->state = NULL;
        process_abandon(process);
        free_task(task);
        return error;
    }
    process_started(process, (hm_term){0});
    *result = process;
    return HM_OK;
}
