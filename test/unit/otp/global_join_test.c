/* When a join is told to others. */
#include "unit/otp/global_member_fixture.h"

/* Said at once it would keep him from beginning a session if he never hears of us. */
static void test_in_sync_is_an_answer(void **state) {
    struct lone *lone = *state;
    lone_join(lone, true, false);
    assert_null(strstr(lone_sent(lone), "in_sync"));
    lone_assert_counts(lone, 2, 1);
    lone_hear_in_sync(lone, true);
    assert_string_equal(lone_sent(lone), LONE_IN_SYNC);
    lone_assert_counts(lone, 2, 2);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

static void test_he_was_first(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    lone_hear_in_sync(lone, true);
    lone_join(lone, false, false);
    assert_non_null(strstr(lone_sent(lone), LONE_IN_SYNC));
    lone_assert_counts(lone, 2, 2);
}

static void test_connected_later(void **state) {
    struct lone *lone = *state;
    lone_join(lone, false, false);
    assert_non_null(strstr(lone_sent(lone), "third@host monitor_node\n"));
    lone_pass_time(lone, 60000);
    assert_string_equal(lone_sent(lone), "");
    global_member_nodeup(lone->member, lone->third);
    assert_string_equal(lone_sent(lone), "");
    lone_hear_in_sync(lone, true);
    assert_string_equal(lone_sent(lone), LONE_IN_SYNC);
}

/* His half of a session that the join made needless: a cancel_connect would make newer BEAM nodes delete our names. */
static void test_his_late_answer(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    int64_t tag = lone_tag_of(lone_sent(lone));
    lone_join(lone, false, true);
    lone_sent(lone);
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    assert_string_equal(lone_sent(lone), "");
    lone_hear_in_sync(lone, true);
    assert_string_equal(lone_sent(lone), LONE_IN_SYNC);
    lone_assert_counts(lone, 2, 2);
}

/* He has heard of us, and we have not yet heard of him. */
static void test_the_late_answer_of_a_stranger(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    int64_t tag = lone_tag_of(lone_sent(lone));
    lone_hear_init(lone, lone->third, 200);
    lone_hear_in_sync(lone, true);
    lone_sent(lone);
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    assert_string_equal(lone_sent(lone), "");
    lone_join(lone, false, false);
    assert_non_null(strstr(lone_sent(lone), LONE_IN_SYNC));
    lone_assert_counts(lone, 2, 2);
}

/* We began with him, and are told of him before he begins: our in_sync ends what he began, and an answer would come after it. */
static void test_he_begins_when_we_are_joined(void **state) {
    struct lone *lone = *state;
    lone_join_directly(lone, lone_lock_both(lone, lone->peer));
    global_member_nodeup(lone->member, lone->third);
    int64_t tag = lone_tag_of(lone_sent(lone));
    LONE_HEAR(lone, true, "{new_nodes, 'peer@host', [], [], [{'third@host', 8}], [{vsn, 8}]}");
    assert_string_equal(lone_sent(lone), LONE_IN_SYNC);
    lone_hear_init(lone, lone->third, 200);
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    assert_string_equal(lone_sent(lone), "");
    lone_hear_in_sync(lone, true);
    lone_assert_counts(lone, 2, 2);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lone_setup, lone_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_in_sync_is_an_answer),
        TEST(test_he_was_first),
        TEST(test_connected_later),
        TEST(test_his_late_answer),
        TEST(test_the_late_answer_of_a_stranger),
        TEST(test_he_begins_when_we_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
