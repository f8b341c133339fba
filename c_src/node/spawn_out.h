/*
 * node/spawn_out: SPAWN_REQUEST to another node, and its answer. <hermod/rpc.h> hm_spawn is here.
 *
 * Owns struct spawn_out from the request until the answer or the loss of the connection, also when whoever asked has gone meanwhile: the
 * link and the monitor that the peer then made are undone. A spawn on this node itself goes to the same hook as those of peers. One thread.
 */
#ifndef HM_NODE_SPAWN_OUT_H
#define HM_NODE_SPAWN_OUT_H

#include "node/monitors.h"
#include "node/peers.h"

struct spawn_out_request {
    const hm_node_name *node; /* NULL: this one */
    const char *module, *function;
    hm_term arguments; /* a proper list */
    hm_pid leader;
    bool link, monitor;
    struct monitor_down down; /* with monitor; on_down NULL: a 'DOWN' message */
    /* Exactly once, possibly before spawn_out_start returns, and not after spawn_out_abandon. error: 0 and the pid; HM_ENOCONNECTION,
     * HM_EFLAGS (the peer cannot spawn), HM_EEXIT (refused); HM_ESTATE: the process that asked has ended (to free arg). reason: an atom that says
     * the same. NULL: the answer does not matter. */
    void (*on_answer)(void *arg, int error, hm_pid pid, hm_term reason);
    void *arg;
};

/* ref: of the request, and of the monitor. HM_EINVAL, HM_ENOMEM, HM_EFLAGS, HM_ELIMIT, HM_ENOCONNECTION (the node
 * stops): on_answer is not called. */
int spawn_out_start(hm_process *self, const struct spawn_out_request *request, hm_ref *ref);
/* Forgets a request that was not answered: what the answer will tell of is let go. */
void spawn_out_abandon(struct hm_node *node, const hm_ref *ref);

void spawn_out_on_reply(struct hm_node *node, struct peer *peer, const struct control *control);
/* It was kept for a connection, and could not be sent over it. */
void spawn_out_on_failure(struct hm_node *node, const hm_ref *ref, int error);
void spawn_out_on_peer_down(struct hm_node *node, struct peer *peer);

#endif
