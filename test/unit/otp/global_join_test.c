/* When a join is told to others, and what becomes of those who did not hear of it. */
#include "unit/otp/global_member_fixture.h"

/* We join the peer, who knows the third node, over whose connection `third_begins` a session of its own by then. */
static void join(struct lone *lone, bool third_is_up, bool third_begins) {
    if (third_is_up)
        global_member_nodeup(lone->member, lone->third);
    if (third_begins)
        lone_hear_init(lone, lone->third, 200);
    lone_sent(lone);
    int64_t tag = lone_lock_both(lone, lone->peer);
    LONE_HEAR(lone, true, "{exchange, 'peer@host', [], [], ~i}", tag);
    LONE_HEAR(lone, true, "{resolved, 'peer@host', [], [{'third@host', 8}], unused, [], ~i}", tag);
}

/* The end of a session with the peer, who knows nobody. */
static void join_directly(struct lone *lone, int64_t tag) {
    LONE_HEAR(lone, true, "{exchange, 'peer@host', [], [], ~i}", tag);
    LONE_HEAR(lone, true, "{resolved, 'peer@host', [], [], unused, [], ~i}", tag);
    lone_grant(lone);
    lone_sent(lone);
}

static void hear_in_sync(struct lone *lone, bool takes_part) {
    LONE_HEAR(lone, true, "{in_sync, 'third@host', ~a}", takes_part ? "true" : "false");
}

#define IN_SYNC "third@host {in_sync,me@host,true}\n"

static void assert_counts(struct lone *lone, size_t known, size_t synced) {
    struct global_counts counts = global_member_count(lone->member);
    assert_int_equal(counts.known, known);
    assert_int_equal(counts.synced, synced);
}

