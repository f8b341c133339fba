/*
 * What every strategy owes, stated once and run through all of the table: a node that appears is found, once; one that goes
 * is lost, once, and found again when it is back; the own name is nobody; more than max_nodes are refused; after close
 * there is silence. A strategy without a subject here fails.
 */
#include "discovery_fixture.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/buffer.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/broadcast_wire.h"
#include "discovery/gossip_wire.h"
#include "discovery/nodefinder_wire.h"
#include "kube_server.h"

enum { NAMES = 8 };

/* A world in which nodes are, and a way to say so to whoever asks or listens. */
struct world {
    struct fixture fixture;
    const char *here[NAMES]; /* part before @; NULL: free */
    uint16_t port;
    struct in_addr target; /* of announcements */
    int fd;
    struct evconnlistener *listener;
    struct evdns_server_port *dns;
    struct kube_server kube;
    char name[128];
    struct event *again;
    char spec[512], file[64];
    const struct subject *subject;
};

struct subject {
    const char *kind;
    void (*open)(struct world *world);
    void (*announce)(struct world *world, const char *alive); /* NULL: it asks */
    void (*junk)(struct world *world);
    bool stays; /* nothing is ever lost */
    const char *(*name)(struct world *world, const char *alive); /* NULL: alive@localhost */
};

/* ---- an epmd ---- */

static void on_request(struct bufferevent *stream, void *arg) {
    struct world *world = arg;
    struct evbuffer *in = bufferevent_get_input(stream), *out = bufferevent_get_output(stream);
    uint8_t request[3], port[4] = {0};
    if (evbuffer_get_length(in) < 3)
        return;
    evbuffer_remove(in, request, 3);
    assert_int_equal(request[2], 'n');
    evbuffer_add(out, port, 4);
    for (size_t i = 0; i < NAMES; i++)
        if (world->here[i])
            evbuffer_add_printf(out, "name %s at port 4000\n", world->here[i]);
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
    bufferevent_setcb(stream, on_request, on_written, on_closed, arg);
    bufferevent_enable(stream, EV_READ); /* EV_WRITE would say "written" before there is anything */
}

static void open_epmd(struct world *world) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    fixture_init(&world->fixture, ntohs(at.sin_port));
    world->listener = evconnlistener_new(world->fixture.base, on_asked, world, LEV_OPT_CLOSE_ON_FREE, 16, fd);
    assert_non_null(world->listener);
}

static void open_local_epmd(struct world *world) {
    open_epmd(world);
    strcpy(world->spec, "local-epmd:interval=0.1");
}

static void open_hosts(struct world *world) {
    open_epmd(world);
    strcpy(world->file, "/tmp/hosts_erlang_XXXXXX");
    int fd = mkstemp(world->file);
    const char text[] = "% this machine\n'localhost'.\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    snprintf(world->spec, sizeof world->spec, "hosts:%s,interval=0.1", world->file);
}

/* ---- datagrams on loopback ---- */

static void open_udp(struct world *world) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int one = 1, probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* A port that nobody has now. */
    assert_int_equal(bind(probe, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&at, &size), 0);
    close(probe);
    world->port = ntohs(at.sin_port);
    world->target.s_addr = htonl(INADDR_LOOPBACK);
    world->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(world->fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one), 0);
    fixture_init(&world->fixture, 0);
}

static void send_udp(struct world *world, const void *data, size_t size) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(world->port), .sin_addr = world->target};
    assert_int_equal(sendto(world->fd, data, size, 0, (struct sockaddr *)&to, sizeof to), size);
}

static void send_writer(struct world *world, struct writer *out) {
    assert_int_equal(out->error, 0);
    send_udp(world, out->at, out->size);
    writer_fini(out);
}

static const char *full_name(const char *alive) {
    static char name[128];
    snprintf(name, sizeof name, "%s@localhost", alive);
    return name;
}

static void junk_udp(struct world *world) {
    send_udp(world, "", 0);
    send_udp(world, "Test\n", 5);
    send_udp(world, "node::\x83", 7);
    send_udp(world, "heartbeat::\x83t", 13);
    char large[4000] = "node::\x83w\xff";
    send_udp(world, large, sizeof large);
}

static void open_broadcast(struct world *world) {
    open_udp(world);
    snprintf(world->spec, sizeof world->spec, "broadcast:port=%u,address=127.255.255.255,if=lo,interval=0.1,silence=1",
             world->port);
}

static void announce_broadcast(struct world *world, const char *alive) {
    struct writer out;
    const char *name = full_name(alive);
    writer_init(&out, 2048);
    broadcast_write(&out, bytes_of(name, strlen(name)));
    send_writer(world, &out);
}

