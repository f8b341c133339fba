#include <stdlib.h>

#include "eval/value.h"

enum { CHUNK_BYTES = 8 * 1024, COLLECT_BYTES = 64 * 1024 };

struct heap_chunk {
    struct heap_chunk *next;
    size_t size;
    uint8_t *end; /* of its objects, once it is full */
    _Alignas(8) uint8_t at[];
};

void heap_init(struct heap *heap, const struct atoms *atoms, size_t limit_bytes, struct heap_budget *budget) {
    *heap = (struct heap){
        .atoms = atoms, .limit = limit_bytes, .budget = budget, .next_collection = COLLECT_BYTES};
}

static void free_chunks(struct heap *heap, struct heap_chunk *chunk) {
    while (chunk) {
        struct heap_chunk *next = chunk->next;
        heap->bytes -= chunk->size;
        if (heap->budget)
            heap->budget->used -= chunk->size;
        free(chunk);
        chunk = next;
    }
}

void heap_fini(struct heap *heap) {
    free_chunks(heap, heap->chunks);
    heap->chunks = NULL;
}

bool heap_reserve(struct heap *heap, long bytes) {
    struct heap_budget *budget = heap->budget;
    if (bytes > 0 && (size_t)bytes > heap->limit)
        return false;
    if (!budget)
        return true;
    if (bytes > 0 && budget->used + (size_t)bytes > budget->limit)
        return false;
    budget->used += (size_t)bytes;
    return true;
}

static struct heap_chunk *new_chunk(struct heap *heap, size_t size) {
    struct heap_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        return NULL;
    chunk->size = size;
    chunk->end = NULL;
    heap->bytes += size;
    if (heap->budget)
        heap->budget->used += size;
    return chunk;
}

static bool add_chunk(struct heap *heap, size_t size) {
    size = size < CHUNK_BYTES ? CHUNK_BYTES : size;
    if (heap->used + size > heap->limit || (heap->budget && heap->budget->used + size > heap->budget->limit))
        return false;
    struct heap_chunk *chunk = new_chunk(heap, size);
    if (!chunk)
        return false;
    if (heap->chunks)
        heap->chunks->end = heap->at;
    chunk->next = heap->chunks;
    heap->chunks = chunk;
    heap->at = chunk->at;
    heap->end = chunk->at + size;
    return true;
}

/* In memory: at least one word behind the header, where a collection leaves the new address. */
static size_t object_words(value header) {
    size_t words = (size_t)(header >> HEADER_SHIFT);
    return 1 + (words ? words : 1);
}

value *heap_object(struct heap *heap, enum value_kind kind, size_t words) {
    value header = (value)words << HEADER_SHIFT | (value)kind;
    size_t size = object_words(header) * sizeof(value);
    if (heap->exhausted)
        return NULL;
    if ((size_t)(heap->end - heap->at) < size && !add_chunk(heap, size)) {
        heap->exhausted = true;
        return NULL;
    }
    value *object = (value *)(void *)heap->at;
    heap->at += size;
    heap->used += size;
    object[0] = header;
    return object;
}

static value value_of_object(const value *object) {
    return (value)(uintptr_t)object;
}

/* ---- constructors ---- */

value heap_cons(struct heap *heap, value head, value tail) {
    value *object = heap_object(heap, KIND_CONS, 2);
    if (!object)
        return VALUE_NIL;
    object[1] = head;
    object[2] = tail;
    return value_of_object(object);
}

value heap_tuple(struct heap *heap, size_t arity, const value elements[]) {
    value *object = heap_object(heap, KIND_TUPLE, arity);
    if (!object)
        return VALUE_NIL;
    if (arity)
        memcpy(object + 1, elements, arity * sizeof *elements);
    return value_of_object(object);
}

