/* What the processes and functions of a node do, one line for each event, as the node's `tracer` tells it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hermod/trace.h>

#include "cli/tool.h"
#include "cli/trace_client.h"

struct trace_tool {
    const char *target; /* NULL: none was given */
    uint64_t number;    /* of a trace: 0 for all */
};

static enum hm_syntax syntax_of(const struct settings *settings) {
    return settings->json ? HM_SYNTAX_JSON : settings->erlang ? HM_SYNTAX_ERLANG : HM_SYNTAX_ELIXIR;
}

/* A line that nobody can read ends the command: `hermod trace ... | head'. */
static void end_line(struct tool *tool) {
    if (putchar('\n') == EOF || fflush(stdout))
        tool_finish(tool, EXIT_FAILED);
}

static void print_event(struct tool *tool, hm_term term) {
    struct hm_trace_event event;
    char *text;
    if (hm_trace_read(term, &event) != 0)
        return;
    int error = hm_trace_print(&event, syntax_of(tool->settings), 0, &text);
    if (error) {
        give_up(EXIT_FAILED, "an event cannot be printed: %s", hm_strerror(error));
        return;
    }
    time_t seconds = (time_t)(event.time_us / 1000000);
    struct tm tm;
    if (!tool->settings->json && event.time_us && localtime_r(&seconds, &tm))
        printf("%02d:%02d:%02d.%03d ", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(event.time_us % 1000000 / 1000));
    fputs(text, stdout);
    free(text);
    end_line(tool);
}

/* ---- a trace ---- */

static void say_end(struct tool *tool, hm_term why, uint64_t events) {
    char name[64] = "?";
    size_t size;
    hm_get_text(why, name, sizeof name, &size);
    bool usual = strcmp(name, "limit") == 0 || strcmp(name, "stopped") == 0;
    tool_finish(tool, give_up(usual ? EXIT_FINE : EXIT_FAILED, "the trace ends after %llu event%s: %s", (unsigned long long)events,
                              events == 1 ? "" : "s",
                              strcmp(name, "limit") == 0             ? "as many as --limit"
                              : strcmp(name, "rate") == 0            ? "more in one second than --rate"
                              : strcmp(name, "target_gone") == 0     ? "the process has ended"
                              : strcmp(name, "recording_full") == 0  ? "the recording is full (--forget, or --trace-memory there)"
                                                                     : name));
}

static enum hm_verdict on_info(struct tool *tool, hm_term term) {
    hm_term why;
    uint64_t events;
    if (tool->over)
        return HM_CONTINUE;
    if (hm_match(term, "{'DOWN', _, process, _, _}"))
        tool_finish(tool, give_up(EXIT_NO_CONNECTION, "%s is gone, or its tracer ended", tool->target.text));
    else if (hm_match(term, "{trace_end, _, ~t, ~u}", &why, &events))
        say_end(tool, why, events);
    else
        print_event(tool, term);
    return HM_CONTINUE;
}

static int refused(const struct tool *tool, hm_term reply) {
    const struct trace_tool *trace = tool->arg;
    const char *node = tool->target.text, *target = trace->target ? trace->target : "";
    hm_term text;
    char why[512];
    size_t size;
    if (hm_match(reply, "{error, {badarg, ~t}}", &text) && hm_get_text(text, why, sizeof why, &size))
        return give_up(EXIT_USAGE, "%s", why);
    if (hm_match(reply, "{error, noproc}"))
        return give_up(EXIT_NOPROC, "no process %s on %s", target, node);
    if (hm_match(reply, "{error, undef}"))
        return give_up(EXIT_NOPROC, "%s is no function of %s that others can call, nor a message to a registered process", target, node);
    if (hm_match(reply, "{error, noconnection}"))
        return give_up(EXIT_NOPROC, "%s has no connection to %s", node, strncmp(target, "peer:", 5) ? target : target + 5);
    if (hm_match(reply, "{error, noent}"))
        return give_up(EXIT_NOPROC, "no trace %s runs on %s", target, node);
    if (hm_match(reply, "{error, system_limit}"))
        return give_up(EXIT_FAILED, "%s takes no more traces (--max-traces there), or has no memory", node);
    if (hm_match(reply, "{error, recording_full}"))
        return give_up(EXIT_FAILED, "the recording on %s is full: see --forget, and --trace-memory there", node);
    if (hm_match(reply, "{error, not_allowed}"))
        return give_up(EXIT_FAILED, "%s does not let this node trace (--allow-rpc, --deny-rpc there)", node);
    return give_up(EXIT_FAILED, "%s gave an answer that this command does not know", node);
}

