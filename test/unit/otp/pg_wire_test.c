/* What a recorded scope says is read, what we write reads as such a scope would, and junk is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etf/ids.h"
#include "otp/pg_wire.h"
#include "support/golden.h"

struct world {
    struct names *names;
    hm_build *build;
    struct pg_scratch scratch;
    char text[4096];
    struct pg_member met[8];
    unsigned letters;
};

static int setup(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->names = names_new(16);
    world->build = hm_build_new();
    *state = world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    pg_scratch_fini(&world->scratch);
    hm_build_free(world->build);
    names_free(world->names);
    free(world);
    return 0;
}

static void append(struct world *world, const char *format, ...) {
    size_t used = strlen(world->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->text + used, sizeof world->text - used, format, arguments);
    va_end(arguments);
}

static void append_term(struct world *world, hm_term term) {
    char *text;
    assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    append(world, "%s", text);
    free(text);
}

/* The members of a message in the order in which they are met. */
static char letter(struct world *world, struct pg_member member) {
    unsigned i = 0;
    while (i < world->letters && !pg_member_equal(world->met[i], member))
        i++;
    if (i == world->letters) {
        assert_true(i < sizeof world->met / sizeof *world->met);
        world->met[world->letters++] = member;
    }
    return (char)('P' + i);
}

static void append_members(struct world *world, const struct pg_message *message, hm_term members) {
    uint64_t strangers = 0;
    assert_int_equal(pg_wire_members(members, message->peer.node, &world->scratch, &strangers), HM_OK);
    append(world, "(");
    for (uint32_t i = 0; i < world->scratch.count; i++)
        append(world, "%c", letter(world, world->scratch.at[i]));
    append(world, ")");
    if (strangers)
        append(world, "+%u", (unsigned)strangers);
}

/* The message as text: "join {a,1} (90)". */
static const char *describe(struct world *world, hm_term message, bool cast) {
    static const char *const kinds[] = {"discover", "sync", "join", "leave", "update"};
    struct pg_message read;
    world->text[0] = '\0';
    world->letters = 0;
    if (!pg_wire_read(world->names, message, cast, &read))
        return "no";
    append(world, "%s", kinds[read.kind]);
    if (read.kind == PG_DISCOVER) {
        append(world, " %d", (int)read.version);
    } else if (read.kind == PG_JOIN) {
        append(world, " ");
        append_term(world, read.group);
        append(world, " ");
        append_members(world, &read, read.members);
    } else if (read.kind == PG_LEAVE) {
        append(world, " ");
        append_members(world, &read, read.members);
        append(world, " ");
        append_term(world, read.groups);
    } else {
        struct pg_entries entries;
        hm_term group, joined, left;
        if (read.kind == PG_SYNC)
            append(world, " %d", (int)read.version);
        pg_entries_begin(&entries, &read);
        while (pg_entries_next(&entries, &group, &joined, &left)) {
            append(world, " ");
            append_term(world, group);
            append_members(world, &read, joined);
            if (read.kind == PG_UPDATE)
                append_members(world, &read, left);
        }
    }
    return world->text;
}

