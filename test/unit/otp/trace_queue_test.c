/* What a client of a trace port reads, however slowly: every message in its place, or how many are missing there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <hermod/error.h>
#include <hermod/term.h>

#include "otp/trace_frame.h"
#include "otp/trace_queue.h"

struct pair {
    struct trace_queue queue;
    int ours, theirs;
    uint8_t got[1 << 20];
    size_t used, done;
};

static struct pair *pair_new(uint32_t messages, size_t bytes) {
    struct pair *pair = calloc(1, sizeof *pair);
    int ends[2], small = 4096;
    assert_non_null(pair);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    pair->ours = ends[0];
    pair->theirs = ends[1];
    assert_int_equal(setsockopt(pair->ours, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    trace_queue_init(&pair->queue, messages, bytes);
    return pair;
}

static void pair_free(struct pair *pair) {
    trace_queue_fini(&pair->queue);
    close(pair->ours);
    close(pair->theirs);
    free(pair);
}

/* A message that holds a number, and size - 5 bytes more. */
static bool add(struct pair *pair, uint32_t number, size_t size) {
    uint8_t *term = calloc(1, size);
    memcpy(term, &number, sizeof number);
    bool added = trace_queue_add(&pair->queue, bytes_of(term, size));
    free(term);
    return added;
}

static void read_some(struct pair *pair, size_t most) {
    ssize_t size = read(pair->theirs, pair->got + pair->used, most);
    if (size > 0)
        pair->used += (size_t)size;
}

static void pump(struct pair *pair) {
    size_t before;
    do {
        before = pair->used;
        assert_int_equal(trace_queue_write(&pair->queue, pair->ours), HM_OK);
        read_some(pair, sizeof pair->got - pair->used);
    } while (pair->used != before);
    assert_true(trace_queue_is_empty(&pair->queue));
}

/* The next frame: the number in a message, or minus how many are missing. */
static int64_t next(struct pair *pair) {
    struct trace_frame frame;
    size_t wanted;
    uint32_t number;
    int64_t size = trace_frame_read(bytes_of(pair->got + pair->done, pair->used - pair->done), UINT32_MAX, &frame, &wanted);
    assert_true(size > 0);
    pair->done += (size_t)size;
    if (frame.kind == TRACE_FRAME_DROPPED)
        return -(int64_t)frame.dropped;
    assert_int_equal(frame.message.at[0], 131);
    memcpy(&number, frame.message.at + 1, sizeof number);
    return number;
}

static void in_order(void **state) {
    (void)state;
    struct pair *pair = pair_new(200, 1 << 20);
    for (uint32_t i = 1; i <= 200; i++)
        assert_true(add(pair, i, 5 + i * 7));
    pump(pair);
    for (uint32_t i = 1; i <= 200; i++)
        assert_int_equal(next(pair), i);
    assert_int_equal(pair->done, pair->used);
    assert_int_equal(pair->queue.bytes, 0);
    assert_int_equal(pair->queue.messages, 0);
    pair_free(pair);
}

static void the_newest_are_dropped_and_counted_in_their_place(void **state) {
    (void)state;
    struct pair *pair = pair_new(3, 1 << 20);
    for (uint32_t i = 1; i <= 8; i++)
        assert_int_equal(add(pair, i, 10), i <= 3);
    pump(pair);
    assert_true(add(pair, 9, 10));
    pump(pair);
    static const int64_t wanted[] = {1, 2, 3, -5, 9};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_int_equal(next(pair), wanted[i]);
    assert_int_equal(pair->done, pair->used);
    assert_int_equal(pair->queue.dropped, 5);
    assert_int_equal(pair->queue.added, 4);
    pair_free(pair);
}

