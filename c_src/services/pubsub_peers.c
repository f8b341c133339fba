/*
 * What a peer has subscribers for is a dispatch of our own, in which the peers' services are the subscribers: patterns,
 * the end of a peer and slow connections then need no second implementation. The weight of a subscription is the number of
 * subscribers that it stands for.
 */
#include "services/pubsub_peers.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->lost = true)
#include <uthash.h>

#include <hermod/pg.h>

#include "services/dispatch.h"

enum {
    TELL_MS = 2,
    TELL_BYTES = 64 * 1024, /* of one message about topics */
    PEERS_MAX = 4096,
    AGAIN_MS = 100, /* after something for which there was no memory */
    PEER_TOPICS_MAX = 10000000, /* of all peers together */
};

/* A pid without the padding that a struct may have. */
struct pid_key {
    const hm_node_name *node;
    uint32_t id, serial, creation, none;
};

/* A service of another node. */
struct peer {
    UT_hash_handle hh;
    struct pid_key key;
    hm_pid pid;
    hm_ref monitor;
    bool owed;  /* something could not be told: all again */
    bool lacks; /* something of it could not be kept: it is asked for all again */
    bool lost;  /* the table had no memory for it */
};

/* A topic of ours whose number of subscribers has changed since it was told. The number is asked for when it is told: the same topic may be here
 * twice, in two encodings, and what was told last would hold. */
struct change {
    UT_hash_handle hh;
    bool lost;
    size_t size;
    unsigned char topic[];
};

struct pubsub_peers {
    hm_process *self;
    struct topics *own;
    const struct pubsub_peers_events *events;
    void *arg;
    struct dispatch *interests; /* of the peers */
    struct peer *peers;         /* by pid */
    struct change *changes;     /* by topic */
    hm_build *build, *tick;
    hm_ref own_ref;     /* in our own messages to ourselves */
    hm_build *group;    /* {hermod, pubsub} */
    hm_ref members_ref; /* monitor of the group */
    bool watching;      /* it */
    bool unmet;         /* there may be members that we do not know yet */
    bool ticking;
};

/* ---- what we tell ---- */

struct telling {
    struct pubsub_peers *peers;
    struct peer *to; /* NULL: all peers */
    const char *what; /* topics: what has changed; all: forget what I said before */
    size_t begin, bytes;
    uint32_t count;
};

static void tick_after(struct pubsub_peers *peers, int64_t ms) {
    if (!peers->ticking)
        peers->ticking = hm_send_after(peers->self, ms, hm_build_term(peers->tick), NULL) == 0;
}

/* What there was no memory for is tried again; should there be none for a timer either, with whatever comes next. */
static void catch_up_later(struct pubsub_peers *peers) {
    const struct peer *peer = peers->peers;
    while (peer && !peer->owed && !peer->lacks)
        peer = peer->hh.next;
    if (peer || peers->unmet || peers->changes)
        tick_after(peers, AGAIN_MS);
}

static void begin_telling(struct telling *telling) {
    hm_build *build = telling->peers->build;
    hm_build_reset(build);
    hm_put_tuple(build, 4);
    hm_put_atom(build, "$pubsub");
    hm_put_pid(build, hm_self(telling->peers->self));
    hm_put_atom(build, telling->what);
    telling->begin = hm_put_list_begin(build);
    telling->bytes = 0;
    telling->count = 0;
}

static void send_to(const struct telling *telling, struct peer *peer) {
    const hm_build *build = telling->peers->build;
    if (hm_build_error(build) || hm_send(telling->peers->self, hm_to_pid(peer->pid), hm_build_term(build)))
        peer->owed = true;
}