static void open_gossip(struct world *world) {
    open_udp(world);
    snprintf(world->spec, sizeof world->spec,
             "gossip:port=%u,group=127.255.255.255,broadcast-only,if=lo,secret=s3cret,interval=0.1,silence=1", world->port);
}

static void announce_gossip(struct world *world, const char *alive) {
    struct writer out;
    struct gossip_key key;
    const char *name = full_name(alive);
    const uint8_t iv[GOSSIP_BLOCK_BYTES] = {1};
    writer_init(&out, GOSSIP_MAX_BYTES);
    assert_int_equal(gossip_key_of("s3cret", &key), 0);
    assert_int_equal(gossip_write(&out, bytes_of(name, strlen(name)), &key, iv), 0);
    send_writer(world, &out);
}

static void junk_gossip(struct world *world) {
    const struct gossip_key no_key = {0};
    const uint8_t iv[GOSSIP_BLOCK_BYTES] = {1};
    struct writer out;
    for (int i = 0; i < 5; i++)
        send_udp(world, "Test, test, test", 3 * (size_t)(i + 1));
    /* of another cluster: no junk, and said once */
    writer_init(&out, GOSSIP_MAX_BYTES);
    assert_int_equal(gossip_write(&out, bytes_of("x@y", 3), &no_key, iv), 0);
    send_writer(world, &out);
}

static void open_nodefinder(struct world *world) {
    struct ip_mreqn interface = {.imr_address = {htonl(INADDR_LOOPBACK)}, .imr_ifindex = 1};
    open_udp(world);
    inet_pton(AF_INET, "224.0.0.1", &world->target);
    assert_int_equal(setsockopt(world->fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface), 0);
    snprintf(world->spec, sizeof world->spec, "nodefinder:port=%u,if=lo,window=1,interval=0.5", world->port);
}

static void announce_nodefinder(struct world *world, const char *alive) {
    struct writer out;
    struct nodefinder_keys keys;
    const char *name = full_name(alive);
    writer_init(&out, NODEFINDER_MAX_BYTES);
    assert_int_equal(nodefinder_keys_of("secret", &keys), 0);
    assert_int_equal(nodefinder_write(&out, bytes_of(name, strlen(name)), false, &keys, time(NULL)), 0);
    send_writer(world, &out);
}

/* ---- a DNS server: the node own@a.example for a ---- */

static const char *dns_name(struct world *world, const char *alive) {
    bool is_own = strcmp(alive, "own") == 0;
    snprintf(world->name, sizeof world->name, "own@%s%s", is_own ? "localhost" : alive, is_own ? "" : ".example");
    return world->name;
}

static void on_question(struct evdns_server_request *request, void *arg) {
    struct world *world = arg;
    assert_int_equal(request->nquestions, 1);
    assert_string_equal(request->questions[0]->name, "_epmd._tcp.example.org");
    assert_int_equal(request->questions[0]->type, 33);
    for (size_t i = 0; i < NAMES; i++) {
        /* priority, weight and port, and the target without compression */
        uint8_t data[128] = {0, 10, 0, 50, 0, 0};
        size_t size = 6;
        if (!world->here[i])
            continue;
        char host[128];
        snprintf(host, sizeof host, "%s", strchr(dns_name(world, world->here[i]), '@') + 1);
        for (char *rest = host, *label; (label = strsep(&rest, "."));) {
            data[size++] = (uint8_t)strlen(label);
            memcpy(data + size, label, strlen(label));
            size += strlen(label);
        }
        evdns_server_request_add_reply(request, EVDNS_ANSWER_SECTION, "_epmd._tcp.example.org", 33, 1, 5, (int)size + 1, 0,
                                       (char *)data);
    }
    evdns_server_request_respond(request, 0);
}

static void open_dns(struct world *world) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    fixture_init(&world->fixture, 0);
    world->dns = evdns_add_server_port_with_base(world->fixture.base, fd, 0, on_question, world);
    world->fd = fd;
    snprintf(world->spec, sizeof world->spec, "dns:_epmd._tcp.example.org,srv,interval=0.1,server=127.0.0.1:%u",
             ntohs(at.sin_port));
}

/* ---- an API server: the node own@10.1.0.97 for a ---- */

static const char *kube_name(struct world *world, const char *alive) {
    bool is_own = strcmp(alive, "own") == 0;
    snprintf(world->name, sizeof world->name, "own@10.%d.0.%d", !is_own, is_own ? 1 : *alive);
    return world->name;
}

static void answer_pods(struct kube_server *server, struct evhttp_request *request) {
    struct world *world = server->arg;
    char body[2048] = "{\"kind\": \"PodList\", \"items\": [";
    assert_string_equal(evhttp_request_get_uri(request), "/api/v1/namespaces/shop/pods?labelSelector=app%3Down&limit=50");
    for (size_t i = 0, used = strlen(body), count = 0; i < NAMES; i++)
        if (world->here[i])
            used += (size_t)snprintf(body + used, sizeof body - used, "%s{\"status\": {\"podIP\": \"%s\"}}", count++ ? "," : "",
                                     strchr(kube_name(world, world->here[i]), '@') + 1);
    strcat(body, "]}");
    kube_answer(request, 200, body);
}

