/* Every allocation of a busy table of topics fails once: a change that fails has changed nothing, and what is told to the owner is true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/topics.h"
#include "support/alloc.h"

enum { TOPICS = 6, PIDS = 12, STEPS = 150 };

static const char *const names[TOPICS] = {"a.b", "a.c", "a.*", "a.>", "*.b", "x"};
/* Which of them hear of "a.b". */
static const bool hears[TOPICS] = {true, false, true, true, true, false};

struct world {
    struct topics *topics;
    uint32_t told[TOPICS]; /* by on_topic */
    bool present[TOPICS][PIDS];
    void *data[PIDS];
    hm_build *terms[TOPICS]; /* made before anything fails */
};

static hm_pid pid(unsigned number) {
    static char node;
    return (hm_pid){(const hm_node_name *)&node, number, 0, 1};
}

static int on_subscriber(void *arg, struct subscriber *subscriber, bool here) {
    struct world *world = arg;
    if (!here) {
        assert_ptr_equal(subscriber->data, world->data[subscriber->pid.id]);
        free(subscriber->data);
        world->data[subscriber->pid.id] = NULL;
        return 0;
    }
    assert_null(world->data[subscriber->pid.id]);
    subscriber->data = malloc(1);
    world->data[subscriber->pid.id] = subscriber->data;
    return subscriber->data ? 0 : HM_ENOMEM;
}

static void on_topic(void *arg, hm_term topic, uint32_t count) {
    struct world *world = arg;
    for (int i = 0; i < TOPICS; i++)
        if (hm_term_equal(topic, hm_build_term(world->terms[i])))
            world->told[i] = count;
}

static const struct topics_events events = {on_subscriber, on_topic};
static const struct topics_limits limits = {1000, 1000};

static void count_match(void *arg, const struct topic_match *match) {
    *(uint32_t *)arg += match->count;
}

static void check(struct world *world) {
    uint32_t all = 0, matching = 0, found = 0;
    struct topics_size size;
    for (int i = 0; i < TOPICS; i++) {
        uint32_t count = 0;
        for (unsigned p = 0; p < PIDS; p++)
            count += world->present[i][p];
        assert_int_equal(topics_count(world->topics, hm_build_term(world->terms[i])), count);
        assert_int_equal(world->told[i], count);
        all += count;
        matching += hears[i] ? count : 0;
    }
    for (unsigned p = 0; p < PIDS; p++) {
        uint32_t count = 0;
        for (int i = 0; i < TOPICS; i++)
            count += world->present[i][p];
        const struct subscriber *subscriber = topics_subscriber(world->topics, pid(p));
        assert_int_equal(subscriber ? subscriber->count : 0, count);
        assert_int_equal(subscriber != NULL, world->data[p] != NULL);
    }
    topics_match(world->topics, hm_build_term(world->terms[0]), count_match, &found);
    assert_int_equal(found, matching);
    topics_size(world->topics, &size);
    assert_int_equal(size.subscriptions, all);
}

static void step(struct world *world, unsigned *seed) {
    unsigned random = *seed = *seed * 1103515245 + 12345;
    unsigned topic = random / 65536 % TOPICS, who = random / 1048576 % PIDS;
    hm_term term = hm_build_term(world->terms[topic]);
    if (random / 256 % 16 == 0) {
        topics_remove_all(world->topics, pid(who));
        for (int i = 0; i < TOPICS; i++)
            world->present[i][who] = false;
    } else if (random / 256 % 16 < 4) {
        assert_int_equal(topics_remove(world->topics, term, pid(who)), world->present[topic][who] ? 0 : HM_ENOENT);
        world->present[topic][who] = false;
    } else {
        int error = topics_add(world->topics, term, pid(who), (enum topic_form)(random % TOPIC_FORMS), 0);
        assert_true(error == 0 || (error == HM_ENOMEM && alloc_failed()));
        world->present[topic][who] |= error == 0;
    }
}

static void a_change_that_fails_changes_nothing(void **state) {
    (void)state;
    bool failed = true;
    long n = 0;
    for (; failed; n++) {
        struct world world = {0};
        unsigned seed = 7;
        for (int i = 0; i < TOPICS; i++) {
            world.terms[i] = hm_build_new();
            hm_put_text(world.terms[i], names[i]);
        }
        alloc_fail_at(n);
        world.topics = topics_new(&limits, &events, &world);
        for (int i = 0; world.topics && i < STEPS; i++) {
            step(&world, &seed);
            check(&world);
        }
        failed = alloc_failed();
        alloc_fail_never();
        for (unsigned p = 0; world.topics && p < PIDS; p++)
            topics_remove_all(world.topics, pid(p));
        topics_free(world.topics);
        for (unsigned p = 0; p < PIDS; p++)
            assert_null(world.data[p]);
        for (int i = 0; i < TOPICS; i++)
            hm_build_free(world.terms[i]);
    }
    assert_true(n > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_change_that_fails_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
