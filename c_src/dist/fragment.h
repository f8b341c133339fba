/*
 * dist/fragment: puts the fragments of large messages together, several sequences at a time. Bytes only, no
 * sockets.
 *
 * Owned by one channel. A sequence starts with its whole control tuple and a first piece of the payload;
 * pieces follow in order, their number counting down to 1, and other frames may come in between. Two caps:
 * how many sequences may be unfinished, and how many bytes they may hold together (which is also the longest
 * message). Memory grows with what has arrived, never with what was announced.
 *
 * A sequence that is one too many, or whose next piece is over the second cap, was cut, or finds no memory, is left out: what was
 * collected of it goes, its further pieces are passed over, and only its number is remembered until the last of them.
 */
#ifndef HM_DIST_FRAGMENT_H
#define HM_DIST_FRAGMENT_H

#include "dist/frame.h"
#include "dist/left_out.h"

struct sequence;

enum { FRAGMENTS_REMEMBERED = 65536 }; /* of those that are left out */

struct fragments {
    struct sequence *open;
    uint32_t count, max_count; /* of those that are collected */
    uint32_t left_out;
    uint64_t held_bytes, max_bytes;
};

/* A message that is complete, or left out. The block is the caller's to release, the control bytes to free. */
struct fragments_message {
    struct bytes control; /* malloc'ed */
    struct block *payload; /* NULL: it was left out, and the rest says why and what is known of it */
    enum left_out_why why;
    uint64_t size;         /* of the payload, if its further pieces are as large as this one */
    size_t head_size;
    uint8_t head[LEFT_OUT_HEAD]; /* what the payload begins with */
};

void fragments_init(struct fragments *fragments, uint32_t max_count, uint64_t max_bytes);
void fragments_fini(struct fragments *fragments);

/* frame: FRAME_FIRST; control_size of its bytes are the control tuple. Or FRAME_NEXT, control_size 0.
 * 1: *message is complete, or left out. 0: more to come. HM_EBADTERM: unknown, repeated or out of order; HM_ELIMIT: too many
 * that are left out are to be remembered; HM_ENOMEM: for so much as its control tuple. After an error the channel cannot go on. */
int fragments_add(struct fragments *fragments, const struct frame *frame, size_t control_size,
                  struct fragments_message *message);

#endif
