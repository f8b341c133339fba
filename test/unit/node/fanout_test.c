/* One message to many: who gets it, in which order, and what becomes of it when somebody ends meanwhile. */
#include "node_fixture.h"

#include "node/fanout.h"
#include "node/links.h"
#include "node/registry.h"

enum { MANY = 200 }; /* more than one slice */

struct crowd {
    struct hm_node *node;
    struct seen sender_seen, seen[MANY];
    hm_process *sender, *process[MANY];
    hm_pid pids[MANY];
};

static struct crowd *crowd_new(void) {
    struct crowd *crowd = calloc(1, sizeof *crowd);
    assert_non_null(crowd);
    crowd->node = fixture_new();
    crowd->sender = fixture_process(crowd->node, &crowd->sender_seen);
    for (int i = 0; i < MANY; i++) {
        crowd->process[i] = fixture_process(crowd->node, &crowd->seen[i]);
        crowd->pids[i] = crowd->process[i]->pid;
    }
    return crowd;
}

static void crowd_free(struct crowd *crowd) {
    fixture_free(crowd->node);
    seen_clear(&crowd->sender_seen);
    for (int i = 0; i < MANY; i++)
        seen_clear(&crowd->seen[i]);
    free(crowd);
}

static hm_build *term(const char *pattern) {
    hm_build *build = hm_build_new();
    assert_non_null(build);
    hm_put_format(build, pattern);
    return build;
}

static void send_many(struct crowd *crowd, const char *pattern) {
    hm_build *build = term(pattern);
    assert_int_equal(hm_send_many(crowd->sender, crowd->pids, MANY, hm_build_term(build)), HM_OK);
    hm_build_free(build);
}

static void send_one(struct crowd *crowd, int i, const char *pattern) {
    assert_int_equal(hm_sendf(crowd->sender, hm_to_pid(crowd->pids[i]), pattern), HM_OK);
}

/* What it has seen, one after the other. */
static void saw(const struct seen *seen, const char *const *texts) {
    unsigned i = 0;
    for (; texts[i]; i++) {
        assert_true(i < seen->count);
        assert_string_equal(seen->texts[i], texts[i]);
    }
    assert_int_equal(seen->count, i);
}
#define SAW(seen, ...) saw(seen, (const char *const[]){__VA_ARGS__, NULL})

static void all_get_it_after_the_sender_has_returned(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    send_many(crowd, "{hello, 1}");
    assert_int_equal(crowd->seen[0].count, 0);
    assert_true(fanout_waits(crowd->sender));
    fixture_run();
    for (int i = 0; i < MANY; i++)
        SAW(&crowd->seen[i], "{hello,1}");
    assert_false(fanout_waits(crowd->sender));
    assert_int_equal(crowd->node->counters.messages_local, MANY);
    assert_int_equal(crowd->process[7]->handled, 1);
    crowd_free(crowd);
}

/* To one, to many, by name: between two processes nothing overtakes. */
static void the_order_of_one_sender_is_kept(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    assert_int_equal(registry_add(crowd->process[MANY - 1], "last", 4), HM_OK);
    send_one(crowd, MANY - 1, "first");
    send_many(crowd, "second");
    send_one(crowd, MANY - 1, "third");
    assert_int_equal(hm_sendf(crowd->sender, hm_to_name("last", NULL), "fourth"), HM_OK);
    send_many(crowd, "fifth");
    send_one(crowd, 0, "sixth");
    fixture_run();
    SAW(&crowd->seen[MANY - 1], "first", "second", "third", "fourth", "fifth");
    SAW(&crowd->seen[0], "second", "fifth", "sixth");
    SAW(&crowd->seen[100], "second", "fifth");
    crowd_free(crowd);
}

static void who_is_busy_gets_it_behind_what_waits(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    process_suspend(crowd->process[3]);
    send_many(crowd, "one");
    send_many(crowd, "two");
    fixture_run();
    assert_int_equal(crowd->seen[3].count, 0);
    process_resume(crowd->process[3]);
    fixture_run();
    SAW(&crowd->seen[3], "one", "two");
    crowd_free(crowd);
}

/* With what it sent; whom it was linked to hears of its end behind that. */
static void a_sender_that_ends_has_sent(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    crowd->process[150]->trap_exit = true;
    assert_int_equal(hm_link(crowd->sender, crowd->pids[150]), HM_OK);
    send_many(crowd, "last_words");
    process_exit(crowd->sender, ATOM_TERM("over"));
    fixture_run();
    SAW(&crowd->seen[0], "last_words");
    assert_int_equal(crowd->seen[150].count, 2);
    assert_string_equal(crowd->seen[150].texts[0], "last_words");
    assert_non_null(strstr(crowd->seen[150].texts[1], "'EXIT'"));
    crowd_free(crowd);
}

