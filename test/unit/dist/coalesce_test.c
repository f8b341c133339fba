#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dist/coalesce.h"

static struct mono at_us(int64_t us) {
    return (struct mono){us * 1000};
}

static void messages(struct coalesce *c, enum control_kind kind, unsigned count, unsigned senders) {
    for (unsigned i = 0; i < count; i++) {
        struct control control = {.kind = kind, .from = {.id = 100 + i % senders}};
        coalesce_count(c, &control);
    }
}

/* One window of a ms: so many calls of so many callers, each answered. */
static bool calls_window(struct coalesce *c, int64_t *now_us, unsigned calls, unsigned callers) {
    messages(c, CONTROL_MONITOR, calls, callers);
    messages(c, CONTROL_SEND_NAME, calls, callers);
    coalesce_sent(c);
    *now_us += 1000;
    return coalesce_judge(c, at_us(*now_us), calls * 350, false);
}

static void begin(struct coalesce *c, int64_t *now_us) {
    coalesce_init(c);
    *now_us = 1000000;
    coalesce_judge(c, at_us(*now_us), 0, false);
    assert_int_equal(c->low_water, 1);
}

static void a_flood_is_collected_until_something_is_sent(void **state) {
    (void)state;
    struct coalesce c;
    int64_t now;
    begin(&c, &now);
    messages(&c, CONTROL_SEND_NAME, 400, 1);
    assert_true(coalesce_judge(&c, at_us(now += 1000), 40000, false));
    assert_int_equal(c.low_water, 16 * 1024);
    messages(&c, CONTROL_SEND_NAME, 400, 1);
    assert_false(coalesce_judge(&c, at_us(now += 1000), 40000, true)); /* the timer is usual in a flood */
    assert_int_equal(c.low_water, 16 * 1024);
    messages(&c, CONTROL_SEND_NAME, 400, 1);
    coalesce_sent(&c);
    assert_true(coalesce_judge(&c, at_us(now += 1000), 40000, false));
    assert_int_equal(c.low_water, 1);
}

static void a_slow_stream_is_read_at_once(void **state) {
    (void)state;
    struct coalesce c;
    int64_t now;
    begin(&c, &now);
    messages(&c, CONTROL_SEND_NAME, 400, 1);
    assert_false(coalesce_judge(&c, at_us(now += 10000), 40000, false));
    assert_int_equal(c.low_water, 1);
}

static void one_caller_and_a_few_never_wait(void **state) {
    (void)state;
    struct coalesce c;
    int64_t now;
    for (unsigned callers = 1; callers < 16; callers++) {
        begin(&c, &now);
        for (int i = 0; i < 100; i++) {
            calls_window(&c, &now, 140, callers);
            assert_int_equal(c.low_water, 1);
        }
    }
}

static void a_crowd_is_collected_and_let_go_when_it_leaves(void **state) {
    (void)state;
    struct coalesce c;
    int64_t now;
    begin(&c, &now);
    assert_true(calls_window(&c, &now, 60, 60));
    assert_true(c.low_water >= 350 && c.low_water < 60 * 350 / 4);
    calls_window(&c, &now, 58, 58); /* about the same: no system call */
    assert_true(coalesce_judge(&c, at_us(now += 1000), 350, true)); /* one caller is left, and waited */
    assert_int_equal(c.low_water, 1);
    for (int i = 0; i < 99; i++) {
        calls_window(&c, &now, 60, 60);
        assert_int_equal(c.low_water, 1);
    }
    calls_window(&c, &now, 60, 60);
    calls_window(&c, &now, 60, 60);
    assert_true(c.low_water > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_is_collected_until_something_is_sent),
        cmocka_unit_test(a_slow_stream_is_read_at_once),
        cmocka_unit_test(one_caller_and_a_few_never_wait),
        cmocka_unit_test(a_crowd_is_collected_and_let_go_when_it_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
