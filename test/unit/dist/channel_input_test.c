/* What a hostile or broken peer may send: the channel ends with the right reason, and the node goes on. */
#include "dist_cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dist/channel_private.h"
#include "etf/tags.h"
#include "support/dist_pair.h"
#include "support/golden.h"

struct fixture {
    struct pair *pair;
    int fd; /* the peer's end, "golden@localhost" */
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->pair = pair_new();
    f->fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    if (f->fd >= 0)
        close(f->fd);
    pair_free(f->pair);
    free(f);
    return 0;
}

static void put(struct fixture *f, const void *bytes, size_t size) {
    assert_int_equal(send(f->fd, bytes, size, MSG_NOSIGNAL), size);
}

static void take(struct fixture *f, uint8_t *bytes, size_t size) {
    while (size) {
        ssize_t n = recv(f->fd, bytes, size, 0);
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        } else {
            assert_int_equal(n, -1); /* not closed */
            pair_settle(f->pair);
        }
    }
}

static bool b_is_up(struct pair *pair) {
    return pair->b.ups > 0;
}

/* Plays the initiator up to the proof; `more` follows it in one piece, as it may on the wire. */
static void shake_hands(struct fixture *f, uint64_t flags, const void *more, size_t more_size) {
    struct handshake_name name = {false, flags, 7, bytes_of("golden@localhost", 16)};
    struct handshake_challenge challenge;
    struct handshake_reply reply = {.challenge = 1};
    struct writer out;
    uint8_t bytes[256];
    writer_init(&out, 1 << 20);
    f->fd = pair_raw_peer(f->pair);
    handshake_write_name(&out, &name);
    put(f, out.at, out.size);
    take(f, bytes, 5); /* ok */
    take(f, bytes, 2);
    size_t size = get_be16(bytes);
    take(f, bytes, size);
    assert_int_equal(handshake_read_challenge(bytes_of(bytes, size), &challenge), 0);
    handshake_digest("cookie", challenge.challenge, reply.digest);
    writer_reset(&out);
    handshake_write_reply(&out, &reply);
    writer_put(&out, more, more_size);
    put(f, out.at, out.size);
    take(f, bytes, 19);
    writer_fini(&out);
    assert_true(pair_until(f->pair, b_is_up));
}

static void expect_down(struct fixture *f, enum down_reason reason) {
    assert_true(pair_until(f->pair, pair_b_down));
    assert_int_equal(f->pair->b.reason, reason);
    /* The node still takes the next one. */
    f->pair->b.downs = 0;
    assert_true(pair_connect(f->pair));
    f->pair->a.ups = f->pair->b.ups = 0;
    assert_true(pair_until(f->pair, pair_both_up));
}

static const unsigned char cast[] = "\0\0\0\x2d\x83\x44\0\x68\4\x61\6\x58\x77\x10golden@localhost\0\0\0\1\0\0\0\0\0\0\0\7"
                                    "\x77\0\x77\1n\x61\7";
enum { CAST = sizeof cast - 1 };

static bool one_more(struct pair *pair) {
    return pair->b.controls > 0 || pair->b.downs > 0;
}

static bool two_more(struct pair *pair) {
    return pair->b.controls > 1 || pair->b.downs > 0;
}

static bool five_more(struct pair *pair) {
    return pair->b.controls > 4 || pair->b.downs > 0;
}

static void takes_frames_behind_the_handshake(void **state) {
    struct fixture *f = *state;
    assert_int_equal(get_be32(cast), CAST - 4);
    shake_hands(f, FLAGS_OFFERED, cast, CAST);
    assert_true(pair_until(f->pair, one_more));
    assert_int_equal(f->pair->b.controls, 1);
    assert_string_equal(f->pair->b.name, "n");
}

static void takes_byte_after_byte(void **state) {
    struct fixture *f = *state;
    shake_hands(f, FLAGS_OFFERED, "", 0);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < CAST; i++) {
            put(f, cast + i, 1);
            pair_settle(f->pair);
        }
    assert_true(pair_until(f->pair, two_more));
    assert_int_equal(f->pair->b.controls, 2);
    assert_int_equal(f->pair->b.downs, 0);
}

