#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "http/request.h"

static const struct http_rules OPEN = {.loopback = true};
static const struct http_rules GUARDED = {.token = "0123456789abcdef"};

static int judge(struct http_request request, const struct http_rules *rules) {
    return http_judge(&request, rules).status;
}

static int get(const char *target, const char *host, const struct http_rules *rules) {
    return judge((struct http_request){.readable = true, .target = target, .host = host}, rules);
}

static void each_path_has_its_route(void **state) {
    static const struct {
        const char *target;
        enum http_route route;
    } ROUTES[] = {{"/", HTTP_PAGE},           {"/?x=1", HTTP_PAGE},          {"/metrics", HTTP_METRICS}, {"/metrics?a=/b", HTTP_METRICS},
                  {"/status.json", HTTP_STATUS}, {"/health", HTTP_HEALTH},      {"/ready", HTTP_READY},     {"/#x", HTTP_PAGE},
                  {"http://localhost/metrics", HTTP_METRICS}, {"HTTP://127.0.0.1:1?x", HTTP_PAGE}};
    (void)state;
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
        struct http_request request = {.readable = true, .target = ROUTES[i].target, .host = "localhost"};
        struct http_verdict verdict = http_judge(&request, &OPEN);
        assert_int_equal(verdict.status, 200);
        assert_int_equal(verdict.route, ROUTES[i].route);
    }
    assert_int_equal(get("/nothing", "localhost", &OPEN), 404);
    assert_int_equal(get("/metrics/", "localhost", &OPEN), 404);
    assert_int_equal(get("/metric", "localhost", &OPEN), 404);
    assert_int_equal(get("//metrics", "localhost", &OPEN), 404);
    assert_int_equal(get("/%6detrics", "localhost", &OPEN), 404);
}

static void what_makes_no_sense_is_400(void **state) {
    (void)state;
    assert_int_equal(get(NULL, "localhost", &OPEN), 400);
    assert_int_equal(get("", "localhost", &OPEN), 400);
    assert_int_equal(get("*", "localhost", &OPEN), 400);
    assert_int_equal(get("metrics", "localhost", &OPEN), 400);
    assert_int_equal(get("ftp://localhost/", "localhost", &OPEN), 400);
    assert_int_equal(get("/metrics", NULL, &OPEN), 400);
    assert_int_equal(judge((struct http_request){.readable = true, .old = true, .target = "/metrics"}, &OPEN), 200);
}

static void only_reading_is_allowed(void **state) {
    (void)state;
    assert_int_equal(judge((struct http_request){.target = "/metrics", .host = "localhost"}, &OPEN), 405);
    assert_int_equal(judge((struct http_request){.target = "/metrics", .host = "localhost"}, &GUARDED), 405);
    assert_int_equal(judge((struct http_request){.target = "/x", .host = "localhost"}, &OPEN), 404);
}

/* A page elsewhere whose name was made to point here (DNS rebinding) says its own name. */
static void another_host_than_this_machine_is_421(void **state) {
    static const char *const OWN[] = {"localhost", "LocalHost:9100", "127.0.0.1", "127.0.0.1:9100", "127.8.9.1:1", "[::1]", "[::1]:9100"};
    static const char *const OTHER[] = {"evil.example",      "evil.example:9100", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1",
                                        "[::2]",             "[::1",              "::1",                    "",                       ":9100",
                                        "localhost:9100:1",  "0.0.0.0",           "[::]",                   "localhost:x",            "[::1]x:1",
                                        "localhost evil.example"};
    (void)state;
    for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
        assert_int_equal(get("/metrics", OWN[i], &OPEN), 200);
    for (size_t i = 0; i < sizeof OTHER / sizeof *OTHER; i++)
        if (get("/metrics", OTHER[i], &OPEN) != 421)
            fail_msg("%s is taken", OTHER[i]);
    /* What the URL says goes before the header, and the verdict names it. */
    struct http_request request = {.readable = true, .target = "http://evil.example/metrics", .host = "localhost"};
    struct http_verdict verdict = http_judge(&request, &OPEN);
    assert_int_equal(verdict.status, 421);
    assert_int_equal(verdict.host_size, strlen("evil.example"));
    assert_memory_equal(verdict.host, "evil.example", verdict.host_size);
    assert_int_equal(get("/metrics", "evil.example", &(struct http_rules){.loopback = false}), 200);
    assert_int_equal(get("/health", "evil.example", &(struct http_rules){.loopback = true, .token = "0123456789abcdef"}), 200);
}

static int with(const char *target, const char *authorization) {
    return judge((struct http_request){.readable = true, .target = target, .host = "a.example", .authorization = authorization}, &GUARDED);
}

static void the_token_guards_what_tells_of_the_node(void **state) {
    (void)state;
    assert_int_equal(with("/metrics", NULL), 401);
    assert_int_equal(with("/status.json", NULL), 401);
    assert_int_equal(with("/metrics", "Bearer 0123456789abcdeF"), 401);
    assert_int_equal(with("/metrics?token=0123456789abcdef", NULL), 401);
    assert_int_equal(with("/metrics", "Bearer 0123456789abcdef"), 200);
    assert_int_equal(with("/status.json", "Bearer 0123456789abcdef"), 200);
    assert_int_equal(with("/", NULL), 200);
    assert_int_equal(with("/health", NULL), 200);
    assert_int_equal(with("/ready", NULL), 200);
}

static void what_is_too_large_says_so(void **state) {
    static char target[HTTP_TARGET_BYTES + 3];
    (void)state;
    memset(target, 'a', HTTP_TARGET_BYTES);
    target[0] = '/';
    assert_int_equal(get(target, "localhost", &OPEN), 404);
    target[HTTP_TARGET_BYTES] = 'a';
    assert_int_equal(get(target, "localhost", &OPEN), 414);
    struct http_request request = {.readable = true, .target = "/", .host = "localhost", .header_bytes = HTTP_HEADER_BYTES};
    assert_int_equal(judge(request, &OPEN), 200);
    request.header_bytes++;
    assert_int_equal(judge(request, &OPEN), 431);
}

static void every_status_has_a_reason(void **state) {
    static const int STATUSES[] = {200, 400, 401, 404, 405, 408, 413, 414, 421, 431, 500, 503};
    (void)state;
    for (size_t i = 0; i < sizeof STATUSES / sizeof *STATUSES; i++)
        assert_string_not_equal(http_reason(STATUSES[i]), http_reason(299));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_has_its_route),          cmocka_unit_test(what_makes_no_sense_is_400),
        cmocka_unit_test(only_reading_is_allowed),          cmocka_unit_test(another_host_than_this_machine_is_421),
        cmocka_unit_test(the_token_guards_what_tells_of_the_node), cmocka_unit_test(what_is_too_large_says_so),
        cmocka_unit_test(every_status_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
