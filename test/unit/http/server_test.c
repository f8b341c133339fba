/* The server over sockets of the loopback address: what each client reads until its connection is closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/page.h"
#include "http/server.h"

enum { WAIT_MS = 10000 };

struct fixture {
    struct event_base *base;
    struct http_server *server;
    struct log log;
    char logged[4096];
    const char *metrics;
    size_t metrics_size;
    int metrics_error, status_error;
    bool ready;
    unsigned asked;
};

static void write_log(void *arg, enum log_level level, const char *id, const char *text) {
    struct fixture *fixture = arg;
    size_t used = strlen(fixture->logged);
    (void)level;
    snprintf(fixture->logged + used, sizeof fixture->logged - used, "%s %s\n", id, text);
}

static int metrics(void *arg, struct writer *out) {
    struct fixture *fixture = arg;
    if (fixture->metrics)
        writer_put(out, fixture->metrics, strlen(fixture->metrics));
    else if (writer_reserve(out, fixture->metrics_size)) {
        memset(out->at, 'm', fixture->metrics_size);
        out->size = fixture->metrics_size;
    }
    return fixture->metrics_error;
}

static int ask_status(void *arg) {
    struct fixture *fixture = arg;
    fixture->asked++;
    return fixture->status_error;
}

static bool is_ready(void *arg) {
    return ((struct fixture *)arg)->ready;
}

static struct fixture *start(const char *token, uint32_t connections, uint32_t timeout_ms) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct http_address address;
    char why[512];
    fixture->base = event_base_new();
    fixture->log = (struct log){.level = LOG_DEBUG, .write = write_log, .arg = fixture};
    fixture->metrics = "up 1\n";
    assert_int_equal(http_address_parse("127.0.0.1:0", &address, why, sizeof why), 0);
    struct http_options options = {
        .base = fixture->base,
        .address = &address,
        .token = token,
        .max_connections = connections,
        .timeout_ms = timeout_ms,
        .log = &fixture->log,
        .content = {metrics, ask_status, is_ready, fixture},
    };
    assert_int_equal(http_server_open(&options, &fixture->server, why, sizeof why), 0);
    return fixture;
}

static void stop(struct fixture *fixture) {
    http_server_close(fixture->server);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    event_base_free(fixture->base);
    free(fixture);
}

static void turn(struct fixture *fixture) {
    struct timeval moment = {.tv_usec = 2000};
    event_base_loopexit(fixture->base, &moment);
    event_base_loop(fixture->base, EVLOOP_ONCE);
}

static int dial(struct fixture *fixture) {
    const union http_socket_address *address = &http_server_address(fixture->server)->at[0];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, &address->any, http_address_size(address)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void say(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static char heard[64 * 1024];

/* Until the server closes; what it said stands in `heard', its beginning when it is more. */
static size_t hear(struct fixture *fixture, int fd) {
    struct mono begin = mono_now();
    size_t size = 0;
    char rest[64 * 1024];
    for (;;) {
        ssize_t part = recv(fd, rest, sizeof rest, 0);
        if (part == 0 || (part < 0 && errno == ECONNRESET))
            break;
        if (part > 0) {
            if (size < sizeof heard - 1)
                memcpy(heard + size, rest, (size_t)part < sizeof heard - 1 - size ? (size_t)part : sizeof heard - 1 - size);
            size += (size_t)part;
            continue;
        }
        if (mono_ms_between(begin, mono_now()) > WAIT_MS)
            fail_msg("the server goes on");
        turn(fixture);
    }
    heard[size < sizeof heard ? size : sizeof heard - 1] = '\0';
    close(fd);
    return size;
}

static const char *ask(struct fixture *fixture, const char *request) {
    int fd = dial(fixture);
    say(fd, request);
    hear(fixture, fd);
    return heard;
}

static void begins(const char *text, const char *with) {
    if (strncmp(text, with, strlen(with)) != 0)
        fail_msg("not %s but %s", with, text);
}

#define HOST "Host: localhost\r\n"

static void await_no_connections(struct fixture *fixture) {
    struct http_counters counters;
    struct mono begin = mono_now();
    do {
        turn(fixture);
        http_server_counters(fixture->server, &counters);
        assert_true(mono_ms_between(begin, mono_now()) < WAIT_MS);
    } while (counters.connections);
}

