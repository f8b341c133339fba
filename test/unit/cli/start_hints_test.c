/* The lines to paste follow how the node was started. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hermod/hermod.h>

#include "cli/start_hints.h"

static char *hints(const struct settings *settings, bool chat, bool cookie_file) {
    struct hint_facts facts = {"hermod@vm", "hermod", 9100, chat, cookie_file};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    start_hints(out, settings, &facts);
    fclose(out);
    return text;
}

static void all_defaults(void **state) {
    struct settings s;
    assert_int_equal(settings_init(&s), 0);
    char *text = hints(&s, true, true);
    assert_null(strstr(text, "export"));
    assert_null(strstr(text, "--cookie"));
    assert_non_null(strstr(text, "\n  iex --sname me\n"));
    assert_non_null(strstr(text, "Node.connect(:\"hermod@vm\")"));
    assert_non_null(strstr(text, "GenServer.call({:message_server, :\"hermod@vm\"}, {:connect, \"john\"})"));
    assert_non_null(strstr(text, "\n  hermod chat --server hermod@vm --nick jane\n"));
    free(text);
    text = hints(&s, false, true);
    assert_null(strstr(text, "message_server"));
    assert_null(strstr(text, "chat"));
    free(text);
    settings_fini(&s);
}

static void a_cookie_is_never_printed(void **state) {
    struct settings s;
    assert_int_equal(settings_init(&s), 0);
    s.cookie = strdup("verysecret");
    s.name = strdup("hermod@vm");
    s.epmd_port = 5000;
    char *text = hints(&s, true, false);
    assert_null(strstr(text, "verysecret"));
    assert_non_null(strstr(text, "export HERMOD_COOKIE="));
    assert_non_null(strstr(text, "export ERL_EPMD_PORT=5000\n"));
    assert_non_null(strstr(text, "iex --name me@vm --cookie \"$HERMOD_COOKIE\"\n"));
    free(text);
    settings_fini(&s);
}

static void other_ways_to_be_found(void **state) {
    struct settings s;
    assert_int_equal(settings_init(&s), 0);
    s.no_epmd = true;
    s.family = HM_FAMILY_INET6;
    char *text = hints(&s, true, true);
    assert_non_null(strstr(
        text, "--erl \"-proto_dist inet6_tcp -start_epmd false -erl_epmd_port 9100 -dist_listen false\""));
    assert_non_null(strstr(text, "hermod ping hermod@vm --dial-port 9100"));
    free(text);
    settings_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_defaults),
        cmocka_unit_test(a_cookie_is_never_printed),
        cmocka_unit_test(other_ways_to_be_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
