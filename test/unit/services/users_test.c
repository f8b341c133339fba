/* Lists of users: what is a user, which of two is the same, what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/users.h"

static const struct users_limits WIDE = {1000, 1000000};

/* Freed by the caller. */
static hm_term parse(const char *text) {
    char why[128];
    hm_term copy;
    hm_build *build = hm_build_new();
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, why, sizeof why), 0);
    assert_int_equal(hm_term_copy(hm_build_term(build), &copy), 0);
    hm_build_free(build);
    return copy;
}

static void free_term(hm_term term) {
    free((void *)term.bytes);
}

static int add(struct users *users, const char *text, const struct users_limits *limits) {
    hm_term term = parse(text);
    int error = users_add(users, term, limits);
    free_term(term);
    return error;
}

static size_t remove_id(struct users *users, const char *text) {
    hm_term term = parse(text);
    size_t removed = users_remove(users, term);
    free_term(term);
    return removed;
}

static void assert_built(hm_build *build, const char *expected) {
    char *text;
    assert_int_equal(hm_build_error(build), 0);
    assert_int_equal(hm_term_print(hm_build_term(build), HM_SYNTAX_ERLANG, 0, &text), 0);
    assert_string_equal(text, expected);
    free(text);
    hm_build_free(build);
}

static void assert_users(const struct users *users, const char *expected) {
    hm_build *build = hm_build_new();
    users_put(users, build);
    assert_built(build, expected);
}

static void the_newest_is_first(void **state) {
    struct users users = {0};
    (void)state;
    assert_users(&users, "[]");
    assert_int_equal(add(&users, "#{id => 1}", &WIDE), 0);
    assert_int_equal(add(&users, "#{id => 2, name => <<\"Chris\">>}", &WIDE), 0);
    assert_users(&users, "[#{id => 2,name => <<\"Chris\">>},#{id => 1}]");
    /* What uniq makes of a list in which a user is twice. */
    assert_int_equal(add(&users, "#{id => 1}", &WIDE), 0);
    assert_users(&users, "[#{id => 1},#{id => 2,name => <<\"Chris\">>}]");
    assert_int_equal(users.count, 2);
    users_fini(&users);
    assert_int_equal(users.count, 0);
    assert_int_equal(users.bytes, 0);
}

