/* node/signals: what a control message of a peer does here. Decoded already; the switch over its kinds. One thread. */
#ifndef HM_NODE_SIGNALS_H
#define HM_NODE_SIGNALS_H

#include "node/peers.h"

/* false: the peer broke the protocol and must be disconnected (why is logged). */
bool signals_handle(struct hm_node *node, struct peer *peer, const struct control *control, hm_term payload,
                    struct block *shared);

#endif
