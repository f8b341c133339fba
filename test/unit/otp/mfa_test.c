/* The functions that can be called from outside, and the processes that are spawned to call them. */
#include "otp_fixture.h"

#include "otp/erpc.h"
#include "otp/mfa.h"

/* Runs M:F(Arguments) as the probe; the answer as text, with the outcome before: "value ...". Free it. */
static char *apply_text(struct fixture *fixture, const char *module, const char *function,
                        hm_term arguments) {
    static const char *const OUTCOMES[] = {
        [MFA_VALUE] = "value", [MFA_ERROR] = "error", [MFA_EXIT] = "exit", [MFA_THROW] = "throw"};
    hm_build *names = hm_build_new(), *result = hm_build_new();
    hm_term parts[2];
    char *text = NULL, *both = NULL;
    hm_put_format(names, "{~a, ~a}", module, function);
    assert_true(hm_tuple_elements(hm_build_term(names), 2, parts));
    enum mfa_outcome outcome = mfa_apply(fixture->probe.process, parts[0], parts[1], arguments, result, NULL);
    assert_int_equal(hm_build_error(result), HM_OK);
    hm_term checked;
    hm_term term = hm_build_term(result);
    assert_int_equal(hm_term_check(term.bytes, term.size, true, NULL, &checked),
                     HM_OK); /* exactly one term */
    text = print_term(term);
    assert_true(asprintf(&both, "%s %s", OUTCOMES[outcome], text) > 0);
    free(text);
    hm_build_free(names);
    hm_build_free(result);
    return both;
}

#define expect_apply(fixture, expected, module, function, ...)                          \
    do {                                                                                \
        hm_build *arguments_ = hm_build_new();                                          \
        hm_put_format(arguments_, __VA_ARGS__);                                         \
        char *text_ = apply_text(fixture, module, function, hm_build_term(arguments_)); \
        assert_string_equal(text_, expected);                                           \
        free(text_);                                                                    \
        hm_build_free(arguments_);                                                      \
    } while (0)

/* As expect_apply, but the answer has to match a pattern of term.h. */
#define expect_match(fixture, pattern, function, ...)                                                  \
    do {                                                                                               \
        hm_build *arguments_ = hm_build_new(), *result_ = hm_build_new();                              \
        hm_put_format(arguments_, __VA_ARGS__);                                                        \
        assert_int_equal(mfa_apply((fixture)->probe.process, ATOM_TERM("erlang"), ATOM_TERM(function), \
                                   hm_build_term(arguments_), result_, NULL),                              \
                         MFA_VALUE);                                                                   \
        assert_true(hm_match(hm_build_term(result_), pattern));                                        \
        hm_build_free(arguments_);                                                                     \
        hm_build_free(result_);                                                                        \
    } while (0)

static void nodes_are_told(void **state) {
    struct fixture *fixture = *state;
    expect_apply(fixture, "value n@host", "erlang", "node", "[]");
    expect_apply(fixture, "value []", "erlang", "nodes", "[]");
    expect_apply(fixture, "value [n@host]", "erlang", "nodes", "[this]");
    expect_apply(fixture, "value [n@host]", "erlang", "nodes", "[known]");
    expect_apply(fixture, "value []", "erlang", "nodes", "[[visible, hidden]]");
    expect_apply(fixture, "value []", "erlang", "nodes", "[connected]");
    expect_apply(fixture, "error {badarg,[{erlang,nodes,[what],[]}]}", "erlang", "nodes", "[what]");
    expect_apply(fixture, "error {badarg,[{erlang,nodes,[[visible,1]],[]}]}", "erlang", "nodes",
                 "[[visible, 1]]");
}

static void names_and_processes_are_told(void **state) {
    struct fixture *fixture = *state;
    hm_pid probe = fixture->probe.process->pid, stale = probe, foreign = probe;
    stale.creation++;
    foreign.node = names_intern(fixture->node->names, "m@host", 6);
    expect_match(fixture, "[_, _, _, _ | _]", "registered", "[]");
    expect_match(fixture, "[_, _, _, _, _ | _]", "processes", "[]");
    expect_apply(fixture, "value undefined", "erlang", "whereis", "[nobody]");
    expect_apply(fixture, "error {badarg,[{erlang,whereis,[1],[]}]}", "erlang", "whereis", "[1]");
    expect_apply(fixture, "value true", "erlang", "is_process_alive", "[~p]", probe);
    expect_apply(fixture, "value false", "erlang", "is_process_alive", "[~p]", stale);
    expect_apply(fixture, "value undefined", "erlang", "process_info", "[~p]", stale);
    expect_apply(fixture, "value undefined", "erlang", "process_info", "[~p, links]", stale);
    char *text = NULL;
    hm_build *arguments = hm_build_new();
    hm_put_format(arguments, "[~p, links]", foreign);
    text = apply_text(fixture, "erlang", "process_info", hm_build_term(arguments));
    assert_memory_equal(text, "error {badarg,", 14);
    free(text);
    hm_build_free(arguments);
}

