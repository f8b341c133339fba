/* DNS: what is asked, and answers that CoreDNS and BIND would give; made by hand from RFC 1035 and 2782, as the names say. */
#include "corpus.h"

#include "discovery/dns_wire.h"

static void note_each(void *arg, const char *text) {
    strcat(arg, text);
    strcat(arg, " ");
}

static void expect(const char *file, const char *name, enum dns_type type, enum dns_outcome outcome, const char *texts) {
    struct bytes data = corpus("dns", file);
    char all[1024] = "";
    enum dns_outcome got = dns_read_answer(data, 0x1234, name, type, note_each, all);
    if (got != outcome || strcmp(all, texts))
        fail_msg("%s: %d \"%s\"", file, got, all);
    corpus_free(data);
}

static void answers(void **state) {
    (void)state;
    expect("a_two", "app.example", DNS_A, DNS_ANSWERED, "10.0.0.1 10.0.0.2 ");
    expect("a_two", "APP.example.", DNS_A, DNS_ANSWERED, "10.0.0.1 10.0.0.2 ");
    expect("aaaa", "app.example", DNS_AAAA, DNS_ANSWERED, "fd00::1 ");
    expect("a_behind_cname", "app.example", DNS_A, DNS_ANSWERED, "10.0.0.3 ");
    expect("srv_compressed", "app.example", DNS_SRV, DNS_ANSWERED, "n0.app.example n1.app.example ");
    expect("srv_no_service", "app.example", DNS_SRV, DNS_ANSWERED, "");
    expect("a_none", "app.example", DNS_A, DNS_ANSWERED, "");
    expect("nxdomain", "app.example", DNS_A, DNS_ANSWERED, "");
    expect("servfail", "app.example", DNS_A, DNS_FAILED, "");
    expect("truncated", "app.example", DNS_A, DNS_TRUNCATED, "10.0.0.1 10.0.0.2 ");
    expect("a_two", "other.example", DNS_A, DNS_JUNK, "");
    expect("a_two", "app.example", DNS_AAAA, DNS_JUNK, "");
    expect("query", "app.example", DNS_A, DNS_JUNK, "");
    expect("pointer_loop", "app.example", DNS_SRV, DNS_ANSWERED, "");
    expect("a_short", "app.example", DNS_A, DNS_ANSWERED, "");
}

static void another_id(void **state) {
    struct bytes data = corpus("dns", "a_two");
    char all[64] = "";
    (void)state;
    assert_int_equal(dns_read_answer(data, 0x1235, "app.example", DNS_A, note_each, all), DNS_JUNK);
    corpus_free(data);
}

static void every_prefix(void **state) {
    struct bytes data = corpus("dns", "srv_compressed");
    (void)state;
    for (size_t size = 0; size < data.size; size++) {
        uint8_t *cut = malloc(size ? size : 1);
        char all[1024] = "";
        memcpy(cut, data.at, size);
        assert_int_equal(dns_read_answer(bytes_of(cut, size), 0x1234, "app.example", DNS_SRV, note_each, all), DNS_JUNK);
        free(cut);
    }
    corpus_free(data);
}

static void questions(void **state) {
    struct bytes golden = corpus("dns", "query");
    struct writer out;
    char large[300];
    (void)state;
    writer_init(&out, 512);
    assert_int_equal(dns_write_query(&out, 0x1234, "app.example", DNS_A), HM_OK);
    assert_true(bytes_equal(bytes_of(out.at, out.size), golden));
    writer_reset(&out);
    assert_int_equal(dns_write_query(&out, 0x1234, "app.example.", DNS_A), HM_OK);
    assert_true(bytes_equal(bytes_of(out.at, out.size), golden));
    memset(large, 'x', sizeof large);
    large[64] = '\0';
    const char *bad[] = {"", ".", "a..b", ".a", "a..", large};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        writer_reset(&out);
        assert_int_equal(dns_write_query(&out, 1, bad[i], DNS_A), HM_ENAME);
    }
    for (size_t i = 1; i < 299; i += 2)
        large[i] = '.';
    large[64] = 'x';
    large[299] = '\0';
    writer_reset(&out);
    assert_int_equal(dns_write_query(&out, 1, large, DNS_A), HM_ENAME);
    writer_fini(&out);
    corpus_free(golden);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(another_id),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
