/*
 * The rules for two connections at once are those of dist_util and net_kernel (accept_pending). When two nodes dial each other, the one with the
 * greater name wins. A node that dials while we hold a connection to it is asked (alive) whether it lost the old one; when it has proved its
 * cookie, the old connection is closed.
 */
#include "node/peers.h"

/* The key is an address (of an interned name): a product spreads it well enough, and every message asks. */
#define HASH_FUNCTION(key, size, hash) ((hash) = hash_address(*(const hm_node_name *const *)(key)))
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <event2/event.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <uthash.h>

#include "node/links.h"
#include "node/monitors.h"
#include "node/node_watches.h"
#include "node/signals.h"
#include "node/spawn_out.h"
#include "node/trace.h"

static unsigned hash_address(const void *address) {
    return (unsigned)((uintptr_t)address * 0x9E3779B97F4A7C15u >> 32);
}

enum { BACKOFF_FIRST_MS = 500, BACKOFF_LAST_MS = 30000, AGAIN_MS = 50 };

/* A control message that waits for the connection. */
struct pending {
    STAILQ_ENTRY(pending) link;
    struct control control;
    struct block *payload;
    unsigned char borrowed[]; /* what control.name, mfa and options point to */
};

struct waiter { /* of hm_connect; answered from the turn, never on the caller's stack */
    struct turn_task task;
    STAILQ_ENTRY(waiter) link;
    hm_connect_done *done;
    void *arg;
    int error;
    char text[256];
};

struct peer {
    UT_hash_handle hh;
    struct hm_node *node;
    const hm_node_name *name;
    struct channel *up, *dialing, *accepting;
    STAILQ_HEAD(, pending) pending;
    size_t pending_bytes;
    STAILQ_HEAD(, waiter) waiters;
    struct peer_relations relations;
    struct turn_task cut;
    struct event *timer; /* dial again; or: the peer's own connection did not come */
    uint32_t backoff_ms;
    struct mono up_since;
    uint32_t yields; /* in a row, of a node that does not listen */
    bool keep, candidate, yielded, visible, lost;
};

/* ---- table ---- */

struct peer *peers_find(const struct hm_node *node, const hm_node_name *name) {
    struct peer *peer;
    HASH_FIND(hh, node->peers, &name, sizeof name, peer);
    return peer;
}

static void on_timer(evutil_socket_t fd, short what, void *arg);
static void run_cut(struct turn_task *task);

static bool is_kept(const struct peer *peer) {
    return peer->keep || peer->candidate;
}

struct peer *peers_get(struct hm_node *node, const hm_node_name *name) {
    struct peer *peer = peers_find(node, name);
    if (peer || !name || name == node->name)
        return peer;
    peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->node = node;
    peer->name = name;
    peer->backoff_ms = BACKOFF_FIRST_MS;
    peer->cut.run = run_cut;
    STAILQ_INIT(&peer->pending);
    STAILQ_INIT(&peer->waiters);
    LIST_INIT(&peer->relations.links);
    LIST_INIT(&peer->relations.monitors);
    LIST_INIT(&peer->relations.spawns);
    LIST_INIT(&peer->relations.news);
    peer->timer = evtimer_new(node->base, on_timer, peer);
    if (peer->timer)
        HASH_ADD(hh, node->peers, name, sizeof peer->name, peer);
    if (!peer->timer || peer->lost) {
        if (peer->timer)
            event_free(peer->timer);
        free(peer);
        return NULL;
    }
    return peer;
}

void peers_each(struct hm_node *node, void (*each)(void *arg, struct peer *peer), void *arg) {
    struct peer *peer, *next;
    HASH_ITER(hh, node->peers, peer, next)
        each(arg, peer);
}

const hm_node_name *peer_name(const struct peer *peer) {
    return peer->name;
}

struct hm_node *peer_node(const struct peer *peer) {
    return peer->node;
}

bool peer_is_up(const struct peer *peer) {
    return peer->up != NULL;
}

bool peer_takes_signals(const struct peer *peer) {
    return peer->up || peer->dialing || peer->accepting || peer->yielded;
}

bool peer_is_visible(const struct peer *peer) {
    return peer->visible;
}

int64_t peer_up_ms(const struct peer *peer) {
    return peer->up ? mono_ms_between(peer->up_since, mono_now()) : 0;
}

