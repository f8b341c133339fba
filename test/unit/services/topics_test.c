#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/patterns.h"
#include "services/topics.h"

static const struct topics_limits ROOMY = {1000000, 10000000};
static const struct topics_events NO_EVENTS = {0};

/* The table looks at the address of a node name only. */
static hm_pid pid(unsigned number) {
    static char names[4];
    return (hm_pid){(const hm_node_name *)(names + number % 4), number, 0, 1};
}

static hm_build *text(const char *words) {
    hm_build *build = hm_build_new();
    hm_put_text(build, words);
    return build;
}

static int add(struct topics *topics, const char *topic, unsigned who, enum topic_form form) {
    hm_build *build = text(topic);
    int error = topics_add(topics, hm_build_term(build), pid(who), form, who);
    hm_build_free(build);
    return error;
}

static int take(struct topics *topics, const char *topic, unsigned who) {
    hm_build *build = text(topic);
    int error = topics_remove(topics, hm_build_term(build), pid(who));
    hm_build_free(build);
    return error;
}

/* ---- who gets a message ---- */

struct heard {
    unsigned plain, tagged, groups;
    uint64_t who; /* a bit for each subscriber below 64 */
};

static void hear(void *arg, const struct topic_match *match) {
    struct heard *heard = arg;
    heard->groups++;
    *(match->form == TOPIC_PLAIN ? &heard->plain : &heard->tagged) += match->count;
    for (uint32_t i = 0; i < match->count; i++)
        heard->who |= UINT64_C(1) << (match->pids[i].id % 64);
}

static struct heard publish(struct topics *topics, const char *topic) {
    struct heard heard = {0};
    hm_build *build = text(topic);
    topics_match(topics, hm_build_term(build), hear, &heard);
    hm_build_free(build);
    return heard;
}

static void subscribers_hear_their_topic(void **state) {
    (void)state;
    struct topics *topics = topics_new(&ROOMY, &NO_EVENTS, NULL);
    assert_int_equal(add(topics, "news", 1, TOPIC_PLAIN), 0);
    assert_int_equal(add(topics, "news", 2, TOPIC_PLAIN), 0);
    assert_int_equal(add(topics, "news", 3, TOPIC_TAGGED), 0);
    assert_int_equal(add(topics, "other", 4, TOPIC_PLAIN), 0);
    struct heard heard = publish(topics, "news");
    assert_int_equal(heard.plain, 2);
    assert_int_equal(heard.tagged, 1);
    assert_int_equal(heard.groups, 2);
    assert_int_equal(heard.who, 1 << 1 | 1 << 2 | 1 << 3);
    assert_int_equal(publish(topics, "new").groups, 0);
    assert_int_equal(take(topics, "news", 1), 0);
    assert_int_equal(take(topics, "news", 1), HM_ENOENT);
    assert_int_equal(publish(topics, "news").who, 1 << 2 | 1 << 3);
    topics_free(topics);
}

static void any_term_is_a_topic(void **state) {
    (void)state;
    struct topics *topics = topics_new(&ROOMY, &NO_EVENTS, NULL);
    hm_build *topic = hm_build_new(), *same = hm_build_new();
    struct heard heard = {0};
    hm_put_format(topic, "{user, 1, [~i, ~i]}", (int64_t)1, (int64_t)2);
    hm_put_tuple(same, 3);
    hm_put_atom(same, "user");
    hm_put_int64(same, 1);
    static const unsigned char string_ext[] = {107, 0, 2, 1, 2}; /* [1, 2] as it may arrive as well */
    hm_put_term(same, (hm_term){string_ext, sizeof string_ext});
    assert_int_equal(topics_add(topics, hm_build_term(topic), pid(5), TOPIC_PLAIN, 0), 0);
    topics_match(topics, hm_build_term(same), hear, &heard);
    assert_int_equal(heard.plain, 1);
    assert_int_equal(topics_count(topics, hm_build_term(same)), 1);
    hm_build_free(topic);
    hm_build_free(same);
    topics_free(topics);
}

static void another_form_replaces_the_first(void **state) {
    (void)state;
    struct topics *topics = topics_new(&(struct topics_limits){10, 1}, &NO_EVENTS, NULL);
    assert_int_equal(add(topics, "t", 1, TOPIC_PLAIN), 0);
    assert_int_equal(add(topics, "t", 1, TOPIC_PLAIN), 0);
    assert_int_equal(publish(topics, "t").plain, 1);
    assert_int_equal(add(topics, "t", 1, TOPIC_TAGGED), 0);
    struct heard heard = publish(topics, "t");
    assert_int_equal(heard.plain, 0);
    assert_int_equal(heard.tagged, 1);
    struct topics_size size;
    topics_size(topics, &size);
    assert_int_equal(size.subscriptions, 1);
    assert_int_equal(size.topics, 1);
    topics_free(topics);
}

