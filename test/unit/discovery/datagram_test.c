/* The socket of broadcast and multicast: how far a datagram goes, from where it is taken, and that it is refused no port. */
#include "discovery_fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/datagram.h"

struct heard {
    struct event_base *base;
    unsigned count;
    char last[64];
};

static void on_heard(void *arg, struct bytes data, const char *from) {
    struct heard *heard = arg;
    heard->count++;
    snprintf(heard->last, sizeof heard->last, "%.*s", (int)data.size, (const char *)data.at);
}

/* A port that nobody has now. */
static uint16_t free_port(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static struct datagram *open_on(struct heard *heard, uint16_t port, const char *target, const char *interface, uint8_t ttl) {
    struct datagram_options options = {.base = heard->base, .port = port, .ttl = ttl, .received = on_heard, .arg = heard};
    struct datagram *datagram;
    char why[256] = "";
    assert_int_equal(inet_pton(AF_INET, target, &options.target), 1);
    options.interfaces[0] = interface;
    if (datagram_open(&options, &datagram, why, sizeof why))
        fail_msg("%s", why);
    return datagram;
}

static void say(struct datagram *datagram, const char *text) {
    char why[256] = "";
    if (datagram_send(datagram, bytes_of(text, strlen(text)), why, sizeof why))
        fail_msg("%s", why);
}

static void run(struct event_base *base, const unsigned *count, unsigned wanted) {
    while (*count < wanted)
        assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
}

static void several_share_a_port(void **state) {
    struct event_base *base = event_base_new();
    struct heard a = {.base = base}, b = {.base = base};
    uint16_t port = free_port();
    (void)state;
    struct datagram *first = open_on(&a, port, "127.255.255.255", "lo", 1), *second = open_on(&b, port, "127.255.255.255", "lo", 1);
    say(first, "hello");
    run(base, &a.count, 1);
    run(base, &b.count, 1);
    assert_string_equal(b.last, "hello");
    datagram_close(first);
    datagram_close(second);
    event_base_free(base);
}

/* What the router of a network looks at. */
static void as_far_as_it_is_told(void **state) {
    struct event_base *base = event_base_new();
    struct heard heard = {.base = base};
    uint16_t port = free_port();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct ip_mreqn group = {.imr_address = {htonl(INADDR_LOOPBACK)}, .imr_ifindex = 1};
    int one = 1, ttl = 0;
    (void)state;
    assert_int_equal(inet_pton(AF_INET, "233.252.1.32", &group.imr_multiaddr), 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
    struct datagram *datagram = open_on(&heard, port, "233.252.1.32", "lo", 7);
    say(datagram, "heartbeat");
    run(base, &heard.count, 1);
    char data[64];
    _Alignas(struct cmsghdr) char control[64];
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    assert_int_equal(recvmsg(fd, &message, 0), 9);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
        if (header->cmsg_type == IP_TTL)
            memcpy(&ttl, CMSG_DATA(header), sizeof ttl);
    assert_int_equal(ttl, 7);
    close(fd);
    datagram_close(datagram);
    event_base_free(base);
}

/* One from the loopback is nobody's for who listens on another interface; without a choice all are heard. */
static void only_from_where_it_was_told(void **state) {
    struct event_base *base = event_base_new();
    struct heard choosy = {.base = base}, other = {.base = base};
    uint16_t port = free_port();
    (void)state;
    /* an address that no interface here has */
    struct datagram *first = open_on(&choosy, port, "127.255.255.255", "192.0.2.1", 1);
    struct datagram *second = open_on(&other, port, "127.255.255.255", "lo", 1);
    for (int i = 0; i < 3; i++)
        say(second, "hello");
    run(base, &other.count, 3);
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(choosy.count, 0);
    datagram_close(first);
    datagram_close(second);
    event_base_free(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_share_a_port),
        cmocka_unit_test(as_far_as_it_is_told),
        cmocka_unit_test(only_from_where_it_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
