/* layer: services
 * What another replica of a tracker says, several messages in a row: each is refused whole or merged; whatever came, what the diffs said is
 * what is there, and what we say next is a message, too. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "services/tracker_shard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct tracker_shard *shard;
    int64_t shown;
};

static void on_broadcast(void *arg, hm_term message) {
    struct tracker_message read;
    (void)arg;
    assert(tracker_wire_read(message, &read) == 0);
}

static bool on_send(void *arg, struct hm_text node, hm_term message) {
    assert(node.size > 0);
    on_broadcast(arg, message);
    return true;
}

static void put_ref(void *arg, hm_build *build) {
    (void)arg;
    hm_put_int64(build, 1);
}

static void on_diff(void *arg, const struct tracker_topic *topic) {
    struct fuzz *fuzz = arg;
    const struct tracker_value *value;
    assert(!STAILQ_EMPTY(&topic->joined) || !STAILQ_EMPTY(&topic->left));
    STAILQ_FOREACH (value, &topic->joined, changed)
        fuzz->shown++;
    STAILQ_FOREACH (value, &topic->left, changed)
        fuzz->shown--;
}

static void on_replica(void *arg, const struct tracker_replica *replica, enum tracker_change change) {
    (void)arg;
    (void)change;
    assert(!replica->own);
}

static void check(const struct fuzz *fuzz) {
    struct tracker_state *state = tracker_shard_state(fuzz->shard);
    const struct tracker_replica *replica;
    const struct tracker_value *value;
    int64_t shown = 0;
    uint32_t all = 0;
    TAILQ_FOREACH (replica, tracker_state_replicas(state), next)
        TAILQ_FOREACH (value, &replica->values, of_replica) {
            assert(value->shown == replica->up);
            assert(tracker_state_find(state, value->pid, value->topic->name, value->key));
            shown += replica->up;
            all++;
        }
    assert(shown == fuzz->shown && all == tracker_state_count(state) && all <= 50);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct tracker_periods periods = {10, 1, 40, 200, 1};
    static const struct tracker_limits limits = {50, 5, 100};
    static const struct tracker_shard_events events = {on_broadcast, on_send, put_ref, on_diff, on_replica};
    static const struct tracker_ref own = {{"own@host", 8}, 7};
    static const struct hm_check_limits check_limits = {.depth = 64};
    const uint8_t *end = data + size;
    struct fuzz fuzz = {0};
    int64_t now = 0;
    hm_term term;
    fuzz.shard = tracker_shard_new(&own, &periods, &limits, &events, &fuzz);
    assert(fuzz.shard);
    for (int i = 0; i < 16 && data < end && hm_term_check(data, (size_t)(end - data), false, &check_limits, &term) == 0; i++) {
        data = term.bytes + term.size;
        /* Between messages, how much time passes. */
        int error = tracker_shard_hear(fuzz.shard, term, now);
        assert(error == 0 || error == HM_EBADTERM || error == HM_ELIMIT);
        check(&fuzz);
        now += data < end ? *data : 0;
        tracker_shard_tick(fuzz.shard, now);
        check(&fuzz);
    }
    tracker_shard_tick(fuzz.shard, now + 1000);
    assert(fuzz.shown == 0 && tracker_state_count(tracker_shard_state(fuzz.shard)) == 0);
    tracker_shard_free(fuzz.shard);
    return 0;
}
