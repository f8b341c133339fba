#include "dist_cmocka.h"

#include "dist/tick.h"

enum { INTERVAL_MS = 2000, INTENSITY = 4, WHOLE_MS = INTERVAL_MS * INTENSITY };

static struct mono at_ms(int64_t ms) {
    return (struct mono){1000000000 + ms * 1000000};
}

/* The timer fires every interval from 0 on; the peer's last byte comes at last_ms. When is it down? */
static int64_t down_after_ms(int64_t last_ms, int64_t late_ms) {
    struct tick tick;
    bool read = false;
    tick_init(&tick, INTERVAL_MS, INTENSITY, false, at_ms(0));
    for (int64_t now = INTERVAL_MS;; now += INTERVAL_MS) {
        if (!read && last_ms < now) {
            tick_read(&tick, at_ms(last_ms));
            read = true;
        }
        if (tick_fire(&tick, false, at_ms(now + late_ms)) == TICK_DOWN)
            return now + late_ms - last_ms;
        assert_true(now < 10 * WHOLE_MS);
    }
}

static void peer_is_down_between_three_and_five_quarters(void **state) {
    for (int64_t last_ms = 0; last_ms < 3 * INTERVAL_MS; last_ms += 10) {
        for (int64_t late_ms = 0; late_ms <= 100; late_ms += 50) {
            int64_t after_ms = down_after_ms(last_ms, late_ms);
            assert_true(after_ms >= WHOLE_MS * 3 / 4);
            assert_true(after_ms <= WHOLE_MS * 5 / 4);
        }
    }
}

/* We were stopped for an hour: the peer's bytes lie in the socket, and the timer is looked at first. */
static void own_sleep_is_not_the_peers_silence(void **state) {
    struct tick tick;
    tick_init(&tick, INTERVAL_MS, INTENSITY, false, at_ms(0));
    assert_int_equal(tick_fire(&tick, false, at_ms(INTERVAL_MS)), TICK_SEND);
    assert_int_equal(tick_fire(&tick, false, at_ms(3600000)), TICK_SEND);
    tick_read(&tick, at_ms(3600001));
    for (int i = 1; i < INTENSITY; i++)
        assert_int_equal(tick_fire(&tick, false, at_ms(3600000 + i * INTERVAL_MS)), TICK_SEND);
}

static void ticks_when_nothing_was_written(void **state) {
    struct tick tick;
    tick_init(&tick, INTERVAL_MS, INTENSITY, false, at_ms(0));
    tick_written(&tick);
    tick_read(&tick, at_ms(1));
    assert_int_equal(tick_fire(&tick, false, at_ms(2000)), TICK_NOTHING);
    tick_read(&tick, at_ms(2001));
    assert_int_equal(tick_fire(&tick, false, at_ms(4000)), TICK_SEND);
    tick_read(&tick, at_ms(4001));
    /* What waits for the peer says more than a tick behind it. */
    assert_int_equal(tick_fire(&tick, true, at_ms(6000)), TICK_NOTHING);
}

/* An ei node ticks only when it is ticked: what we wrote to it does not make it speak. */
static void ticks_hidden_peers_that_are_silent(void **state) {
    struct tick tick;
    tick_init(&tick, INTERVAL_MS, INTENSITY, true, at_ms(0));
    tick_written(&tick);
    assert_int_equal(tick_fire(&tick, false, at_ms(2000)), TICK_SEND);
    tick_written(&tick);
    tick_read(&tick, at_ms(2001));
    assert_int_equal(tick_fire(&tick, false, at_ms(4000)), TICK_NOTHING);
}

/* Two of us, each answering ticks: one exchange in an interval, not a storm. */
static void answers_end(void **state) {
    struct tick a, b;
    tick_init(&a, INTERVAL_MS, INTENSITY, false, at_ms(0));
    tick_init(&b, INTERVAL_MS, INTENSITY, false, at_ms(0));
    assert_int_equal(tick_fire(&a, false, at_ms(2000)), TICK_SEND);
    tick_written(&a);
    assert_true(tick_answer(&b, false));
    assert_false(tick_answer(&b, true));
    tick_written(&b);
    assert_false(tick_answer(&a, false));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peer_is_down_between_three_and_five_quarters),
        cmocka_unit_test(own_sleep_is_not_the_peers_silence),
        cmocka_unit_test(ticks_when_nothing_was_written),
        cmocka_unit_test(ticks_hidden_peers_that_are_silent),
        cmocka_unit_test(answers_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
