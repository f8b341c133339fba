/*
 * dist/frame: one frame of the connected phase, between its length and its terms. Bytes only, no sockets.
 *
 * Frame = Length:32, body. Length 0 is a tick. What the body starts with was settled by the flags: with
 * FRAGMENTS (or the atom cache, which we never offer) a distribution header 131, 68 | 69 | 70, else the byte
 * 112, "pass through". In header mode the terms have no version byte, in pass-through mode each has one.
 * Specification: erl_ext_dist, "Distribution Header" and "Distribution Header for fragmented messages".
 */
#ifndef HM_DIST_FRAME_H
#define HM_DIST_FRAME_H

#include "base/bytes.h"

enum frame_kind {
    FRAME_WHOLE,    /* control, payload */
    FRAME_FIRST,    /* first fragment: control, a piece of the payload */
    FRAME_NEXT,     /* a piece */
};

struct frame {
    enum frame_kind kind;
    uint64_t sequence; /* fragments: never 0 */
    uint64_t fragment; /* counts down to 1 */
    struct bytes rest; /* the terms; in pass-through mode it starts with a version byte */
    uint32_t cut;      /* not 0: rest is the beginning of a frame of that size, whose end is not kept. frame_read leaves it 0 */
};

/* Reads the body of a frame. HM_EBADTERM: no frame of this mode; with references to the atom cache as well,
 * since we did not offer it. */
int frame_read(struct bytes body, bool header_mode, struct frame *frame);

enum {
    FRAME_WHOLE_HEAD = 4 + 3, /* length, 131, 68, 0 */
    FRAME_PASS_HEAD = 4 + 2,  /* length, 112, and the version byte of the control tuple */
    FRAME_FIRST_HEAD = 4 + 2 + 16 + 1,
    FRAME_NEXT_HEAD = 4 + 2 + 16,
    FRAME_PIECE = 64 * 1024, /* what BEAM cuts at; any size would do */
};

/* Heads of the frames that we write: `size` bytes follow the head. Return the number of bytes written, which
 * is the constant above. */
size_t frame_whole_head(uint8_t *out, bool header_mode, size_t size);
size_t frame_first_head(uint8_t *out, uint64_t sequence, uint64_t fragments, size_t size);
size_t frame_next_head(uint8_t *out, uint64_t sequence, uint64_t fragment, size_t size);

#endif
