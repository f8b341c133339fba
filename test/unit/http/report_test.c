/* The report of the status page: over the daemon's services, and over servers that answer what no service would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/metrics.h>
#include <hermod/pg.h>

#include "http/report.h"
#include "services/services.h"

static const char *const NO_TRACKERS[] = {NULL};
static const char *const ONE_TRACKER[] = {"Elixir.MyApp.Presence", NULL};

struct world {
    struct event_base *base;
    hm_node *node;
    struct report *report;
    hm_process *self;   /* of the false servers, the last one */
    const char *answer; /* a pattern for hm_reply; NULL: none ever */
    unsigned asked, given, failed;
    char *json;
};

static void give(void *arg, struct block *json) {
    struct world *world = arg;
    world->given++;
    world->failed += json == NULL;
    free(world->json);
    world->json = json ? calloc(1, json->size + 1) : NULL;
    if (json)
        memcpy(world->json, json->at, json->size);
}

static void start(struct world *world, const char *const *trackers) {
    struct hm_options options = HM_OPTIONS_INIT;
    struct report_options report = {trackers, give, world};
    memset(world, 0, sizeof *world);
    world->base = event_base_new();
    options.name = "n@host";
    options.cookie = "c";
    options.log_level = HM_LOG_ERROR;
    assert_int_equal(hm_node_new(world->base, &options, &world->node, NULL, 0), 0);
    assert_int_equal(report_start(world->node, &report, &world->report), 0);
}

static void stop(struct world *world) {
    hm_node_free(world->node);
    report_free(world->report);
    event_base_free(world->base);
    free(world->json);
}

static const char *ask(struct world *world) {
    unsigned given = world->given;
    assert_int_equal(report_ask(world->report), 0);
    while (world->given == given)
        event_base_loop(world->base, EVLOOP_ONCE);
    assert_non_null(world->json);
    return world->json;
}

static void has(const struct world *world, const char *part) {
    if (!strstr(world->json, part))
        fail_msg("no %s in %s", part, world->json);
}

/* ---- false servers ---- */

static int init(hm_process *self, void *argument) {
    struct world *world = argument;
    hm_set_data(self, world);
    world->self = self;
    return 0;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct world *world = hm_data(self);
    uint64_t most;
    assert_true(hm_match(request, "{glance, ~u}", &most));
    assert_int_equal(most, REPORT_ROWS);
    world->asked++;
    return world->answer ? hm_reply(self, from, world->answer) : HM_CONTINUE;
}

static const struct hm_server_class false_class = {.module = "false", .init = init, .call = on_call};

static void pretend(struct world *world, const char *name) {
    assert_int_equal(hm_server_start(world->node, &false_class, &(struct hm_start){.name = name}, world, NULL), 0);
}

/* ---- tests ---- */

static void a_node_without_services_has_its_numbers(void **state) {
    struct world world;
    (void)state;
    start(&world, NO_TRACKERS);
    ask(&world);
    assert_int_equal(strncmp(world.json, "{\"node\":\"n@host\",\"version\":\"" HM_VERSION "\",\"time\":", 30), 0);
    has(&world, "{\"name\":\"hermod_processes\",\"kind\":\"gauge\",\"labels\":[],\"samples\":[[[],");
    has(&world, "\"topics\":{\"rows\":[],\"total\":0},\"presences\":{\"rows\":[],\"total\":0},\"users\":{\"rows\":[],\"total\":0}}");
    stop(&world);
}

static void it_shows_what_services_and_groups_have(void **state) {
    struct world world;
    hm_build *group = hm_build_new();
    (void)state;
    start(&world, NO_TRACKERS);
    pretend(&world, "member");
    hm_put_format(group, "{~s, 1}", "<workers>");
    assert_int_equal(hm_pg_start(world.node, "other"), 0);
    assert_int_equal(hm_pg_join(world.node, "other", hm_build_term(group), hm_self(world.self)), 0);
    assert_int_equal(hm_pg_join(world.node, "other", hm_build_term(group), hm_self(world.self)), 0);
    hm_build_free(group);
    world.answer = "{7, [{<<\"a \\\"b\\\" topic\">>, 3}, {other, 4}]}";
    pretend(&world, "pubsub");
    ask(&world);
    has(&world, "\"groups\":{\"rows\":[[\"other\",\"{\\u0022\\u003cworkers\\u003e\\u0022, 1}\",2,2]],\"total\":1}");
    has(&world, "\"topics\":{\"rows\":[[\"\\u0022a \\u005c\\u0022b\\u005c\\u0022 topic\\u0022\",3],[\":other\",4]],\"total\":7}");
    stop(&world);
}

