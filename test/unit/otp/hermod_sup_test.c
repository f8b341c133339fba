/* What hermod_sup answers, and that its children are what it says they are. */
#include "otp_fixture.h"

#include "etf/ids.h"
#include "otp/hermod_sup.h"

static int starts, ends, refuse;

static int init(hm_process *self, void *argument) {
    (void)self;
    (void)argument;
    if (refuse) {
        refuse--;
        return HM_ENOMEM;
    }
    starts++;
    return HM_OK;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)self;
    assert_true(hm_is_atom(reason, "shutdown") || hm_is_atom(reason, "killed"));
    ends++;
}

static const struct hm_server_class worker = {.module = "worker", .init = init, .terminate = terminate};

static hm_address sup(void) {
    return hm_to_name(HERMOD_SUP, NULL);
}

static void start_worker(struct fixture *fixture, const char *name, bool trap_exit) {
    struct hm_start start = {.name = name, .trap_exit = trap_exit, .restart = true};
    assert_int_equal(hm_server_start(fixture->node, &worker, &start, NULL, NULL), HM_OK);
}

static int setup(void **state) {
    starts = ends = refuse = 0;
    return fixture_setup(state);
}

static void kill_by_name(struct fixture *fixture, const char *name) {
    hm_exit(fixture->probe.process, hm_whereis(fixture->node, name), ATOM_TERM("kill"));
    fixture_run(fixture);
}

/* The answer in {t, Answer}; borrowed until the probe is cleared. */
static hm_term answer(struct fixture *fixture) {
    hm_term term;
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{t, ~t}", &term));
    return term;
}

static void expect_child(struct fixture *fixture, hm_term child, const char *id, const char *module) {
    hm_term parts[4];
    hm_pid pid;
    assert_true(hm_tuple_elements(child, 4, parts));
    assert_true(hm_is_atom(parts[0], id));
    assert_true(pid_decode(fixture->node->names, parts[1], &pid));
    assert_true(hm_pid_equal(pid, hm_whereis(fixture->node, id)));
    assert_true(hm_is_atom(parts[2], "worker"));
    assert_true(hm_match(parts[3], "[~t]", &parts[3]) && hm_is_atom(parts[3], module));
}

static void children_are_told_the_last_started_first(void **state) {
    struct fixture *fixture = *state;
    static const char *const IDS[] = {"mine", "global_name_server", "rex", "net_kernel"};
    static const char *const MODULES[] = {"worker", "global", "rpc", "net_kernel"};
    struct hm_list list;
    hm_term child;
    unsigned own = 0;
    start_worker(fixture, "mine", true);
    fixture_call(fixture, sup(), "which_children");
    assert_true(hm_list_begin(answer(fixture), &list));
    for (size_t i = 0; i < sizeof IDS / sizeof *IDS;) {
        assert_true(hm_list_next(&list, &child));
        hm_term id;
        assert_true(hm_match(child, "{~t, _, _, _}", &id));
        if (!hm_is_atom(id, IDS[i]))
            continue; /* other servers of the node */
        expect_child(fixture, child, IDS[i], MODULES[i]);
        i++;
        own++;
    }
    assert_int_equal(own, 4);
}

/* {specs, active} */
static void read_counts(struct fixture *fixture, uint64_t counts[2]) {
    uint64_t workers;
    fixture_call(fixture, sup(), "count_children");
    assert_true(hm_match(answer(fixture), "[{specs, ~u}, {active, ~u}, {supervisors, 0}, {workers, ~u}]",
                         &counts[0], &counts[1], &workers));
    assert_int_equal(workers, counts[0]);
    probe_clear(&fixture->probe);
}

