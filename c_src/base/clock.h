/*
 * base/clock: time is a type.
 *
 * struct mono is a point on the monotonic clock, never wall time; 0 means "not set". Pure reads, any thread.
 */
#ifndef HM_BASE_CLOCK_H
#define HM_BASE_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

struct mono {
    int64_t ns;
};

static inline struct mono mono_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct mono){(int64_t)now.tv_sec * 1000000000 + now.tv_nsec};
}

static inline int64_t mono_ms_between(struct mono earlier, struct mono later) {
    return (later.ns - earlier.ns) / 1000000;
}

static inline struct timeval timeval_of_ms(int64_t ms) {
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

#endif
