/*
 * Comprehensions. What a qualifier and those behind it produce is put in front of the results so far; the
 * list of results, reversed, is the value that the frames hand on.
 */
#include "eval/machine.h"

#include "eval/map.h"
#include "eval/order.h"

static value kind_of(value form) {
    return form_tag(form);
}

static bool is_generator(value qualifier) {
    switch (form_tag(qualifier)) {
    case A(generate):
    case A(generate_strict):
    case A(b_generate):
    case A(b_generate_strict):
    case A(m_generate):
    case A(m_generate_strict): return value_size(qualifier) == 4;
    default: return false;
    }
}

/* The template: a value for each element. A pair becomes a tuple. */
static void add_element(struct machine *m, value form, value results) {
    value template = form_part(form, 2);
    struct frame *frame = machine_push(m, FRAME_LC_ADD);
    if (!frame)
        return;
    frame->a = results;
    if (kind_of(form) != A(mc)) {
        machine_expr(m, template);
    } else if (form_is(template, A(map_field_assoc), 4)) {
        value parts = heap_cons(&m->heap, form_part(template, 2),
                                heap_cons(&m->heap, form_part(template, 3), VALUE_NIL));
        expr_arguments(m, parts, USE_TUPLE, VALUE_NIL);
    } else {
        unwind_bad_form(m, form);
    }
}

static void next_qualifier(struct machine *m, value form, value qualifiers, value results) {
    while (value_is_cons(qualifiers)) {
        value qualifier = value_head(qualifiers), rest = value_tail(qualifiers), v;
        struct frame *frame;
        if (is_generator(qualifier)) {
            if (!(frame = machine_push(m, FRAME_LC_GENERATE)))
                return;
            frame->a = form;
            frame->b = rest;
            frame->c = qualifier;
            frame->d = m->env;
            frame->e = results;
            machine_expr(m, form_part(qualifier, 3));
            return;
        }
        if (!guard_is_test(m, qualifier)) {
            if (!(frame = machine_push(m, FRAME_LC_FILTER)))
                return;
            frame->a = form;
            frame->b = rest;
            frame->c = m->env;
            frame->d = results;
            machine_expr(m, qualifier);
            return;
        }
        if (!guard_value(m, qualifier, m->env, &v) || v != A(true)) {
            machine_value(m, results);
            return;
        }
        qualifiers = rest;
    }
    add_element(m, form, results);
}

void comprehension_begin(struct machine *m, value form) {
    struct frame *frame = machine_push(m, FRAME_LC_DONE);
    if (!frame)
        return;
    frame->a = form;
    frame->b = m->env;
    next_qualifier(m, form, form_part(form, 3), VALUE_NIL);
}

/* ---- generators ---- */

/* The pairs of a map as a list of two-tuples. */
static value pairs_of(struct machine *m, value map) {
    value list = VALUE_NIL;
    for (size_t i = value_size(map); i > 0; i -= 2)
        list = heap_cons(&m->heap, heap_tuple(&m->heap, 2, value_words(map) + i - 2), list);
    return list;
}

static bool match_pair(struct machine *m, value pattern, value pair, value *env, value outer) {
    return form_is(pattern, A(map_field_exact), 4) &&
           match_pattern(m, form_part(pattern, 2), value_words(pair)[0], env, outer) &&
           match_pattern(m, form_part(pattern, 3), value_words(pair)[1], env, outer);
}

enum outcome { TAKEN, SKIPPED, FINISHED, FAILED };

/* Takes one element off *source and matches it. */
static enum outcome take(struct machine *m, value generator, value *source, value env, value *bound) {
    value tag = form_tag(generator), pattern = form_part(generator, 2), item, rest;
    bool matched;
    *bound = VALUE_NIL;
    if (tag == A(b_generate) || tag == A(b_generate_strict)) {
        if (!value_is_bits(*source))
            return FAILED;
        if (!form_is(pattern, A(bin), 3))
            return m->bad_form = true, FAILED;
        enum bits_outcome outcome = bits_match(m, form_part(pattern, 2), *source, bound, env, &rest);
        struct bits before, after;
        value_bits(*source, &before);
        if (outcome == BITS_SHORT && tag == A(b_generate_strict) && before.count > 0) {
            unwind_error_of(m, A(badmatch), *source, A(expr), 6);
            return FAILED;
        }
        if (outcome == BITS_SHORT)
            return FINISHED;
        value_bits(rest, &after);
        if (before.count == after.count) /* takes nothing, and would for ever */
            return FINISHED;
        item = *source;
        *source = rest;
        matched = outcome == BITS_MATCH;
    } else {
        if (*source == VALUE_NIL)
            return FINISHED;
        if (!value_is_cons(*source))
            return FAILED;
        item = value_head(*source);
        *source = value_tail(*source);
        matched = tag == A(m_generate) || tag == A(m_generate_strict)
                      ? match_pair(m, pattern, item, bound, env)
                      : match_pattern(m, pattern, item, bound, env);
    }
    if (matched)
        return TAKEN;
    if (m->bad_form)
        return FAILED;
    if (tag == A(generate_strict) || tag == A(b_generate_strict) || tag == A(m_generate_strict)) {
        unwind_error_of(m, A(badmatch), item, A(expr), 6);
        return FAILED;
    }
    return SKIPPED;
}