static void patterns_match_by_segments(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *topic;
        bool heard;
    } cases[] = {
        {"room.*", "room.7", true},       {"room.*", "room:7", false},   {"room.*", "room", false},
        {"room.*", "room.7.x", false},    {"room.>", "room.7", true},    {"room.>", "room.7.x:y", true},
        {"room.>", "room", false},        {"room.>", "room:7", false},   {"*", "anything", true},
        {"*", "a.b", false},              {">", "a.b:c", true},          {">", "", true},
        {"*", "", true},                  {"*.b", "a.b", true},          {"*.b", "a:b", false},
        {"a.*.c", "a.b.c", true},         {"a.*.c", "a..c", true},       {"a.*.c", "a.c", false},
        {"*:*", "x:y", true},             {"*:*", "x:*", true},          {"a.*", "a.*", true},
        {"a.>", "a.>", true},             {"a.b*", "a.bc", false},       {"a.b*", "a.b*", true},
        {"user:*:inbox", "user:7:inbox", true}, {"user:*:inbox", "user:7:outbox", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topics *topics = topics_new(&ROOMY, &NO_EVENTS, NULL);
        assert_int_equal(add(topics, cases[i].pattern, 1, TOPIC_PLAIN), 0);
        if (publish(topics, cases[i].topic).plain != cases[i].heard)
            fail_msg("%s and %s", cases[i].pattern, cases[i].topic);
        assert_int_equal(take(topics, cases[i].pattern, 1), 0);
        assert_int_equal(publish(topics, cases[i].topic).plain, 0);
        topics_free(topics);
    }
}

static void a_pattern_ends_with_the_rest(void **state) {
    (void)state;
    struct topics *topics = topics_new(&ROOMY, &NO_EVENTS, NULL);
    char many[4 * PATTERN_SEGMENTS] = "*";
    assert_int_equal(add(topics, "a.>.b", 1, TOPIC_PLAIN), HM_EINVAL);
    assert_int_equal(add(topics, ">.*", 1, TOPIC_PLAIN), HM_EINVAL);
    for (int i = 1; i < PATTERN_SEGMENTS; i++)
        strcat(many, ".x");
    assert_int_equal(add(topics, many, 1, TOPIC_PLAIN), 0);
    strcat(many, ".x");
    assert_int_equal(add(topics, many, 1, TOPIC_PLAIN), HM_ELIMIT);
    /* Longer than any pattern: > still means the rest of it. */
    assert_int_equal(add(topics, "a.>", 2, TOPIC_PLAIN), 0);
    many[0] = 'a';
    assert_int_equal(publish(topics, many).who, 1 << 2);
    many[strlen(many) - 2] = 0;
    assert_int_equal(publish(topics, many).who, 1 << 1 | 1 << 2);
    struct topics_size size;
    topics_size(topics, &size);
    assert_int_equal(size.patterns, 2);
    assert_int_equal(size.topics, 0);
    topics_free(topics);
}

struct position {
    struct topics *topics;
    bool called;
};

static void look_for_everybody(void *arg, const struct topic_match *match) {
    struct position *position = arg;
    position->called = true;
    for (unsigned who = 0; who < 10; who++) {
        uint32_t at = topics_position(position->topics, match, pid(who));
        if (who == 4) {
            assert_int_equal(at, match->count);
            continue;
        }
        assert_true(at < match->count);
        assert_true(hm_pid_equal(match->pids[at], pid(who)));
        assert_int_equal(topics_options(position->topics, match, at), who);
    }
}

static void a_subscriber_has_a_position_and_options(void **state) {
    (void)state;
    struct topics *topics = topics_new(&ROOMY, &NO_EVENTS, NULL);
    struct position position = {topics, false};
    for (unsigned who = 0; who < 10; who++)
        assert_int_equal(add(topics, "t.*", who, TOPIC_PLAIN), 0);
    assert_int_equal(take(topics, "t.*", 4), 0);
    hm_build *build = text("t.x");
    topics_match(topics, hm_build_term(build), look_for_everybody, &position);
    assert_true(position.called);
    hm_build_free(build);
    topics_free(topics);
}

/* ---- callbacks and limits ---- */

struct counts {
    int subscribers, topics;
    uint32_t last; /* the last count of a topic */
    bool refuse, falling;
};

static int count_subscriber(void *arg, struct subscriber *subscriber, bool here) {
    struct counts *counts = arg;
    assert_int_equal(subscriber->count, 0);
    if (here && counts->refuse)
        return HM_ENOPROC;
    counts->subscribers += here ? 1 : -1;
    return 0;
}

