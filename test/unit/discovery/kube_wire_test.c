/* Kubernetes: what is asked, and answers as its API reference has them (test/fuzz/corpus/kube). */
#include "corpus.h"

#include "discovery/kube_wire.h"

static void note_each(void *arg, const char *host) {
    strcat(arg, host);
    strcat(arg, " ");
}

static struct kube_query query_of(enum kube_lookup lookup, enum kube_mode mode) {
    return (struct kube_query){.lookup = lookup, .mode = mode, .namespace = "shop", .selector = "app=myapp", .service = "app",
                               .domain = "cluster.local"};
}

static void expect_page(const char *file, const struct kube_query *query, const char *hosts, const struct kube_page *wanted) {
    struct bytes body = corpus("kube", file);
    struct kube_page page;
    char all[2048] = "", why[256] = "";
    if (kube_read_list(body, query, note_each, all, &page, why, sizeof why))
        fail_msg("%s: %s", file, why);
    assert_string_equal(all, hosts);
    assert_string_equal(page.next, wanted->next);
    assert_int_equal(page.nameless, wanted->nameless);
    assert_int_equal(page.junk, wanted->junk);
    corpus_free(body);
}

static void expect(const char *file, enum kube_lookup lookup, enum kube_mode mode, const char *hosts) {
    struct kube_query query = query_of(lookup, mode);
    expect_page(file, &query, hosts, &(struct kube_page){.next = ""});
}

static void lookups(void **state) {
    (void)state;
    expect("endpoints", KUBE_ENDPOINTS, KUBE_IP, "10.1.0.4 10.1.0.5 ");
    expect("endpoints_no_target", KUBE_ENDPOINTS, KUBE_IP, "10.1.0.4 ");
    expect("slices", KUBE_ENDPOINTSLICES, KUBE_IP, "10.1.0.4 10.1.0.5 fd00::4 ");
    expect("pods", KUBE_PODS, KUBE_IP, "10.1.0.4 10.1.0.5 ");
    expect("empty", KUBE_ENDPOINTS, KUBE_IP, "");
    expect("empty_null", KUBE_PODS, KUBE_IP, "");
}

static void modes(void **state) {
    (void)state;
    expect("endpoints", KUBE_ENDPOINTS, KUBE_DNS, "10-1-0-4.shop.pod.cluster.local 10-1-0-5.shop.pod.cluster.local ");
    expect("endpoints", KUBE_ENDPOINTS, KUBE_HOSTNAME,
           "app-0.app.shop.svc.cluster.local app-1.app.shop.svc.cluster.local ");
    expect("endpoints_other_namespace", KUBE_ENDPOINTS, KUBE_HOSTNAME, "app-0.app.stock.svc.cluster.local ");
    expect("endpoints_no_target", KUBE_ENDPOINTS, KUBE_DNS, "10-1-0-4.shop.pod.cluster.local ");
    expect("slices", KUBE_ENDPOINTSLICES, KUBE_DNS,
           "10-1-0-4.shop.pod.cluster.local 10-1-0-5.shop.pod.cluster.local fd00--4.shop.pod.cluster.local ");
}

static void without_hostname(void **state) {
    struct kube_query query = query_of(KUBE_PODS, KUBE_HOSTNAME);
    (void)state;
    expect_page("pods", &query, "app-0.app.shop.svc.cluster.local ", &(struct kube_page){.nameless = 1});
}

static void not_ready(void **state) {
    struct kube_query query = query_of(KUBE_ENDPOINTS, KUBE_IP);
    (void)state;
    query.not_ready = true;
    expect_page("endpoints", &query, "10.1.0.4 10.1.0.5 10.1.0.6 ", &(struct kube_page){0});
    query.lookup = KUBE_ENDPOINTSLICES;
    query.family = KUBE_IPV4;
    expect_page("slices", &query, "10.1.0.4 10.1.0.5 10.1.0.6 ", &(struct kube_page){0});
    query.family = KUBE_IPV6;
    expect_page("slices", &query, "fd00::4 ", &(struct kube_page){0});
}

