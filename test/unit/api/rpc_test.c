/* Two nodes on loopback: calls and spawns from one to the other and to itself, and every way in which they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "node/process.h"
#include "otp/mfa.h"
#include <hermod/rpc.h>

/* ---- two nodes, a caller on the first ---- */

struct rig {
    struct event_base *base;
    hm_node *caller_node, *callee;
    const hm_node_name *callee_name;
    hm_process *caller;
    hm_pid caller_pid;
    char log[4096]; /* what the caller saw, one line each */
    unsigned seen;
    struct mfa_later *later; /* of m:wait/0 */
    unsigned waits;
};

static void note(struct rig *rig, const char *what, hm_term term, hm_term more) {
    char *text = NULL, *rest = NULL;
    if (term.size)
        assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    if (more.size)
        assert_int_equal(hm_term_print(more, HM_SYNTAX_ERLANG, 0, &rest), HM_OK);
    size_t used = strlen(rig->log);
    snprintf(rig->log + used, sizeof rig->log - used, "%s%s%s%s%s\n", what, text ? " " : "", text ? text : "",
             rest ? " " : "", rest ? rest : "");
    free(text);
    free(rest);
    rig->seen++;
}

static int caller_init(hm_process *self, void *argument) {
    struct rig *rig = argument;
    rig->caller = self;
    hm_set_data(self, argument);
    return HM_OK;
}

static enum hm_verdict caller_info(hm_process *self, hm_term message) {
    hm_term parts[5];
    if (hm_tuple_elements(message, 5, parts))
        note(hm_data(self), "down", parts[4], (hm_term){0});
    else if (hm_tuple_elements(message, 3, parts))
        note(hm_data(self), "exit", parts[2], (hm_term){0});
    else
        note(hm_data(self), "message", message, (hm_term){0});
    return HM_CONTINUE;
}

static const struct hm_server_class caller_class = {.module = "caller", .init = caller_init, .info = caller_info};

static hm_node *make_node(struct rig *rig, const char *name, uint16_t dial_port) {
    struct hm_options options = HM_OPTIONS_INIT;
    char why[256] = "";
    hm_node *node = NULL;
    options.name = name;
    options.long_names = true;
    options.cookie = "secret";
    options.no_epmd = true;
    options.listen = "127.0.0.1";
    options.dial_port = dial_port;
    options.no_listen = dial_port != 0;
    options.port_first = dial_port ? 0 : 20000;
    options.port_last = dial_port ? 0 : 60000;
    if (hm_node_new(rig->base, &options, &node, why, sizeof why) != HM_OK)
        fail_msg("%s", why);
    return node;
}

static void on_ready(void *arg, int error, const char *text) {
    (void)text;
    assert_int_equal(error, HM_OK);
    *(bool *)arg = true;
}

static void run_once(struct rig *rig) {
    struct timeval limit = {20, 0};
    event_base_loopexit(rig->base, &limit);
    assert_int_equal(event_base_loop(rig->base, EVLOOP_ONCE), 0);
    assert_false(event_base_got_exit(rig->base));
}

static void start_node(struct rig *rig, hm_node *node) {
    bool ready = false;
    assert_int_equal(hm_node_start(node, on_ready, &ready), HM_OK);
    while (!ready)
        run_once(rig);
}

static void expect_seen(struct rig *rig, unsigned count, const char *log) {
    while (rig->seen < count)
        run_once(rig);
    for (int i = 0; i < 5; i++)
        event_base_loop(rig->base, EVLOOP_NONBLOCK);
    assert_string_equal(rig->log, log);
    rig->log[0] = '\0';
    rig->seen = 0;
}

static enum mfa_outcome wait(struct mfa_call *call) {
    struct rig *rig = call->argument;
    rig->waits++;
    rig->later = mfa_later(call, NULL);
    return rig->later ? MFA_LATER : MFA_ERROR;
}

static enum mfa_outcome raise(struct mfa_call *call) {
    hm_put_term(call->result, call->arguments[1]);
    return hm_is_atom(call->arguments[0], "throw") ? MFA_THROW
           : hm_is_atom(call->arguments[0], "exit") ? MFA_EXIT
                                                    : MFA_ERROR;
}

static enum mfa_outcome leader(struct mfa_call *call) {
    hm_put_pid(call->result, call->self->leader);
    return MFA_VALUE;
}