static void a_user_is_a_map_with_an_id(void **state) {
    struct users users = {0};
    (void)state;
    static const char *const strange[] = {"1",  "[]", "#{}", "#{name => x}", "#{<<\"id\">> => 1}", "{id, 1}", "[#{id => 1}]"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        assert_int_equal(add(&users, strange[i], &WIDE), HM_EBADTERM);
    assert_int_equal(add(&users, "#{id => nil}", &WIDE), 0);
    users_fini(&users);
}

/* user.id == id in Elixir: 1 == 1.0, and every user with it goes. */
static void removed_by_id(void **state) {
    struct users users = {0};
    (void)state;
    add(&users, "#{id => 1, from => a}", &WIDE);
    add(&users, "#{id => 1, from => b}", &WIDE);
    add(&users, "#{id => <<\"x\">>}", &WIDE);
    add(&users, "#{id => {1, [2.0]}}", &WIDE);
    assert_int_equal(remove_id(&users, "2"), 0);
    assert_int_equal(remove_id(&users, "1.0"), 2);
    assert_int_equal(remove_id(&users, "{1, [2]}"), 1);
    assert_users(&users, "[#{id => <<\"x\">>}]");
    assert_int_equal(remove_id(&users, "<<\"x\">>"), 1);
    assert_users(&users, "[]");
    assert_int_equal(users.bytes, 0);
    /* an integer and a float, either way round, and a user that was there twice */
    add(&users, "#{id => 2.0}", &WIDE);
    add(&users, "#{id => 2}", &WIDE);
    add(&users, "#{id => 2}", &WIDE);
    add(&users, "#{id => 3}", &WIDE);
    assert_int_equal(remove_id(&users, "2"), 2);
    add(&users, "#{id => 3, from => a}", &WIDE);
    assert_int_equal(remove_id(&users, "3.0"), 2);
    assert_users(&users, "[]");
    users_fini(&users);
}

static void limits_hold(void **state) {
    struct users users = {0};
    struct users_limits two = {2, 1000};
    (void)state;
    assert_int_equal(add(&users, "#{id => 1}", &two), 0);
    assert_int_equal(add(&users, "#{id => 2}", &two), 0);
    assert_int_equal(add(&users, "#{id => 3}", &two), HM_ELIMIT);
    assert_int_equal(add(&users, "#{id => 1}", &two), 0);
    assert_users(&users, "[#{id => 1},#{id => 2}]");
    struct users_limits small = {100, users.bytes + 3};
    assert_int_equal(add(&users, "#{id => 3}", &small), HM_ELIMIT);
    users_fini(&users);
}

/* An atom as old releases encode it: what came is what goes. */
static void byte_for_byte(void **state) {
    static const unsigned char old[] = {116, 0, 0, 0, 2, 100, 0, 2, 'i', 'd', 98, 0, 0, 0, 1, 100, 0, 1, 'n', 107, 0, 1, 'x'};
    struct users users = {0};
    (void)state;
    assert_int_equal(users_add(&users, (hm_term){old, sizeof old}, &WIDE), 0);
    hm_build *build = hm_build_new();
    users_put(&users, build);
    hm_term list = hm_build_term(build);
    assert_int_equal(list.size, 5 + sizeof old + 1);
    assert_memory_equal(list.bytes + 5, old, sizeof old);
    hm_build_free(build);
    users_fini(&users);
}

static void reads(const char *text, int error, const char *expected, size_t strange, size_t over) {
    static const struct users_limits three = {3, 200};
    hm_term list = parse(text);
    hm_build *build = hm_build_new();
    struct users_left_out out;
    assert_int_equal(users_read(list, &three, build, &out), error);
    free_term(list);
    if (error) {
        hm_build_free(build);
        return;
    }
    assert_built(build, expected);
    assert_int_equal(out.strange, strange);
    assert_int_equal(out.over, over);
}

static void lists_of_others(void **state) {
    (void)state;
    reads("[]", 0, "[]", 0, 0);
    reads("[#{id => 1}, #{id => 2}]", 0, "[#{id => 1},#{id => 2}]", 0, 0);
    reads("[junk, #{id => 1}, 7, #{name => x}, [#{id => 3}]]", 0, "[#{id => 1}]", 4, 0);
    reads("[1, 2, 3]", 0, "[]", 3, 0); /* a STRING_EXT, on the wire */
    reads("[#{id => 1} | #{id => 2}]", 0, "[#{id => 1}]", 1, 0);
    reads("[#{id => 1}, #{id => 2}, #{id => 3}, #{id => 4}, #{id => 5}]", 0, "[#{id => 1},#{id => 2},#{id => 3}]", 0, 2);
    reads("junk", HM_EBADTERM, NULL, 0, 0);
    reads("#{id => 1}", HM_EBADTERM, NULL, 0, 0);
}

static void uniq_is_strict_and_keeps_the_first(void **state) {
    hm_term lists[] = {parse("[#{id => 1}, #{id => 2}]"), parse("[]"), parse("[#{id => 2}, #{id => 1.0}, #{id => 3}]"),
                       parse("[#{id => 3}, #{id => 1, n => 1}]")};
    hm_build *build = hm_build_new();
    (void)state;
    assert_int_equal(users_put_uniq(lists, 4, build), 0);
    assert_built(build, "[#{id => 1},#{id => 2},#{id => 1.0},#{id => 3},#{id => 1,n => 1}]");
    for (size_t i = 0; i < 4; i++)
        free_term(lists[i]);
}

static void many(void **state) {
    struct users users = {0};
    struct users_limits limits = {20000, 10000000};
    char text[64];
    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 20000; i++) {
            snprintf(text, sizeof text, "#{id => %d}", i);
            assert_int_equal(add(&users, text, &limits), 0);
        }
    assert_int_equal(users.count, 20000);
    hm_build *build = hm_build_new(), *both = hm_build_new();
    users_put(&users, build);
    hm_term lists[] = {hm_build_term(build), hm_build_term(build)};
    assert_int_equal(users_put_uniq(lists, 2, both), 0);
    assert_int_equal(hm_list_length(hm_build_term(both)), 20000);
    hm_build_free(build);
    hm_build_free(both);
    users_fini(&users);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_is_first),
        cmocka_unit_test(a_user_is_a_map_with_an_id),
        cmocka_unit_test(removed_by_id),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(byte_for_byte),
        cmocka_unit_test(lists_of_others),
        cmocka_unit_test(uniq_is_strict_and_keeps_the_first),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
