/*
 * A node of its own without connections, and servers on it that stand for somebody's services: each is started under a name, and ended as by kill -9.
 */
#ifndef TEST_UNIT_SERVICES_SERVICE_FIXTURE_H
#define TEST_UNIT_SERVICES_SERVICE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>

#include "services/services.h"

struct world {
    struct event_base *base;
    hm_node *node;
    hm_process *killer;
};

static inline int killer_init(hm_process *self, void *argument) {
    ((struct world *)argument)->killer = self;
    return 0;
}

static const struct hm_server_class killer_class = {.module = "killer", .init = killer_init};
static const struct hm_server_class service_class = {.module = "service"};

static inline int world_setup(void **state) {
    static struct world world;
    struct hm_options options = HM_OPTIONS_INIT;
    world.base = event_base_new();
    options.name = "n@host";
    options.cookie = "c";
    assert_int_equal(hm_node_new(world.base, &options, &world.node, NULL, 0), 0);
    assert_int_equal(hm_server_start(world.node, &killer_class, NULL, &world, NULL), 0);
    *state = &world;
    return 0;
}

static inline int world_teardown(void **state) {
    struct world *world = *state;
    hm_node_free(world->node);
    event_base_free(world->base);
    return 0;
}

static inline hm_pid world_start(struct world *world, const char *name) {
    struct hm_start how = {.name = name};
    hm_pid pid;
    assert_int_equal(hm_server_start(world->node, &service_class, &how, NULL, &pid), 0);
    return pid;
}

static inline void world_kill(struct world *world, hm_pid pid) {
    unsigned char room[HM_ATOM_ROOM];
    assert_int_equal(hm_exit(world->killer, pid, hm_atom_in(room, "kill")), 0);
}

#endif