static void export(struct rig *rig, hm_node *node) {
    const struct mfa_row rows[] = {{"m", "wait", 0, wait, rig}, {"m", "raise", 2, raise, rig}, {"m", "leader", 0, leader, rig}};
    assert_int_equal(mfa_export(node, rows, sizeof rows / sizeof *rows), HM_OK);
}

static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->base = event_base_new();
    rig->callee = make_node(rig, "callee@127.0.0.1", 0);
    start_node(rig, rig->callee);
    rig->caller_node = make_node(rig, "caller@127.0.0.1", hm_node_port(rig->callee));
    start_node(rig, rig->caller_node);
    rig->callee_name = hm_node_find(rig->caller_node, "callee@127.0.0.1");
    export(rig, rig->callee);
    export(rig, rig->caller_node);
    struct hm_start start = {.trap_exit = true};
    assert_int_equal(hm_server_start(rig->caller_node, &caller_class, &start, rig, &rig->caller_pid), HM_OK);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    hm_node_free(rig->caller_node);
    if (rig->callee)
        hm_node_free(rig->callee);
    event_base_free(rig->base);
    free(rig);
    return 0;
}

/* ---- calls ---- */

static enum hm_verdict on_result(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    static const char *const KINDS[] = {"return", "throw", "exit", "error", "signal", "refused"};
    assert_ptr_equal(hm_data(self), arg);
    bool ran = result->error == HM_OK || result->error == HM_EEXIT;
    note(arg, ran ? KINDS[result->kind] : hm_strerror(result->error), result->value, result->stack);
    return HM_CONTINUE;
}

static hm_build *list(const char *pattern) {
    hm_build *build = hm_build_new();
    hm_put_format(build, pattern);
    return build;
}

static int call(struct rig *rig, const hm_node_name *node, const char *module, const char *function, const char *arguments,
                int64_t timeout_ms) {
    hm_build *build = list(arguments);
    struct hm_rpc what = HM_RPC(node, module, function, hm_build_term(build), timeout_ms);
    int error = hm_rpc_call(rig->caller, &what, on_result, rig);
    hm_build_free(build);
    return error;
}

static void every_outcome_is_told(struct rig *rig, const hm_node_name *node, const char *name) {
    char expected[100];
    assert_int_equal(call(rig, node, "erlang", "node", "[]", 5000), HM_OK);
    assert_int_equal(rig->seen, 0); /* never on the caller's stack */
    snprintf(expected, sizeof expected, "return '%s'\n", name);
    expect_seen(rig, 1, expected);
    assert_int_equal(call(rig, node, "m", "raise", "[throw, {ball, 1}]", -1), HM_OK);
    expect_seen(rig, 1, "throw {ball,1}\n");
    assert_int_equal(call(rig, node, "m", "raise", "[exit, {out, 1}]", -1), HM_OK);
    expect_seen(rig, 1, "exit {out,1}\n");
    assert_int_equal(call(rig, node, "m", "raise", "[error, {bad, 1}]", -1), HM_OK);
    expect_seen(rig, 1, "error {bad,1} [{m,raise,[error,{bad,1}],[]}]\n");
    assert_int_equal(call(rig, node, "no", "such", "[1]", -1), HM_OK);
    expect_seen(rig, 1, "error undef [{no,such,[1],[]}]\n");
}

static void calls_of_a_peer_tell_every_outcome(void **state) {
    struct rig *rig = *state;
    every_outcome_is_told(rig, rig->callee_name, "callee@127.0.0.1");
}

static void calls_of_this_node_tell_every_outcome(void **state) {
    every_outcome_is_told(*state, NULL, "caller@127.0.0.1");
}

static void what_is_no_list_is_refused(void **state) {
    struct rig *rig = *state;
    assert_int_equal(call(rig, rig->callee_name, "m", "wait", "[a | b]", -1), HM_OK); /* the callee's badarg */
    expect_seen(rig, 1, "error badarg [{m,wait,[a|b],[]}]\n");
    assert_int_equal(call(rig, rig->callee_name, "m", "wait", "a", -1), HM_EINVAL);
}

static void a_call_may_time_out(void **state) {
    struct rig *rig = *state;
    assert_int_equal(call(rig, rig->callee_name, "m", "wait", "[]", 20), HM_OK);
    while (!rig->later)
        run_once(rig);
    expect_seen(rig, 1, "no answer in time\n");
    mfa_finish(rig->later, MFA_VALUE, ATOM_TERM("late"));
    assert_int_equal(call(rig, rig->callee_name, "m", "leader", "[]", -1), HM_OK);
    while (rig->seen < 1)
        run_once(rig);
    assert_int_equal(rig->seen, 1); /* the late one was nobody's */
}

