/* Greetings are logged, whatever they say, and names are Elixir's where they look so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <event2/event.h>

#include "services/services.h"

static const char NAME[] = "Elixir.DistributedHelloWorld.Greeter";

struct world {
    struct event_base *base;
    hm_node *node;
    hm_process *sender;
    char id[64], line[4096]; /* the last of the log */
    unsigned lines;
};

static void on_log(void *arg, enum hm_log_level level, const char *id, const char *text) {
    struct world *world = arg;
    (void)level;
    snprintf(world->id, sizeof world->id, "%s", id);
    snprintf(world->line, sizeof world->line, "%s", text);
    world->lines++;
}

static int keep_self(hm_process *self, void *argument) {
    ((struct world *)argument)->sender = self;
    return 0;
}

static const struct hm_server_class sender_class = {.module = "sender", .init = keep_self};

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
    assert_int_equal(hm_server_start(world.node, &sender_class, NULL, &world, NULL), 0);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    hm_node_free(world->node);
    event_base_free(world->base);
    return 0;
}

/* The line that this cast is answered with. */
static const char *line_of(struct world *world, const char *name, const char *term) {
    char why[128];
    unsigned lines = world->lines;
    hm_build *build = hm_build_new();
    assert_int_equal(hm_term_parse(term, HM_SYNTAX_ERLANG, build, why, sizeof why), 0);
    assert_int_equal(hm_cast(world->sender, hm_to_name(name, NULL), hm_build_term(build)), 0);
    hm_build_free(build);
    for (int i = 0; i < 1000 && world->lines == lines; i++)
        event_base_loop(world->base, EVLOOP_ONCE);
    assert_int_equal(world->lines, lines + 1);
    return world->line;
}

static void a_greeting_is_a_line(void **state) {
    struct world *world = *state;
    struct service_config config = {0};
    assert_int_equal(greeter_start(world->node, &config), 0);
    assert_string_equal(line_of(world, NAME, "{greet, 'alice@host'}"), "Hello world from :alice@host");
    assert_string_equal(world->id, "greeter.hello");
    assert_string_equal(line_of(world, NAME, "{greet, 'alice@host.local'}"), "Hello world from :\"alice@host.local\"");
}

static void nothing_in_a_greeting_reaches_a_terminal(void **state) {
    struct world *world = *state;
    struct service_config config = {0};
    assert_int_equal(greeter_start(world->node, &config), 0);
    const char *line = line_of(world, NAME, "{greet, 'a\\e[2J\\n@host'}");
    for (const char *c = line; *c; c++)
        assert_true((unsigned char)*c >= ' ' && *c != 127);
    assert_string_equal(line, "Hello world from :\"a\\e[2J\\n@host\"");
    assert_string_equal(line_of(world, NAME, "{greet, [1, {two, <<\"x\">>}]}"), "Hello world from [1, {:two, \"x\"}]");
    char large[8192] = "{greet, \"";
    memset(large + 9, 'x', 6000);
    strcpy(large + 6009, "\"}");
    assert_true(strlen(line_of(world, NAME, large)) < 1200);
}

static void what_is_no_greeting_is_told(void **state) {
    struct world *world = *state;
    struct service_config config = {0};
    assert_int_equal(greeter_start(world->node, &config), 0);
    line_of(world, NAME, "{greet}");
    assert_string_equal(world->id, "server.unknown");
    assert_string_equal(line_of(world, NAME, "{greet, 'b@host'}"), "Hello world from :b@host");
}

static void other_names(void **state) {
    struct world *world = *state;
    static const char *const names[] = {"MyApp.Greeter", "my_greeter"};
    struct service_config config = {.greeters = names, .greeter_count = 2};
    assert_int_equal(greeter_start(world->node, &config), 0);
    assert_null(hm_whereis(world->node, NAME).node);
    assert_string_equal(line_of(world, "Elixir.MyApp.Greeter", "{greet, x}"), "Hello world from :x");
    assert_string_equal(line_of(world, "my_greeter", "{greet, y}"), "Hello world from :y");
    struct service_config empty = {.greeters = (const char *const[]){""}, .greeter_count = 1};
    assert_int_equal(greeter_start(world->node, &empty), HM_ENAME);
    struct service_config taken = {.greeters = names + 1, .greeter_count = 1};
    assert_int_equal(greeter_start(world->node, &taken), HM_ETAKEN);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_greeting_is_a_line),
        TEST(nothing_in_a_greeting_reaches_a_terminal),
        TEST(what_is_no_greeting_is_told),
        TEST(other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
