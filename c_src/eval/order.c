#include "eval/order.h"

enum rank {
    RANK_NUMBER,
    RANK_ATOM,
    RANK_REFERENCE,
    RANK_FUN,
    RANK_PORT,
    RANK_PID,
    RANK_TUPLE,
    RANK_MAP,
    RANK_NIL,
    RANK_LIST,
    RANK_BITS,
    RANK_OTHER,
};

static enum rank rank_ext(value v) {
    switch (hm_term_type(value_ext(v))) {
    case HM_TYPE_REFERENCE: return RANK_REFERENCE;
    case HM_TYPE_FUN: return RANK_FUN;
    case HM_TYPE_PORT: return RANK_PORT;
    case HM_TYPE_PID: return RANK_PID;
    default: return RANK_OTHER;
    }
}

static enum rank rank_of(value v) {
    if (value_is_small(v))
        return RANK_NUMBER;
    if (value_is_known_atom(v))
        return RANK_ATOM;
    if (!value_is_object(v))
        return RANK_NIL;
    switch (value_kind(v)) {
    case KIND_BIG:
    case KIND_FLOAT: return RANK_NUMBER;
    case KIND_ATOM: return RANK_ATOM;
    case KIND_FUN:
    case KIND_EXPORT: return RANK_FUN;
    case KIND_TUPLE: return RANK_TUPLE;
    case KIND_MAP: return RANK_MAP;
    case KIND_CONS: return RANK_LIST;
    case KIND_BYTES:
    case KIND_BITS: return RANK_BITS;
    case KIND_EXT: return rank_ext(v);
    case KIND_ENV: break;
    }
    return RANK_OTHER;
}

void order_integer(value v, struct integer *integer, uint8_t room[8]) {
    if (value_is_small(v)) {
        int64_t small = value_small(v);
        uint64_t magnitude = small < 0 ? 0 - (uint64_t)small : (uint64_t)small;
        integer->negative = small < 0;
        integer->size = 0;
        for (; magnitude; magnitude >>= 8)
            room[integer->size++] = (uint8_t)magnitude;
        integer->digits = room;
    } else {
        const value *words = value_words(v);
        integer->negative = words[0] & 1;
        integer->size = (size_t)(words[0] >> 1);
        integer->digits = (const uint8_t *)(words + 1);
    }
}

static int compare_floats(double a, double b, bool exact) {
    if (a != b)
        return a < b ? -1 : 1;
    /* 0.0 and -0.0 are == but not =:=, as since OTP 27 */
    return exact ? (int)__builtin_signbit(b) != 0 ? (__builtin_signbit(a) ? 0 : 1)
                                                  : (__builtin_signbit(a) ? -1 : 0)
                 : 0;
}

static int compare_numbers(value a, value b, bool exact) {
    struct integer x, y;
    uint8_t room_x[8], room_y[8];
    if (value_is_small(a) && value_is_small(b))
        return (value_small(a) > value_small(b)) - (value_small(a) < value_small(b));
    if (value_is_float(a) && value_is_float(b))
        return compare_floats(value_float(a), value_float(b), exact);
    if (value_is_float(b)) {
        order_integer(a, &x, room_x);
        return exact ? -1 : number_compare_integer_float(&x, value_float(b));
    }
    if (value_is_float(a)) {
        order_integer(b, &y, room_y);
        return exact ? 1 : -number_compare_integer_float(&y, value_float(a));
    }
    order_integer(a, &x, room_x);
    order_integer(b, &y, room_y);
    return number_compare_integers(&x, &y);
}

