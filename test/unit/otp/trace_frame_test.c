#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hermod/error.h>

#include "otp/trace_frame.h"

static int64_t next(const char *bytes, size_t size, struct trace_frame *frame, size_t *wanted) {
    return trace_frame_read(bytes_of(bytes, size), 1000, frame, wanted);
}

static void frames(void **state) {
    (void)state;
    struct trace_frame frame;
    size_t wanted;
    static const char message[] = "\0\0\0\0\3\203j.\1\0\0\1\2";
    for (size_t size = 0; size < 5; size++) {
        assert_int_equal(next(message, size, &frame, &wanted), 0);
        assert_int_equal(wanted, 5);
    }
    for (size_t size = 5; size < 8; size++) {
        assert_int_equal(next(message, size, &frame, &wanted), 0);
        assert_int_equal(wanted, 8);
    }
    assert_int_equal(next(message, sizeof message - 1, &frame, &wanted), 8);
    assert_int_equal(frame.kind, TRACE_FRAME_MESSAGE);
    assert_int_equal(frame.message.size, 3);
    assert_ptr_equal(frame.message.at, message + 5);
    assert_int_equal(next(message + 8, 5, &frame, &wanted), 5);
    assert_int_equal(frame.kind, TRACE_FRAME_DROPPED);
    assert_int_equal(frame.dropped, 0x102);
    assert_int_equal(next("\0\0\0\0\0", 5, &frame, &wanted), 5); /* an empty one is a frame, and no term */
    assert_int_equal(frame.message.size, 0);
}

static void no_frames(void **state) {
    (void)state;
    struct trace_frame frame;
    size_t wanted;
    assert_int_equal(next("\2", 1, &frame, &wanted), HM_EBADTERM); /* at once: nothing may follow */
    assert_int_equal(next("HTTP/1.1 400", 12, &frame, &wanted), HM_EBADTERM);
    assert_int_equal(next("\0\0\0\3\351", 5, &frame, &wanted), HM_ELIMIT);
    assert_int_equal(next("\0\0\0\3\350", 5, &frame, &wanted), 0); /* 1000 */
    assert_int_equal(next("\0\377\377\377\377", 5, &frame, &wanted), HM_ELIMIT);
    assert_int_equal(trace_frame_read(bytes_of("\0\377\377\377\377", 5), UINT32_MAX, &frame, &wanted), 0);
    assert_true(wanted == 5 + (size_t)UINT32_MAX);
}

static void both_ways(void **state) {
    (void)state;
    uint8_t header[TRACE_FRAME_HEADER];
    struct trace_frame frame;
    size_t wanted;
    trace_frame_put_header(header, TRACE_FRAME_DROPPED, 0xfedcba98);
    assert_int_equal(trace_frame_read(bytes_of(header, sizeof header), 0, &frame, &wanted), 5);
    assert_true(frame.dropped == 0xfedcba98);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(no_frames),
        cmocka_unit_test(both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
