#include "otp_fixture.h"

#include <stdio.h>

#include "node/links.h"
#include "otp/trace.h"

/* ---- what the owner of a trace is told ---- */

static uint32_t probe_id;

/* Pids as if the probe were number 0. */
static char *relative(char *text) {
    static const char node[] = "n@host.";
    char *result = NULL;
    size_t size;
    FILE *out = open_memstream(&result, &size);
    for (char *at = text, *next; *at; at = next) {
        next = at + 1;
        if (strncmp(at, node, sizeof node - 1) != 0)
            fputc(*at, out);
        else
            fprintf(out, "%s%lu", node, strtoul(at + sizeof node - 1, &next, 10) - probe_id);
    }
    fclose(out);
    free(text);
    return result;
}

struct told {
    char *texts[64];
    char *terms[64];
    unsigned count, ended;
    enum hm_trace_end why;
    uint32_t events;
    const char *reply_to; /* a registered name that the handler sends to */
};

static struct told told;

static void told_clear(void) {
    for (unsigned i = 0; i < told.count; i++) {
        free(told.texts[i]);
        free(told.terms[i]);
    }
    told = (struct told){0};
}

static void on_event(hm_process *self, void *arg, const struct hm_trace_event *event) {
    assert_ptr_equal(arg, &told);
    assert_true(told.count < 64);
    assert_true(event->time_us > 0);
    assert_int_equal(hm_trace_print(event, HM_SYNTAX_ELIXIR, 0, &told.texts[told.count]), HM_OK);
    told.texts[told.count] = relative(told.texts[told.count]);
    hm_build *build = hm_build_new();
    struct hm_trace_event read;
    hm_trace_put(build, event, false);
    assert_int_equal(hm_build_error(build), HM_OK);
    assert_int_equal(hm_trace_read(hm_build_term(build), &read), HM_OK);
    assert_int_equal(read.type, event->type);
    assert_true(hm_term_equal(read.what, event->what));
    told.terms[told.count++] = relative(print_term(hm_build_term(build)));
    hm_build_free(build);
    if (told.reply_to)
        hm_sendf(self, hm_to_name(told.reply_to, NULL), "more");
}

static void on_end(hm_process *self, void *arg, uint64_t trace, enum hm_trace_end why, uint32_t events) {
    (void)self;
    (void)arg;
    (void)trace;
    told.ended++;
    told.why = why;
    told.events = events;
}

static uint64_t try_trace(struct fixture *fixture, struct hm_trace options, int expected, const char *target, ...) {
    char why[256] = "";
    uint64_t id = 0;
    va_list arguments;
    hm_build *build = hm_build_new();
    va_start(arguments, target);
    hm_put_vformat(build, target, arguments);
    va_end(arguments);
    options.target = hm_build_term(build);
    options.event = on_event;
    options.ended = on_end;
    options.arg = &told;
    if (!options.limit)
        options.limit = 10;
    int error = hm_trace_start(fixture->probe.process, &options, &id, why, sizeof why);
    if (error != expected)
        print_error("%d %s\n", error, why);
    assert_int_equal(error, expected);
    assert_true((error == HM_OK) == (why[0] == '\0'));
    hm_build_free(build);
    return id;
}

static void expect_told(const char *text) {
    if (!told.count)
        print_error("nothing instead of %s\n", text);
    assert_true(told.count > 0);
    assert_string_equal(told.texts[0], text);
    free(told.texts[0]);
    free(told.terms[0]);
    told.count--;
    memmove(told.texts, told.texts + 1, told.count * sizeof *told.texts);
    memmove(told.terms, told.terms + 1, told.count * sizeof *told.terms);
}

static void expect_term(const char *text) {
    assert_true(told.count > 0);
    assert_string_equal(told.terms[0], text);
}

static void expect_told_nothing(void) {
    if (told.count)
        print_error("unexpected: %s\n", told.texts[0]);
    assert_int_equal(told.count, 0);
}

/* ---- a server ---- */

static enum hm_verdict echo_call(hm_process *self, hm_term request, const hm_from *from) {
    return hm_reply(self, from, "{echo, ~t}", request);
}

static enum hm_verdict echo_ignore(hm_process *self, hm_term message) {
    (void)self;
    return hm_is_atom(message, "stop") ? HM_STOP : HM_CONTINUE;
}

static const struct hm_server_class echo_class = {
    .module = "echo_server", .call = echo_call, .cast = echo_ignore, .info = echo_ignore};

