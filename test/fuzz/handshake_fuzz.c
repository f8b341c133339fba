/* layer: dist
 * A whole handshake with a stranger, on our side as acceptor or initiator (bit 0 of the first byte) and with
 * any answer of the layer above (the bits after it). Messages as on the wire, 2 bytes of length before each.
 * Nobody comes through without the cookie. */
#include <assert.h>
#include <string.h>

#include "dist/handshake.h"
#include "etf/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct above {
    enum name_verdict verdict;
    int proved;
};

static enum name_verdict on_name(void *arg, struct channel *channel, const hm_node_name *peer) {
    (void)channel;
    assert(handshake_name_valid(node_name_bytes(peer)));
    return ((struct above *)arg)->verdict;
}

static const char *cookie(void *arg, const hm_node_name *peer) {
    (void)arg;
    (void)peer;
    return "a cookie that no fuzzer finds";
}

static void on_proved(void *arg, struct channel *channel) {
    (void)channel;
    ((struct above *)arg)->proved++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct channel_events events = {.on_name = on_name, .cookie = cookie, .on_proved = on_proved};
    static const struct log quiet = {.level = LOG_ERROR};
    struct reader r = reader_of(bytes_of(data, size));
    uint8_t mode = reader_u8(&r);
    struct above above = {(enum name_verdict)((mode >> 1) % 5), 0};
    struct names *names = names_new(16);
    struct dist dist = {.names = names, .log = &quiet, .events = &events, .arg = &above, .flags = FLAGS_OFFERED};
    dist.self = names_intern(names, "b@host", 6);
    dist.creation = 5;
    dist.setup_ms = 7000;
    struct handshake handshake;
    struct writer out;
    writer_init(&out, 1 << 20);
    handshake_init(&handshake, &dist, NULL, mode & 1 ? names_intern(names, "peer@host", 9) : NULL);
    handshake_start(&handshake, &out);
    while (!r.failed && reader_left(&r) >= 2) {
        struct bytes message = reader_bytes(&r, reader_u16(&r));
        if (r.failed)
            break;
        handshake_message(&handshake, message, &out);
    }
    if (mode & 0x80)
        handshake_closed(&handshake);
    assert(handshake.state != HS_DONE);
    assert(above.proved == 0);
    assert(memchr(handshake.detail, '\0', sizeof handshake.detail));
    writer_fini(&out);
    names_free(names);
    return 0;
}