static const struct {
    const char *name, *text;
} RECORDED[] = {
    {"otp25/pg_discover_1", "discover 0"},
    {"otp25/pg_join_1", "join a (P)"},
    {"otp25/pg_join_2", "join {hermes,'Elixir.Hermes.PubSub'} (PQP)"},
    {"otp25/pg_join_3", "join 1 (P)"},
    {"otp25/pg_join_6", "join #{x => [1.5,<<\"y\">>]} (P)"},
    {"otp25/pg_join_7", "join [] (P)"},
    {"otp25/pg_join_8", "join \"hi\" (P)"},
    {"otp25/pg_leave_1", "leave (P) [a]"},
    {"otp25/pg_leave_2", "leave (PQ) [{hermes,'Elixir.Hermes.PubSub'}]"},
    {"otp25/pg_leave_3", "leave (P) ['päž',\"hi\",[],1,2,1,{hermes,'Elixir.Hermes.PubSub'}]"},
    {"otp25/pg_sync_1", "sync 0"},
    {"otp27/pg_join_2", "join {hermes,'Elixir.Hermes.PubSub'} (PQP)"},
    {"otp27/pg_leave_2", "leave (PQ) [{hermes,'Elixir.Hermes.PubSub'}]"},
    {"otp29/pg_discover_1", "discover 1"},
    {"otp29/pg_local_data_1", "sync 1"},
    {"otp29/pg_update_2", "update {hermes,'Elixir.Hermes.PubSub'}(PQP)()"},
    {"otp29/pg_update_3", "update 1(P)()"},
    {"otp29/pg_update_11", "update {hermes,'Elixir.Hermes.PubSub'}()(PQ)"},
    {"otp29/pg_update_12",
     "update 'päž'()(P) \"hi\"()(P) []()(P) 1()(P) 2()(P) 1()(P) {hermes,'Elixir.Hermes.PubSub'}()(P)"},
};

static hm_term term_of(const struct golden *golden) {
    hm_term term;
    assert_int_equal(hm_term_check(golden->bytes, golden->size, true, NULL, &term), HM_OK);
    return term;
}

static void compare_recorded(const struct golden *golden, void *context) {
    struct world *world = context;
    hm_term term = term_of(golden), body;
    const char *name = golden->path + strlen("test/golden/");
    size_t size = strcspn(name, ".");
    bool cast = hm_match(term, "{'$gen_cast', ~t}", &body);
    const char *text = describe(world, cast ? body : term, cast);
    assert_string_not_equal(text, "no");
    for (size_t i = 0; i < sizeof RECORDED / sizeof *RECORDED; i++)
        if (strlen(RECORDED[i].name) == size && memcmp(RECORDED[i].name, name, size) == 0)
            assert_string_equal(text, RECORDED[i].text);
}

static void what_real_scopes_say_is_read(void **state) {
    assert_true(golden_each("pg_", ".bin", compare_recorded, *state) >= 12);
}

/* A map of what was joined and not left; its order is the recorded node's own. */
static void compare_sync(const struct golden *golden, void *context) {
    static const char *const groups[] = {
        " 1(PP)", " 2(P)", " 'päž'(P)", " {hermes,'Elixir.Hermes.PubSub'}(P)", " [](P)", " \"hi\"(P)"};
    hm_term body;
    assert_true(hm_match(term_of(golden), "{'$gen_cast', ~t}", &body));
    const char *text = describe(context, body, true);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        assert_non_null(strstr(text, groups[i]));
}

static void a_real_sync_has_every_group_once(void **state) {
    golden_each("pg_sync_2", ".bin", compare_sync, *state);
    golden_each("pg_local_data_2", ".bin", compare_sync, *state);
}

/* ---- built here ---- */

static hm_pid pid_of(struct world *world, const char *node, uint32_t id) {
    return (hm_pid){names_intern(world->names, node, strlen(node)), id, 0, 9};
}

#define EXPECT(world, cast, text, ...)                                                                       \
    do {                                                                                                     \
        hm_build_reset((world)->build);                                                                      \
        hm_put_format((world)->build, __VA_ARGS__);                                                          \
        assert_int_equal(hm_build_error((world)->build), HM_OK);                                             \
        assert_string_equal(describe(world, hm_build_term((world)->build), cast), text);                     \
    } while (0)

