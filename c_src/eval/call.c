/* Functions and funs: what is called with arguments that have their values. */
#include "eval/machine.h"

bool call_spread(value list, value arguments[CALL_ARGUMENTS], size_t *arity) {
    *arity = 0;
    for (; value_is_cons(list); list = value_tail(list)) {
        if (*arity == CALL_ARGUMENTS)
            return false;
        arguments[(*arity)++] = value_head(list);
    }
    return list == VALUE_NIL;
}

value call_make_fun(struct machine *m, value clauses, value name) {
    value patterns = value_is_cons(clauses) ? form_part(value_head(clauses), 2) : VALUE_NONE;
    long arity = patterns ? value_list_length(patterns) : -1;
    if (arity < 0 || arity > 20 || (name && !value_is_atom(name))) /* erl_eval: argument_limit */
        return VALUE_NONE;
    value *object = heap_object(&m->heap, KIND_FUN, FUN_FIELDS);
    if (!object)
        return VALUE_NONE;
    value *fields = object + 1;
    fields[FUN_ARITY] = value_of_small(arity);
    fields[FUN_CLAUSES] = clauses;
    fields[FUN_ENV] = m->env;
    fields[FUN_NAME] = name;
    fields[FUN_SOURCE] = VALUE_NONE;
    return (value)(uintptr_t)object;
}

/* The environment of the caller comes back behind the call; when nothing is done between, the frame that is
 * there does. */
static bool push_restore(struct machine *m, const struct library_function *function) {
    struct frame *top = m->count ? &m->frames[m->count - 1] : NULL;
    if (!top || top->kind != FRAME_RESTORE) {
        if (!(top = machine_push(m, FRAME_RESTORE)))
            return false;
        top->a = m->env;
    }
    if (function && function->hidden)
        return true;
    top->b = function ? function->module : VALUE_NONE;
    top->c = function ? function->function : VALUE_NONE;
    top->n = function ? function->arity : 0;
    return true;
}

/* A clause's patterns bind in an environment of their own, which then hides what the fun knows. */
static bool enter_clause(struct machine *m, value clause, value env, size_t arity, const value arguments[]) {
    value patterns = form_part(clause, 2), bound = VALUE_NIL;
    machine_charge(m, 1);
    if (!form_is(clause, A(clause), 5) || value_list_length(patterns) != (long)arity) {
        m->bad_form = true;
        return false;
    }
    for (size_t i = 0; i < arity; i++, patterns = value_tail(patterns))
        if (!match_pattern(m, value_head(patterns), arguments[i], &bound, env))
            return false;
    env = env_add(m, env, bound, VALUE_NIL);
    if (!match_guards(m, form_part(clause, 3), env))
        return false;
    m->env = env;
    machine_body(m, form_part(clause, 4));
    return true;
}

static bool enter(struct machine *m, value clauses, value env, size_t arity, const value arguments[]) {
    for (; value_is_cons(clauses); clauses = value_tail(clauses)) {
        if (enter_clause(m, value_head(clauses), env, arity, arguments))
            return true;
        if (m->bad_form)
            return false;
    }
    return false;
}

static value list_of(struct machine *m, size_t arity, const value arguments[]) {
    return heap_list(&m->heap, arity, arguments, VALUE_NIL);
}

static void raise_at(struct machine *m, value reason, value module, value function, value arguments,
                     value extra) {
    unwind_raise(m, A(error), reason, heap_tuple_of(&m->heap, module, function, arguments, extra));
}

/* [{error_info, #{module => erl_erts_errors}}]: what shells explain the errors of erlang's own functions
 * with. */
static value error_info(struct machine *m, value module) {
    if (module != A(erlang))
        return VALUE_NIL;
    value *map = heap_object(&m->heap, KIND_MAP, 2);
    if (!map)
        return VALUE_NIL;
    map[1] = A(module);
    map[2] = A(erl_erts_errors);
    return heap_cons(&m->heap, heap_tuple_of(&m->heap, A(error_info), (value)(uintptr_t)map), VALUE_NIL);
}

