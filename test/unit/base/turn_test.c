#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/turn.h"

static char order[64];
static struct turn *turn;

struct step {
    struct turn_task task;
    char name;
    struct step *then; /* queued when it runs */
    enum turn_stage stage;
};

static void run_step(struct turn_task *task) {
    struct step *step = turn_owner(task, struct step, task);
    order[strlen(order)] = step->name;
    if (step->then)
        turn_add(turn, step->then->stage, &step->then->task);
}

static struct step make(char name, enum turn_stage stage) {
    return (struct step){.task.run = run_step, .name = name, .stage = stage};
}

static void add(struct step *step) {
    turn_add(turn, step->stage, &step->task);
}

static int begin(void **state) {
    *state = event_base_new();
    turn = turn_new(*state, 4);
    memset(order, 0, sizeof order);
    return turn ? 0 : -1;
}

static int end(void **state) {
    turn_free(turn);
    event_base_free(*state);
    return 0;
}

static void stages_run_in_order_and_a_task_once(void **state) {
    struct step reap = make('r', TURN_REAP), flush = make('f', TURN_FLUSH), run = make('p', TURN_RUN);
    struct step late = make('q', TURN_RUN);
    run.then = &late;
    add(&reap);
    add(&flush);
    add(&run);
    add(&run);
    assert_string_equal(order, "");
    event_base_loop(*state, EVLOOP_NONBLOCK);
    assert_string_equal(order, "pqfr"); /* what a run queues still runs before the flush */
}

static void removed_tasks_do_not_run(void **state) {
    struct step a = make('a', TURN_RUN), b = make('b', TURN_RUN);
    add(&a);
    add(&b);
    turn_remove(turn, &a.task);
    turn_remove(turn, &a.task);
    event_base_loop(*state, EVLOOP_NONBLOCK);
    assert_string_equal(order, "b");
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    (void)arg;
    char c;
    assert_int_equal(read(fd, &c, 1), 1);
    order[strlen(order)] = 's';
}

/* Processes that always have work must not keep the loop from its sockets, nor the flush from running. */
static void endless_work_lets_sockets_in(void **state) {
    int fds[2];
    struct step busy = make('p', TURN_RUN), flush = make('f', TURN_FLUSH);
    busy.then = &busy;
    assert_int_equal(pipe(fds), 0);
    struct event *event = event_new(*state, fds[0], EV_READ, on_readable, NULL);
    event_add(event, NULL);
    add(&busy);
    add(&flush);
    assert_int_equal(write(fds[1], "x", 1), 1);
    for (int i = 0; i < 3 && !strchr(order, 's'); i++)
        event_base_loop(*state, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    assert_non_null(strchr(order, 's'));
    assert_non_null(strchr(order, 'f'));
    turn_remove(turn, &busy.task);
    event_free(event);
    close(fds[0]);
    close(fds[1]);
}

static void run_slowly(struct turn_task *task) {
    struct mono began = mono_now();
    while (mono_now().ns - began.ns < 1000 * 1000)
        ;
    run_step(task);
}

/* A number of tasks is no bound for their time: the flush must not wait for all that a budget allows. */
static void slow_work_ends_the_turn(void **state) {
    struct event_base *base = *state;
    struct turn *kept = turn;
    struct step slow = make('p', TURN_RUN), flush = make('f', TURN_FLUSH);
    turn = turn_new(base, 1000);
    assert_non_null(turn);
    slow.task.run = run_slowly;
    slow.then = &slow;
    add(&slow);
    add(&flush);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    assert_string_equal(order, "ppppf");
    turn_remove(turn, &slow.task);
    turn_free(turn);
    turn = kept;
}

struct reading {
    struct step step;
    struct event *event;
};

static void read_and_add(evutil_socket_t fd, short what, void *arg) {
    struct reading *reading = arg;
    turn_enter(turn);
    on_readable(fd, what, NULL);
    add(&reading->step);
    order[strlen(order)] = '(';
    turn_leave(turn);
    order[strlen(order)] = ')';
}

/* The turn comes when all callbacks of the round are done: inside of the last one when that said so. */
static void runs_within_the_last_callback_of_a_round(void **state) {
    int fds[2][2];
    struct reading readings[2] = {{.step = make('a', TURN_RUN)}, {.step = make('b', TURN_RUN)}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(fds[i]), 0);
        readings[i].event = event_new(*state, fds[i][0], EV_READ | EV_PERSIST, read_and_add, &readings[i]);
        event_add(readings[i].event, NULL);
    }
    assert_int_equal(write(fds[0][1], "x", 1), 1);
    event_base_loop(*state, EVLOOP_ONCE);
    assert_string_equal(order, "s(a)");
    memset(order, 0, sizeof order);
    assert_int_equal(write(fds[0][1], "x", 1), 1);
    assert_int_equal(write(fds[1][1], "x", 1), 1);
    event_base_loop(*state, EVLOOP_ONCE);
    order[strcspn(order, "ab")] = order[strcspn(order, "ab") + 1] = '-'; /* whichever was first */
    assert_string_equal(order, "s()s()--");
    for (int i = 0; i < 2; i++) {
        event_free(readings[i].event);
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

static void free_runs_what_is_left(void **state) {
    struct event_base *base = *state;
    struct turn *kept = turn;
    struct step reap = make('r', TURN_REAP);
    turn = turn_new(base, 1);
    add(&reap);
    turn_free(turn);
    turn = kept;
    assert_string_equal(order, "r");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stages_run_in_order_and_a_task_once, begin, end),
        cmocka_unit_test_setup_teardown(removed_tasks_do_not_run, begin, end),
        cmocka_unit_test_setup_teardown(endless_work_lets_sockets_in, begin, end),
        cmocka_unit_test_setup_teardown(slow_work_ends_the_turn, begin, end),
        cmocka_unit_test_setup_teardown(runs_within_the_last_callback_of_a_round, begin, end),
        cmocka_unit_test_setup_teardown(free_runs_what_is_left, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
