/* What hermod top shows of two moments of a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/top_view.h"

#define TEXT(text) {text, sizeof(text) - 1}

/* A second later: the peer has sent 2048 bytes more, the process handled 100 messages in a tenth of the time. */
static struct peer_numbers peers_before[] = {{.name = TEXT("web@vm"), .visible = true, .in_bytes = 1000, .in_frames = 10}};
static struct peer_numbers peers_now[] = {{.name = TEXT("web@vm"), .visible = true, .busy = true, .in_bytes = 3048, .in_frames = 30, .waiting = 4096},
                                          {.name = TEXT("new@vm"), .in_bytes = 512, .in_frames = 1}};
static struct process_numbers named_before[] = {{.name = TEXT("chat"), .messages = 100, .calls = 10, .seconds = 1},
                                                {.name = TEXT("idle"), .messages = 5}};
static struct process_numbers named_now[] = {{.name = TEXT("idle"), .messages = 5, .mailbox = 7},
                                             {.name = TEXT("chat"), .messages = 200, .calls = 60, .seconds = 1.1}};

static struct numbers before = {.at_us = 1000000, .is_hermod = true, .version = "0.1.0", .uptime = 100, .cpu = 1,
                                .peers = peers_before, .peer_count = 1,
                                .named = named_before, .named_count = 2, .in_bytes = 1000, .work = 105};
static struct numbers now = {.at_us = 2000000, .is_hermod = true, .version = "0.1.0", .uptime = 101, .cpu = 1.25,
                             .resident = 4 << 20, .processes = 14, .run_queue = 1, .peers = peers_now, .peer_count = 2,
                             .named = named_now, .named_count = 2, .in_bytes = 3560, .work = 205};

static char *view_text(const struct top_view *view) {
    char *text = NULL;
    size_t size, processes;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(top_view_put(view, out, &processes), HM_OK);
    fclose(out);
    return text;
}

static void rates_are_those_between_two_moments(void **state) {
    (void)state;
    struct top_view view = {.node = "a@vm", .before = &before, .now = &now, .columns = 100};
    char *text = view_text(&view);
    assert_non_null(strstr(text, "cpu 25.0%  memory 4.00 MiB  processes 14  run queue 1  nodes 2\n"));
    assert_non_null(strstr(text, "in 2.50 KiB/s  out 0 B/s  100 messages/s\n"));
    const char *web = strstr(text, "\nweb@vm "), *new = strstr(text, "\nnew@vm ");
    assert_true(web && new && web < new); /* the busiest first */
    assert_non_null(strstr(web, "2.00 KiB        0 B        20         0   4.00 KiB busy\n"));
    assert_non_null(strstr(new, "512 B        0 B         1         0        0 B\n"));
    const char *chat = strstr(text, "\nchat "), *idle = strstr(text, "\nidle ");
    assert_true(chat && idle && chat < idle);
    assert_non_null(strstr(chat, " 100       50   10.0%        0          -\n"));
    free(text);
}

static void without_an_earlier_moment_there_are_no_rates(void **state) {
    (void)state;
    struct top_view view = {.node = "a@vm", .now = &now, .columns = 100};
    char *text = view_text(&view);
    assert_non_null(strstr(text, "cpu -  memory"));
    assert_non_null(strstr(text, "in -/s  out -/s  - messages/s\n"));
    assert_null(strstr(text, "nan"));
    free(text);
}

static void orders(void **state) {
    (void)state;
    struct top_view view = {.node = "a@vm", .before = &before, .now = &now, .columns = 100, .no_peers = true};
    static const struct {
        enum top_sort sort;
        const char *first;
    } ORDERS[] = {{TOP_BY_WORK, "chat"}, {TOP_BY_NAME, "chat"}, {TOP_BY_MAILBOX, "idle"}, {TOP_BY_MEMORY, "chat"}};
    for (size_t i = 0; i < sizeof ORDERS / sizeof *ORDERS; i++) {
        view.sort = ORDERS[i].sort;
        char *text = view_text(&view);
        const char *row = strchr(strstr(text, "\nPROCESS ") + 1, '\n') + 1;
        assert_int_equal(strncmp(row, ORDERS[i].first, 4), 0);
        assert_null(strstr(text, "web@vm"));
        free(text);
    }
    view.skip = 1;
    view.sort = TOP_BY_NAME;
    char *text = view_text(&view);
    assert_null(strstr(text, "chat"));
    free(text);
}