static void a_call_may_time_out_before_it_is_connected(void **state) {
    struct rig *rig = *state;
    const hm_node_name *nowhere = hm_node_find(rig->caller_node, "nowhere@192.0.2.1");
    assert_int_equal(call(rig, nowhere, "m", "wait", "[]", 0), HM_OK);
    expect_seen(rig, 1, "no answer in time\n");
}

static void the_connection_may_go(void **state) {
    struct rig *rig = *state;
    assert_int_equal(call(rig, rig->callee_name, "m", "wait", "[]", -1), HM_OK);
    while (!rig->later)
        run_once(rig);
    assert_true(hm_disconnect(rig->caller_node, rig->callee_name));
    expect_seen(rig, 1, "no connection to the node noconnection\n");
    mfa_finish(rig->later, MFA_VALUE, ATOM_TERM("late"));
}

static void the_process_that_ran_it_may_be_ended(void **state) {
    struct rig *rig = *state;
    assert_int_equal(call(rig, NULL, "m", "wait", "[]", -1), HM_OK);
    while (!rig->later)
        run_once(rig);
    hm_exit(rig->caller, mfa_later_process(rig->later)->pid, ATOM_TERM("kill"));
    expect_seen(rig, 1, "signal killed\n");
    mfa_finish(rig->later, MFA_VALUE, ATOM_TERM("late"));
}

static void the_caller_may_end_first(void **state) {
    struct rig *rig = *state;
    assert_int_equal(call(rig, rig->callee_name, "m", "wait", "[]", 5000), HM_OK); /* not connected yet */
    assert_int_equal(call(rig, NULL, "m", "wait", "[]", 5000), HM_OK);
    hm_exit(rig->caller, rig->caller_pid, ATOM_TERM("kill"));
    while (rig->waits < 2 || hm_is_alive(rig->caller_node, rig->caller_pid)) {
        run_once(rig);
        if (rig->later)
            mfa_finish(rig->later, MFA_VALUE, ATOM_TERM("late"));
        rig->later = NULL;
    }
}

static void a_peer_that_cannot_spawn_is_asked_through_rex(void **state) {
    struct rig *rig = *state;
    rig->callee->dist.flags &= ~FLAG_SPAWN;
    for (int connected = 0; connected < 2; connected++) {
        assert_int_equal(call(rig, rig->callee_name, "erlang", "node", "[]", 5000), HM_OK);
        expect_seen(rig, 1, "return 'callee@127.0.0.1'\n");
        assert_int_equal(call(rig, rig->callee_name, "m", "raise", "[exit, out]", -1), HM_OK);
        expect_seen(rig, 1, "exit out\n");
        assert_int_equal(call(rig, rig->callee_name, "m", "raise", "[error, bad]", -1), HM_OK);
        expect_seen(rig, 1, "error bad [{m,raise,[error,bad],[]}]\n");
    }
}

static void casts_run(void **state) {
    struct rig *rig = *state;
    hm_build *nil = list("[]");
    struct hm_rpc what = HM_RPC(rig->callee_name, "m", "wait", hm_build_term(nil), 0);
    assert_int_equal(hm_rpc_cast(rig->caller, &what), HM_OK);
    while (!rig->later)
        run_once(rig);
    mfa_finish(rig->later, MFA_VALUE, ATOM_TERM("done"));
    hm_build_free(nil);
}

static void casts_run_through_rex(void **state) {
    struct rig *rig = *state;
    hm_build *nil = list("[]");
    struct hm_rpc what = HM_RPC(rig->callee_name, "m", "wait", hm_build_term(nil), 0);
    rig->callee->dist.flags &= ~FLAG_SPAWN;
    for (int connected = 0; connected < 2; connected++) {
        assert_int_equal(hm_rpc_cast(rig->caller, &what), HM_OK);
        while (!rig->later)
            run_once(rig);
        mfa_finish(rig->later, MFA_VALUE, ATOM_TERM("done"));
        rig->later = NULL;
    }
    assert_int_equal(rig->waits, 2);
    hm_build_free(nil);
}

/* ---- spawn ---- */

