/*
 * otp/global: the smallest answer that keeps a cluster healthy (lib/kernel/src/global.erl, protocol version
 * 8).
 *
 * A visible node owes its peers this much: without {in_sync, Node, true} global:sync/0 hangs on every one of
 * them, and without answers to set_lock their registrations do. We say that we are in sync, agree to every
 * lock and registration, and keep no names. We take no further part: no init_connect, exchange or resolved of
 * ours, since half of that protocol stops registration in the whole cluster. Peers thus do not count us among
 * the nodes that they know and never disconnect us to prevent overlapping partitions.
 *
 * Because of that nobody introduces us to the others either, so we dial whom a peer knows.
 */
#include "etf/names.h"
#include "node/peers.h"
#include "otp/otp.h"

enum {
    PROTOCOL_VERSION = 8,
    DIALS_PER_MESSAGE = 256, /* of one peer's list; larger clusters make themselves known in pieces */
};

static int on_init(hm_process *self, void *argument) {
    (void)argument;
    return self->node->hidden ? HM_OK : hm_monitor_nodes(self, true, false);
}

static void send_in_sync(hm_process *self, struct hm_text peer) {
    const hm_node_name *name = names_find(self->node->names, peer.at, peer.size);
    if (name)
        hm_castf(self, hm_to_name("global_name_server", name), "{in_sync, ~a, true}",
                 hm_node_name_text(self->node->name));
}

static void dial(hm_process *self, struct hm_text peer) {
    const char *at = memchr(peer.at, '@', peer.size);
    const hm_node_name *name =
        at && at != peer.at ? names_intern(self->node->names, peer.at, peer.size) : NULL;
    struct peer *known = name ? peers_get(self->node, name) : NULL; /* NULL for ourselves, too */
    if (known && !peer_is_up(known))
        peers_connect(known, NULL, NULL);
}

/* The nodes that the peer knows: the keys of a map that are atoms ({connection_id, Node} and {pending, Node}
 * are its own business). */
static void dial_known(hm_process *self, hm_term known) {
    struct hm_map map;
    hm_term key, value;
    struct hm_text name;
    unsigned dials = 0;
    if (!hm_map_begin(known, &map))
        return;
    while (dials < DIALS_PER_MESSAGE && hm_map_next(&map, &key, &value))
        if (hm_get_atom(key, &name)) {
            dial(self, name);
            dials++;
        }
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    if (hm_match(request, "{set_lock, {_, _}}") || hm_match(request, "{del_lock, {_, _}}"))
        return hm_reply(self, from, "true");
    if (hm_match(request, "{register, _, _, _}") || hm_match(request, "{register_ext, _, _, _, _}"))
        return hm_reply(self, from, "yes");
    if (hm_match(request, "{unregister, _}"))
        return hm_reply(self, from, "ok");
    if (hm_is_atom(request, "get_protocol_version"))
        return hm_reply(self, from, "~i", (int64_t)PROTOCOL_VERSION);
    if (hm_is_atom(request, "get_known") || hm_is_atom(request, "get_synced") ||
        hm_is_atom(request, "get_names_ext"))
        return hm_reply(self, from, "[]");
    if (hm_is_atom(request, "info"))
        return hm_reply(self, from, "undefined");
    return HM_CONTINUE; /* as global: a line in its log and no answer */
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct hm_text peer;
    hm_term locker, known;
    if (self->node->hidden || !hm_match(message, "{init_connect, _, ~a, ~t}", &peer, &locker))
        return HM_CONTINUE;
    /* Told at nodeup already; but this one surely comes after the peer's own nodeup. */
    send_in_sync(self, peer);
    if (hm_match(locker, "{locker, _, ~t, _}", &known))
        dial_known(self, known);
    return HM_CONTINUE;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct hm_text peer;
    if (hm_match(message, "{nodeup, ~a}", &peer)) {
        send_in_sync(self, peer);
    } else if (hm_match(message, "{remove_connection, ~a}", &peer)) {
        const hm_node_name *name = names_find(self->node->names, peer.at, peer.size);
        struct peer *known = name ? peers_find(self->node, name) : NULL;
        if (known && peers_disconnect(known))
            log_warn(&self->node->log, "global.remove",
                     "disconnected from %s, which asks for it to prevent overlapping partitions",
                     hm_node_name_text(name));
    }
    return HM_CONTINUE;
}

const struct hm_server_class global_class = {
    .module = "global", .init = on_init, .call = on_call, .cast = on_cast, .info = on_info};
