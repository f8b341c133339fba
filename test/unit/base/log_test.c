#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"

struct lines {
    int count;
    char id[64], text[1100];
};

static void keep(void *arg, enum log_level level, const char *id, const char *text) {
    struct lines *lines = arg;
    (void)level;
    lines->count++;
    strncpy(lines->id, id, sizeof lines->id - 1);
    strncpy(lines->text, text, sizeof lines->text - 1);
}

static void only_wanted_levels_are_written(void **state) {
    (void)state;
    struct lines lines = {0};
    struct log log = {LOG_WARN, keep, &lines, NULL};
    log_info(&log, "a.b", "no");
    log_debug(&log, "a.b", "no");
    assert_int_equal(lines.count, 0);
    log_warn(&log, "a.b", "x=%d", 5);
    assert_string_equal(lines.id, "a.b");
    assert_string_equal(lines.text, "x=5");
    log_write(NULL, LOG_ERROR, "a.b", "nobody listens");
}

static void bytes_of_strangers_are_escaped_and_cut(void **state) {
    (void)state;
    assert_string_equal(log_escape(bytes_of("ok \x1b[2J\\\xff\n", 10)).text, "ok \\x1b[2J\\x5c\\xff\\x0a");
    char big[1000];
    memset(big, 'a', sizeof big);
    struct escaped cut = log_escape(bytes_of(big, sizeof big));
    assert_true(strlen(cut.text) < sizeof cut.text);
    assert_string_equal(cut.text + strlen(cut.text) - 3, "...");
    memset(big, 1, sizeof big);
    cut = log_escape(bytes_of(big, sizeof big));
    assert_true(strlen(cut.text) < sizeof cut.text);
}

static void one_id_cannot_flood_and_others_are_not_held_back(void **state) {
    (void)state;
    struct lines lines = {0};
    struct log_limits limits = {0};
    struct log log = {LOG_INFO, keep, &lines, &limits};
    for (int i = 0; i < 100000; i++)
        log_info(&log, "flood", "%d", i);
    /* The loop may cross the end of a second or two. */
    assert_in_range(lines.count, LOG_PER_SECOND, 50 * LOG_PER_SECOND);
    int before = lines.count;
    log_info(&log, "other", "x");
    assert_int_equal(lines.count, before + 1);
    for (size_t i = 0; i < LOG_LIMIT_PLACES; i++)
        limits.places[i].second--; /* the next second */
    log_info(&log, "flood", "again");
    assert_non_null(strstr(lines.text, "again ("));
    assert_non_null(strstr(lines.text, "were left out)"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_wanted_levels_are_written),
        cmocka_unit_test(bytes_of_strangers_are_escaped_and_cut),
        cmocka_unit_test(one_id_cannot_flood_and_others_are_not_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
