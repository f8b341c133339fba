/* Processes among themselves: mail, order, exits, links, monitors, aliases, timers, calls, suspension, limits. */
#include "node_fixture.h"

#include "base/clock.h"
#include "node/aliases.h"
#include "node/links.h"
#include "node/monitors.h"
#include "node/registry.h"

static void mail_is_handled_in_order_and_after_the_sender(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    fixture_tell(process, "{first, 1}");
    fixture_tell(process, "second");
    assert_int_equal(seen.count, 0);
    fixture_run();
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.texts[0], "{first,1}");
    assert_string_equal(seen.texts[1], "second");
    seen_clear(&seen);
    fixture_free(node);
    seen_clear(&seen);
}

static void a_pid_of_an_ended_process_is_nobodys(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen first, second;
    hm_process *process = fixture_process(node, &first);
    hm_pid old = process->pid;
    fixture_tell(process, "stop");
    fixture_run();
    assert_string_equal(first.ended, "normal");
    assert_null(process_lookup(node, old));
    hm_process *next = fixture_process(node, &second);
    assert_int_equal(next->pid.id, old.id); /* the slot is used again */
    assert_int_not_equal(next->pid.serial, old.serial);
    assert_null(process_lookup(node, old));
    hm_pid foreign = next->pid;
    foreign.creation++;
    assert_null(process_lookup(node, foreign));
    seen_clear(&first);
    fixture_free(node);
    seen_clear(&second);
}

static void a_broken_link_ends_the_other_unless_normal_or_trapped(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen, c_seen;
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen),
               *c = fixture_process(node, &c_seen);
    c->trap_exit = true;
    assert_int_equal(hm_link(a, b->pid), HM_OK);
    assert_int_equal(hm_link(a, c->pid), HM_OK);
    assert_int_equal(hm_link(a, c->pid), HM_OK); /* twice is once */
    fixture_tell(a, "{stop, boom}");
    fixture_run();
    assert_string_equal(a_seen.ended, "boom");
    assert_string_equal(b_seen.ended, "boom");
    assert_null(c_seen.ended);
    assert_int_equal(c_seen.count, 1);
    assert_string_equal(c_seen.texts[0], "{'EXIT',<n@host.1.0>,boom}");
    seen_clear(&a_seen);
    seen_clear(&b_seen);

    a = fixture_process(node, &a_seen);
    b = fixture_process(node, &b_seen);
    hm_link(a, b->pid);
    fixture_tell(a, "stop");
    fixture_run();
    assert_string_equal(a_seen.ended, "normal");
    assert_null(b_seen.ended);
    assert_true(LIST_EMPTY(&b->links));
    seen_clear(&a_seen);
    seen_clear(&c_seen);
    fixture_free(node);
    seen_clear(&b_seen);
    seen_clear(&c_seen);
}

static void unlink_and_links_to_nobody(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen;
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen);
    hm_link(a, b->pid);
    hm_unlink(b, a->pid);
    fixture_tell(a, "{stop, boom}");
    fixture_run();
    assert_null(b_seen.ended);
    hm_pid gone = {node->name, 77, 0, 7};
    b->trap_exit = true;
    hm_link(b, gone);
    fixture_run();
    assert_int_equal(b_seen.count, 1);
    assert_string_equal(b_seen.texts[0], "{'EXIT',<n@host.77.0>,noproc}");
    seen_clear(&a_seen);
    seen_clear(&b_seen);
    fixture_free(node);
    seen_clear(&b_seen);
}

static void exit_kill_cannot_be_trapped_but_a_links_kill_can(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen, c_seen;
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen),
               *c = fixture_process(node, &c_seen);
    b->trap_exit = c->trap_exit = true;
    hm_link(b, c->pid);
    hm_exit(a, b->pid, ATOM_TERM("kill"));
    fixture_run();
    assert_string_equal(b_seen.ended, "killed");
    assert_null(c_seen.ended);
    assert_string_equal(c_seen.texts[0], "{'EXIT',<n@host.2.0>,killed}");
    hm_link(a, c->pid);
    a->trap_exit = false;
    fixture_tell(c, "{stop, kill}");
    fixture_run();
    assert_string_equal(a_seen.ended, "kill");
    seen_clear(&a_seen);
    seen_clear(&b_seen);
    seen_clear(&c_seen);
    fixture_free(node);
}

