/*
 * node/node_metrics: what a node and its connections tell of themselves (docs/operations.md lists it), and <hermod/metrics.h> on
 * node->metrics. Owns nothing: the numbers are counted where they arise.
 */
#ifndef HM_NODE_NODE_METRICS_H
#define HM_NODE_NODE_METRICS_H

#include "node/node.h"

/* When the node is made. HM_ENOMEM. */
int node_metrics_add(struct hm_node *node);

#endif
