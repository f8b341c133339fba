#include "discovery/dns_ask.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "discovery/crypto.h"

enum { PATIENCE_MS = 1500, ROUNDS = 2 };

struct dns_ask {
    struct event_base *base;
    struct dns_servers servers;
    const char *name;
    enum dns_type type;
    dns_each *each;
    dns_done *done;
    void *arg;
    struct event *event; /* of fd, or only a timer */
    int fd;
    uint16_t id;
    unsigned tries;
};

/* ---- which servers ---- */

int dns_servers_find(struct event_base *base, const char *text, struct dns_servers *servers) {
    int size = sizeof servers->at[0];
    servers->count = 0;
    if (text) {
        if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&servers->at[0], &size))
            return HM_EINVAL;
        struct sockaddr_in *in = (struct sockaddr_in *)&servers->at[0]; /* the port lies at the same place in IPv6 */
        if (in->sin_port == 0)
            in->sin_port = htons(53);
        servers->count = 1;
        return HM_OK;
    }
    struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!dns)
        return HM_ENOMEM;
    evdns_base_resolv_conf_parse(dns, DNS_OPTION_NAMESERVERS, "/etc/resolv.conf");
    while (servers->count < DNS_SERVERS &&
           evdns_base_get_nameserver_addr(dns, (int)servers->count, (struct sockaddr *)&servers->at[servers->count],
                                          sizeof servers->at[0]) > 0)
        servers->count++;
    evdns_base_free(dns, 0);
    return servers->count ? HM_OK : HM_ENOENT;
}

/* ---- one question ---- */

static void close_socket(struct dns_ask *ask) {
    if (ask->event)
        event_free(ask->event);
    if (ask->fd >= 0)
        close(ask->fd);
    ask->event = NULL;
    ask->fd = -1;
}

void dns_ask_cancel(struct dns_ask *ask) {
    if (!ask)
        return;
    close_socket(ask);
    free(ask);
}

static void finish(struct dns_ask *ask, enum dns_outcome outcome) {
    dns_done *done = ask->done;
    void *arg = ask->arg;
    dns_ask_cancel(ask);
    done(arg, outcome);
}

static void on_event(evutil_socket_t fd, short what, void *arg);

/* A new socket for each try, so that a forged answer has to guess port and id. */
static bool send_query(struct dns_ask *ask) {
    const struct sockaddr_storage *server = &ask->servers.at[ask->tries % ask->servers.count];
    socklen_t size = server->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    struct writer query;
    writer_init(&query, 512);
    ask->fd = socket(server->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = ask->fd >= 0 && crypto_random(&ask->id, sizeof ask->id) &&
                connect(ask->fd, (const struct sockaddr *)server, size) == 0 &&
                dns_write_query(&query, ask->id, ask->name, ask->type) == HM_OK &&
                send(ask->fd, query.at, query.size, MSG_NOSIGNAL) == (ssize_t)query.size;
    writer_fini(&query);
    return good;
}

/* false: no memory for an event. A socket that does not work is waited out like a server that is silent, but shortly. */
static bool try_next(struct dns_ask *ask) {
    struct timeval patience = timeval_of_ms(PATIENCE_MS), soon = timeval_of_ms(10);
    close_socket(ask);
    bool sent = send_query(ask);
    ask->tries++;
    ask->event = event_new(ask->base, sent ? ask->fd : -1, sent ? EV_READ | EV_PERSIST : 0, on_event, ask);
    return ask->event && event_add(ask->event, sent ? &patience : &soon) == 0;
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
    struct dns_ask *ask = arg;
    enum dns_outcome outcome = DNS_FAILED;
    if (what & EV_READ) {
        uint8_t answer[DNS_ANSWER_BYTES + 1];
        ssize_t size = recv(fd, answer, sizeof answer, 0);
        if (size >= 0)
            outcome = dns_read_answer(bytes_of(answer, (size_t)size), ask->id, ask->name, ask->type, ask->each, ask->arg);
        if (outcome == DNS_JUNK)
            return; /* somebody else's: the server may still answer */
    }
    if (outcome != DNS_FAILED || ask->tries >= ROUNDS * ask->servers.count || !try_next(ask))
        finish(ask, outcome);
}

struct dns_ask *dns_ask_open(struct event_base *base, const struct dns_servers *servers, const char *name,
                             enum dns_type type, dns_each *each, dns_done *done, void *arg) {
    struct dns_ask *ask = calloc(1, sizeof *ask);
    if (!ask)
        return NULL;
    *ask = (struct dns_ask){.base = base, .servers = *servers, .name = name, .type = type, .each = each, .done = done,
                            .arg = arg, .fd = -1};
    if (try_next(ask))
        return ask;
    dns_ask_cancel(ask);
    return NULL;
}