static void exit_normal_ends_nobody_but_oneself(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen;
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen);
    hm_exit(a, b->pid, ATOM_TERM("normal"));
    fixture_run();
    assert_null(b_seen.ended);
    hm_exit(a, a->pid, ATOM_TERM("normal"));
    b->trap_exit = true;
    hm_exit(b, b->pid, ATOM_TERM("normal"));
    fixture_run();
    assert_string_equal(a_seen.ended, "normal");
    assert_null(b_seen.ended);
    assert_string_equal(b_seen.texts[0], "{'EXIT',<n@host.2.0>,normal}");
    seen_clear(&a_seen);
    seen_clear(&b_seen);
    fixture_free(node);
    seen_clear(&b_seen);
}

static void a_monitor_fires_once_with_the_reason(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen;
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen);
    hm_ref by_pid, by_name, given_up;
    assert_int_equal(hm_register(b, "bee"), HM_OK);
    assert_int_equal(hm_monitor(a, hm_to_pid(b->pid), &by_pid), HM_OK);
    assert_int_equal(hm_monitor(a, hm_to_name("bee", NULL), &by_name), HM_OK);
    assert_int_equal(hm_monitor(a, hm_to_pid(b->pid), &given_up), HM_OK);
    hm_demonitor(a, &given_up);
    fixture_tell(b, "{stop, {a, reason}}");
    fixture_run();
    assert_int_equal(a_seen.count, 2);
    assert_non_null(strstr(a_seen.texts[0], "process,{bee,n@host},{a,reason}}"));
    assert_non_null(strstr(a_seen.texts[1], "process,<n@host.2.0>,{a,reason}}"));
    seen_clear(&a_seen);
    seen_clear(&b_seen);
    hm_monitor(a, hm_to_name("bee", NULL), &by_name);
    fixture_run();
    assert_int_equal(a_seen.count, 1);
    assert_non_null(strstr(a_seen.texts[0], ",noproc}"));
    hm_monitor(a, hm_to_name("bee", NULL), &by_name);
    hm_demonitor(a, &by_name); /* flushes what lies in the mailbox */
    fixture_run();
    assert_int_equal(a_seen.count, 1);
    seen_clear(&a_seen);
    fixture_free(node);
    seen_clear(&a_seen);
}

static void names_belong_to_one_process(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen;
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen);
    assert_int_equal(hm_register(a, "x"), HM_OK);
    assert_int_equal(hm_register(b, "x"), HM_ETAKEN);
    assert_int_equal(hm_register(a, "y"), HM_ESTATE);
    assert_int_equal(hm_register(b, "undefined"), HM_ENAME);
    assert_int_equal(hm_register(b, ""), HM_ENAME);
    assert_true(hm_pid_equal(hm_whereis(node, "x"), a->pid));
    fixture_tell(a, "stop");
    fixture_run();
    assert_null(hm_whereis(node, "x").node);
    assert_int_equal(hm_register(b, "x"), HM_OK);
    assert_int_equal(hm_unregister(b), HM_OK);
    assert_int_equal(hm_unregister(b), HM_ENOENT);
    seen_clear(&a_seen);
    fixture_free(node);
    seen_clear(&b_seen);
}

static void aliases_reach_until_given_up(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen;
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen);
    hm_ref alias;
    assert_int_equal(hm_alias(a, &alias), HM_OK);
    hm_send_alias(b, &alias, ATOM_TERM("one"));
    fixture_run();
    assert_false(hm_unalias(b, &alias));
    assert_true(hm_unalias(a, &alias));
    assert_false(hm_unalias(a, &alias));
    hm_send_alias(b, &alias, ATOM_TERM("two"));
    fixture_run();
    assert_int_equal(a_seen.count, 1);
    seen_clear(&a_seen);
    fixture_free(node);
    seen_clear(&a_seen);
    seen_clear(&b_seen);
}

/* On a clock of its own, which is finer than the one that libevent waits on. */
static void timers_never_come_early(void **state) {
    (void)state;
    enum { TIMERS = 20 };
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    struct mono started[TIMERS];
    event_base_loop(fixture_base, EVLOOP_NONBLOCK);
    for (int i = 0; i < TIMERS; i++) {
        started[i] = mono_now();
        assert_int_equal(hm_send_after(process, i + 1, ATOM_TERM("tick"), NULL), HM_OK);
    }
    for (unsigned i = 0; i < TIMERS;) {
        event_base_loop(fixture_base, EVLOOP_ONCE);
        for (; i < seen.count; i++)
            assert_true(mono_ms_between(started[i], mono_now()) >= (int64_t)i + 1);
    }
    seen_clear(&seen);
    fixture_free(node);
    seen_clear(&seen);
}

