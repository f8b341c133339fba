/* The values of --register-global. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/global_name.h"

static struct text_list list(const char *const *values, size_t count) {
    return (struct text_list){(char **)(uintptr_t)values, count};
}

static void expect(const char *value, const char *name, const char *service) {
    struct text_list values = list(&value, 1);
    struct global_name_list names;
    char why[WHY_BYTES] = "", *text;
    assert_int_equal(global_names_read(&names, &values, why, sizeof why), 0);
    assert_int_equal(names.count, 1);
    assert_string_equal(names.items[0].service, service);
    assert_int_equal(hm_term_print(names.items[0].name, HM_SYNTAX_ERLANG, 0, &text), 0);
    assert_string_equal(text, name);
    free(text);
    global_names_free(&names);
}

static void a_name_is_any_term(void **state) {
    expect("chat=message_server", "chat", "message_server");
    expect(":chat=message_server", "chat", "message_server");
    expect("{room,1}=message_server", "{room,1}", "message_server");
    expect("{'a=b', c}=x", "{'a=b',c}", "x");
    expect("MyApp.Chat=x", "'Elixir.MyApp.Chat'", "x");
}

static void refuse(const char *value, const char *says) {
    const char *values[] = {"good=one", value};
    struct text_list both = list(values, 2);
    struct global_name_list names;
    char why[WHY_BYTES] = "";
    assert_int_equal(global_names_read(&names, &both, why, sizeof why), HM_EINVAL);
    if (!strstr(why, says))
        print_error("%s: %s\n", value, why);
    assert_non_null(strstr(why, says));
    assert_non_null(strstr(why, value));
}

static void what_it_cannot_be_is_explained(void **state) {
    static const char *const SHAPES[] = {"x", "=", "=x", "x=", "{a,b}"};
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++)
        refuse(SHAPES[i], "must be NAME=SERVICE");
    refuse("{a=b", "is no term: ");
    refuse("a b=c", "is no term: ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_any_term),
        cmocka_unit_test(what_it_cannot_be_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
