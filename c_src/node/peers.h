/*
 * node/peers: other nodes: dialling, accepting, up and down, and what waits for a connection.
 *
 * Implements struct channel_events. A peer stays in the table as long as it is connected, wanted, or something waits for it; nobody
 * keeps a pointer to one across turns.
 * On down: links and monitors across it fire noconnection, then nodedown is told. One thread.
 */
#ifndef HM_NODE_PEERS_H
#define HM_NODE_PEERS_H

#include "node/process.h"

struct peer;

extern const struct channel_events peers_events; /* arg: struct hm_node * */

/* The peer of this name, made when there is none; NULL without memory or when it is this node itself. */
struct peer *peers_get(struct hm_node *node, const hm_node_name *name);
struct peer *peers_find(const struct hm_node *node, const hm_node_name *name);
/* Sends a control message: now when up, else dials and keeps it (copied) until up. When the dialling fails, what was kept is dropped; links and
 * monitors in it fire noconnection. HM_ENOMEM, HM_EFLAGS, HM_ELIMIT, HM_ENOCONNECTION (the node stops). */
int peers_send(struct peer *peer, const struct control *control, hm_term payload, struct block *shared);
/* A signal to the peer, or of it, is lost: the connection ends as soon as no handler runs, and who counts on that signal hears noconnection. */
void peers_cut(struct peer *peer);
int peers_connect(struct peer *peer, hm_connect_done *done, void *arg);
int peers_keep(struct peer *peer);
/* The same for somebody who says that the node is there, and may take it back; peers_keep goes on either way. */
int peers_keep_candidate(struct peer *peer);
bool peers_is_candidate(const struct peer *peer);
/* Dials it no more unless something else needs it. A connection that is up stays. The peer may be gone after this. */
void peers_forget_candidate(struct peer *peer);
bool peers_disconnect(struct peer *peer);
void peers_each(struct hm_node *node, void (*each)(void *arg, struct peer *peer), void *arg);
/* Closes all connections (without dialling again) and frees the table. */
void peers_free(struct hm_node *node);

const hm_node_name *peer_name(const struct peer *peer);
struct hm_node *peer_node(const struct peer *peer);
bool peer_is_up(const struct peer *peer);
/* It is up, or being connected to: what is sent now follows what was sent before, and comes to nothing only with all the rest. */
bool peer_takes_signals(const struct peer *peer);
bool peer_is_visible(const struct peer *peer);
int64_t peer_up_ms(const struct peer *peer); /* since it is up */
struct channel *peer_channel(const struct peer *peer); /* NULL when not up */

/* Lists that links.c, monitors.c, spawn_out.c and node_watches.c keep for the peer. */
struct peer_relations {
    LIST_HEAD(, link) links;
    LIST_HEAD(, monitor) monitors;
    LIST_HEAD(, spawn_out) spawns;
    LIST_HEAD(, node_news) news; /* while it is up */
};
struct peer_relations *peer_relations(struct peer *peer);

#endif
