/* hermod:log_levels/0 and set_log_level/2: how much is logged, from elsewhere. */
#include <string.h>

#include <hermod/log.h>

#include "otp/bifs.h"

/* #{default => info, modules => #{peer => debug, chat => default, ...}} */
struct listing {
    hm_build *build;
    size_t count; /* of modules */
};

static void count_module(void *arg, const char *module, enum hm_log_level level, bool own) {
    struct listing *listing = arg;
    (void)level;
    (void)own;
    listing->count += module != NULL;
}

static void put_module(void *arg, const char *module, enum hm_log_level level, bool own) {
    struct listing *listing = arg;
    const char *name = log_level_name((enum log_level)level);
    if (!module) {
        hm_put_map(listing->build, 2);
        hm_put_atom(listing->build, "default");
        hm_put_atom(listing->build, name);
        hm_put_atom(listing->build, "modules");
        hm_put_map(listing->build, (uint32_t)listing->count);
    } else {
        hm_put_atom(listing->build, module);
        hm_put_atom(listing->build, own ? name : "default");
    }
}

static enum mfa_outcome bif_log_levels(struct mfa_call *call) {
    struct listing listing = {call->result, 0};
    hm_log_each_level(call->node, count_module, &listing);
    hm_log_each_level(call->node, put_module, &listing);
    return MFA_VALUE;
}

/* Also as logger calls it. */
static bool read_level(hm_term term, enum log_level *level) {
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
        if (hm_is_atom(term, log_level_name((enum log_level)i))) {
            *level = (enum log_level)i;
            return true;
        }
    *level = LOG_WARN;
    return hm_is_atom(term, "warning");
}

/*
 * (Module | default, Level | default) -> ok | {error, {unknown_module, Module}}. A name that is none of a module's changes nothing: a slip of the pen
 * would look as if it had been understood.
 */
static enum mfa_outcome bif_set_log_level(struct mfa_call *call) {
    hm_term module = call->arguments[0];
    struct hm_text name;
    enum log_level level = LOG_INFO;
    bool all = hm_is_atom(module, "default"), reset = hm_is_atom(call->arguments[1], "default");
    if ((!reset && !read_level(call->arguments[1], &level)) || hm_term_type(module) != HM_TYPE_ATOM)
        return mfa_badarg(call);
    const struct log_module *known =
        !all && hm_get_atom(module, &name) && !memchr(name.at, '.', name.size) ? log_levels_find(&call->node->log_levels, name.at, name.size) : NULL;
    if (!all && !known) {
        hm_put_format(call->result, "{error, {unknown_module, ~t}}", module);
        return MFA_VALUE;
    }
    if (reset)
        hm_log_reset_level(call->node, all ? NULL : known->name);
    else
        hm_log_set_level(call->node, all ? NULL : known->name, (enum hm_log_level)level);
    hm_put_atom(call->result, "ok");
    return MFA_VALUE;
}

int bif_log_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"hermod", "log_levels", 0, bif_log_levels, NULL},
        {"hermod", "set_log_level", 2, bif_set_log_level, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