value heap_big(struct heap *heap, bool negative, const uint8_t *digits, size_t size) {
    while (size && digits[size - 1] == 0)
        size--;
    if (size <= 8) {
        uint64_t magnitude = 0;
        for (size_t i = size; i-- > 0;)
            magnitude = magnitude << 8 | digits[i];
        if (magnitude < (uint64_t)1 << SMALL_BITS || (negative && magnitude == (uint64_t)1 << SMALL_BITS))
            return value_of_small(negative ? -(int64_t)magnitude : (int64_t)magnitude);
    }
    value *object = heap_object(heap, KIND_BIG, 1 + (size + 7) / 8);
    if (!object)
        return VALUE_NIL;
    object[1] = (value)size << 1 | negative;
    memcpy(object + 2, digits, size);
    return value_of_object(object);
}

value heap_unsigned(struct heap *heap, uint64_t u) {
    uint8_t digits[8];
    for (int i = 0; i < 8; i++)
        digits[i] = (uint8_t)(u >> 8 * i);
    return heap_big(heap, false, digits, 8);
}

value heap_integer(struct heap *heap, int64_t i) {
    if (value_fits_small(i))
        return value_of_small(i);
    uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    uint8_t digits[8];
    for (int n = 0; n < 8; n++)
        digits[n] = (uint8_t)(magnitude >> 8 * n);
    return heap_big(heap, i < 0, digits, 8);
}

value heap_float(struct heap *heap, double d) {
    value *object = heap_object(heap, KIND_FLOAT, 1);
    if (!object)
        return VALUE_NIL;
    memcpy(object + 1, &d, sizeof d);
    return value_of_object(object);
}

static uint8_t *new_bytes(struct heap *heap, enum value_kind kind, size_t size, value *made) {
    value *object = heap_object(heap, kind, 1 + (size + 7) / 8);
    *made = VALUE_NIL;
    if (!object)
        return NULL;
    object[1] = size;
    *made = value_of_object(object);
    return (uint8_t *)(object + 2);
}

uint8_t *heap_binary_room(struct heap *heap, size_t size, value *binary) {
    return new_bytes(heap, KIND_BYTES, size, binary);
}

static value copy_bytes(struct heap *heap, enum value_kind kind, const void *bytes, size_t size) {
    value made;
    uint8_t *room = new_bytes(heap, kind, size, &made);
    if (room && size)
        memcpy(room, bytes, size);
    return made;
}

value heap_binary(struct heap *heap, const void *bytes, size_t size) {
    return copy_bytes(heap, KIND_BYTES, bytes, size);
}

value heap_text(struct heap *heap, const char *text) {
    return heap_binary(heap, text, strlen(text));
}

value heap_ext(struct heap *heap, hm_term term) {
    return copy_bytes(heap, KIND_EXT, term.bytes, term.size);
}

value heap_atom(struct heap *heap, const char *text, size_t size) {
    long number = atoms_find(heap->atoms, bytes_of(text, size));
    if (number >= 0)
        return ATOM_OF(number);
    return copy_bytes(heap, KIND_ATOM, text, size);
}

value heap_part(struct heap *heap, value binary, size_t first_bit, size_t bits) {
    if (value_is(binary, KIND_BITS)) {
        first_bit += (size_t)value_small(value_words(binary)[1]);
        binary = value_words(binary)[0];
    }
    if (first_bit == 0 && bits == 8 * (size_t)value_words(binary)[0])
        return binary;
    value *object = heap_object(heap, KIND_BITS, 3);
    if (!object)
        return VALUE_NIL;
    object[1] = binary;
    object[2] = value_of_small((int64_t)first_bit);
    object[3] = value_of_small((int64_t)bits);
    return value_of_object(object);
}

value heap_list(struct heap *heap, size_t count, const value elements[], value tail) {
    while (count-- > 0)
        tail = heap_cons(heap, elements[count], tail);
    return tail;
}

value heap_reverse(struct heap *heap, value list, value tail) {
    for (; value_is_cons(list); list = value_tail(list))
        tail = heap_cons(heap, value_head(list), tail);
    return tail;
}

/* ---- reading ---- */

