/* Pipes, files and a terminal as the IO device of a node: a process asks, the test is at the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <event2/event.h>

#include "cli/terminal.h"

struct fixture {
    struct event_base *base;
    hm_node *node;
    hm_process *asker;
    struct terminal terminal;
    char *reply; /* NULL: none yet */
    int stopped;
    int in[2], out[2]; /* [0] is read from */
    int tty;           /* our end of a terminal, -1: none */
};

static int asker_init(hm_process *self, void *argument) {
    struct fixture *fixture = argument;
    fixture->asker = self;
    hm_set_data(self, fixture);
    return 0;
}

static const struct hm_server_class asker_class = {.module = "asker", .init = asker_init};

static void on_stop(void *arg, int signal) {
    struct fixture *fixture = arg;
    fixture->stopped = signal;
}

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct hm_options options = HM_OPTIONS_INIT;
    char why[200];
    assert_non_null(fixture);
    options.name = "terminal";
    options.cookie = "cookie";
    options.no_listen = options.hidden = true;
    fixture->tty = -1;
    fixture->base = event_base_new();
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(hm_node_new(fixture->base, &options, &fixture->node, why, sizeof why), 0);
    assert_int_equal(hm_server_start(fixture->node, &asker_class, NULL, fixture, NULL), 0);
    assert_int_equal(pipe(fixture->in), 0);
    assert_int_equal(pipe(fixture->out), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    hm_node_free(fixture->node);
    assert_null(fixture->terminal.server);
    terminal_close(&fixture->terminal);
    event_base_free(fixture->base);
    for (int i = 0; i < 2; i++) {
        if (fixture->in[i] >= 0)
            close(fixture->in[i]);
        if (fixture->out[i] >= 0)
            close(fixture->out[i]);
    }
    if (fixture->tty >= 0)
        close(fixture->tty);
    free(fixture->reply);
    free(fixture);
    return 0;
}

static void open_terminal(struct fixture *fixture, bool binary) {
    assert_int_equal(terminal_open(&fixture->terminal, fixture->node, fixture->in[0], fixture->out[1], binary,
                                   on_stop, fixture),
                     0);
}

/* A terminal instead of the pipes. */
static void open_tty(struct fixture *fixture) {
    struct winsize size = {.ws_col = 90, .ws_row = 33};
    int slave;
    assert_int_equal(openpty(&fixture->tty, &slave, NULL, NULL, &size), 0);
    close(fixture->in[0]);
    close(fixture->out[1]);
    fixture->in[0] = slave;
    fixture->out[1] = dup(slave);
    open_terminal(fixture, false);
}

static enum hm_verdict on_reply(hm_process *self, void *arg, int error, hm_term reply) {
    struct fixture *fixture = arg;
    (void)self;
    assert_null(fixture->reply);
    assert_int_equal(error, 0);
    assert_int_equal(hm_term_print(reply, HM_SYNTAX_ERLANG, 0, &fixture->reply), 0);
    return HM_CONTINUE;
}

static void ask(struct fixture *fixture, const char *request) {
    hm_build *build = hm_build_new();
    char why[100];
    free(fixture->reply);
    fixture->reply = NULL;
    assert_int_equal(hm_term_parse(request, HM_SYNTAX_ERLANG, build, why, sizeof why), 0);
    assert_int_equal(
        hm_io_request(fixture->asker, fixture->terminal.pid, hm_build_term(build), -1, on_reply, fixture), 0);
    hm_build_free(build);
}

/* Until nothing is left to do without waiting. */
static void run(struct fixture *fixture) {
    for (int i = 0; i < 20; i++)
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
}

static void expect_reply(struct fixture *fixture, const char *text) {
    while (!fixture->reply)
        assert_int_equal(event_base_loop(fixture->base, EVLOOP_ONCE), 0);
    assert_string_equal(fixture->reply, text);
}

/* From the other end, as many bytes as the text has. */
static void expect_read(int fd, const char *text) {
    char buffer[200] = "";
    size_t got = 0;
    while (got < strlen(text)) {
        ssize_t size = read(fd, buffer + got, sizeof buffer - 1 - got);
        assert_true(size > 0);
        got += (size_t)size;
    }
    assert_string_equal(buffer, text);
}

