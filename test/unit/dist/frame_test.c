#include "dist_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "dist/frame.h"
#include "support/golden.h"

static void check_golden(const struct golden *golden, void *context) {
    struct frame frame;
    bool header = !strstr(golden->path, "frame_pass_");
    if (strstr(golden->path, "frame_fragments") || strstr(golden->path, "frame_tick"))
        return;
    assert_int_equal(get_be32(golden->bytes), golden->size - 4);
    struct bytes body = bytes_of(golden->bytes + 4, golden->size - 4);
    assert_int_equal(frame_read(body, header, &frame), 0);
    assert_int_equal(frame.kind, FRAME_WHOLE);
    assert_int_equal(frame_read(body, !header, &frame), HM_EBADTERM);
    /* Our head before the same terms is the same. */
    uint8_t head[FRAME_WHOLE_HEAD];
    size_t size = frame_whole_head(head, header, golden->size - (header ? FRAME_WHOLE_HEAD : FRAME_PASS_HEAD));
    assert_memory_equal(head, golden->bytes, size);
    for (size_t cut = 0; cut < 4; cut++) {
        uint8_t *bytes = malloc(cut ? cut : 1);
        memcpy(bytes, body.at, cut);
        if (frame_read(bytes_of(bytes, cut), header, &frame) == 0)
            assert_true(cut > (header ? 3u : 1u));
        free(bytes);
    }
}

static void reads_golden_frames(void **state) {
    golden_each("frame_", ".bin", check_golden, NULL);
}

static void writes_what_it_reads(void **state) {
    uint8_t out[FRAME_FIRST_HEAD + 1] = {0};
    struct frame frame;
    assert_int_equal(frame_first_head(out, 7, 3, 1), FRAME_FIRST_HEAD);
    assert_int_equal(get_be32(out), FRAME_FIRST_HEAD - 4 + 1);
    assert_int_equal(frame_read(bytes_of(out + 4, FRAME_FIRST_HEAD - 4 + 1), true, &frame), 0);
    assert_int_equal(frame.kind, FRAME_FIRST);
    assert_int_equal(frame.sequence, 7);
    assert_int_equal(frame.fragment, 3);
    assert_int_equal(frame.rest.size, 1);
    assert_int_equal(frame_next_head(out, 8, 1, 0), FRAME_NEXT_HEAD);
    assert_int_equal(frame_read(bytes_of(out + 4, FRAME_NEXT_HEAD - 4), true, &frame), 0);
    assert_int_equal(frame.kind, FRAME_NEXT);
    assert_int_equal(frame.rest.size, 0);
}

static int read_text(const char *bytes, size_t size, bool header) {
    struct frame frame;
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    int error = frame_read(bytes_of(copy, size), header, &frame);
    free(copy);
    return error;
}

static void refuses_other_frames(void **state) {
    assert_int_equal(read_text("", 0, true), HM_EBADTERM);
    assert_int_equal(read_text("", 0, false), HM_EBADTERM);
    assert_int_equal(read_text("p", 1, false), HM_EBADTERM);
    assert_int_equal(read_text("px", 2, false), HM_EBADTERM);
    assert_int_equal(read_text("q\x83x", 3, false), HM_EBADTERM);
    assert_int_equal(read_text("\x83", 1, true), HM_EBADTERM);
    assert_int_equal(read_text("\x83\x44", 2, true), HM_EBADTERM);
    assert_int_equal(read_text("\x83\x44\0", 3, true), HM_EBADTERM);       /* no control tuple */
    assert_int_equal(read_text("\x83\x44\1\0\0h", 6, true), HM_EBADTERM);  /* atom cache */
    assert_int_equal(read_text("\x83\x43\0h", 4, true), HM_EBADTERM);
    assert_int_equal(read_text("\x83\x45\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0h", 20, true), HM_EBADTERM); /* sequence 0 */
    assert_int_equal(read_text("\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0h", 20, true), HM_EBADTERM); /* fragment 0 */
    assert_int_equal(read_text("\x83\x46\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 17, true), HM_EBADTERM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_golden_frames),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(refuses_other_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
