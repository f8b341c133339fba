/* System messages, against what a gen_server of OTP 25 answers (test/golden/sys.escript). */
#include "otp_fixture.h"

#include <stdio.h>

#include "otp/releases.h"

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    hm_term what;
    if (hm_match(request, "{echo, ~t}", &what))
        return hm_reply_term(self, from, what);
    if (hm_match(request, "{later, ~t}", &what)) {
        hm_from *kept = hm_from_keep(from);
        hm_reply_term(self, kept, what);
        hm_from_free(kept);
        return HM_CONTINUE;
    }
    return HM_UNKNOWN;
}

static enum hm_verdict on_any(hm_process *self, hm_term message) {
    (void)self;
    (void)message;
    return HM_CONTINUE;
}

static void put_state(hm_process *self, hm_build *state) {
    (void)self;
    hm_put_format(state, "{subject_state, 0}");
}

static const struct hm_server_class subject_class = {
    .module = "subject", .call = on_call, .cast = on_any, .info = on_any, .state = put_state};

static struct hm_address start(struct fixture *fixture) {
    /* Linked, as the recorded one is, to whom asks. */
    struct hm_start how = {.name = "subject", .link = fixture->probe.process->pid};
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &subject_class, &how, NULL, &pid), HM_OK);
    return hm_to_pid(pid);
}

/* ---- shapes ---- */

static bool is_text(hm_term list) {
    struct hm_list reader;
    hm_term element;
    hm_list_begin(list, &reader);
    while (hm_list_next(&reader, &element))
        if (hm_term_type(element) != HM_TYPE_INTEGER)
            return false;
    return true;
}

/* Equal but for what differs from run to run: numbers in tuples, pids, references. */
static bool same_shape(hm_term a, hm_term b) {
    enum hm_type type = hm_term_type(a);
    if (type != hm_term_type(b))
        return false;
    switch (type) {
    case HM_TYPE_INTEGER:
    case HM_TYPE_PID:
    case HM_TYPE_REFERENCE:
        return true;
    case HM_TYPE_TUPLE: {
        hm_term left[8], right[8];
        long arity = hm_tuple_arity(a);
        if (arity > 8 || arity != hm_tuple_arity(b))
            return false;
        hm_tuple_elements(a, (unsigned)arity, left);
        hm_tuple_elements(b, (unsigned)arity, right);
        for (long i = 0; i < arity; i++)
            if (!same_shape(left[i], right[i]))
                return false;
        return true;
    }
    case HM_TYPE_LIST: {
        struct hm_list left, right;
        hm_term x, y;
        if (is_text(a))
            return hm_term_equal(a, b);
        hm_list_begin(a, &left);
        hm_list_begin(b, &right);
        while (hm_list_next(&left, &x))
            if (!hm_list_next(&right, &y) || !same_shape(x, y))
                return false;
        if (hm_list_next(&right, &y))
            return false;
        bool proper = hm_list_end(&left, &x);
        return proper == hm_list_end(&right, &y) && (proper || same_shape(x, y));
    }
    default:
        return hm_term_equal(a, b);
    }
}

