/* Servers in C: every slot, every way to answer, every way to end. */
#include "otp_fixture.h"

struct counter {
    int64_t value;
    unsigned nexts, timeouts, terminated;
    hm_from *held;
    char reason[128];
    char trace[256]; /* one letter for each slot that ran */
};

static void note(struct counter *counter, char what) {
    size_t used = strlen(counter->trace);
    assert_true(used + 1 < sizeof counter->trace);
    counter->trace[used] = what;
}

static int on_init(hm_process *self, void *argument) {
    struct counter *counter = argument;
    hm_set_data(self, counter);
    note(counter, 'i');
    if (counter->value == -1)
        return HM_EINVAL;
    if (counter->value == -2)
        return (int)hm_stop(self, "normal");
    if (counter->value == -3) {
        hm_continue(self);
        hm_cast(self, hm_to_pid(hm_self(self)), (hm_term){(const unsigned char *)"a\1", 2});
    }
    return HM_OK;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct counter *counter = hm_data(self);
    hm_term what, answer;
    int64_t number;
    note(counter, 'c');
    if (hm_match(request, "{bump, ~i}", &number))
        return hm_reply(self, from, "{ok, ~i}", counter->value += number);
    if (hm_match(request, "{echo, ~t}", &what))
        return hm_reply_term(self, from, what);
    if (hm_is_atom(request, "hold")) {
        counter->held = hm_from_keep(from);
        return HM_CONTINUE;
    }
    if (hm_match(request, "{release, ~t}", &what)) {
        hm_reply_term(self, counter->held, what);
        hm_from_free(counter->held);
        counter->held = NULL;
        return hm_reply(self, from, "ok");
    }
    if (hm_match(request, "{stop, ~t, ~t}", &what, &answer)) {
        hm_reply_term(self, from, answer);
        return hm_stop(self, "~t", what);
    }
    if (hm_match(request, "{timeout, ~i}", &number)) {
        hm_set_timeout(self, number);
        return hm_reply(self, from, "ok");
    }
    if (hm_match(request, "{next, ~i}", &number)) {
        counter->value = number;
        hm_continue(self);
        return hm_reply(self, from, "ok");
    }
    return HM_UNKNOWN;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct counter *counter = hm_data(self);
    hm_term reason;
    note(counter, 'a');
    if (hm_match(message, "{stop, ~t}", &reason))
        return hm_stop(self, "~t", reason);
    if (hm_is_atom(message, "just_stop"))
        return HM_STOP;
    return hm_get_int64(message, &counter->value) ? HM_CONTINUE : HM_UNKNOWN;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    note(hm_data(self), 'm');
    return hm_is_atom(message, "known") ? HM_CONTINUE : HM_UNKNOWN;
}

static enum hm_verdict on_next(hm_process *self) {
    struct counter *counter = hm_data(self);
    note(counter, 'n');
    counter->nexts++;
    if (--counter->value > 0)
        hm_continue(self);
    return counter->value == -100 ? hm_stop(self, "enough") : HM_CONTINUE;
}

static enum hm_verdict on_timeout(hm_process *self) {
    struct counter *counter = hm_data(self);
    note(counter, 't');
    counter->timeouts++;
    return HM_CONTINUE;
}

static void on_terminate(hm_process *self, hm_term reason) {
    struct counter *counter = hm_data(self);
    char *text = print_term(reason);
    note(counter, 'x');
    counter->terminated++;
    snprintf(counter->reason, sizeof counter->reason, "%s", text);
    free(text);
    hm_from_free(counter->held);
    counter->held = NULL;
}

static const struct hm_server_class counter_class = {.module = "counter",
                                                     .init = on_init,
                                                     .call = on_call,
                                                     .cast = on_cast,
                                                     .info = on_info,
                                                     .next = on_next,
                                                     .timeout = on_timeout,
                                                     .terminate = on_terminate};

static const struct hm_server_class empty_class = {.module = "empty"};

/* Lives as long as the fixture: terminate still writes into it. */
static struct counter *make_counter(struct fixture *fixture, int64_t value) {
    struct counter *counter = fixture_own(fixture, sizeof *counter);
    counter->value = value;
    return counter;
}

static struct hm_address start(struct fixture *fixture, struct counter *counter, const struct hm_start *how) {
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &counter_class, how, counter, &pid), HM_OK);
    return hm_to_pid(pid);
}

static bool alive(struct fixture *fixture, struct hm_address server) {
    return hm_is_alive(fixture->node, server.pid);
}

