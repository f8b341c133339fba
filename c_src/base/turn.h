/*
 * base/turn: what happens after the socket callbacks of one round of the event loop.
 *
 * Callbacks only queue tasks; when all of them are done the turn runs: first TURN_RUN (processes with mail, within a
 * budget), then TURN_FLUSH (each channel with output writes once), then TURN_REAP (closed objects are freed, nothing of
 * them is on the stack any more). What a task queues for its own or a later stage runs in the same turn, as far as the
 * budget goes; the rest runs after the loop has looked at its sockets again, so neither starves the other.
 *
 * The task is embedded in its object, so queueing cannot fail. One thread.
 */
#ifndef HM_BASE_TURN_H
#define HM_BASE_TURN_H

#include <stdbool.h>
#include <sys/queue.h>

struct event_base;
struct turn;

enum turn_stage { TURN_RUN, TURN_FLUSH, TURN_REAP };
enum { TURN_STAGES = 3 };

struct turn_task {
    TAILQ_ENTRY(turn_task) link;
    void (*run)(struct turn_task *task); /* set by the owner before it is queued; the task may free its object */
    bool queued;
    unsigned char stage;
};

/* NULL without memory. run_budget: how many TURN_RUN tasks one turn runs; half a millisecond ends it, too. */
struct turn *turn_new(struct event_base *base, unsigned run_budget);
/* Runs what is still queued, then ends. */
void turn_free(struct turn *turn);
/* Queues the task unless it is queued already (in whatever stage). */
void turn_add(struct turn *turn, enum turn_stage stage, struct turn_task *task);
void turn_remove(struct turn *turn, struct turn_task *task);
/* Around all that a callback of the loop does: when no other is due in this round the turn runs as turn_leave, which saves the loop an
 * event. So turn_leave is the callback's last act: its object may be gone. */
void turn_enter(struct turn *turn);
void turn_leave(struct turn *turn);
/* The object of a task. */
#define turn_owner(task, type, member) ((type *)(void *)((char *)(task) - offsetof(type, member)))

#endif