static void expect_golden(struct fixture *fixture, const char *name) {
    static unsigned char bytes[8192];
    char path[128];
    snprintf(path, sizeof path, "test/golden/otp25/sys_%s.bin", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    hm_term golden, ours;
    assert_int_equal(hm_term_check(bytes, size, true, NULL, &golden), HM_OK);
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{t, ~t}", &ours));
    if (!same_shape(golden, ours)) {
        char *left = print_term(golden), *right = print_term(ours);
        print_error("OTP 25: %s\nhere:   %s\n", left, right);
        free(left);
        free(right);
        fail();
    }
    probe_clear(&fixture->probe);
}

static void statuses_have_the_shape_of_otp(void **state) {
    struct fixture *fixture = *state;
    struct hm_address server = start(fixture);
    fixture_system(fixture, server, "get_status");
    expect_golden(fixture, "status");
    fixture_system(fixture, server, "suspend");
    expect_golden(fixture, "suspend");
    fixture_system(fixture, server, "get_status");
    expect_golden(fixture, "status_suspended");
}

static void debug_answers_have_the_shape_of_otp(void **state) {
    struct fixture *fixture = *state;
    struct hm_address server = start(fixture);
    hm_ref alias;
    assert_int_equal(hm_alias(fixture->probe.process, &alias), HM_OK);
    fixture_system(fixture, server, "{debug, {statistics, get}}");
    expect_golden(fixture, "no_statistics");
    fixture_system(fixture, server, "{debug, {log, get}}");
    expect_golden(fixture, "empty_log");
    fixture_system(fixture, server, "{what, [1]}");
    expect_golden(fixture, "unknown");
    fixture_system(fixture, server, "{debug, what}");
    expect_golden(fixture, "unknown_debug");
    fixture_system(fixture, server, "{change_code, subject, undefined, []}");
    expect_golden(fixture, "change_code_running");
    fixture_system(fixture, server, "{debug, {statistics, true}}");
    fixture_system(fixture, server, "{debug, {log, true}}");
    fixture_send(fixture, server, "{'$gen_call', {~p, [alias | ~r]}, {echo, hi}}",
                 fixture->probe.process->pid, &alias);
    fixture_send(fixture, server, "{'$gen_cast', thrown}");
    fixture_send(fixture, server, "said");
    probe_clear(&fixture->probe);
    fixture_system(fixture, server, "{debug, {statistics, get}}");
    assert_true(
        hm_match(fixture->probe.terms[0], "{t, {ok, [_, _, _, {messages_in, 3}, {messages_out, 1}]}}"));
    expect_golden(fixture, "statistics");
    fixture_system(fixture, server, "{debug, {log, get}}");
    expect_golden(fixture, "log");
    fixture_system(fixture, server, "{debug, no_debug}");
    expect_golden(fixture, "no_debug");
    fixture_system(fixture, server, "{debug, {log, get}}");
    expect_golden(fixture, "empty_log");
    assert_null(((struct gen_server *)process_lookup(fixture->node, server.pid)->state)->debug);
}

/* ---- the rest ---- */

static void the_state_of_a_local_caller_is_tagged(void **state) {
    struct fixture *fixture = *state;
    struct hm_address server = start(fixture);
    fixture_system(fixture, server, "get_state");
    expect_text(fixture, "{t,{ok,{subject_state,0}}}");
    fixture_system(fixture, server, "{replace_state, f}");
    expect_text(fixture, "{t,{error,{callback_failed,{gen_server,system_replace_state},{error,undef}}}}");
}

static void releases_before_5_1_are_told_apart(void **state) {
    (void)state;
    assert_false(releases_is_tagged_stdlib("4.2"));
    assert_false(releases_is_tagged_stdlib("5.0"));
    assert_false(releases_is_tagged_stdlib("5.0.2"));
    assert_true(releases_is_tagged_stdlib("5.1"));
    assert_true(releases_is_tagged_stdlib("5.10"));
    assert_true(releases_is_tagged_stdlib("6.2.2"));
    assert_true(releases_is_tagged_stdlib("7.0"));
    assert_true(releases_is_tagged_stdlib("what"));
    assert_false(releases_is_tagged_stdlib("4"));
}

static void a_suspended_server_keeps_its_mail(void **state) {
    struct fixture *fixture = *state;
    struct hm_address server = start(fixture);
    fixture_system(fixture, server, "suspend");
    expect_text(fixture, "{t,ok}");
    fixture_system(fixture, server, "suspend");
    expect_text(fixture, "{t,ok}");
    fixture_call(fixture, server, "{echo, 1}");
    fixture_call(fixture, server, "{echo, 2}");
    expect_nothing(fixture);
    fixture_system(fixture, server, "{change_code, subject, undefined, []}");
    expect_text(fixture, "{t,{error,{'EXIT',{undef,[{subject,code_change,3,[]}]}}}}");
    hm_process *probe = fixture->probe.process;
    hm_sendf(probe, server, "{system, {~p, t}, resume}", probe->pid);
    hm_sendf(probe, server, "{'$gen_call', {~p, t}, {echo, 3}}", probe->pid);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 4);
    assert_string_equal(fixture->probe.texts[0], "{t,ok}");
    assert_string_equal(fixture->probe.texts[1], "{t,1}");
    assert_string_equal(fixture->probe.texts[2], "{t,2}");
    assert_string_equal(fixture->probe.texts[3], "{t,3}");
    probe_clear(&fixture->probe);
    fixture_system(fixture, server, "resume");
    expect_text(fixture, "{t,ok}");
}

