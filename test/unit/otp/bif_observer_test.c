/* observer_backend: what observer and etop ask for, and how their long-running helpers end. */
#include "rpc_fixture.h"

#include "etf/ids.h"

static void the_system_page_is_measured(void **state) {
    struct fixture *fixture = *state;
    static const char *const NUMBERS[] = {
        "uptime",     "run_queue",         "io_input",          "io_output",          "logical_processors",
        "schedulers", "schedulers_online", "process_count",     "process_limit",      "atom_count",
        "atom_limit", "wordsize_internal", "wordsize_external", "schedulers_available", "dist_buf_busy_limit",
        "total",      "processes",         "atom",              "binary",             "code",
        "ets",        "port_count",        "ets_count",         "thread_pool_size"};
    uint64_t number;
    rpc_spawn(fixture, true, "observer_backend", "sys_info", "[]");
    hm_term info = rpc_outcome(fixture, "return");
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
        if (!hm_get_uint64(rpc_property(info, NUMBERS[i]), &number))
            fail_msg("%s is no number", NUMBERS[i]);
    assert_true(hm_get_uint64(rpc_property(info, "process_count"), &number));
    assert_int_equal(number, fixture->node->process_count + 1); /* who asked */
    assert_true(hm_is_atom(rpc_property(info, "smp_support"), "true"));
    assert_true(hm_list_length(rpc_property(info, "otp_release")) == 2);
    /* A limit of 0 would be divided by. */
    assert_true(hm_is_atom(rpc_property(info, "port_limit"), "undefined"));
    assert_true(hm_is_atom(rpc_property(info, "ets_limit"), "undefined"));
    uint64_t blocks, carriers, mapped;
    assert_true(hm_match(rpc_property(info, "alloc_info"),
                         "[{malloc, [{instance, 0, [{mbcs, [{blocks, [{malloc, [{size, ~u, _, _}]}]}, "
                         "{carriers_size, ~u, _, _}]}, {sbcs, [{blocks, [{malloc, [{size, ~u, _, _}]}]}, "
                         "{carriers_size, _, _, _}]}]}]}]",
                         &blocks, &carriers, &mapped));
    assert_true(blocks + mapped > 0 || carriers == 0); /* sanitizers bring a malloc of their own */
}

/* Pids in {procs_info, From, Records}, counted. */
static unsigned count_records(hm_term records, const char *name_wanted, hm_pid pid_wanted, struct fixture *fixture) {
    struct hm_list list;
    hm_term record, parts[8];
    hm_pid pid;
    unsigned count = 0;
    bool found = false;
    assert_true(hm_list_begin(records, &list));
    for (; hm_list_next(&list, &record); count++) {
        uint64_t memory, reductions, queue;
        assert_true(hm_tuple_elements(record, 8, parts));
        assert_true(hm_is_atom(parts[0], "etop_proc_info"));
        assert_true(pid_decode(fixture->node->names, parts[1], &pid));
        assert_true(hm_get_uint64(parts[2], &memory) && memory > 0);
        assert_true(hm_get_uint64(parts[3], &reductions));
        assert_true(hm_match(parts[6], "{_, _, _}"));
        assert_true(hm_get_uint64(parts[7], &queue));
        found = found || (hm_pid_equal(pid, pid_wanted) && hm_is_atom(parts[4], name_wanted));
    }
    assert_true(hm_list_end(&list, NULL));
    assert_true(found);
    return count;
}

static void processes_are_told_and_then_the_end(void **state) {
    struct fixture *fixture = *state;
    hm_term records;
    rpc_spawn(fixture, false, "observer_backend", "procs_info", "[~p]", fixture->probe.process->pid);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 2);
    assert_true(hm_match(fixture->probe.terms[0], "{procs_info, _, ~t}", &records));
    assert_int_equal(count_records(records, "rex", hm_whereis(fixture->node, "rex"), fixture),
                     fixture->node->process_count);
    assert_true(hm_match(fixture->probe.terms[1], "{'DOWN', _, process, _, normal}"));
}