static hm_pid start_echo(struct fixture *fixture) {
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &echo_class, &(struct hm_start){.name = "echo"}, NULL, &pid), HM_OK);
    return pid;
}

/* As if a peer had sent it. */
static void from_outside(struct fixture *fixture, hm_pid to, const char *pattern, ...) {
    const hm_node_name *peer = names_intern(fixture->node->names, "b@host", 6);
    va_list arguments;
    hm_build *build = hm_build_new();
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    assert_int_equal(process_deliver_from(process_lookup(fixture->node, to), peer, hm_build_term(build), NULL), HM_OK);
    hm_build_free(build);
    fixture_run(fixture);
}

static int setup(void **state) {
    told = (struct told){0};
    int error = fixture_setup(state);
    probe_id = ((struct fixture *)*state)->probe.process->pid.id;
    return error;
}

static int teardown(void **state) {
    told_clear();
    return fixture_teardown(state);
}

/* ---- processes ---- */

static void requests_from_outside_are_calls_of_the_callbacks(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    try_trace(fixture, (struct hm_trace){.returns = true}, HM_OK, "echo");
    from_outside(fixture, echo, "{'$gen_cast', {say, \"john\"}}");
    expect_term("{trace,<n@host.1.0>,call,{echo_server,handle_cast,[{say,<<\"john\">>}]}}");
    expect_told("echo_server.handle_cast/1 is being called with: [{:say, \"john\"}]");
    from_outside(fixture, echo, "hello");
    expect_told("echo_server.handle_info/1 is being called with: [:hello]");
    from_outside(fixture, echo, "{'$gen_call', {~p, tag}, hi}", fixture->probe.process->pid);
    expect_told("echo_server.handle_call/2 is being called with: [:hi, {#PID<n@host.0.0>, :tag}]");
    expect_term("{trace,<n@host.1.0>,return_from,{echo_server,handle_call,2},{echo,hi}}");
    expect_told("echo_server.handle_call/2 returns: {:echo, :hi}");
    expect_told_nothing();
    assert_int_equal(told.ended, 0);
}

static void local_messages_are_for_scope_local(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    uint64_t id = try_trace(fixture, (struct hm_trace){0}, HM_OK, "echo");
    fixture_send(fixture, hm_to_pid(echo), "{'$gen_cast', a}");
    expect_told_nothing();
    assert_int_equal(hm_trace_stop(fixture->node, id), HM_OK);
    try_trace(fixture, (struct hm_trace){.local = true}, HM_OK, "~p", echo);
    fixture_send(fixture, hm_to_pid(echo), "{'$gen_cast', b}");
    expect_told("echo_server.handle_cast/1 is being called with: [:b]");
}

static void a_shape_takes_only_what_fits(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "{echo, {say, 2}}");
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "\"echo:users/0\"");
    from_outside(fixture, echo, "{'$gen_cast', {say, \"john\", \"hi\"}}");
    from_outside(fixture, echo, "{'$gen_cast', {tell, \"john\"}}");
    expect_told_nothing();
    from_outside(fixture, echo, "{'$gen_cast', {say, \"john\"}}");
    expect_told("echo_server.handle_cast/1 is being called with: [{:say, \"john\"}]");
    from_outside(fixture, echo, "users");
    expect_told("echo_server.handle_info/1 is being called with: [:users]");
}

static void messages_are_received_and_sent_as_they_are(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    try_trace(fixture, (struct hm_trace){.messages = true, .local = true}, HM_OK, "echo");
    fixture_call(fixture, hm_to_pid(echo), "hi");
    expect_term("{trace,<n@host.1.0>,'receive',{'$gen_call',{<n@host.0.0>,t},hi}}");
    expect_told("#PID<n@host.1.0> receives: {:\"$gen_call\", {#PID<n@host.0.0>, :t}, :hi}");
    expect_term("{trace,<n@host.1.0>,send,{t,{echo,hi}},<n@host.0.0>}");
    expect_told("#PID<n@host.1.0> sends to #PID<n@host.0.0>: {:t, {:echo, :hi}}");
    expect_told_nothing();
}

static void a_name_is_followed_and_a_pid_is_not(void **state) {
    struct fixture *fixture = *state;
    hm_pid first = start_echo(fixture);
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "echo");
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "~p", first);
    from_outside(fixture, first, "stop");
    expect_told("echo_server.handle_info/1 is being called with: [:stop]");
    expect_told("echo_server.handle_info/1 is being called with: [:stop]");
    assert_int_equal(told.ended, 1);
    assert_int_equal(told.why, HM_TRACE_TARGET_GONE);
    hm_pid second = start_echo(fixture);
    from_outside(fixture, second, "again");
    expect_told("echo_server.handle_info/1 is being called with: [:again]");
    expect_told_nothing();
}

