/* A device that writes into memory; the probe asks, as any process does. */
#include "otp_fixture.h"

#include "otp/io_server.h"

struct terminal {
    hm_io_server *server;
    hm_pid pid;
    char text[4096];
    size_t size;
    bool later, fail, wanted, echo, is_terminal, ended;
    unsigned asked;
};

static int output(void *arg, hm_pid from, const char *text, size_t size) {
    struct terminal *terminal = arg;
    assert_non_null(from.node);
    if (terminal->fail)
        return HM_ESYSTEM;
    assert_true(terminal->size + size < sizeof terminal->text);
    memcpy(terminal->text + terminal->size, text, size);
    terminal->size += size;
    terminal->text[terminal->size] = '\0';
    return terminal->later ? HM_IO_LATER : 0;
}

static void input(void *arg, bool wanted) {
    struct terminal *terminal = arg;
    terminal->wanted = wanted;
    terminal->asked += wanted;
}

static bool echo(void *arg, bool on) {
    struct terminal *terminal = arg;
    terminal->echo = on;
    return terminal->is_terminal;
}

static bool geometry(void *arg, unsigned *columns, unsigned *rows) {
    struct terminal *terminal = arg;
    *columns = 80;
    *rows = 24;
    return terminal->is_terminal;
}

static void ended(void *arg) {
    struct terminal *terminal = arg;
    terminal->ended = true;
    terminal->server = NULL;
}

static struct terminal *open_with(struct fixture *fixture, struct hm_io_device device) {
    struct terminal *terminal = fixture_own(fixture, sizeof *terminal);
    terminal->echo = terminal->is_terminal = true;
    device.size = sizeof device;
    device.output = output;
    device.echo = echo;
    device.geometry = geometry;
    device.ended = ended;
    device.arg = terminal;
    assert_int_equal(hm_io_server_start(fixture->node, &device, NULL, &terminal->server, &terminal->pid),
                     HM_OK);
    return terminal;
}

static struct terminal *open_terminal(struct fixture *fixture) {
    return open_with(fixture, (struct hm_io_device){.input = input});
}

