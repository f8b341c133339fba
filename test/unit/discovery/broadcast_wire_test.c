/* The datagrams of distributed_hello_world, as OTP 25 and OTP 27 write them. */
#include "discovery_fixture.h"

#include "discovery/broadcast_wire.h"

/* "node::" <> :erlang.term_to_binary(:"el@vm"), recorded from OTP 25; and of OTP 27. */
static const uint8_t otp25[] = {110, 111, 100, 101, 58, 58, 131, 100, 0, 5, 101, 108, 64, 118, 109};
static const uint8_t otp27[] = {110, 111, 100, 101, 58, 58, 131, 119, 5, 101, 108, 64, 118, 109};

static void expect(struct bytes data, const char *wanted) {
    char name[DISCOVERY_NAME_BYTES];
    size_t size = 0;
    assert_true(broadcast_read(data, name, &size));
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(name, wanted, size);
}

static void both_encodings(void **state) {
    const uint8_t latin1[] = "node::\x83\x64\x00\x03\xe4@h", small[] = "node::\x83\x73\x03\xe4@h";
    (void)state;
    expect(bytes_of(otp25, sizeof otp25), "el@vm");
    expect(bytes_of(otp27, sizeof otp27), "el@vm");
    expect(bytes_of(latin1, sizeof latin1 - 1), "\xc3\xa4@h");
    expect(bytes_of(small, sizeof small - 1), "\xc3\xa4@h");
}

static void what_goes_out(void **state) {
    struct writer out;
    char name[400];
    (void)state;
    writer_init(&out, 2048);
    broadcast_write(&out, bytes_of("el@vm", 5));
    assert_int_equal(out.size, sizeof otp27);
    assert_memory_equal(out.at, otp27, sizeof otp27);
    /* 255 characters need more than one byte of length when they are no ASCII. */
    writer_reset(&out);
    for (size_t i = 0; i < 300; i += 2)
        memcpy(name + i, "\xc3\xa4", 2);
    memcpy(name + 300, "@h", 3);
    broadcast_write(&out, bytes_of(name, 302));
    assert_int_equal(out.error, 0);
    expect(bytes_of(out.at, out.size), name);
    writer_fini(&out);
}

static void every_prefix_and_every_flipped_byte(void **state) {
    char name[DISCOVERY_NAME_BYTES];
    uint8_t copy[sizeof otp27];
    size_t size;
    (void)state;
    for (size_t i = 0; i < sizeof otp25; i++)
        assert_false(broadcast_read(bytes_of(otp25, i), name, &size));
    for (size_t i = 0; i < 9; i++) {
        memcpy(copy, otp27, sizeof copy);
        copy[i] ^= 0xff;
        assert_false(broadcast_read(bytes_of(copy, sizeof copy), name, &size));
    }
    const uint8_t more[] = "node::\x83\x77\x01\x61x", bad_utf8[] = "node::\x83\x77\x01\xff";
    assert_false(broadcast_read(bytes_of(more, sizeof more - 1), name, &size));
    assert_false(broadcast_read(bytes_of(bad_utf8, sizeof bad_utf8 - 1), name, &size));
}

static void names(void **state) {
    char text[300];
    (void)state;
    const char *good[] = {"a@h", "a@10.0.0.1", "a@fd00::1", "\xc3\xa4@h", "a-b_c@d.e"};
    const char *bad[] = {"", "@", "a", "a@", "@h", "a@h@i", "a @h", "a\n@h", "a@h\x1b[2J", "a\xff@h", "a\xe2\x80\xae@h"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(discovery_is_name(bytes_of(good[i], strlen(good[i]))));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(discovery_is_name(bytes_of(bad[i], strlen(bad[i]))));
    memset(text, 'x', sizeof text);
    text[100] = '@';
    assert_true(discovery_is_name(bytes_of(text, 255)));
    assert_false(discovery_is_name(bytes_of(text, 256)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_encodings), cmocka_unit_test(what_goes_out),
        cmocka_unit_test(every_prefix_and_every_flipped_byte), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
