/*
 * discovery/gossip_wire: the heartbeat of libcluster's Gossip: "heartbeat::" and #{node => Name} as an external term;
 * with a secret 16 bytes of initialization vector, then that encrypted with AES-256-CBC (PKCS #7), the key being SHA-256
 * of the secret.
 *
 * Bytes only. With a secret, plain heartbeats are not read; without one, encrypted ones are not. There is no authentication in
 * this protocol: who records a datagram can send it again, and the name in it is dialled. Specification: libcluster 3.5.0,
 * lib/strategy/gossip.ex.
 */
#ifndef HM_DISCOVERY_GOSSIP_WIRE_H
#define HM_DISCOVERY_GOSSIP_WIRE_H

#include "discovery/strategy.h"

enum { GOSSIP_KEY_BYTES = 32, GOSSIP_BLOCK_BYTES = 16, GOSSIP_MAX_BYTES = 2048 };

struct gossip_key {
    uint8_t bytes[GOSSIP_KEY_BYTES];
};

/* The key of a secret; HM_ESYSTEM: the crypto library refuses. */
int gossip_key_of(const char *secret, struct gossip_key *key);

/* key NULL: plain. iv: 16 random bytes, needed with a key. HM_ESYSTEM, or what is in out->error. */
int gossip_write(struct writer *out, struct bytes name, const struct gossip_key *key, const uint8_t *iv);
/* Could it be a heartbeat of others, who have another secret, or one while we have none, or the other way round? */
bool gossip_is_foreign(struct bytes datagram, bool has_key);
/* false: not a heartbeat for us. Keys other than node are allowed in the map. name gets UTF-8. */
bool gossip_read(struct bytes datagram, const struct gossip_key *key, char name[DISCOVERY_NAME_BYTES], size_t *size);

#endif
