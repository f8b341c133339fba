#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/suggest.h"

static const char *const words[] = {
    "sname", "name", "start", "message_server", "net-ticktime", "net-tickintensity", "ping"};

static void means(const char *typed, const char *expected) {
    struct suggestion best = suggestion_for(typed);
    char buffer[64];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        suggestion_try(&best, words[i], strlen(words[i]));
    assert_string_equal(suggestion_text(&best, "--", buffer, sizeof buffer), expected);
}

static void suggestions(void **state) {
    means("sane", "; did you mean --sname?");
    means("snmae", "; did you mean --sname?");
    means("strat", "; did you mean --start?");
    means("mesage_sevrer", "; did you mean --message_server?");
    means("net-tick", "; did you mean --net-ticktime?");
    means("pin", "; did you mean --ping?");
    means("elephant", "");
    means("x", "");
    means("", "");
    means("a word that is far longer than any that anybody would have meant", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(suggestions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
