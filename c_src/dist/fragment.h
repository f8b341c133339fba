/*
 * dist/fragment: puts the fragments of large messages together, several sequences at a time. Bytes only, no
 * sockets.
 *
 * Owned by one channel. A sequence starts with its whole control tuple and a first piece of the payload;
 * pieces follow in order, their number counting down to 1, and other frames may come in between. Two caps:
 * how many sequences may be unfinished, and how many bytes they may hold together (which is also the longest
 * message). Memory grows with what has arrived, never with what was announced.
 */
#ifndef HM_DIST_FRAGMENT_H
#define HM_DIST_FRAGMENT_H

#include <sys/queue.h>

#include "dist/frame.h"

struct sequence;

struct fragments {
    LIST_HEAD(, sequence) open;
    uint32_t count, max_count;
    uint64_t held_bytes, max_bytes;
};

/* A message that is complete. The block is the caller's to release, the control bytes to free. */
struct fragments_message {
    struct bytes control; /* malloc'ed */
    struct block *payload;
};

void fragments_init(struct fragments *fragments, uint32_t max_count, uint64_t max_bytes);
void fragments_fini(struct fragments *fragments);

/* frame: FRAME_FIRST; control_size of its bytes are the control tuple. Or FRAME_NEXT, control_size 0.
 * 1: *message is complete. 0: more to come. HM_EBADTERM: unknown, repeated or out of order; HM_ELIMIT: over a
 * cap; HM_ENOMEM. After an error the channel cannot go on. */
int fragments_add(struct fragments *fragments, const struct frame *frame, size_t control_size,
                  struct fragments_message *message);

#endif
