/*
 * discovery/epmd_poll: what the epmds of some hosts know, asked again and again.
 *
 * Every name becomes NAME@HOST and is heard; a name that is gone is lost. A host that cannot be asked keeps its
 * names. The strategies local-epmd and hosts are this with another list of hosts.
 */
#ifndef HM_DISCOVERY_EPMD_POLL_H
#define HM_DISCOVERY_EPMD_POLL_H

#include "discovery/strategy.h"

struct epmd_poll;

/* hosts: borrowed until close; each is what stands behind the @. local: there is one host, and it is this machine, whatever it is
 * called. interval_ms 0: ask once. NULL without memory. */
struct epmd_poll *epmd_poll_open(struct discovery *discovery, const char *const *hosts, size_t count, bool local,
                                 int64_t interval_ms);
void epmd_poll_close(struct epmd_poll *poll); /* NULL is allowed */

#endif
