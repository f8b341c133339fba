/* How much a node logs, by module, while it runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/rpc.h>

#include "cli/log_setting.h"
#include "cli/suggest.h"
#include "cli/tool.h"

enum { SETTINGS_MAX = 64, MODULE_COLUMNS = 12 };

struct changes {
    struct log_setting settings[SETTINGS_MAX];
    size_t count, done;
};

static enum hm_verdict on_levels(hm_process *self, void *arg, const struct hm_rpc_result *result);
static enum hm_verdict on_set(hm_process *self, void *arg, const struct hm_rpc_result *result);

static void give_up_on(struct tool *tool, int error) {
    tool_finish(tool, tool_explain(tool, "hermod", error, (hm_term){0}, HM_SYNTAX_ERLANG));
}

static void ask_levels(struct tool *tool) {
    static const unsigned char NO_ARGUMENTS[] = {106};
    struct hm_rpc call = HM_RPC(tool->peer, "hermod", "log_levels", ((hm_term){NO_ARGUMENTS, sizeof NO_ARGUMENTS}), tool_left_ms(tool));
    int error = hm_rpc_call(tool->self, &call, on_levels, tool);
    if (error)
        give_up_on(tool, error);
}

static void set_next(struct tool *tool) {
    struct changes *changes = tool->arg;
    const struct log_setting *setting = &changes->settings[changes->done];
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (build) {
        hm_put_format(build, "[~a, ~a]", *setting->module ? setting->module : "default",
                      setting->reset                    ? "default"
                      : setting->level == HM_LOG_ERROR ? "error"
                      : setting->level == HM_LOG_WARN  ? "warn"
                      : setting->level == HM_LOG_INFO  ? "info"
                                                        : "debug");
        struct hm_rpc call = HM_RPC(tool->peer, "hermod", "set_log_level", hm_build_term(build), tool_left_ms(tool));
        error = hm_build_error(build);
        if (!error)
            error = hm_rpc_call(tool->self, &call, on_set, tool);
    }
    hm_build_free(build);
    if (error)
        give_up_on(tool, error);
}

/* What went wrong with a call, if anything did. Of a BEAM comes undef: it has no such function. */
static bool has_failed(struct tool *tool, const struct hm_rpc_result *result) {
    char *text = NULL;
    hm_term reason;
    if (result->error == HM_OK)
        return false;
    if (result->error != HM_EEXIT) {
        give_up_on(tool, result->error);
        return true;
    }
    if (hm_is_atom(result->value, "undef") || (hm_match(result->value, "{~t, _}", &reason) && hm_is_atom(reason, "undef"))) {
        tool_finish(tool, give_up(EXIT_FAILED, "%s does not tell of its log: it is no Hermod node, or does not let this node call the module hermod",
                                  tool->target.text));
        return true;
    }
    bool printed = hm_term_print(result->value, HM_SYNTAX_ERLANG, 1000, &text) == 0;
    tool_finish(tool, give_up(EXIT_FAILED, "%s does not tell of its log: %s", tool->target.text, printed ? text : "out of memory"));
    free(text);
    return true;
}

static enum hm_verdict on_set(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    struct changes *changes = tool->arg;
    (void)self;
    if (has_failed(tool, result))
        return HM_CONTINUE;
    changes->done++; /* {error, {unknown_module, _}} cannot be: they were looked up, and none goes away */
    if (changes->done < changes->count)
        set_next(tool);
    else
        ask_levels(tool);
    return HM_CONTINUE;
}

/* ---- what there is ---- */

static bool is_named(struct hm_text text, const char *name) {
    return text.size == strlen(name) && memcmp(text.at, name, text.size) == 0;
}

/* Those that do not exist: one of them is enough to change nothing. */
static bool are_there(struct tool *tool, hm_term modules) {
    struct changes *changes = tool->arg;
    for (size_t i = 0; i < changes->count; i++) {
        const char *wanted = changes->settings[i].module;
        struct suggestion best = suggestion_for(wanted);
        struct hm_map map;
        struct hm_text name;
        hm_term key, value;
        bool found = !*wanted;
        char guess[64];
        for (bool more = hm_map_begin(modules, &map); more && hm_map_next(&map, &key, &value);)
            if (hm_get_atom(key, &name)) {
                found = found || is_named(name, wanted);
                suggestion_try(&best, name.at, name.size);
            }
        if (!found) {
            tool_finish(tool, give_up(EXIT_USAGE, "there is no module \"%s\" in the log of %s%s", wanted, tool->target.text,
                                      suggestion_text(&best, "", guess, sizeof guess)));
            return false;
        }
    }
    return true;
}

