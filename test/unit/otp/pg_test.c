/*
 * A scope as its peers, its callers and C programs meet it. Peers are processes of this node that speak the
 * protocol: to a scope a peer is a pid. What it tells them is compared as text, in which pids stand as
 * <n@host.Id.Serial>.
 */
#include "otp_fixture.h"

#include <hermod/pg.h>

#include "etf/ids.h"
#include "otp/pg.h"

struct peer_probe {
    struct probe probe;
    char name[64]; /* its pid, as messages print it */
};

static struct hm_address scope_address(void) {
    return hm_to_name("pg", NULL);
}

static hm_process *spawn(struct fixture *fixture, struct probe *probe) {
    hm_process *process;
    assert_int_equal(process_spawn(fixture->node, &probe_class, &process), HM_OK);
    process->state = probe;
    probe->process = process;
    return process;
}

static void end(struct fixture *fixture, hm_process *process) {
    process_exit(process, ATOM_TERM("over"));
    fixture_run(fixture);
}

/* Text with %1, %2 ... for the pids and %s for the scope, compared with the only message of a probe. */
static void expect_from(struct fixture *fixture, struct probe *probe, const char *pattern,
                        const hm_pid pids[]) {
    char expected[1024] = "";
    size_t used = 0;
    for (const char *at = pattern; *at; at++) {
        if (*at != '%') {
            expected[used++] = *at;
            continue;
        }
        at++;
        hm_pid pid = *at == 's' ? hm_whereis(fixture->node, "pg") : pids[*at - '1'];
        used += (size_t)snprintf(expected + used, sizeof expected - used, "<n@host.%u.%u>", pid.id,
                                 pid.serial);
    }
    expected[used] = '\0';
    if (probe->count == 0)
        print_error("nothing instead of %s\n", expected);
    assert_true(probe->count > 0);
    assert_string_equal(probe->texts[0], expected);
    /* Only the first: the rest moves up. */
    free(probe->texts[0]);
    free((void *)(uintptr_t)probe->terms[0].bytes);
    probe->count--;
    memmove(probe->texts, probe->texts + 1, probe->count * sizeof *probe->texts);
    memmove(probe->terms, probe->terms + 1, probe->count * sizeof *probe->terms);
}

static void expect_no_more(struct probe *probe) {
    if (probe->count)
        print_error("unexpected: %s\n", probe->texts[0]);
    assert_int_equal(probe->count, 0);
}

#define ATOM(text) ATOM_TERM(text)

static int setup(void **state) {
    if (fixture_setup(state))
        return -1;
    struct fixture *fixture = *state;
    assert_int_equal(hm_pg_start(fixture->node, NULL), HM_OK);
    return 0;
}

static size_t count(struct fixture *fixture, hm_term group, enum hm_pg_which which) {
    return hm_pg_count(fixture->node, NULL, group, which);
}

/* A peer that has said discover, and has heard the answers. */
static struct probe *meet(struct fixture *fixture, int version) {
    struct probe *peer = fixture_own(fixture, sizeof *peer);
    hm_pid self = spawn(fixture, peer)->pid;
    if (version)
        fixture_send(fixture, scope_address(), "{discover, ~p, ~i}", self, (int64_t)version);
    else
        fixture_send(fixture, scope_address(), "{discover, ~p}", self);
    expect_from(fixture, peer,
                version == 1 ? "{'$gen_cast',{local_data,%s,1,#{}}}" : "{'$gen_cast',{sync,%s,[]}}", NULL);
    expect_from(fixture, peer, version == 1 ? "{discover,%s,1}" : "{discover,%s}", NULL);
    expect_no_more(peer);
    return peer;
}

static void part(struct fixture *fixture, struct probe *peer) {
    if (peer->process)
        end(fixture, peer->process);
    peer->process = NULL;
    probe_clear(peer);
}

/* ---- the protocol ---- */

