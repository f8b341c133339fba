#include "etf/equal.h"

#include <stdlib.h>

#include "etf/number.h"
#include "etf/view.h"

enum { INDEX_FROM = 32 }; /* maps of more keys are looked up through a sorted index */

static bool equal(const uint8_t **a, const uint8_t **b);
static uint64_t hash(const uint8_t **at);

/* ---- leaves ---- */

static __attribute__((noinline)) bool equal_atoms(const uint8_t *a, const uint8_t *b) {
    char a_room[2 * 255], b_room[2 * 255];
    return bytes_equal(view_atom_utf8(a, a_room), view_atom_utf8(b, b_room));
}

static bool equal_ids(const uint8_t *a, const uint8_t *b) {
    struct id x, y;
    view_id(a, &x);
    view_id(b, &y);
    return x.count == y.count && x.creation == y.creation &&
           memcmp(x.words, y.words, x.count * sizeof x.words[0]) == 0 && equal_atoms(x.node, y.node);
}

static bool equal_bits(const uint8_t *a, const uint8_t *b) {
    struct bytes x, y;
    unsigned x_last, y_last;
    view_bits(a, &x, &x_last);
    view_bits(b, &y, &y_last);
    if (x.size != y.size || x_last != y_last)
        return false;
    if (x.size == 0)
        return true;
    /* the unused low bits of the last byte are no part of it */
    return memcmp(x.at, y.at, x.size - 1) == 0 && (x.at[x.size - 1] ^ y.at[y.size - 1]) >> (8 - x_last) == 0;
}

/* ---- maps ---- */

struct entry {
    uint64_t hash;
    const uint8_t *key;
};

static int compare_entries(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

/* The keys sorted by their hashes, malloc'ed; NULL without memory. */
static struct entry *index_keys(const uint8_t *pairs, uint32_t count) {
    struct entry *index = malloc(count * sizeof *index);
    if (!index)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        index[i].key = pairs;
        index[i].hash = hash(&pairs);
        pairs = view_skip(pairs);
    }
    qsort(index, count, sizeof *index, compare_entries);
    return index;
}

static bool equal_at(const uint8_t *a, const uint8_t *b) {
    return equal(&a, &b);
}

/*
 * The value of `key` among the pairs, or NULL. `except` is a key there that is known to differ, or NULL: were
 * two keys ever compared twice, maps nested as keys of maps would take time exponential in their depth.
 */
static const uint8_t *find_value(const uint8_t *pairs, uint32_t count, const struct entry *index,
                                 const uint8_t *key, const uint8_t *except) {
    if (!index) {
        while (count--) {
            if (pairs != except && equal_at(pairs, key))
                return view_skip(pairs);
            pairs = view_skip(view_skip(pairs));
        }
        return NULL;
    }
    const uint8_t *end = key;
    uint64_t wanted = hash(&end);
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index[middle].hash < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && index[low].hash == wanted; low++)
        if (index[low].key != except && equal_at(index[low].key, key))
            return view_skip(index[low].key);
    return NULL;
}

/* a and b are after the headers of maps of the same size; moves them behind the maps. */
static bool equal_maps(const uint8_t **a, const uint8_t **b, uint32_t count) {
    /* as a rule both come in the same order; the first key that does not ends this */
    const uint8_t *pairs = *b;
    uint32_t i = 0;
    for (; i < count; i++) {
        const uint8_t *x = *a, *y = *b;
        if (!equal(&x, &y))
            break;
        if (!equal(&x, &y))
            return false;
        *a = x;
        *b = y;
    }
    if (i == count)
        return true;
    struct entry *index = count > INDEX_FROM ? index_keys(pairs, count) : NULL;
    const uint8_t *except = *b;
    bool same = true;
    for (; i < count && same; i++, except = NULL) {
        const uint8_t *value = find_value(pairs, count, index, *a, except);
        *a = view_skip(*a);
        same = value && equal(a, &value);
        *b = view_skip(view_skip(*b));
    }
    free(index);
    return same;
}

bool equal_find_duplicate_key(hm_term map, hm_term *key) {
    long size = hm_map_size(map);
    if (size < 2)
        return false;
    const uint8_t *pairs = map.bytes + 5, *found = NULL;
    uint32_t count = (uint32_t)size;
    struct entry *index = count > INDEX_FROM ? index_keys(pairs, count) : NULL;
    for (uint32_t i = 0; index && i < count && !found; i++)
        for (uint32_t j = i + 1; j < count && index[j].hash == index[i].hash && !found; j++)
            if (equal_at(index[i].key, index[j].key))
                found = index[j].key;
    for (; !index && count && !found; count--) {
        const uint8_t *next = view_skip(view_skip(pairs));
        if (find_value(next, count - 1, NULL, pairs, NULL))
            found = pairs;
        pairs = next;
    }
    free(index);
    if (found)
        *key = (hm_term){found, (size_t)(view_skip(found) - found)};
    return found != NULL;
}

