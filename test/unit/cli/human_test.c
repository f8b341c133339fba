#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/human.h"

static void bytes_have_three_digits_and_a_unit(void **state) {
    (void)state;
    assert_string_equal(human_bytes(0).text, "0 B");
    assert_string_equal(human_bytes(1023).text, "1023 B");
    assert_string_equal(human_bytes(1024).text, "1.00 KiB");
    assert_string_equal(human_bytes(1023.7 * 1024).text, "1.00 MiB");
    assert_string_equal(human_bytes(12.34 * 1024 * 1024).text, "12.3 MiB");
    assert_string_equal(human_bytes(9.999 * 1024).text, "10.0 KiB");
    assert_string_equal(human_bytes(18446744073709551615.0).text, "16384 PiB");
}

static void counts_are_whole_as_long_as_they_are_short(void **state) {
    (void)state;
    assert_string_equal(human_count(0).text, "0");
    assert_string_equal(human_count(9999).text, "9999");
    assert_string_equal(human_count(10000).text, "10.0k");
    assert_string_equal(human_count(999600).text, "1.00M");
    assert_string_equal(human_count(1.5e9).text, "1.50G");
}

static void durations_have_two_units(void **state) {
    (void)state;
    assert_string_equal(human_duration(-1).text, "0 s");
    assert_string_equal(human_duration(59.9).text, "59 s");
    assert_string_equal(human_duration(200).text, "3 min 20 s");
    assert_string_equal(human_duration(4 * 3600 + 12 * 60).text, "4 h 12 min");
    assert_string_equal(human_duration(100 * 86400.0 + 3600).text, "100 d 1 h");
}

static void times_of_one_thing_go_down_to_nanoseconds(void **state) {
    (void)state;
    assert_string_equal(human_time(325e-9).text, "325 ns");
    assert_string_equal(human_time(3.8e-6).text, "3.80 us");
    assert_string_equal(human_time(0.9996e-3).text, "1.00 ms");
    assert_string_equal(human_time(0.25).text, "250 ms");
    assert_string_equal(human_time(12).text, "12.0 s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_three_digits_and_a_unit),
        cmocka_unit_test(counts_are_whole_as_long_as_they_are_short),
        cmocka_unit_test(durations_have_two_units),
        cmocka_unit_test(times_of_one_thing_go_down_to_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
