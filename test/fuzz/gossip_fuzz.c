/* layer: discovery
 * Heartbeats of libcluster, plain and with the secret s3cret: what is read as a name can be written and read again. */
#include <assert.h>

#include "discovery/gossip_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct bytes data, const struct gossip_key *key) {
    static const uint8_t iv[GOSSIP_BLOCK_BYTES];
    char name[DISCOVERY_NAME_BYTES], again[DISCOVERY_NAME_BYTES];
    size_t name_size = 0, again_size = 0;
    if (!gossip_read(data, key, name, &name_size))
        return;
    struct writer out;
    writer_init(&out, GOSSIP_MAX_BYTES);
    assert(name_size <= sizeof name && gossip_write(&out, bytes_of(name, name_size), key, iv) == 0);
    assert(gossip_read(bytes_of(out.at, out.size), key, again, &again_size));
    assert(bytes_equal(bytes_of(name, name_size), bytes_of(again, again_size)));
    writer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gossip_key key;
    assert(gossip_key_of("s3cret", &key) == 0);
    look(bytes_of(data, size), NULL);
    look(bytes_of(data, size), &key);
    return 0;
}
