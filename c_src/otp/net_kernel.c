/*
 * otp/net_kernel: who answers when a node is asked whether it is there (lib/kernel/src/net_kernel.erl).
 *
 * net_adm:ping/1 calls {is_auth, Node} and disconnects the node when anything but yes comes back. What it
 * does not know it leaves unanswered, as the BEAM's does. Forgets what otp/releases knew of a node that is gone.
 */
#include "node/process.h"
#include "otp/releases.h"

static int on_init(hm_process *self, void *argument) {
    (void)argument;
    return hm_monitor_nodes(self, true, true);
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct hm_node *node = self->node;
    if (hm_match(request, "{is_auth, _}"))
        return hm_reply(self, from, "yes");
    if (hm_is_atom(request, "nodename"))
        return hm_reply(self, from, "~a", hm_node_name_text(node->name));
    if (hm_is_atom(request, "longnames"))
        return hm_reply(self, from, node->long_names ? "true" : "false");
    if (hm_is_atom(request, "ticktime")) /* ms */
        return hm_reply(self, from, "~u", (uint64_t)node->dist.tick_interval_ms * node->dist.tick_intensity);
    return HM_CONTINUE;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    (void)self;
    (void)message;
    return HM_CONTINUE;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct hm_text name;
    if (hm_match(message, "{nodedown, ~a}", &name)) {
        const hm_node_name *peer = names_find(self->node->names, name.at, name.size);
        if (peer)
            releases_forget(self->node, peer);
    }
    return HM_CONTINUE;
}

const struct hm_server_class net_kernel_class = {
    .module = "net_kernel", .init = on_init, .call = on_call, .cast = on_cast, .info = on_info};
