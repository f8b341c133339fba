/* The epmd client against a made-up epmd on a loopback port of the same loop: no daemon, no other machine. */
#include "dist_cmocka.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dist/connect.h"
#include "dist/listener.h"
#include "support/dist_pair.h"

struct fixture {
    struct pair *pair;
    struct dist *dist;
    struct event *accepting, *reading;
    int listening, connection; /* of the made-up epmd */
    uint8_t request[2048];
    size_t received;
    const char *answer; /* sent when a request is complete */
    size_t answer_size;
    bool close_after;
    int requests;
    /* What the client was told: */
    struct registration *registration;
    int decided, error, lookups, names;
    uint32_t creation;
    uint16_t port;
    char name[32];
};

static void on_request(evutil_socket_t fd, short what, void *arg) {
    struct fixture *f = arg;
    ssize_t n = recv(fd, f->request + f->received, sizeof f->request - f->received, 0);
    if (n <= 0) {
        event_free(f->reading);
        f->reading = NULL;
        close(f->connection);
        f->connection = -1;
        return;
    }
    f->received += (size_t)n;
    if (f->received < 2 || f->received < 2 + (size_t)get_be16(f->request))
        return;
    f->requests++;
    assert_int_equal(send(fd, f->answer, f->answer_size, MSG_NOSIGNAL), f->answer_size);
    if (f->close_after)
        shutdown(fd, SHUT_WR);
}

static void on_accept(evutil_socket_t fd, short what, void *arg) {
    struct fixture *f = arg;
    f->connection = accept(fd, NULL, NULL);
    f->received = 0;
    f->reading = event_new(f->dist->base, f->connection, EV_READ | EV_PERSIST, on_request, f);
    event_add(f->reading, NULL);
}

