#include "etf/check.h"

#include "etf/number.h"
#include "etf/tags.h"
#include "etf/utf8.h"

enum { DEPTH_DEFAULT = 1024, DEPTH_USUAL = 32, TERMS_DEFAULT = 64 * 1024 * 1024 };

/*
 * One container that we are inside of: how many of its terms are still to come. Funs also state their size in
 * bytes, which must hold, since later readers skip funs by it. An array of these on the stack instead of the
 * heap: the check then can't fail for memory and costs no malloc per message; only as many of its pages are
 * touched as the term is deep. Every container takes an entry, also one in the last place of another: what
 * reads the term later may recurse there.
 */
struct frame {
    uint32_t left;
    const uint8_t *fun_end; /* NULL when it is no fun */
};

/* After the atom at `at`, or NULL. */
static inline const uint8_t *check_atom(const uint8_t *at, const uint8_t *end) {
    size_t left = (size_t)(end - at);
    if (left < 2)
        return NULL;
    size_t size, characters;
    switch (at[0]) {
    case ETF_SMALL_ATOM_UTF8:
        size = at[1];
        if (left - 2 < size || !(bytes_are_ascii(bytes_of(at + 2, size)) || utf8_valid(at + 2, size, NULL)))
            return NULL;
        return at + 2 + size;
    case ETF_SMALL_ATOM:
        size = at[1];
        return left - 2 < size ? NULL : at + 2 + size;
    case ETF_ATOM_UTF8:
        if (left < 3)
            return NULL;
        size = get_be16(at + 1);
        if (left - 3 < size || size >= HM_ATOM_BYTES || !utf8_valid(at + 3, size, &characters) ||
            characters > ETF_ATOM_CHARACTERS)
            return NULL;
        return at + 3 + size;
    case ETF_ATOM:
        if (left < 3)
            return NULL;
        size = get_be16(at + 1);
        return size > ETF_ATOM_CHARACTERS || left - 3 < size ? NULL : at + 3 + size;
    default:
        return NULL;
    }
}

/* After the atom at `at` and `extra` bytes, or NULL. */
static const uint8_t *check_atom_and(const uint8_t *at, const uint8_t *end, size_t extra) {
    at = check_atom(at, end);
    return at && (size_t)(end - at) >= extra ? at + extra : NULL;
}

static const uint8_t *check_pid(const uint8_t *at, const uint8_t *end) {
    if (at == end)
        return NULL;
    if (at[0] == ETF_NEW_PID)
        return check_atom_and(at + 1, end, 12);
    if (at[0] == ETF_PID)
        return check_atom_and(at + 1, end, 9);
    return NULL;
}

static const uint8_t *check_small_integer(const uint8_t *at, const uint8_t *end) {
    size_t left = (size_t)(end - at);
    if (left >= 2 && at[0] == ETF_SMALL_INTEGER)
        return at + 2;
    if (left >= 5 && at[0] == ETF_INTEGER)
        return at + 5;
    return NULL;
}

static const uint8_t *check_reference(const uint8_t *at, const uint8_t *end, size_t creation_size) {
    if (end - at < 2)
        return NULL;
    unsigned words = get_be16(at);
    if (words < 1 || words > ETF_REFERENCE_WORDS)
        return NULL;
    return check_atom_and(at + 2, end, creation_size + 4 * words);
}

/* The head of a closure (at is after the tag) up to its free variables, which the main loop walks. */
static const uint8_t *check_fun(const uint8_t *at, const uint8_t *end, uint32_t *free_count,
                                const uint8_t **fun_end) {
    enum { FIXED = 4 + 1 + 16 + 4 + 4 };
    if (end - at < FIXED)
        return NULL;
    uint32_t size = get_be32(at);
    if (size < FIXED || size > (size_t)(end - at))
        return NULL;
    *fun_end = end = at + size;
    *free_count = get_be32(at + 25);
    at = check_atom(at + FIXED, end);
    at = at ? check_small_integer(at, end) : NULL;
    at = at ? check_small_integer(at, end) : NULL;
    return at ? check_pid(at, end) : NULL;
}

