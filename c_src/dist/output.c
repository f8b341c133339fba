#include "dist/output.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#include "dist/frame.h"
#include "etf/tags.h"

enum {
    CHUNK_FIRST = 4 * 1024 - 64,  /* most turns write a few hundred bytes */
    CHUNK_USUAL = 64 * 1024 - 64,
    WIRE_LOW = 256 * 1024,        /* below this the bulk lane is asked for more */
    PARTS_MAX = 256,              /* of one system call, */
    BYTES_MAX = 4 * 1024 * 1024,  /* and about so much: the budget is looked at in between */
};

/* Bytes of a shared block that are written behind those of the chunk's own that end at `behind'. It lies among them, and they go on behind it. */
struct reference {
    struct reference *next;
    struct block *block;
    struct bytes part; /* what is not written yet */
    uint8_t *behind;
    size_t held; /* of the block */
};

_Static_assert(sizeof(struct reference) + alignof(struct reference) <= OUTPUT_REFERENCE, "what a reference takes");

struct chunk {
    TAILQ_ENTRY(chunk) link;
    uint8_t *at, *end; /* its own bytes that are not written yet, and what lies among them */
    size_t capacity;
    struct reference *first, *last;
    uint8_t own[];
};

/* A message of the bulk lane: in fragments (block), or frames that are ready (own bytes) and wait for their
 * sender. */
struct bulk {
    STAILQ_ENTRY(bulk) link;
    struct block *block;
    struct bytes payload; /* what is left of it */
    uint64_t sequence, fragments_left;
    bool started;
    size_t held;
    size_t size; /* of own: the control tuple, or ready frames */
    uint8_t own[];
};

struct sender {
    TAILQ_ENTRY(sender) link;
    hm_pid pid;
    const struct block *last; /* of the last one in the queue */
    STAILQ_HEAD(, bulk) queue;
};

void output_init(struct output *output, size_t spare) {
    *output = (struct output){.next_sequence = 1, .spare_max = spare / CHUNK_USUAL};
    TAILQ_INIT(&output->wire);
    TAILQ_INIT(&output->spare);
    TAILQ_INIT(&output->bulk);
}

/* ---- the wire lane ---- */

static void drop_reference(struct output *output, struct chunk *chunk) {
    struct reference *reference = chunk->first;
    output->held -= reference->held;
    chunk->at = (uint8_t *)(reference + 1);
    chunk->first = reference->next;
    block_release(reference->block);
}

static void free_chunk(struct output *output, struct chunk *chunk) {
    while (chunk->first)
        drop_reference(output, chunk);
    output->held -= chunk->capacity;
    if (chunk->capacity == CHUNK_FIRST && !output->first) {
        output->first = chunk;
        return;
    }
    if (chunk->capacity == CHUNK_USUAL && output->spare_count < output->spare_max) {
        TAILQ_INSERT_HEAD(&output->spare, chunk, link);
        output->spare_count++;
        return;
    }
    free(chunk);
}

static struct chunk *take_spare(struct output *output, bool begins, size_t size) {
    struct chunk *chunk = output->first;
    if (chunk && begins && size <= CHUNK_FIRST) {
        output->first = NULL;
        return chunk;
    }
    chunk = TAILQ_FIRST(&output->spare);
    if (!chunk || size > CHUNK_USUAL)
        return NULL;
    TAILQ_REMOVE(&output->spare, chunk, link);
    output->spare_count--;
    return chunk;
}

static struct chunk *new_chunk(struct output *output, size_t size) {
    bool begins = TAILQ_EMPTY(&output->wire);
    struct chunk *chunk = take_spare(output, begins, size);
    if (!chunk) {
        size_t capacity = begins ? CHUNK_FIRST : CHUNK_USUAL;
        if (capacity < size)
            capacity = size <= CHUNK_USUAL ? CHUNK_USUAL : size;
        chunk = malloc(sizeof *chunk + capacity);
        if (!chunk)
            return NULL;
        chunk->capacity = capacity;
    }
    chunk->at = chunk->end = chunk->own;
    chunk->first = chunk->last = NULL;
    output->held += chunk->capacity;
    return chunk;
}

