/* The shapes of gen's messages, in every encoding that old and new peers use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "etf/check.h"
#include "otp/gen_message.h"

static struct names *names;

/* NEW_PID_EXT of a@h with id 5, serial 0, creation 3; NEWER_REFERENCE_EXT of 3 and of 5 words. */
#define PID 88, 119, 3, 'a', '@', 'h', 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3
#define REF 90, 0, 3, 119, 3, 'a', '@', 'h', 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3
#define REF5 \
    90, 0, 5, 119, 3, 'a', '@', 'h', 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5
#define ATOM_ALIAS 119, 5, 'a', 'l', 'i', 'a', 's'
#define CALL_PREFIX 104, 3, 119, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 'l', 'l'

static hm_term checked(const uint8_t *bytes, size_t size) {
    size_t term_size;
    assert_int_equal(check_term(bytes_of(bytes, size), NULL, &term_size), HM_OK);
    assert_int_equal(term_size, size);
    return (hm_term){bytes, size};
}

#define BYTES(...) checked((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static enum gen_kind read_message(hm_term message, hm_term *body, struct hm_from *from) {
    *from = (struct hm_from){0};
    return gen_message_read(names, message, body, from);
}

static void expect_term(hm_term term, const char *text) {
    char *printed = NULL;
    assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &printed), HM_OK);
    assert_string_equal(printed, text);
    free(printed);
}

static void calls_and_casts_are_cut_out_in_place(void **state) {
    (void)state;
    hm_term body;
    struct hm_from from;
    assert_int_equal(read_message(BYTES(CALL_PREFIX, 104, 2, PID, REF, 119, 2, 'h', 'i'), &body, &from),
                     GEN_CALL);
    expect_term(body, "hi");
    assert_int_equal(from.pid.id, 5);
    assert_int_equal(from.pid.creation, 3);
    assert_false(from.by_alias);
    assert_int_equal(hm_term_type(from.tag), HM_TYPE_REFERENCE);
    assert_int_equal(
        read_message(BYTES(104, 2, 119, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 's', 't', 97, 7), &body, &from),
        GEN_CAST);
    expect_term(body, "7");
    hm_term system = BYTES(104, 3, 119, 6, 's', 'y', 's', 't', 'e', 'm', 104, 2, PID, REF, 119, 1, 'x');
    assert_int_equal(read_message(system, &body, &from), GEN_SYSTEM);
    expect_term(body, "x");
    assert_true(gen_message_is_system(system));
}

static void every_encoding_of_the_atoms_is_known(void **state) {
    (void)state;
    hm_term body;
    struct hm_from from;
    /* ATOM_EXT, ATOM_UTF8_EXT, SMALL_ATOM_EXT, and a tuple with a 32-bit arity */
    assert_int_equal(
        read_message(BYTES(104, 2, 100, 0, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 's', 't', 97, 1), &body,
                     &from),
        GEN_CAST);
    expect_term(body, "1");
    assert_int_equal(read_message(BYTES(104, 3, 118, 0, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 'l', 'l', 104,
                                        2, PID, REF, 97, 2),
                                  &body, &from),
                     GEN_CALL);
    expect_term(body, "2");
    hm_term system = BYTES(104, 3, 115, 6, 's', 'y', 's', 't', 'e', 'm', 104, 2, PID, REF, 97, 3);
    assert_int_equal(read_message(system, &body, &from), GEN_SYSTEM);
    assert_true(gen_message_is_system(system));
    assert_int_equal(
        read_message(BYTES(105, 0, 0, 0, 2, 119, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 's', 't', 97, 4),
                     &body, &from),
        GEN_CAST);
    expect_term(body, "4");
}

static void expect_alias(hm_term message, uint32_t words) {
    hm_term body;
    struct hm_from from;
    assert_int_equal(read_message(message, &body, &from), GEN_CALL);
    assert_true(from.by_alias);
    assert_int_equal(from.alias.words, words);
    assert_int_equal(from.alias.creation, 3);
    expect_term(body, "hi");
}

#define HI 119, 2, 'h', 'i'

static void alias_tags_are_recognised(void **state) {
    (void)state;
    /* [alias | Ref]: gen_server:call of OTP 24 and later, references of 26 */
    expect_alias(BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, ATOM_ALIAS, REF, HI), 3);
    expect_alias(BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, ATOM_ALIAS, REF5, HI), 5);
    /* [[alias | Ref] | Ref]: gen_server:multi_call of OTP 26 and later */
    expect_alias(BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, 108, 0, 0, 0, 1, ATOM_ALIAS, REF5, REF, HI),
                 5);
    /* [[alias | Ref], x]: anything may follow */
    expect_alias(BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 2, 108, 0, 0, 0, 1, ATOM_ALIAS, REF, 119, 1,
                       'x', 106, HI),
                 3);
    /* another encoding of the atom */
    expect_alias(
        BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, 100, 0, 5, 'a', 'l', 'i', 'a', 's', REF, HI), 3);
}

static void expect_no_alias(hm_term message) {
    hm_term body;
    struct hm_from from;
    assert_int_equal(read_message(message, &body, &from), GEN_CALL);
    assert_false(from.by_alias);
    assert_int_equal(from.pid.id, 5);
    expect_term(body, "hi");
}

