#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/phoenix.h"

static char why[256];
static struct phoenix phoenix;

static void names_are_elixirs(void **state) {
    (void)state;
    static const struct {
        const char *text, *name, *first, *second;
        unsigned pool;
    } cases[] = {
        {"MyApp.PubSub", "Elixir.MyApp.PubSub", "Elixir.MyApp.PubSub.Adapter", "Elixir.MyApp.PubSub.Adapter_2", 1},
        {"Elixir.MyApp.PubSub:4", "Elixir.MyApp.PubSub", "Elixir.MyApp.PubSub.Adapter", "Elixir.MyApp.PubSub.Adapter_2", 4},
        {"my_pubsub:128", "my_pubsub", "Elixir.my_pubsub.Adapter", "Elixir.my_pubsub.Adapter_2", 128},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(phoenix_parse(cases[i].text, &phoenix, why, sizeof why), 0);
        assert_string_equal(phoenix.name, cases[i].name);
        assert_string_equal(phoenix.pool[0].group, cases[i].first);
        assert_string_equal(phoenix.pool[1].group, cases[i].second);
        assert_int_equal(phoenix.pool_size, cases[i].pool);
    }
}

static void other_names_are_refused(void **state) {
    (void)state;
    char longest[PHOENIX_NAME_BYTES + 1];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *cases[] = {"", ":4", "MyApp.PubSub:", "MyApp.PubSub:0", "MyApp.PubSub:129", "MyApp.PubSub:4x", "MyApp.PubSub:-1", longest};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        *why = '\0';
        assert_int_equal(phoenix_parse(cases[i], &phoenix, why, sizeof why), HM_EINVAL);
        assert_true(strlen(why) > 20);
    }
}

static void groups_have_numbers(void **state) {
    (void)state;
    assert_int_equal(phoenix_parse("A", &phoenix, why, sizeof why), 0);
    for (unsigned i = 0; i < PHOENIX_POOL_MAX; i++)
        assert_int_equal(phoenix_group_index(&phoenix, phoenix.pool[i].group, strlen(phoenix.pool[i].group)), (int)i);
    assert_int_equal(phoenix_group_index(&phoenix, "Elixir.A.Adapter_129", 20), 128);
    const char *others[] = {"Elixir.A", "Elixir.A.Adapter_", "Elixir.A.Adapter_0", "Elixir.A.Adapter_1", "Elixir.A.Adapter_02",
                            "Elixir.A.Adapter_1234567", "Elixir.A.Adapter2", "Elixir.A.Adapter_2x", "Elixir.B.Adapter", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(phoenix_group_index(&phoenix, others[i], strlen(others[i])), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_elixirs),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(groups_have_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
