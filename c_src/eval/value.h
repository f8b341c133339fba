/*
 * eval/value: the values of one evaluation, and the heap they live in.
 *
 * A value is one word: a small integer, an atom that the library knows, [], or a pointer to an object: a
 * header and words. Maps are sorted arrays. Nothing moves while C code runs: the heap only grows, up to its
 * limit, and is collected (heap_collect, copying) between two steps of the machine, which names the roots.
 *
 * When the limit is reached or memory is short, `exhausted` sticks and constructors answer []: what runs goes
 * on with values that are valid, and the machine ends the evaluation after the step. Only who fills an object
 * by hand looks for NULL. Objects of the library (eval/library) are shared by all evaluations of a node and
 * never collected. One thread.
 */
#ifndef HM_EVAL_VALUE_H
#define HM_EVAL_VALUE_H

#include "base/bytes.h"
#include "eval/atoms.h"
#include <hermod/term.h>

typedef uint64_t value;

enum value_kind {
    /* payload: values */
    KIND_CONS, /* head, tail */
    KIND_TUPLE,
    KIND_MAP,    /* key, value, key, value ... in the order of order_compare_exact */
    KIND_FUN,    /* enum fun_field */
    KIND_EXPORT, /* module, function, arity */
    KIND_BITS,   /* KIND_BYTES, first bit, number of bits: a part of a binary, or a bitstring */
    KIND_ENV,    /* name, value, next: bindings */
    KIND_LAST_SCANNED = KIND_ENV,
    /* payload: bytes */
    KIND_FLOAT,
    KIND_BIG,   /* sign, then the magnitude as bytes, little endian: word 0 = size << 1 | negative */
    KIND_BYTES, /* word 0 = size, then the bytes: a binary */
    KIND_ATOM,  /* likewise: an atom that the library does not know */
    KIND_EXT,   /* likewise: pid, port, reference, fun or record in external format */
};

enum fun_field {
    FUN_ARITY,
    FUN_CLAUSES, /* abstract format */
    FUN_ENV,
    FUN_NAME,   /* of a named fun; VALUE_NONE: none */
    FUN_SOURCE, /* KIND_EXT: as it arrived; VALUE_NONE: made here */
    FUN_FIELDS,
};

#define VALUE_NONE ((value)0) /* no value; never inside a list, tuple or map */
#define VALUE_NIL ((value)6)
#define ATOM_OF(index) ((value)(index) << 8 | 2)
#define A(name) ATOM_OF(ATOM_##name)

static inline bool value_is_small(value v) {
    return v & 1;
}
static inline int64_t value_small(value v) {
    return (int64_t)v >> 1;
}
enum { SMALL_BITS = 62 }; /* and a sign */
static inline bool value_fits_small(int64_t i) {
    return i >= -((int64_t)1 << SMALL_BITS) && i < (int64_t)1 << SMALL_BITS;
}
static inline value value_of_small(int64_t i) {
    return (value)i << 1 | 1;
}
static inline value value_of_bool(bool b) {
    return b ? A(true) : A(false);
}
static inline bool value_is_object(value v) {
    return v && (v & 7) == 0;
}
static inline bool value_is_known_atom(value v) {
    return (v & 0xff) == 2;
}

/* ---- objects ---- */

enum { HEADER_STATIC = 1 << 8, HEADER_MOVED = 1 << 9, HEADER_SHIFT = 16 };

static inline value *value_object(value v) {
    return (value *)(uintptr_t)v; /* NOLINT: a tagged pointer */
}
static inline value *value_words(value v) {
    return value_object(v) + 1;
}
static inline enum value_kind value_kind(value v) {
    return (enum value_kind)(value_object(v)[0] & 0xff);
}
static inline size_t value_size(value v) { /* words of payload */
    return (size_t)(value_object(v)[0] >> HEADER_SHIFT);
}
static inline bool value_is(value v, enum value_kind kind) {
    return value_is_object(v) && value_kind(v) == kind;
}
static inline bool value_is_cons(value v) {
    return value_is(v, KIND_CONS);
}
static inline value value_head(value v) {
    return value_words(v)[0];
}
static inline value value_tail(value v) {
    return value_words(v)[1];
}
static inline bool value_is_tuple(value v) {
    return value_is(v, KIND_TUPLE);
}
static inline bool value_is_map(value v) {
    return value_is(v, KIND_MAP);
}
static inline size_t value_map_size(value v) {
    return value_size(v) / 2;
}
static inline bool value_is_float(value v) {
    return value_is(v, KIND_FLOAT);
}
static inline double value_float(value v) {
    double d;
    memcpy(&d, value_words(v), sizeof d);
    return d;
}
static inline bool value_is_integer(value v) {
    return value_is_small(v) || value_is(v, KIND_BIG);
}
static inline bool value_is_number(value v) {
    return value_is_integer(v) || value_is_float(v);
}
static inline bool value_is_atom(value v) {
    return value_is_known_atom(v) || value_is(v, KIND_ATOM);
}
static inline bool value_is_bits(value v) {
    return value_is(v, KIND_BYTES) || value_is(v, KIND_BITS);
}
static inline bool value_is_fun(value v) {
    return value_is(v, KIND_FUN) || value_is(v, KIND_EXPORT) ||
           (value_is(v, KIND_EXT) && hm_term_type((hm_term){(const uint8_t *)(value_words(v) + 1),
                                                            (size_t)value_words(v)[0]}) == HM_TYPE_FUN);
}