static void children_are_counted(void **state) {
    struct fixture *fixture = *state;
    uint64_t before[2], after[2];
    read_counts(fixture, before);
    assert_int_equal(before[0], before[1]);
    start_worker(fixture, "mine", false);
    read_counts(fixture, after);
    assert_int_equal(after[0], before[0] + 1);
    fixture_call(fixture, sup(), "{terminate_child, mine}");
    expect_text(fixture, "{t,ok}");
    read_counts(fixture, after);
    assert_int_equal(after[0], before[0] + 1);
    assert_int_equal(after[1], before[1]);
}

static void a_child_is_ended_started_and_deleted(void **state) {
    struct fixture *fixture = *state;
    for (int trap_exit = 0; trap_exit < 2; trap_exit++) {
        starts = ends = 0;
        start_worker(fixture, "mine", trap_exit);
        fixture_call(fixture, sup(), "{restart_child, mine}");
        expect_text(fixture, "{t,{error,running}}");
        fixture_call(fixture, sup(), "{delete_child, mine}");
        expect_text(fixture, "{t,{error,running}}");
        fixture_call(fixture, sup(), "{terminate_child, mine}");
        expect_text(fixture, "{t,ok}");
        assert_int_equal(ends, 1);
        assert_null(hm_whereis(fixture->node, "mine").node);
        fixture_call(fixture, sup(), "{terminate_child, mine}");
        expect_text(fixture, "{t,ok}");
        fixture_call(fixture, sup(), "{start_child, #{id => mine, start => {m, f, []}}}");
        expect_text(fixture, "{t,{error,already_present}}");
        refuse = 1;
        fixture_call(fixture, sup(), "{restart_child, mine}");
        expect_text(fixture, "{t,{error,<<\"out of memory\">>}}");
        fixture_call(fixture, sup(), "{restart_child, mine}");
        assert_true(hm_match(answer(fixture), "{ok, _}"));
        probe_clear(&fixture->probe);
        assert_int_equal(starts, 2);
        kill_by_name(fixture, "mine"); /* a child again, as before */
        assert_int_equal(starts, 3);
        fixture_call(fixture, sup(), "{terminate_child, mine}");
        expect_text(fixture, "{t,ok}");
        fixture_call(fixture, sup(), "{delete_child, mine}");
        expect_text(fixture, "{t,ok}");
        fixture_call(fixture, sup(), "{restart_child, mine}");
        expect_text(fixture, "{t,{error,not_found}}");
    }
}

static void a_suspended_child_is_ended(void **state) {
    struct fixture *fixture = *state;
    start_worker(fixture, "mine", true);
    fixture_system(fixture, hm_to_name("mine", NULL), "suspend");
    expect_text(fixture, "{t,ok}");
    fixture_call(fixture, sup(), "{terminate_child, mine}");
    expect_text(fixture, "{t,ok}");
    assert_int_equal(ends, 1);
}

static void everybody_who_waits_for_an_end_is_answered(void **state) {
    struct fixture *fixture = *state;
    start_worker(fixture, "mine", true);
    hm_pid self = fixture->probe.process->pid;
    for (int i = 0; i < 2; i++)
        assert_int_equal(hm_sendf(fixture->probe.process, sup(), "{'$gen_call', {~p, t}, {terminate_child, mine}}", self),
                         HM_OK);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 2);
    assert_string_equal(fixture->probe.texts[1], "{t,ok}");
    assert_int_equal(ends, 1);
}

static void one_that_waits_for_its_restart_can_be_terminated(void **state) {
    struct fixture *fixture = *state;
    start_worker(fixture, "mine", true);
    for (int i = 0; i < 6; i++)
        kill_by_name(fixture, "mine");
    assert_int_equal(starts, 6);
    fixture_call(fixture, sup(), "{restart_child, mine}");
    expect_text(fixture, "{t,{error,restarting}}");
    fixture_call(fixture, sup(), "{delete_child, mine}");
    expect_text(fixture, "{t,{error,restarting}}");
    fixture_call(fixture, sup(), "which_children");
    assert_non_null(strstr(fixture->probe.texts[0], "{mine,restarting,worker,[worker]}"));
    probe_clear(&fixture->probe);
    fixture_call(fixture, sup(), "{terminate_child, mine}");
    expect_text(fixture, "{t,ok}");
    fixture_call(fixture, sup(), "which_children");
    assert_non_null(strstr(fixture->probe.texts[0], "{mine,undefined,worker,[worker]}"));
    probe_clear(&fixture->probe);
    fixture_call(fixture, sup(), "{restart_child, mine}");
    assert_int_equal(starts, 7);
}

