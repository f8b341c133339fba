/* layer: dist
 * What something that is not epmd may answer on its port. */
#include <assert.h>

#include "dist/epmd_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes answer = bytes_of(data, size), rest, name;
    uint8_t result;
    uint32_t creation;
    uint16_t port;
    int read = epmd_read_alive(answer, &result, &creation);
    assert(read == 0 || read == 1 || read == HM_EEPMD);
    read = epmd_read_port(answer, &port);
    assert(read == 0 || read == 1 || read == HM_EEPMD || read == HM_ENOENT);
    if (epmd_names_begin(answer, &rest) == 0) {
        size_t before = rest.size;
        while (epmd_names_next(&rest, &name, &port) == 1) {
            assert(rest.size < before);
            assert(name.at >= data && name.at + name.size <= data + size);
            before = rest.size;
        }
    }
    return 0;
}
