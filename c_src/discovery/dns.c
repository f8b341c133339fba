/*
 * Nodes in DNS: libcluster's DNSPoll (and Kubernetes.DNS) with addresses, its Kubernetes.DNSSRV with SRV records. NAME is asked for
 * again and again; who is gone from it is disconnected, as there.
 *
 * Other than there, a server that does not answer takes nobody away: libcluster then disconnects everybody. Nor does an answer that
 * was too large for its datagram.
 */
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "discovery/dns_ask.h"
#include "discovery/strategy.h"

struct dns {
    struct discovery *discovery;
    struct event *timer;
    struct dns_servers servers;
    struct dns_ask *asks[2];
    unsigned running;
    enum dns_outcome worst;
    const char *name, *basename;
    size_t basename_size;
    bool srv;
    int64_t interval_ms;
};

static void on_record(struct dns *dns, const char *host) {
    char node[DISCOVERY_NAME_BYTES + 1];
    int size = snprintf(node, sizeof node, "%.*s@%s", (int)dns->basename_size, dns->basename, host);
    if (size >= (int)sizeof node || !discovery_heard(dns->discovery, bytes_of(node, (size_t)size)))
        discovery_junk(dns->discovery, "DNS", "a name that no node can have");
}

static void on_each(void *arg, const char *host) {
    on_record(arg, host);
}

static void end_round(struct dns *dns) {
    struct timeval pause = timeval_of_ms(dns->interval_ms);
    if (dns->worst == DNS_ANSWERED)
        discovery_round_end(dns->discovery);
    else
        discovery_failed(dns->discovery);
    discovery_trouble(dns->discovery, "discovery.dns",
                      dns->worst == DNS_ANSWERED    ? NULL
                      : dns->worst == DNS_TRUNCATED ? "the answer is too large for a datagram: some nodes may be missing"
                                                    : "no DNS server answers, or none can");
    event_add(dns->timer, &pause);
}

static void note_outcome(struct dns *dns, unsigned which, enum dns_outcome outcome) {
    dns->asks[which] = NULL;
    if (outcome > dns->worst)
        dns->worst = outcome;
    if (--dns->running == 0)
        end_round(dns);
}

static void on_first(void *arg, enum dns_outcome outcome) {
    note_outcome(arg, 0, outcome);
}

static void on_second(void *arg, enum dns_outcome outcome) {
    note_outcome(arg, 1, outcome);
}

static void begin_round(evutil_socket_t fd, short what, void *arg) {
    struct dns *dns = arg;
    struct event_base *base = discovery_base(dns->discovery);
    static dns_done *const done[] = {on_first, on_second};
    const enum dns_type types[] = {dns->srv ? DNS_SRV : DNS_A, DNS_AAAA};
    (void)fd;
    (void)what;
    discovery_round_begin(dns->discovery);
    dns->worst = DNS_ANSWERED;
    dns->running = dns->srv ? 1 : 2;
    for (unsigned i = 0, count = dns->running; i < count; i++) {
        dns->asks[i] = dns_ask_open(base, &dns->servers, dns->name, types[i], on_each, done[i], dns);
        if (!dns->asks[i])
            note_outcome(dns, i, DNS_FAILED);
    }
}

static int find_servers(struct dns *dns, const char *text, char *why, size_t capacity) {
    int error = dns_servers_find(discovery_base(dns->discovery), text, &dns->servers);
    if (error == HM_EINVAL)
        snprintf(why, capacity, "dns: server is an address, or ADDRESS:PORT, not \"%.64s\"", text);
    else if (error == HM_ENOENT)
        snprintf(why, capacity, "dns: there is no server in /etc/resolv.conf; name one: dns:NAME,server=ADDRESS");
    return error == HM_ENOENT ? HM_EINVAL : error;
}

static int open_dns(struct discovery *discovery, void *state, char *why, size_t capacity) {
    struct dns *dns = state;
    const struct discovery_spec *spec = discovery_spec_of(discovery);
    size_t place = 0;
    struct writer probe;
    dns->discovery = discovery;
    dns->name = discovery_value(spec, NULL, &place);
    dns->srv = discovery_flag(spec, "srv");
    dns->interval_ms = (int64_t)discovery_number(spec, "interval");
    writer_init(&probe, 512);
    int error = dns_write_query(&probe, 0, dns->name, DNS_A);
    writer_fini(&probe);
    if (!error)
        error = discovery_basename(discovery, &dns->basename, &dns->basename_size, why, capacity);
    if (error == HM_ENAME)
        snprintf(why, capacity, "dns: \"%.256s\" is no domain name", dns->name);
    if (!error)
        error = find_servers(dns, discovery_text(spec, "server"), why, capacity);
    if (error)
        return error;
    struct timeval now = {0};
    dns->timer = evtimer_new(discovery_base(discovery), begin_round, dns);
    return dns->timer && event_add(dns->timer, &now) == 0 ? HM_OK : HM_ENOMEM;
}

static void close_dns(struct discovery *discovery, void *state) {
    struct dns *dns = state;
    (void)discovery;
    for (size_t i = 0; i < 2; i++)
        dns_ask_cancel(dns->asks[i]);
    if (dns->timer)
        event_free(dns->timer);
}

static const struct discovery_key keys[] = {
    {"basename", KEY_TEXT, NULL, 0, 0, "what stands before the @ of every node (node_basename); without it, as in our own name"},
    {"srv", KEY_FLAG, "false", 0, 0, "ask for SRV records: their targets are the hosts; else for A and AAAA"},
    {"server", KEY_TEXT, NULL, 0, 0, "ADDRESS[:PORT] of a DNS server; without it, those of /etc/resolv.conf"},
    {"interval", KEY_SECONDS, "5", 100, 86400000, "seconds between two questions (polling_interval)"},
    {0},
};

const struct discovery_strategy discovery_dns = {
    .kind = "dns",
    .operands = "NAME",
    .least = 1,
    .help = "Every address, or SRV target, of NAME in DNS is a host with a node.",
    .keys = keys,
    .lost = LOST_DISCONNECT,
    .size = sizeof(struct dns),
    .open = open_dns,
    .close = close_dns,
};