static void other_tags_go_to_the_pid(void **state) {
    (void)state;
    expect_no_alias(BYTES(CALL_PREFIX, 104, 2, PID, 109, 0, 0, 0, 1, 't', HI));
    expect_no_alias(BYTES(CALL_PREFIX, 104, 2, PID, 104, 2, REF, 119, 1, 'n', HI)); /* multi_call of OTP 25 */
    expect_no_alias(BYTES(CALL_PREFIX, 104, 2, PID, 106, HI));
    expect_no_alias(BYTES(CALL_PREFIX, 104, 2, PID, 107, 0, 1, 'x', HI));
    expect_no_alias(BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, ATOM_ALIAS, 106, HI)); /* [alias] */
    expect_no_alias(
        BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, ATOM_ALIAS, 97, 1, HI)); /* [alias | 1] */
    expect_no_alias(
        BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 2, ATOM_ALIAS, 97, 1, REF, HI)); /* [alias, 1 | Ref] */
    expect_no_alias(
        BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, 119, 5, 'A', 'l', 'i', 'a', 's', REF, HI));
    expect_no_alias(BYTES(CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, 106, REF, HI));
}

static void requests_of_nobody_are_malformed(void **state) {
    (void)state;
    hm_term body;
    struct hm_from from;
    hm_term message = BYTES(CALL_PREFIX, 119, 1, 'x', HI);
    assert_int_equal(read_message(message, &body, &from), GEN_MALFORMED);
    assert_ptr_equal(body.bytes, message.bytes);
    assert_int_equal(body.size, message.size);
    assert_int_equal(read_message(BYTES(CALL_PREFIX, 104, 2, REF, PID, HI), &body, &from), GEN_MALFORMED);
    assert_int_equal(read_message(BYTES(CALL_PREFIX, 104, 1, PID, HI), &body, &from), GEN_MALFORMED);
    assert_int_equal(read_message(BYTES(CALL_PREFIX, 104, 3, PID, REF, 106, HI), &body, &from),
                     GEN_MALFORMED);
    assert_int_equal(
        read_message(BYTES(104, 3, 119, 6, 's', 'y', 's', 't', 'e', 'm', 104, 0, HI), &body, &from),
        GEN_MALFORMED);
}

static void everything_else_is_info(void **state) {
    (void)state;
    hm_term body;
    struct hm_from from;
    assert_int_equal(read_message(BYTES(106), &body, &from), GEN_INFO);
    assert_int_equal(read_message(BYTES(104, 0), &body, &from), GEN_INFO);
    assert_int_equal(
        read_message(BYTES(104, 2, 119, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 'l', 'l', 97, 1), &body, &from),
        GEN_INFO);
    assert_int_equal(
        read_message(BYTES(104, 3, 119, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 's', 't', 97, 1, 97, 1), &body,
                     &from),
        GEN_INFO);
    assert_int_equal(read_message(BYTES(104, 3, 100, 0, 1, 'x', 97, 1, 97, 1), &body, &from), GEN_INFO);
    assert_int_equal(read_message(BYTES(109, 0, 0, 0, 0), &body, &from), GEN_INFO);
    assert_int_equal(read_message(BYTES(119, 6, 's', 'y', 's', 't', 'e', 'm'), &body, &from), GEN_INFO);
}

static void a_kept_from_outlives_the_message(void **state) {
    (void)state;
    static const uint8_t BYTES_OF_CALL[] = {CALL_PREFIX, 104, 2, PID, 108, 0, 0, 0, 1, ATOM_ALIAS, REF, HI};
    uint8_t bytes[sizeof BYTES_OF_CALL];
    memcpy(bytes, BYTES_OF_CALL, sizeof bytes);
    hm_term body;
    struct hm_from from;
    assert_int_equal(read_message(checked(bytes, sizeof bytes), &body, &from), GEN_CALL);
    struct hm_from *kept = hm_from_keep(&from);
    assert_non_null(kept);
    hm_term tag = from.tag;
    assert_memory_equal(kept->tag.bytes, tag.bytes, tag.size);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(kept->tag.bytes[0], 108);
    assert_int_equal(hm_from_pid(kept).id, 5);
    assert_true(kept->by_alias);
    hm_from_free(kept);
    hm_from_free(NULL);
}

static void exits_are_read(void **state) {
    (void)state;
    hm_pid pid;
    hm_term reason;
    assert_true(
        gen_message_read_exit(names, BYTES(104, 3, 119, 4, 'E', 'X', 'I', 'T', PID, HI), &pid, &reason));
    assert_int_equal(pid.id, 5);
    expect_term(reason, "hi");
    assert_false(
        gen_message_read_exit(names, BYTES(104, 3, 119, 4, 'E', 'X', 'I', 'T', REF, HI), &pid, &reason));
    assert_false(gen_message_read_exit(names, BYTES(104, 2, 119, 4, 'E', 'X', 'I', 'T', PID), &pid, &reason));
}

static int open_names(void **state) {
    (void)state;
    names = names_new(10);
    return names ? 0 : -1;
}

static int close_names(void **state) {
    (void)state;
    names_free(names);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_and_casts_are_cut_out_in_place),
        cmocka_unit_test(every_encoding_of_the_atoms_is_known),
        cmocka_unit_test(alias_tags_are_recognised),
        cmocka_unit_test(other_tags_go_to_the_pid),
        cmocka_unit_test(requests_of_nobody_are_malformed),
        cmocka_unit_test(everything_else_is_info),
        cmocka_unit_test(a_kept_from_outlives_the_message),
        cmocka_unit_test(exits_are_read),
    };
    return cmocka_run_group_tests(tests, open_names, close_names);
}
