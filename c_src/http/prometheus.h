/*
 * http/prometheus: metrics as Prometheus reads them, the text format 0.0.4.
 *
 *     # HELP hermod_peer_received_bytes_total Bytes received
 *     # TYPE hermod_peer_received_bytes_total counter
 *     hermod_peer_received_bytes_total{node="a@host"} 4711
 *
 * A reader (struct hm_metrics_reader) that writes: no sockets, nothing kept but the writer. Values of labels may come from peers: they are escaped,
 * and what is no UTF-8 becomes U+FFFD. Any thread.
 *
 * Follows https://prometheus.io/docs/instrumenting/exposition_formats/.
 */
#ifndef HM_HTTP_PROMETHEUS_H
#define HM_HTTP_PROMETHEUS_H

#include <hermod/metrics.h>

#include "base/bytes.h"

/* Writes to out, whose error tells whether all fitted. Borrows it. */
struct hm_metrics_reader prometheus_reader(struct writer *out);

#endif
