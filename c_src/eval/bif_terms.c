/* Tuples, maps, and what is said about terms as such. */
#include <stdlib.h>

#include "etf/build.h"
#include "eval/bif.h"
#include "eval/map.h"
#include "eval/order.h"
#include "eval/terms.h"

/* ---- tuples ---- */

/* 1 .. size: the index, else 0. */
static size_t tuple_index(value index, value tuple, size_t extra) {
    if (!value_is_small(index) || !value_is_tuple(tuple))
        return 0;
    int64_t i = value_small(index);
    return i >= 1 && (uint64_t)i <= value_size(tuple) + extra ? (size_t)i : 0;
}
BIF(element) {
    UNUSED_MACHINE;
    size_t i = tuple_index(a[0], a[1], 0);
    return i ? bif_value(result, value_words(a[1])[i - 1]) : BADARG;
}
BIF(setelement) {
    size_t i = tuple_index(a[0], a[1], 0);
    if (!i)
        return BADARG;
    *result = heap_tuple(&m->heap, value_size(a[1]), value_words(a[1]));
    if (value_is_tuple(*result))
        value_words(*result)[i - 1] = a[2];
    return BIF_VALUE;
}
static enum bif_outcome insert(struct machine *m, size_t i, value tuple, value v, value *result) {
    size_t size = value_size(tuple);
    value *object = heap_object(&m->heap, KIND_TUPLE, size + 1);
    if (!object)
        return BIF_VALUE;
    memcpy(object + 1, value_words(tuple), (i - 1) * sizeof *object);
    object[i] = v;
    memcpy(object + i + 1, value_words(tuple) + i - 1, (size - i + 1) * sizeof *object);
    return bif_value(result, (value)(uintptr_t)object);
}
BIF(append_element) {
    return value_is_tuple(a[0]) ? insert(m, value_size(a[0]) + 1, a[0], a[1], result) : BADARG;
}
BIF(insert_element) {
    size_t i = tuple_index(a[0], a[1], 1);
    return i ? insert(m, i, a[1], a[2], result) : BADARG;
}
BIF(delete_element) {
    size_t i = tuple_index(a[0], a[1], 0), size = i ? value_size(a[1]) : 0;
    if (!i)
        return BADARG;
    value *object = heap_object(&m->heap, KIND_TUPLE, size - 1);
    if (!object)
        return BIF_VALUE;
    memcpy(object + 1, value_words(a[1]), (i - 1) * sizeof *object);
    memcpy(object + i, value_words(a[1]) + i, (size - i) * sizeof *object);
    return bif_value(result, (value)(uintptr_t)object);
}
BIF(make_tuple) {
    if (!value_is_small(a[0]) || value_small(a[0]) < 0 || value_small(a[0]) > 0xffffff)
        return BADARG;
    size_t size = (size_t)value_small(a[0]);
    value *object = heap_object(&m->heap, KIND_TUPLE, size);
    if (!object)
        return BIF_VALUE;
    for (size_t i = 1; i <= size; i++)
        object[i] = a[1];
    return bif_value(result, (value)(uintptr_t)object);
}
BIF(tuple_size) {
    UNUSED_MACHINE;
    return value_is_tuple(a[0]) ? bif_value(result, value_of_small((int64_t)value_size(a[0]))) : BADARG;
}
BIF(tuple_to_list) {
    if (!value_is_tuple(a[0]))
        return BADARG;
    return bif_value(result, heap_list(&m->heap, value_size(a[0]), value_words(a[0]), VALUE_NIL));
}
BIF(list_to_tuple) {
    long length = value_list_length(a[0]);
    if (length < 0)
        return BADARG;
    value *object = heap_object(&m->heap, KIND_TUPLE, (size_t)length), list = a[0];
    if (!object)
        return BIF_VALUE;
    for (long i = 1; i <= length; i++, list = value_tail(list))
        object[i] = value_head(list);
    return bif_value(result, (value)(uintptr_t)object);
}
BIF(size_of) {
    struct bits bits;
    UNUSED_MACHINE;
    if (value_is_tuple(a[0]))
        return bif_value(result, value_of_small((int64_t)value_size(a[0])));
    return value_bits(a[0], &bits) ? bif_value(result, value_of_small((int64_t)(bits.count / 8))) : BADARG;
}

/* ---- maps ---- */