struct channel *peer_channel(const struct peer *peer) {
    return peer->up;
}

struct peer_relations *peer_relations(struct peer *peer) {
    return &peer->relations;
}

/* ---- those who wait for a connection ---- */

static void answer_waiter(struct turn_task *task) {
    struct waiter *waiter = turn_owner(task, struct waiter, task);
    waiter->done(waiter->arg, waiter->error, waiter->text);
    free(waiter);
}

static void answer_waiters(struct peer *peer, int error, const char *text) {
    struct waiter *waiter;
    while ((waiter = STAILQ_FIRST(&peer->waiters))) {
        STAILQ_REMOVE_HEAD(&peer->waiters, link);
        waiter->error = error;
        snprintf(waiter->text, sizeof waiter->text, "%s", text);
        turn_add(peer->node->turn, TURN_RUN, &waiter->task);
    }
}

static void drop_pending(struct peer *peer) {
    struct pending *pending;
    while ((pending = STAILQ_FIRST(&peer->pending))) {
        STAILQ_REMOVE_HEAD(&peer->pending, link);
        block_release(pending->payload);
        free(pending);
    }
    peer->pending_bytes = 0;
}

static void trace_control(const struct peer *peer, bool out, const struct control *control, hm_term payload) {
    if (peer->node->trace)
        peer->node->trace->on_control(peer->node, peer->name, out, control, payload);
}

/* Not a message, which may be lost. */
static bool is_signal(const struct control *control) {
    return control->kind != CONTROL_SEND && control->kind != CONTROL_SEND_NAME && control->kind != CONTROL_SEND_ALIAS;
}

static void send_pending(struct peer *peer) {
    struct pending *pending;
    STAILQ_FOREACH(pending, &peer->pending, link) {
        hm_term payload = {0};
        if (pending->payload)
            payload = (hm_term){pending->payload->at, pending->payload->size};
        trace_control(peer, true, &pending->control, payload);
        int error = channel_send(peer->up, &pending->control, payload, pending->payload);
        if (error != HM_OK && pending->control.kind == CONTROL_SPAWN_REQUEST)
            spawn_out_on_failure(peer->node, &pending->control.ref, error);
        else if (error == HM_ENOMEM && is_signal(&pending->control))
            peers_cut(peer);
    }
    drop_pending(peer);
}

static const unsigned char *keep_bytes(unsigned char **room, const unsigned char *bytes, size_t size) {
    if (size == 0)
        return bytes;
    *room = (unsigned char *)memcpy(*room, bytes, size) + size;
    return *room - size;
}

static int keep_pending(struct peer *peer, const struct control *control, hm_term payload, struct block *shared) {
    struct hm_node *node = peer->node;
    if (peer->pending_bytes + payload.size > node->dist.output_high) {
        node->counters.pending_drops++;
        log_warn(&node->log, "peer.pending_full", "%s is not connected yet and %zu bytes wait for it: a message is dropped",
                 node_name_bytes(peer->name).at, peer->pending_bytes);
        return HM_ELIMIT;
    }
    struct pending *pending = malloc(sizeof *pending + control->name.size + control->mfa.size + control->options.size);
    if (!pending)
        return HM_ENOMEM;
    *pending = (struct pending){.control = *control};
    unsigned char *room = pending->borrowed;
    pending->control.name.at = keep_bytes(&room, control->name.at, control->name.size);
    pending->control.mfa.bytes = keep_bytes(&room, control->mfa.bytes, control->mfa.size);
    pending->control.options.bytes = keep_bytes(&room, control->options.bytes, control->options.size);
    if (payload.size) {
        bool inside = shared && payload.bytes == shared->at && payload.size == shared->size;
        pending->payload = inside ? block_hold(shared) : block_copy(bytes_of(payload.bytes, payload.size));
        if (!pending->payload) {
            free(pending);
            return HM_ENOMEM;
        }
    }
    peer->pending_bytes += payload.size + sizeof *pending;
    STAILQ_INSERT_TAIL(&peer->pending, pending, link);
    return HM_OK;
}

/* ---- dialling ---- */

static void give_up(struct peer *peer, int error, const char *text) {
    struct hm_node *node = peer->node;
    turn_remove(node->turn, &peer->cut);
    drop_pending(peer);
    spawn_out_on_peer_down(node, peer);
    links_on_peer_down(node, peer);
    monitors_on_peer_down(node, peer);
    answer_waiters(peer, error, text);
}