static const struct hm_server_class idle = {.module = "idle"};

/* More than one turn takes. */
static void many_processes_come_in_pieces(void **state) {
    struct fixture *fixture = *state;
    hm_term records;
    unsigned count = 0;
    fixture->node->max_processes = 10000;
    for (int i = 0; i < 5000; i++)
        assert_int_equal(hm_server_start(fixture->node, &idle, NULL, NULL, NULL), HM_OK);
    rpc_spawn(fixture, false, "observer_backend", "procs_info", "[~p]", fixture->probe.process->pid);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 4);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(hm_match(fixture->probe.terms[i], "{procs_info, _, ~t}", &records));
        count += (unsigned)hm_list_length(records);
    }
    assert_int_equal(count, fixture->node->process_count);
    probe_clear(&fixture->probe);
    rpc_spawn(fixture, false, "observer_backend", "etop_collect", "[~p]", fixture->probe.process->pid);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 2);
    uint64_t told;
    assert_true(hm_match(fixture->probe.terms[0],
                         "{_, {etop_info, {_, _, _}, ~u, undefined, [{1, _, _}], _, [], [{total, _}, {processes, _}, "
                         "{ets, _}, {atom, _}, {code, _}, {binary, _}], ~t}}",
                         &told, &records));
    assert_int_equal(told, count);
    assert_int_equal(hm_list_length(records), count);
}

static void a_walk_that_is_killed_leaves_nothing(void **state) {
    struct fixture *fixture = *state;
    fixture->node->max_processes = 10000;
    for (int i = 0; i < 5000; i++)
        assert_int_equal(hm_server_start(fixture->node, &idle, NULL, NULL, NULL), HM_OK);
    hm_pid pid = rpc_spawn(fixture, false, "observer_backend", "procs_info", "[~p]", fixture->probe.process->pid);
    event_base_loop(fixture->base, EVLOOP_NONBLOCK);
    hm_exit(fixture->probe.process, pid, ATOM_TERM("kill"));
    fixture_run(fixture);
    assert_false(hm_is_alive(fixture->node, pid));
    rpc_spawn(fixture, false, "observer_backend", "procs_info", "[~p]", fixture->probe.process->pid);
}

static void whom_to_tell_must_be_a_pid(void **state) {
    struct fixture *fixture = *state;
    rpc_expect(fixture, "error", "badarg", "observer_backend", "procs_info", "[rex]");
    rpc_expect(fixture, "error", "badarg", "observer_backend", "etop_collect", "[1]");
    rpc_expect(fixture, "error", "badarg", "observer_backend", "fetch_stats", "[rex, 100]");
    rpc_expect(fixture, "error", "badarg", "observer_backend", "fetch_stats", "[~p, soon]",
               fixture->probe.process->pid);
    rpc_expect(fixture, "error", "badarg", "observer_backend", "fetch_stats", "[~p, -1]",
               fixture->probe.process->pid);
}

static void wait_for_messages(struct fixture *fixture, unsigned count) {
    while (fixture->probe.count < count)
        event_base_loop(fixture->base, EVLOOP_ONCE);
}

static hm_pid start_stats(struct fixture *fixture) {
    hm_pid pid =
        rpc_spawn(fixture, false, "observer_backend", "fetch_stats", "[~p, 10]", fixture->probe.process->pid);
    wait_for_messages(fixture, 2);
    uint64_t active[2], total[2];
    for (int i = 0; i < 2; i++)
        assert_true(hm_match(fixture->probe.terms[i],
                             "{stats, 1, [{1, ~u, ~u}], {{input, _}, {output, _}}, [{total, _}, {processes, _}, "
                             "{processes_used, _}, {system, _}, {atom, _}, {atom_used, _}, {binary, _}, {code, _}, "
                             "{ets, _}]}",
                             &active[i], &total[i]));
    assert_true(active[0] <= active[1] && active[1] <= total[1] && total[0] < total[1]);
    assert_true(hm_is_alive(fixture->node, pid));
    const hm_process *process = process_lookup(fixture->node, pid); /* as process_info shows it */
    assert_string_equal(process->initial_module, "observer_backend");
    assert_string_equal(process->initial_function, "fetch_stats");
    assert_int_equal(process->initial_arity, 2);
    return pid;
}

