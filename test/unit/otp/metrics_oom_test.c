/* Every allocation of adding metrics and making a map of them fails once: an error, and nothing else. */
#include "otp_fixture.h"
#include "otp/metrics_term.h"
#include "support/alloc.h"

static const struct hm_metric METRICS[] = {{"mine_total", HM_COUNTER, "Mine", {"name"}}};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    struct hm_text name = hm_text_of("x");
    (void)arg;
    (void)metric;
    hm_metric_put(out, &name, 1);
}

static int scenario(struct hm_node *node) {
    struct hm_metrics *source = NULL;
    int error = hm_metrics_add(node, METRICS, 1, collect, NULL, &source);
    if (error)
        return error;
    hm_build *build = hm_build_new();
    error = HM_ENOMEM;
    if (build) {
        metrics_put_term(node, build);
        error = hm_build_error(build);
    }
    hm_build_free(build);
    hm_metrics_remove(source);
    return error;
}

static void every_allocation_may_fail(void **state) {
    struct fixture *fixture = *state;
    long n = 0;
    for (;; n++) {
        alloc_fail_at(n);
        int error = scenario(fixture->node);
        if (!alloc_failed())
            break;
        assert_int_equal(error, HM_ENOMEM);
    }
    alloc_fail_never();
    assert_true(n > 2);
    assert_int_equal(scenario(fixture->node), HM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
