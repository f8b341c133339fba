/*
 * A publication while another node is slow: it costs its other subscribers nothing. Counts allocations, which is why it is linked as the tests are that
 * let them fail.
 */
#include "star_fixture.h"

#include "services/dispatch.h"
#include "support/alloc.h"

enum { HERE = 500, SMALL = 1000, LARGE = 1000 * 1000 };

struct listener {
    hm_process *process;
    unsigned heard;
    uint64_t dropped;
};

static hm_node *hub, *leaf;
static struct listener here[HERE], there;
static hm_process *owner;
static struct dispatch *dispatch;

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct listener *listener = hm_data(self);
    uint64_t count;
    if (hm_match(message, "{pubsub_dropped, _, ~u}", &count))
        listener->dropped += count;
    else
        listener->heard++;
    return HM_CONTINUE;
}

static int keep(hm_process *self, void *argument) {
    struct listener *listener = argument;
    listener->process = self;
    hm_set_data(self, listener);
    return 0;
}

static enum hm_verdict on_owner_info(hm_process *self, hm_term message) {
    (void)self;
    dispatch_info(dispatch, message);
    return HM_CONTINUE;
}

static int keep_owner(hm_process *self, void *argument) {
    (void)argument;
    owner = self;
    return 0;
}

static const struct hm_server_class listener_class = {.module = "listener", .init = keep, .info = on_info};
static const struct hm_server_class owner_class = {.module = "owner", .init = keep_owner, .info = on_owner_info};

static hm_build *text(const char *words) {
    hm_build *build = hm_build_new();
    hm_put_text(build, words);
    return build;
}

static void subscribe(const char *topic, hm_pid pid) {
    hm_build *build = text(topic);
    assert_int_equal(dispatch_subscribe(dispatch, hm_build_term(build), pid, TOPIC_PLAIN, DISPATCH_DROP_NEWEST), 0);
    hm_build_free(build);
}

/* How many allocations it took. */
static long publish(const char *topic, size_t size, uint32_t subscribers) {
    hm_build *build = text(topic), *message = hm_build_new();
    void *bytes = calloc(1, size);
    hm_put_binary(message, bytes, size);
    alloc_fail_never();
    assert_int_equal(dispatch_publish(dispatch, hm_build_term(build), hm_build_term(message), HM_NO_PID, false), subscribers);
    long count = alloc_count();
    free(bytes);
    hm_build_free(build);
    hm_build_free(message);
    return count;
}

static void wait_until_heard(unsigned by_each, unsigned by_there) {
    for (unsigned i = 0; i < HERE; i++)
        while (here[i].heard < by_each)
            event_base_loop(star_base, EVLOOP_ONCE);
    while (there.heard < by_there)
        event_base_loop(star_base, EVLOOP_ONCE);
    for (unsigned i = 0; i < HERE; i++)
        assert_int_equal(here[i].heard, by_each);
    assert_int_equal(there.heard, by_there);
}

static int setup(void **state) {
    static const struct dispatch_limits limits = {.topics = {100, 10000}, .kept = 10, .kept_bytes = 1000, .kept_memory = 1000000};
    static const struct dispatch_events events = {0};
    bool connected = false;
    struct hm_options options = HM_OPTIONS_INIT;
    (void)state;
    options.output_high = 512 * 1024;
    options.output_low = 64 * 1024;
    hub = star_node("hub@127.0.0.1", NULL, options);
    leaf = star_node("leaf@127.0.0.1", hub, options);
    assert_int_equal(hm_server_start(hub, &owner_class, NULL, NULL, NULL), 0);
    assert_non_null(dispatch = dispatch_new(owner, &limits, &events, NULL));
    for (unsigned i = 0; i < HERE; i++)
        assert_int_equal(hm_server_start(hub, &listener_class, NULL, &here[i], NULL), 0);
    assert_int_equal(hm_server_start(leaf, &listener_class, NULL, &there, NULL), 0);
    assert_int_equal(hm_connect(leaf, star_hub_of(leaf), star_on_done, &connected), 0);
    star_wait(&connected);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    dispatch_free(dispatch);
    hm_node_free(leaf);
    hm_node_free(hub);
    event_base_free(star_base);
    return 0;
}

static hm_pid pid_at_hub(hm_process *process) {
    hm_build *build = hm_build_new();
    hm_pid pid;
    hm_put_pid(build, hm_self(process));
    assert_true(hm_get_pid(hub, hm_build_term(build), &pid));
    hm_build_free(build);
    return pid;
}

static void others_pay_nothing_for_a_slow_node(void **state) {
    hm_pid remote = pid_at_hub(there.process);
    (void)state;
    for (unsigned i = 0; i < HERE; i++)
        subscribe("all", hm_self(here[i].process));
    subscribe("all", remote);
    subscribe("remote", remote);
    publish("all", SMALL, HERE + 1);
    wait_until_heard(1, 1);
    long quick = publish("all", SMALL, HERE + 1);
    wait_until_heard(2, 2);
    /* Nothing is written before the loop runs. */
    publish("remote", LARGE, 1);
    assert_true(hm_is_busy(hub, remote.node));
    long beside = publish("all", SMALL, HERE + 1);
    assert_true(hm_is_busy(hub, remote.node));
    assert_in_range(beside, 1, quick + 20);
    wait_until_heard(3, 3);
    while (!there.dropped)
        event_base_loop(star_base, EVLOOP_ONCE);
    assert_int_equal(there.dropped, 1);
    assert_int_equal(dispatch_counters(dispatch)->dropped, 1);
    publish("all", SMALL, HERE + 1);
    wait_until_heard(4, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(others_pay_nothing_for_a_slow_node, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
