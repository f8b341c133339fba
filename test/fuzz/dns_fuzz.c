/* layer: discovery
 * Answers of DNS servers to a question for app.example: every record is text that ends, whatever came. */
#include <assert.h>

#include "discovery/dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_each(void *arg, const char *text) {
    assert(*text && strlen(text) < DNS_TEXT_BYTES);
    ++*(unsigned *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV};
    for (size_t i = 0; i < 3; i++) {
        unsigned count = 0;
        enum dns_outcome outcome = dns_read_answer(bytes_of(data, size), 0x1234, "app.example", types[i], on_each, &count);
        assert(count == 0 || outcome != DNS_FAILED);
        assert(count <= size / 11); /* what a record takes at least */
    }
    return 0;
}
