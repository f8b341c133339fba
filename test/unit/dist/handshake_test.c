#include "dist_cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/handshake.h"
#include "support/dist_pair.h"

/* b@host is us. The test plays the peer with single messages, no sockets. */
struct fixture {
    struct pair *pair;
    struct side *us;
    struct handshake h;
    struct writer out;
    size_t at; /* what of out was looked at */
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->pair = pair_new();
    f->us = &f->pair->b;
    writer_init(&f->out, 65536);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    writer_fini(&f->out);
    pair_free(f->pair);
    free(f);
    return 0;
}

/* The next message that we wrote. */
static struct bytes written(struct fixture *f) {
    assert_true(f->out.size >= f->at + 2);
    size_t size = get_be16(f->out.at + f->at);
    struct bytes message = bytes_of(f->out.at + f->at + 2, size);
    f->at += 2 + size;
    assert_true(f->at <= f->out.size);
    return message;
}

static void nothing_more_written(struct fixture *f) {
    assert_int_equal(f->at, f->out.size);
}

static void feed(struct fixture *f, const struct writer *message) {
    handshake_message(&f->h, bytes_of(message->at + 2, message->size - 2), &f->out);
}

static void feed_text(struct fixture *f, const char *text) {
    handshake_message(&f->h, bytes_of(text, strlen(text)), &f->out);
}

static void accept_peer(struct fixture *f) {
    handshake_init(&f->h, &f->us->dist, NULL, NULL);
    handshake_start(&f->h, &f->out);
    assert_int_equal(f->h.state, HS_NAME);
    nothing_more_written(f);
}

static void feed_name(struct fixture *f, bool old, uint64_t flags, const char *name) {
    struct writer message;
    struct handshake_name said = {old, flags, 55, bytes_of(name, strlen(name))};
    writer_init(&message, 4096);
    handshake_write_name(&message, &said);
    feed(f, &message);
    writer_fini(&message);
}

static void expect_status(struct fixture *f, enum handshake_status expected) {
    enum handshake_status status;
    struct bytes name;
    uint32_t creation;
    assert_int_equal(handshake_read_status(written(f), &status, &name, &creation), 0);
    assert_int_equal(status, expected);
}

static uint32_t expect_challenge(struct fixture *f) {
    struct handshake_challenge challenge;
    assert_int_equal(handshake_read_challenge(written(f), &challenge), 0);
    assert_memory_equal(challenge.name.at, "b@host", challenge.name.size);
    assert_true(challenge.flags == FLAGS_OFFERED);
    assert_int_equal(challenge.creation, 4242);
    return challenge.challenge;
}

static void feed_reply(struct fixture *f, const char *cookie, uint32_t challenge, uint32_t own) {
    struct writer message;
    struct handshake_reply reply = {.challenge = own};
    writer_init(&message, 100);
    handshake_digest(cookie, challenge, reply.digest);
    handshake_write_reply(&message, &reply);
    feed(f, &message);
    writer_fini(&message);
}

static void expect_ack(struct fixture *f, uint32_t own) {
    struct handshake_ack ack;
    uint8_t digest[HANDSHAKE_DIGEST];
    assert_int_equal(handshake_read_ack(written(f), &ack), 0);
    handshake_digest("cookie", own, digest);
    assert_memory_equal(digest, ack.digest, sizeof digest);
}

static void finish_accepting(struct fixture *f) {
    uint32_t challenge = expect_challenge(f);
    assert_int_equal(f->us->proved, 0);
    feed_reply(f, "cookie", challenge, challenge + 1);
    assert_int_equal(f->us->proved, 1);
    expect_ack(f, challenge + 1);
    nothing_more_written(f);
    assert_int_equal(f->h.state, HS_DONE);
}

static void expect_failure(struct fixture *f, enum down_reason reason, const char *log_id) {
    nothing_more_written(f);
    assert_int_equal(f->h.state, HS_FAILED);
    assert_int_equal(f->h.reason, reason);
    assert_string_equal(f->us->logged, log_id);
}

static void accepts(void **state) {
    struct fixture *f = *state;
    accept_peer(f);
    feed_name(f, false, FLAG_MANDATORY_25_DIGEST | FLAG_PUBLISHED, "peer@host");
    expect_status(f, STATUS_OK);
    finish_accepting(f);
    assert_string_equal(hm_node_name_text(f->h.peer), "peer@host");
    assert_int_equal(f->h.creation, 55);
    assert_true(f->h.flags & FLAG_BIG_CREATION);
}

static void accepts_simultaneous(void **state) {
    struct fixture *f = *state;
    f->us->verdict = NAME_OK_SIMULTANEOUS;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED, "peer@host");
    expect_status(f, STATUS_OK_SIMULTANEOUS);
    finish_accepting(f);
}

