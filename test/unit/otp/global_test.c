/* Global names and locks on one node: <hermod/global.h>, the functions of the module global, and global's own processes. */
#include "unit/otp/otp_fixture.h"

#include "etf/ids.h"
#include "otp/global.h"
#include "otp/global_member.h"
#include "otp/mfa.h"
#include <hermod/global.h>

static hm_address name_server(void) {
    return hm_to_name("global_name_server", NULL);
}

/* ---- processes that have names and want locks ---- */

struct outcome {
    int count, error;
};

static enum hm_verdict on_done(hm_process *self, void *arg, int error) {
    struct outcome *outcome = arg;
    outcome->count++;
    outcome->error = error;
    return HM_CONTINUE;
}

static const struct hm_server_class plain_class = {.module = "plain"};

static hm_process *start_plain(struct fixture *fixture) {
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &plain_class, NULL, NULL, &pid), HM_OK);
    return process_lookup(fixture->node, pid);
}

static hm_term atom(const char *text) {
    static unsigned char room[4][HM_ATOM_ROOM];
    static unsigned next;
    return hm_atom_in(room[next++ % 4], text);
}

static int do_register(struct fixture *fixture, const char *name, hm_pid pid) {
    struct outcome outcome = {0};
    assert_int_equal(hm_global_register(fixture->probe.process, atom(name), pid, HM_GLOBAL_RANDOM_EXIT, on_done, &outcome),
                     HM_OK);
    assert_int_equal(outcome.count, 0); /* never on this stack */
    fixture_run(fixture);
    assert_int_equal(outcome.count, 1);
    return outcome.error;
}

static void expect_names(struct fixture *fixture, const char *text) {
    hm_build *build = hm_build_new();
    hm_global_put_registered_names(fixture->node, build);
    char *printed = print_term(hm_build_term(build));
    assert_string_equal(printed, text);
    free(printed);
    hm_build_free(build);
}

static void a_name_leads_to_its_process(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = fixture->probe.process->pid;
    assert_int_equal(do_register(fixture, "chat", pid), HM_OK);
    assert_true(hm_pid_equal(hm_global_whereis(fixture->node, atom("chat")), pid));
    expect_names(fixture, "[chat]");
    assert_int_equal(hm_global_send(fixture->probe.process, atom("chat"), atom("hello")), HM_OK);
    fixture_run(fixture);
    expect_text(fixture, "hello");
    assert_int_equal(hm_send(fixture->probe.process, hm_to_global(fixture->node, atom("chat")), atom("again")), HM_OK);
    fixture_run(fixture);
    expect_text(fixture, "again");
}

static void nobody_has_an_unknown_name(void **state) {
    struct fixture *fixture = *state;
    assert_null(hm_global_whereis(fixture->node, atom("nobody")).node);
    assert_int_equal(hm_global_send(fixture->probe.process, atom("nobody"), atom("x")), HM_ENOENT);
    fixture_send(fixture, hm_to_global(fixture->node, atom("nobody")), "lost");
    expect_nothing(fixture);
    hm_ref ref;
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_global(fixture->node, atom("nobody")), &ref), HM_OK);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{'DOWN', _, process, _, noproc}"));
}

static void a_name_and_a_process_are_taken_once(void **state) {
    struct fixture *fixture = *state;
    hm_process *other = start_plain(fixture);
    hm_pid pid = fixture->probe.process->pid;
    assert_int_equal(do_register(fixture, "chat", pid), HM_OK);
    assert_int_equal(do_register(fixture, "chat", other->pid), HM_ETAKEN);
    assert_int_equal(do_register(fixture, "second name", pid), HM_ETAKEN);
    expect_names(fixture, "[chat]");
    struct outcome outcome = {0};
    assert_int_equal(hm_global_re_register(other, atom("chat"), other->pid, HM_GLOBAL_NOTIFY_ALL, on_done, &outcome), HM_OK);
    fixture_run(fixture);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.error, HM_OK);
    assert_true(hm_pid_equal(hm_global_whereis(fixture->node, atom("chat")), other->pid));
}

static void a_name_ends_with_its_process_or_when_it_is_unregistered(void **state) {
    struct fixture *fixture = *state;
    hm_process *other = start_plain(fixture);
    struct outcome outcome = {0};
    assert_int_equal(do_register(fixture, "a", other->pid), HM_OK);
    process_exit(other, ATOM_TERM("normal"));
    assert_null(hm_global_whereis(fixture->node, atom("a")).node);
    fixture_run(fixture);
    expect_names(fixture, "[]");
    assert_int_equal(do_register(fixture, "b", fixture->probe.process->pid), HM_OK);
    for (int i = 1; i <= 2; i++) { /* the second time nobody has it */
        assert_int_equal(hm_global_unregister(fixture->probe.process, atom("b"), on_done, &outcome), HM_OK);
        fixture_run(fixture);
        assert_int_equal(outcome.count, i);
        assert_int_equal(outcome.error, HM_OK);
    }
    expect_names(fixture, "[]");
    assert_int_equal(global_member_count(global_member_of(fixture->node)).holders, 0);
}

