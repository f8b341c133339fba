#include "dist/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dist/resolve.h"

enum { BACKLOG = 128, ACCEPT_BUDGET = 64, PAUSE_MS = 1000 };

struct listener {
    struct dist *dist;
    struct event event;
    struct event resume;
    int fd;
    uint16_t port;
    bool full_logged;
};

static void pause_accepting(struct listener *listener) {
    struct timeval wait = timeval_of_ms(PAUSE_MS);
    listener->dist->counters.pauses++;
    log_warn(listener->dist->log, "listen.paused",
             "cannot accept (%s); trying again in %d ms: raise the limit of open files",
             strerror(errno), PAUSE_MS);
    event_del(&listener->event);
    event_add(&listener->resume, &wait);
}

static void on_resume(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct listener *listener = arg;
    event_add(&listener->event, NULL);
}

/* One line for each time that the limit is reached, not one for each caller: they may be many. */
static void accept_one(struct listener *listener, int fd) {
    struct dist *dist = listener->dist;
    bool full = dist->half_open >= dist->max_half_open;
    if (full && !listener->full_logged)
        log_warn(dist->log, "listen.full",
                 "%u connections are in the handshake: refusing more (max-half-open)",
                 (unsigned)dist->half_open);
    listener->full_logged = full;
    channel_accept(dist, fd);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct listener *listener = arg;
    for (int i = 0; i < ACCEPT_BUDGET; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            accept_one(listener, accepted);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(listener);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static int open_socket(const union address *address, bool both_families) {
    int on = 1, off = 0;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    /* A port in TIME_WAIT may be taken again at once; one that is listened on may not. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, both_families ? &off : &on, sizeof on);
    if (bind(fd, &address->any, address_size(address)) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The first port of the range that is free, for this address. */
static int open_in_range(union address address, bool both_families, uint16_t first_port, uint16_t last_port) {
    for (uint32_t port = first_port; port <= last_port; port++) {
        address_set_port(&address, (uint16_t)port);
        int fd = open_socket(&address, both_families);
        if (fd >= 0 || (errno != EADDRINUSE && errno != EACCES))
            return fd;
    }
    return -1;
}

/* Blocks for DNS when the address is a foreign name: once, before the node has anything to do. */
static bool find_addresses(const char *address, enum dist_family family, struct addresses *addresses) {
    if (resolve_local(address, family, addresses))
        return addresses->count > 0;
    struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    if (getaddrinfo(address, NULL, &hints, &list) != 0)
        return false;
    for (struct addrinfo *one = list; one; one = one->ai_next)
        addresses_add(addresses, family, one->ai_addr);
    freeaddrinfo(list);
    return addresses->count > 0;
}

static int open_any(enum dist_family family, uint16_t first_port, uint16_t last_port) {
    union address six = {.in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any}};
    union address four = {.in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}}};
    int fd = -1;
    if (family != DIST_FAMILY_INET)
        fd = open_in_range(six, family == DIST_FAMILY_ANY, first_port, last_port);
    /* A kernel without IPv6 has no dual-stack socket. */
    if (fd < 0 && (family == DIST_FAMILY_INET ||
                   (family == DIST_FAMILY_ANY && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))))
        fd = open_in_range(four, false, first_port, last_port);
    return fd;
}

static uint16_t port_of(int fd) {
    union address address = {0};
    socklen_t size = sizeof address;
    return getsockname(fd, &address.any, &size) == 0 ? address_port(&address) : 0;
}

int listener_open(struct dist *dist, const char *address, uint16_t first_port, uint16_t last_port,
                  struct listener **opened) {
    struct addresses addresses = {0};
    if (address && !find_addresses(address, dist->family, &addresses))
        return HM_ENOENT;
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return HM_ENOMEM;
    listener->dist = dist;
    listener->fd = address ? open_in_range(addresses.at[0], false, first_port, last_port)
                           : open_any(dist->family, first_port, last_port);
    if (listener->fd < 0) {
        int error = errno;
        free(listener);
        errno = error;
        return HM_ESYSTEM;
    }
    listener->port = port_of(listener->fd);
    event_assign(&listener->event, dist->base, listener->fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    event_assign(&listener->resume, dist->base, -1, 0, on_resume, listener);
    if (event_add(&listener->event, NULL) != 0) {
        listener_close(listener);
        return HM_ENOMEM;
    }
    *opened = listener;
    return HM_OK;
}

void listener_close(struct listener *listener) {
    if (!listener)
        return;
    event_del(&listener->event);
    event_del(&listener->resume);
    close(listener->fd);
    free(listener);
}

uint16_t listener_port(const struct listener *listener) {
    return listener->port;
}
