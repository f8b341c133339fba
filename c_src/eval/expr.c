/* What an expression does first: literals have their value at once, the rest pushes a frame and evaluates a
 * part. */
#include "eval/machine.h"

void expr_arguments(struct machine *m, value expressions, enum arguments_use use, value form) {
    struct frame *frame = machine_push(m, FRAME_ARGUMENTS);
    if (!frame)
        return;
    frame->n = use;
    frame->a = expressions;
    frame->b = VALUE_NIL;
    frame->c = frame->d = m->env;
    frame->e = form;
    /* As if the value of an argument before the first one had come; see frames.c */
    m->result = VALUE_NONE;
    m->mode = MODE_VALUE;
}

static value pair(struct machine *m, value first, value rest) {
    return heap_cons(&m->heap, first, rest);
}

static void variable(struct machine *m, value form) {
    value v = env_get(m->env, form_part(form, 2));
    if (v)
        machine_value(m, v);
    else
        unwind_error_of(m, A(unbound), form_part(form, 2), A(expr), 6);
}

static value literal(value tag, value form) {
    value v = form_part(form, 2);
    switch (tag) {
    case A(atom): return v && value_is_atom(v) ? v : VALUE_NONE;
    case A(integer):
    case A(char): return v && value_is_integer(v) ? v : VALUE_NONE;
    case A(float): return v && value_is_float(v) ? v : VALUE_NONE;
    case A(string): return v && (value_is_cons(v) || v == VALUE_NIL) ? v : VALUE_NONE;
    default: return v;
    }
}

/* {map, _, Fields} or {map, _, Map, Fields} */
static void map(struct machine *m, value form) {
    bool update = value_size(form) == 4;
    value fields = form_part(form, update ? 3 : 2), list = VALUE_NIL, rest;
    for (rest = fields; value_is_cons(rest); rest = value_tail(rest)) {
        value field = value_head(rest), tag = form_tag(field);
        if ((tag != A(map_field_assoc) && tag != A(map_field_exact)) || value_size(field) != 4) {
            unwind_bad_form(m, form);
            return;
        }
        list = pair(m, form_part(field, 3), pair(m, form_part(field, 2), list));
    }
    list = heap_reverse(&m->heap, list, VALUE_NIL);
    expr_arguments(m, update ? pair(m, form_part(form, 2), list) : list, update ? USE_MAP_UPDATE : USE_MAP,
                   form);
}

static void call(struct machine *m, value form) {
    value what = form_part(form, 2), arguments = form_part(form, 3);
    if (form_is(what, A(remote), 4))
        expr_arguments(m, pair(m, form_part(what, 2), pair(m, form_part(what, 3), arguments)), USE_REMOTE,
                       form);
    else if (form_is(what, A(atom), 3))
        expr_arguments(m, arguments, USE_LOCAL, form);
    else
        expr_arguments(m, pair(m, what, arguments), USE_FUN, form);
}

static void operator(struct machine *m, value form) {
    value op = form_part(form, 2);
    if (value_size(form) == 4) {
        expr_arguments(m, pair(m, form_part(form, 3), VALUE_NIL), USE_OPERATOR, form);
    } else if (op == A(andalso) || op == A(orelse)) {
        struct frame *frame = machine_push(m, FRAME_LOGIC);
        if (!frame)
            return;
        frame->n = op == A(orelse);
        frame->a = form_part(form, 4);
        machine_expr(m, form_part(form, 3));
    } else {
        expr_arguments(m, pair(m, form_part(form, 3), pair(m, form_part(form, 4), VALUE_NIL)), USE_OPERATOR,
                       form);
    }
}

static void fun(struct machine *m, value form) {
    value body = form_part(form, 2);
    if (form_is(body, A(clauses), 2)) {
        value made = call_make_fun(m, form_part(body, 1), VALUE_NONE);
        if (made)
            machine_value(m, made);
        else
            unwind_bad_form(m, form);
    } else if (form_is(body, A(function), 4)) {
        value parts =
            pair(m, form_part(body, 1), pair(m, form_part(body, 2), pair(m, form_part(body, 3), VALUE_NIL)));
        /* fun M:F/A is erlang:make_fun(M, F, A) */
        expr_arguments(m, parts, USE_TUPLE, form);
    } else if (form_is(body, A(function), 3)) {
        value arity = form_part(body, 2);
        value *object = value_is_small(arity) && value_is_atom(form_part(body, 1))
                            ? heap_object(&m->heap, KIND_EXPORT, 3)
                            : NULL;
        if (!object) {
            unwind_bad_form(m, form);
            return;
        }
        object[1] = A(erlang);
        object[2] = form_part(body, 1);
        object[3] = arity;
        machine_value(m, (value)(uintptr_t)object);
    } else {
        unwind_bad_form(m, form);
    }
}

