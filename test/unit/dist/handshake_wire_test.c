#include "dist_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "dist/handshake_wire.h"
#include "support/golden.h"

static struct writer out;

static int set_up(void **state) {
    writer_init(&out, 4096);
    return 0;
}

static int tear_down(void **state) {
    writer_fini(&out);
    return 0;
}

static struct bytes body_of(const struct golden *golden) {
    assert_int_equal(get_be16(golden->bytes), golden->size - 2);
    return bytes_of(golden->bytes + 2, golden->size - 2);
}

static bool is(const struct golden *golden, const char *name) {
    const char *file = strrchr(golden->path, '/') + 1 + strlen("handshake_");
    return strncmp(file, name, strlen(name)) == 0 && strcmp(file + strlen(name), ".bin") == 0;
}

/* The names, cookie and challenges are those of test/golden/frames.py. */
static void check_golden(const struct golden *golden, void *context) {
    struct bytes body = body_of(golden), text = {NULL, 0};
    struct handshake_name name;
    struct handshake_challenge challenge;
    struct handshake_reply reply;
    struct handshake_ack ack;
    enum handshake_status status;
    uint32_t creation = 0;
    uint8_t digest[HANDSHAKE_DIGEST];
    /* OTP 28 added ALTACT_SIG, OTP 29 NATIVE_RECORDS */
    uint64_t flags = strstr(golden->path, "/otp29/") ? 0x6d07df7fbd : 0xd07df7fbd;
    writer_reset(&out);
    if (is(golden, "name")) {
        assert_int_equal(handshake_read_name(body, &name), 0);
        assert_memory_equal(name.name.at, "golden@localhost", name.name.size);
        assert_false(name.old);
        assert_true(name.flags == flags);
        handshake_write_name(&out, &name);
    } else if (is(golden, "challenge")) {
        assert_int_equal(handshake_read_challenge(body, &challenge), 0);
        assert_memory_equal(challenge.name.at, "golden@localhost", challenge.name.size);
        assert_true(challenge.flags == flags);
        handshake_write_challenge(&out, &challenge);
    } else if (is(golden, "challenge_reply")) {
        assert_int_equal(handshake_read_reply(body, &reply), 0);
        handshake_digest("golden", 3000000000u, digest); /* above 2^31: printed unsigned */
        assert_true(handshake_digest_equal(digest, reply.digest));
        handshake_write_reply(&out, &reply);
    } else if (is(golden, "challenge_ack")) {
        assert_int_equal(handshake_read_ack(body, &ack), 0);
        handshake_digest("golden", 4000000000u, digest);
        assert_true(handshake_digest_equal(digest, ack.digest));
        digest[15] ^= 1;
        assert_false(handshake_digest_equal(digest, ack.digest));
        handshake_write_ack(&out, &ack);
    } else {
        assert_int_equal(handshake_read_status(body, &status, &text, &creation), 0);
        assert_true(status == (is(golden, "status_ok")      ? STATUS_OK
                               : is(golden, "status_alive") ? STATUS_ALIVE
                               : is(golden, "status_named") ? STATUS_NAMED
                                                            : STATUS_NOT_ALLOWED));
        handshake_write_status(&out, status, text, creation);
    }
    assert_int_equal(out.size, golden->size);
    assert_memory_equal(out.at, golden->bytes, out.size);
}

static void agrees_with_golden_messages(void **state) {
    assert_true(golden_each("handshake_", ".bin", check_golden, NULL) >= 16);
}

/* Shortened at every place, in a block of its own: refused, and nothing read behind the end. */
static void cut_golden(const struct golden *golden, void *context) {
    struct bytes body = body_of(golden), text;
    for (size_t size = 0; size < body.size; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        struct handshake_name name;
        struct handshake_challenge challenge;
        struct handshake_complement complement;
        struct handshake_reply reply;
        struct handshake_ack ack;
        enum handshake_status status;
        uint32_t creation;
        memcpy(copy, body.at, size);
        struct bytes cut = bytes_of(copy, size);
        assert_int_equal(handshake_read_name(cut, &name), HM_EBADTERM);
        assert_int_equal(handshake_read_reply(cut, &reply), HM_EBADTERM);
        assert_int_equal(handshake_read_ack(cut, &ack), HM_EBADTERM);
        assert_int_equal(handshake_read_complement(cut, &complement), HM_EBADTERM);
        handshake_read_challenge(cut, &challenge);
        if (handshake_read_status(cut, &status, &text, &creation) == 0)
            assert_true(strstr(golden->path, "status") != NULL);
        free(copy);
    }
}