/* The bytes of KIND_BYTES, KIND_ATOM, KIND_EXT. */
static inline struct bytes value_bytes(value v) {
    return bytes_of(value_words(v) + 1, (size_t)value_words(v)[0]);
}
static inline hm_term value_ext(value v) {
    struct bytes bytes = value_bytes(v);
    return (hm_term){bytes.at, bytes.size};
}
/* A KIND_EXT of this type. */
static inline bool value_is_ext(value v, enum hm_type type) {
    return value_is(v, KIND_EXT) && hm_term_type(value_ext(v)) == type;
}

/* A binary or bitstring: bytes and the bits of them that count. */
struct bits {
    const uint8_t *at;
    size_t first, count; /* bits */
};
bool value_bits(value v, struct bits *bits);
/* The bytes of a binary (whole bytes) when they lie in place; false: no binary, or one that starts inside a
 * byte. */
bool value_binary(value v, struct bytes *bytes);
static inline bool value_is_binary(value v) {
    struct bits bits;
    return value_bits(v, &bits) && bits.count % 8 == 0;
}

/* The elements of a tuple of this arity whose first element is `tag` (a known atom), or NULL. */
static inline const value *value_tagged(value v, value tag, size_t arity) {
    return value_is_tuple(v) && value_size(v) == arity && value_words(v)[0] == tag ? value_words(v) : NULL;
}
/* Length of a proper list, or -1. */
long value_list_length(value list);

/* ---- heap ---- */

struct heap_chunk;

struct heap_budget { /* of all evaluations of a node */
    size_t used, limit;
};

struct heap {
    struct heap_chunk *chunks;
    uint8_t *at, *end;
    size_t bytes; /* in chunks */
    size_t used;  /* in objects */
    size_t next_collection;
    size_t limit;
    struct heap_budget *budget;
    const struct atoms *atoms;
    bool exhausted; /* sticks */
    bool too_deep;  /* a walk over a value gave up; the machine makes system_limit of it */
};

/* The deepest nesting that is walked (compared, encoded): deeper values can be made, but not sent. */
enum { VALUE_DEPTH = HM_DEPTH_MAX };

void heap_init(struct heap *heap, const struct atoms *atoms, size_t limit_bytes, struct heap_budget *budget);
void heap_fini(struct heap *heap);
static inline bool heap_is_due(const struct heap *heap) {
    return heap->used >= heap->next_collection;
}

/* Takes memory outside of the chunks (or gives it back, negative) from the budget. false: there is none left.
 */
bool heap_reserve(struct heap *heap, long bytes);
/* The header of a new object with its payload unset, or NULL (exhausted). */
value *heap_object(struct heap *heap, enum value_kind kind, size_t words);
value heap_cons(struct heap *heap, value head, value tail);
value heap_tuple(struct heap *heap, size_t arity, const value elements[]);
#define heap_tuple_of(heap, ...)                                                                             \
    heap_tuple(heap, sizeof((value[]){__VA_ARGS__}) / sizeof(value), (const value[]){__VA_ARGS__})
value heap_integer(struct heap *heap, int64_t i);
value heap_unsigned(struct heap *heap, uint64_t u);
/* Any size; digits little endian, leading zeros allowed. Small when it fits. */
value heap_big(struct heap *heap, bool negative, const uint8_t *digits, size_t size);
value heap_float(struct heap *heap, double d);
value heap_binary(struct heap *heap, const void *bytes, size_t size);
/* A binary whose bytes the caller fills; NULL: exhausted. */
uint8_t *heap_binary_room(struct heap *heap, size_t size, value *binary);
/* A part of a binary or bitstring, sharing its bytes. */
value heap_part(struct heap *heap, value binary, size_t first_bit, size_t bits);
value heap_ext(struct heap *heap, hm_term term);
value heap_atom(struct heap *heap, const char *text, size_t size);
value heap_text(struct heap *heap, const char *text); /* a binary */
/* The list of an array, in front of tail. */
value heap_list(struct heap *heap, size_t count, const value elements[], value tail);
value heap_reverse(struct heap *heap, value list, value tail);

/* The text of any atom, UTF-8. */
struct bytes value_atom_text(const struct heap *heap, value atom);
bool value_is_atom_text(const struct heap *heap, value v, const char *text);

/* Collection: copies what the roots reach into fresh memory and frees the rest. visit calls heap_visit for
 * each place that holds a root. Nothing happens without memory for it. */
void heap_collect(struct heap *heap, void (*visit)(void *arg, struct heap *heap), void *arg);
void heap_visit(struct heap *heap, value *place);
/* Makes all objects of this heap static, for ever: they may be referred to from other heaps. */
void heap_freeze(struct heap *heap);

/* ---- environments (env.c): the variables that are bound, the newest first ---- */

/* VALUE_NONE: not bound. */
value env_get(value env, value name);
/* The environment with one variable more; without memory the same (heap_object has said so). */
value env_bind(struct heap *heap, value env, value name, value v);

#endif
