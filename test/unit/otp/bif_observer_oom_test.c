/* Every allocation of what observer has running here fails once: the node goes on, and nothing leaks. */
#include "rpc_fixture.h"

#include "otp/appmon_info.h"
#include "otp/hermod_sup.h"
#include "support/alloc.h"

/* The probe must not allocate: only what is under test may fail. */
static enum hm_verdict ignore(hm_process *self, hm_term message) {
    (void)self;
    (void)message;
    return HM_CONTINUE;
}

static const struct process_class quiet_class = {.module = "probe", .receive = ignore};

static const struct hm_server_class idle = {.module = "idle"};

/* A spawn that may be refused. */
static void spawn(struct fixture *fixture, const char *module, const char *function, hm_term arguments,
                  unsigned arity) {
    hm_term names[2] = {ATOM_TERM("observer_backend"), ATOM_TERM("procs_info")};
    hm_pid pid;
    const char *refusal = NULL;
    unsigned char texts[2][64];
    const char *const words[] = {module, function};
    for (int i = 0; i < 2; i++) {
        texts[i][0] = 119; /* SMALL_ATOM_UTF8_EXT */
        texts[i][1] = (unsigned char)strlen(words[i]);
        memcpy(texts[i] + 2, words[i], texts[i][1]);
        names[i] = (hm_term){texts[i], 2u + texts[i][1]};
    }
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = names[0],
                                    .function = names[1],
                                    .arity = arity,
                                    .arguments = arguments};
    if (erpc_on_spawn(fixture->node, &request, &pid, &refusal) != HM_OK)
        return;
    for (int i = 0; i < 3; i++)
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    hm_exit(fixture->probe.process, pid, ATOM_TERM("kill"));
    fixture_run(fixture);
}

static void use_supervisor(struct fixture *fixture) {
    static const char *const CALLS[] = {
        "{'$gen_call', {~p, t}, which_children}",
        "{'$gen_call', {~p, t}, {get_childspec, rex}}",
        "{'$gen_call', {~p, t}, {terminate_child, mine}}",
        "{'$gen_call', {~p, t}, {restart_child, mine}}",
        "{'$gen_call', {~p, t}, {start_child, #{id => x, start => {m, f, []}}}}",
        "{'$gen_call', {~p, t}, {terminate_child, mine}}",
        "{'$gen_call', {~p, t}, {delete_child, mine}}",
    };
    struct hm_start start = {.name = "mine", .restart = true};
    if (hm_server_start(fixture->node, &idle, &start, NULL, NULL) != HM_OK)
        return;
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++) {
        hm_sendf(fixture->probe.process, hm_to_name(HERMOD_SUP, NULL), CALLS[i], fixture->probe.process->pid);
        fixture_run(fixture);
    }
}

static void use_appmon(struct fixture *fixture) {
    static const char *const CASTS[] = {"{'$gen_cast', {~p, app_ctrl, x, true, []}}",
                                        "{'$gen_cast', {~p, app, hermod, true, []}}",
                                        "{do_it, app, hermod, ~p}",
                                        "{'$gen_cast', {~p, app, hermod, false, []}}"};
    hm_pid self = fixture->probe.process->pid, server;
    if (appmon_start(fixture->node, self, self, &server) != HM_OK)
        return;
    for (size_t i = 0; i < sizeof CASTS / sizeof *CASTS; i++) {
        hm_sendf(fixture->probe.process, hm_to_pid(server), CASTS[i], self);
        fixture_run(fixture);
    }
}

static void use_all(struct fixture *fixture, const hm_term arguments[3]) {
    spawn(fixture, "observer_backend", "procs_info", arguments[0], 1);
    spawn(fixture, "observer_backend", "etop_collect", arguments[0], 1);
    spawn(fixture, "observer_backend", "fetch_stats", arguments[1], 2);
    spawn(fixture, "observer_backend", "sys_info", arguments[2], 0);
    spawn(fixture, "observer_backend", "module_info", arguments[2], 0);
    use_supervisor(fixture);
    use_appmon(fixture);
}

static hm_term arguments_of(hm_build *build, const char *pattern, hm_pid pid) {
    hm_put_format(build, pattern, pid);
    return hm_build_term(build);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct fixture fixture;
        hm_build *builds[3] = {hm_build_new(), hm_build_new(), hm_build_new()};
        assert_int_equal(fixture_open(&fixture), HM_OK);
        fixture.node->log.write = NULL;
        assert_int_equal(process_spawn(fixture.node, &quiet_class, &fixture.probe.process), HM_OK);
        fixture.probe.process->trap_exit = true;
        hm_pid self = fixture.probe.process->pid;
        const hm_term arguments[3] = {arguments_of(builds[0], "[~p]", self), arguments_of(builds[1], "[~p, 10]", self),
                                      arguments_of(builds[2], "[]", self)};
        alloc_fail_at(n);
        use_all(&fixture, arguments);
        failed = alloc_failed();
        alloc_fail_never();
        /* It still answers. */
        fixture_run(&fixture);
        assert_non_null(hm_whereis(fixture.node, HERMOD_SUP).node);
        fixture_close(&fixture);
        for (int i = 0; i < 3; i++)
            hm_build_free(builds[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
