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
    REJOIN_MS = 100, /* after the scope of the process groups has ended */
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
    bool lost; /* the table had no memory for it */
};

/* A topic of ours whose number of subscribers has changed since it was told. */
struct change {
    UT_hash_handle hh;
    uint32_t count;
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
    hm_build *build, *tick, *rejoin;
    hm_ref own_ref;               /* in our own messages to ourselves */
    hm_build *group;              /* {hermod, pubsub} */
    hm_ref members_ref, scope_ref; /* monitors of the group and of its scope */
    bool ticking;
};

/* ---- what we tell ---- */

struct telling {
    struct pubsub_peers *peers;
    const hm_pid *to; /* NULL: all peers */
    size_t begin, bytes;
    uint32_t count;
};

static void begin_telling(struct telling *telling) {
    hm_build *build = telling->peers->build;
    hm_build_reset(build);
    hm_put_tuple(build, 4);
    hm_put_atom(build, "$pubsub");
    hm_put_pid(build, hm_self(telling->peers->self));
    hm_put_atom(build, "topics");
    telling->begin = hm_put_list_begin(build);
    telling->bytes = 0;
    telling->count = 0;
}

static void end_telling(struct telling *telling) {
    struct pubsub_peers *peers = telling->peers;
    hm_build *build = peers->build;
    struct peer *peer;
    hm_put_list_end(build, telling->begin, telling->count);
    int error = hm_build_error(build);
    if (error) {
        hm_log(peers->self, HM_LOG_WARN, "pubsub.memory", "other nodes are not told of topics: %s", hm_strerror(error));
    } else if (telling->to) {
        hm_send(peers->self, hm_to_pid(*telling->to), hm_build_term(build));
    } else {
        for (peer = peers->peers; peer; peer = peer->hh.next)
            hm_send(peers->self, hm_to_pid(peer->pid), hm_build_term(build));
    }
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
    struct telling telling = {.peers = peers};
    struct change *change, *next;
    peers->ticking = false;
    begin_telling(&telling);
    HASH_ITER(hh, peers->changes, change, next) {
        tell(&telling, (hm_term){change->topic, change->size}, change->count);
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
    if (change) {
        change->count = count;
        return;
    }
    change = calloc(1, sizeof *change + topic.size);
    if (change) {
        change->count = count;
        change->size = topic.size;
        memcpy(change->topic, topic.bytes, topic.size);
        HASH_ADD(hh, peers->changes, topic, topic.size, change);
    }
    if (!change || change->lost) {
        /* Told at once and alone then. */
        struct telling telling = {.peers = peers};
        free(change);
        begin_telling(&telling);
        tell(&telling, topic, count);
        end_telling(&telling);
        return;
    }
    if (!peers->ticking)
        peers->ticking = hm_send_after(peers->self, TELL_MS, hm_build_term(peers->tick), NULL) == 0;
}

static bool tell_own(void *arg, hm_term topic) {
    struct telling *telling = arg;
    tell(telling, topic, topics_count(telling->peers->own, topic));
    return true;
}

/* ---- peers ---- */

static struct peer *find_peer(const struct pubsub_peers *peers, hm_pid pid) {
    struct pid_key key = {pid.node, pid.id, pid.serial, pid.creation, 0};
    struct peer *peer;
    HASH_FIND(hh, peers->peers, &key, sizeof key, peer);
    return peer;
}

/* The first time: we tell it of our topics. NULL: it is we, or there are too many, or no memory. */
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
        return NULL;
    peer->pid = pid;
    peer->key = (struct pid_key){pid.node, pid.id, pid.serial, pid.creation, 0};
    if (hm_monitor(peers->self, hm_to_pid(pid), &peer->monitor)) {
        free(peer);
        return NULL;
    }
    HASH_ADD(hh, peers->peers, key, sizeof peer->key, peer);
    if (peer->lost) {
        hm_demonitor(peers->self, &peer->monitor);
        free(peer);
        return NULL;
    }
    struct telling telling = {.peers = peers, .to = &pid};
    begin_telling(&telling);
    topics_each(peers->own, tell_own, &telling);
    end_telling(&telling); /* also when there are none: it learns of us by it */
    return peer;
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

static int join_group(struct pubsub_peers *peers) {
    hm_node *node = hm_node_of(peers->self);
    hm_term group = hm_build_term(peers->group);
    hm_pid *members = NULL;
    size_t count = 0;
    int error = hm_pg_start(node, NULL);
    if (!error)
        error = hm_pg_join(node, NULL, group, hm_self(peers->self));
    if (!error)
        error = hm_pg_monitor(peers->self, NULL, group, &peers->members_ref);
    if (!error)
        error = hm_monitor(peers->self, hm_to_name("pg", NULL), &peers->scope_ref);
    if (!error)
        error = hm_pg_get_members(node, NULL, group, &members, &count);
    for (size_t i = 0; i < count; i++)
        meet(peers, members[i]);
    free(members);
    return error;
}

/* The scope has ended and is started again; peers that we know stay known. */
static void rejoin(struct pubsub_peers *peers) {
    (void)hm_pg_leave(hm_node_of(peers->self), NULL, hm_build_term(peers->group), hm_self(peers->self));
    if (join_group(peers))
        hm_send_after(peers->self, REJOIN_MS, hm_build_term(peers->rejoin), NULL);
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

static void on_topics(struct pubsub_peers *peers, const struct peer *peer, hm_term list) {
    struct hm_list reader;
    hm_term element, topic;
    uint64_t count;
    if (!hm_list_begin(list, &reader))
        return;
    while (hm_list_next(&reader, &element)) {
        if (!hm_match(element, "{~t, ~u}", &topic, &count))
            continue;
        if (count > DISPATCH_WEIGHT_MAX)
            count = DISPATCH_WEIGHT_MAX;
        int error = 0;
        if (count == 0)
            dispatch_unsubscribe(peers->interests, topic, peer->pid);
        else
            error = dispatch_subscribe(peers->interests, topic, peer->pid, TOPIC_PLAIN,
                                       (uint32_t)count << DISPATCH_WEIGHT_SHIFT | DISPATCH_DROP_OLDEST);
        if (error) {
            hm_log(peers->self, HM_LOG_WARN, "pubsub.interest", "node=%s has more topics than can be kept: %s",
                   hm_node_name_text(peer->pid.node), hm_strerror(error));
            return;
        }
    }
}

static bool on_peer(struct pubsub_peers *peers, hm_pid pid, hm_term message) {
    hm_term list, topic, payload, publisher_term;
    struct hm_text exclude;
    const struct peer *peer = meet(peers, pid);
    if (!peer)
        return false;
    if (hm_match(message, "{_, _, topics, ~t}", &list)) {
        on_topics(peers, peer, list);
    } else if (hm_match(message, "{_, _, publish, ~t, ~t, ~t, ~a}", &topic, &payload, &publisher_term, &exclude)) {
        hm_pid publisher = HM_NO_PID;
        (void)hm_get_pid(hm_node_of(peers->self), publisher_term, &publisher);
        peers->events->on_publication(peers->arg, topic, payload, publisher, exclude.size == 4);
    } else {
        return false;
    }
    return true;
}

bool pubsub_peers_info(struct pubsub_peers *peers, hm_term message) {
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
        if (what.size == strlen("tell"))
            tell_changes(peers);
        else
            rejoin(peers);
        return true;
    }
    if (hm_match(message, "{~t, ~a, _, ~t}", &ref_term, &what, &pids) && hm_get_ref(node, ref_term, &ref) &&
        hm_ref_equal(&ref, &peers->members_ref)) {
        if (what.size == strlen("join"))
            meet_all(peers, pids);
        return true; /* who leaves the group and does not end still is a peer */
    }
    if (hm_match(message, "{'DOWN', ~t, process, _, _}", &ref_term) && hm_get_ref(node, ref_term, &ref) &&
        hm_ref_equal(&ref, &peers->scope_ref)) {
        rejoin(peers);
        return true;
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
    peers->rejoin = build("{~r, rejoin}", &peers->own_ref);
    peers->group = build("{hermod, pubsub}");
    if (!peers->interests || !peers->build || !peers->tick || !peers->rejoin || !peers->group) {
        pubsub_peers_free(peers);
        return NULL;
    }
    int error = join_group(peers);
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
    hm_build_free(peers->rejoin);
    hm_build_free(peers->group);
    free(peers);
}