/* Why there is no answer. */
static int explain(const struct tool *tool, int error, hm_term reply) {
    if (error != HM_ENOPROC)
        return tool_explain(tool, "tracer", error, reply, HM_SYNTAX_ELIXIR);
    return give_up(EXIT_NOPROC, "%s has no tracer: it is no Hermod, or one that was started --without tracer; a BEAM has dbg, and "
                   "`hermod trace --dbg HOST:PORT' prints what its trace port sends", tool->target.text);
}

/* Not on standard output, which may be JSON for somebody. */
static void wait_for_events(struct tool *tool) {
    const struct trace_tool *trace = tool->arg;
    tool_wait_as_long_as_it_takes(tool);
    give_up(EXIT_FINE, "tracing %s on %s, at most %llu event%s", trace->target, tool->target.text,
            (unsigned long long)tool->settings->trace_limit, tool->settings->trace_limit == 1 ? "" : "s");
}

static enum hm_verdict on_started(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    uint64_t id;
    if (tool->over)
        return HM_CONTINUE;
    if (error)
        tool_finish(tool, explain(tool, error, reply));
    else if (!hm_match(reply, "{ok, ~u}", &id))
        tool_finish(tool, refused(tool, reply));
    else if ((error = hm_monitor(self, hm_to_name("tracer", tool->peer), NULL)))
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
    else
        wait_for_events(tool);
    return HM_CONTINUE;
}

/* ---- one answer ---- */

static void print_info(struct tool *tool, hm_term info) {
    char *text = NULL, *owner = NULL;
    uint64_t id = 0, limit = 0, events = 0;
    hm_term term, name = {0};
    if (tool->settings->json) {
        if (hm_term_print(info, HM_SYNTAX_JSON, 0, &text) == 0)
            fputs(text, stdout);
    } else {
        if (hm_map_get_atom(info, "id", &term))
            hm_get_uint64(term, &id);
        if (hm_map_get_atom(info, "limit", &term))
            hm_get_uint64(term, &limit);
        if (hm_map_get_atom(info, "events", &term))
            hm_get_uint64(term, &events);
        if (hm_map_get_atom(info, "target", &name) && hm_term_print(name, HM_SYNTAX_ELIXIR, 400, &text) == 0 &&
            hm_map_get_atom(info, "owner", &term) && hm_term_print(term, syntax_of(tool->settings), 400, &owner) == 0)
            printf("%llu %s %llu of %llu events, for %s", (unsigned long long)id, text, (unsigned long long)events,
                   (unsigned long long)limit, owner);
    }
    free(text);
    free(owner);
    end_line(tool);
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    struct hm_list list;
    (void)self;
    if (tool->over)
        return HM_CONTINUE;
    if (error) {
        tool_finish(tool, explain(tool, error, reply));
    } else if (hm_list_begin(reply, &list)) {
        for (hm_term term; !tool->over && hm_list_next(&list, &term);)
            if (tool->settings->trace_list)
                print_info(tool, term);
            else
                print_event(tool, term);
        tool_finish(tool, EXIT_FINE);
    } else {
        tool_finish(tool, hm_is_atom(reply, "ok") ? EXIT_FINE : refused(tool, reply));
    }
    return HM_CONTINUE;
}

static const char *truth(bool value) {
    return value ? "true" : "false";
}

static void put_request(hm_build *request, const struct tool *tool) {
    const struct settings *settings = tool->settings;
    const struct trace_tool *trace = tool->arg;
    if (settings->trace_playback)
        hm_put_format(request, "{playback, ~u, messages}", trace->number);
    else if (settings->trace_stop && trace->target)
        hm_put_format(request, "{stop, ~u}", trace->number);
    else if (settings->trace_list || settings->trace_stop || settings->trace_forget)
        hm_put_atom(request, settings->trace_list ? "list" : settings->trace_stop ? "stop" : "forget");
    else
        hm_put_format(request,
                      "{trace, ~s, #{limit => ~u, rate => ~u, return => ~a, record => ~a, messages => ~a, scope => ~a, handler => ~p, "
                      "timestamp => true}}",
                      trace->target, settings->trace_limit, settings->trace_rate, truth(settings->trace_return),
                      truth(settings->trace_record), truth(settings->trace_messages),
                      settings->scope.count ? settings->scope.items[0] : "external", hm_self(tool->self));
}

static bool is_question(const struct settings *settings) {
    return settings->trace_playback || settings->trace_list || settings->trace_stop || settings->trace_forget;
}

