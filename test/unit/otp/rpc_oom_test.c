/* Every allocation of calls, spawns, functions, workers and tasks fails once: what fails is this one call, nothing leaks, the node goes on. */
#include "otp_fixture.h"

#include "node/pool.h"
#include "otp/mfa.h"
#include "support/alloc.h"
#include <hermod/function.h>
#include <hermod/rpc.h>

/* The caller must not allocate: only what is under test may fail. */
static enum hm_verdict receive(hm_process *self, hm_term message) {
    (void)self;
    (void)message;
    return HM_CONTINUE;
}

static const struct process_class quiet_class = {.module = "probe", .receive = receive};

static unsigned answers;
static hm_pending *pending;
static struct mfa_later *later;

static enum hm_verdict on_result(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    (void)self;
    (void)arg;
    (void)result;
    answers++;
    return HM_CONTINUE;
}

static enum hm_verdict on_spawned(hm_process *self, void *arg, int error, hm_pid pid, hm_term reason) {
    (void)self;
    (void)arg;
    (void)error;
    (void)pid;
    (void)reason;
    answers++;
    return HM_CONTINUE;
}

static enum hm_outcome echo(struct hm_function_call *call) {
    hm_put_term(call->result, call->arguments[0]);
    return HM_VALUE;
}

static enum hm_outcome wait(struct hm_function_call *call) {
    pending = hm_function_later(call, NULL, NULL);
    return pending ? HM_LATER : HM_ERROR;
}

static enum mfa_outcome wait_inside(struct mfa_call *call) {
    later = mfa_later(call, NULL);
    return later ? MFA_LATER : MFA_ERROR;
}

static void answer(struct fixture *fixture) {
    fixture_run(fixture);
    if (pending)
        hm_finishf(pending, HM_VALUE, "{done, 1}");
    if (later)
        mfa_finish(later, MFA_ERROR, ATOM_TERM("reason"));
    pending = NULL;
    later = NULL;
    fixture_run(fixture);
}

static void export(struct fixture *fixture) {
    const struct hm_function functions[] = {{"m", "echo", 1, echo, NULL, false}, {"m", "wait", 0, wait, NULL, false}};
    hm_export(fixture->node, functions, 2);
    mfa_export(fixture->node, &(struct mfa_row){"m", "wait_inside", 0, wait_inside, NULL}, 1);
    hm_rpc_allow(fixture->node, "m");
    hm_rpc_deny(fixture->node, "a@host:m");
}

static void use_calls(struct fixture *fixture) {
    static const unsigned char NIL[] = {106}, ONE[] = {107, 0, 1, 7};
    static const struct {
        const char *function;
        hm_term arguments;
    } CALLS[] = {{"echo", {ONE, 4}}, {"wait", {NIL, 1}}, {"wait_inside", {NIL, 1}}, {"no_such", {NIL, 1}}};
    export(fixture);
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++) {
        struct hm_rpc call = HM_RPC(NULL, "m", CALLS[i].function, CALLS[i].arguments, 60000);
        struct hm_spawn spawn = {
            .module = "m", .function = CALLS[i].function, .arguments = CALLS[i].arguments, .link = true, .monitor = true};
        answers = 0;
        int error = hm_rpc_call(fixture->probe.process, &call, on_result, NULL);
        answer(fixture);
        assert_int_equal(answers, error == HM_OK); /* an outcome is never lost */
        answers = 0;
        error = hm_spawn(fixture->probe.process, &spawn, on_spawned, NULL, NULL);
        answer(fixture);
        assert_int_equal(answers, error == HM_OK);
        hm_rpc_cast(fixture->probe.process, &call);
        answer(fixture);
    }
}

