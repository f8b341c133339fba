/*
 * dist/epmd_query: what dist itself needs of look-ups beyond epmd.h: the host's addresses are known already.
 */
#ifndef HM_DIST_EPMD_QUERY_H
#define HM_DIST_EPMD_QUERY_H

#include "dist/resolve.h"

struct epmd_query *epmd_lookup_at(struct dist *dist, const struct addresses *addresses,
                                  struct bytes alive_name, epmd_lookup_done *done, void *arg);

#endif