static void accepts_old_names(void **state) {
    struct fixture *f = *state;
    struct writer message;
    struct handshake_complement complement = {(uint32_t)((FLAG_V4_NC | FLAG_SPAWN) >> 32), 99};
    accept_peer(f);
    feed_name(f, true, FLAGS_MANDATORY_25, "old@host");
    expect_status(f, STATUS_OK);
    uint32_t challenge = expect_challenge(f);
    writer_init(&message, 100);
    handshake_write_complement(&message, &complement);
    feed(f, &message);
    writer_fini(&message);
    feed_reply(f, "cookie", challenge, 1);
    expect_ack(f, 1);
    assert_int_equal(f->h.state, HS_DONE);
    assert_int_equal(f->h.creation, 99);
    assert_true(f->h.flags & FLAG_V4_NC);
}

static void accepts_again_after_alive(void **state) {
    struct fixture *f = *state;
    f->us->verdict = NAME_ALIVE;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED, "peer@host");
    expect_status(f, STATUS_ALIVE);
    nothing_more_written(f);
    feed_text(f, "strue");
    finish_accepting(f);
}

static void ends_after_alive_and_false(void **state) {
    struct fixture *f = *state;
    f->us->verdict = NAME_ALIVE;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED, "peer@host");
    expect_status(f, STATUS_ALIVE);
    feed_text(f, "sfalse");
    expect_failure(f, DOWN_ALIVE, "");
}

static void refuses_silently_with_nok(void **state) {
    struct fixture *f = *state;
    f->us->verdict = NAME_NOK;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED, "peer@host");
    expect_status(f, STATUS_NOK);
    expect_failure(f, DOWN_SIMULTANEOUS, "");
}

static void refuses_who_is_not_allowed(void **state) {
    struct fixture *f = *state;
    f->us->verdict = NAME_NOT_ALLOWED;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED, "peer@host");
    expect_status(f, STATUS_NOT_ALLOWED);
    expect_failure(f, DOWN_NOT_ALLOWED, "hs.not_allowed");
}

static void refuses_missing_flags(void **state) {
    struct fixture *f = *state;
    accept_peer(f);
    feed_name(f, false, FLAGS_MANDATORY_25 & ~FLAG_BIG_CREATION, "peer@host");
    expect_status(f, STATUS_NOT_ALLOWED);
    expect_failure(f, DOWN_FLAGS, "hs.flags");
    assert_non_null(strstr(f->h.detail, "BIG_CREATION"));
    assert_int_equal(f->us->named, 0);
}

static void refuses_wrong_names(void **state) {
    struct fixture *f = *state;
    static const char *const bad[] = {"peer", "peer@", "b@host", "pe er@host"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        accept_peer(f);
        f->us->logged[0] = '\0';
        feed_name(f, false, FLAGS_OFFERED, bad[i]);
        expect_failure(f, DOWN_NAME, "hs.name");
    }
    assert_int_equal(f->us->named, 0);
}

static void refuses_wrong_cookie(void **state) {
    struct fixture *f = *state;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED, "peer@host");
    expect_status(f, STATUS_OK);
    feed_reply(f, "cooki", expect_challenge(f), 1);
    expect_failure(f, DOWN_COOKIE, "hs.cookie");
    assert_int_equal(f->us->proved, 0);
}

/* Whoever sends our own challenge back would get the digest for it, which it was to compute itself. */
static void refuses_its_own_challenge(void **state) {
    struct fixture *f = *state;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED, "peer@host");
    expect_status(f, STATUS_OK);
    uint32_t challenge = expect_challenge(f);
    feed_reply(f, "cookie", challenge, challenge);
    expect_failure(f, DOWN_COOKIE, "hs.cookie");
}

static void names_who_asks_for_it(void **state) {
    struct fixture *f = *state;
    enum handshake_status status;
    struct bytes name;
    uint32_t creation;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED | FLAG_NAME_ME, "their-host");
    assert_int_equal(f->us->named, 1);
    assert_int_equal(handshake_read_status(written(f), &status, &name, &creation), 0);
    assert_int_equal(status, STATUS_NAMED);
    assert_true(handshake_name_valid(name));
    assert_memory_equal(name.at + name.size - 11, "@their-host", 11);
    assert_memory_equal(f->us->last_name, name.at, name.size);
    assert_true(creation > 3);
    assert_int_equal(f->h.creation, creation);
    assert_false(f->h.flags & FLAG_PUBLISHED);
    finish_accepting(f);
}

static void refuses_nonsense_in_every_state(void **state) {
    struct fixture *f = *state;
    accept_peer(f);
    feed_text(f, "GET / HTTP/1.1");
    expect_failure(f, DOWN_PROTOCOL, "hs.name");
    accept_peer(f);
    feed_text(f, "");
    expect_failure(f, DOWN_PROTOCOL, "hs.name");
    f->us->verdict = NAME_ALIVE;
    accept_peer(f);
    feed_name(f, false, FLAGS_OFFERED, "peer@host");
    expect_status(f, STATUS_ALIVE);
    feed_text(f, "sok");
    expect_failure(f, DOWN_PROTOCOL, "hs.protocol");
    /* After the end nothing happens any more. */
    feed_text(f, "strue");
    expect_failure(f, DOWN_PROTOCOL, "hs.protocol");
}

