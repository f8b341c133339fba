#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/tracker.h"

static char why[512];
static struct tracker tracker;

static void names_and_numbers(void **state) {
    (void)state;
    assert_int_equal(tracker_parse("MyAppWeb.Presence", &tracker, why, sizeof why), 0);
    assert_string_equal(tracker.name, "Elixir.MyAppWeb.Presence");
    assert_string_equal(tracker.pubsub, "Elixir.MyApp.PubSub");
    assert_int_equal(tracker.shards, 1);
    assert_int_equal(tracker.periods.broadcast_ms, 1500);
    assert_int_equal(tracker.periods.silent, 10);
    assert_int_equal(tracker.periods.down_ms, 30000);
    assert_int_equal(tracker.periods.permdown_ms, 1200000);
    assert_int_equal(tracker.periods.clock_samples, 2);
    assert_int_equal(tracker_parse("Chat.Tracker,shards=4,pubsub=Other.PubSub,broadcast_period=100", &tracker, why, sizeof why), 0);
    assert_string_equal(tracker.name, "Elixir.Chat.Tracker");
    assert_string_equal(tracker.pubsub, "Elixir.Other.PubSub");
    assert_int_equal(tracker.shards, 4);
    assert_int_equal(tracker.periods.down_ms, 2000);
    assert_int_equal(tracker_parse("Elixir.Web.Presence", &tracker, why, sizeof why), 0);
    assert_string_equal(tracker.name, "Elixir.Web.Presence");
    assert_string_equal(tracker.pubsub, "Elixir.Web.PubSub");
    assert_int_equal(tracker_parse("my_tracker,pubsub=my_pubsub", &tracker, why, sizeof why), 0);
    assert_string_equal(tracker.name, "my_tracker");
    assert_string_equal(tracker.pubsub, "my_pubsub");
}

static void others_are_refused(void **state) {
    (void)state;
    char longest[300] = "";
    memset(longest, 'A', sizeof longest - 1);
    const char *cases[] = {"", ",shards=1", "A,", "A,shards", "A,shards=", "A,shards=0", "A,shards=129", "A,shards=4x",
                           "A,shards=-1", "A,pubsub=", "A,b=c",
                           "A,broadcast_period=1500,down_period=2999", "A,down_period=16500", "A,permdown_period=30000",
                           "A,down_period=99999999999999999999",
                           "A,clock_sample_periods=0", longest};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        *why = '\0';
        if (tracker_parse(cases[i], &tracker, why, sizeof why) != HM_EINVAL)
            fail_msg("taken: %s", cases[i]);
        assert_true(strlen(why) > 20);
    }
}

/* As erlang:phash2(Topic, 7) says. */
static void topics_have_shards(void **state) {
    (void)state;
    assert_int_equal(tracker_parse("A.B,shards=7", &tracker, why, sizeof why), 0);
    assert_int_equal(tracker_shard_of(&tracker, "room:1", 6), 4);
    assert_int_equal(tracker_shard_of(&tracker, "room:lobby", 10), 0);
    assert_int_equal(tracker_shard_of(&tracker, "", 0), 4);
    const struct {
        const char *topic;
        int shard;
    } cases[] = {{"phx_presence:Elixir.A.B_shard0", 0}, {"phx_presence:Elixir.A.B_shard6", 6},  {"phx_presence:Elixir.A.B_shard7", -1},
                 {"phx_presence:Elixir.A.B_shard", -1}, {"phx_presence:Elixir.A.B_shard01", -1}, {"phx_presence:Elixir.A.B_shard1x", -1},
                 {"phx_presence:Elixir.A_shard0", -1},  {"room:1", -1},                          {"", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tracker_shard_in(&tracker, cases[i].topic, strlen(cases[i].topic)), cases[i].shard);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_numbers),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(topics_have_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
