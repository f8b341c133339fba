#include "eval/machine.h"

#include <stdlib.h>

#include "eval/terms.h"

enum { FRAMES_FIRST = 32, MAIL_FIRST = 8 };

void machine_init(struct machine *m, const struct library *library, const struct machine_limits *limits,
                  struct heap_budget *budget) {
    *m = (struct machine){
        .library = library, .limits = *limits, .mode = MODE_END, .env = VALUE_NIL, .wait_ms = -1};
    heap_init(&m->heap, library_atoms(library), limits->memory_bytes, budget);
    m->dictionary = VALUE_NIL;
}

/* The array with another capacity; it is counted in the budget of all. NULL: there is no memory for it, and
 * it is as before. */
static void *resize(struct machine *m, void *array, size_t size, size_t *capacity, size_t wanted) {
    long more = (long)(wanted * size) - (long)(*capacity * size);
    if (!heap_reserve(&m->heap, more))
        return NULL;
    void *resized = realloc(array, wanted * size);
    if (resized)
        *capacity = wanted;
    else
        heap_reserve(&m->heap, -more);
    return resized;
}

void machine_fini(struct machine *m) {
    heap_reserve(&m->heap, -(long)(m->capacity * sizeof *m->frames + m->mail_capacity * sizeof *m->mail));
    heap_fini(&m->heap);
    free(m->frames);
    free(m->mail);
    m->frames = NULL;
    m->mail = NULL;
}

size_t machine_memory(const struct machine *m) {
    return m->heap.bytes + m->capacity * sizeof *m->frames + m->mail_capacity * sizeof *m->mail;
}

struct frame *machine_push(struct machine *m, enum frame_kind kind) {
    if (m->count >= m->limits.depth) {
        m->heap.too_deep = true;
        return NULL;
    }
    if (m->count == m->capacity) {
        size_t wanted = m->capacity ? m->capacity * 2 : FRAMES_FIRST;
        struct frame *frames = resize(m, m->frames, sizeof *frames, &m->capacity, wanted);
        if (!frames) {
            m->heap.exhausted = true;
            return NULL;
        }
        m->frames = frames;
    }
    struct frame *frame = &m->frames[m->count++];
    *frame = (struct frame){.kind = kind};
    return frame;
}

void machine_body(struct machine *m, value expressions) {
    if (!value_is_cons(expressions)) {
        unwind_bad_form(m, expressions);
        return;
    }
    if (value_is_cons(value_tail(expressions))) {
        struct frame *frame = machine_push(m, FRAME_BODY);
        if (frame)
            frame->a = value_tail(expressions);
    }
    machine_expr(m, value_head(expressions));
}

/* ---- collection ---- */

static void visit_roots(void *arg, struct heap *heap) {
    struct machine *m = arg;
    value *const registers[] = {&m->expr,   &m->env,   &m->result, &m->class,
                                &m->reason, &m->stack, &m->origin, &m->dictionary};
    for (size_t i = 0; i < sizeof registers / sizeof *registers; i++)
        heap_visit(heap, registers[i]);
    for (size_t i = 0; i < m->count; i++) {
        struct frame *frame = &m->frames[i];
        heap_visit(heap, &frame->a);
        heap_visit(heap, &frame->b);
        heap_visit(heap, &frame->c);
        heap_visit(heap, &frame->d);
        heap_visit(heap, &frame->e);
    }
    for (size_t i = 0; i < m->mail_count; i++)
        heap_visit(heap, &m->mail[i]);
}

static void collect(struct machine *m) {
    size_t before = m->heap.used;
    heap_collect(&m->heap, visit_roots, m);
    machine_charge(m, before / 512); /* it takes its time, too */
    struct frame *frames = m->capacity > 1024 && m->count < m->capacity / 4
                               ? resize(m, m->frames, sizeof *frames, &m->capacity, m->capacity / 2)
                               : NULL;
    m->frames = frames ? frames : m->frames;
}

/* ---- mail ---- */

bool machine_deliver(struct machine *m, hm_term message) {
    if (m->mail_count == m->mail_capacity) {
        size_t wanted = m->mail_capacity ? m->mail_capacity * 2 : MAIL_FIRST;
        value *mail = resize(m, m->mail, sizeof *mail, &m->mail_capacity, wanted);
        if (!mail) {
            m->heap.exhausted = true;
            return false;
        }
        m->mail = mail;
    }
    m->mail[m->mail_count++] = terms_read(&m->heap, message);
    if (heap_is_due(&m->heap))
        collect(m);
    return !m->heap.exhausted;
}

void machine_timeout(struct machine *m) {
    m->timed_out = true;
}

/* ---- running ---- */

static void step(struct machine *m) {
    switch (m->mode) {
    case MODE_EXPR: expr_step(m); break;
    case MODE_VALUE: frames_step(m); break;
    case MODE_RAISE: unwind_step(m); break;
    case MODE_WAIT: frames_receive(m); break;
    case MODE_PAUSE:
    case MODE_END: break;
    }
    if (m->bad_form) {
        m->bad_form = false;
        unwind_bad_form(m, m->expr);
    }
    if (m->heap.too_deep) {
        m->heap.too_deep = false;
        unwind_error(m, A(system_limit), A(expr), 6);
    }
}

enum machine_status machine_run(struct machine *m, int64_t steps) {
    m->slice = steps;
    while (m->slice > 0) {
        machine_charge(m, 1);
        step(m);
        if (m->heap.exhausted) {
            m->limit = "memory";
            return MACHINE_KILLED;
        }
        if (m->steps > m->limits.steps) {
            m->limit = "steps";
            return MACHINE_KILLED;
        }
        if (heap_is_due(&m->heap))
            collect(m);
        if (m->mode == MODE_END)
            return m->class ? MACHINE_RAISED : MACHINE_VALUE;
        if (m->mode == MODE_WAIT || m->mode == MODE_PAUSE) {
            if (m->wait_ms != 0)
                m->steps = 0;
            return MACHINE_WAITING;
        }
    }
    return MACHINE_BUSY;
}

void machine_apply(struct machine *m, value fun, value arguments) {
    value spread[CALL_ARGUMENTS];
    size_t arity;
    m->class = VALUE_NONE;
    if (value_is(fun, KIND_FUN) && value_words(fun)[FUN_SOURCE])
        m->origin = value_words(fun)[FUN_SOURCE];
    if (call_spread(arguments, spread, &arity))
        call_fun(m, fun, arity, spread);
    else
        unwind_raise(m, A(error), A(badarg),
                     heap_tuple_of(&m->heap, A(erlang), A(apply),
                                   heap_cons(&m->heap, fun, heap_cons(&m->heap, arguments, VALUE_NIL)),
                                   VALUE_NIL));
}

void machine_call(struct machine *m, value module, value function, value arguments) {
    value spread[CALL_ARGUMENTS];
    size_t arity;
    m->class = VALUE_NONE;
    if (call_spread(arguments, spread, &arity))
        call_remote(m, module, function, arity, spread);
    else
        unwind_raise(m, A(error), A(badarg), VALUE_NONE);
}
