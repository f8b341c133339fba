#include "dist_cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dist/frame.h"
#include "dist/output.h"
#include "etf/names.h"

/* A transport that takes at most `room` bytes and keeps them. */
struct sink {
    struct transport transport;
    struct writer got;
    size_t room;
    int error;
    int calls;
};

static ssize_t sink_write(struct transport *transport, const struct iovec *parts, int count) {
    struct sink *sink = (struct sink *)transport;
    ssize_t taken = 0;
    sink->calls++;
    if (sink->error || sink->room == 0) {
        errno = sink->error ? sink->error : EAGAIN;
        return -1;
    }
    for (int i = 0; i < count && sink->room > 0; i++) {
        size_t size = parts[i].iov_len < sink->room ? parts[i].iov_len : sink->room;
        writer_put(&sink->got, parts[i].iov_base, size);
        sink->room -= size;
        taken += (ssize_t)size;
    }
    return taken;
}

static const struct transport_ops sink_ops = {.name = "sink", .write = sink_write};

struct fixture {
    struct output output;
    struct sink sink;
    struct names *names;
    hm_pid one, two;
    uint8_t *big;
};

enum { BIG = 300 * 1000 };

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    output_init(&f->output, 8 << 20);
    f->output.header_mode = true;
    f->sink.transport.ops = &sink_ops;
    f->sink.room = SIZE_MAX;
    writer_init(&f->sink.got, 64 << 20);
    f->names = names_new(3);
    f->one = (hm_pid){names_intern(f->names, "a@h", 3), 1, 0, 9};
    f->two = (hm_pid){f->one.node, 2, 0, 9};
    f->big = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        f->big[i] = (uint8_t)(i * 31 >> 3);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    output_fini(&f->output);
    assert_int_equal(f->output.held, 0);
    writer_fini(&f->sink.got);
    names_free(f->names);
    free(f->big);
    free(f);
    return 0;
}

/* control: a one-byte mark; payload: size bytes of `big`. */
static void put(struct fixture *f, hm_pid sender, char mark, size_t size, struct block *shared) {
    struct outgoing message = {sender, bytes_of(&mark, 1), {shared ? shared->at : f->big, size}, shared};
    assert_int_equal(output_message(&f->output, &message), 0);
}

static enum output_result write_all(struct fixture *f) {
    size_t written;
    return output_write(&f->output, &f->sink.transport, SIZE_MAX, &written);
}

/* What arrived, as text: "a" a whole message, "B" the first fragment of one, "." another, "!" its last.
 * Checks sizes. */
static void describe(struct fixture *f, char *text) {
    size_t at = 0;
    while (at < f->sink.got.size) {
        struct frame frame;
        size_t size = get_be32(f->sink.got.at + at);
        assert_true(at + 4 + size <= f->sink.got.size);
        assert_int_equal(frame_read(bytes_of(f->sink.got.at + at + 4, size), true, &frame), 0);
        if (frame.kind == FRAME_WHOLE)
            *text++ = (char)frame.rest.at[0];
        else if (frame.kind == FRAME_FIRST)
            *text++ = (char)(frame.rest.at[0] - 'a' + 'A');
        else
            *text++ = frame.fragment == 1 ? '!' : '.';
        at += 4 + size;
    }
    *text = '\0';
}

static void writes_a_turn_at_once(void **state) {
    struct fixture *f = *state;
    char text[2000];
    for (int i = 0; i < 1000; i++)
        put(f, f->one, 'a', 100, NULL);
    assert_int_equal(output_pending(&f->output), 1000 * (7 + 1 + 100));
    assert_int_equal(write_all(f), OUTPUT_EMPTY);
    assert_int_equal(f->sink.calls, 1);
    describe(f, text);
    assert_int_equal(strspn(text, "a"), 1000);
    assert_int_equal(output_pending(&f->output), 0);
}

