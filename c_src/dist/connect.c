#include "dist/connect.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <unistd.h>

struct connector {
    struct dist *dist;
    struct addresses addresses;
    unsigned next;
    uint32_t each_ms;
    int fd;
    int error;
    struct event event;
    connect_done *done;
    void *arg;
};

static void close_try(struct connector *connector) {
    event_del(&connector->event);
    if (connector->fd >= 0)
        close(connector->fd);
    connector->fd = -1;
}

static void finish(struct connector *connector, int fd) {
    connect_done *done = connector->done;
    void *arg = connector->arg;
    int error = connector->error;
    event_del(&connector->event);
    free(connector);
    done(arg, fd, error);
}

/* A socket that dials a free port of this machine may get that port as its own and so reach itself (TCP's
 * simultaneous open). Whoever retries every few milliseconds, as registration does, meets that sooner or
 * later. */
static bool reached_itself(int fd) {
    union address own = {0}, peer = {0};
    socklen_t own_size = sizeof own, peer_size = sizeof peer;
    return getsockname(fd, &own.any, &own_size) == 0 && getpeername(fd, &peer.any, &peer_size) == 0 &&
           address_equal(&own, &peer) && address_port(&own) == address_port(&peer);
}

static void on_event(evutil_socket_t fd, short what, void *arg);

/* Goes on with the next address; false when there is none left. */
static bool try_next(struct connector *connector) {
    while (connector->next < connector->addresses.count) {
        const union address *address = &connector->addresses.at[connector->next++];
        int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
        int result = fd < 0 ? -1 : connect(fd, &address->any, address_size(address));
        if (result == 0 || errno == EINPROGRESS) {
            struct timeval timeout = timeval_of_ms(connector->each_ms);
            connector->fd = fd;
            event_assign(&connector->event, connector->dist->base, fd, EV_WRITE, on_event, connector);
            if (event_add(&connector->event, &timeout) == 0)
                return true;
            connector->fd = -1;
            errno = ENOMEM;
        }
        if (!connector->error)
            connector->error = errno;
        if (fd >= 0)
            close(fd);
    }
    return false;
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    struct connector *connector = arg;
    int error = connector->fd < 0 ? connector->error : ETIMEDOUT; /* without fd: all failed at once */
    if (connector->fd >= 0 && (what & EV_WRITE)) {
        socklen_t size = sizeof error;
        if (getsockopt(connector->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
        if (!error && reached_itself(connector->fd))
            error = ECONNREFUSED;
        if (!error) {
            int connected = connector->fd;
            connector->error = 0;
            finish(connector, connected);
            return;
        }
    }
    close_try(connector);
    if (!connector->error)
        connector->error = error;
    if (!try_next(connector))
        finish(connector, -1);
}

struct connector *connect_open(struct dist *dist, const struct addresses *addresses, uint16_t port,
                               uint32_t timeout_ms, connect_done *done, void *arg) {
    struct connector *connector = calloc(1, sizeof *connector);
    if (!connector)
        return NULL;
    connector->dist = dist;
    connector->addresses = *addresses;
    connector->fd = -1;
    connector->done = done;
    connector->arg = arg;
    connector->each_ms = addresses->count ? timeout_ms / addresses->count : 0;
    for (unsigned i = 0; i < addresses->count; i++)
        address_set_port(&connector->addresses.at[i], port);
    if (!try_next(connector)) {
        if (!connector->error)
            connector->error = EHOSTUNREACH; /* no address at all */
        event_assign(&connector->event, dist->base, -1, 0, on_event, connector);
        event_active(&connector->event, EV_TIMEOUT, 0);
    }
    return connector;
}

void connect_cancel(struct connector *connector) {
    if (!connector)
        return;
    close_try(connector);
    free(connector);
}
