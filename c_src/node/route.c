#include "node/route.h"

#include "node/aliases.h"
#include "node/fanout.h"
#include "node/links.h"
#include "node/peers.h"
#include "node/registry.h"
#include "node/trace.h"

/* To one of this node; behind what the sender has sent to many and not all have. What a peer had started sends with that peer's rights,
 * not with ours. */
static int deliver(struct hm_node *node, hm_pid from, hm_process *process, hm_term message, struct block *shared) {
    hm_process *sender = process_lookup(node, from);
    if (fanout_waits(sender)) {
        size_t here;
        if (fanout_send(sender, &process->pid, 1, message, shared, &here) == HM_OK)
            return HM_OK;
        fanout_settle(node);
    }
    return process_deliver_from(process, sender ? sender->on_behalf : NULL, message, shared);
}

/* To many, of whom those of this node are served at once (*here of them), or nobody: false. */
static bool deliver_to_many(struct hm_node *node, hm_pid from, const hm_pid to[], size_t count, hm_term message, struct block *shared, size_t *here) {
    hm_process *sender = count >= FANOUT_LEAST ? process_lookup(node, from) : NULL;
    return sender && fanout_send(sender, to, count, message, shared, here) == HM_OK;
}

int route_send(struct hm_node *node, hm_pid from, hm_address to, hm_term message, struct block *shared) {
    const hm_node_name *on = to.name ? (to.node ? to.node : node->name) : to.pid.node;
    if (!on)
        return HM_EINVAL;
    if (node->trace)
        node->trace->on_send(node, from, to, NULL, message);
    struct bytes name = to.name ? bytes_of(to.name, strlen(to.name)) : (struct bytes){0};
    if (on == node->name) {
        hm_process *process = name.size ? registry_lookup(node, name) : process_lookup(node, to.pid);
        node->counters.messages_local++;
        if (process)
            return deliver(node, from, process, message, shared);
        node->counters.dead_letters++;
        return HM_OK;
    }
    struct peer *peer = peers_get(node, on);
    if (!peer)
        return HM_ENOMEM;
    struct control control = {.kind = name.size ? CONTROL_SEND_NAME : CONTROL_SEND, .from = from, .name = name};
    if (!name.size)
        control.to = to.pid;
    int error = peers_send(peer, &control, message, shared);
    return error == HM_ENOCONNECTION || error == HM_EFLAGS ? HM_OK : error;
}

int route_send_many(struct hm_node *node, hm_pid from, const hm_pid to[], size_t count, hm_term message,
                    struct block *shared) {
    struct control control = {.kind = CONTROL_SEND, .from = from};
    struct peer *peer = NULL;
    int result = HM_OK;
    size_t here = 0;
    bool done_here = deliver_to_many(node, from, to, count, message, shared, &here);
    if (done_here)
        node->counters.messages_local += here;
    if (done_here && here == count && !node->trace)
        return HM_OK;
    for (size_t i = 0; i < count; i++) {
        int error;
        if (!to[i].node || to[i].node == node->name) {
            if (done_here && node->trace)
                node->trace->on_send(node, from, hm_to_pid(to[i]), NULL, message);
            error = done_here ? HM_OK : route_send(node, from, hm_to_pid(to[i]), message, shared);
        } else {
            if (node->trace)
                node->trace->on_send(node, from, hm_to_pid(to[i]), NULL, message);
            if (!peer || peer_name(peer) != to[i].node)
                peer = peers_get(node, to[i].node);
            control.to = to[i];
            error = peer ? peers_send(peer, &control, message, shared) : HM_ENOMEM;
            if (error == HM_ENOCONNECTION || error == HM_EFLAGS)
                error = HM_OK;
        }
        if (error != HM_OK)
            result = error;
    }
    return result;
}

int route_send_alias(struct hm_node *node, hm_pid from, const hm_ref *ref, hm_term message, struct block *shared) {
    if (node->trace)
        node->trace->on_send(node, from, (hm_address){0}, ref, message);
    if (ref->node == node->name) {
        struct alias *alias = aliases_lookup(node, ref);
        node->counters.messages_local++;
        if (fanout_waits(process_lookup(node, from)))
            fanout_settle(node);
        if (alias)
            aliases_deliver(alias, message, shared);
        else
            node->counters.dead_letters++;
        return HM_OK;
    }
    struct peer *peer = ref->node ? peers_get(node, ref->node) : NULL;
    if (!peer)
        return HM_ENOMEM;
    struct control control = {.kind = CONTROL_SEND_ALIAS, .from = from, .ref = *ref};
    int error = peers_send(peer, &control, message, shared);
    return error == HM_ENOCONNECTION ? HM_OK : error;
}

int route_exit(struct hm_node *node, hm_pid from, hm_pid to, hm_term reason, bool from_link) {
    if (to.node == node->name) {
        hm_process *process = process_lookup(node, to);
        if (fanout_waits(process_lookup(node, from)))
            fanout_settle(node);
        bool kill = !from_link && hm_is_atom(reason, "kill");
        return process ? process_deliver_exit(process, from, reason, kill) : HM_OK;
    }
    struct peer *peer = to.node ? peers_get(node, to.node) : NULL;
    if (!peer)
        return HM_ENOMEM;
    if (from_link && !peer_takes_signals(peer))
        return HM_OK; /* its nodedown tells them */
    struct control control = {.kind = from_link ? CONTROL_EXIT : CONTROL_EXIT2, .from = from, .to = to};
    int error = peers_send(peer, &control, reason, NULL);
    return error == HM_ENOCONNECTION ? HM_OK : error;
}
