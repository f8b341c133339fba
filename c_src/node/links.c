/*
 * A link of two local processes has two entries, one for each side; one to another node has one. Entries of remote links
 * stay after an unlink until its ack came, inactive, so that an exit signal on its way is not taken for a new one.
 */
#include "node/links.h"

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <stdlib.h>
#include <uthash.h>

#include "node/peers.h"
#include "node/route.h"
#include "node/trace.h"

struct link_key { /* no padding: it is hashed as bytes */
    const hm_node_name *node;
    uint32_t id, serial, creation;
    uint32_t local_id, local_serial, zero;
};

struct link {
    UT_hash_handle hh;
    struct link_key key;
    LIST_ENTRY(link) of_process;
    LIST_ENTRY(link) of_peer; /* remote ones */
    hm_process *process;
    hm_pid other;
    uint64_t unlink_id; /* not 0: an unlink that the peer has not acknowledged */
    bool active, remote, lost;
};

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

static struct link *add(hm_process *process, hm_pid other) {
    struct hm_node *node = process->node;
    struct peer *peer = NULL;
    if (other.node != node->name && !(peer = peers_get(node, other.node)))
        return NULL;
    struct link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->key = key_of(process, other);
    link->process = process;
    link->other = other;
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

static void drop(struct link *link) {
    HASH_DEL(link->process->node->links, link);
    LIST_REMOVE(link, of_process);
    if (link->remote)
        LIST_REMOVE(link, of_peer);
    free(link);
}

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
    trace_news(process, TRACE_UNLINKED, other, (hm_term){0});
    if (!link->remote) {
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
    if (never_acknowledges(node, other))
        drop(link);
    return error;
}

void links_on_link(hm_process *process, hm_pid from) {
    if (find(process, from))
        return; /* there already, or our unlink is under way and wins */
    if (!add(process, from)) {
        log_error(&process->node->log, "link.memory", "no memory for a link; it is answered as broken");
        route_exit(process->node, process->pid, from, ATOM_TERM("system_limit"), true);
        return;
    }
    trace_news(process, TRACE_GETTING_LINKED, from, (hm_term){0});
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

bool links_on_exit(hm_process *process, hm_pid from) {
    struct link *link = find(process, from);
    if (!link || !link->active)
        return false;
    drop(link);
    return true;
}

void links_on_end(hm_process *process, hm_term reason) {
    struct link *link;
    while ((link = LIST_FIRST(&process->links))) {
        hm_pid other = link->other;
        bool active = link->active;
        if (!link->remote) {
            hm_process *target = process_lookup(process->node, other);
            struct link *back = target ? find(target, process->pid) : NULL;
            if (back)
                drop(back);
        }
        drop(link);
        if (active)
            route_exit(process->node, process->pid, other, reason, true);
    }
}

void links_on_peer_down(struct hm_node *node, struct peer *peer) {
    struct link *link;
    (void)node;
    while ((link = LIST_FIRST(&peer_relations(peer)->links))) {
        hm_process *process = link->process;
        hm_pid other = link->other;
        bool active = link->active;
        drop(link);
        if (active)
            process_deliver_exit(process, other, ATOM_TERM("noconnection"), false);
    }
}

void links_each(const hm_process *process, void (*each)(void *arg, hm_pid other), void *arg) {
    struct link *link;
    LIST_FOREACH(link, &process->links, of_process)
        if (link->active)
            each(arg, link->other);
}
