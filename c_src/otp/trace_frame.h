/*
 * otp/trace_frame: what goes over a trace port of dbg (lib/runtime_tools/c_src/trace_ip_drv.c, dbg:read_term/2). No sockets, no memory.
 *
 *     Op:1 N:4 (big-endian)   0: N bytes follow, one term with its version byte; 1: N messages were dropped here, nothing follows
 */
#ifndef HM_OTP_TRACE_FRAME_H
#define HM_OTP_TRACE_FRAME_H

#include "base/bytes.h"

enum { TRACE_FRAME_HEADER = 5 };
enum trace_frame_kind { TRACE_FRAME_MESSAGE = 0, TRACE_FRAME_DROPPED = 1 };

struct trace_frame {
    enum trace_frame_kind kind;
    struct bytes message; /* borrowed, not checked; with its version byte */
    uint32_t dropped;
};

/* The first frame of these bytes. Its size; 0: *wanted bytes are needed to go on; HM_EBADTERM: no frame; HM_ELIMIT: a message of more than
 * max_bytes. */
int64_t trace_frame_read(struct bytes bytes, uint32_t max_bytes, struct trace_frame *frame, size_t *wanted);
/* The header of a frame; number: the bytes that follow, or how many were dropped. */
void trace_frame_put_header(uint8_t header[TRACE_FRAME_HEADER], enum trace_frame_kind kind, uint32_t number);

#endif
