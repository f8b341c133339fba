/* layer: discovery
 * Datagrams of distributed_hello_world: what is read as a name of a node can be written and read again. */
#include <assert.h>

#include "discovery/broadcast_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char name[DISCOVERY_NAME_BYTES], again[DISCOVERY_NAME_BYTES];
    size_t name_size = 0, again_size = 0;
    if (!broadcast_read(bytes_of(data, size), name, &name_size))
        return 0;
    assert(name_size <= sizeof name);
    if (!discovery_is_name(bytes_of(name, name_size)))
        return 0;
    struct writer out;
    writer_init(&out, 2048);
    broadcast_write(&out, bytes_of(name, name_size));
    assert(out.error == 0 && broadcast_read(bytes_of(out.at, out.size), again, &again_size));
    assert(bytes_equal(bytes_of(name, name_size), bytes_of(again, again_size)));
    writer_fini(&out);
    return 0;
}
