#include "dist_cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dist/channel_private.h"
#include "support/dist_pair.h"

static const unsigned char small_bytes[] = {97, 42};
static const hm_term small = {small_bytes, 2};

static int set_up(void **state) {
    *state = pair_new();
    return 0;
}

static int tear_down(void **state) {
    pair_free(*state);
    return 0;
}

static void connect_both(struct pair *pair) {
    assert_true(pair_connect(pair));
    assert_true(pair_until(pair, pair_both_up));
}

/* A binary of this size as a term, in a block. */
static struct block *binary(size_t size) {
    struct block *block = block_new(5 + size);
    block->at[0] = 109;
    set_be32(block->at + 1, (uint32_t)size);
    for (size_t i = 0; i < size; i++)
        block->at[5 + i] = (uint8_t)(i * 7 >> 2);
    return block;
}

static hm_term term_in(const struct block *block) {
    return (hm_term){block->at, block->size};
}

static bool b_got_one(struct pair *pair) {
    return pair->b.controls > 0;
}

static bool b_got_all(struct pair *pair) {
    return pair->b.controls >= *(int *)pair->b.context;
}

static void wait_for_controls(struct pair *pair, int count) {
    pair->b.context = &count;
    assert_true(pair_until(pair, b_got_all));
    assert_int_equal(pair->b.controls, count);
}

/* ---- up and down ---- */

static void comes_up_on_both_sides(void **state) {
    struct pair *pair = *state;
    connect_both(pair);
    assert_string_equal(hm_node_name_text(channel_peer(pair->a.channel)), "b@host");
    assert_string_equal(hm_node_name_text(channel_peer(pair->b.channel)), "a@host");
    assert_true(channel_is_up(pair->a.channel) && channel_is_dialled(pair->a.channel));
    assert_false(channel_is_dialled(pair->b.channel));
    assert_true(channel_is_visible(pair->a.channel) && channel_is_visible(pair->b.channel));
    assert_int_equal(channel_creation(pair->b.channel), 4242);
    assert_true(channel_flags(pair->a.channel) == FLAGS_OFFERED);
    assert_int_equal(pair->b.dist.half_open, 0);
    assert_int_equal(pair->b.proved, 1);
}

static void is_hidden_when_one_side_is(void **state) {
    struct pair *pair = *state;
    pair->a.dist.flags &= ~FLAG_PUBLISHED;
    connect_both(pair);
    assert_false(channel_is_visible(pair->a.channel) || channel_is_visible(pair->b.channel));
}

static void tells_wrong_cookies_to_both(void **state) {
    struct pair *pair = *state;
    pair->a.cookie = "another";
    assert_true(pair_connect(pair));
    assert_true(pair_until(pair, pair_a_down));
    assert_true(pair_until(pair, pair_b_down));
    assert_int_equal(pair->a.reason, DOWN_COOKIE);
    assert_int_equal(pair->b.reason, DOWN_COOKIE);
    assert_string_equal(pair->a.logged, "hs.cookie");
    assert_int_equal(pair->a.ups + pair->b.ups, 0);
    assert_int_equal(pair->b.dist.half_open, 0);
}

static void ends_when_the_other_closes(void **state) {
    struct pair *pair = *state;
    connect_both(pair);
    channel_close(pair->a.channel);
    channel_close(pair->a.channel); /* once more in the same turn */
    pair->a.channel = NULL;
    assert_true(pair_until(pair, pair_b_down));
    assert_int_equal(pair->b.reason, DOWN_CLOSED);
    assert_int_equal(pair->a.downs, 0);
}

/* What was sent before an orderly close arrives. */
static void writes_its_last_words(void **state) {
    struct pair *pair = *state;
    connect_both(pair);
    assert_int_equal(side_send_name(&pair->a, 1, "last", small, NULL), 0);
    channel_close(pair->a.channel);
    pair->a.channel = NULL;
    assert_true(pair_until(pair, pair_b_down));
    assert_int_equal(pair->b.controls, 1);
    assert_string_equal(pair->b.name, "last");
}

