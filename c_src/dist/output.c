#include "dist/output.h"

#include <errno.h>
#include <stdlib.h>

#include "dist/frame.h"
#include "etf/tags.h"

enum {
    CHUNK_FIRST = 4 * 1024 - 64,  /* most turns write a few hundred bytes */
    CHUNK_USUAL = 64 * 1024 - 64,
    WIRE_LOW = 256 * 1024,        /* below this the bulk lane is asked for more */
    REFERENCE_MIN = 16 * 1024,    /* copying less costs less than an entry of its own in writev */
    PARTS_MAX = 64,
};

/* Bytes of its own (block NULL, they follow the struct), or a range of a shared block. */
struct chunk {
    TAILQ_ENTRY(chunk) link;
    const uint8_t *at; /* what is not written yet begins here */
    size_t size;
    size_t room; /* how many more bytes of its own fit behind those */
    size_t capacity;
    struct block *block;
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
    size_t size; /* of own: the control tuple, or ready frames */
    uint8_t own[];
};

struct sender {
    TAILQ_ENTRY(sender) link;
    hm_pid pid;
    STAILQ_HEAD(, bulk) queue;
};

void output_init(struct output *output, size_t spare) {
    *output = (struct output){.next_sequence = 1, .spare_max = spare / CHUNK_USUAL};
    TAILQ_INIT(&output->wire);
    TAILQ_INIT(&output->spare);
    TAILQ_INIT(&output->bulk);
}

/* ---- the wire lane ---- */

static void free_chunk(struct output *output, struct chunk *chunk) {
    if (chunk->block) {
        block_release(chunk->block);
    } else if (chunk->capacity == CHUNK_USUAL && output->spare_count < output->spare_max) {
        TAILQ_INSERT_HEAD(&output->spare, chunk, link);
        output->spare_count++;
        return;
    }
    free(chunk);
}

static struct chunk *new_chunk(struct output *output, size_t size) {
    struct chunk *chunk = TAILQ_FIRST(&output->spare);
    if (chunk && size <= CHUNK_USUAL) {
        TAILQ_REMOVE(&output->spare, chunk, link);
        output->spare_count--;
    } else {
        size_t capacity = TAILQ_EMPTY(&output->wire) ? CHUNK_FIRST : CHUNK_USUAL;
        if (capacity < size)
            capacity = size <= CHUNK_USUAL ? CHUNK_USUAL : size;
        chunk = malloc(sizeof *chunk + capacity);
        if (!chunk)
            return NULL;
        chunk->capacity = capacity;
    }
    chunk->block = NULL;
    chunk->at = chunk->own;
    chunk->size = 0;
    chunk->room = chunk->capacity;
    return chunk;
}

uint8_t *output_reserve(struct output *output, size_t size) {
    struct chunk *last = TAILQ_LAST(&output->wire, chunk_queue);
    if (!last || last->room < size) {
        last = new_chunk(output, size);
        if (!last)
            return NULL;
        TAILQ_INSERT_TAIL(&output->wire, last, link);
    }
    return last->own + (last->capacity - last->room);
}

void output_commit(struct output *output, size_t size) {
    struct chunk *last = TAILQ_LAST(&output->wire, chunk_queue);
    last->size += size;
    last->room -= size;
    output->wire_bytes += size;
}

/* A reference that is ready to be queued, so that queueing cannot fail half-way. */
static struct chunk *new_reference(struct block *block, struct bytes part) {
    struct chunk *chunk = malloc(sizeof *chunk);
    if (!chunk)
        return NULL;
    *chunk = (struct chunk){.at = part.at, .size = part.size, .block = block_hold(block)};
    return chunk;
}

static void append(struct output *output, struct chunk *chunk) {
    TAILQ_INSERT_TAIL(&output->wire, chunk, link);
    output->wire_bytes += chunk->size;
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
    size_t front = FRAME_WHOLE_HEAD + message->control.size + 1;
    bool refer = message->shared && message->payload.size >= REFERENCE_MIN;
    struct chunk *reference = NULL;
    if (refer) {
        reference = new_reference(message->shared, bytes_of(message->payload.bytes, message->payload.size));
        if (!reference)
            return HM_ENOMEM;
    }
    uint8_t *at = output_reserve(output, front + (refer ? 0 : message->payload.size));
    if (!at) {
        if (reference)
            free_chunk(output, reference);
        return HM_ENOMEM;
    }
    size_t used = put_front(at, output->header_mode, message->control, message->payload.size);
    if (!refer && message->payload.size) {
        memcpy(at + used, message->payload.bytes, message->payload.size);
        used += message->payload.size;
    }
    output_commit(output, used);
    if (refer)
        append(output, reference);
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
    STAILQ_INIT(&sender->queue);
    TAILQ_INSERT_TAIL(&output->bulk, sender, link);
    return sender;
}

static void free_sender(struct output *output, struct sender *sender) {
    TAILQ_REMOVE(&output->bulk, sender, link);
    free(sender);
}

static void free_bulk(struct bulk *bulk) {
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
    STAILQ_INSERT_TAIL(&sender->queue, bulk, link);
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
    struct chunk *reference = NULL;
    if (bulk->block && !(reference = new_reference(bulk->block, piece)))
        return false;
    uint8_t *at = output_reserve(output, FRAME_FIRST_HEAD + front);
    if (!at) {
        if (reference)
            free_chunk(output, reference);
        return false;
    }
    size_t used = 0;
    if (bulk->block) {
        used = bulk->started
                   ? frame_next_head(at, bulk->sequence, bulk->fragments_left, piece.size)
                   : frame_first_head(at, bulk->sequence, bulk->fragments_left, front + piece.size);
        output->fragments++;
    }
    memcpy(at + used, bulk->own, front);
    output_commit(output, used + front);
    if (reference)
        append(output, reference);
    output->bulk_bytes -= front + piece.size;
    bulk->started = true;
    bulk->payload.at += piece.size;
    bulk->payload.size -= piece.size;
    bulk->fragments_left -= bulk->block != NULL;
    if (bulk->payload.size == 0) {
        STAILQ_REMOVE_HEAD(&sender->queue, link);
        free_bulk(bulk);
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

static void drop_written(struct output *output, size_t written) {
    output->wire_bytes -= written;
    struct chunk *chunk;
    while ((chunk = TAILQ_FIRST(&output->wire)) && written >= chunk->size) {
        written -= chunk->size;
        TAILQ_REMOVE(&output->wire, chunk, link);
        free_chunk(output, chunk);
    }
    if (chunk) {
        chunk->at += written;
        chunk->size -= written;
    }
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
        struct chunk *chunk;
        int count = 0;
        size_t size = 0;
        TAILQ_FOREACH(chunk, &output->wire, link) {
            if (count == PARTS_MAX)
                break;
            parts[count++] = (struct iovec){(void *)(uintptr_t)chunk->at, chunk->size};
            size += chunk->size;
        }
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
}

void output_fini(struct output *output) {
    struct sender *sender;
    struct bulk *bulk;
    while ((sender = TAILQ_FIRST(&output->bulk))) {
        while ((bulk = STAILQ_FIRST(&sender->queue))) {
            STAILQ_REMOVE_HEAD(&sender->queue, link);
            free_bulk(bulk);
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
