/* The table, and what each kind of value takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <hermod/hermod.h>

#include "cli/options.h"

static int set(struct settings *settings, const char *name, const char *value, char *why) {
    const struct option *option = option_find(name, strlen(name));
    assert_non_null(option);
    return option_set(settings, option, value, SOURCE_ARGUMENT, name, why, WHY_BYTES);
}

static void every_row_is_complete(void **state) {
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        assert_true(o->commands != 0);
        assert_true(strlen(o->help) > 10);
        assert_int_equal(o->help[strlen(o->help) - 1], '.');
        assert_true((o->value == NULL) == (o->kind == KIND_FLAG));
        assert_true((o->choices != NULL) == (o->kind == KIND_CHOICE || o->kind == KIND_LEVELS));
        for (const char *c = o->name; *c; c++)
            assert_true((*c >= 'a' && *c <= 'z') || *c == '-');
        for (size_t j = i + 1; j < option_count; j++) {
            assert_string_not_equal(o->name, option_table[j].name);
            assert_true(o->field != option_table[j].field);
        }
        if (o->kind == KIND_NUMBER || o->kind == KIND_SECONDS || o->kind == KIND_BYTES)
            assert_true(o->max > o->min);
    }
}

static void defaults_are_those_of_the_library(void **state) {
    struct settings s;
    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(s.net_ticktime_ms, 60000);
    assert_int_equal(s.net_tickintensity, 4);
    assert_int_equal(s.setup_ms, 7000);
    assert_int_equal(s.max_half_open, 128);
    assert_int_equal(s.max_frame, 128 << 20);
    assert_int_equal(s.max_message, 512 << 20);
    assert_int_equal(s.max_fragments, 4096);
    assert_int_equal(s.max_depth, 1024);
    assert_int_equal(s.max_mailbox, 1000000);
    assert_int_equal(s.max_names, 65536);
    assert_int_equal(s.max_processes, 1000000);
    assert_int_equal(s.output_high, 8 << 20);
    assert_int_equal(s.output_low, 1 << 20);
    assert_int_equal(s.epmd_port, 4369);
    assert_int_equal(s.timeout_ms, 5000);
    assert_int_equal(s.log.level, HM_LOG_INFO);
    assert_int_equal(s.family, HM_FAMILY_ANY);
    assert_true(s.start_epmd);
    assert_false(s.hidden);
    settings_fini(&s);
}

struct value_case {
    const char *name, *value;
    int error;
    uint64_t number;
};

static void values(void **state) {
    static const struct value_case cases[] = {
        {"net-ticktime", "8", 0, 8000},
        {"net-ticktime", "1.5", 0, 1500},
        {"net-ticktime", "1.0625", HM_EINVAL, 0},
        {"net-ticktime", "0", HM_EINVAL, 0},
        {"net-ticktime", "-1", HM_EINVAL, 0},
        {"net-ticktime", "", HM_EINVAL, 0},
        {"net-ticktime", "1e3", HM_EINVAL, 0},
        {"net-ticktime", " 1", HM_EINVAL, 0},
        {"net-ticktime", "18446744073709551616", HM_EINVAL, 0},
        {"max-frame", "65536", 0, 65536},
        {"max-frame", "64K", 0, 65536},
        {"max-frame", "64k", 0, 65536},
        {"max-frame", "1MiB", 0, 1 << 20},
        {"max-frame", "1G", 0, 1 << 30},
        {"max-frame", "64X", HM_EINVAL, 0},
        {"max-frame", "K", HM_EINVAL, 0},
        {"max-frame", "99999999999999999999G", HM_EINVAL, 0},
        {"max-frame", "18014398509481984K", HM_EINVAL, 0},
        {"dial-port", "65535", 0, 65535},
        {"dial-port", "65536", HM_EINVAL, 0},
        {"dial-port", "0", HM_EINVAL, 0},
        {"log-level", "debug", 0, HM_LOG_DEBUG},
        {"log-level", "error", 0, HM_LOG_ERROR},
        {"log-level", "loud", HM_EINVAL, 0},
        {"family", "inet6", 0, HM_FAMILY_INET6},
        {"family", "inet", 0, HM_FAMILY_INET},
        {"family", "ine", HM_EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings s;
        char why[WHY_BYTES] = "";
        assert_int_equal(settings_init(&s), 0);
        const struct option *option = option_find(cases[i].name, strlen(cases[i].name));
        assert_int_equal(set(&s, cases[i].name, cases[i].value, why), cases[i].error);
        if (cases[i].error)
            assert_non_null(strstr(why, cases[i].name));
        else
            assert_int_equal(*(uint64_t *)((char *)&s + option->field), cases[i].number);
        settings_fini(&s);
    }
}

static void port_ranges(void **state) {
    struct settings s;
    char why[WHY_BYTES];
    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(set(&s, "port", "9100", why), 0);
    assert_int_equal(s.port.first, 9100);
    assert_int_equal(s.port.last, 9100);
    assert_int_equal(set(&s, "port", "9100-9105", why), 0);
    assert_int_equal(s.port.last, 9105);
    assert_int_equal(set(&s, "port", "9105-9100", why), HM_EINVAL);
    assert_int_equal(set(&s, "port", "9105-", why), HM_EINVAL);
    assert_int_equal(set(&s, "port", "-9105", why), HM_EINVAL);
    assert_int_equal(set(&s, "port", "70000", why), HM_EINVAL);
    assert_int_equal(s.port.first, 9100); /* as it was */
    settings_fini(&s);
}