static void an_exit_comes_behind_it(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    send_many(crowd, "before");
    assert_int_equal(hm_exit(crowd->sender, crowd->pids[MANY - 1], ATOM_TERM("because")), HM_OK);
    fixture_run();
    SAW(&crowd->seen[MANY - 1], "before");
    assert_string_equal(crowd->seen[MANY - 1].ended, "because");
    crowd_free(crowd);
}

static void who_has_ended_does_not_get_it(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    struct seen next;
    process_exit(crowd->process[0], ATOM_TERM("over"));
    fixture_run();
    send_many(crowd, "hello");
    process_exit(crowd->process[1], ATOM_TERM("over"));
    fixture_process(crowd->node, &next); /* in the slot of the first, say */
    fixture_run();
    assert_int_equal(crowd->seen[0].count, 0);
    assert_int_equal(crowd->seen[1].count, 0);
    assert_int_equal(next.count, 0);
    SAW(&crowd->seen[2], "hello");
    assert_int_equal(crowd->node->counters.dead_letters, 2);
    crowd_free(crowd);
    seen_clear(&next);
}

static void it_can_end_who_gets_it(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    send_many(crowd, "{stop, enough}");
    fixture_run();
    for (int i = 0; i < MANY; i++)
        assert_string_equal(crowd->seen[i].ended, "enough");
    crowd_free(crowd);
}

/* ---- who gets it sends to many, too, while it reads it ---- */

static hm_term kept;

static enum hm_verdict echo_receive(hm_process *self, hm_term message) {
    struct crowd *crowd = self->state;
    kept = message;
    if (hm_is_atom(message, "settle"))
        fanout_settle(self->node); /* as when too much waits */
    else
        assert_int_equal(hm_send_many(self, crowd->pids, MANY, message), HM_OK);
    assert_true(hm_term_equal(kept, message)); /* the sanitizers say whether it is there still */
    return HM_CONTINUE;
}

static const struct process_class echo_class = {.module = "echo", .receive = echo_receive};

static void a_handler_may_send_to_many(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    hm_process *echo;
    assert_int_equal(process_spawn(crowd->node, &echo_class, &echo), HM_OK);
    echo->state = crowd;
    hm_pid first = crowd->pids[0];
    crowd->pids[0] = echo->pid;
    send_many(crowd, "settle");
    fixture_run();
    SAW(&crowd->seen[1], "settle");
    SAW(&crowd->seen[MANY - 1], "settle");
    hm_build *build = term("again");
    hm_pid to[FANOUT_LEAST];
    for (int i = 0; i < FANOUT_LEAST; i++)
        to[i] = i ? first : echo->pid;
    crowd->pids[0] = first;
    assert_int_equal(hm_send_many(crowd->sender, to, FANOUT_LEAST, hm_build_term(build)), HM_OK);
    fixture_run();
    assert_int_equal(crowd->seen[0].count, FANOUT_LEAST);
    SAW(&crowd->seen[5], "settle", "again");
    hm_build_free(build);
    crowd_free(crowd);
}

/* Then they are in the mailboxes, in the same order. */
static void too_much_that_waits_goes_into_the_mailboxes(void **state) {
    (void)state;
    struct crowd *crowd = crowd_new();
    send_many(crowd, "first");
    crowd->node->fanouts.weight += FANOUT_MAX; /* as if others waited */
    send_many(crowd, "second");
    crowd->node->fanouts.weight -= FANOUT_MAX;
    assert_int_equal(crowd->process[0]->mailbox.count, 2);
    assert_int_equal(crowd->node->fanouts.weight, 0);
    fixture_run();
    SAW(&crowd->seen[0], "first", "second");
    SAW(&crowd->seen[MANY - 1], "first", "second");
    crowd_free(crowd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_get_it_after_the_sender_has_returned),
        cmocka_unit_test(the_order_of_one_sender_is_kept),
        cmocka_unit_test(who_is_busy_gets_it_behind_what_waits),
        cmocka_unit_test(a_sender_that_ends_has_sent),
        cmocka_unit_test(an_exit_comes_behind_it),
        cmocka_unit_test(who_has_ended_does_not_get_it),
        cmocka_unit_test(it_can_end_who_gets_it),
        cmocka_unit_test(a_handler_may_send_to_many),
        cmocka_unit_test(too_much_that_waits_goes_into_the_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
