/*
 * A node that is not started, and a discovery whose news are written down: "+a@h " for found, "?a@h "
 * for found and not taken, "!a@h " for not taken again, "-a@h " for lost.
 */
#ifndef TEST_UNIT_DISCOVERY_FIXTURE_H
#define TEST_UNIT_DISCOVERY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/discovery.h"

struct fixture {
    struct event_base *base;
    hm_node *node;
    struct discovery *discovery;
    const char *kubernetes_host, *kubernetes_port;
    char news[4096], log[4096];
    unsigned found, refused, lost, logged;
    bool full; /* nothing more is taken */
};

static inline void note(char *list, size_t capacity, char sign, const char *text) {
    size_t used = strlen(list);
    snprintf(list + used, capacity - used, "%c%s ", sign, text);
}

static inline bool note_found(void *arg, const struct discovery *discovery, const char *node, bool again) {
    struct fixture *fixture = arg;
    (void)discovery;
    if (fixture->full) {
        fixture->refused++;
        note(fixture->news, sizeof fixture->news, again ? '!' : '?', node);
        return false;
    }
    fixture->found++;
    note(fixture->news, sizeof fixture->news, '+', node);
    return true;
}

static inline void note_lost(void *arg, const struct discovery *discovery, const char *node) {
    struct fixture *fixture = arg;
    (void)discovery;
    fixture->lost++;
    note(fixture->news, sizeof fixture->news, '-', node);
}

static inline void note_log(void *arg, enum hm_log_level level, const char *id, const char *text) {
    struct fixture *fixture = arg;
    (void)level;
    fixture->logged++;
    note(fixture->log, sizeof fixture->log, ' ', id);
    note(fixture->log, sizeof fixture->log, ' ', text);
}

static inline void fixture_init_as(struct fixture *fixture, const char *name, bool long_names, uint16_t epmd_port) {
    struct hm_options options = HM_OPTIONS_INIT;
    char why[256] = "";
    *fixture = (struct fixture){.base = event_base_new()};
    options.name = name;
    options.long_names = long_names;
    options.cookie = "secret";
    options.no_listen = true;
    options.epmd_port = epmd_port;
    if (hm_node_new(fixture->base, &options, &fixture->node, why, sizeof why))
        fail_msg("%s", why);
}

static inline void fixture_init(struct fixture *fixture, uint16_t epmd_port) {
    fixture_init_as(fixture, "own@localhost", false, epmd_port);
}

static inline void fixture_fini(struct fixture *fixture) {
    discovery_close(fixture->discovery);
    hm_node_free(fixture->node);
    event_base_free(fixture->base);
}

static inline int fixture_open(struct fixture *fixture, const char *text, uint32_t max_nodes, bool silent, char *why,
                               size_t capacity) {
    struct discovery_spec spec;
    struct discovery_options options = {
        .node = fixture->node,
        .cookie = "secret",
        .silent = silent,
        .max_nodes = max_nodes,
        .kubernetes_host = fixture->kubernetes_host,
        .kubernetes_port = fixture->kubernetes_port,
        .found = note_found,
        .lost = note_lost,
        .log = note_log,
        .arg = fixture,
    };
    int error = discovery_parse(text, &spec, why, capacity);
    return error ? error : discovery_open(&options, &spec, &fixture->discovery, why, capacity);
}

static inline void fixture_must_open(struct fixture *fixture, const char *text, uint32_t max_nodes, bool silent) {
    char why[512] = "";
    if (fixture_open(fixture, text, max_nodes, silent, why, sizeof why))
        fail_msg("%s: %s", text, why);
}

/* Runs the loop until it is so; what is waited for comes over loopback, or from a timer of the strategy. */
#define RUN_UNTIL(fixture, condition) \
    do { \
        struct timeval limit_ = {20, 0}; \
        event_base_loopexit((fixture)->base, &limit_); \
        while (!(condition)) { \
            assert_int_equal(event_base_loop((fixture)->base, EVLOOP_ONCE), 0); \
            if (event_base_got_exit((fixture)->base)) \
                fail_msg("never: %s; news: %s log: %s", #condition, (fixture)->news, (fixture)->log); \
        } \
    } while (0)

#endif
