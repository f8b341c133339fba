/* What happens with a value: the topmost frame says it. */
#include "eval/machine.h"

#include "eval/map.h"
#include "eval/order.h"
#include "node/process.h"

/* ---- clauses ---- */

bool frames_select(struct machine *m, value clauses, value v) {
    for (; value_is_cons(clauses); clauses = value_tail(clauses)) {
        value clause = value_head(clauses), patterns = form_part(clause, 2), env = m->env;
        machine_charge(m, 1);
        if (!form_is(clause, A(clause), 5) || !value_is_cons(patterns)) {
            m->bad_form = true;
            return false;
        }
        if (match_pattern(m, value_head(patterns), v, &env, m->env) &&
            match_guards(m, form_part(clause, 3), env)) {
            m->env = env;
            machine_body(m, form_part(clause, 4));
            return true;
        }
        if (m->bad_form)
            return false;
    }
    return false;
}

static void no_clause(struct machine *m, value tag, value v, value function, unsigned arity) {
    if (!m->bad_form)
        unwind_error_of(m, tag, v, function, arity);
}

/* ---- receive ---- */

static void take_mail(struct machine *m, size_t i) {
    m->mail_count--;
    machine_charge(m, (m->mail_count - i) / 256);
    memmove(&m->mail[i], &m->mail[i + 1], (m->mail_count - i) * sizeof *m->mail);
    m->mail_seen = 0;
}

/* What it sent to itself, say, has come as far as the mailbox of the process: a receive that does not wait sees
 * that, too. */
static bool has_mail_outside(const struct machine *m) {
    return m->self && m->self->mailbox.count > 0;
}

void frames_receive(struct machine *m) {
    struct frame frame = m->frames[m->count - 1];
    while (m->mail_seen < m->mail_count) {
        size_t i = m->mail_seen++;
        m->env = frame.c;
        m->count--;
        bool taken = frames_select(m, frame.a, m->mail[i]);
        if (taken) {
            take_mail(m, i);
            return;
        }
        if (m->bad_form || m->heap.exhausted)
            return;
        m->frames[m->count++] = frame;
    }
    if (m->timed_out || (m->wait_ms == 0 && !has_mail_outside(m))) {
        m->count--;
        m->env = frame.c;
        machine_body(m, frame.b);
    }
}

void frames_wait(struct machine *m, int64_t ms) {
    m->wait_ms = ms;
    m->waits++;
    m->timed_out = false;
    m->mail_seen = 0;
    m->mode = MODE_WAIT;
    frames_receive(m);
}

/* The value of `after`. */
static void begin_receive(struct machine *m, const struct frame *frame) {
    value v = m->result;
    if (v != A(infinity) && !(value_is_small(v) && value_small(v) >= 0 && value_small(v) <= UINT32_MAX)) {
        unwind_error(m, A(timeout_value), A(expr), 6);
        return;
    }
    struct frame *receiving = machine_push(m, FRAME_RECEIVING);
    if (!receiving)
        return;
    receiving->a = form_part(frame->a, 2);
    receiving->b = form_part(frame->a, 4);
    receiving->c = m->env;
    frames_wait(m, v == A(infinity) ? -1 : value_small(v));
}

/* ---- arguments ---- */

/* erl_eval updates with maps:put/3 and maps:update/3, which shows. */
static void map_error(struct machine *m, value tag, value v, value function, const value arguments[3]) {
    value first =
        heap_tuple_of(&m->heap, A(maps), function, heap_list(&m->heap, 3, arguments, VALUE_NIL), VALUE_NIL);
    unwind_raise(m, A(error), heap_tuple_of(&m->heap, tag, v), first);
}

