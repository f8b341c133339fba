/* Errors: {Class, Reason, Stack} on their way through the frames. */
#include "eval/machine.h"

#include "etf/view.h"

enum { STACK_ENTRIES = 8 };

static value entry(struct machine *m, value module, value function, value arity) {
    return heap_tuple_of(&m->heap, module, function, arity, VALUE_NIL);
}

/* Where it happened: the functions of the library that wait for a value, the innermost first. */
value unwind_stack(struct machine *m, value first) {
    value entries[STACK_ENTRIES + 1];
    size_t count = 0;
    if (first)
        entries[count++] = first;
    for (size_t i = m->count; i-- > 0 && count < STACK_ENTRIES;) {
        const struct frame *frame = &m->frames[i];
        if (frame->kind == FRAME_RESTORE && frame->b)
            entries[count++] = entry(m, frame->b, frame->c, value_of_small(frame->n));
    }
    return heap_list(&m->heap, count, entries, VALUE_NIL);
}

void unwind_raise_with(struct machine *m, value class, value reason, value stack) {
    m->mode = MODE_RAISE;
    m->class = class;
    m->reason = reason;
    m->stack = stack;
}

void unwind_raise(struct machine *m, value class, value reason, value first) {
    unwind_raise_with(m, class, reason, unwind_stack(m, first));
}

void unwind_error(struct machine *m, value reason, value function, unsigned arity) {
    unwind_raise(m, A(error), reason, entry(m, A(erl_eval), function, value_of_small(arity)));
}

void unwind_error_of(struct machine *m, value tag, value v, value function, unsigned arity) {
    unwind_error(m, heap_tuple_of(&m->heap, tag, v), function, arity);
}

void unwind_foreign_fun(struct machine *m, value fun, value arguments) {
    static const char name[] = "-fun-";
    struct fun parts;
    char room[2 * 255];
    view_fun(value_ext(fun).bytes, &parts);
    struct bytes module = view_atom_utf8(parts.module, room);
    unwind_raise(m, A(error), A(undef),
                 heap_tuple_of(&m->heap, heap_atom(&m->heap, (const char *)module.at, module.size),
                               heap_atom(&m->heap, name, sizeof name - 1), arguments, VALUE_NIL));
}

/* erl_eval has no clause for it. */
void unwind_bad_form(struct machine *m, value form) {
    value arguments = heap_cons(&m->heap, form, VALUE_NIL);
    unwind_raise(m, A(error), A(function_clause),
                 heap_tuple_of(&m->heap, A(erl_eval), A(expr), arguments, VALUE_NIL));
}

static value exit_value(struct machine *m) {
    if (m->class == A(throw))
        return m->reason;
    value reason = m->class == A(error) ? heap_tuple_of(&m->heap, m->reason, m->stack) : m->reason;
    return heap_tuple_of(&m->heap, A(EXIT), reason);
}

/* A catch clause that takes it. */
static bool enter_handler(struct machine *m, const struct frame *frame) {
    value exception = heap_tuple_of(&m->heap, m->class, m->reason, m->stack);
    m->env = frame->c;
    if (!frames_select(m, frame->b, exception))
        return false;
    m->class = VALUE_NONE;
    return true;
}

void unwind_step(struct machine *m) {
    if (m->count == 0) {
        m->mode = MODE_END;
        return;
    }
    struct frame frame = m->frames[--m->count];
    struct frame *restore;
    switch (frame.kind) {
    case FRAME_CATCH: {
        value caught = exit_value(m);
        m->env = frame.a;
        m->class = VALUE_NONE;
        machine_value(m, caught);
        break;
    }
    case FRAME_TRY:
        /* What the clause's body binds is not seen behind the try. */
        if (!(restore = machine_push(m, FRAME_RESTORE)))
            break;
        restore->a = frame.c;
        if (!enter_handler(m, &frame) && m->mode == MODE_RAISE)
            m->count--;
        break;
    case FRAME_AFTER: {
        struct frame *done = machine_push(m, FRAME_AFTER_DONE);
        if (!done)
            break;
        done->n = 1;
        done->a = m->class;
        done->b = m->reason;
        done->c = m->stack;
        m->class = VALUE_NONE;
        m->env = frame.b;
        machine_body(m, frame.a);
        break;
    }
    default: break;
    }
}