static int compare_bytes(struct bytes a, struct bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.at, b.at, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

uint8_t order_byte(const struct bits *bits, size_t i) {
    size_t first = bits->first + 8 * i, left = bits->count - 8 * i;
    unsigned shift = first % 8;
    unsigned byte = (unsigned)bits->at[first / 8] << shift;
    if (shift && left > 8 - shift)
        byte |= bits->at[first / 8 + 1] >> (8 - shift);
    if (left < 8)
        byte &= 0xffu << (8 - left);
    return (uint8_t)byte;
}

static int compare_bits(value a, value b) {
    struct bytes whole_a, whole_b;
    if (value_binary(a, &whole_a) && value_binary(b, &whole_b))
        return compare_bytes(whole_a, whole_b);
    struct bits x, y;
    value_bits(a, &x);
    value_bits(b, &y);
    size_t count = x.count < y.count ? x.count : y.count;
    struct bits head_x = {x.at, x.first, count}, head_y = {y.at, y.first, count};
    for (size_t i = 0; 8 * i < count; i++) {
        int order = order_byte(&head_x, i) - order_byte(&head_y, i);
        if (order)
            return order;
    }
    return (x.count > y.count) - (x.count < y.count);
}

static int compare(struct heap *heap, value a, value b, bool exact, unsigned depth);

static int compare_words(struct heap *heap, value a, value b, size_t count, bool exact, unsigned depth) {
    int order = 0;
    for (size_t i = 0; i < count && order == 0; i++)
        order = compare(heap, value_words(a)[i], value_words(b)[i], exact, depth);
    return order;
}

static int compare_maps(struct heap *heap, value a, value b, bool exact, unsigned depth) {
    size_t size = value_size(a);
    int order = 0;
    if (size != value_size(b))
        return size < value_size(b) ? -1 : 1;
    for (size_t i = 0; i < size && order == 0; i += 2) /* keys are told apart even where values are not */
        order = compare(heap, value_words(a)[i], value_words(b)[i], true, depth);
    for (size_t i = 1; i < size && order == 0; i += 2)
        order = compare(heap, value_words(a)[i], value_words(b)[i], exact, depth);
    return order;
}

static int compare_funs(struct heap *heap, value a, value b, unsigned depth) {
    if (value_kind(a) != value_kind(b))
        return value_kind(a) < value_kind(b) ? -1 : 1;
    if (value_kind(a) == KIND_EXT)
        return hm_term_compare(value_ext(a), value_ext(b));
    if (value_kind(a) == KIND_EXPORT)
        return compare_words(heap, a, b, 3, true, depth);
    value source_a = value_words(a)[FUN_SOURCE], source_b = value_words(b)[FUN_SOURCE];
    if (source_a && source_b)
        return hm_term_compare(value_ext(source_a), value_ext(source_b));
    if (!source_a != !source_b)
        return source_a ? -1 : 1;
    int order = compare(heap, value_words(a)[FUN_ARITY], value_words(b)[FUN_ARITY], true, depth);
    if (order == 0)
        order = compare(heap, value_words(a)[FUN_CLAUSES], value_words(b)[FUN_CLAUSES], true, depth);
    value x = value_words(a)[FUN_ENV], y = value_words(b)[FUN_ENV];
    for (; order == 0 && x != y; x = value_words(x)[2], y = value_words(y)[2]) {
        if (!value_is(x, KIND_ENV) || !value_is(y, KIND_ENV))
            return value_is(x, KIND_ENV) ? 1 : -1;
        order = compare_words(heap, x, y, 2, true, depth);
    }
    return order;
}

static int compare_lists(struct heap *heap, value a, value b, bool exact, unsigned depth) {
    int order = 0;
    while (value_is_cons(a) && value_is_cons(b)) {
        if (a == b)
            return 0;
        order = compare(heap, value_head(a), value_head(b), exact, depth);
        if (order)
            return order;
        a = value_tail(a);
        b = value_tail(b);
    }
    return compare(heap, a, b, exact, depth);
}

static int compare(struct heap *heap, value a, value b, bool exact, unsigned depth) {
    if (a == b)
        return 0;
    if (depth++ >= VALUE_DEPTH) {
        heap->too_deep = true;
        return -1;
    }
    enum rank rank = rank_of(a), other = rank_of(b);
    if (rank != other)
        return rank < other ? -1 : 1;
    switch (rank) {
    case RANK_NUMBER: return compare_numbers(a, b, exact);
    case RANK_ATOM: return compare_bytes(value_atom_text(heap, a), value_atom_text(heap, b));
    case RANK_REFERENCE:
    case RANK_PORT:
    case RANK_PID:
    case RANK_OTHER: return hm_term_compare(value_ext(a), value_ext(b));
    case RANK_FUN: return compare_funs(heap, a, b, depth);
    case RANK_TUPLE:
        if (value_size(a) != value_size(b))
            return value_size(a) < value_size(b) ? -1 : 1;
        return compare_words(heap, a, b, value_size(a), exact, depth);
    case RANK_MAP: return compare_maps(heap, a, b, exact, depth);
    case RANK_NIL: return 0;
    case RANK_LIST: return compare_lists(heap, a, b, exact, depth);
    case RANK_BITS: return compare_bits(a, b);
    }
    return 0;
}

int order_compare(struct heap *heap, value a, value b) {
    return compare(heap, a, b, false, 0);
}

int order_compare_exact(struct heap *heap, value a, value b) {
    return compare(heap, a, b, true, 0);
}
