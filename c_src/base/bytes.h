/*
 * base/bytes: borrowed ranges, the bounded reader, the capped writer, and shared blocks.
 *
 * Owns nothing but what its functions allocate. Any layer may call it; it calls nobody back. It knows no Erlang.
 *
 * reader  cuts exact sub-ranges out of a range and can't leave it: the first read past the end sets `failed`, after
 *         which every read answers 0 / empty. Check once, at the end.
 * writer  grows up to a cap; the first failure (cap or memory) sticks in `error`, later writes do nothing.
 * block   bytes that several queues share: reference-counted, never changed after it was filled. One thread.
 */
#ifndef HM_BASE_BYTES_H
#define HM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <hermod/error.h>

struct bytes {
    const uint8_t *at;
    size_t size;
};

static inline struct bytes bytes_of(const void *at, size_t size) {
    return (struct bytes){at, size};
}

static inline bool bytes_equal(struct bytes a, struct bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

/* Nearly all text is ASCII: eight bytes at a time, the last ones with some of those before. */
static inline bool bytes_are_ascii(struct bytes text) {
    uint64_t eight, all = 0;
    if (text.size < 8) {
        for (size_t i = 0; i < text.size; i++)
            all |= text.at[i];
        return all < 0x80;
    }
    for (size_t i = 0; i < text.size - 8; i += 8) {
        memcpy(&eight, text.at + i, 8);
        all |= eight;
    }
    memcpy(&eight, text.at + text.size - 8, 8);
    return ((all | eight) & 0x8080808080808080u) == 0;
}

/* ---- reader ---- */

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

static inline struct reader reader_of(struct bytes range) {
    return (struct reader){range.at, range.at + range.size, false};
}

static inline size_t reader_left(const struct reader *r) {
    return (size_t)(r->end - r->at);
}

static inline const uint8_t *reader_take(struct reader *r, size_t size) {
    if (r->failed || reader_left(r) < size) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += size;
    return at;
}

static inline struct bytes reader_bytes(struct reader *r, size_t size) {
    const uint8_t *at = reader_take(r, size);
    return at ? (struct bytes){at, size} : (struct bytes){NULL, 0};
}

static inline struct bytes reader_rest(struct reader *r) {
    return reader_bytes(r, reader_left(r));
}

static inline uint8_t get_be8(const uint8_t *p) { return p[0]; }
static inline uint16_t get_be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t get_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t get_be64(const uint8_t *p) { return (uint64_t)get_be32(p) << 32 | get_be32(p + 4); }
static inline void set_be16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void set_be32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}
static inline void set_be64(uint8_t *p, uint64_t v) {
    set_be32(p, (uint32_t)(v >> 32));
    set_be32(p + 4, (uint32_t)v);
}

static inline uint8_t reader_u8(struct reader *r) {
    const uint8_t *p = reader_take(r, 1);
    return p ? p[0] : 0;
}
static inline uint16_t reader_u16(struct reader *r) {
    const uint8_t *p = reader_take(r, 2);
    return p ? get_be16(p) : 0;
}
static inline uint32_t reader_u32(struct reader *r) {
    const uint8_t *p = reader_take(r, 4);
    return p ? get_be32(p) : 0;
}
static inline uint64_t reader_u64(struct reader *r) {
    const uint8_t *p = reader_take(r, 8);
    return p ? get_be64(p) : 0;
}

/* ---- writer ---- */

struct writer {
    uint8_t *at; /* malloc'ed; NULL while nothing was written */
    size_t size, capacity, cap;
    int error; /* 0, HM_ENOMEM or HM_ELIMIT; sticks */
};

/* cap: the most bytes it may ever hold. Writers live in storage of the caller; writer_fini frees the bytes. */
void writer_init(struct writer *w, size_t cap);
void writer_fini(struct writer *w);
/* Empty again and no error; keeps its memory. */
void writer_reset(struct writer *w);
/* Room for size more bytes at the end: their place, or NULL (error set). The caller fills them, then adds the size that
 * it used to w->size. */
uint8_t *writer_reserve(struct writer *w, size_t size);
void writer_put(struct writer *w, const void *bytes, size_t size);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);

/* ---- block ---- */

struct block {
    uint32_t references;
    size_t size;
    uint8_t *at; /* behind the block, or what a writer wrote */
};

/* A block of one reference, its bytes unset; NULL without memory. */
struct block *block_new(size_t size);
/* Makes a block of block_new, of one reference, larger or smaller; it may move. NULL without memory, and nothing has changed. */
struct block *block_resize(struct block *block, size_t size);
/* A block that is a copy of the bytes. */
struct block *block_copy(struct bytes from);
/* What was written, without a copy of it: the writer is empty then. NULL without memory, and nothing has changed. */
struct block *block_of_writer(struct writer *w);
struct block *block_hold(struct block *block);
void block_release(struct block *block); /* NULL is allowed */
static inline struct bytes block_bytes(const struct block *block) {
    return (struct bytes){block->at, block->size};
}

#endif
