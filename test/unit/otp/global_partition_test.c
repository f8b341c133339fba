/* lost_connection: who passes it on, and who is dropped for it. */
#include "unit/otp/global_member_fixture.h"

static void hear_lost(struct lone *lone, const char *from, int64_t creation, int64_t operation, const char *to) {
    LONE_HEAR(lone, false, "{lost_connection, ~a, ~i, ~i, ~a}", from, creation, operation, to);
}

/* Both have begun a session with us. */
static void know_both(struct lone *lone) {
    const hm_node_name *both[] = {lone->peer, lone->third};
    for (int i = 0; i < 2; i++) {
        hm_pid locker = {both[i], 5, 0, 9};
        global_member_nodeup(lone->member, both[i]);
        LONE_HEAR(lone, true, "{init_connect, {8, 100}, ~a, {locker, no_longer_a_pid, ~t, ~p}}",
                  hm_node_name_text(both[i]), (hm_term){(const unsigned char *)"\x74\0\0\0\0", 5}, locker);
    }
    lone_sent(lone);
}

static void test_passed_on_once(void **state) {
    struct lone *lone = *state;
    know_both(lone);
    hear_lost(lone, "third@host", 50, 1, "gone@host");
    assert_string_equal(lone_sent(lone), "peer@host {lost_connection,third@host,50,1,gone@host}\n");
    hear_lost(lone, "third@host", 50, 1, "gone@host");
    assert_string_equal(lone_sent(lone), "");
    hear_lost(lone, "third@host", 50, 2, "gone@host");
    assert_string_equal(lone_sent(lone), "peer@host {lost_connection,third@host,50,2,gone@host}\n");
}

/* Neither is anybody of ours: two such reports with different creations would never come to rest. */
static void test_strangers_are_not_passed_on(void **state) {
    struct lone *lone = *state;
    know_both(lone);
    for (int64_t i = 0; i < 10; i++)
        hear_lost(lone, "a@nowhere", i % 2, 1, "b@nowhere");
    assert_string_equal(lone_sent(lone), "");
}

static void test_dropped(void **state) {
    struct lone *lone = *state;
    know_both(lone);
    hear_lost(lone, "a@nowhere", 50, 1, "third@host");
    const char *sent = lone_sent(lone);
    assert_non_null(strstr(sent, "peer@host {lost_connection,a@nowhere,50,1,third@host}\n"));
    assert_non_null(strstr(sent, "third@host {remove_connection,me@host}\n"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, lone_setup, lone_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_passed_on_once),
        TEST(test_strangers_are_not_passed_on),
        TEST(test_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
