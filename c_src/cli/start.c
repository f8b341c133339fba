/*
 * The daemon: one node in the foreground, with the services and whatever --load brings.
 *
 * Services and loaded servers are started before the node is, so a node that can be reached is complete.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include <hermod/function.h>
#include <hermod/log.h>
#include <hermod/trace.h>

#include "cli/command.h"
#include "cli/finder.h"
#include "cli/metrics_http.h"
#include "cli/node_setup.h"
#include "cli/notify.h"
#include "cli/service_setup.h"
#include "cli/start_hints.h"
#include "cli/suggest.h"
#include "cli/trace_client.h"
#include "services/services.h"

enum { SIGNALS = 3 };

struct daemon {
    const struct settings *settings;
    struct node_setup setup;
    struct event_base *base;
    hm_node *node;
    struct service_setup services; /* as long as the node: they are started again with it */
    struct finder *finder; /* --discover */
    hm_trace_port *trace_port; /* --trace-port */
    struct notify *notify; /* the service manager; NULL: none */
    struct metrics_http *http; /* --metrics */
    struct event *signals[SIGNALS];
    bool over;
    int code;
};

static void finish(struct daemon *daemon, int code) {
    daemon->over = true;
    daemon->code = code;
    event_base_loopbreak(daemon->base);
}

/* ---- signals ---- */

static void forget_signals(struct daemon *daemon) {
    for (size_t i = 0; i < SIGNALS; i++)
        if (daemon->signals[i])
            event_free(daemon->signals[i]);
    memset(daemon->signals, 0, sizeof daemon->signals);
}

static void on_signal(evutil_socket_t number, short what, void *arg) {
    struct daemon *daemon = arg;
    (void)what;
    if (daemon->node) /* else it is being made */
        hm_node_log(daemon->node, HM_LOG_INFO, "node.stop", "stopping on SIG%s; another one ends this at once",
                    sigabbrev_np((int)number));
    notify_stopping(daemon->notify);
    /* From here on signals do what they do by default: whoever is in a hurry sends a second one. */
    forget_signals(daemon);
    finish(daemon, EXIT_FINE);
}

static bool watch_signals(struct daemon *daemon) {
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < SIGNALS; i++) {
        struct sigaction before;
        /* nohup wants SIGHUP ignored. A shell starts background jobs with SIGINT ignored, but there it means
         * us. */
        if (numbers[i] == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue;
        daemon->signals[i] = evsignal_new(daemon->base, numbers[i], on_signal, daemon);
        if (!daemon->signals[i] || event_add(daemon->signals[i], NULL))
            return false;
    }
    return true;
}

/* ---- servers ---- */

static bool is_on(const struct settings *settings, const char *service) {
    for (size_t i = 0; i < settings->without.count; i++)
        if (strcmp(settings->without.items[i], service) == 0)
            return false;
    for (const char *const *name = services_names(); *name; name++)
        if (strcmp(*name, service) == 0)
            return true;
    return false;
}

static int check_without(const struct settings *settings) {
    for (size_t i = 0; i < settings->without.count; i++) {
        const char *given = settings->without.items[i];
        struct suggestion best = suggestion_for(given);
        char all[512] = "", guess[96];
        bool known = false;
        for (const char *const *name = services_names(); *name; name++) {
            known = known || strcmp(*name, given) == 0;
            suggestion_try(&best, *name, strlen(*name));
            size_t used = strlen(all);
            snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", *name);
        }
        if (!known)
            return give_up(EXIT_USAGE, "--without: there is no service \"%s\"%s (there are: %s)", given,
                           suggestion_text(&best, "", guess, sizeof guess), all);
    }
    return EXIT_FINE;
}

/* A scope is registered under its name, like every other server. */
static int check_scope(const struct daemon *daemon, const char *option, const char *scope) {
    bool taken = strcmp(scope, "undefined") == 0 || hm_whereis(daemon->node, scope).node != NULL;
    for (const char *const *name = services_names(); *name; name++)
        taken = taken || (strcmp(*name, scope) == 0 && strcmp(scope, "pg") != 0);
    return taken ? give_up(EXIT_USAGE, "%s: a scope cannot be called \"%s\": that name has another use", option, scope)
                 : EXIT_FINE;
}

