/*
 * dist/epmd: a client of epmd that never blocks, and the starting of the epmd daemon.
 *
 * struct registration keeps this node's name in the local epmd: it registers, holds the connection (the name
 * lives as long as it), and when epmd goes away tries again every 2 s or sooner for ever, keeping the
 * creation of the first time, as erl_epmd does. Look-ups are one connection each. Specification:
 * erl_dist_protocol "EPMD Protocol"; erts/epmd/src/epmd_srv.c. The bytes of requests and answers are made and
 * read in epmd_wire.c, which has no sockets. One thread.
 */
#ifndef HM_DIST_EPMD_H
#define HM_DIST_EPMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dist;
struct registration;
struct epmd_query;

struct epmd_config {
    uint16_t port;          /* 4369 or $ERL_EPMD_PORT */
    const char *address;    /* $ERL_EPMD_ADDRESS: comma separated, where OUR epmd listens; NULL: loopback */
    const char *start;      /* command that starts the daemon ("epmd"), NULL: never start it */
};

/* error: 0, HM_ETAKEN (the name is in use), HM_EEPMD (not there). Called once, when the first attempt is
 * decided. */
typedef void registration_done(void *arg, int error, uint32_t creation, const char *detail);

struct registration *registration_open(struct dist *dist, const char *alive_name, uint16_t port, bool hidden,
                                       registration_done *done, void *arg);
/* The name is free again when this returns to the loop. */
void registration_close(struct registration *registration);
bool registration_is_up(const struct registration *registration);

struct registration_counters {
    uint64_t registered; /* times that epmd took the name: more than 1 after it was started again */
    uint64_t lost;       /* times that the connection to epmd went */
    uint64_t attempts;
};
struct registration_counters registration_counters(const struct registration *registration); /* NULL: all 0 */

/* port: where the node listens. error: 0, HM_ENOENT (epmd does not know it), HM_EEPMD (no epmd),
 * HM_ENOCONNECTION (no such host). */
typedef void epmd_lookup_done(void *arg, int error, uint16_t port);
struct epmd_query *epmd_lookup(struct dist *dist, const char *host, const char *alive_name,
                               epmd_lookup_done *done, void *arg);
/* For each registered node one call with its name and port, then one with name NULL and the error. */
typedef void epmd_names_each(void *arg, const char *name, size_t size, uint16_t port, int error);
struct epmd_query *epmd_names(struct dist *dist, const char *host, epmd_names_each *each, void *arg);
/* Ends a query without its callback. A query whose callback was called is over already. */
void epmd_query_cancel(struct epmd_query *query);

#endif