bool value_bits(value v, struct bits *bits) {
    if (value_is(v, KIND_BYTES)) {
        struct bytes bytes = value_bytes(v);
        *bits = (struct bits){bytes.at, 0, 8 * bytes.size};
        return true;
    }
    if (!value_is(v, KIND_BITS))
        return false;
    const value *words = value_words(v);
    *bits =
        (struct bits){value_bytes(words[0]).at, (size_t)value_small(words[1]), (size_t)value_small(words[2])};
    return true;
}

bool value_binary(value v, struct bytes *bytes) {
    struct bits bits;
    if (!value_bits(v, &bits) || bits.count % 8 || bits.first % 8)
        return false;
    *bytes = bytes_of(bits.at + bits.first / 8, bits.count / 8);
    return true;
}

long value_list_length(value list) {
    long length = 0;
    for (; value_is_cons(list); list = value_tail(list))
        length++;
    return list == VALUE_NIL ? length : -1;
}

struct bytes value_atom_text(const struct heap *heap, value atom) {
    return value_is_known_atom(atom) ? atoms_text(heap->atoms, (size_t)(atom >> 8)) : value_bytes(atom);
}

bool value_is_atom_text(const struct heap *heap, value v, const char *text) {
    return value_is_atom(v) && bytes_equal(value_atom_text(heap, v), bytes_of(text, strlen(text)));
}

/* ---- collection (Cheney) ---- */

void heap_visit(struct heap *heap, value *place) {
    if (!value_is_object(*place))
        return;
    value *object = value_object(*place);
    if (object[0] & HEADER_STATIC)
        return;
    if (object[0] & HEADER_MOVED) {
        *place = object[1];
        return;
    }
    size_t words = object_words(object[0]);
    value *copy = (value *)(void *)heap->at;
    memcpy(copy, object, words * sizeof(value));
    heap->at += words * sizeof(value);
    object[0] |= HEADER_MOVED;
    object[1] = value_of_object(copy);
    *place = object[1];
}

void heap_collect(struct heap *heap, void (*visit)(void *arg, struct heap *heap), void *arg) {
    struct heap_chunk *old = heap->chunks;
    if (!old || heap->exhausted)
        return;
    /* Room for everything, so that a copy cannot fail halfway; what is never touched costs nothing. */
    struct heap_chunk *fresh = new_chunk(heap, heap->used + CHUNK_BYTES);
    heap->next_collection = 2 * heap->used; /* when there is no memory: try again later */
    if (!fresh)
        return;
    fresh->next = NULL;
    heap->chunks = fresh;
    heap->at = fresh->at;
    heap->end = fresh->at + fresh->size;
    visit(arg, heap);
    for (uint8_t *scan = fresh->at; scan < heap->at;) {
        value *object = (value *)(void *)scan;
        size_t words = (size_t)(object[0] >> HEADER_SHIFT);
        if ((object[0] & 0xff) <= KIND_LAST_SCANNED)
            for (size_t i = 1; i <= words; i++)
                heap_visit(heap, &object[i]);
        scan += object_words(object[0]) * sizeof(value);
    }
    free_chunks(heap, old);
    heap->used = (size_t)(heap->at - fresh->at);
    heap->next_collection = 2 * heap->used < COLLECT_BYTES ? COLLECT_BYTES : 2 * heap->used;
    if (heap->next_collection > heap->limit / 4 * 3 && heap->used < heap->limit / 2)
        heap->next_collection = heap->limit / 4 * 3;
}

void heap_freeze(struct heap *heap) {
    if (heap->chunks)
        heap->chunks->end = heap->at;
    for (struct heap_chunk *chunk = heap->chunks; chunk; chunk = chunk->next)
        for (uint8_t *at = chunk->at; at < chunk->end;) {
            value *object = (value *)(void *)at;
            object[0] |= HEADER_STATIC;
            at += object_words(object[0]) * sizeof(value);
        }
    heap->at = heap->end = NULL; /* the next object gets a new chunk */
}
