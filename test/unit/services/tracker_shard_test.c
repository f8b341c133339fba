/* Shards with a network and a clock that the test moves: what is lost, late or cut off, they come to the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/tracker_shard.h"

enum { NODES = 5, ENTRIES = 12, TOPICS = 3, MESSAGES = 4096, PERIOD_MS = 100 };

static const struct tracker_periods periods = {PERIOD_MS, 3, 1000, 20000, 2};
static const struct tracker_limits limits = {1000, 20, 1000};

struct node {
    struct network *network;
    unsigned number;
    struct tracker_shard *shard; /* NULL: it is down */
    char name[16];
    int64_t vsn, next_tick_ms;
    /* What the diffs say, counted: topic, pid and key. */
    int seen[TOPICS][NODES][ENTRIES];
    int64_t metas[TOPICS][NODES][ENTRIES];
    unsigned ups, downs, gone, diffs;
};

struct network {
    struct node nodes[NODES];
    unsigned count, loss; /* loss: in a hundred */
    bool cut[NODES][NODES], disordered;
    struct {
        hm_term bytes;
        unsigned from, to;
    } messages[MESSAGES];
    unsigned waiting;
    int64_t now_ms;
    uint64_t random, transfers, sent, bytes;
    int64_t next_vsn, next_meta, refs;
};

/* xorshift64: the same for every machine, so that a seed can be given again. */
static unsigned pick(struct network *network, unsigned below) {
    network->random ^= network->random << 13;
    network->random ^= network->random >> 7;
    network->random ^= network->random << 17;
    return (unsigned)(network->random >> 33) % below;
}

/* ---- the network ---- */

static void post(struct network *network, unsigned from, unsigned to, hm_term message) {
    network->sent++;
    network->bytes += message.size;
    if (network->cut[from][to] || !network->nodes[to].shard || pick(network, 100) < network->loss)
        return;
    assert_true(network->waiting < MESSAGES);
    assert_int_equal(hm_term_copy(message, &network->messages[network->waiting].bytes), 0);
    network->messages[network->waiting].from = from;
    network->messages[network->waiting++].to = to;
}

static void on_broadcast(void *arg, hm_term message) {
    struct node *node = arg;
    for (unsigned to = 0; to < node->network->count; to++)
        if (to != node->number)
            post(node->network, node->number, to, message);
}

static bool on_send(void *arg, struct hm_text name, hm_term message) {
    struct node *node = arg;
    node->network->transfers += hm_match(message, "{pub, transfer_req, _, _, _}");
    for (unsigned to = 0; to < node->network->count; to++)
        if (strlen(node->network->nodes[to].name) == name.size && memcmp(node->network->nodes[to].name, name.at, name.size) == 0)
            post(node->network, node->number, to, message);
    return true;
}

static void put_ref(void *arg, hm_build *build) {
    struct node *node = arg;
    hm_put_int64(build, ++node->network->refs);
}

static void see(struct node *node, const struct tracker_value *value, int change) {
    int64_t meta, key;
    unsigned topic, owner;
    hm_term term;
    const void *name;
    size_t size;
    assert_true(hm_get_binary(value->topic->name, &name, &size) && size == 1);
    topic = (unsigned)(*(const char *)name - 'a');
    assert_true(hm_get_int64(value->key, &key));
    assert_true(hm_map_get_atom(value->meta, "n", &term) && hm_get_int64(term, &meta));
    /* Who tracked it stands in the hundreds of the key. */
    owner = (unsigned)(key / 100);
    node->seen[topic][owner][key % 100] += change;
    assert_in_range(node->seen[topic][owner][key % 100], 0, 2);
    if (change > 0)
        node->metas[topic][owner][key % 100] = meta;
}

static void on_diff(void *arg, const struct tracker_topic *topic) {
    struct node *node = arg;
    const struct tracker_value *value;
    assert_false(STAILQ_EMPTY(&topic->joined) && STAILQ_EMPTY(&topic->left));
    node->diffs++;
    STAILQ_FOREACH (value, &topic->left, changed)
        see(node, value, -1);
    STAILQ_FOREACH (value, &topic->joined, changed)
        see(node, value, 1);
}

static void on_replica(void *arg, const struct tracker_replica *replica, enum tracker_change change) {
    struct node *node = arg;
    assert_false(replica->own);
    node->ups += change == TRACKER_UP;
    node->downs += change == TRACKER_DOWN;
    node->gone += change == TRACKER_GONE;
}

