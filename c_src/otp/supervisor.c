#include "otp/supervisor.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "otp/gen_server.h"
#include "otp/hermod_sup.h"
#include "otp/otp.h"

enum { PAUSE_MS = 1000 }; /* between restarts over the intensity */

struct waiter { /* for terminate_child */
    STAILQ_ENTRY(waiter) link;
    hm_from *from;
};

struct child {
    LIST_ENTRY(child) link; /* not of the root */
    struct hm_node *node;
    const struct hm_server_class *class;
    struct hm_start start;
    char *name; /* start.name points here */
    void *argument;
    hm_pid pid;   /* HM_NO_PID: does not run */
    hm_pid *told; /* the starter's copy of pid, or NULL */
    enum child_state state;
    bool root, own;
    struct event *timer;
    struct mono window_start;
    unsigned restarts; /* in the window */
    STAILQ_HEAD(, waiter) waiters;
};

static void set_pid(struct child *child, hm_pid pid) {
    child->pid = pid;
    if (child->told)
        *child->told = pid;
}

hm_pid supervisor_parent_of(const struct child *child) {
    const struct child *root = otp_of(child->node)->root;
    return root && !child->root ? root->pid : HM_NO_PID;
}

/* A hermod_sup that came back is the parent of those who stayed. */
static void adopt_children(struct child *root) {
    struct child *child;
    LIST_FOREACH (child, &otp_of(root->node)->children, link) {
        hm_process *process = process_lookup(root->node, child->pid);
        if (process)
            process->parent = root->pid;
    }
}

static int run(struct child *child) {
    hm_pid pid;
    int error = gen_server_start(child->node, child->class, &child->start, child->argument, child, &pid);
    if (error != HM_OK)
        return error;
    set_pid(child, pid);
    child->state = CHILD_RUNNING;
    if (child->root)
        adopt_children(child);
    return HM_OK;
}

static void run_later(struct child *child, int64_t ms) {
    struct timeval pause = timeval_of_ms(ms);
    child->state = CHILD_RESTARTING;
    event_add(child->timer, &pause);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct child *child = arg;
    if (child->node->stopping)
        return;
    int error = run(child);
    if (error != HM_OK) {
        log_error(&child->node->log, "supervisor.failed", "%s cannot be started again: %s; trying in %d ms",
                  child->class->module, hm_strerror(error), PAUSE_MS);
        run_later(child, PAUSE_MS);
        return;
    }
    otp_of(child->node)->counters.restarts++;
    log_warn(&child->node->log, "supervisor.restart", "%s was started again", child->class->module);
}

/* ---- terminate_child ---- */

static void free_waiters(struct child *child) {
    struct waiter *waiter;
    while ((waiter = STAILQ_FIRST(&child->waiters))) {
        STAILQ_REMOVE_HEAD(&child->waiters, link);
        hm_from_free(waiter->from);
        free(waiter);
    }
}

static void answer_waiters(struct child *child) {
    struct waiter *waiter;
    STAILQ_FOREACH (waiter, &child->waiters, link)
        gen_server_send_reply(child->node, supervisor_parent_of(child), waiter->from, ATOM_TERM("ok"));
    free_waiters(child);
}

static void set_terminated(struct child *child) {
    child->state = CHILD_TERMINATED;
    log_warn(&child->node->log, "supervisor.terminated",
             "%s was ended by terminate_child and stays down until restart_child", child->class->module);
    answer_waiters(child);
}

int supervisor_terminate(struct child *child, const hm_from *from) {
    hm_process *process = process_lookup(child->node, child->pid);
    struct waiter *waiter = malloc(sizeof *waiter);
    if (!waiter || !(waiter->from = hm_from_keep(from)))
        goto fail;
    if (process && child->state == CHILD_RUNNING) {
        /* From its parent: ends it whether it traps exits or not, and while it is suspended, too. */
        int error = process_deliver_exit(process, process->parent, ATOM_TERM("shutdown"), false);
        if (error != HM_OK) {
            hm_from_free(waiter->from);
            goto fail;
        }
        child->state = CHILD_ENDING;
    }
    STAILQ_INSERT_TAIL(&child->waiters, waiter, link);
    if (child->state == CHILD_RESTARTING) {
        event_del(child->timer);
        set_terminated(child);
    } else if (child->state == CHILD_TERMINATED) {
        answer_waiters(child);
    }
    return HM_OK;
fail:
    free(waiter);
    return HM_ENOMEM;
}

