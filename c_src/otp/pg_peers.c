/*
 * The rules that keep a peer alive: its scope process ends when it is told to leave what it does not know
 * (pg.erl, leave_remote/3 of OTP 25 to 28), and a few of its ends stop its whole VM. So nobody is told of a
 * change who was not told all before; when something could not be sent, that peer gets all again before
 * anything else. Of what it cannot be sure to understand it gets the oldest form, version 0.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "node/peers.h"
#include "node/route.h"
#include "otp/pg.h"

/* Interned names compare as addresses; no padding. */
struct peer_key {
    const hm_node_name *node;
    uint32_t id, serial, creation, zero;
};

static unsigned hash_key(const void *bytes) {
    const struct peer_key *key = bytes;
    uint64_t mixed = ((uint64_t)(uintptr_t)key->node ^ ((uint64_t)key->serial << 32 | key->id)) *
                     0x9e3779b97f4a7c15ull;
    return (unsigned)(mixed >> 32);
}

#define HASH_FUNCTION(key, size, value) ((void)(size), (value) = hash_key(key))
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

enum {
    RETRY_MS = 1000,      /* what could not be sent */
    ASK_AGAIN_MS = 60000, /* what did not fit: it may be as much as then */
};

enum peer_state {
    PEER_NEW,    /* was not told what we have: it will ask, and hears of no change before */
    PEER_TOLD,   /* knows what we have */
    PEER_BEHIND, /* did, but then something could not be sent */
};

struct pg_peer {
    UT_hash_handle hh;
    struct peer_key key;
    hm_pid pid;
    hm_ref ref;
    struct pg_owner owner;
    int version; /* what it announced last, of those that we speak */
    enum peer_state state;
    bool truncated;    /* had more than we take */
    struct mono asked; /* for all of it, because of that; not set when it fitted */
    bool lost;
};

static struct pg_peer *find(const struct pg_scope *scope, hm_pid pid) {
    struct peer_key key = {pid.node, pid.id, pid.serial, pid.creation, 0};
    struct pg_peer *peer;
    HASH_FIND(hh, scope->peers, &key, sizeof key, peer);
    return peer;
}

static const struct log *log_of(const struct pg_scope *scope) {
    return &scope->self->node->log;
}

static const char *name_of(const struct pg_scope *scope) {
    return (const char *)pg_name(scope).at;
}

static const char *node_of(const struct pg_peer *peer) {
    return hm_node_name_text(peer->pid.node);
}

static void ask_later(struct pg_scope *scope) {
    scope->unasked = true;
    hm_set_timeout(scope->self, RETRY_MS);
}

static struct pg_peer *add(struct pg_scope *scope, hm_pid pid) {
    if (scope->peer_count >= scope->watchers.max) {
        log_warn(log_of(scope), "pg.limit",
                 "scope %s has %u peers already: one of %s is left out (--max-pg-monitors)", name_of(scope),
                 scope->peer_count, hm_node_name_text(pid.node));
        return NULL;
    }
    struct pg_peer *peer = calloc(1, sizeof *peer);
    if (!peer) {
        ask_later(scope);
        return NULL;
    }
    peer->pid = pid;
    peer->key = (struct peer_key){pid.node, pid.id, pid.serial, pid.creation, 0};
    pg_owner_init(&peer->owner, pid.node);
    HASH_ADD(hh, scope->peers, key, sizeof peer->key, peer);
    if (peer->lost) {
        free(peer);
        ask_later(scope);
        return NULL;
    }
    if (hm_monitor(scope->self, hm_to_pid(pid), &peer->ref) != HM_OK) {
        HASH_DEL(scope->peers, peer);
        free(peer);
        ask_later(scope);
        return NULL;
    }
    scope->peer_count++;
    log_debug(log_of(scope), "pg.peer", "scope %s: %s joined", name_of(scope), node_of(peer));
    return peer;
}

static void set_state(struct pg_scope *scope, struct pg_peer *peer, enum peer_state state) {
    scope->behind += state == PEER_BEHIND;
    scope->behind -= peer->state == PEER_BEHIND;
    peer->state = state;
}

