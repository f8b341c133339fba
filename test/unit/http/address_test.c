#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <hermod/error.h>

#include "http/address.h"

static void expect(const char *text, const char *addresses, bool loopback) {
    struct http_address address;
    char why[512], all[256] = "", one[HTTP_ADDRESS_TEXT];
    assert_int_equal(http_address_parse(text, &address, why, sizeof why), 0);
    for (size_t i = 0; i < address.count; i++) {
        strcat(all, i ? " " : "");
        strcat(all, http_address_text(&address.at[i], one));
        assert_int_equal(http_address_port(&address.at[i]), address.port);
    }
    assert_string_equal(all, addresses);
    assert_int_equal(address.loopback, loopback);
}

static void a_port_alone_is_for_this_machine(void **state) {
    (void)state;
    expect("9100", "127.0.0.1:9100 [::1]:9100", true);
    expect(":9100", "127.0.0.1:9100 [::1]:9100", true);
    expect("localhost:9100", "127.0.0.1:9100 [::1]:9100", true);
    expect("0", "127.0.0.1:0 [::1]:0", true);
}

static void an_address_says_whether_others_can_reach_it(void **state) {
    (void)state;
    expect("127.0.0.1:1", "127.0.0.1:1", true);
    expect("127.9.9.9:65535", "127.9.9.9:65535", true);
    expect("[::1]:80", "[::1]:80", true);
    expect("[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", true);
    expect("0.0.0.0:80", "0.0.0.0:80", false);
    expect("[::]:80", "[::]:80", false);
    expect("10.0.0.5:80", "10.0.0.5:80", false);
    expect("[fd00::1]:80", "[fd00::1]:80", false);
    expect("[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.1]:80", false);
}

static void mistakes_are_refused(void **state) {
    static const char *const BAD[] = {"",        "x",           "-1",         "65536",     "9100x",     "99999999999999999999", ":",
                                      "::1",     "::1:9100x",   "[::1]",      "[]:80",     "[::1:80",   "::1]:80",              "host.example:80",
                                      "1.2.3:80", "1.2.3.4.5:80", "[1.2.3.4]:80", "[localhost]:80", " 80", "80 ", "fd00::1:80"};
    struct http_address address;
    char why[512], large[300];
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_int_equal(http_address_parse(BAD[i], &address, why, sizeof why), HM_EINVAL);
        assert_non_null(strstr(why, "is no ADDRESS:PORT"));
    }
    memset(large, 'a', sizeof large);
    strcpy(large + sizeof large - 4, ":80");
    assert_int_equal(http_address_parse(large, &address, why, sizeof why), HM_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_alone_is_for_this_machine),
        cmocka_unit_test(an_address_says_whether_others_can_reach_it),
        cmocka_unit_test(mistakes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
