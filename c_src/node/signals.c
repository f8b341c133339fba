/*
 * What each signal does to whom: erl_dist_protocol "Protocol between Connected Nodes", erts/emulator/beam/dist.c
 * (erts_net_message). Signals to pids that are not there, or of an earlier life of this node, are dropped or answered noproc.
 */
#include "node/signals.h"

#include "node/aliases.h"
#include "node/links.h"
#include "node/monitors.h"
#include "node/registry.h"
#include "node/route.h"
#include "node/spawn.h"
#include "node/spawn_out.h"

static void dead_letter(struct hm_node *node, struct peer *peer, const struct control *control) {
    node->counters.dead_letters++;
    log_debug(&node->log, "signal.dead_letter", "node=%s %s to nobody", node_name_bytes(peer_name(peer)).at,
              control_op_name(control->op));
}

static void deliver(struct hm_node *node, struct peer *peer, hm_process *process, hm_term payload, struct block *shared) {
    if (process_deliver_from(process, peer_name(peer), payload, shared) != HM_OK)
        log_error(&node->log, "signal.memory", "no memory for a message of %zu bytes; it is lost", payload.size);
}

static void on_link(struct hm_node *node, struct peer *peer, const struct control *control) {
    hm_process *process = process_lookup(node, control->to);
    if (process) {
        links_on_link(process, control->from);
        return;
    }
    struct control answer = {.kind = CONTROL_EXIT, .from = control->to, .to = control->from};
    if (peers_send(peer, &answer, ATOM_TERM("noproc"), NULL) == HM_ENOMEM)
        peers_cut(peer);
}

static void on_unlink(struct hm_node *node, struct peer *peer, const struct control *control) {
    hm_process *process = process_lookup(node, control->to);
    /* The ack goes before any other signal to that process. */
    if (control->id) {
        struct control ack = {
            .kind = CONTROL_UNLINK_ACK, .from = control->to, .to = control->from, .id = control->id};
        if (peers_send(peer, &ack, (hm_term){0}, NULL) == HM_ENOMEM)
            peers_cut(peer); /* it would wait for ever, and take no link */
    }
    if (process)
        links_on_unlink(process, control->from);
}

static void on_exit(struct hm_node *node, struct peer *peer, const struct control *control, hm_term reason) {
    hm_process *process = process_lookup(node, control->to);
    if (control->kind == CONTROL_EXIT2 && control->ref.words) { /* OTP 28: exit/2 by alias or name */
        struct alias *alias = aliases_lookup(node, &control->ref);
        process = alias ? alias_process(alias) : NULL;
    } else if (control->kind == CONTROL_EXIT2 && control->name.size) {
        process = registry_lookup(node, control->name);
    }
    if (!process)
        return;
    if (control->kind == CONTROL_EXIT) {
        links_on_exit(process, control->from, reason);
        return;
    }
    if (process_deliver_exit(process, control->from, reason, hm_is_atom(reason, "kill")) != HM_OK)
        peers_cut(peer); /* who wants it to end waits for that */
}

static void on_monitor(struct hm_node *node, struct peer *peer, const struct control *control) {
    hm_process *process =
        control->name.size ? registry_lookup(node, control->name) : process_lookup(node, control->to);
    monitors_on_monitor(node, peer, control->from, control->to, control->name, process, &control->ref);
}

void signals_handle(struct hm_node *node, struct peer *peer, const struct control *control, hm_term payload,
                    struct block *shared) {
    hm_process *process;
    switch (control->kind) {
    case CONTROL_SEND:
        process = process_lookup(node, control->to);
        if (process)
            deliver(node, peer, process, payload, shared);
        else
            dead_letter(node, peer, control);
        return;
    case CONTROL_SEND_NAME:
        process = registry_lookup(node, control->name);
        if (process)
            deliver(node, peer, process, payload, shared);
        else
            dead_letter(node, peer, control);
        return;
    case CONTROL_SEND_ALIAS: {
        struct alias *alias = aliases_lookup(node, &control->ref);
        if (alias)
            aliases_deliver(alias, payload, shared);
        else
            dead_letter(node, peer, control);
        return;
    }
    case CONTROL_LINK:
        on_link(node, peer, control);
        return;
    case CONTROL_UNLINK:
        on_unlink(node, peer, control);
        return;
    case CONTROL_UNLINK_ACK:
        process = process_lookup(node, control->to);
        if (process)
            links_on_unlink_ack(process, control->from, control->id);
        return;
    case CONTROL_EXIT:
    case CONTROL_EXIT2:
        on_exit(node, peer, control, payload);
        return;
    case CONTROL_MONITOR:
        on_monitor(node, peer, control);
        return;
    case CONTROL_DEMONITOR:
        monitors_on_demonitor(node, peer, &control->ref);
        return;
    case CONTROL_DOWN:
        monitors_on_down(node, peer, &control->ref, payload);
        return;
    case CONTROL_SPAWN_REQUEST:
        node->counters.spawns_in++;
        spawn_on_request(node, peer, control, payload);
        return;
    case CONTROL_SPAWN_REPLY:
        spawn_out_on_reply(node, peer, control);
        return;
    case CONTROL_GROUP_LEADER:
        process = process_lookup(node, control->to);
        if (process)
            process->leader = control->leader;
        return;
    }
}
