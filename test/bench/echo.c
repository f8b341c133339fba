/*
 * What a lone call costs at least over a socket of this machine: accepts one connection on a port of the loopback that it prints, and
 * sends ANSWER bytes for every REQUEST that came, with the three system calls that an event loop needs for that. Ends when the connection does.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST = 247, ANSWER = 103 }; /* what gen_server:call(_, ping) sends (the end of the last call's monitor, a monitor, the request) and gets */

static int check(int result, const char *what) {
    if (result >= 0)
        return result;
    perror(what);
    exit(1);
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
    check(listen(listener, 1), "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &size), "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    int peer = check(accept(listener, NULL, NULL), "accept"), one = 1;
    check(setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "setsockopt");
    int poll = check(epoll_create1(0), "epoll_create1");
    struct epoll_event event = {.events = EPOLLIN};
    check(epoll_ctl(poll, EPOLL_CTL_ADD, peer, &event), "epoll_ctl");
    char bytes[4096] = {0, 0, 0, ANSWER - 4};
    for (ssize_t missing = REQUEST;;) {
        check(epoll_wait(poll, &event, 1, -1), "epoll_wait");
        ssize_t got = recv(peer, bytes + 4, sizeof bytes - 4, MSG_DONTWAIT);
        if (got <= 0)
            return 0;
        if ((missing -= got) > 0)
            continue;
        check((int)send(peer, bytes, ANSWER, MSG_NOSIGNAL), "send");
        missing = REQUEST;
    }
}
