/* layer: otp
 * What a peer asks of rex, of a task supervisor and its tasks, and with a spawn request: each term of the input is {rex, M}, {tasks, M},
 * {task, M} (to what was started last) or {spawn, {M, F, Arity}, Options, Arguments}. Whatever came, the node goes on answering, and ends
 * whole. */
#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

#include "etf/check.h"
#include "node/peers.h"
#include "node/registry.h"
#include "node/spawn.h"
#include "otp/mfa.h"
#include <hermod/function.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct event_base *base;
    struct hm_node *node;
    const hm_node_name *peer;
    unsigned probed;
};

static enum hm_outcome echo(struct hm_function_call *call) {
    hm_put_term(call->result, call->arguments[0]);
    return HM_VALUE;
}

static void on_ended(hm_pending *pending, void *arg) {
    (void)arg;
    hm_finish(pending, HM_ERROR, (hm_term){0});
}

/* Ends with the first message that it is sent. */
static bool on_message(hm_pending *pending, void *arg, hm_term message) {
    (void)arg;
    hm_finish(pending, HM_VALUE, message);
    return true;
}

static enum hm_outcome wait(struct hm_function_call *call) {
    hm_pending *pending = hm_function_later(call, on_ended, NULL);
    if (!pending)
        return HM_ERROR;
    hm_on_message(pending, on_message);
    return HM_LATER;
}

static enum hm_outcome raise(struct hm_function_call *call) {
    hm_put_term(call->result, call->arguments[1]);
    return hm_is_atom(call->arguments[0], "throw") ? HM_THROW : hm_is_atom(call->arguments[0], "exit") ? HM_EXIT : HM_ERROR;
}

static void open_node(struct fuzz *fuzz) {
    static const struct hm_function FUNCTIONS[] = {
        {"callable", "echo", 1, echo, NULL, false}, {"callable", "wait", 1, wait, NULL, false}, {"callable", "raise", 2, raise, NULL, false}};
    struct hm_node *node = calloc(1, sizeof *node);
    assert(node);
    fuzz->node = node;
    fuzz->base = node->base = event_base_new();
    node->started = mono_now();
    node->names = names_new(100);
    node->turn = turn_new(node->base, 100);
    node->name = names_intern(node->names, "n@host", 6);
    node->max_processes = 100;
    node->max_mailbox = 100;
    TAILQ_INIT(&node->watches);
    node->dist = (struct dist){.base = node->base, .turn = node->turn, .names = node->names, .log = &node->log,
                               .events = &peers_events, .arg = node, .self = node->name, .creation = 7, .output_high = 1 << 20};
    assert(otp_start(node) == HM_OK);
    assert(hm_export(node, FUNCTIONS, 3) == HM_OK);
    assert(hm_rpc_deny(node, "*:denied") == HM_OK);
    assert(hm_task_supervisor_start(node, "tasks", 20) == HM_OK);
    fuzz->peer = names_intern(node->names, "m@host", 6);
    node->stopping = true; /* nobody is dialled, and what ends stays down */
}

static void run(struct fuzz *fuzz) {
    for (int i = 0; i < 5; i++)
        event_base_loop(fuzz->base, EVLOOP_NONBLOCK);
}

static void close_node(struct fuzz *fuzz) {
    struct hm_node *node = fuzz->node;
    for (uint32_t id = 1; id < node->slot_count; id++)
        if (node->slots[id].process)
            process_exit(node->slots[id].process, ATOM_TERM("shutdown"));
    assert(node->process_count == 0 && !node->links && !node->monitors && !node->aliases && !node->registry && !node->spawns);
    peers_free(node);
    otp_stop(node);
    turn_free(node->turn);
    dist_fini(&node->dist);
    process_table_free(node);
    names_free(node->names);
    hm_build_free(node->spare_build);
    free(node);
    event_base_free(fuzz->base);
}

static void deliver(struct fuzz *fuzz, hm_process *process, hm_term message) {
    if (process)
        process_deliver_from(process, fuzz->peer, message, NULL);
}

static hm_process *newest(const struct hm_node *node) {
    for (uint32_t id = node->slot_count; id-- > 1;)
        if (node->slots[id].process)
            return node->slots[id].process;
    return NULL;
}

static void spawn(struct fuzz *fuzz, hm_term mfa, hm_term options, hm_term arguments) {
    struct peer *peer = peers_get(fuzz->node, fuzz->peer);
    hm_pid from = {fuzz->peer, 1, 0, 4};
    assert(peer);
    struct control control = {.kind = CONTROL_SPAWN_REQUEST,
                              .ref = {fuzz->peer, 4, 3, {1, 2, 3}},
                              .from = from,
                              .leader = from,
                              .mfa = mfa,
                              .options = options};
    spawn_on_request(fuzz->node, peer, &control, arguments);
}

static void act(struct fuzz *fuzz, hm_term term) {
    struct hm_node *node = fuzz->node;
    hm_term parts[3];
    if (hm_match(term, "{rex, ~t}", &parts[0]))
        deliver(fuzz, registry_lookup(node, bytes_of("rex", 3)), parts[0]);
    else if (hm_match(term, "{tasks, ~t}", &parts[0]))
        deliver(fuzz, registry_lookup(node, bytes_of("tasks", 5)), parts[0]);
    else if (hm_match(term, "{task, ~t}", &parts[0]))
        deliver(fuzz, newest(node), parts[0]);
    else if (hm_match(term, "{spawn, ~t, ~t, ~t}", &parts[0], &parts[1], &parts[2]))
        spawn(fuzz, parts[0], parts[1], parts[2]);
}

/* Somebody else's call is answered. */
static enum hm_verdict probe_receive(hm_process *self, hm_term message) {
    struct fuzz *fuzz = self->state;
    fuzz->probed += hm_match(message, "{rex, [7]}") || hm_match(message, "{rex, {badrpc, {'EXIT', system_limit}}}");
    return HM_CONTINUE;
}

static void expect_serving(struct fuzz *fuzz) {
    static const struct process_class probe_class = {.module = "probe", .receive = probe_receive};
    struct hm_node *node = fuzz->node;
    hm_process *probe, *rex = registry_lookup(node, bytes_of("rex", 3));
    node->max_processes++; /* the input may have used up all others */
    if (!rex || rex->suspended || process_spawn(node, &probe_class, &probe) != HM_OK)
        return; /* asked to end or suspend (sys), or a block_call that waits */
    probe->state = fuzz;
    hm_sendf(probe, hm_to_name("rex", NULL), "{~p, {call, callable, echo, [[7]], user}}", probe->pid);
    for (int i = 0; i < 50 && !fuzz->probed; i++)
        run(fuzz);
    assert(fuzz->probed == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz fuzz = {0};
    size_t used = 0, term_size;
    open_node(&fuzz);
    for (int i = 0; i < 16 && used < size && check_term(bytes_of(data + used, size - used), NULL, &term_size) == 0; i++) {
        act(&fuzz, (hm_term){data + used, term_size});
        used += term_size;
        run(&fuzz);
    }
    expect_serving(&fuzz);
    close_node(&fuzz);
    return 0;
}