static void refuses_shortened_messages(void **state) {
    golden_each("handshake_", ".bin", cut_golden, NULL);
}

static void reads_old_names_and_complements(void **state) {
    struct handshake_name name, written = {true, 0x7499c, 0, bytes_of("old@host", 8)};
    struct handshake_complement complement, high = {0xd, 77};
    handshake_write_name(&out, &written);
    assert_int_equal(handshake_read_name(bytes_of(out.at + 2, out.size - 2), &name), 0);
    assert_true(name.old && name.flags == 0x7499c);
    assert_int_equal(name.name.size, 8);
    out.at[4] = 6; /* version 6 has no such message */
    assert_int_equal(handshake_read_name(bytes_of(out.at + 2, out.size - 2), &name), HM_EBADTERM);
    writer_reset(&out);
    handshake_write_complement(&out, &high);
    assert_int_equal(handshake_read_complement(bytes_of(out.at + 2, out.size - 2), &complement), 0);
    assert_int_equal(complement.flags_high, 0xd);
    assert_int_equal(complement.creation, 77);
}

/* "Bytes after the name must be ignored": later versions put something there. */
static void ignores_what_follows_a_name(void **state) {
    struct handshake_name name, written = {false, 5, 9, bytes_of("new@host", 8)};
    handshake_write_name(&out, &written);
    writer_put(&out, "more", 4);
    assert_int_equal(handshake_read_name(bytes_of(out.at + 2, out.size - 2), &name), 0);
    assert_int_equal(name.name.size, 8);
}

static void judges_names(void **state) {
    static const char *const good[] = {"a@b", "a-b_c@host.example.com", "x@::1"};
    static const char *const bad[] = {"", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a\n@b", "a@b\x7f"};
    char text[600];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(handshake_name_valid(bytes_of(good[i], strlen(good[i]))));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(handshake_name_valid(bytes_of(bad[i], strlen(bad[i]))));
    memset(text, 'a', sizeof text);
    text[1] = '@';
    assert_true(handshake_name_valid(bytes_of(text, 255)));
    assert_false(handshake_name_valid(bytes_of(text, 256)));
    assert_true(handshake_host_valid(bytes_of("host", 4)));
    assert_false(handshake_host_valid(bytes_of("a@host", 6)));
    assert_false(handshake_host_valid(bytes_of("", 0)));
}

static void converts_latin1_names(void **state) {
    char utf8[16], latin1[16];
    size_t size = handshake_name_utf8(bytes_of("\xe9@h", 3), utf8, sizeof utf8);
    assert_int_equal(size, 4);
    assert_memory_equal(utf8, "\xc3\xa9@h", 4);
    assert_int_equal(handshake_name_latin1(bytes_of(utf8, size), latin1, sizeof latin1), 3);
    assert_memory_equal(latin1, "\xe9@h", 3);
    assert_int_equal(handshake_name_latin1(bytes_of("\xe6\x97\xa5@h", 5), latin1, sizeof latin1), 0);
    assert_int_equal(handshake_name_latin1(bytes_of("a@h\xc3", 4), latin1, sizeof latin1), 0);
    assert_int_equal(handshake_name_utf8(bytes_of("abc", 3), utf8, 2), 0);
    assert_int_equal(handshake_name_latin1(bytes_of("abc", 3), latin1, 2), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(agrees_with_golden_messages, set_up, tear_down),
        cmocka_unit_test(refuses_shortened_messages),
        cmocka_unit_test_setup_teardown(reads_old_names_and_complements, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ignores_what_follows_a_name, set_up, tear_down),
        cmocka_unit_test(judges_names),
        cmocka_unit_test(converts_latin1_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