/* Everything that nodes were seen to send, fed as they sent it. */
static void feed_golden(const struct golden *golden, void *context) {
    struct fixture *f = context;
    bool pass = strstr(golden->path, "frame_pass_");
    /* Their monitors and links point at processes of other names; what counts is that nothing goes down. */
    f->pair->b.controls = f->pair->b.downs = f->pair->b.ups = 0;
    shake_hands(f, pass ? FLAGS_OFFERED & ~FLAG_FRAGMENTS : FLAGS_OFFERED, "", 0);
    put(f, golden->bytes, golden->size);
    if (golden->size > 4)
        assert_true(pair_until(f->pair, one_more));
    assert_int_equal(f->pair->b.downs, 0);
    assert_int_equal(f->pair->b.controls, golden->size > 4);
    close(f->fd);
    f->fd = -1;
    assert_true(pair_until(f->pair, pair_b_down));
}

static void takes_golden_frames(void **state) {
    golden_each("frame_", ".bin", feed_golden, *state);
}

struct bad {
    const char *bytes;
    size_t size;
    enum down_reason reason;
};
#define BAD(text, reason) {text, sizeof(text) - 1, reason}
#define FROM "\x58\x77\x10golden@localhost\0\0\0\1\0\0\0\0\0\0\0\7"
#define STRANGER "\x58\x77\x10" "another@localhos\0\0\0\1\0\0\0\0\0\0\0\7"

static void refuses_malformed_frames(void **state) {
    static const struct bad bad[] = {
        BAD("\x70", DOWN_PROTOCOL),                     /* pass-through is not agreed on */
        BAD("\x83\x44\1x", DOWN_PROTOCOL),              /* atom cache */
        BAD("\x83\x44\0\x68", DOWN_PROTOCOL),           /* control tuple is cut */
        BAD("\x83\x44\0\x68\1\x50", DOWN_PROTOCOL),     /* compressed */
        BAD("\x83\x44\0\x68\1\x61\1", DOWN_PROTOCOL),   /* LINK of nobody */
        BAD("\x83\x44\0\x68\3\x61\x16" FROM "\x77\1x", DOWN_PROTOCOL),
        BAD("\x83\x44\0\x68\3\x61\1" STRANGER FROM, DOWN_PROTOCOL), /* speaks for another node */
        BAD("\x83\x44\0\x68\4\x61\6" FROM "\x77\0\x77\1n", DOWN_PROTOCOL), /* no payload */
        BAD("\x83\x44\0\x68\4\x61\6" FROM "\x77\0\x77\1n\x61\7\x61", DOWN_PROTOCOL), /* two payloads */
        BAD("\x83\x44\0\x68\4\x61\6" FROM "\x77\0\x77\1n\x6d\xff\xff\xff\xff", DOWN_PROTOCOL),
        BAD("\x83\x46\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", DOWN_PROTOCOL), /* fragment of nothing */
        BAD("\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\x68\1\x61", DOWN_PROTOCOL),
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f->pair->b.ups = f->pair->b.downs = 0;
        shake_hands(f, FLAGS_OFFERED, "", 0);
        uint8_t length[4];
        set_be32(length, (uint32_t)bad[i].size);
        put(f, length, 4);
        put(f, bad[i].bytes, bad[i].size);
        expect_down(f, bad[i].reason);
        channel_close(f->pair->b.channel);
        channel_close(f->pair->a.channel);
        f->pair->a.channel = f->pair->b.channel = NULL;
        close(f->fd);
        f->fd = -1;
    }
}