static void a_peer_is_told_all_and_then_each_change(void **state) {
    struct fixture *fixture = *state;
    struct probe nobody = {0};
    hm_pid member = spawn(fixture, &nobody)->pid, other = spawn(fixture, &nobody)->pid;
    const hm_pid pids[] = {member, other}, both[] = {member, other};
    struct probe *peer = meet(fixture, 0);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("g"), member), HM_OK);
    assert_int_equal(hm_pg_join_many(fixture->node, NULL, ATOM("g"), both, 2), HM_OK);
    assert_int_equal(hm_pg_leave(fixture->node, NULL, ATOM("g"), member), HM_OK);
    assert_int_equal(hm_pg_leave(fixture->node, NULL, ATOM("h"), member), HM_ENOENT);
    fixture_run(fixture);
    expect_from(fixture, peer, "{join,%s,g,%1}", pids);
    expect_from(fixture, peer, "{join,%s,g,[%1,%2]}", pids);
    expect_from(fixture, peer, "{leave,%s,%1,[g]}", pids);
    expect_no_more(peer);
    /* Asked again it says all again, but does not ask back: it knows who asks. */
    fixture_send(fixture, scope_address(), "{discover, ~p}", peer->process->pid);
    expect_from(fixture, peer, "{'$gen_cast',{sync,%s,[{g,[%1,%2]}]}}", pids);
    expect_no_more(peer);
    part(fixture, peer);
}

static void a_peer_of_the_newer_version_is_spoken_to_in_it(void **state) {
    struct fixture *fixture = *state;
    struct probe nobody = {0};
    hm_pid member = spawn(fixture, &nobody)->pid;
    const hm_pid pids[] = {member};
    struct probe *peer = meet(fixture, 1), *old = meet(fixture, 0), *future = meet(fixture, 7);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("g"), member), HM_OK);
    assert_int_equal(hm_pg_leave(fixture->node, NULL, ATOM("g"), member), HM_OK);
    fixture_run(fixture);
    expect_from(fixture, peer, "{update,%s,[{g,[%1],[]}]}", pids);
    expect_from(fixture, peer, "{update,%s,[{g,[],[%1]}]}", pids);
    expect_no_more(peer);
    expect_from(fixture, old, "{join,%s,g,%1}", pids);
    expect_from(fixture, future, "{join,%s,g,%1}", pids);
    probe_clear(old);
    /* It goes back to an older release. */
    fixture_send(fixture, scope_address(), "{discover, ~p}", peer->process->pid);
    expect_from(fixture, peer, "{'$gen_cast',{sync,%s,[]}}", NULL);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("g"), member), HM_OK);
    fixture_run(fixture);
    expect_from(fixture, peer, "{join,%s,g,%1}", pids);
    part(fixture, peer);
    part(fixture, old);
    part(fixture, future);
}

static void who_was_not_told_all_hears_of_no_change(void **state) {
    struct fixture *fixture = *state;
    struct probe *peer = fixture_own(fixture, sizeof *peer), nobody = {0};
    hm_pid self = spawn(fixture, peer)->pid, member = spawn(fixture, &nobody)->pid;
    const hm_pid pids[] = {member, self};
    /* It answered our question before it asked its own: it has nothing of ours, and would end if it were told
     * of a leave. */
    fixture_send(fixture, scope_address(), "{'$gen_cast', {sync, ~p, [{g, [~p]}]}}", self, self);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_REMOTE), 1);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("g"), member), HM_OK);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("h"), member), HM_OK);
    assert_int_equal(hm_pg_leave(fixture->node, NULL, ATOM("g"), member), HM_OK);
    fixture_run(fixture);
    expect_no_more(peer);
    fixture_send(fixture, scope_address(), "{discover, ~p}", self);
    expect_from(fixture, peer, "{'$gen_cast',{sync,%s,[{h,[%1]}]}}", pids);
    expect_no_more(peer);
    part(fixture, peer);
}