static void timers_fire_once_and_can_be_taken_back(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    uint64_t kept, cancelled;
    assert_int_equal(hm_send_after(process, 0, ATOM_TERM("kept"), &kept), HM_OK);
    assert_int_equal(hm_send_after(process, 0, ATOM_TERM("cancelled"), &cancelled), HM_OK);
    assert_int_equal(hm_send_after(process, 100000, ATOM_TERM("later"), NULL), HM_OK);
    assert_true(hm_cancel_timer(process, cancelled));
    assert_false(hm_cancel_timer(process, cancelled));
    fixture_run();
    assert_false(hm_cancel_timer(process, kept));
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.texts[0], "kept");
    seen_clear(&seen);
    fixture_free(node);
    seen_clear(&seen);
}

static void a_suspended_process_keeps_its_mail_in_order(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    fixture_tell(process, "one");
    process_suspend(process);
    fixture_tell(process, "two");
    fixture_tell(process, "urgent");
    fixture_run();
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.texts[0], "urgent");
    fixture_tell(process, "three");
    process_resume(process);
    fixture_run();
    assert_int_equal(seen.count, 4);
    assert_string_equal(seen.texts[1], "one");
    assert_string_equal(seen.texts[2], "two");
    assert_string_equal(seen.texts[3], "three");
    seen_clear(&seen);
    fixture_free(node);
    seen_clear(&seen);
}

static void a_full_mailbox_drops_and_counts(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    for (int i = 0; i < 60; i++)
        fixture_tell(process, "x");
    assert_int_equal(node->counters.mailbox_drops, 10);
    hm_process *other = fixture_process(node, &(struct seen){0});
    process_deliver_exit(process, other->pid, ATOM_TERM("out"), false); /* signals always arrive */
    other->state = &seen;
    process_abandon(other);
    fixture_run();
    assert_int_equal(seen.count, 50);
    assert_string_equal(seen.ended, "out");
    seen_clear(&seen);
    fixture_free(node);
}

/* ---- hm_call, against a raw process that answers by hand ---- */

static enum hm_verdict answer_receive(hm_process *self, hm_term message) {
    hm_term call[3], from[2], request;
    assert_true(hm_tuple_elements(message, 3, call));
    request = call[2];
    assert_true(hm_tuple_elements(call[1], 2, from));
    if (hm_is_atom(request, "silence"))
        return HM_CONTINUE;
    if (hm_is_atom(request, "die"))
        return HM_STOP;
    hm_pid pid;
    assert_true(pid_decode(self->node->names, from[0], &pid));
    hm_build *build = hm_build_new();
    hm_put_tuple(build, 2);
    hm_put_term(build, from[1]);
    hm_put_term(build, request);
    /* To the pid, as a node without aliases does; the caller must know it all the same. */
    hm_send(self, hm_to_pid(pid), hm_build_term(build));
    hm_build_free(build);
    return HM_CONTINUE;
}

static const struct process_class answer_class = {.module = "answer", .receive = answer_receive};

struct outcome_seen {
    int calls, error;
    char *term;
};

static enum hm_verdict on_outcome(hm_process *self, void *arg, int error, hm_term reply) {
    struct outcome_seen *seen = arg;
    assert_non_null(self);
    seen->calls++;
    seen->error = error;
    free(seen->term);
    seen->term = reply.size ? print_term(reply) : NULL;
    return HM_CONTINUE;
}

static void calls_end_in_every_way_exactly_once(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    struct outcome_seen outcome = {0};
    hm_process *caller = fixture_process(node, &seen), *server;
    assert_int_equal(process_spawn(node, &answer_class, &server), HM_OK);
    hm_register(server, "answer");

    hm_call(caller, hm_to_name("answer", NULL), ATOM_TERM("hello"), 5000, on_outcome, &outcome);
    fixture_run();
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.error, HM_OK);
    assert_string_equal(outcome.term, "hello");

    hm_call(caller, hm_to_name("nobody", NULL), ATOM_TERM("hello"), 5000, on_outcome, &outcome);
    fixture_run();
    assert_int_equal(outcome.calls, 2);
    assert_int_equal(outcome.error, HM_ENOPROC);

    hm_call(caller, hm_to_pid(server->pid), ATOM_TERM("silence"), 0, on_outcome, &outcome);
    fixture_run();
    assert_int_equal(outcome.calls, 3);
    assert_int_equal(outcome.error, HM_ETIMEOUT);

    hm_call(caller, hm_to_pid(server->pid), ATOM_TERM("die"), -1, on_outcome, &outcome);
    fixture_run();
    assert_int_equal(outcome.calls, 4);
    assert_int_equal(outcome.error, HM_EEXIT);
    assert_string_equal(outcome.term, "normal");

    assert_true(LIST_EMPTY(&caller->calls));
    assert_true(LIST_EMPTY(&caller->timers));
    assert_int_equal(seen.count, 0); /* nothing leaked into the mailbox */
    free(outcome.term);
    fixture_free(node);
    seen_clear(&seen);
}