uint8_t *output_reserve(struct output *output, size_t size) {
    struct chunk *last = TAILQ_LAST(&output->wire, chunk_queue);
    if (!last || (size_t)(last->own + last->capacity - last->end) < size) {
        last = new_chunk(output, size);
        if (!last)
            return NULL;
        TAILQ_INSERT_TAIL(&output->wire, last, link);
    }
    return last->end;
}

void output_commit(struct output *output, size_t size) {
    struct chunk *last = TAILQ_LAST(&output->wire, chunk_queue);
    last->end += size;
    output->wire_bytes += size;
}

static void refer(struct output *output, struct block *block, struct bytes part, size_t held) {
    struct chunk *last = TAILQ_LAST(&output->wire, chunk_queue);
    size_t pad = -(uintptr_t)last->end % alignof(struct reference);
    struct reference *reference = (void *)(last->end + pad);
    *reference = (struct reference){NULL, block_hold(block), part, last->end, held};
    if (last->first)
        last->last->next = reference;
    else
        last->first = reference;
    last->last = reference;
    last->end = (uint8_t *)(reference + 1);
    output->wire_bytes += part.size;
    output->held += held;
}

void output_refer(struct output *output, struct block *block, struct bytes part) {
    const struct chunk *last = TAILQ_LAST(&output->wire, chunk_queue);
    refer(output, block, part, last->last && last->last->block == block ? 0 : block->size);
}

/* ---- messages ---- */

/* Head, control tuple and the version byte before a payload: what comes before the payload's bytes. */
static size_t put_front(uint8_t *out, bool header_mode, struct bytes control, size_t payload_size) {
    bool version = !header_mode && payload_size > 0;
    size_t size = frame_whole_head(out, header_mode, control.size + version + payload_size);
    memcpy(out + size, control.at, control.size);
    size += control.size;
    if (version)
        out[size++] = ETF_VERSION;
    return size;
}

static int put_whole(struct output *output, const struct outgoing *message) {
    struct bytes payload = bytes_of(message->payload.bytes, message->payload.size);
    size_t front = FRAME_WHOLE_HEAD + message->control.size + 1;
    bool refer = output_refers(message->shared, payload.size);
    uint8_t *at = output_reserve(output, front + (refer ? OUTPUT_REFERENCE : payload.size));
    if (!at)
        return HM_ENOMEM;
    size_t used = put_front(at, output->header_mode, message->control, payload.size);
    if (!refer && payload.size) {
        memcpy(at + used, payload.at, payload.size);
        used += payload.size;
    }
    output_commit(output, used);
    if (refer)
        output_refer(output, message->shared, payload);
    return HM_OK;
}

static struct sender *find_sender(struct output *output, hm_pid pid) {
    struct sender *sender;
    TAILQ_FOREACH(sender, &output->bulk, link)
        if (sender->pid.node == pid.node && sender->pid.id == pid.id && sender->pid.serial == pid.serial &&
            sender->pid.creation == pid.creation)
            return sender;
    return NULL;
}

static struct sender *new_sender(struct output *output, hm_pid pid) {
    struct sender *sender = malloc(sizeof *sender);
    if (!sender)
        return NULL;
    sender->pid = pid;
    sender->last = NULL;
    STAILQ_INIT(&sender->queue);
    TAILQ_INSERT_TAIL(&output->bulk, sender, link);
    return sender;
}

static void free_sender(struct output *output, struct sender *sender) {
    TAILQ_REMOVE(&output->bulk, sender, link);
    free(sender);
}

static void free_bulk(struct output *output, struct bulk *bulk) {
    output->held -= bulk->held;
    block_release(bulk->block);
    free(bulk);
}