static void pages(void **state) {
    struct kube_query query = query_of(KUBE_ENDPOINTS, KUBE_IP);
    (void)state;
    expect_page("endpoints_two_pages", &query, "10.1.0.4 10.1.0.5 ",
                &(struct kube_page){.next = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NDcyMH0"});
}

/* What makes no sense is counted, and the rest is read. */
static void entries_that_are_none(void **state) {
    struct kube_query query = query_of(KUBE_ENDPOINTS, KUBE_IP);
    (void)state;
    expect_page("entries_none", &query, "10.1.0.4 ", &(struct kube_page){.junk = 6});
    query.lookup = KUBE_PODS;
    expect_page("ip_rude", &query, "", &(struct kube_page){.junk = 3});
}

static void expect_refused(struct bytes body, int error, const char *says) {
    struct kube_query query = query_of(KUBE_PODS, KUBE_IP);
    struct kube_page page;
    char all[2048] = "", why[256] = "";
    assert_int_equal(kube_read_list(body, &query, note_each, all, &page, why, sizeof why), error);
    if (!strstr(why, says))
        fail_msg("\"%s\" does not say \"%s\"", why, says);
    assert_string_equal(all, "");
}

static void no_lists(void **state) {
    static const struct {
        const char *file;
        int error;
        const char *says;
    } files[] = {
        {"no_json", HM_ESYNTAX, "no JSON"},           {"cut", HM_ESYNTAX, "no JSON"},
        {"status_forbidden", HM_EBADTERM, "no list"}, {"items_object", HM_EBADTERM, "no list"},
        {"no_kind", HM_EBADTERM, "no list"},          {"kind_number", HM_EBADTERM, "no list"},
        {"continue_number", HM_EBADTERM, "continue"}, {"continue_long", HM_EBADTERM, "continue"},
        {"nul", HM_ESYNTAX, "no JSON"},               {"deep", HM_ESYNTAX, "no JSON"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct bytes body = corpus("kube", files[i].file);
        expect_refused(body, files[i].error, files[i].says);
        corpus_free(body);
    }
    expect_refused(bytes_of("", 0), HM_ESYNTAX, "no JSON");
}

static void too_many_values(void **state) {
    size_t size = KUBE_VALUES + 2;
    uint8_t *body = malloc(size);
    (void)state;
    memset(body, '[', size);
    expect_refused(bytes_of(body, size), HM_ELIMIT, "more than");
    free(body);
}

static void every_prefix(void **state) {
    struct bytes body = corpus("kube", "endpoints");
    (void)state;
    for (size_t size = 0; size + 2 < body.size; size++) { /* without the brace and the end of the line */
        uint8_t *cut = malloc(size ? size : 1);
        memcpy(cut, body.at, size);
        expect_refused(bytes_of(cut, size), HM_ESYNTAX, "no JSON");
        free(cut);
    }
    corpus_free(body);
}

static void expect_said(const char *file, const char *says) {
    struct bytes body = corpus("kube", file);
    char text[256];
    kube_read_status(body, text, sizeof text);
    assert_string_equal(text, says);
    corpus_free(body);
}

static void what_it_says(void **state) {
    (void)state;
    expect_said("status_forbidden", "endpoints is forbidden: User \"system:serviceaccount:shop:default\" cannot list resource "
                                    "\"endpoints\" in API group \"\" in the namespace \"shop\"");
    expect_said("status_rude", "a\\x1b[31m\\x0ab");
    expect_said("no_json", "");
    expect_said("endpoints", "");
}

static void expect_path(const struct kube_query *query, const char *from, const char *path) {
    struct writer out;
    writer_init(&out, 4096);
    kube_write_path(&out, query, from);
    writer_u8(&out, 0);
    assert_int_equal(out.error, 0);
    assert_string_equal((char *)out.at, path);
    writer_fini(&out);
}

static void questions(void **state) {
    struct kube_query query = query_of(KUBE_ENDPOINTS, KUBE_IP);
    (void)state;
    expect_path(&query, "", "/api/v1/namespaces/shop/endpoints?labelSelector=app%3Dmyapp&limit=50");
    query.cached = true;
    query.lookup = KUBE_PODS;
    expect_path(&query, "", "/api/v1/namespaces/shop/pods?labelSelector=app%3Dmyapp&limit=50&resourceVersion=0");
    query.lookup = KUBE_ENDPOINTSLICES;
    query.selector = "tier in (web,db),!old/x";
    query.namespace = "a/../b";
    expect_path(&query, "a+b=", "/apis/discovery.k8s.io/v1/namespaces/a%2F..%2Fb/endpointslices?labelSelector="
                                "tier%20in%20%28web%2Cdb%29%2C%21old%2Fx&limit=50&continue=a%2Bb%3D");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups),      cmocka_unit_test(modes),    cmocka_unit_test(without_hostname),
        cmocka_unit_test(not_ready),    cmocka_unit_test(pages),    cmocka_unit_test(entries_that_are_none),
        cmocka_unit_test(no_lists),     cmocka_unit_test(too_many_values),
        cmocka_unit_test(every_prefix), cmocka_unit_test(what_it_says),
        cmocka_unit_test(questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