/* Said at once it would keep him from beginning a session if he never hears of us. */
static void test_in_sync_is_an_answer(void **state) {
    struct lone *lone = *state;
    join(lone, true, false);
    assert_null(strstr(lone_sent(lone), "in_sync"));
    assert_counts(lone, 2, 1);
    hear_in_sync(lone, true);
    assert_string_equal(lone_sent(lone), IN_SYNC);
    assert_counts(lone, 2, 2);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

static void test_he_was_first(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    hear_in_sync(lone, true);
    join(lone, false, false);
    assert_non_null(strstr(lone_sent(lone), IN_SYNC));
    assert_counts(lone, 2, 2);
}

static void test_connected_later(void **state) {
    struct lone *lone = *state;
    join(lone, false, false);
    assert_non_null(strstr(lone_sent(lone), "third@host monitor_node\n"));
    lone_pass_time(lone, 60000);
    assert_string_equal(lone_sent(lone), "");
    global_member_nodeup(lone->member, lone->third);
    assert_string_equal(lone_sent(lone), "");
    hear_in_sync(lone, true);
    assert_string_equal(lone_sent(lone), IN_SYNC);
}

/* He does not know us: he begins with us, then or before. */
static void test_he_never_heard(void **state) {
    struct lone *lone = *state;
    join(lone, true, false);
    lone_sent(lone);
    lone_hear_init(lone, lone->third, 200);
    lone_pass_time(lone, 4999);
    assert_string_equal(lone_sent(lone), "");
    lone_pass_time(lone, 1);
    const char *sent = lone_sent(lone);
    assert_non_null(strstr(sent, "third@host {init_connect,"));
    assert_null(strstr(sent, "in_sync"));
}

static void test_he_never_heard_and_had_begun(void **state) {
    struct lone *lone = *state;
    join(lone, true, true);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    const char *sent = lone_sent(lone);
    assert_non_null(strstr(sent, "third@host {init_connect,"));
    assert_null(strstr(sent, "in_sync"));
}

/* He knew us before, and so has nothing to say. */
static void test_no_sign_of_him(void **state) {
    struct lone *lone = *state;
    join(lone, true, false);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    assert_string_equal(lone_sent(lone), IN_SYNC);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

/* His half of a session that the join made needless: a cancel_connect would make OTP 28 and later delete our names. */
static void test_his_late_answer(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    int64_t tag = lone_tag_of(lone_sent(lone));
    join(lone, false, true);
    lone_sent(lone);
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    assert_string_equal(lone_sent(lone), "");
    hear_in_sync(lone, true);
    assert_string_equal(lone_sent(lone), IN_SYNC);
    assert_counts(lone, 2, 2);
}

/* He has heard of us, and we have not yet heard of him. */
static void test_the_late_answer_of_a_stranger(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    int64_t tag = lone_tag_of(lone_sent(lone));
    lone_hear_init(lone, lone->third, 200);
    hear_in_sync(lone, true);
    lone_sent(lone);
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    assert_string_equal(lone_sent(lone), "");
    join(lone, false, false);
    assert_non_null(strstr(lone_sent(lone), IN_SYNC));
    assert_counts(lone, 2, 2);
}

/* We began with him, and are told of him before he begins: our in_sync ends what he began, and an answer would come after it. */
static void test_he_begins_when_we_are_joined(void **state) {
    struct lone *lone = *state;
    join_directly(lone, lone_lock_both(lone, lone->peer));
    global_member_nodeup(lone->member, lone->third);
    int64_t tag = lone_tag_of(lone_sent(lone));
    LONE_HEAR(lone, true, "{new_nodes, 'peer@host', [], [], [{'third@host', 8}], [{vsn, 8}]}");
    assert_string_equal(lone_sent(lone), IN_SYNC);
    lone_hear_init(lone, lone->third, 200);
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    assert_string_equal(lone_sent(lone), "");
    hear_in_sync(lone, true);
    assert_counts(lone, 2, 2);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

/* The news that we waited for came after all. */
static void test_he_heard_late(void **state) {
    struct lone *lone = *state;
    join(lone, true, false);
    lone_hear_init(lone, lone->third, 200);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    int64_t tag = lone_tag_of(lone_sent(lone));
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    lone_sent(lone);
    hear_in_sync(lone, true);
    assert_string_equal(lone_sent(lone), IN_SYNC);
    assert_counts(lone, 2, 2);
}

/* The session that is begun again: his name is not among those of whom he is told. */
static void test_he_is_not_told_of_himself(void **state) {
    struct lone *lone = *state;
    hm_pid locker = {lone->third, 5, 0, 9};
    join(lone, true, false);
    lone_hear_init(lone, lone->third, 200);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    int64_t tag = lone_tag_of(lone_sent(lone));
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    lone_grant(lone);
    LONE_HEAR(lone, true, "{lock_set, ~p, true, [], ~i}", locker, tag);
    lone_grant(lone);
    LONE_HEAR(lone, true, "{exchange, 'third@host', [], [], ~i}", tag);
    assert_non_null(strstr(lone_sent(lone), "third@host {resolved,me@host,[],[{peer@host,8}],"));
    LONE_HEAR(lone, true, "{resolved, 'third@host', [], [], unused, [], ~i}", tag);
    lone_grant(lone);
    assert_counts(lone, 2, 2);
    lone_sent(lone);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

/* We are known, and do not know: what told us of him was lost. He has to forget us, which he tells nobody, and neither do we. */
static void test_a_stranger_is_in_sync(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    hear_in_sync(lone, true);
    lone_sent(lone);
    lone_pass_time(lone, 4999);
    assert_string_equal(lone_sent(lone), "");
    lone_pass_time(lone, 1);
    assert_string_equal(lone_sent(lone), "third@host {remove_connection,me@host}\n");
    global_member_nodedown(lone->member, lone->third);
    assert_string_equal(lone_sent(lone), "third@host monitor_node\n");
    global_member_nodeup(lone->member, lone->third);
    assert_non_null(strstr(lone_sent(lone), "third@host {init_connect,"));
}

/* He forgot us meanwhile and begins: his loss counts again. */
static void test_a_stranger_that_begins(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    hear_in_sync(lone, true);
    lone_pass_time(lone, 5000);
    lone_hear_init(lone, lone->third, 200);
    join(lone, false, false);
    hear_in_sync(lone, true);
    lone_sent(lone);
    global_member_nodedown(lone->member, lone->third);
    const char *sent = lone_sent(lone);
    assert_non_null(strstr(sent, "peer@host {lost_connection,me@host,"));
    assert_null(strstr(sent, "monitor_node"));
}

static void test_a_stranger_of_whom_we_hear_in_time(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    hear_in_sync(lone, true);
    join(lone, false, false);
    lone_sent(lone);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

/* --connect-all false: it is in sync with everybody, and known to nobody. */
static void test_who_takes_no_part_is_left_alone(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    hear_in_sync(lone, false);
    lone_sent(lone);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
    assert_counts(lone, 0, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lone_setup, lone_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_in_sync_is_an_answer),
        TEST(test_he_was_first),
        TEST(test_connected_later),
        TEST(test_he_never_heard),
        TEST(test_he_never_heard_and_had_begun),
        TEST(test_no_sign_of_him),
        TEST(test_his_late_answer),
        TEST(test_the_late_answer_of_a_stranger),
        TEST(test_he_begins_when_we_are_joined),
        TEST(test_he_heard_late),
        TEST(test_he_is_not_told_of_himself),
        TEST(test_a_stranger_is_in_sync),
        TEST(test_a_stranger_that_begins),
        TEST(test_a_stranger_of_whom_we_hear_in_time),
        TEST(test_who_takes_no_part_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
