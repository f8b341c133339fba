/* The table: members as often as they joined, groups by what their terms mean, limits, replacing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etf/names.h"
#include "otp/pg_groups.h"

struct world {
    struct names *names;
    struct pg_groups groups;
    struct pg_owner own, other;
    hm_build *build;
    char told[1024]; /* "+a@h g 1 2;" for each change */
};

static void append(struct world *world, const char *format, ...) {
    size_t used = strlen(world->told);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->told + used, sizeof world->told - used, format, arguments);
    va_end(arguments);
}

static void on_changed(void *arg, struct pg_group *group, bool joined, const hm_node_name *node,
                       const struct pg_member *members, uint32_t count) {
    struct world *world = arg;
    char *text;
    assert_int_equal(hm_term_print(pg_group_term(group), HM_SYNTAX_ERLANG, 0, &text), HM_OK);
    append(world, "%c%s %s", joined ? '+' : '-', hm_node_name_text(node), text);
    free(text);
    for (uint32_t i = 0; i < count; i++)
        append(world, " %u", members[i].id);
    append(world, ";");
}

static int setup(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->names = names_new(10);
    world->build = hm_build_new();
    pg_groups_init(&world->groups, 5, 8, on_changed, world);
    pg_owner_init(&world->own, names_intern(world->names, "a@h", 3));
    pg_owner_init(&world->other, names_intern(world->names, "b@h", 3));
    *state = world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    pg_groups_drop(&world->groups, &world->own);
    pg_groups_drop(&world->groups, &world->other);
    assert_int_equal(world->groups.groups, 0);
    assert_int_equal(world->own.members + world->other.members, 0);
    pg_groups_fini(&world->groups);
    hm_build_free(world->build);
    names_free(world->names);
    free(world);
    return 0;
}

static hm_term term(struct world *world, const char *pattern) {
    hm_build_reset(world->build);
    hm_put_format(world->build, pattern);
    assert_int_equal(hm_build_error(world->build), HM_OK);
    return hm_build_term(world->build);
}

static void expect_told(struct world *world, const char *text) {
    assert_string_equal(world->told, text);
    world->told[0] = '\0';
}

/* The members of a group as ids, in the order of the cursor. */
static void expect_members(struct world *world, const char *group, enum pg_which which, const char *ids) {
    struct pg_cursor cursor;
    char text[256] = "";
    hm_pid pid;
    uint64_t count = 0;
    const struct pg_group *found = pg_groups_find(&world->groups, term(world, group));
    pg_cursor_begin(&cursor, found, &world->own, which);
    for (; pg_cursor_next(&cursor, &pid); count++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u%s", count ? " " : "", pid.id,
                 pid.node == world->own.node ? "" : "b");
    assert_false(pg_cursor_next(&cursor, &pid));
    assert_string_equal(text, ids);
    assert_int_equal(found ? pg_group_count(found, &world->own, which) : 0, count);
}

static int join(struct world *world, struct pg_owner *owner, const char *group, unsigned count,
                const unsigned *ids) {
    struct pg_member members[16];
    for (unsigned i = 0; i < count; i++)
        members[i] = (struct pg_member){ids[i], 0, 4};
    return pg_groups_join(&world->groups, owner, term(world, group), members, count);
}

static unsigned leave(struct world *world, struct pg_owner *owner, const char *group, unsigned count,
                      const unsigned *ids) {
    struct pg_member members[16];
    for (unsigned i = 0; i < count; i++)
        members[i] = (struct pg_member){ids[i], 0, 4};
    return pg_groups_leave(&world->groups, owner, term(world, group), members, count);
}

static int replace(struct world *world, struct pg_owner *owner, const char *group, unsigned count,
                   const unsigned *ids) {
    struct pg_member members[16];
    for (unsigned i = 0; i < count; i++)
        members[i] = (struct pg_member){ids[i], 0, 4};
    return pg_groups_replace(&world->groups, owner, term(world, group), members, count);
}

#define IDS(...) (sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned)), ((const unsigned[]){__VA_ARGS__})