static void a_member_that_ends_leaves_all_it_joined(void **state) {
    struct fixture *fixture = *state;
    struct probe nobody = {0};
    hm_process *process = spawn(fixture, &nobody);
    const hm_pid pids[] = {process->pid};
    struct probe *peer = meet(fixture, 0), *newer = meet(fixture, 1);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("a"), process->pid), HM_OK);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("b"), process->pid), HM_OK);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("a"), process->pid), HM_OK);
    fixture_run(fixture);
    probe_clear(peer);
    probe_clear(newer);
    end(fixture, process);
    expect_from(fixture, peer, "{leave,%s,%1,[a,b,a]}", pids);
    expect_no_more(peer);
    expect_from(fixture, newer, "{update,%s,[{a,[],[%1]},{b,[],[%1]},{a,[],[%1]}]}", pids);
    assert_int_equal(count(fixture, ATOM("a"), HM_PG_ALL), 0);
    /* One that had ended before it was joined. */
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("a"), pids[0]), HM_OK);
    fixture_run(fixture);
    expect_from(fixture, peer, "{join,%s,a,%1}", pids);
    expect_from(fixture, peer, "{leave,%s,%1,[a]}", pids);
    assert_int_equal(count(fixture, ATOM("a"), HM_PG_ALL), 0);
    part(fixture, peer);
    part(fixture, newer);
}

static void what_a_peer_says_is_known(void **state) {
    struct fixture *fixture = *state;
    struct probe *peer = meet(fixture, 0);
    hm_pid p = peer->process->pid, m = fixture->probe.process->pid;
    fixture_send(fixture, scope_address(), "{join, ~p, g, ~p}", p, m);
    fixture_send(fixture, scope_address(), "{join, ~p, g, [~p, ~p]}", p, m, p);
    fixture_send(fixture, scope_address(), "{join, ~p, 1, ~p}", p, m);
    fixture_send(fixture, scope_address(), "{join, ~p, 2, ~p}", p, m);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 3);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_LOCAL), 0);
    fixture_send(fixture, scope_address(), "{leave, ~p, ~p, [g, 1, 2, never]}", p, m);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_REMOTE), 2);
    fixture_send(fixture, scope_address(), "{leave, ~p, [~p, ~p], [g, g]}", p, m, p);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 0);
    fixture_send(fixture, scope_address(), "{update, ~p, [{g, [~p, ~p], []}, {h, [~p], []}, {g, [], [~p]}]}",
                 p, m, p, m, m);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 1);
    assert_int_equal(count(fixture, ATOM("h"), HM_PG_ALL), 1);
    fixture_send(fixture, scope_address(), "{'$gen_cast', {local_data, ~p, 1, #{k => [~p]}}}", p, m);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 0);
    assert_int_equal(count(fixture, ATOM("k"), HM_PG_ALL), 1);
    fixture_send(fixture, scope_address(), "{'$gen_cast', {sync, ~p, [{[104, 105], [~p]}]}}", p, m);
    assert_int_equal(count(fixture, ATOM("k"), HM_PG_ALL), 0);
    expect_no_more(peer);
    part(fixture, peer);
    fixture_call(fixture, scope_address(), "monitor");
    assert_int_equal(fixture->probe.count, 1);
    assert_non_null(strstr(fixture->probe.texts[0], ",#{}}"));
}

static void strangers_are_not_heard(void **state) {
    struct fixture *fixture = *state;
    hm_pid m = fixture->probe.process->pid,
           far = {names_intern(fixture->node->names, "far@host", 8), 1, 0, 9};
    fixture_send(fixture, scope_address(), "{join, ~p, g, ~p}", m, m);
    fixture_send(fixture, scope_address(), "{leave, ~p, ~p, [g]}", m, m);
    fixture_send(fixture, scope_address(), "{update, ~p, [{g, [~p], []}]}", m, m);
    /* Of a node that is not connected: late news, and nobody is dialled. */
    fixture_send(fixture, scope_address(), "{discover, ~p}", far);
    fixture_send(fixture, scope_address(), "{'$gen_cast', {sync, ~p, [{g, [~p]}]}}", far, far);
    fixture_send(fixture, scope_address(), "{'$gen_call', {~p, t}, {monitor, g}}", far);
    fixture_send(fixture, scope_address(), "{nodeup, 'far@host'}");
    /* The scope itself. */
    fixture_send(fixture, scope_address(), "{discover, ~p}", hm_whereis(fixture->node, "pg"));
    expect_nothing(fixture);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 0);
    assert_null(peers_find(fixture->node, far.node));
}