static void process_info_has_every_item(void **state) {
    struct fixture *fixture = *state;
    hm_pid probe = fixture->probe.process->pid, rex = otp_of(fixture->node)->rex;
    assert_int_equal(hm_link(fixture->probe.process, rex), HM_OK);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_name("rex", NULL), NULL), HM_OK);
    expect_apply(fixture, "value []", "erlang", "process_info", "[~p, registered_name]", probe);
    expect_apply(fixture, "value {registered_name,rex}", "erlang", "process_info", "[~p, registered_name]",
                 rex);
    expect_apply(fixture, "value [{registered_name,[]},{status,waiting}]", "erlang", "process_info",
                 "[~p, [registered_name, status]]", probe);
    expect_apply(fixture, "value {dictionary,[{'$initial_call',{rpc,init,1}},{'$ancestors',[hermod_sup]}]}", "erlang",
                 "process_info", "[~p, dictionary]", rex);
    expect_apply(fixture, "value {current_function,{gen_server,loop,7}}", "erlang", "process_info",
                 "[~p, current_function]", rex);
    expect_apply(fixture, "value {initial_call,{proc_lib,init_p,5}}", "erlang", "process_info",
                 "[~p, initial_call]", rex);
    expect_apply(fixture, "value {trap_exit,true}", "erlang", "process_info", "[~p, trap_exit]", rex);
    expect_apply(fixture, "value {monitors,[{process,{rex,n@host}}]}", "erlang", "process_info",
                 "[~p, monitors]", probe);
    expect_match(fixture, "{links, [_]}", "process_info", "[~p, links]", rex);
    expect_match(fixture, "{monitored_by, [_]}", "process_info", "[~p, monitored_by]", rex);
    expect_match(fixture, "{memory, _}", "process_info", "[~p, memory]", rex);
    expect_match(fixture, "[{registered_name, rex} | _]", "process_info", "[~p]", rex);
    expect_match(fixture, "[{current_function, _} | _]", "process_info", "[~p]", probe);
    assert_int_equal(hm_sendf(fixture->probe.process, hm_to_pid(probe), "{hello, 1}"), HM_OK);
    expect_apply(fixture, "value [{message_queue_len,1},{messages,[{hello,1}]},{status,runnable}]", "erlang",
                 "process_info", "[~p, [message_queue_len, messages, status]]", probe);
    hm_build *arguments = hm_build_new();
    hm_put_format(arguments, "[~p, [links, what]]", probe);
    char *text = apply_text(fixture, "erlang", "process_info", hm_build_term(arguments));
    assert_memory_equal(text, "error {badarg,", 14);
    free(text);
    hm_build_free(arguments);
}