static const struct tracker_shard_events events = {on_broadcast, on_send, put_ref, on_diff, on_replica};

static void start(struct network *network, unsigned number) {
    struct node *node = &network->nodes[number];
    *node = (struct node){.network = network, .number = number, .vsn = ++network->next_vsn,
                          .next_tick_ms = network->now_ms + pick(network, PERIOD_MS / 4)};
    snprintf(node->name, sizeof node->name, "n%u@host", number);
    struct tracker_ref ref = {{node->name, strlen(node->name)}, node->vsn};
    node->shard = tracker_shard_new(&ref, &periods, &limits, &events, node);
    assert_non_null(node->shard);
}

static void drop_message(struct network *network, unsigned at) {
    free((void *)(uintptr_t)network->messages[at].bytes.bytes);
    memmove(&network->messages[at], &network->messages[at + 1], (network->waiting - at - 1) * sizeof *network->messages);
    network->waiting--;
}

static void stop(struct network *network, unsigned number, bool graceful) {
    struct node *node = &network->nodes[number];
    if (graceful)
        tracker_shard_goodbye(node->shard);
    tracker_shard_free(node->shard);
    node->shard = NULL;
    for (unsigned i = network->waiting; i-- > 0;)
        if (network->messages[i].to == number)
            drop_message(network, i);
}

static void begin(struct network *network, unsigned count, uint64_t seed) {
    *network = (struct network){.count = count, .random = seed * UINT64_C(0x9E3779B97F4A7C15) | 1};
    for (unsigned i = 0; i < count; i++)
        start(network, i);
}

static void end(struct network *network) {
    for (unsigned i = 0; i < network->count; i++)
        if (network->nodes[i].shard)
            stop(network, i, false);
    while (network->waiting)
        drop_message(network, 0);
}

static void deliver(struct network *network) {
    while (network->waiting) {
        unsigned at = network->disordered ? pick(network, network->waiting) : 0;
        struct node *to = &network->nodes[network->messages[at].to];
        hm_term message = network->messages[at].bytes, copy;
        assert_int_equal(hm_term_copy(message, &copy), 0);
        drop_message(network, at);
        assert_int_equal(tracker_shard_hear(to->shard, copy, network->now_ms), 0);
        free((void *)(uintptr_t)copy.bytes);
        if (network->disordered && pick(network, 8) == 0)
            return; /* the rest is late */
    }
}

static void run(struct network *network, int64_t ms) {
    for (int64_t until_ms = network->now_ms + ms; network->now_ms < until_ms; network->now_ms += 5) {
        for (unsigned i = 0; i < network->count; i++) {
            struct node *node = &network->nodes[i];
            if (node->shard && network->now_ms >= node->next_tick_ms) {
                tracker_shard_tick(node->shard, network->now_ms);
                node->next_tick_ms += PERIOD_MS;
            }
        }
        deliver(network);
    }
}

/* ---- presences ---- */

struct entry {
    hm_build *pid, *topic, *key, *meta;
};

/* A process of the node; a version of the node has its own ones, as creations do. */
static struct entry make_entry(struct network *network, unsigned number, unsigned topic, unsigned key, int64_t meta) {
    struct entry entry = {hm_build_new(), hm_build_new(), hm_build_new(), hm_build_new()};
    char text[64], error[64];
    struct node *node = &network->nodes[number];
    snprintf(text, sizeof text, "<\"%s\".%u.0.%u>", node->name, 100 + key, (unsigned)node->vsn);
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, entry.pid, error, sizeof error), 0);
    hm_put_binary(entry.topic, &(char){(char)('a' + topic)}, 1);
    hm_put_int64(entry.key, number * 100 + key);
    hm_put_format(entry.meta, "#{n => ~i}", meta);
    return entry;
}

static void free_entry(struct entry *entry) {
    hm_build_free(entry->pid);
    hm_build_free(entry->topic);
    hm_build_free(entry->key);
    hm_build_free(entry->meta);
}

enum change { JOIN, UPDATE, LEAVE, DIE };