/* ---- limits ---- */

static void a_trace_ends_with_its_limit(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    try_trace(fixture, (struct hm_trace){.limit = 2, .record = true}, HM_OK, "echo");
    for (int i = 0; i < 5; i++)
        from_outside(fixture, echo, "{n, ~i}", (int64_t)i);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.ended, 1);
    assert_int_equal(told.why, HM_TRACE_LIMIT);
    assert_int_equal(told.events, 2);
    assert_null(fixture->node->trace);
    assert_non_null(strstr(fixture->log, "trace.end trace 1 of echo ends after 2 events: limit"));
    hm_build *build = hm_build_new();
    assert_int_equal(hm_trace_playback(fixture->node, 0, false, build), HM_OK);
    assert_int_equal(hm_list_length(hm_build_term(build)), 2);
    hm_build_free(build);
}

static void a_trace_ends_when_its_rate_is_passed(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    try_trace(fixture, (struct hm_trace){.limit = 50, .rate = 3}, HM_OK, "echo");
    for (int i = 0; i < 40; i++) /* not all of them in different seconds */
        from_outside(fixture, echo, "x");
    assert_int_equal(told.why, HM_TRACE_RATE);
    assert_int_equal(told.ended, 1);
    assert_int_equal(told.count, told.events);
    assert_true(told.count >= 3);
}

static void there_is_no_trace_without_limit(void **state) {
    struct fixture *fixture = *state;
    struct hm_trace options = {.target = ATOM_TERM("user")};
    char why[200];
    assert_int_equal(hm_trace_start(fixture->probe.process, &options, NULL, why, sizeof why), HM_EINVAL);
    assert_string_equal(why, "a trace needs a limit of 1 to 10000 events");
    try_trace(fixture, (struct hm_trace){.limit = 10001}, HM_EINVAL, "user");
    try_trace(fixture, (struct hm_trace){.rate = 1001}, HM_EINVAL, "user");
    fixture->node->tracing.max = 2;
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "user");
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "user");
    try_trace(fixture, (struct hm_trace){0}, HM_ELIMIT, "user");
}

static void a_trace_ends_with_its_owner_and_the_recording_stays(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture), owner;
    assert_int_equal(hm_server_start(fixture->node, &echo_class, NULL, NULL, &owner), HM_OK);
    struct hm_trace options = {.target = ATOM_TERM("echo"), .limit = 5, .record = true, .event = on_event, .arg = &told};
    assert_int_equal(hm_trace_start(process_lookup(fixture->node, owner), &options, NULL, NULL, 0), HM_OK);
    from_outside(fixture, echo, "one");
    process_exit(process_lookup(fixture->node, owner), ATOM_TERM("kill"));
    fixture_run(fixture);
    assert_null(fixture->node->trace);
    from_outside(fixture, echo, "two");
    assert_int_equal(told.count, 1);
    hm_build *build = hm_build_new();
    assert_int_equal(hm_trace_playback(fixture->node, 1, false, build), HM_OK);
    assert_int_equal(hm_list_length(hm_build_term(build)), 1);
    hm_trace_forget(fixture->node);
    hm_build_reset(build);
    assert_int_equal(hm_trace_playback(fixture->node, 1, false, build), HM_OK);
    assert_int_equal(hm_list_length(hm_build_term(build)), 0);
    hm_build_free(build);
}

static void what_a_handler_sends_is_not_traced(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    told.reply_to = "echo";
    try_trace(fixture, (struct hm_trace){.local = true}, HM_OK, "echo");
    fixture_send(fixture, hm_to_pid(echo), "first");
    assert_int_equal(told.count, 1);
}

static void a_full_recording_drops_what_ended_traces_left(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    hm_build *build = hm_build_new();
    fixture->node->tracing.memory = 2000;
    uint64_t first = try_trace(fixture, (struct hm_trace){.record = true}, HM_OK, "echo");
    from_outside(fixture, echo, "old");
    assert_int_equal(hm_trace_stop(fixture->node, first), HM_OK);
    uint64_t second = try_trace(fixture, (struct hm_trace){.record = true, .limit = 60}, HM_OK, "echo");
    for (int i = 0; i < 20; i++)
        from_outside(fixture, echo, "new");
    assert_int_equal(told.why, HM_TRACE_RECORDING_FULL);
    assert_int_equal(hm_trace_playback(fixture->node, first, false, build), HM_OK);
    assert_int_equal(hm_list_length(hm_build_term(build)), 0);
    hm_build_reset(build);
    assert_int_equal(hm_trace_playback(fixture->node, second, false, build), HM_OK);
    assert_true(hm_list_length(hm_build_term(build)) > 3);
    hm_build_free(build);
}

