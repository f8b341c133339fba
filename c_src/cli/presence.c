/* Who is present in a topic, one line each; with --watch who comes and goes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/term_argument.h"
#include "cli/tool.h"

/* What the daemon answers with the names of its trackers: a BEAM has no such process, and the supervisor that has the tracker's name there must not
 * be asked anything. */
static const char DIRECTORY[] = "presence";

struct presence {
    hm_build *topic;
    char tracker[HM_ATOM_BYTES];
    uint64_t printed;
};

static enum hm_syntax syntax_of(const struct settings *settings) {
    return settings->json ? HM_SYNTAX_JSON : settings->erlang ? HM_SYNTAX_ERLANG : HM_SYNTAX_ELIXIR;
}

static bool put_line(struct tool *tool, const char *event, hm_term key, hm_term meta) {
    enum hm_syntax syntax = syntax_of(tool->settings);
    char *texts[2] = {NULL, NULL};
    bool fine;
    if (syntax == HM_SYNTAX_JSON) {
        hm_build *object = hm_build_new();
        if (object && event)
            hm_put_format(object, "#{event => ~s, key => ~t, meta => ~t}", event, key, meta);
        else if (object)
            hm_put_format(object, "#{key => ~t, meta => ~t}", key, meta);
        fine = object && !hm_build_error(object) && !hm_term_print(hm_build_term(object), syntax, 0, &texts[0]) && puts(texts[0]) >= 0;
        hm_build_free(object);
    } else {
        fine = !hm_term_print(key, syntax, 0, &texts[0]) && !hm_term_print(meta, syntax, 0, &texts[1]) &&
               printf("%s%s %s\n", !event ? "" : *event == 'j' ? "+ " : "- ", texts[0], texts[1]) >= 0;
    }
    free(texts[0]);
    free(texts[1]);
    return fine && fflush(stdout) == 0;
}

/* A line that nobody can read ends the command, as `| head' makes it. */
static void print(struct tool *tool, const char *event, hm_term key, hm_term meta) {
    struct presence *presence = tool->arg;
    if (tool->over)
        return;
    if (!put_line(tool, event, key, meta))
        tool_finish(tool, EXIT_FAILED);
    else if (++presence->printed == tool->settings->count)
        tool_finish(tool, EXIT_FINE);
}

static void print_list(struct tool *tool, hm_term entries) {
    struct hm_list list;
    hm_term entry, key, meta;
    if (hm_list_begin(entries, &list))
        while (hm_list_next(&list, &entry))
            if (hm_match(entry, "{~t, ~t}", &key, &meta))
                print(tool, tool->settings->watch ? "join" : NULL, key, meta);
}

/* #{Key => #{metas => [Meta]}} */
static void print_changes(struct tool *tool, hm_term payload, const char *which, const char *event) {
    struct hm_map map;
    struct hm_list list;
    hm_term changes, key, value, metas, meta;
    if (!hm_map_get_atom(payload, which, &changes) || !hm_map_begin(changes, &map))
        return;
    while (hm_map_next(&map, &key, &value))
        if (hm_map_get_atom(value, "metas", &metas) && hm_list_begin(metas, &list))
            while (hm_list_next(&list, &meta))
                print(tool, event, key, meta);
}

static enum hm_verdict on_info(struct tool *tool, hm_term term) {
    const struct presence *presence = tool->arg;
    hm_term payload;
    if (tool->over)
        return HM_CONTINUE;
    if (hm_match(term, "{'DOWN', _, process, _, _}")) {
        tool_finish(tool, give_up(EXIT_NO_CONNECTION, "%s on %s is gone", name_shown(presence->tracker), tool->target.text));
    } else if (hm_map_get_atom(term, "payload", &payload)) {
        print_changes(tool, payload, "leaves", "leave");
        print_changes(tool, payload, "joins", "join");
    } else {
        return HM_UNKNOWN;
    }
    return HM_CONTINUE;
}

static void watch(struct tool *tool, hm_term entries) {
    const struct presence *presence = tool->arg;
    hm_ref ref;
    tool->info = on_info;
    tool->waiting_for = "change";
    tool_wait_as_long_as_it_takes(tool);
    print_list(tool, entries);
    int error = hm_monitor(tool->self, hm_to_name(presence->tracker, tool->peer), &ref);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    const struct presence *presence = tool->arg;
    struct hm_text reason;
    hm_term entries;
    (void)self;
    if (error) {
        tool_finish(tool, tool_explain(tool, presence->tracker, error, reply, HM_SYNTAX_ELIXIR));
    } else if (hm_match(reply, "{error, ~a}", &reason)) {
        tool_finish(tool, give_up(EXIT_FAILED, "%s refuses: %.*s", name_shown(presence->tracker), (int)reason.size, reason.at));
    } else if (hm_match(reply, "{ok, ~t}", &entries)) {
        watch(tool, entries);
    } else {
        print_list(tool, reply);
        tool_finish(tool, EXIT_FINE);
    }
    return HM_CONTINUE;
}