static void set_truncated(struct pg_scope *scope, struct pg_peer *peer, bool truncated) {
    scope->truncated += truncated;
    scope->truncated -= peer->truncated;
    peer->truncated = truncated;
}

static void drop(struct pg_scope *scope, struct pg_peer *peer) {
    log_debug(log_of(scope), "pg.peer", "scope %s: %s left", name_of(scope), node_of(peer));
    set_state(scope, peer, PEER_NEW);
    set_truncated(scope, peer, false);
    HASH_DEL(scope->peers, peer);
    scope->peer_count--;
    pg_groups_drop(&scope->groups, &peer->owner);
    free(peer);
}

/* ---- telling ---- */

static int send_built(struct pg_scope *scope, hm_pid to, hm_build *build) {
    int error = build ? hm_build_error(build) : HM_ENOMEM;
    return error == HM_OK ? pg_send(scope->self, to, hm_build_term(build)) : error;
}

static void send_sync(struct pg_scope *scope, struct pg_peer *peer) {
    hm_build *build = hm_build_new();
    if (build)
        pg_wire_put_sync(build, peer->version, scope->self->pid, &scope->own);
    int error = send_built(scope, peer->pid, build);
    hm_build_free(build);
    if (error != HM_OK)
        log_error(log_of(scope), "pg.memory",
                  "scope %s: %s cannot be told what is in the groups: %s; trying again", name_of(scope),
                  node_of(peer), hm_strerror(error));
    set_state(scope, peer, error == HM_OK ? PEER_TOLD : PEER_BEHIND);
}

static void report_unasked(struct pg_scope *scope, const char *node, int error) {
    log_error(log_of(scope), "pg.memory", "scope %s: %s cannot be asked for its groups: %s; trying again", name_of(scope), node,
              hm_strerror(error));
    ask_later(scope);
}

static void send_discover(struct pg_scope *scope, const struct pg_peer *peer) {
    hm_build *build = hm_build_new();
    if (build)
        pg_wire_put_discover(build, scope->self->pid, peer->version);
    int error = send_built(scope, peer->pid, build);
    if (error != HM_OK)
        report_unasked(scope, node_of(peer), error);
    hm_build_free(build);
}

void pg_peers_discover(struct pg_scope *scope, const hm_node_name *node) {
    struct hm_node *own = scope->self->node;
    if (node == own->name || !pg_is_reachable(own, node))
        return;
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (build) {
        pg_wire_put_discover(build, scope->self->pid, 0); /* three elements end a scope of OTP 25 */
        error = hm_build_error(build);
    }
    if (error == HM_OK)
        error = route_send(own, scope->self->pid, hm_to_name(name_of(scope), node), hm_build_term(build),
                           NULL);
    if (error != HM_OK)
        report_unasked(scope, hm_node_name_text(node), error);
    hm_build_free(build);
}

static hm_build *build_news(const struct pg_scope *scope, int version, const struct pg_news *news) {
    hm_build *build = hm_build_new();
    hm_pid self = scope->self->pid;
    if (!build)
        return NULL;
    switch (news->kind) {
    case PG_NEWS_JOIN: pg_wire_put_join(build, version, self, news->group, news->members, news->count); break;
    case PG_NEWS_LEAVE:
        pg_wire_put_leave(build, version, self, news->group, news->members, news->count);
        break;
    case PG_NEWS_END: pg_wire_put_end(build, version, self, *news->members, news->groups, news->count); break;
    }
    return build;
}

void pg_peers_tell(struct pg_scope *scope, const struct pg_news *news) {
    hm_build *builds[2] = {NULL, NULL};
    struct pg_peer *peer, *next;
    HASH_ITER(hh, scope->peers, peer, next) {
        if (peer->state != PEER_TOLD)
            continue;
        hm_build **build = &builds[peer->version];
        if (!*build)
            *build = build_news(scope, peer->version, news);
        if (send_built(scope, peer->pid, *build) != HM_OK)
            set_state(scope, peer, PEER_BEHIND);
    }
    hm_build_free(builds[0]);
    hm_build_free(builds[1]);
    if (scope->behind || scope->truncated)
        pg_peers_catch_up(scope);
}