static void open_kubernetes(struct world *world) {
    fixture_init_as(&world->fixture, "own@10.0.0.1", true, 0);
    kube_server_init(&world->kube, world->fixture.base);
    world->kube.answer = answer_pods;
    world->kube.arg = world;
    snprintf(world->spec, sizeof world->spec, "kubernetes:lookup=pods,selector=app=own,interval=0.1,server=127.0.0.1:%u,account=%s",
             world->kube.port, world->kube.account);
}

/* ---- names for good ---- */

static void open_static(struct world *world) {
    fixture_init(&world->fixture, 0);
    strcpy(world->spec, "static:own@localhost,a@localhost,b@localhost,a@localhost");
}

static const struct subject subjects[] = {
    {"static", open_static, NULL, NULL, true, NULL},
    {"hosts", open_hosts, NULL, NULL, false, NULL},
    {"local-epmd", open_local_epmd, NULL, NULL, false, NULL},
    {"broadcast", open_broadcast, announce_broadcast, junk_udp, false, NULL},
    {"gossip", open_gossip, announce_gossip, junk_gossip, false, NULL},
    {"nodefinder", open_nodefinder, announce_nodefinder, junk_udp, false, NULL},
    {"dns", open_dns, NULL, NULL, false, dns_name},
    {"kubernetes", open_kubernetes, NULL, NULL, false, kube_name},
};

/* ---- the world goes round ---- */

static void on_again(evutil_socket_t fd, short what, void *arg) {
    struct world *world = arg;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < NAMES; i++)
        if (world->here[i] && world->subject->announce)
            world->subject->announce(world, world->here[i]);
}

static void open_world_where(struct world *world, const struct subject *subject, uint32_t max_nodes, bool full) {
    struct timeval often = {.tv_usec = 100000};
    *world = (struct world){.fd = -1, .subject = subject};
    subject->open(world);
    world->again = event_new(world->fixture.base, -1, EV_PERSIST, on_again, world);
    assert_int_equal(event_add(world->again, &often), 0);
    world->fixture.full = full;
    fixture_must_open(&world->fixture, world->spec, max_nodes, false);
}

static void open_world(struct world *world, const struct subject *subject, uint32_t max_nodes) {
    open_world_where(world, subject, max_nodes, false);
}

static void close_world(struct world *world) {
    event_free(world->again);
    if (world->kube.http)
        kube_server_fini(&world->kube);
    if (world->dns)
        evdns_close_server_port(world->dns);
    if (world->listener)
        evconnlistener_free(world->listener);
    if (world->fd >= 0)
        close(world->fd);
    if (*world->file)
        unlink(world->file);
    fixture_fini(&world->fixture);
}

static const char *name_of(struct world *world, const char *alive) {
    if (world->subject->name)
        return world->subject->name(world, alive);
    snprintf(world->name, sizeof world->name, "%s@localhost", alive);
    return world->name;
}

/* Has it been said, as "+a" or "-a"? */
static bool was_said(struct world *world, const char *news) {
    char text[160];
    snprintf(text, sizeof text, "%c%s ", news[0], name_of(world, news + 1));
    return strstr(world->fixture.news, text) != NULL;
}

/* Exactly this, in this order. */
static void expect_news(struct world *world, const char *news) {
    char text[1024] = "", word[16];
    for (int used; sscanf(news, "%15s%n", word, &used) == 1; news += used)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%c%s ", word[0], name_of(world, word + 1));
    assert_string_equal(world->fixture.news, text);
}

static void appear(struct world *world, const char *alive) {
    size_t i = 0;
    while (world->here[i])
        i++;
    world->here[i] = alive;
}

static void vanish(struct world *world, const char *alive) {
    for (size_t i = 0; i < NAMES; i++)
        if (world->here[i] && strcmp(world->here[i], alive) == 0)
            world->here[i] = NULL;
}

#define EACH_SUBJECT(subject) \
    for (const struct subject *subject = subjects; subject < subjects + sizeof subjects / sizeof *subjects; subject++)

static void every_strategy_has_a_subject(void **state) {
    size_t count = 0;
    (void)state;
    for (; discovery_strategies[count]; count++) {
        bool is_there = false;
        EACH_SUBJECT(subject)
            is_there = is_there || strcmp(subject->kind, discovery_strategies[count]->kind) == 0;
        if (!is_there)
            fail_msg("%s has no subject", discovery_strategies[count]->kind);
    }
    assert_int_equal(count, sizeof subjects / sizeof *subjects);
}