/* Which clause's guard is true, for if. */
static void if_clauses(struct machine *m, value form) {
    for (value rest = form_part(form, 2); value_is_cons(rest); rest = value_tail(rest)) {
        value clause = value_head(rest);
        if (!form_is(clause, A(clause), 5)) {
            unwind_bad_form(m, form);
            return;
        }
        if (match_guards(m, form_part(clause, 3), m->env)) {
            machine_body(m, form_part(clause, 4));
            return;
        }
    }
    unwind_error(m, A(if_clause), A(if_clauses), 5);
}

static void try(struct machine *m, value form) {
    value of = form_part(form, 3), handlers = form_part(form, 4), after = form_part(form, 5);
    struct frame *frame;
    if (after != VALUE_NIL) {
        if (!(frame = machine_push(m, FRAME_AFTER)))
            return;
        frame->a = after;
        frame->b = m->env;
    }
    if (!(frame = machine_push(m, FRAME_TRY)))
        return;
    frame->a = of;
    frame->b = handlers;
    frame->c = m->env;
    machine_body(m, form_part(form, 2));
}

static void receive(struct machine *m, value form) {
    struct frame *frame;
    if (value_size(form) == 3) {
        if (!(frame = machine_push(m, FRAME_RECEIVING)))
            return;
        frame->a = form_part(form, 2);
        frame->b = VALUE_NIL;
        frame->c = m->env;
        frames_wait(m, -1);
        return;
    }
    if (!(frame = machine_push(m, FRAME_TIMEOUT)))
        return;
    frame->a = form;
    frame->b = m->env;
    machine_expr(m, form_part(form, 3));
}

static void match(struct machine *m, value form) {
    struct frame *frame = machine_push(m, FRAME_MATCH);
    if (!frame)
        return;
    frame->a = form_part(form, 2);
    machine_expr(m, form_part(form, 3));
}

static void scrutinee(struct machine *m, enum frame_kind kind, value expr, value clauses) {
    struct frame *frame = machine_push(m, kind);
    if (!frame)
        return;
    frame->a = kind == FRAME_CATCH ? m->env : clauses;
    machine_expr(m, expr);
}

/* The number of parts that a form of this tag must have, behind tag and annotation. */
static bool has_parts(value tag, size_t size) {
    switch (tag) {
    case A(nil): return size == 2;
    case A(atom):
    case A(integer):
    case A(char):
    case A(float):
    case A(string):
    case A(var):
    case A(value):
    case A(tuple):
    case A(bin):
    case A(block):
    case A(if):
    case A(fun):
    case A(catch): return size == 3;
    case A(cons):
    case A(match):
    case A(call):
    case A(case):
    case A(lc):
    case A(bc):
    case A(mc):
    case A(named_fun): return size == 4;
    case A(map): return size == 3 || size == 4;
    case A(op): return size == 4 || size == 5;
    case A(receive): return size == 3 || size == 5;
    case A(try): return size == 6;
    default: return false;
    }
}

void expr_step(struct machine *m) {
    value form = m->expr, tag = form_tag(form);
    if (!tag || !has_parts(tag, value_size(form))) {
        unwind_bad_form(m, form);
        return;
    }
    switch (tag) {
    case A(var): variable(m, form); break;
    case A(nil): machine_value(m, VALUE_NIL); break;
    case A(atom):
    case A(integer):
    case A(char):
    case A(float):
    case A(string):
    case A(value): {
        value v = literal(tag, form);
        if (v)
            machine_value(m, v);
        else
            unwind_bad_form(m, form);
        break;
    }
    case A(tuple): expr_arguments(m, form_part(form, 2), USE_TUPLE, VALUE_NIL); break;
    case A(cons):
        expr_arguments(m, pair(m, form_part(form, 2), pair(m, form_part(form, 3), VALUE_NIL)), USE_CONS,
                       form);
        break;
    case A(map): map(m, form); break;
    case A(bin): expr_arguments(m, bits_expressions(m, form_part(form, 2)), USE_BIN, form); break;
    case A(match): match(m, form); break;
    case A(op): operator(m, form); break;
    case A(call): call(m, form); break;
    case A(block): machine_body(m, form_part(form, 2)); break;
    case A(case): scrutinee(m, FRAME_CASE, form_part(form, 2), form_part(form, 3)); break;
    case A(catch): scrutinee(m, FRAME_CATCH, form_part(form, 2), VALUE_NIL); break;
    case A(if): if_clauses(m, form); break;
    case A(fun): fun(m, form); break;
    case A(named_fun): {
        value made = call_make_fun(m, form_part(form, 3), form_part(form, 2));
        if (made)
            machine_value(m, made);
        else
            unwind_bad_form(m, form);
        break;
    }
    case A(try): try(m, form); break;
    case A(receive): receive(m, form); break;
    case A(lc):
    case A(bc):
    case A(mc): comprehension_begin(m, form); break;
    default: unwind_bad_form(m, form); break;
    }
}