static void the_system_is_told(void **state) {
    struct fixture *fixture = *state;
    expect_apply(fixture, "value \"27\"", "erlang", "system_info", "[otp_release]");
    expect_apply(fixture, "value \"" HM_VERSION "\"", "erlang", "system_info", "[version]");
    char count[30];
    snprintf(count, sizeof count, "value %u", fixture->node->process_count);
    expect_apply(fixture, count, "erlang", "system_info", "[process_count]");
    expect_apply(fixture, "value 1000", "erlang", "system_info", "[process_limit]");
    expect_apply(fixture, "value 7", "erlang", "system_info", "[creation]");
    expect_apply(fixture, "value 8", "erlang", "system_info", "[{wordsize, external}]");
    expect_apply(fixture, "error {badarg,[{erlang,system_info,[what],[]}]}", "erlang", "system_info",
                 "[what]");
    expect_match(fixture,
                 "[{total, _}, {processes, _}, {processes_used, _}, {system, _}, {atom, _}, {atom_used, _}, "
                 "{binary, _}, {code, _}, {ets, _}]",
                 "memory", "[]");
    expect_match(fixture, "[{atom, _}, {total, _}]", "memory", "[[atom, total]]");
    expect_apply(fixture, "value 0", "erlang", "memory", "[ets]");
    expect_apply(fixture, "error {badarg,[{erlang,memory,[what],[]}]}", "erlang", "memory", "[what]");
    expect_apply(fixture, "error {badarg,[{erlang,memory,[[total,what]],[]}]}", "erlang", "memory",
                 "[[total, what]]");
    static const char *const PAIRS[] = {"runtime", "wall_clock", "reductions", "context_switches"};
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++)
        expect_match(fixture, "{_, _}", "statistics", "[~a]", PAIRS[i]);
    expect_apply(fixture, "value {{input,0},{output,0}}", "erlang", "statistics", "[io]");
    expect_apply(fixture, "value 0", "erlang", "statistics", "[run_queue]");
    expect_apply(fixture, "error {badarg,[{erlang,statistics,[what],[]}]}", "erlang", "statistics", "[what]");
}

static void what_is_not_there_is_undef(void **state) {
    struct fixture *fixture = *state;
    expect_apply(fixture, "error {undef,[{os,cmd,[\"ls\"],[]}]}", "os", "cmd", "[~c]", "ls");
    expect_apply(fixture, "error {undef,[{erlang,node,[1],[]}]}", "erlang", "node",
                 "[1]"); /* another arity */
    expect_apply(fixture, "error {undef,[{erlang,halt,[],[]}]}", "erlang", "halt", "[]");
    expect_apply(fixture, "error {badarg,[{erlang,node,[a|b],[]}]}", "erlang", "node", "[a | b]");
    expect_apply(fixture, "error {badarg,[{erlang,node,x,[]}]}", "erlang", "node", "x");
}

static void small_integers_are_arguments_too(void **state) {
    struct fixture *fixture = *state;
    static const unsigned char STRING[] = {107, 0, 1, 200}; /* [200], as BEAM sends it */
    hm_term arguments = {STRING, sizeof STRING};
    char *text = apply_text(fixture, "erlang", "system_info", arguments);
    assert_memory_equal(text, "error {badarg,", 14);
    free(text);
}

static void apply_goes_through(void **state) {
    struct fixture *fixture = *state;
    static const unsigned char EXPORT[] = {113, 119, 6,   'e', 'r', 'l', 'a', 'n', 'g',
                                           119, 4,   'n', 'o', 'd', 'e', 97,  0};
    hm_term function = {EXPORT, sizeof EXPORT};
    expect_apply(fixture, "value n@host", "erlang", "apply", "[erlang, node, []]");
    expect_apply(fixture, "value n@host", "erlang", "apply", "[~t, []]", function);
    expect_apply(fixture, "value n@host", "erlang", "apply", "[erlang, apply, [~t, []]]", function);
    expect_apply(fixture, "error {undef,[{a,b,[],[]}]}", "erlang", "apply", "[a, b, []]");
    expect_apply(fixture, "error {badarg,[{erlang,apply,[x,[]],[]}]}", "erlang", "apply", "[x, []]");
    expect_apply(fixture, "error {badarg,[{erlang,node,x,[]}]}", "erlang", "apply", "[erlang, node, x]");
}

/* A closure of erl_eval with arity 1 and no free variables. */
static const unsigned char CLOSURE[] = {
    112, 0, 0,  0,   61, 1,   1,   2,   3, 4,   5, 6,   7,   8,   9,   10,  11,  12,  13,  14, 15,
    16,  0, 0,  0,   41, 0,   0,   0,   0, 119, 8, 'e', 'r', 'l', '_', 'e', 'v', 'a', 'l', 97, 1,
    97,  2, 88, 119, 3,  'a', '@', 'h', 0, 0,   0, 5,   0,   0,   0,   0,   0,   0,   0,   3};

static void closures_are_undef(void **state) {
    struct fixture *fixture = *state;
    hm_term function;
    assert_int_equal(hm_term_check(CLOSURE, sizeof CLOSURE, true, NULL, &function), HM_OK);
    expect_apply(fixture, "error {undef,[{erl_eval,'-fun-',1,[]}]}", "erlang", "apply", "[~t, [x]]",
                 function);
}

/* ---- spawned ---- */

