/*
 * node/monitors: who watches whom, in both directions.
 *
 * One table by reference, as the protocol keys them. A monitor has a local watcher, a local target, or both.
 * Owns struct monitor; a 'DOWN' goes to its watcher once, and when that takes it the monitor is gone. One thread.
 */
#ifndef HM_NODE_MONITORS_H
#define HM_NODE_MONITORS_H

#include "node/process.h"

struct peer;

struct monitor_down { /* instead of a 'DOWN' message: for hm_call */
    void (*on_down)(void *arg, hm_term reason);
    void *arg;
};

/* A local process watches: a pid, or a name on a node. down may be NULL (a 'DOWN' message then). */
int monitors_add(hm_process *watcher, hm_address target, const struct monitor_down *down, hm_ref *ref);
/* demonitor with flush. */
void monitors_remove(hm_process *watcher, const hm_ref *ref);
/* Each MESSAGE_DOWN that a process takes from its mailbox, once; ends the monitor. false: it was removed meanwhile, the message is not for the
 * process. */
bool monitors_take(hm_process *watcher, const struct message *down);
bool monitors_is_wanted(const struct message *down); /* of one that lies there */
/* A monitor that the peer sets up when it spawns the process that the watcher asked for. No signal is sent: prepare when asking, adopt when the
 * answer names the process, or forget when there is none. */
int monitors_prepare(hm_process *watcher, struct peer *peer, const struct monitor_down *down, const hm_ref *ref);
void monitors_adopt(struct hm_node *node, const hm_ref *ref, hm_pid target);
void monitors_forget(struct hm_node *node, const hm_ref *ref);
/* Signals from a peer. target NULL: nobody there, it is answered noproc. */
void monitors_on_monitor(struct hm_node *node, struct peer *peer, hm_pid from, hm_pid target_pid, struct bytes target_name,
                         hm_process *target, const hm_ref *ref);
void monitors_on_demonitor(struct hm_node *node, struct peer *peer, const hm_ref *ref);
void monitors_on_down(struct hm_node *node, struct peer *peer, const hm_ref *ref, hm_term reason);
/* A process that ends: its watchers are told, its own monitors given up. */
void monitors_on_end(hm_process *process, hm_term reason);
void monitors_on_peer_down(struct hm_node *node, struct peer *peer);
/* Before the peer is up again: tells what could not be told when it went, or who watches would take it for the end of what is there now. false:
 * there is still no memory for it. */
bool monitors_settle(struct hm_node *node, const hm_node_name *peer);
void monitors_each(const hm_process *process, bool watching,
                   void (*each)(void *arg, hm_pid pid, struct bytes name, const hm_node_name *on), void *arg);

/* When all processes have ended. */
void monitors_free(struct hm_node *node);

#endif
