#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"

static void a_reader_cannot_leave_its_range(void **state) {
    (void)state;
    const uint8_t raw[] = {1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 'a', 'b'};
    struct reader r = reader_of(bytes_of(raw, sizeof raw));
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16(&r), 2);
    assert_int_equal(reader_u32(&r), 3);
    assert_int_equal(reader_u64(&r), 4);
    struct bytes tail = reader_bytes(&r, 2);
    assert_memory_equal(tail.at, "ab", 2);
    assert_false(r.failed);
    assert_int_equal(reader_u8(&r), 0);
    assert_true(r.failed);
    assert_int_equal(reader_rest(&r).size, 0); /* failed for good */
}

static void a_failed_read_takes_nothing_even_when_some_is_left(void **state) {
    (void)state;
    const uint8_t raw[] = {9, 9, 9};
    struct reader r = reader_of(bytes_of(raw, sizeof raw));
    assert_int_equal(reader_u32(&r), 0);
    assert_int_equal(reader_u8(&r), 0);
    assert_true(r.failed);
}

static void a_writer_grows_to_its_cap_and_no_further(void **state) {
    (void)state;
    struct writer w;
    writer_init(&w, 100);
    for (int i = 0; i < 25; i++)
        writer_u32(&w, (uint32_t)i);
    assert_int_equal(w.error, HM_OK);
    assert_int_equal(w.size, 100);
    writer_u8(&w, 1);
    assert_int_equal(w.error, HM_ELIMIT);
    writer_put(&w, "", 0);
    assert_null(writer_reserve(&w, 0)); /* the error sticks */
    writer_reset(&w);
    writer_u64(&w, 0x0102030405060708ull);
    writer_u16(&w, 0x0a0b);
    assert_int_equal(w.error, HM_OK);
    assert_memory_equal(w.at, "\1\2\3\4\5\6\7\10\12\13", 10);
    assert_null(writer_reserve(&w, SIZE_MAX));
    assert_int_equal(w.error, HM_ELIMIT);
    writer_fini(&w);
}

static void blocks_live_as_long_as_somebody_holds_them(void **state) {
    (void)state;
    struct block *block = block_copy(bytes_of("hello", 5));
    assert_non_null(block);
    assert_ptr_equal(block_hold(block), block);
    block_release(block);
    assert_true(bytes_equal(block_bytes(block), bytes_of("hello", 5)));
    block_release(block);
    block_release(NULL);
    assert_null(block_new(SIZE_MAX));
}

/* Each byte counts, wherever it stands, and none beside the text does. */
static void one_byte_that_is_not_ascii_is_found(void **state) {
    (void)state;
    uint8_t room[42];
    for (size_t size = 0; size <= 40; size++) {
        memset(room, 0xFF, sizeof room);
        memset(room + 1, 0x7F, size);
        struct bytes text = bytes_of(room + 1, size);
        assert_true(bytes_are_ascii(text));
        for (size_t i = 1; i <= size; i++) {
            room[i] = 0x80;
            assert_false(bytes_are_ascii(text));
            room[i] = 0x7F;
        }
    }
}

static void a_block_takes_what_was_written(void **state) {
    (void)state;
    struct writer w;
    writer_init(&w, 100);
    for (int i = 0; i < 20; i++) /* with room left, and without */
        writer_put(&w, "0123456789", i < 3 ? 10 : 2);
    const size_t size = w.size;
    struct block *block = block_of_writer(&w);
    assert_non_null(block);
    assert_int_equal(block->size, size);
    assert_memory_equal(block->at, "012345678901234567890123456789010101", 36);
    assert_int_equal(w.size, 0);
    writer_u8(&w, 7); /* in memory of its own */
    assert_int_equal(block->at[0], '0');
    block_release(block);
    assert_int_equal(w.at[0], 7);
    writer_fini(&w);
}

static void a_block_grows_and_shrinks(void **state) {
    (void)state;
    struct block *block = block_copy(bytes_of("hello", 5));
    block = block_resize(block, 100000);
    assert_non_null(block);
    memset(block->at + 5, 'x', 100000 - 5);
    block = block_resize(block, 7);
    assert_non_null(block);
    assert_true(bytes_equal(block_bytes(block), bytes_of("helloxx", 7)));
    assert_null(block_resize(block, SIZE_MAX));
    block_release(block);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_cannot_leave_its_range),
        cmocka_unit_test(a_failed_read_takes_nothing_even_when_some_is_left),
        cmocka_unit_test(a_writer_grows_to_its_cap_and_no_further),
        cmocka_unit_test(one_byte_that_is_not_ascii_is_found),
        cmocka_unit_test(blocks_live_as_long_as_somebody_holds_them),
        cmocka_unit_test(a_block_takes_what_was_written),
        cmocka_unit_test(a_block_grows_and_shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