/* There may be room now for what did not fit. If it does not fit again, not before a while: it is a full sync
 * each time. */
static void ask_again(struct pg_scope *scope, struct pg_peer *peer, struct mono now) {
    if (peer->owner.members > scope->groups.max_members / 4 * 3 ||
        scope->groups.groups > scope->groups.max_groups / 4 * 3 ||
        (peer->asked.ns && mono_ms_between(peer->asked, now) < ASK_AGAIN_MS))
        return;
    peer->asked = now;
    send_discover(scope, peer);
}

static void discover(void *arg, struct peer *peer) {
    if (peer_is_visible(peer))
        pg_peers_discover(arg, peer_name(peer));
}

/* Asks all, by their names: who is known already tells what is known. */
void pg_peers_discover_all(struct pg_scope *scope) {
    scope->unasked = false;
    peers_each(scope->self->node, discover, scope);
}

void pg_peers_on_timeout(struct pg_scope *scope) {
    if (scope->unasked)
        pg_peers_discover_all(scope);
    pg_peers_catch_up(scope);
}

void pg_peers_catch_up(struct pg_scope *scope) {
    struct pg_peer *peer, *next;
    const hm_process *self = scope->self;
    /* Not while it still overflows: the answers are more of the same. */
    bool dropped = scope->drops_seen != self->drops && self->mailbox.count < self->node->max_mailbox / 2;
    if (!dropped && !scope->behind && !scope->truncated) {
        if (scope->unasked) /* the message that was handled has ended the timeout */
            hm_set_timeout(scope->self, RETRY_MS);
        return;
    }
    if (dropped)
        scope->drops_seen = self->drops;
    struct mono now = mono_now();
    HASH_ITER(hh, scope->peers, peer, next) {
        if (peer->state == PEER_BEHIND)
            send_sync(scope, peer);
        if (dropped)
            send_discover(scope, peer);
        else if (peer->truncated)
            ask_again(scope, peer, now);
    }
    if (scope->behind || scope->truncated || scope->unasked)
        hm_set_timeout(scope->self, scope->behind || scope->unasked ? RETRY_MS : ASK_AGAIN_MS);
}

/* ---- hearing ---- */

static void on_discover(struct pg_scope *scope, const struct pg_message *message) {
    struct pg_peer *peer = find(scope, message->peer);
    bool known = peer != NULL;
    if (!peer && !(peer = add(scope, message->peer)))
        return;
    peer->version = message->version == 1;
    send_sync(scope, peer);
    if (!known)
        send_discover(scope, peer);
}

static void report_limit(struct pg_scope *scope, struct pg_peer *peer, int error) {
    if (!peer->truncated)
        log_warn(log_of(scope), "pg.limit", "scope %s: not all groups of %s are known here: %s",
                 name_of(scope), node_of(peer),
                 error == HM_ELIMIT ? "too many (--max-pg-groups, --max-pg-members)" : hm_strerror(error));
    set_truncated(scope, peer, true);
}

/* Asking again would not make it smaller. */
static bool is_too_large(struct pg_scope *scope, const struct pg_peer *peer, hm_term group) {
    if (group.size <= PG_GROUP_BYTES)
        return false;
    log_warn(log_of(scope), "pg.limit", "scope %s: the name of a group of %s takes %zu bytes; it is left out",
             name_of(scope), node_of(peer), group.size);
    return true;
}

static int read_members(struct pg_scope *scope, struct pg_peer *peer, hm_term members) {
    uint64_t strangers = 0;
    int error = pg_wire_members(members, peer->pid.node, &scope->scratch, &strangers);
    if (strangers)
        log_warn(log_of(scope), "pg.malformed", "scope %s: %s names %llu members that are not of its node",
                 name_of(scope), node_of(peer), (unsigned long long)strangers);
    return error;
}

