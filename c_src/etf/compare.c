/*
 * The term order of Erlang: hm_term_compare of <hermod/term.h>.
 *
 * number < atom < reference < fun < port < pid < tuple < record < map < nil < list < bitstring. Integers and
 * floats compare by value, except among the keys of maps, where all integers come first (reference manual,
 * "Term Comparisons"). Pids, ports and references compare as ei_cmp_* do, which is also how the BEAM does.
 *
 * Recursive, as deep as the terms, which check limits. Sorting the keys of a map takes memory; without it the
 * answer is the same, later. Public functions of term.h are defined where their work is done: api would only
 * call through.
 */
#include <stdlib.h>

#include "etf/number.h"
#include "etf/view.h"

static int compare(const uint8_t **a, const uint8_t **b, bool exact);

static int compare_at(const uint8_t *a, const uint8_t *b, bool exact) {
    return compare(&a, &b, exact);
}

static int compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare_bytes(struct bytes a, struct bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.at, b.at, size) : 0;
    return order ? order : compare_u64(a.size, b.size);
}

/* ---- leaves ---- */

/* UTF-8 sorts as its characters do. */
static __attribute__((noinline)) int compare_atoms(const uint8_t *a, const uint8_t *b) {
    char a_room[2 * 255], b_room[2 * 255];
    return compare_bytes(view_atom_utf8(a, a_room), view_atom_utf8(b, b_room));
}

static int compare_floats(double a, double b, bool exact) {
    if (exact && a == 0 && b == 0)
        return !!__builtin_signbit(b) - !!__builtin_signbit(a);
    return (a > b) - (a < b);
}

static int compare_numbers(const uint8_t *a, const uint8_t *b, bool exact) {
    struct integer x, y;
    double f, g;
    bool a_integer = view_integer(a, &x), b_integer = view_integer(b, &y);
    if (a_integer && b_integer)
        return number_compare_integers(&x, &y);
    if (exact && a_integer != b_integer)
        return a_integer ? -1 : 1;
    if (a_integer) {
        view_float(b, &g);
        return number_compare_integer_float(&x, g);
    }
    view_float(a, &f);
    if (b_integer)
        return -number_compare_integer_float(&y, f);
    view_float(b, &g);
    return compare_floats(f, g, exact);
}

static int compare_nodes(const struct id *a, const struct id *b) {
    int order = compare_atoms(a->node, b->node);
    return order ? order : compare_u64(a->creation, b->creation);
}

static int compare_ids(const uint8_t *a, const uint8_t *b, enum hm_type type) {
    struct id x = {0}, y = {0};
    view_id(a, &x);
    view_id(b, &y);
    int order = type == HM_TYPE_PID ? 0 : compare_nodes(&x, &y);
    /* the last word is the highest; missing ones are 0 */
    for (int i = ETF_REFERENCE_WORDS; i-- > 0 && order == 0;)
        order = compare_u64((uint32_t)i < x.count ? x.words[i] : 0, (uint32_t)i < y.count ? y.words[i] : 0);
    return order || type != HM_TYPE_PID ? order : compare_nodes(&x, &y);
}

static int compare_bits(const uint8_t *a, const uint8_t *b) {
    struct bytes x, y;
    unsigned x_last, y_last;
    view_bits(a, &x, &x_last);
    view_bits(b, &y, &y_last);
    uint64_t x_bits = x.size ? 8 * ((uint64_t)x.size - 1) + x_last : 0;
    uint64_t y_bits = y.size ? 8 * ((uint64_t)y.size - 1) + y_last : 0;
    uint64_t bits = x_bits < y_bits ? x_bits : y_bits;
    size_t whole = (size_t)(bits / 8);
    unsigned rest = (unsigned)(bits % 8);
    int order = whole ? memcmp(x.at, y.at, whole) : 0;
    if (order == 0 && rest)
        order = (x.at[whole] >> (8 - rest)) - (y.at[whole] >> (8 - rest));
    return order ? order : compare_u64(x_bits, y_bits);
}