static void members_are_in_as_often_as_they_joined(void **state) {
    struct world *world = *state;
    assert_int_equal(join(world, &world->own, "g", IDS(1, 2)), HM_OK);
    assert_int_equal(join(world, &world->own, "g", IDS(1)), HM_OK);
    assert_int_equal(join(world, &world->other, "g", IDS(7, 8)), HM_OK);
    expect_told(world, "+a@h g 1 2;+a@h g 1;+b@h g 7 8;");
    expect_members(world, "g", PG_ALL, "1 2 1 8b 7b");
    expect_members(world, "g", PG_LOCAL, "1 2 1");
    expect_members(world, "g", PG_REMOTE, "8b 7b");
    expect_members(world, "none", PG_ALL, "");
    assert_int_equal(leave(world, &world->own, "g", IDS(1)), 1);
    expect_members(world, "g", PG_LOCAL, "2 1");
    assert_int_equal(leave(world, &world->own, "g", IDS(1, 1, 9, 2)), 2);
    assert_int_equal(leave(world, &world->own, "g", IDS(1)), 0);
    assert_int_equal(leave(world, &world->own, "none", IDS(1)), 0);
    expect_told(world, "-a@h g 1;-a@h g 1 2;");
    expect_members(world, "g", PG_ALL, "8b 7b");
    assert_int_equal(world->groups.groups, 1);
    assert_int_equal(leave(world, &world->other, "g", IDS(7, 8)), 2);
    assert_int_equal(world->groups.groups, 0);
}

static void another_process_with_the_same_id_is_another_member(void **state) {
    struct world *world = *state;
    struct pg_member now = {1, 2, 4}, before = {1, 1, 4}, other_life = {1, 2, 5};
    assert_int_equal(pg_groups_join(&world->groups, &world->own, term(world, "g"), &now, 1), HM_OK);
    assert_int_equal(pg_groups_leave(&world->groups, &world->own, term(world, "g"), &before, 1), 0);
    assert_int_equal(pg_groups_leave(&world->groups, &world->own, term(world, "g"), &other_life, 1), 0);
    assert_int_equal(pg_groups_leave(&world->groups, &world->own, term(world, "g"), &now, 1), 1);
}

static void groups_are_equal_as_terms_are(void **state) {
    struct world *world = *state;
    static const unsigned char ONE_BYTE[] = {97, 1}, FOUR_BYTES[] = {98, 0, 0, 0, 1};
    struct pg_member member = {1, 0, 4};
    assert_int_equal(pg_groups_join(&world->groups, &world->own, (hm_term){ONE_BYTE, 2}, &member, 1), HM_OK);
    assert_int_equal(pg_groups_join(&world->groups, &world->other, (hm_term){FOUR_BYTES, 5}, &member, 1),
                     HM_OK);
    assert_int_equal(join(world, &world->own, "1.0", IDS(3)), HM_OK);
    assert_int_equal(join(world, &world->own, "#{a => 1, b => 2}", IDS(4)), HM_OK);
    assert_int_equal(join(world, &world->own, "#{b => 2, a => 1}", IDS(5)), HM_OK);
    assert_int_equal(world->groups.groups, 3);
    expect_members(world, "1", PG_ALL, "1 1b");
    expect_members(world, "1.0", PG_ALL, "3");
    expect_members(world, "#{a => 1, b => 2}", PG_ALL, "5 4");
}

static void too_much_is_refused_whole(void **state) {
    struct world *world = *state;
    char name[] = "g0";
    assert_int_equal(join(world, &world->own, "g", IDS(1, 2, 3, 4, 5, 6, 7)), HM_OK);
    assert_int_equal(join(world, &world->own, "g", IDS(8, 9)), HM_ELIMIT);
    assert_int_equal(join(world, &world->own, "h", IDS(8, 9)), HM_ELIMIT);
    assert_int_equal(world->groups.groups, 1);
    assert_int_equal(join(world, &world->other, "g", IDS(8, 9)), HM_OK); /* counted for each owner */
    for (unsigned i = 1; i < 5; i++) {
        name[1] = (char)('0' + i);
        assert_int_equal(join(world, &world->other, name, IDS(1)), HM_OK);
    }
    assert_int_equal(join(world, &world->other, "another", IDS(1)), HM_ELIMIT);
    assert_int_equal(join(world, &world->other, "g4", IDS(1)), HM_OK);
    unsigned char *large = calloc(1, PG_GROUP_BYTES + 6);
    large[0] = 109;
    large[2] = PG_GROUP_BYTES >> 16;
    struct pg_member member = {1, 0, 4};
    assert_int_equal(leave(world, &world->other, "g4", IDS(1, 1)), 2);
    assert_int_equal(
        pg_groups_join(&world->groups, &world->other, (hm_term){large, PG_GROUP_BYTES + 5}, &member, 1),
        HM_ELIMIT);
    free(large);
}

