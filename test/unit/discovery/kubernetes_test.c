/*
 * Kubernetes: an API server that refuses, babbles, stalls or is somebody else takes nobody away; each is said once, counted and asked
 * less often; when it is well again, all goes on.
 */
#include "kube_server.h"

static const char two_pods[] = "{\"kind\": \"PodList\", \"items\": [{\"status\": {\"podIP\": \"10.0.0.8\"}},"
                               " {\"status\": {\"podIP\": \"10.0.0.9\"}}]}";
static const char one_pod[] = "{\"kind\": \"PodList\", \"items\": [{\"status\": {\"podIP\": \"10.0.0.8\"}}]}";

struct world {
    struct fixture fixture;
    struct kube_server server;
    int status;
    const char *body;
    const char *token; /* that is expected */
    bool silent;       /* keeps the question */
};

static void answer(struct kube_server *server, struct evhttp_request *request) {
    struct world *world = server->arg;
    char expected[64];
    const char *got = evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");
    snprintf(expected, sizeof expected, "Bearer %s", world->token);
    if (world->silent)
        return;
    if (!got || strcmp(got, expected)) {
        kube_answer(request, 401, "{\"kind\": \"Status\", \"message\": \"Unauthorized\"}");
    } else {
        kube_answer(request, world->status, world->body);
    }
}

static void open_world(struct world *world) {
    *world = (struct world){.status = 200, .body = two_pods, .token = "t0ken"};
    fixture_init_as(&world->fixture, "own@10.0.0.1", true, 0);
    kube_server_init(&world->server, world->fixture.base);
    world->server.answer = answer;
    world->server.arg = world;
}

static void ask_with(struct world *world, const char *more) {
    char spec[256];
    snprintf(spec, sizeof spec, "kubernetes:lookup=pods,selector=app=own,interval=0.1,server=127.0.0.1:%u,account=%s%s",
             world->server.port, world->server.account, more);
    fixture_must_open(&world->fixture, spec, 0, false);
}

static void close_world(struct world *world) {
    discovery_close(world->fixture.discovery);
    world->fixture.discovery = NULL;
    kube_server_fini(&world->server);
    fixture_fini(&world->fixture);
}

static void open_and_find(struct world *world, const char *more) {
    open_world(world);
    ask_with(world, more);
    RUN_UNTIL(&world->fixture, world->fixture.found == 2);
    assert_string_equal(world->fixture.log, "");
}

static bool was_logged(struct world *world, const char *text) {
    return strstr(world->fixture.log, text) != NULL;
}

/* It says so, nobody is lost; then it is well, and who is gone is lost. */
static void expect_trouble(struct world *world, const char *says) {
    struct fixture *fixture = &world->fixture;
    uint64_t failed = discovery_counters(fixture->discovery)->failed;
    RUN_UNTIL(fixture, was_logged(world, says));
    RUN_UNTIL(fixture, discovery_counters(fixture->discovery)->failed > failed);
    assert_int_equal(fixture->lost, 0);
}

static void expect_recovery(struct world *world) {
    RUN_UNTIL(&world->fixture, was_logged(world, "works again"));
    world->body = one_pod;
    RUN_UNTIL(&world->fixture, world->fixture.lost == 1);
    assert_non_null(strstr(world->fixture.news, "-own@10.0.0.9 "));
}