static void change(struct network *network, unsigned number, unsigned topic, unsigned key, enum change what) {
    struct tracker_state *state = tracker_shard_state(network->nodes[number].shard);
    struct entry entry = make_entry(network, number, topic, key, ++network->next_meta);
    hm_term pid = hm_build_term(entry.pid), meta = hm_build_term(entry.meta);
    struct tracker_value *value = tracker_state_find(state, pid, hm_build_term(entry.topic), hm_build_term(entry.key));
    if (what == DIE)
        tracker_state_leave_all(state, pid);
    else if (!value)
        assert_int_equal(tracker_state_join(state, pid, hm_build_term(entry.topic), hm_build_term(entry.key), meta), 0);
    else if (what == LEAVE)
        tracker_state_leave(state, value);
    else
        assert_int_equal(tracker_state_update(state, value, meta), 0);
    free_entry(&entry);
}

static void change_something(struct network *network) {
    unsigned number = pick(network, network->count);
    if (network->nodes[number].shard)
        change(network, number, pick(network, TOPICS), pick(network, ENTRIES), (enum change)pick(network, 4));
}

/* What a node lists, as text in a fixed order. */
static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *list(struct node *node, const struct node *of) {
    struct tracker_state *state = tracker_shard_state(node->shard);
    const struct tracker_replica *replica;
    const struct tracker_value *value;
    char *texts[NODES * ENTRIES * TOPICS], *all = calloc(1, 1 << 16);
    unsigned count = 0;
    size_t size = 0;
    TAILQ_FOREACH (replica, tracker_state_replicas(state), next)
        if (replica->up && (!of || replica->own))
            TAILQ_FOREACH (value, &replica->values, of_replica) {
                assert_true(count < sizeof texts / sizeof *texts);
                assert_int_equal(hm_term_print(value->tuple, HM_SYNTAX_ERLANG, 0, &texts[count++]), 0);
            }
    qsort(texts, count, sizeof *texts, by_text);
    for (unsigned i = 0; i < count; i++) {
        size += (size_t)snprintf(all + size, (1 << 16) - size, "%s\n", texts[i]);
        free(texts[i]);
    }
    return all;
}

/* All list the same: what the living have. And the diffs say it, too. */
static void assert_agree(struct network *network, uint64_t seed) {
    char *texts[NODES * ENTRIES * TOPICS + NODES];
    char *expected = calloc(1, 1 << 18);
    unsigned count = 0;
    for (unsigned i = 0; i < network->count; i++) {
        char *own = network->nodes[i].shard ? list(&network->nodes[i], &network->nodes[i]) : NULL;
        for (char *line = own, *newline; own && (newline = strchr(line, '\n')); line = newline + 1)
            texts[count++] = strndup(line, (size_t)(newline - line));
        free(own);
    }
    qsort(texts, count, sizeof *texts, by_text);
    for (unsigned i = 0; i < count; i++) {
        strcat(strcat(expected, texts[i]), "\n");
        free(texts[i]);
    }
    for (unsigned i = 0; i < network->count; i++) {
        struct node *node = &network->nodes[i];
        if (!node->shard)
            continue;
        char *here = list(node, NULL);
        if (strcmp(here, expected) != 0)
            fail_msg("seed %llu: node %u has\n%sand not\n%s", (unsigned long long)seed, i, here, expected);
        free(here);
        const struct tracker_replica *replica;
        const struct tracker_value *value;
        int seen[TOPICS][NODES][ENTRIES] = {0};
        TAILQ_FOREACH (replica, tracker_state_replicas(tracker_shard_state(node->shard)), next)
            TAILQ_FOREACH (value, &replica->values, of_replica) {
                int64_t key, meta;
                hm_term n;
                const void *name;
                size_t size;
                assert_int_equal(value->shown, replica->up);
                if (!replica->up)
                    continue;
                hm_get_int64(value->key, &key);
                hm_get_binary(value->topic->name, &name, &size);
                hm_map_get_atom(value->meta, "n", &n);
                hm_get_int64(n, &meta);
                unsigned topic = (unsigned)(*(const char *)name - 'a');
                seen[topic][key / 100][key % 100]++;
                assert_int_equal(node->metas[topic][key / 100][key % 100], meta);
            }
        assert_memory_equal(seen, node->seen, sizeof seen);
    }
    free(expected);
}

/* ---- tests ---- */

static struct network network;

static unsigned size_of(unsigned number) {
    return tracker_state_count(tracker_shard_state(network.nodes[number].shard));
}