static void junk_does_not_end_a_scope(void **state) {
    struct fixture *fixture = *state;
    hm_pid before = hm_whereis(fixture->node, "pg");
    static const char *const MESSAGES[] = {
        "junk",
        "{}",
        "[]",
        "{discover}",
        "{discover, x}",
        "{discover, ~p, x}",
        "{join, ~p, g, x}",
        "{leave, ~p, [x], [g]}",
        "{'$gen_cast', junk}",
        "{'$gen_cast', {sync, ~p, [g]}}",
        "{'$gen_cast', {local_data, ~p, 1, x}}",
        "{'$gen_call', nobody, monitor}",
        "{'DOWN', x, process, y, z}",
        "{nodeup, 1}",
        "{nodedown, x}",
        "{'EXIT', x, y}",
        "{update, ~p, [{a, b, c}]}",
        "{exchange, ~p, []}",
        "timeout",
    };
    for (size_t i = 0; i < sizeof MESSAGES / sizeof *MESSAGES; i++)
        fixture_send(fixture, scope_address(), MESSAGES[i], fixture->probe.process->pid);
    expect_nothing(fixture);
    fixture_call(fixture, scope_address(), "{what, ever}");
    expect_text(fixture, "{t,{error,unknown_call}}");
    fixture_call(fixture, scope_address(), "{join_local, g, x}");
    expect_text(fixture, "{t,{error,{nolocal,x}}}");
    assert_true(hm_pid_equal(before, hm_whereis(fixture->node, "pg")));
    assert_non_null(strstr(fixture->log, "pg.malformed"));
}

static void a_peer_that_ends_takes_its_members_along(void **state) {
    struct fixture *fixture = *state;
    struct probe *peer = meet(fixture, 0), *again;
    hm_pid p = peer->process->pid, m = fixture->probe.process->pid;
    fixture_send(fixture, scope_address(), "{join, ~p, g, [~p, ~p]}", p, m, m);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 2);
    part(fixture, peer);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 0);
    /* What it still had on the way is of nobody. */
    fixture_send(fixture, scope_address(), "{join, ~p, g, ~p}", p, m);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 0);
    again = meet(fixture, 0);
    part(fixture, again);
}

static void a_scope_that_is_killed_comes_back_empty(void **state) {
    struct fixture *fixture = *state;
    struct probe nobody = {0};
    hm_process *member = spawn(fixture, &nobody);
    hm_pid before = hm_whereis(fixture->node, "pg");
    struct probe *peer = meet(fixture, 0);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("g"), member->pid), HM_OK);
    assert_int_equal(hm_exit(fixture->probe.process, before, ATOM("kill")), HM_OK);
    fixture_run(fixture);
    hm_pid after = hm_whereis(fixture->node, "pg");
    assert_true(after.node && !hm_pid_equal(before, after));
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 0);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("g"), member->pid), HM_OK);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 1);
    part(fixture, peer);
}

/* As a server does that hears of the scope's end before the scope was started again. */
static void a_scope_that_has_just_ended_is_not_started_twice(void **state) {
    struct fixture *fixture = *state;
    process_exit(process_lookup(fixture->node, hm_whereis(fixture->node, "pg")), ATOM("over"));
    assert_int_equal(hm_pg_start(fixture->node, NULL), HM_OK);
    fixture_run(fixture);
    assert_true(hm_whereis(fixture->node, "pg").node != NULL);
    assert_non_null(strstr(fixture->log, "supervisor.restart pg"));
    assert_null(strstr(fixture->log, "supervisor.failed"));
}

