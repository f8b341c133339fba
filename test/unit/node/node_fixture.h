/*
 * A node without sockets and without otp, for tests of the runtime: processes of a class that writes down what it receives. The loop runs
 * until nothing is left to do.
 */
#ifndef TEST_UNIT_NODE_FIXTURE_H
#define TEST_UNIT_NODE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdlib.h>

#include "node/peers.h"
#include "node/process.h"

struct seen {
    char *texts[64]; /* received terms in Erlang syntax; freed by fixture_free */
    unsigned count;
    char *ended;     /* the reason */
};

static struct event_base *fixture_base;

static inline char *print_term(hm_term term) {
    char *text = NULL;
    assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    return text;
}

static enum hm_verdict seen_receive(hm_process *self, hm_term message) {
    struct seen *seen = self->state;
    assert_true(seen->count < 64);
    seen->texts[seen->count++] = print_term(message);
    if (hm_is_atom(message, "stop"))
        return HM_STOP;
    hm_term parts[2];
    if (hm_tuple_elements(message, 2, parts) && hm_is_atom(parts[0], "stop")) {
        process_set_reason(self, parts[1]);
        return HM_STOP;
    }
    return HM_CONTINUE;
}

static void seen_ended(hm_process *self, hm_term reason) {
    struct seen *seen = self->state;
    assert_null(seen->ended);
    seen->ended = print_term(reason);
}

static bool seen_urgent(hm_process *self, hm_term message) {
    (void)self;
    return hm_is_atom(message, "urgent");
}

static const struct process_class seen_class = {
    .module = "seen", .receive = seen_receive, .urgent = seen_urgent, .ended = seen_ended};

static inline void seen_clear(struct seen *seen) {
    for (unsigned i = 0; i < seen->count; i++)
        free(seen->texts[i]);
    free(seen->ended);
    *seen = (struct seen){0};
}

static inline struct hm_node *fixture_new(void) {
    struct hm_node *node = calloc(1, sizeof *node);
    assert_non_null(node);
    fixture_base = event_base_new();
    node->base = fixture_base;
    node->names = names_new(100);
    node->name = names_intern(node->names, "n@host", 6);
    node->turn = turn_new(fixture_base, 100);
    node->max_processes = 1000;
    node->max_mailbox = 50;
    TAILQ_INIT(&node->watches);
    node->dist = (struct dist){.base = fixture_base, .turn = node->turn, .names = node->names, .log = &node->log,
                               .events = &peers_events, .arg = node, .self = node->name, .creation = 7,
                               .output_high = 1 << 20};
    return node;
}

static inline hm_process *fixture_process(struct hm_node *node, struct seen *seen) {
    hm_process *process;
    *seen = (struct seen){0};
    assert_int_equal(process_spawn(node, &seen_class, &process), HM_OK);
    process->state = seen;
    return process;
}

/* Until no event is active: timers of 0 ms count. */
static inline void fixture_run(void) {
    for (int i = 0; i < 20; i++)
        event_base_loop(fixture_base, EVLOOP_NONBLOCK);
}

static inline void fixture_tell(hm_process *process, const char *pattern) {
    hm_build *build = hm_build_new();
    hm_put_format(build, pattern);
    assert_int_equal(process_deliver_term(process, hm_build_term(build), NULL), HM_OK);
    hm_build_free(build);
}

static inline void fixture_free(struct hm_node *node) {
    node->stopping = true;
    for (uint32_t id = 1; id < node->slot_count; id++)
        if (node->slots[id].process)
            process_exit(node->slots[id].process, ATOM_TERM("shutdown"));
    assert_int_equal(node->process_count, 0);
    assert_null(node->links);
    assert_null(node->monitors);
    assert_null(node->aliases);
    assert_null(node->registry);
    peers_free(node);
    metrics_fini(&node->metrics);
    turn_free(node->turn);
    dist_fini(&node->dist);
    process_table_free(node);
    names_free(node->names);
    hm_build_free(node->spare_build);
    event_base_free(fixture_base);
    free(node);
}

#endif