static void type(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void prints_and_reads_through_pipes(void **state) {
    struct fixture *fixture = *state;
    open_terminal(fixture, false);
    ask(fixture, "{put_chars, unicode, \"hello\"}");
    expect_reply(fixture, "ok");
    expect_read(fixture->out[0], "hello");
    ask(fixture, "{get_line, unicode, \"? \"}");
    run(fixture);
    expect_read(fixture->out[0], "? ");
    assert_null(fixture->reply);
    type(fixture->in[1], "one\ntw");
    expect_reply(fixture, "\"one\\n\"");
    ask(fixture, "{get_line, unicode, ''}");
    run(fixture);
    assert_null(fixture->reply);
    close(fixture->in[1]);
    fixture->in[1] = -1;
    expect_reply(fixture, "\"tw\"");
    ask(fixture, "{get_line, unicode, ''}");
    expect_reply(fixture, "eof");
    ask(fixture, "{get_geometry, columns}");
    expect_reply(fixture, "{error,enotsup}");
    ask(fixture, "{get_password, unicode}");
    expect_reply(fixture, "{error,enotsup}");
}

/* What nobody asked for stays for other programs. */
static void reads_only_when_somebody_asks(void **state) {
    struct fixture *fixture = *state;
    int waiting;
    open_terminal(fixture, true);
    type(fixture->in[1], "one\n");
    run(fixture);
    assert_int_equal(ioctl(fixture->in[0], FIONREAD, &waiting), 0);
    assert_int_equal(waiting, 4);
    ask(fixture, "{get_line, unicode, ''}");
    expect_reply(fixture, "<<\"one\\n\">>");
    type(fixture->in[1], "two\n");
    run(fixture);
    assert_int_equal(ioctl(fixture->in[0], FIONREAD, &waiting), 0);
    assert_int_equal(waiting, 4);
}

static void files_and_nothing_can_be_read(void **state) {
    struct fixture *fixture = *state;
    char path[] = "/tmp/terminal_test.XXXXXX";
    close(fixture->in[0]);
    fixture->in[0] = mkstemp(path);
    assert_true(fixture->in[0] >= 0);
    unlink(path);
    type(fixture->in[0], "a line\n");
    lseek(fixture->in[0], 0, SEEK_SET);
    open_terminal(fixture, false);
    ask(fixture, "{get_line, unicode, ''}");
    expect_reply(fixture, "\"a line\\n\"");
    ask(fixture, "{get_line, unicode, ''}");
    expect_reply(fixture, "eof");
    int null = open("/dev/null", O_RDONLY);
    assert_int_equal(dup2(null, fixture->in[0]), fixture->in[0]);
    close(null);
    ask(fixture, "{get_line, unicode, ''}");
    expect_reply(fixture, "eof");
}

/* A full pipe stops who prints, not the loop. */
static void output_waits_for_its_reader(void **state) {
    struct fixture *fixture = *state;
    enum { PIPE = 64 * 1024, TEXT = 200 * 1000 };
    char *text = malloc(TEXT + 100), buffer[4096];
    size_t got = 0;
    assert_non_null(text);
    size_t head = (size_t)sprintf(text, "{put_chars, unicode, <<\"");
    memset(text + head, 'x', TEXT);
    strcpy(text + head + TEXT, "\">>}");
    fcntl(fixture->out[1], F_SETPIPE_SZ, PIPE);
    open_terminal(fixture, false);
    ask(fixture, text);
    free(text);
    run(fixture);
    assert_null(fixture->reply);
    while (!fixture->reply) {
        ssize_t size = read(fixture->out[0], buffer, sizeof buffer);
        assert_true(size > 0);
        got += (size_t)size;
        run(fixture);
    }
    assert_string_equal(fixture->reply, "ok");
    assert_true(got >= TEXT - PIPE);
    close(fixture->out[0]);
    fixture->out[0] = -1;
    ask(fixture, "{put_chars, unicode, \"x\"}");
    expect_reply(fixture, "{error,terminated}");
    assert_int_equal(fixture->stopped, SIGPIPE);
}

static void a_line_is_ended_before_the_answer(void **state) {
    struct fixture *fixture = *state;
    open_terminal(fixture, false);
    ask(fixture, "{put_chars, unicode, \"no end\"}");
    expect_reply(fixture, "ok");
    terminal_flush(&fixture->terminal);
    expect_read(fixture->out[0], "no end\n");
    ask(fixture, "{put_chars, unicode, \"end\\n\"}");
    expect_reply(fixture, "ok");
    terminal_flush(&fixture->terminal);
    expect_read(fixture->out[0], "end\n");
}

static bool shows_what_is_typed(const struct fixture *fixture) {
    struct termios now;
    assert_int_equal(tcgetattr(fixture->in[0], &now), 0);
    return now.c_lflag & ECHO;
}

static void a_terminal_has_more(void **state) {
    struct fixture *fixture = *state;
    open_tty(fixture);
    ask(fixture, "{get_geometry, columns}");
    expect_reply(fixture, "90");
    ask(fixture, "{get_geometry, rows}");
    expect_reply(fixture, "33");
    ask(fixture, "{get_password, unicode}");
    run(fixture);
    assert_false(shows_what_is_typed(fixture));
    type(fixture->tty, "secret\n");
    expect_reply(fixture, "\"secret\"");
    assert_true(shows_what_is_typed(fixture));
    ask(fixture, "{get_line, unicode, ''}");
    run(fixture);
    type(fixture->tty, "\x04"); /* Ctrl-D, which is no end for ever */
    expect_reply(fixture, "eof");
    ask(fixture, "{get_line, unicode, ''}");
    run(fixture);
    type(fixture->tty, "more\n");
    expect_reply(fixture, "\"more\\n\"");
}

static void the_end_shows_again_what_is_typed(void **state) {
    struct fixture *fixture = *state;
    open_tty(fixture);
    ask(fixture, "{get_password, unicode}");
    run(fixture);
    assert_false(shows_what_is_typed(fixture));
    raise(SIGINT);
    run(fixture);
    assert_int_equal(fixture->stopped, SIGINT);
    hm_node_stop(fixture->node);
    assert_true(shows_what_is_typed(fixture));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(prints_and_reads_through_pipes),    TEST(reads_only_when_somebody_asks),
        TEST(files_and_nothing_can_be_read),     TEST(output_waits_for_its_reader),
        TEST(a_line_is_ended_before_the_answer), TEST(a_terminal_has_more),
        TEST(the_end_shows_again_what_is_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
