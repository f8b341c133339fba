/* Every allocation in the life of a replica fails once: nothing leaks, the set is consistent, and with the next exchange both know the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/tracker_diff.h"
#include "services/tracker_shard.h"
#include "support/alloc.h"

enum { PEERS = 2, ENTRIES = 6 };

struct peer {
    struct tracker_shard *shard;
    struct peer *other;
    int64_t shown, now_ms;
};

static const struct tracker_periods periods = {10, 1, 1000, 20000, 1};
static const struct tracker_limits limits = {1000, 20, 1000};

static void on_broadcast(void *arg, hm_term message) {
    struct peer *peer = arg;
    if (peer->other->shard)
        assert_int_not_equal(tracker_shard_hear(peer->other->shard, message, peer->now_ms), HM_EBADTERM);
}

static bool on_send(void *arg, struct hm_text node, hm_term message) {
    (void)node;
    on_broadcast(arg, message);
    return true;
}

static void put_ref(void *arg, hm_build *build) {
    (void)arg;
    hm_put_int64(build, 1);
}

static void on_diff(void *arg, const struct tracker_topic *topic) {
    struct peer *peer = arg;
    const struct tracker_value *value;
    hm_build *build = hm_build_new();
    STAILQ_FOREACH (value, &topic->joined, changed)
        peer->shown++;
    STAILQ_FOREACH (value, &topic->left, changed)
        peer->shown--;
    if (build)
        (void)tracker_diff_put(build, topic);
    hm_build_free(build);
}

static void on_replica(void *arg, const struct tracker_replica *replica, enum tracker_change change) {
    (void)arg;
    (void)replica;
    (void)change;
}

static const struct tracker_shard_events events = {on_broadcast, on_send, put_ref, on_diff, on_replica};

static bool start(struct peer *peer, const char *name) {
    struct tracker_ref ref = {{name, 3}, 1};
    peer->shard = tracker_shard_new(&ref, &periods, &limits, &events, peer);
    return peer->shard != NULL;
}

static void tick(struct peer *peers) {
    for (int i = 0; i < PEERS; i++) {
        peers[i].now_ms += 10;
        if (peers[i].shard)
            tracker_shard_tick(peers[i].shard, peers[i].now_ms);
    }
}

/* A change that cannot be made has changed nothing: then it is made once more, later. */
static void change(struct peer *peer, hm_term *entry, unsigned key) {
    struct tracker_state *state = tracker_shard_state(peer->shard);
    hm_term number = {(const unsigned char[]){97, (unsigned char)key}, 2};
    struct tracker_value *value = tracker_state_find(state, entry[0], entry[1], number);
    uint32_t before = tracker_state_count(state);
    int error = value ? tracker_state_update(state, value, entry[2]) : tracker_state_join(state, entry[0], entry[1], number, entry[2]);
    assert_true(error == 0 || error == HM_ENOMEM);
    assert_int_equal(tracker_state_count(state), before + (error == 0 && !value));
}

static void check(const struct peer *peer) {
    if (peer->shard)
        assert_int_equal(peer->shown, tracker_state_count(tracker_shard_state(peer->shard)));
}

static void live(hm_term *entry) {
    struct peer peers[PEERS] = {{.other = &peers[1]}, {.other = &peers[0]}};
    bool started = start(&peers[0], "a@h") && start(&peers[1], "b@h");
    for (int round = 0; started && round < 3; round++) {
        for (unsigned i = 0; i < ENTRIES; i++)
            change(&peers[i % PEERS], entry, i);
        tick(peers);
        check(&peers[0]);
        check(&peers[1]);
    }
    if (started) {
        struct tracker_value *value = tracker_state_first_of(tracker_shard_state(peers[0].shard), entry[0]);
        if (value)
            tracker_state_leave(tracker_shard_state(peers[0].shard), value);
        tick(peers);
        /* Nothing fails any more: the others' next words bring what was missed. */
        bool failed = alloc_failed();
        if (failed)
            alloc_fail_never();
        for (int i = 0; i < 6; i++)
            tick(peers);
        assert_int_equal(tracker_state_count(tracker_shard_state(peers[0].shard)), tracker_state_count(tracker_shard_state(peers[1].shard)));
        check(&peers[0]);
        check(&peers[1]);
        tracker_state_leave_all(tracker_shard_state(peers[0].shard), entry[0]);
        tracker_state_leave_all(tracker_shard_state(peers[1].shard), entry[0]);
        for (int i = 0; i < 6; i++)
            tick(peers);
        assert_int_equal(peers[0].shown, 0);
        assert_int_equal(peers[1].shown, 0);
    }
    tracker_shard_free(peers[0].shard);
    tracker_shard_free(peers[1].shard);
}

static void every_allocation_fails_once(void **state) {
    (void)state;
    static const char *const texts[3] = {"<\"a@h\".1.0.1>", "<<\"topic\">>", "#{n => <<\"a meta of some size\">>}"};
    hm_build *builds[3];
    hm_term entry[3];
    char error[64];
    for (int i = 0; i < 3; i++) {
        builds[i] = hm_build_new();
        assert_int_equal(hm_term_parse(texts[i], HM_SYNTAX_ERLANG, builds[i], error, sizeof error), 0);
        entry[i] = hm_build_term(builds[i]);
    }
    long count = 0;
    live(entry);
    alloc_fail_at(1000000000);
    live(entry);
    count = alloc_count();
    assert_true(count > 50);
    for (long n = 0; n < count; n++) {
        alloc_fail_at(n);
        live(entry);
        alloc_fail_never();
    }
    for (int i = 0; i < 3; i++)
        hm_build_free(builds[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
