/*
 * otp/rex: the server of rpc for those that do not spawn: ei programs, rpc:block_call/4, rpc:sbcast/2,3, and
 * the question of every new peer whether we have erpc (lib/kernel/src/rpc.erl). rpc:call/4 itself comes to
 * otp/erpc.
 *
 * A block_call keeps all further requests waiting, as it does in a BEAM's rex; there the server itself runs the function, here it
 * suspends itself while a worker does, since a function may answer later.
 */
#include <stdlib.h>

#include "etf/ids.h"
#include "node/process.h"
#include "node/registry.h"
#include "node/route.h"
#include "otp/worker.h"

/* ---- calls: each in a process of its own ---- */

struct request {
    hm_from *from; /* of a gen call */
    hm_pid to;     /* of {From, {call, ...}}; neither: a cast */
    bool blocks;   /* rex waits for the end */
};

/* rpc:execute_call/3: throws are values, exits and errors are {badrpc, {'EXIT', Why}}. */
static void put_result(hm_build *build, const struct worker_end *end) {
    hm_term result = end->result.size ? end->result : ATOM_TERM("system_limit");
    if (end->ran && (end->outcome == MFA_VALUE || end->outcome == MFA_THROW) && end->result.size)
        hm_put_term(build, result);
    else
        hm_put_format(build, "{badrpc, {'EXIT', ~t}}", result);
}

static void answer(hm_process *self, const struct request *request, const struct worker_end *end) {
    hm_build *build = hm_build_new();
    if (!build) {
        log_error(&self->node->log, "rex.memory", "no memory for the answer to a call; it is lost");
        return;
    }
    if (!request->from) {
        hm_put_tuple(build, 2);
        hm_put_atom(build, "rex");
    }
    put_result(build, end);
    if (hm_build_error(build) == HM_OK && request->from)
        hm_reply_term(self, request->from, hm_build_term(build));
    else if (hm_build_error(build) == HM_OK)
        hm_send(self, hm_to_pid(request->to), hm_build_term(build));
    hm_build_free(build);
}

static void free_request(struct request *request) {
    hm_from_free(request->from);
    free(request);
}

static void on_end(hm_process *self, void *arg, const struct worker_end *end) {
    struct request *request = arg;
    if (request->from || request->to.node)
        answer(self, request, end);
    if (request->blocks) {
        hm_process *rex = process_lookup(self->node, otp_of(self->node)->rex);
        if (rex)
            process_resume(rex);
    }
    free_request(request);
}

/* leader: a pid, or an atom: then what it prints goes where that of this node's own processes goes. */
static void start(hm_process *self, const hm_term mfa[3], hm_term leader_term, struct request *request) {
    hm_pid leader = HM_NO_PID;
    hm_pid caller = request->from ? hm_from_pid(request->from) : request->to;
    pid_decode(self->node->names, leader_term, &leader);
    if (worker_start(self, caller, leader, mfa, on_end, request) == HM_OK) {
        if (request->blocks)
            process_suspend(self);
        return;
    }
    if (request->from || request->to.node)
        answer(self, request, &(struct worker_end){.result = ATOM_TERM("system_limit")});
    free_request(request);
}

static struct request *request_new(const hm_from *from, hm_pid to) {
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->to = to;
    if (from && !(request->from = hm_from_keep(from))) {
        free(request);
        return NULL;
    }
    return request;
}

static enum hm_verdict on_call(hm_process *self, hm_term message, const hm_from *from) {
    hm_term mfa[3], leader;
    bool blocks = hm_match(message, "{block_call, ~t, ~t, ~t, ~t}", &mfa[0], &mfa[1], &mfa[2], &leader);
    if (!blocks && !hm_match(message, "{call, ~t, ~t, ~t, ~t}", &mfa[0], &mfa[1], &mfa[2], &leader))
        return HM_CONTINUE; /* rex never answers what it does not know */
    struct request *request = request_new(from, HM_NO_PID);
    if (!request)
        return hm_reply(self, from, "{badrpc, {'EXIT', system_limit}}");
    request->blocks = blocks;
    start(self, mfa, leader, request);
    return HM_CONTINUE;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    hm_term mfa[3], leader;
    struct request *request = NULL;
    if (hm_match(message, "{cast, ~t, ~t, ~t, ~t}", &mfa[0], &mfa[1], &mfa[2], &leader) &&
        (request = request_new(NULL, HM_NO_PID)))
        start(self, mfa, leader, request);
    return HM_CONTINUE;
}

/* {From, {call, M, F, A, GroupLeader}}: ei_rpc. */
static void on_plain_call(hm_process *self, hm_pid from, const hm_term mfa[3], hm_term leader) {
    struct request *request = request_new(NULL, from);
    if (request)
        start(self, mfa, leader, request);
    else
        hm_sendf(self, hm_to_pid(from), "{rex, {badrpc, {'EXIT', system_limit}}}");
}

/* ---- the rest ---- */

/* {From, {sbcast, Name, Msg}}: From learns whether somebody has the name. */
static void on_sbcast(hm_process *self, hm_pid from, hm_term name, hm_term message) {
    struct hm_text text;
    const char *node = hm_node_name_text(self->node->name);
    hm_process *process =
        hm_get_atom(name, &text) ? registry_lookup(self->node, bytes_of(text.at, text.size)) : NULL;
    if (process) {
        process_deliver_from(process, self->origin, message, NULL);
        hm_sendf(self, hm_to_pid(from), "{rex, ~a, ~a}", node, node);
    } else {
        hm_sendf(self, hm_to_pid(from), "{rex, ~a, {nonexisting_name, ~t}}", node, name);
    }
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    hm_term sender, request, mfa[3], leader;
    hm_pid from;
    if (!hm_match(message, "{~t, ~t}", &sender, &request) || !pid_decode(self->node->names, sender, &from))
        return HM_CONTINUE;
    if (hm_is_atom(request, "features_request"))
        hm_sendf(self, hm_to_pid(from), "{features_reply, ~a, [erpc]}", hm_node_name_text(self->node->name));
    else if (hm_match(request, "{call, ~t, ~t, ~t, ~t}", &mfa[0], &mfa[1], &mfa[2], &leader))
        on_plain_call(self, from, mfa, leader);
    else if (hm_match(request, "{sbcast, ~t, ~t}", &mfa[0], &mfa[1]))
        on_sbcast(self, from, mfa[0], mfa[1]);
    return HM_CONTINUE;
}

const struct hm_server_class rex_class = {.module = "rpc", .call = on_call, .cast = on_cast, .info = on_info};