static bool was_set(const struct changes *changes, struct hm_text name) {
    for (size_t i = 0; i < changes->count; i++)
        if (is_named(name, changes->settings[i].module))
            return true;
    return changes->count == 0;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of the alphabet: the default first, then all of them, or those that were set. */
static int print_levels(struct tool *tool, struct hm_text usual, hm_term modules) {
    const struct changes *changes = tool->arg;
    struct hm_map map;
    struct hm_text name, level;
    hm_term key, value;
    long size = hm_map_size(modules);
    size_t count = 0;
    char **lines = calloc(size > 0 ? (size_t)size : 1, sizeof *lines);
    int code = lines ? EXIT_FINE : give_up(EXIT_FAILED, "out of memory");
    for (bool more = lines && hm_map_begin(modules, &map); more && hm_map_next(&map, &key, &value);)
        if (hm_get_atom(key, &name) && hm_get_atom(value, &level) && was_set(changes, name) &&
            asprintf(&lines[count], "%-*.*s %.*s", MODULE_COLUMNS, (int)name.size, name.at, (int)level.size, level.at) >= 0)
            count++;
    if (lines)
        qsort(lines, count, sizeof *lines, compare);
    if (lines && was_set(changes, (struct hm_text){"", 0}))
        printf("%-*s %.*s\n", MODULE_COLUMNS, "default", (int)usual.size, usual.at);
    for (size_t i = 0; i < count; i++) {
        puts(lines[i]);
        free(lines[i]);
    }
    free(lines);
    return code;
}

static int print_json(hm_term levels) {
    char *text;
    int error = hm_term_print(levels, HM_SYNTAX_JSON, 0, &text);
    if (error)
        return give_up(EXIT_FAILED, "cannot print the answer: %s", hm_strerror(error));
    puts(text);
    free(text);
    return EXIT_FINE;
}

static enum hm_verdict on_levels(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    struct changes *changes = tool->arg;
    hm_term modules, usual;
    struct hm_text name;
    (void)self;
    if (has_failed(tool, result))
        return HM_CONTINUE;
    if (!hm_map_get_atom(result->value, "modules", &modules) || !hm_map_get_atom(result->value, "default", &usual) || !hm_get_atom(usual, &name))
        tool_finish(tool, give_up(EXIT_FAILED, "%s tells something else than levels", tool->target.text));
    else if (changes->done < changes->count) {
        if (are_there(tool, modules))
            set_next(tool);
    } else {
        tool_finish(tool, tool->settings->json ? print_json(result->value) : print_levels(tool, name, modules));
    }
    return HM_CONTINUE;
}

/* ---- command ---- */

static int run(const struct settings *settings, int count, char **arguments) {
    struct changes changes = {.count = (size_t)count - 1};
    char why[WHY_BYTES];
    for (size_t i = 0; i < changes.count; i++)
        if (log_setting_read(&changes.settings[i], arguments[i + 1], strlen(arguments[i + 1]), true, arguments[i + 1], why, sizeof why))
            return give_up(EXIT_USAGE, "%s", why);
    return tool_run(settings, "log", arguments[0], ask_levels, &changes);
}

static const struct example examples[] = {
    {"hermod log hermod", "Prints each module of the log and its level."},
    {"hermod log hermod peer=debug hs=debug", "What happens to connections, and in handshakes."},
    {"hermod log hermod peer=default hs=default", "Back to the level of all the others."},
    {"hermod log hermod warn", "Less of everything that has no level of its own, until the node ends."},
    {NULL, NULL},
};

const struct command command_log = {
    .name = "log",
    .bit = IN_LOG,
    .arguments = "NODE [LEVEL] [MODULE=LEVEL]...",
    .least = 1,
    .most = 1 + SETTINGS_MAX,
    .summary = "show and change how much a Hermod node logs",
    .about = "Prints the modules of the log of NODE, a Hermod node, and the level of each: error, warn, info or debug. A module is the first word of "
             "the ids in the log: peer of peer.up.\n\n"
             "MODULE=LEVEL gives a module a level of its own, MODULE=default takes it away; LEVEL alone is for all the others, and "
             "default=default is what --log-level said. It counts until the node ends, and goes over rpc: :rpc.call(node, :hermod, :set_log_level, "
             "[:peer, :debug]) does the same.",
    .examples = examples,
    .run = run,
};