static void nonsense_is_refused_at_once(void **state) {
    struct fixture *fixture = *state;
    hm_process *self = fixture->probe.process;
    struct hm_global_lock lock = {.resource = atom("r")};
    assert_int_equal(hm_global_register(self, (hm_term){0}, self->pid, HM_GLOBAL_RANDOM_EXIT, NULL, NULL), HM_EINVAL);
    assert_int_equal(hm_global_register(self, atom("a"), HM_NO_PID, HM_GLOBAL_RANDOM_EXIT, NULL, NULL), HM_EINVAL);
    assert_int_equal(hm_global_unregister(self, (hm_term){0}, NULL, NULL), HM_EINVAL);
    assert_int_equal(hm_global_set_lock(self, &lock, 0, NULL, NULL), HM_EINVAL);
    unsigned char room[HM_ATOM_ROOM];
    char long_name[300];
    memset(long_name, 'a', sizeof long_name);
    long_name[299] = 0;
    assert_int_equal(hm_atom_in(room, long_name).size, 0);
}

/* ---- locks ---- */

static int set_lock(struct fixture *fixture, hm_process *process, const char *requester, int retries) {
    struct outcome outcome = {0};
    struct hm_global_lock lock = {.resource = atom("r"), .requester = atom(requester)};
    assert_int_equal(hm_global_set_lock(process, &lock, retries, on_done, &outcome), HM_OK);
    fixture_run(fixture);
    assert_int_equal(outcome.count, 1);
    return outcome.error;
}

static void a_lock_is_for_one_requester(void **state) {
    struct fixture *fixture = *state;
    hm_process *one = start_plain(fixture), *other = start_plain(fixture);
    assert_int_equal(set_lock(fixture, one, "a", 0), HM_OK);
    assert_int_equal(set_lock(fixture, one, "a", 0), HM_OK);
    assert_int_equal(set_lock(fixture, other, "a", 0), HM_OK);
    assert_int_equal(set_lock(fixture, other, "b", 0), HM_ETAKEN);
    assert_int_equal(global_member_count(global_member_of(fixture->node)).holders, 2);
    struct outcome outcome = {0};
    struct hm_global_lock lock = {.resource = atom("r"), .requester = atom("a")};
    assert_int_equal(hm_global_del_lock(one, &lock, on_done, &outcome), HM_OK);
    fixture_run(fixture);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(set_lock(fixture, one, "b", 0), HM_ETAKEN);
    process_exit(other, ATOM_TERM("normal")); /* the last holder */
    fixture_run(fixture);
    assert_int_equal(set_lock(fixture, one, "b", 0), HM_OK);
}

/* Waits in its own time; it lets go when the process ends meanwhile, and nothing is lost. */
static void who_waits_for_a_lock_may_end(void **state) {
    struct fixture *fixture = *state;
    hm_process *one = start_plain(fixture), *other = start_plain(fixture);
    struct outcome outcome = {0};
    struct hm_global_lock lock = {.resource = atom("r"), .requester = atom("b")};
    assert_int_equal(set_lock(fixture, one, "a", 0), HM_OK);
    assert_int_equal(hm_global_set_lock(other, &lock, -1, on_done, &outcome), HM_OK);
    fixture_run(fixture);
    process_exit(other, ATOM_TERM("normal"));
    fixture_run(fixture);
    assert_int_equal(outcome.count, 0);
    assert_int_equal(global_member_count(global_member_of(fixture->node)).holders, 1);
}

static void a_lock_that_is_waited_for_comes(void **state) {
    struct fixture *fixture = *state;
    hm_process *one = start_plain(fixture), *other = start_plain(fixture);
    struct outcome outcome = {0};
    struct hm_global_lock lock = {.resource = atom("r"), .requester = atom("b")};
    assert_int_equal(set_lock(fixture, one, "a", 0), HM_OK);
    assert_int_equal(hm_global_set_lock(other, &lock, -1, on_done, &outcome), HM_OK);
    fixture_run(fixture);
    process_exit(one, ATOM_TERM("normal"));
    while (outcome.count == 0) /* a random pause of at most a quarter of a second */
        event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_int_equal(outcome.error, HM_OK);
}

