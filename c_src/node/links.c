/*
 * A link of two local processes has two entries, one for each side; one to another node has one. Entries of remote links
 * stay after an unlink until its ack came, inactive, so that an exit signal on its way is not taken for a new one.
 */
#include "node/links.h"

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <event2/event.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/clock.h"
#include "node/fanout.h"
#include "node/peers.h"
#include "node/reasons.h"
#include "node/route.h"
#include "node/trace.h"

struct link_key { /* no padding: it is hashed as bytes */
    const hm_node_name *node;
    uint32_t id, serial, creation;
    uint32_t local_id, local_serial, zero;
};

enum { AGAIN_MS = 100 };

struct link {
    struct message told; /* from: the other. It goes to the process when that ends, and the link is freed with it */
    UT_hash_handle hh;
    struct link_key key;
    LIST_ENTRY(link) of_process;
    LIST_ENTRY(link) of_peer; /* remote ones */
    hm_process *process; /* NULL: owed */
    uint64_t unlink_id; /* not 0: an unlink that the peer has not acknowledged */
    bool active, remote, lost;
    bool owed; /* the end of the process could not be sent: it stands among the owed ones of the node (of_process), and is tried again */
};

_Static_assert(offsetof(struct link, told) == 0, "a link is freed as the message that it is");

static struct link_key key_of(const hm_process *process, hm_pid other) {
    return (struct link_key){other.node, other.id, other.serial, other.creation, process->pid.id,
                             process->pid.serial, 0};
}

static struct link *find(const hm_process *process, hm_pid other) {
    struct link_key key = key_of(process, other);
    struct link *link;
    HASH_FIND(hh, process->node->links, &key, sizeof key, link);
    return link;
}

static void on_owed(evutil_socket_t fd, short what, void *arg);

static struct link *add(hm_process *process, hm_pid other) {
    struct hm_node *node = process->node;
    struct peer *peer = NULL;
    if (other.node != node->name && !(peer = peers_get(node, other.node)))
        return NULL;
    if (peer && !node->owed_links_timer && !(node->owed_links_timer = evtimer_new(node->base, on_owed, node)))
        return NULL;
    struct link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->key = key_of(process, other);
    link->process = process;
    link->told.kind = MESSAGE_EXIT;
    link->told.from = other;
    link->active = true;
    HASH_ADD(hh, node->links, key, sizeof link->key, link);
    if (link->lost) {
        free(link);
        return NULL;
    }
    LIST_INSERT_HEAD(&process->links, link, of_process);
    if (peer) {
        link->remote = true;
        LIST_INSERT_HEAD(&peer_relations(peer)->links, link, of_peer);
    }
    return link;
}

/* Out of the tables, not freed. */
static void forget(struct link *link) {
    if (!link->owed)
        HASH_DEL(link->process->node->links, link);
    LIST_REMOVE(link, of_process);
    if (link->remote)
        LIST_REMOVE(link, of_peer);
}

static void drop(struct link *link) {
    forget(link);
    free(link);
}

/* Its process hears that the other ended, and the link is gone. */
static void fire(struct link *link, hm_term reason) {
    hm_process *process = link->process;
    enum reason known = reason_known(reason);
    forget(link);
    if (!known && process_deliver_exit(process, link->told.from, reason, false) == HM_OK) {
        free(link);
        return;
    }
    if (!known)
        log_error(&process->node->log, "link.memory", "no memory for an exit reason of %zu bytes; it is left out", reason.size);
    link->told.term = reason_term(reason_nearest(reason));
    process_deliver(process, &link->told);
}

/* ---- ends that could not be sent ---- */

static void try_again_later(struct hm_node *node) {
    struct timeval pause = timeval_of_ms(AGAIN_MS);
    event_add(node->owed_links_timer, &pause);
}

static void owe(struct link *link, hm_term reason) {
    struct hm_node *node = link->process->node;
    log_error(&node->log, "link.memory", "no memory for an exit signal to another node; it is sent later");
    HASH_DEL(node->links, link);
    LIST_REMOVE(link, of_process);
    link->owed = true;
    link->process = NULL;
    link->told.term = reason_term(reason_nearest(reason));
    LIST_INSERT_HEAD(&node->owed_links, link, of_process);
    try_again_later(node);
}

static void on_owed(evutil_socket_t fd, short what, void *arg) {
    struct hm_node *node = arg;
    struct link *link, *next;
    (void)fd;
    (void)what;
    for (link = LIST_FIRST(&node->owed_links); link; link = next) {
        next = LIST_NEXT(link, of_process);
        hm_pid ended = {node->name, link->key.local_id, link->key.local_serial, node->dist.creation};
        if (route_exit(node, ended, link->told.from, link->told.term, true) == HM_OK)
            drop(link);
    }
    if (!LIST_EMPTY(&node->owed_links))
        try_again_later(node);
}

void links_free(struct hm_node *node) {
    if (node->owed_links_timer)
        event_free(node->owed_links_timer);
    node->owed_links_timer = NULL;
}

/* ---- links ---- */

static int tell(hm_process *process, enum control_kind kind, hm_pid other, uint64_t id) {
    struct peer *peer = peers_get(process->node, other.node);
    if (!peer)
        return HM_ENOMEM;
    struct control control = {.kind = kind, .from = process->pid, .to = other, .id = id};
    return peers_send(peer, &control, (hm_term){0}, NULL);
}