static enum bif_outcome badmap(struct machine *m, value v, value *result) {
    return bif_error(result, heap_tuple_of(&m->heap, A(badmap), v));
}
static enum bif_outcome badkey(struct machine *m, value key, value *result) {
    return bif_error(result, heap_tuple_of(&m->heap, A(badkey), key));
}
BIF(map_size) {
    return value_is_map(a[0]) ? bif_value(result, value_of_small((int64_t)value_map_size(a[0])))
                              : badmap(m, a[0], result);
}
BIF(map_get_bif) {
    if (!value_is_map(a[1]))
        return badmap(m, a[1], result);
    *result = map_get(&m->heap, a[1], a[0]);
    return *result ? BIF_VALUE : badkey(m, a[0], result);
}
BIF(map_get_default) {
    if (!value_is_map(a[1]))
        return badmap(m, a[1], result);
    *result = map_get(&m->heap, a[1], a[0]);
    return *result ? BIF_VALUE : bif_value(result, a[2]);
}
BIF(map_find) {
    if (!value_is_map(a[1]))
        return badmap(m, a[1], result);
    value found = map_get(&m->heap, a[1], a[0]);
    return bif_value(result, found ? heap_tuple_of(&m->heap, A(ok), found) : A(error));
}
BIF(is_map_key) {
    if (!value_is_map(a[1]))
        return badmap(m, a[1], result);
    return bif_value(result, value_of_bool(map_get(&m->heap, a[1], a[0]) != VALUE_NONE));
}
BIF(map_put_bif) {
    if (!value_is_map(a[2]))
        return badmap(m, a[2], result);
    machine_charge(m, value_map_size(a[2]) / 16);
    return bif_value(result, map_put(&m->heap, a[2], a[0], a[1]));
}
BIF(map_update) {
    if (value_is_map(a[2]) && !map_get(&m->heap, a[2], a[0]))
        return badkey(m, a[0], result);
    return map_put_bif(m, a, result);
}
BIF(map_remove_bif) {
    if (!value_is_map(a[1]))
        return badmap(m, a[1], result);
    machine_charge(m, value_map_size(a[1]) / 16);
    return bif_value(result, map_remove(&m->heap, a[1], a[0]));
}
static value every_second(struct machine *m, value map, size_t first) {
    value list = VALUE_NIL;
    for (size_t i = value_size(map); i > 0; i -= 2)
        list = heap_cons(&m->heap, value_words(map)[i - 2 + first], list);
    return list;
}
BIF(map_keys) {
    return value_is_map(a[0]) ? bif_value(result, every_second(m, a[0], 0)) : badmap(m, a[0], result);
}
BIF(map_values) {
    return value_is_map(a[0]) ? bif_value(result, every_second(m, a[0], 1)) : badmap(m, a[0], result);
}
BIF(map_to_list) {
    if (!value_is_map(a[0]))
        return badmap(m, a[0], result);
    value list = VALUE_NIL;
    for (size_t i = value_size(a[0]); i > 0; i -= 2)
        list = heap_cons(&m->heap, heap_tuple(&m->heap, 2, value_words(a[0]) + i - 2), list);
    return bif_value(result, list);
}
BIF(map_new) {
    (void)a;
    return bif_value(result, map_of_pairs(&m->heap, 0, NULL));
}

/* Room for pairs that goes when it is collected. */
static value *room(struct machine *m, size_t pairs) {
    value *object = heap_object(&m->heap, KIND_TUPLE, 2 * pairs);
    if (object)
        memset(object + 1, 0, 2 * pairs * sizeof *object);
    return object ? object + 1 : NULL;
}
BIF(map_from_list) {
    long count = value_list_length(a[0]);
    if (count < 0)
        return BADARG;
    value *pairs = room(m, (size_t)count), list = a[0];
    for (long i = 0; pairs && i < count; i++, list = value_tail(list)) {
        value pair = value_head(list);
        if (!value_is_tuple(pair) || value_size(pair) != 2)
            return BADARG;
        memcpy(pairs + 2 * i, value_words(pair), 2 * sizeof *pairs);
    }
    machine_charge(m, (size_t)count / 4);
    return pairs ? bif_value(result, map_of_pairs(&m->heap, (size_t)count, pairs)) : BIF_VALUE;
}
BIF(map_merge) {
    if (!value_is_map(a[0]) || !value_is_map(a[1]))
        return badmap(m, value_is_map(a[0]) ? a[1] : a[0], result);
    size_t first = value_map_size(a[0]), second = value_map_size(a[1]);
    value *pairs = room(m, first + second);
    if (!pairs)
        return BIF_VALUE;
    memcpy(pairs, value_words(a[0]), 2 * first * sizeof *pairs);
    memcpy(pairs + 2 * first, value_words(a[1]), 2 * second * sizeof *pairs);
    machine_charge(m, (first + second) / 4);
    return bif_value(result, map_of_pairs(&m->heap, first + second, pairs));
}

/* ---- terms as bytes ---- */

