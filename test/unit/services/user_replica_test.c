/* Replicas of lists of users with a network that the test moves: whatever is lost, late, twice, cut off or ends, they come to the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/user_log.h"
#include "services/user_replica.h"

enum { NODES = 5, WAITING = 8192 };

struct node {
    struct network *network;
    unsigned number, serial; /* serial: which process, as in its pid */
    struct user_replica *replica; /* NULL: it is down */
    bool connected[NODES];        /* as far as it knows */
    uint64_t left_strange, left_over, changes;
};

struct mail {
    unsigned from, to, serial; /* serial 0: the name; message size 0: that process has ended */
    hm_term message;
};

struct network {
    struct node nodes[NODES];
    unsigned count, loss, twice, busy; /* in a hundred */
    bool ordered;
    bool cut[NODES][NODES];
    struct mail waiting[WAITING];
    unsigned mails;
    struct users_limits limits;
    uint64_t random, sent, bytes;
    int64_t next;
};

/* xorshift64: the same for every machine, so that a seed can be given again. */
static unsigned pick(struct network *network, unsigned below) {
    network->random ^= network->random << 13;
    network->random ^= network->random >> 7;
    network->random ^= network->random << 17;
    return (unsigned)(network->random >> 33) % below;
}

/* ---- the network ---- */

static const char *name_of(unsigned number) {
    static const char *const names[NODES] = {"a@h", "b@h", "c@h", "d@h", "e@h"};
    return names[number];
}

static unsigned number_of(const char *name) {
    return (unsigned)(*name - 'a');
}

/* The pid of a process is {Node, Serial} here. */
static void put_list(hm_build *build, unsigned number, unsigned serial) {
    hm_put_format(build, "{~a, ~u}", name_of(number), (uint64_t)serial);
}

static unsigned serial_of(hm_term list) {
    struct hm_text node;
    uint64_t serial;
    return hm_match(list, "{~a, ~u}", &node, &serial) ? (unsigned)serial : 0;
}

static void post(struct network *network, unsigned from, unsigned to, unsigned serial, hm_term message) {
    struct mail *mail = &network->waiting[network->mails++];
    assert_true(network->mails < WAITING);
    *mail = (struct mail){from, to, serial, {0}};
    if (message.size)
        assert_int_equal(hm_term_copy(message, &mail->message), 0);
}

static bool on_send(void *arg, const char *name, hm_term list, hm_term message) {
    struct node *node = arg;
    struct network *network = node->network;
    unsigned to = number_of(name);
    if (!node->connected[to] || pick(network, 100) < network->busy)
        return false;
    network->sent++;
    network->bytes += message.size;
    if (network->cut[node->number][to] || pick(network, 100) < network->loss)
        return true;
    for (unsigned times = 1 + (pick(network, 100) < network->twice); times; times--)
        post(network, node->number, to, list.size ? serial_of(list) : 0, message);
    return true;
}

static bool is_alive(const struct network *network, unsigned number, unsigned serial) {
    return network->nodes[number].replica && network->nodes[number].serial == serial;
}

static bool on_admit(void *arg, struct hm_text name, hm_term list) {
    struct node *node = arg;
    unsigned from = number_of(name.at);
    if (from >= node->network->count || from == node->number || !node->connected[from])
        return false;
    if (!is_alive(node->network, from, serial_of(list)))
        post(node->network, from, node->number, serial_of(list), (hm_term){0});
    return true;
}

static void on_changed(void *arg, const char *name) {
    struct node *node = arg;
    assert_true(number_of(name) != node->number);
    node->changes++;
}

static void on_left_out(void *arg, const char *name, const struct users_left_out *out) {
    struct node *node = arg;
    (void)name;
    node->left_strange += out->strange;
    node->left_over += out->over;
}

static const struct user_replica_events events = {on_send, on_admit, on_changed, on_left_out};

