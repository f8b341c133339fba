/*
 * application: this node runs one, hermod; and the start of appmon_info, from which observer's page of applications hears of it.
 */
#include "etf/ids.h"
#include "otp/appmon_info.h"
#include "otp/bifs.h"
#include "otp/hermod_sup.h"

static enum mfa_outcome bif_which_applications(struct mfa_call *call) {
    hm_put_list(call->result, 1);
    appmon_put_application(call->result);
    hm_put_nil(call->result);
    return MFA_VALUE;
}

/* Of what it supervises; other processes have none. */
static enum mfa_outcome bif_get_application(struct mfa_call *call) {
    const hm_process *process = bif_find_process(call->node, call->arguments[0]);
    const hm_process *root = bif_find_process(call->node, ATOM_TERM(HERMOD_SUP));
    while (process && process != root && process->parent.node)
        process = process_lookup(call->node, process->parent);
    if (process && process == root)
        hm_put_format(call->result, "{ok, hermod}");
    else
        hm_put_atom(call->result, "undefined");
    return MFA_VALUE;
}

static enum mfa_outcome bif_get_key(struct mfa_call *call) {
    if (!hm_is_atom(call->arguments[0], "hermod"))
        hm_put_atom(call->result, "undefined");
    else if (hm_is_atom(call->arguments[1], "vsn"))
        hm_put_format(call->result, "{ok, ~c}", HM_VERSION);
    else if (hm_is_atom(call->arguments[1], "description"))
        hm_put_format(call->result, "{ok, ~c}", APPMON_DESCRIPTION);
    else
        hm_put_atom(call->result, "undefined");
    return MFA_VALUE;
}

/* appmon_info:start_link2(Starter, Client, Options). */
static enum mfa_outcome bif_start_appmon(struct mfa_call *call) {
    hm_pid starter, client, server;
    if (!pid_decode(call->node->names, call->arguments[0], &starter) ||
        !pid_decode(call->node->names, call->arguments[1], &client))
        return mfa_badarg(call);
    int error = appmon_start(call->node, starter, client, &server);
    if (error != HM_OK)
        hm_put_format(call->result, "{error, ~s}", hm_strerror(error));
    else
        hm_put_format(call->result, "{ok, ~p}", server);
    return MFA_VALUE;
}

int bif_application_export(struct hm_node *node) {
    static const struct mfa_row ROWS[] = {
        {"application", "get_application", 1, bif_get_application, NULL},
        {"application", "get_key", 2, bif_get_key, NULL},
        {"application", "loaded_applications", 0, bif_which_applications, NULL},
        {"application", "which_applications", 0, bif_which_applications, NULL},
        {"application", "which_applications", 1, bif_which_applications, NULL},
        {"appmon_info", "start_link2", 3, bif_start_appmon, NULL},
    };
    return mfa_export(node, ROWS, sizeof ROWS / sizeof *ROWS);
}