static void the_newer_version_is_read(void **state) {
    struct world *world = *state;
    hm_pid peer = pid_of(world, "a@h", 1), p = pid_of(world, "a@h", 2), q = pid_of(world, "a@h", 3);
    EXPECT(world, false, "discover 1", "{discover, ~p, 1}", peer);
    EXPECT(world, false, "discover 7", "{discover, ~p, 7}", peer);
    EXPECT(world, true, "sync 1 g(PQP) h(Q)", "{local_data, ~p, 1, #{g => [~p, ~p, ~p], h => [~p]}}", peer, p,
           q, p, q);
    EXPECT(world, true, "sync 1", "{local_data, ~p, 1, #{}}", peer);
    EXPECT(world, false, "update g(P)() h()(PQ)", "{update, ~p, [{g, [~p], []}, {h, [], [~p, ~p]}]}", peer, p,
           p, q);
    EXPECT(world, false, "update", "{update, ~p, []}", peer);
}

static void pids_of_other_nodes_are_no_members(void **state) {
    struct world *world = *state;
    hm_pid peer = pid_of(world, "a@h", 1), p = pid_of(world, "a@h", 2), x = pid_of(world, "b@h", 2);
    EXPECT(world, false, "join g ()+1", "{join, ~p, g, ~p}", peer, x);
    EXPECT(world, false, "join g (P)+2", "{join, ~p, g, [~p, ~p, ~p]}", peer, x, p, x);
    EXPECT(world, true, "sync 0 g()+1 h(P)", "{sync, ~p, [{g, [~p]}, {h, [~p]}]}", peer, x, p);
}

static void junk_is_not_read(void **state) {
    struct world *world = *state;
    static const char *const PLAIN[] = {
        "junk",
        "{}",
        "{discover}",
        "{discover, a}",
        "{discover, 1, 1}",
        "[discover]",
        "{join, a, b}",
        "{update, a, b}",
        "{'DOWN', 1, process, 2, 3}",
        "{a, b, c, d, e}",
        "1",
        "\"text\"",
    };
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++) {
        EXPECT(world, false, "no", PLAIN[i]);
        EXPECT(world, true, "no", PLAIN[i]);
    }
    hm_pid peer = pid_of(world, "a@h", 1);
    EXPECT(world, false, "no", "{discover, ~p, x}", peer);
    EXPECT(world, false, "no", "{join, ~p, g, x}", peer);
    EXPECT(world, false, "no", "{join, ~p, g, [x]}", peer);
    EXPECT(world, false, "no", "{join, ~p, g, [~p | x]}", peer, peer);
    EXPECT(world, false, "no", "{leave, ~p, ~p, g}", peer, peer);
    EXPECT(world, false, "no", "{leave, ~p, ~p, [g | h]}", peer, peer);
    EXPECT(world, false, "no", "{leave, ~p, 1, [g]}", peer);
    EXPECT(world, false, "no", "{sync, ~p, []}", peer); /* only as a cast */
    EXPECT(world, true, "no", "{discover, ~p}", peer);
    EXPECT(world, true, "no", "{sync, ~p, g}", peer);
    EXPECT(world, true, "no", "{sync, ~p, [g]}", peer);
    EXPECT(world, true, "no", "{sync, ~p, [{g}]}", peer);
    EXPECT(world, true, "no", "{sync, ~p, [{g, [1]}]}", peer);
    EXPECT(world, true, "no", "{sync, ~p, [{g, []} | x]}", peer);
    EXPECT(world, true, "no", "{local_data, ~p, 1, []}", peer);
    EXPECT(world, true, "no", "{local_data, ~p, x, #{}}", peer);
    EXPECT(world, true, "no", "{local_data, ~p, 1, #{g => 1}}", peer);
    EXPECT(world, false, "no", "{update, ~p, [{g, []}]}", peer);
    EXPECT(world, false, "no", "{update, ~p, [{g, [], x}]}", peer);
}

static const char *written(struct world *world) {
    assert_int_equal(hm_build_error(world->build), HM_OK);
    hm_term term = hm_build_term(world->build), body;
    assert_int_equal(hm_term_check(term.bytes, term.size, true, NULL, &term), HM_OK);
    bool cast = hm_match(term, "{'$gen_cast', ~t}", &body);
    return describe(world, cast ? body : term, cast);
}

