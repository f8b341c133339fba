/*
 * erts: erl_spawn_request/4 and dist.c (DOP_SPAWN_REPLY). The peer makes link and monitor before it answers, so whatever the new process does
 * comes after the answer.
 */
#include "node/spawn_out.h"

#include "node/refkey.h"

#define HASH_FUNCTION REFKEY_HASH_FUNCTION
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <stddef.h>
#include <stdlib.h>
#include <uthash.h>

#include "etf/ids.h"
#include "node/links.h"
#include "node/route.h"
#include "node/spawn.h"
#include <hermod/rpc.h>

enum { LINKED = 1, MONITORED = 2 }; /* bits of SPAWN_REPLY */

struct spawn_out {
    UT_hash_handle hh;
    struct refkey key;
    hm_ref ref;
    struct process_waiter waiter;
    LIST_ENTRY(spawn_out) of_peer;
    hm_process *process; /* NULL: it ended or gave up */
    hm_pid from;
    bool link, monitor, lost;
    void (*on_answer)(void *arg, int error, hm_pid pid, hm_term reason);
    void *arg;
    struct block *reason; /* why the process ended */
};

static struct spawn_out *find(const struct hm_node *node, const hm_ref *ref) {
    struct refkey key = refkey_of(ref);
    struct spawn_out *spawn;
    HASH_FIND(hh, node->spawns, &key, sizeof key, spawn);
    return spawn;
}

static void drop(struct hm_node *node, struct spawn_out *spawn) {
    HASH_DEL(node->spawns, spawn);
    LIST_REMOVE(spawn, of_peer);
    if (spawn->process)
        process_unwait(&spawn->waiter);
    block_release(spawn->reason);
    free(spawn);
}

static void on_ended(struct process_waiter *waiter, hm_term reason) {
    struct spawn_out *spawn = (struct spawn_out *)((char *)waiter - offsetof(struct spawn_out, waiter));
    spawn->process = NULL; /* its monitor is dropped with all others of the process */
    spawn->reason = block_copy(bytes_of(reason.bytes, reason.size));
    if (spawn->on_answer)
        spawn->on_answer(spawn->arg, HM_ESTATE, HM_NO_PID, (hm_term){0});
    spawn->on_answer = NULL;
}

static const struct waiter_class waiter_class = {.ended = on_ended};

static struct spawn_out *add(hm_process *process, struct peer *peer, const struct spawn_out_request *request) {
    struct hm_node *node = process->node;
    struct spawn_out *spawn = calloc(1, sizeof *spawn);
    if (!spawn)
        return NULL;
    spawn->ref = node_make_ref(node);
    spawn->key = refkey_of(&spawn->ref);
    spawn->process = process;
    spawn->from = process->pid;
    spawn->link = request->link;
    spawn->monitor = request->monitor;
    spawn->on_answer = request->on_answer;
    spawn->arg = request->arg;
    HASH_ADD(hh, node->spawns, key, sizeof spawn->key, spawn);
    if (spawn->lost) {
        free(spawn);
        return NULL;
    }
    LIST_INSERT_HEAD(&peer_relations(peer)->spawns, spawn, of_peer);
    process_wait(process, &spawn->waiter, &waiter_class);
    return spawn;
}

/* The request did not lead to a process. */
static void fail(struct hm_node *node, struct spawn_out *spawn, int error, hm_term reason) {
    void (*on_answer)(void *, int, hm_pid, hm_term) = spawn->process ? spawn->on_answer : NULL;
    void *arg = spawn->arg;
    if (spawn->monitor)
        monitors_forget(node, &spawn->ref);
    drop(node, spawn);
    if (on_answer)
        on_answer(arg, error, HM_NO_PID, reason);
}

static int send_request(struct peer *peer, const struct spawn_out *spawn, const struct spawn_out_request *request,
                        long arity) {
    hm_build *mfa = hm_build_new(), *options = hm_build_new();
    int error = HM_ENOMEM;
    if (!mfa || !options)
        goto done;
    hm_put_format(mfa, "{~a, ~a, ~i}", request->module, request->function, (int64_t)arity);
    size_t list = hm_put_list_begin(options);
    if (request->link)
        hm_put_atom(options, "link");
    if (request->monitor)
        hm_put_atom(options, "monitor");
    hm_put_list_end(options, list, (uint32_t)request->link + request->monitor);
    if ((error = hm_build_error(mfa)) != HM_OK || (error = hm_build_error(options)) != HM_OK)
        goto done;
    struct control control = {.kind = CONTROL_SPAWN_REQUEST,
                              .ref = spawn->ref,
                              .from = spawn->from,
                              .leader = request->leader,
                              .mfa = hm_build_term(mfa),
                              .options = hm_build_term(options)};
    error = peers_send(peer, &control, request->arguments, NULL);
done:
    hm_build_free(mfa);
    hm_build_free(options);
    return error;
}

