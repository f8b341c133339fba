/*
 * cli/notify: tells the service manager how the daemon is: ready, stopping, and alive (sd_notify(3), without its library).
 *
 * The protocol is a datagram of lines to the socket in $NOTIFY_SOCKET. Life signs (WATCHDOG=1) are sent from the event loop, twice in
 * $WATCHDOG_USEC, so that a loop that hangs sends none and the manager restarts it. Without $NOTIFY_SOCKET nothing happens. A manager that
 * does not read costs nothing: what it would not take at once is tried again a moment later, and only the last state matters.
 *
 * Owns the socket and the timer. One thread.
 */
#ifndef HM_CLI_NOTIFY_H
#define HM_CLI_NOTIFY_H

#include <stddef.h>

struct event_base;
struct notify;

/*
 * *notify is NULL when there is nobody to tell. Takes the variables through lookup (getenv) and removes nothing. HM_EINVAL (the value of
 * $NOTIFY_SOCKET or $WATCHDOG_USEC makes no sense), HM_ESYSTEM, HM_ENOMEM; why gets a sentence: the daemon can run nevertheless.
 */
int notify_open(struct notify **notify, struct event_base *base, char *(*lookup)(const char *name), char *why, size_t capacity);

/* The names of the variables, NULL after the last: whoever starts other programs removes them from the environment. */
extern const char *const notify_variables[];

/* READY=1 with a line of status; from now on life signs as well. NULL is allowed here and below. */
void notify_ready(struct notify *notify, const char *status);
/* STOPPING=1. No life signs from now on: the end has its own time limit. */
void notify_stopping(struct notify *notify);
void notify_close(struct notify *notify);

#endif
