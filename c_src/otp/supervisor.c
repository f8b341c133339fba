#include "otp/supervisor.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "otp/gen_server.h"
#include "otp/otp.h"

enum {
    AT_ONCE = 5,          /* restarts within the window that follow at once */
    WINDOW_MS = 10 * 1000,
    PAUSE_MS = 1000,      /* between further ones */
};

struct child {
    LIST_ENTRY(child) link;
    struct hm_node *node;
    const struct hm_server_class *class;
    struct hm_start start;
    char *name; /* start.name points here */
    void *argument;
    hm_pid *pid;
    struct event *timer;
    struct mono window_start;
    unsigned restarts; /* in the window */
};

static int run(struct child *child) {
    return gen_server_start(child->node, child->class, &child->start, child->argument, child, child->pid);
}

static void run_later(struct child *child, int64_t ms) {
    struct timeval pause = timeval_of_ms(ms);
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
    log_warn(&child->node->log, "supervisor.restart", "%s was started again", child->class->module);
}

void supervisor_on_end(struct child *child) {
    struct mono now = mono_now();
    if (child->pid)
        *child->pid = HM_NO_PID;
    if (child->node->stopping)
        return;
    if (mono_ms_between(child->window_start, now) > WINDOW_MS) {
        child->window_start = now;
        child->restarts = 0;
    }
    run_later(child, child->restarts++ < AT_ONCE ? 0 : PAUSE_MS);
}

static void free_child(struct child *child) {
    if (child->timer)
        event_free(child->timer);
    free(child->name);
    free(child);
}

int supervisor_start(struct hm_node *node, const struct hm_server_class *class, const struct hm_start *start,
                     void *argument, hm_pid *pid) {
    int error = HM_ENOMEM;
    struct child *child = calloc(1, sizeof *child);
    if (!child)
        return HM_ENOMEM;
    child->node = node;
    child->class = class;
    child->start = *start;
    child->argument = argument;
    child->pid = pid;
    child->window_start = mono_now();
    child->timer = evtimer_new(node->base, on_timer, child);
    child->name = start->name ? strdup(start->name) : NULL;
    if (!child->timer || (start->name && !child->name))
        goto fail;
    child->start.name = child->name;
    if ((error = run(child)) != HM_OK)
        goto fail;
    LIST_INSERT_HEAD(&otp_of(node)->children, child, link);
    return HM_OK;
fail:
    free_child(child);
    return error;
}

void supervisor_free(struct hm_node *node) {
    struct child *child;
    while ((child = LIST_FIRST(&otp_of(node)->children))) {
        LIST_REMOVE(child, link);
        free_child(child);
    }
}