/* A list in a list in a list: as deep as the limit allows and one more. It is left out, and what comes behind it arrives. */
static void leaves_out_terms_that_are_too_deep(void **state) {
    struct fixture *f = *state;
    struct writer out;
    f->pair->b.dist.max_depth = 100;
    for (unsigned depth = 90; depth <= 110; depth += 20) {
        writer_init(&out, 1 << 20);
        writer_put(&out, cast, CAST - 2);
        for (unsigned i = 0; i < depth; i++)
            writer_put(&out, "\x6c\0\0\0\1", 5);
        for (unsigned i = 0; i <= depth; i++)
            writer_put(&out, "\x6a", 1);
        set_be32(out.at, (uint32_t)(out.size - 4));
        f->pair->b.controls = f->pair->b.ups = f->pair->b.downs = 0;
        shake_hands(f, FLAGS_OFFERED, "", 0);
        put(f, out.at, out.size);
        put(f, cast, CAST);
        assert_true(pair_until(f->pair, depth == 90 ? two_more : one_more));
        assert_int_equal(f->pair->b.downs, 0);
        assert_int_equal(f->pair->b.dist.counters.over_depth, depth == 110);
        assert_int_equal(strcmp(f->pair->b.logged, "peer.too_deep") == 0, depth == 110);
        writer_fini(&out);
        channel_close(f->pair->b.channel);
        f->pair->b.channel = NULL;
        close(f->fd);
        f->fd = -1;
    }
}

static bool b_is_busy(struct pair *pair) {
    return pair->b.busies > 0 || pair->b.downs > 0;
}

