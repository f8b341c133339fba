#include "services/tracker_clocks.h"

#include <stdlib.h>
#include <string.h>

#include <hermod/error.h>

void tracker_clocks_fini(struct tracker_clocks *clocks) {
    free(clocks->spans);
    *clocks = (struct tracker_clocks){0};
}

/* The first span that does not end before this clock. */
static uint32_t place_of(const struct tracker_clocks *clocks, uint64_t clock) {
    uint32_t low = 0, high = clocks->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (clocks->spans[middle].to < clock)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool tracker_clocks_has(const struct tracker_clocks *clocks, uint64_t clock) {
    uint32_t place = place_of(clocks, clock);
    return place < clocks->count && clocks->spans[place].from <= clock;
}

static int order(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void append(struct tracker_clocks *clocks, uint64_t from, uint64_t to) {
    struct tracker_span *last = clocks->count ? &clocks->spans[clocks->count - 1] : NULL;
    if (last && from <= last->to + 1) {
        if (to > last->to) {
            clocks->size += to - last->to;
            last->to = to;
        }
        return;
    }
    clocks->spans[clocks->count++] = (struct tracker_span){from, to};
    clocks->size += to - from + 1;
}

/* The usual case: behind everything that is there. */
static bool extend(struct tracker_clocks *clocks, uint64_t clock) {
    struct tracker_span *last = clocks->count ? &clocks->spans[clocks->count - 1] : NULL;
    if (!last || clock != last->to + 1)
        return false;
    last->to++;
    clocks->size++;
    return true;
}

int tracker_clocks_add(struct tracker_clocks *clocks, uint64_t *add, size_t count) {
    struct tracker_clocks merged = {0};
    uint32_t span = 0;
    size_t one = 0, runs = 0;
    if (!count || (count == 1 && (extend(clocks, add[0]) || tracker_clocks_has(clocks, add[0]))))
        return 0;
    qsort(add, count, sizeof *add, order);
    for (size_t i = 0; i < count; i++)
        runs += i == 0 || add[i] > add[i - 1] + 1;
    if (runs > UINT32_MAX - clocks->count)
        return HM_ENOMEM;
    merged.capacity = clocks->count + (uint32_t)runs;
    merged.spans = malloc(merged.capacity * sizeof *merged.spans);
    if (!merged.spans)
        return HM_ENOMEM;
    while (span < clocks->count || one < count)
        if (one == count || (span < clocks->count && clocks->spans[span].from <= add[one])) {
            append(&merged, clocks->spans[span].from, clocks->spans[span].to);
            span++;
        } else {
            append(&merged, add[one], add[one]);
            one++;
        }
    free(clocks->spans);
    *clocks = merged;
    return 0;
}

uint64_t tracker_clocks_absorb(struct tracker_clocks *clocks, uint64_t clock) {
    uint32_t gone = 0;
    for (; gone < clocks->count && clocks->spans[gone].from <= clock + 1; gone++) {
        struct tracker_span *span = &clocks->spans[gone];
        clocks->size -= span->to - span->from + 1;
        if (span->to > clock)
            clock = span->to;
    }
    clocks->count -= gone;
    if (!clocks->count)
        tracker_clocks_fini(clocks);
    else if (gone)
        memmove(clocks->spans, clocks->spans + gone, clocks->count * sizeof *clocks->spans);
    return clock;
}