static int compare_funs(const uint8_t *a, const uint8_t *b, bool exact) {
    struct fun x, y;
    view_fun(a, &x);
    view_fun(b, &y);
    if (x.external != y.external)
        return x.external ? 1 : -1;
    int order = compare_atoms(x.module, y.module);
    if (x.external) {
        order = order ? order : compare_atoms(x.function, y.function);
        return order ? order : compare_u64(x.arity, y.arity);
    }
    order = order ? order : compare_at(x.old_index, y.old_index, true);
    order = order ? order : compare_at(x.old_unique, y.old_unique, true);
    order = order ? order : compare_u64(x.index, y.index);
    order = order ? order : memcmp(x.unique, y.unique, 16);
    order = order ? order : compare_u64(x.arity, y.arity);
    order = order ? order : compare_u64(x.free_count, y.free_count);
    for (uint32_t i = 0; i < x.free_count && order == 0; i++)
        order = compare(&x.free_variables, &y.free_variables, exact);
    return order;
}

/* ---- containers ---- */

static int compare_many(const uint8_t **a, const uint8_t **b, uint64_t count, bool exact) {
    int order = 0;
    while (count-- && order == 0)
        order = compare(a, b, exact);
    return order;
}

static int rank(const uint8_t *at) {
    static const int ranks[] = {
        [HM_TYPE_INTEGER] = 0, [HM_TYPE_FLOAT] = 0,      [HM_TYPE_ATOM] = 1, [HM_TYPE_REFERENCE] = 2,
        [HM_TYPE_FUN] = 3,     [HM_TYPE_PORT] = 4,       [HM_TYPE_PID] = 5,  [HM_TYPE_TUPLE] = 6,
        [HM_TYPE_RECORD] = 7,  [HM_TYPE_MAP] = 8,        [HM_TYPE_NIL] = 9,  [HM_TYPE_LIST] = 10,
        [HM_TYPE_BINARY] = 11, [HM_TYPE_BITSTRING] = 11,
    };
    return ranks[view_type(at)];
}

/* The rank of what follows when one list has ended and the other has not. */
static int end_rank(const struct hm_list *list) {
    hm_term tail;
    return hm_list_end(list, &tail) ? 9 : rank(tail.bytes);
}

static int compare_lists(const uint8_t **a, const uint8_t **b, bool exact) {
    const uint8_t *a_end = view_skip(*a), *b_end = view_skip(*b);
    struct hm_list x, y;
    hm_term i, j;
    hm_list_begin((hm_term){*a, (size_t)(a_end - *a)}, &x);
    hm_list_begin((hm_term){*b, (size_t)(b_end - *b)}, &y);
    *a = a_end;
    *b = b_end;
    while (x.left && y.left) {
        hm_list_next(&x, &i);
        hm_list_next(&y, &j);
        int order = compare_at(i.bytes, j.bytes, exact);
        if (order)
            return order;
    }
    if (x.left)
        return 10 - end_rank(&y);
    if (y.left)
        return end_rank(&x) - 10;
    bool x_proper = hm_list_end(&x, &i), y_proper = hm_list_end(&y, &j);
    if (x_proper || y_proper)
        return end_rank(&x) - end_rank(&y);
    return compare_at(i.bytes, j.bytes, exact);
}

static int compare_keys(const void *a, const void *b) {
    return compare_at(*(const uint8_t *const *)a, *(const uint8_t *const *)b, true);
}

/* The keys of a map in order, one after the other. */
struct keys {
    const uint8_t *pairs;
    uint32_t count, used;
    const uint8_t **sorted; /* NULL without memory: then each is searched for */
    const uint8_t *last;
};

