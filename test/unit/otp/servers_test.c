/* net_kernel, rex and global_name_server: what they answer, and what they leave alone. */
#include "otp_fixture.h"

static struct hm_address named(const char *name) {
    return hm_to_name(name, NULL);
}

/* Still there, and still answers. */
static void expect_serving(struct fixture *fixture) {
    probe_clear(&fixture->probe);
    fixture_call(fixture, named("net_kernel"), "nodename");
    expect_text(fixture, "{t,n@host}");
    fixture_call(fixture, named("global_name_server"), "get_protocol_version");
    expect_text(fixture, "{t,8}");
    fixture_call(fixture, named("rex"), "{block_call, erlang, node, [], user}");
    expect_text(fixture, "{t,n@host}");
}

static void net_kernel_says_that_it_is_there(void **state) {
    struct fixture *fixture = *state;
    fixture_call(fixture, named("net_kernel"), "{is_auth, 'a@host'}");
    expect_text(fixture, "{t,yes}");
    fixture_call(fixture, named("net_kernel"), "longnames");
    expect_text(fixture, "{t,false}");
    fixture_call(fixture, named("net_kernel"), "ticktime");
    expect_text(fixture, "{t,60000}");
    fixture_call(fixture, named("net_kernel"), "{what}");
    expect_nothing(fixture); /* as a BEAM's: no answer to what it does not know */
    expect_serving(fixture);
}

static void rex_answers_every_form(void **state) {
    struct fixture *fixture = *state;
    hm_pid probe = fixture->probe.process->pid;
    fixture_send(fixture, named("rex"), "{~p, features_request}", probe);
    expect_text(fixture, "{features_reply,n@host,[erpc]}");
    fixture_send(fixture, named("rex"), "{~p, {call, erlang, node, [], user}}", probe);
    expect_text(fixture, "{rex,n@host}");
    fixture_send(fixture, named("rex"), "{~p, {call, foo, bar, [x], user}}", probe);
    expect_text(fixture, "{rex,{badrpc,{'EXIT',{undef,[{foo,bar,[x],[]}]}}}}");
    fixture_call(fixture, named("rex"), "{call, erlang, node, [], ~p}", probe);
    expect_text(fixture, "{t,n@host}");
    fixture_call(fixture, named("rex"), "{block_call, erlang, whereis, [{x}], ~p}", probe);
    expect_text(fixture, "{t,{badrpc,{'EXIT',{badarg,[{erlang,whereis,[{x}],[]}]}}}}");
    fixture_send(fixture, named("rex"), "{'$gen_cast', {cast, erlang, node, [], user}}");
    fixture_send(fixture, named("rex"), "{'$gen_cast', {cast, foo, bar, improper, user}}");
    fixture_call(fixture, named("rex"), "{what}");
    expect_nothing(fixture);
    expect_serving(fixture);
}

static void sbcast_says_whether_somebody_has_the_name(void **state) {
    struct fixture *fixture = *state;
    hm_pid probe = fixture->probe.process->pid;
    fixture_send(fixture, named("rex"), "{~p, {sbcast, nobody, hello}}", probe);
    expect_text(fixture, "{rex,n@host,{nonexisting_name,nobody}}");
    assert_int_equal(hm_register(fixture->probe.process, "somebody"), HM_OK);
    fixture_send(fixture, named("rex"), "{~p, {sbcast, somebody, hello}}", probe);
    assert_int_equal(fixture->probe.count, 2);
    assert_string_equal(fixture->probe.texts[1], "{rex,n@host,n@host}");
    assert_string_equal(fixture->probe.texts[0], "hello");
    probe_clear(&fixture->probe);
    fixture_send(fixture, named("rex"), "{~p, {sbcast, \"no atom\", hello}}", probe);
    expect_text(fixture, "{rex,n@host,{nonexisting_name,<<\"no atom\">>}}");
}

