/*
 * Nodes, registered names, groups and presences of a node as they change, one line for each change.
 *
 * Groups are told by their scope, to whoever asks it as pg:monitor_scope does; a scope that is not there yet is asked when its name
 * is registered. Nobody tells other nodes of their connections and names, so these are asked for every --interval.
 */
#include "cli/watch.h"

#include <hermod/rpc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct watched_scope {
    struct tool *tool;
    const char *name;
    hm_ref ref, end; /* of what it tells; of its end */
    bool asked, watching;
};

void watch_give_up_on(struct tool *tool, int error) {
    tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

/* ---- lines ---- */

void watch_print_term(struct tool *tool, hm_term term, enum hm_syntax syntax, const char *before) {
    char *text;
    int error = hm_term_print(term, syntax, 0, &text);
    if (error) {
        watch_give_up_on(tool, error);
        return;
    }
    printf("%s%s", before, text);
    free(text);
}

void watch_end_line(struct tool *tool) {
    struct watch *watch = tool->arg;
    if (putchar('\n') < 0 || fflush(stdout))
        tool_finish(tool, EXIT_FAILED);
    else if (watch->begun && ++watch->lines == tool->settings->count)
        tool_finish(tool, EXIT_FINE);
}

void watch_print_json(struct tool *tool) {
    struct watch *watch = tool->arg;
    if (hm_build_error(watch->line))
        watch_give_up_on(tool, hm_build_error(watch->line));
    else
        watch_print_term(tool, hm_build_term(watch->line), HM_SYNTAX_JSON, "");
}

enum hm_syntax watch_syntax(const struct tool *tool) {
    return tool->settings->elixir ? HM_SYNTAX_ELIXIR : HM_SYNTAX_ERLANG;
}

/* nodeup, nodedown, registered, unregistered; key is what JSON calls the atom. */
static void print_change(struct tool *tool, const char *event, const char *key, hm_term atom) {
    struct watch *watch = tool->arg;
    if (tool->over)
        return;
    if (tool->settings->json) {
        hm_build_reset(watch->line);
        hm_put_map(watch->line, 2);
        hm_put_atom(watch->line, "event");
        hm_put_text(watch->line, event);
        hm_put_atom(watch->line, key);
        hm_put_term(watch->line, atom);
        watch_print_json(tool);
    } else {
        printf("%s", event);
        watch_print_term(tool, atom, watch_syntax(tool), " ");
    }
    watch_end_line(tool);
}

static void print_member(struct tool *tool, const char *event, const char *scope, hm_term group, hm_term pid) {
    struct watch *watch = tool->arg;
    if (tool->over)
        return;
    if (tool->settings->json) {
        hm_build_reset(watch->line);
        hm_put_format(watch->line, "#{event => ~a, scope => ~a, group => ~t, pid => ~t}", event, scope, group, pid);
        watch_print_json(tool);
    } else {
        printf("%s %s", event, scope);
        watch_print_term(tool, group, watch_syntax(tool), " ");
        watch_print_term(tool, pid, watch_syntax(tool), " ");
    }
    watch_end_line(tool);
}

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

/* When everything was heard once: from now on changes are printed. */
void watch_begin(struct tool *tool) {
    struct watch *watch = tool->arg;
    if (watch->begun || watch->waiting || tool->over)
        return;
    if (tool->settings->json) {
        hm_build_reset(watch->line);
        hm_put_format(watch->line, "#{event => watching, node => ~s, nodes => ~t, names => ~t, groups => ~u, presences => ~u}",
                      tool->target.text, watch->nodes.copy, watch->names.copy, (uint64_t)watch->groups,
                      watch_presences_count(&watch->presences));
        watch_print_json(tool);
    } else {
        size_t presences = (size_t)watch_presences_count(&watch->presences);
        printf("watching %s: %zu node%s, %zu name%s, %zu group%s, %zu presence%s", tool->target.text, watch->nodes.count,
               plural(watch->nodes.count), watch->names.count, plural(watch->names.count), watch->groups, plural(watch->groups),
               presences, plural(presences));
    }
    watch_end_line(tool);
    watch->begun = true;
}

/* ---- nodes and names ---- */

static void print_node(struct tool *tool, bool came, hm_term node) {
    print_change(tool, came ? "nodeup" : "nodedown", "node", node);
}

static void print_name(struct tool *tool, bool came, hm_term name) {
    print_change(tool, came ? "registered" : "unregistered", "name", name);
}

static int compare(const void *a, const void *b) {
    return hm_term_compare(*(const hm_term *)a, *(const hm_term *)b);
}

void shot_fini(struct shot *shot) {
    free((void *)shot->copy.bytes);
    free(shot->items);
}

static int shot_take(struct shot *shot, hm_term list) {
    long length = hm_list_length(list);
    struct hm_list left;
    *shot = (struct shot){0};
    if (length < 0)
        return HM_EBADTERM;
    int error = hm_term_copy(list, &shot->copy);
    if (!error && !(shot->items = calloc((size_t)length + 1, sizeof *shot->items)))
        error = HM_ENOMEM;
    if (error) {
        shot_fini(shot);
        return error;
    }
    hm_list_begin(shot->copy, &left);
    while (hm_list_next(&left, &shot->items[shot->count]))
        shot->count++;
    qsort(shot->items, shot->count, sizeof *shot->items, compare);
    return HM_OK;
}

int shot_replace(struct tool *tool, struct shot *old, hm_term list, void (*print)(struct tool *tool, bool came, hm_term item)) {
    const struct watch *watch = tool->arg;
    struct shot new;
    int error = shot_take(&new, list);
    if (error)
        return error;
    for (size_t i = 0, j = 0; watch->begun && (i < old->count || j < new.count);) {
        int order = i == old->count ? 1 : j == new.count ? -1 : compare(&old->items[i], &new.items[j]);
        if (order < 0)
            print(tool, false, old->items[i]);
        else if (order > 0)
            print(tool, true, new.items[j]);
        i += order <= 0;
        j += order >= 0;
    }
    shot_fini(old);
    *old = new;
    return HM_OK;
}

static void keep_shot(struct tool *tool, struct shot *shot, hm_term list, void (*print)(struct tool *tool, bool came, hm_term item)) {
    int error = shot_replace(tool, shot, list, print);
    if (error)
        tool_finish(tool, give_up(EXIT_FAILED, "%s gives no list: %s", tool->target.text, hm_strerror(error)));
}

/* ---- questions ---- */

int watch_ask(struct tool *tool, const char *module, const char *function, const char *arguments, hm_rpc_done *done, void *arg) {
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (build) {
        hm_put_format(build, arguments);
        struct hm_rpc call = HM_RPC(tool->peer, module, function, hm_build_term(build), (int64_t)tool->settings->timeout_ms);
        error = hm_build_error(build);
        if (!error)
            error = hm_rpc_call(tool->self, &call, done, arg);
    }
    hm_build_free(build);
    return error;
}

bool watch_has_failed(struct tool *tool, const struct hm_rpc_result *result) {
    if (tool->over)
        return true;
    if (result->error == HM_OK)
        return false;
    char *text = NULL;
    if (result->error == HM_EEXIT && hm_term_print(result->value, HM_SYNTAX_ERLANG, 200, &text) == 0)
        tool_finish(tool, give_up(EXIT_FAILED, "%s does not tell of its nodes and names: %s", tool->target.text, text));
    else
        tool_finish(tool, tool_explain(tool, "erlang", result->error, (hm_term){0}, HM_SYNTAX_ERLANG));
    free(text);
    return true;
}

bool watch_is_registered(const struct watch *watch, const char *name) {
    for (size_t i = 0; i < watch->names.count; i++)
        if (hm_is_atom(watch->names.items[i], name))
            return true;
    return false;
}

static struct watched_scope *scope_of(struct tool *tool, hm_term term) {
    const struct watch *watch = tool->arg;
    hm_ref ref;
    if (hm_get_ref(tool->node, term, &ref))
        for (size_t i = 0; i < watch->scope_count; i++)
            if (watch->scopes[i].watching && hm_ref_equal(&watch->scopes[i].ref, &ref))
                return &watch->scopes[i];
    return NULL;
}

static void print_members(struct tool *tool, const char *event, const char *scope, hm_term group, hm_term pids) {
    struct hm_list left;
    if (hm_list_begin(pids, &left))
        for (hm_term pid; hm_list_next(&left, &pid);)
            print_member(tool, event, scope, group, pid);
}

static void keep_scope(struct watched_scope *scope, hm_term reply) {
    struct tool *tool = scope->tool;
    struct watch *watch = tool->arg;
    hm_term ref, groups, group, pids;
    struct hm_map map;
    if (!hm_match(reply, "{~t, ~t}", &ref, &groups) || !hm_get_ref(tool->node, ref, &scope->ref) || !hm_map_begin(groups, &map) ||
        hm_monitor(tool->self, hm_to_name(scope->name, tool->peer), &scope->end) != 0) {
        tool_finish(tool, give_up(EXIT_FAILED, "%s on %s is no scope of pg", scope->name, tool->target.text));
        return;
    }
    scope->watching = true;
    while (hm_map_next(&map, &group, &pids)) {
        watch->groups++;
        if (watch->begun)
            print_members(tool, "join", scope->name, group, pids);
    }
}

static enum hm_verdict on_scope(hm_process *self, void *arg, int error, hm_term reply) {
    struct watched_scope *scope = arg;
    struct tool *tool = scope->tool;
    struct watch *watch = tool->arg;
    (void)self;
    scope->asked = false;
    watch->waiting--;
    if (tool->over)
        return HM_CONTINUE;
    if (!error)
        keep_scope(scope, reply);
    else if (error != HM_ENOPROC)
        tool_finish(tool, tool_explain(tool, scope->name, error, reply, HM_SYNTAX_ERLANG));
    watch_begin(tool);
    return HM_CONTINUE;
}

/* Asked the same, the scope of a node that does not know how to watch would end of it. */
static enum hm_verdict on_exported(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    static const unsigned char MONITOR[] = {119, 7, 'm', 'o', 'n', 'i', 't', 'o', 'r'};
    struct watched_scope *scope = arg;
    struct tool *tool = scope->tool;
    int error;
    if (watch_has_failed(tool, result))
        return HM_CONTINUE;
    if (!hm_is_atom(result->value, "true"))
        tool_finish(tool, give_up(EXIT_FAILED, "pg on %s cannot be watched: it needs OTP 25.1", tool->target.text));
    else if ((error = hm_call(self, hm_to_name(scope->name, tool->peer), (hm_term){MONITOR, sizeof MONITOR},
                              (int64_t)tool->settings->timeout_ms, on_scope, scope)))
        watch_give_up_on(tool, error);
    return HM_CONTINUE;
}

static void ask_scopes(struct tool *tool) {
    struct watch *watch = tool->arg;
    for (size_t i = 0; i < watch->scope_count && !tool->over; i++) {
        struct watched_scope *scope = &watch->scopes[i];
        if (scope->asked || scope->watching || !watch_is_registered(watch, scope->name))
            continue;
        int error = watch_ask(tool, "erlang", "function_exported", "[pg, monitor_scope, 1]", on_exported, scope);
        if (error) {
            watch_give_up_on(tool, error);
            return;
        }
        scope->asked = true;
        watch->waiting++;
    }
}

static enum hm_verdict on_names(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    static const unsigned char POLL[] = {119, 4, 'p', 'o', 'l', 'l'};
    struct tool *tool = arg;
    struct watch *watch = tool->arg;
    if (watch_has_failed(tool, result))
        return HM_CONTINUE;
    keep_shot(tool, &watch->names, result->value, print_name);
    ask_scopes(tool);
    watch_presences_look(tool);
    watch_begin(tool);
    int error = hm_send_after(self, (int64_t)tool->settings->interval_ms, (hm_term){POLL, sizeof POLL}, NULL);
    if (error)
        watch_give_up_on(tool, error);
    return HM_CONTINUE;
}

static enum hm_verdict on_nodes(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    struct watch *watch = tool->arg;
    (void)self;
    if (watch_has_failed(tool, result))
        return HM_CONTINUE;
    keep_shot(tool, &watch->nodes, result->value, print_node);
    int error = tool->over ? HM_OK : watch_ask(tool, "erlang", "registered", "[]", on_names, tool);
    if (error)
        watch_give_up_on(tool, error);
    return HM_CONTINUE;
}

static void poll(struct tool *tool) {
    int error = watch_ask(tool, "erlang", "nodes", "[visible]", on_nodes, tool);
    if (error)
        watch_give_up_on(tool, error);
}

/* ---- what is told ---- */

static void on_down(struct tool *tool, hm_term ref_term) {
    struct watch *watch = tool->arg;
    hm_ref ref;
    if (!hm_get_ref(tool->node, ref_term, &ref))
        return;
    for (size_t i = 0; i < watch->scope_count; i++)
        if (watch->scopes[i].watching && hm_ref_equal(&watch->scopes[i].end, &ref)) {
            watch->scopes[i].watching = false; /* and asked again when its name is seen */
            return;
        }
    if (watch_presences_down(&watch->presences, &ref))
        return;
    tool_finish(tool, give_up(EXIT_NO_CONNECTION, "%s is gone", tool->target.text));
}

static enum hm_verdict on_info(struct tool *tool, hm_term term) {
    hm_term ref, group, pids;
    struct hm_text event;
    const struct watched_scope *scope;
    if (tool->over)
        return HM_CONTINUE;
    if (hm_is_atom(term, "poll"))
        poll(tool);
    else if (hm_match(term, "{'DOWN', ~t, process, _, _}", &ref))
        on_down(tool, ref);
    else if (hm_match(term, "{~t, ~a, ~t, ~t}", &ref, &event, &group, &pids) && (scope = scope_of(tool, ref)))
        print_members(tool, event.size == 4 ? "join" : "leave", scope->name, group, pids);
    else if (!watch_presences_info(tool, term))
        return HM_UNKNOWN;
    return HM_CONTINUE;
}

/* The monitor of net_kernel tells when the node is gone. */
static void start(struct tool *tool) {
    hm_ref ref;
    struct watch *watch = tool->arg;
    for (size_t i = 0; i < watch->scope_count; i++)
        watch->scopes[i].tool = tool;
    tool->info = on_info;
    tool->waiting_for = "change";
    tool_wait_as_long_as_it_takes(tool);
    int error = hm_monitor(tool->self, hm_to_name("net_kernel", tool->peer), &ref);
    if (error)
        watch_give_up_on(tool, error);
    else
        poll(tool);
}

static int run(const struct settings *settings, int count, char **arguments) {
    static const char *const usual[] = {"pg"};
    struct watch watch = {.line = hm_build_new()};
    const char *const *names = settings->scope.count ? (const char *const *)settings->scope.items : usual;
    (void)count;
    watch.scope_count = settings->scope.count ? settings->scope.count : 1;
    watch.scopes = calloc(watch.scope_count, sizeof *watch.scopes);
    int code = watch.line && watch.scopes ? EXIT_FINE : give_up(EXIT_FAILED, "%s", hm_strerror(HM_ENOMEM));
    for (size_t i = 0; code == EXIT_FINE && i < watch.scope_count; i++)
        watch.scopes[i].name = names[i];
    if (code == EXIT_FINE)
        code = tool_run(settings, "watch", arguments[0], start, &watch);
    shot_fini(&watch.nodes);
    shot_fini(&watch.names);
    watch_presences_fini(&watch.presences);
    free(watch.scopes);
    hm_build_free(watch.line);
    return code;
}

static const struct example examples[] = {
    {"hermod watch hermod", "Prints nodeup web@vm, registered foo, join pg my_group <hermod@vm.83.0>, until Ctrl-C."},
    {"hermod watch --elixir hermod", "The same for Elixir: presence_join MyAppWeb.Presence \"room:1\" \"ann\" %{...}."},
    {"hermod watch --json --scope Elixir.Phoenix.PubSub web", "The groups of Phoenix.PubSub; one JSON object on each line."},
    {NULL, NULL},
};

const struct command command_watch = {
    .name = "watch",
    .bit = IN_WATCH,
    .arguments = "NODE",
    .least = 1,
    .most = 1,
    .summary = "print nodes, names, groups, presences as they change",
    .about =
        "Prints a line whenever a visible node connects to NODE or is lost (nodeup, nodedown), a name is registered or given up "
        "(registered, unregistered), a process joins or leaves a group of --scope (join, leave), and somebody comes or goes "
        "in user_list or a --phoenix-presence of NODE (presence_join, presence_leave). The first line tells "
        "how many there are; with --json it lists nodes and names.\n\n"
        "Groups and presences of Phoenix are told by NODE as they change. Nodes, names and users are looked at every "
        "--interval; what comes and goes in between "
        "is not seen. It ends with 3 when NODE is lost, after --count changes, or after --timeout milliseconds if that is given.",
    .examples = examples,
    .run = run,
};
