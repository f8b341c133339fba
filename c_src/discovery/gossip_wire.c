#include "discovery/gossip_wire.h"

#include "discovery/crypto.h"
#include "discovery/name_wire.h"
#include "etf/check.h"
#include "etf/tags.h"

static const char prefix[] = "heartbeat::";
enum { PREFIX_BYTES = sizeof prefix - 1 };

int gossip_key_of(const char *secret, struct gossip_key *key) {
    return crypto_sha256(secret, strlen(secret), key->bytes) ? HM_OK : HM_ESYSTEM;
}

_Static_assert((int)GOSSIP_KEY_BYTES == (int)CRYPTO_SHA256_BYTES, "the key is the digest of the secret");

/* ---- out ---- */

static void write_plain(struct writer *out, struct bytes name) {
    writer_put(out, prefix, PREFIX_BYTES);
    writer_u8(out, ETF_VERSION);
    writer_u8(out, ETF_MAP);
    writer_u32(out, 1);
    name_wire_write(out, bytes_of("node", 4));
    name_wire_write(out, name);
}

static bool encrypt(struct bytes plain, const struct gossip_key *key, const uint8_t *iv, struct writer *out) {
    size_t size = 0;
    writer_put(out, iv, GOSSIP_BLOCK_BYTES);
    uint8_t *at = writer_reserve(out, plain.size + GOSSIP_BLOCK_BYTES);
    if (!at)
        return true; /* the writer says it */
    if (!crypto_encrypt(key->bytes, iv, plain.at, plain.size, at, &size))
        return false;
    out->size += size;
    return true;
}

int gossip_write(struct writer *out, struct bytes name, const struct gossip_key *key, const uint8_t *iv) {
    if (!key) {
        write_plain(out, name);
        return out->error;
    }
    struct writer plain;
    writer_init(&plain, GOSSIP_MAX_BYTES);
    write_plain(&plain, name);
    bool good = !plain.error && encrypt(bytes_of(plain.at, plain.size), key, iv, out);
    int error = plain.error ? plain.error : !good ? HM_ESYSTEM : out->error;
    writer_fini(&plain);
    return error;
}

/* ---- in ---- */

static bool is_atom_node(const char *name, size_t size) {
    return size == 4 && memcmp(name, "node", 4) == 0;
}

static bool skip_term(struct reader *in) {
    size_t size;
    if (check_term(bytes_of(in->at, reader_left(in)), NULL, &size))
        return false;
    reader_take(in, size);
    return true;
}

/* A map in which node is an atom. */
static bool read_map(struct reader *in, char name[DISCOVERY_NAME_BYTES], size_t *size) {
    bool found = false;
    uint8_t tag = reader_u8(in);
    uint32_t pairs = reader_u32(in);
    if (in->failed || tag != ETF_MAP)
        return false;
    for (; pairs > 0; pairs--) {
        char key[DISCOVERY_NAME_BYTES];
        size_t key_size;
        struct reader begin = *in;
        if (name_wire_read(in, key, &key_size) && is_atom_node(key, key_size)) {
            if (found || !name_wire_read(in, name, size))
                return false;
            found = true;
            continue;
        }
        *in = begin;
        if (!skip_term(in) || !skip_term(in))
            return false;
    }
    return found;
}

static bool read_plain(struct bytes plain, char name[DISCOVERY_NAME_BYTES], size_t *size) {
    struct reader in = reader_of(plain);
    struct bytes begin = reader_bytes(&in, PREFIX_BYTES);
    if (in.failed || memcmp(begin.at, prefix, PREFIX_BYTES) || reader_u8(&in) != ETF_VERSION)
        return false;
    return read_map(&in, name, size) && reader_left(&in) == 0;
}

static bool decrypt(struct bytes datagram, const struct gossip_key *key, uint8_t plain[GOSSIP_MAX_BYTES], size_t *size) {
    return crypto_decrypt(key->bytes, datagram.at, datagram.at + GOSSIP_BLOCK_BYTES, datagram.size - GOSSIP_BLOCK_BYTES,
                          plain, size);
}

bool gossip_is_foreign(struct bytes datagram, bool has_key) {
    bool is_plain = datagram.size >= PREFIX_BYTES && memcmp(datagram.at, prefix, PREFIX_BYTES) == 0;
    bool may_be_encrypted = datagram.size >= 3 * GOSSIP_BLOCK_BYTES && datagram.size % GOSSIP_BLOCK_BYTES == 0;
    return has_key ? is_plain || may_be_encrypted : !is_plain && may_be_encrypted;
}

bool gossip_read(struct bytes datagram, const struct gossip_key *key, char name[DISCOVERY_NAME_BYTES], size_t *size) {
    uint8_t plain[GOSSIP_MAX_BYTES];
    size_t plain_size;
    if (!key)
        return read_plain(datagram, name, size);
    if (datagram.size < 2 * GOSSIP_BLOCK_BYTES || datagram.size > GOSSIP_MAX_BYTES ||
        datagram.size % GOSSIP_BLOCK_BYTES || !decrypt(datagram, key, plain, &plain_size))
        return false;
    return read_plain(bytes_of(plain, plain_size), name, size);
}