static void joins_updates_and_leaves_arrive(void **state) {
    (void)state;
    begin(&network, 2, 1);
    run(&network, 300);
    assert_int_equal(network.nodes[0].ups, 1);
    change(&network, 0, 0, 1, JOIN);
    change(&network, 0, 1, 1, JOIN);
    change(&network, 0, 0, 2, JOIN);
    assert_int_equal(size_of(1), 0);
    run(&network, 2 * PERIOD_MS);
    assert_int_equal(size_of(1), 3);
    assert_agree(&network, 0);
    change(&network, 0, 0, 1, UPDATE);
    change(&network, 0, 0, 1, UPDATE);
    run(&network, 2 * PERIOD_MS);
    assert_int_equal(size_of(1), 3);
    assert_agree(&network, 0);
    change(&network, 0, 0, 1, DIE);
    run(&network, 2 * PERIOD_MS);
    assert_int_equal(size_of(1), 1);
    assert_agree(&network, 0);
    end(&network);
}

static void who_comes_later_gets_everything(void **state) {
    (void)state;
    begin(&network, 3, 2);
    stop(&network, 2, false);
    for (unsigned i = 0; i < ENTRIES; i++)
        change(&network, i % 2, i % TOPICS, i, JOIN);
    run(&network, 10 * PERIOD_MS);
    start(&network, 2);
    run(&network, 10 * PERIOD_MS);
    assert_int_equal(size_of(2), ENTRIES);
    assert_agree(&network, 0);
    end(&network);
}

/* Who hears a new replica speaks with its next tick, and not after its silence. */
static void a_new_replica_is_greeted(void **state) {
    (void)state;
    begin(&network, 3, 11);
    stop(&network, 2, false);
    change(&network, 0, 0, 1, JOIN);
    for (int i = 0; i < 8; i++) {
        run(&network, 8 * PERIOD_MS + i * 10);
        start(&network, 2);
        /* Its first tick, ours, its second comparison of clocks, our answer. */
        run(&network, 3 * PERIOD_MS + 10);
        assert_int_equal(size_of(2), 1);
        stop(&network, 2, true);
    }
    end(&network);
}

/* Nobody asks anybody when nothing is lost: what is in clocks is in deltas. */
static void nothing_is_asked_for_without_a_loss(void **state) {
    (void)state;
    begin(&network, 4, 3);
    run(&network, 10 * PERIOD_MS);
    uint64_t before = network.transfers;
    for (unsigned i = 0; i < 100; i++) {
        change_something(&network);
        run(&network, PERIOD_MS / 2);
    }
    assert_int_equal(network.transfers, before);
    assert_true(network.sent < 4 * 3 * 70 * 2);
    run(&network, 2 * PERIOD_MS);
    assert_agree(&network, 0);
    end(&network);
}

static void silence_is_down_then_forgotten(void **state) {
    (void)state;
    begin(&network, 2, 4);
    change(&network, 0, 0, 1, JOIN);
    run(&network, 300);
    assert_int_equal(size_of(1), 1);
    network.cut[0][1] = network.cut[1][0] = true;
    run(&network, 500);
    assert_int_equal(network.nodes[1].downs, 0);
    run(&network, 800);
    assert_int_equal(network.nodes[1].downs, 1);
    assert_int_equal(size_of(1), 1);
    assert_int_equal(network.nodes[1].seen[0][0][1], 0);
    change(&network, 0, 0, 2, JOIN);
    network.cut[0][1] = network.cut[1][0] = false;
    run(&network, 1000);
    assert_int_equal(network.nodes[1].ups, 2);
    assert_agree(&network, 0);
    network.cut[0][1] = network.cut[1][0] = true;
    run(&network, periods.permdown_ms + 1000);
    assert_int_equal(network.nodes[1].gone, 1);
    assert_int_equal(size_of(1), 0);
    network.cut[0][1] = network.cut[1][0] = false;
    run(&network, 2000);
    assert_agree(&network, 0);
    assert_int_equal(size_of(1), 2);
    end(&network);
}

static void goodbye_and_a_new_version(void **state) {
    (void)state;
    begin(&network, 3, 5);
    change(&network, 0, 0, 1, JOIN);
    run(&network, 500);
    stop(&network, 0, true);
    run(&network, 50);
    assert_int_equal(network.nodes[1].gone, 1);
    assert_int_equal(network.nodes[1].seen[0][0][1], 0);
    start(&network, 0);
    change(&network, 0, 0, 2, JOIN);
    run(&network, 500);
    assert_agree(&network, 0);
    stop(&network, 0, false); /* and this time it just goes */
    start(&network, 0);
    change(&network, 0, 0, 3, JOIN);
    run(&network, 500);
    assert_int_equal(network.nodes[1].gone, 2);
    assert_int_equal(size_of(1), 1);
    assert_agree(&network, 0);
    end(&network);
}