static void keys_init(struct keys *keys, const uint8_t *map) {
    *keys = (struct keys){.pairs = map + 5, .count = get_be32(map + 1)};
    keys->sorted = malloc((keys->count ? keys->count : 1) * sizeof *keys->sorted);
    if (!keys->sorted)
        return;
    const uint8_t *at = keys->pairs;
    for (uint32_t i = 0; i < keys->count; i++) {
        keys->sorted[i] = at;
        at = view_skip(view_skip(at));
    }
    qsort(keys->sorted, keys->count, sizeof *keys->sorted, compare_keys);
}

static const uint8_t *keys_next(struct keys *keys) {
    if (keys->sorted)
        return keys->sorted[keys->used++];
    const uint8_t *at = keys->pairs, *least = NULL;
    for (uint32_t i = 0; i < keys->count; i++) {
        if ((!keys->last || compare_at(at, keys->last, true) > 0) &&
            (!least || compare_at(at, least, true) < 0))
            least = at;
        at = view_skip(view_skip(at));
    }
    /* a map with a key twice runs out of larger ones */
    return keys->last = least ? least : keys->last;
}

static void keys_rewind(struct keys *keys) {
    keys->used = 0;
    keys->last = NULL;
}

/* Size, then all keys, then the values in the order of the keys. */
static int compare_maps(const uint8_t **a, const uint8_t **b, bool exact) {
    uint32_t count = get_be32(*a + 1);
    int order = compare_u64(count, get_be32(*b + 1));
    if (order)
        return order;
    struct keys x, y;
    keys_init(&x, *a);
    keys_init(&y, *b);
    for (uint32_t i = 0; i < count && order == 0; i++)
        order = compare_at(keys_next(&x), keys_next(&y), true);
    keys_rewind(&x);
    keys_rewind(&y);
    for (uint32_t i = 0; i < count && order == 0; i++)
        order = compare_at(view_skip(keys_next(&x)), view_skip(keys_next(&y)), exact);
    free(x.sorted);
    free(y.sorted);
    *a = view_skip(*a);
    *b = view_skip(*b);
    return order;
}

/* Moves both behind their terms when these are equal (order 0). */
static int compare(const uint8_t **a, const uint8_t **b, bool exact) {
    const uint8_t *p = *a, *q = *b;
    int order = rank(p) - rank(q);
    if (order)
        return order;
    enum hm_type type = view_type(p);
    switch (type) {
    case HM_TYPE_TUPLE: {
        long x = view_tuple(p, a), y = view_tuple(q, b);
        return x != y ? (x < y ? -1 : 1) : compare_many(a, b, (uint64_t)x, exact);
    }
    case HM_TYPE_LIST: return compare_lists(a, b, exact);
    case HM_TYPE_MAP: return compare_maps(a, b, exact);
    case HM_TYPE_RECORD: {
        uint64_t x = get_be32(p + 1), y = get_be32(q + 1);
        *a += 6;
        *b += 6;
        return x != y ? compare_u64(x, y) : compare_many(a, b, 2 + 2 * x, exact);
    }
    default: break;
    }
    *a = view_skip(p);
    *b = view_skip(q);
    switch (type) {
    case HM_TYPE_INTEGER:
    case HM_TYPE_FLOAT: return compare_numbers(p, q, exact);
    case HM_TYPE_ATOM: return compare_atoms(p, q);
    case HM_TYPE_PID:
    case HM_TYPE_PORT:
    case HM_TYPE_REFERENCE: return compare_ids(p, q, type);
    case HM_TYPE_FUN: return compare_funs(p, q, exact);
    case HM_TYPE_BINARY:
    case HM_TYPE_BITSTRING: return compare_bits(p, q);
    default: return 0; /* [] */
    }
}

HM_API int hm_term_compare(hm_term a, hm_term b) {
    if (!a.size || !b.size)
        return compare_u64(a.size, b.size);
    int order = compare_at(a.bytes, b.bytes, false);
    return (order > 0) - (order < 0);
}
