/*
 * libevent 2.1 has no hook before polling (evwatch came with 2.2). An event that is activated inside a callback runs
 * behind those that are active already and before the next poll: that is the end of the round. Mostly there are no others, since a node
 * with one caller has one socket to read: then the end of that callback is the end of the round. Left-over work must use neither way, or
 * sockets would starve: a timer of 0 ms comes after the next poll.
 */
#include "base/turn.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"

enum {
    FREE_TASKS = 4,        /* so many run without a look at the clock */
    SLICE_NS = 500 * 1000, /* after this a turn ends: what was sent is written, sockets are read */
};

TAILQ_HEAD(task_queue, turn_task);

struct turn {
    struct event_base *base;
    struct event *end_of_round; /* made active by hand */
    struct event *next_round;   /* a timer of 0 ms */
    struct task_queue stages[TURN_STAGES];
    unsigned run_budget;
    bool armed, running, entered;
};

static bool has_work(const struct turn *turn) {
    for (int i = 0; i < TURN_STAGES; i++)
        if (!TAILQ_EMPTY(&turn->stages[i]))
            return true;
    return false;
}

static struct turn_task *take(struct turn *turn, enum turn_stage stage) {
    struct turn_task *task = TAILQ_FIRST(&turn->stages[stage]);
    if (task) {
        TAILQ_REMOVE(&turn->stages[stage], task, link);
        task->queued = false;
    }
    return task;
}

/* Tasks differ a thousandfold in what they take, so their number alone bounds nothing. */
static bool is_over(unsigned done, struct mono began) {
    return done >= FREE_TASKS && mono_now().ns - began.ns > SLICE_NS;
}

static void run_turn(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct turn *turn = arg;
    struct turn_task *task;
    turn->armed = false;
    turn->running = true;
    struct mono began = {0};
    for (unsigned n = 0; n < turn->run_budget && !TAILQ_EMPTY(&turn->stages[TURN_RUN]); n++) {
        if (n == 1)
            began = mono_now(); /* a turn of one task, as a lone call is, needs no clock */
        if (is_over(n, began))
            break;
        task = take(turn, TURN_RUN);
        task->run(task);
    }
    /* A flush may fail and close, a reap may queue no more than its like: both stages are finite. */
    while ((task = take(turn, TURN_FLUSH)))
        task->run(task);
    while ((task = take(turn, TURN_REAP)))
        task->run(task);
    turn->running = false;
    if (has_work(turn)) {
        static const struct timeval now = {0, 0};
        turn->armed = true;
        event_add(turn->next_round, &now);
    }
}

struct turn *turn_new(struct event_base *base, unsigned run_budget) {
    struct turn *turn = calloc(1, sizeof *turn);
    if (!turn)
        return NULL;
    for (int i = 0; i < TURN_STAGES; i++)
        TAILQ_INIT(&turn->stages[i]);
    turn->base = base;
    turn->run_budget = run_budget;
    turn->end_of_round = event_new(base, -1, 0, run_turn, turn);
    turn->next_round = event_new(base, -1, 0, run_turn, turn);
    if (!turn->end_of_round || !turn->next_round) {
        turn_free(turn);
        return NULL;
    }
    return turn;
}

void turn_free(struct turn *turn) {
    if (!turn)
        return;
    struct turn_task *task;
    turn->running = true; /* nothing is armed any more */
    while (has_work(turn))
        for (int stage = TURN_RUN; stage <= TURN_REAP; stage++)
            while ((task = take(turn, (enum turn_stage)stage)))
                task->run(task);
    if (turn->end_of_round)
        event_free(turn->end_of_round);
    if (turn->next_round)
        event_free(turn->next_round);
    free(turn);
}

static void arm(struct turn *turn) {
    turn->armed = true;
    event_active(turn->end_of_round, EV_TIMEOUT, 0);
}

void turn_add(struct turn *turn, enum turn_stage stage, struct turn_task *task) {
    if (task->queued)
        return;
    task->queued = true;
    task->stage = (unsigned char)stage;
    TAILQ_INSERT_TAIL(&turn->stages[stage], task, link);
    if (!turn->armed && !turn->running && !turn->entered)
        arm(turn);
}

void turn_enter(struct turn *turn) {
    turn->entered = true;
}

void turn_leave(struct turn *turn) {
    turn->entered = false;
    if (turn->armed || !has_work(turn))
        return;
    if (event_base_get_num_events(turn->base, EVENT_BASE_COUNT_ACTIVE) == 0)
        run_turn(-1, 0, turn);
    else
        arm(turn);
}

void turn_remove(struct turn *turn, struct turn_task *task) {
    if (!task->queued)
        return;
    TAILQ_REMOVE(&turn->stages[task->stage], task, link);
    task->queued = false;
}