static int check_scopes(const struct daemon *daemon) {
    const struct service_config *config = &daemon->services.config;
    int code = EXIT_FINE;
    for (size_t i = 0; !code && i < config->pg_scope_count; i++)
        code = check_scope(daemon, "--pg-scope", config->pg_scopes[i]);
    for (size_t i = 0; !code && i < config->pg_join_count; i++)
        code = check_scope(daemon, "--pg-join", config->pg_joins[i].scope);
    return code;
}

static int start_services(struct daemon *daemon) {
    char why[WHY_BYTES] = "";
    int error = service_setup_read(&daemon->services, daemon->settings, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "%s", why);
    int code = check_scopes(daemon);
    if (code)
        return code;
    error = services_start(daemon->node, &daemon->services.config, why, sizeof why);
    return error ? give_up(exit_code_of(error), "%s", *why ? why : hm_strerror(error)) : EXIT_FINE;
}

/* FILE.so:ARGUMENT. The colon counts only behind ".so": both a path and an argument may have others. */
static int load_one(struct daemon *daemon, const char *given) {
    const char *end = strstr(given, ".so:");
    size_t size = end ? (size_t)(end - given) + 3 : strlen(given);
    const char *argument = end ? end + 4 : "";
    char *path;
    /* Without a slash dlopen would look where the system's libraries are. */
    if (asprintf(&path, "%s%.*s", memchr(given, '/', size) ? "" : "./", (int)size, given) < 0)
        return give_up(EXIT_FAILED, "out of memory");
    int code = EXIT_FINE;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = object ? dlsym(object, "hermod_load") : NULL;
    if (!object) {
        code = give_up(EXIT_USAGE, "--load: %s", dlerror());
    } else if (!symbol) {
        code = give_up(EXIT_USAGE,
                       "--load: %s has no function hermod_load (see hm_load_function in <hermod/hermod.h>)",
                       path);
    } else {
        hm_load_function *load;
        memcpy(&load, &symbol, sizeof load); /* ISO C has no cast from an object's address to a function's */
        int error = load(daemon->node, argument);
        if (error)
            code = give_up(EXIT_FAILED, "--load: hermod_load of %s did not start its servers: %s", path,
                           hm_strerror(error));
    }
    free(path);
    return code; /* never closed: handlers of its servers may run until the end */
}

static int open_trace_port(struct daemon *daemon) {
    char host[256], port[8], why[WHY_BYTES];
    if (!daemon->settings->trace_port)
        return EXIT_FINE;
    if (address_read(daemon->settings->trace_port, "--trace-port", host, sizeof host, port, sizeof port, why, sizeof why))
        return give_up(EXIT_USAGE, "%s", why);
    struct hm_trace_port_options options = {
        .address = *host ? host : NULL, .port = (uint16_t)atoi(port), .queue = (uint32_t)daemon->settings->trace_port_queue};
    int error = hm_trace_port_open(daemon->node, &options, &daemon->trace_port, why, sizeof why);
    return error ? give_up(exit_code_of(error), "--trace-port: %s", why) : EXIT_FINE;
}

/* ---- ready ---- */

static void write_all(const char *text, size_t size) {
    while (size) {
        ssize_t done = write(STDOUT_FILENO, text, size);
        if (done < 0 && errno != EINTR)
            return; /* nobody reads: no reason to end */
        if (done > 0) {
            text += done;
            size -= (size_t)done;
        }
    }
}

/* A path typed with a slash means something else in another directory. */
static const char *program_path(char *buffer, size_t capacity) {
    if (!strchr(program_invocation_name, '/'))
        return program_invocation_name;
    ssize_t size = readlink("/proc/self/exe", buffer, capacity - 1);
    if (size <= 0)
        return program_invocation_name;
    buffer[size] = '\0';
    return buffer;
}

