/* What a line of the log looks like, whatever was in the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/log_lines.h"

static const struct log_lines text_log = {.fd = -1}, json_log = {.fd = -1, .json = true, .node = "a@vm"};

static const char *format(const struct log_lines *log, enum hm_log_level level, const char *id, const char *text) {
    static char line[4000];
    size_t size = log_lines_format(log, line, sizeof line - 1, level, id, text);
    assert_true(size > 0 && size < sizeof line);
    line[size] = '\0';
    assert_ptr_equal(strchr(line, '\n'), line + size - 1); /* one line, and a whole one */
    line[size - 1] = '\0';
    return line;
}

/* The object from its level on; its time is checked here. */
static const char *object(const char *id, const char *text) {
    const char *line = format(&json_log, HM_LOG_WARN, id, text);
    const char *shape = "{\"time\":\"dddd-dd-ddTdd:dd:dd.dddZ\",";
    for (size_t i = 0; shape[i]; i++) {
        if (shape[i] == 'd')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], shape[i]);
    }
    return line + strlen(shape);
}

static void text(void **state) {
    (void)state;
    const char *line = format(&text_log, HM_LOG_INFO, "peer.up", "node=\"x\"");
    assert_string_equal(line + 23, " info  peer.up   node=\"x\"");
}

static void json(void **state) {
    (void)state;
    assert_string_equal(object("peer.up", "a b"), "\"level\":\"warn\",\"id\":\"peer.up\",\"node\":\"a@vm\",\"message\":\"a b\"}");
    struct log_lines nameless = {.fd = -1, .json = true};
    assert_non_null(strstr(format(&nameless, HM_LOG_DEBUG, "x.y", ""), "\"level\":\"debug\",\"id\":\"x.y\",\"message\":\"\"}"));
}

static void json_of_anything(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"say \"hi\" \\ /", "say \\\"hi\\\" \\\\ /"},
        {"a\nb\tc\r\x01\x1b[2J\x7f", "a\\nb\\tc\\u000d\\u0001\\u001b[2J\\u007f"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
        /* no UTF-8: a lone byte, cut sequences, overlong ones, a surrogate, beyond Unicode */
        {"\xff|\xc3|\xe2\x82|\x80", "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}, /* as the end of a message that was cut */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wanted[300];
        snprintf(wanted, sizeof wanted, "\"level\":\"warn\",\"id\":\"x.y\",\"node\":\"a@vm\",\"message\":\"%s\"}", cases[i].message);
        assert_string_equal(object("x.y", cases[i].text), wanted);
    }
}

/* However long, and wherever it is cut, the object is closed. */
static void json_is_cut_between_characters(void **state) {
    (void)state;
    static const char *const units[] = {"x", "\"", "\x01", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff"};
    static char big[8000], line[600];
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        for (size_t shift = 0; shift < 8; shift++) {
            size_t used = 0;
            memset(big, 'a', shift);
            for (used = shift; used + 4 < sizeof big; used += strlen(units[u]))
                strcpy(big + used, units[u]);
            big[used] = '\0';
            memset(line, 'Z', sizeof line);
            size_t size = log_lines_format(&json_log, line, 512, HM_LOG_INFO, "x.y", big);
            assert_in_range(size, 480, 512);
            assert_memory_equal(line + size - 6, "...\"}\n", 6);
            assert_int_equal(line[512], 'Z');
            /* nothing of a character is left over before the dots */
            unsigned char last = (unsigned char)line[size - 7];
            assert_true(last < 0x80 || (last & 0xc0) == 0x80);
        }
}

static void lines_nobody_reads_are_counted(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct log_lines log = {.fd = ends[1], .json = true};
    for (int i = 0; i < 1000; i++)
        log_lines_write(&log, HM_LOG_INFO, "x.y", "a message of some length, so that a pipe is full before the end of this loop is reached: 128 KiB");
    assert_true(log.dropped > 0);
    static char all[1 << 20];
    ssize_t size = read(ends[0], all, sizeof all - 1);
    assert_true(size > 0 && all[size - 1] == '\n'); /* no half line */
    unsigned long dropped = log.dropped;
    log_lines_write(&log, HM_LOG_INFO, "x.y", "again");
    size = read(ends[0], all, sizeof all - 1);
    all[size] = '\0';
    char missing[100];
    snprintf(missing, sizeof missing, "\"id\":\"log.dropped\",\"message\":\"%lu lines are missing", dropped);
    assert_non_null(strstr(all, missing));
    assert_non_null(strstr(all, "\"again\"}\n"));
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(json),
        cmocka_unit_test(json_of_anything),
        cmocka_unit_test(json_is_cut_between_characters),
        cmocka_unit_test(lines_nobody_reads_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
