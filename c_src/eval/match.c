/* Patterns. Recursive, as deep as the pattern, which is as deep as a checked term at most. */
#include "eval/machine.h"

#include "eval/map.h"
#include "eval/order.h"

static bool bind_or_compare(struct machine *m, value name, value v, value *env) {
    if (name == A(underscore))
        return true;
    value bound = env_get(*env, name);
    if (bound)
        return order_same(&m->heap, bound, v);
    if (!value_is_atom(name))
        return m->bad_form = true, false;
    *env = env_bind(&m->heap, *env, name, v);
    return true;
}

static bool match_elements(struct machine *m, value patterns, value tuple, value *env, value outer) {
    if (!value_is_tuple(tuple) || value_list_length(patterns) != (long)value_size(tuple))
        return false;
    for (size_t i = 0; value_is_cons(patterns); patterns = value_tail(patterns), i++)
        if (!match_pattern(m, value_head(patterns), value_words(tuple)[i], env, outer))
            return false;
    return true;
}

/* Keys are expressions of what is bound already: here, or outside. */
static bool match_fields(struct machine *m, value fields, value map, value *env, value outer) {
    if (!value_is_map(map))
        return false;
    for (; value_is_cons(fields); fields = value_tail(fields)) {
        value field = value_head(fields), key, found;
        if (!form_is(field, A(map_field_exact), 4))
            return m->bad_form = true, false;
        if (!guard_value(m, form_part(field, 2), *env, &key) &&
            !guard_value(m, form_part(field, 2), outer, &key))
            return false;
        if (!(found = map_get(&m->heap, map, key)) ||
            !match_pattern(m, form_part(field, 3), found, env, outer))
            return false;
    }
    return true;
}

/* "text" ++ Tail */
static bool match_prefix(struct machine *m, value pattern, value v, value *env, value outer) {
    value left = form_part(pattern, 3), list;
    if (form_tag(left) == A(string)) {
        for (list = form_part(left, 2); value_is_cons(list); list = value_tail(list), v = value_tail(v))
            if (!value_is_cons(v) || !order_same(&m->heap, value_head(v), value_head(list)))
                return false;
    } else {
        for (; form_is(left, A(cons), 4); left = form_part(left, 3), v = value_tail(v))
            if (!value_is_cons(v) || !match_pattern(m, form_part(left, 2), value_head(v), env, outer))
                return false;
        if (form_tag(left) != A(nil))
            return m->bad_form = true, false;
    }
    return match_pattern(m, form_part(pattern, 4), v, env, outer);
}

static bool match_op(struct machine *m, value pattern, value v, value *env, value outer) {
    value constant;
    if (form_part(pattern, 2) == A(append) && value_size(pattern) == 5)
        return match_prefix(m, pattern, v, env, outer);
    if (!guard_value(m, pattern, VALUE_NIL, &constant)) /* -1, 1 + 2 */
        return m->bad_form = true, false;
    return order_same(&m->heap, constant, v);
}

bool match_pattern(struct machine *m, value pattern, value v, value *env, value outer) {
    size_t size = value_is_tuple(pattern) ? value_size(pattern) : 0;
    value part = form_part(pattern, 2);
    machine_charge(m, 1);
    switch (form_tag(pattern)) {
    case A(var): return size == 3 ? bind_or_compare(m, part, v, env) : (m->bad_form = true, false);
    case A(nil): return v == VALUE_NIL;
    case A(atom):
    case A(integer):
    case A(char):
    case A(float):
    case A(string):
    case A(value): return part && size == 3 ? order_same(&m->heap, part, v) : (m->bad_form = true, false);
    case A(cons):
        return value_is_cons(v) && size == 4 && match_pattern(m, part, value_head(v), env, outer) &&
               match_pattern(m, form_part(pattern, 3), value_tail(v), env, outer);
    case A(tuple): return size == 3 && match_elements(m, part, v, env, outer);
    case A(map): return size == 3 && match_fields(m, part, v, env, outer);
    case A(bin): return size == 3 && bits_match(m, part, v, env, outer, NULL) == BITS_MATCH;
    case A(match):
        return size == 4 && match_pattern(m, part, v, env, outer) &&
               match_pattern(m, form_part(pattern, 3), v, env, outer);
    case A(op): return match_op(m, pattern, v, env, outer);
    default: return m->bad_form = true, false;
    }
}