/* From half of it on. Two names of one node, found at the same moment, would be dialled at the same moment for ever, and the node lets
 * the second attempt end the first. */
static uint32_t spread(uint32_t ms) {
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof random, 0);
    return ms / 2 + random % (ms / 2 + 1);
}

static void dial_later(struct peer *peer) {
    struct timeval pause = timeval_of_ms(spread(peer->backoff_ms));
    event_add(peer->timer, &pause);
    peer->backoff_ms = peer->backoff_ms * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : peer->backoff_ms * 2;
}

static int dial(struct peer *peer) {
    if (peer->up || peer->dialing || peer->accepting || peer->yielded)
        return HM_OK;
    if (peer->node->stopping)
        return HM_ENOCONNECTION;
    event_del(peer->timer);
    peer->dialing = channel_dial(&peer->node->dist, peer->name);
    if (!peer->dialing)
        return HM_ENOMEM;
    channel_set_user(peer->dialing, peer);
    return HM_OK;
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct peer *peer = arg;
    if (peer->yielded) {
        peer->yielded = false;
        if (peer->node->no_listen && ++peer->yields < peer->node->dist.setup_ms / AGAIN_MS && dial(peer) == HM_OK)
            return;
        give_up(peer, HM_ENOCONNECTION, "the peer asked us to wait for its own connection, which did not come");
    }
    if (is_kept(peer) && dial(peer) != HM_OK)
        dial_later(peer);
}

int peers_connect(struct peer *peer, hm_connect_done *done, void *arg) {
    struct waiter *waiter = NULL;
    if (done) {
        waiter = calloc(1, sizeof *waiter);
        if (!waiter)
            return HM_ENOMEM;
        waiter->task.run = answer_waiter;
        waiter->done = done;
        waiter->arg = arg;
    }
    int error = dial(peer);
    if (error != HM_OK) {
        free(waiter);
        return error;
    }
    if (waiter) {
        STAILQ_INSERT_TAIL(&peer->waiters, waiter, link);
        if (peer->up)
            answer_waiters(peer, HM_OK, "connected");
    }
    return HM_OK;
}

int peers_keep(struct peer *peer) {
    peer->keep = true;
    return dial(peer);
}

int peers_send(struct peer *peer, const struct control *control, hm_term payload, struct block *shared) {
    if (peer->up) {
        peer->node->counters.messages_out++;
        trace_control(peer, true, control, payload);
        return channel_send(peer->up, control, payload, shared);
    }
    int error = dial(peer);
    if (error != HM_OK)
        return error == HM_ENOMEM ? error : HM_ENOCONNECTION;
    return keep_pending(peer, control, payload, shared);
}

/* ---- up and down ---- */

static void went_down(struct peer *peer, const char *why) {
    struct hm_node *node = peer->node;
    struct channel_stats stats;
    channel_stats(peer->up, &stats);
    stats.output_bytes = 0; /* what waited is lost */
    stats.fragments_open = 0;
    channel_stats_add(&node->counters.gone, &stats);
    peer->up = NULL;
    if (mono_ms_between(peer->up_since, mono_now()) >= BACKOFF_LAST_MS)
        peer->backoff_ms = BACKOFF_FIRST_MS;
    log_info(&node->log, "peer.down", "node=%s %s", node_name_bytes(peer->name).at, why);
    give_up(peer, HM_ENOCONNECTION, why);
    node_watches_tell_down(peer);
    peer->visible = false;
    if (is_kept(peer) && !node->stopping && !peer->accepting)
        dial_later(peer);
}

bool peers_disconnect(struct peer *peer) {
    bool had = peer->up || peer->dialing;
    if (peer->dialing) {
        channel_close(peer->dialing);
        peer->dialing = NULL;
        give_up(peer, HM_ENOCONNECTION, "disconnected before it was connected");
    }
    if (peer->up) {
        channel_close(peer->up);
        went_down(peer, "disconnected by this node");
    }
    return had;
}

