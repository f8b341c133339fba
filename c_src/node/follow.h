/*
 * node/follow: who wants to know when a name is registered: hm_follow.
 *
 * Owns a table of names that somebody follows, and each one who does; they end with their process. Who is to be called gets a message of the kind
 * CALL, and where there is no memory for it, or the function fails, once more after AGAIN_MS: that needs no memory. One thread.
 */
#ifndef HM_NODE_FOLLOW_H
#define HM_NODE_FOLLOW_H

#include "node/process.h"

/* From the registry: a process has this name now. */
void follow_on_registered(struct hm_node *node, struct bytes name);

#endif