/* ---- equal ---- */

static bool equal_many(const uint8_t **a, const uint8_t **b, uint64_t count) {
    while (count--)
        if (!equal(a, b))
            return false;
    return true;
}

/* Lists whose pieces differ, STRING_EXT against LIST_EXT. */
static bool equal_list_elements(const uint8_t **a, const uint8_t **b) {
    const uint8_t *a_end = view_skip(*a), *b_end = view_skip(*b);
    struct hm_list x, y;
    hm_term i, j;
    hm_list_begin((hm_term){*a, (size_t)(a_end - *a)}, &x);
    hm_list_begin((hm_term){*b, (size_t)(b_end - *b)}, &y);
    while (hm_list_next(&x, &i)) {
        const uint8_t *p = i.bytes, *q;
        if (!hm_list_next(&y, &j))
            return false;
        q = j.bytes;
        if (!equal(&p, &q))
            return false;
    }
    if (y.left)
        return false;
    bool proper = hm_list_end(&x, &i);
    if (proper != hm_list_end(&y, &j) || (!proper && !equal_at(i.bytes, j.bytes)))
        return false;
    *a = a_end;
    *b = b_end;
    return true;
}

/* Module, index, uniques and what it closes over; as the BEAM compares funs. The creating pid is no part of
 * it. */
static bool equal_funs(const uint8_t **a, const uint8_t **b) {
    struct fun x, y;
    view_fun(*a, &x);
    view_fun(*b, &y);
    if (x.external != y.external || x.arity != y.arity || !equal_atoms(x.module, y.module))
        return false;
    *a = view_skip(*a);
    *b = view_skip(*b);
    if (x.external)
        return equal_atoms(x.function, y.function);
    return x.index == y.index && memcmp(x.unique, y.unique, 16) == 0 && equal_at(x.old_index, y.old_index) &&
           equal_at(x.old_unique, y.old_unique) && x.free_count == y.free_count &&
           equal_many(&x.free_variables, &y.free_variables, x.free_count);
}

static bool equal_records(const uint8_t **a, const uint8_t **b) {
    uint64_t terms = 2 + 2 * (uint64_t)get_be32(*a + 1);
    if (memcmp(*a, *b, 6) != 0)
        return false;
    *a += 6;
    *b += 6;
    return equal_many(a, b, terms);
}

/* Compares the terms at *a and *b; when they are equal both are moved behind them. */
static bool equal(const uint8_t **a, const uint8_t **b) {
    const uint8_t *p = *a, *q = *b;
    uint8_t tag = *p;
    if (tag == *q && tag == ETF_SMALL_ATOM_UTF8) {
        size_t size = 2 + (size_t)p[1];
        *a += size;
        *b += size;
        return p[1] == q[1] && memcmp(p, q, size) == 0;
    }
    enum hm_type type = view_type(p);
    if (type != view_type(q))
        return false;
    switch (type) {
    case HM_TYPE_TUPLE: {
        long arity = view_tuple(p, a);
        return arity == view_tuple(q, b) && equal_many(a, b, (uint64_t)arity);
    }
    case HM_TYPE_LIST:
        if (tag == ETF_LIST && *q == ETF_LIST && get_be32(p + 1) == get_be32(q + 1)) {
            *a += 5;
            *b += 5;
            return equal_many(a, b, (uint64_t)get_be32(p + 1) + 1);
        }
        return equal_list_elements(a, b);
    case HM_TYPE_MAP:
        *a += 5;
        *b += 5;
        return get_be32(p + 1) == get_be32(q + 1) && equal_maps(a, b, get_be32(p + 1));
    case HM_TYPE_FUN: return equal_funs(a, b);
    case HM_TYPE_RECORD: return equal_records(a, b);
    default: break;
    }
    *a = view_skip(p);
    *b = view_skip(q);
    switch (type) {
    case HM_TYPE_ATOM: return equal_atoms(p, q);
    case HM_TYPE_INTEGER: {
        struct integer x, y;
        view_integer(p, &x);
        view_integer(q, &y);
        return number_compare_integers(&x, &y) == 0;
    }
    case HM_TYPE_FLOAT: {
        /* bit for bit: 0.0 and -0.0 differ, as since OTP 27 */
        double x, y;
        view_float(p, &x);
        view_float(q, &y);
        return memcmp(&x, &y, sizeof x) == 0;
    }
    case HM_TYPE_PID:
    case HM_TYPE_PORT:
    case HM_TYPE_REFERENCE: return equal_ids(p, q);
    case HM_TYPE_BINARY:
    case HM_TYPE_BITSTRING: return equal_bits(p, q);
    default: return true; /* [] */
    }
}

/* Public functions of term.h are defined where their work is done: api would only call through. */
HM_API bool hm_term_equal(hm_term a, hm_term b) {
    if (a.size == b.size && (a.bytes == b.bytes || memcmp(a.bytes, b.bytes, a.size) == 0))
        return true;
    return a.size && b.size && equal_at(a.bytes, b.bytes);
}

