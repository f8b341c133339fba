/*
 * dist/transport: how bytes go to a peer and come from it. A channel knows its transport through this alone.
 *
 * There is one kind so far, tcp, which serves every connected stream socket (tests use a socketpair). A new
 * one (TLS) is a file that fills struct transport_ops, and a line where channels are made. All calls are
 * non-blocking.
 */
#ifndef HM_DIST_TRANSPORT_H
#define HM_DIST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport;

struct transport_ops {
    const char *name;
    /* Bytes read, 0 at the end, -1 with errno (EAGAIN: nothing there). */
    ssize_t (*read)(struct transport *transport, void *bytes, size_t size);
    /* Does what a read left to be done (transport->owed): called before the loop polls again, behind the answer to what was read if that is
     * answered at once. */
    void (*settle)(struct transport *transport);
    /* Bytes written, fewer than given when the peer is slow, -1 with errno. Never raises SIGPIPE. */
    ssize_t (*write)(struct transport *transport, const struct iovec *parts, int count);
    /* Only once. */
    void (*close)(struct transport *transport);
};

struct transport {
    const struct transport_ops *ops; /* NULL: not there */
    int fd;                          /* for the loop to watch */
    /* The transport's own. */
    size_t owed;          /* bytes that were read and are in the socket still */
    unsigned char talks;  /* so many small reads in a row were answered at once */
    bool can_peek, small, answered; /* the last read */
};

/* Takes the socket; sets what we want of it (no delay for small messages). */
void transport_tcp_init(struct transport *transport, int fd);

#endif
