#include "discovery/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IN_ONE_TURN = 64 };

struct place {
    unsigned index; /* of the interface */
    struct in_addr address;
};

struct datagram {
    struct datagram_options options;
    int in, out; /* may be the same */
    struct event *readable;
};

static bool is_multicast(struct in_addr address) {
    return IN_MULTICAST(ntohl(address.s_addr));
}

/* ---- interfaces ---- */

static const struct in_addr *address_of(const struct ifaddrs *at) {
    return &((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr;
}

static bool is_chosen(const struct datagram *datagram, const struct ifaddrs *at) {
    char text[INET_ADDRSTRLEN];
    const char *const *names = datagram->options.interfaces;
    if (!names[0])
        return !(at->ifa_flags & IFF_LOOPBACK) &&
               (at->ifa_flags & (is_multicast(datagram->options.target) ? IFF_MULTICAST : IFF_BROADCAST));
    inet_ntop(AF_INET, address_of(at), text, sizeof text);
    for (size_t i = 0; i < DATAGRAM_INTERFACES && names[i]; i++)
        if (strcmp(names[i], at->ifa_name) == 0 || strcmp(names[i], text) == 0)
            return true;
    return false;
}

/* One place for each interface, whatever number of addresses it has. A machine without network talks to itself. */
static size_t find_places(const struct datagram *datagram, struct place places[DATAGRAM_INTERFACES]) {
    struct ifaddrs *all = NULL;
    size_t count = 0;
    struct place loopback = {0};
    if (getifaddrs(&all))
        return 0;
    for (struct ifaddrs *at = all; at && count < DATAGRAM_INTERFACES; at = at->ifa_next) {
        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET || !(at->ifa_flags & IFF_UP))
            continue;
        struct place place = {if_nametoindex(at->ifa_name), *address_of(at)};
        bool is_known = false;
        for (size_t i = 0; i < count; i++)
            is_known = is_known || places[i].index == place.index;
        if (at->ifa_flags & IFF_LOOPBACK && !loopback.index)
            loopback = place;
        if (!is_known && is_chosen(datagram, at))
            places[count++] = place;
    }
    freeifaddrs(all);
    if (count == 0 && loopback.index && !datagram->options.interfaces[0])
        places[count++] = loopback;
    return count;
}

static void join(struct datagram *datagram, const struct place *place) {
    struct ip_mreqn request = {datagram->options.target, place->address, (int)place->index};
    if (datagram->options.unjoined || !is_multicast(datagram->options.target))
        return;
    /* Joined already is the usual answer. Other failures show in datagram_send, or as silence there. */
    (void)!setsockopt(datagram->in, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
}

void datagram_join(struct datagram *datagram) {
    struct place places[DATAGRAM_INTERFACES];
    size_t count = find_places(datagram, places);
    for (size_t i = 0; i < count; i++)
        join(datagram, &places[i]);
}

/* ---- out ---- */

static ssize_t send_from(struct datagram *datagram, const struct place *place, struct bytes data) {
    const struct datagram_options *options = &datagram->options;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options->port), .sin_addr = options->target};
    struct iovec part = {(void *)(uintptr_t)data.at, data.size};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1};
    bool is_for_all = is_multicast(to.sin_addr) || to.sin_addr.s_addr == INADDR_BROADCAST;
    if (is_for_all) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        struct in_pktinfo info = {.ipi_ifindex = (int)place->index, .ipi_spec_dst = place->address};
        header->cmsg_level = IPPROTO_IP;
        header->cmsg_type = IP_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(header), &info, sizeof info);
    }
    return sendmsg(datagram->out, &message, MSG_DONTWAIT);
}

int datagram_send(struct datagram *datagram, struct bytes data, char *why, size_t capacity) {
    struct place places[DATAGRAM_INTERFACES];
    size_t count = find_places(datagram, places), sent = 0;
    int error = ENETUNREACH;
    struct in_addr target = datagram->options.target;
    /* An address of one network or machine has a route of its own. */
    if (!is_multicast(target) && target.s_addr != INADDR_BROADCAST && count > 1)
        count = 1;
    for (size_t i = 0; i < count; i++) {
        join(datagram, &places[i]);
        if (send_from(datagram, &places[i], data) >= 0)
            sent++;
        else
            error = errno;
    }
    if (sent)
        return HM_OK;
    snprintf(why, capacity, "cannot send on any interface: %s", strerror(error));
    return HM_ENOCONNECTION;
}

/* ---- in ---- */

static bool is_among(unsigned index, const struct place places[], size_t count) {
    for (size_t i = 0; i < count; i++)
        if (places[i].index == index)
            return true;
    return false;
}

