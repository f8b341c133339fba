/*
 * Every allocation of every strategy fails in turn, while it is opened and while nodes are found: an error that says so, or a node
 * that is left out; no crash, no leak, and the next one is found.
 */
#include "kube_server.h"

#include <event2/bufferevent.h>

#include "discovery/broadcast_wire.h"
#include "support/alloc.h"

static const char hosts_file[] = "/tmp/hermod_oom_hosts";

static const char *const specs[] = {
    "static:a,b@h,mandatory=c@h,timeout=1",
    "hosts:/tmp/hermod_oom_hosts",
    "local-epmd",
    "broadcast:port=47991,if=lo,address=127.255.255.255",
    "gossip:port=47992,if=lo,group=127.255.255.255,broadcast-only,secret=s3cret",
    "nodefinder:port=47993,if=lo",
    "dns:app.example.org,server=127.0.0.1:9",
    "kubernetes:selector=app=own,server=127.0.0.1:9,account=%s",
    "kubernetes:selector=app=own,server=localhost:9,account=%s",
};

static void turn(struct fixture *fixture) {
    for (int i = 0; i < 4; i++)
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
}

static void each_strategy(void **state) {
    struct event_base *base = event_base_new();
    struct kube_server server;
    (void)state;
    kube_server_init(&server, base); /* for its folder */
    FILE *file = fopen(hosts_file, "w");
    fputs("'localhost'.\n'127.0.0.1'.\n", file);
    fclose(file);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        long n = 0;
        for (;; n++) {
            struct fixture fixture;
            char why[256] = "", spec[256];
            snprintf(spec, sizeof spec, specs[i], server.account);
            fixture_init(&fixture, 9);
            alloc_fail_at(n);
            int error = fixture_open(&fixture, spec, 0, false, why, sizeof why);
            if (!error)
                turn(&fixture);
            bool failed = alloc_failed();
            alloc_fail_never();
            if (error && (error != HM_ENOMEM || !strstr(why, "memory")))
                fail_msg("%s, allocation %ld: %d, \"%s\"", specs[i], n, error, why);
            if (!error && strncmp(spec, "static", 6) == 0)
                assert_int_equal(fixture.found, 3); /* all: it hears of none again */
            fixture_fini(&fixture);
            if (!failed)
                break;
        }
        if (n < 2)
            fail_msg("%s: only %ld allocations were seen", specs[i], n);
    }
    unlink(hosts_file);
    kube_server_fini(&server);
    event_base_free(base);
}

static void send_name(uint16_t port, const char *name) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct writer out;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    writer_init(&out, 256);
    broadcast_write(&out, bytes_of(name, strlen(name)));
    assert_int_equal(sendto(fd, out.at, out.size, 0, (struct sockaddr *)&to, sizeof to), out.size);
    writer_fini(&out);
    close(fd);
}

/* The table of names: a node for which there is no memory is heard again, and found then. */
static void names(void **state) {
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, 9);
    fixture_must_open(&fixture, "broadcast:port=47994,if=lo,address=127.255.255.255,interval=3600", 0, true);
    turn(&fixture);
    for (long n = 0;; n++) {
        char name[32];
        snprintf(name, sizeof name, "n%ld@h", n);
        send_name(47994, name);
        alloc_fail_at(n);
        unsigned before = fixture.found;
        for (uint64_t refused = discovery_counters(fixture.discovery)->refused;
             fixture.found == before && discovery_counters(fixture.discovery)->refused == refused;)
            assert_int_equal(event_base_loop(fixture.base, EVLOOP_ONCE), 0);
        bool failed = alloc_failed();
        alloc_fail_never();
        if (!failed)
            break;
        send_name(47994, name);
        RUN_UNTIL(&fixture, fixture.found == before + 1);
    }
    fixture_fini(&fixture);
}

static void on_request(struct bufferevent *stream, void *arg) {
    static const char answer[] = "\0\0\x11\x11name a at port 4000\n";
    (void)arg;
    if (evbuffer_get_length(bufferevent_get_input(stream)) >= 3)
        bufferevent_write(stream, answer, sizeof answer - 1);
}

static void on_written(struct bufferevent *stream, void *arg) {
    (void)arg;
    bufferevent_free(stream);
}

static void on_closed(struct bufferevent *stream, short what, void *arg) {
    (void)what;
    (void)arg;
    bufferevent_free(stream);
}

static void on_asked(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int size, void *arg) {
    struct bufferevent *stream = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    (void)from;
    (void)size;
    (void)arg;
    bufferevent_setcb(stream, on_request, on_written, on_closed, NULL);
    bufferevent_enable(stream, EV_READ); /* EV_WRITE would say "written" before there is anything */
}

/* An epmd that is asked once is asked again when there was no memory for its answer. */
static void asked_once(void **state) {
    (void)state;
    FILE *file = fopen(hosts_file, "w");
    fputs("'127.0.0.1'.\n", file);
    fclose(file);
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t size = sizeof at;
        struct fixture fixture;
        char spec[64];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
        fixture_init(&fixture, ntohs(at.sin_port));
        struct evconnlistener *listener = evconnlistener_new(fixture.base, on_asked, NULL, LEV_OPT_CLOSE_ON_FREE, 16, fd);
        assert_non_null(listener);
        snprintf(spec, sizeof spec, "hosts:%s,interval=0", hosts_file);
        fixture_must_open(&fixture, spec, 0, false);
        alloc_fail_at(n);
        RUN_UNTIL(&fixture, fixture.found == 1);
        failed = alloc_failed();
        alloc_fail_never();
        assert_string_equal(fixture.news, "+a@127.0.0.1 ");
        evconnlistener_free(listener);
        fixture_fini(&fixture);
    }
    unlink(hosts_file);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_strategy), cmocka_unit_test(names), cmocka_unit_test(asked_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