static void end_telling(struct telling *telling) {
    struct pubsub_peers *peers = telling->peers;
    struct peer *peer;
    hm_put_list_end(peers->build, telling->begin, telling->count);
    if (hm_build_error(peers->build))
        hm_log(peers->self, HM_LOG_WARN, "pubsub.memory", "no memory to tell other nodes of topics; trying again");
    if (telling->to)
        send_to(telling, telling->to);
    else
        for (peer = peers->peers; peer; peer = peer->hh.next)
            send_to(telling, peer);
    telling->what = "topics";
}

static void tell(struct telling *telling, hm_term topic, uint32_t count) {
    hm_build *build = telling->peers->build;
    hm_put_tuple(build, 2);
    hm_put_term(build, topic);
    hm_put_uint64(build, count);
    telling->count++;
    telling->bytes += topic.size;
    if (telling->bytes < TELL_BYTES)
        return;
    end_telling(telling);
    begin_telling(telling);
}

static void tell_changes(struct pubsub_peers *peers) {
    struct telling telling = {.peers = peers, .what = "topics"};
    struct change *change, *next;
    begin_telling(&telling);
    HASH_ITER(hh, peers->changes, change, next) {
        hm_term topic = {change->topic, change->size};
        tell(&telling, topic, topics_count(peers->own, topic));
        HASH_DEL(peers->changes, change);
        free(change);
    }
    if (telling.count)
        end_telling(&telling);
}

void pubsub_peers_changed(struct pubsub_peers *peers, hm_term topic, uint32_t count) {
    struct change *change;
    if (!peers || !peers->peers)
        return;
    HASH_FIND(hh, peers->changes, topic.bytes, topic.size, change);
    if (!change) {
        change = calloc(1, sizeof *change + topic.size);
        if (change) {
            change->size = topic.size;
            memcpy(change->topic, topic.bytes, topic.size);
            HASH_ADD(hh, peers->changes, topic, topic.size, change);
        }
    }
    if (!change || change->lost) {
        /* Told at once and alone then. */
        struct telling telling = {.peers = peers, .what = "topics"};
        free(change);
        begin_telling(&telling);
        tell(&telling, topic, count);
        end_telling(&telling);
        catch_up_later(peers);
        return;
    }
    tick_after(peers, TELL_MS);
}

static bool tell_own(void *arg, hm_term topic) {
    struct telling *telling = arg;
    tell(telling, topic, topics_count(telling->peers->own, topic));
    return true;
}

static void tell_all(struct pubsub_peers *peers, struct peer *peer) {
    struct telling telling = {.peers = peers, .to = peer, .what = "all"};
    peer->owed = false;
    begin_telling(&telling);
    topics_each(peers->own, tell_own, &telling);
    end_telling(&telling); /* also when there are none: it learns of us by it */
}

/* ---- peers ---- */

static struct peer *find_peer(const struct pubsub_peers *peers, hm_pid pid) {
    struct pid_key key = {pid.node, pid.id, pid.serial, pid.creation, 0};
    struct peer *peer;
    HASH_FIND(hh, peers->peers, &key, sizeof key, peer);
    return peer;
}

/* The first time: we tell it of our topics. NULL: it is we, or there are too many, or no memory: then it is tried again. */
static struct peer *meet(struct pubsub_peers *peers, hm_pid pid) {
    struct peer *peer = find_peer(peers, pid);
    if (peer || pid.node == hm_self(peers->self).node)
        return peer;
    if (HASH_COUNT(peers->peers) >= PEERS_MAX) {
        hm_log(peers->self, HM_LOG_WARN, "pubsub.peers", "more than %d nodes with a pubsub: node=%s gets nothing", PEERS_MAX,
               hm_node_name_text(pid.node));
        return NULL;
    }
    peer = calloc(1, sizeof *peer);
    if (!peer)
        goto fail;
    peer->pid = pid;
    peer->key = (struct pid_key){pid.node, pid.id, pid.serial, pid.creation, 0};
    if (hm_monitor(peers->self, hm_to_pid(pid), &peer->monitor))
        goto fail;
    HASH_ADD(hh, peers->peers, key, sizeof peer->key, peer);
    if (peer->lost) {
        hm_demonitor(peers->self, &peer->monitor);
        goto fail;
    }
    tell_all(peers, peer);
    return peer;
fail:
    free(peer);
    peers->unmet = true;
    return NULL;
}

