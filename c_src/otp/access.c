#include "otp/access.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "otp/otp.h"
#include <hermod/function.h>

struct access_rule {
    STAILQ_ENTRY(access_rule) link;
    bool allow;
    bool is_elixir; /* the pattern lacks the prefix that Elixir gives its modules */
    const char *module;
    char node[]; /* and the module's pattern behind it */
};

static int add_rule(struct hm_node *node, const char *text, bool allow) {
    const char *colon = strrchr(text, ':'); /* a host may be an IPv6 address; no module has one */
    const char *module = colon ? colon + 1 : text;
    size_t node_size = colon ? (size_t)(colon - text) : 1, module_size = strlen(module);
    if (node_size == 0 || module_size == 0)
        return HM_EINVAL;
    struct access_rule *rule = malloc(sizeof *rule + node_size + 1 + module_size + 1);
    if (!rule)
        return HM_ENOMEM;
    *rule = (struct access_rule){.allow = allow, .is_elixir = isupper((unsigned char)module[0]) != 0};
    memcpy(rule->node, colon ? text : "*", node_size);
    rule->node[node_size] = '\0';
    rule->module = memcpy(rule->node + node_size + 1, module, module_size + 1);
    rule->is_elixir = rule->is_elixir && strncmp(module, "Elixir.", 7) != 0;
    STAILQ_INSERT_TAIL(&otp_of(node)->rules, rule, link);
    return HM_OK;
}

int hm_rpc_allow(hm_node *node, const char *rule) {
    return add_rule(node, rule, true);
}

int hm_rpc_deny(hm_node *node, const char *rule) {
    return add_rule(node, rule, false);
}

static bool matches_module(const struct access_rule *rule, const char *module) {
    if (fnmatch(rule->module, module, 0) == 0)
        return true;
    return rule->is_elixir && strncmp(module, "Elixir.", 7) == 0 && fnmatch(rule->module, module + 7, 0) == 0;
}

static bool is_allowed(const struct otp *otp, const char *node, const char *module) {
    const struct access_rule *rule;
    bool has_allow = false, allowed = false;
    STAILQ_FOREACH(rule, &otp->rules, link) {
        bool matches = fnmatch(rule->node, node, 0) == 0 && matches_module(rule, module);
        if (matches && !rule->allow)
            return false;
        has_allow = has_allow || rule->allow;
        allowed = allowed || matches;
    }
    return allowed || !has_allow;
}

bool hm_rpc_is_allowed(const hm_node *node, const hm_node_name *caller, const char *module) {
    return STAILQ_EMPTY(&otp_of(node)->rules) || is_allowed(otp_of(node), hm_node_name_text(caller), module);
}

bool access_allows(hm_process *self, hm_term module, hm_term function) {
    const struct hm_node *node = self->node;
    struct otp *otp = otp_of(node);
    char name[HM_ATOM_BYTES], what[HM_ATOM_BYTES] = "?";
    size_t size;
    if (!otp || STAILQ_EMPTY(&otp->rules) || !self->on_behalf)
        return true;
    const char *caller = hm_node_name_text(self->on_behalf);
    /* A name with a NUL inside is no module of ours, and a pattern would see only its beginning. */
    if (hm_get_text(module, name, sizeof name, &size) && strlen(name) == size && is_allowed(otp, caller, name))
        return true;
    hm_get_text(function, what, sizeof what, &size);
    otp->counters.denied++;
    log_warn(&node->log, "rpc.denied", "node=%s may not call %s:%s (--allow-rpc, --deny-rpc)", log_escape(bytes_of(caller, strlen(caller))).text,
             log_escape(bytes_of(name, strlen(name))).text, log_escape(bytes_of(what, strlen(what))).text);
    return false;
}

void access_free(struct hm_node *node) {
    struct access_rule *rule;
    while ((rule = STAILQ_FIRST(&otp_of(node)->rules))) {
        STAILQ_REMOVE_HEAD(&otp_of(node)->rules, link);
        free(rule);
    }
}
