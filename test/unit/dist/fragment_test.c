#include "dist_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "dist/fragment.h"
#include "etf/check.h"
#include "support/golden.h"

static void free_message(struct fragments_message *message) {
    block_release(message->payload);
    free((void *)(uintptr_t)message->control.at);
}

static void check_golden(const struct golden *golden, void *context) {
    struct fragments fragments;
    struct fragments_message message;
    size_t at = 0;
    int result = 0, count = 0;
    fragments_init(&fragments, 2, 1 << 20);
    while (at < golden->size) {
        struct frame frame;
        size_t size = get_be32(golden->bytes + at), control_size = 0;
        assert_int_equal(result, 0);
        assert_int_equal(frame_read(bytes_of(golden->bytes + at + 4, size), true, &frame), 0);
        if (frame.kind == FRAME_FIRST)
            assert_int_equal(check_term(frame.rest, NULL, &control_size), 0);
        result = fragments_add(&fragments, &frame, control_size, &message);
        at += 4 + size;
        count++;
    }
    assert_int_equal(result, 1);
    assert_int_equal(count, 2);
    size_t size;
    assert_int_equal(check_term(block_bytes(message.payload), NULL, &size), 0);
    assert_int_equal(size, message.payload->size);
    const void *bytes;
    assert_true(hm_get_binary((hm_term){message.payload->at, size}, &bytes, &size));
    assert_int_equal(size, 16 * 4200);
    free_message(&message);
    assert_int_equal(fragments.held_bytes, 0);
    assert_int_equal(fragments.count, 0);
    fragments_fini(&fragments);
}

static void puts_golden_fragments_together(void **state) {
    golden_each("frame_fragments", ".bin", check_golden, NULL);
}

static int add(struct fragments *fragments, uint64_t sequence, uint64_t fragment, bool first, const char *text,
               struct fragments_message *message) {
    struct frame frame = {.kind = first ? FRAME_FIRST : FRAME_NEXT, .sequence = sequence, .fragment = fragment, .rest = bytes_of(text, strlen(text))};
    return fragments_add(fragments, &frame, first ? 2 : 0, message);
}

static void expect(struct fragments_message *message, const char *control, const char *payload) {
    assert_int_equal(message->control.size, strlen(control));
    assert_memory_equal(message->control.at, control, strlen(control));
    assert_int_equal(message->payload->size, strlen(payload));
    assert_memory_equal(message->payload->at, payload, strlen(payload));
    free_message(message);
}

static void takes_sequences_in_turns(void **state) {
    struct fragments f;
    struct fragments_message m;
    fragments_init(&f, 3, 1000);
    assert_int_equal(add(&f, 10, 3, true, "aaone", &m), 0);
    assert_int_equal(add(&f, 11, 2, true, "bb", &m), 0);
    assert_int_equal(add(&f, 12, 1, true, "ccalone", &m), 1);
    expect(&m, "cc", "alone");
    assert_int_equal(add(&f, 10, 2, false, "two", &m), 0);
    assert_int_equal(add(&f, 11, 1, false, "x", &m), 1);
    expect(&m, "bb", "x");
    assert_int_equal(add(&f, 10, 1, false, "", &m), 1);
    expect(&m, "aa", "onetwo");
    /* The number is free again. */
    assert_int_equal(add(&f, 10, 1, true, "dd", &m), 1);
    expect(&m, "dd", "");
    assert_int_equal(f.held_bytes, 0);
    fragments_fini(&f);
}

static void refuses_what_is_out_of_order(void **state) {
    struct fragments f;
    struct fragments_message m;
    fragments_init(&f, 3, 1000);
    assert_int_equal(add(&f, 1, 1, false, "x", &m), HM_EBADTERM);
    assert_int_equal(add(&f, 1, 3, true, "aax", &m), 0);
    assert_int_equal(add(&f, 1, 3, true, "aax", &m), HM_EBADTERM);
    assert_int_equal(add(&f, 1, 1, false, "x", &m), HM_EBADTERM);
    assert_int_equal(add(&f, 1, 3, false, "x", &m), HM_EBADTERM);
    assert_int_equal(add(&f, 2, 3, true, "a", &m), HM_EBADTERM); /* shorter than its control tuple */
    fragments_fini(&f);
}