/* The interface that it came in by; 0: the kernel did not say. */
static unsigned read_interface(struct msghdr *message) {
    struct in_pktinfo info = {0};
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header))
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
            memcpy(&info, CMSG_DATA(header), sizeof info);
    return (unsigned)info.ipi_ifindex;
}

/* Broadcasts reach the socket by every interface: those of networks that were not chosen are nobody's. */
static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct datagram *datagram = arg;
    bool is_choosy = datagram->options.interfaces[0] != NULL;
    char data[DATAGRAM_BYTES], from[DATAGRAM_FROM_BYTES], address[INET_ADDRSTRLEN];
    struct place places[DATAGRAM_INTERFACES];
    size_t count = is_choosy ? find_places(datagram, places) : 0;
    (void)what;
    for (int i = 0; i < IN_ONE_TURN; i++) {
        struct sockaddr_in source = {0};
        struct iovec part = {data, sizeof data};
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct msghdr message = {.msg_name = &source, .msg_namelen = sizeof source, .msg_iov = &part, .msg_iovlen = 1,
                                 .msg_control = control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
        if (size < 0)
            return; /* EAGAIN; anything else is about one datagram that is gone */
        if (is_choosy && !is_among(read_interface(&message), places, count))
            continue;
        inet_ntop(AF_INET, &source.sin_addr, address, sizeof address);
        snprintf(from, sizeof from, "%s:%u", address, ntohs(source.sin_port));
        /* One that is larger than any of these protocols is read as far as it goes, and refused by its reader. */
        datagram->options.received(datagram->options.arg,
                                   bytes_of(data, (size_t)size < sizeof data ? (size_t)size : sizeof data), from);
    }
}

/* ---- life ---- */

/* Both are set, since Linux lets sockets share a port when all of them have set one and the same: older nodes set
 * SO_REUSEADDR, others SO_REUSEPORT. Broadcast and multicast reach every one of them. */
static int open_socket(const struct datagram_options *options, struct in_addr address, uint16_t port) {
    int one = 1, ttl = options->ttl;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) ||
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one) || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one) ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof one) || bind(fd, (struct sockaddr *)&at, sizeof at)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int datagram_open(const struct datagram_options *options, struct datagram **result, char *why, size_t capacity) {
    struct datagram *datagram = calloc(1, sizeof *datagram);
    if (!datagram)
        return HM_ENOMEM;
    datagram->options = *options;
    datagram->in = open_socket(options, options->bind, options->port);
    datagram->out = datagram->in;
    if (datagram->in >= 0 && options->other_source)
        datagram->out = open_socket(options, (struct in_addr){INADDR_ANY}, 0);
    if (datagram->in < 0 || datagram->out < 0) {
        snprintf(why, capacity, "cannot listen on UDP port %u: %s", options->port, strerror(errno));
        datagram_close(datagram);
        return HM_ESYSTEM;
    }
    datagram->readable = event_new(options->base, datagram->in, EV_READ | EV_PERSIST, on_readable, datagram);
    if (!datagram->readable || event_add(datagram->readable, NULL)) {
        datagram_close(datagram);
        return HM_ENOMEM;
    }
    datagram_join(datagram);
    *result = datagram;
    return HM_OK;
}

void datagram_close(struct datagram *datagram) {
    if (!datagram)
        return;
    if (datagram->readable)
        event_free(datagram->readable);
    if (datagram->out >= 0 && datagram->out != datagram->in)
        close(datagram->out);
    if (datagram->in >= 0)
        close(datagram->in);
    free(datagram);
}

/* ---- options ---- */

int datagram_read_address(const struct discovery_spec *spec, const char *key, struct in_addr *address, char *why,
                          size_t capacity) {
    const char *text = discovery_text(spec, key);
    if (inet_pton(AF_INET, text, address) == 1)
        return HM_OK;
    snprintf(why, capacity, "%s: %s is an IPv4 address, not \"%.64s\"", spec->strategy->kind, key, text);
    return HM_EINVAL;
}

int datagram_read_interfaces(const struct discovery_spec *spec, struct datagram_options *options, char *why,
                             size_t capacity) {
    const char *name;
    size_t count = 0;
    for (size_t place = 0; (name = discovery_value(spec, "if", &place)); count++) {
        struct in_addr address;
        if (count == DATAGRAM_INTERFACES - 1) {
            snprintf(why, capacity, "%s: at most %d interfaces", spec->strategy->kind, DATAGRAM_INTERFACES - 1);
            return HM_EINVAL;
        }
        if (inet_pton(AF_INET, name, &address) != 1 && if_nametoindex(name) == 0) {
            snprintf(why, capacity, "%s: there is no interface \"%.64s\"", spec->strategy->kind, name);
            return HM_EINVAL;
        }
        options->interfaces[count] = name;
    }
    return HM_OK;
}