static void part(struct pubsub_peers *peers, struct peer *peer) {
    topics_remove_all(dispatch_topics(peers->interests), peer->pid);
    hm_demonitor(peers->self, &peer->monitor);
    HASH_DEL(peers->peers, peer);
    free(peer);
}

/* ---- the group ---- */

static void meet_all(struct pubsub_peers *peers, hm_term pids) {
    struct hm_list reader;
    hm_term element;
    hm_pid pid;
    if (hm_list_begin(pids, &reader))
        while (hm_list_next(&reader, &element))
            if (hm_get_pid(hm_node_of(peers->self), element, &pid))
                meet(peers, pid);
}

static int meet_members(struct pubsub_peers *peers) {
    hm_pid *members;
    size_t count;
    int error = hm_pg_get_members(hm_node_of(peers->self), NULL, hm_build_term(peers->group), &members, &count);
    peers->unmet = error != 0;
    for (size_t i = 0; i < count; i++)
        meet(peers, members[i]);
    free(members);
    return error;
}

/* The scope was started, or started again; peers that we know stay known. */
static int join_group(hm_process *self, void *arg, hm_pid scope) {
    struct pubsub_peers *peers = arg;
    hm_node *node = hm_node_of(self);
    hm_term group = hm_build_term(peers->group);
    (void)scope;
    /* What a first attempt has left behind. */
    (void)hm_pg_leave(node, NULL, group, hm_self(self));
    if (peers->watching)
        hm_pg_demonitor(self, NULL, &peers->members_ref);
    int error = hm_pg_join(node, NULL, group, hm_self(self));
    if (!error)
        error = hm_pg_monitor(self, NULL, group, &peers->members_ref);
    peers->watching = !error;
    if (!error)
        error = meet_members(peers);
    if (!error)
        catch_up_later(peers);
    return error;
}

static void ask(struct pubsub_peers *peers, struct peer *peer) {
    peer->lacks = hm_sendf(peers->self, hm_to_pid(peer->pid), "{'$pubsub', ~p, ask, []}", hm_self(peers->self)) != 0;
}

static void on_tick(struct pubsub_peers *peers) {
    struct peer *peer;
    peers->ticking = false;
    if (peers->unmet)
        meet_members(peers);
    tell_changes(peers);
    for (peer = peers->peers; peer; peer = peer->hh.next) {
        if (peer->owed)
            tell_all(peers, peer);
        if (peer->lacks)
            ask(peers, peer);
    }
    catch_up_later(peers);
}

/* ---- publishing ---- */

static void wrap(void *arg, hm_build *build, hm_term topic, hm_term message, hm_pid publisher, bool exclude) {
    const struct pubsub_peers *peers = arg;
    hm_put_tuple(build, 7);
    hm_put_atom(build, "$pubsub");
    hm_put_pid(build, hm_self(peers->self));
    hm_put_atom(build, "publish");
    hm_put_term(build, topic);
    hm_put_term(build, message);
    if (publisher.node)
        hm_put_pid(build, publisher);
    else
        hm_put_nil(build);
    hm_put_bool(build, exclude);
}

static const struct dispatch_events interest_events = {.wrap = wrap};

uint64_t pubsub_peers_publish(struct pubsub_peers *peers, hm_term topic, hm_term message, hm_pid publisher,
                              bool exclude) {
    return peers->peers ? dispatch_publish(peers->interests, topic, message, publisher, exclude) : 0;
}

struct weighing {
    hm_term topic;
    struct topics *topics;
    uint64_t count;
};