/* On the given port (0: any), which it returns. */
static uint16_t start_epmd(struct fixture *f, uint16_t port) {
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    f->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(f->listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(f->listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(f->listening, 8), 0);
    assert_int_equal(getsockname(f->listening, (struct sockaddr *)&address, &size), 0);
    f->accepting = event_new(f->dist->base, f->listening, EV_READ | EV_PERSIST, on_accept, f);
    event_add(f->accepting, NULL);
    return ntohs(address.sin_port);
}

static void stop_epmd(struct fixture *f) {
    if (f->accepting)
        event_free(f->accepting);
    if (f->reading)
        event_free(f->reading);
    if (f->listening >= 0)
        close(f->listening);
    if (f->connection >= 0)
        close(f->connection);
    f->accepting = f->reading = NULL;
    f->listening = f->connection = -1;
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->pair = pair_new();
    f->dist = &f->pair->a.dist;
    f->pair->a.context = f;
    f->listening = f->connection = -1;
    f->dist->epmd.port = start_epmd(f, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    registration_close(f->registration);
    pair_settle(f->pair);
    stop_epmd(f);
    pair_free(f->pair);
    free(f);
    return 0;
}

static struct fixture *fixture_of(struct pair *pair) {
    return pair->a.context;
}

static void answer_with(struct fixture *f, const char *answer, size_t size, bool close_after) {
    f->answer = answer;
    f->answer_size = size;
    f->close_after = close_after;
}
#define ANSWER(f, text, close_after) answer_with(f, text, sizeof(text) - 1, close_after)

static void on_registered(void *arg, int error, uint32_t creation, const char *detail) {
    struct fixture *f = arg;
    f->decided++;
    f->error = error;
    f->creation = creation;
}

static bool is_decided(struct pair *pair) {
    return fixture_of(pair)->decided > 0;
}

static bool is_up(struct pair *pair) {
    return registration_is_up(fixture_of(pair)->registration);
}

static bool is_not_up(struct pair *pair) {
    return !is_up(pair);
}

static void registers(void **state) {
    struct fixture *f = *state;
    ANSWER(f, "\x76\0\0\1\0\2", false);
    f->registration = registration_open(f->dist, "me", 4711, false, on_registered, f);
    assert_int_equal(f->decided, 0);
    assert_true(pair_until(f->pair, is_decided));
    assert_int_equal(f->error, 0);
    assert_int_equal(f->creation, 0x10002);
    assert_true(registration_is_up(f->registration));
    assert_memory_equal(f->request, "\0\x0f\x78\x12\x67\x4d\0\0\6\0\6\0\2me\0\0", 17);
}

/* epmd goes and comes back: the name as well, and the owner hears nothing of it. */
static void comes_back_after_epmd(void **state) {
    struct fixture *f = *state;
    ANSWER(f, "\x76\0\0\0\0\7", false);
    f->registration = registration_open(f->dist, "me", 4711, false, on_registered, f);
    assert_true(pair_until(f->pair, is_up));
    stop_epmd(f);
    assert_true(pair_until(f->pair, is_not_up));
    ANSWER(f, "\x76\0\0\0\0\x9", false);
    struct mono since = mono_now();
    start_epmd(f, f->dist->epmd.port);
    assert_true(pair_until(f->pair, is_up));
    assert_true(mono_ms_between(since, mono_now()) < 2000);
    assert_int_equal(f->decided, 1);
    assert_int_equal(f->creation, 7);
    assert_string_equal(f->pair->a.logged, "epmd.lost");
}

static bool connection_is_closed(struct pair *pair) {
    return fixture_of(pair)->connection < 0;
}

/* epmd leaves a refused connection open; closing it is up to the client. */
static void tells_that_the_name_is_taken(void **state) {
    struct fixture *f = *state;
    ANSWER(f, "\x76\1\0\0\0\x63", false);
    f->registration = registration_open(f->dist, "me", 4711, false, on_registered, f);
    assert_true(pair_until(f->pair, is_decided));
    assert_int_equal(f->error, HM_ETAKEN);
    assert_true(pair_until(f->pair, connection_is_closed));
}

static bool asked_again(struct pair *pair) {
    return fixture_of(pair)->requests >= 3;
}

/* A node that is started again at once: epmd has not read the end of the earlier one yet. */
static void waits_for_a_name_that_is_about_to_be_free(void **state) {
    struct fixture *f = *state;
    ANSWER(f, "\x76\1\0\0\0\x63", false);
    f->registration = registration_open(f->dist, "me", 4711, false, on_registered, f);
    assert_true(pair_until(f->pair, asked_again));
    assert_int_equal(f->decided, 0);
    ANSWER(f, "\x76\0\0\0\0\7", false);
    assert_true(pair_until(f->pair, is_decided));
    assert_int_equal(f->error, HM_OK);
    assert_true(registration_is_up(f->registration));
}

static void tells_that_there_is_no_epmd(void **state) {
    struct fixture *f = *state;
    stop_epmd(f);
    f->registration = registration_open(f->dist, "me", 4711, false, on_registered, f);
    assert_true(pair_until(f->pair, is_decided));
    assert_int_equal(f->error, HM_EEPMD);
}

static void tells_that_something_else_answers(void **state) {
    struct fixture *f = *state;
    ANSWER(f, "HTTP/1.1 400 Bad Request\r\n", true);
    f->dist->epmd.start = "/nonexistent/epmd"; /* not even tried: the port is taken */
    f->registration = registration_open(f->dist, "me", 4711, false, on_registered, f);
    assert_true(pair_until(f->pair, is_decided));
    assert_int_equal(f->error, HM_EEPMD);
    assert_string_not_equal(f->pair->a.logged, "epmd.start");
}

static void on_port(void *arg, int error, uint16_t port) {
    struct fixture *f = arg;
    f->lookups++;
    f->error = error;
    f->port = port;
}

static bool is_looked_up(struct pair *pair) {
    return fixture_of(pair)->lookups > 0;
}

static void look_up(struct fixture *f, const char *host) {
    f->lookups = 0;
    assert_non_null(epmd_lookup(f->dist, host, "node", on_port, f));
    assert_true(pair_until(f->pair, is_looked_up));
}

static void looks_up(void **state) {
    struct fixture *f = *state;
    ANSWER(f, "\x77\0\x12\x34\x4d\0\0\6\0\6\0\4node\0\0", true);
    look_up(f, "localhost");
    assert_int_equal(f->error, 0);
    assert_int_equal(f->port, 0x1234);
    assert_memory_equal(f->request, "\0\5\x7anode", 7);
    ANSWER(f, "\x77\1", true);
    look_up(f, "127.0.0.1");
    assert_int_equal(f->error, HM_ENOENT);
    ANSWER(f, "\x77", true);
    look_up(f, "127.0.0.1");
    assert_int_equal(f->error, HM_EEPMD);
    stop_epmd(f);
    look_up(f, "127.0.0.1");
    assert_int_equal(f->error, HM_EEPMD);
}

static void may_be_cancelled_at_any_time(void **state) {
    struct fixture *f = *state;
    ANSWER(f, "\x77", false);
    for (int turns = 0; turns < 6; turns++) {
        struct epmd_query *query = epmd_lookup(f->dist, "localhost", "node", on_port, f);
        for (int i = 0; i < turns; i++)
            event_base_loop(f->dist->base, EVLOOP_NONBLOCK);
        epmd_query_cancel(query);
        pair_settle(f->pair);
    }
    assert_int_equal(f->lookups, 0);
}

static void on_name(void *arg, const char *name, size_t size, uint16_t port, int error) {
    struct fixture *f = arg;
    if (!name) {
        f->lookups++;
        f->error = error;
        return;
    }
    f->names++;
    snprintf(f->name, sizeof f->name, "%.*s:%u", (int)size, name, (unsigned)port);
}

static void lists_names(void **state) {
    struct fixture *f = *state;
    ANSWER(f, "\0\0\x11\x11name one at port 1\nname two at port 2\n", true);
    assert_non_null(epmd_names(f->dist, "localhost", on_name, f));
    assert_true(pair_until(f->pair, is_looked_up));
    assert_int_equal(f->error, 0);
    assert_int_equal(f->names, 2);
    assert_string_equal(f->name, "two:2");
}

/* ---- from there to a node: listener, look-up, connect ---- */

static char answered[32];

static void dials_through_epmd(void **state) {
    struct fixture *f = *state;
    struct listener *listener;
    f->pair->b.dist.self = names_intern(f->pair->b.dist.names, "b@localhost", 11);
    assert_int_equal(listener_open(&f->pair->b.dist, "127.0.0.1", 0, 0, &listener), 0);
    memcpy(answered, "\x77\0\0\0\x4d\0\0\6\0\6\0\1b\0\0", 15);
    set_be16((uint8_t *)answered + 2, listener_port(listener));
    answer_with(f, answered, 15, true);
    const hm_node_name *b = names_intern(f->dist->names, "b@localhost", 11);
    f->pair->a.channel = channel_dial(f->dist, b);
    assert_non_null(f->pair->a.channel);
    assert_true(pair_until(f->pair, pair_both_up));
    listener_close(listener);
}

static void dial_in_vain(struct fixture *f, const char *name, enum down_reason reason) {
    f->pair->a.downs = 0;
    assert_non_null(channel_dial(f->dist, names_intern(f->dist->names, name, strlen(name))));
    assert_true(pair_until(f->pair, pair_a_down));
    assert_int_equal(f->pair->a.reason, reason);
}

static void says_why_it_cannot_dial(void **state) {
    struct fixture *f = *state;
    struct listener *listener;
    ANSWER(f, "\x77\1", true);
    dial_in_vain(f, "b@localhost", DOWN_NO_NODE);
    assert_int_equal(listener_open(f->dist, "127.0.0.1", 0, 0, &listener), 0);
    memcpy(answered, "\x77\0\0\0", 4);
    set_be16((uint8_t *)answered + 2, listener_port(listener));
    listener_close(listener); /* nobody is there any more */
    answer_with(f, answered, 4, true);
    dial_in_vain(f, "b@localhost", DOWN_REFUSED);
    f->dist->no_epmd = true;
    dial_in_vain(f, "b@localhost", DOWN_NO_EPMD);
    f->dist->no_epmd = false;
    stop_epmd(f);
    dial_in_vain(f, "b@localhost", DOWN_NO_EPMD);
    f->dist->family = DIST_FAMILY_INET6;
    dial_in_vain(f, "b@127.0.0.1", DOWN_NO_HOST);
}

static void listens_in_a_range(void **state) {
    struct fixture *f = *state;
    struct listener *first, *second, *third = NULL;
    assert_int_equal(listener_open(f->dist, "127.0.0.1", 0, 0, &first), 0);
    uint16_t port = listener_port(first);
    assert_int_equal(listener_open(f->dist, "127.0.0.1", port, port, &third), HM_ESYSTEM);
    if (port < 65000) {
        assert_int_equal(listener_open(f->dist, "127.0.0.1", port, (uint16_t)(port + 50), &second), 0);
        assert_true(listener_port(second) > port && listener_port(second) <= port + 50);
        listener_close(second);
    }
    f->dist->family = DIST_FAMILY_INET6;
    assert_int_equal(listener_open(f->dist, "127.0.0.1", 0, 0, &third), HM_ENOENT);
    listener_close(first);
    listener_close(NULL);
}

static void knows_this_machine(void **state) {
    struct addresses addresses;
    char own[256];
    assert_true(resolve_local("127.0.0.1", DIST_FAMILY_ANY, &addresses));
    assert_int_equal(addresses.count, 1);
    assert_true(resolve_local("::1", DIST_FAMILY_INET, &addresses));
    assert_int_equal(addresses.count, 0);
    assert_true(resolve_local("LocalHost", DIST_FAMILY_ANY, &addresses));
    assert_int_equal(addresses.count, 2);
    assert_int_equal(addresses.at[0].any.sa_family, AF_INET);
    assert_int_equal(gethostname(own, sizeof own), 0);
    assert_true(resolve_local(own, DIST_FAMILY_ANY, &addresses));
    assert_true(addresses.count >= 1);
    assert_false(resolve_local("another-host.example", DIST_FAMILY_ANY, &addresses));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(registers),
        TEST(comes_back_after_epmd),
        TEST(tells_that_the_name_is_taken),
        TEST(waits_for_a_name_that_is_about_to_be_free),
        TEST(tells_that_there_is_no_epmd),
        TEST(tells_that_something_else_answers),
        TEST(looks_up),
        TEST(may_be_cancelled_at_any_time),
        TEST(lists_names),
        TEST(dials_through_epmd),
        TEST(says_why_it_cannot_dial),
        TEST(listens_in_a_range),
        cmocka_unit_test(knows_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
