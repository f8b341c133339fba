#include "eval/terms.h"

#include <stdlib.h>

#include "etf/build.h"
#include "etf/view.h"
#include "eval/map.h"
#include "eval/order.h"

/* ---- reading ---- */

static value read_term(struct heap *heap, const uint8_t **at);

static value read_atom(struct heap *heap, const uint8_t *at) {
    char room[2 * 255];
    struct bytes text = view_atom_utf8(at, room);
    return heap_atom(heap, (const char *)text.at, text.size);
}

static value read_list(struct heap *heap, const uint8_t **at, uint32_t length) {
    value first = VALUE_NIL, *hole = &first;
    for (uint32_t i = 0; i < length; i++) {
        value cell = heap_cons(heap, read_term(heap, at), VALUE_NIL);
        if (!value_is_cons(cell))
            return VALUE_NIL;
        *hole = cell;
        hole = &value_words(cell)[1];
    }
    value tail = read_term(heap, at);
    *hole = tail;
    return first;
}

static value read_string(struct heap *heap, const uint8_t *at) {
    value list = VALUE_NIL;
    for (size_t i = get_be16(at + 1); i-- > 0;)
        list = heap_cons(heap, value_of_small(at[3 + i]), list);
    return list;
}

static value read_tuple(struct heap *heap, const uint8_t **at, uint32_t arity) {
    value *object = heap_object(heap, KIND_TUPLE, arity);
    if (!object)
        return VALUE_NIL;
    for (uint32_t i = 1; i <= arity; i++)
        object[i] = VALUE_NIL;
    for (uint32_t i = 1; i <= arity; i++)
        object[i] = read_term(heap, at);
    return (value)(uintptr_t)object;
}

static value read_map(struct heap *heap, const uint8_t **at, uint32_t size) {
    value tuple = read_tuple(heap, at, 2 * size);
    return value_is_tuple(tuple) ? map_of_pairs(heap, size, value_words(tuple)) : VALUE_NIL;
}

/* Bindings: a map, or an orddict. */
static bool read_bindings(struct heap *heap, value bindings, value *env) {
    *env = VALUE_NIL;
    if (value_is_map(bindings)) {
        for (size_t i = 0; i < value_size(bindings); i += 2)
            *env = env_bind(heap, *env, value_words(bindings)[i], value_words(bindings)[i + 1]);
        return true;
    }
    for (; value_is_cons(bindings); bindings = value_tail(bindings)) {
        value pair = value_head(bindings);
        if (!value_is_tuple(pair) || value_size(pair) != 2)
            return false;
        *env = env_bind(heap, *env, value_words(pair)[0], value_words(pair)[1]);
    }
    return bindings == VALUE_NIL;
}

static value read_fun(struct heap *heap, const uint8_t *at, const uint8_t *end) {
    value source = heap_ext(heap, (hm_term){at, (size_t)(end - at)});
    struct fun fun;
    view_fun(at, &fun);
    if (fun.free_count != 1 || read_atom(heap, fun.module) != A(erl_eval))
        return source;
    const uint8_t *free_variable = fun.free_variables;
    value closure = read_term(heap, &free_variable), env;
    if (!value_is_tuple(closure) || value_size(closure) < 6 || value_size(closure) > 7 ||
        !read_bindings(heap, value_words(closure)[1], &env))
        return source;
    value *object = heap_object(heap, KIND_FUN, FUN_FIELDS);
    if (!object)
        return VALUE_NIL;
    value *fields = object + 1;
    fields[FUN_ARITY] = value_of_small(fun.arity);
    fields[FUN_CLAUSES] = value_words(closure)[5];
    fields[FUN_ENV] = env;
    fields[FUN_NAME] = value_size(closure) == 7 ? value_words(closure)[6] : VALUE_NONE;
    fields[FUN_SOURCE] = source;
    return (value)(uintptr_t)object;
}