/* ---- on this node ---- */

static int spawn_here(hm_process *self, const struct spawn_out_request *request, long arity, hm_ref *ref) {
    struct hm_node *node = self->node;
    hm_pid pid = HM_NO_PID;
    hm_term mfa[2];
    const char *refusal = "system_limit";
    int error = HM_ENOMEM;
    hm_build *build = hm_build_new();
    if (!build)
        return HM_ENOMEM;
    hm_put_format(build, "{~a, ~a}", request->module, request->function);
    if ((error = hm_build_error(build)) != HM_OK)
        goto done;
    hm_tuple_elements(hm_build_term(build), 2, mfa);
    *ref = node_make_ref(node);
    struct spawn_request wanted = {.from = self->pid,
                                   .leader = request->leader,
                                   .ref = *ref,
                                   .module = mfa[0],
                                   .function = mfa[1],
                                   .arity = (uint32_t)arity,
                                   .arguments = request->arguments,
                                   .peer = self->on_behalf ? self->on_behalf : node->name};
    error = node->hooks && node->hooks->on_spawn ? node->hooks->on_spawn(node, &wanted, &pid, &refusal) : HM_EFLAGS;
    if (error != HM_OK)
        goto done;
    if (request->link)
        error = links_add(self, pid);
    if (error == HM_OK && request->monitor)
        error = monitors_add(self, hm_to_pid(pid), request->down.on_down ? &request->down : NULL, ref);
    if (error != HM_OK)
        process_deliver_exit(process_lookup(node, pid), pid, ATOM_TERM("system_limit"), true);
    else if (request->on_answer)
        request->on_answer(request->arg, HM_OK, pid, (hm_term){0});
done:
    hm_build_free(build);
    return error;
}

/* ---- to a peer ---- */

int spawn_out_start(hm_process *self, const struct spawn_out_request *request, hm_ref *ref) {
    struct hm_node *node = self->node;
    struct hm_list list;
    hm_term element;
    long arity = hm_list_length(request->arguments);
    if (arity < 0 || arity > 255)
        return HM_EINVAL;
    hm_list_begin(request->arguments, &list);
    while (hm_list_next(&list, &element))
        continue;
    if (!hm_list_end(&list, NULL))
        return HM_EINVAL;
    if (!request->node || request->node == node->name)
        return spawn_here(self, request, arity, ref);
    struct peer *peer = peers_get(node, request->node);
    struct spawn_out *spawn = peer ? add(self, peer, request) : NULL;
    if (!spawn)
        return HM_ENOMEM;
    *ref = spawn->ref;
    int error = HM_OK;
    if (request->monitor)
        error = monitors_prepare(self, peer, request->down.on_down ? &request->down : NULL, ref);
    if (error == HM_OK)
        error = send_request(peer, spawn, request, arity);
    if (error == HM_OK)
        return HM_OK;
    spawn->on_answer = NULL;
    fail(node, spawn, error, (hm_term){0});
    return error;
}

void spawn_out_abandon(struct hm_node *node, const hm_ref *ref) {
    struct spawn_out *spawn = find(node, ref);
    if (!spawn || !spawn->process)
        return;
    process_unwait(&spawn->waiter);
    spawn->process = NULL;
    if (spawn->monitor)
        monitors_forget(node, ref);
}

/* Nobody is there any more for whom the peer made it: what a process that ends would have sent. */
static void let_go(struct peer *peer, const struct spawn_out *spawn, hm_pid pid, uint64_t flags) {
    struct control demonitor = {.kind = CONTROL_DEMONITOR, .from = spawn->from, .to = pid, .ref = spawn->ref};
    struct control exit = {.kind = CONTROL_EXIT, .from = spawn->from, .to = pid};
    if (flags & MONITORED)
        peers_send(peer, &demonitor, (hm_term){0}, NULL);
    hm_term reason = spawn->reason ? (hm_term){spawn->reason->at, spawn->reason->size} : ATOM_TERM("noproc");
    if ((flags & LINKED) && peers_send(peer, &exit, reason, NULL) == HM_ENOMEM)
        peers_cut(peer);
}

static int error_of(hm_term reason) {
    if (hm_is_atom(reason, "notsup"))
        return HM_EFLAGS;
    return hm_is_atom(reason, "noconnection") ? HM_ENOCONNECTION : HM_EEXIT;
}

