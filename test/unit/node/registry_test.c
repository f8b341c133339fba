/* How long a process with a name takes, by powers of four. */
#include "node_fixture.h"

#include "node/registry.h"

static void runs_are_counted_by_their_mean(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    assert_null(registry_times(process));
    assert_int_equal(registry_add(process, "timed", 5), HM_OK);
    static const struct {
        unsigned messages;
        int64_t ns;
        unsigned place;
    } RUNS[] = {
        {1, 0, 0},        {1, 1024, 0},    {1, 1025, 1},           {1, 4096, 1},       {1, 4097, 2},
        {100, 102400, 0}, {2, 8192, 1},    {1, 4294967296ll, 11},  {1, 4294967297ll, 12}, {1, INT64_MAX / 2, 12},
    };
    for (size_t i = 0; i < sizeof RUNS / sizeof *RUNS; i++) {
        struct registry_times before = *registry_times(process);
        registry_note_run(process, RUNS[i].messages, RUNS[i].ns);
        const struct registry_times *after = registry_times(process);
        for (unsigned place = 0; place <= REGISTRY_BOUNDS; place++)
            assert_int_equal(after->counts[place] - before.counts[place], place == RUNS[i].place ? RUNS[i].messages : 0);
        assert_int_equal(after->ns - before.ns, RUNS[i].ns);
    }
    for (unsigned i = 1; i < REGISTRY_BOUNDS; i++)
        assert_true(REGISTRY_BOUND_SECONDS[i] == 4 * REGISTRY_BOUND_SECONDS[i - 1]);
    fixture_free(node);
    seen_clear(&seen);
}

/* What handled nothing, or has no name, has no time. */
static void only_named_processes_are_timed(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen named_seen, other_seen;
    hm_process *named = fixture_process(node, &named_seen), *other = fixture_process(node, &other_seen);
    assert_int_equal(registry_add(named, "named", 5), HM_OK);
    for (int i = 0; i < 3; i++) {
        fixture_tell(named, "hello");
        fixture_tell(other, "hello");
    }
    fixture_run();
    uint64_t total = 0;
    for (unsigned place = 0; place <= REGISTRY_BOUNDS; place++)
        total += registry_times(named)->counts[place];
    assert_int_equal(total, 3);
    assert_true(registry_times(named)->ns > 0);
    assert_int_equal(node->counters.reductions, 6);
    process_suspend(named);
    fixture_tell(named, "later");
    fixture_run();
    assert_int_equal(node->counters.reductions, 6); /* it waits, and is not handled */
    process_resume(named);
    fixture_run();
    assert_int_equal(node->counters.reductions, 7);
    fixture_free(node);
    seen_clear(&named_seen);
    seen_clear(&other_seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_counted_by_their_mean),
        cmocka_unit_test(only_named_processes_are_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
