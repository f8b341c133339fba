/* What is printed to the node itself becomes log lines. */
#include "otp_fixture.h"

static void print(struct fixture *fixture, const char *text) {
    hm_build *build = hm_build_new();
    hm_put_binary(build, text, strlen(text));
    fixture->log[0] = '\0';
    fixture_send(fixture, hm_to_name("user", NULL), "{io_request, ~p, r, {put_chars, unicode, ~t}}",
                 fixture->probe.process->pid, hm_build_term(build));
    hm_build_free(build);
    expect_text(fixture, "{io_reply,r,ok}");
}

/* Each line that was logged, with P for the pid of the probe. */
static void expect_lines(struct fixture *fixture, const char *lines) {
    char wanted[4096] = "", who[64];
    size_t used = 0;
    snprintf(who, sizeof who, "io.output <n@host.%u.%u> ", fixture->probe.process->pid.id,
             fixture->probe.process->pid.serial);
    while (*lines) {
        size_t size = strcspn(lines, "\n");
        used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%.*s\n", who, (int)size, lines);
        lines += size + (lines[size] == '\n');
    }
    assert_string_equal(fixture->log, wanted);
}

static void each_line_is_one_line_of_the_log(void **state) {
    struct fixture *fixture = *state;
    print(fixture, "one\n");
    expect_lines(fixture, "one\n");
    print(fixture, "two\nthree\n");
    expect_lines(fixture, "two\nthree\n");
    print(fixture, "\n");
    expect_lines(fixture, "\n");
    print(fixture, "");
    expect_lines(fixture, "");
}

static void what_moves_a_terminal_is_escaped(void **state) {
    struct fixture *fixture = *state;
    print(fixture, "\x1b[2Jred\x07 \xe2\x80\xae h\xc3\xa9\t\r\n");
    expect_lines(fixture, "\\e[2Jred\\x{7} \\x{202E} h\xc3\xa9\\t\\r\n");
}

static void pieces_of_a_line_are_put_together(void **state) {
    struct fixture *fixture = *state;
    print(fixture, "one, ");
    expect_lines(fixture, "");
    print(fixture, "two\nthr");
    expect_lines(fixture, "one, two\n");
    /* until somebody else prints */
    hm_process *other;
    assert_int_equal(process_spawn(fixture->node, &probe_class, &other), HM_OK);
    other->state = &fixture->probe;
    fixture->log[0] = '\0';
    fixture_send(fixture, hm_to_name("user", NULL), "{io_request, ~p, r, {put_chars, unicode, \"x\"}}",
                 other->pid);
    expect_text(fixture, "{io_reply,r,ok}");
    expect_lines(fixture, "thr\n");
    /* or time passes */
    fixture->log[0] = '\0';
    event_base_loop(fixture->base, EVLOOP_ONCE);
    fixture_run(fixture);
    assert_non_null(strstr(fixture->log, "> x\n"));
}

static void long_lines_are_parted_between_characters(void **state) {
    struct fixture *fixture = *state;
    char text[2000] = "", wanted[2100] = "";
    for (int i = 0; i < 500; i++)
        strcat(text, "\xe2\x82\xac");
    memcpy(wanted, text, 798); /* 266 of 3 bytes: the 267th would not fit into 800 */
    strcat(wanted, "\n");
    strcat(wanted, text + 798);
    strcat(wanted, "\n");
    strcat(text, "\n");
    print(fixture, text);
    expect_lines(fixture, wanted);
}

static void nothing_can_be_read(void **state) {
    struct fixture *fixture = *state;
    fixture_send(fixture, hm_to_name("user", NULL), "{io_request, ~p, r, {get_line, unicode, ''}}",
                 fixture->probe.process->pid);
    expect_text(fixture, "{io_reply,r,eof}");
    fixture_system(fixture, hm_to_name("user", NULL), "get_state");
    assert_int_equal(fixture->probe.count, 1);
}

static void it_is_the_leader_of_what_is_started_here(void **state) {
    struct fixture *fixture = *state;
    assert_true(hm_pid_equal(fixture->probe.process->leader, hm_whereis(fixture->node, "user")));
}

static void the_last_words_are_written(void **state) {
    struct fixture *fixture = *state;
    print(fixture, "unfinished");
    hm_exit(fixture->probe.process, hm_whereis(fixture->node, "user"), ATOM_TERM("kill"));
    fixture_run(fixture);
    assert_non_null(strstr(fixture->log, "> unfinished\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_line_is_one_line_of_the_log),
        TEST(what_moves_a_terminal_is_escaped),
        TEST(pieces_of_a_line_are_put_together),
        TEST(long_lines_are_parted_between_characters),
        TEST(nothing_can_be_read),
        TEST(it_is_the_leader_of_what_is_started_here),
        TEST(the_last_words_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