static enum hm_verdict on_spawned(hm_process *self, void *arg, int error, hm_pid pid, hm_term reason) {
    struct rig *rig = arg;
    (void)self;
    assert_true((error == HM_OK) == (pid.node != NULL));
    note(rig, error == HM_OK ? "spawned" : hm_strerror(error), reason, (hm_term){0});
    return HM_CONTINUE;
}

static int spawn(struct rig *rig, const hm_node_name *node, const char *function, const char *arguments, bool link,
                 bool monitor) {
    hm_build *build = list(arguments);
    struct hm_spawn what = {
        .node = node, .module = "m", .function = function, .arguments = hm_build_term(build), .link = link, .monitor = monitor};
    int error = hm_spawn(rig->caller, &what, on_spawned, rig, NULL);
    hm_build_free(build);
    return error;
}

static void links_and_monitors_come_after_the_answer(struct rig *rig, const hm_node_name *node) {
    assert_int_equal(spawn(rig, node, "raise", "[exit, out]", false, true), HM_OK);
    expect_seen(rig, 2, "spawned\ndown out\n");
    assert_int_equal(spawn(rig, node, "raise", "[exit, out]", true, false), HM_OK);
    expect_seen(rig, 2, "spawned\nexit out\n");
    assert_int_equal(spawn(rig, node, "raise", "[exit, out]", false, false), HM_OK);
    expect_seen(rig, 1, "spawned\n");
    assert_int_equal(spawn(rig, node, "leader", "[]", false, true), HM_OK);
    expect_seen(rig, 2, "spawned\ndown normal\n");
}

static void peers_spawn(void **state) {
    struct rig *rig = *state;
    links_and_monitors_come_after_the_answer(rig, rig->callee_name);
}

static void this_node_spawns(void **state) {
    links_and_monitors_come_after_the_answer(*state, NULL);
}

static void the_end_of_the_caller_ends_what_is_linked(void **state) {
    struct rig *rig = *state;
    assert_int_equal(spawn(rig, rig->callee_name, "wait", "[]", true, true), HM_OK);
    hm_exit(rig->caller, rig->caller_pid, ATOM_TERM("kill")); /* before the answer */
    while (!rig->later || mfa_later_process(rig->later))
        run_once(rig);
    mfa_finish(rig->later, MFA_VALUE, ATOM_TERM("late"));
    assert_null(rig->caller_node->spawns);
}

static void spawning_may_fail(void **state) {
    struct rig *rig = *state;
    rig->callee->max_processes = rig->callee->process_count;
    assert_int_equal(spawn(rig, rig->callee_name, "wait", "[]", true, true), HM_OK);
    expect_seen(rig, 1, "the called process ended before it answered system_limit\n");
    assert_int_equal(spawn(rig, rig->callee_name, "wait", "[1 | 2]", true, true), HM_EINVAL);
    hm_node_free(rig->callee);
    rig->callee = NULL;
    assert_int_equal(spawn(rig, rig->callee_name, "wait", "[]", true, true), HM_OK);
    expect_seen(rig, 1, "no connection to the node noconnection\n");
}

static void a_peer_may_be_unable_to_spawn(void **state) {
    struct rig *rig = *state;
    rig->callee->dist.flags &= ~FLAG_SPAWN;
    assert_int_equal(spawn(rig, rig->callee_name, "wait", "[]", true, true), HM_OK);
    expect_seen(rig, 1, "the peer lacks distribution flags that are needed, or refuses ours notsup\n");
    assert_int_equal(spawn(rig, rig->callee_name, "wait", "[]", true, true), HM_EFLAGS);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(calls_of_a_peer_tell_every_outcome),
        TEST(calls_of_this_node_tell_every_outcome),
        TEST(what_is_no_list_is_refused),
        TEST(a_call_may_time_out),
        TEST(a_call_may_time_out_before_it_is_connected),
        TEST(the_connection_may_go),
        TEST(the_process_that_ran_it_may_be_ended),
        TEST(the_caller_may_end_first),
        TEST(a_peer_that_cannot_spawn_is_asked_through_rex),
        TEST(casts_run),
        TEST(casts_run_through_rex),
        TEST(peers_spawn),
        TEST(this_node_spawns),
        TEST(the_end_of_the_caller_ends_what_is_linked),
        TEST(spawning_may_fail),
        TEST(a_peer_may_be_unable_to_spawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
