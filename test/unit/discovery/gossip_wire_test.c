/* Heartbeats of libcluster, made by Erlang's term_to_binary and crypto (test/fuzz/corpus/gossip). */
#include "corpus.h"

#include "discovery/gossip_wire.h"

static struct gossip_key key_of(const char *secret) {
    struct gossip_key key;
    assert_int_equal(gossip_key_of(secret, &key), HM_OK);
    return key;
}

static bool reads(struct bytes data, const char *secret) {
    struct gossip_key key = key_of(secret ? secret : "");
    char name[DISCOVERY_NAME_BYTES];
    size_t size = 0;
    bool good = gossip_read(data, secret ? &key : NULL, name, &size);
    if (good) {
        assert_int_equal(size, 5);
        assert_memory_equal(name, "el@vm", 5);
    }
    return good;
}

static void expect(const char *file, const char *secret, bool good, bool foreign) {
    struct bytes data = corpus("gossip", file);
    if (reads(data, secret) != good || (!good && gossip_is_foreign(data, secret != NULL) != foreign))
        fail_msg("%s with %s", file, secret ? secret : "no secret");
    corpus_free(data);
}

static void recorded(void **state) {
    (void)state;
    expect("otp25", NULL, true, false);
    expect("otp27", NULL, true, false);
    expect("more_keys", NULL, true, false);
    expect("secret_otp25", "s3cret", true, false);
    expect("secret_otp27", "s3cret", true, false);
    /* of another cluster */
    expect("otp25", "s3cret", false, true);
    expect("secret_otp25", NULL, false, true);
    expect("secret_otp25", "another", false, true);
    /* of nobody */
    expect("no_map", NULL, false, false);
    expect("node_is_no_atom", NULL, false, false);
    expect("many_pairs", NULL, false, false);
    expect("cut", NULL, false, false);
    expect("secret_junk", "s3cret", false, false);
}

static void every_prefix(void **state) {
    (void)state;
    const char *files[] = {"otp25", "otp27", "more_keys", "secret_otp27"};
    for (size_t i = 0; i < 4; i++) {
        struct bytes data = corpus("gossip", files[i]);
        for (size_t size = 0; size < data.size; size++) {
            uint8_t *cut = malloc(size ? size : 1);
            memcpy(cut, data.at, size);
            assert_false(reads(bytes_of(cut, size), i == 3 ? "s3cret" : NULL));
            free(cut);
        }
        corpus_free(data);
    }
}

static void byte_for_byte(void **state) {
    struct bytes plain = corpus("gossip", "otp27"), secret = corpus("gossip", "secret_otp27");
    struct gossip_key key = key_of("s3cret");
    struct writer out;
    uint8_t iv[GOSSIP_BLOCK_BYTES];
    (void)state;
    for (uint8_t i = 0; i < sizeof iv; i++)
        iv[i] = (uint8_t)(i + 1);
    writer_init(&out, GOSSIP_MAX_BYTES);
    assert_int_equal(gossip_write(&out, bytes_of("el@vm", 5), NULL, NULL), HM_OK);
    assert_true(bytes_equal(bytes_of(out.at, out.size), plain));
    writer_reset(&out);
    assert_int_equal(gossip_write(&out, bytes_of("el@vm", 5), &key, iv), HM_OK);
    assert_true(bytes_equal(bytes_of(out.at, out.size), secret));
    writer_fini(&out);
    corpus_free(plain);
    corpus_free(secret);
}

/* From a name of one byte to the longest: the padding is another each time. */
static void every_length(void **state) {
    struct gossip_key key = key_of("x");
    char name[256], again[DISCOVERY_NAME_BYTES];
    const uint8_t iv[GOSSIP_BLOCK_BYTES] = {0};
    (void)state;
    memset(name, 'n', sizeof name);
    for (size_t size = 1; size <= 255; size++) {
        struct writer out;
        size_t again_size;
        writer_init(&out, GOSSIP_MAX_BYTES);
        assert_int_equal(gossip_write(&out, bytes_of(name, size), &key, iv), HM_OK);
        assert_true(gossip_read(bytes_of(out.at, out.size), &key, again, &again_size));
        assert_int_equal(again_size, size);
        writer_fini(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(byte_for_byte),
        cmocka_unit_test(every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