/* A small message that must not overtake its sender's large one. */
static struct bulk *new_ready(const struct output *output, const struct outgoing *message) {
    size_t front = FRAME_WHOLE_HEAD + message->control.size + 1;
    struct bulk *bulk = malloc(sizeof *bulk + front + message->payload.size);
    if (!bulk)
        return NULL;
    *bulk = (struct bulk){.size = put_front(bulk->own, output->header_mode, message->control,
                                            message->payload.size)};
    if (message->payload.size)
        memcpy(bulk->own + bulk->size, message->payload.bytes, message->payload.size);
    bulk->size += message->payload.size;
    return bulk;
}

static struct bulk *new_fragmented(struct output *output, const struct outgoing *message) {
    struct bulk *bulk = malloc(sizeof *bulk + message->control.size);
    struct bytes payload = bytes_of(message->payload.bytes, message->payload.size);
    struct block *block = message->shared ? block_hold(message->shared) : block_copy(payload);
    if (!bulk || !block) {
        free(bulk);
        block_release(block);
        return NULL;
    }
    *bulk = (struct bulk){.block = block, .payload = payload, .size = message->control.size};
    if (!message->shared)
        bulk->payload.at = block->at;
    bulk->sequence = output->next_sequence++;
    bulk->fragments_left = (payload.size + FRAME_PIECE - 1) / FRAME_PIECE;
    memcpy(bulk->own, message->control.at, message->control.size);
    return bulk;
}

int output_message(struct output *output, const struct outgoing *message) {
    bool fragmented = output->header_mode && message->payload.size > FRAME_PIECE;
    struct sender *sender = output_has_bulk(output) ? find_sender(output, message->sender) : NULL;
    if (!fragmented && !sender)
        return put_whole(output, message);
    if (!sender) {
        sender = new_sender(output, message->sender);
        if (!sender)
            return HM_ENOMEM;
    }
    struct bulk *bulk = fragmented ? new_fragmented(output, message) : new_ready(output, message);
    if (!bulk) {
        if (STAILQ_EMPTY(&sender->queue))
            free_sender(output, sender);
        return HM_ENOMEM;
    }
    bulk->held = bulk->size + (bulk->block && bulk->block != sender->last ? bulk->block->size : 0);
    sender->last = bulk->block;
    STAILQ_INSERT_TAIL(&sender->queue, bulk, link);
    output->held += bulk->held;
    output->bulk_bytes += bulk->size + bulk->payload.size;
    return HM_OK;
}

/* Moves one frame from the bulk lane to the wire lane. false: no memory, nothing was moved. */
static bool put_next_bulk(struct output *output) {
    struct sender *sender = TAILQ_FIRST(&output->bulk);
    struct bulk *bulk = STAILQ_FIRST(&sender->queue);
    size_t front = bulk->started ? 0 : bulk->size;
    struct bytes piece = bulk->payload;
    if (piece.size > FRAME_PIECE)
        piece.size = FRAME_PIECE;
    uint8_t *at = output_reserve(output, FRAME_FIRST_HEAD + front + OUTPUT_REFERENCE);
    if (!at)
        return false;
    size_t used = 0;
    if (bulk->block) {
        used = bulk->started
                   ? frame_next_head(at, bulk->sequence, bulk->fragments_left, piece.size)
                   : frame_first_head(at, bulk->sequence, bulk->fragments_left, front + piece.size);
        output->fragments++;
    }
    memcpy(at + used, bulk->own, front);
    output_commit(output, used + front);
    if (bulk->block)
        refer(output, bulk->block, piece, piece.size);
    output->bulk_bytes -= front + piece.size;
    bulk->started = true;
    bulk->payload.at += piece.size;
    bulk->payload.size -= piece.size;
    bulk->fragments_left -= bulk->block != NULL;
    if (bulk->payload.size == 0) {
        STAILQ_REMOVE_HEAD(&sender->queue, link);
        free_bulk(output, bulk);
    }
    if (STAILQ_EMPTY(&sender->queue)) {
        free_sender(output, sender);
    } else {
        TAILQ_REMOVE(&output->bulk, sender, link);
        TAILQ_INSERT_TAIL(&output->bulk, sender, link);
    }
    return true;
}

/* ---- writing ---- */

