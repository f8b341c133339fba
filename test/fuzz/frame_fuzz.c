/* layer: dist
 * Frames and fragments from a peer: cut at their lengths as a channel does, checked, put together, decoded.
 * The first byte of the input is the mode (bit 0: distribution header). */
#include <assert.h>
#include <stdlib.h>

#include "dist/control.h"
#include "dist/fragment.h"
#include "dist/frame.h"
#include "etf/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 20 };

static void decode(struct bytes tuple, struct names *names) {
    struct control control;
    hm_term payload = {NULL, 0};
    if (control_decode((hm_term){tuple.at, tuple.size}, names, &control, &payload) == 0)
        assert(control_op_name(control.op)[0] != '?');
}

static void take(const struct frame *frame, struct fragments *fragments, struct names *names) {
    struct fragments_message message;
    size_t control_size = 0;
    if (frame->kind != FRAME_NEXT && check_term(frame->rest, NULL, &control_size) != 0)
        return;
    if (frame->kind == FRAME_WHOLE) {
        decode(bytes_of(frame->rest.at, control_size), names);
    } else if (fragments_add(fragments, frame, control_size, &message) == 1) {
        decode(message.control, names);
        block_release(message.payload);
        free((void *)(uintptr_t)message.control.at);
    }
    assert(fragments->held_bytes <= MAX_BYTES + MAX_BYTES);
    assert(fragments->count <= 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r = reader_of(bytes_of(data, size));
    bool header = reader_u8(&r) & 1;
    struct fragments fragments;
    struct names *names = names_new(16);
    fragments_init(&fragments, 4, MAX_BYTES);
    while (!r.failed && reader_left(&r) >= 4) {
        struct frame frame;
        struct bytes body = reader_bytes(&r, reader_u32(&r));
        if (r.failed || frame_read(body, header, &frame) != 0)
            continue;
        if (!header && frame.rest.size)
            frame.rest = bytes_of(frame.rest.at + 1, frame.rest.size - 1);
        take(&frame, &fragments, names);
    }
    fragments_fini(&fragments);
    assert(fragments.count == 0 && fragments.held_bytes == 0);
    names_free(names);
    return 0;
}
