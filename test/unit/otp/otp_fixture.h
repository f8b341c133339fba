/*
 * A node with otp but without sockets, and a probe: a process that writes down what it receives and from
 * which tests send. The loop runs until nothing is left to do.
 */
#ifndef TEST_UNIT_OTP_FIXTURE_H
#define TEST_UNIT_OTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdlib.h>

#include "node/peers.h"
#include "node/process.h"
#include "node/registry.h"
#include "node/route.h"
#include "otp/gen_server.h"
#include "otp/otp.h"

enum { PROBE_MESSAGES = 64 };

struct probe {
    hm_process *process;
    char *texts[PROBE_MESSAGES]; /* received, in Erlang syntax, pids and references as <pid> and #Ref<...> */
    hm_term terms[PROBE_MESSAGES];
    unsigned count;
};

struct fixture {
    struct event_base *base;
    struct hm_node *node;
    struct probe probe;
    void *owned[8];    /* freed after the processes ended */
    unsigned warnings; /* lines of the levels warn and error */
    char log[4096];    /* all lines, "id text" */
};

static inline char *print_term(hm_term term) {
    char *text = NULL;
    assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    return text;
}

static enum hm_verdict probe_receive(hm_process *self, hm_term message) {
    struct probe *probe = self->state;
    assert_true(probe->count < PROBE_MESSAGES);
    assert_int_equal(hm_term_copy(message, &probe->terms[probe->count]), HM_OK);
    probe->texts[probe->count++] = print_term(message);
    return HM_CONTINUE;
}

static const struct process_class probe_class = {.module = "probe", .receive = probe_receive};

static inline void probe_clear(struct probe *probe) {
    for (unsigned i = 0; i < probe->count; i++) {
        free(probe->texts[i]);
        free((void *)(uintptr_t)probe->terms[i].bytes);
    }
    probe->count = 0;
}

static void fixture_log(void *arg, enum log_level level, const char *id, const char *text) {
    struct fixture *fixture = arg;
    size_t used = strlen(fixture->log);
    snprintf(fixture->log + used, sizeof fixture->log - used, "%s %s\n", id, text);
    fixture->warnings += level <= LOG_WARN;
}

static inline int fixture_open(struct fixture *fixture) {
    struct hm_node *node = calloc(1, sizeof *node);
    *fixture = (struct fixture){.base = event_base_new(), .node = node};
    if (!node || !fixture->base)
        return HM_ENOMEM;
    node->base = fixture->base;
    node->log = (struct log){.level = LOG_DEBUG, .write = fixture_log, .arg = fixture};
    node->started = mono_now();
    node->names = names_new(100);
    node->turn = turn_new(fixture->base, 100);
    node->name = node->names ? names_intern(node->names, "n@host", 6) : NULL;
    node->max_processes = 1000;
    node->max_mailbox = 1000;
    TAILQ_INIT(&node->watches);
    node->dist = (struct dist){.base = fixture->base,
                               .turn = node->turn,
                               .names = node->names,
                               .log = &node->log,
                               .events = &peers_events,
                               .arg = node,
                               .self = node->name,
                               .creation = 7,
                               .tick_interval_ms = 15000,
                               .tick_intensity = 4,
                               .output_high = 1 << 20};
    if (!node->names || !node->turn || !node->name)
        return HM_ENOMEM;
    return otp_start(node);
}

static inline void fixture_close(struct fixture *fixture) {
    struct hm_node *node = fixture->node;
    probe_clear(&fixture->probe);
    if (node) {
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
        otp_stop(node);
        metrics_fini(&node->metrics);
        if (node->turn)
            turn_free(node->turn);
        dist_fini(&node->dist);
        process_table_free(node);
        if (node->names)
            names_free(node->names);
        hm_build_free(node->spare_build);
        free(node);
    }
    if (fixture->base)
        event_base_free(fixture->base);
    for (size_t i = 0; i < sizeof fixture->owned / sizeof *fixture->owned; i++)
        free(fixture->owned[i]);
}

/* Zeroed memory that lives until the processes have ended. */
static inline void *fixture_own(struct fixture *fixture, size_t size) {
    size_t i = 0;
    while (fixture->owned[i])
        i++;
    assert_true(i < sizeof fixture->owned / sizeof *fixture->owned);
    fixture->owned[i] = calloc(1, size);
    assert_non_null(fixture->owned[i]);
    return fixture->owned[i];
}

static inline int fixture_setup(void **state) {
    struct fixture *fixture = malloc(sizeof *fixture);
    assert_non_null(fixture);
    assert_int_equal(fixture_open(fixture), HM_OK);
    assert_int_equal(process_spawn(fixture->node, &probe_class, &fixture->probe.process), HM_OK);
    fixture->probe.process->state = &fixture->probe;
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state) {
    fixture_close(*state);
    free(*state);
    return 0;
}

/* Until no event is active: timers of 0 ms count. */
static inline void fixture_run(struct fixture *fixture) {
    for (int i = 0; i < 20; i++)
        event_base_loop(fixture->base, EVLOOP_NONBLOCK);
}

/* Builds a term, sends it from the probe, and runs the loop. */
#define fixture_send(fixture, to, ...)                                                \
    do {                                                                              \
        assert_int_equal(hm_sendf((fixture)->probe.process, to, __VA_ARGS__), HM_OK); \
        fixture_run(fixture);                                                         \
    } while (0)

/* A call with the tag `t': the answer comes to the probe as {t, Answer}. */
#define fixture_call(fixture, to, pattern, ...)                                                     \
    fixture_send(fixture, to, "{'$gen_call', {~p, t}, " pattern "}", (fixture)->probe.process->pid, \
                 ##__VA_ARGS__)

#define fixture_system(fixture, to, pattern, ...) \
    fixture_send(fixture, to, "{system, {~p, t}, " pattern "}", (fixture)->probe.process->pid, ##__VA_ARGS__)

/* The only thing that the probe got since the last time, as text. */
static inline void expect_text(struct fixture *fixture, const char *text) {
    if (fixture->probe.count != 1)
        print_error("%u messages instead of %s\n", fixture->probe.count, text);
    assert_int_equal(fixture->probe.count, 1);
    assert_string_equal(fixture->probe.texts[0], text);
    probe_clear(&fixture->probe);
}

static inline void expect_nothing(struct fixture *fixture) {
    if (fixture->probe.count)
        print_error("unexpected: %s\n", fixture->probe.texts[0]);
    assert_int_equal(fixture->probe.count, 0);
}

#endif