static void weigh(void *arg, const struct topic_match *match) {
    struct weighing *weighing = arg;
    /* A pattern of others is not this topic, unless it is what was asked for. */
    if (match->pattern && !hm_term_equal(match->topic, weighing->topic))
        return;
    for (uint32_t i = 0; i < match->count; i++)
        weighing->count += topics_options(weighing->topics, match, i) >> DISPATCH_WEIGHT_SHIFT;
}

uint64_t pubsub_peers_count(struct pubsub_peers *peers, hm_term topic) {
    struct weighing weighing = {topic, dispatch_topics(peers->interests), 0};
    topics_match(weighing.topics, topic, weigh, &weighing);
    return weighing.count;
}

bool pubsub_peers_has(const struct pubsub_peers *peers, const hm_node_name *node) {
    const struct peer *peer;
    for (peer = peers->peers; peer && peer->pid.node != node; peer = peer->hh.next)
        continue;
    return peer != NULL;
}

size_t pubsub_peers_nodes(const struct pubsub_peers *peers) {
    return HASH_COUNT(peers->peers);
}

/* ---- what others tell us ---- */

static void on_topics(struct pubsub_peers *peers, struct peer *peer, hm_term list) {
    struct hm_list reader;
    hm_term element, topic;
    uint64_t count;
    int result = 0;
    if (!hm_list_begin(list, &reader))
        return;
    while (hm_list_next(&reader, &element)) {
        int error = 0;
        if (!hm_match(element, "{~t, ~u}", &topic, &count))
            continue;
        if (count > DISPATCH_WEIGHT_MAX)
            count = DISPATCH_WEIGHT_MAX;
        if (count == 0)
            dispatch_unsubscribe(peers->interests, topic, peer->pid);
        else
            error = dispatch_subscribe(peers->interests, topic, peer->pid, TOPIC_PLAIN,
                                       (uint32_t)count << DISPATCH_WEIGHT_SHIFT | DISPATCH_DROP_OLDEST);
        if (error)
            result = error;
    }
    if (!result)
        return;
    hm_log(peers->self, HM_LOG_WARN, "pubsub.interest", "not all topics of node=%s can be kept: %s",
           hm_node_name_text(peer->pid.node), hm_strerror(result));
    if (result == HM_ENOMEM)
        peer->lacks = true;
}

static bool on_peer(struct pubsub_peers *peers, hm_pid pid, hm_term message) {
    hm_term list, topic, payload, publisher_term;
    struct hm_text exclude;
    struct peer *peer = meet(peers, pid);
    if (!peer)
        return peers->unmet; /* it is told, and tells, when there is memory */
    if (hm_match(message, "{_, _, topics, ~t}", &list)) {
        on_topics(peers, peer, list);
    } else if (hm_match(message, "{_, _, all, ~t}", &list)) {
        topics_remove_all(dispatch_topics(peers->interests), peer->pid);
        on_topics(peers, peer, list);
    } else if (hm_match(message, "{_, _, ask, _}")) {
        peer->owed = true;
    } else if (hm_match(message, "{_, _, publish, ~t, ~t, ~t, ~a}", &topic, &payload, &publisher_term, &exclude)) {
        hm_pid publisher = HM_NO_PID;
        (void)hm_get_pid(hm_node_of(peers->self), publisher_term, &publisher);
        peers->events->on_publication(peers->arg, topic, payload, publisher, exclude.size == 4);
    } else {
        return false;
    }
    return true;
}