static void presences_name_their_tracker(void **state) {
    struct world world;
    (void)state;
    start(&world, ONE_TRACKER);
    world.answer = "{2, [{<<\"room\">>, <<\"ann\">>, 'n@host'}, {<<\"room\">>, 7, 'm@host'}]}";
    pretend(&world, "Elixir.MyApp.Presence");
    ask(&world);
    has(&world, "\"presences\":{\"rows\":[[\"MyApp.Presence\",\"\\u0022room\\u0022\",\"\\u0022ann\\u0022\",\"n@host\"],"
                "[\"MyApp.Presence\",\"\\u0022room\\u0022\",\"7\",\"m@host\"]],\"total\":2}");
    stop(&world);
}

/* Another server may have the name of a service. */
static void what_makes_no_sense_is_left_out(void **state) {
    static const char *const ANSWERS[] = {"ok", "{error, no_memory}", "{1, 2}", "{a, []}", "{3, [a, {b}, {c, d}, {e, f, 1} | g]}", "[]"};
    (void)state;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        struct world world;
        start(&world, ONE_TRACKER);
        world.answer = ANSWERS[i];
        pretend(&world, "pubsub");
        pretend(&world, "Elixir.MyApp.Presence");
        ask(&world);
        assert_int_equal(world.asked, 2);
        has(&world, "\"topics\":{\"rows\":[]");
        has(&world, "\"presences\":{\"rows\":[]");
        stop(&world);
    }
}

static void a_service_that_is_silent_is_left_out(void **state) {
    struct world world;
    (void)state;
    start(&world, NO_TRACKERS);
    pretend(&world, "pubsub");
    ask(&world);
    assert_int_equal(world.asked, 1);
    has(&world, "\"topics\":{\"rows\":[],\"total\":0}");
    stop(&world);
}

/* Many look, and the services are asked once. */
static void one_answer_is_for_all(void **state) {
    struct world world;
    (void)state;
    start(&world, NO_TRACKERS);
    world.answer = "{0, []}";
    pretend(&world, "pubsub");
    for (int i = 0; i < 10; i++)
        assert_int_equal(report_ask(world.report), 0);
    while (!world.given)
        event_base_loop(world.base, EVLOOP_ONCE);
    for (int i = 0; i < 10; i++)
        assert_int_equal(report_ask(world.report), 0);
    assert_int_equal(world.given, 11);
    assert_int_equal(world.asked, 1);
    stop(&world);
}

static void who_waits_is_told_that_it_ended(void **state) {
    struct world world;
    hm_build *reason = hm_build_new();
    (void)state;
    start(&world, NO_TRACKERS);
    pretend(&world, "pubsub"); /* never answers */
    hm_put_atom(reason, "kill");
    assert_int_equal(report_ask(world.report), 0);
    hm_pid before = hm_whereis(world.node, "metrics_http");
    assert_int_equal(hm_exit(world.self, before, hm_build_term(reason)), 0);
    while (!world.failed)
        event_base_loop(world.base, EVLOOP_ONCE);
    while (report_ask(world.report) != 0) /* it comes back */
        event_base_loop(world.base, EVLOOP_ONCE);
    assert_false(hm_pid_equal(before, hm_whereis(world.node, "metrics_http")));
    world.answer = "{0, []}";
    ask(&world);
    hm_build_free(reason);
    stop(&world);
}

static void collect_many(void *arg, size_t metric, hm_metrics_out *out) {
    char text[16];
    (void)arg;
    (void)metric;
    for (int i = 0; i < REPORT_SAMPLES + 7; i++) {
        snprintf(text, sizeof text, "%d", i);
        hm_metric_put(out, (struct hm_text[]){hm_text_of(text)}, (uint64_t)i);
    }
}

static void samples_are_cut_and_counted(void **state) {
    static const struct hm_metric MANY = {"many", HM_GAUGE, "Many", {"number"}};
    struct world world;
    (void)state;
    start(&world, NO_TRACKERS);
    assert_int_equal(hm_metrics_add(world.node, &MANY, 1, collect_many, NULL, NULL), 0);
    ask(&world);
    has(&world, "[[\"499\"],499]],\"more\":7}");
    stop(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_without_services_has_its_numbers),
        cmocka_unit_test(it_shows_what_services_and_groups_have),
        cmocka_unit_test(presences_name_their_tracker),
        cmocka_unit_test(what_makes_no_sense_is_left_out),
        cmocka_unit_test(a_service_that_is_silent_is_left_out),
        cmocka_unit_test(one_answer_is_for_all),
        cmocka_unit_test(who_waits_is_told_that_it_ended),
        cmocka_unit_test(samples_are_cut_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
