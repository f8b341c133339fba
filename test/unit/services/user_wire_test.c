/* What lists of users say to each other: what is put is read again, and what is wrong in it is refused whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/user_wire.h"

static const unsigned char PID_BYTES[] = {104, 2, 119, 1, 'a', 97, 7};
static const hm_term PID = {PID_BYTES, sizeof PID_BYTES};

/* Borrows from build. */
static struct user_message read_back(hm_build *build, enum user_kind kind) {
    struct user_message message;
    assert_int_equal(hm_build_error(build), 0);
    assert_true(user_wire_is_message(hm_build_term(build)));
    assert_int_equal(user_wire_is_hello(hm_build_term(build)), kind == USER_HELLO);
    assert_int_equal(user_wire_read(hm_build_term(build), &message), 0);
    assert_int_equal(message.kind, kind);
    assert_true(hm_term_equal(message.list, PID));
    return message;
}

static void hellos(void **state) {
    hm_build *build = hm_build_new();
    (void)state;
    for (int answer = 0; answer < 2; answer++) {
        hm_build_reset(build);
        user_wire_put_hello(build, "b@h", PID, 42, answer);
        struct user_message hello = read_back(build, USER_HELLO);
        assert_int_equal(hello.version, 42);
        assert_int_equal(hello.answer, answer);
        assert_int_equal(hello.node.size, 3);
        assert_memory_equal(hello.node.at, "b@h", 3);
    }
    hm_build_free(build);
}

static void changes(void **state) {
    hm_build *build = hm_build_new();
    struct hm_list left;
    hm_term what;
    bool added;
    (void)state;
    user_wire_put_delta(build, PID, 3, 5);
    hm_put_format(build, "[{add, #{id => 1}}, {remove, 2}]");
    struct user_message delta = read_back(build, USER_DELTA);
    assert_int_equal(delta.from, 3);
    assert_int_equal(delta.version, 5);
    assert_true(hm_list_begin(delta.items, &left));
    assert_true(user_wire_next_change(&left, &added, &what) && added && hm_map_size(what) == 1);
    assert_true(user_wire_next_change(&left, &added, &what) && !added && hm_term_type(what) == HM_TYPE_INTEGER);
    assert_false(user_wire_next_change(&left, &added, &what));
    hm_build_reset(build);
    user_wire_put_full(build, PID, USER_VERSION_MAX);
    hm_put_format(build, "[#{id => 1}]");
    assert_int_equal(hm_list_length(read_back(build, USER_FULL).items), 1);
    hm_build_free(build);
}

static void versions(void **state) {
    hm_build *build = hm_build_new();
    struct hm_list left;
    hm_term list;
    uint64_t version;
    bool all;
    (void)state;
    user_wire_put_vector(build, PID);
    hm_put_list(build, 1);
    user_wire_put_version(build, PID, 9);
    hm_put_nil(build);
    struct user_message message = read_back(build, USER_VECTOR);
    assert_true(hm_list_begin(message.items, &left));
    assert_true(user_wire_next_version(&left, &list, &version, &all) && !all && version == 9 && hm_term_equal(list, PID));
    for (int i = 0; i < 2; i++) {
        hm_build_reset(build);
        user_wire_put_want(build, PID, PID, 9, i);
        message = read_back(build, USER_WANT);
        assert_true(hm_list_begin(message.items, &left));
        assert_true(user_wire_next_version(&left, &list, &version, &all) && all == i && version == (i ? 0 : 9));
        assert_false(user_wire_next_version(&left, &list, &version, &all));
    }
    hm_build_free(build);
}

static void refused_whole(void **state) {
    static const char *const bad[] = {
        "{hello, 1, a@h, x, 0, 1}",        "{hello, 1, <<\"a@h\">>, x, 0, true}",   "{hello, 1, a@h, x, 1152921504606846977, true}",
        "{hello, 7, a@h, x, 0, true}",     "{delta, x, 1, 3, [{add, 1}]}",          "{delta, x, 1, 2, [{add, 1}, {add, 2}]}",
        "{delta, x, 1, 2, [{add, 1} | z]}", "{delta, x, 1, 2, [{put, 1}]}",         "{delta, x, 2, 1, []}",
        "{delta, x, -1, 0, [{add, 1}]}",   "{full, x, 1, [a | b]}",                 "{full, x, 1, #{}}",
        "{vector, x, [{y, all}]}",         "{vector, x, [{y, 1152921504606846977}]}", "{vector, x, [{y, 1, 2}]}",
        "{want, x, [{y, some}]}",          "{want, x, [{y, 1} | z]}",               "{want, x, [1, 2, 3]}",
    };
    hm_build *build = hm_build_new();
    struct user_message message;
    char why[128];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hm_build_reset(build);
        assert_int_equal(hm_term_parse(bad[i], HM_SYNTAX_ERLANG, build, why, sizeof why), 0);
        if (user_wire_read(hm_build_term(build), &message) != HM_EBADTERM)
            fail_msg("read: %s", bad[i]);
        assert_true(user_wire_is_message(hm_build_term(build)));
    }
    hm_build_free(build);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellos),
        cmocka_unit_test(changes),
        cmocka_unit_test(versions),
        cmocka_unit_test(refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
