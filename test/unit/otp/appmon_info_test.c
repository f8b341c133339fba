/* The page of applications: who is told what, and when appmon_info ends. */
#include "rpc_fixture.h"

#include "etf/ids.h"
#include "otp/appmon_info.h"

static const struct hm_server_class idle = {.module = "idle"};

static hm_pid start_idle(struct fixture *fixture) {
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &idle, NULL, NULL, &pid), HM_OK);
    return pid;
}

/* appmon_info:start_link2(Starter, Client, []) from the probe. */
static hm_pid start_for(struct fixture *fixture, hm_pid starter, hm_pid client) {
    hm_pid pid;
    hm_term server;
    rpc_spawn(fixture, true, "appmon_info", "start_link2", "[~p, ~p, []]", starter, client);
    assert_true(hm_match(rpc_outcome(fixture, "return"), "{ok, ~t}", &server));
    assert_true(pid_decode(fixture->node->names, server, &pid));
    assert_true(hm_pid_equal(pid, hm_whereis(fixture->node, "appmon_info")));
    probe_clear(&fixture->probe);
    return pid;
}

static hm_pid self_of(struct fixture *fixture) {
    fixture->probe.process->trap_exit = true;
    return fixture->probe.process->pid;
}

static void applications_are_told_at_once(void **state) {
    struct fixture *fixture = *state;
    hm_pid self = self_of(fixture), server = start_for(fixture, self, self);
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {~p, app_ctrl, 'n@host', true, []}}", self);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0],
                         "{delivery, _, app_ctrl, 'n@host', [{_, hermod, {hermod, _, _}}]}"));
}

static void the_tree_is_that_of_the_supervisor(void **state) {
    struct fixture *fixture = *state;
    hm_pid self = self_of(fixture), server = start_for(fixture, self, self);
    hm_pid rex = hm_whereis(fixture->node, "rex");
    struct hm_start start = {.link = rex, .name = "grandchild"};
    assert_int_equal(hm_server_start(fixture->node, &idle, &start, NULL, NULL), HM_OK);
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {~p, app, hermod, true, []}}", self);
    assert_int_equal(fixture->probe.count, 1);
    assert_non_null(strstr(fixture->probe.texts[0], ",app,hermod,{\"hermod_sup\",[{<"));
    assert_non_null(strstr(fixture->probe.texts[0], "{\"hermod_sup\",\"rex\"}"));
    assert_non_null(strstr(fixture->probe.texts[0], "{\"rex\",\"grandchild\"}"));
    assert_null(strstr(fixture->probe.texts[0], "appmon_info\""));
    probe_clear(&fixture->probe);
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {~p, app, kernel, true, []}}", self);
    assert_non_null(strstr(fixture->probe.texts[0], ",app,kernel,{[],[],[],[]}}"));
}

static void a_change_is_told_and_nothing_else(void **state) {
    struct fixture *fixture = *state;
    hm_pid self = self_of(fixture), server = start_for(fixture, self, self);
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {~p, app, hermod, true, [{timeout, 100}]}}", self);
    assert_int_equal(fixture->probe.count, 1);
    for (int i = 0; i < 3; i++) /* as its own timer would */
        fixture_send(fixture, hm_to_pid(server), "{do_it, app, hermod, ~p}", self);
    assert_int_equal(fixture->probe.count, 1);
    struct hm_start start = {.name = "new", .restart = true};
    assert_int_equal(hm_server_start(fixture->node, &idle, &start, NULL, NULL), HM_OK);
    while (fixture->probe.count == 1) /* the timer */
        event_base_loop(fixture->base, EVLOOP_ONCE);
    assert_non_null(strstr(fixture->probe.texts[1], "{\"hermod_sup\",\"new\"}"));
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {~p, app, hermod, false, []}}", self);
    fixture_send(fixture, hm_to_pid(server), "{do_it, app, hermod, ~p}", self);
    assert_int_equal(fixture->probe.count, 2);
}

static void once_is_once(void **state) {
    struct fixture *fixture = *state;
    hm_pid self = self_of(fixture), server = start_for(fixture, self, self);
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {~p, app_ctrl, x, true, [{timeout, at_most_once}]}}", self);
    assert_int_equal(fixture->probe.count, 1);
    fixture_system(fixture, hm_to_pid(server), "get_state");
    assert_non_null(strstr(fixture->probe.texts[1], "tasks => 0"));
}