/* Spawns M:F(Arguments), watched by the probe, and expects this exit reason. */
static void expect_exit(struct fixture *fixture, const char *reason, const char *module, const char *function,
                        hm_build *arguments) {
    hm_build *names = hm_build_new();
    hm_put_format(names, "{~a, ~a}", module, function);
    hm_term parts[2], why;
    hm_tuple_elements(hm_build_term(names), 2, parts);
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = parts[0],
                                    .function = parts[1],
                                    .arity = (uint32_t)hm_list_length(hm_build_term(arguments)),
                                    .arguments = hm_build_term(arguments)};
    hm_pid pid;
    const char *refusal = NULL;
    assert_int_equal(erpc_on_spawn(fixture->node, &request, &pid, &refusal), HM_OK);
    assert_true(hm_is_alive(fixture->node, pid)); /* nothing runs before its turn */
    hm_process *process = process_lookup(fixture->node, pid);
    assert_true(hm_pid_equal(process->leader, request.leader));
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{'DOWN', _, process, _, ~t}", &why));
    char *text = print_term(why);
    assert_string_equal(text, reason);
    free(text);
    probe_clear(&fixture->probe);
    hm_build_free(names);
    hm_build_free(arguments);
}

static hm_build *list(const char *pattern, ...) {
    hm_build *build = hm_build_new();
    va_list arguments;
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    return build;
}

static void execute_call_ends_with_the_outcome(void **state) {
    struct fixture *fixture = *state;
    expect_exit(fixture, "{r,return,n@host}", "erpc", "execute_call", list("[r, erlang, node, []]"));
    expect_exit(fixture, "{{x,1},error,undef,[{foo,bar,[1000,2],[]}]}", "erpc", "execute_call",
                list("[{x, 1}, foo, bar, [1000, 2]]"));
    expect_exit(fixture, "{r,error,badarg,[{erlang,whereis,[[]],[]}]}", "erpc", "execute_call",
                list("[r, erlang, whereis, [[]]]"));
    assert_int_equal(fixture->warnings, 0);
}

static void execute_cast_is_normal_or_reported(void **state) {
    struct fixture *fixture = *state;
    expect_exit(fixture, "normal", "erpc", "execute_cast", list("[erlang, node, []]"));
    assert_int_equal(fixture->warnings, 0);
    expect_exit(fixture, "{{exception,{undef,[{foo,bar,[],[]}]}},[{erpc,execute_cast,3,[]}]}", "erpc",
                "execute_cast", list("[foo, bar, []]"));
    assert_non_null(strstr(fixture->log, "process.error"));
}

static void plain_functions_can_be_spawned(void **state) {
    struct fixture *fixture = *state;
    expect_exit(fixture, "normal", "erlang", "whereis", list("[x]"));
    expect_exit(fixture, "{undef,[{foo,bar,[x],[]}]}", "foo", "bar", list("[x]"));
    expect_exit(fixture, "{undef,[{erpc,execute_call,[x],[]}]}", "erpc", "execute_call", list("[x]"));
    hm_term function = {CLOSURE, sizeof CLOSURE};
    expect_exit(fixture, "{undef,[{erl_eval,'-fun-',1,[]}]}", "erlang", "apply", list("[~t, [y]]", function));
}

static void too_many_processes_are_refused(void **state) {
    struct fixture *fixture = *state;
    fixture->node->max_processes = fixture->node->process_count;
    hm_build *arguments = list("[]");
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = ATOM_TERM("erlang"),
                                    .function = ATOM_TERM("node"),
                                    .arguments = hm_build_term(arguments)};
    hm_pid pid;
    const char *refusal = NULL;
    assert_int_equal(erpc_on_spawn(fixture->node, &request, &pid, &refusal), HM_ELIMIT);
    assert_string_equal(refusal, "system_limit");
    hm_build_free(arguments);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(nodes_are_told),
        TEST(names_and_processes_are_told),
        TEST(process_info_has_every_item),
        TEST(the_system_is_told),
        TEST(what_is_not_there_is_undef),
        TEST(small_integers_are_arguments_too),
        TEST(apply_goes_through),
        TEST(closures_are_undef),
        TEST(execute_call_ends_with_the_outcome),
        TEST(execute_cast_is_normal_or_reported),
        TEST(plain_functions_can_be_spawned),
        TEST(too_many_processes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
