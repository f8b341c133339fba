/*
 * Searches interleavings of the whole protocol of global: see global_sim.h. GLOBAL_SIM_SEEDS=10000 looks longer, GLOBAL_SIM_FIRST=17
 * GLOBAL_SIM_SEEDS=1 GLOBAL_SIM_TRACE=1 shows one run.
 */
#include "unit/otp/global_sim.h"

enum { SETTLE_STEPS = 200000, ROUNDS = 30 };

static uint64_t number(const char *variable, uint64_t fallback) {
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : fallback;
}

/* ---- the end ---- */

static void settle(struct sim *sim) {
    uint64_t steps = 0;
    while (sim_step(sim))
        if (++steps > SETTLE_STEPS) {
            for (int i = 0; i < sim->count; i++) {
                hm_build *build = hm_build_new();
                if (!sim->nodes[i].member)
                    continue;
                global_member_put_info(sim->nodes[i].member, build);
                print_error("%d: %s\n", i, sim_text(hm_build_term(build)));
                hm_build_free(build);
            }
            fail_msg("seed %llu: no end after %d steps", (unsigned long long)sim->seed, SETTLE_STEPS);
        }
}

static bool all_connected(struct sim *sim) {
    for (int a = 0; a < sim->count; a++)
        for (int b = 0; b < sim->count; b++)
            if (a != b && sim->nodes[a].view[b] != SIM_IS_UP)
                return false;
    return true;
}

/* One connection from each node to an earlier one is enough: the mesh has to form by itself. */
static void mend(struct sim *sim) {
    memset(sim->cut, 0, sizeof sim->cut);
    settle(sim);
    for (int i = 0; i < sim->count; i++)
        if (!sim->nodes[i].member)
            sim_boot(sim, i);
    for (int round = 0; round < ROUNDS && !all_connected(sim); round++) {
        for (int i = 1; i < sim->count; i++) {
            int to = (int)sim_random(sim, (uint32_t)i);
            if (sim_are_down(sim, i, to))
                sim_connect(sim, i, to);
            for (uint32_t steps = sim_random(sim, 50); steps > 0; steps--)
                sim_step(sim);
        }
        settle(sim);
    }
}