static void junk_is_ignored(void **state) {
    struct fixture *fixture = *state;
    hm_pid self = self_of(fixture), server = start_for(fixture, self, self);
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {junk, app, hermod, true, []}}");
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {~p, load, hermod, true, []}}", self);
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', status}");
    fixture_send(fixture, hm_to_pid(server), "{do_it, app, hermod, ~p}", self);
    fixture_send(fixture, hm_to_pid(server), "{do_it, 1, 2, 3}");
    fixture_send(fixture, hm_to_pid(server), "junk");
    expect_nothing(fixture);
    fixture_call(fixture, hm_to_pid(server), "junk");
    expect_text(fixture, "{t,ok}");
    hm_pid other = start_idle(fixture);
    for (int i = 0; i < 500; i++) { /* tasks without end */
        assert_int_equal(hm_sendf(fixture->probe.process, hm_to_pid(server),
                                  "{'$gen_cast', {~p, app, ~i, true, []}}", other, (int64_t)i),
                         HM_OK);
        fixture_run(fixture);
    }
    fixture_system(fixture, hm_to_pid(server), "get_state");
    assert_non_null(strstr(fixture->probe.texts[0], "tasks => 256"));
    rpc_expect(fixture, "error", "badarg", "appmon_info", "start_link2", "[1, ~p, []]", (probe_clear(&fixture->probe), self));
}

static void it_ends_with_its_last_client(void **state) {
    struct fixture *fixture = *state;
    hm_pid starter = start_idle(fixture), clients[2] = {start_idle(fixture), start_idle(fixture)};
    hm_pid server = start_for(fixture, starter, clients[0]);
    assert_true(hm_pid_equal(server, start_for(fixture, starter, clients[1])));
    fixture_send(fixture, hm_to_pid(server), "{'$gen_cast', {~p, app, hermod, true, []}}", clients[0]);
    hm_exit(fixture->probe.process, clients[0], ATOM_TERM("kill"));
    fixture_run(fixture);
    assert_true(hm_is_alive(fixture->node, server));
    fixture_system(fixture, hm_to_pid(server), "get_state");
    assert_non_null(strstr(fixture->probe.texts[0], "clients => 1"));
    assert_non_null(strstr(fixture->probe.texts[0], "tasks => 0"));
    hm_exit(fixture->probe.process, clients[1], ATOM_TERM("kill"));
    fixture_run(fixture);
    assert_false(hm_is_alive(fixture->node, server));
}

static void it_ends_with_its_starter(void **state) {
    struct fixture *fixture = *state;
    hm_pid starter = start_idle(fixture), server = start_for(fixture, starter, starter);
    unsigned warnings = fixture->warnings;
    hm_exit(fixture->probe.process, starter, ATOM_TERM("kill"));
    fixture_run(fixture);
    assert_false(hm_is_alive(fixture->node, server));
    assert_int_equal(fixture->warnings, warnings);
}

static void somebody_else_may_have_the_name(void **state) {
    struct fixture *fixture = *state;
    hm_pid self = self_of(fixture);
    assert_int_equal(hm_register(fixture->probe.process, "appmon_info"), HM_OK);
    rpc_spawn(fixture, true, "appmon_info", "start_link2", "[~p, ~p, []]", self, self);
    assert_true(hm_match(rpc_outcome(fixture, "return"), "{error, _}"));
}

static void there_is_an_end_to_clients(void **state) {
    struct fixture *fixture = *state;
    hm_pid self = self_of(fixture);
    start_for(fixture, self, self);
    for (int i = 1; i < 64; i++)
        start_for(fixture, self, start_idle(fixture));
    rpc_spawn(fixture, true, "appmon_info", "start_link2", "[~p, ~p, []]", self, start_idle(fixture));
    assert_true(hm_match(rpc_outcome(fixture, "return"), "{error, _}"));
    assert_non_null(strstr(fixture->log, "appmon.limit"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(applications_are_told_at_once),
        TEST(the_tree_is_that_of_the_supervisor),
        TEST(a_change_is_told_and_nothing_else),
        TEST(once_is_once),
        TEST(junk_is_ignored),
        TEST(it_ends_with_its_last_client),
        TEST(it_ends_with_its_starter),
        TEST(somebody_else_may_have_the_name),
        TEST(there_is_an_end_to_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
