/* What the shards of a tracker have to say: to their replicas on other nodes, and to those who watch topics here. */
#include <string.h>

#include <hermod/pg.h>

#include "services/tracker_diff.h"
#include "services/tracker_private.h"

static const char SCOPE[] = "Elixir.Phoenix.PubSub";
static const char USUAL[] = "Elixir.Phoenix.PubSub";
static const char CHANNELS[] = "Elixir.Phoenix.Channel.Server";

hm_term tracker_all_topics(void) {
    static const unsigned char bytes[] = {119, 3, 'a', 'l', 'l'};
    return (hm_term){bytes, sizeof bytes};
}

static hm_term put_forward(struct tracker_own_shard *shard, hm_term message) {
    hm_build *out = shard->server->out;
    hm_build_reset(out);
    hm_put_format(out, "{forward_to_local, ~t, ~t, ~a}", hm_build_term(shard->topic), message, USUAL);
    return hm_build_term(out);
}

void tracker_lose(const struct tracker_process *server, int error) {
    hm_log(server->self, HM_LOG_WARN, "presence.lost", "a message to other replicas is lost, they will ask for it: %s", hm_strerror(error));
}

/* To the first worker of each node, always: so they keep their order. */
static void on_broadcast(void *arg, hm_term message) {
    struct tracker_own_shard *shard = arg;
    struct tracker_process *server = shard->server;
    hm_term forward = put_forward(shard, message);
    int error = hm_build_error(server->out);
    if (!error)
        error = hm_pg_send(server->self, SCOPE, hm_build_term(server->adapter), HM_PG_REMOTE, forward);
    if (error && error != HM_ENOPROC)
        tracker_lose(server, error);
}

struct search {
    struct hm_text name;
    const hm_node_name *found;
};

static void look_at(void *arg, const hm_node_name *peer) {
    struct search *search = arg;
    const char *text = hm_node_name_text(peer);
    if (strlen(text) == search->name.size && memcmp(text, search->name.at, search->name.size) == 0)
        search->found = peer;
}

/* To connected nodes alone: a name in a message is no reason to dial. */
static bool on_send(void *arg, struct hm_text name, hm_term message) {
    struct tracker_own_shard *shard = arg;
    struct tracker_process *server = shard->server;
    struct search search = {.name = name};
    hm_nodes(hm_node_of(server->self), HM_NODES_CONNECTED, look_at, &search);
    if (!search.found || hm_is_busy(hm_node_of(server->self), search.found))
        return false;
    hm_term forward = put_forward(shard, message);
    int error = hm_build_error(server->out);
    if (!error)
        error = hm_send(server->self, hm_to_name(server->tracker->adapter, search.found), forward);
    if (error)
        tracker_lose(server, error);
    return !error;
}

static void on_put_ref(void *arg, hm_build *build) {
    struct tracker_own_shard *shard = arg;
    hm_ref ref = hm_make_ref(hm_node_of(shard->server->self));
    hm_put_ref(build, &ref);
}

static void on_replica(void *arg, const struct tracker_replica *replica, enum tracker_change change) {
    static const char *const texts[] = {"up", "down, its presences are not shown", "gone, its presences are forgotten"};
    struct tracker_own_shard *shard = arg;
    hm_log(shard->server->self, change == TRACKER_DOWN ? HM_LOG_WARN : HM_LOG_INFO, "presence.replica",
           "%s_shard%u: the replica on %.*s is %s", shard->server->tracker->name, shard->number, (int)replica->ref.node.size,
           replica->ref.node.at, texts[change]);
}

static int tell_all(struct tracker_process *server, hm_term diff) {
    if (topics_count(dispatch_topics(server->dispatch), tracker_all_topics()) == 0)
        return HM_OK;
    hm_build_reset(server->named);
    hm_put_format(server->named, "{~a, ~t}", server->tracker->name, diff);
    int error = hm_build_error(server->named);
    if (!error)
        dispatch_publish(server->dispatch, tracker_all_topics(), hm_build_term(server->named), HM_NO_PID, false);
    return error;
}

static void on_diff(void *arg, const struct tracker_topic *topic) {
    struct tracker_own_shard *shard = arg;
    struct tracker_process *server = shard->server;
    hm_build_reset(server->diff);
    int error = tracker_diff_put(server->diff, topic);
    hm_term diff = hm_build_term(server->diff);
    int told = error ? HM_OK : tell_all(server, diff);
    if (!error && hm_term_type(topic->name) == HM_TYPE_BINARY) { /* nobody can be subscribed to another */
        dispatch_publish(server->dispatch, topic->name, diff, HM_NO_PID, false);
        error = hm_castf(server->self, hm_to_name(server->tracker->pubsub, NULL), "{local_broadcast, ~t, ~t, ~a}", topic->name, diff, CHANNELS);
    }
    error = error ? error : told;
    if (error)
        hm_log(server->self, HM_LOG_WARN, "presence.diff", "a presence_diff is lost: %s", hm_strerror(error));
}

const struct tracker_shard_events tracker_events = {on_broadcast, on_send, on_put_ref, on_diff, on_replica};