/* Nearly all turns write little: they take the memory of the last one, also when there was a burst in between. */
static void small_turns_write_from_the_same_place(void **state) {
    struct fixture *f = *state;
    size_t written;
    const uint8_t *place = output_reserve(&f->output, 10);
    put(f, f->one, 'a', 10, NULL);
    assert_int_equal(output_write(&f->output, &f->sink.transport, SIZE_MAX, &written), OUTPUT_EMPTY);
    assert_ptr_equal(output_reserve(&f->output, 10), place);
    for (int i = 0; i < 100; i++)
        put(f, f->one, 'b', 1000, NULL);
    assert_int_equal(output_write(&f->output, &f->sink.transport, SIZE_MAX, &written), OUTPUT_EMPTY);
    assert_true(f->output.spare_count > 0);
    assert_ptr_equal(output_reserve(&f->output, 10), place);
}

static void keeps_each_senders_order(void **state) {
    struct fixture *f = *state;
    char text[100];
    put(f, f->one, 'a', 10, NULL);
    put(f, f->one, 'b', BIG, NULL); /* five fragments */
    put(f, f->one, 'c', 10, NULL);
    put(f, f->two, 'd', 10, NULL);  /* overtakes b */
    put(f, f->two, 'e', 2 * FRAME_PIECE, NULL);
    put(f, f->one, 'f', FRAME_PIECE + 1, NULL);
    put(f, f->two, 'g', 0, NULL);
    assert_int_equal(write_all(f), OUTPUT_EMPTY);
    describe(f, text);
    assert_string_equal(text, "adBE.!.g.!cF!");
}

static void sends_fragments_with_the_right_bytes(void **state) {
    struct fixture *f = *state;
    size_t at = 0, filled = 0;
    uint64_t next = 0;
    put(f, f->one, 'b', BIG, NULL);
    assert_int_equal(write_all(f), OUTPUT_EMPTY);
    while (at < f->sink.got.size) {
        struct frame frame;
        size_t size = get_be32(f->sink.got.at + at);
        assert_int_equal(frame_read(bytes_of(f->sink.got.at + at + 4, size), true, &frame), 0);
        struct bytes piece = frame.rest;
        if (frame.kind == FRAME_FIRST)
            piece = bytes_of(piece.at + 1, piece.size - 1);
        else
            assert_int_equal(frame.fragment, next);
        next = frame.fragment - 1;
        assert_memory_equal(piece.at, f->big + filled, piece.size);
        filled += piece.size;
        at += 4 + size;
    }
    assert_int_equal(filled, BIG);
    assert_int_equal(next, 0);
}

/* However little the peer takes at a time, it gets the same bytes. */
static void resumes_where_it_was_blocked(void **state) {
    struct fixture *f = *state;
    struct block *block = block_copy(bytes_of(f->big, BIG));
    char text[100];
    put(f, f->one, 'a', 10, NULL);
    put(f, f->one, 'b', 20000, block);
    put(f, f->two, 'c', BIG, block);
    put(f, f->one, 'd', 10, NULL);
    assert_int_equal(block->references, 3);
    size_t step = 1;
    for (;;) {
        f->sink.room = step;
        enum output_result result = write_all(f);
        if (result == OUTPUT_EMPTY)
            break;
        assert_int_equal(result, OUTPUT_BLOCKED);
        step = step % 9973 + 777;
    }
    describe(f, text);
    assert_string_equal(text, "abdC...!");
    assert_int_equal(block->references, 1); /* referenced while it was needed, not copied, and let go */
    block_release(block);
}

/* The same payload to a thousand: one copy, however little is taken at a time and wherever that ends, and what is small between them is in
 * its place. */