static value read_export(struct heap *heap, const uint8_t *at) {
    struct fun fun;
    view_fun(at, &fun);
    value *object = heap_object(heap, KIND_EXPORT, 3);
    if (!object)
        return VALUE_NIL;
    object[1] = object[2] = VALUE_NIL;
    object[3] = value_of_small(fun.arity);
    object[1] = read_atom(heap, fun.module);
    object[2] = read_atom(heap, fun.function);
    return (value)(uintptr_t)object;
}

static value read_integer(struct heap *heap, const uint8_t *at) {
    struct integer integer;
    view_integer(at, &integer);
    return heap_big(heap, integer.negative, integer.digits, integer.size);
}

static value read_bits(struct heap *heap, const uint8_t *at) {
    struct bytes bytes;
    unsigned last_bits;
    view_bits(at, &bytes, &last_bits);
    value binary = heap_binary(heap, bytes.at, bytes.size);
    return bytes.size && last_bits < 8 ? heap_part(heap, binary, 0, 8 * (bytes.size - 1) + last_bits)
                                       : binary;
}

/* As deep as what was checked, which is at most HM_DEPTH_MAX. */
static value read_term(struct heap *heap, const uint8_t **place) {
    const uint8_t *at = *place;
    double number;
    switch (at[0]) {
    case ETF_SMALL_TUPLE: *place += 2; return read_tuple(heap, place, at[1]);
    case ETF_LARGE_TUPLE: *place += 5; return read_tuple(heap, place, get_be32(at + 1));
    case ETF_LIST: *place += 5; return read_list(heap, place, get_be32(at + 1));
    case ETF_MAP: *place += 5; return read_map(heap, place, get_be32(at + 1));
    default: break;
    }
    *place = view_skip(at);
    switch (view_type(at)) {
    case HM_TYPE_ATOM: return read_atom(heap, at);
    case HM_TYPE_INTEGER: return read_integer(heap, at);
    case HM_TYPE_FLOAT: return view_float(at, &number) ? heap_float(heap, number) : VALUE_NIL;
    case HM_TYPE_BINARY:
    case HM_TYPE_BITSTRING: return read_bits(heap, at);
    case HM_TYPE_LIST: return read_string(heap, at);
    case HM_TYPE_FUN: return at[0] == ETF_EXPORT ? read_export(heap, at) : read_fun(heap, at, *place);
    case HM_TYPE_PID:
    case HM_TYPE_PORT:
    case HM_TYPE_REFERENCE:
    case HM_TYPE_RECORD: return heap_ext(heap, (hm_term){at, (size_t)(*place - at)});
    default: return VALUE_NIL;
    }
}

value terms_read(struct heap *heap, hm_term term) {
    const uint8_t *at = term.bytes;
    return read_term(heap, &at);
}

/* ---- writing ---- */

struct writing {
    struct heap *heap;
    hm_build *build;
    value origin;
    int error;
};

static void write_term(struct writing *w, value v, unsigned depth);

static void write_atom(struct writing *w, value atom) {
    struct bytes text = value_atom_text(w->heap, atom);
    hm_put_atom_n(w->build, (const char *)text.at, text.size);
}

static void write_list(struct writing *w, value list, unsigned depth) {
    uint32_t length = 0;
    for (value rest = list; value_is_cons(rest); rest = value_tail(rest))
        length++;
    hm_put_list(w->build, length);
    for (; value_is_cons(list); list = value_tail(list))
        write_term(w, value_head(list), depth);
    write_term(w, list, depth);
}

static void write_bits(struct writing *w, value v) {
    struct bytes bytes;
    struct bits bits;
    if (value_binary(v, &bytes)) {
        hm_put_binary(w->build, bytes.at, bytes.size);
        return;
    }
    value_bits(v, &bits);
    size_t size = (bits.count + 7) / 8;
    uint8_t *room = malloc(size + 1);
    if (!room) {
        w->error = HM_ENOMEM;
        return;
    }
    for (size_t i = 0; i < size; i++)
        room[i] = order_byte(&bits, i);
    if (bits.count % 8)
        build_bits(w->build, room, size, bits.count % 8);
    else
        hm_put_binary(w->build, room, size);
    free(room);
}

/* ---- funs that were made here ---- */

