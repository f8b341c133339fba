/*
 * node/node_watches: who hears of nodes: nodeup and nodedown.
 *
 * Owns the watches of processes and what each will be told. Both messages are made when a connection comes up, and the connection is refused when
 * there is no memory for them: whoever misses one of the two (global, pg) misjudges that node until the next connection, and a nodeup that came
 * later would come after what the node has sent. Telling cannot fail. Called by peers and process. One thread.
 */
#ifndef HM_NODE_NODE_WATCHES_H
#define HM_NODE_NODE_WATCHES_H

#include "node/peers.h"

/* For visible nodes, with `all' for hidden ones, too; of those that are up only their nodedown is told. HM_ENOMEM: nothing has changed. */
int node_watches_add(hm_process *process, bool all);
void node_watches_remove(hm_process *process);

/* What they will be told of a peer that is about to be up. HM_ENOMEM: it is not to come up. */
int node_watches_prepare(struct peer *peer, bool visible);
void node_watches_tell_up(struct peer *peer);
void node_watches_tell_down(struct peer *peer);

#endif
