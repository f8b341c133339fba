/*
 * cli/trace_client: `hermod trace --dbg HOST:PORT': prints what the trace port of a node sends.
 *
 * On the node: dbg:tracer(port, dbg:trace_port(ip, PORT)), or `hermod start --trace-port PORT'. It takes one client at a time and closes
 * the others. No node is needed here, and no cookie: this is a connection of TCP.
 */
#ifndef HM_CLI_TRACE_CLIENT_H
#define HM_CLI_TRACE_CLIENT_H

#include "cli/options.h"

/* address: HOST:PORT, [HOST]:PORT or PORT. Returns the exit code, when the trace has ended and everything is printed. */
int trace_client_run(const struct settings *settings, const char *address);

/* The two parts; HOST alone is "" when there is none. HM_EINVAL with why: label is what the sentence says it is. */
int address_read(const char *text, const char *label, char *host, size_t host_capacity, char *port, size_t port_capacity, char *why,
                 size_t capacity);

#endif
