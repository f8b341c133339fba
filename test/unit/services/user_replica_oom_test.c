/* Every allocation of two replicas that talk fails once: nothing leaks, and with the next ticks both know the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/user_replica.h"
#include "support/alloc.h"

enum { MAILS = 64, MAIL_BYTES = 2048 };

/* Without allocations of its own. */
struct mail {
    struct peer *to;
    size_t size;
    unsigned char bytes[MAIL_BYTES];
};

struct peer {
    struct peer *other;
    struct mail *mails;
    unsigned *waiting;
    struct user_replica *replica;
    const char *node;
};

static const struct users_limits limits = {1000, 100000};

static bool on_send(void *arg, const char *node, hm_term list, hm_term message) {
    struct peer *peer = arg;
    struct mail *mail = &peer->mails[(*peer->waiting)++];
    (void)node;
    (void)list;
    assert_true(*peer->waiting < MAILS && message.size <= MAIL_BYTES);
    mail->to = peer->other;
    mail->size = message.size;
    memcpy(mail->bytes, message.bytes, message.size);
    return true;
}

static bool on_admit(void *arg, struct hm_text node, hm_term list) {
    (void)arg;
    (void)node;
    (void)list;
    return true;
}

static void on_changed(void *arg, const char *node) {
    (void)arg;
    (void)node;
}

static void on_left_out(void *arg, const char *node, const struct users_left_out *out) {
    (void)arg;
    (void)node;
    (void)out;
    fail();
}

static const struct user_replica_events events = {on_send, on_admit, on_changed, on_left_out};

/* #{id => N}, in a buffer of the caller's. */
static hm_term user(unsigned char at[], unsigned char number) {
    const unsigned char bytes[] = {116, 0, 0, 0, 1, 119, 2, 'i', 'd', 97, number};
    memcpy(at, bytes, sizeof bytes);
    return (hm_term){at, sizeof bytes};
}

static void deliver(struct mail mails[], unsigned *waiting) {
    for (unsigned i = 0; i < *waiting; i++) {
        int error = user_replica_hear(mails[i].to->replica, (hm_term){mails[i].bytes, mails[i].size});
        assert_true(error == 0 || error == HM_ENOMEM);
    }
    *waiting = 0;
}

static int add(struct peer *peer, unsigned char number) {
    unsigned char bytes[16];
    return user_replica_add(peer->replica, user(bytes, number));
}

static bool same(const struct peer *a, const struct peer *b) {
    uint64_t version;
    const struct users *seen = user_replica_find(a->replica, b->node, &version);
    return seen && version == user_replica_version(b->replica) && seen->count == user_replica_users(b->replica)->count;
}

/* What fails here is made up for there. */
static int scenario(void) {
    static const unsigned char pids[2][2] = {{97, 1}, {97, 2}}, id[] = {97, 3};
    static struct mail mails[MAILS];
    unsigned waiting = 0;
    struct peer one = {.node = "a@h", .mails = mails, .waiting = &waiting};
    struct peer two = {.node = "b@h", .mails = mails, .waiting = &waiting, .other = &one};
    int error = 0;
    one.other = &two;
    one.replica = user_replica_new(one.node, (hm_term){pids[0], 2}, &limits, &events, &one);
    two.replica = user_replica_new(two.node, (hm_term){pids[1], 2}, &limits, &events, &two);
    if (one.replica && two.replica) {
        for (unsigned char i = 0; i < 30 && !error; i++)
            error = add(&one, i);
        if (!error)
            error = add(&two, 3);
        user_replica_greet(one.replica, two.node);
        deliver(mails, &waiting);
        user_replica_flush(one.replica);
        user_replica_flush(two.replica);
        deliver(mails, &waiting);
        if (!error)
            error = add(&one, 100);
        user_replica_remove(one.replica, (hm_term){id, 2});
        user_replica_flush(one.replica);
        deliver(mails, &waiting);
        bool failed = alloc_failed();
        alloc_fail_never();
        for (int i = 0; i < 6; i++) {
            if (!user_replica_find(one.replica, two.node, NULL))
                user_replica_greet(one.replica, two.node);
            if (!user_replica_find(two.replica, one.node, NULL))
                user_replica_greet(two.replica, one.node);
            user_replica_tick(one.replica);
            user_replica_tick(two.replica);
            deliver(mails, &waiting);
            user_replica_flush(one.replica);
            user_replica_flush(two.replica);
            deliver(mails, &waiting);
        }
        assert_true(same(&one, &two) && same(&two, &one));
        error = failed ? HM_ENOMEM : error;
    } else {
        error = HM_ENOMEM;
    }
    user_replica_free(one.replica);
    user_replica_free(two.replica);
    return error;
}

static void each_allocation_fails_once(void **state) {
    long n = 0;
    (void)state;
    for (;; n++) {
        alloc_fail_at(n);
        int error = scenario();
        alloc_fail_never();
        if (!error)
            break;
        assert_int_equal(error, HM_ENOMEM);
    }
    assert_true(n > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