/* Is this name mentioned as {var, _, Name} in the form? */
static bool mentions(const struct heap *heap, value form, value name, unsigned depth) {
    if (depth > VALUE_DEPTH)
        return true;
    for (; value_is_cons(form); form = value_tail(form))
        if (mentions(heap, value_head(form), name, depth + 1))
            return true;
    if (!value_is_tuple(form))
        return false;
    const value *var = value_tagged(form, A(var), 3);
    if (var)
        return var[2] == name || (value_is(var[2], KIND_ATOM) && value_is(name, KIND_ATOM) &&
                                  bytes_equal(value_bytes(var[2]), value_bytes(name)));
    for (size_t i = 0; i < value_size(form); i++)
        if (mentions(heap, value_words(form)[i], name, depth + 1))
            return true;
    return false;
}

static bool is_shadowed(struct heap *heap, value env, value until) {
    for (value e = env; e != until; e = value_words(e)[2])
        if (order_same(heap, value_words(e)[0], value_words(until)[0]))
            return true;
    return false;
}

/* As erl_eval keeps them: what the clauses use, and nothing else. */
static void write_bindings(struct writing *w, value fun, unsigned depth) {
    const value *fields = value_words(fun);
    uint32_t count = 0;
    size_t begin = build_map_begin(w->build);
    for (value e = fields[FUN_ENV]; value_is(e, KIND_ENV); e = value_words(e)[2]) {
        if (!mentions(w->heap, fields[FUN_CLAUSES], value_words(e)[0], 0) ||
            is_shadowed(w->heap, fields[FUN_ENV], e))
            continue;
        write_term(w, value_words(e)[0], depth);
        write_term(w, value_words(e)[1], depth);
        count++;
    }
    build_map_end(w->build, begin, count);
}

enum { ANONYMOUS_INDEX = 43, NAMED_INDEX = 20 }; /* of the fun of no arguments in erl_eval, OTP 25 to 29 */

/* Which fun of erl_eval has this arity: they stand there one after the other, the last arity first. */
static uint32_t fun_index(const struct fun *origin, const value *fields) {
    int64_t arity = value_small(fields[FUN_ARITY]);
    const uint8_t *element;
    bool named = fields[FUN_NAME] != VALUE_NONE;
    if ((view_tuple(origin->free_variables, &element) == 7) == named)
        return origin->index + origin->arity - (uint32_t)arity;
    return (uint32_t)((named ? NAMED_INDEX : ANONYMOUS_INDEX) - arity);
}

/* The part of the closure of `origin` that its funs inherit. */
static void write_handlers(hm_build *build, const struct fun *origin) {
    const uint8_t *element;
    view_tuple(origin->free_variables, &element);
    element = view_skip(view_skip(element)); /* behind Anno and Bindings */
    for (int i = 0; i < 2; i++) {
        const uint8_t *end = view_skip(element);
        hm_put_term(build, (hm_term){element, (size_t)(end - element)});
        element = end;
    }
}

/* The terms of NEW_FUN_EXT, as the elements of a tuple: module, old index, old unique, pid, the free
 * variable. */
static void write_parts(struct writing *w, value fun, const struct fun *origin, uint32_t index,
                        unsigned depth) {
    const value *fields = value_words(fun);
    hm_put_tuple(w->build, 5);
    hm_put_atom(w->build, "erl_eval");
    if (index <= UINT16_MAX)
        hm_put_int64(w->build, index);
    else /* a forged one may be anything, but not a large integer here */
        hm_put_term(w->build, (hm_term){origin->old_index, (size_t)(origin->old_unique - origin->old_index)});
    hm_put_term(w->build, (hm_term){origin->old_unique, (size_t)(origin->pid - origin->old_unique)});
    hm_put_term(w->build, (hm_term){origin->pid, (size_t)(origin->free_variables - origin->pid)});
    hm_put_tuple(w->build, fields[FUN_NAME] ? 7 : 6);
    hm_put_int64(w->build, 0);
    write_bindings(w, fun, depth);
    write_handlers(w->build, origin);
    hm_put_map(w->build, 0);
    write_term(w, fields[FUN_CLAUSES], depth);
    if (fields[FUN_NAME])
        write_term(w, fields[FUN_NAME], depth);
}

