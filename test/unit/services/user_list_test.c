/* The server of the list of users, without other nodes: requests, bad input, its end. people_SUITE has the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <event2/event.h>

#include "services/services.h"

struct world {
    struct event_base *base;
    hm_node *node;
    hm_process *caller;
    char *answer;
    unsigned refused, full;
};

static void on_log(void *arg, enum hm_log_level level, const char *id, const char *text) {
    struct world *world = arg;
    (void)level;
    (void)text;
    world->refused += strcmp(id, "user_list.refused") == 0;
    world->full += strcmp(id, "user_list.full") == 0;
}

static int keep_self(hm_process *self, void *argument) {
    ((struct world *)argument)->caller = self;
    return 0;
}

static const struct hm_server_class caller_class = {.module = "caller", .init = keep_self};

static int setup(void **state) {
    static struct world world;
    struct hm_options options = HM_OPTIONS_INIT;
    memset(&world, 0, sizeof world);
    world.base = event_base_new();
    options.name = "n@host";
    options.cookie = "c";
    options.log = on_log;
    options.log_arg = &world;
    assert_int_equal(hm_node_new(world.base, &options, &world.node, NULL, 0), 0);
    assert_int_equal(hm_server_start(world.node, &caller_class, NULL, &world, NULL), 0);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    hm_node_free(world->node);
    event_base_free(world->base);
    free(world->answer);
    return 0;
}

static void cast(struct world *world, const char *term) {
    char why[128];
    hm_build *build = hm_build_new();
    assert_int_equal(hm_term_parse(term, HM_SYNTAX_ERLANG, build, why, sizeof why), 0);
    assert_int_equal(hm_cast(world->caller, hm_to_name("user_list", NULL), hm_build_term(build)), 0);
    hm_build_free(build);
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct world *world = arg;
    (void)self;
    assert_int_equal(error, 0);
    assert_int_equal(hm_term_print(reply, HM_SYNTAX_ERLANG, 0, &world->answer), 0);
    return HM_CONTINUE;
}

static const char *users(struct world *world) {
    static const unsigned char GET_USERS[] = "\x77\x09get_users";
    free(world->answer);
    world->answer = NULL;
    assert_int_equal(hm_call(world->caller, hm_to_name("user_list", NULL), (hm_term){GET_USERS, sizeof GET_USERS - 1}, 5000,
                             on_answer, world),
                     0);
    while (!world->answer)
        event_base_loop(world->base, EVLOOP_ONCE);
    return world->answer;
}

static void users_come_and_go(void **state) {
    struct world *world = *state;
    struct service_config config = {0};
    assert_int_equal(user_list_start(world->node, &config), 0);
    assert_string_equal(users(world), "[]");
    cast(world, "{add_user, #{id => 1}}");
    cast(world, "{add_user, #{id => <<\"ann\">>, name => \"Ann\"}}");
    assert_string_equal(users(world), "[#{id => <<\"ann\">>,name => \"Ann\"},#{id => 1}]");
    cast(world, "{remove_user, 1}");
    assert_string_equal(users(world), "[#{id => <<\"ann\">>,name => \"Ann\"}]");
    cast(world, "{remove_user, #{id => <<\"ann\">>, name => other}}");
    assert_string_equal(users(world), "[]");
    assert_int_equal(world->refused + world->full, 0);
}

static void bad_input_changes_nothing(void **state) {
    struct world *world = *state;
    struct service_config config = {.user_list_max_users = 2, .user_list_interval = true, .user_list_interval_ms = 1};
    assert_int_equal(user_list_start(world->node, &config), 0);
    cast(world, "{add_user, #{id => 1}}");
    cast(world, "{add_user, #{name => x}}");
    cast(world, "{add_user, [#{id => 2}]}");
    cast(world, "{sync, n@host, [#{id => 2}]}");
    cast(world, "{sync, other@host, [#{id => 2}]}");
    cast(world, "{sync, <<\"x\">>, []}");
    cast(world, "{remove_user, #{}}");
    assert_string_equal(users(world), "[#{id => 1}]");
    assert_int_equal(world->refused, 4);
    cast(world, "{add_user, #{id => 2}}");
    cast(world, "{add_user, #{id => 3}}");
    assert_string_equal(users(world), "[#{id => 2},#{id => 1}]");
    assert_int_equal(world->full, 1);
}

static void a_huge_list_has_an_end(void **state) {
    struct world *world = *state;
    struct service_config config = {.user_list_max_bytes = 4096};
    char text[64];
    assert_int_equal(user_list_start(world->node, &config), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "{add_user, #{id => %d}}", i);
        cast(world, text);
    }
    size_t count = 0;
    for (const char *c = users(world); (c = strstr(c, "id =>")); c++)
        count++;
    assert_true(count > 100 && count < 500);
    assert_true(world->full > 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(users_come_and_go),
        TEST(bad_input_changes_nothing),
        TEST(a_huge_list_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