static void refusals(void **state) {
    static const struct {
        int status;
        const char *body, *says;
    } refusals[] = {
        {401, "{\"kind\": \"Status\", \"message\": \"Unauthorized\"}", "401: it does not accept the token of the service account; Unauthorized"},
        {403, "{\"message\": \"pods is \\u001bforbidden\"}", "needs a Role with the verb \"list\"; pods is \\x1bforbidden"},
        {404, "<html>", "answers 404: is this the API server"},
        {302, "", "302: a redirect, which is not followed"},
        {410, "", "answers 410"},
        {429, "", "429: too many questions"},
        {500, "", "answers 500"},
        {204, "", "answers 204"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct world world;
        open_and_find(&world, "");
        world.status = refusals[i].status;
        world.body = refusals[i].body;
        expect_trouble(&world, refusals[i].says);
        world.status = 200;
        world.body = two_pods;
        expect_recovery(&world);
        close_world(&world);
    }
}

static void answers_without_sense(void **state) {
    static const char *const bodies[] = {"", "<html>it works</html>", "{\"kind\": \"PodList\", \"items\": 7}", "[]",
                                         "{\"kind\": \"PodList\", \"items\": [{\"status\": {\"podIP\": \"here\"}}]}",
                                         "{\"kind\": \"PodList\", \"items\": [7]}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct world world;
        open_and_find(&world, "");
        world.body = bodies[i];
        expect_trouble(&world, "made no sense");
        assert_true(discovery_counters(world.fixture.discovery)->junk > 0);
        world.body = two_pods;
        expect_recovery(&world);
        close_world(&world);
    }
}

/* Kubernetes writes a new token every hour. */
static void a_new_token(void **state) {
    struct world world;
    (void)state;
    open_and_find(&world, "");
    world.token = "another";
    expect_trouble(&world, "401");
    kube_write_file(world.server.account, "token", "another");
    expect_recovery(&world);
    kube_write_file(world.server.account, "token", "two\nlines");
    RUN_UNTIL(&world.fixture, was_logged(&world, "token: it is empty, or no such text"));
    assert_int_equal(world.fixture.lost, 1);
    close_world(&world);
}

static void certificates(void **state) {
    struct world world;
    (void)state;
    open_and_find(&world, "");
    kube_server_certify(&world.server, "IP:127.0.0.1", false);
    expect_trouble(&world, "its certificate is not accepted");
    /* of an authority that is new to both */
    kube_server_certify(&world.server, "IP:127.0.0.1", true);
    RUN_UNTIL(&world.fixture, was_logged(&world, "works again"));
    kube_server_certify(&world.server, "IP:127.0.0.2,DNS:kubernetes.default.svc", true);
    expect_trouble(&world, "IP address mismatch");
    kube_write_file(world.server.account, "ca.crt", "no certificate\n");
    expect_trouble(&world, "holds no certificate of an authority");
    close_world(&world);
}

static void by_name(void **state) {
    struct world world;
    char spec[256];
    (void)state;
    open_world(&world);
    kube_server_certify(&world.server, "DNS:localhost", true);
    snprintf(spec, sizeof spec, "kubernetes:lookup=pods,selector=app=own,interval=0.1,server=localhost:%u,account=%s",
             world.server.port, world.server.account);
    fixture_must_open(&world.fixture, spec, 0, false);
    RUN_UNTIL(&world.fixture, world.fixture.found == 2);
    kube_server_certify(&world.server, "DNS:localhost.example.org", true);
    expect_trouble(&world, "hostname mismatch");
    close_world(&world);
}

static void what_the_environment_says(void **state) {
    struct world world;
    char spec[256], port[8];
    (void)state;
    open_world(&world);
    snprintf(port, sizeof port, "%u", world.server.port);
    world.fixture.kubernetes_host = "127.0.0.1";
    world.fixture.kubernetes_port = port;
    snprintf(spec, sizeof spec, "kubernetes:lookup=pods,selector=app=own,account=%s", world.server.account);
    fixture_must_open(&world.fixture, spec, 0, false);
    RUN_UNTIL(&world.fixture, world.fixture.found == 2);
    close_world(&world);
}

static void too_large(void **state) {
    struct world world;
    char *large = malloc(100000);
    (void)state;
    memset(large, ' ', 99999);
    large[99999] = '\0';
    open_and_find(&world, ",max-bytes=2048");
    world.body = large;
    expect_trouble(&world, "larger than max-bytes");
    world.body = two_pods;
    expect_recovery(&world);
    close_world(&world);
    free(large);
}

static void silence(void **state) {
    struct world world;
    (void)state;
    open_and_find(&world, ",patience=0.3");
    world.silent = true;
    expect_trouble(&world, "no whole answer in time");
    world.silent = false;
    expect_recovery(&world);
    close_world(&world);
}

/* Something that listens and speaks no TLS. */
static void on_connection(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int size, void *arg) {
    static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
}

static void somebody_else(void **state) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    struct world world;
    char spec[256];
    (void)state;
    open_world(&world);
    struct evconnlistener *listener = evconnlistener_new_bind(world.fixture.base, on_connection, NULL, LEV_OPT_CLOSE_ON_FREE, 16,
                                                              (struct sockaddr *)&at, sizeof at);
    assert_non_null(listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&at, &size), 0);
    snprintf(spec, sizeof spec, "kubernetes:selector=app=own,interval=0.1,server=127.0.0.1:%u,account=%s", ntohs(at.sin_port),
             world.server.account);
    fixture_must_open(&world.fixture, spec, 0, false);
    expect_trouble(&world, "no answer from 127.0.0.1:");
    evconnlistener_free(listener);
    expect_trouble(&world, "cannot connect");
    close_world(&world);
}

/* ---- pages ---- */

static void answer_in_pages(struct kube_server *server, struct evhttp_request *request) {
    struct world *world = server->arg;
    bool is_second = strstr(evhttp_request_get_uri(request), "&continue=more") != NULL;
    if (is_second && world->status == 410) {
        world->status = 200;
        kube_answer(request, 410, "{\"message\": \"The provided continue parameter is too old\"}");
    } else {
        kube_answer(request, 200, is_second ? world->body
                                            : "{\"kind\": \"PodList\", \"metadata\": {\"continue\": \"more\"},"
                                              " \"items\": [{\"status\": {\"podIP\": \"10.0.0.7\"}}]}");
    }
}