/* ---- limits ---- */

static void what_is_too_much_is_asked_for_again_when_there_is_room(void **state) {
    struct fixture *fixture = *state;
    fixture->node->max_pg_members = 5;
    hm_exit(fixture->probe.process, hm_whereis(fixture->node, "pg"), ATOM("kill"));
    fixture_run(fixture);
    struct probe *peer = meet(fixture, 0);
    hm_pid p = peer->process->pid;
    fixture_send(fixture, scope_address(),
                 "{'$gen_cast', {sync, ~p, [{g, [~p, ~p, ~p, ~p]}, {h, [~p, ~p]}]}}", p, p, p, p, p, p, p);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 4);
    assert_int_equal(count(fixture, ATOM("h"), HM_PG_ALL), 0);
    assert_non_null(strstr(fixture->log, "pg.limit"));
    expect_no_more(peer);
    fixture_send(fixture, scope_address(), "{leave, ~p, ~p, [g]}", p, p);
    expect_from(fixture, peer, "{discover,%s}", NULL);
    /* Still too much: a scope that is asked at every change would do nothing else than tell us all. */
    fixture_send(fixture, scope_address(), "{'$gen_cast', {sync, ~p, [{g, [~p, ~p, ~p, ~p, ~p, ~p]}]}}", p, p,
                 p, p, p, p, p);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 0);
    for (int i = 0; i < 6; i++)
        fixture_send(fixture, scope_address(), "{join, ~p, h, ~p}", p, p);
    for (int i = 0; i < 3; i++)
        fixture_send(fixture, scope_address(), "{leave, ~p, ~p, [h]}", p, p);
    expect_no_more(peer);
    /* It fits: the next time there is too much it is asked at once again. */
    fixture_send(fixture, scope_address(), "{'$gen_cast', {sync, ~p, [{g, [~p, ~p, ~p, ~p, ~p]}]}}", p, p, p,
                 p, p, p);
    fixture_send(fixture, scope_address(), "{join, ~p, h, ~p}", p, p);
    expect_no_more(peer);
    fixture_send(fixture, scope_address(), "{leave, ~p, [~p, ~p], [g]}", p, p, p);
    expect_from(fixture, peer, "{discover,%s}", NULL);
    expect_no_more(peer);
    hm_pid many[6] = {p, p, p, p, p, p};
    assert_int_equal(hm_pg_join_many(fixture->node, NULL, ATOM("x"), many, 6), HM_ELIMIT);
    assert_int_equal(count(fixture, ATOM("x"), HM_PG_ALL), 0);
    assert_int_equal(hm_pg_join_many(fixture->node, NULL, ATOM("x"), many, 5), HM_OK);
    assert_int_equal(hm_pg_leave_many(fixture->node, NULL, ATOM("x"), many, 5), HM_OK);
    part(fixture, peer);
}

/* Asking for it again would bring the same. */
static void a_group_with_a_huge_name_is_left_out(void **state) {
    struct fixture *fixture = *state;
    struct probe *peer = meet(fixture, 0);
    hm_pid p = peer->process->pid;
    char *name = fixture_own(fixture, 70000);
    memset(name, 'x', 69999);
    fixture_send(fixture, scope_address(), "{join, ~p, ~s, ~p}", p, name, p);
    fixture_send(fixture, scope_address(), "{'$gen_cast', {sync, ~p, [{~s, [~p]}, {g, [~p]}]}}", p, name, p,
                 p);
    fixture_send(fixture, scope_address(), "{leave, ~p, ~p, [~s, g]}", p, p, name);
    fixture_send(fixture, scope_address(), "{join, ~p, g, ~p}", p, p);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 1);
    assert_non_null(strstr(fixture->log, "pg.limit"));
    expect_no_more(peer);
    part(fixture, peer);
}