#define ask(fixture, terminal, tag, pattern, ...)                                                            \
    fixture_send(fixture, hm_to_pid((terminal)->pid), "{io_request, ~p, " tag ", " pattern "}",              \
                 (fixture)->probe.process->pid, ##__VA_ARGS__)

static void type(struct fixture *fixture, struct terminal *terminal, const char *text) {
    assert_int_equal(hm_io_input(terminal->server, text, strlen(text)), HM_OK);
    fixture_run(fixture);
}

static void expect_printed(struct terminal *terminal, const char *text) {
    assert_string_equal(terminal->text, text);
    terminal->size = 0;
    terminal->text[0] = '\0';
}

static void prints_in_both_encodings(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    static const struct {
        const char *request, *printed, *reply;
    } CASES[] = {
        {"{put_chars, unicode, <<\"h\xc3\xa9\\n\"/utf8>>}", "h\xc3\xa9\n", "ok"},
        {"{put_chars, unicode, [104, [8364], <<\"x\">>]}", "h\xe2\x82\xacx", "ok"},
        {"{put_chars, unicode, [<<195>>, <<169>>]}", "\xc3\xa9", "ok"},
        {"{put_chars, latin1, <<104, 233>>}", "h\xc3\xa9", "ok"},
        {"{put_chars, \"h\xc3\xa9\"}", "h\xc3\xa9", "ok"},
        {"{put_chars, unicode, <<255>>}", "", "{error,{put_chars,unicode,<<255>>}}"},
        {"{put_chars, unicode, nobody}", "", "{error,{put_chars,unicode,nobody}}"},
        {"{put_chars, latin1, [8364]}", "", "{error,{put_chars,latin1,[8364]}}"},
        {"{put_chars, unicode, io_lib, format, [\"~p ~ts~n\", [{a, \"b\"}, [8364]]]}",
         "{a,\"b\"} \xe2\x82\xac\n", "ok"},
        {"{put_chars, unicode, io_lib, format, [\"~p\", []]}", "", "{error,format}"},
        {"{put_chars, latin1, io_lib, fwrite, [\"~ts\", [[8364]]]}", "", "{error,fwrite}"},
        {"{put_chars, unicode, io_lib, write, [\"ab\"]}", "[97,98]", "ok"},
        {"{put_chars, unicode, my_module, text, []}", "", "{error,enotsup}"},
        {"{put_chars, unicode, []}", "", "ok"},
        {"{get_until, unicode, \"> \", erl_scan, tokens, [1]}", "", "{error,enotsup}"},
        {"{get_geometry, columns}", "", "80"},
        {"{get_geometry, rows}", "", "24"},
        {"getopts", "", "[{expand_fun,false},{echo,true},{binary,false},{encoding,unicode}]"},
        {"{setopts, [{colour, true}]}", "", "{error,enotsup}"},
        {"{put_ansi, [], red}", "", "{error,request}"},
        {"unknown", "", "{error,request}"},
        {"{requests, []}", "", "ok"},
        {"{requests, [{put_chars, unicode, \"a\"}, {requests, []}, {requests, [{put_chars, unicode, "
         "\"b\"}]}]}",
         "ab", "ok"},
        {"{requests, [{put_chars, unicode, \"a\"}, getopts, {put_chars, unicode, \"b\"}]}", "a",
         "[{expand_fun,false},{echo,true},{binary,false},{encoding,unicode}]"},
        {"{requests, [{put_chars, unicode, \"a\"}, what, {put_chars, unicode, \"b\"}]}", "a",
         "{error,request}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        hm_build *request = hm_build_new();
        char why[100], reply[300];
        assert_int_equal(hm_term_parse(CASES[i].request, HM_SYNTAX_ERLANG, request, why, sizeof why), HM_OK);
        ask(fixture, terminal, "r", "~t", hm_build_term(request));
        hm_build_free(request);
        snprintf(reply, sizeof reply, "{io_reply,r,%s}", CASES[i].reply);
        expect_text(fixture, reply);
        expect_printed(terminal, CASES[i].printed);
    }
}

static void deeply_nested_requests_are_refused(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    hm_build *request = hm_build_new();
    for (int i = 0; i < 100; i++) {
        hm_put_tuple(request, 2);
        hm_put_atom(request, "requests");
        hm_put_list(request, 1);
    }
    hm_put_atom(request, "getopts");
    for (int i = 0; i < 100; i++)
        hm_put_nil(request);
    ask(fixture, terminal, "r", "~t", hm_build_term(request));
    hm_build_free(request);
    expect_text(fixture, "{io_reply,r,{error,request}}");
}

static void lines_come_as_they_are_typed(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    ask(fixture, terminal, "r", "{get_line, unicode, \"name> \"}");
    expect_nothing(fixture);
    expect_printed(terminal, "name> ");
    assert_true(terminal->wanted);
    type(fixture, terminal, "Jo");
    expect_nothing(fixture);
    type(fixture, terminal, "e\nrest\nof");
    expect_text(fixture, "{io_reply,r,\"Joe\\n\"}");
    assert_false(terminal->wanted);
    ask(fixture, terminal, "r", "{setopts, [binary]}");
    probe_clear(&fixture->probe);
    ask(fixture, terminal, "r", "{get_line, unicode, ''}"); /* was there already */
    expect_text(fixture, "{io_reply,r,<<\"rest\\n\">>}");
    assert_int_equal(terminal->asked, 1);
    ask(fixture, terminal, "r", "{get_line, unicode, ''}");
    type(fixture, terminal, " it \xe2\x82\xac\n");
    expect_text(fixture, "{io_reply,r,<<\"of it \xe2\x82\xac\\n\"/utf8>>}");
}

static void the_end_of_the_input_is_told_once_to_each(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    ask(fixture, terminal, "r", "{get_line, unicode, ''}");
    type(fixture, terminal, "no end");
    hm_io_eof(terminal->server);
    fixture_run(fixture);
    expect_text(fixture, "{io_reply,r,\"no end\"}");
    ask(fixture, terminal, "r", "{get_line, unicode, ''}");
    expect_text(fixture, "{io_reply,r,eof}");
    unsigned asked = terminal->asked;
    ask(fixture, terminal, "r", "{get_chars, unicode, '', 2}"); /* a terminal may go on */
    assert_int_equal(terminal->asked, asked + 1);
    type(fixture, terminal, "xyz\n");
    expect_text(fixture, "{io_reply,r,\"xy\"}");
    ask(fixture, terminal, "a", "{get_chars, unicode, '', 10}");
    ask(fixture, terminal, "b", "{get_chars, unicode, '', 10}");
    hm_io_eof(terminal->server);
    fixture_run(fixture);
    assert_int_equal(fixture->probe.count, 2);
    assert_string_equal(fixture->probe.texts[0], "{io_reply,a,\"z\\n\"}");
    assert_string_equal(fixture->probe.texts[1], "{io_reply,b,eof}"); /* it came behind what a got */
}

static void characters_are_counted_not_bytes(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    ask(fixture, terminal, "r", "{get_chars, unicode, '', 0}");
    expect_text(fixture, "{io_reply,r,[]}");
    ask(fixture, terminal, "r", "{get_chars, unicode, '', 3}");
    type(fixture, terminal, "a\xe2\x82");
    expect_nothing(fixture);
    type(fixture, terminal, "\xac");
    expect_nothing(fixture);
    type(fixture, terminal, "\xff!"); /* no UTF-8: a character of its own */
    expect_text(fixture, "{io_reply,r,[97,8364,255]}");
    ask(fixture, terminal, "r", "{get_chars, latin1, '', 1}");
    expect_text(fixture, "{io_reply,r,\"!\"}");
    ask(fixture, terminal, "r", "{get_line, latin1, ''}");
    type(fixture, terminal, "\xe2\x82\xac\n");
    expect_text(fixture, "{io_reply,r,{error,{no_translation,unicode,latin1}}}");
    ask(fixture, terminal, "r", "{get_line, unicode, ''}"); /* nothing was lost */
    expect_text(fixture, "{io_reply,r,[8364,10]}");
    ask(fixture, terminal, "r", "{get_chars, unicode, '', 100000000}");
    expect_text(fixture, "{io_reply,r,{error,system_limit}}");
}

static void latin1_devices_have_no_other_characters(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    ask(fixture, terminal, "r", "{setopts, [{encoding, latin1}]}");
    ask(fixture, terminal, "r", "{put_chars, unicode, [233, 8364]}");
    expect_printed(terminal, "\xe9\\x{20AC}");
    probe_clear(&fixture->probe);
    ask(fixture, terminal, "r", "{get_line, unicode, ''}");
    type(fixture, terminal, "\xc3\xa9\n");
    expect_text(fixture, "{io_reply,r,\"\xc3\x83\xc2\xa9\\n\"}");
}

static void readers_wait_in_order_and_printers_do_not(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    ask(fixture, terminal, "a", "{get_line, unicode, \"a> \"}");
    ask(fixture, terminal, "b", "{get_line, unicode, \"b> \"}");
    ask(fixture, terminal, "c",
        "{requests, [{put_chars, unicode, \"c!\"}, {get_line, unicode, \"c> \"}, getopts]}");
    ask(fixture, terminal, "d", "{put_chars, unicode, \"d!\"}");
    expect_text(fixture, "{io_reply,d,ok}");
    expect_printed(terminal, "a> c!d!");
    type(fixture, terminal, "1\n2\n3\n");
    assert_int_equal(fixture->probe.count, 3);
    assert_string_equal(fixture->probe.texts[0], "{io_reply,a,\"1\\n\"}");
    assert_string_equal(fixture->probe.texts[1], "{io_reply,b,\"2\\n\"}");
    assert_string_equal(fixture->probe.texts[2], "{io_reply,c,\"3\\n\"}"); /* not ok: the list ends there */
    expect_printed(terminal, "b> c> ");
}

static void a_reader_that_is_gone_takes_no_line(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    hm_process *gone;
    assert_int_equal(process_spawn(fixture->node, &probe_class, &gone), HM_OK);
    hm_pid pid = gone->pid;
    fixture_send(fixture, hm_to_pid(terminal->pid), "{io_request, ~p, x, {get_line, unicode, \"x> \"}}", pid);
    ask(fixture, terminal, "r", "{get_line, unicode, \"r> \"}");
    expect_printed(terminal, "x> ");
    process_exit(gone, ATOM_TERM("normal"));
    fixture_run(fixture);
    expect_printed(terminal, "r> ");
    type(fixture, terminal, "1\n");
    expect_text(fixture, "{io_reply,r,\"1\\n\"}");
    /* and one that was never there */
    fixture_send(fixture, hm_to_pid(terminal->pid), "{io_request, ~p, x, {get_line, unicode, \"x> \"}}", pid);
    assert_false(terminal->wanted);
}

static void passwords_are_not_shown(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    ask(fixture, terminal, "r", "{get_password, unicode}");
    assert_false(terminal->echo);
    type(fixture, terminal, "secret\n");
    expect_text(fixture, "{io_reply,r,\"secret\"}");
    assert_true(terminal->echo);
    expect_printed(terminal, "\n");
    ask(fixture, terminal, "r", "get_password");
    assert_false(terminal->echo);
    hm_exit(fixture->probe.process, terminal->pid, ATOM_TERM("kill"));
    fixture_run(fixture);
    assert_true(terminal->ended);
    assert_true(terminal->echo);
    terminal = open_terminal(fixture);
    terminal->is_terminal = false;
    probe_clear(&fixture->probe);
    ask(fixture, terminal, "r", "{get_password, unicode}");
    expect_text(fixture, "{io_reply,r,{error,enotsup}}");
    ask(fixture, terminal, "r", "{get_geometry, rows}");
    expect_text(fixture, "{io_reply,r,{error,enotsup}}");
}

static void who_prints_waits_until_it_is_written(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_with(fixture, (struct hm_io_device){.input = input, .max_output = 10});
    terminal->later = true;
    ask(fixture, terminal, "a", "{put_chars, unicode, \"12345\"}");
    ask(fixture, terminal, "b", "{requests, [{put_chars, unicode, \"678\"}, getopts]}");
    assert_int_equal(fixture->probe.count, 1); /* b asked for something else in the end */
    probe_clear(&fixture->probe);
    ask(fixture, terminal, "c", "{put_chars, unicode, \"too much\"}");
    expect_text(fixture, "{io_reply,c,{error,system_limit}}");
    hm_io_written(terminal->server);
    fixture_run(fixture);
    expect_text(fixture, "{io_reply,a,ok}");
    expect_printed(terminal, "12345678");
    ask(fixture, terminal, "d", "{put_chars, unicode, \"1234567890\"}");
    hm_io_written(terminal->server);
    fixture_run(fixture);
    expect_text(fixture, "{io_reply,d,ok}");
    ask(fixture, terminal, "e", "{put_chars, unicode, io_lib, format, [\"~99999999c\", [120]]}");
    expect_text(fixture, "{io_reply,e,{error,system_limit}}");
    terminal->fail = true;
    ask(fixture, terminal, "f", "{put_chars, unicode, \"x\"}");
    expect_text(fixture, "{io_reply,f,{error,terminated}}");
}

static void only_so_many_may_wait(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_with(fixture, (struct hm_io_device){.input = input, .max_waiting = 2});
    ask(fixture, terminal, "a", "{get_line, unicode, ''}");
    ask(fixture, terminal, "b", "{get_line, unicode, ''}");
    ask(fixture, terminal, "c", "{get_line, unicode, ''}");
    expect_text(fixture, "{io_reply,c,{error,system_limit}}");
    assert_non_null(strstr(fixture->log, "io.full"));
    type(fixture, terminal, "1\n2\n");
    assert_int_equal(fixture->probe.count, 2);
    probe_clear(&fixture->probe);
    ask(fixture, terminal, "d", "{get_line, unicode, ''}"); /* there is room again */
    type(fixture, terminal, "3\n");
    expect_text(fixture, "{io_reply,d,\"3\\n\"}");
}

static void a_line_without_end_is_given_out_in_parts(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_with(fixture, (struct hm_io_device){.input = input, .max_input = 8});
    ask(fixture, terminal, "a", "{get_line, unicode, ''}");
    type(fixture, terminal, "12345678");
    expect_text(fixture, "{io_reply,a,\"12345678\"}");
    type(fixture, terminal, "12345678");
    assert_int_equal(hm_io_input(terminal->server, "9", 1), HM_ELIMIT);
    ask(fixture, terminal, "b", "{get_chars, unicode, '', 2}");
    expect_text(fixture, "{io_reply,b,\"12\"}");
    assert_int_equal(hm_io_input(terminal->server, "9\n", 2), HM_OK);
    ask(fixture, terminal, "c", "{get_line, unicode, ''}");
    expect_text(fixture, "{io_reply,c,\"3456789\\n\"}");
}

static void without_input_every_read_is_at_its_end(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_with(fixture, (struct hm_io_device){0});
    ask(fixture, terminal, "r", "{get_line, unicode, \"> \"}");
    expect_text(fixture, "{io_reply,r,eof}");
    ask(fixture, terminal, "r", "{get_password, unicode}");
    expect_text(fixture, "{io_reply,r,{error,enotsup}}");
}

/* A device that has its input at hand, and whose output is written before it returns. */
static void answer_at_once(void *arg, bool wanted) {
    struct terminal *terminal = arg;
    if (wanted && terminal->asked++ < 2)
        assert_int_equal(hm_io_input(terminal->server, "line\n", 5), HM_OK);
    else if (wanted)
        hm_io_eof(terminal->server);
}

static void the_device_may_answer_inside_its_callbacks(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_with(fixture, (struct hm_io_device){.input = answer_at_once});
    for (int i = 0; i < 2; i++) {
        ask(fixture, terminal, "r", "{get_line, unicode, ''}");
        expect_text(fixture, "{io_reply,r,\"line\\n\"}");
    }
    for (int i = 0; i < 2; i++) {
        ask(fixture, terminal, "r", "{get_line, unicode, ''}");
        expect_text(fixture, "{io_reply,r,eof}");
    }
}

/* Nothing that arrives ends the device. */
static void junk_is_survived(void **state) {
    struct fixture *fixture = *state;
    struct terminal *terminal = open_terminal(fixture);
    fixture_send(fixture, hm_to_pid(terminal->pid), "{io_request, nobody, r, getopts}");
    fixture_send(fixture, hm_to_pid(terminal->pid), "{io_request, r, getopts}");
    fixture_send(fixture, hm_to_pid(terminal->pid), "{io_reply, r, getopts}");
    fixture_send(fixture, hm_to_pid(terminal->pid), "{'DOWN', r, process, r, r}");
    fixture_send(fixture, hm_to_pid(terminal->pid), "junk");
    ask(fixture, terminal, "{1, [x]}", "{requests, [{put_chars, unicode, \"a\"} | b]}");
    expect_text(fixture, "{io_reply,{1,[x]},ok}");
    fixture_system(fixture, hm_to_pid(terminal->pid), "get_state");
    assert_int_equal(fixture->probe.count, 1);
    probe_clear(&fixture->probe);
    hm_exit(fixture->probe.process, terminal->pid, ATOM_TERM("some_reason"));
    ask(fixture, terminal, "r", "{put_chars, unicode, \"alive\"}");
    expect_text(fixture, "{io_reply,r,ok}");
    struct hm_io_device none = {.size = sizeof none};
    assert_int_equal(hm_io_server_start(fixture->node, &none, NULL, NULL, NULL), HM_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(prints_in_both_encodings),
        TEST(deeply_nested_requests_are_refused),
        TEST(lines_come_as_they_are_typed),
        TEST(the_end_of_the_input_is_told_once_to_each),
        TEST(characters_are_counted_not_bytes),
        TEST(latin1_devices_have_no_other_characters),
        TEST(readers_wait_in_order_and_printers_do_not),
        TEST(a_reader_that_is_gone_takes_no_line),
        TEST(passwords_are_not_shown),
        TEST(who_prints_waits_until_it_is_written),
        TEST(only_so_many_may_wait),
        TEST(a_line_without_end_is_given_out_in_parts),
        TEST(without_input_every_read_is_at_its_end),
        TEST(the_device_may_answer_inside_its_callbacks),
        TEST(junk_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