static void keeps_to_its_limits(void **state) {
    struct fragments f;
    struct fragments_message m;
    fragments_init(&f, 2, 12);
    assert_int_equal(add(&f, 1, UINT64_MAX, true, "aa1234", &m), 0);
    assert_int_equal(add(&f, 2, 9, true, "bb", &m), 0);
    assert_int_equal(add(&f, 3, 3, true, "ccx", &m), 1);
    assert_null(m.payload);
    assert_int_equal(m.why, LEFT_OUT_COUNT);
    free_message(&m);
    assert_int_equal(add(&f, 2, 8, false, "1234", &m), 0);
    assert_int_equal(add(&f, 3, 2, false, "more than all others together", &m), 0);
    assert_int_equal(add(&f, 3, 1, false, "", &m), 0);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.left_out, 0);
    fragments_fini(&f);
    assert_int_equal(f.held_bytes, 0);
}

static void expect_left_out(struct fragments_message *message, const char *control, const char *head, uint64_t size, enum left_out_why why) {
    assert_null(message->payload);
    assert_int_equal(message->why, why);
    assert_int_equal(message->size, size);
    assert_int_equal(message->control.size, strlen(control));
    assert_memory_equal(message->control.at, control, strlen(control));
    assert_int_equal(message->head_size, strlen(head));
    assert_memory_equal(message->head, head, strlen(head));
    free_message(message);
}

/* What was collected goes at once, the rest as it comes; the others go on, and the number is free again behind the last piece. */
static void leaves_out_what_is_too_large(void **state) {
    struct fragments f;
    struct fragments_message m;
    fragments_init(&f, 3, 12);
    assert_int_equal(add(&f, 1, 4, true, "aa123", &m), 0);
    assert_int_equal(add(&f, 2, 2, true, "bb45", &m), 0);
    assert_int_equal(add(&f, 1, 3, false, "6789", &m), 1);
    expect_left_out(&m, "aa", "1236789", 3 + 3 * 4, LEFT_OUT_MESSAGE);
    assert_int_equal(f.held_bytes, 4);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.left_out, 1);
    assert_int_equal(add(&f, 1, 2, false, "long as it may be", &m), 0);
    assert_int_equal(add(&f, 2, 1, false, "67", &m), 1);
    expect(&m, "bb", "4567");
    assert_int_equal(add(&f, 1, 2, false, "x", &m), HM_EBADTERM); /* in order, as ever */
    assert_int_equal(add(&f, 1, 1, false, "x", &m), 0);
    assert_int_equal(f.count, 0);
    assert_int_equal(f.left_out, 0);
    assert_int_equal(f.held_bytes, 0);
    assert_int_equal(add(&f, 1, 1, false, "x", &m), HM_EBADTERM);
    /* The first piece, and the only one. */
    assert_int_equal(add(&f, 1, UINT64_MAX, true, "aa12345678901", &m), 1);
    expect_left_out(&m, "aa", "12345678901", UINT64_MAX, LEFT_OUT_MESSAGE);
    assert_int_equal(add(&f, 2, 1, true, "bb12345678901", &m), 1);
    expect_left_out(&m, "bb", "12345678901", 11, LEFT_OUT_MESSAGE);
    assert_int_equal(f.count, 0);
    assert_int_equal(f.left_out, 1);
    fragments_fini(&f);
    assert_int_equal(f.held_bytes, 0);
}

