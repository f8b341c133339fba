#include "dist_cmocka.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/control.h"
#include "dist/flags.h"
#include "dist/frame.h"
#include "etf/check.h"
#include "support/golden.h"

enum { BEAM_OLD = 0x28 };

/* A golden frame, taken apart. */
struct cut {
    bool header, old;
    hm_term tuple, payload;
    char op[64];
};

static void cut_golden(const struct golden *golden, struct cut *cut) {
    struct frame frame;
    size_t size;
    const char *name = strstr(golden->path, "/frame_") + strlen("/frame_");
    cut->header = strncmp(name, "pass_", 5) != 0;
    cut->old = strncmp(name, "old_", 4) == 0;
    snprintf(cut->op, sizeof cut->op, "%s", strchr(name, '_') + 1);
    *strstr(cut->op, ".bin") = '\0';
    for (char *c = cut->op; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    assert_int_equal(frame_read(bytes_of(golden->bytes + 4, golden->size - 4), cut->header, &frame), 0);
    if (!cut->header)
        frame.rest = bytes_of(frame.rest.at + 1, frame.rest.size - 1);
    assert_int_equal(check_term(frame.rest, NULL, &size), 0);
    cut->tuple = (hm_term){frame.rest.at, size};
    cut->payload = (hm_term){frame.rest.at + size, frame.rest.size - size};
    if (!cut->header && cut->payload.size) {
        assert_int_equal(cut->payload.bytes[0], 131);
        cut->payload.bytes++;
        cut->payload.size--;
    }
}

static bool is_modal(const struct golden *golden) {
    return strstr(golden->path, "frame_pass_") || strstr(golden->path, "frame_header_") ||
           strstr(golden->path, "frame_old_");
}

/* The short way says the same as the table, or nothing; also for bytes that are cut anywhere. */
static size_t compare_hot(struct bytes bytes, struct names *names) {
    struct control hot, cold;
    hm_term payload = {NULL, 0};
    size_t term_size, size = control_hot_decode(bytes, names, &hot);
    if (size == 0)
        return 0;
    assert_int_equal(check_term(bytes, NULL, &term_size), 0);
    assert_int_equal(term_size, size);
    assert_int_equal(control_decode((hm_term){bytes.at, size}, names, &cold, &payload), 0);
    assert_int_equal(hot.kind, cold.kind);
    assert_int_equal(hot.op, cold.op);
    assert_true(hm_pid_equal(hot.from, cold.from) && hm_pid_equal(hot.to, cold.to));
    assert_true(hm_ref_equal(&hot.ref, &cold.ref) && bytes_equal(hot.name, cold.name));
    return size;
}

/* Every operation that a node was seen to send is decoded, and encoded by us to the very same bytes. */
static void check_golden(const struct golden *golden, void *context) {
    struct cut cut;
    struct control control;
    struct writer out;
    bool inside;
    if (!is_modal(golden))
        return;
    cut_golden(golden, &cut);
    struct names *names = names_new(10);
    hm_term payload = cut.payload;
    assert_int_equal(control_decode(cut.tuple, names, &control, &payload), 0);
    assert_string_equal(control_op_name(control.op), cut.op);
    assert_int_equal(control_has_payload(&control), cut.payload.size > 0);
    bool usual = control.op == 6 || control.op == 19 || control.op == 20 || control.op == 22;
    assert_int_equal(compare_hot(bytes_of(cut.tuple.bytes, cut.tuple.size), names), usual ? cut.tuple.size : 0);
    for (size_t i = 0; i < cut.tuple.size; i++)
        assert_int_equal(control_hot_decode(bytes_of(cut.tuple.bytes, i), names, &(struct control){0}), 0);

    uint64_t flags = cut.old                          ? BEAM_OLD | FLAG_UNLINK_ID | FLAG_SPAWN
                     : strstr(golden->path, "/otp29/") ? FLAGS_OFFERED
                                                       : FLAGS_OFFERED & ~FLAG_ALTACT_SIG;
    writer_init(&out, 1 << 20);
    assert_int_equal(control_encode(&control, flags, payload, &out, &inside), 0);
    if (!strstr(cut.op, "_TT")) {
        assert_int_equal(out.size, cut.tuple.size);
        assert_memory_equal(out.at, cut.tuple.bytes, out.size);
        assert_int_equal(inside, payload.size && !cut.payload.size);
    }
    writer_fini(&out);
    names_free(names);
    ++*(int *)context;
}

static void agrees_with_golden_frames(void **state) {
    int count = 0;
    golden_each("frame_", ".bin", check_golden, &count);
    assert_true(count > 80);
}

/* Bytes changed at every place: whatever still is a term is decoded or refused, and nothing else happens. */
static void mangle_golden(const struct golden *golden, void *context) {
    static const uint8_t values[] = {0, 1, 97, 98, 104, 106, 110, 119, 255};
    struct cut cut;
    struct names *names = context;
    if (!is_modal(golden))
        return;
    cut_golden(golden, &cut);
    for (size_t i = 0; i < cut.tuple.size; i++) {
        for (size_t v = 0; v < sizeof values; v++) {
            uint8_t *bytes = malloc(cut.tuple.size);
            struct control control;
            hm_term payload = {NULL, 0};
            size_t size;
            memcpy(bytes, cut.tuple.bytes, cut.tuple.size);
            bytes[i] = values[v];
            compare_hot(bytes_of(bytes, cut.tuple.size), names);
            if (check_term(bytes_of(bytes, cut.tuple.size), NULL, &size) == 0)
                control_decode((hm_term){bytes, size}, names, &control, &payload);
            free(bytes);
        }
    }
}

static void survives_changed_bytes(void **state) {
    struct names *names = names_new(50);
    golden_each("frame_", ".bin", mangle_golden, names);
    names_free(names);
}

static hm_term built(hm_build *build) {
    assert_int_equal(hm_build_error(build), 0);
    return hm_build_term(build);
}

struct fixture {
    struct names *names;
    hm_build *build;
    hm_pid here, there;
    hm_ref ref;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->names = names_new(10);
    f->build = hm_build_new();
    f->here = (hm_pid){names_intern(f->names, "a@host", 6), 7, 1, 9};
    f->there = (hm_pid){names_intern(f->names, "b@host", 6), 8, 2, 10};
    f->ref = (hm_ref){f->there.node, 10, 5, {1, 2, 3, 4, 5}};
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    hm_build_free(f->build);
    names_free(f->names);
    free(f);
    return 0;
}

static int decode_signal(struct fixture *f, const char *flags, const char *to, struct control *control,
                         const char *more) {
    char pattern[128];
    hm_term payload = {NULL, 0};
    hm_build_reset(f->build);
    snprintf(pattern, sizeof pattern, "{37, %s, ~p, %s%s}", flags, to, more);
    if (strcmp(to, "~r") == 0)
        hm_put_format(f->build, pattern, f->there, &f->ref);
    else
        hm_put_format(f->build, pattern, f->there, f->here);
    return control_decode(built(f->build), f->names, control, &payload);
}

/* With an integer of 65 bits, whose low ones are 4. */
static int decode_big(struct fixture *f, const char *pattern, struct control *control) {
    static const unsigned char big[] = {110, 9, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1};
    hm_term payload = {NULL, 0};
    hm_build_reset(f->build);
    hm_put_format(f->build, pattern, (hm_term){big, sizeof big}, f->there, &f->ref);
    return control_decode(built(f->build), f->names, control, &payload);
}

/* OTP 28's one operation for many: flags say what the destination is and whether it is an exit. */
static void decodes_altact_signals(void **state) {
    struct fixture *f = *state;
    struct control control;
    assert_int_equal(decode_signal(f, "4", "~r", &control, ""), 0);
    assert_int_equal(control.kind, CONTROL_SEND_ALIAS);
    assert_true(hm_ref_equal(&control.ref, &f->ref));
    assert_int_equal(decode_signal(f, "5", "~r", &control, ""), 0); /* PRIO */
    assert_int_equal(control.kind, CONTROL_SEND_ALIAS);
    assert_int_equal(decode_signal(f, "9", "name", &control, ""), 0);
    assert_int_equal(control.kind, CONTROL_SEND_NAME);
    assert_memory_equal(control.name.at, "name", 4);
    assert_int_equal(decode_signal(f, "1", "~p", &control, ""), 0);
    assert_int_equal(control.kind, CONTROL_SEND);
    assert_true(hm_pid_equal(control.to, f->here));
    assert_int_equal(decode_signal(f, "17", "~p", &control, ""), 0);
    assert_int_equal(control.kind, CONTROL_EXIT2);
    assert_true(control_has_payload(&control));
    assert_int_equal(decode_signal(f, "21", "~r", &control, ""), 0);
    assert_int_equal(control.kind, CONTROL_EXIT2);
    assert_int_equal(control.ref.words, 5);
    /* Unknown bits, bignums and further elements are ignored; a token that is announced must be there. */
    assert_int_equal(decode_big(f, "{37, ~t, ~p, ~r}", &control), 0);
    assert_int_equal(control.kind, CONTROL_SEND_ALIAS);
    assert_int_equal(decode_signal(f, "6", "~r", &control, ", {1,2,3,4,5}, more"), 0);
    assert_int_equal(decode_signal(f, "6", "~r", &control, ""), HM_EBADTERM);
    assert_int_equal(decode_signal(f, "12", "~r", &control, ""), HM_EBADTERM);
    assert_int_equal(decode_signal(f, "4", "name", &control, ""), HM_EBADTERM);
    assert_int_equal(decode_signal(f, "-4", "~r", &control, ""), HM_EBADTERM);
}

static int decode_format(struct fixture *f, const char *text) {
    struct control control;
    hm_term payload = {NULL, 0};
    hm_build_reset(f->build);
    hm_put_format(f->build, text, f->there, f->here);
    return control_decode(built(f->build), f->names, &control, &payload);
}

static void refuses_malformed_tuples(void **state) {
    struct fixture *f = *state;
    assert_int_equal(decode_format(f, "{1, ~p, ~p}"), 0);
    assert_int_equal(decode_format(f, "{99, ~p, ~p}"), HM_ENOENT);
    assert_int_equal(decode_format(f, "{5}"), HM_ENOENT);
    struct control control;
    assert_int_equal(decode_big(f, "{~t, ~p, ~r}", &control), HM_ENOENT);
    assert_int_equal(decode_big(f, "{35, ~t, ~p, ~r}", &control), HM_EBADTERM);
    hm_build_reset(f->build);
    hm_put_format(f->build, "{35, ~u, ~p, ~p}", UINT64_MAX, f->there, f->here);
    hm_term unused;
    assert_int_equal(control_decode(built(f->build), f->names, &control, &unused), 0);
    assert_true(control.id == UINT64_MAX);
    assert_int_equal(decode_format(f, "{}"), HM_EBADTERM);
    assert_int_equal(decode_format(f, "[1, ~p, ~p]"), HM_EBADTERM);
    assert_int_equal(decode_format(f, "{link, ~p, ~p}"), HM_EBADTERM);
    assert_int_equal(decode_format(f, "{1, ~p}"), HM_EBADTERM);
    assert_int_equal(decode_format(f, "{1, ~p, ~p, extra}"), HM_EBADTERM);
    assert_int_equal(decode_format(f, "{1, a, ~p}"), HM_EBADTERM);
    assert_int_equal(decode_format(f, "{35, -1, ~p, ~p}"), HM_EBADTERM);
    assert_int_equal(decode_format(f, "{19, ~p, ~p, noref}"), HM_EBADTERM);
    assert_int_equal(decode_format(f, "{6, ~p, '', \"name\"}"), HM_EBADTERM);
}

/* Found by fuzzing: such a name went out again as UTF-8, which it is not, and the peer closes then. */
static void refuses_latin1_names(void **state) {
    struct fixture *f = *state;
    static const unsigned char name[] = {115, 1, 0xe9}, ascii[] = {115, 1, 'e'};
    struct control control;
    hm_term unused;
    hm_put_format(f->build, "{6, ~p, '', ~t}", f->there, (hm_term){name, sizeof name});
    assert_int_equal(control_decode(built(f->build), f->names, &control, &unused), HM_EBADTERM);
    hm_build_reset(f->build);
    hm_put_format(f->build, "{6, ~p, '', ~t}", f->there, (hm_term){ascii, sizeof ascii});
    assert_int_equal(control_decode(built(f->build), f->names, &control, &unused), 0);
    assert_int_equal(control.name.size, 1);
}

static void says_when_names_are_full(void **state) {
    struct fixture *f = *state;
    struct names *few = names_new(1);
    struct control control;
    hm_term payload;
    hm_put_format(f->build, "{1, ~p, ~p}", f->there, f->here);
    assert_int_equal(control_decode(built(f->build), few, &control, &payload), HM_ELIMIT);
    names_free(few);
}

static int encode(const struct control *control, uint64_t flags, struct writer *out) {
    static const unsigned char reason[] = {106};
    bool inside;
    writer_reset(out);
    return control_encode(control, flags, (hm_term){reason, 1}, out, &inside);
}

static void picks_forms_by_flags(void **state) {
    struct fixture *f = *state;
    struct writer out;
    writer_init(&out, 4096);
    struct control c = {.kind = CONTROL_SEND_ALIAS, .from = f->here, .ref = f->ref};
    assert_int_equal(encode(&c, FLAG_ALTACT_SIG | FLAG_ALIAS, &out), 0);
    assert_int_equal(out.at[3], 37);
    assert_memory_equal(out.at + 4, "\x61\4", 2); /* ALIAS and never PRIO */
    assert_int_equal(encode(&c, FLAG_ALIAS, &out), 0);
    assert_int_equal(out.at[3], 33);
    assert_int_equal(encode(&c, 0, &out), HM_EFLAGS);

    c = (struct control){.kind = CONTROL_MONITOR, .from = f->here, .to = f->there, .ref = f->ref};
    assert_int_equal(encode(&c, FLAG_DIST_MONITOR, &out), HM_EFLAGS);
    assert_int_equal(encode(&c, FLAG_DIST_MONITOR | FLAG_DIST_MONITOR_NAME, &out), 0);
    c.ref.words = 0;
    assert_int_equal(encode(&c, FLAGS_OFFERED, &out), HM_EINVAL);

    c = (struct control){.kind = CONTROL_UNLINK, .from = f->here, .to = f->there, .id = UINT64_MAX};
    assert_int_equal(encode(&c, FLAG_UNLINK_ID, &out), 0);
    assert_int_equal(out.at[3], 35);
    assert_int_equal(encode(&c, 0, &out), 0);
    assert_int_equal(out.at[3], 4);
    c.kind = CONTROL_UNLINK_ACK;
    assert_int_equal(encode(&c, 0, &out), HM_EFLAGS);

    c = (struct control){.kind = CONTROL_SPAWN_REPLY, .to = f->there, .ref = f->ref};
    assert_int_equal(encode(&c, FLAG_SPAWN, &out), HM_EINVAL);
    c.result = (hm_term){(const unsigned char *)"w\6badopt", 8};
    assert_int_equal(encode(&c, 0, &out), 0); /* a peer that asks without the flag is answered, as by a BEAM */
    assert_int_equal(out.at[3], 31);
    /* '' is nobody's name, yet its monitor wants its answer. */
    c = (struct control){.kind = CONTROL_DOWN, .name = bytes_of("", 0), .to = f->there, .ref = f->ref};
    assert_int_equal(encode(&c, FLAGS_OFFERED, &out), 0);
    assert_memory_equal(out.at + 2, "\x61\x1c\x77\0", 4);
    writer_fini(&out);
}

static void writes_hot_messages_as_the_table_does(void **state) {
    struct fixture *f = *state;
    char long_name[300];
    struct writer out;
    uint8_t hot[4096];
    writer_init(&out, 4096);
    memset(long_name, 'n', sizeof long_name);
    struct control cases[] = {
        {.kind = CONTROL_SEND, .from = f->here, .to = f->there},
        {.kind = CONTROL_SEND, .to = f->there},
        {.kind = CONTROL_SEND_NAME, .from = f->here, .name = bytes_of("name", 4)},
        {.kind = CONTROL_SEND_NAME, .from = f->here, .name = bytes_of(long_name, 255)},
        {.kind = CONTROL_SEND_ALIAS, .from = f->here, .ref = f->ref},
    };
    const uint64_t flags_of[] = {0, FLAG_SEND_SENDER, FLAG_ALIAS, FLAG_ALIAS | FLAG_SEND_SENDER, FLAG_ALTACT_SIG, FLAG_ALTACT_SIG | FLAG_ALIAS};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t n = 0; n < sizeof flags_of / sizeof *flags_of; n++) {
            uint64_t flags = flags_of[n];
            size_t room = control_hot_size(&cases[i], flags);
            int error = encode(&cases[i], flags, &out);
            assert_int_equal(error, room ? 0 : HM_EFLAGS);
            if (!room)
                continue;
            size_t size = control_hot_encode(&cases[i], flags, hot);
            assert_true(size <= room && room <= sizeof hot);
            assert_int_equal(size, out.size);
            assert_memory_equal(hot, out.at, size);
        }
    }
    struct control cold = {.kind = CONTROL_SEND_NAME, .name = bytes_of("name", 4)};
    assert_int_equal(control_hot_size(&cold, 0), 0);
    struct control long_one = {.kind = CONTROL_SEND_NAME, .from = f->here, .name = bytes_of(long_name, 256)};
    assert_int_equal(control_hot_size(&long_one, 0), 0);
    struct control from_nobody = {.kind = CONTROL_SEND_ALIAS, .ref = f->ref}, to_nobody = {.kind = CONTROL_SEND_ALIAS, .from = f->here};
    assert_int_equal(control_hot_size(&from_nobody, FLAG_ALIAS), 0);
    assert_int_equal(control_hot_size(&to_nobody, FLAG_ALIAS), 0);
    assert_int_equal(encode(&cold, 0, &out), HM_EINVAL);
    writer_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_golden_frames),
        cmocka_unit_test(survives_changed_bytes),
        cmocka_unit_test_setup_teardown(decodes_altact_signals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_malformed_tuples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_latin1_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_when_names_are_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(picks_forms_by_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_hot_messages_as_the_table_does, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
