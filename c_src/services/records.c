#include "services/records.h"

#include <stdlib.h>
#include <string.h>

#include <hermod/error.h>

void records_init(struct records *records, size_t record_bytes) {
    *records = (struct records){.record_bytes = record_bytes, .made = 1};
}

void records_fini(struct records *records) {
    for (uint32_t i = 0; i < records->chunk_count; i++)
        free(records->chunks[i]);
    free(records->chunks);
    records_init(records, records->record_bytes);
}

static bool add_chunk(struct records *records) {
    if (records->chunk_count == records->chunk_capacity) {
        uint32_t capacity = records->chunk_capacity ? records->chunk_capacity * 2 : 8;
        unsigned char **chunks = realloc(records->chunks, capacity * sizeof *chunks);
        if (!chunks)
            return false;
        records->chunks = chunks;
        records->chunk_capacity = capacity;
    }
    unsigned char *chunk = malloc(RECORDS_CHUNK * records->record_bytes);
    if (!chunk)
        return false;
    records->chunks[records->chunk_count++] = chunk;
    return true;
}

uint32_t records_add(struct records *records) {
    uint32_t number = records->free_first;
    if (number) {
        memcpy(&records->free_first, records_at(records, number), sizeof records->free_first);
    } else {
        if (records->made == UINT32_MAX ||
            ((records->made >> RECORDS_CHUNK_BITS) >= records->chunk_count && !add_chunk(records)))
            return 0;
        number = records->made++;
    }
    memset(records_at(records, number), 0, records->record_bytes);
    records->live++;
    return number;
}

void records_remove(struct records *records, uint32_t number) {
    memcpy(records_at(records, number), &records->free_first, sizeof records->free_first);
    records->free_first = number;
    if (--records->live == 0)
        records_fini(records); /* a rush that is over leaves no memory behind */
}

size_t records_bytes(const struct records *records) {
    return records->chunk_count * RECORDS_CHUNK * records->record_bytes +
           records->chunk_capacity * sizeof *records->chunks;
}

/* ---- the index: linear probing, at most two thirds full; removal moves back what would be lost ---- */

enum { INDEX_FIRST = 16 };

void record_index_fini(struct record_index *index) {
    free(index->slots);
    *index = (struct record_index){0};
}

/* The low bits of a hash may be poor. */
static uint32_t home(const struct record_index *index, uint32_t hash) {
    return (hash * 0x9E3779B1u) >> (32 - (unsigned)__builtin_ctz(index->capacity));
}

uint32_t record_index_find(const struct record_index *index, uint32_t hash,
                           bool (*same)(void *arg, uint32_t number), void *arg) {
    if (!index->count)
        return 0;
    for (uint32_t at = home(index, hash); index->slots[at].number; at = (at + 1) & (index->capacity - 1))
        if (index->slots[at].hash == hash && same(arg, index->slots[at].number))
            return index->slots[at].number;
    return 0;
}

static void place(struct record_index *index, struct record_slot slot) {
    uint32_t at = home(index, slot.hash);
    while (index->slots[at].number)
        at = (at + 1) & (index->capacity - 1);
    index->slots[at] = slot;
}

static int resize(struct record_index *index, uint32_t capacity) {
    struct record_index next = {.capacity = capacity, .count = index->count};
    next.slots = calloc(capacity, sizeof *next.slots);
    if (!next.slots)
        return HM_ENOMEM;
    for (uint32_t i = 0; i < index->capacity; i++)
        if (index->slots[i].number)
            place(&next, index->slots[i]);
    free(index->slots);
    *index = next;
    return 0;
}

int record_index_put(struct record_index *index, uint32_t hash, uint32_t number) {
    if ((uint64_t)(index->count + 1) * 3 > (uint64_t)index->capacity * 2) {
        if (index->capacity > UINT32_MAX / 2)
            return HM_ENOMEM;
        int error = resize(index, index->capacity ? index->capacity * 2 : INDEX_FIRST);
        if (error)
            return error;
    }
    place(index, (struct record_slot){hash, number});
    index->count++;
    return 0;
}

void record_index_remove(struct record_index *index, uint32_t hash, uint32_t number) {
    uint32_t mask = index->capacity - 1, at = home(index, hash);
    while (index->slots[at].number != number)
        at = (at + 1) & mask;
    /* Whoever stands behind the hole and would no longer be found moves into it. */
    for (uint32_t next = (at + 1) & mask; index->slots[next].number; next = (next + 1) & mask) {
        uint32_t wanted = home(index, index->slots[next].hash);
        if (((next - wanted) & mask) >= ((next - at) & mask)) {
            index->slots[at] = index->slots[next];
            at = next;
        }
    }
    index->slots[at].number = 0;
    if (--index->count == 0)
        record_index_fini(index);
    else if (index->capacity > INDEX_FIRST && index->count < index->capacity / 8)
        (void)resize(index, index->capacity / 2); /* without memory it stays as it is */
}

size_t record_index_bytes(const struct record_index *index) {
    return index->capacity * sizeof *index->slots;
}
