/*
 * Every allocation in the life of a scope fails once: nothing leaks, the scope serves on, and no peer is told
 * of what it was not told before.
 */
#include "otp_fixture.h"

#include <hermod/pg.h>

#include "etf/ids.h"
#include "support/alloc.h"

/* A peer that keeps the books as pg of OTP 25 does, where a leave of what was not joined is its end. It does
 * not allocate. */
struct strict {
    int groups; /* memberships in `g' that it was told of */
    bool synced;
};

static int count_in_sync(hm_term groups) {
    struct hm_list list;
    hm_term entry, group, members;
    int count = 0;
    assert_true(hm_list_begin(groups, &list));
    while (hm_list_next(&list, &entry)) {
        assert_true(hm_match(entry, "{~t, ~t}", &group, &members));
        assert_true(hm_list_length(members) > 0);
        count += hm_is_atom(group, "g") ? (int)hm_list_length(members) : 0;
    }
    return count;
}

static enum hm_verdict strict_receive(hm_process *self, hm_term message) {
    struct strict *strict = self->data;
    hm_term groups, members, group;
    if (hm_match(message, "{'$gen_cast', {sync, _, ~t}}", &groups)) {
        strict->groups = count_in_sync(groups);
        strict->synced = true;
    } else if (hm_match(message, "{join, _, ~t, ~t}", &group, &members)) {
        assert_true(strict->synced);
        if (hm_is_atom(group, "g"))
            strict->groups += hm_term_type(members) == HM_TYPE_PID ? 1 : (int)hm_list_length(members);
    } else if (hm_match(message, "{leave, _, ~t, ~t}", &members, &groups)) {
        struct hm_list list;
        assert_true(strict->synced && hm_list_begin(groups, &list));
        while (hm_list_next(&list, &group))
            if (hm_is_atom(group, "g")) {
                strict->groups -= hm_term_type(members) == HM_TYPE_PID ? 1 : (int)hm_list_length(members);
                assert_true(strict->groups >= 0);
            }
    }
    return HM_CONTINUE;
}

static const struct process_class strict_class = {.module = "strict", .receive = strict_receive};

static hm_process *spawn(struct fixture *fixture, struct strict *strict) {
    hm_process *process;
    assert_int_equal(process_spawn(fixture->node, &strict_class, &process), HM_OK);
    process->data = strict;
    return process;
}

static void tell(struct fixture *fixture, hm_process *from, const char *pattern, ...) {
    hm_build *build = hm_build_new();
    va_list arguments;
    if (!build)
        return;
    va_start(arguments, pattern);
    hm_put_vformat(build, pattern, arguments);
    va_end(arguments);
    if (hm_build_error(build) == HM_OK)
        hm_send(from, hm_to_name("pg", NULL), hm_build_term(build));
    hm_build_free(build);
    fixture_run(fixture);
}

static void use_scope(struct fixture *fixture, hm_process *peer, hm_process *member, hm_process *other) {
    struct hm_node *node = fixture->node;
    hm_pid p = peer->pid, m = member->pid, both[] = {m, other->pid, m}, *members;
    hm_term g = ATOM_TERM("g"), h = ATOM_TERM("h");
    size_t count;
    hm_ref ref;
    if (hm_pg_start(node, NULL) != HM_OK)
        return;
    tell(fixture, peer, "{discover, ~p}", p);
    tell(fixture, peer, "{'$gen_cast', {sync, ~p, [{g, [~p, ~p]}, {h, [~p]}]}}", p, p, p, p);
    hm_pg_join(node, NULL, g, m);
    hm_pg_join_many(node, NULL, g, both, 3);
    hm_pg_join(node, NULL, h, m);
    fixture_run(fixture);
    if (hm_pg_monitor(other, NULL, g, &ref) == HM_OK) {
        hm_pg_leave(node, NULL, g, m);
        fixture_run(fixture);
        hm_pg_demonitor(other, NULL, &ref);
    }
    hm_pg_monitor_scope(other, NULL, &ref);
    tell(fixture, peer, "{'$gen_call', {~p, t}, monitor}", p);
    tell(fixture, peer, "{'$gen_call', {~p, t}, {monitor, new}}", p);
    tell(fixture, peer, "{join, ~p, g, [~p, ~p, ~p]}", p, p, p, p);
    tell(fixture, peer, "{leave, ~p, ~p, [g]}", p, p);
    tell(fixture, peer, "{'$gen_cast', {sync, ~p, [{g, [~p]}]}}", p, p);
    hm_pg_send(other, NULL, g, HM_PG_ALL, h);
    if (hm_pg_get_members(node, NULL, g, &members, &count) == HM_OK)
        free(members);
    hm_pg_leave_many(node, NULL, g, both, 2);
    fixture_run(fixture);
    process_exit(member, ATOM_TERM("over"));
    fixture_run(fixture);
}

static void a_scope_survives(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        struct fixture fixture;
        struct strict strict[3] = {0};
        assert_int_equal(fixture_open(&fixture), HM_OK);
        fixture.node->log.level = LOG_ERROR;
        hm_process *peer = spawn(&fixture, &strict[0]), *member = spawn(&fixture, &strict[1]),
                   *other = spawn(&fixture, &strict[2]);
        alloc_fail_at(n);
        use_scope(&fixture, peer, member, other);
        bool failed = alloc_failed();
        alloc_fail_never();
        /* It goes on, and who asks learns what is true. */
        assert_int_equal(hm_pg_start(fixture.node, NULL), HM_OK);
        assert_int_equal(hm_pg_join(fixture.node, NULL, ATOM_TERM("g"), other->pid), HM_OK);
        tell(&fixture, peer, "{discover, ~p}", peer->pid);
        assert_int_equal(strict[0].groups, hm_pg_count(fixture.node, NULL, ATOM_TERM("g"), HM_PG_LOCAL));
        fixture_close(&fixture);
        if (!failed)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scope_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
