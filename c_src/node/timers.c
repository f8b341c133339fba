#include "node/timers.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"

enum { LONGEST_MS = INT32_MAX }; /* of one wait: a longer one waits again */

struct timer {
    LIST_ENTRY(timer) link;
    hm_process *process;
    uint64_t number;
    struct event *event;
    struct mono due;
    struct message *message;
};

static void timer_end(struct timer *timer) {
    LIST_REMOVE(timer, link);
    event_free(timer->event);
    message_free(timer->message);
    free(timer);
}

static int64_t ms_left(const struct timer *timer) {
    int64_t ns = timer->due.ns - mono_now().ns;
    return ns > 0 ? (ns + 999999) / 1000000 : 0;
}

static int wait_on(struct timer *timer) {
    int64_t ms = ms_left(timer);
    struct timeval delay = timeval_of_ms(ms < LONGEST_MS ? ms : LONGEST_MS);
    return event_add(timer->event, &delay);
}

/* libevent counts from the start of its round on a clock of some milliseconds, so it may come early; a BEAM never does. */
static void fire(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct timer *timer = arg;
    if (ms_left(timer) > 0 && wait_on(timer) == 0)
        return;
    hm_process *process = timer->process;
    struct message *message = timer->message;
    timer->message = NULL;
    timer_end(timer);
    process_deliver(process, message);
}

int timers_add(hm_process *process, int64_t ms, struct message *message, uint64_t *number) {
    struct hm_node *node = process->node;
    struct timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        goto fail;
    struct mono now = mono_now();
    timer->due.ns = ms <= 0                              ? now.ns
                    : ms > (INT64_MAX - now.ns) / 1000000 ? INT64_MAX
                                                          : now.ns + ms * 1000000;
    timer->event = evtimer_new(node->base, fire, timer);
    if (!timer->event || wait_on(timer) != 0)
        goto fail;
    timer->process = process;
    timer->message = message;
    timer->number = ++node->next_timer;
    message->tag = timer->number;
    LIST_INSERT_HEAD(&process->timers, timer, link);
    if (number)
        *number = timer->number;
    return HM_OK;
fail:
    if (timer && timer->event)
        event_free(timer->event);
    free(timer);
    message_free(message);
    return HM_ENOMEM;
}

bool timers_cancel(hm_process *process, uint64_t number) {
    struct timer *timer;
    LIST_FOREACH(timer, &process->timers, link) {
        if (timer->number == number) {
            timer_end(timer);
            return true;
        }
    }
    return false;
}

int64_t timers_left_ms(const hm_process *process, uint64_t number) {
    const struct timer *timer;
    LIST_FOREACH(timer, &process->timers, link)
        if (timer->number == number)
            return ms_left(timer);
    return -1;
}

int64_t timers_first_ms(const hm_process *process) {
    const struct timer *timer = LIST_FIRST(&process->timers);
    return timer ? ms_left(timer) : -1;
}

void timers_on_end(hm_process *process) {
    struct timer *timer;
    while ((timer = LIST_FIRST(&process->timers)))
        timer_end(timer);
}
