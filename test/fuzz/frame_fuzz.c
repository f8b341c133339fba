/* layer: dist
 * Frames and fragments from a peer: cut at their lengths as a channel does, checked, put together, decoded.
 * The first byte of the input is the mode (bit 0: distribution header, bit 1: small limits, so that frames and messages are left out). */
#include <assert.h>
#include <stdlib.h>

#include "dist/control.h"
#include "dist/fragment.h"
#include "dist/frame.h"
#include "dist/left_out.h"
#include "etf/check.h"
#include "etf/tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 20, SMALL_BYTES = 256, SMALL_FRAME = 128, SMALL_HEAD = 96 };

static bool decode(struct bytes tuple, struct names *names, struct control *control) {
    hm_term payload = {NULL, 0};
    if (control_decode((hm_term){tuple.at, tuple.size}, names, control, &payload) != 0)
        return false;
    assert(control_op_name(control->op)[0] != '?');
    return true;
}

/* payload: the beginning of one that is left out. What stands for it is a term. */
static void replace(const struct control *control, struct bytes payload) {
    struct left_out made;
    size_t size;
    if (payload.size && *payload.at == ETF_VERSION) /* in pass-through mode */
        payload = bytes_of(payload.at + 1, payload.size - 1);
    if (left_out_replace(control, payload, &made))
        assert(check_term(bytes_of(made.term.bytes, made.term.size), NULL, &size) == 0 && size == made.term.size);
}

static void take(const struct frame *frame, struct fragments *fragments, struct names *names) {
    struct fragments_message message;
    struct control control;
    size_t control_size = 0;
    if (frame->kind != FRAME_NEXT && check_term(frame->rest, NULL, &control_size) != 0)
        return;
    if (frame->kind == FRAME_WHOLE) {
        if (decode(bytes_of(frame->rest.at, control_size), names, &control) && frame->cut)
            replace(&control, bytes_of(frame->rest.at + control_size, frame->rest.size - control_size));
    } else if (fragments_add(fragments, frame, control_size, &message) == 1) {
        assert(!frame->cut || !message.payload);
        assert(message.payload || (message.why <= LEFT_OUT_COUNT && message.head_size <= sizeof message.head));
        if (decode(message.control, names, &control) && !message.payload)
            replace(&control, bytes_of(message.head, message.head_size));
        block_release(message.payload);
        free((void *)(uintptr_t)message.control.at);
    }
    assert(fragments->held_bytes <= 2 * MAX_BYTES);
    assert(fragments->count <= 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r = reader_of(bytes_of(data, size));
    uint8_t mode = reader_u8(&r);
    bool header = mode & 1, small = mode & 2;
    struct fragments fragments;
    struct names *names = names_new(16);
    fragments_init(&fragments, 4, small ? SMALL_BYTES : MAX_BYTES);
    while (!r.failed && reader_left(&r) >= 4) {
        struct frame frame;
        uint32_t length = reader_u32(&r);
        struct bytes body = reader_bytes(&r, length);
        bool cut = small && length > SMALL_FRAME;
        if (cut && !r.failed)
            body.size = SMALL_HEAD;
        if (r.failed || frame_read(body, header, &frame) != 0)
            continue;
        frame.cut = cut ? length : 0;
        if (!header && frame.rest.size)
            frame.rest = bytes_of(frame.rest.at + 1, frame.rest.size - 1);
        take(&frame, &fragments, names);
    }
    fragments_fini(&fragments);
    assert(fragments.count == 0 && fragments.held_bytes == 0);
    names_free(names);
    return 0;
}
