#include "etf_cmocka.h"

#include <string.h>

#include <hermod/term.h>

/* What erlang:phash2(Binary, 4294967296) gives on OTP 25. */
static void it_is_that_of_a_beam(void **state) {
    (void)state;
    static const unsigned char bytes[] = {255, 254, 0, 128, 200, 201, 202, 203, 204, 205, 206, 207, 208};
    char hundred[100];
    memset(hundred, 'x', sizeof hundred);
    const struct {
        const void *bytes;
        size_t size;
        uint32_t hash;
    } cases[] = {
        {"", 0, 147926629},
        {"a", 1, 1589197455},
        {"room:1", 6, 1231556617},
        {"room:lobby", 10, 225471484},
        {"abcdefghijk", 11, 96993671},
        {"abcdefghijkl", 12, 686521495},
        {"abcdefghijklm", 13, 3501102500},
        {bytes, sizeof bytes, 2324637543},
        {hundred, sizeof hundred, 4292302462},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(hm_phash2_binary(cases[i].bytes, cases[i].size), cases[i].hash);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_that_of_a_beam)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