static void bytes_are_bounded_too(void **state) {
    (void)state;
    struct pair *pair = pair_new(1000000, 10000);
    assert_false(add(pair, 1, 10000));
    for (uint32_t i = 2; i < 100; i++)
        add(pair, i, 999);
    assert_true(pair->queue.bytes < 11000);
    assert_int_equal(pair->queue.messages, 9);
    trace_queue_drop(&pair->queue);
    pump(pair);
    assert_int_equal(next(pair), -1);
    for (uint32_t i = 2; i < 11; i++)
        assert_int_equal(next(pair), i);
    assert_int_equal(next(pair), -(98 - 9) - 1);
    pair_free(pair);
}

/* Random sizes and speeds: whatever is missing is told where it is missing. */
static void nothing_is_lost_in_silence(void **state) {
    (void)state;
    unsigned seed = 5;
    struct pair *pair = pair_new(20, 4000);
    uint32_t told = 0, expected = 1, count = 3000;
    while (told < count || !trace_queue_is_empty(&pair->queue)) {
        if (told < count && rand_r(&seed) % 3)
            add(pair, ++told, 5 + (size_t)rand_r(&seed) % 600);
        if (rand_r(&seed) % 4 == 0)
            assert_int_equal(trace_queue_write(&pair->queue, pair->ours), HM_OK);
        if (rand_r(&seed) % 8 == 0)
            read_some(pair, 1 + (size_t)rand_r(&seed) % 1500);
        if (pair->used > sizeof pair->got / 2) {
            memmove(pair->got, pair->got + pair->done, pair->used - pair->done);
            pair->used -= pair->done;
            pair->done = 0;
        }
        struct trace_frame frame;
        size_t wanted;
        while (trace_frame_read(bytes_of(pair->got + pair->done, pair->used - pair->done), UINT32_MAX, &frame, &wanted) > 0) {
            int64_t got = next(pair);
            if (got > 0)
                assert_int_equal(got, expected++);
            else
                expected += (uint32_t)-got;
        }
    }
    pump(pair);
    while (pair->done < pair->used) {
        int64_t got = next(pair);
        if (got > 0)
            assert_int_equal(got, expected++);
        else
            expected += (uint32_t)-got;
    }
    assert_int_equal(expected, count + 1);
    assert_true(pair->queue.dropped > 100);
    assert_true(pair->queue.added > 100);
    pair_free(pair);
}

/* A client that goes in the middle of a message: the next one gets whole ones. */
static void a_new_client_begins_with_a_frame(void **state) {
    (void)state;
    struct pair *pair = pair_new(10, 1 << 20), *second = pair_new(1, 1);
    assert_true(add(pair, 1, 60000));
    assert_true(add(pair, 2, 10));
    assert_int_equal(trace_queue_write(&pair->queue, pair->ours), HM_OK);
    assert_true(pair->queue.sent > 0);
    trace_queue_begin(&pair->queue);
    close(pair->ours);
    close(pair->theirs);
    pair->ours = second->ours;
    pair->theirs = second->theirs;
    second->ours = second->theirs = -1;
    pump(pair);
    assert_int_equal(next(pair), -1);
    assert_int_equal(next(pair), 2);
    assert_int_equal(pair->done, pair->used);
    /* a number of which some was sent is sent again, whole */
    trace_queue_drop(&pair->queue);
    assert_true(add(pair, 3, 10));
    pair->queue.sent = 2;
    trace_queue_begin(&pair->queue);
    pump(pair);
    assert_int_equal(next(pair), -1);
    assert_int_equal(next(pair), 3);
    pair_free(pair);
    pair_free(second);
}

static void a_client_that_is_gone(void **state) {
    (void)state;
    struct pair *pair = pair_new(10, 1 << 20);
    add(pair, 1, 10);
    close(pair->theirs);
    pair->theirs = -1;
    assert_int_equal(trace_queue_write(&pair->queue, pair->ours), HM_ENOCONNECTION);
    assert_false(trace_queue_is_empty(&pair->queue)); /* for the next */
    pair_free(pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(the_newest_are_dropped_and_counted_in_their_place),
        cmocka_unit_test(bytes_are_bounded_too),
        cmocka_unit_test(nothing_is_lost_in_silence),
        cmocka_unit_test(a_new_client_begins_with_a_frame),
        cmocka_unit_test(a_client_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
