/* A node's numbers as they change: on the whole of a terminal, or as plain text where there is none. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "cli/screen.h"
#include "cli/top_view.h"

enum { FIRST_MS = 300 }; /* rates need two moments: the second comes soon */

struct top {
    struct tool *tool;
    struct numbers_question question;
    struct numbers *before, *now;
    struct screen *screen; /* NULL: plain text */
    struct event *timer;
    enum top_sort sort;
    size_t skip, processes;
    bool no_peers, help;
    uint64_t shown;
};

/* ---- showing ---- */

static struct top_view view_of(const struct top *top) {
    struct top_view view = {.node = top->tool->target.text,
                            .before = top->before,
                            .now = top->now,
                            .sort = top->sort,
                            .skip = top->skip,
                            .no_peers = top->no_peers,
                            .columns = 120};
    return view;
}

static const char HELP[] = "q quit  sort by: w work, m memory, b mailbox, n name  p nodes  arrows  h hide";

static void draw(struct top *top) {
    struct top_view view = view_of(top);
    char *text = NULL;
    size_t size;
    if (!top->now)
        return;
    screen_size(&view.columns, &view.rows);
    bool help = top->help && view.rows > 1;
    view.rows -= help;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    int error = top_view_put(&view, out, &top->processes);
    if (help)
        fprintf(out, "%.*s\n", (int)view.columns, HELP);
    if (fclose(out) == 0 && !error)
        screen_draw(top->screen, text, size);
    free(text);
}

/* Behind one another, an empty line between. */
static void print(struct top *top) {
    struct top_view view = view_of(top);
    if (top->shown++)
        putchar('\n');
    int error = top_view_put(&view, stdout, &top->processes);
    if (error)
        tool_finish(top->tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
    else if (fflush(stdout) != 0)
        tool_finish(top->tool, EXIT_FAILED);
}

static void show(struct top *top) {
    if (top->screen) {
        draw(top);
        top->shown += top->before != NULL;
    } else if (top->before) {
        print(top);
    }
    if (top->tool->settings->count && top->shown >= top->tool->settings->count)
        tool_finish(top->tool, EXIT_FINE);
}

/* ---- asking ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct top *top = arg;
    (void)fd;
    (void)what;
    if (!top->tool->over)
        numbers_ask(&top->question);
}

static void on_numbers(struct tool *tool, struct numbers *numbers) {
    struct top *top = tool->arg;
    numbers_free(top->before);
    top->before = top->now;
    top->now = numbers;
    show(top);
    uint64_t ms = tool->settings->interval_ms;
    if (!top->before && ms > FIRST_MS)
        ms = FIRST_MS;
    struct timeval wait = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    event_add(top->timer, &wait);
}

static void on_failing(struct tool *tool) {
    struct top *top = tool->arg;
    screen_restore(top->screen);
}

static enum hm_verdict on_info(struct tool *tool, hm_term message) {
    struct top *top = tool->arg;
    return numbers_info(&top->question, message) ? HM_CONTINUE : HM_UNKNOWN;
}

/* ---- keys ---- */

static void scroll(struct top *top, int64_t by) {
    int64_t skip = (int64_t)top->skip + by, last = top->processes ? (int64_t)top->processes - 1 : 0;
    top->skip = (size_t)(skip < 0 ? 0 : skip > last ? last : skip);
}

static void on_key(void *arg, int key) {
    struct top *top = arg;
    enum { PAGE = 10 };
    switch (key) {
    case 'q':
    case 'Q':
        screen_restore(top->screen);
        tool_finish(top->tool, EXIT_FINE);
        return;
    case 'w':
        top->sort = TOP_BY_WORK;
        break;
    case 'm':
        top->sort = TOP_BY_MEMORY;
        break;
    case 'b':
        top->sort = TOP_BY_MAILBOX;
        break;
    case 'n':
        top->sort = TOP_BY_NAME;
        break;
    case 'p':
        top->no_peers = !top->no_peers;
        break;
    case 'h':
    case '?':
        top->help = !top->help;
        break;
    case ' ':
        numbers_ask(&top->question);
        return;
    case SCREEN_UP:
    case 'k':
        scroll(top, -1);
        break;
    case SCREEN_DOWN:
    case 'j':
        scroll(top, 1);
        break;
    case SCREEN_PAGE_UP:
        scroll(top, -PAGE);
        break;
    case SCREEN_PAGE_DOWN:
        scroll(top, PAGE);
        break;
    case SCREEN_HOME:
        top->skip = 0;
        break;
    case SCREEN_END:
        scroll(top, (int64_t)top->processes);
        break;
    default:
        return;
    }
    draw(top);
}

static void on_resized(void *arg) {
    draw(arg);
}

static void on_stop(void *arg, int signal) {
    struct top *top = arg;
    tool_finish(top->tool, signal ? 128 + signal : EXIT_FINE);
}

static const struct screen_events screen_events = {on_key, on_resized, on_stop};

/* ---- the command ---- */

static void on_leaving(struct tool *tool) {
    struct top *top = tool->arg;
    screen_free(top->screen);
    top->screen = NULL;
    if (top->timer)
        event_free(top->timer);
    top->timer = NULL;
}

static void start(struct tool *tool) {
    struct top *top = tool->arg;
    int error = HM_OK;
    top->tool = tool;
    tool->info = on_info;
    tool->leaving = on_leaving;
    tool->waiting_for = "answer";
    tool_wait_as_long_as_it_takes(tool);
    top->timer = evtimer_new(tool->base, on_timer, top);
    if (!top->timer)
        error = HM_ENOMEM;
    else if (screen_is_possible())
        error = screen_open(tool->base, &screen_events, top, &top->screen);
    top->question = (struct numbers_question){.tool = tool, .processes = true, .done = on_numbers, .failing = on_failing};
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
    else
        numbers_ask(&top->question);
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct top top = {.sort = (enum top_sort)settings->sort, .help = true};
    (void)count;
    int code = tool_run(settings, "top", arguments[0], start, &top);
    numbers_question_fini(&top.question);
    numbers_free(top.before);
    numbers_free(top.now);
    return code;
}

static const struct example examples[] = {
    {"hermod top hermod", "Nodes and processes of hermod, every second, until q."},
    {"hermod top --interval 5 --sort mailbox hermod", "Who has the longest mailbox, every five seconds."},
    {"hermod top --count 1 hermod | head -20", "Once, as plain text: for a script or a report."},
    {NULL, NULL},
};

const struct command command_top = {
    .name = "top",
    .bit = IN_TOP,
    .arguments = "NODE",
    .least = 1,
    .most = 1,
    .summary = "watch a node work: nodes, processes and rates, live",
    .about = "Asks NODE every --interval and shows what it did in between: traffic with each connected node, and its processes with the messages "
             "that they handled, their calls, the share of time that they took, mailboxes and memory. q ends it; w, m, b and n sort by work, "
             "memory, mailbox and name, p shows or hides the nodes, h the line of keys, arrows scroll.\n\n"
             "Where standard input or output is no terminal, the same is printed as text, one picture after the other.\n\n"
             "Of a BEAM node it shows processes with reductions and what they run, if it has the application runtime_tools, and no traffic. Of "
             "more than 50000 processes only those with a name are shown.",
    .examples = examples,
    .run = run,
};