static void announce(struct daemon *daemon) {
    char *text = NULL, path[1024], status[320];
    size_t size = 0;
    snprintf(status, sizeof status, "%s, port %u", hm_node_name_of(daemon->node), hm_node_port(daemon->node));
    notify_ready(daemon->notify, status);
    metrics_http_ready(daemon->http);
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    fprintf(out, "%s is ready: port %u, pid %ld, cookie from %s\n", hm_node_name_of(daemon->node),
            hm_node_port(daemon->node), (long)getpid(), daemon->setup.cookie_from);
    if (daemon->settings->hints || isatty(STDOUT_FILENO)) {
        struct hint_facts facts = {
            .node = hm_node_name_of(daemon->node),
            .program = program_path(path, sizeof path),
            .port = hm_node_port(daemon->node),
            .chat = is_on(daemon->settings, "message_server"),
            .cookie_file = !daemon->settings->cookie,
        };
        start_hints(out, daemon->settings, &facts);
    }
    if (fclose(out) == 0)
        write_all(text, size);
    free(text);
}

/* Names are checked before the node starts, and dialled when it is there: a peer may look us up as soon as it
 * knows us. */
static int read_connects(struct daemon *daemon, bool dial) {
    const struct text_list *list = &daemon->settings->connect;
    for (size_t i = 0; i < list->count; i++) {
        struct node_argument node;
        char why[WHY_BYTES];
        int error = node_argument_read(&node, list->items[i], daemon->settings, why, sizeof why);
        if (error)
            return give_up(exit_code_of(error), "--connect: %s", why);
        if (node.long_names && !daemon->settings->name)
            return give_up(EXIT_USAGE,
                           "--connect: %s has a long name, and this node a short one: start it with --name",
                           node.text);
        const hm_node_name *peer = hm_node_find(daemon->node, node.text);
        if (!peer)
            return give_up(EXIT_USAGE, "--connect: \"%s\" is no node name", node.text);
        /* A configuration that all nodes share may name this one, too. */
        if (dial && strcmp(node.text, hm_node_name_of(daemon->node)) != 0 && (error = hm_keep_connected(daemon->node, peer)))
            return give_up(exit_code_of(error), "--connect %s: %s", node.text, hm_strerror(error));
    }
    return EXIT_FINE;
}

static void on_finder_log(void *arg, enum hm_log_level level, const char *id, const char *text) {
    struct daemon *daemon = arg;
    hm_node_log(daemon->node, level, id, "%s", text);
}

static void on_settled(void *arg, int error, const char *text) {
    struct daemon *daemon = arg;
    if (error)
        finish(daemon, give_up(EXIT_NO_CONNECTION, "--discover static: %s", text));
    else
        announce(daemon);
}

static int start_finder(struct daemon *daemon) {
    const struct finder_events events = {.log = on_finder_log, .settled = on_settled, .arg = daemon};
    char why[WHY_BYTES];
    int error =
        finder_open(daemon->node, daemon->settings, daemon->setup.cookie, &events, &daemon->finder, why, sizeof why);
    return error ? give_up(exit_code_of(error), "--discover: %s", why) : EXIT_FINE;
}

static const char *advice(int error, const char *text) {
    if (error == HM_EEPMD)
        return strncmp(text, "no epmd", strlen("no epmd")) == 0 ? ": start it with `epmd -daemon', or do without (--no-epmd)"
                                                                : "; is it another program's port? (--epmd-port)";
    return error == HM_ETAKEN ? ": give this node another one with --sname or --name, or stop that one" : "";
}

static void on_ready(void *arg, int error, const char *text) {
    struct daemon *daemon = arg;
    if (daemon->over)
        return;
    if (error) {
        const char *why = text && *text ? text : hm_strerror(error);
        finish(daemon, give_up(exit_code_of(error), "%s cannot start: %s%s", hm_node_name_of(daemon->node), why, advice(error, why)));
        return;
    }
    int code = read_connects(daemon, true);
    if (!code && daemon->settings->discover.count)
        code = start_finder(daemon);
    else if (!code)
        announce(daemon);
    if (code)
        finish(daemon, code);
}

