/*
 * discovery/dns_wire: one question to a DNS server, and its answer. Bytes only; answers are taken apart by the C
 * library (arpa/nameser.h), which bounds everything.
 *
 * Specification: RFC 1035, RFC 2782 (SRV), RFC 6891 (EDNS, so that an answer of up to DNS_ANSWER_BYTES comes in one
 * datagram). Records that a CNAME leads to are in the answer, too, and count.
 */
#ifndef HM_DISCOVERY_DNS_WIRE_H
#define HM_DISCOVERY_DNS_WIRE_H

#include "base/bytes.h"

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };
enum { DNS_ANSWER_BYTES = 4096, DNS_TEXT_BYTES = 1025 };

/* HM_ENAME: no domain name. */
int dns_write_query(struct writer *out, uint16_t id, const char *name, enum dns_type type);

enum dns_outcome {
    DNS_ANSWERED,  /* with records, or with none: there is no such name, or it has no such records */
    DNS_TRUNCATED, /* some of the records */
    DNS_FAILED,    /* the server says that it cannot answer */
    DNS_JUNK,      /* no answer to this question */
};

/* text: the address, or the target of an SRV record without the dot at its end; borrowed until it returns. */
typedef void dns_each(void *arg, const char *text);
enum dns_outcome dns_read_answer(struct bytes answer, uint16_t id, const char *name, enum dns_type type, dns_each *each,
                                 void *arg);

#endif
