#include "dist/resolve.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct resolve {
    struct dist *dist;
    resolve_done *done; /* NULL: cancelled, waits for the resolver's last word */
    void *arg;
    struct event *soon;
    struct evdns_getaddrinfo_request *request;
    bool asking;
    char host[];
};

/* ---- addresses ---- */

socklen_t address_size(const union address *address) {
    return address->any.sa_family == AF_INET6 ? sizeof address->in6 : sizeof address->in;
}

void address_set_port(union address *address, uint16_t port) {
    if (address->any.sa_family == AF_INET6)
        address->in6.sin6_port = htons(port);
    else
        address->in.sin_port = htons(port);
}

uint16_t address_port(const union address *address) {
    return ntohs(address->any.sa_family == AF_INET6 ? address->in6.sin6_port : address->in.sin_port);
}

bool address_equal(const union address *a, const union address *b) {
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0 &&
           a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

static bool wanted_family(enum dist_family family, int address_family) {
    return (address_family == AF_INET && family != DIST_FAMILY_INET6) ||
           (address_family == AF_INET6 && family != DIST_FAMILY_INET);
}

void addresses_add(struct addresses *addresses, enum dist_family family, const struct sockaddr *address) {
    if (!wanted_family(family, address->sa_family) || addresses->count == ADDRESSES_MAX)
        return;
    union address added = {0};
    memcpy(&added, address, address->sa_family == AF_INET6 ? sizeof added.in6 : sizeof added.in);
    for (unsigned i = 0; i < addresses->count; i++)
        if (address_equal(&addresses->at[i], &added))
            return;
    addresses->at[addresses->count++] = added;
}

/* ---- without the network ---- */

static bool add_literal(struct addresses *addresses, enum dist_family family, const char *host) {
    union address address = {0};
    if (inet_pton(AF_INET, host, &address.in.sin_addr) == 1)
        address.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &address.in6.sin6_addr) == 1)
        address.any.sa_family = AF_INET6;
    else
        return false;
    addresses_add(addresses, family, &address.any);
    return true;
}

void resolve_loopback(enum dist_family family, struct addresses *addresses) {
    addresses->count = 0;
    add_literal(addresses, family, "127.0.0.1");
    add_literal(addresses, family, "::1");
}

static bool is_own_host(const char *host) {
    char own[HOST_NAME_MAX + 1];
    if (gethostname(own, sizeof own) != 0)
        return false;
    own[sizeof own - 1] = '\0';
    if (strcasecmp(host, own) == 0)
        return true;
    char *dot = strchr(own, '.');
    if (!dot)
        return false;
    *dot = '\0';
    return strcasecmp(host, own) == 0;
}

/* A node may listen on one interface only; IPv4 first, since that is where a BEAM listens unless told
 * otherwise. */
static void add_interfaces(struct addresses *addresses, enum dist_family family) {
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    static const int families[] = {AF_INET, AF_INET6};
    for (int i = 0; i < 2; i++)
        for (struct ifaddrs *one = all; one; one = one->ifa_next)
            if (one->ifa_addr && one->ifa_addr->sa_family == families[i])
                addresses_add(addresses, family, one->ifa_addr);
    freeifaddrs(all);
}

bool resolve_local(const char *host, enum dist_family family, struct addresses *addresses) {
    addresses->count = 0;
    if (add_literal(addresses, family, host))
        return true;
    bool own = is_own_host(host);
    if (!own && strcasecmp(host, "localhost") != 0)
        return false;
    resolve_loopback(family, addresses);
    if (own)
        add_interfaces(addresses, family);
    return true;
}

/* ---- with it ---- */

static void free_resolve(struct resolve *resolve) {
    if (resolve->soon)
        event_free(resolve->soon);
    free(resolve);
}

static void finish(struct resolve *resolve, const struct addresses *addresses) {
    resolve_done *done = resolve->done;
    void *arg = resolve->arg;
    free_resolve(resolve);
    if (done)
        done(arg, addresses);
}

static void on_answer(int error, struct evutil_addrinfo *list, void *arg) {
    struct resolve *resolve = arg;
    struct addresses addresses = {0};
    static const int families[] = {AF_INET, AF_INET6};
    if (!error)
        for (int i = 0; i < 2; i++)
            for (struct evutil_addrinfo *one = list; one; one = one->ai_next)
                if (one->ai_family == families[i])
                    addresses_add(&addresses, resolve->dist->family, one->ai_addr);
    if (list)
        evutil_freeaddrinfo(list);
    finish(resolve, &addresses);
}

/* Made late: most nodes meet on one machine and never need it, and it holds sockets and tables. */
static struct evdns_base *dns_of(struct dist *dist) {
    if (!dist->dns) {
        dist->dns = evdns_base_new(dist->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (dist->dns)
            evdns_base_resolv_conf_parse(dist->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
    }
    return dist->dns;
}

static void start(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct resolve *resolve = arg;
    struct addresses addresses = {0};
    if (resolve_local(resolve->host, resolve->dist->family, &addresses) || !dns_of(resolve->dist)) {
        finish(resolve, &addresses);
        return;
    }
    enum dist_family family = resolve->dist->family;
    struct evutil_addrinfo hints = {
        .ai_family = family == DIST_FAMILY_INET    ? AF_INET
                     : family == DIST_FAMILY_INET6 ? AF_INET6
                                                   : AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
    };
    /* It may answer before it returns (/etc/hosts); then there is no request, and no resolve any more. */
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(resolve->dist->dns, resolve->host, NULL, &hints, on_answer, resolve);
    if (request) {
        resolve->request = request;
        resolve->asking = true;
    }
}

struct resolve *resolve_open(struct dist *dist, const char *host, resolve_done *done, void *arg) {
    size_t size = strlen(host) + 1;
    struct resolve *resolve = calloc(1, sizeof *resolve + size);
    if (!resolve)
        return NULL;
    resolve->dist = dist;
    resolve->done = done;
    resolve->arg = arg;
    memcpy(resolve->host, host, size);
    resolve->soon = event_new(dist->base, -1, 0, start, resolve);
    if (!resolve->soon) {
        free(resolve);
        return NULL;
    }
    event_active(resolve->soon, EV_TIMEOUT, 0);
    return resolve;
}

void resolve_cancel(struct resolve *resolve) {
    if (!resolve)
        return;
    if (!resolve->asking) {
        free_resolve(resolve);
        return;
    }
    resolve->done = NULL; /* on_answer comes once more, with EVUTIL_EAI_CANCEL */
    evdns_getaddrinfo_cancel(resolve->request);
}

void dist_fini(struct dist *dist) {
    if (dist->dns)
        evdns_base_free(dist->dns, 1);
    dist->dns = NULL;
}
