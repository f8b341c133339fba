/* What the node uses, measured. */
#include "otp_fixture.h"
#include "otp/vitals.h"

static void memory_is_divided(void **state) {
    struct fixture *fixture = *state;
    struct vitals_memory before, after;
    vitals_memory(fixture->node, &before);
    uint64_t *bytes = before.bytes;
    assert_int_equal(bytes[VITALS_PROCESSES] + bytes[VITALS_SYSTEM], bytes[VITALS_TOTAL]);
    assert_true(bytes[VITALS_ATOM] <= bytes[VITALS_SYSTEM]);
    static char large[100000];
    hm_build *build = hm_build_new();
    hm_put_binary(build, large, sizeof large);
    assert_int_equal(hm_send(fixture->probe.process, hm_to_name("rex", NULL), hm_build_term(build)), HM_OK);
    hm_build_free(build);
    vitals_memory(fixture->node, &after); /* it lies in a mailbox */
    assert_true(after.bytes[VITALS_PROCESSES] >= before.bytes[VITALS_PROCESSES] + sizeof large);
}

static void the_run_queue_is_who_has_mail(void **state) {
    struct fixture *fixture = *state;
    fixture_run(fixture);
    assert_int_equal(vitals_run_queue(fixture->node), 0);
    hm_sendf(fixture->probe.process, hm_to_name("rex", NULL), "hello");
    hm_sendf(fixture->probe.process, hm_to_name("rex", NULL), "hello");
    assert_int_equal(vitals_run_queue(fixture->node), 1);
    fixture_run(fixture);
    assert_int_equal(vitals_run_queue(fixture->node), 0);
}

static void traffic_of_connections_that_ended_counts(void **state) {
    struct fixture *fixture = *state;
    fixture->node->counters.gone.bytes_in = 10;
    fixture->node->counters.gone.bytes_out = 20;
    struct vitals_io io = vitals_io(fixture->node);
    assert_int_equal(io.input, 10);
    assert_int_equal(io.output, 20);
}

static uint64_t active_time(struct fixture *fixture) {
    uint64_t active, total;
    hm_build *build = hm_build_new();
    vitals_put_scheduler_time(fixture->node, build);
    assert_true(hm_match(hm_build_term(build), "[{1, ~u, ~u}]", &active, &total));
    assert_true(active <= total);
    hm_build_free(build);
    return active;
}

static void time_at_work_grows_with_work(void **state) {
    struct fixture *fixture = *state;
    uint64_t before = active_time(fixture);
    while (active_time(fixture) == before)
        continue; /* that is work */
    assert_true(active_time(fixture) > before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(memory_is_divided),
        TEST(the_run_queue_is_who_has_mail),
        TEST(traffic_of_connections_that_ended_counts),
        TEST(time_at_work_grows_with_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