/* Where those of the chunk's own bytes end that come before anything else. */
static uint8_t *run_end(const struct chunk *chunk) {
    return chunk->first ? chunk->first->behind : chunk->end;
}

/* Takes so many bytes off the chunk; how many are left to be taken when it has no more. */
static size_t take_from(struct output *output, struct chunk *chunk, size_t size) {
    for (;;) {
        size_t run = (size_t)(run_end(chunk) - chunk->at);
        if (size < run || !chunk->first) {
            run = size < run ? size : run;
            chunk->at += run;
            return size - run;
        }
        chunk->at += run;
        size -= run;
        struct bytes *part = &chunk->first->part;
        if (size < part->size) {
            part->at += size;
            part->size -= size;
            return 0;
        }
        size -= part->size;
        drop_reference(output, chunk);
    }
}

static void drop_written(struct output *output, size_t written) {
    output->wire_bytes -= written;
    struct chunk *chunk;
    while ((chunk = TAILQ_FIRST(&output->wire))) {
        written = take_from(output, chunk, written);
        if (chunk->first || chunk->at < chunk->end)
            return;
        TAILQ_REMOVE(&output->wire, chunk, link);
        free_chunk(output, chunk);
    }
}

/* The next of what there is to write, in order; adds up how much that is. */
static int gather(const struct output *output, struct iovec parts[PARTS_MAX], size_t *size) {
    const struct chunk *chunk;
    int count = 0;
    TAILQ_FOREACH(chunk, &output->wire, link) {
        uint8_t *at = chunk->at;
        const struct reference *reference = chunk->first;
        for (;; at = (uint8_t *)(reference + 1), reference = reference->next) {
            size_t run = (size_t)((reference ? reference->behind : chunk->end) - at);
            if (count + 2 > PARTS_MAX || *size >= BYTES_MAX)
                return count;
            if (run)
                parts[count++] = (struct iovec){at, run};
            *size += run;
            if (!reference)
                break;
            parts[count++] = (struct iovec){(void *)(uintptr_t)reference->part.at, reference->part.size};
            *size += reference->part.size;
        }
    }
    return count;
}

enum output_result output_write(struct output *output, struct transport *transport, size_t budget,
                                size_t *written) {
    *written = 0;
    for (;;) {
        while (output->wire_bytes < WIRE_LOW && output_has_bulk(output))
            if (!put_next_bulk(output)) {
                if (output->wire_bytes == 0)
                    return OUTPUT_MEMORY;
                break;
            }
        if (output->wire_bytes == 0)
            return OUTPUT_EMPTY;
        if (*written >= budget)
            return OUTPUT_BUDGET;

        struct iovec parts[PARTS_MAX];
        size_t size = 0;
        int count = gather(output, parts, &size);
        ssize_t n = transport->ops->write(transport, parts, count);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN || errno == EWOULDBLOCK ? OUTPUT_BLOCKED : OUTPUT_FAILED;
        }
        *written += (size_t)n;
        drop_written(output, (size_t)n);
        if ((size_t)n < size)
            return OUTPUT_BLOCKED;
    }
}

void output_shrink(struct output *output) {
    struct chunk *chunk;
    while ((chunk = TAILQ_FIRST(&output->spare))) {
        TAILQ_REMOVE(&output->spare, chunk, link);
        free(chunk);
    }
    output->spare_count = 0;
    free(output->first);
    output->first = NULL;
}

void output_fini(struct output *output) {
    struct sender *sender;
    struct bulk *bulk;
    while ((sender = TAILQ_FIRST(&output->bulk))) {
        while ((bulk = STAILQ_FIRST(&sender->queue))) {
            STAILQ_REMOVE_HEAD(&sender->queue, link);
            free_bulk(output, bulk);
        }
        free_sender(output, sender);
    }
    struct chunk *chunk;
    while ((chunk = TAILQ_FIRST(&output->wire))) {
        TAILQ_REMOVE(&output->wire, chunk, link);
        free_chunk(output, chunk);
    }
    output_shrink(output);
    output_init(output, 0);
}