static bool on_info(struct pubsub_peers *peers, hm_term message) {
    hm_node *node = hm_node_of(peers->self);
    hm_term ref_term, pid_term, topic, pids;
    struct hm_text what;
    uint64_t count;
    hm_pid pid;
    hm_ref ref;
    if ((hm_match(message, "{'$pubsub', ~t, _, _}", &pid_term) ||
         hm_match(message, "{'$pubsub', ~t, _, _, _, _, _}", &pid_term)) &&
        hm_get_pid(node, pid_term, &pid))
        return on_peer(peers, pid, message);
    if (hm_match(message, "{pubsub_dropped, ~t, ~u}", &topic, &count)) {
        peers->events->on_missed(peers->arg, topic, count);
        return true;
    }
    if (hm_match(message, "{~t, ~a}", &ref_term, &what) && hm_get_ref(node, ref_term, &ref) &&
        hm_ref_equal(&ref, &peers->own_ref)) {
        on_tick(peers);
        return true;
    }
    if (hm_match(message, "{~t, ~a, _, ~t}", &ref_term, &what, &pids) && hm_get_ref(node, ref_term, &ref) &&
        hm_ref_equal(&ref, &peers->members_ref)) {
        if (what.size == strlen("join"))
            meet_all(peers, pids);
        return true; /* who leaves the group and does not end still is a peer */
    }
    if (hm_match(message, "{'DOWN', ~t, process, ~t, _}", &ref_term, &pid_term) && hm_get_pid(node, pid_term, &pid) &&
        hm_get_ref(node, ref_term, &ref)) {
        struct peer *peer = find_peer(peers, pid);
        if (peer && hm_ref_equal(&peer->monitor, &ref)) {
            part(peers, peer);
            return true;
        }
    }
    return dispatch_info(peers->interests, message);
}

bool pubsub_peers_info(struct pubsub_peers *peers, hm_term message) {
    bool taken = on_info(peers, message);
    catch_up_later(peers);
    return taken;
}

/* ---- life ---- */

/* NULL without memory. */
static hm_build *build(const char *pattern, ...) {
    hm_build *made = hm_build_new();
    va_list arguments;
    if (!made)
        return NULL;
    va_start(arguments, pattern);
    hm_put_vformat(made, pattern, arguments);
    va_end(arguments);
    if (!hm_build_error(made))
        return made;
    hm_build_free(made);
    return NULL;
}

struct pubsub_peers *pubsub_peers_new(hm_process *self, struct topics *own, const struct pubsub_peers_events *events,
                                      void *arg) {
    static const struct dispatch_limits limits = {
        .topics = {PEER_TOPICS_MAX, PEER_TOPICS_MAX},
        .kept = 1000,
        .kept_bytes = 1024 * 1024,
        .kept_memory = 256 * 1024 * 1024, /* of all peers together */
        .once = true,
    };
    struct pubsub_peers *peers = calloc(1, sizeof *peers);
    if (!peers)
        return NULL;
    peers->self = self;
    peers->own = own;
    peers->events = events;
    peers->arg = arg;
    peers->interests = dispatch_new(self, &limits, &interest_events, peers);
    peers->build = hm_build_new();
    peers->own_ref = hm_make_ref(hm_node_of(self));
    peers->tick = build("{~r, tell}", &peers->own_ref);
    peers->group = build("{hermod, pubsub}");
    if (!peers->interests || !peers->build || !peers->tick || !peers->group) {
        pubsub_peers_free(peers);
        return NULL;
    }
    int error = hm_pg_start(hm_node_of(self), NULL);
    if (!error)
        error = hm_follow(self, "pg", join_group, peers);
    if (error) {
        hm_log(self, HM_LOG_ERROR, "pubsub.group", "no process group for the pubsub of several nodes: %s", hm_strerror(error));
        pubsub_peers_free(peers);
        return NULL;
    }
    return peers;
}

void pubsub_peers_free(struct pubsub_peers *peers) {
    struct peer *peer, *next_peer;
    struct change *change, *next_change;
    if (!peers)
        return;
    HASH_ITER(hh, peers->peers, peer, next_peer) {
        HASH_DEL(peers->peers, peer);
        free(peer);
    }
    HASH_ITER(hh, peers->changes, change, next_change) {
        HASH_DEL(peers->changes, change);
        free(change);
    }
    dispatch_free(peers->interests);
    hm_build_free(peers->build);
    hm_build_free(peers->tick);
    hm_build_free(peers->group);
    free(peers);
}
