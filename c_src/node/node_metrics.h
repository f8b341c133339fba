/*
 * node/node_metrics: what a node and its connections tell of themselves (docs/operations.md lists it), and <hermod/metrics.h> on
 * node->metrics. Owns nothing: the numbers are counted where they arise.
 *
 * node_metrics.c: the node, its limits, log, epmd, worker threads. peer_metrics.c: connected nodes and processes that have a name.
 */
#ifndef HM_NODE_NODE_METRICS_H
#define HM_NODE_NODE_METRICS_H

#include "node/node.h"

/* When the node is made. HM_ENOMEM. */
int node_metrics_add(struct hm_node *node);
int peer_metrics_add(struct hm_node *node);

/* Processes with a name that tell of themselves one by one: a peer's code may register as many as it likes. */
enum { METRICS_PROCESSES = 1000 };

static inline struct hm_text metrics_text(struct bytes bytes) {
    return (struct hm_text){(const char *)bytes.at, bytes.size};
}

#endif