static void the_stronger_source_wins(void **state) {
    struct settings s;
    char why[WHY_BYTES];
    const struct option *name = option_find("sname", 5), *connect = option_find("connect", 7);
    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(option_set(&s, name, "file", SOURCE_FILE, "f:1", why, sizeof why), 0);
    assert_int_equal(option_set(&s, name, "argument", SOURCE_ARGUMENT, "--sname", why, sizeof why), 0);
    assert_int_equal(option_set(&s, name, "environment", SOURCE_ENVIRONMENT, "$X", why, sizeof why), 0);
    assert_string_equal(s.sname, "argument");
    assert_int_equal(option_source(&s, "sname"), SOURCE_ARGUMENT);

    assert_int_equal(option_set(&s, connect, "a@x", SOURCE_FILE, "f:2", why, sizeof why), 0);
    assert_int_equal(option_set(&s, connect, "b@x", SOURCE_FILE, "f:3", why, sizeof why), 0);
    assert_int_equal(s.connect.count, 2);
    assert_int_equal(option_set(&s, connect, "c@x", SOURCE_ARGUMENT, "--connect", why, sizeof why), 0);
    assert_int_equal(s.connect.count, 1);
    assert_string_equal(s.connect.items[0], "c@x");
    settings_fini(&s);
}

static void what_excludes_each_other(void **state) {
    struct settings s;
    char why[WHY_BYTES];
    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(set(&s, "sname", "a", why), 0);
    assert_int_equal(set(&s, "name", "a@b.c", why), 0);
    assert_int_equal(settings_check(&s, why, sizeof why), HM_EINVAL);
    settings_fini(&s);

    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(option_set(&s, option_find("sname", 5), "a", SOURCE_FILE, "f:1", why, sizeof why), 0);
    assert_int_equal(set(&s, "name", "a@b.c", why), 0);
    assert_int_equal(settings_check(&s, why, sizeof why), 0);
    assert_null(s.sname);
    assert_string_equal(s.name, "a@b.c");
    settings_fini(&s);

    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(set(&s, "no-epmd", "true", why), 0);
    assert_int_equal(settings_check(&s, why, sizeof why), HM_EINVAL);
    assert_non_null(strstr(why, "--port"));
    assert_int_equal(set(&s, "port", "9100", why), 0);
    assert_int_equal(settings_check(&s, why, sizeof why), 0);
    assert_int_equal(set(&s, "output-low", "8M", why), 0);
    assert_int_equal(settings_check(&s, why, sizeof why), HM_EINVAL);
    settings_fini(&s);
}

static void variables(void **state) {
    char buffer[64];
    assert_string_equal(option_variable(option_find("net-ticktime", 12), buffer, sizeof buffer),
                        "HERMOD_NET_TICKTIME");
    assert_string_equal(option_variable(option_find("cookie", 6), buffer, sizeof buffer), "HERMOD_COOKIE");
    assert_string_equal(option_variable(option_find("epmd-port", 9), buffer, sizeof buffer), "ERL_EPMD_PORT");
    assert_string_equal(option_variable(option_find("epmd-address", 12), buffer, sizeof buffer),
                        "ERL_EPMD_ADDRESS");
}

static void levels_of_modules(void **state) {
    struct settings s;
    char why[WHY_BYTES];
    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(set(&s, "log-level", "warn,peer=debug,hs=error", why), 0);
    assert_int_equal(s.log.level, HM_LOG_WARN);
    assert_int_equal(s.log.modules.count, 2);
    assert_string_equal(s.log.modules.items[1], "hs=error");
    assert_int_equal(set(&s, "log-level", "chat=warning", why), 0); /* again, from the same source */
    assert_int_equal(s.log.level, HM_LOG_WARN);
    assert_int_equal(s.log.modules.count, 3);
    static const char *const bad[] = {"",         ",",     "info,", "=debug",          "peer=",    "peer=loud", "Peer=debug", "peer.up=debug",
                                      "peer=default", "default", "peer debug", "info;peer=debug", "info,peer"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(set(&s, "log-level", bad[i], why), HM_EINVAL);
        assert_int_equal(s.log.modules.count, 3);
        assert_int_equal(s.log.level, HM_LOG_WARN);
    }
    settings_fini(&s);
    /* A stronger source says it anew, but for the level that it does not name. */
    assert_int_equal(settings_init(&s), 0);
    const struct option *option = option_find("log-level", 9);
    assert_int_equal(option_set(&s, option, "error,peer=debug", SOURCE_FILE, "file", why, sizeof why), 0);
    assert_int_equal(option_set(&s, option, "hs=debug", SOURCE_ARGUMENT, "argument", why, sizeof why), 0);
    assert_int_equal(option_set(&s, option, "debug", SOURCE_ENVIRONMENT, "environment", why, sizeof why), 0);
    assert_int_equal(s.log.level, HM_LOG_ERROR);
    assert_int_equal(s.log.modules.count, 1);
    assert_string_equal(s.log.modules.items[0], "hs=debug");
    settings_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(defaults_are_those_of_the_library),
        cmocka_unit_test(values),
        cmocka_unit_test(levels_of_modules),
        cmocka_unit_test(port_ranges),
        cmocka_unit_test(the_stronger_source_wins),
        cmocka_unit_test(what_excludes_each_other),
        cmocka_unit_test(variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