static void deliver(struct network *network, unsigned at) {
    struct mail mail = network->waiting[at];
    struct node *node = &network->nodes[mail.to];
    memmove(&network->waiting[at], &network->waiting[at + 1], (--network->mails - at) * sizeof mail);
    hm_build *list = hm_build_new();
    put_list(list, mail.from, mail.serial);
    if (!mail.message.size) {
        if (node->replica)
            user_replica_down(node->replica, name_of(mail.from), hm_build_term(list));
    } else if (node->replica && node->connected[mail.from] && (!mail.serial || mail.serial == node->serial)) {
        int error = user_replica_hear(node->replica, mail.message);
        assert_true(error == 0 || error == HM_EBADTERM);
    }
    hm_build_free(list);
    free((void *)(uintptr_t)mail.message.bytes);
}

static void deliver_all(struct network *network) {
    while (network->mails)
        deliver(network, network->ordered ? 0 : pick(network, network->mails));
}

/* What is under way on that connection is lost, the news of processes that ended come with it. */
static void lose_mail(struct network *network, unsigned a, unsigned b) {
    for (unsigned i = 0; i < network->mails;) {
        struct mail *mail = &network->waiting[i];
        if ((mail->from == a && mail->to == b) || (mail->from == b && mail->to == a)) {
            free((void *)(uintptr_t)mail->message.bytes);
            memmove(mail, mail + 1, (--network->mails - i) * sizeof *mail);
        } else {
            i++;
        }
    }
}

static void notice_down(struct network *network, unsigned who, unsigned of) {
    struct node *node = &network->nodes[who];
    if (!node->connected[of])
        return;
    node->connected[of] = false;
    if (node->replica)
        user_replica_down(node->replica, name_of(of), (hm_term){0});
}

static void disconnect(struct network *network, unsigned a, unsigned b) {
    lose_mail(network, a, b);
    notice_down(network, a, b);
    notice_down(network, b, a);
}

/* Both notice before there is a new connection, at different times. */
static void connect_nodes(struct network *network, unsigned a, unsigned b) {
    struct node *one = &network->nodes[a], *other = &network->nodes[b];
    if (!one->replica || !other->replica || (one->connected[b] && other->connected[a]))
        return;
    disconnect(network, a, b);
    one->connected[b] = other->connected[a] = true;
    user_replica_greet(one->replica, name_of(b));
    user_replica_greet(other->replica, name_of(a));
}

static void start(struct network *network, unsigned number) {
    struct node *node = &network->nodes[number];
    hm_build *list = hm_build_new();
    node->network = network;
    node->number = number;
    put_list(list, number, ++node->serial);
    node->replica = user_replica_new(name_of(number), hm_build_term(list), &network->limits, &events, node);
    assert_non_null(node->replica);
    hm_build_free(list);
    for (unsigned other = 0; other < network->count; other++)
        if (node->connected[other])
            user_replica_greet(node->replica, name_of(other));
}

/* The process: its node stays, and its connections. */
static void end(struct network *network, unsigned number) {
    struct node *node = &network->nodes[number];
    user_replica_free(node->replica);
    node->replica = NULL;
    for (unsigned other = 0; other < network->count; other++)
        if (network->nodes[other].connected[number])
            post(network, number, other, node->serial, (hm_term){0});
}

static void end_node(struct network *network, unsigned number) {
    if (network->nodes[number].replica)
        end(network, number);
    for (unsigned other = 0; other < network->count; other++)
        if (other != number)
            disconnect(network, number, other);
}

static void tick(struct network *network, unsigned number) {
    struct node *node = &network->nodes[number];
    if (!node->replica)
        return;
    user_replica_tick(node->replica);
    for (unsigned other = 0; other < network->count; other++)
        if (node->connected[other] && !user_replica_find(node->replica, name_of(other), NULL))
            user_replica_greet(node->replica, name_of(other));
}

static void open_network(struct network *network, unsigned count, uint64_t seed) {
    memset(network, 0, sizeof *network);
    network->count = count;
    network->ordered = true;
    network->random = seed * 0x9E3779B97F4A7C15u + 1;
    network->limits = (struct users_limits){100000, 10000000};
    for (unsigned i = 0; i < count; i++)
        start(network, i);
}

static void connect_all(struct network *network) {
    for (unsigned a = 0; a < network->count; a++)
        for (unsigned b = 0; b < a; b++)
            connect_nodes(network, a, b);
}

