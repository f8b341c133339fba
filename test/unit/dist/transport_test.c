#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h> /* glibc's lacks tcpi_segs_out */
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dist/transport.h"

struct ends {
    struct transport here;
    int there;
};

static struct ends connect_tcp(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct ends ends;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ends.there = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(ends.there, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(setsockopt(ends.there, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    transport_tcp_init(&ends.here, accept(listener, NULL, NULL));
    close(listener);
    return ends;
}

/* The loop would say that there is something. */
static bool is_readable(const struct transport *transport, int ms) {
    struct pollfd fd = {.fd = transport->fd, .events = POLLIN};
    return poll(&fd, 1, ms) == 1;
}

static void say(const struct ends *ends, const void *bytes, size_t size) {
    assert_int_equal(send(ends->there, bytes, size, 0), size);
}

static ssize_t hear(struct ends *ends, void *bytes, size_t size) {
    assert_true(is_readable(&ends->here, 5000));
    return ends->here.ops->read(&ends->here, bytes, size);
}

static void answer(struct ends *ends, const char *text) {
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    assert_int_equal(ends->here.ops->write(&ends->here, &part, 1), part.iov_len);
}

static unsigned segments_out(const struct transport *transport) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    assert_int_equal(getsockopt(transport->fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info.tcpi_segs_out;
}

/* As a BEAM calls: three segments, and an answer. */
static void call(struct ends *ends) {
    char bytes[4096];
    size_t heard = 0;
    say(ends, "one", 3);
    say(ends, "two", 3);
    say(ends, "three", 5);
    do {
        ssize_t n = hear(ends, bytes + heard, sizeof bytes - heard);
        assert_true(n > 0);
        heard += (size_t)n;
        if (heard < 11)
            ends->here.ops->settle(&ends->here);
    } while (heard < 11);
    assert_memory_equal(bytes, "onetwothree", 11);
    answer(ends, "yes");
    ends->here.ops->settle(&ends->here);
    assert_false(is_readable(&ends->here, 0));
    assert_int_equal(recv(ends->there, bytes, 3, MSG_WAITALL), 3);
}

static void a_talk_needs_no_segments_but_its_answers(void **state) {
    (void)state;
    struct ends ends = connect_tcp();
    for (int i = 0; i < 10; i++)
        call(&ends);
    unsigned before = segments_out(&ends.here);
    for (int i = 0; i < 1000; i++)
        call(&ends);
    /* It would be 2000, and an acknowledgement goes out alone now and then. */
    assert_in_range(segments_out(&ends.here) - before, 1000, 1500);
    ends.here.ops->close(&ends.here);
    close(ends.there);
}

/* Whoever does not answer, or not at once, hears each byte once all the same. */
static void every_byte_is_read_once(void **state) {
    (void)state;
    struct ends ends = connect_tcp();
    static unsigned char said[1 << 20], heard[1 << 20];
    size_t out = 0, in = 0;
    unsigned seed = 3;
    for (size_t i = 0; i < sizeof said; i++)
        said[i] = (unsigned char)(i * 2654435761u >> 13);
    fcntl(ends.there, F_SETFL, O_NONBLOCK);
    while (in < sizeof said) {
        seed = seed * 1664525u + 1013904223u;
        unsigned die = seed >> 24;
        size_t most = die < 200 ? 1 + (seed >> 8) % 300 : 1 + (seed >> 8) % 9000;
        if (out < sizeof said && die % 4) {
            ssize_t n = send(ends.there, said + out, most < sizeof said - out ? most : sizeof said - out, 0);
            assert_true(n > 0 || errno == EAGAIN);
            out += n > 0 ? (size_t)n : 0;
        } else if (is_readable(&ends.here, out == sizeof said ? 5000 : 0)) {
            size_t room = 4096 < sizeof heard - in ? 4096 : sizeof heard - in;
            ssize_t n = ends.here.ops->read(&ends.here, heard + in, room);
            assert_true(n > 0 || (n < 0 && errno == EAGAIN));
            in += n > 0 ? (size_t)n : 0;
            if (die % 3)
                answer(&ends, "a");
            if (die % 5)
                ends.here.ops->settle(&ends.here);
            unsigned char answers[64];
            while (recv(ends.there, answers, sizeof answers, 0) > 0)
                ;
        }
        assert_true(in <= out);
    }
    assert_memory_equal(said, heard, sizeof said);
    ends.here.ops->settle(&ends.here);
    close(ends.there);
    assert_int_equal(hear(&ends, heard, sizeof heard), 0);
    ends.here.ops->close(&ends.here);
}

/* A socket that is closed with bytes in it is reset, and what was sent last can be lost. */
static void closing_in_a_talk_ends_the_stream_in_order(void **state) {
    (void)state;
    struct ends ends = connect_tcp();
    char bytes[4096];
    for (int i = 0; i < 10; i++)
        call(&ends);
    say(&ends, "last", 4);
    assert_int_equal(hear(&ends, bytes, sizeof bytes), 4);
    assert_int_equal(ends.here.owed, 4);
    answer(&ends, "bye");
    ends.here.ops->close(&ends.here);
    assert_int_equal(recv(ends.there, bytes, 3, MSG_WAITALL), 3);
    assert_int_equal(recv(ends.there, bytes, 1, 0), 0);
    close(ends.there);
}

static void the_end_is_heard_in_a_talk(void **state) {
    (void)state;
    struct ends ends = connect_tcp();
    char bytes[4096];
    for (int i = 0; i < 10; i++)
        call(&ends);
    say(&ends, "last", 4);
    close(ends.there);
    assert_int_equal(hear(&ends, bytes, sizeof bytes), 4);
    ends.here.ops->settle(&ends.here);
    assert_int_equal(hear(&ends, bytes, sizeof bytes), 0);
    ends.here.ops->close(&ends.here);
}

static void a_socketpair_does_without(void **state) {
    (void)state;
    struct ends ends;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    transport_tcp_init(&ends.here, fds[0]);
    ends.there = fds[1];
    for (int i = 0; i < 10; i++)
        call(&ends);
    assert_int_equal(ends.here.owed, 0);
    ends.here.ops->close(&ends.here);
    close(ends.there);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_talk_needs_no_segments_but_its_answers),
        cmocka_unit_test(every_byte_is_read_once),
        cmocka_unit_test(closing_in_a_talk_ends_the_stream_in_order),
        cmocka_unit_test(the_end_is_heard_in_a_talk),
        cmocka_unit_test(a_socketpair_does_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