static void pages(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    world.server.answer = answer_in_pages;
    ask_with(&world, "");
    RUN_UNTIL(&world.fixture, world.fixture.found == 3);
    /* too old between two pages: from the beginning, at once and without a word */
    world.status = 410;
    RUN_UNTIL(&world.fixture, world.status == 200);
    world.body = one_pod;
    RUN_UNTIL(&world.fixture, world.fixture.lost == 1);
    assert_string_equal(world.fixture.log, "");
    /* a second page that never comes takes nobody away */
    world.body = "{";
    RUN_UNTIL(&world.fixture, was_logged(&world, "no JSON"));
    RUN_UNTIL(&world.fixture, discovery_counters(world.fixture.discovery)->failed > 1);
    assert_int_equal(world.fixture.lost, 1);
    close_world(&world);
}

static void pages_without_end(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    world.server.answer = answer_in_pages;
    world.body = "{\"kind\": \"PodList\", \"metadata\": {\"continue\": \"more\"}, \"items\": []}";
    ask_with(&world, "");
    expect_trouble(&world, "more than 64 pages");
    assert_true(world.server.questions >= 64);
    close_world(&world);
}

/* ---- how often ---- */

static void on_time(evutil_socket_t fd, short what, void *arg) {
    *(bool *)arg = true;
}

static void asks_less_often(void **state) {
    struct world world;
    struct timeval two_seconds = {2, 0};
    bool over = false;
    (void)state;
    open_world(&world);
    world.status = 500;
    ask_with(&world, "");
    event_base_once(world.fixture.base, -1, EV_TIMEOUT, on_time, &over, &two_seconds);
    RUN_UNTIL(&world.fixture, over);
    /* after 0.1, 0.2, 0.4 and 0.8 s */
    assert_in_range(world.server.questions, 1, 6);
    assert_int_equal(world.fixture.logged, 1);
    close_world(&world);
}

static void nobody_has_a_hostname(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    ask_with(&world, ",mode=hostname,service=app");
    RUN_UNTIL(&world.fixture, was_logged(&world, "2 addresses have no hostname"));
    assert_int_equal(world.fixture.found, 0);
    close_world(&world);
}

static void no_account(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    fixture_must_open(&world.fixture, "kubernetes:selector=a=b,server=127.0.0.1:9,account=/nowhere/at/all", 0, false);
    expect_trouble(&world, "cannot read /nowhere/at/all/token: No such file");
    close_world(&world);
}

static void mistakes(void **state) {
    static const struct {
        const char *options, *says;
    } mistakes[] = {
        {"lookup=pods", "it needs the labels"},
        {"selector=a=b,lookup=services", "endpoints, endpointslices or pods, not \"services\""},
        {"selector=a=b,mode=name", "ip, dns or hostname"},
        {"selector=a=b,mode=hostname", "service=NAME"},
        {"selector=a=b,family=ipx", "ipv4 or ipv6"},
        {"selector=a=b,server=", "not empty"},
        {"selector=a=b,server=host:", "HOST:PORT"},
        {"selector=a=b,server=host:0", "HOST:PORT"},
        {"selector=a=b,server=host:65536", "HOST:PORT"},
        {"selector=a=b,server=https://host", "HOST:PORT"},
        {"selector=a=b,server=[fd00::1", "HOST:PORT"},
        {"selector=a=b,server=host\r\nX: y", "HOST:PORT"},
        {"selector=a=b,max-bytes=1", "from 1024"},
    };
    struct world world;
    (void)state;
    open_world(&world);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char spec[256], why[512] = "";
        snprintf(spec, sizeof spec, "kubernetes:%s", mistakes[i].options);
        assert_int_equal(fixture_open(&world.fixture, spec, 0, false, why, sizeof why), HM_EINVAL);
        if (!strstr(why, mistakes[i].says))
            fail_msg("%s: \"%s\" does not say \"%s\"", spec, why, mistakes[i].says);
    }
    close_world(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),      cmocka_unit_test(answers_without_sense),     cmocka_unit_test(a_new_token),
        cmocka_unit_test(certificates),  cmocka_unit_test(by_name),                   cmocka_unit_test(what_the_environment_says),
        cmocka_unit_test(too_large),     cmocka_unit_test(silence),                   cmocka_unit_test(somebody_else),
        cmocka_unit_test(pages),         cmocka_unit_test(pages_without_end),         cmocka_unit_test(asks_less_often),
        cmocka_unit_test(nobody_has_a_hostname), cmocka_unit_test(no_account),        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
