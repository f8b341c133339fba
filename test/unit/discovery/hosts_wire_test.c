/* .hosts.erlang, as net_adm:host_file reads it. */
#include "discovery_fixture.h"

#include "discovery/hosts_wire.h"

static void expect(const char *text, const char *hosts, int last, unsigned line) {
    struct hosts_reader reader = {.rest = bytes_of(text, strlen(text)), .line = 1};
    char host[HOSTS_HOST_BYTES], all[2048] = "";
    int outcome;
    while ((outcome = hosts_next(&reader, host)) == 1) {
        strcat(all, host);
        strcat(all, " ");
    }
    assert_int_equal(outcome, last);
    assert_string_equal(all, hosts);
    if (last < 0)
        assert_int_equal(reader.line, line);
}

static void hosts(void **state) {
    (void)state;
    expect("", "", 0, 0);
    expect("'a.example.org'.\n'b'.\nc.\n\"d.org\" .\n", "a.example.org b c d.org ", 0, 0);
    expect("% comment\n  'a'. % more\n%\n'b'.", "a b ", 0, 0);
    expect("'fd00::1'.\n'10.0.0.1'.\n", "fd00::1 10.0.0.1 ", 0, 0);
    expect("'it\\'s'.", "it's ", 0, 0);
}

static void mistakes(void **state) {
    char large[400];
    (void)state;
    expect("'a'.\n'b'\n'c'.\n", "a ", HM_ESYNTAX, 3);
    expect("'a", "", HM_ESYNTAX, 1);
    expect("''.", "", HM_ESYNTAX, 1);
    expect("A.", "", HM_ESYNTAX, 1);
    expect("a.b.", "", HM_ESYNTAX, 1);
    expect("{a}.", "", HM_ESYNTAX, 1);
    expect("'a@b'.", "", HM_ESYNTAX, 1);
    expect("'a b'.", "", HM_ESYNTAX, 1);
    snprintf(large, sizeof large, "'%0300d'.", 0);
    expect(large, "", HM_ESYNTAX, 1);
    expect("'\\", "", HM_ESYNTAX, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
