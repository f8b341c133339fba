/*
 * Which modules there are: code:ensure_loaded/1 and its kin, erlang:function_exported/3, M:module_info/0,1.
 *
 * A module is one of which a function can be called, or the class of a server that runs: its callbacks cannot be called, but tools ask
 * which behaviour it has.
 */
#include "etf/view.h"
#include "otp/bifs.h"
#include "otp/gen_server.h"
#include "otp/hermod_sup.h"

struct wanted {
    hm_term module;
    bool has_functions;
    const struct hm_server_class *class;
};

static void match_row(void *arg, const struct mfa_row *row) {
    struct wanted *wanted = arg;
    wanted->has_functions = wanted->has_functions || hm_is_atom(wanted->module, row->module);
}

static void match_class(void *arg, hm_process *process) {
    struct wanted *wanted = arg;
    const struct gen_server *server = process->class == &gen_server_class ? process->state : NULL;
    if (server && !wanted->class && hm_is_atom(wanted->module, server->class->module))
        wanted->class = server->class;
}

/* What every server runs under is here as well, though no function of it may be called. */
static bool is_behaviour(hm_term module) {
    return hm_is_atom(module, "gen_server") || hm_is_atom(module, "supervisor");
}

static bool find_module(struct hm_node *node, struct wanted *wanted, hm_term module) {
    *wanted = (struct wanted){.module = module};
    if (hm_term_type(module) != HM_TYPE_ATOM)
        return false;
    mfa_each(node, match_row, wanted);
    process_each(node, match_class, wanted);
    return wanted->has_functions || wanted->class || is_behaviour(module);
}

static enum mfa_outcome bif_ensure_loaded(struct mfa_call *call) {
    struct wanted wanted;
    hm_term module = call->arguments[0];
    if (hm_term_type(module) != HM_TYPE_ATOM)
        return mfa_error(call, "function_clause");
    hm_put_format(call->result, find_module(call->node, &wanted, module) ? "{module, ~t}" : "{error, nofile}", module);
    return MFA_VALUE;
}

/* `preloaded' is what code:which/1 says of modules that come with the virtual machine and no file. */
static enum mfa_outcome bif_which(struct mfa_call *call) {
    struct wanted wanted;
    hm_put_atom(call->result, find_module(call->node, &wanted, call->arguments[0]) ? "preloaded" : "non_existing");
    return MFA_VALUE;
}

static enum mfa_outcome bif_is_loaded(struct mfa_call *call) {
    struct wanted wanted;
    if (find_module(call->node, &wanted, call->arguments[0]))
        hm_put_format(call->result, "{file, preloaded}");
    else
        hm_put_bool(call->result, false);
    return MFA_VALUE;
}

static enum mfa_outcome bif_module_loaded(struct mfa_call *call) {
    struct wanted wanted;
    if (hm_term_type(call->arguments[0]) != HM_TYPE_ATOM)
        return mfa_badarg(call);
    hm_put_bool(call->result, find_module(call->node, &wanted, call->arguments[0]));
    return MFA_VALUE;
}

static enum mfa_outcome bif_function_exported(struct mfa_call *call) {
    hm_term module = call->arguments[0], function = call->arguments[1];
    int64_t arity;
    if (hm_term_type(module) != HM_TYPE_ATOM || hm_term_type(function) != HM_TYPE_ATOM ||
        !hm_get_int64(call->arguments[2], &arity) || arity < 0)
        return mfa_badarg(call);
    bool exported = arity <= MFA_ARGUMENTS && (mfa_find(call->node, module, function, (long)arity) ||
                                               bif_is_module_info(call->node, module, function, (long)arity));
    hm_put_bool(call->result, exported);
    return MFA_VALUE;
}

/* ---- module_info ---- */

bool bif_is_module_info(struct hm_node *node, hm_term module, hm_term function, long arity) {
    struct wanted wanted;
    return hm_is_atom(function, "module_info") && (arity == 0 || arity == 1) && find_module(node, &wanted, module);
}

static void put_attributes(const struct wanted *wanted, hm_build *build) {
    if (wanted->class == &hermod_sup_class)
        hm_put_format(build, "[{behaviour, [supervisor]}]");
    else if (wanted->class || hm_is_atom(wanted->module, "supervisor"))
        hm_put_format(build, "[{behaviour, [gen_server]}]");
    else
        hm_put_nil(build);
}

struct listing {
    const struct wanted *wanted;
    hm_build *build;
    uint32_t count;
};

static void put_function(struct listing *listing, const char *name, unsigned arity) {
    hm_put_format(listing->build, "{~a, ~u}", name, (uint64_t)arity);
    listing->count++;
}

static void put_row(void *arg, const struct mfa_row *row) {
    struct listing *listing = arg;
    if (hm_is_atom(listing->wanted->module, row->module))
        put_function(listing, row->function, row->arity);
}

/* The callbacks under the names that gen_server calls them by. */
static void put_exports(struct hm_node *node, const struct wanted *wanted, hm_build *build) {
    struct listing listing = {wanted, build, 0};
    size_t begin = hm_put_list_begin(build);
    const struct hm_server_class *class = wanted->class;
    mfa_each(node, put_row, &listing);
    if (class) {
        put_function(&listing, "init", 1);
        put_function(&listing, "handle_call", 3);
        put_function(&listing, "handle_cast", 2);
    }
    if (class && (class->info || class->timeout))
        put_function(&listing, "handle_info", 2);
    if (class && class->next)
        put_function(&listing, "handle_continue", 2);
    if (class && class->terminate)
        put_function(&listing, "terminate", 2);
    put_function(&listing, "module_info", 0);
    put_function(&listing, "module_info", 1);
    hm_put_list_end(build, begin, listing.count);
}

static void put_part(struct hm_node *node, const struct wanted *wanted, const char *part, hm_build *build) {
    hm_put_tuple(build, 2);
    hm_put_atom(build, part);
    if (strcmp(part, "exports") == 0)
        put_exports(node, wanted, build);
    else
        put_attributes(wanted, build);
}

/* A module here has no digest of its code: md5 is left out of module_info/0. */
enum mfa_outcome bif_module_info(struct hm_node *node, hm_term module, long arity, const hm_term arguments[],
                                 hm_build *result) {
    struct wanted wanted;
    find_module(node, &wanted, module);
    if (arity == 0) {
        hm_put_list(result, 4);
        hm_put_format(result, "{module, ~t}", module);
        put_part(node, &wanted, "exports", result);
        put_part(node, &wanted, "attributes", result);
        hm_put_format(result, "{compile, []}");
        hm_put_nil(result);
    } else if (hm_is_atom(arguments[0], "module")) {
        hm_put_term(result, module);
    } else if (hm_is_atom(arguments[0], "exports") || hm_is_atom(arguments[0], "functions")) {
        put_exports(node, &wanted, result);
    } else if (hm_is_atom(arguments[0], "attributes")) {
        put_attributes(&wanted, result);
    } else if (hm_is_atom(arguments[0], "compile") || hm_is_atom(arguments[0], "nifs")) {
        hm_put_nil(result);
    } else {
        hm_put_atom(result, "badarg");
        return MFA_ERROR;
    }
    return MFA_VALUE;
}

int bif_code_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"code", "ensure_loaded", 1, bif_ensure_loaded, NULL},
        {"code", "is_loaded", 1, bif_is_loaded, NULL},
        {"code", "which", 1, bif_which, NULL},
        {"erlang", "function_exported", 3, bif_function_exported, NULL},
        {"erlang", "module_loaded", 1, bif_module_loaded, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
