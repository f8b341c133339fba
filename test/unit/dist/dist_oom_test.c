/* Every allocation of a conversation fails once: the channel may end, or a large message be left out; nothing may hang or crash. */
#include "dist_cmocka.h"

#include <string.h>

#include "support/alloc.h"
#include "support/dist_pair.h"

static bool settled(struct pair *pair) {
    return pair->a.downs || pair->b.downs || pair->b.controls >= 3 || strcmp(pair->b.logged, "peer.too_large") == 0;
}

static bool up_or_down(struct pair *pair) {
    return pair->a.downs || pair->b.downs || pair_both_up(pair);
}

/* Connects, sends a small, a referenced and a fragmented message. */
static int converse(struct block *middle, struct block *block) {
    static const unsigned char small[] = {97, 42};
    struct pair *pair = pair_new();
    int error = HM_ENOMEM;
    if (!pair)
        return error;
    if (pair_connect(pair)) {
        assert_true(pair_until(pair, up_or_down));
        if (pair->a.channel && pair->b.channel && pair_both_up(pair)) {
            error = side_send_name(&pair->a, 1, "name", (hm_term){small, 2}, NULL);
            if (!error)
                error = side_send_name(&pair->a, 1, "name", (hm_term){middle->at, middle->size}, middle);
            if (!error)
                error = side_send_name(&pair->a, 1, "name", (hm_term){block->at, block->size}, block);
            if (!error) {
                assert_true(pair_until(pair, settled));
                error = pair->b.controls >= 3 ? HM_OK : HM_ENOMEM;
            }
        }
    }
    pair_free(pair);
    return error;
}

static struct block *binary(uint32_t size) {
    struct block *block = block_new(5 + size);
    memset(block->at, 0, block->size);
    block->at[0] = 109;
    set_be32(block->at + 1, size);
    return block;
}

static void every_allocation_may_fail(void **state) {
    struct block *middle = binary(20000), *block = binary(200000);
    assert_int_equal(converse(middle, block), HM_OK);
    for (long n = 0;; n++) {
        alloc_fail_at(n);
        int error = converse(middle, block);
        bool failed = alloc_failed();
        alloc_fail_never();
        assert_int_equal(block->references + middle->references, 2);
        if (!failed) {
            assert_int_equal(error, HM_OK);
            assert_true(n > 10);
            break;
        }
    }
    block_release(block);
    block_release(middle);
}

#define REF "\x5a\0\1\x77\x06" "a@host\0\0\0\7\0\0\0\1"
#define ANSWER "\x68\2" REF
#define INSTEAD ANSWER "\x77\x0c$hm_left_out"

static bool one_came(struct pair *pair) {
    return pair->a.downs || pair->b.downs || pair->b.controls > 0;
}

/* The answer to a call is too large for what memory there is: whoever waits for it is told so, and the connection stays. */
static bool is_left_out(uint64_t flags, struct block *middle, struct block *answer, long n) {
    struct pair *pair = pair_new();
    pair->a.dist.flags &= flags;
    assert_true(pair_connect(pair) && pair_until(pair, pair_both_up));
    /* One that the buffer grows for, so that as much of the next one comes with its first read. */
    assert_int_equal(side_send_name(&pair->a, 1, "name", (hm_term){middle->at, middle->size}, middle), 0);
    assert_true(pair_until(pair, one_came));
    pair->b.controls = 0;
    assert_int_equal(side_send_name(&pair->a, 1, "name", (hm_term){answer->at, answer->size}, answer), 0);
    alloc_fail_at(n);
    bool came = pair_until(pair, one_came);
    alloc_fail_never();
    assert_true(came);
    bool left_out = pair->b.controls > 0 && pair->b.payload && pair->b.payload->size == sizeof INSTEAD - 1 &&
                    memcmp(pair->b.payload->at, INSTEAD, sizeof INSTEAD - 1) == 0;
    if (left_out) {
        assert_string_equal(pair->b.logged, "peer.too_large");
        pair->b.controls = 0;
        assert_int_equal(side_send_name(&pair->a, 1, "name", (hm_term){answer->at, answer->size}, answer), 0);
        assert_true(pair_until(pair, one_came));
        assert_int_equal(pair->b.payload->size, answer->size);
        assert_int_equal(pair->a.downs + pair->b.downs, 0);
    }
    pair_free(pair);
    return left_out;
}

static void a_large_message_alone_is_lost(void **state) {
    struct block *answer = block_new(sizeof ANSWER - 1 + 5 + 300000), *middle = binary(60000);
    (void)state;
    memset(answer->at, 0, answer->size);
    memcpy(answer->at, ANSWER "\x6d\0\x04\x93\xe0", sizeof ANSWER - 1 + 5);
    for (int round = 0; round < 2; round++) {
        int times = 0;
        for (long n = 0; n < 20; n++)
            times += is_left_out(round ? ~(uint64_t)0 : ~FLAG_FRAGMENTS, middle, answer, n);
        assert_true(times > 0);
    }
    assert_int_equal(answer->references, 1);
    block_release(answer);
    block_release(middle);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail), cmocka_unit_test(a_large_message_alone_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