/* Their numbers are remembered, and there is an end to that. */
static void remembers_only_so_many(void **state) {
    struct fragments f;
    struct fragments_message m;
    fragments_init(&f, 1, 4);
    assert_int_equal(add(&f, UINT64_MAX, 2, true, "aa", &m), 0);
    for (uint64_t id = 1; id <= FRAGMENTS_REMEMBERED; id++) {
        assert_int_equal(add(&f, id, 2, true, "bb", &m), 1);
        free_message(&m);
    }
    assert_int_equal(f.left_out, FRAGMENTS_REMEMBERED);
    assert_int_equal(add(&f, FRAGMENTS_REMEMBERED + 1, 2, true, "bb", &m), HM_ELIMIT);
    for (uint64_t id = 1; id <= FRAGMENTS_REMEMBERED; id++)
        assert_int_equal(add(&f, id, 1, false, "x", &m), 0);
    assert_int_equal(f.left_out, 0);
    assert_int_equal(add(&f, UINT64_MAX, 1, false, "c", &m), 1);
    expect(&m, "aa", "c");
    fragments_fini(&f);
}

/* Of a frame that is not kept there is the head. */
static void leaves_out_what_was_cut(void **state) {
    struct frame first = {.kind = FRAME_FIRST, .sequence = 1, .fragment = 3, .rest = bytes_of("aahead", 6), .cut = 1000};
    struct frame next = {.kind = FRAME_NEXT, .sequence = 2, .fragment = 1, .rest = bytes_of("more", 4), .cut = 2000};
    struct fragments f;
    struct fragments_message m;
    fragments_init(&f, 3, 1000);
    assert_int_equal(fragments_add(&f, &first, 2, &m), 1);
    expect_left_out(&m, "aa", "head", 3000, LEFT_OUT_FRAME);
    assert_int_equal(add(&f, 2, 2, true, "bbone", &m), 0);
    assert_int_equal(fragments_add(&f, &next, 0, &m), 1);
    expect_left_out(&m, "bb", "onemore", 2003, LEFT_OUT_FRAME);
    assert_int_equal(add(&f, 1, 2, false, "x", &m), 0);
    next.sequence = 1;
    assert_int_equal(fragments_add(&f, &next, 0, &m), 0);
    assert_int_equal(f.count, 0);
    fragments_fini(&f);
}

/* No more of it is kept than an answer needs. */
static void keeps_a_short_head(void **state) {
    static char piece[10003];
    struct fragments f;
    struct fragments_message m;
    memset(piece, 'x', sizeof piece - 1);
    fragments_init(&f, 1, 15000);
    assert_int_equal(add(&f, 1, 2, true, piece, &m), 0);
    assert_int_equal(add(&f, 1, 1, false, piece, &m), 1);
    assert_int_equal(m.head_size, LEFT_OUT_HEAD);
    assert_int_equal(m.size, 20002);
    free_message(&m);
    fragments_fini(&f);
}

/* What was announced costs nothing, what arrived no more than twice its size. */
static void holds_no_more_than_has_come(void **state) {
    struct fragments f;
    struct fragments_message m;
    fragments_init(&f, 2, 1ull << 40);
    char piece[1002];
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    assert_int_equal(add(&f, 1, 1ull << 60, true, piece, &m), 0);
    for (uint64_t i = 1; i < 100; i++)
        assert_int_equal(add(&f, 1, (1ull << 60) - i, false, piece, &m), 0);
    assert_int_equal(f.held_bytes, 100 * 1001);
    fragments_fini(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_golden_fragments_together),
        cmocka_unit_test(takes_sequences_in_turns),
        cmocka_unit_test(refuses_what_is_out_of_order),
        cmocka_unit_test(keeps_to_its_limits),
        cmocka_unit_test(leaves_out_what_is_too_large),
        cmocka_unit_test(remembers_only_so_many),
        cmocka_unit_test(leaves_out_what_was_cut),
        cmocka_unit_test(keeps_a_short_head),
        cmocka_unit_test(holds_no_more_than_has_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
