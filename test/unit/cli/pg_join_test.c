/* The values of --pg-join. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/pg_join.h"

static struct text_list list(const char *const *values, size_t count) {
    return (struct text_list){(char **)(uintptr_t)values, count};
}

static void expect(const char *value, const char *scope, const char *group, const char *service) {
    struct text_list values = list(&value, 1);
    struct pg_joins joins;
    char why[WHY_BYTES] = "", *text;
    assert_int_equal(pg_joins_read(&joins, &values, why, sizeof why), 0);
    assert_int_equal(joins.count, 1);
    assert_string_equal(joins.items[0].scope, scope);
    assert_string_equal(joins.items[0].service, service);
    assert_int_equal(hm_term_print(joins.items[0].group, HM_SYNTAX_ERLANG, 0, &text), 0);
    assert_string_equal(text, group);
    free(text);
    pg_joins_free(&joins);
}

static void a_group_is_any_term(void **state) {
    (void)state;
    expect("pg/a=b", "pg", "a", "b");
    expect("pg/{hermes,'Elixir.Hermes.PubSub'}=my_server", "pg", "{hermes,'Elixir.Hermes.PubSub'}", "my_server");
    expect("Elixir.Phoenix.PubSub/'Elixir.MyApp.PubSub.Adapter'=Elixir.MyApp", "Elixir.Phoenix.PubSub",
           "'Elixir.MyApp.PubSub.Adapter'", "Elixir.MyApp");
    expect("pg/{\"a/b\", 'c=d'}=x", "pg", "{\"a/b\",'c=d'}", "x");
    expect("pg/#{a => 1}=x", "pg", "#{a => 1}", "x");
}

static void refuse(const char *value, const char *says) {
    const char *values[] = {"pg/good=one", value};
    struct text_list both = list(values, 2);
    struct pg_joins joins;
    char why[WHY_BYTES] = "";
    assert_int_equal(pg_joins_read(&joins, &both, why, sizeof why), HM_EINVAL);
    if (!strstr(why, says))
        print_error("%s: %s\n", value, why);
    assert_non_null(strstr(why, says));
    assert_non_null(strstr(why, value));
}

static void what_it_cannot_be_is_explained(void **state) {
    (void)state;
    static const char *const shapes[] = {"x", "pg", "pg/", "/a=b", "pg/=b", "pg/a=", "pg/a", "pg=a/b", "=", "/"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        refuse(shapes[i], "must be SCOPE/GROUP=SERVICE");
    refuse("pg/{a=b", "is no Erlang term: ");
    refuse("pg/a b=c", "is no Erlang term: ");
    refuse("pg/:elixir=c", "is no Erlang term: ");
}

static void none_is_none(void **state) {
    (void)state;
    struct text_list nothing = {0};
    struct pg_joins joins;
    char why[WHY_BYTES];
    assert_int_equal(pg_joins_read(&joins, &nothing, why, sizeof why), 0);
    assert_int_equal(joins.count, 0);
    pg_joins_free(&joins);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_any_term),
        cmocka_unit_test(what_it_cannot_be_is_explained),
        cmocka_unit_test(none_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
