/* Lists: what is better done in one step than in Erlang. */
#include "eval/bif.h"
#include "eval/order.h"

BIF(hd) {
    UNUSED_MACHINE;
    return value_is_cons(a[0]) ? bif_value(result, value_head(a[0])) : BADARG;
}
BIF(tl) {
    UNUSED_MACHINE;
    return value_is_cons(a[0]) ? bif_value(result, value_tail(a[0])) : BADARG;
}
BIF(length) {
    long length = value_list_length(a[0]);
    machine_charge(m, (size_t)(length > 0 ? length : 0) / 32);
    return length >= 0 ? bif_value(result, value_of_small(length)) : BADARG;
}
BIF(append) {
    long length = value_list_length(a[0]);
    if (length < 0)
        return BADARG;
    machine_charge(m, (size_t)length / 16);
    value reversed = heap_reverse(&m->heap, a[0], VALUE_NIL);
    return bif_value(result, heap_reverse(&m->heap, reversed, a[1]));
}
BIF(reverse) {
    long length = value_list_length(a[0]);
    if (length < 0)
        return bif_error(result, A(function_clause));
    machine_charge(m, (size_t)length / 16);
    return bif_value(result, heap_reverse(&m->heap, a[0], VALUE_NIL));
}
BIF(reverse_2) {
    long length = value_list_length(a[0]);
    if (length < 0)
        return BADARG;
    machine_charge(m, (size_t)length / 16);
    return bif_value(result, heap_reverse(&m->heap, a[0], a[1]));
}
BIF(member) {
    value list = a[1];
    for (; value_is_cons(list); list = value_tail(list)) {
        machine_charge(m, 1);
        if (order_same(&m->heap, a[0], value_head(list)))
            return bif_value(result, A(true));
    }
    return list == VALUE_NIL ? bif_value(result, A(false)) : BADARG;
}
/* The tuple whose element N == Key, or VALUE_NONE. */
static enum bif_outcome find_key(struct machine *m, const value *a, value *result) {
    if (!value_is_small(a[1]) || value_small(a[1]) < 1)
        return BADARG;
    size_t n = (size_t)value_small(a[1]);
    value list = a[2];
    *result = VALUE_NONE;
    for (; value_is_cons(list); list = value_tail(list)) {
        value tuple = value_head(list);
        machine_charge(m, 1);
        if (value_is_tuple(tuple) && n <= value_size(tuple) &&
            order_compare(&m->heap, a[0], value_words(tuple)[n - 1]) == 0)
            return bif_value(result, tuple);
    }
    return list == VALUE_NIL ? BIF_VALUE : BADARG;
}
BIF(keyfind) {
    if (find_key(m, a, result) != BIF_VALUE)
        return BIF_ERROR;
    return bif_value(result, *result ? *result : A(false));
}
BIF(keymember) {
    if (find_key(m, a, result) != BIF_VALUE)
        return BIF_ERROR;
    return bif_value(result, value_of_bool(*result != VALUE_NONE));
}

const struct bif_row bif_lists[] = {{"erlang", "hd", 1, true, hd},
                                    {"erlang", "tl", 1, true, tl},
                                    {"erlang", "length", 1, true, length},
                                    {"erlang", "++", 2, false, append},
                                    {"lists", "reverse", 1, false, reverse},
                                    {"lists", "reverse", 2, false, reverse_2},
                                    {"lists", "member", 2, false, member},
                                    {"lists", "keyfind", 3, false, keyfind},
                                    {"lists", "keymember", 3, false, keymember},
                                    {0}};