/* It asks and asks, and does not read: what waits for it has a bound. A payload that many messages have counts once. */
static void gives_up_who_does_not_read(void **state) {
    struct fixture *f = *state;
    struct block *block = block_new(1 << 20);
    assert_non_null(block);
    memset(block->at, 'x', block->size);
    memcpy(block->at, "\x6d\0\x0f\xff\xfb", 5);
    hm_term payload = {block->at, block->size};
    f->pair->b.dist.output_max = 24 << 20;
    f->pair->b.busies = 0;
    shake_hands(f, FLAGS_OFFERED, "", 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(side_send_name(&f->pair->b, 1, "name", payload, block), 0);
    assert_true(pair_until(f->pair, b_is_busy));
    assert_int_equal(f->pair->b.downs, 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(side_send_name(&f->pair->b, 1, "name", payload, NULL), 0);
    expect_down(f, DOWN_LIMIT);
    assert_int_equal(f->pair->b.dist.counters.over_output, 1);
    block_release(block);
}

/* A control tuple is no message: whoever sends one that is so deep is no node. */
static void refuses_control_messages_that_are_too_deep(void **state) {
    struct fixture *f = *state;
    struct writer out;
    f->pair->b.dist.max_depth = 100;
    writer_init(&out, 1 << 20);
    writer_put(&out, "\0\0\0\0\x83\x44\0", 7);
    for (unsigned i = 0; i < 110; i++)
        writer_put(&out, "\x68\1", 2);
    writer_put(&out, "\x6a", 1);
    set_be32(out.at, (uint32_t)(out.size - 4));
    shake_hands(f, FLAGS_OFFERED, "", 0);
    put(f, out.at, out.size);
    expect_down(f, DOWN_LIMIT);
    writer_fini(&out);
}

/* Operations of later releases are written down once and passed over. */
static void ignores_unknown_operations(void **state) {
    struct fixture *f = *state;
    static const char unknown[] = "\0\0\0\7\x83\x44\0\x68\1\x61\x63";
    shake_hands(f, FLAGS_OFFERED, unknown, sizeof unknown - 1);
    put(f, cast, CAST);
    assert_true(pair_until(f->pair, one_more));
    assert_int_equal(f->pair->b.controls, 1);
    assert_string_equal(f->pair->b.logged, "peer.unknown_op");
}

/* Node names that do not fit in any more cost the message that brings them, not the connection. */
static void survives_a_full_table_of_names(void **state) {
    struct fixture *f = *state;
    static const char link[] = "\x83\x44\0\x68\3\x61\2\x77\0\x58\x77\x10" "another@localhos\0\0\0\1\0\0\0\0\0\0\0\7"
                               "\x61\7";
    shake_hands(f, FLAGS_OFFERED, "", 0);
    for (int i = 0; names_count(f->pair->b.dist.names) < 100; i++) {
        char name[] = "x00@host";
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        names_intern(f->pair->b.dist.names, name, 8);
    }
    uint8_t length[4];
    set_be32(length, sizeof link - 1);
    put(f, length, 4);
    put(f, link, sizeof link - 1);
    put(f, cast, CAST);
    assert_true(pair_until(f->pair, one_more));
    assert_int_equal(f->pair->b.controls, 1);
    assert_int_equal(f->pair->b.downs, 0);
    assert_string_equal(f->pair->b.logged, "peer.names");
}

/* One that is begun beyond the limit is left out; those before it arrive. */
static void limits_fragments(void **state) {
    struct fixture *f = *state;
    unsigned char first[CAST + 16], last[] = "\0\0\0\x12\x83\x46\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1";
    f->pair->b.dist.max_fragments = 4;
    shake_hands(f, FLAGS_OFFERED, "", 0);
    memcpy(first + 4, "\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0", 19);
    memcpy(first + 23, cast + 7, CAST - 7);
    set_be32(first, sizeof first - 4);
    for (uint8_t i = 1; i <= 5; i++) {
        first[13] = i;
        put(f, first, sizeof first);
    }
    for (uint8_t i = 5; i >= 1; i--) {
        last[13] = i;
        put(f, last, sizeof last - 1);
    }
    put(f, cast, CAST);
    assert_true(pair_until(f->pair, five_more));
    assert_int_equal(f->pair->b.controls, 5);
    assert_int_equal(f->pair->b.downs, 0);
    assert_int_equal(f->pair->b.dist.counters.over_fragments, 1);
    assert_string_equal(f->pair->b.logged, "peer.too_large");
}

/* ---- larger than allowed ---- */

#define REF "\x5a\0\1\x77\x10golden@localhost\0\0\0\7\0\0\0\1"
#define TO_N "\x68\4\x61\6" FROM "\x77\0\x77\1n"
#define ASKS "\x68\3\x77\x09$gen_call\x68\2" FROM REF
#define LEFT "\x77\x0c$hm_left_out"
#define TEXT(text) text, sizeof(text) - 1

/* Head, control, what the payload begins with, and a binary that makes `size` of it. */
static void write_piece(struct writer *out, const char *head, size_t head_size, const char *begin, size_t begin_size, size_t size) {
    size_t at = out->size;
    writer_u32(out, 0);
    writer_put(out, head, head_size);
    writer_put(out, begin, begin_size);
    if (size) {
        writer_u8(out, ETF_BINARY);
        writer_u32(out, (uint32_t)size);
        memset(writer_reserve(out, size), 'x', size);
        out->size += size;
    }
    assert_int_equal(out->error, 0);
    set_be32(out->at + at, (uint32_t)(out->size - at - 4));
}

struct heard {
    int calls, casts, others;
};

static void hear(struct side *side, struct channel *channel, const struct control *control, hm_term payload) {
    struct heard *heard = side->context;
    (void)channel;
    if (control->kind == CONTROL_SEND_NAME && payload.size == sizeof ASKS LEFT - 1 && memcmp(payload.bytes, ASKS LEFT, payload.size) == 0)
        heard->calls++;
    else if (control->kind == CONTROL_SEND_NAME && payload.size == 2 && memcmp(payload.bytes, "\x61\7", 2) == 0)
        heard->casts++;
    else
        heard->others++;
}

/* Sends the bytes in two parts, cut everywhere: each time these calls and casts are heard, and the connection stays. */
static void put_cut_everywhere(struct fixture *f, const struct writer *out, size_t step, int calls, int casts) {
    struct heard heard = {0, 0, 0};
    int rounds = 0;
    f->pair->b.on_control = hear;
    f->pair->b.context = &heard;
    for (size_t cut = 0; cut < out->size; cut += step) {
        put(f, out->at, cut);
        pair_settle(f->pair);
        put(f, out->at + cut, out->size - cut);
        pair_settle(f->pair);
        rounds++;
        assert_int_equal(f->pair->b.downs, 0);
        assert_int_equal(heard.calls, rounds * calls);
        assert_int_equal(heard.casts, rounds * casts);
        assert_int_equal(heard.others, 0);
    }
    f->pair->b.on_control = NULL;
    assert_string_equal(f->pair->b.logged, "peer.too_large");
}

static void leaves_out_large_frames(void **state) {
    struct fixture *f = *state;
    for (unsigned round = 0; round < 4; round++) {
        bool header = round & 1;
        size_t size = round & 2 ? 40000 : 200;
        struct writer out;
        writer_init(&out, 1 << 20);
        f->pair->b.ups = 0;
        f->pair->b.dist.max_frame = size;
        if (header)
            write_piece(&out, TEXT("\x83\x44\0" TO_N), TEXT(ASKS), size);
        else
            write_piece(&out, TEXT("\x70\x83" TO_N "\x83"), TEXT(ASKS), size);
        write_piece(&out, header ? "\x83\x44\0" TO_N : "\x70\x83" TO_N "\x83", header ? sizeof "\x83\x44\0" TO_N - 1 : sizeof "\x70\x83" TO_N "\x83" - 1,
                    TEXT("\x61\7"), 0);
        shake_hands(f, header ? FLAGS_OFFERED : FLAGS_OFFERED & ~FLAG_FRAGMENTS, "", 0);
        uint64_t before = f->pair->b.dist.counters.over_frame;
        put_cut_everywhere(f, &out, size == 200 ? 1 : 61, 1, 1);
        assert_true(f->pair->b.dist.counters.over_frame > before + 100);
        writer_fini(&out);
        channel_close(f->pair->b.channel);
        f->pair->b.channel = NULL;
        close(f->fd);
        f->fd = -1;
    }
}

/* Three at a time and small ones between them: one is left out from its second piece on, one from a frame of it that is too large, one arrives. */
static void leaves_out_large_fragmented_messages(void **state) {
    struct fixture *f = *state;
    struct writer out;
    writer_init(&out, 1 << 20);
#define FIRST(sequence, pieces) "\x83\x45\0\0\0\0\0\0\0" sequence "\0\0\0\0\0\0\0" pieces "\0"
#define NEXT(sequence, piece) "\x83\x46\0\0\0\0\0\0\0" sequence "\0\0\0\0\0\0\0" piece
    write_piece(&out, TEXT(FIRST("\1", "\4") TO_N), TEXT(ASKS), 400);
    write_piece(&out, TEXT(FIRST("\2", "\2") TO_N), TEXT("\x61"), 0);
    write_piece(&out, TEXT(FIRST("\3", "\3") TO_N), TEXT(""), 0);
    write_piece(&out, TEXT(NEXT("\1", "\3")), TEXT(""), 400);
    writer_put(&out, cast, CAST);
    write_piece(&out, TEXT(NEXT("\1", "\2")), TEXT(""), 400);
    write_piece(&out, TEXT(NEXT("\3", "\2")), TEXT(ASKS), 900);
    write_piece(&out, TEXT(NEXT("\2", "\1")), TEXT("\7"), 0);
    write_piece(&out, TEXT(NEXT("\1", "\1")), TEXT("x"), 0);
    write_piece(&out, TEXT(NEXT("\3", "\1")), TEXT("x"), 0);
    writer_put(&out, cast, CAST);
    f->pair->b.dist.max_message = 900;
    f->pair->b.dist.max_frame = 800;
    shake_hands(f, FLAGS_OFFERED, "", 0);
    put_cut_everywhere(f, &out, 1, 2, 3);
    assert_int_equal(f->pair->b.dist.counters.over_message, f->pair->b.dist.counters.over_frame);
    assert_int_equal(f->pair->b.dist.counters.over_message, out.size);
    assert_int_equal(f->pair->b.channel->fragments.count, 0);
    assert_int_equal(f->pair->b.channel->fragments.held_bytes, 0);
    writer_fini(&out);
}

/* Its reason goes, what it does stays. */
static void keeps_signals_with_large_reasons(void **state) {
    static const struct {
        const char *control;
        size_t size;
        enum control_kind kind;
    } signals[] = {
#define PEER "\x58\x77\x06" "b@host" "\0\0\0\1\0\0\0\0\0\0\0\7"
        {TEXT("\x68\3\x61\x18" FROM PEER), CONTROL_EXIT},
        {TEXT("\x68\3\x61\x1a" FROM PEER), CONTROL_EXIT2},
        {TEXT("\x68\4\x61\x1c" FROM PEER REF), CONTROL_DOWN},
    };
    struct fixture *f = *state;
    f->pair->b.dist.max_frame = 1000;
    shake_hands(f, FLAGS_OFFERED, "", 0);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct writer out;
        writer_init(&out, 1 << 20);
        write_piece(&out, TEXT("\x83\x44\0"), signals[i].control, signals[i].size, 100000);
        f->pair->b.controls = 0;
        put(f, out.at, out.size);
        assert_true(pair_until(f->pair, one_more));
        assert_int_equal(f->pair->b.downs, 0);
        assert_int_equal(f->pair->b.control.kind, signals[i].kind);
        assert_int_equal(f->pair->b.payload->size, 14);
        assert_memory_equal(f->pair->b.payload->at, "\x77\x0csystem_limit", 14);
        writer_fini(&out);
    }
}

/* However large it says it is: no memory, and each part of it counts as a sign of life. */
static void passes_over_the_largest_frame(void **state) {
    static uint8_t part[60000];
    struct fixture *f = *state;
    struct writer out;
    writer_init(&out, 1 << 20);
    write_piece(&out, TEXT("\x83\x44\0" TO_N), TEXT(ASKS), 0);
    set_be32(out.at, UINT32_MAX);
    shake_hands(f, FLAGS_OFFERED, "", 0);
    put(f, out.at, out.size);
    struct channel *channel = f->pair->b.channel;
    for (int i = 0; i < 300; i++) {
        channel->tick.was_read = false;
        if (i % 100 == 50)
            input_shrink(channel);
        put(f, part, sizeof part);
        pair_settle(f->pair);
        assert_int_equal(f->pair->b.downs, 0);
        assert_true(channel->tick.was_read);
    }
    assert_int_equal(f->pair->b.controls, 1);
    assert_int_equal(channel->input.unwanted, UINT32_MAX - (out.size - 4) - 300 * sizeof part);
    assert_true(channel->input.capacity <= 64 * 1024);
    assert_null(channel->input.large);
    writer_fini(&out);
}

/* Nobody knows whom it is for. */
static void refuses_large_control_messages(void **state) {
    struct fixture *f = *state;
    struct writer out;
    for (int fragment = 0; fragment < 2; fragment++) {
        writer_init(&out, 1 << 20);
        f->pair->b.ups = f->pair->b.downs = 0;
        f->pair->b.dist.max_frame = 64 * 1024;
        if (fragment)
            write_piece(&out, TEXT(FIRST("\1", "\2")), TEXT("\x68\3"), 100000);
        else
            write_piece(&out, TEXT("\x83\x44\0"), TEXT("\x68\3"), 100000);
        shake_hands(f, FLAGS_OFFERED, "", 0);
        put(f, out.at, out.size);
        expect_down(f, DOWN_LIMIT);
        assert_non_null(strstr(f->pair->b.detail, "max-frame"));
        writer_fini(&out);
        channel_close(f->pair->b.channel);
        channel_close(f->pair->a.channel);
        f->pair->a.channel = f->pair->b.channel = NULL;
        close(f->fd);
        f->fd = -1;
    }
}

static void refuses_long_handshake_messages(void **state) {
    struct fixture *f = *state;
    f->fd = pair_raw_peer(f->pair);
    put(f, "\xff\xff" "N", 3);
    expect_down(f, DOWN_PROTOCOL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(takes_frames_behind_the_handshake),
        TEST(takes_byte_after_byte),
        TEST(takes_golden_frames),
        TEST(refuses_malformed_frames),
        TEST(leaves_out_terms_that_are_too_deep),
        TEST(refuses_control_messages_that_are_too_deep),
        TEST(gives_up_who_does_not_read),
        TEST(ignores_unknown_operations),
        TEST(survives_a_full_table_of_names),
        TEST(limits_fragments),
        TEST(leaves_out_large_frames),
        TEST(leaves_out_large_fragmented_messages),
        TEST(keeps_signals_with_large_reasons),
        TEST(passes_over_the_largest_frame),
        TEST(refuses_large_control_messages),
        TEST(refuses_long_handshake_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