static int explain_listen(const struct settings *settings, int error) {
    const char *address = settings->listen ? settings->listen : "all addresses";
    if (error == HM_ENOENT || error == HM_ENOCONNECTION || (error == HM_ESYSTEM && errno == EADDRNOTAVAIL))
        return give_up(EXIT_USAGE, "--listen: this machine has no address %s%s%s", address, settings->family ? " of the family " : "",
                       settings->family == HM_FAMILY_INET ? "inet" : settings->family ? "inet6" : "");
    if (error != HM_ESYSTEM)
        return give_up(exit_code_of(error), "cannot listen: %s", hm_strerror(error));
    const char *cause = strerror(errno);
    if (settings->port.first == 0)
        return give_up(EXIT_FAILED, "cannot listen on %s: %s", address, cause);
    if (settings->port.first == settings->port.last)
        return give_up(EXIT_FAILED, "cannot listen on %s, port %u: %s", address, settings->port.first, cause);
    return give_up(EXIT_FAILED, "cannot listen on %s, no port of %u-%u: %s", address, settings->port.first,
                   settings->port.last, cause);
}

/* ---- run ---- */

/* Each peer is a descriptor, and the soft limit is often 1024. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/*
 * SCHED_BATCH: same share of the CPU, but who wakes up does not push the running program aside. The peers of
 * this machine, whose write wakes us, finish what they were sending first, and we read it in one piece: 5 to
 * 15 % less CPU for each call, and at the median no later answers. A policy that somebody chose (chrt) stays.
 */
static void let_others_finish(void) {
    struct sched_param param = {0};
    if (sched_getscheduler(0) == SCHED_OTHER)
        sched_setscheduler(0, SCHED_BATCH, &param);
}

/* A manager that cannot be told is no reason not to run; it will say itself what it misses. The programs that this one starts (epmd) are not
 * the service. */
static void find_manager(struct daemon *daemon) {
    char why[WHY_BYTES];
    if (notify_open(&daemon->notify, daemon->base, getenv, why, sizeof why))
        log_lines_write(&daemon->setup.log, HM_LOG_WARN, "notify.socket", why);
    for (size_t i = 0; notify_variables[i]; i++)
        unsetenv(notify_variables[i]);
}

/* Mailboxes fill and empty with every read: by default malloc gives their pages back to the system each time.
 */
static void keep_some_memory(void) {
    enum { KEEP_BYTES = 1024 * 1024 };
    mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    /* Setting the one ends the automatic change of the other; large messages go back to the system. */
    mallopt(M_MMAP_THRESHOLD, 2 * KEEP_BYTES);
}

static int set_rules(struct daemon *daemon, const struct text_list *rules, const char *option,
                     int (*set)(hm_node *node, const char *rule)) {
    for (size_t i = 0; i < rules->count; i++) {
        int error = set(daemon->node, rules->items[i]);
        if (error == HM_EINVAL)
            return give_up(EXIT_USAGE, "--%s takes MODULE or NODE:MODULE, not \"%s\"", option, rules->items[i]);
        if (error)
            return give_up(exit_code_of(error), "--%s %s: %s", option, rules->items[i], hm_strerror(error));
    }
    return EXIT_FINE;
}

/* MyApp.Tasks is what Elixir's users call 'Elixir.MyApp.Tasks'. */
static int start_task_supervisors(struct daemon *daemon) {
    const struct text_list *names = &daemon->settings->task_supervisor;
    for (size_t i = 0; i < names->count; i++) {
        char name[HM_ATOM_BYTES];
        const char *given = names->items[i];
        bool is_elixir = given[0] >= 'A' && given[0] <= 'Z' && strncmp(given, "Elixir.", 7) != 0;
        int size = snprintf(name, sizeof name, "%s%s", is_elixir ? "Elixir." : "", given);
        int error = size < (int)sizeof name ? hm_task_supervisor_start(daemon->node, name, 0) : HM_ENAME;
        if (error)
            return give_up(exit_code_of(error), "--task-supervisor %s: %s", given, hm_strerror(error));
    }
    return EXIT_FINE;
}