static void close_network(struct network *network) {
    while (network->mails)
        free((void *)(uintptr_t)network->waiting[--network->mails].message.bytes);
    for (unsigned i = 0; i < network->count; i++)
        user_replica_free(network->nodes[i].replica);
}

/* ---- users ---- */

static void add(struct network *network, unsigned number, int64_t id) {
    hm_build *build = hm_build_new();
    hm_put_format(build, "#{id => ~i, n => ~i}", id, ++network->next);
    assert_int_equal(user_replica_add(network->nodes[number].replica, hm_build_term(build)), 0);
    hm_build_free(build);
}

static size_t take_away(struct network *network, unsigned number, const char *pattern, int64_t id) {
    hm_build *build = hm_build_new();
    if (*pattern == 'f')
        hm_put_double(build, (double)id);
    else
        hm_put_int64(build, id);
    size_t removed = user_replica_remove(network->nodes[number].replica, hm_build_term(build));
    hm_build_free(build);
    return removed;
}

static bool same_users(const struct users *a, const struct users *b) {
    hm_build *one = hm_build_new(), *other = hm_build_new();
    users_put(a, one);
    users_put(b, other);
    hm_term x = hm_build_term(one), y = hm_build_term(other);
    bool same = x.size == y.size && memcmp(x.bytes, y.bytes, x.size) == 0;
    hm_build_free(one);
    hm_build_free(other);
    return same;
}

static bool knows(const struct network *network, unsigned who, unsigned of) {
    uint64_t version;
    const struct users *seen = user_replica_find(network->nodes[who].replica, name_of(of), &version);
    return seen && version == user_replica_version(network->nodes[of].replica) &&
           same_users(seen, user_replica_users(network->nodes[of].replica));
}

static bool all_know(const struct network *network) {
    for (unsigned a = 0; a < network->count; a++)
        for (unsigned b = 0; b < network->count; b++)
            if (a != b && !knows(network, a, b))
                return false;
    return true;
}

static void flush_all(struct network *network) {
    for (unsigned i = 0; i < network->count; i++)
        if (network->nodes[i].replica)
            user_replica_flush(network->nodes[i].replica);
    deliver_all(network);
}

static unsigned rounds_until_all_know(struct network *network, unsigned most) {
    unsigned rounds = 0;
    flush_all(network);
    for (; rounds < most && !all_know(network); rounds++) {
        for (unsigned i = 0; i < network->count; i++)
            tick(network, i);
        deliver_all(network);
        flush_all(network);
    }
    return rounds;
}

static struct user_replica_counts count_all(const struct network *network) {
    struct user_replica_counts all = {0};
    for (unsigned i = 0; i < network->count; i++) {
        const struct user_replica_counts *counts = user_replica_counted(network->nodes[i].replica);
        all.deltas += counts->deltas;
        all.fulls += counts->fulls;
        all.vectors += counts->vectors;
        all.wants += counts->wants;
    }
    return all;
}

/* ---- the property ---- */

static void happen(struct network *network) {
    unsigned a = pick(network, network->count), b = pick(network, network->count);
    struct node *node = &network->nodes[a];
    unsigned what = pick(network, 100);
    if (what < 30 && network->mails)
        deliver(network, network->ordered ? 0 : pick(network, network->mails));
    else if (what < 50 && node->replica)
        add(network, a, pick(network, 20));
    else if (what < 62 && node->replica)
        take_away(network, a, pick(network, 4) ? "i" : "f", pick(network, 20));
    else if (what < 74 && node->replica)
        user_replica_flush(node->replica);
    else if (what < 86)
        tick(network, a);
    else if (what < 89 && a != b)
        network->cut[a][b] = network->cut[b][a] = !network->cut[a][b];
    else if (what < 91 && a != b)
        network->cut[a][b] = !network->cut[a][b];
    else if (what < 93 && a != b)
        disconnect(network, a, b);
    else if (what < 97 && a != b)
        connect_nodes(network, a, b);
    else if (what == 97 && node->replica)
        pick(network, 2) ? end(network, a) : end_node(network, a);
    else if (what > 97 && !node->replica)
        start(network, a);
}