/* The peer still holds our last connection: proof first, then the old one goes, then the new one is up. */
static void replaces_an_older_channel(void **state) {
    struct pair *pair = *state;
    connect_both(pair);
    struct channel *silent = pair->a.channel; /* the peer that vanished without a word */
    pair->b.older = pair->b.channel;
    pair->b.verdict = NAME_ALIVE;
    pair->a.ups = pair->b.ups = 0;
    assert_true(pair_connect(pair));
    assert_true(pair_until(pair, pair_both_up));
    assert_null(pair->b.older);
    assert_int_equal(pair->b.proved, 2);
    assert_true(channel_is_up(pair->b.channel));
    assert_true(pair_until(pair, pair_a_down)); /* `silent` */
    assert_true(pair->a.channel != silent);
    assert_int_equal(pair->a.downs, 1);
}

static void an_unproved_peer_replaces_nothing(void **state) {
    struct pair *pair = *state;
    connect_both(pair);
    pair->b.older = pair->b.channel;
    pair->b.verdict = NAME_ALIVE;
    struct channel *first = pair->a.channel;
    pair->a.cookie = "another";
    assert_true(pair_connect(pair));
    assert_true(pair_until(pair, pair_b_down));
    assert_int_equal(pair->b.reason, DOWN_COOKIE);
    assert_non_null(pair->b.older);
    assert_true(pair_until(pair, pair_a_down));
    pair->a.channel = first;
    assert_true(channel_is_up(pair->b.older));
}

/* Both dial at the same time; b's name is the greater one, so that its attempt wins. */
static void settles_simultaneous_connects(void **state) {
    struct pair *pair = *state;
    int fds[2];
    pair->b.verdict = NAME_NOK;
    pair->a.verdict = NAME_OK;
    assert_true(pair_connect(pair));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    struct channel *b_dials = channel_connected(&pair->b.dist, names_intern(pair->b.dist.names, "a@host", 6), fds[0]);
    struct channel *a_accepts = channel_accept(&pair->a.dist, fds[1]);
    assert_true(pair_until(pair, pair_both_up));
    assert_ptr_equal(pair->b.channel, b_dials);
    assert_ptr_equal(pair->a.channel, a_accepts);
    assert_true(pair_until(pair, pair_a_down));
    assert_int_equal(pair->a.reason, DOWN_SIMULTANEOUS);
    assert_int_equal(pair->b.reason, DOWN_SIMULTANEOUS);
}

static void limits_half_open_connections(void **state) {
    struct pair *pair = *state;
    int fds[16];
    pair->b.dist.max_half_open = 2;
    for (int i = 0; i < 3; i++)
        fds[i] = pair_raw_peer(pair);
    assert_int_equal(pair->b.dist.half_open, 2);
    assert_null(pair->b.channel); /* of the third */
    char byte;
    assert_int_equal(recv(fds[2], &byte, 1, 0), 0);
    close(fds[0]);
    close(fds[1]);
    close(fds[2]);
    while (pair->b.dist.half_open)
        assert_true(pair_until(pair, pair_b_down) && (pair->b.downs = 0, true));
}

static void gives_up_silent_peers(void **state) {
    struct pair *pair = *state;
    pair->b.dist.setup_ms = 20;
    int fd = pair_raw_peer(pair);
    assert_true(pair_until(pair, pair_b_down));
    assert_int_equal(pair->b.reason, DOWN_SETUP_TIMEOUT);
    assert_string_equal(pair->b.logged, "hs.timeout");
    close(fd);
}

static void finds_dead_peers_by_ticks(void **state) {
    struct pair *pair = *state;
    pair->b.dist.tick_interval_ms = 10;
    connect_both(pair); /* a ticks every 15 s only, and answers one tick in that time */
    assert_true(pair_until(pair, pair_b_down));
    assert_int_equal(pair->b.reason, DOWN_TICK);
    assert_true(pair_until(pair, pair_a_down));
}

static bool many_ticks(struct pair *pair) {
    struct channel_stats stats;
    if (!pair->b.channel)
        return true;
    channel_stats(pair->b.channel, &stats);
    return stats.ticks_in >= 10;
}

