/*
 * services/records: many small records by number, and an index that finds them by a hash.
 *
 * Records live in chunks, so that their addresses never change and nothing is copied when there are more; a
 * number is four bytes where a pointer with its list and its malloc header would be forty. An index holds
 * eight bytes for each record at most two thirds full, where a uthash handle has 56: with millions of
 * subscriptions that is the difference between 90 and 250 bytes each. Fewer than that: use uthash.
 *
 * Knows nothing of terms or processes. One thread.
 */
#ifndef HM_SERVICES_RECORDS_H
#define HM_SERVICES_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct records {
    unsigned char **chunks;
    size_t record_bytes;
    uint32_t chunk_count, chunk_capacity;
    uint32_t made, free_first; /* numbers given out so far; those that came back, chained */
    uint32_t live;
};

void records_init(struct records *records, size_t record_bytes); /* at least 4 bytes */
void records_fini(struct records *records);
/* A zeroed record; numbers start at 1. 0 without memory. */
uint32_t records_add(struct records *records);
void records_remove(struct records *records, uint32_t number);
size_t records_bytes(const struct records *records);

enum { RECORDS_CHUNK_BITS = 10, RECORDS_CHUNK = 1 << RECORDS_CHUNK_BITS };

static inline void *records_at(const struct records *records, uint32_t number) {
    return records->chunks[number >> RECORDS_CHUNK_BITS] +
           (number & (RECORDS_CHUNK - 1)) * records->record_bytes;
}

/* ---- the index ---- */

struct record_index {
    struct record_slot {
        uint32_t hash, number; /* number 0: empty */
    } *slots;
    uint32_t capacity, count; /* a power of two, or 0 */
};

void record_index_fini(struct record_index *index);
/* The record with this hash that `same` agrees to, 0 when there is none. */
uint32_t record_index_find(const struct record_index *index, uint32_t hash,
                           bool (*same)(void *arg, uint32_t number), void *arg);
/* HM_ENOMEM: nothing has changed. A record may be put in once. */
int record_index_put(struct record_index *index, uint32_t hash, uint32_t number);
void record_index_remove(struct record_index *index, uint32_t hash, uint32_t number);
size_t record_index_bytes(const struct record_index *index);

#endif