/* ---- as initiator ---- */

static void dial_peer(struct fixture *f) {
    struct handshake_name name;
    handshake_init(&f->h, &f->us->dist, NULL, names_intern(f->us->dist.names, "peer@host", 9));
    handshake_start(&f->h, &f->out);
    assert_int_equal(handshake_read_name(written(f), &name), 0);
    assert_memory_equal(name.name.at, "b@host", name.name.size);
    assert_int_equal(name.creation, 4242);
    assert_false(name.old);
}

static void feed_challenge(struct fixture *f, uint64_t flags, const char *name) {
    struct writer message;
    struct handshake_challenge challenge = {flags, 3000000001u, 66, bytes_of(name, strlen(name))};
    writer_init(&message, 4096);
    handshake_write_challenge(&message, &challenge);
    feed(f, &message);
    writer_fini(&message);
}

static void feed_ack(struct fixture *f, const char *cookie, uint32_t challenge) {
    struct writer message;
    struct handshake_ack ack;
    writer_init(&message, 100);
    handshake_digest(cookie, challenge, ack.digest);
    handshake_write_ack(&message, &ack);
    feed(f, &message);
    writer_fini(&message);
}

static uint32_t expect_reply(struct fixture *f) {
    struct handshake_reply reply;
    uint8_t digest[HANDSHAKE_DIGEST];
    assert_int_equal(handshake_read_reply(written(f), &reply), 0);
    handshake_digest("cookie", 3000000001u, digest);
    assert_memory_equal(digest, reply.digest, sizeof digest);
    assert_true(reply.challenge != 3000000001u);
    return reply.challenge;
}

static void dials_after(struct fixture *f, const char *status, const char *answer) {
    dial_peer(f);
    feed_text(f, status);
    if (answer) {
        struct bytes said = written(f);
        assert_int_equal(said.size, strlen(answer));
        assert_memory_equal(said.at, answer, said.size);
    }
    nothing_more_written(f);
    feed_challenge(f, FLAG_MANDATORY_25_DIGEST, "peer@host");
    feed_ack(f, "cookie", expect_reply(f));
    assert_int_equal(f->h.state, HS_DONE);
    assert_int_equal(f->h.creation, 66);
}

static void dials(void **state) {
    dials_after(*state, "sok", NULL);
    dials_after(*state, "sok_simultaneous", NULL);
    dials_after(*state, "salive", "strue");
}

static void dials_in_vain(void **state) {
    struct fixture *f = *state;
    dial_peer(f);
    feed_text(f, "snok");
    expect_failure(f, DOWN_SIMULTANEOUS, "");
    dial_peer(f);
    feed_text(f, "snot_allowed");
    expect_failure(f, DOWN_NOT_ALLOWED, "hs.not_allowed");
    dial_peer(f);
    feed_text(f, "swhat");
    expect_failure(f, DOWN_PROTOCOL, "hs.protocol");
    dial_peer(f);
    feed_text(f, "sok");
    feed_challenge(f, FLAGS_OFFERED, "other@host");
    expect_failure(f, DOWN_NAME, "hs.name");
    dial_peer(f);
    feed_text(f, "sok");
    feed_challenge(f, 0, "peer@host");
    expect_failure(f, DOWN_FLAGS, "hs.flags");
    dial_peer(f);
    feed_text(f, "sok");
    feed_challenge(f, FLAGS_OFFERED, "peer@host");
    feed_ack(f, "other", expect_reply(f));
    expect_failure(f, DOWN_COOKIE, "hs.cookie");
}

static void explains_ends_and_silence(void **state) {
    struct fixture *f = *state;
    dial_peer(f);
    handshake_closed(&f->h);
    expect_failure(f, DOWN_CLOSED, "hs.closed");
    dial_peer(f);
    feed_text(f, "sok");
    feed_challenge(f, FLAGS_OFFERED, "peer@host");
    expect_reply(f);
    handshake_closed(&f->h);
    expect_failure(f, DOWN_COOKIE, "hs.cookie");
    dial_peer(f);
    handshake_timeout(&f->h);
    expect_failure(f, DOWN_SETUP_TIMEOUT, "hs.timeout");
    f->us->logged[0] = '\0';
    accept_peer(f);
    handshake_closed(&f->h); /* a health check of a load balancer is no news */
    expect_failure(f, DOWN_CLOSED, "");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(accepts),
        TEST(accepts_simultaneous),
        TEST(accepts_old_names),
        TEST(accepts_again_after_alive),
        TEST(ends_after_alive_and_false),
        TEST(refuses_silently_with_nok),
        TEST(refuses_who_is_not_allowed),
        TEST(refuses_missing_flags),
        TEST(refuses_wrong_names),
        TEST(refuses_wrong_cookie),
        TEST(refuses_its_own_challenge),
        TEST(names_who_asks_for_it),
        TEST(refuses_nonsense_in_every_state),
        TEST(dials),
        TEST(dials_in_vain),
        TEST(explains_ends_and_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
