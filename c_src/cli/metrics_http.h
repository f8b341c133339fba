/*
 * cli/metrics_http: --metrics: the HTTP server of the daemon, wired to its node.
 *
 * Owns the server and the process that makes its report; registers numbers about both. Prints nothing.
 */
#ifndef HM_CLI_METRICS_HTTP_H
#define HM_CLI_METRICS_HTTP_H

#include <hermod/hermod.h>

#include "cli/options.h"
#include "cli/service_setup.h"

struct metrics_http;

/* Is it understood, and safe? Reads the token. HM_EINVAL, HM_ENOENT, HM_ESYSTEM with why. Opens nothing. */
int metrics_http_check(const struct settings *settings, char *why, size_t capacity);
/* Listens. The node need not be started yet; settings and services are borrowed until close. HM_ESYSTEM, HM_ENOMEM with why. */
int metrics_http_open(hm_node *node, const struct settings *settings, const struct service_setup *services,
                      struct metrics_http **http, char *why, size_t capacity);
/* From now on /ready says so. NULL is allowed. */
void metrics_http_ready(struct metrics_http *http);
/* Before the node is freed: ends all connections. metrics_http_free after it. NULL is allowed in both. */
void metrics_http_close(struct metrics_http *http);
void metrics_http_free(struct metrics_http *http);

#endif