void spawn_out_on_reply(struct hm_node *node, struct peer *peer, const struct control *control) {
    struct spawn_out *spawn = find(node, &control->ref);
    hm_pid pid;
    if (!spawn || !hm_pid_equal(spawn->from, control->to)) {
        log_debug(&node->log, "spawn.unasked", "node=%s answers a spawn request that nobody made",
                  node_name_bytes(peer_name(peer)).at);
        return;
    }
    if (!pid_decode(node->names, control->result, &pid)) {
        bool is_reason = hm_term_type(control->result) == HM_TYPE_ATOM;
        hm_term reason = is_reason ? control->result : ATOM_TERM("badarg");
        fail(node, spawn, error_of(reason), reason);
        return;
    }
    if (pid.node != peer_name(peer)) {
        fail(node, spawn, HM_EEXIT, ATOM_TERM("badarg"));
        return;
    }
    if (!spawn->process) {
        let_go(peer, spawn, pid, control->id);
        drop(node, spawn);
        return;
    }
    if ((spawn->link && !(control->id & LINKED)) || (spawn->monitor && !(control->id & MONITORED))) {
        let_go(peer, spawn, pid, control->id); /* its end would never be told */
        fail(node, spawn, HM_EEXIT, ATOM_TERM("badarg"));
        return;
    }
    if (spawn->link && !links_on_link(spawn->process, pid)) {
        if (spawn->monitor)
            let_go(peer, spawn, pid, MONITORED);
        fail(node, spawn, HM_ENOMEM, ATOM_TERM("system_limit"));
        return;
    }
    if (spawn->monitor)
        monitors_adopt(node, &spawn->ref, pid);
    void (*on_answer)(void *, int, hm_pid, hm_term) = spawn->on_answer;
    void *arg = spawn->arg;
    drop(node, spawn);
    if (on_answer)
        on_answer(arg, HM_OK, pid, (hm_term){0});
}

void spawn_out_on_failure(struct hm_node *node, const hm_ref *ref, int error) {
    struct spawn_out *spawn = find(node, ref);
    if (spawn)
        fail(node, spawn, error, error == HM_EFLAGS ? ATOM_TERM("notsup") : ATOM_TERM("system_limit"));
}

void spawn_out_on_peer_down(struct hm_node *node, struct peer *peer) {
    struct spawn_out *spawn;
    while ((spawn = LIST_FIRST(&peer_relations(peer)->spawns)))
        fail(node, spawn, HM_ENOCONNECTION, ATOM_TERM("noconnection"));
}

/* ---- <hermod/rpc.h> ---- */

/* The answer travels as a message of the process. */
struct answer {
    hm_process *process;
    hm_spawn_done *done;
    void *arg;
    struct message *message; /* made beforehand: an answer cannot be lost */
    int error;
    hm_pid pid;
    hm_term reason;
    unsigned char room[2 + 255];
};

static enum hm_verdict run_answer(hm_process *self, struct message *message) {
    struct answer *answer = message->arg;
    enum hm_verdict verdict = HM_CONTINUE;
    if (self && answer->done)
        verdict = answer->done(self, answer->arg, answer->error, answer->pid, answer->reason);
    free(answer);
    return verdict;
}

static void on_answer(void *arg, int error, hm_pid pid, hm_term reason) {
    struct answer *answer = arg;
    struct message *message = answer->message;
    answer->error = error;
    answer->pid = pid;
    if (reason.size > sizeof answer->room)
        reason = ATOM_TERM("badarg");
    if (reason.size)
        answer->reason = (hm_term){memcpy(answer->room, reason.bytes, reason.size), reason.size};
    if (error == HM_ESTATE)
        message_free(message); /* and the answer with it */
    else
        process_deliver(answer->process, message);
}

int hm_spawn(hm_process *self, const struct hm_spawn *spawn, hm_spawn_done *done, void *arg, hm_ref *ref) {
    hm_ref made = {0};
    struct answer *answer = calloc(1, sizeof *answer);
    struct message *message = answer ? message_new(MESSAGE_CALL, (hm_term){0}, NULL) : NULL;
    if (!message) {
        free(answer);
        return HM_ENOMEM;
    }
    *answer = (struct answer){.process = self, .done = done, .arg = arg, .message = message};
    message->run = run_answer;
    message->arg = answer;
    struct spawn_out_request request = {.node = spawn->node,
                                        .module = spawn->module,
                                        .function = spawn->function,
                                        .arguments = spawn->arguments,
                                        .leader = spawn->leader.node ? spawn->leader : self->leader,
                                        .link = spawn->link,
                                        .monitor = spawn->monitor,
                                        .on_answer = on_answer,
                                        .arg = answer};
    int error = spawn_out_start(self, &request, &made);
    if (error != HM_OK)
        message_free(message);
    else if (ref)
        *ref = made;
    return error;
}