static void write_made_fun(struct writing *w, value v, unsigned depth) {
    enum { TUPLE_HEAD = 2, FUN_HEAD = 30 }; /* tag, size, arity, unique, index, number of free variables */
    const value *fields = value_words(v);
    struct fun origin;
    hm_build *outer = w->build, *inner = w->origin ? hm_build_new() : NULL;
    if (!inner) {
        w->error = w->origin ? HM_ENOMEM : HM_EINVAL;
        return;
    }
    view_fun(value_ext(w->origin).bytes, &origin);
    uint32_t index = fun_index(&origin, fields);
    w->build = inner;
    write_parts(w, v, &origin, index, depth);
    w->build = outer;
    hm_term parts = hm_build_term(inner);
    size_t size = FUN_HEAD + parts.size - TUPLE_HEAD;
    uint8_t *fun = parts.size && !w->error ? malloc(size) : NULL;
    if (fun) {
        fun[0] = ETF_NEW_FUN;
        set_be32(fun + 1, (uint32_t)size - 1);
        fun[5] = (uint8_t)value_small(fields[FUN_ARITY]);
        memcpy(fun + 6, origin.unique, 16);
        set_be32(fun + 22, index);
        set_be32(fun + 26, 1);
        memcpy(fun + FUN_HEAD, parts.bytes + TUPLE_HEAD, parts.size - TUPLE_HEAD);
        hm_put_term(outer, (hm_term){fun, size});
    } else if (!w->error) {
        w->error = HM_ENOMEM;
    }
    free(fun);
    hm_build_free(inner);
}

static void write_object(struct writing *w, value v, unsigned depth) {
    struct integer integer;
    uint8_t room[8];
    const value *words = value_words(v);
    switch (value_kind(v)) {
    case KIND_CONS: write_list(w, v, depth); break;
    case KIND_TUPLE:
    case KIND_MAP:
        if (value_kind(v) == KIND_TUPLE)
            hm_put_tuple(w->build, (uint32_t)value_size(v));
        else
            hm_put_map(w->build, (uint32_t)value_map_size(v));
        for (size_t i = 0; i < value_size(v); i++)
            write_term(w, words[i], depth);
        break;
    case KIND_FUN:
        if (words[FUN_SOURCE])
            hm_put_term(w->build, value_ext(words[FUN_SOURCE]));
        else
            write_made_fun(w, v, depth);
        break;
    case KIND_EXPORT:
        build_export_begin(w->build);
        write_atom(w, words[0]);
        write_atom(w, words[1]);
        build_export_end(w->build, (uint8_t)value_small(words[2]));
        break;
    case KIND_BITS:
    case KIND_BYTES: write_bits(w, v); break;
    case KIND_FLOAT: hm_put_double(w->build, value_float(v)); break;
    case KIND_BIG:
        order_integer(v, &integer, room);
        build_integer(w->build, integer.negative, integer.digits, integer.size);
        break;
    case KIND_ATOM: write_atom(w, v); break;
    case KIND_EXT: hm_put_term(w->build, value_ext(v)); break;
    case KIND_ENV: w->error = HM_EINVAL; break;
    }
}

static void write_term(struct writing *w, value v, unsigned depth) {
    if (w->error)
        return;
    if (depth >= VALUE_DEPTH)
        w->error = HM_ELIMIT;
    else if (value_is_small(v))
        hm_put_int64(w->build, value_small(v));
    else if (value_is_known_atom(v))
        write_atom(w, v);
    else if (!value_is_object(v))
        hm_put_nil(w->build);
    else
        write_object(w, v, depth + 1);
}

int terms_write(struct heap *heap, hm_build *build, value v, value origin) {
    struct writing w = {heap, build, origin, HM_OK};
    struct build_mark mark = build_mark(build);
    write_term(&w, v, 0);
    if (w.error == HM_OK)
        w.error = build_sticky_error(build);
    if (w.error != HM_OK)
        build_rollback(build, mark);
    return w.error;
}
