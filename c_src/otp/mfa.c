#include "otp/mfa.h"

#include <stdlib.h>

#include "etf/view.h"
#include "node/process.h"
#include "otp/bifs.h"

struct mfa_row {
    const char *module, *function;
    unsigned arity;
    mfa_handler *handler;
};

static const struct mfa_row ROWS[] = {
    {"erlang", "is_process_alive", 1, bif_is_process_alive},
    {"erlang", "memory", 0, bif_memory_0},
    {"erlang", "memory", 1, bif_memory_1},
    {"erlang", "node", 0, bif_node_0},
    {"erlang", "nodes", 0, bif_nodes_0},
    {"erlang", "nodes", 1, bif_nodes_1},
    {"erlang", "process_info", 1, bif_process_info_1},
    {"erlang", "process_info", 2, bif_process_info_2},
    {"erlang", "processes", 0, bif_processes},
    {"erlang", "registered", 0, bif_registered},
    {"erlang", "statistics", 1, bif_statistics},
    {"erlang", "system_info", 1, bif_system_info},
    {"erlang", "whereis", 1, bif_whereis},
};

enum mfa_outcome mfa_badarg(struct mfa_call *call) {
    hm_build_reset(call->result);
    hm_put_atom(call->result, "badarg");
    return MFA_ERROR;
}

/* {Reason, [{M, F, Args, []}]}: as the BEAM shows a function that is not there, or a built-in one that
 * failed. */
static enum mfa_outcome fail(hm_build *result, const char *reason, hm_term module, hm_term function,
                             hm_term arguments) {
    hm_build_reset(result);
    hm_put_format(result, "{~a, [{~t, ~t, ~t, []}]}", reason, module, function, arguments);
    return MFA_ERROR;
}

/* erlang:apply(Fun, Args) of a closure: its code is not here. */
static enum mfa_outcome fail_closure(hm_build *result, const struct fun *fun) {
    const uint8_t *module = fun->module;
    hm_build_reset(result);
    hm_put_format(result, "{undef, [{~t, '-fun-', ~u, []}]}",
                  (hm_term){module, (size_t)(view_skip(module) - module)}, (uint64_t)fun->arity);
    return MFA_ERROR;
}

static hm_term term_at(const uint8_t *at) {
    return (hm_term){at, (size_t)(view_skip(at) - at)};
}

/* Small integers of a STRING_EXT have no bytes of their own, so each argument of that kind gets some here. */
struct arguments {
    hm_term term[MFA_ARGUMENTS];
    unsigned char small[MFA_ARGUMENTS][2];
};

static bool read_arguments(hm_term list, unsigned count, struct arguments *arguments) {
    struct hm_list reader;
    hm_term element;
    if (!hm_list_begin(list, &reader))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (!hm_list_next(&reader, &element))
            return false;
        arguments->term[i] = element;
        if (reader.string) {
            memcpy(arguments->small[i], element.bytes, sizeof arguments->small[i]);
            arguments->term[i] = (hm_term){arguments->small[i], sizeof arguments->small[i]};
        }
    }
    return true;
}

static const struct mfa_row *find(hm_term module, hm_term function, long arity) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (ROWS[i].arity == arity && hm_is_atom(function, ROWS[i].function) &&
            hm_is_atom(module, ROWS[i].module))
            return &ROWS[i];
    return NULL;
}

static bool is_proper_list(hm_term term, long *length) {
    struct hm_list reader;
    hm_term element;
    if (!hm_list_begin(term, &reader))
        return false;
    for (*length = 0; hm_list_next(&reader, &element); ++*length)
        continue;
    return hm_list_end(&reader, NULL);
}

enum mfa_outcome mfa_apply(hm_process *self, hm_term module, hm_term function, hm_term list,
                           hm_build *result) {
    struct arguments arguments = {0};
    struct fun fun;
    long arity;
    while (true) {
        if (!is_proper_list(list, &arity) || hm_term_type(module) != HM_TYPE_ATOM ||
            hm_term_type(function) != HM_TYPE_ATOM)
            return fail(result, "badarg", module, function, list);
        if (arity < 2 || arity > 3 || !hm_is_atom(module, "erlang") || !hm_is_atom(function, "apply") ||
            !read_arguments(list, (unsigned)arity, &arguments))
            break;
        /* Each round goes into the list of arguments, so this ends. */
        if (arity == 3) {
            module = arguments.term[0];
            function = arguments.term[1];
            list = arguments.term[2];
        } else if (!view_fun(arguments.term[0].bytes, &fun)) {
            return fail(result, "badarg", module, function, list);
        } else if (!fun.external) {
            return fail_closure(result, &fun);
        } else {
            module = term_at(fun.module);
            function = term_at(fun.function);
            list = arguments.term[1];
        }
    }
    const struct mfa_row *row = find(module, function, arity);
    if (!row)
        return fail(result, "undef", module, function, list);
    if (!read_arguments(list, row->arity, &arguments))
        return fail(result, "badarg", module, function, list);
    struct mfa_call call = {self->node, self, row->arity, arguments.term, result};
    enum mfa_outcome outcome = row->handler(&call);
    if (hm_build_error(result) != HM_OK)
        return fail(result, "system_limit", module, function, list);
    if (outcome != MFA_ERROR)
        return outcome;
    hm_term reason;
    if (hm_term_copy(hm_build_term(result), &reason) != HM_OK)
        return fail(result, "system_limit", module, function, list);
    hm_build_reset(result);
    hm_put_format(result, "{~t, [{~t, ~t, ~t, []}]}", reason, module, function, list);
    free((void *)(uintptr_t)reason.bytes);
    return MFA_ERROR;
}