static enum name_verdict on_name(void *arg, struct channel *channel, const hm_node_name *name) {
    struct hm_node *node = arg;
    struct peer *peer = node->stopping ? NULL : peers_get(node, name);
    struct peer *before = channel_user(channel);
    if (before && before->accepting == channel) /* a made-up name that was in use */
        before->accepting = NULL;
    if (!peer)
        return NAME_NOT_ALLOWED;
    if (peer->accepting) { /* an earlier attempt of the same node that got stuck */
        channel_close(peer->accepting);
        peer->accepting = NULL;
    }
    if (peer->up) {
        peer->accepting = channel;
        channel_set_user(channel, peer);
        return NAME_ALIVE;
    }
    enum name_verdict verdict = NAME_OK;
    if (peer->dialing) {
        struct bytes ours = node_name_bytes(node->name), theirs = node_name_bytes(name);
        size_t common = ours.size < theirs.size ? ours.size : theirs.size;
        int order = memcmp(ours.at, theirs.at, common);
        if (order > 0 || (order == 0 && ours.size > theirs.size))
            return NAME_NOK;
        channel_close(peer->dialing);
        peer->dialing = NULL;
        verdict = NAME_OK_SIMULTANEOUS;
    }
    if (peer->yielded) {
        peer->yielded = false;
        event_del(peer->timer);
    }
    peer->accepting = channel;
    channel_set_user(channel, peer);
    return verdict;
}

static const char *cookie(void *arg, const hm_node_name *name) {
    struct hm_node *node = arg;
    (void)name;
    return node->cookie;
}

static void on_proved(void *arg, struct channel *channel) {
    (void)arg;
    struct peer *peer = channel_user(channel);
    if (peer && peer->up && peer->up != channel) {
        channel_close(peer->up);
        went_down(peer, "replaced by a new connection of the same node");
    }
}

static bool on_up(void *arg, struct channel *channel) {
    struct hm_node *node = arg;
    struct peer *peer = channel_user(channel);
    if (peer->up && peer->up != channel) {
        channel_close(peer->up);
        went_down(peer, "replaced by a new connection of the same node");
    }
    if (!monitors_settle(node, peer->name) || node_watches_prepare(peer, channel_is_visible(channel)) != HM_OK) {
        log_error(&node->log, "peer.memory", "no memory to tell of %s: it is not connected", node_name_bytes(peer->name).at);
        return false;
    }
    if (peer->accepting == channel)
        peer->accepting = NULL;
    if (peer->dialing && peer->dialing != channel)
        channel_close(peer->dialing);
    peer->dialing = NULL;
    event_del(peer->timer);
    peer->yielded = false;
    /* A candidate that :global throws out as soon as it is there, since another node cannot reach it, would come and go twice a second. */
    if (peer->keep || !peer->candidate)
        peer->backoff_ms = BACKOFF_FIRST_MS;
    peer->up_since = mono_now();
    peer->yields = 0;
    peer->up = channel;
    peer->visible = channel_is_visible(channel);
    struct bytes name = node_name_bytes(peer->name);
    names_intern(node->names, (const char *)name.at, name.size); /* of a candidate: it is no rumour any more */
    log_info(&node->log, "peer.up", "node=%s %s, %s", node_name_bytes(peer->name).at,
             channel_is_dialled(channel) ? "dialled" : "accepted", peer->visible ? "visible" : "hidden");
    node_watches_tell_up(peer);
    send_pending(peer);
    answer_waiters(peer, HM_OK, "connected");
    return true;
}

static void on_control(void *arg, struct channel *channel, const struct control *control, hm_term payload,
                       struct block *shared) {
    struct hm_node *node = arg;
    struct peer *peer = channel_user(channel);
    node->counters.messages_in++;
    if (!peer)
        return;
    trace_control(peer, false, control, payload);
    signals_handle(node, peer, control, payload, shared);
}

static void on_busy(void *arg, struct channel *channel, bool busy) {
    struct hm_node *node = arg;
    struct peer *peer = channel_user(channel);
    if (peer)
        log_debug(&node->log, busy ? "peer.busy" : "peer.ready", "node=%s", node_name_bytes(peer->name).at);
}

/* Names are cheap for strangers: what is left of one that came to nothing, or went, goes too. */
static void drop_if_idle(struct peer *peer) {
    if (peer->up || peer->dialing || peer->accepting || is_kept(peer) || peer->yielded ||
        !STAILQ_EMPTY(&peer->pending) || !STAILQ_EMPTY(&peer->waiters) || !LIST_EMPTY(&peer->relations.links) ||
        !LIST_EMPTY(&peer->relations.monitors) || !LIST_EMPTY(&peer->relations.spawns))
        return;
    HASH_DEL(peer->node->peers, peer);
    turn_remove(peer->node->turn, &peer->cut);
    event_free(peer->timer);
    free(peer);
}

