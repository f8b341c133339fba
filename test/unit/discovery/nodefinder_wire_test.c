/* Packets of nodefinder, made by Erlang's crypto (test/fuzz/corpus/nodefinder): cookie secret, second 1700000000. */
#include "corpus.h"

#include "discovery/nodefinder_wire.h"

enum { MADE = 1700000000 };

static enum nodefinder_verdict read_at(struct bytes data, int64_t now, struct nodefinder_packet *packet) {
    struct nodefinder_keys keys;
    assert_int_equal(nodefinder_keys_of("secret", &keys), HM_OK);
    return nodefinder_read(data, &keys, now, 300, packet);
}

static void expect(const char *file, enum nodefinder_verdict verdict, unsigned version, bool hidden) {
    struct bytes data = corpus("nodefinder", file);
    struct nodefinder_packet packet;
    enum nodefinder_verdict got = read_at(data, MADE + 10, &packet);
    if (got != verdict)
        fail_msg("%s: %d instead of %d", file, got, verdict);
    if (verdict == NODEFINDER_GOOD) {
        assert_int_equal(packet.version, version);
        assert_int_equal(packet.hidden, hidden);
        assert_int_equal(packet.seconds, MADE);
        assert_int_equal(packet.size, 5);
        assert_memory_equal(packet.name, "el@vm", 5);
    }
    corpus_free(data);
}

static void recorded(void **state) {
    (void)state;
    expect("v5", NODEFINDER_GOOD, 5, false);
    expect("v5_hidden", NODEFINDER_GOOD, 5, true);
    expect("v4", NODEFINDER_GOOD, 4, false);
    expect("v3", NODEFINDER_GOOD, 3, false);
    expect("v3_otp27", NODEFINDER_GOOD, 3, false);
    expect("v2", NODEFINDER_GOOD, 2, false);
    expect("v2_otp27", NODEFINDER_GOOD, 2, false);
    expect("v5_other_cookie", NODEFINDER_COOKIE, 0, false);
    expect("v5_late", NODEFINDER_EXPIRED, 0, false);
    expect("v5_far_future", NODEFINDER_EXPIRED, 0, false);
    expect("v5_cut", NODEFINDER_JUNK, 0, false);
    expect("v5_no_name", NODEFINDER_JUNK, 0, false);
    expect("old_discover", NODEFINDER_JUNK, 0, false);
}

/* -300 =< Now - Seconds < Timeout */
static void the_window_of_time(void **state) {
    struct bytes data = corpus("nodefinder", "v5");
    struct nodefinder_packet packet;
    (void)state;
    assert_int_equal(read_at(data, MADE - 301, &packet), NODEFINDER_EXPIRED);
    assert_int_equal(read_at(data, MADE - 300, &packet), NODEFINDER_GOOD);
    assert_int_equal(read_at(data, MADE + 299, &packet), NODEFINDER_GOOD);
    assert_int_equal(read_at(data, MADE + 300, &packet), NODEFINDER_EXPIRED);
    corpus_free(data);
}

static void nothing_that_is_signed_can_be_changed(void **state) {
    struct bytes data = corpus("nodefinder", "v5");
    struct nodefinder_packet packet;
    uint8_t copy[256];
    (void)state;
    const size_t connect = 20 + 32 + 1 + 8 + 1;
    for (size_t i = 0; i < data.size; i++) {
        memcpy(copy, data.at, data.size);
        copy[i] ^= 0x01;
        if (i != connect)
            assert_int_not_equal(read_at(bytes_of(copy, data.size), MADE, &packet), NODEFINDER_GOOD);
        assert_int_not_equal(read_at(bytes_of(data.at, i), MADE, &packet), NODEFINDER_GOOD);
    }
    corpus_free(data);
}

static void byte_for_byte(void **state) {
    struct bytes visible = corpus("nodefinder", "v5"), hidden = corpus("nodefinder", "v5_hidden");
    struct nodefinder_keys keys;
    struct writer out;
    (void)state;
    assert_int_equal(nodefinder_keys_of("secret", &keys), HM_OK);
    writer_init(&out, NODEFINDER_MAX_BYTES);
    assert_int_equal(nodefinder_write(&out, bytes_of("el@vm", 5), false, &keys, MADE), HM_OK);
    assert_true(bytes_equal(bytes_of(out.at, out.size), visible));
    writer_reset(&out);
    assert_int_equal(nodefinder_write(&out, bytes_of("el@vm", 5), true, &keys, MADE), HM_OK);
    assert_true(bytes_equal(bytes_of(out.at, out.size), hidden));
    writer_fini(&out);
    corpus_free(visible);
    corpus_free(hidden);
}

static void cookies(void **state) {
    struct nodefinder_keys keys;
    char cookie[300];
    (void)state;
    memset(cookie, 'c', sizeof cookie);
    cookie[255] = '\0';
    assert_int_equal(nodefinder_keys_of(cookie, &keys), HM_OK);
    cookie[255] = 'c';
    cookie[256] = '\0';
    assert_int_equal(nodefinder_keys_of(cookie, &keys), HM_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded),
        cmocka_unit_test(the_window_of_time),
        cmocka_unit_test(nothing_that_is_signed_can_be_changed),
        cmocka_unit_test(byte_for_byte),
        cmocka_unit_test(cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