BIF(term_to_binary) {
    hm_build *build = hm_build_new();
    int error = build ? terms_write(&m->heap, build, a[0], m->origin) : HM_ENOMEM;
    hm_term term = build ? hm_build_term(build) : (hm_term){0};
    uint8_t *at = error == HM_OK ? heap_binary_room(&m->heap, term.size + 1, result) : NULL;
    if (at) {
        at[0] = 131;
        memcpy(at + 1, term.bytes, term.size);
    }
    hm_build_free(build);
    return error == HM_OK ? BIF_VALUE : bif_error(result, A(system_limit));
}
BIF(binary_to_term) {
    struct bytes bytes;
    hm_term term;
    if (!value_binary(a[0], &bytes) || bytes.size < 2 || bytes.at[0] != 131 ||
        hm_term_check(bytes.at, bytes.size, false, NULL, &term) != HM_OK)
        return BADARG;
    machine_charge(m, bytes.size / 64);
    return bif_value(result, terms_read(&m->heap, term));
}
BIF(fun_info) {
    if (!value_is_fun(a[0]))
        return BADARG;
    bool external = value_is(a[0], KIND_EXPORT), closure = value_is(a[0], KIND_FUN);
    value v;
    if (a[1] == A(arity) && (external || closure))
        v = external ? value_words(a[0])[2] : value_words(a[0])[FUN_ARITY];
    else if (a[1] == A(type))
        v = external ? A(external) : A(local);
    else if (a[1] == A(module) && (external || closure))
        v = external ? value_words(a[0])[0] : A(erl_eval);
    else if (a[1] == A(name) && (external || closure))
        v = external ? value_words(a[0])[1] : A(expr);
    else
        return BADARG;
    return bif_value(result, heap_tuple_of(&m->heap, a[1], v));
}
BIF(make_fun) {
    value *object = value_is_atom(a[0]) && value_is_atom(a[1]) && value_is_small(a[2]) &&
                            value_small(a[2]) >= 0 && value_small(a[2]) <= CALL_ARGUMENTS
                        ? heap_object(&m->heap, KIND_EXPORT, 3)
                        : NULL;
    if (!object)
        return BADARG;
    memcpy(object + 1, a, 3 * sizeof *a);
    return bif_value(result, (value)(uintptr_t)object);
}
BIF(get_dictionary) {
    value found = value_is_map(m->dictionary) ? map_get(&m->heap, m->dictionary, a[0]) : VALUE_NONE;
    return bif_value(result, found ? found : A(undefined));
}
BIF(put_dictionary) {
    get_dictionary(m, a, result);
    if (!value_is_map(m->dictionary))
        m->dictionary = map_of_pairs(&m->heap, 0, NULL);
    if (value_is_map(m->dictionary))
        m->dictionary = map_put(&m->heap, m->dictionary, a[0], a[1]);
    return BIF_VALUE;
}
BIF(erase_dictionary) {
    get_dictionary(m, a, result);
    if (value_is_map(m->dictionary))
        m->dictionary = map_remove(&m->heap, m->dictionary, a[0]);
    return BIF_VALUE;
}
BIF(whole_dictionary) {
    return value_is_map(m->dictionary) ? map_to_list(m, &m->dictionary, result)
                                       : ((void)a, bif_value(result, VALUE_NIL));
}

#define G(name, arity, run)                                                                                  \
    { "erlang", name, arity, true, run }
#define E(name, arity, run)                                                                                  \
    { "erlang", name, arity, false, run }
#define P(name, arity, run)                                                                                  \
    { "maps", name, arity, false, run }
const struct bif_row bif_terms[] = {G("element", 2, element),
                                    E("setelement", 3, setelement),
                                    E("append_element", 2, append_element),
                                    E("insert_element", 3, insert_element),
                                    E("delete_element", 2, delete_element),
                                    E("make_tuple", 2, make_tuple),
                                    G("tuple_size", 1, tuple_size),
                                    E("tuple_to_list", 1, tuple_to_list),
                                    E("list_to_tuple", 1, list_to_tuple),
                                    G("size", 1, size_of),
                                    G("map_size", 1, map_size),
                                    G("map_get", 2, map_get_bif),
                                    G("is_map_key", 2, is_map_key),
                                    P("get", 2, map_get_bif),
                                    P("get", 3, map_get_default),
                                    P("find", 2, map_find),
                                    P("is_key", 2, is_map_key),
                                    P("put", 3, map_put_bif),
                                    P("update", 3, map_update),
                                    P("remove", 2, map_remove_bif),
                                    P("keys", 1, map_keys),
                                    P("values", 1, map_values),
                                    P("to_list", 1, map_to_list),
                                    P("new", 0, map_new),
                                    P("from_list", 1, map_from_list),
                                    P("merge", 2, map_merge),
                                    P("size", 1, map_size),
                                    E("term_to_binary", 1, term_to_binary),
                                    E("binary_to_term", 1, binary_to_term),
                                    E("fun_info", 2, fun_info),
                                    E("make_fun", 3, make_fun),
                                    E("get", 1, get_dictionary),
                                    E("put", 2, put_dictionary),
                                    E("erase", 1, erase_dictionary),
                                    E("get", 0, whole_dictionary),
                                    {0}};