/* Whatever the size: no more lines, no longer ones. */
static void fits_on_every_screen(void **state) {
    (void)state;
    struct top_view view = {.node = "a-node-with-a-long-name@a-host-with-a-long-name", .before = &before, .now = &now};
    for (view.rows = 1; view.rows < 30; view.rows++)
        for (view.columns = 1; view.columns < 130; view.columns += 3) {
            char *text = view_text(&view);
            unsigned rows = 0;
            for (char *line = text; *line; rows++) {
                size_t size = strcspn(line, "\n");
                assert_true(size <= view.columns);
                line += size + 1;
            }
            assert_true(rows <= view.rows);
            free(text);
        }
}

static void strangers_names_are_clean(void **state) {
    (void)state;
    struct process_numbers named[] = {{.name = TEXT("\033[2Jevil\n")}, {.name = TEXT("caf\xc3\xa9")}};
    struct numbers strange = now;
    strange.named = named;
    strange.peer_count = 0;
    struct top_view view = {.node = "a@vm", .now = &strange, .columns = 100, .sort = TOP_BY_NAME};
    char *text = view_text(&view);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "\\x1b[2Jevil "));
    assert_non_null(strstr(text, "caf\xc3\xa9 "));
    free(text);
}

static hm_term parse(hm_build *build, const char *text) {
    char why[128];
    hm_build_reset(build);
    assert_int_equal(hm_term_parse(text, HM_SYNTAX_ERLANG, build, why, sizeof why), HM_OK);
    return hm_build_term(build);
}

/* Of a BEAM: processes as etop knows them, each by its pid. */
static void processes_of_a_beam(void **state) {
    (void)state;
    hm_build *builds[5];
    for (int i = 0; i < 5; i++)
        builds[i] = hm_build_new();
    struct etop_numbers old[] = {{.pid = parse(builds[0], "<\"b@vm\".7.1.3>"), .name = parse(builds[2], "init"), .work = 1000}};
    struct etop_numbers all[] = {
        {.pid = parse(builds[1], "<\"b@vm\".80.0.3>"), .name = parse(builds[3], "{'Elixir.My.Worker',init,1}"), .work = 50, .memory = 2048,
         .function = parse(builds[4], "{gen_server,loop,7}")},
        {.pid = old[0].pid, .name = old[0].name, .work = 3000, .memory = 1024, .mailbox = 3, .function = parse(builds[4], "{gen_server,loop,7}")},
    };
    all[0].function = all[1].function;
    struct numbers first = {.at_us = 0, .all = old, .all_count = 1, .has_all = true},
                   second = {.at_us = 1000000, .version = "25", .all = all, .all_count = 2, .has_all = true};
    struct top_view view = {.node = "b@vm", .before = &first, .now = &second, .columns = 100};
    char *text = view_text(&view);
    const char *init = strstr(text, "\ninit "), *worker = strstr(text, "\n<0.80.0> Elixir.My.Worker:init/1 ");
    assert_true(init && worker && init < worker);
    assert_non_null(strstr(init, " 2000        3   1.00 KiB  gen_server:loop/7\n"));
    assert_non_null(strstr(worker, " 50        0   2.00 KiB  gen_server:loop/7\n"));
    free(text);
    for (int i = 0; i < 5; i++)
        hm_build_free(builds[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_between_two_moments),
        cmocka_unit_test(without_an_earlier_moment_there_are_no_rates),
        cmocka_unit_test(orders),
        cmocka_unit_test(fits_on_every_screen),
        cmocka_unit_test(strangers_names_are_clean),
        cmocka_unit_test(processes_of_a_beam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