static void use_unconnected(struct fixture *fixture) {
    static const unsigned char NIL[] = {106};
    const hm_node_name *peer = names_find(fixture->node->names, "m@host", 6);
    struct hm_rpc call = HM_RPC(peer, "m", "wait", ((hm_term){NIL, 1}), 0);
    struct hm_spawn spawn = {.node = peer, .module = "m", .function = "wait", .arguments = {NIL, 1}, .link = true, .monitor = true};
    hm_rpc_call(fixture->probe.process, &call, on_result, NULL);
    hm_spawn(fixture->probe.process, &spawn, on_spawned, NULL, NULL);
    hm_rpc_cast(fixture->probe.process, &call);
}

static void use_rex(struct fixture *fixture) {
    static const char *const REQUESTS[] = {
        "{'$gen_call', {~p, t}, {call, m, wait, [], user}}",
        "{'$gen_call', {~p, t}, {block_call, m, wait_inside, [], user}}",
        "{'$gen_call', {~p, t}, {block_call, m, no_such, [], user}}",
        "{~p, {call, m, echo, [1], user}}",
        "{'$gen_cast', {cast, m, wait, [~p], user}}",
    };
    export(fixture);
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS; i++) {
        hm_sendf(fixture->probe.process, hm_to_name("rex", NULL), REQUESTS[i], fixture->probe.process->pid);
        answer(fixture);
    }
}

static void use_tasks(struct fixture *fixture) {
    hm_pid self = fixture->probe.process->pid;
    hm_address tasks = hm_to_name("tasks", NULL);
    export(fixture);
    hm_task_supervisor_start(fixture->node, "tasks", 0);
    hm_sendf(fixture->probe.process, tasks, "{'$gen_call', {~p, t}, {start_task, [{n, ~p, ~p}, monitor], temporary, nil}}", self,
             self, self);
    fixture_run(fixture);
    for (uint32_t id = 1; id < fixture->node->slot_count; id++) {
        hm_process *task = fixture->node->slots[id].process;
        if (task && strcmp(task->class->module, "Elixir.Task.Supervised") == 0)
            hm_sendf(fixture->probe.process, hm_to_pid(task->pid), "{~p, ref, ~p, [], {m, wait, []}}", self, self);
    }
    answer(fixture);
    hm_sendf(fixture->probe.process, tasks, "{'$gen_call', {~p, t}, {start_task, [{n, ~p, ~p}, [], {m, wait_inside, []}], nil, nil}}",
             self, self, self);
    answer(fixture);
    hm_sendf(fixture->probe.process, tasks, "{'$gen_call', {~p, t}, which_children}", self);
    fixture_run(fixture);
}

static void fail_each(void (*scenario)(struct fixture *fixture)) {
    for (long n = 0;; n++) {
        struct fixture fixture;
        assert_int_equal(fixture_open(&fixture), HM_OK);
        names_intern(fixture.node->names, "m@host", 6);
        fixture.node->log.level = LOG_ERROR;
        assert_int_equal(process_spawn(fixture.node, &quiet_class, &fixture.probe.process), HM_OK);
        fixture.probe.process->trap_exit = true;
        alloc_fail_at(n);
        scenario(&fixture);
        bool failed = alloc_failed();
        alloc_fail_never();
        /* The node still serves. */
        fixture.probe.process->class = &probe_class;
        fixture.probe.process->state = &fixture.probe;
        fixture_call(&fixture, hm_to_name("rex", NULL), "{block_call, erlang, processes, [1], user}");
        expect_text(&fixture, "{t,{badrpc,{'EXIT',{undef,[{erlang,processes,[1],[]}]}}}}");
        pool_free(fixture.node->pool);
        fixture_close(&fixture);
        if (!failed)
            break;
    }
}

static void calls_survive(void **state) {
    (void)state;
    fail_each(use_calls);
}

static void calls_of_nodes_that_are_not_connected_survive(void **state) {
    (void)state;
    fail_each(use_unconnected);
}

static void rex_survives(void **state) {
    (void)state;
    fail_each(use_rex);
}

static void tasks_survive(void **state) {
    (void)state;
    fail_each(use_tasks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_survive),
        cmocka_unit_test(calls_of_nodes_that_are_not_connected_survive),
        cmocka_unit_test(rex_survives),
        cmocka_unit_test(tasks_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
