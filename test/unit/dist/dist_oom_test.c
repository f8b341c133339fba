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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
