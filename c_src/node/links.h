/*
 * node/links: links between a local process and any other, and the unlink protocol.
 *
 * State of each side: active or not, and the id of an unlink that was not acknowledged (erl_dist_protocol "New link protocol"; links to
 * local processes need no ids). Each link is the message that tells of the other's end, so telling cannot fail for want of memory. Sends the
 * signals through route. One thread.
 */
#ifndef HM_NODE_LINKS_H
#define HM_NODE_LINKS_H

#include "node/process.h"

struct peer;

/* link/1 by a local process. */
int links_add(hm_process *process, hm_pid other);
/* HM_ENOMEM, HM_ELIMIT: they stay linked. */
int links_remove(hm_process *process, hm_pid other);
/* Signals from a peer. */
bool links_on_link(hm_process *process, hm_pid from); /* false: no memory, and it was told that the link is broken */
void links_on_unlink(hm_process *process, hm_pid from);
void links_on_unlink_ack(hm_process *process, hm_pid from, uint64_t id);
/* The other side ended: tells the process, when there is an active link to it. */
void links_on_exit(hm_process *process, hm_pid from, hm_term reason);
/* The process ends: tells all linked ones. */
void links_on_end(hm_process *process, hm_term reason);
/* The connection is gone: exit signals noconnection. */
void links_on_peer_down(struct hm_node *node, struct peer *peer);
void links_each(const hm_process *process, void (*each)(void *arg, hm_pid other), void *arg);

/* When all processes and peers are gone. */
void links_free(struct hm_node *node);

#endif
