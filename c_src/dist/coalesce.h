/*
 * dist/coalesce: how many bytes the kernel should collect before it wakes us to read.
 *
 * A receiver that reads every few messages makes a system call or two for each and takes the CPU of a sender on the same machine.
 * Two cases are worth waiting for:
 *
 * - a flood: over 150 messages in a ms, and nothing was sent to that peer meanwhile. Nobody waits for anything: 16 KiB.
 * - a crowd: many processes of the peer call at the same time (each call begins with a monitor, and a caller has one call
 *   under way). When 16 or more were seen in a ms, the requests of an eighth of them are collected. The others are under way already, so
 *   this takes a fraction of the time of one answer, and callers get their answers sooner, not later.
 *
 * A single caller, or a few, are never made to wait. When the bytes do not come, a timer of 1 ms reads what is there. When that happens to a
 * crowd, the crowd has gone, and another one counts as one only 100 ms later.
 *
 * Pure: time is given; tests have a clock of their own. One for each channel.
 */
#ifndef HM_DIST_COALESCE_H
#define HM_DIST_COALESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "dist/control.h"

struct coalesce {
    struct mono window_start;
    struct mono crowd_pause; /* until then no crowd is believed */
    uint64_t callers;        /* a bit for each caller of the window, by hash */
    uint32_t messages, calls;
    size_t bytes;
    bool sent;
    bool crowd; /* what low_water waits for */
    int low_water; /* 1: every byte wakes us */
};

void coalesce_init(struct coalesce *coalesce);
/* A message came. */
void coalesce_count(struct coalesce *coalesce, const struct control *control);
/* Something was sent to the peer. */
static inline void coalesce_sent(struct coalesce *coalesce) {
    coalesce->sent = true;
}
/* After a read of so many bytes; timeout: it was the timer that asked for it. true: low_water is another one now. */
bool coalesce_judge(struct coalesce *coalesce, struct mono now, size_t bytes, bool timeout);

#endif