static void generate(struct machine *m, struct frame frame, value results) {
    value bound;
    enum outcome outcome;
    do {
        machine_charge(m, 1);
        outcome = take(m, frame.c, &frame.d, frame.e, &bound);
    } while (outcome == SKIPPED && !m->heap.exhausted);
    if (outcome == FINISHED) {
        m->env = frame.e;
        machine_value(m, results);
    } else if (outcome == TAKEN) {
        struct frame *next = machine_push(m, FRAME_LC_NEXT);
        if (!next)
            return;
        frame.kind = FRAME_LC_NEXT;
        *next = frame;
        m->env = env_add(m, frame.e, bound, VALUE_NIL);
        next_qualifier(m, frame.a, frame.b, results);
    } else if (!m->bad_form && m->mode != MODE_RAISE) {
        unwind_error_of(m, A(bad_generator), frame.d, A(expr), 6);
    }
}

static void begin_generate(struct machine *m, const struct frame *frame) {
    value source = m->result, tag = form_tag(frame->c);
    if (tag == A(m_generate) || tag == A(m_generate_strict)) {
        if (!value_is_map(source)) {
            unwind_error_of(m, A(bad_generator), source, A(expr), 6);
            return;
        }
        source = pairs_of(m, source);
    }
    struct frame next = {
        .kind = FRAME_LC_NEXT, .a = frame->a, .b = frame->b, .c = frame->c, .d = source, .e = frame->d};
    m->mode = MODE_VALUE;
    generate(m, next, frame->e);
}

/* ---- the end ---- */

static void finish(struct machine *m, value form, value results) {
    size_t count = (size_t)value_list_length(results);
    value list = heap_reverse(&m->heap, results, VALUE_NIL);
    if (kind_of(form) == A(lc)) {
        machine_value(m, list);
        return;
    }
    value *pairs = heap_object(&m->heap, KIND_TUPLE, 2 * count); /* room that is collected by itself */
    if (!pairs)
        return;
    memset(pairs + 1, 0, 2 * count * sizeof *pairs);
    size_t bits = 0, i = 0;
    for (; value_is_cons(list); list = value_tail(list), i++) {
        value item = value_head(list);
        struct bits part;
        if (kind_of(form) == A(mc)) {
            pairs[1 + 2 * i] = value_words(item)[0];
            pairs[2 + 2 * i] = value_words(item)[1];
        } else if (value_bits(item, &part)) {
            pairs[1 + i] = item;
            bits += part.count;
        } else {
            unwind_error(m, A(badarg), A(expr), 6);
            return;
        }
    }
    if (kind_of(form) == A(mc))
        machine_value(m, map_of_pairs(&m->heap, count, pairs + 1));
    else
        machine_value(m, bits_join(m, pairs + 1, count, bits));
}

static void filter(struct machine *m, const struct frame *frame) {
    m->env = frame->c;
    if (m->result == A(true))
        next_qualifier(m, frame->a, frame->b, frame->d);
    else if (m->result == A(false))
        machine_value(m, frame->d);
    else
        unwind_error_of(m, A(bad_filter), m->result, A(expr), 6);
}

void comprehension_step(struct machine *m, const struct frame *frame) {
    switch (frame->kind) {
    case FRAME_LC_ADD: machine_value(m, heap_cons(&m->heap, m->result, frame->a)); break;
    case FRAME_LC_GENERATE: begin_generate(m, frame); break;
    case FRAME_LC_NEXT: generate(m, *frame, m->result); break;
    case FRAME_LC_FILTER: filter(m, frame); break;
    case FRAME_LC_DONE:
        m->env = frame->b;
        finish(m, frame->a, m->result);
        break;
    default: break;
    }
}