/* The second of two operations comes, the first does not: it is joined, and the clock waits in the cloud until the gap is asked for. */
static void a_lost_delta_is_asked_for(void **state) {
    (void)state;
    begin(&network, 2, 6);
    run(&network, 500);
    change(&network, 0, 0, 1, JOIN);
    network.loss = 100;
    run(&network, 150);
    network.loss = 0;
    change(&network, 0, 0, 2, JOIN);
    change(&network, 0, 0, 2, UPDATE);
    while (!network.nodes[1].seen[0][0][2])
        run(&network, 5);
    assert_int_equal(network.nodes[1].seen[0][0][1], 0);
    run(&network, 400);
    assert_int_equal(size_of(1), 2);
    assert_agree(&network, 0);
    end(&network);
}

/* The third hears of a removal from who heard it. */
static void removals_are_passed_on(void **state) {
    (void)state;
    begin(&network, 3, 7);
    change(&network, 0, 0, 1, JOIN);
    run(&network, 500);
    assert_int_equal(size_of(2), 1);
    network.cut[0][2] = true;
    change(&network, 0, 0, 1, LEAVE);
    run(&network, 2 * PERIOD_MS + 50);
    assert_int_equal(size_of(2), 0);
    end(&network);
}

/* Over the limit a presence is left out, others are not told that it went, and there is no asking without end. */
static void over_the_limit(void **state) {
    (void)state;
    static const struct tracker_limits few = {5, 20, 1000};
    begin(&network, 3, 8);
    struct tracker_ref ref = {{network.nodes[1].name, strlen(network.nodes[1].name)}, 77};
    tracker_shard_free(network.nodes[1].shard);
    network.nodes[1].shard = tracker_shard_new(&ref, &periods, &few, &events, &network.nodes[1]);
    for (unsigned i = 0; i < ENTRIES; i++)
        change(&network, 0, 0, i, JOIN);
    run(&network, 1000);
    assert_int_equal(size_of(1), 5);
    assert_int_equal(size_of(2), ENTRIES);
    assert_true(tracker_state_counters(tracker_shard_state(network.nodes[1].shard))->presences >= ENTRIES - 5);
    stop(&network, 2, false);
    start(&network, 2);
    uint64_t before = network.transfers;
    run(&network, 5000);
    assert_int_equal(size_of(2), ENTRIES);
    assert_true(network.transfers - before < 5);
    struct entry entry = make_entry(&network, 1, 0, 0, 1);
    assert_int_equal(tracker_state_join(tracker_shard_state(network.nodes[1].shard), hm_build_term(entry.pid), hm_build_term(entry.topic),
                                        hm_build_term(entry.key), hm_build_term(entry.meta)), HM_ELIMIT);
    free_entry(&entry);
    end(&network);
}

static void strange_messages_change_nothing(void **state) {
    (void)state;
    static const char *const cases[] = {
        "junk", "{pub}", "{pub, heartbeat, a, empty, b}", "{pub, heartbeat, {a, b}, empty, {{a, 1}, #{}}}",
        "{pub, heartbeat, {'x@y', 1}, empty, {{'x@y', 1}, #{{'x@y', 1} => -1}}}",
        "{pub, heartbeat, {'x@y', 1}, empty, {{'x@y', 1}, #{{'x@y', 1} => 1152921504606846977}}}",
        "{pub, heartbeat, {'x@y', 1}, nonsense, {{'x@y', 1}, #{}}}",
        "{pub, heartbeat, {'x@y', 340282366920938463463374607431768211456}, empty, {{'x@y', 1}, #{}}}",
        "{pub, transfer_ack, r, {'x@y', 1}, {#{}, #{}}}", "{pub, transfer_req, r, {'x@y', 1}, #{}}", "{pub, graceful_permdown, 'x@y'}",
        "{pub, heartbeat, {'x@y', 1}, #{'__struct__' => 'Elixir.Phoenix.Tracker.State', mode => delta, context => #{}, values => #{}, "
        "clouds => #{{'x@y', 1} => #{'__struct__' => 'Elixir.MapSet', map => #{{{'x@y', 2}, 1} => []}}}}, {{'x@y', 1}, #{}}}",
        "{pub, heartbeat, {'x@y', 1}, #{'__struct__' => 'Elixir.Phoenix.Tracker.State', mode => delta, context => #{}, clouds => #{}, "
        "values => #{{{'x@y', 1}, 1} => {nopid, <<\"t\">>, k, #{}}}}, {{'x@y', 1}, #{}}}",
    };
    begin(&network, 1, 9);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hm_build *build = hm_build_new();
        char error[128];
        if (hm_term_parse(cases[i], HM_SYNTAX_ERLANG, build, error, sizeof error))
            fail_msg("%s: %s", cases[i], error);
        if (tracker_shard_hear(network.nodes[0].shard, hm_build_term(build), 0) != HM_EBADTERM)
            fail_msg("taken: %s", cases[i]);
        hm_build_free(build);
    }
    assert_int_equal(network.nodes[0].ups, 0);
    assert_int_equal(size_of(0), 0);
    end(&network);
}

