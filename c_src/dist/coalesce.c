#include "dist/coalesce.h"

enum {
    FLOOD_PER_MS = 150,
    FLOOD_BYTES = 16 * 1024,
    CROWD_CALLERS = 16,
    CROWD_SHARE = 8, /* one in so many is waited for */
    CROWD_PAUSE_MS = 100,
};

void coalesce_init(struct coalesce *coalesce) {
    *coalesce = (struct coalesce){.low_water = 1};
}

void coalesce_count(struct coalesce *coalesce, const struct control *control) {
    coalesce->messages++;
    if (control->kind != CONTROL_MONITOR)
        return;
    coalesce->calls++;
    coalesce->callers |= 1ull << ((control->from.id * 0x9e3779b1u) >> 26);
}

static int wanted(struct coalesce *coalesce, struct mono now, int64_t ms) {
    coalesce->crowd = false;
    if (coalesce->messages / (uint64_t)ms > FLOOD_PER_MS && !coalesce->sent)
        return FLOOD_BYTES;
    int callers = __builtin_popcountll(coalesce->callers);
    if (callers < CROWD_CALLERS || now.ns < coalesce->crowd_pause.ns)
        return 1;
    coalesce->crowd = true;
    size_t bytes = coalesce->bytes / coalesce->calls * (size_t)(callers / CROWD_SHARE);
    return bytes < FLOOD_BYTES ? (int)bytes : FLOOD_BYTES;
}

bool coalesce_judge(struct coalesce *coalesce, struct mono now, size_t bytes, bool timeout) {
    int before = coalesce->low_water;
    coalesce->bytes += bytes;
    if (timeout && coalesce->crowd) {
        coalesce->crowd_pause.ns = now.ns + CROWD_PAUSE_MS * 1000000ll;
        coalesce->crowd = false;
        coalesce->low_water = 1;
        return true;
    }
    int64_t ms = mono_ms_between(coalesce->window_start, now);
    if (ms < 1)
        return false;
    int now_wanted = wanted(coalesce, now, ms);
    coalesce->window_start = now;
    coalesce->messages = coalesce->calls = 0;
    coalesce->callers = 0;
    coalesce->bytes = 0;
    coalesce->sent = false;
    /* A crowd's numbers differ in every window; only what makes a difference is worth a system call. */
    if (now_wanted > 1 && before > 1 && now_wanted < 2 * before && before < 2 * now_wanted)
        return false;
    coalesce->low_water = now_wanted;
    return now_wanted != before;
}