static void there_are_so_many_monitors_and_no_more(void **state) {
    struct fixture *fixture = *state;
    fixture->node->max_pg_monitors = 2;
    hm_exit(fixture->probe.process, hm_whereis(fixture->node, "pg"), ATOM("kill"));
    fixture_run(fixture);
    struct probe *one = meet(fixture, 0), *two = meet(fixture, 0);
    fixture_send(fixture, scope_address(), "{discover, ~p}", fixture->probe.process->pid);
    expect_nothing(fixture);
    hm_ref refs[3];
    assert_int_equal(hm_pg_monitor(one->process, NULL, ATOM("g"), &refs[0]), HM_OK);
    assert_int_equal(hm_pg_monitor_scope(one->process, NULL, &refs[1]), HM_OK);
    assert_int_equal(hm_pg_monitor(one->process, NULL, ATOM("g"), &refs[2]), HM_ELIMIT);
    fixture_call(fixture, scope_address(), "{monitor, g}");
    expect_text(fixture, "{t,{error,system_limit}}");
    part(fixture, one);
    fixture_call(fixture, scope_address(), "{monitor, g}");
    assert_int_equal(fixture->probe.count, 1);
    part(fixture, two);
}

static void what_a_full_mailbox_lost_is_asked_for(void **state) {
    struct fixture *fixture = *state;
    struct probe *peer = meet(fixture, 0);
    hm_pid p = peer->process->pid;
    fixture->node->max_mailbox = 10;
    for (int i = 0; i < 20; i++)
        hm_sendf(fixture->probe.process, scope_address(), "{join, ~p, g, ~p}", p, p);
    fixture_run(fixture);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 10);
    fixture->node->max_mailbox = 1000;
    expect_from(fixture, peer, "{discover,%s}", NULL);
    expect_no_more(peer);
    part(fixture, peer);
}

/* ---- monitors ---- */

static void who_watches_is_told(void **state) {
    struct fixture *fixture = *state;
    struct probe *watcher = fixture_own(fixture, sizeof *watcher), nobody = {0};
    hm_process *self = spawn(fixture, watcher), *member = spawn(fixture, &nobody);
    hm_ref group_ref, scope_ref;
    hm_term ref_term, pids;
    hm_ref read;
    assert_int_equal(hm_pg_monitor(self, NULL, ATOM("g"), &group_ref), HM_OK);
    assert_int_equal(hm_pg_monitor_scope(self, NULL, &scope_ref), HM_OK);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("g"), member->pid), HM_OK);
    assert_int_equal(hm_pg_join(fixture->node, NULL, ATOM("h"), member->pid), HM_OK);
    fixture_run(fixture);
    assert_int_equal(watcher->count, 3);
    assert_true(hm_match(watcher->terms[0], "{~t, join, g, ~t}", &ref_term, &pids));
    assert_true(ref_decode(fixture->node->names, ref_term, &read) && hm_ref_equal(&read, &scope_ref));
    assert_true(hm_match(watcher->terms[1], "{~t, join, g, ~t}", &ref_term, &pids));
    assert_true(ref_decode(fixture->node->names, ref_term, &read) && hm_ref_equal(&read, &group_ref));
    assert_true(hm_match(watcher->terms[2], "{~t, join, h, ~t}", &ref_term, &pids));
    probe_clear(watcher);
    /* What lies in the mailbox goes with the monitor. */
    assert_int_equal(hm_pg_leave(fixture->node, NULL, ATOM("h"), member->pid), HM_OK);
    assert_true(hm_pg_demonitor(self, NULL, &scope_ref));
    assert_false(hm_pg_demonitor(self, NULL, &scope_ref));
    end(fixture, member);
    assert_int_equal(watcher->count, 1);
    assert_true(hm_match(watcher->terms[0], "{~t, leave, g, ~t}", &ref_term, &pids));
    part(fixture, watcher);
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_ALL), 0);
}