static void call_bif(struct machine *m, const struct library_function *function, size_t arity,
                     const value arguments[]) {
    value result = VALUE_NIL;
    switch (function->bif->run(m, arguments, &result)) {
    case BIF_VALUE: machine_value(m, result); break;
    case BIF_ERROR:
        raise_at(m, result, function->module, function->function, list_of(m, arity, arguments),
                 result == A(function_clause) ? VALUE_NIL : error_info(m, function->module));
        break;
    case BIF_ENTERED: break;
    }
}

static void call_forms(struct machine *m, const struct library_function *function, size_t arity,
                       const value arguments[]) {
    if (!push_restore(m, function))
        return;
    if (!enter(m, function->clauses, VALUE_NIL, arity, arguments) && !m->bad_form) {
        m->count--;
        raise_at(m, A(function_clause), function->module, function->function, list_of(m, arity, arguments),
                 VALUE_NIL);
    }
}

void call_remote(struct machine *m, value module, value function, size_t arity, const value arguments[]) {
    if (!value_is_atom(module) || !value_is_atom(function)) {
        raise_at(m, A(badarg), A(erlang), A(apply),
                 heap_list(&m->heap, 3, (value[]){module, function, list_of(m, arity, arguments)}, VALUE_NIL),
                 VALUE_NIL);
        return;
    }
    const struct library_function *found = library_find(m->library, module, function, arity);
    if (found && found->bif)
        call_bif(m, found, arity, arguments);
    else if (found)
        call_forms(m, found, arity, arguments);
    else if (!m->call_out || !m->call_out(m, module, function, list_of(m, arity, arguments)))
        raise_at(m, A(undef), module, function, list_of(m, arity, arguments), VALUE_NIL);
}

void call_local(struct machine *m, value function, size_t arity, const value arguments[]) {
    if (call_is_auto_imported(m, function, arity))
        call_remote(m, A(erlang), function, arity, arguments);
    else
        raise_at(m, A(undef), A(erl_eval), function, list_of(m, arity, arguments), VALUE_NIL);
}

static void call_closure(struct machine *m, value fun, size_t arity, const value arguments[]) {
    const value *fields = value_words(fun);
    if (fields[FUN_ARITY] != value_of_small((int64_t)arity)) {
        value pair = heap_tuple_of(&m->heap, fun, list_of(m, arity, arguments));
        unwind_error_of(m, A(badarity), pair, A(do_apply), 6);
        return;
    }
    value env = fields[FUN_ENV];
    if (fields[FUN_NAME])
        env = env_bind(&m->heap, env, fields[FUN_NAME], fun);
    if (!push_restore(m, NULL))
        return;
    if (!enter(m, fields[FUN_CLAUSES], env, arity, arguments) && !m->bad_form) {
        m->count--;
        raise_at(m, A(function_clause), A(erl_eval), A(interpreted_fun), list_of(m, arity, arguments),
                 VALUE_NIL);
    }
}

void call_fun(struct machine *m, value fun, size_t arity, const value arguments[]) {
    if (value_is(fun, KIND_FUN)) {
        call_closure(m, fun, arity, arguments);
    } else if (value_is(fun, KIND_EXPORT)) {
        const value *parts = value_words(fun);
        if (parts[2] != value_of_small((int64_t)arity)) {
            value pair = heap_tuple_of(&m->heap, fun, list_of(m, arity, arguments));
            unwind_error_of(m, A(badarity), pair, A(do_apply), 6);
            return;
        }
        call_remote(m, parts[0], parts[1], arity, arguments);
    } else if (value_is_fun(fun)) { /* a compiled closure: its code is elsewhere */
        unwind_foreign_fun(m, fun, list_of(m, arity, arguments));
    } else {
        unwind_error_of(m, A(badfun), fun, A(do_apply), 6);
    }
}
