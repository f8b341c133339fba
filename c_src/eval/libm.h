/*
 * eval/libm: the functions of real numbers that Erlang's math and rounding need.
 *
 * libm chooses among its variants of each function when it is loaded, for which it touches 300 kB: a node that evaluates nothing does without
 * (base/lazy). Any thread.
 */
#ifndef HM_EVAL_LIBM_H
#define HM_EVAL_LIBM_H

#include <stdbool.h>

#define LIBM_OF_ONE(entry)                                                                                           \
    entry(acos) entry(asin) entry(atan) entry(ceil) entry(cos) entry(exp) entry(floor) entry(log) entry(log10)       \
    entry(log2) entry(round) entry(sin) entry(sqrt) entry(tan) entry(trunc)
#define LIBM_OF_TWO(entry) entry(atan2) entry(fmod) entry(pow)

struct libm {
#define LIBM_FIELD(name) double (*name)(double);
    LIBM_OF_ONE(LIBM_FIELD)
#undef LIBM_FIELD
#define LIBM_FIELD(name) double (*name)(double, double);
    LIBM_OF_TWO(LIBM_FIELD)
#undef LIBM_FIELD
};

/* NULL: this machine has none. */
const struct libm *libm_get(void);

#endif
