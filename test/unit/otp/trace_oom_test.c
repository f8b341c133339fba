/*
 * Every allocation in the life of a trace fails once: nothing leaks, what is traced goes on, and a trace that was answered is told of its end.
 */
#include "otp_fixture.h"

#include "otp/trace.h"
#include "support/alloc.h"

static unsigned events, ends;

static void on_event(hm_process *self, void *arg, const struct hm_trace_event *event) {
    char *text = NULL;
    hm_build *build = hm_build_new();
    (void)self;
    (void)arg;
    events++;
    for (int syntax = HM_SYNTAX_ERLANG; syntax <= HM_SYNTAX_JSON; syntax++)
        if (hm_trace_print(event, (enum hm_syntax)syntax, 0, &text) == HM_OK)
            free(text);
    if (build)
        hm_trace_put(build, event, true);
    hm_build_free(build);
}

static void on_end(hm_process *self, void *arg, uint64_t trace, enum hm_trace_end why, uint32_t count) {
    (void)self;
    (void)arg;
    (void)trace;
    (void)why;
    assert_int_equal(count, events);
    ends++;
}

static enum hm_verdict echo_call(hm_process *self, hm_term request, const hm_from *from) {
    return hm_reply_term(self, from, request);
}

/* The probe allocates. */
static enum hm_verdict count_receive(hm_process *self, hm_term message) {
    (void)message;
    ++*(unsigned *)self->state;
    return HM_CONTINUE;
}

static const struct process_class count_class = {.module = "count", .receive = count_receive};

static const struct hm_server_class echo_class = {.module = "echo", .call = echo_call};

static void use_trace(struct fixture *fixture, hm_process *probe, const char *target, bool messages, bool quit) {
    hm_build *build = hm_build_new();
    uint64_t id = 0;
    events = ends = 0;
    if (build)
        hm_put_text(build, target);
    struct hm_trace trace = {.target = build && hm_build_error(build) == HM_OK ? hm_build_term(build) : ATOM_TERM("echo"),
                             .limit = 50, .returns = true,
                             .record = true, .local = true, .messages = messages, .event = on_event, .ended = on_end};
    int error = hm_trace_start(probe, &trace, &id, NULL, 0);
    if (error)
        assert_int_equal(error, HM_ENOMEM);
    hm_sendf(probe, hm_to_name("echo", NULL), "{'$gen_call', {~p, tag}, {say, \"hi\"}}", probe->pid);
    hm_sendf(probe, hm_to_name("echo", NULL), "{say, \"more\"}");
    fixture_run(fixture);
    if (build) {
        hm_build_reset(build);
        int played = hm_trace_playback(fixture->node, 0, false, build);
        assert_true(played == HM_OK || played == HM_ENOMEM);
    }
    hm_build_free(build);
    if (!quit && !error)
        hm_trace_stop(fixture->node, id);
    fixture_run(fixture);
    if (!quit)
        assert_int_equal(ends, error ? 0 : 1);
    assert_int_equal(fixture->node->trace == NULL, ends || error);
}

static void each_allocation_of_a_trace_fails(void **state) {
    static const char *const TARGETS[] = {"echo", "echo:say/2", "processes", "erlang:node/0"};
    (void)state;
    for (unsigned variant = 0; variant < 16; variant++) {
        long n = 0;
        bool failed = true;
        for (; failed; n++) {
            struct fixture fixture;
            assert_int_equal(fixture_open(&fixture), HM_OK);
            hm_process *probe;
            unsigned answers = 0;
            assert_int_equal(process_spawn(fixture.node, &count_class, &probe), HM_OK);
            probe->state = &answers;
            assert_int_equal(hm_server_start(fixture.node, &echo_class, &(struct hm_start){.name = "echo"}, NULL, NULL), HM_OK);
            alloc_fail_at(n);
            use_trace(&fixture, probe, TARGETS[variant / 4], variant & 1, variant & 2);
            failed = alloc_failed();
            alloc_fail_never();
            answers = 0;
            hm_sendf(probe, hm_to_name("echo", NULL), "{'$gen_call', {~p, tag}, still}", probe->pid);
            fixture_run(&fixture);
            assert_int_equal(answers, 1);
            fixture_close(&fixture);
        }
        assert_true(n > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_of_a_trace_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
