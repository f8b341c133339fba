#include "dist/fragment.h"

#include <stdlib.h>

/* A BEAM takes what its processes have as their pid; others may count. */
#define HASH_FUNCTION(id, size, hash) ((void)(size), (hash) = hash_id(id))
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(sequence) ((sequence)->lost = true)
#include <uthash.h>

static unsigned hash_id(const void *bytes) {
    uint64_t id;
    memcpy(&id, bytes, sizeof id);
    id *= 0x9e3779b97f4a7c15ull;
    return (unsigned)(id >> 32) ^ (unsigned)id;
}

struct sequence {
    UT_hash_handle hh;
    uint64_t id;
    uint64_t next; /* the number that the next fragment must have */
    size_t filled;
    struct block *payload;
    size_t control_size;
    uint8_t *control; /* NULL: it is left out */
    bool lost;        /* uthash has no memory for it */
};

void fragments_init(struct fragments *fragments, uint32_t max_count, uint64_t max_bytes) {
    *fragments = (struct fragments){.max_count = max_count, .max_bytes = max_bytes};
}

static void drop_bytes(struct fragments *fragments, struct sequence *sequence) {
    fragments->held_bytes -= sequence->filled + sequence->control_size;
    block_release(sequence->payload);
    free(sequence->control);
    sequence->filled = sequence->control_size = 0;
    sequence->payload = NULL;
    sequence->control = NULL;
}

static void drop(struct fragments *fragments, struct sequence *sequence) {
    HASH_DEL(fragments->open, sequence);
    free(sequence);
}

void fragments_fini(struct fragments *fragments) {
    struct sequence *sequence, *next;
    HASH_ITER(hh, fragments->open, sequence, next) {
        drop_bytes(fragments, sequence);
        drop(fragments, sequence);
    }
    fragments->count = fragments->left_out = 0;
}

static struct sequence *find(const struct fragments *fragments, uint64_t id) {
    struct sequence *sequence;
    HASH_FIND(hh, fragments->open, &id, sizeof id, sequence);
    return sequence;
}

/* block->size is the capacity while the sequence is open; nobody else holds the block yet, so it may move. */
static int append(struct sequence *sequence, struct bytes piece, uint64_t pieces_left) {
    size_t needed = sequence->filled + piece.size;
    size_t capacity = sequence->payload ? sequence->payload->size : 0;
    if (needed > capacity || !sequence->payload) {
        /* Pieces are of one size as a rule: exactly the message if it is short, else twice what is there. */
        size_t wanted = 2 * needed;
        if (piece.size == 0 || pieces_left <= wanted / piece.size)
            wanted = needed + (size_t)pieces_left * piece.size;
        struct block *grown = sequence->payload ? block_resize(sequence->payload, wanted) : block_new(wanted);
        if (!grown)
            return HM_ENOMEM;
        sequence->payload = grown;
    }
    if (piece.size)
        memcpy(sequence->payload->at + sequence->filled, piece.at, piece.size);
    sequence->filled = needed;
    return HM_OK;
}

static int start(struct fragments *fragments, const struct frame *frame, size_t control_size,
                 struct sequence **started) {
    if (find(fragments, frame->sequence) || control_size > frame->rest.size)
        return HM_EBADTERM;
    if (fragments->left_out >= FRAGMENTS_REMEMBERED)
        return HM_ELIMIT;
    struct sequence *sequence = calloc(1, sizeof *sequence);
    if (!sequence)
        return HM_ENOMEM;
    sequence->control = malloc(control_size ? control_size : 1);
    if (!sequence->control) {
        free(sequence);
        return HM_ENOMEM;
    }
    memcpy(sequence->control, frame->rest.at, control_size);
    sequence->control_size = control_size;
    sequence->id = frame->sequence;
    sequence->next = frame->fragment;
    HASH_ADD(hh, fragments->open, id, sizeof sequence->id, sequence);
    if (sequence->lost) {
        free(sequence->control);
        free(sequence);
        return HM_ENOMEM;
    }
    fragments->count++;
    fragments->held_bytes += control_size;
    *started = sequence;
    return HM_OK;
}

