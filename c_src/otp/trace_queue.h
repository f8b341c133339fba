/*
 * otp/trace_queue: frames of a trace port that wait for its client, within bounds.
 *
 * When there is no room the newest message is dropped, as the port of OTP does it, and a frame in its place tells how many were. Owned by
 * otp/trace_port; it opens no socket, but writes to one. One thread.
 */
#ifndef HM_OTP_TRACE_QUEUE_H
#define HM_OTP_TRACE_QUEUE_H

#include <sys/queue.h>

#include "base/bytes.h"

struct trace_queued;

struct trace_queue {
    STAILQ_HEAD(, trace_queued) frames;
    uint32_t messages, max_messages;
    size_t bytes, max_bytes;
    size_t sent;      /* of the first frame */
    uint32_t missing; /* dropped behind the last frame, and not told yet */
    uint64_t added, dropped; /* in all */
};

void trace_queue_init(struct trace_queue *queue, uint32_t max_messages, size_t max_bytes);
void trace_queue_fini(struct trace_queue *queue);
/* A term without its version byte, which is copied. false: dropped. */
bool trace_queue_add(struct trace_queue *queue, struct bytes term);
/* Counts a message that could not even be made. */
void trace_queue_drop(struct trace_queue *queue);
bool trace_queue_is_empty(const struct trace_queue *queue);
/* Writes what the socket takes. HM_OK: all of it, or as much as goes now; HM_ENOCONNECTION. */
int trace_queue_write(struct trace_queue *queue, int fd);
/* The next write begins a new stream: a frame of which some was written is dropped. */
void trace_queue_begin(struct trace_queue *queue);

#endif
