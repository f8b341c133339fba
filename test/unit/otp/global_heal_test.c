/* What becomes of a join of which not everybody heard. */
#include "unit/otp/global_member_fixture.h"

/* He does not know us: he begins with us, then or before. */
static void test_he_never_heard(void **state) {
    struct lone *lone = *state;
    lone_join(lone, true, false);
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
    lone_join(lone, true, true);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    const char *sent = lone_sent(lone);
    assert_non_null(strstr(sent, "third@host {init_connect,"));
    assert_null(strstr(sent, "in_sync"));
}

/* He knew us before, and so has nothing to say. */
static void test_no_sign_of_him(void **state) {
    struct lone *lone = *state;
    lone_join(lone, true, false);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    assert_string_equal(lone_sent(lone), LONE_IN_SYNC);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

/* The news that we waited for came after all. */
static void test_he_heard_late(void **state) {
    struct lone *lone = *state;
    lone_join(lone, true, false);
    lone_hear_init(lone, lone->third, 200);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    int64_t tag = lone_tag_of(lone_sent(lone));
    LONE_HEAR(lone, false, "{init_connect_ack, 'third@host', ~i, 200}", tag);
    lone_sent(lone);
    lone_hear_in_sync(lone, true);
    assert_string_equal(lone_sent(lone), LONE_IN_SYNC);
    lone_assert_counts(lone, 2, 2);
}

/* The session that is begun again: his name is not among those of whom he is told. */
static void test_he_is_not_told_of_himself(void **state) {
    struct lone *lone = *state;
    hm_pid locker = {lone->third, 5, 0, 9};
    lone_join(lone, true, false);
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
    lone_assert_counts(lone, 2, 2);
    lone_sent(lone);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

/* We are known, and do not know: what told us of him was lost. He has to forget us, which he tells nobody, and neither do we. */
static void test_a_stranger_is_in_sync(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    lone_hear_in_sync(lone, true);
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
    lone_hear_in_sync(lone, true);
    lone_pass_time(lone, 5000);
    lone_hear_init(lone, lone->third, 200);
    lone_join(lone, false, false);
    lone_hear_in_sync(lone, true);
    lone_sent(lone);
    global_member_nodedown(lone->member, lone->third);
    const char *sent = lone_sent(lone);
    assert_non_null(strstr(sent, "peer@host {lost_connection,me@host,"));
    assert_null(strstr(sent, "monitor_node"));
}

static void test_a_stranger_of_whom_we_hear_in_time(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    lone_hear_in_sync(lone, true);
    lone_join(lone, false, false);
    lone_sent(lone);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
}

/* --connect-all false: it is in sync with everybody, and known to nobody. */
static void test_who_takes_no_part_is_left_alone(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->third);
    lone_hear_in_sync(lone, false);
    lone_sent(lone);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
    lone_assert_counts(lone, 0, 1);
}

#define ASKS "peer@host {whereis,one,{<me@host.1.0>,{global_names,peer@host}}}\n"

/* One more, under the lock, of all our names: his answer to the question was that he has none. */
static void test_he_lost_our_names(void **state) {
    struct lone *lone = *state;
    lone_join_directly(lone, lone_lock_both(lone, lone->peer));
    hm_pid pid = {lone->self, 50, 0, 7};
    lone_register(lone, "one", pid);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    assert_string_equal(lone_sent(lone), ASKS);
    LONE_HEAR(lone, false, "{{global_names, 'peer@host'}, undefined}");
    lone_grant(lone);
    const char *sent = lone_sent(lone);
    assert_non_null(strstr(sent, "peer@host {set_lock,"));
    assert_non_null(strstr(sent, "peer@host {register,one,"));
    assert_non_null(strstr(sent, "peer@host {del_lock,"));
    lone_pass_time(lone, 60000);
    assert_string_equal(lone_sent(lone), "");
}

static void test_he_has_our_names(void **state) {
    struct lone *lone = *state;
    hm_pid pid = {lone->self, 50, 0, 7};
    lone_join_directly(lone, lone_lock_both(lone, lone->peer));
    lone_register(lone, "one", pid);
    lone_sent(lone);
    lone_pass_time(lone, 5000);
    assert_string_equal(lone_sent(lone), ASKS);
    LONE_HEAR(lone, false, "{{global_names, 'peer@host'}, ~p}", pid);
    lone_pass_time(lone, 60000);
    assert_string_equal(lone_sent(lone), "");
}

/* An answer that nobody waits for, twice or from one that has gone, does nothing. */
static void test_an_answer_without_a_question(void **state) {
    struct lone *lone = *state;
    lone_join_directly(lone, lone_lock_both(lone, lone->peer));
    lone_register(lone, "one", (hm_pid){lone->self, 50, 0, 7});
    lone_sent(lone);
    LONE_HEAR(lone, false, "{{global_names, 'peer@host'}, undefined}");
    assert_string_equal(lone_sent(lone), "");
    lone_pass_time(lone, 5000);
    assert_string_equal(lone_sent(lone), ASKS);
    global_member_nodedown(lone->member, lone->peer);
    lone_sent(lone);
    LONE_HEAR(lone, false, "{{global_names, 'peer@host'}, undefined}");
    LONE_HEAR(lone, false, "{{global_names, 'who@nowhere'}, undefined}");
    lone_pass_time(lone, 60000);
    assert_string_equal(lone_sent(lone), "");
}

/* It was unregistered while the others were being locked. */
static void test_the_name_went_meanwhile(void **state) {
    struct lone *lone = *state;
    lone_join_directly(lone, lone_lock_both(lone, lone->peer));
    lone_register(lone, "one", (hm_pid){lone->self, 50, 0, 7});
    lone_pass_time(lone, 5000);
    LONE_HEAR(lone, false, "{{global_names, 'peer@host'}, undefined}");
    lone_unregister(lone, "one");
    lone_sent(lone);
    lone_grant(lone);
    assert_null(strstr(lone_sent(lone), "register"));
}

static void test_nothing_to_ask(void **state) {
    struct lone *lone = *state;
    lone_join_directly(lone, lone_lock_both(lone, lone->peer));
    lone_register(lone, "his", (hm_pid){lone->peer, 50, 0, 9});
    lone_sent(lone);
    lone_pass_time(lone, 60000);
    assert_string_equal(lone_sent(lone), "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lone_setup, lone_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_he_never_heard),
        TEST(test_he_never_heard_and_had_begun),
        TEST(test_no_sign_of_him),
        TEST(test_he_heard_late),
        TEST(test_he_is_not_told_of_himself),
        TEST(test_a_stranger_is_in_sync),
        TEST(test_a_stranger_that_begins),
        TEST(test_a_stranger_of_whom_we_hear_in_time),
        TEST(test_who_takes_no_part_is_left_alone),
        TEST(test_he_lost_our_names),
        TEST(test_he_has_our_names),
        TEST(test_an_answer_without_a_question),
        TEST(test_the_name_went_meanwhile),
        TEST(test_nothing_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
