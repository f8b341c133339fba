#include "discovery/broadcast_wire.h"

#include "discovery/name_wire.h"
#include "etf/tags.h"

static const char prefix[] = "node::";

void broadcast_write(struct writer *out, struct bytes name) {
    writer_put(out, prefix, sizeof prefix - 1);
    writer_u8(out, ETF_VERSION);
    name_wire_write(out, name);
}

bool broadcast_read(struct bytes datagram, char name[DISCOVERY_NAME_BYTES], size_t *size) {
    struct reader in = reader_of(datagram);
    struct bytes begin = reader_bytes(&in, sizeof prefix - 1);
    if (in.failed || memcmp(begin.at, prefix, begin.size) != 0 || reader_u8(&in) != ETF_VERSION)
        return false;
    return name_wire_read(&in, name, size) && reader_left(&in) == 0;
}
