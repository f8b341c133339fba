/*
 * discovery/dns_ask: asks the DNS servers of this machine one question, without blocking.
 *
 * evdns of libevent 2.1 knows no SRV records, so questions are our own; from evdns comes which servers there are (/etc/resolv.conf).
 * Over UDP, each server twice; an answer that does not fit is taken as far as it goes, and the outcome says so.
 */
#ifndef HM_DISCOVERY_DNS_ASK_H
#define HM_DISCOVERY_DNS_ASK_H

#include <netinet/in.h>

#include "discovery/dns_wire.h"

struct event_base;
struct dns_ask;

enum { DNS_SERVERS = 3 };

struct dns_servers {
    struct sockaddr_storage at[DNS_SERVERS];
    size_t count;
};

/* From "10.0.0.53" or "10.0.0.53:5353"; NULL: those of /etc/resolv.conf. HM_EINVAL, HM_ENOENT (there is none), HM_ENOMEM. */
int dns_servers_find(struct event_base *base, const char *text, struct dns_servers *servers);

/* The outcome: DNS_FAILED also when nobody answered. each was called before. */
typedef void dns_done(void *arg, enum dns_outcome outcome);
/* name: borrowed until done. Never calls back before it returns. NULL without memory. */
struct dns_ask *dns_ask_open(struct event_base *base, const struct dns_servers *servers, const char *name,
                             enum dns_type type, dns_each *each, dns_done *done, void *arg);
void dns_ask_cancel(struct dns_ask *ask); /* NULL is allowed; over when it has called done */

#endif