static void update_map(struct machine *m, value form, const value values[]) {
    value map = values[0];
    size_t at = 1;
    if (!value_is_map(map)) {
        map_error(m, A(badmap), map, A(put), (value[]){A(k), A(v), map});
        return;
    }
    for (value rest = form_part(form, 3); value_is_cons(rest); rest = value_tail(rest), at += 2) {
        if (form_tag(value_head(rest)) == A(map_field_exact) && !map_get(&m->heap, map, values[at])) {
            map_error(m, A(badkey), values[at], A(update), (value[]){values[at], values[at + 1], map});
            return;
        }
        machine_charge(m, value_map_size(map) / 16);
        map = map_put(&m->heap, map, values[at], values[at + 1]);
    }
    machine_value(m, map);
}

static void make_bits(struct machine *m, value form, size_t count, const value values[]) {
    value made;
    if (bits_build(m, form_part(form, 2), values, count, &made))
        machine_value(m, made);
    else if (!m->bad_form)
        unwind_error(m, A(badarg), A(expr), 6);
}

static void make_export(struct machine *m, const value parts[]) {
    value *object = value_is_atom(parts[0]) && value_is_atom(parts[1]) && value_is_small(parts[2]) &&
                            value_small(parts[2]) >= 0 && value_small(parts[2]) <= CALL_ARGUMENTS
                        ? heap_object(&m->heap, KIND_EXPORT, 3)
                        : NULL;
    if (!object) {
        unwind_error(m, A(badarg), A(expr), 6);
        return;
    }
    for (int i = 0; i < 3; i++)
        object[1 + i] = parts[i];
    machine_value(m, (value)(uintptr_t)object);
}

static void use_arguments(struct machine *m, const struct frame *frame, size_t count, const value values[]) {
    value form = frame->e;
    switch ((enum arguments_use)frame->n) {
    case USE_TUPLE:
        if (form != VALUE_NIL)
            make_export(m, values);
        else
            machine_value(m, heap_tuple(&m->heap, count, values));
        break;
    case USE_CONS: machine_value(m, heap_cons(&m->heap, values[0], values[1])); break;
    case USE_OPERATOR: call_remote(m, A(erlang), form_part(form, 2), count, values); break;
    case USE_LOCAL: call_local(m, form_part(form_part(form, 2), 2), count, values); break;
    case USE_REMOTE: call_remote(m, values[0], values[1], count - 2, values + 2); break;
    case USE_FUN: call_fun(m, values[0], count - 1, values + 1); break;
    case USE_MAP: machine_value(m, map_of_pairs(&m->heap, count / 2, values)); break;
    case USE_MAP_UPDATE: update_map(m, form, values); break;
    case USE_BIN: make_bits(m, form, count, values); break;
    }
}

/* What two arguments both bind must be the same (erl_eval:merge_bindings). */
static bool merge_bindings(struct machine *m, value added, value base, value *env) {
    value known = *env;
    for (value e = added; value_is(e, KIND_ENV) && e != base; e = value_words(e)[2]) {
        value other = known == base ? VALUE_NONE : env_get(known, value_words(e)[0]);
        if (other && env_get(base, value_words(e)[0]) != other &&
            !order_same(&m->heap, other, value_words(e)[1])) {
            unwind_error_of(m, A(badmatch), value_words(e)[1], A(expr), 6);
            return false;
        }
    }
    *env = known == base ? added : env_add(m, known, added, base);
    return true;
}

enum { ARGUMENTS_ARRAY = 256 };

static void finish_arguments(struct machine *m, const struct frame *frame) {
    value array[ARGUMENTS_ARRAY], *values = array, list = frame->b;
    long count = value_list_length(list);
    m->env = frame->d;
    if (count > ARGUMENTS_ARRAY && frame->n != USE_TUPLE && frame->n != USE_MAP && frame->n != USE_BIN &&
        frame->n != USE_MAP_UPDATE) {
        unwind_error(m, A(argument_limit), A(expr), 6);
        return;
    }
    if (count > ARGUMENTS_ARRAY) { /* a long literal: the room comes from the heap */
        value *object = heap_object(&m->heap, KIND_TUPLE, (size_t)count);
        if (!object)
            return;
        values = object + 1;
    }
    for (long i = count; i-- > 0; list = value_tail(list))
        values[i] = value_head(list);
    use_arguments(m, frame, (size_t)count, values);
}