static void a_name_that_was_taken_meanwhile_is_said(void **state) {
    struct fixture *fixture = *state;
    start_worker(fixture, "mine", true);
    fixture_call(fixture, sup(), "{terminate_child, mine}");
    expect_text(fixture, "{t,ok}");
    assert_int_equal(hm_register(fixture->probe.process, "mine"), HM_OK);
    fixture_call(fixture, sup(), "{restart_child, mine}");
    assert_true(hm_match(answer(fixture), "{error, {already_started, _}}"));
}

/* Peers would lose the connection. */
static void servers_of_the_node_stay(void **state) {
    struct fixture *fixture = *state;
    static const char *const NAMES[] = {"rex", "global_name_server", "net_kernel"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        hm_pid pid = hm_whereis(fixture->node, NAMES[i]);
        fixture_call(fixture, sup(), "{terminate_child, ~a}", NAMES[i]);
        expect_text(fixture, "{t,{error,not_permitted}}");
        assert_true(hm_pid_equal(pid, hm_whereis(fixture->node, NAMES[i])));
    }
}

static void a_specification_is_told(void **state) {
    struct fixture *fixture = *state;
    hm_term spec, value;
    fixture_call(fixture, sup(), "{get_childspec, rex}");
    assert_true(hm_match(answer(fixture), "{ok, ~t}", &spec));
    assert_int_equal(hm_map_size(spec), 7);
    assert_true(hm_map_get_atom(spec, "id", &value) && hm_is_atom(value, "rex"));
    assert_true(hm_map_get_atom(spec, "start", &value) && hm_match(value, "{rpc, start_link, []}"));
    assert_true(hm_map_get_atom(spec, "restart", &value) && hm_is_atom(value, "permanent"));
    probe_clear(&fixture->probe);
    fixture_call(fixture, sup(), "{get_childspec, nobody}");
    expect_text(fixture, "{t,{error,not_found}}");
    fixture_call(fixture, sup(), "{terminate_child, 1}");
    expect_text(fixture, "{t,{error,not_found}}");
}

static void what_cannot_be_started_fails_as_on_a_beam(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *spec, *answer;
    } CASES[] = {
        {"{c, {nomod, nofun, [1]}, permanent, 5000, worker, [m]}",
         "{t,{error,{{'EXIT',{undef,[{nomod,nofun,[1],[]}]}},"
         "{child,undefined,c,{nomod,nofun,[1]},permanent,false,5000,worker,[m]}}}}"},
        {"#{id => c, start => {nomod, nofun, []}}",
         "{t,{error,{{'EXIT',{undef,[{nomod,nofun,[],[]}]}},"
         "{child,undefined,c,{nomod,nofun,[]},permanent,false,5000,worker,[nomod]}}}}"},
        {"#{id => c, start => {nomod, nofun, []}, type => supervisor, restart => temporary}",
         "{t,{error,{{'EXIT',{undef,[{nomod,nofun,[],[]}]}},"
         "{child,undefined,c,{nomod,nofun,[]},temporary,false,infinity,supervisor,[nomod]}}}}"},
        {"#{start => {nomod, nofun, []}}", "{t,{error,missing_id}}"},
        {"#{id => c}", "{t,{error,missing_start}}"},
        {"#{id => c, start => junk}", "{t,{error,{invalid_mfa,junk}}}"},
        {"#{id => c, start => {m, f, a}}", "{t,{error,{invalid_mfa,{m,f,a}}}}"},
        {"[1, 2]", "{t,{error,{invalid_child_spec,[1,2]}}}"},
        {"junk", "{t,{error,{invalid_child_spec,junk}}}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *build = hm_build_new();
        char error[128];
        assert_non_null(build);
        assert_int_equal(hm_term_parse(CASES[i].spec, HM_SYNTAX_ERLANG, build, error, sizeof error), HM_OK);
        fixture_call(fixture, sup(), "{start_child, ~t}", hm_build_term(build));
        hm_build_free(build);
        expect_text(fixture, CASES[i].answer);
    }
    fixture_call(fixture, sup(), "{start_child, #{id => rex, start => {m, f, []}}}");
    assert_true(hm_match(answer(fixture), "{error, {already_started, _}}"));
    probe_clear(&fixture->probe);
    fixture_call(fixture, sup(), "{restart_everything, now}");
    expect_text(fixture, "{t,{error,unknown_call}}");
    fixture_call(fixture, sup(), "junk");
    expect_text(fixture, "{t,{error,unknown_call}}");
}

