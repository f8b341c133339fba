/* Every allocation of a server's life fails once: the node goes on, and nothing leaks. */
#include "otp_fixture.h"

#include "otp/erpc.h"
#include "support/alloc.h"

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_term what;
    if (hm_match(request, "{echo, ~t}", &what))
        return hm_reply_term(self, from, what);
    if (hm_is_atom(request, "keep")) {
        hm_from *kept = hm_from_keep(from);
        if (kept)
            hm_reply(self, kept, "kept");
        hm_from_free(kept);
        hm_set_timeout(self, 0);
        hm_continue(self);
        return HM_CONTINUE;
    }
    return hm_match(request, "stop") ? hm_stop(self, "{stopped, ~i}", (int64_t)1) : HM_UNKNOWN;
}

static const struct hm_server_class class = {.module = "subject", .call = on_call};

/* Messages that are lost without memory are lost; what must not happen is a crash or a leak. */
static void use_server(struct fixture *fixture) {
    static const char *const MESSAGES[] = {
        "{'$gen_call', {~p, t}, {echo, [1, 2]}}",
        "{'$gen_call', {~p, t}, keep}",
        "{'$gen_call', {~p, t}, unknown}",
        "{system, {~p, t}, get_state}",
        "{system, {~p, t}, get_status}",
        "{system, {~p, t}, {debug, {log, true}}}",
        "{system, {~p, t}, {debug, {statistics, true}}}",
        "{system, {~p, t}, {debug, {trace, true}}}",
        "{'$gen_call', {~p, t}, {echo, logged}}",
        "{system, {~p, t}, {debug, {log, get}}}",
        "{system, {~p, t}, suspend}",
        "{'$gen_call', {~p, t}, {echo, later}}",
        "{system, {~p, t}, resume}",
        "{'$gen_call', {~p, t}, stop}",
    };
    struct hm_start how = {.name = "subject"};
    hm_pid pid;
    if (hm_server_start(fixture->node, &class, &how, NULL, &pid) != HM_OK)
        return;
    for (size_t i = 0; i < sizeof MESSAGES / sizeof *MESSAGES; i++) {
        hm_sendf(fixture->probe.process, hm_to_pid(pid), MESSAGES[i], fixture->probe.process->pid);
        fixture_run(fixture);
    }
}

static void use_spawn(struct fixture *fixture) {
    static const unsigned char ARGUMENTS[] = {108, 0,   0,   0,   4,   97,  1,   119, 6,   'e',
                                              'r', 'l', 'a', 'n', 'g', 119, 9,   'p', 'r', 'o',
                                              'c', 'e', 's', 's', 'e', 's', 106, 106};
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = ATOM_TERM("erpc"),
                                    .function = ATOM_TERM("execute_call"),
                                    .arity = 4,
                                    .arguments = {ARGUMENTS, sizeof ARGUMENTS}};
    hm_pid pid;
    const char *refusal = NULL;
    int error = erpc_on_spawn(fixture->node, &request, &pid, &refusal);
    if (error == HM_OK)
        fixture_run(fixture);
    else
        assert_string_equal(refusal, "system_limit");
}

/* The probe must not allocate: only what is under test may fail. */
static enum hm_verdict count_only(hm_process *self, hm_term message) {
    (void)self;
    (void)message;
    return HM_CONTINUE;
}

static const struct process_class quiet_class = {.module = "probe", .receive = count_only};

static void fail_each(void (*scenario)(struct fixture *fixture)) {
    for (long n = 0;; n++) {
        struct fixture fixture;
        assert_int_equal(fixture_open(&fixture), HM_OK);
        fixture.node->log.level = LOG_ERROR;
        assert_int_equal(process_spawn(fixture.node, &quiet_class, &fixture.probe.process), HM_OK);
        alloc_fail_at(n);
        scenario(&fixture);
        bool failed = alloc_failed();
        alloc_fail_never();
        /* The node still serves. */
        fixture.probe.process->class = &probe_class;
        fixture.probe.process->state = &fixture.probe;
        fixture_call(&fixture, hm_to_name("net_kernel", NULL), "{is_auth, x}");
        expect_text(&fixture, "{t,yes}");
        fixture_close(&fixture);
        if (!failed)
            break;
    }
}

static void a_server_survives(void **state) {
    (void)state;
    fail_each(use_server);
}

static void a_spawn_survives(void **state) {
    (void)state;
    fail_each(use_spawn);
}

static void a_node_that_cannot_start_leaves_nothing(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        struct fixture fixture;
        assert_int_equal(fixture_open(&fixture), HM_OK);
        /* Again, on the same node: the names are free after the first three ended. */
        for (uint32_t id = 1; id < fixture.node->slot_count; id++)
            if (fixture.node->slots[id].process)
                process_exit(fixture.node->slots[id].process, ATOM_TERM("shutdown"));
        otp_stop(fixture.node);
        fixture.node->leader = HM_NO_PID;
        alloc_fail_at(n);
        int error = otp_start(fixture.node);
        bool failed = alloc_failed();
        alloc_fail_never();
        assert_int_equal(error, failed ? HM_ENOMEM : HM_OK);
        fixture_close(&fixture);
        if (!failed)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_survives),
        cmocka_unit_test(a_spawn_survives),
        cmocka_unit_test(a_node_that_cannot_start_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
