#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <hermod/error.h>
#include <stdio.h>

#include "base/log_levels.h"

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
    struct log log = {.level = LOG_WARN, .write = keep, .arg = &lines};
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
    struct log log = {.level = LOG_INFO, .write = keep, .arg = &lines, .limits = &limits};
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

/* ---- levels of modules ---- */

struct levelled {
    struct lines lines;
    struct log_levels levels;
    struct log log;
    int evaluated;
};

static struct levelled levelled(enum log_level usual) {
    struct levelled it = {.log = {.level = usual}};
    log_levels_init(&it.levels, usual);
    return it;
}

static void attach(struct levelled *it) {
    it->log.write = keep;
    it->log.arg = &it->lines;
    it->log.levels = &it->levels;
}

static int count_of(struct levelled *it, enum log_level level, const char *id) {
    it->lines.count = 0;
    log_write(&it->log, level, id, "x");
    return it->lines.count;
}

static void modules_have_levels_of_their_own(void **state) {
    struct levelled it = levelled(LOG_INFO);
    attach(&it);
    assert_int_equal(count_of(&it, LOG_DEBUG, "peer.state"), 0);
    assert_int_equal(log_levels_set(&it.log, &it.levels, "peer", LOG_DEBUG), 0);
    assert_int_equal(count_of(&it, LOG_DEBUG, "peer.state"), 1);
    assert_int_equal(count_of(&it, LOG_DEBUG, "peerage.state"), 0);
    assert_int_equal(count_of(&it, LOG_DEBUG, "hs.state"), 0);
    assert_int_equal(count_of(&it, LOG_INFO, "hs.state"), 1);
    assert_int_equal(log_levels_set(&it.log, &it.levels, "hs", LOG_ERROR), 0);
    assert_int_equal(count_of(&it, LOG_WARN, "hs.cookie"), 0);
    assert_int_equal(count_of(&it, LOG_ERROR, "hs.cookie"), 1);
    assert_int_equal(log_levels_set(&it.log, &it.levels, NULL, LOG_ERROR), 0);
    assert_int_equal(count_of(&it, LOG_DEBUG, "peer.state"), 1);
    assert_int_equal(count_of(&it, LOG_WARN, "epmd.lost"), 0);
    log_levels_reset(&it.log, &it.levels, "peer");
    assert_int_equal(count_of(&it, LOG_INFO, "peer.up"), 0);
    log_levels_reset(&it.log, &it.levels, NULL);
    assert_int_equal(count_of(&it, LOG_INFO, "peer.up"), 1);
    assert_int_equal(count_of(&it, LOG_WARN, "hs.cookie"), 0);
}

static int evaluate(struct levelled *it) {
    return ++it->evaluated;
}

/* A debug line costs a comparison while nobody wants one, of whatever module. */
static void debug_is_free_when_it_is_off(void **state) {
    struct levelled it = levelled(LOG_INFO);
    attach(&it);
    log_levels_set(&it.log, &it.levels, "hs", LOG_ERROR);
    log_debug(&it.log, "peer.state", "%d", evaluate(&it));
    assert_int_equal(it.evaluated, 0);
    log_levels_set(&it.log, &it.levels, "peer", LOG_DEBUG);
    log_debug(&it.log, "peer.state", "%d", evaluate(&it));
    assert_int_equal(it.evaluated, 1);
    assert_string_equal(it.lines.text, "1");
    log_levels_reset(&it.log, &it.levels, "peer");
    log_debug(&it.log, "peer.state", "%d", evaluate(&it));
    assert_int_equal(it.evaluated, 1);
}

static void modules_are_words(void **state) {
    struct levelled it = levelled(LOG_INFO);
    attach(&it);
    static const char *const bad[] = {"", "peer.up", "Peer", "pe er", "pe-er", "abcdefghijklmnopqrstuvwx"};
    size_t before = it.levels.count;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(log_levels_set(&it.log, &it.levels, bad[i], LOG_DEBUG), HM_ENAME);
    assert_false(log_levels_learn(&it.levels, ".x", 2));
    assert_int_equal(it.levels.count, before);
    assert_true(log_levels_learn(&it.levels, "mine.happened", 13));
    assert_true(log_levels_learn(&it.levels, "mine.again", 10));
    assert_int_equal(it.levels.count, before + 1);
    assert_non_null(log_levels_find(&it.levels, "mine", 4));
    assert_null(log_levels_find(&it.levels, "min", 3));
    for (int i = 0; it.levels.count < LOG_MODULES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        assert_true(log_levels_learn(&it.levels, name, strlen(name)));
    }
    assert_false(log_levels_learn(&it.levels, "more.up", 7));
    assert_int_equal(log_levels_set(&it.log, &it.levels, "more", LOG_DEBUG), HM_ELIMIT);
    assert_int_equal(log_levels_set(&it.log, &it.levels, "peer", LOG_DEBUG), 0);
    assert_int_equal(count_of(&it, LOG_INFO, "more.up"), 1); /* its lines are not lost */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_wanted_levels_are_written),
        cmocka_unit_test(bytes_of_strangers_are_escaped_and_cut),
        cmocka_unit_test(one_id_cannot_flood_and_others_are_not_held_back),
        cmocka_unit_test(modules_have_levels_of_their_own),
        cmocka_unit_test(debug_is_free_when_it_is_off),
        cmocka_unit_test(modules_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