/* A value for the list of arguments; the first time none, see expr_arguments. */
static void next_argument(struct machine *m, struct frame frame) {
    if (m->result) {
        if (m->env != frame.c && !merge_bindings(m, m->env, frame.c, &frame.d))
            return;
        frame.b = heap_cons(&m->heap, m->result, frame.b);
    }
    if (value_is_cons(frame.a)) {
        value next = value_head(frame.a);
        frame.a = value_tail(frame.a);
        m->frames[m->count++] = frame; /* where it was */
        m->env = frame.c;
        machine_expr(m, next);
    } else if (frame.a == VALUE_NIL) {
        finish_arguments(m, &frame);
    } else {
        unwind_bad_form(m, frame.e);
    }
}

/* ---- the rest ---- */

static void logic(struct machine *m, const struct frame *frame) {
    value left = m->result;
    if (left == value_of_bool(frame->n != 0))
        machine_value(m, left);
    else if (left == value_of_bool(frame->n == 0))
        machine_expr(m, frame->a);
    else
        unwind_error_of(m, A(badarg), left, A(expr), 6);
}

static void apply(struct machine *m, const struct frame *frame) {
    value arguments[CALL_ARGUMENTS];
    size_t arity;
    if (!call_spread(frame->b, arguments, &arity))
        unwind_error(m, A(badarg), A(expr), 6);
    else if (frame->c)
        call_remote(m, frame->c, frame->a, arity, arguments);
    else
        call_fun(m, frame->a, arity, arguments);
}

static void end_try(struct machine *m, const struct frame *frame) {
    value v = m->result;
    if (frame->a == VALUE_NIL) {
        m->env = frame->c;
        return;
    }
    struct frame *restore = machine_push(m, FRAME_RESTORE);
    if (!restore)
        return;
    restore->a = frame->c;
    if (!frames_select(m, frame->a, v))
        no_clause(m, A(try_clause), v, A(try_clauses), 10);
}

static void run_after(struct machine *m, const struct frame *frame) {
    struct frame *done = machine_push(m, FRAME_AFTER_DONE);
    if (!done)
        return;
    done->a = frame->b;
    done->b = m->result;
    m->env = frame->b;
    machine_body(m, frame->a);
}

void frames_step(struct machine *m) {
    if (m->count == 0) {
        m->mode = MODE_END;
        m->class = VALUE_NONE;
        return;
    }
    struct frame frame = m->frames[--m->count];
    switch (frame.kind) {
    case FRAME_BODY: machine_body(m, frame.a); break;
    case FRAME_MATCH: {
        value env = m->env;
        if (match_pattern(m, frame.a, m->result, &env, env))
            m->env = env;
        else if (!m->bad_form)
            unwind_error_of(m, A(badmatch), m->result, A(expr), 6);
        break;
    }
    case FRAME_ARGUMENTS: next_argument(m, frame); break;
    case FRAME_CASE:
        if (!frames_select(m, frame.a, m->result))
            no_clause(m, A(case_clause), m->result, A(case_clauses), 8);
        break;
    case FRAME_LOGIC: logic(m, &frame); break;
    case FRAME_APPLY: apply(m, &frame); break;
    case FRAME_RESTORE:
    case FRAME_CATCH: m->env = frame.a; break;
    case FRAME_TRY: end_try(m, &frame); break;
    case FRAME_AFTER: run_after(m, &frame); break;
    case FRAME_AFTER_DONE:
        if (frame.n) {
            unwind_raise_with(m, frame.a, frame.b, frame.c);
        } else {
            m->env = frame.a;
            machine_value(m, frame.b);
        }
        break;
    case FRAME_TIMEOUT: begin_receive(m, &frame); break;
    case FRAME_RECEIVING: break;
    case FRAME_LC_ADD:
    case FRAME_LC_GENERATE:
    case FRAME_LC_NEXT:
    case FRAME_LC_FILTER:
    case FRAME_LC_DONE: comprehension_step(m, &frame); break;
    }
}
