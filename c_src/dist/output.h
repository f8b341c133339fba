/*
 * dist/output: what a channel has to write, in the order in which it goes.
 *
 * Two lanes. The wire lane is a list of chunks: messages are appended to the last chunk, their payloads copied
 * or, when shared and of OUTPUT_REFER bytes or more, referenced from there; both without an allocation for
 * most. The bulk lane holds messages that go out in fragments, one queue for each sending process; whenever
 * the wire lane is nearly empty, each sender in turn gives one fragment. So a small message waits for at most WIRE_LOW bytes of bulk, and
 * messages of one sender keep their order: while it has something in the bulk lane, its small messages queue there, too.
 *
 * Chunks instead of one growing buffer: towards a slow peer that would be moved again and again.
 * Owned by one channel, calls nobody back.
 */
#ifndef HM_DIST_OUTPUT_H
#define HM_DIST_OUTPUT_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/bytes.h"
#include "dist/transport.h"
#include <hermod/term.h>

struct chunk;
struct sender;

TAILQ_HEAD(chunk_queue, chunk);
TAILQ_HEAD(sender_queue, sender);

struct output {
    struct chunk_queue wire;
    struct chunk_queue spare; /* empty chunks of the usual size, for the next burst */
    struct chunk *first;      /* or NULL: an empty one of the first size, for the next turn */
    struct sender_queue bulk;
    size_t wire_bytes, bulk_bytes;
    size_t held; /* memory that is kept until it was written: about, and a shared payload once for all messages in a row that have it */
    size_t spare_count, spare_max;
    bool header_mode;
    uint64_t next_sequence;
    uint64_t fragments; /* how many were put on the wire lane */
};

/* What output_message needs to know. */
struct outgoing {
    hm_pid sender;         /* whose messages must keep their order; HM_NO_PID is one sender, too */
    struct bytes control;  /* the control tuple, without version byte */
    hm_term payload;       /* size 0: none */
    struct block *shared;  /* the block that payload lies in, or NULL */
};

/* spare: bytes that are kept for the next burst, until output_shrink. */
void output_init(struct output *output, size_t spare);
void output_fini(struct output *output);
/* Gives spare memory back. */
void output_shrink(struct output *output);

static inline size_t output_pending(const struct output *output) {
    return output->wire_bytes + output->bulk_bytes;
}
static inline bool output_has_bulk(const struct output *output) {
    return !TAILQ_EMPTY(&output->bulk);
}

/* Room in the wire lane for this many bytes in one piece, NULL without memory; then how many of them were
 * used. */
uint8_t *output_reserve(struct output *output, size_t size);
void output_commit(struct output *output, size_t size);

enum {
    OUTPUT_REFER = 1024, /* copying less costs less than an entry of its own in writev */
    OUTPUT_REFERENCE = 56, /* what a reference takes of a chunk */
};
/* Whether a payload of this size is referenced. */
static inline bool output_refers(const struct block *shared, size_t size) {
    return shared && size >= OUTPUT_REFER;
}
/* Behind what was committed, a part of a block, which is held until it was written. OUTPUT_REFERENCE bytes must have been reserved for it. */
void output_refer(struct output *output, struct block *block, struct bytes part);

/* Queues a message in frames as header_mode asks for; payloads over FRAME_PIECE in fragments when that is on.
 * Nothing is queued when it fails: HM_ENOMEM. */
int output_message(struct output *output, const struct outgoing *message);

enum output_result {
    OUTPUT_EMPTY,   /* all of it was written */
    OUTPUT_BLOCKED, /* the peer takes no more now */
    OUTPUT_BUDGET,  /* there is more, but others want their turn */
    OUTPUT_FAILED,  /* the connection broke: errno */
    OUTPUT_MEMORY,  /* a fragment cannot be prepared, so that the sequence can't go on */
};
/* Writes at most about `budget` bytes. *written: how many were. */
enum output_result output_write(struct output *output, struct transport *transport, size_t budget,
                                size_t *written);

#endif
