/*
 * discovery/datagram: a UDP socket that shares its port with others and reaches every network that this machine
 * is on.
 *
 * Broadcast and multicast go out on each chosen interface by its own: the kernel's choice is the default route,
 * which is one network of several, and none where there is no such route. Interfaces that come later are used from the
 * next datagram on. IPv4, as the protocols are. Reads a bounded number of datagrams in one turn of the loop.
 */
#ifndef HM_DISCOVERY_DATAGRAM_H
#define HM_DISCOVERY_DATAGRAM_H

#include <netinet/in.h>

#include "discovery/strategy.h"

enum { DATAGRAM_BYTES = 2048, DATAGRAM_INTERFACES = 16, DATAGRAM_FROM_BYTES = 32 };

struct datagram;

struct datagram_options {
    struct event_base *base;
    struct in_addr bind;   /* 0: any */
    struct in_addr target; /* where datagrams go; a multicast group is joined */
    uint16_t port;         /* of both */
    uint8_t ttl;
    bool unjoined;      /* the group is not joined */
    bool other_source;  /* datagrams do not leave from the port that is listened on */
    bool silent;        /* never sends */
    const char *interfaces[DATAGRAM_INTERFACES]; /* names or addresses, NULL ends them; none: all that are up. Borrowed until close */
    /* data: lent until it returns; from: "10.0.0.5:45826". Must not close the socket. */
    void (*received)(void *arg, struct bytes data, const char *from);
    void *arg;
};

/* HM_ESYSTEM, HM_ENOMEM, with why. */
int datagram_open(const struct datagram_options *options, struct datagram **datagram, char *why, size_t capacity);
void datagram_close(struct datagram *datagram); /* NULL is allowed */
/* Sends it on every interface. HM_ENOCONNECTION: on none of them, and why tells about the last. */
int datagram_send(struct datagram *datagram, struct bytes data, char *why, size_t capacity);
/* Joins the group where it was not joined yet; datagram_send does it, too. */
void datagram_join(struct datagram *datagram);

/* "if" and "address" of a spec. HM_EINVAL with why. */
int datagram_read_address(const struct discovery_spec *spec, const char *key, struct in_addr *address, char *why,
                          size_t capacity);
int datagram_read_interfaces(const struct discovery_spec *spec, struct datagram_options *options, char *why,
                             size_t capacity);

#endif
