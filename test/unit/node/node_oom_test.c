/* Every allocation of a busy scenario fails in turn: an error, a lost message and a line in the log are fine; a crash, a leak or a
 * table that points at what is gone are not. fixture_free checks the tables, the sanitizers the rest. */
#include "node_fixture.h"

#include "node/fanout.h"
#include "support/alloc.h"

static enum hm_verdict quiet_receive(hm_process *self, hm_term message) {
    (void)self;
    return hm_is_atom(message, "stop") ? HM_STOP : HM_CONTINUE;
}

static const struct process_class quiet_class = {.module = "quiet", .receive = quiet_receive};

static enum hm_verdict on_outcome(hm_process *self, void *arg, int error, hm_term reply) {
    (void)self;
    (void)error;
    (void)reply;
    ++*(int *)arg;
    return HM_CONTINUE;
}

static int on_registered(hm_process *self, void *arg, hm_pid pid) {
    (void)self;
    (void)pid;
    ++*(int *)arg;
    return HM_OK;
}

static hm_process *spawn_quiet(struct hm_node *node) {
    hm_process *process;
    return process_spawn(node, &quiet_class, &process) == HM_OK ? process : NULL;
}

static void scenario(struct hm_node *node, int *outcomes) {
    hm_process *a = spawn_quiet(node), *b = spawn_quiet(node), *c = spawn_quiet(node);
    hm_ref ref, alias;
    uint64_t timer;
    if (!a || !b || !c)
        return;
    hm_register(a, "a");
    hm_trap_exit(c, true);
    hm_link(a, b->pid);
    hm_link(c, a->pid);
    hm_monitor(b, hm_to_name("a", NULL), &ref);
    hm_monitor(c, hm_to_pid(b->pid), &ref);
    hm_monitor(c, hm_to_name("nobody", NULL), NULL);
    hm_monitor_nodes(c, true, true);
    if (hm_alias(c, &alias) == HM_OK)
        hm_send_alias(a, &alias, ATOM_TERM("hello"));
    hm_send_after(a, 0, ATOM_TERM("tick"), &timer);
    hm_send_after(a, 60000, ATOM_TERM("later"), &timer);
    hm_call(c, hm_to_name("a", NULL), ATOM_TERM("silence"), 60000, on_outcome, outcomes);
    hm_call(c, hm_to_name("nobody", NULL), ATOM_TERM("x"), 60000, on_outcome, outcomes);
    hm_castf(b, hm_to_name("a", NULL), "{say, ~s}", "hi");
    fixture_run();
    hm_pid many[FANOUT_LEAST];
    for (int i = 0; i < FANOUT_LEAST; i++)
        many[i] = i % 2 ? a->pid : c->pid;
    hm_send_many(b, many, FANOUT_LEAST, ATOM_TERM("many"));
    hm_send(b, hm_to_pid(c->pid), ATOM_TERM("one"));
    hm_exit(c, b->pid, ATOM_TERM("enough"));
    hm_send(c, hm_to_pid(a->pid), ATOM_TERM("stop"));
    fixture_run();
}

static void each_allocation_may_fail(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        int outcomes = 0;
        struct hm_node *node = fixture_new();
        alloc_fail_at(n);
        scenario(node, &outcomes);
        bool failed = alloc_failed();
        alloc_fail_never();
        assert_true(outcomes <= 2);
        hm_process *after = spawn_quiet(node); /* and the node goes on */
        assert_non_null(after);
        fixture_tell(after, "hello");
        fixture_run();
        assert_int_equal(after->handled, 1);
        fixture_free(node);
        if (!failed) {
            assert_int_equal(outcomes, 2);
            return;
        }
    }
}

static void none_may_succeed_from_some_point_on(void **state) {
    (void)state;
    for (long n = 0; n < 80; n++) {
        int outcomes = 0;
        struct hm_node *node = fixture_new();
        alloc_fail_from(n);
        scenario(node, &outcomes);
        alloc_fail_never();
        fixture_free(node);
    }
}

/* Whoever could follow a name and whoever could be given it come together, if only a while later. */
static void who_follows_a_name_hears_of_it(void **state) {
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct hm_node *node = fixture_new();
        hm_process *a = spawn_quiet(node), *b = spawn_quiet(node);
        int found = 0;
        alloc_fail_at(n);
        int wanted = (hm_follow(b, "a", on_registered, &found) == HM_OK) + (hm_follow(b, "a", on_registered, &found) == HM_OK);
        if (hm_register(a, "a") != HM_OK)
            wanted = 0;
        while (found < wanted)
            event_base_loop(fixture_base, EVLOOP_ONCE);
        fixture_run();
        assert_int_equal(found, wanted);
        failed = alloc_failed();
        alloc_fail_never();
        fixture_free(node);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(none_may_succeed_from_some_point_on),
        cmocka_unit_test(who_follows_a_name_hears_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
