#include "otp/task_supervisor.h"

#include <stddef.h>
#include <stdlib.h>

#include "etf/ids.h"
#include "otp/otp.h"
#include "otp/task.h"
#include <hermod/function.h>

struct child {
    struct process_waiter waiter;
    LIST_ENTRY(child) link;
    struct task_supervisor *supervisor;
    hm_process *process;
};

struct task_supervisor {
    LIST_ENTRY(task_supervisor) link;
    LIST_HEAD(, child) children;
    uint32_t count, max;
};

/* ---- children ---- */

static void on_ended(struct process_waiter *waiter, hm_term reason) {
    struct child *child = (struct child *)((char *)waiter - offsetof(struct child, waiter));
    (void)reason;
    LIST_REMOVE(child, link);
    child->supervisor->count--;
    free(child);
}

static const struct waiter_class waiter_class = {.ended = on_ended};

static int start_task(hm_process *self, struct task_supervisor *supervisor, hm_term arguments, hm_pid *pid) {
    struct child *child = calloc(1, sizeof *child);
    if (!child)
        return HM_ENOMEM;
    int error = task_start(self, arguments, &child->process);
    if (error != HM_OK) {
        free(child);
        return error;
    }
    child->supervisor = supervisor;
    LIST_INSERT_HEAD(&supervisor->children, child, link);
    supervisor->count++;
    process_wait(child->process, &child->waiter, &waiter_class);
    *pid = child->process->pid;
    return HM_OK;
}

static enum hm_verdict on_start_task(hm_process *self, const hm_from *from, hm_term arguments, hm_term restart) {
    struct task_supervisor *supervisor = hm_data(self);
    hm_pid pid;
    if (!hm_is_atom(restart, "nil") && !hm_is_atom(restart, "temporary"))
        return hm_reply(self, from, "{error, notsup}");
    if (supervisor->max && supervisor->count >= supervisor->max)
        return hm_reply(self, from, "{error, max_children}");
    int error = start_task(self, supervisor, arguments, &pid);
    if (error == HM_OK)
        return hm_reply(self, from, "{ok, ~p}", pid);
    return hm_reply(self, from, error == HM_EINVAL ? "{error, badarg}" : "{error, system_limit}");
}

static enum hm_verdict on_terminate_child(hm_process *self, const hm_from *from, hm_term term) {
    struct task_supervisor *supervisor = hm_data(self);
    struct child *child;
    hm_pid pid;
    if (pid_decode(self->node->names, term, &pid))
        LIST_FOREACH(child, &supervisor->children, link)
            if (hm_pid_equal(child->process->pid, pid)) {
                hm_exit(self, pid, ATOM_TERM("shutdown"));
                return hm_reply(self, from, "ok");
            }
    return hm_reply(self, from, "{error, not_found}");
}

static enum hm_verdict on_which_children(hm_process *self, const hm_from *from) {
    struct task_supervisor *supervisor = hm_data(self);
    struct child *child;
    hm_build *build = hm_build_new();
    if (!build)
        return HM_CONTINUE;
    size_t list = hm_put_list_begin(build);
    LIST_FOREACH(child, &supervisor->children, link)
        hm_put_format(build, "{undefined, ~p, worker, ['Elixir.Task.Supervised']}", child->process->pid);
    hm_put_list_end(build, list, supervisor->count);
    if (hm_build_error(build) == HM_OK)
        hm_reply_term(self, from, hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

/* ---- the server ---- */

static int on_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return HM_OK;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct task_supervisor *supervisor = hm_data(self);
    hm_term arguments, restart;
    if (hm_match(request, "{start_task, ~t, ~t, _}", &arguments, &restart))
        return on_start_task(self, from, arguments, restart);
    if (hm_match(request, "{terminate_child, ~t}", &arguments))
        return on_terminate_child(self, from, arguments);
    if (hm_is_atom(request, "which_children"))
        return on_which_children(self, from);
    if (hm_is_atom(request, "count_children"))
        return hm_reply(self, from, "[{specs, ~u}, {active, ~u}, {supervisors, 0}, {workers, ~u}]", (uint64_t)supervisor->count,
                        (uint64_t)supervisor->count, (uint64_t)supervisor->count);
    return HM_UNKNOWN;
}

static void on_terminate(hm_process *self, hm_term reason) {
    struct task_supervisor *supervisor = hm_data(self);
    struct child *child;
    (void)reason;
    while ((child = LIST_FIRST(&supervisor->children))) {
        hm_exit(self, child->process->pid, ATOM_TERM("shutdown"));
        process_unwait(&child->waiter);
        LIST_REMOVE(child, link);
        free(child);
    }
    supervisor->count = 0;
}

static const struct hm_server_class task_supervisor_class = {
    .module = "Elixir.Task.Supervisor", .init = on_init, .call = on_call, .terminate = on_terminate};

int hm_task_supervisor_start(hm_node *node, const char *name, uint32_t max_children) {
    if (!name)
        return HM_EINVAL;
    struct task_supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (!supervisor)
        return HM_ENOMEM;
    supervisor->max = max_children;
    struct hm_start start = {.name = name, .trap_exit = true, .restart = true};
    int error = hm_server_start(node, &task_supervisor_class, &start, supervisor, NULL);
    if (error != HM_OK) {
        free(supervisor);
        return error;
    }
    LIST_INSERT_HEAD(&otp_of(node)->task_supervisors, supervisor, link);
    return HM_OK;
}

void task_supervisors_free(struct hm_node *node) {
    struct task_supervisor *supervisor;
    while ((supervisor = LIST_FIRST(&otp_of(node)->task_supervisors))) {
        LIST_REMOVE(supervisor, link);
        free(supervisor);
    }
}
