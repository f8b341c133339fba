#include "dist/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t tcp_read(struct transport *transport, void *bytes, size_t size) {
    return recv(transport->fd, bytes, size, MSG_DONTWAIT);
}

static ssize_t tcp_write(struct transport *transport, const struct iovec *parts, int count) {
    struct msghdr message = {.msg_iov = (struct iovec *)(void *)parts, .msg_iovlen = (size_t)count};
    return sendmsg(transport->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void tcp_close(struct transport *transport) {
    close(transport->fd);
    transport->fd = -1;
    transport->ops = NULL;
}

static const struct transport_ops tcp_ops = {"tcp", tcp_read, tcp_write, tcp_close};

void transport_tcp_init(struct transport *transport, int fd) {
    int on = 1;
    /* Fails on a socketpair, where there is nothing to delay. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *transport = (struct transport){&tcp_ops, fd};
}
