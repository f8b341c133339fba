#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/slab.h"

enum { SIZE = 300, MANY = 20000 }; /* three blocks of objects of 320 bytes */

static void take_many(struct slab *slab, unsigned char **objects, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        objects[i] = slab_take(slab, SIZE);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % CACHE_LINE, 0);
        for (unsigned at = 0; at < SIZE; at++)
            assert_int_equal(objects[i][at], 0);
        memset(objects[i], (int)(i % 255 + 1), SIZE);
    }
}

static void has_its_own(const unsigned char *object, unsigned i) {
    for (unsigned at = 0; at < SIZE; at++)
        assert_int_equal(object[at], i % 255 + 1);
}

static void objects_are_zeroed_aligned_and_do_not_overlap(void **state) {
    (void)state;
    struct slab slab = {0};
    static unsigned char *objects[MANY];
    take_many(&slab, objects, MANY);
    for (unsigned i = 0; i < MANY; i++)
        has_its_own(objects[i], i);
    for (unsigned i = 0; i < MANY; i++)
        slab_give(&slab, SIZE, objects[i]);
    take_many(&slab, objects, 10);
    for (unsigned i = 0; i < 10; i++)
        slab_give(&slab, SIZE, objects[i]);
    slab_fini(&slab);
}

static void memory_goes_back_and_what_is_in_use_stays(void **state) {
    (void)state;
    struct slab slab = {0};
    static unsigned char *objects[MANY];
    take_many(&slab, objects, MANY);
    size_t most = slab.blocks;
    for (unsigned i = 1; i < MANY; i++)
        slab_give(&slab, SIZE, objects[i]);
    assert_true(slab.blocks <= 2); /* that of the first object, and a spare one */
    has_its_own(objects[0], 0);
    take_many(&slab, objects + 1, MANY - 1);
    assert_int_equal(slab.blocks, most);
    for (unsigned i = MANY; i-- > 0;)
        slab_give(&slab, SIZE, objects[i]);
    assert_true(slab.blocks <= 1);
    slab_fini(&slab);
    assert_int_equal(slab.blocks, 0);
}

/* One object that comes and goes does not bring a block with it each time. */
static void a_full_block_and_one_more(void **state) {
    (void)state;
    struct slab slab = {0};
    static unsigned char *objects[MANY];
    unsigned count = 0;
    do
        take_many(&slab, objects + count++, 1);
    while (count < MANY && slab.blocks < 2);
    void *first = objects[count - 1];
    size_t blocks = slab.blocks;
    for (unsigned i = 0; i < 10; i++) {
        slab_give(&slab, SIZE, objects[count - 1]);
        assert_int_equal(slab.blocks, blocks);
        take_many(&slab, objects + count - 1, 1);
        if (blocks)
            assert_ptr_equal(objects[count - 1], first);
    }
    while (count > 0)
        slab_give(&slab, SIZE, objects[--count]);
    slab_fini(&slab);
}

static void random_order(void **state) {
    (void)state;
    struct slab slab = {0};
    static unsigned char *objects[MANY];
    unsigned taken = 0, seed = 7;
    for (unsigned step = 0; step < 200000; step++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned i = (seed >> 8) % MANY;
        if (objects[i]) {
            assert_int_equal(objects[i][0], i % 255 + 1);
            assert_int_equal(objects[i][SIZE - 1], i % 255 + 1);
            slab_give(&slab, SIZE, objects[i]);
            objects[i] = NULL;
            taken--;
        } else {
            objects[i] = slab_take(&slab, SIZE);
            assert_non_null(objects[i]);
            assert_int_equal(objects[i][0] | objects[i][SIZE - 1], 0);
            memset(objects[i], (int)(i % 255 + 1), SIZE);
            taken++;
        }
    }
    assert_true(taken > 0);
    for (unsigned i = 0; i < MANY; i++)
        if (objects[i])
            slab_give(&slab, SIZE, objects[i]);
    assert_true(slab.blocks <= 1);
    slab_fini(&slab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_aligned_and_do_not_overlap),
        cmocka_unit_test(memory_goes_back_and_what_is_in_use_stays),
        cmocka_unit_test(a_full_block_and_one_more),
        cmocka_unit_test(random_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
