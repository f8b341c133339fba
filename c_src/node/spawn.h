/* node/spawn: SPAWN_REQUEST of a peer; the answer, link and monitor of the new process. One thread. */
#ifndef HM_NODE_SPAWN_H
#define HM_NODE_SPAWN_H

#include "node/peers.h"

struct spawn_request {
    hm_pid from;
    hm_pid leader;
    hm_ref ref;
    hm_term module, function; /* atoms */
    uint32_t arity;
    hm_term arguments; /* a list of that length (may be a STRING_EXT: use hm_list_begin) */
    const hm_node_name *peer;
};

void spawn_on_request(struct hm_node *node, struct peer *peer, const struct control *control, hm_term arguments);

#endif
