/* Every allocation of a device's life fails once: the node goes on, and nothing leaks. */
#include "otp_fixture.h"

#include "otp/erpc.h"
#include "otp/io_client.h"
#include "otp/io_server.h"
#include "support/alloc.h"

struct terminal {
    hm_io_server *server;
    bool ended;
};

static int output(void *arg, hm_pid from, const char *text, size_t size) {
    (void)arg;
    (void)from;
    (void)text;
    return size % 2 ? HM_IO_LATER : 0;
}

static void input(void *arg, bool wanted) {
    (void)arg;
    (void)wanted;
}

static void ended(void *arg) {
    struct terminal *terminal = arg;
    terminal->ended = true;
    terminal->server = NULL;
}

/* The probe must not allocate: only what is under test may fail. */
static enum hm_verdict count_only(hm_process *self, hm_term message) {
    (void)self;
    (void)message;
    return HM_CONTINUE;
}

static const struct process_class quiet_class = {.module = "probe", .receive = count_only};

static enum hm_verdict on_done(hm_process *self, void *arg, int error, hm_term reply) {
    (void)self;
    (void)error;
    (void)reply;
    ++*(int *)arg;
    return HM_CONTINUE;
}

static void use_device(struct fixture *fixture, struct terminal *terminal) {
    static const char *const REQUESTS[] = {
        "{put_chars, unicode, \"one\"}",
        "{put_chars, unicode, io_lib, format, [\"~p ~10s ~f ~.16b\", [[{a, #{b => <<1, 2>>}}], x, 1.5, "
        "255]]}",
        "{put_chars, unicode, io_lib, format, [\"~20p\", [[{a, \"text\", <<\"text\">>, [1, 2, 3, 4, 5, 6, 7, "
        "8, 9]}]]]}",
        "{put_chars, latin1, \"two\"}",
        "{get_line, unicode, \"> \"}",
        "{requests, [{put_chars, unicode, \"x\"}, {get_chars, latin1, '', 2}]}",
        "{setopts, [binary]}",
        "getopts",
        "{get_line, latin1, \"> \"}",
    };
    struct hm_io_device device = {
        .size = sizeof device, .output = output, .input = input, .ended = ended, .arg = terminal};
    hm_process *self = fixture->probe.process;
    hm_pid pid;
    int done = 0;
    if (hm_io_server_start(fixture->node, &device, NULL, &terminal->server, &pid) != HM_OK)
        return;
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS; i++) {
        hm_build *request = hm_build_new();
        if (!request)
            continue;
        char why[100];
        if (hm_term_parse(REQUESTS[i], HM_SYNTAX_ERLANG, request, why, sizeof why) == HM_OK)
            hm_io_request(self, pid, hm_build_term(request), -1, on_done, &done);
        hm_build_free(request);
        fixture_run(fixture);
    }
    hm_io_input(terminal->server, "a line\nand another\nrest", 23);
    fixture_run(fixture);
    hm_io_eof(terminal->server);
    hm_io_written(terminal->server);
    fixture_run(fixture);
    io_client_put_chars(self, pid, "text", 4, NULL, NULL);
    fixture_run(fixture);
}

/* The node's own device, its log proxy, and functions that print. */
static void use_node(struct fixture *fixture, struct terminal *terminal) {
    static const char *const CALLS[] = {
        "[ref, io, format, [\"~p~n\", [a]]]", "[ref, io, put_chars, [\"part\"]]",
        "[ref, 'Elixir.IO', inspect, [[a, {b}]]]", "[ref, io, get_line, ['']]"};
    char why[100];
    (void)terminal;
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++) {
        hm_build *list = hm_build_new();
        hm_pid pid;
        const char *refusal;
        if (!list || hm_term_parse(CALLS[i], HM_SYNTAX_ERLANG, list, why, sizeof why)) {
            hm_build_free(list);
            continue;
        }
        struct spawn_request request = {.from = fixture->probe.process->pid,
                                        .module = ATOM_TERM("erpc"),
                                        .function = ATOM_TERM("execute_call"),
                                        .arity = 4,
                                        .leader = hm_whereis(fixture->node, "user"),
                                        .arguments = hm_build_term(list)};
        erpc_on_spawn(fixture->node, &request, &pid, &refusal);
        hm_build_free(list);
        fixture_run(fixture);
    }
    hm_sendf(fixture->probe.process, hm_to_name("logger_proxy", NULL), "{log, error, ~c, [~c], #{}}", "x ~p",
             "y");
    fixture_run(fixture);
}

static void fail_each(void (*scenario)(struct fixture *fixture, struct terminal *terminal)) {
    for (long n = 0;; n++) {
        struct fixture fixture;
        struct terminal terminal = {0};
        assert_int_equal(fixture_open(&fixture), HM_OK);
        fixture.node->log.level = LOG_ERROR;
        assert_int_equal(process_spawn(fixture.node, &quiet_class, &fixture.probe.process), HM_OK);
        alloc_fail_at(n);
        scenario(&fixture, &terminal);
        bool failed = alloc_failed();
        alloc_fail_never();
        /* The node still serves. */
        fixture.probe.process->class = &probe_class;
        fixture.probe.process->state = &fixture.probe;
        fixture_call(&fixture, hm_to_name("net_kernel", NULL), "{is_auth, x}");
        expect_text(&fixture, "{t,yes}");
        bool was_there = terminal.server != NULL;
        fixture_close(&fixture);
        assert_int_equal(terminal.ended, was_there);
        if (!failed)
            break;
    }
}

static void a_device_survives(void **state) {
    (void)state;
    fail_each(use_device);
}

static void what_the_node_prints_survives(void **state) {
    (void)state;
    fail_each(use_node);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_survives),
        cmocka_unit_test(what_the_node_prints_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