static void global_agrees(void **state) {
    struct fixture *fixture = *state;
    static const char *const CASES[][2] = {
        {"{set_lock, {global, [a, b]}}", "{t,true}"},
        {"{del_lock, {global, [a, b]}}", "{t,true}"},
        {"{unregister, name}", "{t,ok}"},
        {"get_protocol_version", "{t,8}"},
        {"get_known", "{t,[]}"},
        {"get_synced", "{t,[]}"},
        {"get_names_ext", "{t,[]}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *build = hm_build_new();
        hm_put_format(build, CASES[i][0]);
        fixture_call(fixture, named("global_name_server"), "~t", hm_build_term(build));
        hm_build_free(build);
        expect_text(fixture, CASES[i][1]);
    }
    fixture_call(fixture, named("global_name_server"), "{what}");
    expect_nothing(fixture);
}

/* What peers may send at any time, right or wrong: none of it ends or confuses a server. */
static void nothing_ends_a_server(void **state) {
    struct fixture *fixture = *state;
    static const char *const MESSAGES[] = {
        "{'$gen_cast', {init_connect, {8, 1}, x, {locker, no_longer_a_pid, #{}, l}}}",
        ("{'$gen_cast', {init_connect, {8, 1}, 'n@host', {locker, no_longer_a_pid, #{'n@host' => 8, "
         "{connection_id, x} => 1}, l}}}"),
        "{'$gen_cast', {init_connect, {8, 1}, 1, 2}}",
        "{'$gen_cast', {init_connect}}",
        "{'$gen_cast', {lock_set, l, true, [], 1}}",
        "{'$gen_cast', {exchange, x, [], [], 1}}",
        "{'$gen_cast', {resolved, x, [], [], unused, [], 1}}",
        "{'$gen_cast', {new_nodes, x, [], [], [], []}}",
        "{'$gen_cast', {in_sync, x, true}}",
        "{init_connect_ack, x, 1, 2}",
        "{cancel_connect, x, 1}",
        "{lost_connection, a, 1, 2, b}",
        "{remove_connection, x}",
        "{remove_connection, 1}",
        "{nodeup, 'not connected@host'}",
        "{nodedown, 'not connected@host'}",
        "{nodedown, 17}",
        "{io_request, nobody, 1, x}",
        "{log, 1, 2, 3}",
        "{log, error, 2, [3], []}",
        "{'EXIT', x, y}",
        "{'DOWN', 1, process, 2, 3}",
        "{a, features_request}",
        "{}",
        "[]",
        "1.5",
        "{'$gen_cast', {cast, 1, 2, 3, 4}}",
        "{'$gen_cast', x}",
        "timeout",
    };
    static const char *const NAMES[] = {"net_kernel", "rex", "global_name_server", "user", "logger_proxy"};
    for (size_t i = 0; i < sizeof MESSAGES / sizeof *MESSAGES; i++)
        for (size_t j = 0; j < sizeof NAMES / sizeof *NAMES; j++) {
            hm_build *build = hm_build_new();
            hm_put_format(build, MESSAGES[i]);
            assert_int_equal(hm_send(fixture->probe.process, named(NAMES[j]), hm_build_term(build)), HM_OK);
            hm_build_free(build);
            fixture_run(fixture);
        }
    assert_null(fixture->node->peers); /* and nobody was dialled */
    expect_serving(fixture);
}

static void a_linked_process_that_ends_takes_none_along(void **state) {
    struct fixture *fixture = *state;
    hm_process *other;
    assert_int_equal(process_spawn(fixture->node, &probe_class, &other), HM_OK);
    other->state = &fixture->probe;
    static const char *const NAMES[] = {"net_kernel", "rex", "global_name_server"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hm_link(other, hm_whereis(fixture->node, NAMES[i])), HM_OK);
    assert_int_equal(hm_exit(fixture->probe.process, other->pid, ATOM_TERM("boom")), HM_OK);
    fixture_run(fixture);
    expect_serving(fixture);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(net_kernel_says_that_it_is_there),
        TEST(rex_answers_every_form),
        TEST(sbcast_says_whether_somebody_has_the_name),
        TEST(global_agrees),
        TEST(nothing_ends_a_server),
        TEST(a_linked_process_that_ends_takes_none_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