static void take_control(struct sequence *sequence, struct fragments_message *message) {
    message->control = bytes_of(sequence->control, sequence->control_size);
    sequence->control = NULL;
}

static void finish(struct fragments *fragments, struct sequence *sequence,
                   struct fragments_message *message) {
    struct block *block = sequence->payload;
    size_t filled = sequence->filled;
    if (block->size - filled > filled / 4) {
        struct block *exact = block_resize(block, filled);
        block = exact ? exact : block;
    }
    block->size = filled;
    take_control(sequence, message);
    message->payload = block;
    sequence->payload = NULL;
    drop_bytes(fragments, sequence);
    drop(fragments, sequence);
    fragments->count--;
}

static void put_head(struct fragments_message *message, const void *at, size_t size) {
    size_t room = sizeof message->head - message->head_size;
    size_t fits = size < room ? size : room;
    if (fits)
        memcpy(message->head + message->head_size, at, fits);
    message->head_size += fits;
}

/* Of what is left out the caller learns now, and not when its last piece has come: somebody may wait for an answer. */
static void leave_out(struct fragments *fragments, struct sequence *sequence, const struct frame *frame, struct bytes piece, enum left_out_why why,
                      struct fragments_message *message) {
    uint64_t whole = frame->cut ? frame->cut : piece.size, further;
    message->head_size = 0;
    if (sequence->payload)
        put_head(message, sequence->payload->at, sequence->filled);
    put_head(message, piece.at, piece.size);
    message->payload = NULL;
    message->why = why;
    if (__builtin_mul_overflow(whole, sequence->next, &further) || __builtin_add_overflow(whole + sequence->filled, further, &message->size))
        message->size = UINT64_MAX;
    take_control(sequence, message);
    drop_bytes(fragments, sequence);
    fragments->count--;
    if (sequence->next == 0)
        drop(fragments, sequence);
    else
        fragments->left_out++;
}

/* HM_OK: the piece is collected. */
static int collect(struct fragments *fragments, struct sequence *sequence, const struct frame *frame, struct bytes piece, enum left_out_why *why) {
    *why = frame->cut ? LEFT_OUT_FRAME : LEFT_OUT_MESSAGE;
    if (frame->cut || piece.size > fragments->max_bytes || fragments->held_bytes > fragments->max_bytes - piece.size)
        return HM_ELIMIT;
    *why = LEFT_OUT_COUNT;
    if (fragments->count > fragments->max_count)
        return HM_ELIMIT;
    *why = LEFT_OUT_MEMORY;
    if (append(sequence, piece, sequence->next))
        return HM_ENOMEM;
    fragments->held_bytes += piece.size;
    return HM_OK;
}

int fragments_add(struct fragments *fragments, const struct frame *frame, size_t control_size,
                  struct fragments_message *message) {
    struct sequence *sequence;
    struct bytes piece = frame->rest;
    if (frame->kind == FRAME_FIRST) {
        int error = start(fragments, frame, control_size, &sequence);
        if (error)
            return error;
        piece = bytes_of(piece.at + control_size, piece.size - control_size);
    } else {
        sequence = find(fragments, frame->sequence);
        if (!sequence || frame->kind != FRAME_NEXT)
            return HM_EBADTERM;
    }
    if (frame->fragment != sequence->next)
        return HM_EBADTERM;
    sequence->next--;
    if (!sequence->control) {
        if (sequence->next == 0) {
            drop(fragments, sequence);
            fragments->left_out--;
        }
        return 0;
    }
    enum left_out_why why;
    if (collect(fragments, sequence, frame, piece, &why)) {
        leave_out(fragments, sequence, frame, piece, why, message);
        return 1;
    }
    if (sequence->next > 0)
        return 0;
    finish(fragments, sequence, message);
    return 1;
}