static void start(struct tool *tool) {
    hm_build *request = hm_build_new();
    int error = HM_ENOMEM;
    tool->info = on_info;
    tool->waiting_for = "event";
    if (request) {
        put_request(request, tool);
        error = hm_build_error(request);
    }
    if (!error)
        error = hm_call(tool->self, hm_to_name("tracer", tool->peer), hm_build_term(request), tool_left_ms(tool),
                        is_question(tool->settings) ? on_answer : on_started, tool);
    hm_build_free(request);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

/* ---- the command line ---- */

static int check(const struct settings *settings, struct trace_tool *trace) {
    int questions = settings->trace_playback + settings->trace_list + settings->trace_stop + settings->trace_forget;
    if (questions > 1)
        return give_up(EXIT_USAGE, "--playback, --list, --stop and --forget exclude each other: give one of them");
    if (settings->scope.count > 1 ||
        (settings->scope.count && strcmp(settings->scope.items[0], "local") && strcmp(settings->scope.items[0], "external")))
        return give_up(EXIT_USAGE, "--scope is local or external");
    if (!questions)
        return trace->target ? EXIT_FINE : give_up(EXIT_USAGE, "say what to trace: hermod trace NODE TARGET");
    if (!trace->target)
        return EXIT_FINE;
    char *rest;
    trace->number = strtoull(trace->target, &rest, 10);
    if (settings->trace_list || settings->trace_forget || *rest || !trace->number || trace->target[0] == '-')
        return give_up(EXIT_USAGE, "%s takes no TARGET%s",
                       settings->trace_list     ? "--list"
                       : settings->trace_forget ? "--forget"
                       : settings->trace_stop   ? "--stop"
                                                : "--playback",
                       settings->trace_list || settings->trace_forget ? "" : " but the number of a trace, as --list shows it");
    return EXIT_FINE;
}

/* From a trace port there is no node and nothing to set up: what is traced was said there. */
static int run_client(const struct settings *settings, int count) {
    static const char *const others[] = {"rate", "return", "messages", "record", "playback", "list", "stop", "forget", "scope"};
    if (count)
        return give_up(EXIT_USAGE, "--dbg takes no NODE and no TARGET: what is traced is said where the port is");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (option_source(settings, others[i]) == SOURCE_ARGUMENT)
            return give_up(EXIT_USAGE, "--dbg and --%s exclude each other: what is traced is said where the port is", others[i]);
    return trace_client_run(settings, settings->trace_dbg);
}

static int run(const struct settings *settings, int count, char **arguments) {
    if (settings->trace_dbg)
        return run_client(settings, count);
    if (count == 0)
        return give_up(EXIT_USAGE, "say whom and what to trace: hermod trace NODE TARGET, or hermod trace --dbg HOST:PORT");
    struct trace_tool trace = {.target = count > 1 ? arguments[1] : NULL};
    int code = check(settings, &trace);
    return code ? code : tool_run(settings, "trace", arguments[0], start, &trace);
}

static const struct example examples[] = {
    {"hermod trace hermod message_server", "What other nodes ask the chat, as it comes: 100 events, or until Ctrl-C."},
    {"hermod trace --limit 5 --return hermod pg:join/2", "Five calls of a function and what they return."},
    {"hermod trace hermod message_server:say/2", "Only messages {say, _}."},
    {"hermod trace --record --json hermod peer:web@vm", "What the two nodes say to each other, one JSON object on each line."},
    {"hermod trace --playback hermod", "What was recorded."},
    {"hermod trace --dbg localhost:4711", "What a BEAM traces after dbg:tracer(port, dbg:trace_port(ip, 4711))."},
    {NULL, NULL},
};

const struct command command_trace = {
    .name = "trace",
    .bit = IN_TRACE,
    .arguments = "[NODE] [TARGET]",
    .least = 0,
    .most = 2,
    .summary = "print what processes and functions of a node do",
    .about =
        "Prints a line for each event, until there were --limit of them, --rate is passed, or Ctrl-C. The trace ends on NODE, "
        "too. NODE is a Hermod.\n\n"
        "TARGET is NAME or <0.ID.SERIAL>, a process: what it is asked, and with --return what it replies; NAME:TAG/ARITY, only tuples of so "
        "many elements that begin with this atom; MODULE:FUNCTION/ARITY or Module.function/arity, a function that others can call, _ for any; "
        "processes: their starts, ends, links and names; peer:NODE, control messages. Where NAME:TAG/ARITY is also a "
        "function, process:NAME:TAG/ARITY is the message.\n\n"
        "With --dbg it is the client of a trace port (dbg:trace_port(ip, PORT) on a BEAM, --trace-port on a Hermod) and prints what comes as dbg "
        "does, until the trace ends or there were --limit of them.",
    .examples = examples,
    .run = run,
};