/* ---- answers ---- */

static void a_call_is_answered_with_its_tag(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    fixture_call(fixture, server, "{bump, 5}");
    expect_text(fixture, "{t,{ok,5}}");
    fixture_call(fixture, server, "{echo, [a | b]}");
    expect_text(fixture, "{t,[a|b]}");
    fixture_send(fixture, server, "{'$gen_call', {~p, [x, {y}]}, {bump, 1}}", fixture->probe.process->pid);
    expect_text(fixture, "{[x,{y}],{ok,6}}");
}

static void alias_tags_are_answered_through_the_alias(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    hm_process *probe = fixture->probe.process;
    hm_ref alias;
    assert_int_equal(hm_alias(probe, &alias), HM_OK);
    /* A pid that is nobody's: only the alias leads back. */
    hm_pid nobody = probe->pid;
    nobody.serial += 1000;
    fixture_send(fixture, server, "{'$gen_call', {~p, [alias | ~r]}, {bump, 1}}", nobody, &alias);
    assert_int_equal(fixture->probe.count, 1);
    hm_term answer;
    assert_true(hm_match(fixture->probe.terms[0], "{[alias | _], ~t}", &answer));
    probe_clear(&fixture->probe);
    fixture_send(fixture, server, "{'$gen_call', {~p, [[alias | ~r] | x]}, {bump, 1}}", nobody, &alias);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{[[alias | _] | x], {ok, 2}}"));
    probe_clear(&fixture->probe);
    /* The caller gave up: the answer vanishes. */
    assert_true(hm_unalias(probe, &alias));
    fixture_send(fixture, server, "{'$gen_call', {~p, [alias | ~r]}, {bump, 1}}", probe->pid, &alias);
    expect_nothing(fixture);
    assert_int_equal(counter->value, 3);
}

static void an_answer_may_come_later(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    fixture_call(fixture, server, "hold");
    expect_nothing(fixture);
    fixture_send(fixture, server, "{'$gen_call', {~p, second}, {release, late}}",
                 fixture->probe.process->pid);
    assert_int_equal(fixture->probe.count, 2);
    assert_string_equal(fixture->probe.texts[0], "{t,late}");
    assert_string_equal(fixture->probe.texts[1], "{second,ok}");
}

static void a_large_answer_is_whole(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    enum { SIZE = 300000 };
    unsigned char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 31 >> 3);
    fixture_call(fixture, server, "{echo, ~b}", bytes, (size_t)SIZE);
    hm_term answer;
    const void *at;
    size_t size;
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{t, ~t}", &answer));
    assert_true(hm_get_binary(answer, &at, &size));
    assert_int_equal(size, SIZE);
    assert_memory_equal(at, bytes, SIZE);
    free(bytes);
}

static void what_is_not_known_is_said(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_start how = {.name = "counting"};
    struct hm_address server = start(fixture, counter, &how);
    fixture_call(fixture, server, "{what, 1}");
    expect_text(fixture, "{t,{error,unknown_call}}");
    assert_int_equal(fixture->warnings, 1);
    assert_non_null(strstr(fixture->log, "server.unknown counting does not know the call {what,1}"));
    fixture_send(fixture, server, "{'$gen_cast', what}");
    assert_non_null(strstr(fixture->log, "server.unknown counting does not know the cast what"));
    fixture_send(fixture, server, "plain");
    assert_non_null(strstr(fixture->log, "server.unknown counting does not know the message plain"));
    expect_nothing(fixture);
    assert_int_equal(fixture->warnings, 1);
    assert_true(alive(fixture, server));
}

static void a_request_of_nobody_is_a_message(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    fixture_send(fixture, server, "{'$gen_call', nobody, {bump, 1}}");
    fixture_send(fixture, server, "{system, {a, b, c}, get_state}");
    assert_int_equal(fixture->warnings, 2);
    assert_string_equal(counter->trace, "imm");
    fixture_call(fixture, server, "{bump, 1}");
    expect_text(fixture, "{t,{ok,1}}");
}

static void a_class_without_slots_is_a_server(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &empty_class, NULL, NULL, &pid), HM_OK);
    struct hm_address server = hm_to_pid(pid);
    fixture_call(fixture, server, "x");
    expect_text(fixture, "{t,{error,unknown_call}}");
    fixture_send(fixture, server, "{'$gen_cast', x}");
    fixture_send(fixture, server, "x");
    fixture_system(fixture, server, "get_state");
    expect_text(fixture, "{t,{ok,undefined}}");
    fixture_system(fixture, server, "{terminate, normal}");
    expect_text(fixture, "{t,ok}");
    assert_false(alive(fixture, server));
}