/* ---- hash ---- */

static inline uint64_t mix(uint64_t h, uint64_t value) {
    h = (h ^ value) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, struct bytes bytes) {
    h = mix(h, bytes.size);
    size_t i = 0;
    for (; i + 8 <= bytes.size; i += 8)
        h = mix(h, get_be64(bytes.at + i));
    uint64_t rest = 0;
    for (; i < bytes.size; i++)
        rest = rest << 8 | bytes.at[i];
    return mix(h, rest);
}

static __attribute__((noinline)) uint64_t mix_atom(uint64_t h, const uint8_t *at) {
    char room[2 * 255];
    return mix_bytes(h, view_atom_utf8(at, room));
}

static uint64_t mix_many(uint64_t h, const uint8_t **at, uint64_t count) {
    while (count--)
        h = mix(h, hash(at));
    return h;
}

static uint64_t hash_list(const uint8_t **at) {
    struct hm_list list;
    hm_term element;
    uint64_t h = HM_TYPE_LIST;
    const uint8_t *end = view_skip(*at);
    hm_list_begin((hm_term){*at, (size_t)(end - *at)}, &list);
    while (hm_list_next(&list, &element)) {
        const uint8_t *p = element.bytes;
        h = mix(h, hash(&p));
    }
    if (!hm_list_end(&list, &element)) {
        const uint8_t *p = element.bytes;
        h = mix(h, hash(&p));
    }
    *at = end;
    return h;
}

static uint64_t hash_fun(const uint8_t **at) {
    struct fun fun;
    view_fun(*at, &fun);
    *at = view_skip(*at);
    uint64_t h = mix_atom(mix(HM_TYPE_FUN, fun.arity), fun.module);
    if (fun.external)
        return mix_atom(h, fun.function);
    return mix_many(mix_bytes(mix(h, fun.index), bytes_of(fun.unique, 16)), &fun.free_variables,
                    fun.free_count);
}

static uint64_t hash_leaf(const uint8_t *at, enum hm_type type) {
    uint64_t h = mix(0, type);
    switch (type) {
    case HM_TYPE_ATOM: return mix_atom(h, at);
    case HM_TYPE_INTEGER: {
        struct integer integer;
        view_integer(at, &integer);
        return mix_bytes(mix(h, integer.negative), bytes_of(integer.digits, integer.size));
    }
    case HM_TYPE_FLOAT: {
        double value;
        uint64_t bits;
        view_float(at, &value);
        memcpy(&bits, &value, sizeof bits);
        return mix(h, bits);
    }
    case HM_TYPE_BINARY:
    case HM_TYPE_BITSTRING: {
        struct bytes bytes;
        unsigned last_bits;
        view_bits(at, &bytes, &last_bits);
        if (!bytes.size)
            return h;
        h = mix_bytes(h, bytes_of(bytes.at, bytes.size - 1));
        return mix(h, last_bits << 8 | bytes.at[bytes.size - 1] >> (8 - last_bits));
    }
    case HM_TYPE_PID:
    case HM_TYPE_PORT:
    case HM_TYPE_REFERENCE: {
        struct id id;
        view_id(at, &id);
        h = mix_atom(mix(h, id.creation), id.node);
        for (uint32_t i = 0; i < id.count; i++)
            h = mix(h, id.words[i]);
        return h;
    }
    default: return h;
    }
}

static uint64_t hash(const uint8_t **at) {
    const uint8_t *p = *at;
    enum hm_type type = view_type(p);
    switch (type) {
    case HM_TYPE_TUPLE: {
        long arity = view_tuple(p, at);
        return mix_many(mix(type, (uint64_t)arity), at, (uint64_t)arity);
    }
    case HM_TYPE_LIST: return hash_list(at);
    case HM_TYPE_MAP: {
        /* a sum, since the order of the pairs says nothing */
        uint32_t count = get_be32(p + 1);
        uint64_t sum = mix(type, count);
        *at += 5;
        for (uint32_t i = 0; i < count; i++) {
            uint64_t key = hash(at);
            sum += mix(key, hash(at));
        }
        return sum;
    }
    case HM_TYPE_FUN: return hash_fun(at);
    case HM_TYPE_RECORD: {
        uint64_t terms = 2 + 2 * (uint64_t)get_be32(p + 1);
        *at += 6;
        return mix_many(type, at, terms);
    }
    default:
        *at = view_skip(p);
        return hash_leaf(p, type);
    }
}

HM_API uint64_t hm_term_hash(hm_term term) {
    const uint8_t *at = term.bytes;
    return term.size ? hash(&at) : 0;
}

HM_API int hm_term_copy(hm_term term, hm_term *copy) {
    unsigned char *bytes = malloc(term.size ? term.size : 1);
    if (!bytes)
        return HM_ENOMEM;
    if (term.size)
        memcpy(bytes, term.bytes, term.size);
    *copy = (hm_term){bytes, term.size};
    return HM_OK;
}
