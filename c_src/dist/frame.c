#include "dist/frame.h"

enum { VERSION = 131, HEADER_WHOLE = 68, HEADER_FIRST = 69, HEADER_NEXT = 70, PASS_THROUGH = 112 };

int frame_read(struct bytes body, bool header_mode, struct frame *frame) {
    struct reader r = reader_of(body);
    struct frame read = {.kind = FRAME_WHOLE};
    if (!header_mode) {
        if (reader_u8(&r) != PASS_THROUGH || reader_left(&r) == 0 || *r.at != VERSION)
            return HM_EBADTERM;
        read.rest = reader_rest(&r);
        *frame = read;
        return HM_OK;
    }
    if (reader_u8(&r) != VERSION)
        return HM_EBADTERM;
    switch (reader_u8(&r)) {
    case HEADER_WHOLE:
        break;
    case HEADER_FIRST:
        read.kind = FRAME_FIRST;
        break;
    case HEADER_NEXT:
        read.kind = FRAME_NEXT;
        break;
    default:
        return HM_EBADTERM;
    }
    if (read.kind != FRAME_WHOLE) {
        read.sequence = reader_u64(&r);
        read.fragment = reader_u64(&r);
        if (read.sequence == 0 || read.fragment == 0)
            return HM_EBADTERM;
    }
    if (read.kind != FRAME_NEXT && reader_u8(&r) != 0)
        return HM_EBADTERM; /* NumberOfAtomCacheRefs */
    read.rest = reader_rest(&r);
    if (r.failed || (read.kind != FRAME_NEXT && read.rest.size == 0))
        return HM_EBADTERM;
    *frame = read;
    return HM_OK;
}

size_t frame_whole_head(uint8_t *out, bool header_mode, size_t size) {
    if (!header_mode) {
        set_be32(out, (uint32_t)(2 + size));
        out[4] = PASS_THROUGH;
        out[5] = VERSION;
        return FRAME_PASS_HEAD;
    }
    set_be32(out, (uint32_t)(3 + size));
    out[4] = VERSION;
    out[5] = HEADER_WHOLE;
    out[6] = 0;
    return FRAME_WHOLE_HEAD;
}

size_t frame_first_head(uint8_t *out, uint64_t sequence, uint64_t fragments, size_t size) {
    set_be32(out, (uint32_t)(FRAME_FIRST_HEAD - 4 + size));
    out[4] = VERSION;
    out[5] = HEADER_FIRST;
    set_be64(out + 6, sequence);
    set_be64(out + 14, fragments);
    out[22] = 0;
    return FRAME_FIRST_HEAD;
}

size_t frame_next_head(uint8_t *out, uint64_t sequence, uint64_t fragment, size_t size) {
    set_be32(out, (uint32_t)(FRAME_NEXT_HEAD - 4 + size));
    out[4] = VERSION;
    out[5] = HEADER_NEXT;
    set_be64(out + 6, sequence);
    set_be64(out + 14, fragment);
    return FRAME_NEXT_HEAD;
}
