/* Who follows a name hears of each process that is given it, and of failures only itself. */
#include "node_fixture.h"

#include "node/registry.h"

struct heard {
    hm_pid pids[8];
    unsigned count;
    int fail; /* so many times */
};

static int on_registered(hm_process *self, void *arg, hm_pid pid) {
    struct heard *heard = arg;
    assert_non_null(self);
    assert_true(heard->count < 8);
    if (heard->fail && heard->fail--)
        return HM_ENOMEM;
    heard->pids[heard->count++] = pid;
    return HM_OK;
}

static void run_until(const struct heard *heard, unsigned count) {
    for (int i = 0; i < 1000 && heard->count < count; i++)
        event_base_loop(fixture_base, EVLOOP_ONCE);
    assert_int_equal(heard->count, count);
}

static void who_is_there_is_heard_of_at_once(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen;
    struct heard heard = {0};
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen);
    assert_int_equal(hm_register(b, "name"), HM_OK);
    assert_int_equal(hm_follow(a, "name", on_registered, &heard), HM_OK);
    assert_int_equal(heard.count, 1);
    assert_true(hm_pid_equal(heard.pids[0], b->pid));
    fixture_run();
    assert_int_equal(heard.count, 1);
    fixture_free(node);
    seen_clear(&a_seen);
    seen_clear(&b_seen);
}

static void whoever_gets_the_name_is_heard_of(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen[4];
    struct heard one = {0}, two = {0}, other = {0};
    hm_process *process[4];
    for (int i = 0; i < 4; i++)
        process[i] = fixture_process(node, &seen[i]);
    assert_int_equal(hm_follow(process[0], "name", on_registered, &one), HM_OK);
    assert_int_equal(hm_follow(process[1], "name", on_registered, &two), HM_OK);
    assert_int_equal(hm_follow(process[1], "other", on_registered, &other), HM_OK);
    for (int i = 2; i < 4; i++) {
        assert_int_equal(hm_register(process[i], "name"), HM_OK);
        assert_int_equal(one.count, i - 2); /* not on the stack of who registers */
        fixture_run();
        assert_int_equal(one.count, i - 1);
        assert_int_equal(two.count, 1);
        assert_true(hm_pid_equal(one.pids[i - 2], process[i]->pid));
        process_exit(process[i], ATOM_TERM("over"));
        if (i == 2) /* who has ended hears nothing any more */
            process_exit(process[1], ATOM_TERM("over"));
        fixture_run();
    }
    assert_int_equal(other.count, 0);
    fixture_free(node);
    for (int i = 0; i < 4; i++)
        seen_clear(&seen[i]);
}

static void who_has_gone_again_is_not_heard_of(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen;
    struct heard heard = {0};
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen);
    assert_int_equal(hm_follow(a, "name", on_registered, &heard), HM_OK);
    assert_int_equal(hm_register(b, "name"), HM_OK);
    process_exit(b, ATOM_TERM("over"));
    fixture_run();
    assert_int_equal(heard.count, 0);
    fixture_free(node);
    seen_clear(&a_seen);
    seen_clear(&b_seen);
}

static void what_fails_is_tried_again(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen a_seen, b_seen, c_seen;
    struct heard heard = {.fail = 1};
    hm_process *a = fixture_process(node, &a_seen), *b = fixture_process(node, &b_seen);
    assert_int_equal(hm_register(b, "there"), HM_OK);
    assert_int_equal(hm_follow(a, "there", on_registered, &heard), HM_ENOMEM);
    assert_null(node->followed);
    process_exit(b, ATOM_TERM("over"));
    fixture_run();
    hm_process *c = fixture_process(node, &c_seen);
    heard.fail = 2;
    assert_int_equal(hm_follow(a, "name", on_registered, &heard), HM_OK);
    assert_int_equal(hm_register(c, "name"), HM_OK);
    run_until(&heard, 1);
    assert_int_equal(heard.fail, 0);
    fixture_free(node);
    seen_clear(&a_seen);
    seen_clear(&b_seen);
    seen_clear(&c_seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_there_is_heard_of_at_once),
        cmocka_unit_test(whoever_gets_the_name_is_heard_of),
        cmocka_unit_test(who_has_gone_again_is_not_heard_of),
        cmocka_unit_test(what_fails_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
