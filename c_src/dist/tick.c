#include "dist/tick.h"

void tick_init(struct tick *tick, uint32_t interval_ms, uint32_t intensity, bool hidden, struct mono now) {
    *tick = (struct tick){interval_ms, intensity, hidden, .last_read = now};
}

/*
 * Time alone will not do: after we were stopped for a minute, the peer's bytes lie unread in the socket and
 * the timer fires first. Counting alone would let the moment vary by a whole interval to one side.
 */
static bool is_down(const struct tick *tick, struct mono now) {
    int64_t whole_ms = (int64_t)tick->interval_ms * tick->intensity;
    return tick->silent >= tick->intensity &&
           mono_ms_between(tick->last_read, now) >= whole_ms - tick->interval_ms / 2;
}

enum tick_action tick_fire(struct tick *tick, bool pending, struct mono now) {
    bool due = !pending && (!tick->was_written || (tick->hidden && !tick->was_read));
    tick->silent++;
    tick->was_read = false;
    tick->was_written = false;
    if (is_down(tick, now))
        return TICK_DOWN;
    return due ? TICK_SEND : TICK_NOTHING;
}

bool tick_answer(const struct tick *tick, bool pending) {
    return !pending && !tick->was_written;
}