static void holds_a_payload_for_many_once(void **state) {
    struct fixture *f = *state;
    enum { MANY = 1000, SIZE = 4096 + 5, FRAME = 7 + 1 + SIZE, SMALL = 7 + 1 + 10 };
    struct block *block = block_copy(bytes_of(f->big, SIZE));
    for (size_t step = SIZE_MAX;; step = step == SIZE_MAX ? 4099 : 1) {
        int many = step == 1 ? 3 : MANY;
        f->sink.got.size = 0;
        f->sink.calls = 0;
        for (int i = 0; i < many; i++) {
            put(f, f->one, 'a', SIZE, block);
            if (i % 3 == 0)
                put(f, f->two, 'b', 10, NULL);
        }
        assert_int_equal(block->references, 1 + many);
        assert_int_equal(output_pending(&f->output), many * FRAME + (many + 2) / 3 * SMALL);
        assert_true(f->output.held >= SIZE && f->output.held < 300000);
        do
            f->sink.room = step;
        while (write_all(f) == OUTPUT_BLOCKED);
        if (step == SIZE_MAX)
            assert_true(f->sink.calls < 10);
        assert_int_equal(block->references, 1);
        const uint8_t *at = f->sink.got.at;
        for (int i = 0; i < many; i++) {
            assert_int_equal(get_be32(at), FRAME - 4);
            assert_int_equal(at[7], 'a');
            assert_memory_equal(at + 8, f->big, SIZE);
            at += FRAME;
            if (i % 3 == 0) {
                assert_int_equal(at[7], 'b');
                assert_memory_equal(at + 8, f->big, 10);
                at += SMALL;
            }
        }
        assert_ptr_equal(at, f->sink.got.at + f->sink.got.size);
        if (step == 1)
            break;
    }
    block_release(block);
}

/* Somebody closes while all that waits. */
static void lets_go_of_what_was_not_written(void **state) {
    struct fixture *f = *state;
    struct block *block = block_copy(bytes_of(f->big, 5000));
    for (int i = 0; i < 2000; i++)
        put(f, f->one, 'a', 5000, block);
    f->sink.room = 12345;
    assert_int_equal(write_all(f), OUTPUT_BLOCKED);
    assert_int_equal(block->references, 1 + 2000 - 12345 / 5008);
    output_fini(&f->output);
    assert_int_equal(block->references, 1);
    assert_int_equal(f->output.held, 0);
    block_release(block);
}

static void does_not_fragment_without_the_flag(void **state) {
    struct fixture *f = *state;
    f->output.header_mode = false;
    put(f, f->one, 'a', BIG, NULL);
    put(f, f->one, 'b', 0, NULL);
    assert_int_equal(write_all(f), OUTPUT_EMPTY);
    assert_int_equal(get_be32(f->sink.got.at), 2 + 1 + 1 + BIG);
    assert_memory_equal(f->sink.got.at + 4, "\x70\x83" "a\x83", 4);
    /* No payload, no version byte of one. */
    assert_memory_equal(f->sink.got.at + f->sink.got.size - 7, "\0\0\0\3\x70\x83" "b", 7);
}

static void stops_at_its_budget(void **state) {
    struct fixture *f = *state;
    size_t written;
    for (int i = 0; i < 10; i++)
        put(f, f->one, 'b', BIG, NULL);
    assert_true(f->output.held >= 10 * BIG && f->output.held < 11 * BIG);
    assert_int_equal(output_write(&f->output, &f->sink.transport, 500000, &written), OUTPUT_BUDGET);
    assert_true(written >= 500000 && written < 1500000);
    assert_int_equal(write_all(f), OUTPUT_EMPTY);
    assert_int_equal(f->output.held, 0);
}

static void reports_errors(void **state) {
    struct fixture *f = *state;
    put(f, f->one, 'b', BIG, NULL);
    f->sink.error = EPIPE;
    assert_int_equal(write_all(f), OUTPUT_FAILED);
    assert_int_equal(errno, EPIPE);
    /* tear_down frees what is left in both lanes */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_a_turn_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_turns_write_from_the_same_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_each_senders_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sends_fragments_with_the_right_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resumes_where_it_was_blocked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_a_payload_for_many_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lets_go_of_what_was_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(does_not_fragment_without_the_flag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stops_at_its_budget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reports_errors, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