static void join(struct pg_scope *scope, struct pg_peer *peer, hm_term group, hm_term members) {
    if (is_too_large(scope, peer, group))
        return;
    int error = read_members(scope, peer, members);
    if (error == HM_OK)
        error = pg_groups_join(&scope->groups, &peer->owner, group, scope->scratch.at, scope->scratch.count);
    if (error != HM_OK)
        report_limit(scope, peer, error);
}

static void leave(struct pg_scope *scope, struct pg_peer *peer, hm_term group, hm_term members) {
    int error = read_members(scope, peer, members);
    if (error == HM_OK)
        pg_groups_leave(&scope->groups, &peer->owner, group, scope->scratch.at, scope->scratch.count);
    else
        report_limit(scope, peer, error);
}

static void on_sync(struct pg_scope *scope, const struct pg_message *message) {
    struct pg_peer *peer = find(scope, message->peer);
    struct pg_entries entries;
    hm_term group, members, unused;
    if (!peer && !(peer = add(scope, message->peer)))
        return;
    peer->version = message->version == 1;
    set_truncated(scope, peer, false);
    pg_groups_replace_begin(&peer->owner);
    pg_entries_begin(&entries, message);
    while (pg_entries_next(&entries, &group, &members, &unused)) {
        if (is_too_large(scope, peer, group))
            continue;
        int error = read_members(scope, peer, members);
        if (error == HM_OK && scope->scratch.count)
            error = pg_groups_replace(&scope->groups, &peer->owner, group, scope->scratch.at,
                                      scope->scratch.count);
        if (error != HM_OK)
            report_limit(scope, peer, error);
    }
    pg_groups_replace_end(&scope->groups, &peer->owner);
    if (!peer->truncated)
        peer->asked = (struct mono){0};
}

static void on_update(struct pg_scope *scope, struct pg_peer *peer, const struct pg_message *message) {
    struct pg_entries entries;
    hm_term group, joined, left;
    pg_entries_begin(&entries, message);
    while (pg_entries_next(&entries, &group, &joined, &left)) {
        join(scope, peer, group, joined);
        leave(scope, peer, group, left);
    }
}

static void on_leave(struct pg_scope *scope, struct pg_peer *peer, const struct pg_message *message) {
    struct hm_list groups;
    hm_term group;
    hm_list_begin(message->groups, &groups);
    while (hm_list_next(&groups, &group)) {
        /* Each time anew: leaving takes those out of the scratch that were not there. */
        leave(scope, peer, group, message->members);
    }
}

void pg_peers_on_message(struct pg_scope *scope, const struct pg_message *message) {
    /* A connection that is gone took its news along; whoever comes back will say all again. */
    if (hm_pid_equal(message->peer, scope->self->pid) ||
        !pg_is_reachable(scope->self->node, message->peer.node))
        return;
    if (message->kind == PG_DISCOVER) {
        on_discover(scope, message);
        return;
    }
    if (message->kind == PG_SYNC) {
        on_sync(scope, message);
        return;
    }
    /* As OTP: joins and leaves of somebody unknown are late news of one that was given up. */
    struct pg_peer *peer = find(scope, message->peer);
    if (!peer)
        return;
    if (message->kind == PG_JOIN)
        join(scope, peer, message->group, message->members);
    else if (message->kind == PG_LEAVE)
        on_leave(scope, peer, message);
    else
        on_update(scope, peer, message);
}

bool pg_peers_on_down(struct pg_scope *scope, hm_pid pid, const hm_ref *ref) {
    struct pg_peer *peer = find(scope, pid);
    if (!peer || !hm_ref_equal(&peer->ref, ref))
        return false;
    drop(scope, peer);
    return true;
}

void pg_peers_put(const struct pg_scope *scope, hm_build *build) {
    struct pg_peer *peer, *next;
    hm_put_list(build, scope->peer_count);
    HASH_ITER(hh, scope->peers, peer, next)
    hm_put_pid(build, peer->pid);
    hm_put_nil(build);
}

void pg_peers_fini(struct pg_scope *scope) {
    struct pg_peer *peer, *next;
    HASH_ITER(hh, scope->peers, peer, next) {
        HASH_DEL(scope->peers, peer);
        pg_groups_drop(&scope->groups, &peer->owner);
        free(peer);
    }
}
