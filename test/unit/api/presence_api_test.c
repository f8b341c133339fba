/* Requests to a tracker of this node, which writes them down and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/presence.h>

static const char TRACKER[] = "Elixir.My.Presence";

struct rig {
    struct event_base *base;
    hm_node *node;
    char log[4096];
    unsigned answers;
    int (*ask)(hm_process *self, struct rig *rig);
    int error;
};

static void note(struct rig *rig, const char *what, hm_term term) {
    char *text = NULL;
    size_t used = strlen(rig->log);
    if (term.size)
        assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    snprintf(rig->log + used, sizeof rig->log - used, "%s %s\n", what, text ? text : "");
    free(text);
}

static int keep_rig(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return 0;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    note(hm_data(self), "call", request);
    return hm_reply(self, from, "{ok, answer}");
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    note(hm_data(self), "cast", message);
    return HM_CONTINUE;
}

static enum hm_verdict on_next(hm_process *self) {
    struct rig *rig = hm_data(self);
    rig->error = rig->ask(self, rig);
    return HM_CONTINUE;
}

static int ask_at_once(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    hm_continue(self);
    return 0;
}

static const struct hm_server_class tracker_class = {.module = "tracker", .init = keep_rig, .call = on_call, .cast = on_cast};
static const struct hm_server_class asker_class = {.module = "asker", .init = ask_at_once, .next = on_next};

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct rig *rig = arg;
    (void)self;
    assert_int_equal(error, 0);
    note(rig, "answer", reply);
    rig->answers++;
    return HM_CONTINUE;
}

static hm_term topic(void) {
    static const unsigned char bytes[] = {109, 0, 0, 0, 1, 't'};
    return (hm_term){bytes, sizeof bytes};
}

static hm_term key(void) {
    static const unsigned char bytes[] = {97, 7};
    return (hm_term){bytes, sizeof bytes};
}

static hm_term meta(void) {
    static const unsigned char bytes[] = {116, 0, 0, 0, 0};
    return (hm_term){bytes, sizeof bytes};
}

static void run(struct rig *rig, bool tracker, int (*ask)(hm_process *self, struct rig *rig)) {
    struct hm_options options = HM_OPTIONS_INIT;
    struct hm_start start = {.name = TRACKER};
    char why[256];
    *rig = (struct rig){.base = event_base_new(), .ask = ask};
    options.name = "presence@localhost";
    options.cookie = "c";
    assert_int_equal(hm_node_new(rig->base, &options, &rig->node, why, sizeof why), 0);
    if (tracker)
        assert_int_equal(hm_server_start(rig->node, &tracker_class, &start, rig, NULL), 0);
    assert_int_equal(hm_server_start(rig->node, &asker_class, NULL, rig, NULL), 0);
    for (int i = 0; i < 20; i++)
        event_base_loop(rig->base, EVLOOP_NONBLOCK);
    hm_node_free(rig->node);
    event_base_free(rig->base);
}

static int ask_everything(hm_process *self, struct rig *rig) {
    hm_pid me = hm_self(self);
    assert_int_equal(hm_presence_track(self, TRACKER, me, topic(), key(), meta(), on_answer, rig), 0);
    assert_int_equal(hm_presence_update(self, TRACKER, me, topic(), key(), meta(), on_answer, rig), 0);
    assert_int_equal(hm_presence_untrack(self, TRACKER, me, topic(), key(), on_answer, rig), 0);
    assert_int_equal(hm_presence_untrack_all(self, TRACKER, me, on_answer, rig), 0);
    assert_int_equal(hm_presence_list(self, TRACKER, topic(), on_answer, rig), 0);
    assert_int_equal(hm_presence_watch(self, TRACKER, topic(), on_answer, rig), 0);
    assert_int_equal(hm_presence_unwatch(self, TRACKER, topic()), 0);
    assert_int_equal(hm_presence_track(self, TRACKER, me, topic(), key(), meta(), NULL, NULL), 0);
    assert_int_equal(hm_presence_list(self, TRACKER, topic(), NULL, NULL), HM_EINVAL);
    return hm_presence_watch(self, TRACKER, topic(), NULL, NULL);
}

/* A line begins so and has this in it. */
static void assert_said(const struct rig *rig, const char *begin, const char *more) {
    for (const char *line = rig->log; line && *line; line = strchr(line, '\n') + 1) {
        size_t size = strcspn(line, "\n");
        if (strncmp(line, begin, strlen(begin)) == 0 && memmem(line, size, more, strlen(more)))
            return;
    }
    fail_msg("nothing begins with %s and has %s:\n%s", begin, more, rig->log);
}

static void each_is_a_request(void **state) {
    (void)state;
    struct rig rig;
    run(&rig, true, ask_everything);
    assert_int_equal(rig.error, HM_EINVAL);
    assert_int_equal(rig.answers, 6);
    assert_said(&rig, "call {track,<", "<<\"t\">>,7,#{}}");
    assert_said(&rig, "call {update,<", "<<\"t\">>,7,#{}}");
    assert_said(&rig, "call {untrack,<", "<<\"t\">>,7}");
    assert_said(&rig, "call {untrack,<", ">}");
    assert_said(&rig, "call {list,<<\"t\">>}", "");
    assert_said(&rig, "call {watch,<<\"t\">>,<", ">}");
    assert_said(&rig, "cast {unwatch,<<\"t\">>,<", ">}");
    assert_said(&rig, "cast {track,<", "<<\"t\">>,7,#{}}");
    assert_said(&rig, "answer {ok,answer}", "");
}

static int ask_nobody(hm_process *self, struct rig *rig) {
    return hm_presence_list(self, TRACKER, topic(), on_answer, rig);
}

static void without_a_tracker(void **state) {
    (void)state;
    struct rig rig;
    run(&rig, false, ask_nobody);
    assert_int_equal(rig.error, HM_ENOPROC);
    assert_int_equal(rig.answers, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_a_request),
        cmocka_unit_test(without_a_tracker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
