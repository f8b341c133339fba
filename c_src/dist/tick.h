/*
 * dist/tick: when to send a tick, and when a peer counts as gone. Pure: the clock and the timer are the
 * caller's.
 *
 * With T = interval * intensity (net_ticktime): we tick when an interval went by in which nothing was
 * written, and to a peer that we are not visible to also when nothing was read (ei nodes tick only when they
 * are ticked). A peer from which nothing came for `intensity` whole intervals is down, that is between 0.875
 * T and 1.125 T after its last byte (BEAM: 0.75 to 1.25). Specification: net_kernel(3) net_ticktime;
 * send_tick in lib/kernel/src/dist_util.erl.
 */
#ifndef HM_DIST_TICK_H
#define HM_DIST_TICK_H

#include <stdbool.h>

#include "base/clock.h"

struct tick {
    uint32_t interval_ms, intensity;
    bool hidden;              /* one of the two sides is not PUBLISHED */
    bool was_read, was_written; /* since the timer fired last */
    unsigned silent;          /* how often the timer fired since the last byte */
    struct mono last_read;
};

enum tick_action { TICK_NOTHING, TICK_SEND, TICK_DOWN };

void tick_init(struct tick *tick, uint32_t interval_ms, uint32_t intensity, bool hidden, struct mono now);

static inline void tick_read(struct tick *tick, struct mono now) {
    tick->was_read = true;
    tick->silent = 0;
    tick->last_read = now;
}

static inline void tick_written(struct tick *tick) {
    tick->was_written = true;
}

/* The timer fired. pending: there is output that the peer has not taken yet, which a tick would only queue
 * behind. */
enum tick_action tick_fire(struct tick *tick, bool pending, struct mono now);
/* A tick came: answer it? Once in an interval and not after we wrote, or two of us would tick each other for
 * ever. */
bool tick_answer(const struct tick *tick, bool pending);

#endif
