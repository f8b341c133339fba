/*
 * Several nodes in one program, over loopback and without epmd: a hub that listens, and others that connect to it alone.
 */
#ifndef TEST_UNIT_SERVICES_STAR_FIXTURE_H
#define TEST_UNIT_SERVICES_STAR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <event2/event.h>

#include "services/services.h"

static struct event_base *star_base; /* made with the hub, freed by the test */

static inline void star_on_done(void *arg, int error, const char *text) {
    (void)text;
    assert_int_equal(error, 0);
    *(bool *)arg = true;
}

static inline void star_wait(const bool *done) {
    while (!*done)
        event_base_loop(star_base, EVLOOP_ONCE);
}

/* hub NULL: it is the hub, which has to be called hub@127.0.0.1. What the options say of names and sockets is set here. */
static inline hm_node *star_node(const char *name, const hm_node *hub, struct hm_options options) {
    char why[256] = "";
    hm_node *node = NULL;
    bool ready = false;
    if (!hub)
        star_base = event_base_new();
    options.name = name;
    options.long_names = true;
    options.cookie = "c";
    options.no_epmd = true;
    options.listen = "127.0.0.1";
    options.dial_port = hub ? hm_node_port(hub) : 0;
    options.no_listen = hub != NULL;
    options.port_first = 20000;
    options.port_last = 60000;
    if (hm_node_new(star_base, &options, &node, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(hm_node_start(node, star_on_done, &ready), 0);
    star_wait(&ready);
    return node;
}

static inline const hm_node_name *star_hub_of(hm_node *node) {
    return hm_node_find(node, "hub@127.0.0.1");
}

static inline int64_t star_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void star_run_for(int64_t ms) {
    for (int64_t until = star_now_ms() + ms; star_now_ms() < until;)
        event_base_loop(star_base, EVLOOP_NONBLOCK);
}

/* As init of a class: the process goes where the argument points. */
static inline int star_keep_process(hm_process *self, void *argument) {
    *(hm_process **)argument = self;
    return 0;
}

#endif
