#include "dist_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "dist/epmd_wire.h"
#include "support/golden.h"

static void check_golden(const struct golden *golden, void *context) {
    struct bytes all = bytes_of(golden->bytes, golden->size), rest, name;
    uint8_t result = 9;
    uint32_t creation = 0;
    uint16_t port = 0;
    if (strstr(golden->path, "alive_reply")) {
        for (size_t size = 0; size < all.size; size++)
            assert_int_equal(epmd_read_alive(bytes_of(all.at, size), &result, &creation), 0);
        assert_int_equal(epmd_read_alive(all, &result, &creation), 1);
        assert_int_equal(result, 0);
        assert_true(creation > 3);
    } else if (strstr(golden->path, "alive_taken")) {
        assert_int_equal(epmd_read_alive(all, &result, &creation), 1);
        assert_int_equal(result, 1);
    } else if (strstr(golden->path, "port_reply")) {
        for (size_t size = 0; size < 4; size++)
            assert_int_equal(epmd_read_port(bytes_of(all.at, size), &port), 0);
        assert_int_equal(epmd_read_port(all, &port), 1);
        assert_true(port > 0);
    } else if (strstr(golden->path, "port_unknown")) {
        assert_int_equal(epmd_read_port(all, &port), HM_ENOENT);
    } else if (strstr(golden->path, "names_reply")) {
        assert_int_equal(epmd_names_begin(all, &rest), 0);
        assert_int_equal(epmd_names_next(&rest, &name, &port), 1);
        assert_int_equal(name.size, 6);
        assert_memory_equal(name.at, "golden", 6);
        assert_true(port > 0);
        assert_int_equal(epmd_names_next(&rest, &name, &port), 0);
    }
}

static void reads_golden_answers(void **state) {
    assert_true(golden_each("epmd_", ".bin", check_golden, NULL) >= 8);
}

static void writes_requests(void **state) {
    struct writer out;
    writer_init(&out, 100);
    epmd_write_alive(&out, bytes_of("n", 1), 0x1234, false);
    assert_int_equal(out.size, 16);
    assert_memory_equal(out.at, "\0\x0e\x78\x12\x34\x4d\0\0\6\0\6\0\1n\0\0", 16);
    writer_reset(&out);
    epmd_write_port_please(&out, bytes_of("abc", 3));
    assert_memory_equal(out.at, "\0\4\x7a" "abc", 6);
    writer_reset(&out);
    epmd_write_names(&out);
    assert_memory_equal(out.at, "\0\1n", 3);
    writer_fini(&out);
}

static int next_name(const char *lines, struct bytes *name, uint16_t *port) {
    struct bytes rest = bytes_of(lines, strlen(lines));
    return epmd_names_next(&rest, name, port);
}

static void reads_names_with_care(void **state) {
    struct bytes name, rest;
    uint16_t port;
    assert_int_equal(next_name("name a at port 7 at port 65535\n", &name, &port), 1);
    assert_memory_equal(name.at, "a at port 7", name.size);
    assert_int_equal(port, 65535);
    static const char *const bad[] = {"name a at port 65536\n", "name a at port \n", "name a at port 1", "x\n", "\n",
                                      "name at port 1\n", "name a at port 123456\n", "nam", "name a at porT 1\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(next_name(bad[i], &name, &port), HM_EEPMD);
    assert_int_equal(epmd_names_begin(bytes_of("abc", 3), &rest), HM_EEPMD);
    assert_int_equal(epmd_names_begin(bytes_of("\0\0\x11\x11", 4), &rest), 0);
    assert_int_equal(epmd_names_next(&rest, &name, &port), 0);
}

static void refuses_other_answers(void **state) {
    uint8_t result;
    uint32_t creation;
    uint16_t port;
    assert_int_equal(epmd_read_alive(bytes_of("HTTP/1.1", 8), &result, &creation), HM_EEPMD);
    assert_int_equal(epmd_read_port(bytes_of("HTTP/1.1", 8), &port), HM_EEPMD);
    /* An epmd that knows 16-bit creations only. */
    assert_int_equal(epmd_read_alive(bytes_of("\x79\0\0\2", 4), &result, &creation), 1);
    assert_int_equal(creation, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_golden_answers),
        cmocka_unit_test(writes_requests),
        cmocka_unit_test(reads_names_with_care),
        cmocka_unit_test(refuses_other_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
