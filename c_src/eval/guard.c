/* Guards, sizes and keys: expressions without effect, whose errors mean no. Recursive, as deep as the form.
 */
#include "eval/machine.h"

#include "eval/map.h"

enum { GUARD_ARGUMENTS = 3 };

static const struct bif_row *find_bif(const struct machine *m, value function, size_t arity) {
    const struct library_function *found = library_find(m->library, A(erlang), function, arity);
    return found && found->bif && found->bif->guard ? found->bif : NULL;
}

static bool call(struct machine *m, value function, value list, value env, value *v) {
    value arguments[GUARD_ARGUMENTS];
    size_t arity = 0;
    for (; value_is_cons(list); list = value_tail(list)) {
        if (arity == GUARD_ARGUMENTS || !guard_value(m, value_head(list), env, &arguments[arity]))
            return false;
        arity++;
    }
    const struct bif_row *bif = find_bif(m, function, arity);
    return bif && bif->run(m, arguments, v) == BIF_VALUE;
}

/* The function of {call, _, Function, Arguments}: erlang:f or f. */
static value called_function(value form) {
    value what = form_part(form, 2);
    if (form_is(what, A(atom), 3))
        return form_part(what, 2);
    if (form_is(what, A(remote), 4) && form_part(form_part(what, 2), 2) == A(erlang) &&
        form_is(form_part(what, 3), A(atom), 3))
        return form_part(form_part(what, 3), 2);
    return VALUE_NONE;
}

static bool logic(struct machine *m, value form, value env, value *v) {
    bool stop = form_part(form, 2) == A(orelse);
    if (!guard_value(m, form_part(form, 3), env, v))
        return false;
    if (*v == value_of_bool(stop))
        return true;
    return *v == value_of_bool(!stop) && guard_value(m, form_part(form, 4), env, v);
}

static bool op(struct machine *m, value form, value env, value *v) {
    value what = form_part(form, 2);
    if ((what == A(andalso) || what == A(orelse)) && value_size(form) == 5)
        return logic(m, form, env, v);
    value arguments = value_size(form) == 5 ? heap_cons(&m->heap, form_part(form, 4), VALUE_NIL) : VALUE_NIL;
    return (value_size(form) == 4 || value_size(form) == 5) &&
           call(m, what, heap_cons(&m->heap, form_part(form, 3), arguments), env, v);
}

static bool tuple(struct machine *m, value elements, value env, value *v) {
    value list = VALUE_NIL, element;
    for (; value_is_cons(elements); elements = value_tail(elements)) {
        if (!guard_value(m, value_head(elements), env, &element))
            return false;
        list = heap_cons(&m->heap, element, list);
    }
    size_t count = (size_t)value_list_length(list);
    value *object = heap_object(&m->heap, KIND_TUPLE, count);
    if (!object)
        return false;
    for (size_t i = count; i > 0; i--, list = value_tail(list))
        object[i] = value_head(list);
    *v = (value)(uintptr_t)object;
    return true;
}

static bool map(struct machine *m, value form, value env, value *v) {
    bool update = value_size(form) == 4;
    value fields = form_part(form, update ? 3 : 2), key, item;
    if (!update)
        *v = map_of_pairs(&m->heap, 0, NULL);
    else if (!guard_value(m, form_part(form, 2), env, v) || !value_is_map(*v))
        return false;
    for (; value_is_cons(fields) && value_is_map(*v); fields = value_tail(fields)) {
        value field = value_head(fields);
        if (!guard_value(m, form_part(field, 2), env, &key) ||
            !guard_value(m, form_part(field, 3), env, &item))
            return false;
        if (form_tag(field) == A(map_field_exact) && !map_get(&m->heap, *v, key))
            return false;
        *v = map_put(&m->heap, *v, key, item);
    }
    return true;
}

static bool bin(struct machine *m, value form, value env, value *v) {
    value elements = form_part(form, 2), list = bits_expressions(m, elements), built;
    if (!tuple(m, list, env, &built))
        return false;
    return bits_build(m, elements, value_words(built), value_size(built), v);
}

static bool cons(struct machine *m, value form, value env, value *v) {
    value heads = VALUE_NIL, head;
    for (; form_is(form, A(cons), 4); form = form_part(form, 3)) {
        if (!guard_value(m, form_part(form, 2), env, &head))
            return false;
        heads = heap_cons(&m->heap, head, heads);
    }
    if (!guard_value(m, form, env, v))
        return false;
    *v = heap_reverse(&m->heap, heads, *v);
    return true;
}

bool guard_value(struct machine *m, value form, value env, value *v) {
    size_t size = value_is_tuple(form) ? value_size(form) : 0;
    *v = form_part(form, 2);
    machine_charge(m, 1);
    switch (form_tag(form)) {
    case A(nil): *v = VALUE_NIL; return true;
    case A(atom):
    case A(integer):
    case A(char):
    case A(float):
    case A(string):
    case A(value): return size == 3;
    case A(var): return (*v = env_get(env, form_part(form, 2))) != VALUE_NONE;
    case A(tuple): return tuple(m, form_part(form, 2), env, v);
    case A(cons): return cons(m, form, env, v);
    case A(map): return (size == 3 || size == 4) && map(m, form, env, v);
    case A(bin): return size == 3 && bin(m, form, env, v);
    case A(op): return op(m, form, env, v);
    case A(call): return called_function(form) && call(m, called_function(form), form_part(form, 3), env, v);
    default: return false;
    }
}

static bool all_true(struct machine *m, value tests, value env) {
    value v;
    for (; value_is_cons(tests); tests = value_tail(tests))
        if (!guard_value(m, value_head(tests), env, &v) || v != A(true))
            return false;
    return true;
}

/* A list of alternatives, each a list of tests. */
bool match_guards(struct machine *m, value guards, value env) {
    if (guards == VALUE_NIL)
        return true;
    bool bad = m->bad_form, yes = false;
    for (; value_is_cons(guards) && !yes; guards = value_tail(guards))
        yes = all_true(m, value_head(guards), env);
    m->bad_form = bad;
    return yes;
}

/* erl_lint:is_guard_test/1, for filters: a filter that is none must be true or false. */
bool guard_is_test(const struct machine *m, value form) {
    value function;
    size_t arity;
    switch (form_tag(form)) {
    case A(op):
        for (size_t i = 3; i < value_size(form); i++)
            if (!guard_is_test(m, form_part(form, i)))
                return false;
        arity = value_size(form) - 3;
        return form_part(form, 2) == A(andalso) || form_part(form, 2) == A(orelse) ||
               find_bif(m, form_part(form, 2), arity) != NULL;
    case A(call):
        function = called_function(form);
        if (!function || value_list_length(form_part(form, 3)) < 0)
            return false;
        for (value list = form_part(form, 3); value_is_cons(list); list = value_tail(list))
            if (!guard_is_test(m, value_head(list)))
                return false;
        return find_bif(m, function, (size_t)value_list_length(form_part(form, 3))) != NULL;
    case A(var):
    case A(atom):
    case A(integer):
    case A(char):
    case A(float):
    case A(string):
    case A(nil):
    case A(tuple):
    case A(cons):
    case A(map):
    case A(bin): return true;
    default: return false;
    }
}