static void what_we_write_is_read_the_same(void **state) {
    struct world *world = *state;
    static const unsigned char GROUP[] = {97, 5};
    const hm_term group = {GROUP, sizeof GROUP};
    hm_pid self = pid_of(world, "a@h", 1);
    const struct pg_member members[] = {{2, 0, 9}, {3, 0, 9}, {2, 0, 9}};
    hm_build *build = world->build;
    static const char *const texts[2][6] = {
        {"discover 0", "join 5 (PQP)", "join 5 (P)", "leave (PQ) [5]"},
        {"discover 1", "update 5(PQP)()", "update 5(P)()", "update 5()(PQ)"},
    };
    for (int version = 0; version < 2; version++) {
        hm_build_reset(build);
        pg_wire_put_discover(build, self, version);
        assert_string_equal(written(world), texts[version][0]);
        hm_build_reset(build);
        pg_wire_put_join(build, version, self, group, members, 3);
        assert_string_equal(written(world), texts[version][1]);
        hm_build_reset(build);
        pg_wire_put_join(build, version, self, group, members, 1);
        assert_string_equal(written(world), texts[version][2]);
        hm_build_reset(build);
        pg_wire_put_leave(build, version, self, group, members, 2);
        assert_string_equal(written(world), texts[version][3]);
    }
}

static void ignore_change(void *arg, struct pg_group *group, bool joined, const hm_node_name *node,
                          const struct pg_member *members, uint32_t count) {
    (void)arg;
    (void)group;
    (void)joined;
    (void)node;
    (void)members;
    (void)count;
}

/* In the encoding in which a group first came, and with what a real scope would say. */
static void a_sync_has_all_groups(void **state) {
    struct world *world = *state;
    hm_pid self = pid_of(world, "a@h", 1);
    struct pg_groups groups;
    struct pg_owner own;
    static const unsigned char A[] = {119, 1, 'a'}, ONE[] = {98, 0, 0, 0, 1};
    const struct pg_member members[] = {{2, 0, 9}, {3, 0, 9}};
    pg_groups_init(&groups, 10, 10, ignore_change, NULL);
    pg_owner_init(&own, self.node);
    for (int version = 0; version < 2; version++) {
        hm_build_reset(world->build);
        pg_wire_put_sync(world->build, version, self, &own);
        assert_string_equal(written(world), version ? "sync 1" : "sync 0");
    }
    assert_int_equal(pg_groups_join(&groups, &own, (hm_term){A, sizeof A}, members, 2), HM_OK);
    assert_int_equal(pg_groups_join(&groups, &own, (hm_term){ONE, sizeof ONE}, members + 1, 1), HM_OK);
    for (int version = 0; version < 2; version++) {
        hm_build_reset(world->build);
        pg_wire_put_sync(world->build, version, self, &own);
        assert_string_equal(written(world), version ? "sync 1 1(P) a(QP)" : "sync 0 1(P) a(QP)");
    }
    struct pg_group *both[] = {pg_groups_find(&groups, (hm_term){A, sizeof A}),
                               pg_groups_find(&groups, (hm_term){ONE, sizeof ONE}),
                               pg_groups_find(&groups, (hm_term){A, sizeof A})};
    hm_build_reset(world->build);
    pg_wire_put_end(world->build, 0, self, members[0], both, 3);
    assert_string_equal(written(world), "leave (P) [a,1,a]");
    hm_build_reset(world->build);
    pg_wire_put_end(world->build, 1, self, members[0], both, 3);
    assert_string_equal(written(world), "update a()(P) 1()(P) a()(P)");
    pg_groups_drop(&groups, &own);
    pg_groups_fini(&groups);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_real_scopes_say_is_read),
        TEST(a_real_sync_has_every_group_once),
        TEST(the_newer_version_is_read),
        TEST(pids_of_other_nodes_are_no_members),
        TEST(junk_is_not_read),
        TEST(what_we_write_is_read_the_same),
        TEST(a_sync_has_all_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
