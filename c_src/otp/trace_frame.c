#include "otp/trace_frame.h"

#include <hermod/error.h>

int64_t trace_frame_read(struct bytes bytes, uint32_t max_bytes, struct trace_frame *frame, size_t *wanted) {
    *wanted = TRACE_FRAME_HEADER;
    if (bytes.size > 0 && bytes.at[0] > TRACE_FRAME_DROPPED)
        return HM_EBADTERM; /* also before the rest of the header is there: it may never come */
    if (bytes.size < TRACE_FRAME_HEADER)
        return 0;
    uint32_t number =
        (uint32_t)bytes.at[1] << 24 | (uint32_t)bytes.at[2] << 16 | (uint32_t)bytes.at[3] << 8 | (uint32_t)bytes.at[4];
    *frame = (struct trace_frame){.kind = (enum trace_frame_kind)bytes.at[0]};
    if (frame->kind == TRACE_FRAME_DROPPED) {
        frame->dropped = number;
        return TRACE_FRAME_HEADER;
    }
    if (number > max_bytes)
        return HM_ELIMIT;
    *wanted = TRACE_FRAME_HEADER + (size_t)number;
    if (bytes.size < *wanted)
        return 0;
    frame->message = bytes_of(bytes.at + TRACE_FRAME_HEADER, number);
    return (int64_t)*wanted;
}

void trace_frame_put_header(uint8_t header[TRACE_FRAME_HEADER], enum trace_frame_kind kind, uint32_t number) {
    header[0] = (uint8_t)kind;
    header[1] = (uint8_t)(number >> 24);
    header[2] = (uint8_t)(number >> 16);
    header[3] = (uint8_t)(number >> 8);
    header[4] = (uint8_t)number;
}
