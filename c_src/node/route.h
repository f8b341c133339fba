/*
 * node/route: from a local process to wherever: a mailbox here, or a channel.
 *
 * The opposite direction of node/signals. Terms are copied when they stay here and written to the channel's batch when they leave;
 * shared (may be NULL) is the block in which a large term lies. One thread.
 */
#ifndef HM_NODE_ROUTE_H
#define HM_NODE_ROUTE_H

#include "node/process.h"

int route_send(struct hm_node *node, hm_pid from, hm_address to, hm_term message, struct block *shared);
/* One message to many pids: what does not differ from one to the next is looked up once. */
int route_send_many(struct hm_node *node, hm_pid from, const hm_pid to[], size_t count, hm_term message,
                    struct block *shared);
int route_send_alias(struct hm_node *node, hm_pid from, const hm_ref *alias, hm_term message, struct block *shared);
/* exit/2 and a link's end. */
int route_exit(struct hm_node *node, hm_pid from, hm_pid to, hm_term reason, bool from_link);

#endif