/* ---- next and timeout ---- */

static void next_runs_before_any_message(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    hm_process *probe = fixture->probe.process;
    hm_sendf(probe, server, "{'$gen_call', {~p, t}, {next, 3}}", probe->pid);
    hm_sendf(probe, server, "known");
    fixture_run(fixture);
    assert_string_equal(counter->trace, "icnnnm");
    assert_int_equal(counter->nexts, 3);
}

static void next_can_be_asked_for_in_init(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, -3);
    struct hm_address server = start(fixture, counter, NULL);
    assert_string_equal(counter->trace, "i"); /* not on the stack of the starter */
    fixture_run(fixture);
    assert_string_equal(counter->trace, "ina"); /* the cast was sent in init, and next comes first */
    assert_true(alive(fixture, server));
}

static void next_can_stop(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    fixture_call(fixture, server, "{next, -99}");
    assert_false(alive(fixture, server));
    assert_string_equal(counter->reason, "enough");
}

static void a_timeout_comes_when_nothing_else_does(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    fixture_call(fixture, server, "{timeout, 0}");
    assert_string_equal(counter->trace, "ict");
    /* Any message cancels it, even one that came after the timer fired and before it was handled. */
    probe_clear(&fixture->probe);
    hm_process *probe = fixture->probe.process;
    hm_sendf(probe, server, "{'$gen_call', {~p, t}, {timeout, 0}}", probe->pid);
    hm_sendf(probe, server, "known");
    fixture_run(fixture);
    assert_string_equal(counter->trace, "ictcm");
    fixture_call(fixture, server, "{timeout, 3600000}");
    fixture_call(fixture, server, "{timeout, -1}");
    hm_process *process = process_lookup(fixture->node, server.pid);
    assert_true(LIST_EMPTY(&process->timers));
}

static void a_system_message_leaves_the_timeout_alone(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    fixture_call(fixture, server, "{timeout, 3600000}");
    fixture_system(fixture, server, "get_state");
    hm_process *process = process_lookup(fixture->node, server.pid);
    assert_false(LIST_EMPTY(&process->timers));
    fixture_send(fixture, server, "known");
    assert_true(LIST_EMPTY(&process->timers));
}

/* ---- ends ---- */

static void stop_tells_its_reason(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    assert_int_equal(hm_monitor(fixture->probe.process, server, NULL), HM_OK);
    fixture_call(fixture, server, "{stop, {my, \"reason\"}, bye}");
    assert_false(alive(fixture, server));
    assert_int_equal(fixture->probe.count, 2);
    assert_string_equal(fixture->probe.texts[0], "{t,bye}");
    assert_true(hm_match(fixture->probe.terms[1], "{'DOWN', _, process, _, {my, \"reason\"}}"));
    assert_int_equal(counter->terminated, 1);
    assert_string_equal(counter->reason, "{my,<<\"reason\">>}");
    assert_non_null(strstr(fixture->log, "server.exit"));
}

static void a_stop_without_reason_is_normal_and_quiet(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_address server = start(fixture, counter, NULL);
    fixture_send(fixture, server, "{'$gen_cast', just_stop}");
    assert_false(alive(fixture, server));
    assert_string_equal(counter->reason, "normal");
    assert_null(strstr(fixture->log, "server.exit"));
}

static void a_killed_server_terminates_once(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_start how = {.trap_exit = true};
    struct hm_address server = start(fixture, counter, &how);
    assert_int_equal(hm_exit(fixture->probe.process, server.pid, ATOM_TERM("kill")), HM_OK);
    fixture_run(fixture);
    assert_false(alive(fixture, server));
    assert_int_equal(counter->terminated, 1);
    assert_string_equal(counter->reason, "killed");
    assert_int_equal(fixture->warnings, 0);
}

static void the_end_of_the_parent_is_the_end(void **state) {
    struct fixture *fixture = *state;
    struct counter *parent = make_counter(fixture, 0), *child = make_counter(fixture, 0);
    struct hm_address starter = start(fixture, parent, NULL);
    struct hm_start how = {.link = starter.pid, .trap_exit = true};
    struct hm_address server = start(fixture, child, &how);
    fixture_send(fixture, starter, "{'$gen_cast', {stop, {shutdown, parent}}}");
    assert_false(alive(fixture, server));
    assert_string_equal(child->reason, "{shutdown,parent}");
    assert_string_equal(child->trace, "ix"); /* its info never sees it */
}

