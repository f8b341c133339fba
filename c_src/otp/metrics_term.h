/*
 * otp/metrics_term: all metrics of a node as one map.
 *
 * #{Name => Value}, names atoms. A metric without labels has its number; one with labels a list of maps, one for each sample: the labels
 * as atoms with binaries, and value. A histogram is #{count, sum, buckets} instead of a number (with labels: these three instead of value),
 * buckets a list of {Bound, Count} with how many values lay up to this bound, the last one {infinity, Count}.
 */
#ifndef HM_OTP_METRICS_TERM_H
#define HM_OTP_METRICS_TERM_H

#include "node/node.h"

/* One term; build's error tells when there was no memory. */
void metrics_put_term(struct hm_node *node, hm_build *build);

#endif