static void large_terms_are_cut(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    size_t size = 100000;
    void *bytes = calloc(1, size);
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "echo");
    from_outside(fixture, echo, "{big, ~b}", bytes, size);
    free(bytes);
    expect_told("echo_server.handle_info/1 is being called with: [{:..., 100012}]");
}

/* ---- functions ---- */

static void call_function(struct fixture *fixture, const char *node, const char *module, const char *function,
                          const char *arguments) {
    hm_build *result = hm_build_new(), *m = hm_build_new(), *f = hm_build_new(), *a = hm_build_new();
    hm_process *caller;
    assert_int_equal(process_spawn(fixture->node, &probe_class, &caller), HM_OK);
    caller->state = &fixture->probe;
    caller->on_behalf = node ? names_intern(fixture->node->names, node, strlen(node)) : NULL;
    hm_put_atom(m, module);
    hm_put_atom(f, function);
    hm_put_format(a, arguments);
    mfa_apply(caller, hm_build_term(m), hm_build_term(f), hm_build_term(a), result, NULL);
    process_exit(caller, ATOM_TERM("normal"));
    hm_build_free(result);
    hm_build_free(m);
    hm_build_free(f);
    hm_build_free(a);
    fixture_run(fixture);
}

static void functions_tell_arguments_and_values(void **state) {
    struct fixture *fixture = *state;
    try_trace(fixture, (struct hm_trace){.returns = true}, HM_OK, "{erlang, module_loaded, 1}");
    call_function(fixture, NULL, "erlang", "module_loaded", "[erlang]");
    expect_told_nothing();
    call_function(fixture, "b@host", "erlang", "module_loaded", "[erlang]");
    expect_told("erlang.module_loaded/1 is being called with: [:erlang]");
    expect_told("erlang.module_loaded/1 returns: true");
    call_function(fixture, "b@host", "erlang", "module_loaded", "[1]");
    expect_told("erlang.module_loaded/1 is being called with: [1]");
    expect_term("{trace,<n@host.1.2>,exception_from,{erlang,module_loaded,1},{error,badarg}}");
    expect_told("erlang.module_loaded/1 raises: :badarg");
    call_function(fixture, "b@host", "erlang", "node", "[]");
    expect_told_nothing();
}

static void targets_are_looked_up(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    static const struct {
        const char *target;
        int error;
    } CASES[] = {
        {"nobody", HM_ENOPROC},
        {"\"nobody\"", HM_ENOPROC},
        {"\"<0.999.0>\"", HM_ENOPROC},
        {"{erlang, nothing, 7}", HM_ENOENT},
        {"{erlang, node, '_'}", HM_OK},
        {"{erlang, '_', '_'}", HM_OK},
        {"\"erlang:node/0\"", HM_OK},
        {"\"&:erlang.node/0\"", HM_OK},
        {"\"function:erlang:node/7\"", HM_ENOENT},
        {"\"process:echo:node/7\"", HM_OK},
        {"\"echo:node/7\"", HM_OK},
        {"\"echo:node/x\"", HM_EINVAL},
        {"\"echo:node/256\"", HM_EINVAL},
        {"\"Echo\"", HM_ENOPROC},
        {"\"\"", HM_EINVAL},
        {"\"/1\"", HM_EINVAL},
        {"\":/1\"", HM_EINVAL},
        {"\"<\"", HM_EINVAL},
        {"\"<>:a/1\"", HM_EINVAL},
        {"\"<...>\"", HM_EINVAL},
        {"\"peer:x@host\"", HM_ENOCONNECTION},
        {"{peer, x@host}", HM_ENOCONNECTION},
        {"{peer, 1}", HM_EINVAL},
        {"processes", HM_OK},
        {"{process, processes}", HM_ENOPROC},
        {"{process, echo}", HM_OK},
        {"{echo, {say, x}}", HM_EINVAL},
        {"{echo, {1, 1}}", HM_EINVAL},
        {"{1, 2, 3}", HM_EINVAL},
        {"[]", HM_EINVAL},
        {"17", HM_EINVAL},
        {"#{}", HM_EINVAL},
    };
    fixture->node->tracing.max = 1000;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        try_trace(fixture, (struct hm_trace){0}, CASES[i].error, CASES[i].target);
    char text[64];
    snprintf(text, sizeof text, "<0.%u.%u>", echo.id, echo.serial);
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "~s", text);
    snprintf(text, sizeof text, "#PID<n@host.%u.%u>:say/2", echo.id, echo.serial);
    try_trace(fixture, (struct hm_trace){0}, HM_OK, "~s", text);
    try_trace(fixture, (struct hm_trace){0}, HM_EINVAL, "~p", fixture->probe.process->pid);
}

