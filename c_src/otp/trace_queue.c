#include "otp/trace_queue.h"

#include <errno.h>
#include <hermod/error.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "otp/trace_frame.h"

enum { WRITE_AT_ONCE = 64, VERSION = 131 };

struct trace_queued {
    STAILQ_ENTRY(trace_queued) link;
    bool is_message;
    size_t size;
    uint8_t at[];
};

void trace_queue_init(struct trace_queue *queue, uint32_t max_messages, size_t max_bytes) {
    *queue = (struct trace_queue){.max_messages = max_messages, .max_bytes = max_bytes};
    STAILQ_INIT(&queue->frames);
}

static void remove_first(struct trace_queue *queue) {
    struct trace_queued *first = STAILQ_FIRST(&queue->frames);
    STAILQ_REMOVE_HEAD(&queue->frames, link);
    queue->messages -= first->is_message;
    queue->bytes -= first->size;
    queue->sent = 0;
    free(first);
}

void trace_queue_fini(struct trace_queue *queue) {
    while (!STAILQ_EMPTY(&queue->frames))
        remove_first(queue);
}

static struct trace_queued *make(struct trace_queue *queue, enum trace_frame_kind kind, uint32_t number, size_t body) {
    struct trace_queued *frame = malloc(sizeof *frame + TRACE_FRAME_HEADER + body);
    if (!frame)
        return NULL;
    frame->is_message = kind == TRACE_FRAME_MESSAGE;
    frame->size = TRACE_FRAME_HEADER + body;
    trace_frame_put_header(frame->at, kind, number);
    queue->messages += frame->is_message;
    queue->bytes += frame->size;
    return frame;
}

/* In the place of what was dropped. Without memory the number waits, and grows. */
static bool tell_missing(struct trace_queue *queue) {
    if (queue->missing == 0)
        return true;
    struct trace_queued *frame = make(queue, TRACE_FRAME_DROPPED, queue->missing, 0);
    if (!frame)
        return false;
    STAILQ_INSERT_TAIL(&queue->frames, frame, link);
    queue->missing = 0;
    return true;
}

void trace_queue_drop(struct trace_queue *queue) {
    queue->dropped++;
    queue->missing += queue->missing < UINT32_MAX;
}

bool trace_queue_add(struct trace_queue *queue, struct bytes term) {
    size_t size = term.size + 1;
    if (queue->messages >= queue->max_messages || size > queue->max_bytes || queue->bytes > queue->max_bytes - size || size > UINT32_MAX ||
        !tell_missing(queue))
        goto drop;
    struct trace_queued *frame = make(queue, TRACE_FRAME_MESSAGE, (uint32_t)size, size);
    if (!frame)
        goto drop;
    frame->at[TRACE_FRAME_HEADER] = VERSION;
    memcpy(frame->at + TRACE_FRAME_HEADER + 1, term.at, term.size);
    STAILQ_INSERT_TAIL(&queue->frames, frame, link);
    queue->added++;
    return true;
drop:
    trace_queue_drop(queue);
    return false;
}

bool trace_queue_is_empty(const struct trace_queue *queue) {
    return STAILQ_EMPTY(&queue->frames) && queue->missing == 0;
}

static void remove_written(struct trace_queue *queue, size_t written) {
    while (written) {
        const struct trace_queued *first = STAILQ_FIRST(&queue->frames);
        size_t rest = first->size - queue->sent;
        if (written < rest) {
            queue->sent += written;
            return;
        }
        written -= rest;
        remove_first(queue);
    }
}

int trace_queue_write(struct trace_queue *queue, int fd) {
    for (;;) {
        struct iovec parts[WRITE_AT_ONCE];
        struct trace_queued *frame;
        int count = 0;
        size_t skip = queue->sent;
        if (STAILQ_EMPTY(&queue->frames))
            tell_missing(queue);
        STAILQ_FOREACH(frame, &queue->frames, link) {
            if (count == WRITE_AT_ONCE)
                break;
            parts[count++] = (struct iovec){frame->at + skip, frame->size - skip};
            skip = 0;
        }
        if (count == 0)
            return HM_OK;
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t written = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (written > 0)
            remove_written(queue, (size_t)written);
        else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return HM_OK;
        else if (written < 0 && errno != EINTR)
            return HM_ENOCONNECTION;
    }
}

void trace_queue_begin(struct trace_queue *queue) {
    if (queue->sent == 0)
        return;
    struct trace_queued *first = STAILQ_FIRST(&queue->frames);
    if (!first->is_message) { /* a number that half arrived */
        queue->sent = 0;
        return;
    }
    remove_first(queue);
    queue->dropped++;
    first = make(queue, TRACE_FRAME_DROPPED, 1, 0);
    if (first)
        STAILQ_INSERT_HEAD(&queue->frames, first, link);
}