int links_add(hm_process *process, hm_pid other) {
    struct hm_node *node = process->node;
    if (hm_pid_equal(process->pid, other))
        return HM_OK;
    struct link *link = find(process, other);
    if (link && link->active)
        return HM_OK;
    if (other.node == node->name) {
        hm_process *target = process_lookup(node, other);
        if (!target)
            return process_deliver_exit(process, other, ATOM_TERM("noproc"), false);
        if (!(link = add(process, other)))
            return HM_ENOMEM;
        if (!find(target, process->pid) && !add(target, process->pid)) {
            drop(link);
            return HM_ENOMEM;
        }
        trace_news(process, TRACE_LINKED, other, (hm_term){0});
        trace_news(target, TRACE_GETTING_LINKED, process->pid, (hm_term){0});
        return HM_OK;
    }
    if (link) { /* linked again before the peer acknowledged the unlink */
        link->active = true;
        link->unlink_id = 0;
    } else if (!(link = add(process, other))) {
        return HM_ENOMEM;
    }
    int error = tell(process, CONTROL_LINK, other, 0);
    if (error != HM_OK) {
        drop(link);
        return error == HM_ENOCONNECTION ? process_deliver_exit(process, other, ATOM_TERM("noconnection"), false) : error;
    }
    trace_news(process, TRACE_LINKED, other, (hm_term){0});
    return HM_OK;
}

/* A peer that has no UNLINK_ID: waiting for its ack would make us deaf for its links. */
static bool never_acknowledges(const struct hm_node *node, hm_pid other) {
    const struct peer *peer = peers_find(node, other.node);
    struct channel *channel = peer ? peer_channel(peer) : NULL;
    return channel && !(channel_flags(channel) & FLAG_UNLINK_ID);
}

int links_remove(hm_process *process, hm_pid other) {
    struct hm_node *node = process->node;
    struct link *link = find(process, other);
    if (!link || !link->active)
        return HM_OK;
    if (!link->remote) {
        trace_news(process, TRACE_UNLINKED, other, (hm_term){0});
        hm_process *target = process_lookup(node, other);
        struct link *back = target ? find(target, process->pid) : NULL;
        if (back)
            drop(back);
        if (target)
            trace_news(target, TRACE_GETTING_UNLINKED, process->pid, (hm_term){0});
        drop(link);
        return HM_OK;
    }
    link->active = false;
    if (++node->next_unlink == 0)
        node->next_unlink = 1;
    link->unlink_id = node->next_unlink;
    int error = tell(process, CONTROL_UNLINK, other, link->unlink_id);
    if (error == HM_ENOMEM || error == HM_ELIMIT) { /* the peer still has it: they stay linked, as the caller hears */
        link->active = true;
        link->unlink_id = 0;
        return error;
    }
    trace_news(process, TRACE_UNLINKED, other, (hm_term){0});
    if (never_acknowledges(node, other))
        drop(link);
    return error;
}

bool links_on_link(hm_process *process, hm_pid from) {
    if (find(process, from))
        return true; /* there already, or our unlink is under way and wins */
    if (!add(process, from)) {
        log_error(&process->node->log, "link.memory", "no memory for a link; it is answered as broken");
        struct peer *peer = peers_find(process->node, from.node);
        if (route_exit(process->node, process->pid, from, ATOM_TERM("system_limit"), true) != HM_OK && peer)
            peers_cut(peer);
        return false;
    }
    trace_news(process, TRACE_GETTING_LINKED, from, (hm_term){0});
    return true;
}

void links_on_unlink(hm_process *process, hm_pid from) {
    struct link *link = find(process, from);
    if (!link || !link->active)
        return;
    trace_news(process, TRACE_GETTING_UNLINKED, from, (hm_term){0});
    drop(link);
}

void links_on_unlink_ack(hm_process *process, hm_pid from, uint64_t id) {
    struct link *link = find(process, from);
    if (link && !link->active && link->unlink_id == id)
        drop(link);
}

void links_on_exit(hm_process *process, hm_pid from, hm_term reason) {
    struct link *link = find(process, from);
    if (link && link->active)
        fire(link, reason);
}

void links_on_end(hm_process *process, hm_term reason) {
    struct link *link;
    if (fanout_waits(process)) /* what it has sent comes before its end */
        fanout_settle(process->node);
    while ((link = LIST_FIRST(&process->links))) {
        if (!link->remote) {
            hm_process *target = process_lookup(process->node, link->told.from);
            struct link *back = target ? find(target, process->pid) : NULL;
            drop(link);
            if (back)
                fire(back, reason);
        } else if (link->active && route_exit(process->node, process->pid, link->told.from, reason, true) != HM_OK) {
            owe(link, reason);
        } else {
            drop(link);
        }
    }
}

void links_on_peer_down(struct hm_node *node, struct peer *peer) {
    struct link *link;
    (void)node;
    while ((link = LIST_FIRST(&peer_relations(peer)->links))) {
        if (link->active && !link->owed)
            fire(link, ATOM_TERM("noconnection"));
        else
            drop(link);
    }
}

void links_each(const hm_process *process, void (*each)(void *arg, hm_pid other), void *arg) {
    struct link *link;
    LIST_FOREACH(link, &process->links, of_process)
        if (link->active)
            each(arg, link->told.from);
}