static const uint8_t *check_export(const uint8_t *at, const uint8_t *end) {
    at = check_atom(at, end);
    at = at ? check_atom(at, end) : NULL;
    return at && end - at >= 2 && at[0] == ETF_SMALL_INTEGER ? at + 2 : NULL;
}

/* The head of a native record (at is after the tag) up to its values. */
static const uint8_t *check_record(const uint8_t *at, const uint8_t *end, uint32_t *count) {
    if (end - at < 5)
        return NULL;
    *count = get_be32(at);
    at += 5;
    if (*count > (size_t)(end - at))
        return NULL;
    at = check_atom(at, end);
    at = at ? check_atom(at, end) : NULL;
    for (uint32_t i = 0; at && i < *count; i++)
        at = check_atom(at, end);
    return at;
}

/* Inlined twice, for what nearly all terms are and for the rest, so that the usual one stays in its few lines of the stack. */
static inline __attribute__((always_inline)) int walk(struct bytes range, struct frame *stack,
                                                      uint32_t depth_max, uint64_t terms_max, size_t *size) {
    const uint8_t *at = range.at, *end = range.at + range.size;
    uint32_t left = 1, depth = 0;
    const uint8_t *fun_end = NULL;
    uint64_t terms = 1;

    for (;;) {
        while (left == 0) {
            if (fun_end && at != fun_end)
                return HM_EBADTERM;
            if (depth == 0) {
                *size = (size_t)(at - range.at);
                return HM_OK;
            }
            depth--;
            left = stack[depth].left;
            fun_end = stack[depth].fun_end;
        }
        left--;
        if (at == end)
            return HM_EBADTERM;

        size_t room = (size_t)(end - at) - 1;
        uint64_t payload;  /* bytes that follow the fixed part of a leaf */
        uint64_t children; /* terms that follow the header of a container */
        const uint8_t *next_fun_end = NULL;
        const uint8_t *p = at + 1;

        switch (*at) {
        case ETF_SMALL_ATOM_UTF8:
        case ETF_ATOM_UTF8:
        case ETF_SMALL_ATOM:
        case ETF_ATOM:
            at = check_atom(at, end);
            goto leaf;
        case ETF_SMALL_INTEGER: payload = 1; break;
        case ETF_INTEGER: payload = 4; break;
        case ETF_NIL: payload = 0; break;
        case ETF_NEW_FLOAT:
            if (room < 8 || (get_be16(p) & 0x7FF0) == 0x7FF0) /* the BEAM has no NaN and no infinity */
                return HM_EBADTERM;
            payload = 8;
            break;
        case ETF_FLOAT: {
            double value;
            if (room < 31 || !number_parse_old_float(p, &value))
                return HM_EBADTERM;
            payload = 31;
            break;
        }
        case ETF_SMALL_BIG:
            if (room < 2)
                return HM_EBADTERM;
            payload = 2u + p[0];
            break;
        case ETF_LARGE_BIG:
            if (room < 5)
                return HM_EBADTERM;
            payload = 5 + (uint64_t)get_be32(p);
            break;
        case ETF_STRING:
            if (room < 2)
                return HM_EBADTERM;
            payload = 2u + get_be16(p);
            break;
        case ETF_BINARY:
            if (room < 4)
                return HM_EBADTERM;
            payload = 4 + (uint64_t)get_be32(p);
            break;
        case ETF_BITSTRING:
            if (room < 5 || p[4] > 8 || (p[4] == 0) != (get_be32(p) == 0))
                return HM_EBADTERM;
            payload = 5 + (uint64_t)get_be32(p);
            break;
        case ETF_NEW_PID:
        case ETF_PID:
            at = check_pid(at, end);
            goto leaf;
        case ETF_PORT:
            at = check_atom_and(p, end, 5);
            goto leaf;
        case ETF_NEW_PORT:
            at = check_atom_and(p, end, 8);
            goto leaf;
        case ETF_V4_PORT:
            at = check_atom_and(p, end, 12);
            goto leaf;
        case ETF_REFERENCE:
            at = check_atom_and(p, end, 5);
            goto leaf;
        case ETF_NEW_REFERENCE:
            at = check_reference(p, end, 1);
            goto leaf;
        case ETF_NEWER_REFERENCE:
            at = check_reference(p, end, 4);
            goto leaf;
        case ETF_EXPORT:
            at = check_export(p, end);
            goto leaf;

        case ETF_SMALL_TUPLE:
            if (room < 1)
                return HM_EBADTERM;
            children = p[0];
            at += 2;
            goto container;
        case ETF_LARGE_TUPLE:
            if (room < 4)
                return HM_EBADTERM;
            children = get_be32(p);
            at += 5;
            goto container;
        case ETF_LIST:
            if (room < 4)
                return HM_EBADTERM;
            children = (uint64_t)get_be32(p) + 1;
            at += 5;
            if (children == 1 && (room < 5 || *at != ETF_NIL))
                return HM_EBADTERM; /* no elements: [] to the BEAM only by courtesy, and with another tail no
                                       list at all */
            goto container;
        case ETF_MAP:
            if (room < 4)
                return HM_EBADTERM;
            children = 2 * (uint64_t)get_be32(p);
            at += 5;
            goto container;
        case ETF_NEW_FUN: {
            uint32_t free_count;
            at = check_fun(p, end, &free_count, &next_fun_end);
            if (!at)
                return HM_EBADTERM;
            children = free_count;
            goto container;
        }
        case ETF_RECORD: {
            uint32_t count;
            at = check_record(p, end, &count);
            if (!at)
                return HM_EBADTERM;
            terms += 2 + (uint64_t)count;
            children = count;
            goto container;
        }
        default:
            return HM_EBADTERM; /* also COMPRESSED, ATOM_CACHE_REF, LOCAL_EXT: not ours to receive */
        }

        if (payload > room)
            return HM_EBADTERM;
        at += 1 + payload;
        continue;
    leaf:
        if (!at)
            return HM_EBADTERM;
        continue;
    container:
        /* each child has a byte at least: a header that claims more is a lie, and is not walked to find that
         * out */
        if (children > (size_t)(end - at))
            return HM_EBADTERM;
        terms += children;
        if (terms > terms_max)
            return HM_ELIMIT;
        if (depth == depth_max)
            return HM_ELIMIT;
        stack[depth++] = (struct frame){left, fun_end};
        left = (uint32_t)children; /* <= terms_max < 2^32 */
        fun_end = next_fun_end;
    }
}

