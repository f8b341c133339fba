/* Each allocation of the server fails in turn, while it opens, accepts and answers: what fails with it is one request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "http/json.h"
#include "http/prometheus.h"
#include "http/server.h"
#include "support/alloc.h"

enum { WAIT_MS = 20000 };

static struct event_base *base;
static struct http_server *server;

static void write_log(void *arg, enum log_level level, const char *id, const char *text) {
    (void)arg, (void)level, (void)id, (void)text;
}

static const struct hm_metric METRIC = {"a_total", HM_COUNTER, "A", {"b"}};

static int put_metrics(void *arg, struct writer *out) {
    struct hm_text label = {"some value", 10};
    struct hm_metrics_reader reader = prometheus_reader(out);
    (void)arg;
    reader.metric(reader.arg, &METRIC);
    reader.sample(reader.arg, &METRIC, &(struct hm_sample){.labels = &label, .integer = 1});
    return out->error;
}

static int give_status(void *arg) {
    struct writer out;
    struct json json = {.out = &out};
    (void)arg;
    writer_init(&out, 1000);
    json_begin(&json, '{');
    json_end(&json, '}');
    struct block *block = out.error ? NULL : block_copy(bytes_of(out.at, out.size));
    writer_fini(&out);
    http_server_give_status(server, block);
    block_release(block);
    return HM_OK;
}

static bool is_ready(void *arg) {
    (void)arg;
    return true;
}

static char heard[64 * 1024];

static void ask(const char *path) {
    const union http_socket_address *address = &http_server_address(server)->at[0];
    char request[128], *at = request;
    struct mono begin = mono_now();
    size_t size = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, &address->any, http_address_size(address)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    at = stpcpy(stpcpy(stpcpy(at, "GET "), path), " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(send(fd, request, (size_t)(at - request), MSG_NOSIGNAL), at - request);
    for (;;) {
        ssize_t part = recv(fd, heard + size, sizeof heard - 1 - size, 0);
        if (part == 0 || (part < 0 && errno != EAGAIN))
            break;
        if (part > 0)
            size += (size_t)part;
        struct timeval moment = {.tv_usec = 500};
        event_base_loopexit(base, &moment);
        event_base_loop(base, EVLOOP_ONCE);
        assert_true(mono_ms_between(begin, mono_now()) < WAIT_MS);
    }
    heard[size] = '\0';
    close(fd);
}

static int scenario(void) {
    static const char *const PATHS[] = {"/", "/metrics", "/status.json", "/health", "/nothing"};
    static const struct log LOG = {.level = LOG_DEBUG, .write = write_log};
    struct http_address address;
    char why[256];
    assert_int_equal(http_address_parse("127.0.0.1:0", &address, why, sizeof why), 0);
    struct http_options options = {.base = base, .address = &address, .token = NULL, .max_connections = 4, .timeout_ms = 2000, .log = &LOG,
                                   .content = {put_metrics, give_status, is_ready, NULL}};
    int error = http_server_open(&options, &server, why, sizeof why);
    if (error)
        return error;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        bool failed_before = alloc_failed();
        ask(PATHS[i]);
        if (failed_before || !alloc_failed())
            assert_true(strncmp(heard, "HTTP/1.1 200 ", 13) == 0 || (i == 4 && strncmp(heard, "HTTP/1.1 404 ", 13) == 0));
        else /* the one with which it failed: refused, or cut */
            assert_true(*heard == '\0' || strncmp(heard, "HTTP/1.1 503 ", 13) == 0 || strncmp(heard, "HTTP/1.1 404 ", 13) == 0 ||
                        strncmp(heard, "HTTP/1.1 200 ", 13) == 0);
    }
    http_server_close(server);
    event_base_loop(base, EVLOOP_NONBLOCK);
    return 0;
}

static void every_allocation_may_fail(void **state) {
    long n;
    (void)state;
    base = event_base_new();
    for (n = 0;; n++) {
        alloc_fail_at(n);
        int error = scenario();
        if (!alloc_failed()) {
            assert_int_equal(error, 0);
            break;
        }
        assert_true(error == 0 || error == HM_ENOMEM);
    }
    alloc_fail_never();
    assert_true(n > 8);
    event_base_free(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
