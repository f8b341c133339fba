#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/tracker_clocks.h"

enum { CLOCKS = 300 };

static void add_one(struct tracker_clocks *clocks, uint64_t clock) {
    assert_int_equal(tracker_clocks_add(clocks, &clock, 1), 0);
}

static void spans_grow_together(void **state) {
    (void)state;
    struct tracker_clocks clocks = {0};
    add_one(&clocks, 5);
    add_one(&clocks, 7);
    add_one(&clocks, 5);
    assert_int_equal(clocks.count, 2);
    add_one(&clocks, 6);
    assert_int_equal(clocks.count, 1);
    assert_int_equal(clocks.size, 3);
    assert_false(tracker_clocks_has(&clocks, 4));
    assert_true(tracker_clocks_has(&clocks, 6));
    assert_false(tracker_clocks_has(&clocks, 8));
    assert_int_equal(tracker_clocks_absorb(&clocks, 2), 2);
    assert_int_equal(clocks.size, 3);
    assert_int_equal(tracker_clocks_absorb(&clocks, 4), 7);
    assert_int_equal(clocks.count, 0);
    assert_null(clocks.spans);
}

/* The same as an array of booleans, for any history. */
static void it_is_a_set(void **state) {
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 200; round++) {
        struct tracker_clocks clocks = {0};
        bool expected[CLOCKS + 2] = {0};
        uint64_t base = 0;
        for (int step = 0; step < 30; step++) {
            uint64_t add[16], size = 0;
            size_t count;
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            count = random % 16;
            for (size_t i = 0; i < count; i++) {
                random ^= random << 13, random ^= random >> 7, random ^= random << 17;
                add[i] = base + 1 + (random >> 20) % (CLOCKS - base);
                expected[add[i]] = true;
            }
            assert_int_equal(tracker_clocks_add(&clocks, add, count), 0);
            if (step % 5 == 4) {
                uint64_t to = base + random % 20 < CLOCKS - 30 ? base + random % 20 : base;
                base = tracker_clocks_absorb(&clocks, to);
                for (; to < CLOCKS && expected[to + 1]; to++)
                    ;
                assert_int_equal(base, to);
                for (uint64_t i = 0; i <= base; i++)
                    expected[i] = false;
                if (base >= CLOCKS - 30)
                    break;
            }
            for (uint64_t i = 1; i <= CLOCKS; i++) {
                assert_int_equal(tracker_clocks_has(&clocks, i), expected[i]);
                size += expected[i];
            }
            assert_int_equal(clocks.size, size);
        }
        tracker_clocks_fini(&clocks);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_grow_together),
        cmocka_unit_test(it_is_a_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