static int run_daemon(struct daemon *daemon) {
    const struct settings *settings = daemon->settings;
    char why[WHY_BYTES];
    int code = check_without(settings);
    if (code)
        return code;
    int error = finder_check(&settings->discover, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "--discover: %s", why);
    if (settings->metrics && (error = metrics_http_check(settings, why, sizeof why)))
        return give_up(EXIT_USAGE, "%s", why);
    node_setup_init(&daemon->setup, settings);
    node_setup_name(&daemon->setup, settings, "hermod");
    error = node_setup_cookie(&daemon->setup, settings, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "%s", why);
    raise_descriptor_limit();
    let_others_finish();
    keep_some_memory();
    struct event_config *config = event_config_new();
    if (config)
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    daemon->base = config ? event_base_new_with_config(config) : NULL;
    if (config)
        event_config_free(config);
    if (!daemon->base || !watch_signals(daemon))
        return give_up(EXIT_FAILED, "cannot make an event loop: %s", strerror(errno));
    find_manager(daemon);
    error = node_setup_node(&daemon->setup, daemon->base, &daemon->node, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "%s", why);
    if ((code = set_rules(daemon, &settings->allow_rpc, "allow-rpc", hm_rpc_allow)) ||
        (code = set_rules(daemon, &settings->deny_rpc, "deny-rpc", hm_rpc_deny)))
        return code;
    if ((code = start_services(daemon)) || (code = start_task_supervisors(daemon)))
        return code;
    for (size_t i = 0; i < settings->load.count; i++)
        if ((code = load_one(daemon, settings->load.items[i])))
            return code;
    if ((code = read_connects(daemon, false)) || (code = open_trace_port(daemon)))
        return code;
    if (settings->metrics && (error = metrics_http_open(daemon->node, settings, &daemon->services, &daemon->http, why, sizeof why)))
        return give_up(exit_code_of(error), "%s", why);
    error = hm_node_start(daemon->node, on_ready, daemon);
    if (error)
        return explain_listen(settings, error);
    while (!daemon->over)
        if (event_base_loop(daemon->base, 0) < 0)
            return give_up(EXIT_FAILED, "the event loop failed: %s", strerror(errno));
    return daemon->code;
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct daemon daemon = {.settings = settings};
    (void)count;
    (void)arguments;
    int code = run_daemon(&daemon);
    daemon.over = true;
    forget_signals(&daemon);
    finder_close(daemon.finder);
    notify_close(daemon.notify);
    metrics_http_close(daemon.http);
    hm_trace_port_close(daemon.trace_port);
    hm_node_free(daemon.node);
    metrics_http_free(daemon.http);
    service_setup_free(&daemon.services);
    if (daemon.base)
        event_base_free(daemon.base);
    return code;
}

static const struct example examples[] = {
    {"hermod start", "The node hermod@HOST, with the cookie of ~/.erlang.cookie, as iex --sname has it."},
    {"hermod start --name hermod@10.0.0.5 --connect a@10.0.0.6", "A long name, and a cluster to join."},
    {"hermod start --port 9100-9105 --listen 10.0.0.5", "For a firewall."},
    {"hermod start --no-epmd --port 9100",
     "Others reach it with -erl_epmd_port 9100 (erl) or --dial-port 9100 (hermod)."},
    {"hermod start --metrics 9100", "A status page at http://localhost:9100/, and /metrics for Prometheus."},
    {"hermod start --discover broadcast", "Nodes of the same network that do this find each other."},
    {"hermod start --load ./counter.so:100", "With a server of your own, written with <hermod/server.h>."},
    {"hermod start --bus hermes", "pubsub and the Hermes coordinators of the cluster hear each other."},
    {"hermod start --phoenix-pubsub MyApp.PubSub", "A member of the Phoenix.PubSub of your applications."},
    {"hermod start --config /etc/hermod.conf", "Options from a file, one on each line: net-ticktime = 8."},
    {NULL, NULL},
};

const struct command command_start = {
    .name = "start",
    .bit = IN_START,
    .arguments = "",
    .least = 0,
    .most = 0,
    .summary = "run a node in the foreground",
    .about =
        "Runs a node, hermod@HOST unless --sname or --name say otherwise, that other Erlang and Elixir nodes "
        "connect to as to one of their own. When it can be "
        "reached, it "
        "prints one line on standard output; after that it logs on standard error. It runs until SIGTERM or "
        "Ctrl-C, and then takes its leave of every peer.",
    .examples = examples,
    .run = run,
};