static void callers_are_answered_as_by_pg(void **state) {
    struct fixture *fixture = *state;
    hm_pid probe = fixture->probe.process->pid;
    hm_term ref;
    hm_ref read;
    fixture_call(fixture, scope_address(), "{join_local, g, ~p}", probe);
    expect_text(fixture, "{t,ok}");
    fixture_call(fixture, scope_address(), "{join_local, g, [~p, ~p]}", probe, probe);
    expect_text(fixture, "{t,ok}");
    fixture_call(fixture, scope_address(), "{join_local, g, []}");
    expect_text(fixture, "{t,ok}");
    fixture_call(fixture, scope_address(), "{leave_local, g, ~p}", probe);
    expect_text(fixture, "{t,ok}");
    fixture_call(fixture, scope_address(), "{leave_local, h, ~p}", probe);
    expect_text(fixture, "{t,not_joined}");
    assert_int_equal(count(fixture, ATOM("g"), HM_PG_LOCAL), 2);
    fixture_call(fixture, scope_address(), "{monitor, h}");
    assert_int_equal(fixture->probe.count, 1);
    assert_true(hm_match(fixture->probe.terms[0], "{t, {~t, []}}", &ref));
    assert_true(ref_decode(fixture->node->names, ref, &read));
    probe_clear(&fixture->probe);
    fixture_call(fixture, scope_address(), "{demonitor, ~r}", &read);
    expect_text(fixture, "{t,ok}");
    fixture_call(fixture, scope_address(), "{demonitor, ~r}", &read);
    expect_text(fixture, "{t,false}");
    fixture_call(fixture, scope_address(), "{demonitor, x}");
    expect_text(fixture, "{t,false}");
}

static void a_sync_tells_watchers_what_is_different(void **state) {
    struct fixture *fixture = *state;
    struct probe *peer = meet(fixture, 0), *watcher = fixture_own(fixture, sizeof *watcher);
    hm_process *self = spawn(fixture, watcher);
    hm_pid p = peer->process->pid, m = fixture->probe.process->pid;
    const hm_pid pids[] = {p, m};
    hm_ref ref;
    char pattern[128], *ref_text;
    fixture_send(fixture, scope_address(), "{join, ~p, g, [~p, ~p]}", p, p, m);
    assert_int_equal(hm_pg_monitor(self, NULL, ATOM("g"), &ref), HM_OK);
    fixture_send(fixture, scope_address(), "{'$gen_cast', {sync, ~p, [{g, [~p, ~p]}]}}", p, m, m);
    hm_build *build = hm_build_new();
    hm_put_ref(build, &ref);
    ref_text = print_term(hm_build_term(build));
    snprintf(pattern, sizeof pattern, "{%s,join,g,[%%2]}", ref_text);
    expect_from(fixture, watcher, pattern, pids);
    snprintf(pattern, sizeof pattern, "{%s,leave,g,[%%1]}", ref_text);
    expect_from(fixture, watcher, pattern, pids);
    expect_no_more(watcher);
    free(ref_text);
    hm_build_free(build);
    part(fixture, watcher);
    part(fixture, peer);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_peer_is_told_all_and_then_each_change),
        TEST(a_peer_of_the_newer_version_is_spoken_to_in_it),
        TEST(who_was_not_told_all_hears_of_no_change),
        TEST(a_member_that_ends_leaves_all_it_joined),
        TEST(what_a_peer_says_is_known),
        TEST(strangers_are_not_heard),
        TEST(junk_does_not_end_a_scope),
        TEST(a_peer_that_ends_takes_its_members_along),
        TEST(a_scope_that_is_killed_comes_back_empty),
        TEST(a_scope_that_has_just_ended_is_not_started_twice),
        TEST(what_is_too_much_is_asked_for_again_when_there_is_room),
        TEST(a_group_with_a_huge_name_is_left_out),
        TEST(there_are_so_many_monitors_and_no_more),
        TEST(what_a_full_mailbox_lost_is_asked_for),
        TEST(who_watches_is_told),
        TEST(callers_are_answered_as_by_pg),
        TEST(a_sync_tells_watchers_what_is_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