static void converges(uint64_t seed) {
    static struct network network;
    open_network(&network, 3 + seed % 3, seed);
    network.loss = seed % 4 * 10;
    network.twice = seed % 5 ? 5 : 0;
    network.busy = seed % 7 * 3;
    network.ordered = seed % 6 == 0;
    connect_all(&network);
    for (unsigned steps = 100 + pick(&network, 1500); steps; steps--)
        happen(&network);
    memset(network.cut, 0, sizeof network.cut);
    network.loss = network.busy = 0;
    for (unsigned i = 0; i < network.count; i++)
        if (!network.nodes[i].replica)
            start(&network, i);
    connect_all(&network);
    unsigned rounds = rounds_until_all_know(&network, 30);
    if (!all_know(&network))
        fail_msg("seed %llu: not the same after %u rounds", (unsigned long long)seed, rounds);
    /* And then nothing travels but who has what. */
    for (unsigned i = 0; i < 10; i++)
        for (unsigned at = 0; at < network.count; at++, deliver_all(&network))
            tick(&network, at);
    struct user_replica_counts before = count_all(&network);
    for (unsigned i = 0; i < 5; i++)
        for (unsigned at = 0; at < network.count; at++, deliver_all(&network))
            tick(&network, at);
    struct user_replica_counts after = count_all(&network);
    assert_int_equal(after.deltas + after.fulls + after.wants, before.deltas + before.fulls + before.wants);
    assert_int_equal(after.vectors, before.vectors + 5 * network.count);
    assert_true(all_know(&network));
    close_network(&network);
}

static void the_same_everywhere_in_the_end(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 600; seed++)
        converges(seed);
}

/* ---- one by one ---- */

static struct network *three(void) {
    static struct network network;
    open_network(&network, 3, 1);
    connect_all(&network);
    deliver_all(&network);
    return &network;
}

static void only_changes_travel(void **state) {
    (void)state;
    struct network *network = three();
    for (int i = 0; i < 20000; i++)
        add(network, 0, i);
    flush_all(network);
    assert_true(all_know(network));
    assert_int_equal(count_all(network).fulls, 2);
    uint64_t bytes = network->bytes, sent = network->sent;
    add(network, 0, 20000);
    take_away(network, 0, "i", 7);
    flush_all(network);
    assert_true(all_know(network));
    assert_int_equal(network->sent, sent + 2);
    assert_true(network->bytes - bytes < 2 * 150);
    assert_int_equal(count_all(network).fulls, 2);
    close_network(network);
}

static void a_lost_change_is_asked_for(void **state) {
    (void)state;
    struct network *network = three();
    network->cut[0][1] = true;
    add(network, 0, 1);
    flush_all(network);
    assert_false(knows(network, 1, 0));
    network->cut[0][1] = false;
    /* With the next change that comes: it does not fit. */
    add(network, 0, 2);
    flush_all(network);
    assert_true(all_know(network));
    assert_int_equal(count_all(network).wants, 1);
    /* Or without one: it is heard that there was one. */
    network->cut[0][1] = true;
    add(network, 0, 3);
    flush_all(network);
    network->cut[0][1] = false;
    assert_in_range(rounds_until_all_know(network, 30), 1, 5);
    assert_int_equal(count_all(network).fulls, 0);
    close_network(network);
}

/* Cut off without being gone: until a nodedown says so, a third node passes on. */
static void by_way_of_a_third_node(void **state) {
    (void)state;
    struct network *network = three();
    add(network, 2, 1);
    flush_all(network);
    network->cut[0][2] = network->cut[2][0] = true;
    add(network, 2, 2);
    take_away(network, 2, "i", 1);
    add(network, 0, 3);
    assert_in_range(rounds_until_all_know(network, 30), 1, 6);
    notice_down(network, 0, 2);
    assert_null(user_replica_find(network->nodes[0].replica, name_of(2), NULL));
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned at = 0; at < 3; at++)
            tick(network, at);
        deliver_all(network);
    }
    /* Who is gone is gone, whatever the third says. */
    assert_null(user_replica_find(network->nodes[0].replica, name_of(2), NULL));
    close_network(network);
}