static void replacing_tells_the_difference(void **state) {
    struct world *world = *state;
    join(world, &world->own, "g", IDS(1));
    join(world, &world->other, "g", IDS(1, 2, 2));
    join(world, &world->other, "h", IDS(3));
    join(world, &world->other, "k", IDS(4));
    world->told[0] = '\0';
    pg_groups_replace_begin(&world->other);
    assert_int_equal(replace(world, &world->other, "g", IDS(5, 2, 1, 1)), HM_OK);
    assert_int_equal(replace(world, &world->other, "k", IDS(4)), HM_OK);
    assert_int_equal(replace(world, &world->other, "new", IDS(6)), HM_OK);
    pg_groups_replace_end(&world->groups, &world->other);
    expect_told(world, "+b@h g 1 5;-b@h g 2;+b@h new 6;-b@h h 3;");
    expect_members(world, "g", PG_ALL, "1 1b 1b 2b 5b");
    expect_members(world, "h", PG_ALL, "");
    assert_int_equal(world->other.members, 6);
    /* The same again changes nothing. */
    pg_groups_replace_begin(&world->other);
    assert_int_equal(replace(world, &world->other, "g", IDS(5, 2, 1, 1)), HM_OK);
    assert_int_equal(replace(world, &world->other, "k", IDS(4)), HM_OK);
    assert_int_equal(replace(world, &world->other, "new", IDS(6)), HM_OK);
    pg_groups_replace_end(&world->groups, &world->other);
    expect_told(world, "");
    /* What does not fit is left out whole. */
    pg_groups_replace_begin(&world->other);
    assert_int_equal(replace(world, &world->other, "g", IDS(1, 2, 3, 4, 5, 6, 7, 8, 9)), HM_ELIMIT);
    assert_int_equal(replace(world, &world->other, "k", IDS(4)), HM_OK);
    pg_groups_replace_end(&world->groups, &world->other);
    assert_int_equal(world->other.members, 1);
    expect_members(world, "g", PG_REMOTE, "");
    /* What goes makes room for what comes. */
    pg_groups_replace_begin(&world->other);
    assert_int_equal(replace(world, &world->other, "m", IDS(1, 2, 3, 4, 5, 6, 7, 8)), HM_OK);
    assert_int_equal(replace(world, &world->other, "n", IDS(1)), HM_ELIMIT);
    pg_groups_replace_end(&world->groups, &world->other);
    expect_members(world, "m", PG_REMOTE, "8b 7b 6b 5b 4b 3b 2b 1b");
    expect_members(world, "g", PG_REMOTE, "");
    assert_int_equal(world->other.members, 8);
}

static void count_groups(void *arg, struct pg_group *group) {
    (void)group;
    ++*(unsigned *)arg;
}

static unsigned groups_of(const struct world *world, enum pg_which which) {
    unsigned count = 0;
    pg_groups_each(&world->groups, &world->own, which, UINT64_MAX, count_groups, &count);
    return count;
}

static void a_group_that_is_only_watched_is_not_listed(void **state) {
    struct world *world = *state;
    struct pg_group *group;
    assert_int_equal(pg_groups_get(&world->groups, term(world, "watched"), &group), HM_OK);
    join(world, &world->own, "g", IDS(1));
    join(world, &world->other, "g", IDS(1));
    join(world, &world->other, "h", IDS(1));
    assert_int_equal(world->groups.groups, 3);
    assert_int_equal(groups_of(world, PG_ALL), 2);
    assert_int_equal(groups_of(world, PG_LOCAL), 1);
    assert_int_equal(groups_of(world, PG_REMOTE), 2);
    pg_groups_release(&world->groups, group);
    assert_int_equal(world->groups.groups, 2);
}

static void many_members_come_and_go(void **state) {
    struct world *world = *state;
    enum { MANY = 5000 };
    world->groups.max_members = MANY;
    struct pg_member *members = calloc(MANY, sizeof *members);
    for (uint32_t i = 0; i < MANY; i++)
        members[i] = (struct pg_member){i + 1, 0, 4};
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(pg_groups_join(&world->groups, &world->own, term(world, "g"), &members[i], 1),
                         HM_OK);
    assert_int_equal(world->own.members, MANY);
    for (uint32_t i = 0; i < MANY; i += 2)
        assert_int_equal(pg_groups_leave(&world->groups, &world->own, term(world, "g"), &members[i], 1), 1);
    struct pg_cursor cursor;
    hm_pid pid;
    uint32_t expected = MANY;
    pg_cursor_begin(&cursor, pg_groups_find(&world->groups, term(world, "g")), &world->own, PG_ALL);
    for (; pg_cursor_next(&cursor, &pid); expected -= 2)
        assert_int_equal(pid.id, expected);
    assert_int_equal(expected, 0);
    free(members);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(members_are_in_as_often_as_they_joined),
        TEST(another_process_with_the_same_id_is_another_member),
        TEST(groups_are_equal_as_terms_are),
        TEST(too_much_is_refused_whole),
        TEST(replacing_tells_the_difference),
        TEST(a_group_that_is_only_watched_is_not_listed),
        TEST(many_members_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