static void count_topic(void *arg, hm_term topic, uint32_t count) {
    struct counts *counts = arg;
    (void)topic;
    counts->topics += count == 0 ? -1 : count == 1 && !counts->falling ? 1 : 0;
    counts->last = count;
}

static const struct topics_events COUNTING = {count_subscriber, count_topic};

static void callbacks_come_for_the_first_and_the_last(void **state) {
    (void)state;
    struct counts counts = {0};
    struct topics *topics = topics_new(&ROOMY, &COUNTING, &counts);
    add(topics, "a", 1, TOPIC_PLAIN);
    add(topics, "a", 1, TOPIC_TAGGED);
    add(topics, "a", 2, TOPIC_PLAIN);
    add(topics, "b.*", 1, TOPIC_PLAIN);
    assert_int_equal(counts.subscribers, 2);
    assert_int_equal(counts.topics, 2);
    add(topics, "a", 3, TOPIC_PLAIN);
    assert_int_equal(counts.last, 3);
    counts.falling = true;
    take(topics, "a", 3);
    assert_int_equal(counts.last, 2);
    assert_int_equal(topics_remove_all(topics, pid(1)), 2);
    assert_int_equal(topics_remove_all(topics, pid(1)), 0);
    assert_int_equal(counts.subscribers, 1);
    assert_int_equal(counts.topics, 1);
    take(topics, "a", 2);
    assert_int_equal(counts.subscribers, 0);
    assert_int_equal(counts.topics, 0);
    topics_free(topics);
}

static void a_refused_subscriber_leaves_nothing(void **state) {
    (void)state;
    struct counts counts = {.refuse = true};
    struct topics *topics = topics_new(&ROOMY, &COUNTING, &counts);
    struct topics_size size;
    assert_int_equal(add(topics, "a.*", 1, TOPIC_PLAIN), HM_ENOPROC);
    topics_size(topics, &size);
    assert_int_equal(size.topics + size.patterns + size.subscriptions + size.subscribers, 0);
    assert_int_equal(counts.topics, 0);
    topics_free(topics);
}

static void limits_hold(void **state) {
    (void)state;
    struct counts counts = {0};
    struct topics *topics = topics_new(&(struct topics_limits){2, 3}, &COUNTING, &counts);
    assert_int_equal(add(topics, "a", 1, TOPIC_PLAIN), 0);
    assert_int_equal(add(topics, "b", 1, TOPIC_PLAIN), 0);
    assert_int_equal(add(topics, "c", 1, TOPIC_PLAIN), HM_ELIMIT);
    assert_int_equal(add(topics, "a", 2, TOPIC_PLAIN), 0);
    assert_int_equal(add(topics, "b", 3, TOPIC_PLAIN), HM_ELIMIT);
    assert_int_equal(counts.subscribers, 2);
    assert_int_equal(counts.topics, 2);
    assert_int_equal(take(topics, "a", 1), 0);
    assert_int_equal(add(topics, "b", 3, TOPIC_PLAIN), 0);
    topics_free(topics);
}

static bool count_topics(void *arg, hm_term topic) {
    (void)topic;
    ++*(unsigned *)arg;
    return true;
}

static bool stop_at_once(void *arg, hm_term topic) {
    (void)topic;
    ++*(unsigned *)arg;
    return false;
}

static void count_of(void *arg, hm_term topic, enum topic_form form) {
    (void)topic;
    ((unsigned *)arg)[form]++;
}

static void topics_are_listed_once(void **state) {
    (void)state;
    struct topics *topics = topics_new(&ROOMY, &NO_EVENTS, NULL);
    unsigned count = 0, of[TOPIC_FORMS] = {0};
    add(topics, "a", 1, TOPIC_PLAIN);
    add(topics, "a", 2, TOPIC_TAGGED);
    add(topics, "b", 2, TOPIC_TAGGED);
    add(topics, "c.>", 2, TOPIC_PLAIN);
    topics_each(topics, count_topics, &count);
    assert_int_equal(count, 3);
    count = 0;
    topics_each(topics, stop_at_once, &count);
    assert_int_equal(count, 1);
    topics_each_of(topics, topics_subscriber(topics, pid(2)), count_of, of);
    assert_int_equal(of[TOPIC_PLAIN], 1);
    assert_int_equal(of[TOPIC_TAGGED], 2);
    assert_null(topics_subscriber(topics, pid(3)));
    topics_free(topics);
}

/* ---- against a list that is searched from end to end ---- */

enum { PEOPLE = 12, WORDS = 60, STEPS = 40000 };

static struct {
    char topic[WORDS][32];
    int8_t form[WORDS][PEOPLE]; /* -1: not subscribed */
} model;