static void the_end_of_the_parent_is_the_end_of_a_suspended_one(void **state) {
    struct fixture *fixture = *state;
    struct counter *parent = make_counter(fixture, 0), *child = make_counter(fixture, 0);
    struct hm_address starter = start(fixture, parent, NULL);
    struct hm_start how = {.link = starter.pid, .trap_exit = true};
    struct hm_address server = start(fixture, child, &how);
    fixture_system(fixture, server, "suspend");
    fixture_send(fixture, starter, "{'$gen_cast', {stop, {shutdown, parent}}}");
    assert_false(alive(fixture, server));
    assert_int_equal(child->terminated, 1);
}

static void another_exit_is_a_message_when_trapped(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_start how = {.trap_exit = true};
    struct hm_address server = start(fixture, counter, &how);
    assert_int_equal(hm_exit(fixture->probe.process, server.pid, ATOM_TERM("please")), HM_OK);
    fixture_run(fixture);
    assert_true(alive(fixture, server));
    assert_string_equal(counter->trace, "im");
}

/* ---- starts ---- */

static void a_failed_init_leaves_nothing(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, -1);
    struct hm_start how = {.name = "counting", .link = fixture->probe.process->pid};
    uint32_t before = fixture->node->process_count;
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &counter_class, &how, counter, &pid), HM_EINVAL);
    fixture_run(fixture);
    assert_int_equal(fixture->node->process_count, before);
    assert_int_equal(counter->terminated, 0);
    assert_null(hm_whereis(fixture->node, "counting").node);
    assert_true(LIST_EMPTY(&fixture->probe.process->links));
    counter->value = -2; /* hm_stop is no way to fail */
    assert_int_equal(hm_server_start(fixture->node, &counter_class, &how, counter, &pid), HM_EINVAL);
    assert_non_null(strstr(fixture->log, "server.init"));
    assert_int_equal(fixture->node->process_count, before);
}

static void a_name_is_taken_once(void **state) {
    struct fixture *fixture = *state;
    struct counter *counter = make_counter(fixture, 0);
    struct hm_start how = {.name = "counting"};
    struct hm_address server = start(fixture, counter, &how);
    assert_int_equal(hm_server_start(fixture->node, &counter_class, &how, counter, NULL), HM_ETAKEN);
    how.name = "undefined";
    assert_int_equal(hm_server_start(fixture->node, &counter_class, &how, counter, NULL), HM_ENAME);
    assert_int_equal(hm_server_start(fixture->node, NULL, NULL, NULL, NULL), HM_EINVAL);
    assert_true(hm_pid_equal(hm_whereis(fixture->node, "counting"), server.pid));
    fixture_call(fixture, hm_to_name("counting", NULL), "{bump, 1}");
    expect_text(fixture, "{t,{ok,1}}");
    fixture_send(fixture, server, "{'$gen_cast', just_stop}");
    start(fixture, counter, &(struct hm_start){.name = "counting"});
}

static void an_idle_server_is_small(void **state) {
    (void)state;
    assert_true(sizeof(struct hm_process) + sizeof(struct gen_server) <=
                448); /* malloc's heads, and a slot */
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_answered_with_its_tag),
        TEST(alias_tags_are_answered_through_the_alias),
        TEST(an_answer_may_come_later),
        TEST(a_large_answer_is_whole),
        TEST(what_is_not_known_is_said),
        TEST(a_request_of_nobody_is_a_message),
        TEST(a_class_without_slots_is_a_server),
        TEST(next_runs_before_any_message),
        TEST(next_can_be_asked_for_in_init),
        TEST(next_can_stop),
        TEST(a_timeout_comes_when_nothing_else_does),
        TEST(a_system_message_leaves_the_timeout_alone),
        TEST(stop_tells_its_reason),
        TEST(a_stop_without_reason_is_normal_and_quiet),
        TEST(a_killed_server_terminates_once),
        TEST(the_end_of_the_parent_is_the_end),
        TEST(the_end_of_the_parent_is_the_end_of_a_suspended_one),
        TEST(another_exit_is_a_message_when_trapped),
        TEST(a_failed_init_leaves_nothing),
        TEST(a_name_is_taken_once),
        TEST(an_idle_server_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