static void ticks_keep_it_up(void **state) {
    struct pair *pair = *state;
    pair->a.dist.tick_interval_ms = pair->b.dist.tick_interval_ms = 20;
    connect_both(pair);
    assert_true(pair_until(pair, many_ticks));
    assert_int_equal(pair->a.downs + pair->b.downs, 0);
}

/* ---- messages ---- */

static void passes_messages(struct pair *pair) {
    static const size_t sizes[] = {0, 1, 100, 5000, 16384, 65000, 65536, 70000, 200000, 3000000};
    connect_both(pair);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int shared = 0; shared < 2; shared++) {
            struct block *block = binary(sizes[i]);
            pair->b.controls = 0;
            assert_int_equal(side_send_name(&pair->a, 3, "name", term_in(block), shared ? block : NULL), 0);
            assert_true(pair_until(pair, b_got_one));
            assert_int_equal(pair->b.control.kind, CONTROL_SEND_NAME);
            assert_string_equal(pair->b.name, "name");
            assert_int_equal(pair->b.control.from.id, 3);
            assert_string_equal(hm_node_name_text(pair->b.control.from.node), "a@host");
            assert_int_equal(pair->b.payload->size, block->size);
            assert_memory_equal(pair->b.payload->at, block->at, block->size);
            /* What did not fit into the input buffer comes in a block that may be kept. */
            assert_true(pair->b.shared || sizes[i] < 300000);
            assert_int_equal(block->references, 1);
            block_release(block);
        }
    }
}

static void passes_messages_in_fragments(void **state) {
    struct channel_stats stats;
    struct pair *pair = *state;
    passes_messages(pair);
    channel_stats(pair->b.channel, &stats);
    assert_true(stats.fragments_in > 50);
}

static void passes_messages_whole(void **state) {
    struct channel_stats stats;
    struct pair *pair = *state;
    pair->b.dist.flags &= ~FLAG_FRAGMENTS;
    passes_messages(pair);
    channel_stats(pair->b.channel, &stats);
    assert_int_equal(stats.fragments_in, 0);
}

static void send_number(struct side *side, uint32_t from, const char *name, int number) {
    unsigned char bytes[5] = {98};
    set_be32(bytes + 1, (uint32_t)number);
    assert_int_equal(side_send_name(side, from, name, (hm_term){bytes, 5}, NULL), 0);
}

/* Both ends remember the last control tuple; here no two neighbours are the same in all parts, most in some.
 * */
struct expected {
    uint32_t from, to;
    char name[8];
};

static void expect_of(int number, struct expected *expected) {
    unsigned mix = (unsigned)number * 2654435761u >> 16;
    expected->from = 1 + mix % 3;
    expected->to = mix & 8 ? 0 : 1 + mix / 16 % 3;
    snprintf(expected->name, sizeof expected->name, "%s", expected->to ? "" : mix & 64 ? "n" : mix & 128 ? "nn" : "m");
}

static void check_mix(struct side *side, struct channel *channel,
                 const struct control *control, hm_term payload) {
    struct expected expected;
    int64_t number;
    assert_true(hm_get_int64(payload, &number));
    expect_of((int)number, &expected);
    assert_int_equal(control->from.id, expected.from);
    assert_int_equal(control->to.id, expected.to);
    assert_string_equal(side->name, expected.name);
}

static void mixes_senders_and_receivers(void **state) {
    struct pair *pair = *state;
    connect_both(pair);
    pair->b.on_control = check_mix;
    for (int i = 0; i < 2000; i++) {
        struct expected expected;
        unsigned char bytes[5] = {98};
        set_be32(bytes + 1, (uint32_t)i);
        expect_of(i, &expected);
        struct control control = {.kind = expected.to ? CONTROL_SEND : CONTROL_SEND_NAME};
        control.from = side_pid(&pair->a, expected.from);
        if (expected.to)
            control.to = (hm_pid){channel_peer(pair->a.channel), expected.to, 0, 4242};
        else
            control.name = bytes_of(expected.name, strlen(expected.name));
        assert_int_equal(channel_send(pair->a.channel, &control, (hm_term){bytes, 5}, NULL), 0);
    }
    wait_for_controls(pair, 2000);
}

