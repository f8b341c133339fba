/* The command line and the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <hermod/error.h>

#include "cli/options.h"

enum { MOST = 16 };

struct parsed {
    struct settings settings;
    char text[MOST][64], *argv[MOST], *operands[MOST], why[WHY_BYTES];
    int count, error;
};

/* words: up to the first NULL. */
static void parse(struct parsed *p, unsigned command, const char *const words[]) {
    int argc = 0;
    memset(p, 0, sizeof *p);
    assert_int_equal(settings_init(&p->settings), 0);
    for (; words[argc]; argc++) {
        snprintf(p->text[argc], sizeof p->text[argc], "%s", words[argc]);
        p->argv[argc] = p->text[argc];
    }
    p->error = settings_read_arguments(&p->settings, command, "test", argc, p->argv, p->operands, &p->count,
                                       p->why, sizeof p->why);
}

#define PARSE(p, command, ...) parse(p, command, (const char *const[]){__VA_ARGS__, NULL})

static void both_ways_to_give_a_value(void **state) {
    struct parsed p;
    PARSE(&p, IN_START, "--sname", "a", "--port=9100", "--hidden", "--connect", "b@c", "--connect=d@e");
    assert_int_equal(p.error, 0);
    assert_string_equal(p.settings.sname, "a");
    assert_int_equal(p.settings.port.first, 9100);
    assert_true(p.settings.hidden);
    assert_int_equal(p.settings.connect.count, 2);
    assert_string_equal(p.settings.connect.items[1], "d@e");
    assert_int_equal(p.count, 0);
    settings_fini(&p.settings);

    PARSE(&p, IN_START, "--hidden=false", "--start-epmd", "false");
    assert_int_equal(p.error, 0);
    assert_false(p.settings.hidden);
    assert_false(p.settings.start_epmd);
    settings_fini(&p.settings);
}

static void operands(void **state) {
    struct parsed p;
    PARSE(&p, IN_CALL, "a@b", "--timeout", "10", "name", "-5");
    assert_int_equal(p.error, 0);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.operands[2], "-5");
    settings_fini(&p.settings);

    PARSE(&p, IN_CALL, "--json", "--", "a@b", "--json", "-");
    assert_int_equal(p.count, 3);
    assert_string_equal(p.operands[1], "--json");
    settings_fini(&p.settings);
}

static void complaint(unsigned command, const char *argument, const char *next, const char *expected) {
    struct parsed p;
    PARSE(&p, command, argument, next);
    assert_int_equal(p.error, HM_EINVAL);
    assert_string_equal(p.why, expected);
    settings_fini(&p.settings);
}

static void complaints(void **state) {
    complaint(IN_START, "--sane", "x", "unknown option --sane; did you mean --sname?");
    complaint(IN_START, "--snmae=x", NULL, "unknown option --snmae; did you mean --sname?");
    complaint(IN_START, "-sname", "x", "unknown option -sname; did you mean --sname?");
    complaint(IN_START, "--elephant", NULL, "unknown option --elephant");
    complaint(IN_CALL, "--hidden", NULL, "test has no option --hidden: it belongs to hermod start");
    complaint(IN_START, "--sname", NULL, "--sname needs a value: --sname NAME");
    complaint(IN_START, "--sname", "--hidden", "--sname needs a value: --sname NAME");
    complaint(IN_START, "--sname=", NULL, "--sname needs a value that is not empty");
    complaint(IN_START, "--log-level", "debig",
              "--log-level must be one of error|warn|info|debug, or MODULE=LEVEL, not \"debig\"; did you mean debug?");
}

static void the_cookie_is_wiped_from_the_arguments(void **state) {
    struct parsed p;
    PARSE(&p, IN_START, "--cookie", "secret", "--sname", "a");
    assert_string_equal(p.settings.cookie, "secret");
    assert_string_equal(p.settings.cookie_from, "--cookie");
    assert_string_equal(p.text[1], "******");
    settings_fini(&p.settings);
    PARSE(&p, IN_START, "--cookie=secret");
    assert_string_equal(p.settings.cookie, "secret");
    assert_string_equal(p.text[0], "--cookie=******");
    settings_fini(&p.settings);
}

static char *environment(const char *name) {
    static char cookie[] = "c1", ticktime[] = "8", list[] = " a@b  c@d ", empty[] = "", port[] = "5000",
                bad[] = "x";
    static const struct {
        const char *name;
        char *value;
    } variables[] = {
        {"HERMOD_COOKIE", cookie}, {"HERMOD_NET_TICKTIME", ticktime}, {"HERMOD_CONNECT", list},
        {"HERMOD_SNAME", empty},   {"ERL_EPMD_PORT", port},           {"HERMOD_TIMEOUT", bad},
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (strcmp(name, variables[i].name) == 0)
            return variables[i].value;
    return NULL;
}

static void the_environment(void **state) {
    struct parsed p;
    char why[WHY_BYTES];
    PARSE(&p, IN_START, "--net-ticktime", "4");
    assert_int_equal(settings_read_environment(&p.settings, IN_START, environment, why, sizeof why), 0);
    assert_string_equal(p.settings.cookie, "c1");
    assert_string_equal(p.settings.cookie_from, "$HERMOD_COOKIE");
    assert_int_equal(p.settings.net_ticktime_ms, 4000);
    assert_int_equal(p.settings.connect.count, 2);
    assert_string_equal(p.settings.connect.items[1], "c@d");
    assert_null(p.settings.sname);
    assert_int_equal(p.settings.epmd_port, 5000);
    settings_fini(&p.settings);

    PARSE(&p, IN_CALL, "a@b");
    assert_int_equal(settings_read_environment(&p.settings, IN_CALL, environment, why, sizeof why),
                     HM_EINVAL);
    assert_string_equal(why, "$HERMOD_TIMEOUT must be a number from 1 to 86400000, not \"x\"");
    settings_fini(&p.settings);
}

static char *of_kubernetes(const char *name) {
    static char value[] = "tcp://10.96.0.7:9100";
    return strcmp(name, "HERMOD_PORT") == 0 ? value : NULL;
}

static char *mistaken_port(const char *name) {
    static char value[] = "nine";
    return strcmp(name, "HERMOD_PORT") == 0 ? value : NULL;
}

/* A service that is called hermod puts a variable into every pod, which is no option of ours. */
static void kubernetes_is_not_meant(void **state) {
    struct parsed p;
    char why[WHY_BYTES];
    PARSE(&p, IN_START, "--hidden");
    assert_int_equal(settings_read_environment(&p.settings, IN_START, of_kubernetes, why, sizeof why), 0);
    assert_int_equal(p.settings.port.first, 0);
    assert_int_equal(settings_read_environment(&p.settings, IN_START, mistaken_port, why, sizeof why), HM_EINVAL);
    settings_fini(&p.settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_to_give_a_value),
        cmocka_unit_test(operands),
        cmocka_unit_test(complaints),
        cmocka_unit_test(the_cookie_is_wiped_from_the_arguments),
        cmocka_unit_test(the_environment),
        cmocka_unit_test(kubernetes_is_not_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