static void expect_end(struct fixture *fixture, hm_pid pid) {
    while (hm_is_alive(fixture->node, pid))
        event_base_loop(fixture->base, EVLOOP_ONCE);
    fixture_run(fixture);
    assert_true(hm_match(fixture->probe.terms[fixture->probe.count - 1], "{'DOWN', _, process, _, normal}"));
    unsigned count = fixture->probe.count;
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, count);
}

static void load_is_told_until_a_message_comes(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = start_stats(fixture);
    fixture_send(fixture, hm_to_pid(pid), "exit");
    expect_end(fixture, pid);
}

static void load_is_told_until_an_exit_signal_comes(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = start_stats(fixture);
    hm_exit(fixture->probe.process, pid, ATOM_TERM("normal"));
    expect_end(fixture, pid);
}

static void load_is_told_as_long_as_there_is_somebody(void **state) {
    struct fixture *fixture = *state;
    hm_pid parent;
    assert_int_equal(hm_server_start(fixture->node, &idle, NULL, NULL, &parent), HM_OK);
    hm_pid pid = rpc_spawn(fixture, false, "observer_backend", "fetch_stats", "[~p, 10]", parent);
    fixture_run(fixture);
    assert_true(hm_is_alive(fixture->node, pid));
    hm_exit(fixture->probe.process, parent, ATOM_TERM("kill"));
    expect_end(fixture, pid);
}

static void a_killed_one_leaves_no_timer(void **state) {
    struct fixture *fixture = *state;
    hm_pid pid = start_stats(fixture);
    hm_exit(fixture->probe.process, pid, ATOM_TERM("kill"));
    fixture_run(fixture);
    assert_false(hm_is_alive(fixture->node, pid));
    start_stats((probe_clear(&fixture->probe), fixture)); /* and one that the end of the node ends */
}

static void what_is_not_here_is_empty(void **state) {
    struct fixture *fixture = *state;
    rpc_expect(fixture, "return", "{ok,\"" HM_VERSION "\"}", "observer_backend", "vsn", "[]");
    rpc_expect(fixture, "return", "[]", "observer_backend", "get_table_list", "[ets, [{sys_hidden, true}]]");
    rpc_expect(fixture, "throw", "{error,\"Mnesia is not running on: n@host\"}", "observer_backend",
               "get_table_list", "[mnesia, []]");
    rpc_expect(fixture, "error", "function_clause", "observer_backend", "get_table_list", "[what, []]");
    rpc_expect(fixture, "return", "[]", "observer_backend", "get_port_list", "[]");
    rpc_expect(fixture, "return", "[]", "erlang", "ports", "[]");
    rpc_expect(fixture, "return", "[]", "observer_backend", "get_socket_list", "[]");
    rpc_spawn(fixture, true, "observer_backend", "socket_info", "[]");
    uint64_t most;
    assert_true(hm_get_uint64(rpc_property(rpc_outcome(fixture, "return"), "iov_max"), &most) && most > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_system_page_is_measured),
        TEST(processes_are_told_and_then_the_end),
        TEST(many_processes_come_in_pieces),
        TEST(a_walk_that_is_killed_leaves_nothing),
        TEST(whom_to_tell_must_be_a_pid),
        TEST(load_is_told_until_a_message_comes),
        TEST(load_is_told_until_an_exit_signal_comes),
        TEST(load_is_told_as_long_as_there_is_somebody),
        TEST(a_killed_one_leaves_no_timer),
        TEST(what_is_not_here_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