struct order {
    int64_t next[3];
    int bulky;
    int total;
};

static void check_order(struct side *side, struct channel *channel,
                 const struct control *control, hm_term payload) {
    struct order *order = side->context;
    int64_t number;
    order->total++;
    if (hm_get_int64(payload, &number)) {
        assert_int_equal(number, order->next[control->from.id]);
        order->next[control->from.id]++;
    } else {
        /* The large one of a sender stands at its 500th place. */
        assert_int_equal(order->next[control->from.id], 500);
        order->bulky++;
    }
}

static bool all_in_order(struct pair *pair) {
    struct order *order = pair->b.context;
    return order->total == 2 * 1001;
}

static void keeps_the_order_of_each_sender(void **state) {
    struct pair *pair = *state;
    struct order order = {{0}, 0, 0};
    struct block *block = binary(400000);
    connect_both(pair);
    pair->b.on_control = check_order;
    pair->b.context = &order;
    for (int i = 0; i < 1000; i++)
        for (uint32_t from = 1; from <= 2; from++) {
            if (i == 500)
                assert_int_equal(side_send_name(&pair->a, from, "name", term_in(block), block), 0);
            send_number(&pair->a, from, "name", i);
        }
    assert_true(pair_until(pair, all_in_order));
    assert_int_equal(order.bulky, 2);
    block_release(block);
}

static void carries_every_operation(void **state) {
    struct pair *pair = *state;
    connect_both(pair);
    hm_pid from = side_pid(&pair->a, 5);
    hm_pid to = {channel_peer(pair->a.channel), 6, 0, 4242};
    hm_ref ref = {.node = from.node, .creation = 4242, .words = 3, .id = {1, 2, 3}};
    hm_build *build = hm_build_new();
    hm_put_format(build, "{m, f, 0}");
    hm_term mfa = hm_build_term(build);
    struct control controls[] = {
        {.kind = CONTROL_SEND, .from = from, .to = to},
        {.kind = CONTROL_SEND_NAME, .from = from, .name = bytes_of("n", 1)},
        {.kind = CONTROL_SEND_ALIAS, .from = from, .ref = ref},
        {.kind = CONTROL_LINK, .from = from, .to = to},
        {.kind = CONTROL_UNLINK, .from = from, .to = to, .id = 1ull << 40},
        {.kind = CONTROL_UNLINK_ACK, .from = from, .to = to, .id = 300},
        {.kind = CONTROL_EXIT, .from = from, .to = to},
        {.kind = CONTROL_EXIT2, .from = from, .to = to},
        {.kind = CONTROL_MONITOR, .from = from, .name = bytes_of("n", 1), .ref = ref},
        {.kind = CONTROL_DEMONITOR, .from = from, .to = to, .ref = ref},
        {.kind = CONTROL_DOWN, .from = from, .to = to, .ref = ref},
        {.kind = CONTROL_SPAWN_REQUEST, .from = from, .leader = from, .ref = ref, .mfa = mfa, .options = small},
        {.kind = CONTROL_SPAWN_REPLY, .to = to, .ref = ref, .id = 3, .result = small},
        {.kind = CONTROL_GROUP_LEADER, .leader = from, .to = to},
    };
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        pair->b.controls = 0;
        assert_int_equal(channel_send(pair->a.channel, &controls[i], small, NULL), 0);
        assert_true(pair_until(pair, b_got_one));
        assert_int_equal(pair->b.control.kind, controls[i].kind);
        assert_int_equal(pair->b.control.id, controls[i].id);
        assert_int_equal(pair->b.control.to.id, controls[i].to.id);
        assert_int_equal(pair->b.control.ref.words, controls[i].ref.words);
        assert_int_equal(pair->b.payload->size, control_has_payload(&pair->b.control) ? small.size : 0);
    }
    hm_build_free(build);
}