void peers_cut(struct peer *peer) {
    if (!peer->cut.queued)
        log_error(&peer->node->log, "peer.memory", "no memory for a signal: %s is disconnected", node_name_bytes(peer->name).at);
    turn_add(peer->node->turn, TURN_RUN, &peer->cut);
}

static void run_cut(struct turn_task *task) {
    struct peer *peer = turn_owner(task, struct peer, cut);
    peers_disconnect(peer);
    drop_if_idle(peer);
}

int peers_keep_candidate(struct peer *peer) {
    peer->candidate = true;
    return dial(peer);
}

bool peers_is_candidate(const struct peer *peer) {
    return peer->candidate;
}

void peers_forget_candidate(struct peer *peer) {
    peer->candidate = false;
    if (!peer->keep && !peer->yielded)
        event_del(peer->timer);
    bool is_wanted = peer->keep || !STAILQ_EMPTY(&peer->pending) || !STAILQ_EMPTY(&peer->waiters);
    if (peer->dialing && !is_wanted) {
        channel_close(peer->dialing);
        peer->dialing = NULL;
    }
    drop_if_idle(peer);
}

static void on_down(void *arg, struct channel *channel, enum down_reason reason, const char *detail) {
    struct hm_node *node = arg;
    struct peer *peer = channel_user(channel);
    if (!peer)
        return; /* it never told its name, or lost against our own dialling */
    char why[256];
    snprintf(why, sizeof why, "%s%s%s", down_reason_text(reason), detail && *detail ? ": " : "",
             detail ? detail : "");
    if (peer->up == channel) {
        went_down(peer, why);
    } else if (peer->accepting == channel) {
        peer->accepting = NULL;
        log_info(&node->log, "peer.accept_failed", "node=%s %s", node_name_bytes(peer->name).at, why);
        if (!peer->up && !peer->dialing) {
            give_up(peer, down_reason_error(reason), why);
            if (is_kept(peer) && !node->stopping)
                dial_later(peer);
        }
    } else if (peer->dialing == channel) {
        peer->dialing = NULL;
        if (reason == DOWN_SIMULTANEOUS) {
            /*
             * The peer's own connection is on its way, or here already: what waits goes over that one. Not when we do not
             * listen: then it looks in vain for an earlier node of our name (a BEAM has something left to say to a
             * command that has ended), and we ask again until it has given up.
             */
            if (!peer->up && !peer->accepting) {
                struct timeval limit = timeval_of_ms(node->no_listen ? AGAIN_MS : node->dist.setup_ms);
                peer->yielded = true;
                event_add(peer->timer, &limit);
            }
            drop_if_idle(peer);
            return;
        }
        log_info(&node->log, "peer.dial_failed", "node=%s %s", node_name_bytes(peer->name).at, why);
        if (!peer->up && !peer->accepting)
            give_up(peer, down_reason_error(reason), why);
        /* A name that was found, and behind it another node: that will hardly change, and the other's handshakes with us suffer from it. */
        if (reason == DOWN_NAME && !peer->keep)
            peer->backoff_ms = BACKOFF_LAST_MS;
        if (is_kept(peer) && !node->stopping && !peer->up)
            dial_later(peer);
    }
    drop_if_idle(peer);
}

const struct channel_events peers_events = {
    .on_name = on_name,
    .cookie = cookie,
    .on_proved = on_proved,
    .on_up = on_up,
    .on_control = on_control,
    .on_busy = on_busy,
    .on_down = on_down,
};

void peers_free(struct hm_node *node) {
    struct peer *peer, *next;
    HASH_ITER(hh, node->peers, peer, next) {
        peer->keep = peer->candidate = false;
        if (peer->accepting)
            channel_close(peer->accepting);
        peer->accepting = NULL;
        peers_disconnect(peer);
        give_up(peer, HM_ENOCONNECTION, "this node stops");
    }
    HASH_ITER(hh, node->peers, peer, next) {
        HASH_DEL(node->peers, peer);
        turn_remove(node->turn, &peer->cut);
        event_free(peer->timer);
        drop_pending(peer);
        free(peer);
    }
}
