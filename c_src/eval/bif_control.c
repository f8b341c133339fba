/* Errors and calls: what changes the course of the machine. */
#include "eval/bif.h"
#include "eval/map.h"
#include "eval/order.h"

const struct bif_row *const bif_tables[] = {bif_operators, bif_terms,     bif_lists, bif_text,
                                            bif_control,   bif_processes, NULL};

/* Not called from here: arguments may hold another apply, and so on. */
static enum bif_outcome enter(struct machine *m, value module, value function, value arguments,
                              value *result) {
    long arity = value_list_length(arguments);
    if (arity < 0 || arity > CALL_ARGUMENTS)
        return bif_error(result, arity < 0 ? A(badarg) : A(system_limit));
    struct frame *frame = machine_push(m, FRAME_APPLY);
    if (frame) {
        frame->a = function;
        frame->b = arguments;
        frame->c = module;
    }
    machine_value(m, VALUE_NIL);
    return BIF_ENTERED;
}
BIF(apply_2) {
    return enter(m, VALUE_NONE, a[0], a[1], result);
}
BIF(apply_3) {
    return enter(m, a[0], a[1], a[2], result);
}

/* Does the library run, rather than what came from outside? */
static bool in_library(const struct machine *m) {
    for (size_t i = m->count; i-- > 0;)
        if (m->frames[i].kind == FRAME_RESTORE)
            return m->frames[i].b != VALUE_NONE;
    return false;
}
static enum bif_outcome raise(struct machine *m, value class, value reason, value info) {
    value entry = in_library(m) ? VALUE_NONE
                                : heap_tuple_of(&m->heap, A(erl_eval), A(do_apply), value_of_small(7), info);
    unwind_raise(m, class, reason, entry);
    return BIF_ENTERED;
}
BIF(error_1) {
    (void)result;
    return raise(m, A(error), a[0], VALUE_NIL);
}
/* error(Reason, none | Args, Options): Options may hold {error_info, Map}, which goes into the trace. */
BIF(error_3) {
    value info = VALUE_NIL;
    for (value list = a[2]; value_is_cons(list); list = value_tail(list))
        if (value_tagged(value_head(list), A(error_info), 2))
            info = heap_cons(&m->heap, value_head(list), VALUE_NIL);
    (void)result;
    return raise(m, A(error), a[0], info);
}
BIF(exit_1) {
    (void)result;
    return raise(m, A(exit), a[0], VALUE_NIL);
}
BIF(throw_1) {
    (void)result;
    return raise(m, A(throw), a[0], VALUE_NIL);
}
BIF(raise_3) {
    if ((a[0] != A(error) && a[0] != A(exit) && a[0] != A(throw)) || value_list_length(a[2]) < 0)
        return bif_value(result, A(badarg)); /* erlang:raise/3 returns it */
    unwind_raise_with(m, a[0], a[1], a[2]);
    return BIF_ENTERED;
}
/* error/1 as if this function had raised it: for the library. */
BIF(fail_as) {
    (void)result;
    unwind_raise_with(m, A(error), a[0],
                      heap_cons(&m->heap, heap_tuple_of(&m->heap, a[1], a[2], a[3], VALUE_NIL),
                                unwind_stack(m, VALUE_NONE)));
    return BIF_ENTERED;
}
BIF(function_exported) {
    if (!value_is_atom(a[0]) || !value_is_atom(a[1]) || !value_is_small(a[2]))
        return BADARG;
    return bif_value(result,
                     value_of_bool(value_small(a[2]) >= 0 &&
                                   library_find(m->library, a[0], a[1], (size_t)value_small(a[2])) != NULL));
}
/* Erlang's ensure_loaded, for Code.ensure_loaded? */
BIF(has_module) {
    return bif_value(result, value_of_bool(value_is_atom(a[0]) && library_has_module(m->library, a[0])));
}

const struct bif_row bif_control[] = {{"erlang", "apply", 2, false, apply_2},
                                      {"erlang", "apply", 3, false, apply_3},
                                      {"erlang", "error", 1, false, error_1},
                                      {"erlang", "error", 2, false, error_1},
                                      {"erlang", "error", 3, false, error_3},
                                      {"erlang", "exit", 1, false, exit_1},
                                      {"erlang", "throw", 1, false, throw_1},
                                      {"erlang", "raise", 3, false, raise_3},
                                      {"erlang", "function_exported", 3, false, function_exported},
                                      {"$eval", "fail_as", 4, false, fail_as},
                                      {"$eval", "has_module", 1, false, has_module},
                                      {0}};
