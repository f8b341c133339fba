/* What a way of finding nodes finds, without dialling any of it. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool.h"
#include "discovery/discovery.h"

struct discover {
    struct discovery_spec spec;
    struct discovery *open;
    struct event *end;
    struct node_setup setup; /* the cookie */
    uint64_t found;
};

static void print_json_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print(struct tool *tool, const char *event, const char *node) {
    struct discover *discover = tool->arg;
    const struct settings *settings = tool->settings;
    if (tool->over)
        return;
    if (settings->json) {
        printf("{\"event\":\"%s\",\"node\":", event);
        print_json_text(node);
        printf(",\"by\":\"%s\"}\n", discover->spec.strategy->kind);
    } else if (!settings->quiet) {
        printf("%s %s\n", event, node);
    } else if (strcmp(event, "found") == 0) {
        printf("%s\n", node);
    }
    if (fflush(stdout))
        tool_finish(tool, EXIT_FAILED);
}

static bool on_found(void *arg, const struct discovery *discovery, const char *node, bool again) {
    struct tool *tool = arg;
    struct discover *discover = tool->arg;
    (void)discovery;
    (void)again;
    print(tool, "found", node);
    if (++discover->found == tool->settings->count)
        tool_finish(tool, EXIT_FINE);
    return true;
}

static void on_lost(void *arg, const struct discovery *discovery, const char *node) {
    (void)discovery;
    print(arg, "lost", node);
}

static void on_log(void *arg, enum hm_log_level level, const char *id, const char *text) {
    (void)arg;
    (void)id;
    if (level <= HM_LOG_WARN)
        give_up(EXIT_FINE, "%s", text);
}

/* Whoever gave --timeout wants to see what there is; it failed when that is nothing, or less than --count. */
static void on_end(evutil_socket_t fd, short what, void *arg) {
    struct tool *tool = arg;
    struct discover *discover = tool->arg;
    (void)fd;
    (void)what;
    if (discover->found && !tool->settings->count)
        tool_finish(tool, EXIT_FINE);
    else
        tool_finish(tool, give_up(EXIT_TIMEOUT, "%llu nodes were found within %llu ms", (unsigned long long)discover->found,
                                  (unsigned long long)tool->settings->timeout_ms));
}

static int set_end(struct tool *tool) {
    struct discover *discover = tool->arg;
    int64_t left_ms = tool_left_ms(tool);
    struct timeval left = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
    event_del(tool->deadline);
    if (option_source(tool->settings, "timeout") == SOURCE_DEFAULT)
        return HM_OK;
    discover->end = evtimer_new(tool->base, on_end, tool);
    return discover->end && event_add(discover->end, &left) == 0 ? HM_OK : HM_ENOMEM;
}

static void begin(struct tool *tool) {
    struct discover *discover = tool->arg;
    char why[WHY_BYTES] = "";
    struct discovery_options options = {
        .node = tool->node,
        .cookie = discover->setup.options.cookie,
        .silent = true,
        .max_nodes = (uint32_t)tool->settings->max_discovered,
        .kubernetes_host = getenv("KUBERNETES_SERVICE_HOST"),
        .kubernetes_port = getenv("KUBERNETES_SERVICE_PORT"),
        .found = on_found,
        .lost = on_lost,
        .log = on_log,
        .arg = tool,
    };
    struct discovery_spec spec = discover->spec;
    discover->spec.text = NULL; /* discovery_open takes it */
    int error = set_end(tool);
    if (error) {
        discovery_spec_free(&spec);
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
        return;
    }
    error = discovery_open(&options, &spec, &discover->open, why, sizeof why);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", why));
}

/* The queries of a discovery are the node's, so it ends before the node does. */
static void on_leaving(struct tool *tool) {
    struct discover *discover = tool->arg;
    discovery_close(discover->open);
    discover->open = NULL;
    if (discover->end)
        event_free(discover->end);
    discover->end = NULL;
}

static void print_key(const struct discovery_key *key) {
    static const char *const values[] = {
        [KEY_TEXT] = "=TEXT", [KEY_NUMBER] = "=N", [KEY_SECONDS] = "=SECONDS", [KEY_FLAG] = ""};
    bool has_default = key->fallback && key->kind != KEY_FLAG;
    int width = printf("    %s%s", key->name, values[key->kind]);
    printf("%*s%s%s%s%s\n", width < 24 ? 24 - width : 1, "", key->help, has_default ? " [" : "",
           has_default ? key->fallback : "", has_default ? "]" : "");
}

static int list_kinds(void) {
    for (size_t i = 0; discovery_strategies[i]; i++) {
        const struct discovery_strategy *strategy = discovery_strategies[i];
        printf("%s%s%s%s\n  %s\n", i ? "\n" : "", strategy->kind, strategy->operands ? ":" : "",
               strategy->operands ? strategy->operands : "", strategy->help);
        for (const struct discovery_key *key = strategy->keys; key && key->name; key++)
            print_key(key);
    }
    return EXIT_FINE;
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct discover discover = {0};
    char why[WHY_BYTES] = "";
    if (count == 0)
        return list_kinds();
    int error = discovery_parse(arguments[0], &discover.spec, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "%s", why);
    node_setup_init(&discover.setup, settings);
    if (discover.spec.strategy->needs_cookie)
        error = node_setup_cookie(&discover.setup, settings, why, sizeof why);
    int code = error ? give_up(exit_code_of(error), "%s", why)
                     : tool_run_alone_until(settings, "discover", begin, on_leaving, &discover);
    discovery_spec_free(&discover.spec);
    return code;
}

static const struct example examples[] = {
    {"hermod discover", "Lists the kinds, and what each of them takes."},
    {"hermod discover broadcast", "Prints `found a@vm' for each node that announces itself, `lost a@vm' when it fell silent."},
    {"hermod discover --timeout 3000 --quiet local-epmd", "The nodes of this machine, once."},
    {"hermod discover kubernetes:selector=app=myapp,basename=myapp", "In a pod: the nodes of an application, as the API server knows them."},
    {"hermod discover --json --count 1 gossip:secret=s3cret", "Waits for a node of a libcluster that uses this secret."},
    {NULL, NULL},
};

const struct command command_discover = {
    .name = "discover",
    .bit = IN_DISCOVER,
    .arguments = "[KIND[:OPTIONS]]",
    .least = 0,
    .most = 1,
    .summary = "show which nodes would be found",
    .about = "Runs one of the ways to find other nodes that `hermod start --discover' has, and prints what it finds and loses, "
             "one line for each, without dialling anybody and without announcing a node. Ends with Ctrl-C, after "
             "--count nodes, or after --timeout milliseconds; then with 0 when a node was found and --count was not given, else with 6."
             "\n\nWithout KIND it lists what there is. OPTIONS are separated by commas: broadcast:port=4000,interval=5.",
    .examples = examples,
    .run = run,
};
