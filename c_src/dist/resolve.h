/*
 * dist/resolve: from the host part of a node name to addresses, without ever blocking the loop.
 *
 * Literals, "localhost" and the name of this machine are answered from here: for our own machine that is the
 * loopback and every address of its interfaces, so that local nodes meet without DNS. Everything else goes to
 * libevent's resolver, which reads /etc/hosts and /etc/resolv.conf. Respects dist->family. One thread.
 */
#ifndef HM_DIST_RESOLVE_H
#define HM_DIST_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "dist/channel.h"

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

enum { ADDRESSES_MAX = 8 };

struct addresses {
    unsigned count;
    union address at[ADDRESSES_MAX];
};

struct resolve;

/* addresses: borrowed; none when there is no such host. */
typedef void resolve_done(void *arg, const struct addresses *addresses);

/* Never calls back before it returns; NULL without memory. Over when it has called back. */
struct resolve *resolve_open(struct dist *dist, const char *host, resolve_done *done, void *arg);
void resolve_cancel(struct resolve *resolve); /* NULL is allowed */

/* The part that needs no network. false: not one of the names above. */
bool resolve_local(const char *host, enum dist_family family, struct addresses *addresses);
/* The loopback addresses of this family. */
void resolve_loopback(enum dist_family family, struct addresses *addresses);
/* Adds one unless it is of another family, there already, or they are full. */
void addresses_add(struct addresses *addresses, enum dist_family family, const struct sockaddr *address);

socklen_t address_size(const union address *address);
void address_set_port(union address *address, uint16_t port);
uint16_t address_port(const union address *address);
bool address_equal(const union address *a, const union address *b); /* without the port */

#endif
