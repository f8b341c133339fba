#include "dist_cmocka.h"

#include <string.h>

#include "dist/flags.h"

/* The numbers that nodes were seen to send (OTP 25 and 27 alike) and that they accept. */
static void has_the_values_of_the_wire(void **state) {
    assert_true(FLAGS_MANDATORY_25 == 0x1070f94);
    assert_true(FLAGS_OFFERED == 0x6d07df5fbd);
    assert_true((FLAGS_OFFERED & FLAG_DIST_HDR_ATOM_CACHE) == 0);
}

static void spells_the_digest_out(void **state) {
    assert_true(flags_expand(FLAG_MANDATORY_25_DIGEST) == (FLAG_MANDATORY_25_DIGEST | FLAGS_MANDATORY_25));
    assert_true(flags_expand(FLAG_PUBLISHED) == FLAG_PUBLISHED);
}

static void names_the_bits(void **state) {
    char text[64];
    flags_names(FLAG_V4_NC | FLAG_UNLINK_ID, text, sizeof text);
    assert_string_equal(text, "UNLINK_ID, V4_NC");
    flags_names(0, text, sizeof text);
    assert_string_equal(text, "");
    flags_names(1ull << 60, text, sizeof text);
    assert_string_equal(text, "bit 60");
    memset(text, 'x', sizeof text);
    flags_names(~0ull, text, 10);
    assert_int_equal(strlen(text), 9);
    assert_int_equal(text[10], 'x');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_values_of_the_wire),
        cmocka_unit_test(spells_the_digest_out),
        cmocka_unit_test(names_the_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
