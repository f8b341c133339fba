/*
 * discovery/nodefinder_wire: the datagrams of okeuday/nodefinder's multicast.
 *
 *     "ERLANG/NODEFINDER 5 " Id:32 " " Seconds:8 " " Connect:1 " " Name      written and read
 *     "ERLANG/NODEFINDER 4 " Id:32 " " Seconds:8 " " Name                    read
 *     "ERLANG/NODEFINDER 3 " Id:32 " " Seconds:8 " " Name                    read
 *     "DISCOVERV2 "          Id:20 " " Seconds:8 " " Name                    read; Name in Latin-1
 *
 * Id is the HMAC of Seconds and Name: SHA-256 with the key SHA-256(cookie) (5, 4) or SHA-256(term_to_binary(cookie)) (3), SHA-1 with
 * SHA-1(term_to_binary(cookie)) (V2). Seconds count from 1970, in V2 from the year 0. Connect (1 visible, 2 hidden) is not
 * in the HMAC. term_to_binary of an atom differs between releases, so both encodings are tried. Bytes only.
 * Specification: nodefinder 2.0.2, src/nodefinder_multicast.erl.
 */
#ifndef HM_DISCOVERY_NODEFINDER_WIRE_H
#define HM_DISCOVERY_NODEFINDER_WIRE_H

#include "discovery/strategy.h"

enum { NODEFINDER_MAX_BYTES = 1100, NODEFINDER_CLOCK_SECONDS = 300 };

struct nodefinder_keys {
    uint8_t v5[32];               /* and of version 4 */
    uint8_t v3[2][32], v2[2][20]; /* the cookie as ATOM_EXT, as SMALL_ATOM_UTF8_EXT */
};

struct nodefinder_packet {
    unsigned version; /* 2 to 5 */
    bool hidden;      /* the sender wants hidden connections */
    int64_t seconds;  /* since 1970 */
    char name[DISCOVERY_NAME_BYTES];
    size_t size;
};

enum nodefinder_verdict {
    NODEFINDER_GOOD,
    NODEFINDER_JUNK,    /* none of these packets */
    NODEFINDER_COOKIE,  /* another cookie */
    NODEFINDER_EXPIRED, /* right cookie, but too old, or from the future; packet is complete */
};

/* HM_ESYSTEM: the crypto library refuses. */
int nodefinder_keys_of(const char *cookie, struct nodefinder_keys *keys);
int nodefinder_write(struct writer *out, struct bytes name, bool hidden, const struct nodefinder_keys *keys,
                     int64_t now_seconds);
/* Accepts now - timeout < seconds <= now + 300. */
enum nodefinder_verdict nodefinder_read(struct bytes datagram, const struct nodefinder_keys *keys, int64_t now_seconds,
                                        int64_t timeout_seconds, struct nodefinder_packet *packet);

#endif