void supervisor_on_end(struct child *child) {
    struct mono now = mono_now();
    set_pid(child, HM_NO_PID);
    if (child->node->stopping)
        return;
    if (child->state == CHILD_ENDING) {
        set_terminated(child);
        return;
    }
    if (mono_ms_between(child->window_start, now) > SUPERVISOR_PERIOD_MS) {
        child->window_start = now;
        child->restarts = 0;
    }
    run_later(child, child->restarts++ < SUPERVISOR_INTENSITY ? 0 : PAUSE_MS);
}

/* ---- life of a child ---- */

static void free_child(struct child *child) {
    if (child->timer)
        event_free(child->timer);
    free_waiters(child);
    free(child->name);
    free(child);
}

static struct child *new_child(struct hm_node *node, const struct hm_server_class *class,
                               const struct hm_start *start, void *argument, hm_pid *told) {
    struct child *child = calloc(1, sizeof *child);
    if (!child)
        return NULL;
    child->node = node;
    child->class = class;
    child->start = *start;
    child->argument = argument;
    child->told = told;
    child->window_start = mono_now();
    child->own = otp_of(node)->starting;
    STAILQ_INIT(&child->waiters);
    child->timer = evtimer_new(node->base, on_timer, child);
    child->name = start->name ? strdup(start->name) : NULL;
    child->start.name = child->name;
    if (child->timer && (child->name || !start->name))
        return child;
    free_child(child);
    return NULL;
}

int supervisor_start(struct hm_node *node, const struct hm_server_class *class, const struct hm_start *start,
                     void *argument, hm_pid *pid) {
    struct child *child = new_child(node, class, start, argument, pid);
    if (!child)
        return HM_ENOMEM;
    int error = run(child);
    if (error != HM_OK) {
        free_child(child);
        return error;
    }
    LIST_INSERT_HEAD(&otp_of(node)->children, child, link);
    return HM_OK;
}

bool supervisor_keeps(const struct hm_node *node, const struct hm_server_class *class, const char *name) {
    const struct child *child;
    LIST_FOREACH (child, &otp_of(node)->children, link)
        if (child->class == class && child->name && strcmp(child->name, name) == 0)
            return child->state != CHILD_TERMINATED;
    return false;
}

int supervisor_start_root(struct hm_node *node) {
    struct hm_start start = {.name = HERMOD_SUP, .trap_exit = true};
    struct child *root = new_child(node, &hermod_sup_class, &start, NULL, NULL);
    if (!root)
        return HM_ENOMEM;
    root->root = true;
    otp_of(node)->root = root;
    return run(root);
}

void supervisor_free(struct hm_node *node) {
    struct child *child;
    while ((child = LIST_FIRST(&otp_of(node)->children)))
        supervisor_delete(child);
    if (otp_of(node)->root)
        free_child(otp_of(node)->root);
    otp_of(node)->root = NULL;
}

/* ---- for hermod_sup ---- */

struct child_view supervisor_view(const struct child *child) {
    return (struct child_view){.id = child->name ? child->name : child->class->module,
                               .module = child->class->module,
                               .pid = child->pid,
                               .state = child->state,
                               .own = child->own};
}

void supervisor_each(const struct hm_node *node, void (*each)(void *arg, const struct child_view *view), void *arg) {
    const struct child *child;
    LIST_FOREACH (child, &otp_of(node)->children, link) {
        struct child_view view = supervisor_view(child);
        each(arg, &view);
    }
}

struct child *supervisor_find(const struct hm_node *node, hm_term id) {
    struct child *child;
    LIST_FOREACH (child, &otp_of(node)->children, link)
        if (hm_is_atom(id, supervisor_view(child).id))
            return child;
    return NULL;
}

int supervisor_restart(struct child *child) {
    return run(child);
}

void supervisor_delete(struct child *child) {
    LIST_REMOVE(child, link);
    free_child(child);
}