static void each_path_is_served(void **state) {
    struct fixture *fixture = start(NULL, 8, 5000);
    (void)state;
    begins(ask(fixture, "GET /metrics HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(heard, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(heard, "\r\nContent-Length: 5\r\n"));
    assert_non_null(strstr(heard, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(heard, "\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"));
    assert_non_null(strstr(heard, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(heard, "\r\n\r\nup 1\n"));
    begins(ask(fixture, "GET /health HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 OK\r\n");
    assert_non_null(strstr(heard, "\r\n\r\nok\n"));
    begins(ask(fixture, "GET /ready HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 503 ");
    fixture->ready = true;
    begins(ask(fixture, "GET /ready HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 200 ");
    begins(ask(fixture, "GET / HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 200 ");
    assert_non_null(strstr(heard, "<!doctype html>"));
    await_no_connections(fixture);
    stop(fixture);
}

static void head_has_the_headers_alone(void **state) {
    struct fixture *fixture = start(NULL, 8, 5000);
    (void)state;
    begins(ask(fixture, "HEAD /metrics HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(heard, "\r\nContent-Length: 5\r\n"));
    assert_string_equal(strstr(heard, "\r\n\r\n"), "\r\n\r\n");
    stop(fixture);
}

static void the_page_runs_what_it_has_and_nothing_else(void **state) {
    struct fixture *fixture = start(NULL, 8, 5000);
    struct http_page page;
    char policy[600];
    (void)state;
    http_page_init(&page);
    ask(fixture, "GET / HTTP/1.1\r\n" HOST "\r\n");
    snprintf(policy, sizeof policy, "\r\nContent-Security-Policy: %s\r\n", page.policy);
    assert_non_null(strstr(heard, policy));
    assert_null(strstr(strstr(heard, policy) + 1, "\r\nContent-Security-Policy"));
    begins(page.policy, "default-src 'none'; script-src 'sha256-");
    assert_null(strstr(page.policy, "unsafe"));
    assert_null(strstr(page.policy, "http"));
    /* Nothing in it that would need markup made of text, or another host. */
    static const char *const NEVER[] = {"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", " style=",
                                        "onclick", "<script ", "src="};
    struct bytes text = http_page_bytes();
    for (size_t i = 0; i < sizeof NEVER / sizeof *NEVER; i++)
        if (memmem(text.at, text.size, NEVER[i], strlen(NEVER[i])))
            fail_msg("the page has %s", NEVER[i]);
    stop(fixture);
}

static void mistakes_are_answered(void **state) {
    static const struct {
        const char *request, *answer;
    } CASES[] = {
        {"GET /x HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 "},
        {"DELETE /metrics HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 405 "},
        {"POST /metrics HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", "HTTP/1.1 405 "},
        {"POST /metrics HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\nhi", "HTTP/1.1 413 "},
        {"BREW /metrics HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 501 "},
        {"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 "},
        {"GET http://evil.example/metrics HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 421 "},
        {"GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /metrics HTTP/7.1\r\n\r\n", "HTTP/1.1 400 "},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 400 "},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400 "},
        {"\r\n\r\n", "HTTP/1.1 400 "},
        {"\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /health HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
    };
    struct fixture *fixture = start(NULL, 8, 5000);
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        begins(ask(fixture, CASES[i].request), CASES[i].answer);
        begins(ask(fixture, "GET /health HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 200 "); /* it goes on */
    }
    begins(ask(fixture, "DELETE / HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 405 ");
    assert_non_null(strstr(heard, "\r\nAllow: GET, HEAD\r\n"));
    assert_non_null(strstr(fixture->logged, "http.host from=127.0.0.1 a request to --metrics for the host evil.example,"));
    await_no_connections(fixture);
    stop(fixture);
}

static void what_is_too_large_is_answered(void **state) {
    struct fixture *fixture = start(NULL, 8, 5000);
    struct http_counters counters;
    char *large = malloc(40000);
    (void)state;
    int used = sprintf(large, "GET /%02000d HTTP/1.1\r\n" HOST "\r\n", 0);
    assert_true(used > 2000);
    begins(ask(fixture, large), "HTTP/1.1 414 ");
    sprintf(large, "GET / HTTP/1.1\r\n" HOST "X: %09000d\r\n\r\n", 0);
    begins(ask(fixture, large), "HTTP/1.1 431 ");
    sprintf(large, "GET / HTTP/1.1\r\n" HOST "X: %035000d\r\n\r\n", 0);
    begins(ask(fixture, large), "HTTP/1.1 400 ");
    http_server_counters(fixture->server, &counters);
    assert_int_equal(counters.too_large, 2);
    free(large);
    stop(fixture);
}

static void without_the_token_there_is_the_page_and_the_probes(void **state) {
    struct fixture *fixture = start("0123456789abcdef", 8, 5000);
    struct http_counters counters;
    (void)state;
    begins(ask(fixture, "GET /metrics HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 401 ");
    assert_non_null(strstr(heard, "\r\nWWW-Authenticate: Bearer realm=\"hermod\"\r\n"));
    begins(ask(fixture, "GET /status.json HTTP/1.1\r\n" HOST "Authorization: Bearer x\r\n\r\n"), "HTTP/1.1 401 ");
    assert_int_equal(fixture->asked, 0);
    begins(ask(fixture, "GET /metrics HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n"), "HTTP/1.1 200 ");
    begins(ask(fixture, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), "HTTP/1.1 200 ");
    begins(ask(fixture, "GET /health HTTP/1.1\r\nHost: a.example\r\n\r\n"), "HTTP/1.1 200 ");
    http_server_counters(fixture->server, &counters);
    assert_int_equal(counters.denied, 2);
    assert_int_equal(counters.requests, 5);
    assert_int_equal(counters.refused, 2);
    assert_non_null(strstr(fixture->logged, "http.token from=127.0.0.1"));
    assert_null(strstr(fixture->logged, "0123456789abcdef"));
    stop(fixture);
}

static void await_asked(struct fixture *fixture, unsigned asked) {
    struct mono begin = mono_now();
    while (fixture->asked < asked) {
        turn(fixture);
        assert_true(mono_ms_between(begin, mono_now()) < WAIT_MS);
    }
}

static void all_who_wait_get_the_one_status(void **state) {
    struct fixture *fixture = start(NULL, 8, 5000);
    struct block *json = block_copy(bytes_of("{}", 2));
    int fds[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(fixture);
        say(fds[i], "GET /status.json HTTP/1.1\r\n" HOST "\r\n");
    }
    await_asked(fixture, 3);
    close(fds[2]); /* one goes while it waits */
    turn(fixture);
    http_server_give_status(fixture->server, json);
    for (int i = 0; i < 2; i++) {
        hear(fixture, fds[i]);
        begins(heard, "HTTP/1.1 200 ");
        assert_non_null(strstr(heard, "\r\nContent-Type: application/json\r\n"));
        assert_non_null(strstr(heard, "\r\n\r\n{}"));
    }
    int fd = dial(fixture);
    say(fd, "GET /status.json HTTP/1.1\r\n" HOST "\r\n");
    await_asked(fixture, 4);
    http_server_give_status(fixture->server, NULL);
    hear(fixture, fd);
    begins(heard, "HTTP/1.1 503 ");
    fixture->status_error = HM_ENOPROC;
    begins(ask(fixture, "GET /status.json HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 503 ");
    fixture->status_error = 0;
    fd = dial(fixture);
    say(fd, "GET /status.json HTTP/1.1\r\n" HOST "\r\n");
    await_asked(fixture, 6); /* and the server is closed while one waits */
    block_release(json);
    close(fd);
    stop(fixture);
}

static void slow_and_silent_clients_are_closed(void **state) {
    struct fixture *fixture = start(NULL, 8, 300);
    struct http_counters counters;
    int silent = dial(fixture), slow = dial(fixture), waiting = dial(fixture);
    struct mono begin = mono_now();
    (void)state;
    say(slow, "GET /metrics HTTP/1.1\r\n");
    say(waiting, "GET /status.json HTTP/1.1\r\n" HOST "\r\n");
    /* It sends something all the time, which is no excuse. */
    struct pollfd news = {.fd = slow, .events = POLLIN};
    for (int i = 0; poll(&news, 1, 0) == 0; i++) {
        if (i < 1000)
            (void)!send(slow, "X: y\r\n", 6, MSG_NOSIGNAL);
        turn(fixture);
        assert_true(mono_ms_between(begin, mono_now()) < WAIT_MS);
    }
    assert_true(mono_ms_between(begin, mono_now()) >= 300);
    hear(fixture, slow);
    begins(heard, "HTTP/1.1 408 ");
    hear(fixture, silent);
    begins(heard, "HTTP/1.1 408 ");
    assert_int_equal(hear(fixture, waiting), 0);
    http_server_counters(fixture->server, &counters);
    assert_int_equal(counters.timeouts, 3);
    assert_int_equal(counters.connections, 0);
    begins(ask(fixture, "GET /health HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 200 ");
    stop(fixture);
}

/* Who reads slowly keeps its answer in memory until the time is over, and others are refused when it is too much. */
static void answers_that_nobody_reads_are_bounded(void **state) {
    struct fixture *fixture = start(NULL, 8, 2000);
    struct http_counters counters;
    int fds[4];
    (void)state;
    fixture->metrics = NULL;
    fixture->metrics_size = HTTP_BODY_BYTES;
    for (int i = 0; i < 4; i++) {
        fds[i] = dial(fixture);
        say(fds[i], "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
        do {
            turn(fixture);
            http_server_counters(fixture->server, &counters);
        } while (counters.requests < (unsigned)i + 1);
    }
    assert_true(hear(fixture, fds[3]) < 1000);
    begins(heard, "HTTP/1.1 503 ");
    assert_true(hear(fixture, fds[0]) > HTTP_BODY_BYTES);
    fixture->metrics_size = HTTP_BODY_BYTES + 1;
    for (int i = 1; i < 3; i++)
        hear(fixture, fds[i]); /* whole, or as much as there was time for */
    begins(ask(fixture, "GET /metrics HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 503 ");
    http_server_counters(fixture->server, &counters);
    assert_int_equal(counters.too_much, 2);
    assert_non_null(strstr(fixture->logged, "http.output"));
    stop(fixture);
}

static void the_oldest_silent_client_makes_room(void **state) {
    struct fixture *fixture = start(NULL, 4, 60000);
    struct http_counters counters;
    int fds[50];
    (void)state;
    for (int i = 0; i < 50; i++) {
        fds[i] = dial(fixture);
        turn(fixture);
        http_server_counters(fixture->server, &counters);
        assert_true(counters.connections <= 4);
    }
    begins(ask(fixture, "GET /metrics HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1 200 ");
    hear(fixture, fds[0]);
    begins(heard, "HTTP/1.1 503 ");
    http_server_counters(fixture->server, &counters);
    assert_int_equal(counters.full, 47);
    say(fds[49], "GET /health HTTP/1.1\r\n" HOST "\r\n"); /* the last one is still there */
    hear(fixture, fds[49]);
    begins(heard, "HTTP/1.1 200 ");
    for (int i = 1; i < 49; i++)
        close(fds[i]);
    await_no_connections(fixture);
    stop(fixture);
}

static void of_many_requests_on_one_connection_the_first_is_answered(void **state) {
    struct fixture *fixture = start(NULL, 4, 5000);
    int fd = dial(fixture);
    (void)state;
    for (int i = 0; i < 100; i++)
        say(fd, "GET /health HTTP/1.1\r\n" HOST "\r\n");
    hear(fixture, fd);
    begins(heard, "HTTP/1.1 200 ");
    assert_null(strstr(heard + 1, "HTTP/1.1"));
    await_no_connections(fixture);
    stop(fixture);
}

static void a_port_that_is_taken_is_named(void **state) {
    struct fixture *fixture = start(NULL, 4, 5000);
    struct http_address address = *http_server_address(fixture->server);
    struct http_server *second = NULL;
    char why[512] = "";
    struct http_options options = {.base = fixture->base, .address = &address, .max_connections = 1, .timeout_ms = 1000, .log = &fixture->log};
    (void)state;
    assert_int_equal(http_server_open(&options, &second, why, sizeof why), HM_ESYSTEM);
    assert_null(second);
    assert_non_null(strstr(why, "cannot listen on 127.0.0.1:"));
    assert_non_null(strstr(why, "in use"));
    stop(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_is_served),
        cmocka_unit_test(head_has_the_headers_alone),
        cmocka_unit_test(the_page_runs_what_it_has_and_nothing_else),
        cmocka_unit_test(mistakes_are_answered),
        cmocka_unit_test(what_is_too_large_is_answered),
        cmocka_unit_test(without_the_token_there_is_the_page_and_the_probes),
        cmocka_unit_test(all_who_wait_get_the_one_status),
        cmocka_unit_test(slow_and_silent_clients_are_closed),
        cmocka_unit_test(answers_that_nobody_reads_are_bounded),
        cmocka_unit_test(the_oldest_silent_client_makes_room),
        cmocka_unit_test(of_many_requests_on_one_connection_the_first_is_answered),
        cmocka_unit_test(a_port_that_is_taken_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