static bool matches(const char *pattern, const char *topic) {
    while (true) {
        size_t p = strcspn(pattern, ":."), t = strcspn(topic, ":.");
        if (p == 1 && *pattern == '>' && !pattern[1])
            return true;
        if (!(p == 1 && *pattern == '*') && (p != t || memcmp(pattern, topic, p) != 0))
            return false;
        if (pattern[p] != topic[t])
            return false;
        if (!pattern[p])
            return true;
        pattern += p + 1;
        topic += t + 1;
    }
}

static void random_changes_agree_with_a_list(void **state) {
    (void)state;
    static const char *const WORD[] = {"a", "b", "*", ">", ""};
    struct counts counts = {0};
    struct topics *topics = topics_new(&ROOMY, &COUNTING, &counts);
    uint32_t random = 4711;
#define RANDOM(n) ((random = random * 1664525u + 1013904223u) >> 10) % (n)
    memset(model.form, -1, sizeof model.form);
    for (int i = 0; i < WORDS; i++) {
        unsigned parts = 1 + RANDOM(4);
        char *to = model.topic[i];
        *to = 0;
        for (unsigned part = 0; part < parts; part++) {
            if (part)
                strcat(to, RANDOM(3) ? "." : ":");
            strcat(to, WORD[RANDOM(part + 1 == parts ? 5 : 3)]);
        }
        for (int other = 0; other < i; other++)
            if (strcmp(model.topic[other], to) == 0) {
                i--;
                break;
            }
    }
    for (int step = 0; step < STEPS; step++) {
        unsigned word = RANDOM(WORDS), who = RANDOM(PEOPLE);
        switch (RANDOM(8)) {
        case 0:
        case 1:
        case 2: {
            enum topic_form form = RANDOM(2);
            assert_int_equal(add(topics, model.topic[word], who, form), 0);
            model.form[word][who] = (int8_t)form;
            break;
        }
        case 3:
        case 4:
            assert_int_equal(take(topics, model.topic[word], who), model.form[word][who] < 0 ? HM_ENOENT : 0);
            model.form[word][who] = -1;
            break;
        case 5:
            if (RANDOM(4) == 0) {
                uint32_t removed = 0;
                for (int i = 0; i < WORDS; i++) {
                    removed += model.form[i][who] >= 0;
                    model.form[i][who] = -1;
                }
                assert_int_equal(topics_remove_all(topics, pid(who)), removed);
            }
            break;
        default: {
            struct heard wanted = {0}, heard = publish(topics, model.topic[word]);
            for (int i = 0; i < WORDS; i++)
                for (unsigned somebody = 0; somebody < PEOPLE; somebody++)
                    if (model.form[i][somebody] >= 0 && matches(model.topic[i], model.topic[word])) {
                        *(model.form[i][somebody] ? &wanted.tagged : &wanted.plain) += 1;
                        wanted.who |= UINT64_C(1) << somebody;
                    }
            assert_int_equal(heard.plain, wanted.plain);
            assert_int_equal(heard.tagged, wanted.tagged);
            assert_int_equal(heard.who, wanted.who);
        }
        }
    }
    for (unsigned who = 0; who < PEOPLE; who++)
        topics_remove_all(topics, pid(who));
    assert_int_equal(counts.subscribers, 0);
    assert_int_equal(counts.last, 0);
    struct topics_size size;
    topics_size(topics, &size);
    assert_int_equal(size.topics + size.patterns + size.subscriptions + size.subscribers, 0);
    assert_true(size.bytes < 1024);
    topics_free(topics);
}

static void a_subscription_costs_at_most_a_hundred_bytes(void **state) {
    (void)state;
    enum { TOPICS = 20000, EACH = 10 };
    struct topics *topics = topics_new(&ROOMY, &NO_EVENTS, NULL);
    struct topics_size size;
    char name[32];
    for (unsigned i = 0; i < TOPICS; i++) {
        snprintf(name, sizeof name, "topic:%u", i);
        for (unsigned who = 0; who < EACH; who++)
            assert_int_equal(add(topics, name, who, TOPIC_PLAIN), 0);
    }
    topics_size(topics, &size);
    assert_int_equal(size.subscriptions, TOPICS * EACH);
    assert_true(size.bytes <= TOPICS * (EACH + 1) * 100);
    topics_free(topics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscribers_hear_their_topic),
        cmocka_unit_test(any_term_is_a_topic),
        cmocka_unit_test(another_form_replaces_the_first),
        cmocka_unit_test(patterns_match_by_segments),
        cmocka_unit_test(a_pattern_ends_with_the_rest),
        cmocka_unit_test(a_subscriber_has_a_position_and_options),
        cmocka_unit_test(callbacks_come_for_the_first_and_the_last),
        cmocka_unit_test(a_refused_subscriber_leaves_nothing),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(topics_are_listed_once),
        cmocka_unit_test(random_changes_agree_with_a_list),
        cmocka_unit_test(a_subscription_costs_at_most_a_hundred_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