static void too_many_replicas_are_refused(void **state) {
    (void)state;
    begin(&network, 1, 10);
    for (unsigned i = 0; i < limits.replicas + 3; i++) {
        hm_build *build = hm_build_new();
        char text[128], error[64];
        snprintf(text, sizeof text, "{pub, heartbeat, {'x%u@y', 1}, empty, {{'x%u@y', 1}, #{}}}", i, i);
        assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, error, sizeof error), 0);
        assert_int_equal(tracker_shard_hear(network.nodes[0].shard, hm_build_term(build), 0), i + 1 < limits.replicas ? 0 : HM_ELIMIT);
        hm_build_free(build);
    }
    assert_int_equal(network.nodes[0].ups, limits.replicas - 1);
    end(&network);
}

/* The property: after any history of changes, losses, delays, partitions, crashes and restarts, when the network is well again, all agree. */
static void live_through(uint64_t seed) {
    begin(&network, 3 + (unsigned)(seed % 3), seed);
    network.disordered = seed % 2;
    for (unsigned step = 0; step < 120; step++) {
        unsigned a = pick(&network, network.count), b = pick(&network, network.count);
        switch (pick(&network, 12)) {
        case 0:
            network.cut[a][b] = a != b;
            break;
        case 1: /* into two halves */
            for (unsigned i = 0; i < network.count; i++)
                for (unsigned j = 0; j < network.count; j++)
                    network.cut[i][j] = (i <= a) != (j <= a);
            break;
        case 2:
        case 3:
            memset(network.cut, 0, sizeof network.cut);
            break;
        case 4:
            network.loss = pick(&network, 3) * 30;
            break;
        case 5:
            if (network.nodes[a].shard)
                stop(&network, a, pick(&network, 2));
            else
                start(&network, a);
            break;
        case 6: /* at once, with a new version */
            if (network.nodes[a].shard)
                stop(&network, a, false);
            start(&network, a);
            break;
        default:
            for (unsigned i = pick(&network, 6); i > 0; i--)
                change_something(&network);
        }
        run(&network, pick(&network, pick(&network, 10) ? 250 : 4000));
    }
    memset(network.cut, 0, sizeof network.cut);
    network.loss = 0;
    run(&network, 50); /* what is late, in disorder */
    network.disordered = false;
    run(&network, periods.down_ms + 2000);
    assert_agree(&network, seed);
    end(&network);
}

static void all_come_to_the_same(void **state) {
    (void)state;
    const char *one = getenv("SEED");
    for (uint64_t seed = one ? strtoull(one, NULL, 10) : 1, last = one ? seed : 150; seed <= last; seed++)
        live_through(seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_updates_and_leaves_arrive),
        cmocka_unit_test(who_comes_later_gets_everything),
        cmocka_unit_test(a_new_replica_is_greeted),
        cmocka_unit_test(nothing_is_asked_for_without_a_loss),
        cmocka_unit_test(silence_is_down_then_forgotten),
        cmocka_unit_test(goodbye_and_a_new_version),
        cmocka_unit_test(a_lost_delta_is_asked_for),
        cmocka_unit_test(removals_are_passed_on),
        cmocka_unit_test(over_the_limit),
        cmocka_unit_test(strange_messages_change_nothing),
        cmocka_unit_test(too_many_replicas_are_refused),
        cmocka_unit_test(all_come_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
