/* layer: discovery
 * The text of a .hosts.erlang: hosts until the end or the first mistake, and always an end. */
#include <assert.h>

#include "discovery/hosts_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hosts_reader reader = {.rest = bytes_of(data, size), .line = 1};
    char host[HOSTS_HOST_BYTES];
    size_t before = size + 1;
    while (hosts_next(&reader, host) == 1) {
        assert(*host && strlen(host) < sizeof host && !strchr(host, '@'));
        assert(reader.rest.size < before); /* it goes on */
        before = reader.rest.size;
    }
    return 0;
}