/* What process_info and sys:get_status show of a child. */
static hm_pid parent_of(struct fixture *fixture, const char *name) {
    return process_lookup(fixture->node, hm_whereis(fixture->node, name))->parent;
}

static void the_end_of_hermod_sup_is_nobody_elses(void **state) {
    struct fixture *fixture = *state;
    start_worker(fixture, "mine", false);
    hm_pid first = hm_whereis(fixture->node, HERMOD_SUP), mine = hm_whereis(fixture->node, "mine");
    assert_true(hm_pid_equal(parent_of(fixture, "mine"), first));
    kill_by_name(fixture, HERMOD_SUP);
    hm_pid second = hm_whereis(fixture->node, HERMOD_SUP);
    assert_non_null(second.node);
    assert_false(hm_pid_equal(first, second));
    assert_true(hm_pid_equal(mine, hm_whereis(fixture->node, "mine")));
    assert_true(hm_pid_equal(parent_of(fixture, "mine"), second));
    assert_true(hm_pid_equal(parent_of(fixture, "rex"), second));
    fixture_call(fixture, sup(), "{terminate_child, mine}");
    expect_text(fixture, "{t,ok}");
}

static void it_looks_like_a_supervisor(void **state) {
    struct fixture *fixture = *state;
    fixture_system(fixture, sup(), "get_status");
    assert_int_equal(fixture->probe.count, 1);
    assert_non_null(strstr(fixture->probe.texts[0],
                           "[{'$initial_call',{supervisor,hermod_sup,1}},{'$ancestors',[]}]"));
    assert_non_null(strstr(fixture->probe.texts[0], "Status for generic server hermod_sup"));
    assert_non_null(strstr(fixture->probe.texts[0], "{supervisor,[{\"Callback\",hermod_sup}]}"));
    assert_non_null(strstr(fixture->probe.texts[0], "{rex,<"));
    probe_clear(&fixture->probe);
    fixture_system(fixture, hm_to_name("rex", NULL), "get_status");
    assert_non_null(strstr(fixture->probe.texts[0],
                           "[{'$initial_call',{rpc,init,1}},{'$ancestors',[hermod_sup]}]"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(children_are_told_the_last_started_first),
        TEST(children_are_counted),
        TEST(a_child_is_ended_started_and_deleted),
        TEST(a_suspended_child_is_ended),
        TEST(everybody_who_waits_for_an_end_is_answered),
        TEST(one_that_waits_for_its_restart_can_be_terminated),
        TEST(a_name_that_was_taken_meanwhile_is_said),
        TEST(servers_of_the_node_stay),
        TEST(a_specification_is_told),
        TEST(what_cannot_be_started_fails_as_on_a_beam),
        TEST(the_end_of_hermod_sup_is_nobody_elses),
        TEST(it_looks_like_a_supervisor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
