/*
 * dist/handshake_wire: the messages of the handshake, version 6, in both directions. Bytes only, no sockets.
 *
 * A message here is what stands behind its 2-byte length. Everything read borrows from the bytes given. Bytes
 * after the last field of a name are ignored, as the specification wants it. Names travel as Latin-1
 * (atom_to_binary(Node, latin1) in dist_util.erl), within Hermod they are UTF-8: see handshake_name_utf8.
 * Specification: erl_dist_protocol "Distribution Handshake"; lib/kernel/src/dist_util.erl.
 */
#ifndef HM_DIST_HANDSHAKE_WIRE_H
#define HM_DIST_HANDSHAKE_WIRE_H

#include "base/bytes.h"

enum { HANDSHAKE_DIGEST = 16, HANDSHAKE_NAME_MAX = 1020 };

/* send_name: 'N', or 'n' of an old peer, whose flags are the low half until its complement comes. */
struct handshake_name {
    bool old;
    uint64_t flags;
    uint32_t creation;
    struct bytes name;
};

enum handshake_status {
    STATUS_OK,
    STATUS_OK_SIMULTANEOUS,
    STATUS_NOK,
    STATUS_NOT_ALLOWED,
    STATUS_ALIVE,
    STATUS_TRUE,
    STATUS_FALSE,
    STATUS_NAMED, /* with name and creation */
};

struct handshake_challenge {
    uint64_t flags;
    uint32_t challenge;
    uint32_t creation;
    struct bytes name;
};

struct handshake_complement {
    uint32_t flags_high;
    uint32_t creation;
};

struct handshake_reply {
    uint32_t challenge;
    uint8_t digest[HANDSHAKE_DIGEST];
};

struct handshake_ack {
    uint8_t digest[HANDSHAKE_DIGEST];
};

/* Readers: HM_EBADTERM when it is another message or malformed. */
int handshake_read_name(struct bytes message, struct handshake_name *name);
int handshake_read_status(struct bytes message, enum handshake_status *status, struct bytes *name,
                          uint32_t *creation);
int handshake_read_challenge(struct bytes message, struct handshake_challenge *challenge);
int handshake_read_complement(struct bytes message, struct handshake_complement *complement);
int handshake_read_reply(struct bytes message, struct handshake_reply *reply);
int handshake_read_ack(struct bytes message, struct handshake_ack *ack);

/* Writers: append the message with its 2-byte length. Names: Latin-1. */
void handshake_write_name(struct writer *out, const struct handshake_name *name);
/* name, creation: of STATUS_NAMED, else ignored. */
void handshake_write_status(struct writer *out, enum handshake_status status, struct bytes name,
                            uint32_t creation);
void handshake_write_challenge(struct writer *out, const struct handshake_challenge *challenge);
void handshake_write_complement(struct writer *out, const struct handshake_complement *complement);
void handshake_write_reply(struct writer *out, const struct handshake_reply *reply);
void handshake_write_ack(struct writer *out, const struct handshake_ack *ack);

const char *handshake_status_name(enum handshake_status status);

/* MD5 over the cookie and the challenge as an unsigned decimal number. */
void handshake_digest(const char *cookie, uint32_t challenge, uint8_t digest[HANDSHAKE_DIGEST]);
/* Takes as long for a first wrong byte as for the last. */
bool handshake_digest_equal(const uint8_t a[HANDSHAKE_DIGEST], const uint8_t b[HANDSHAKE_DIGEST]);

/* Names on the wire are Latin-1: to UTF-8 and back, at most capacity bytes. Return the size, or 0 when it
 * does not fit or has other characters. */
size_t handshake_name_utf8(struct bytes latin1, char *out, size_t capacity);
size_t handshake_name_latin1(struct bytes utf8, char *out, size_t capacity);
/* name@host: one @, something on both sides, no control characters, at most 255 characters. */
bool handshake_name_valid(struct bytes name);
/* The same without @. */
bool handshake_host_valid(struct bytes host);

#endif
