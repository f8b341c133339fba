/*
 * dist/listener: the sockets on which peers reach this node; every accepted connection becomes a channel.
 *
 * On EMFILE/ENFILE it pauses for a second instead of spinning. One thread.
 */
#ifndef HM_DIST_LISTENER_H
#define HM_DIST_LISTENER_H

#include "dist/channel.h"

struct listener;

/* address: NULL for all addresses of dist->family (one dual-stack socket when any), else an IP literal or
 * host name. The first free port of first_port..last_port; 0, 0 lets the system choose. HM_ESYSTEM with
 * errno, HM_ENOENT when the address cannot be resolved, HM_ENOMEM. */
int listener_open(struct dist *dist, const char *address, uint16_t first_port, uint16_t last_port,
                  struct listener **listener);
void listener_close(struct listener *listener);
uint16_t listener_port(const struct listener *listener);

#endif