static void a_caller_that_ends_forgets_its_calls(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    struct outcome_seen outcome = {0};
    hm_process *caller = fixture_process(node, &seen), *server;
    assert_int_equal(process_spawn(node, &answer_class, &server), HM_OK);
    hm_call(caller, hm_to_pid(server->pid), ATOM_TERM("silence"), 100000, on_outcome, &outcome);
    fixture_tell(caller, "stop");
    fixture_run();
    assert_int_equal(outcome.calls, 0);
    seen_clear(&seen);
    fixture_free(node);
}

/* hm_build_term of a builder that failed has size 0, and programs send it without asking hm_build_error. */
static void a_term_of_no_size_is_not_sent(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    hm_term none = {0};
    hm_ref alias;
    assert_int_equal(hm_alias(process, &alias), HM_OK);
    assert_int_equal(hm_send(process, hm_to_pid(process->pid), none), HM_EINVAL);
    assert_int_equal(hm_send_many(process, &process->pid, 1, none), HM_EINVAL);
    assert_int_equal(hm_send_alias(process, &alias, none), HM_EINVAL);
    assert_int_equal(hm_cast(process, hm_to_pid(process->pid), none), HM_EINVAL);
    assert_int_equal(hm_send_after(process, 0, none, NULL), HM_EINVAL);
    assert_int_equal(hm_exit(process, process->pid, none), HM_EINVAL);
    fixture_run();
    assert_int_equal(seen.count, 0);
    assert_null(seen.ended);
    fixture_free(node);
    seen_clear(&seen);
}

static void what_leads_nowhere_is_a_bad_argument(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    hm_term word = ATOM_TERM("word");
    assert_int_equal(hm_send(process, hm_to_pid(HM_NO_PID), word), HM_EINVAL);
    assert_int_equal(hm_send_alias(process, &(hm_ref){0}, word), HM_EINVAL);
    assert_int_equal(hm_exit(process, HM_NO_PID, word), HM_EINVAL);
    assert_int_equal(hm_link(process, HM_NO_PID), HM_EINVAL);
    assert_int_equal(hm_unlink(process, HM_NO_PID), HM_EINVAL);
    assert_int_equal(hm_monitor(process, hm_to_pid(HM_NO_PID), NULL), HM_EINVAL);
    fixture_free(node);
    seen_clear(&seen);
}

static void count_link(void *arg, hm_pid other) {
    (void)other;
    ++*(int *)arg;
}

/* Too much waits for a connection that is being made: the caller is told, so no exit of a link may come later. */
static void a_link_that_could_not_be_told_is_none(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    hm_pid far = {names_intern(node->names, "far@host", 8), 1, 0, 9}, other = {far.node, 2, 0, 9};
    node->dist.output_high = 0;
    assert_int_equal(hm_link(process, far), HM_OK); /* what waits first is taken */
    assert_int_equal(hm_link(process, other), HM_ELIMIT);
    int links = 0;
    links_each(process, count_link, &links);
    assert_int_equal(links, 1);
    fixture_free(node);
    seen_clear(&seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_is_handled_in_order_and_after_the_sender),
        cmocka_unit_test(a_pid_of_an_ended_process_is_nobodys),
        cmocka_unit_test(a_broken_link_ends_the_other_unless_normal_or_trapped),
        cmocka_unit_test(unlink_and_links_to_nobody),
        cmocka_unit_test(exit_kill_cannot_be_trapped_but_a_links_kill_can),
        cmocka_unit_test(exit_normal_ends_nobody_but_oneself),
        cmocka_unit_test(a_monitor_fires_once_with_the_reason),
        cmocka_unit_test(names_belong_to_one_process),
        cmocka_unit_test(aliases_reach_until_given_up),
        cmocka_unit_test(timers_never_come_early),
        cmocka_unit_test(timers_fire_once_and_can_be_taken_back),
        cmocka_unit_test(a_suspended_process_keeps_its_mail_in_order),
        cmocka_unit_test(a_full_mailbox_drops_and_counts),
        cmocka_unit_test(calls_end_in_every_way_exactly_once),
        cmocka_unit_test(a_caller_that_ends_forgets_its_calls),
        cmocka_unit_test(a_term_of_no_size_is_not_sent),
        cmocka_unit_test(what_leads_nowhere_is_a_bad_argument),
        cmocka_unit_test(a_link_that_could_not_be_told_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