static void too_old_for_the_log(void **state) {
    (void)state;
    struct network *network = three();
    for (int i = 0; i < 3000; i++)
        add(network, 0, i);
    flush_all(network);
    uint64_t fulls = count_all(network).fulls;
    network->cut[0][1] = true;
    for (int i = 0; i < USER_LOG_CHANGES + 10; i++)
        add(network, 0, i);
    flush_all(network);
    network->cut[0][1] = false;
    assert_in_range(rounds_until_all_know(network, 30), 1, 5);
    assert_true(count_all(network).fulls > fulls);
    close_network(network);
}

static void started_again(void **state) {
    (void)state;
    struct network *network = three();
    add(network, 0, 1);
    add(network, 1, 2);
    flush_all(network);
    assert_true(all_know(network));
    end(network, 0);
    deliver_all(network);
    assert_null(user_replica_find(network->nodes[1].replica, name_of(0), NULL));
    start(network, 0);
    deliver_all(network);
    add(network, 0, 3);
    flush_all(network);
    assert_true(all_know(network));
    close_network(network);
}

static int hear(struct network *network, unsigned who, const char *pattern, ...) {
    hm_build *build = hm_build_new();
    va_list arguments;
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    assert_int_equal(hm_build_error(build), 0);
    int error = user_replica_hear(network->nodes[who].replica, hm_build_term(build));
    hm_build_free(build);
    return error;
}