/* ---- process events ---- */

static void processes_tell_their_lives(void **state) {
    struct fixture *fixture = *state;
    try_trace(fixture, (struct hm_trace){.limit = 20}, HM_OK, "processes");
    hm_pid echo = start_echo(fixture);
    assert_int_equal(links_add(fixture->probe.process, echo), HM_OK);
    assert_int_equal(links_remove(fixture->probe.process, echo), HM_OK);
    process_exit(process_lookup(fixture->node, echo), ATOM_TERM("done"));
    fixture_run(fixture);
    expect_told("#PID<n@host.1.0> is registered as :echo");
    expect_term("{trace,<n@host.1.0>,spawned,undefined,{proc_lib,init_p,5}}");
    expect_told("#PID<n@host.1.0> is started by :undefined: proc_lib.init_p/5");
    expect_told("#PID<n@host.0.0> links to #PID<n@host.1.0>");
    expect_told("#PID<n@host.1.0> is linked by #PID<n@host.0.0>");
    expect_told("#PID<n@host.0.0> unlinks #PID<n@host.1.0>");
    expect_told("#PID<n@host.1.0> is unlinked by #PID<n@host.0.0>");
    expect_told("#PID<n@host.1.0> exits: :done");
    expect_told("#PID<n@host.1.0> gives up the name :echo");
    expect_told_nothing();
}

/* ---- sinks ---- */

struct counting_sink {
    struct trace_sink sink;
    unsigned events, ends;
    struct counting_sink *removes;
};

static void count_event(struct trace_sink *sink, const struct hm_trace_event *event) {
    struct counting_sink *counting = (struct counting_sink *)sink;
    assert_int_equal(event->type, HM_TRACE_CALL);
    counting->events++;
    if (counting->removes) {
        trace_sink_remove(&counting->removes->sink);
        counting->removes = NULL;
    }
}

static void count_end(struct trace_sink *sink, uint64_t trace, enum hm_trace_end why) {
    assert_int_equal(trace, 1);
    assert_int_equal(why, HM_TRACE_STOPPED);
    ((struct counting_sink *)sink)->ends++;
}

static void sinks_see_the_events_of_every_trace(void **state) {
    struct fixture *fixture = *state;
    hm_pid echo = start_echo(fixture);
    struct counting_sink first = {.sink = {.on_event = count_event, .on_end = count_end}}, second = first;
    assert_int_equal(trace_sink_add(fixture->node, &first.sink), HM_OK);
    assert_int_equal(trace_sink_add(fixture->node, &second.sink), HM_OK);
    second.removes = &first; /* the later one is told first */
    uint64_t id = try_trace(fixture, (struct hm_trace){0}, HM_OK, "echo");
    from_outside(fixture, echo, "a");
    from_outside(fixture, echo, "b");
    assert_int_equal(hm_trace_stop(fixture->node, id), HM_OK);
    assert_int_equal(hm_trace_stop(fixture->node, id), HM_ENOENT);
    fixture_run(fixture);
    assert_int_equal(first.events, 0);
    assert_int_equal(second.events, 2);
    assert_int_equal(second.ends, 1);
    trace_sink_remove(&second.sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(requests_from_outside_are_calls_of_the_callbacks),
        TEST(local_messages_are_for_scope_local),
        TEST(a_shape_takes_only_what_fits),
        TEST(messages_are_received_and_sent_as_they_are),
        TEST(a_name_is_followed_and_a_pid_is_not),
        TEST(a_trace_ends_with_its_limit),
        TEST(a_trace_ends_when_its_rate_is_passed),
        TEST(there_is_no_trace_without_limit),
        TEST(a_trace_ends_with_its_owner_and_the_recording_stays),
        TEST(what_a_handler_sends_is_not_traced),
        TEST(a_full_recording_drops_what_ended_traces_left),
        TEST(large_terms_are_cut),
        TEST(functions_tell_arguments_and_values),
        TEST(targets_are_looked_up),
        TEST(processes_tell_their_lives),
        TEST(sinks_see_the_events_of_every_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