/* While the lock `global' is set names may be changing: {whereis, ...} is answered afterwards. */
static void whereis_waits_for_the_lock(void **state) {
    struct fixture *fixture = *state;
    hm_pid me = fixture->probe.process->pid;
    fixture_call(fixture, name_server(), "{set_lock, {global, x}}");
    expect_text(fixture, "{t,true}");
    fixture_send(fixture, name_server(), "{whereis, a, {~p, ref}}", me);
    expect_nothing(fixture);
    fixture_call(fixture, name_server(), "{register, a, ~p, method}", me);
    expect_text(fixture, "{t,yes}");
    fixture_call(fixture, name_server(), "{del_lock, {global, x}}");
    assert_int_equal(fixture->probe.count, 2);
    assert_true(hm_match(fixture->probe.terms[0], "{ref, _}") || hm_match(fixture->probe.terms[1], "{ref, _}"));
    assert_true(strstr(fixture->probe.texts[0], "undefined") == NULL);
}

/* The lock went with its holder: what he still sends is late. */
static void a_registration_without_the_lock_does_not_last(void **state) {
    struct fixture *fixture = *state;
    hm_process *other = start_plain(fixture);
    hm_pid me = fixture->probe.process->pid;
    assert_int_equal(hm_sendf(other, name_server(), "{'$gen_call', {~p, t}, {set_lock, {global, x}}}", other->pid), HM_OK);
    fixture_run(fixture);
    fixture_call(fixture, name_server(), "{register, a, ~p, method}", me);
    expect_text(fixture, "{t,yes}");
    assert_null(hm_global_whereis(fixture->node, atom("a")).node);
    process_exit(other, ATOM_TERM("normal"));
    fixture_run(fixture);
    fixture_call(fixture, name_server(), "{register, a, ~p, method}", me);
    expect_text(fixture, "{t,yes}");
    assert_null(hm_global_whereis(fixture->node, atom("a")).node);
}

/* ---- functions ---- */

static void expect_apply(struct fixture *fixture, const char *text, const char *function, const char *pattern, ...) {
    hm_build *arguments = hm_build_new(), *result = hm_build_new();
    va_list list;
    va_start(list, pattern);
    hm_put_vformat(arguments, pattern, list);
    va_end(list);
    enum mfa_outcome outcome = mfa_apply(fixture->probe.process, atom("global"), atom(function),
                                         hm_build_term(arguments), result, NULL);
    static const char *const OUTCOMES[] = {"value", "error", "exit", "throw", "later"};
    char *printed = print_term(hm_build_term(result)), line[600];
    snprintf(line, sizeof line, "%s %s", OUTCOMES[outcome], printed);
    if (!strstr(line, text))
        print_error("%s\n", line);
    assert_non_null(strstr(line, text));
    free(printed);
    hm_build_free(arguments);
    hm_build_free(result);
}

static void functions_answer_other_nodes(void **state) {
    struct fixture *fixture = *state;
    hm_pid me = fixture->probe.process->pid;
    expect_apply(fixture, "value undefined", "whereis_name", "[a]");
    expect_apply(fixture, "exit {badarg,{a,hello}}", "send", "[a, hello]");
    assert_int_equal(do_register(fixture, "a", me), HM_OK);
    expect_apply(fixture, "value <n@host", "whereis_name", "[a]");
    expect_apply(fixture, "value [a]", "registered_names", "[]");
    expect_apply(fixture, "value <n@host", "send", "[a, hello]");
    fixture_run(fixture);
    expect_text(fixture, "hello");
    expect_apply(fixture, "value {state,{conf,true,true},", "info", "[]");
    expect_apply(fixture, "error {notsup", "sync", "[]"); /* by who cannot wait */
    expect_apply(fixture, "error {function_clause", "register_name", "[a, b]");
    expect_apply(fixture, "error {badarg", "sync", "[a]");
}

static void conflicts_are_settled_by_the_methods_of_global(void **state) {
    struct fixture *fixture = *state;
    hm_process *victim = start_plain(fixture);
    hm_pid far = victim->pid, me = fixture->probe.process->pid;
    far.node = names_intern(fixture->node->names, "a@host", 6);
    hm_term exits = global_method_term(GLOBAL_RANDOM_EXIT), notifies = global_method_term(GLOBAL_RANDOM_NOTIFY),
            all = global_method_term(GLOBAL_NOTIFY_ALL);
    expect_apply(fixture, "value <a@host", "resolve_it", "[~t, name, ~p, ~p]", notifies, me, far);
    fixture_run(fixture);
    expect_text(fixture, "{global_name_conflict,name}");
    expect_apply(fixture, "value none", "resolve_it", "[~t, name, ~p, ~p]", all, me, me);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 2);
    assert_true(hm_match(fixture->probe.terms[0], "{global_name_conflict, name, _}"));
    expect_apply(fixture, "value <a@host", "resolve_it", "[~t, name, ~p, ~p]", exits, far, victim->pid);
    hm_pid gone = victim->pid;
    fixture_run(fixture);
    assert_false(hm_is_alive(fixture->node, gone));
    expect_apply(fixture, "value {'EXIT',{undef", "resolve_it", "[method, name, ~p, ~p]", me, far);
    expect_apply(fixture, "error {badarg", "resolve_it", "[method, name, 1, 2]");
}

