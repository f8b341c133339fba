/*
 * otp/rex: the server of rpc for those that do not spawn: ei programs, rpc:block_call/4, rpc:sbcast/2,3, and
 * the question of every new peer whether we have erpc (lib/kernel/src/rpc.erl). rpc:call/4 itself comes to
 * otp/erpc.
 */
#include "etf/ids.h"
#include "node/process.h"
#include "node/registry.h"
#include "node/route.h"
#include "otp/mfa.h"

/* rpc:execute_call/3: throws are values, exits and errors are {badrpc, {'EXIT', Why}}. */
static void put_result(hm_process *self, const hm_term mfa[3], hm_build *build) {
    hm_build *result = hm_build_new();
    if (!result) {
        hm_put_format(build, "{badrpc, {'EXIT', system_limit}}");
        return;
    }
    enum mfa_outcome outcome = mfa_apply(self, mfa[0], mfa[1], mfa[2], result, NULL);
    if (outcome == MFA_VALUE || outcome == MFA_THROW)
        hm_put_term(build, hm_build_term(result));
    else
        hm_put_format(build, "{badrpc, {'EXIT', ~t}}", hm_build_term(result));
    hm_build_free(result);
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_term mfa[3];
    if (!hm_match(request, "{call, ~t, ~t, ~t, _}", &mfa[0], &mfa[1], &mfa[2]) &&
        !hm_match(request, "{block_call, ~t, ~t, ~t, _}", &mfa[0], &mfa[1], &mfa[2]))
        return HM_CONTINUE; /* rex never answers what it does not know */
    hm_build *build = hm_build_new();
    if (!build)
        return HM_CONTINUE;
    put_result(self, mfa, build);
    if (hm_build_error(build) == HM_OK)
        hm_reply_term(self, from, hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    hm_term mfa[3];
    hm_build *result = NULL;
    if (hm_match(message, "{cast, ~t, ~t, ~t, _}", &mfa[0], &mfa[1], &mfa[2]) && (result = hm_build_new()))
        mfa_apply(self, mfa[0], mfa[1], mfa[2], result, NULL);
    hm_build_free(result);
    return HM_CONTINUE;
}

/* {From, {sbcast, Name, Msg}}: From learns whether somebody has the name. */
static void on_sbcast(hm_process *self, hm_pid from, hm_term name, hm_term message) {
    struct hm_text text;
    const char *node = hm_node_name_text(self->node->name);
    hm_process *process =
        hm_get_atom(name, &text) ? registry_lookup(self->node, bytes_of(text.at, text.size)) : NULL;
    if (process) {
        process_deliver_term(process, message, NULL);
        hm_sendf(self, hm_to_pid(from), "{rex, ~a, ~a}", node, node);
    } else {
        hm_sendf(self, hm_to_pid(from), "{rex, ~a, {nonexisting_name, ~t}}", node, name);
    }
}

/* {From, {call, M, F, A, GroupLeader}}: ei_rpc. */
static void on_plain_call(hm_process *self, hm_pid from, const hm_term mfa[3]) {
    hm_build *build = hm_build_new();
    if (!build)
        return;
    hm_put_tuple(build, 2);
    hm_put_atom(build, "rex");
    put_result(self, mfa, build);
    if (hm_build_error(build) == HM_OK)
        hm_send(self, hm_to_pid(from), hm_build_term(build));
    hm_build_free(build);
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    hm_term sender, request, mfa[3];
    hm_pid from;
    if (!hm_match(message, "{~t, ~t}", &sender, &request) || !pid_decode(self->node->names, sender, &from))
        return HM_CONTINUE;
    if (hm_is_atom(request, "features_request"))
        hm_sendf(self, hm_to_pid(from), "{features_reply, ~a, [erpc]}", hm_node_name_text(self->node->name));
    else if (hm_match(request, "{call, ~t, ~t, ~t, _}", &mfa[0], &mfa[1], &mfa[2]))
        on_plain_call(self, from, mfa);
    else if (hm_match(request, "{sbcast, ~t, ~t}", &mfa[0], &mfa[1]))
        on_sbcast(self, from, mfa[0], mfa[1]);
    return HM_CONTINUE;
}

const struct hm_server_class rex_class = {.module = "rpc", .call = on_call, .cast = on_cast, .info = on_info};
