/* node/signals: what a control message of a peer does here. Decoded already; the switch over its kinds. One thread. */
#ifndef HM_NODE_SIGNALS_H
#define HM_NODE_SIGNALS_H

#include "node/peers.h"

/* That it speaks for its own processes only was checked by the channel. */
void signals_handle(struct hm_node *node, struct peer *peer, const struct control *control, hm_term payload,
                    struct block *shared);

#endif