#define expect(sim, condition)                                                                   \
    do {                                                                                         \
        if (!(condition))                                                                        \
            fail_msg("seed %llu: %s", (unsigned long long)(sim)->seed, #condition);              \
    } while (0)

static char *sorted_names(struct sim_node *node) {
    char *text = calloc(1, 4096);
    for (int64_t i = 0; i < 4; i++) {
        hm_build *build = hm_build_new();
        hm_put_format(build, "{name, ~i}", i);
        hm_pid pid = global_member_whereis(node->member, hm_build_term(build));
        hm_build_free(build);
        size_t used = strlen(text);
        snprintf(text + used, 4096 - used, "%d: %s.%u.%u; ", (int)i, pid.node ? hm_node_name_text(pid.node) : "-",
                 pid.id, pid.creation);
        if (pid.node)
            expect(node->sim, sim_alive(node->sim, pid));
    }
    return text;
}

static void check_names(struct sim *sim) {
    char *first = sorted_names(&sim->nodes[0]);
    for (int i = 1; i < sim->count; i++) {
        char *names = sorted_names(&sim->nodes[i]);
        if (strcmp(first, names) != 0)
            print_error("0: %s\n%d: %s\n", first, i, names);
        expect(sim, strcmp(first, names) == 0);
        free(names);
    }
    free(first);
}

static void check(struct sim *sim) {
    size_t others = (size_t)sim->count - 1;
    expect(sim, all_connected(sim));
    for (int i = 0; i < sim->count; i++) {
        struct sim_node *node = &sim->nodes[i];
        struct global_counts counts = global_member_count(node->member);
        free(sorted_names(node)); /* whose process has ended is no name */
        expect(sim, counts.known == others);
        expect(sim, counts.synced == others);
        expect(sim, counts.sessions == 0);
        expect(sim, counts.holders == 0);
        expect(sim, !counts.busy);
        expect(sim, node->asked == node->answered);
    }
}

/*
 * Names of before the trouble need not be the same everywhere: a change that was under way when its node or connection went has reached
 * some nodes and not others, and nothing in the protocol undoes or finishes it; nor is a conflict settled again that was settled when a node
 * went. Changes after it must be, and all in calm weather.
 */
static void touch_names(struct sim *sim) {
    for (int64_t name = 0; name < 4; name++) {
        struct sim_node *node = &sim->nodes[sim_random(sim, (uint32_t)sim->count)];
        if (node->users[name].alive)
            sim_ask(node, "{'$hm_register', true, {name, ~i}, ~p, ~t}", name, sim_user(node, (unsigned)name),
                    global_method_term(GLOBAL_RANDOM_EXIT));
        else
            sim_ask(node, "{'$hm_unregister', {name, ~i}}", name);
        settle(sim);
    }
}

static uint64_t run(uint64_t seed, int count, unsigned events, bool calm) {
    struct sim *sim = sim_new(seed, count);
    while (events > 0) {
        uint32_t next = sim_random(sim, 100);
        if (next < 4) {
            sim_disturb(sim, calm);
            events--;
        } else if (next < 7) {
            sim_do_something(sim);
        } else if (!sim_step(sim)) {
            sim_disturb(sim, calm);
            events--;
        }
    }
    mend(sim);
    check(sim);
    if (calm)
        check_names(sim);
    touch_names(sim);
    check(sim);
    check_names(sim);
    uint64_t steps = sim->steps;
    sim_free(sim);
    return steps;
}

/*
 * Names that nobody changes are on their way only when nodes join, and then all of them go: whatever happened, in the end every node has
 * those whose owners live. Two BEAM nodes do not keep this.
 */
static void name_each(struct sim *sim, uint32_t *creations) {
    mend(sim);
    for (int i = 0; i < sim->count; i++) {
        struct sim_node *node = &sim->nodes[i];
        sim_ask(node, "{'$hm_register', false, {own, ~i}, ~p, ~t}", (int64_t)i, sim_user(node, 0),
                global_method_term(GLOBAL_RANDOM_EXIT));
        creations[i] = node->creation;
        settle(sim);
    }
}

static void check_own_names(struct sim *sim, const uint32_t *creations) {
    for (int i = 0; i < sim->count; i++) {
        bool lives = creations[i] == sim->nodes[i].creation;
        hm_build *name = hm_build_new();
        hm_put_format(name, "{own, ~i}", (int64_t)i);
        for (int at = 0; at < sim->count; at++) {
            hm_pid pid = global_member_whereis(sim->nodes[at].member, hm_build_term(name));
            if (lives != (pid.node != NULL) || (lives && !hm_pid_equal(pid, sim_user(&sim->nodes[i], 0))))
                fail_msg("seed %llu: %d has %s name of %d, which %s", (unsigned long long)sim->seed, at,
                         pid.node ? "a" : "no", i, lives ? "lives" : "has ended");
        }
        hm_build_free(name);
    }
}

static uint64_t run_steady(uint64_t seed, int count, unsigned events) {
    struct sim *sim = sim_new(seed, count);
    uint32_t creations[SIM_NODES];
    name_each(sim, creations);
    check_own_names(sim, creations);
    while (events > 0)
        if (sim_chance(sim, 25) || !sim_step(sim)) {
            sim_disturb(sim, false);
            events--;
        }
    mend(sim);
    check(sim);
    check_own_names(sim, creations);
    uint64_t steps = sim->steps;
    sim_free(sim);
    return steps;
}

/* The more happens the fewer of the first nodes are left: so little in some runs, and much in others. */
static void search_steady(int count, unsigned most, uint64_t seeds) {
    uint64_t first = number("GLOBAL_SIM_FIRST", 1), steps = 0;
    seeds = number("GLOBAL_SIM_SEEDS", seeds);
    for (uint64_t seed = first; seed < first + seeds; seed++)
        steps += run_steady(seed, count, 1 + (unsigned)(seed % most));
    print_message("%d members that keep their names, in trouble: %llu runs, %llu steps\n", count,
                  (unsigned long long)seeds, (unsigned long long)steps);
}

static void search(int count, unsigned events, bool calm, uint64_t seeds) {
    uint64_t first = number("GLOBAL_SIM_FIRST", 1), steps = 0;
    seeds = number("GLOBAL_SIM_SEEDS", seeds);
    for (uint64_t seed = first; seed < first + seeds; seed++)
        steps += run(seed, count, events, calm);
    print_message("%d members, %s: %llu runs, %llu steps\n", count, calm ? "calm" : "in trouble", (unsigned long long)seeds,
                  (unsigned long long)steps);
}

static void test_two_members_join(void **state) {
    search(2, 0, true, 20);
}

static void test_six_members_join_while_names_change(void **state) {
    search(6, 60, true, 100);
}

static void test_two_members_in_trouble(void **state) {
    search(2, 20, false, 300);
}

static void test_three_members_in_trouble(void **state) {
    search(3, 40, false, 300);
}

static void test_six_members_in_trouble(void **state) {
    search(6, 80, false, 60);
}

static void test_three_members_keep_their_names(void **state) {
    search_steady(3, 60, 600);
}

static void test_six_members_keep_their_names(void **state) {
    search_steady(6, 80, 600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_members_join),
        cmocka_unit_test(test_six_members_join_while_names_change),
        cmocka_unit_test(test_two_members_in_trouble),
        cmocka_unit_test(test_three_members_in_trouble),
        cmocka_unit_test(test_six_members_in_trouble),
        cmocka_unit_test(test_three_members_keep_their_names),
        cmocka_unit_test(test_six_members_keep_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