static void terminate_ends_with_exactly_that_reason(void **state) {
    struct fixture *fixture = *state;
    struct hm_start how = {.name = "alone"};
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &subject_class, &how, NULL, &pid), HM_OK);
    hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL);
    fixture_system(fixture, hm_to_pid(pid), "suspend");
    fixture_system(fixture, hm_to_pid(pid), "{terminate, {asked, [to]}}");
    assert_int_equal(fixture->probe.count, 3);
    assert_string_equal(fixture->probe.texts[1], "{t,ok}");
    assert_true(hm_match(fixture->probe.terms[2], "{'DOWN', _, process, _, {asked, [to]}}"));
}

static void a_log_keeps_the_last(void **state) {
    struct fixture *fixture = *state;
    struct hm_address server = start(fixture);
    fixture_system(fixture, server, "{debug, {log, {true, 4}}}");
    for (int i = 1; i <= 20; i++)
        hm_sendf(fixture->probe.process, server, "{'$gen_cast', ~i}", (int64_t)i);
    fixture_run(fixture);
    probe_clear(&fixture->probe);
    fixture_system(fixture, server, "{debug, {log, get}}");
    expect_text(fixture, "{t,{ok,[{in,{'$gen_cast',19}},{noreply,{subject_state,0}},{in,{'$gen_cast',20}},"
                         "{noreply,{subject_state,0}}]}}");
    fixture_system(fixture, server, "{debug, {log, print}}");
    expect_text(fixture, "{t,ok}");
    assert_non_null(strstr(fixture->log, "sys.log *DBG* subject got cast 19"));
    assert_non_null(strstr(fixture->log, "sys.log *DBG* subject new state {subject_state,0}"));
    fixture_system(fixture, server, "{debug, {log, {true, 0}}}");
    expect_text(fixture, "{t,unknown_debug}");
    fixture_system(fixture, server, "{debug, {log, false}}");
    fixture_system(fixture, server, "{debug, {log, false}}");
}

static void a_trace_goes_to_the_log(void **state) {
    struct fixture *fixture = *state;
    struct hm_address server = start(fixture);
    fixture_system(fixture, server, "{debug, {trace, true}}");
    fixture_call(fixture, server, "{echo, traced}");
    fixture_call(fixture, server, "{later, answered}");
    assert_non_null(strstr(fixture->log, "sys.trace *DBG* subject got call {echo,traced} from <"));
    assert_non_null(strstr(fixture->log, "sys.trace *DBG* subject sent traced to <"));
    assert_null(strstr(fixture->log, "subject sent answered")); /* gen_server:reply/2 is no event */
    fixture->log[0] = '\0';
    fixture_system(fixture, server, "{debug, {trace, false}}");
    fixture_call(fixture, server, "{echo, quiet}");
    assert_string_equal(fixture->log, "");
}

static void odd_debug_requests_are_answered(void **state) {
    struct fixture *fixture = *state;
    struct hm_address server = start(fixture);
    static const char *const CASES[][2] = {
        {"{log_to_file, \"/tmp/x\"}", "{t,{error,open_file}}"},
        {"{log_to_file, false}", "{t,ok}"},
        {"{install, {f, 0}}", "{t,ok}"},
        {"{remove, f}", "{t,ok}"},
        {"{trace, maybe}", "{t,unknown_debug}"},
        {"{statistics, 1}", "{t,unknown_debug}"},
        {"{log, {true, x}}", "{t,unknown_debug}"},
        {"{log, {true, -1}}", "{t,unknown_debug}"},
        {"{}", "{t,unknown_debug}"},
        {"{trace, false}", "{t,ok}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *build = hm_build_new();
        hm_put_format(build, CASES[i][0]);
        fixture_system(fixture, server, "{debug, ~t}", hm_build_term(build));
        hm_build_free(build);
        expect_text(fixture, CASES[i][1]);
    }
    fixture_call(fixture, server, "{echo, alive}");
    expect_text(fixture, "{t,alive}");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(statuses_have_the_shape_of_otp),
        TEST(debug_answers_have_the_shape_of_otp),
        TEST(the_state_of_a_local_caller_is_tagged),
        TEST(releases_before_5_1_are_told_apart),
        TEST(a_suspended_server_keeps_its_mail),
        TEST(terminate_ends_with_exactly_that_reason),
        TEST(a_log_keeps_the_last),
        TEST(a_trace_goes_to_the_log),
        TEST(odd_debug_requests_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
