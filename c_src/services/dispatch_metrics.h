/*
 * services/dispatch_metrics: what services that send to subscribers tell of it, each under its own name: hermod_pubsub_*.
 *
 * Embedded in the service; it borrows the dispatch and the name until dispatch_metrics_remove. Node thread only.
 */
#ifndef HM_SERVICES_DISPATCH_METRICS_H
#define HM_SERVICES_DISPATCH_METRICS_H

#include <hermod/metrics.h>

#include "services/dispatch.h"

struct dispatch_metrics {
    const struct dispatch *dispatch;
    const char *name;
    hm_metrics *source; /* NULL: not added */
};

int dispatch_metrics_add(struct dispatch_metrics *metrics, hm_node *node, const struct dispatch *dispatch, const char *name);
void dispatch_metrics_remove(struct dispatch_metrics *metrics); /* idempotent, and for zeroed memory */

#endif
