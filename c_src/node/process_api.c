/*
 * The part of <hermod/server.h> that is about any process: itself, sending, links, monitors, time. What belongs to generic servers is
 * in otp/gen_server.c, hm_call in node/calls.c, hm_work in node/pool.c.
 *
 * Public functions stand in the layer that owns the concept, not in wrappers in api/: there would be nothing in them.
 */
#include <stdarg.h>
#include <string.h>

#include "etf/build.h"
#include "etf/ids.h"
#include "node/aliases.h"
#include "node/links.h"
#include "node/monitors.h"
#include "node/node_watches.h"
#include "node/registry.h"
#include "node/route.h"
#include "node/timers.h"

hm_pid hm_self(const hm_process *self) {
    return self->pid;
}

hm_node *hm_node_of(const hm_process *self) {
    return self->node;
}

void *hm_data(const hm_process *self) {
    return self->data;
}

void hm_set_data(hm_process *self, void *data) {
    self->data = data;
}

hm_pid hm_group_leader(const hm_process *self) {
    return self->leader;
}

const hm_node_name *hm_origin(const hm_process *self) {
    return self->origin;
}

void hm_trap_exit(hm_process *self, bool trap) {
    self->trap_exit = trap;
}

int hm_register(hm_process *self, const char *name) {
    return registry_add(self, name, strlen(name));
}

int hm_unregister(hm_process *self) {
    if (!self->name)
        return HM_ENOENT;
    registry_remove(self);
    return HM_OK;
}

/* ---- sending ----
 *
 * A term of size 0 is what a failed builder gives (hm_build_term). Sent, it would be a message without content: a handler of this node would
 * read a NULL pointer, and a peer would close the connection. So it is refused here, before it becomes a message. */

enum { TAKE_BYTES = 4096 }; /* from here on it costs less to give the builder's memory away than to copy it */

static int send_built(hm_process *self, hm_address to, hm_build *build) {
    int error = hm_build_error(build);
    if (error == HM_OK) {
        hm_term message = hm_build_term(build);
        struct block *taken = message.size >= TAKE_BYTES ? build_take(build) : NULL;
        if (taken)
            message = (hm_term){taken->at, taken->size};
        error = route_send(self->node, self->pid, to, message, taken);
        block_release(taken);
    }
    node_build_give(self->node, build);
    return error;
}

int hm_send(hm_process *self, hm_address to, hm_term message) {
    return message.size ? route_send(self->node, self->pid, to, message, NULL) : HM_EINVAL;
}

int hm_sendf(hm_process *self, hm_address to, const char *pattern, ...) {
    hm_build *build = node_build_take(self->node);
    if (!build)
        return HM_ENOMEM;
    va_list arguments;
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    return send_built(self, to, build);
}

int hm_send_many(hm_process *self, const hm_pid to[], size_t count, hm_term message) {
    struct block *shared = NULL;
    if (!message.size)
        return HM_EINVAL;
    if (message.size >= SHARE_BYTES && count > 1) {
        shared = block_copy(bytes_of(message.bytes, message.size));
        if (!shared)
            return HM_ENOMEM;
        message.bytes = shared->at;
    }
    int result = route_send_many(self->node, self->pid, to, count, message, shared);
    block_release(shared);
    return result;
}

int hm_send_alias(hm_process *self, const hm_ref *alias, hm_term message) {
    return message.size && alias->node ? route_send_alias(self->node, self->pid, alias, message, NULL) : HM_EINVAL;
}

static hm_build *cast_begin(hm_process *self) {
    hm_build *build = node_build_take(self->node);
    if (build) {
        hm_put_tuple(build, 2);
        hm_put_atom(build, "$gen_cast");
    }
    return build;
}

int hm_cast(hm_process *self, hm_address to, hm_term message) {
    hm_build *build = cast_begin(self);
    if (!build)
        return HM_ENOMEM;
    hm_put_term(build, message);
    return send_built(self, to, build);
}

int hm_castf(hm_process *self, hm_address to, const char *pattern, ...) {
    hm_build *build = cast_begin(self);
    if (!build)
        return HM_ENOMEM;
    va_list arguments;
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    return send_built(self, to, build);
}

bool hm_is_busy(hm_node *node, const hm_node_name *name) {
    struct peer *peer = peers_find(node, name);
    return peer && peer_is_up(peer) && channel_is_busy(peer_channel(peer));
}

/* ---- links, monitors, exits ---- */

int hm_link(hm_process *self, hm_pid pid) {
    return pid.node ? links_add(self, pid) : HM_EINVAL;
}

int hm_unlink(hm_process *self, hm_pid pid) {
    return pid.node ? links_remove(self, pid) : HM_EINVAL;
}

int hm_monitor(hm_process *self, hm_address address, hm_ref *ref) {
    hm_ref made = {0};
    int error = monitors_add(self, address, NULL, &made);
    if (error == HM_OK && ref)
        *ref = made;
    return error;
}

void hm_demonitor(hm_process *self, const hm_ref *ref) {
    monitors_remove(self, ref);
}

int hm_exit(hm_process *self, hm_pid pid, hm_term reason) {
    return reason.size && pid.node ? route_exit(self->node, self->pid, pid, reason, false) : HM_EINVAL;
}

int hm_alias(hm_process *self, hm_ref *alias) {
    hm_ref made = node_make_ref(self->node);
    if (!aliases_add(self, &made, NULL, NULL))
        return HM_ENOMEM;
    *alias = made;
    return HM_OK;
}

bool hm_unalias(hm_process *self, const hm_ref *ref) {
    struct alias *alias = aliases_lookup(self->node, ref);
    if (!alias || alias_process(alias) != self)
        return false;
    aliases_remove(alias);
    return true;
}

int hm_monitor_nodes(hm_process *self, bool on, bool all) {
    if (on)
        return node_watches_add(self, all);
    node_watches_remove(self);
    return HM_OK;
}

hm_pid hm_whereis(const hm_node *node, const char *name) {
    hm_process *process = registry_lookup(node, bytes_of(name, strlen(name)));
    return process ? process->pid : HM_NO_PID;
}

bool hm_is_alive(const hm_node *node, hm_pid pid) {
    return process_lookup(node, pid) != NULL;
}

/* ---- time ---- */

int hm_send_after(hm_process *self, int64_t ms, hm_term term, uint64_t *timer) {
    if (!term.size)
        return HM_EINVAL;
    struct message *message = message_new(MESSAGE_TERM, term, NULL);
    return message ? timers_add(self, ms, message, timer) : HM_ENOMEM;
}

bool hm_cancel_timer(hm_process *self, uint64_t timer) {
    return timers_cancel(self, timer);
}
