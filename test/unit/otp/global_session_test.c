/* How two members begin a session: tags, acknowledgements, and what happens when they disagree. */
#include "unit/otp/global_member_fixture.h"

static void hear_init(struct lone *lone, int64_t tag) {
    lone_hear_init(lone, lone->peer, tag);
}

static void hear_ack(struct lone *lone, int64_t ours, int64_t his) {
    LONE_HEAR(lone, false, "{init_connect_ack, 'peer@host', ~i, ~i}", ours, his);
}

static unsigned count(const char *text, const char *what) {
    unsigned found = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        found++;
    return found;
}

static void test_tags_are_acknowledged(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->peer);
    int64_t tag = lone_tag_of(lone_sent(lone));
    hear_init(lone, 100);
    char expected[80];
    snprintf(expected, sizeof expected, "peer@host {init_connect_ack,me@host,100,%lld}\n", (long long)tag);
    assert_string_equal(lone_sent(lone), expected);
    hear_ack(lone, tag, 100);
    assert_string_equal(lone_sent(lone), "");
}

/* His first init_connect was for a connection that is gone: the second one cancels both, and for a moment we
 * begin nothing. Then we begin one session, with the tag that he had last. */
static void test_a_second_init_connect(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->peer);
    int64_t first = lone_tag_of(lone_sent(lone));
    hear_init(lone, 100);
    lone_sent(lone);
    hear_init(lone, 101);
    const char *sent = lone_sent(lone);
    assert_non_null(strstr(sent, "{cancel_connect,me@host,101}"));
    assert_int_equal(count(sent, "{init_connect"), 0);
    /* his answers to what he heard first, and his new beginnings */
    hear_ack(lone, first, 101);
    hear_init(lone, 102);
    hear_ack(lone, first, 102);
    hear_init(lone, 103);
    LONE_HEAR(lone, false, "{cancel_connect, 'peer@host', ~i}", first);
    sent = lone_sent(lone);
    assert_int_equal(count(sent, "{init_connect"), 0);
    lone_pass_time(lone, 29);
    assert_string_equal(lone_sent(lone), "");
    lone_pass_time(lone, 71);
    sent = lone_sent(lone);
    assert_int_equal(count(sent, "{init_connect,"), 1);
    assert_int_equal(count(sent, "{cancel_connect"), 0);
    int64_t tag = lone_tag_of(sent);
    assert_true(tag > first);
    char ack[80];
    snprintf(ack, sizeof ack, "{init_connect_ack,me@host,103,%lld}", (long long)tag);
    assert_non_null(strstr(sent, ack));
    hear_ack(lone, tag, 103);
    assert_string_equal(lone_sent(lone), "");
    lone_pass_time(lone, 100);
    assert_int_equal(count(lone_sent(lone), "connect"), 0);
}

/* He takes it back: we begin again after a moment, and once. */
static void test_cancelled(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->peer);
    int64_t first = lone_tag_of(lone_sent(lone));
    LONE_HEAR(lone, false, "{cancel_connect, 'peer@host', ~i}", first);
    LONE_HEAR(lone, false, "{cancel_connect, 'peer@host', ~i}", first);
    assert_string_equal(lone_sent(lone), "");
    lone_pass_time(lone, 100);
    const char *sent = lone_sent(lone);
    assert_int_equal(count(sent, "{init_connect,"), 1);
    assert_true(lone_tag_of(sent) > first);
}

/* Nothing is begun with a node that went meanwhile. */
static void test_lost_while_quiet(void **state) {
    struct lone *lone = *state;
    global_member_nodeup(lone->member, lone->peer);
    int64_t first = lone_tag_of(lone_sent(lone));
    LONE_HEAR(lone, false, "{cancel_connect, 'peer@host', ~i}", first);
    global_member_nodedown(lone->member, lone->peer);
    lone_sent(lone);
    lone_pass_time(lone, 10000);
    assert_string_equal(lone_sent(lone), "");
    global_member_nodeup(lone->member, lone->peer);
    assert_int_equal(count(lone_sent(lone), "{init_connect,"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lone_setup, lone_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_tags_are_acknowledged),
        TEST(test_a_second_init_connect),
        TEST(test_cancelled),
        TEST(test_lost_while_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