static void refuses_what_the_peer_cannot_be_told(void **state) {
    struct pair *pair = *state;
    pair->b.dist.flags &= ~FLAG_DIST_MONITOR_NAME;
    connect_both(pair);
    hm_pid from = side_pid(&pair->a, 5);
    hm_ref ref = {.node = from.node, .creation = 1, .words = 1};
    struct control monitor = {.kind = CONTROL_MONITOR, .from = from, .name = bytes_of("n", 1), .ref = ref};
    assert_int_equal(channel_send(pair->a.channel, &monitor, small, NULL), HM_EFLAGS);
    assert_int_equal(side_send_name(&pair->a, 1, "name", small, NULL), 0);
    wait_for_controls(pair, 1);
}

/* ---- limits of output, and ends inside of up-calls ---- */

static bool a_is_free(struct pair *pair) {
    return pair->a.busies == 2;
}

static void is_busy_between_its_marks(void **state) {
    struct pair *pair = *state;
    struct channel_stats stats;
    pair->a.dist.output_high = 100000;
    pair->a.dist.output_low = 1000;
    connect_both(pair);
    struct block *block = binary(60000);
    assert_int_equal(side_send_name(&pair->a, 1, "name", term_in(block), NULL), 0);
    assert_false(channel_is_busy(pair->a.channel));
    for (int i = 0; i < 40; i++)
        assert_int_equal(side_send_name(&pair->a, 1, "name", term_in(block), NULL), 0);
    assert_true(channel_is_busy(pair->a.channel)); /* at once, and told at the end of the turn */
    assert_int_equal(pair->a.busies, 0);
    channel_stats(pair->a.channel, &stats);
    assert_true(stats.output_bytes > 2000000);
    assert_true(pair_until(pair, a_is_free));
    assert_false(channel_is_busy(pair->a.channel));
    wait_for_controls(pair, 41);
    block_release(block);
}

static void close_inside(struct side *side, struct channel *channel,
                 const struct control *control, hm_term payload) {
    if (side->controls == 2) {
        channel_close(channel);
        side->channel = NULL;
    }
}

static void may_be_closed_in_an_up_call(void **state) {
    struct pair *pair = *state;
    connect_both(pair);
    pair->b.on_control = close_inside;
    for (int i = 0; i < 100; i++)
        send_number(&pair->a, 1, "name", i);
    assert_true(pair_until(pair, pair_a_down));
    assert_int_equal(pair->b.controls, 2); /* the rest of the buffer is not delivered */
}

/* One turn reads a part, others have their turn, the rest follows. */
static bool b_has_begun(struct pair *pair) {
    return pair->b.controls > 0;
}

static void reads_within_a_budget(void **state) {
    struct pair *pair = *state;
    pair->a.dist.output_high = 64 << 20;
    connect_both(pair);
    struct block *block = binary(1000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(side_send_name(&pair->a, 1, "name", term_in(block), NULL), 0);
    assert_true(pair_until(pair, b_has_begun));
    assert_true(pair->b.controls < 1500);
    wait_for_controls(pair, 10000);
    block_release(block);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(comes_up_on_both_sides),
        TEST(is_hidden_when_one_side_is),
        TEST(tells_wrong_cookies_to_both),
        TEST(ends_when_the_other_closes),
        TEST(writes_its_last_words),
        TEST(replaces_an_older_channel),
        TEST(an_unproved_peer_replaces_nothing),
        TEST(settles_simultaneous_connects),
        TEST(limits_half_open_connections),
        TEST(gives_up_silent_peers),
        TEST(finds_dead_peers_by_ticks),
        TEST(ticks_keep_it_up),
        TEST(passes_messages_in_fragments),
        TEST(passes_messages_whole),
        TEST(keeps_the_order_of_each_sender),
        TEST(mixes_senders_and_receivers),
        TEST(carries_every_operation),
        TEST(refuses_what_the_peer_cannot_be_told),
        TEST(is_busy_between_its_marks),
        TEST(may_be_closed_in_an_up_call),
        TEST(reads_within_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