static void ask(struct tool *tool) {
    const struct presence *presence = tool->arg;
    hm_build *request = hm_build_new();
    int error = HM_ENOMEM;
    if (request) {
        hm_put_format(request, "{~a, ~t}", tool->settings->watch ? "watch" : "list", hm_build_term(presence->topic));
        error = hm_build_error(request);
    }
    if (!error)
        error = hm_call(tool->self, hm_to_name(presence->tracker, tool->peer), hm_build_term(request), tool_left_ms(tool), on_answer, tool);
    hm_build_free(request);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

/* The one that was named, or the only one. */
static int choose(struct presence *presence, const char *node, hm_term trackers) {
    struct hm_list list;
    struct hm_text name;
    hm_term element;
    if (!*presence->tracker && hm_list_length(trackers) > 1)
        return give_up(EXIT_USAGE, "there are several trackers on %s: choose one with --tracker", node);
    if (hm_list_begin(trackers, &list))
        while (hm_list_next(&list, &element)) {
            if (*presence->tracker ? hm_is_atom(element, presence->tracker)
                                   : hm_get_atom(element, &name) && name.size < sizeof presence->tracker) {
                if (!*presence->tracker)
                    memcpy(presence->tracker, name.at, name.size);
                return EXIT_FINE;
            }
        }
    return give_up(EXIT_NOPROC, "%s has no tracker %s", node, name_shown(presence->tracker));
}

static enum hm_verdict on_directory(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    int code;
    (void)self;
    if (error == HM_ENOPROC)
        tool_finish(tool, give_up(EXIT_NOPROC, "%s is no Hermod with --phoenix-presence; in Elixir, ask MyAppWeb.Presence.list there",
                                  tool->target.text));
    else if (error)
        tool_finish(tool, tool_explain(tool, DIRECTORY, error, reply, HM_SYNTAX_ELIXIR));
    else if ((code = choose(tool->arg, tool->target.text, reply)))
        tool_finish(tool, code);
    else
        ask(tool);
    return HM_CONTINUE;
}

static void on_connected(struct tool *tool) {
    static const unsigned char trackers[] = "w\x08trackers";
    int error = hm_call(tool->self, hm_to_name(DIRECTORY, tool->peer), (hm_term){trackers, sizeof trackers - 1}, tool_left_ms(tool), on_directory,
                        tool);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct presence presence = {.topic = hm_build_new()};
    char why[WHY_BYTES];
    int error = presence.topic ? HM_OK : HM_ENOMEM, code;
    (void)count;
    if (!error && settings->tracker)
        error = name_argument_read(presence.tracker, sizeof presence.tracker, settings->tracker, why, sizeof why);
    if (!error) {
        hm_put_text(presence.topic, arguments[1]);
        error = hm_build_error(presence.topic);
    }
    if (error)
        code = give_up(exit_code_of(error), "%s", error == HM_ENOMEM ? hm_strerror(error) : why);
    else
        code = tool_run(settings, "presence", arguments[0], on_connected, &presence);
    hm_build_free(presence.topic);
    return code;
}

static const struct example examples[] = {
    {"hermod presence hermod room:1", "Prints who is there, as: \"ann\" %{phx_ref: \"GOoX_kpW-UrdpQAB\"}"},
    {"hermod presence --watch hermod room:1", "Who is there, and then who comes (+) and goes (-), until Ctrl-C."},
    {"hermod presence --json --watch hermod room:1", "Objects with event (join or leave), key and meta."},
    {NULL, NULL},
};

const struct command command_presence = {
    .name = "presence",
    .bit = IN_PRESENCE,
    .arguments = "NODE TOPIC",
    .least = 2,
    .most = 2,
    .summary = "print who is present in a topic of Phoenix.Presence",
    .about =
        "NODE is a Hermod with --phoenix-presence; what it prints is known of all nodes of the application: the key and the meta of each "
        "presence, one line each. With --watch who comes and goes follows, until it is interrupted, --count lines "
        "were printed or --timeout milliseconds have passed (then the exit status is 6); an update is a leave and a join.",
    .examples = examples,
    .run = run,
};
