/*
 * Linux acknowledges small segments when the second one has been read (tcp_cleanup_rbuf), unless something is on its way back that carries the
 * acknowledgement. A BEAM sends a call in three segments, so that each call would cost us a segment of its own, with its way through the stack and
 * the peer's, before the answer that follows it in microseconds. While a peer talks like that, what it says is looked at (MSG_PEEK), answered, and
 * then taken out of the socket.
 */
#include "dist/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TALK_BYTES = 2048, /* less than this is a small read */
    TALK_READS = 2,    /* so many, each answered at once, make a talk */
};

static void tcp_settle(struct transport *transport) {
    if (!transport->owed)
        return;
    /* tcp(7): with MSG_TRUNC bytes are thrown away. They are there, so all of them go. */
    ssize_t n = recv(transport->fd, NULL, transport->owed, MSG_TRUNC | MSG_DONTWAIT);
    if (n > 0)
        transport->owed -= (size_t)n;
}

static ssize_t tcp_read(struct transport *transport, void *bytes, size_t size) {
    ssize_t n;
    if (transport->owed)
        tcp_settle(transport);
    if (transport->owed)
        return -1;
    if (!transport->answered)
        transport->talks = 0;
    transport->answered = false;
    if (transport->talks == TALK_READS && size >= TALK_BYTES) {
        n = recv(transport->fd, bytes, TALK_BYTES, MSG_PEEK | MSG_DONTWAIT);
        if (n < TALK_BYTES) {
            transport->owed = n > 0 ? (size_t)n : 0;
            return n;
        }
    }
    n = recv(transport->fd, bytes, size, MSG_DONTWAIT);
    transport->small = transport->can_peek && n > 0 && n < TALK_BYTES;
    return n;
}

static ssize_t tcp_write(struct transport *transport, const struct iovec *parts, int count) {
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    struct msghdr message = {.msg_iov = (struct iovec *)(void *)parts, .msg_iovlen = (size_t)count};
    ssize_t n = count == 1 ? send(transport->fd, parts->iov_base, parts->iov_len, flags) : sendmsg(transport->fd, &message, flags);
    if (!transport->answered && transport->small) {
        transport->answered = true;
        if (transport->talks < TALK_READS)
            transport->talks++;
    }
    return n;
}

static void tcp_close(struct transport *transport) {
    tcp_settle(transport); /* a socket with bytes that nobody took is reset, and the peer may lose our last words */
    close(transport->fd);
    *transport = (struct transport){.fd = -1};
}

static const struct transport_ops tcp_ops = {"tcp", tcp_read, tcp_settle, tcp_write, tcp_close};

void transport_tcp_init(struct transport *transport, int fd) {
    int on = 1;
    /* Fails on a socketpair, where there is nothing to delay, nor to acknowledge. */
    bool is_tcp = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    *transport = (struct transport){.ops = &tcp_ops, .fd = fd, .can_peek = is_tcp};
}