static void forged_messages(void **state) {
    (void)state;
    struct network *network = three();
    add(network, 0, 1);
    flush_all(network);
    static const char *const bad[] = {
        "hello", "{hello, 1, b@h, {b@h, 1}, 0}", "{hello, 2, b@h, {b@h, 1}, 0, true}", "{hello, 1, b@h, {b@h, 1}, -1, true}",
        "{hello, 1, b@h, {b@h, 1}, 0, maybe}", "{hello, 1, z@h, {z@h, 1}, 0, true}", "{hello, 1, c@h, {c@h, 1}, 0, true}",
        "{hello, 1, a@h, {c@h, 1}, 0, true}", "{hello, 1, b@h, {b@h, 1}, 2000000000000000000, true}",
        "{delta, {a@h, 1}, 1, 1, []}", "{delta, {a@h, 1}, 2, 1, []}", "{delta, {a@h, 1}, 1, 3, [{add, #{id => 1}}]}",
        "{delta, {a@h, 1}, 1, 2, [{add, #{id => 1}}, {add, #{id => 2}}]}", "{delta, {a@h, 1}, 1, 2, [{join, #{id => 1}}]}",
        "{delta, {a@h, 1}, 1, 2, [{add, #{id => 1}} | junk]}", "{delta, {a@h, 1}, 1, 3, [{add, #{id => 1}} | {remove, 1}]}",
        "{delta, {a@h, 1}, 1, 2, junk}", "{full, {a@h, 1}, 5, junk}", "{full, {a@h, 1}, 5, [#{id => 1} | #{id => 2}]}",
        "{full, {a@h, 1}, x, []}", "{vector, {a@h, 1}, [{{a@h, 1}, -1}]}", "{vector, {a@h, 1}, [{{a@h, 1}, all}]}",
        "{vector, {a@h, 1}, [x]}", "{vector, {a@h, 1}, x}", "{want, {a@h, 1}, [{{c@h, 1}, none}]}", "{want, {a@h, 1}, [1, 2, 3]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (hear(network, 2, bad[i]) != HM_EBADTERM)
            fail_msg("taken: %s", bad[i]);
    assert_true(all_know(network));
    /* Of lists that nobody has, or to nobody. */
    static const char *const strange[] = {
        "{delta, {z@h, 1}, 0, 1, [{add, #{id => 1}}]}", "{full, {z@h, 1}, 5, [#{id => 1}]}", "{vector, {z@h, 1}, [{{a@h, 1}, 99}]}",
        "{vector, {a@h, 1}, [{{z@h, 1}, 7}, {{c@h, 1}, 99}]}", "{want, {z@h, 1}, [{{c@h, 1}, all}]}", "{want, {a@h, 1}, [{{z@h, 1}, 0}]}",
    };
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        assert_int_equal(hear(network, 2, strange[i]), 0);
    assert_int_equal(network->mails, 0);
    assert_true(all_know(network));
    close_network(network);
}

/* Whoever speaks for another node can only do so until that node has been heard. */
static void from_the_future(void **state) {
    (void)state;
    struct network *network = three();
    add(network, 0, 1);
    flush_all(network);
    assert_int_equal(hear(network, 1, "{full, {a@h, 1}, 1000000000000000000, [#{id => ghost}]}"), 0);
    assert_false(knows(network, 1, 0));
    add(network, 0, 2);
    assert_in_range(rounds_until_all_know(network, 30), 1, 20);
    /* The other way round: versions that do not exist are asked for once. */
    assert_int_equal(hear(network, 1, "{vector, {c@h, 1}, [{{a@h, 1}, 1000000000000000000}]}"), 0);
    uint64_t wants = count_all(network).wants;
    for (unsigned i = 0; i < 20; i++)
        tick(network, 1);
    deliver_all(network);
    assert_int_equal(count_all(network).wants, wants + 1);
    assert_int_equal(hear(network, 1, "{delta, {a@h, 1}, 500, 501, [{add, #{id => ghost}}]}"), 0);
    deliver_all(network);
    assert_true(all_know(network));
    close_network(network);
}

static void users_without_ids(void **state) {
    (void)state;
    struct network *network = three();
    assert_int_equal(hear(network, 1, "{delta, {a@h, 1}, 0, 3, [{add, junk}, {add, #{id => 1}}, {add, #{name => x}}]}"), 0);
    assert_int_equal(network->nodes[1].left_strange, 2);
    assert_int_equal(user_replica_find(network->nodes[1].replica, "a@h", NULL)->count, 1);
    assert_int_equal(hear(network, 1, "{full, {a@h, 1}, 4, [#{id => 2}, 7, #{id => 3}, {x, y}, #{id => 2}]}"), 0);
    assert_int_equal(network->nodes[1].left_strange, 4);
    assert_int_equal(user_replica_find(network->nodes[1].replica, "a@h", NULL)->count, 2);
    close_network(network);
}

/* More than this node takes: said once, and made up for when there is room. */
static void users_over_the_limit(void **state) {
    static struct network network;
    (void)state;
    open_network(&network, 2, 1);
    user_replica_free(network.nodes[1].replica);
    network.limits = (struct users_limits){10, 1000000};
    start(&network, 1);
    connect_all(&network);
    deliver_all(&network);
    for (int i = 0; i < 15; i++)
        add(&network, 0, i);
    flush_all(&network);
    const struct users *seen = user_replica_find(network.nodes[1].replica, "a@h", NULL);
    assert_int_equal(seen->count, 10);
    assert_int_equal(network.nodes[1].left_over, 1);
    for (int i = 0; i < 5; i++)
        take_away(&network, 0, "i", i);
    assert_in_range(rounds_until_all_know(&network, 10), 1, 5);
    assert_int_equal(user_replica_find(network.nodes[1].replica, "a@h", NULL)->count, 10);
    /* Nothing is asked for again and again. */
    uint64_t wants = count_all(&network).wants;
    add(&network, 0, 100);
    flush_all(&network);
    for (int i = 0; i < 10; i++) {
        tick(&network, 1);
        deliver_all(&network);
    }
    assert_int_equal(count_all(&network).wants, wants);
    close_network(&network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_everywhere_in_the_end),
        cmocka_unit_test(only_changes_travel),
        cmocka_unit_test(a_lost_change_is_asked_for),
        cmocka_unit_test(by_way_of_a_third_node),
        cmocka_unit_test(too_old_for_the_log),
        cmocka_unit_test(started_again),
        cmocka_unit_test(forged_messages),
        cmocka_unit_test(from_the_future),
        cmocka_unit_test(users_without_ids),
        cmocka_unit_test(users_over_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
