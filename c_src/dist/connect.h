/*
 * dist/connect: a TCP connection to the first of several addresses that takes one. Never blocks. One thread.
 */
#ifndef HM_DIST_CONNECT_H
#define HM_DIST_CONNECT_H

#include "dist/resolve.h"

struct connector;

/* fd: connected, non-blocking, the callee's; -1: error is the errno of the first address that failed. */
typedef void connect_done(void *arg, int fd, int error);

/* Tries the addresses in turn, each for its share of timeout_ms. Never calls back before it returns; over
 * when it has. NULL without memory. */
struct connector *connect_open(struct dist *dist, const struct addresses *addresses, uint16_t port,
                               uint32_t timeout_ms, connect_done *done, void *arg);
void connect_cancel(struct connector *connector); /* NULL is allowed */

#endif
