/* layer: discovery
 * Packets of nodefinder; the cookie is secret, and it is 2023-11-14 22:15:00. */
#include <assert.h>

#include "discovery/nodefinder_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct nodefinder_keys keys;
    struct nodefinder_packet packet, again;
    struct writer out;
    assert(nodefinder_keys_of("secret", &keys) == 0);
    enum nodefinder_verdict verdict = nodefinder_read(bytes_of(data, size), &keys, 1700000100, 300, &packet);
    if (verdict != NODEFINDER_GOOD && verdict != NODEFINDER_EXPIRED)
        return 0;
    assert(packet.size > 0 && packet.size <= sizeof packet.name && packet.version >= 2 && packet.version <= 5);
    writer_init(&out, NODEFINDER_MAX_BYTES);
    assert(nodefinder_write(&out, bytes_of(packet.name, packet.size), packet.hidden, &keys, packet.seconds) == 0);
    assert(nodefinder_read(bytes_of(out.at, out.size), &keys, 1700000100, 300, &again) == verdict);
    assert(again.hidden == packet.hidden && again.seconds == packet.seconds && again.version == 5);
    assert(bytes_equal(bytes_of(packet.name, packet.size), bytes_of(again.name, again.size)));
    writer_fini(&out);
    return 0;
}