static __attribute__((noinline)) int walk_deep(struct bytes range, uint32_t depth_max, uint64_t terms_max,
                                               size_t *size) {
    struct frame stack[HM_DEPTH_MAX];
    return walk(range, stack, depth_max, terms_max, size);
}

int check_term(struct bytes range, const struct hm_check_limits *limits, size_t *size) {
    uint32_t depth_max = limits && limits->depth ? limits->depth : DEPTH_DEFAULT;
    uint64_t terms_max = limits && limits->terms ? limits->terms : TERMS_DEFAULT;
    if (depth_max > HM_DEPTH_MAX)
        depth_max = HM_DEPTH_MAX;
    struct frame stack[DEPTH_USUAL];
    int error = walk(range, stack, depth_max < DEPTH_USUAL ? depth_max : DEPTH_USUAL, terms_max, size);
    return error == HM_ELIMIT && depth_max > DEPTH_USUAL ? walk_deep(range, depth_max, terms_max, size) : error;
}

/* Public functions of term.h are defined where their work is done: api would only call through. */
HM_API int hm_term_check(const void *bytes, size_t size, bool whole, const struct hm_check_limits *limits,
                         hm_term *out) {
    struct bytes range = bytes_of(bytes, size);
    if (range.size && range.at[0] == ETF_VERSION) {
        range.at++;
        range.size--;
    }
    size_t used;
    int error = check_term(range, limits, &used);
    if (error)
        return error;
    if (whole && used != range.size)
        return HM_EBADTERM;
    *out = (hm_term){range.at, used};
    return HM_OK;
}
