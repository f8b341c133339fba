#include "otp/mfa.h"

#include <stdlib.h>

#include "etf/view.h"
#include "otp/access.h"
#include "otp/bifs.h"
#include "otp/trace.h"

enum mfa_outcome mfa_badarg(struct mfa_call *call) {
    return mfa_error(call, "badarg");
}

enum mfa_outcome mfa_error(struct mfa_call *call, const char *reason) {
    hm_build_reset(call->result);
    hm_put_atom(call->result, reason);
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

static bool is_proper_list(hm_term term, long *length) {
    struct hm_list reader;
    hm_term element;
    if (!hm_list_begin(term, &reader))
        return false;
    for (*length = 0; hm_list_next(&reader, &element); ++*length)
        continue;
    return hm_list_end(&reader, NULL);
}

static enum mfa_outcome add_stack(hm_build *result, hm_term module, hm_term function, hm_term list) {
    hm_term reason;
    if (hm_term_copy(hm_build_term(result), &reason) != HM_OK)
        return fail(result, "system_limit", module, function, list);
    hm_build_reset(result);
    hm_put_format(result, "{~t, [{~t, ~t, ~t, []}]}", reason, module, function, list);
    free((void *)(uintptr_t)reason.bytes);
    return MFA_ERROR;
}

/* Every module has it, so it stands in no table. */
static enum mfa_outcome tell_module_info(struct hm_node *node, hm_term module, hm_term function, hm_term list,
                                         long arity, const hm_term arguments[], hm_build *result) {
    enum mfa_outcome outcome = bif_module_info(node, module, arity, arguments, result);
    if (hm_build_error(result) != HM_OK)
        return fail(result, "system_limit", module, function, list);
    return outcome == MFA_ERROR ? add_stack(result, module, function, list) : outcome;
}

enum mfa_outcome mfa_apply(hm_process *self, hm_term module, hm_term function, hm_term list, hm_build *result,
                           const struct mfa_then *then) {
    struct arguments arguments = {0};
    struct fun fun;
    long arity;
    otp_of(self->node)->counters.functions++;
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
            const struct otp_evaluator *evaluator =
                access_allows(self, term_at(fun.module), function) ? otp_of(self->node)->evaluator : NULL;
            return evaluator ? evaluator->apply_fun(self, arguments.term[0], arguments.term[1], result, then)
                             : fail_closure(result, &fun);
        } else {
            module = term_at(fun.module);
            function = term_at(fun.function);
            list = arguments.term[1];
        }
    }
    const struct mfa_entry *entry = mfa_find(self->node, module, function, arity);
    bool allowed = access_allows(self, module, function);
    if (!entry && allowed && bif_is_module_info(self->node, module, function, arity) &&
        read_arguments(list, (unsigned)arity, &arguments))
        return tell_module_info(self->node, module, function, list, arity, arguments.term, result);
    if (!entry || !allowed)
        return fail(result, "undef", module, function, list);
    const struct mfa_row *row = mfa_entry_row(entry);
    if (!read_arguments(list, row->arity, &arguments))
        return fail(result, "badarg", module, function, list);
    struct mfa_call call = {self->node, self, row->arity, arguments.term, result, row->argument, entry, then,
                            self->node->trace ? trace_on_call(self, row, list) : 0};
    enum mfa_outcome outcome = row->handler(&call);
    if (outcome == MFA_LATER)
        return outcome;
    if (hm_build_error(result) != HM_OK)
        return fail(result, "system_limit", module, function, list);
    if (call.traced)
        trace_on_outcome(self, call.traced, row, outcome, hm_build_term(result));
    return outcome == MFA_ERROR ? add_stack(result, module, function, list) : outcome;
}

enum hm_verdict mfa_run(hm_process *self, const hm_term mfa[3], const struct mfa_then *then) {
    hm_build *result = hm_build_new();
    enum mfa_outcome outcome = MFA_ERROR;
    if (result)
        outcome = mfa_apply(self, mfa[0], mfa[1], mfa[2], result, then);
    enum hm_verdict verdict = HM_CONTINUE;
    if (outcome != MFA_LATER)
        verdict = then->done(self, then->arg, outcome, result ? hm_build_term(result) : (hm_term){0});
    hm_build_free(result);
    return verdict;
}
