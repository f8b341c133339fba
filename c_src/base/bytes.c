#include "base/bytes.h"

#include <stdlib.h>

void writer_init(struct writer *w, size_t cap) {
    *w = (struct writer){.cap = cap};
}

void writer_fini(struct writer *w) {
    free(w->at);
    *w = (struct writer){.cap = w->cap};
}

void writer_reset(struct writer *w) {
    w->size = 0;
    w->error = HM_OK;
}

uint8_t *writer_reserve(struct writer *w, size_t size) {
    if (w->error)
        return NULL;
    if (size <= w->capacity - w->size)
        return w->at + w->size;
    if (size > w->cap || w->size > w->cap - size) {
        w->error = HM_ELIMIT;
        return NULL;
    }
    size_t needed = w->size + size;
    size_t capacity = w->capacity ? w->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > w->cap)
        capacity = w->cap;
    uint8_t *grown = realloc(w->at, capacity);
    if (!grown) {
        w->error = HM_ENOMEM;
        return NULL;
    }
    w->at = grown;
    w->capacity = capacity;
    return w->at + w->size;
}

void writer_put(struct writer *w, const void *bytes, size_t size) {
    uint8_t *at = size ? writer_reserve(w, size) : NULL;
    if (!at)
        return;
    memcpy(at, bytes, size);
    w->size += size;
}

void writer_u8(struct writer *w, uint8_t v) {
    writer_put(w, &v, 1);
}

void writer_u16(struct writer *w, uint16_t v) {
    uint8_t b[2];
    set_be16(b, v);
    writer_put(w, b, sizeof b);
}

void writer_u32(struct writer *w, uint32_t v) {
    uint8_t b[4];
    set_be32(b, v);
    writer_put(w, b, sizeof b);
}

void writer_u64(struct writer *w, uint64_t v) {
    uint8_t b[8];
    set_be64(b, v);
    writer_put(w, b, sizeof b);
}

struct block *block_new(size_t size) {
    if (size > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    *block = (struct block){1, size, (uint8_t *)(block + 1)};
    return block;
}

struct block *block_resize(struct block *block, size_t size) {
    if (size > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct block *moved = realloc(block, sizeof *block + size);
    if (moved)
        *moved = (struct block){1, size, (uint8_t *)(moved + 1)};
    return moved;
}

struct block *block_copy(struct bytes from) {
    struct block *block = block_new(from.size);
    if (block && from.size)
        memcpy(block->at, from.at, from.size);
    return block;
}

struct block *block_of_writer(struct writer *w) {
    struct block *block = malloc(sizeof *block);
    if (!block)
        return NULL;
    /* What was reserved and not used goes back, which moves nothing. */
    uint8_t *fitted = realloc(w->at, w->size);
    *block = (struct block){1, w->size, fitted ? fitted : w->at};
    *w = (struct writer){.cap = w->cap};
    return block;
}

struct block *block_hold(struct block *block) {
    block->references++;
    return block;
}

void block_release(struct block *block) {
    if (!block || --block->references > 0)
        return;
    if (block->at != (uint8_t *)(block + 1))
        free(block->at);
    free(block);
}
