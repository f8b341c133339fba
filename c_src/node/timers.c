#include "node/timers.h"

#include <event2/event.h>
#include <stdlib.h>

struct timer {
    LIST_ENTRY(timer) link;
    hm_process *process;
    uint64_t number;
    struct event *event;
    struct message *message;
};

static void timer_end(struct timer *timer) {
    LIST_REMOVE(timer, link);
    event_free(timer->event);
    message_free(timer->message);
    free(timer);
}

static void fire(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct timer *timer = arg;
    hm_process *process = timer->process;
    struct message *message = timer->message;
    timer->message = NULL;
    timer_end(timer);
    process_deliver(process, message);
}

int timers_add(hm_process *process, int64_t ms, struct message *message, uint64_t *number) {
    struct hm_node *node = process->node;
    struct timer *timer = calloc(1, sizeof *timer);
    struct timeval delay = timeval_of_ms(ms < 0 ? 0 : ms);
    if (!timer)
        goto fail;
    timer->event = evtimer_new(node->base, fire, timer);
    if (!timer->event || event_add(timer->event, &delay) != 0)
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
    struct timeval end, now;
    LIST_FOREACH(timer, &process->timers, link) {
        if (timer->number != number || !event_pending(timer->event, EV_TIMEOUT, &end))
            continue;
        gettimeofday(&now, NULL); /* event_pending's clock */
        int64_t left = (int64_t)(end.tv_sec - now.tv_sec) * 1000 + (end.tv_usec - now.tv_usec) / 1000;
        return left > 0 ? left : 0;
    }
    return -1;
}

void timers_on_end(hm_process *process) {
    struct timer *timer;
    while ((timer = LIST_FIRST(&process->timers)))
        timer_end(timer);
}