static void found_lost_found(void **state) {
    (void)state;
    EACH_SUBJECT(subject) {
        struct world world;
        open_world(&world, subject, 0);
        struct fixture *fixture = &world.fixture;
        appear(&world, "own");
        appear(&world, "a");
        RUN_UNTIL(fixture, was_said(&world, "+a"));
        appear(&world, "b");
        RUN_UNTIL(fixture, was_said(&world, "+b"));
        if (!subject->stays) {
            vanish(&world, "a");
            RUN_UNTIL(fixture, was_said(&world, "-a"));
            appear(&world, "a");
            RUN_UNTIL(fixture, fixture->found == 3);
            expect_news(&world, "+a +b -a +a");
        } else {
            expect_news(&world, "+a +b");
        }
        assert_int_equal(discovery_count(fixture->discovery), 2);
        close_world(&world);
    }
}

/* However often it is heard of meanwhile. */
static void what_is_not_taken_is_said_again(void **state) {
    (void)state;
    EACH_SUBJECT(subject) {
        struct world world;
        unsigned count = subject->stays ? 2 : 1;
        open_world_where(&world, subject, 0, true);
        struct fixture *fixture = &world.fixture;
        appear(&world, "a");
        RUN_UNTIL(fixture, fixture->refused == 2 * count);
        fixture->full = false;
        RUN_UNTIL(fixture, fixture->found == count);
        expect_news(&world, count == 1 ? "?a !a +a" : "?a ?b !a !b +a +b");
        close_world(&world);
    }
}

static void no_more_than_allowed(void **state) {
    (void)state;
    EACH_SUBJECT(subject) {
        struct world world;
        open_world(&world, subject, 1);
        struct fixture *fixture = &world.fixture;
        appear(&world, "a");
        appear(&world, "b");
        RUN_UNTIL(fixture, discovery_counters(fixture->discovery)->refused > 0);
        assert_int_equal(fixture->found, 1);
        assert_int_equal(discovery_count(fixture->discovery), 1);
        assert_non_null(strstr(fixture->log, "discovery.limit"));
        close_world(&world);
    }
}

static void junk_is_counted_and_said_once(void **state) {
    (void)state;
    EACH_SUBJECT(subject) {
        if (!subject->junk)
            continue;
        struct world world;
        open_world(&world, subject, 0);
        struct fixture *fixture = &world.fixture;
        for (unsigned i = 1; i <= 20; i++) {
            subject->junk(&world);
            RUN_UNTIL(fixture, discovery_counters(fixture->discovery)->junk == 5 * i);
        }
        assert_int_equal(fixture->found, 0);
        /* and once for the other cluster on this network */
        assert_int_equal(fixture->logged, strcmp(subject->kind, "gossip") ? 1 : 2);
        appear(&world, "a");
        RUN_UNTIL(fixture, fixture->found == 1);
        close_world(&world);
    }
}

static void a_flood_of_names(void **state) {
    (void)state;
    EACH_SUBJECT(subject) {
        if (!subject->announce)
            continue;
        struct world world;
        open_world(&world, subject, 10);
        struct fixture *fixture = &world.fixture;
        for (int i = 0; i < 5000; i++) {
            char name[16];
            snprintf(name, sizeof name, "n%d", i);
            subject->announce(&world, name);
            if (i % 50 == 49)
                event_base_loop(fixture->base, EVLOOP_NONBLOCK);
        }
        RUN_UNTIL(fixture, discovery_counters(fixture->discovery)->refused > 1000);
        assert_true(discovery_count(fixture->discovery) <= 10);
        assert_true(fixture->logged < 5);
        close_world(&world);
    }
}

/* With a question under way, and with answers not yet read. */
static void closed_at_any_time(void **state) {
    (void)state;
    EACH_SUBJECT(subject)
        for (int turns = 0; turns < 6; turns++) {
            struct world world;
            open_world(&world, subject, 0);
            appear(&world, "a");
            on_again(-1, 0, &world);
            for (int i = 0; i < turns; i++)
                event_base_loop(world.fixture.base, EVLOOP_NONBLOCK);
            unsigned found = world.fixture.found;
            discovery_close(world.fixture.discovery);
            world.fixture.discovery = NULL;
            event_base_loop(world.fixture.base, EVLOOP_NONBLOCK);
            assert_int_equal(world.fixture.found, found);
            assert_int_equal(world.fixture.lost, 0);
            close_world(&world);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_has_a_subject),  cmocka_unit_test(found_lost_found),
        cmocka_unit_test(what_is_not_taken_is_said_again),
        cmocka_unit_test(no_more_than_allowed),          cmocka_unit_test(junk_is_counted_and_said_once),
        cmocka_unit_test(a_flood_of_names),              cmocka_unit_test(closed_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
