/* The configuration file of `hermod start`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <hermod/error.h>

#include "cli/options.h"

struct file {
    char path[64];
    struct settings settings;
    char why[WHY_BYTES];
    int error;
};

static void read_text(struct file *f, const char *text, size_t size, mode_t mode) {
    strcpy(f->path, "/tmp/hermod-config-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    assert_int_equal(settings_init(&f->settings), 0);
    f->error = settings_read_file(&f->settings, f->path, f->why, sizeof f->why);
    unlink(f->path);
}

static void good_lines(void **state) {
    static const char text[] = "# a comment\n"
                               "\n"
                               "  sname = here # and another\n"
                               "net-ticktime=8\r\n"
                               "hidden = true\n"
                               "--max-frame = 1M\n"
                               "connect = a@b\n"
                               "connect = c#d@e\n"
                               "log-level = debug"; /* no newline at the end */
    struct file f;
    read_text(&f, text, sizeof text - 1, 0644);
    assert_int_equal(f.error, 0);
    assert_string_equal(f.settings.sname, "here");
    assert_int_equal(f.settings.net_ticktime_ms, 8000);
    assert_true(f.settings.hidden);
    assert_int_equal(f.settings.max_frame, 1 << 20);
    assert_int_equal(f.settings.connect.count, 2);
    assert_string_equal(f.settings.connect.items[1], "c#d@e");
    assert_int_equal(f.settings.log.level, 3);
    settings_fini(&f.settings);
}

static void complaint(const char *text, const char *expected) {
    struct file f;
    char full[256];
    read_text(&f, text, strlen(text), 0644);
    assert_int_equal(f.error, HM_EINVAL);
    snprintf(full, sizeof full, "%s:%s", f.path, expected);
    assert_string_equal(f.why, full);
    settings_fini(&f.settings);
}

static void complaints_name_file_and_line(void **state) {
    complaint("sname = a\nnet-tiktime = 8\n",
              "2: unknown option \"net-tiktime\"; did you mean net-ticktime?");
    complaint("\n\nhidden\n", "3: expected a line such as `net-ticktime = 60`, found \"hidden\"");
    complaint("net-ticktime = soon\n",
              "1: net-ticktime must be a number of seconds from 1 to 86400, not \"soon\"");
    complaint("sname =\n", "1: sname needs a value that is not empty");
    complaint("config = other\n", "1: one configuration file cannot name another");
    complaint("timeout = 5\n", "1: unknown option \"timeout\"");
}

static void a_cookie_wants_a_private_file(void **state) {
    struct file f;
    char from[128];
    read_text(&f, "\ncookie = abc\n", 14, 0640);
    assert_int_equal(f.error, HM_EINVAL);
    assert_non_null(strstr(f.why, "chmod 600"));
    settings_fini(&f.settings);
    read_text(&f, "\ncookie = abc\n", 14, 0600);
    assert_int_equal(f.error, 0);
    assert_string_equal(f.settings.cookie, "abc");
    snprintf(from, sizeof from, "%s:2", f.path);
    assert_string_equal(f.settings.cookie_from, from);
    settings_fini(&f.settings);
}

static void what_is_no_text(void **state) {
    struct file f;
    read_text(&f, "a\0b = c\n", 8, 0644);
    assert_int_equal(f.error, HM_EINVAL);
    assert_non_null(strstr(f.why, ":1: this is no text file"));
    settings_fini(&f.settings);
    assert_int_equal(settings_init(&f.settings), 0);
    assert_int_equal(settings_read_file(&f.settings, "/nonexistent/x", f.why, sizeof f.why), HM_EINVAL);
    assert_string_equal(f.why,
                        "cannot read the configuration file /nonexistent/x: No such file or directory");
    settings_fini(&f.settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),
        cmocka_unit_test(complaints_name_file_and_line),
        cmocka_unit_test(a_cookie_wants_a_private_file),
        cmocka_unit_test(what_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
