#include "cli/notify.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <hermod/error.h>

#include "cli/complain.h"
#include "cli/options.h"

enum { AGAIN_MS = 50, STATUS_BYTES = 400 };

struct notify {
    int fd;
    struct event *timer;
    uint64_t watchdog_us; /* half of what the manager allows; 0: it wants no life signs */
    char state[STATUS_BYTES]; /* what it has not taken yet, "" when it has */
    bool alive;               /* life signs are due */
};

const char *const notify_variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", NULL};

/* true: taken, or it never will be. */
static bool send_state(const struct notify *notify, const char *state) {
    ssize_t done;
    do
        done = send(notify->fd, state, strlen(state), MSG_NOSIGNAL);
    while (done < 0 && errno == EINTR);
    return done >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

static void wait_for(struct notify *notify, uint64_t us) {
    struct timeval pause = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
    event_add(notify->timer, &pause);
}

static void tell(struct notify *notify) {
    if (*notify->state && send_state(notify, notify->state))
        notify->state[0] = '\0';
    if (*notify->state)
        wait_for(notify, AGAIN_MS * 1000);
    else if (notify->alive)
        wait_for(notify, notify->watchdog_us);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct notify *notify = arg;
    (void)fd;
    (void)what;
    if (notify->alive && !*notify->state)
        send_state(notify, "WATCHDOG=1"); /* one that is not taken was not needed: the manager has some to read */
    tell(notify);
}

/* A path, or @ and a name without one. */
static int connect_to(struct notify *notify, const char *path, char *why, size_t capacity) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || size < 2 || size >= sizeof address.sun_path)
        return complain(HM_EINVAL, why, capacity, "$NOTIFY_SOCKET is no path of a socket: %s", path);
    memcpy(address.sun_path, path, size);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0 ||
        connect(notify->fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)))
        return complain(HM_ESYSTEM, why, capacity, "nobody listens on $NOTIFY_SOCKET %s: %s", path, strerror(errno));
    return 0;
}

static bool read_number(const char *text, uint64_t *number) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *number = value;
    return isdigit((unsigned char)*text) && !*end && !errno;
}

static int read_watchdog(struct notify *notify, char *(*lookup)(const char *name), char *why, size_t capacity) {
    const char *usec = lookup("WATCHDOG_USEC"), *pid = lookup("WATCHDOG_PID");
    uint64_t number;
    if (!usec)
        return 0;
    if (pid && *pid && (!read_number(pid, &number) || number != (uint64_t)getpid()))
        return 0; /* somebody else's */
    if (!read_number(usec, &number) || number < 2 || number >= UINT64_MAX / 2)
        return complain(HM_EINVAL, why, capacity, "$WATCHDOG_USEC is no number of microseconds: %s", usec);
    notify->watchdog_us = number / 2;
    return 0;
}

int notify_open(struct notify **result, struct event_base *base, char *(*lookup)(const char *name), char *why, size_t capacity) {
    const char *path = lookup("NOTIFY_SOCKET");
    *result = NULL;
    if (!path || !*path)
        return 0;
    struct notify *notify = calloc(1, sizeof *notify);
    if (!notify)
        return complain(HM_ENOMEM, why, capacity, "out of memory");
    notify->fd = -1;
    notify->timer = evtimer_new(base, on_timer, notify);
    int error = notify->timer ? connect_to(notify, path, why, capacity) : complain(HM_ENOMEM, why, capacity, "out of memory");
    if (!error)
        error = read_watchdog(notify, lookup, why, capacity);
    if (error)
        notify_close(notify);
    else
        *result = notify;
    return error;
}

void notify_ready(struct notify *notify, const char *status) {
    if (!notify)
        return;
    snprintf(notify->state, sizeof notify->state, "READY=1\nSTATUS=%s", status);
    notify->alive = notify->watchdog_us != 0;
    tell(notify);
}

void notify_stopping(struct notify *notify) {
    if (!notify)
        return;
    snprintf(notify->state, sizeof notify->state, "STOPPING=1\nSTATUS=stopping");
    notify->alive = false;
    event_del(notify->timer);
    send_state(notify, notify->state); /* there is no later: the loop ends */
}

void notify_close(struct notify *notify) {
    if (!notify)
        return;
    if (notify->timer)
        event_free(notify->timer);
    if (notify->fd >= 0)
        close(notify->fd);
    free(notify);
}