/* ---- its own processes ---- */

static void it_comes_back_when_it_or_its_locker_is_killed(void **state) {
    struct fixture *fixture = *state;
    for (int which = 0; which < 3; which++) {
        hm_pid server = hm_whereis(fixture->node, "global_name_server");
        hm_build *build = hm_build_new();
        global_member_put_info(global_member_of(fixture->node), build);
        hm_term parts[11];
        hm_pid victim = server;
        assert_true(hm_tuple_elements(hm_build_term(build), 11, parts));
        if (which > 0)
            assert_true(pid_decode(fixture->node->names, parts[6 + which], &victim));
        assert_int_equal(hm_exit(fixture->probe.process, victim, ATOM_TERM("kill")), HM_OK);
        hm_build_free(build);
        fixture_run(fixture);
        hm_pid again = hm_whereis(fixture->node, "global_name_server");
        assert_non_null(again.node);
        assert_false(hm_pid_equal(server, again));
        assert_int_equal(do_register(fixture, which == 0 ? "a" : which == 1 ? "b" : "c", fixture->probe.process->pid),
                         HM_OK);
    }
}

static void what_it_does_not_know_it_leaves_alone(void **state) {
    struct fixture *fixture = *state;
    static const char *const MESSAGES[] = {
        "{'$gen_cast', {init_connect, {8, 1}, 'b@host', {locker, no_longer_a_pid, #{}, l}}}",
        "{'$gen_cast', {init_connect, {x}, 'b@host', {locker, no_longer_a_pid, #{}, l}}}",
        "{'$gen_cast', {exchange, 'b@host', [{a, b}, 1 | 2], [], 1}}",
        "{'$gen_cast', {resolved, 'b@host', x, [], unused, [], 1}}",
        "{'$gen_cast', {new_nodes, 'b@host', [{insert, x}], [], [{'n@host', 8}, 'c@host', 7], x}}",
        "{'$gen_cast', {in_sync, 'b@host', true}}",
        "{'$gen_cast', {lock_set, x, true, [], 1}}",
        "{'$gen_cast', {async_del_name, a, b}}",
        "{lost_connection, 'n@host', 1, 2, 'b@host'}",
        "{lost_connection, 'b@host', 1, 2, 'n@host'}",
        "{remove_connection, 'n@host'}",
        "{remove_connection, 'b@host'}",
        "{init_connect_ack, 'b@host', undefined, undefined}",
        "{cancel_connect, 'b@host', undefined}",
        "{nodeup, 'b@host'}",
        "{nodeup, 'n@host'}",
        "{nodedown, 'n@host'}",
        "{'DOWN', 1, process, 2, 3}",
        "{'EXIT', 1, 2}",
        "{whereis, a, b}",
        "{timeout, a, b}",
    };
    hm_pid server = hm_whereis(fixture->node, "global_name_server");
    for (size_t i = 0; i < sizeof MESSAGES / sizeof *MESSAGES; i++) {
        hm_build *build = hm_build_new();
        hm_put_format(build, MESSAGES[i]);
        assert_int_equal(hm_send(fixture->probe.process, name_server(), hm_build_term(build)), HM_OK);
        hm_build_free(build);
        fixture_run(fixture);
    }
    expect_nothing(fixture);
    fixture_call(fixture, name_server(), "get_known");
    expect_text(fixture, "{t,[]}");
    assert_true(hm_pid_equal(server, hm_whereis(fixture->node, "global_name_server")));
    assert_int_equal(do_register(fixture, "a", fixture->probe.process->pid), HM_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_name_leads_to_its_process),
        TEST(nobody_has_an_unknown_name),
        TEST(a_name_and_a_process_are_taken_once),
        TEST(a_name_ends_with_its_process_or_when_it_is_unregistered),
        TEST(nonsense_is_refused_at_once),
        TEST(a_lock_is_for_one_requester),
        TEST(who_waits_for_a_lock_may_end),
        TEST(a_lock_that_is_waited_for_comes),
        TEST(whereis_waits_for_the_lock),
        TEST(a_registration_without_the_lock_does_not_last),
        TEST(functions_answer_other_nodes),
        TEST(conflicts_are_settled_by_the_methods_of_global),
        TEST(it_comes_back_when_it_or_its_locker_is_killed),
        TEST(what_it_does_not_know_it_leaves_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
