#include "cli/node_setup.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/complain.h"
#include "cli/log_setting.h"
#include "cli/suggest.h"

void node_setup_init(struct node_setup *setup, const struct settings *settings) {
    *setup = (struct node_setup){.settings = settings, .options = HM_OPTIONS_INIT, .log = {.fd = STDERR_FILENO, .json = settings->log_format == 1}};
    struct hm_options *o = &setup->options;
    o->hidden = settings->hidden;
    o->no_connect_all = !settings->connect_all;
    o->allow_overlapping_partitions = settings->no_prevent_overlapping_partitions;
    o->max_global_names = (uint32_t)settings->max_global_names;
    o->max_global_locks = (uint32_t)settings->max_global_locks;
    o->listen = settings->listen;
    o->port_first = settings->port.first;
    o->port_last = settings->port.last;
    o->family = (enum hm_family)settings->family;
    o->no_epmd = settings->no_epmd;
    o->dial_port = (uint16_t)settings->dial_port;
    o->epmd_port = (uint16_t)settings->epmd_port;
    o->epmd_address = settings->epmd_address;
    o->epmd_start = settings->start_epmd && !settings->no_epmd ? "epmd" : NULL;
    o->net_ticktime_ms = (uint32_t)settings->net_ticktime_ms;
    o->net_tickintensity = (uint32_t)settings->net_tickintensity;
    o->setup_ms = (uint32_t)settings->setup_ms;
    o->max_half_open = (uint32_t)settings->max_half_open;
    o->max_frame = (uint32_t)settings->max_frame;
    o->max_message = settings->max_message;
    o->max_fragments = (uint32_t)settings->max_fragments;
    o->max_depth = (uint32_t)settings->max_depth;
    o->max_mailbox = (uint32_t)settings->max_mailbox;
    o->max_names = (uint32_t)settings->max_names;
    o->max_processes = (uint32_t)settings->max_processes;
    o->max_pg_groups = (uint32_t)settings->max_pg_groups;
    o->max_pg_members = (uint32_t)settings->max_pg_members;
    o->max_pg_monitors = (uint32_t)settings->max_pg_monitors;
    o->max_traces = (uint32_t)settings->max_traces;
    o->max_trace_events = (uint32_t)settings->max_trace_events;
    o->max_trace_rate = (uint32_t)settings->max_trace_rate;
    o->trace_memory = settings->trace_memory;
    o->no_eval = !settings->eval;
    o->eval_memory = settings->eval_memory;
    o->eval_total_memory = settings->eval_total_memory;
    o->eval_depth = (uint32_t)settings->eval_depth;
    o->eval_steps = settings->eval_steps;
    o->output_high = settings->output_high;
    o->output_low = settings->output_low;
    o->output_max = settings->output_max;
    o->log_level = (enum hm_log_level)settings->log.level;
    o->log = log_lines_write;
    o->log_arg = &setup->log;

    /* The daemon epmd takes its port and addresses from the environment, as it does when erl starts it. */
    if (o->epmd_start) {
        char port[8];
        snprintf(port, sizeof port, "%u", o->epmd_port);
        setenv("ERL_EPMD_PORT", port, 1);
        if (o->epmd_address)
            setenv("ERL_EPMD_ADDRESS", o->epmd_address, 1);
    }
}

struct known_module {
    const char *name;
    bool known;
    struct suggestion best;
};

static void look_at_module(void *arg, const char *module, enum hm_log_level level, bool own) {
    struct known_module *wanted = arg;
    (void)level;
    (void)own;
    if (!module)
        return;
    wanted->known = wanted->known || strcmp(module, wanted->name) == 0;
    suggestion_try(&wanted->best, module, strlen(module));
}

/* The modules of servers that are loaded later are not known yet. */
static int set_levels(const struct settings *settings, hm_node *node, char *why, size_t capacity) {
    for (size_t i = 0; i < settings->log.modules.count; i++) {
        const char *text = settings->log.modules.items[i];
        struct log_setting setting;
        int error = log_setting_read(&setting, text, strlen(text), false, "--log-level", why, capacity);
        if (error)
            return error;
        struct known_module wanted = {setting.module, settings->load.count != 0, suggestion_for(setting.module)};
        hm_log_each_level(node, look_at_module, &wanted);
        char guess[64];
        if (!wanted.known)
            return complain(HM_EINVAL, why, capacity, "--log-level: there is no module \"%s\" in the log%s", setting.module,
                            suggestion_text(&wanted.best, "", guess, sizeof guess));
        error = hm_log_set_level(node, setting.module, setting.level);
        if (error)
            return complain(error, why, capacity, "--log-level %s: %s", text, hm_strerror(error));
    }
    return 0;
}

int node_setup_node(struct node_setup *setup, struct event_base *base, hm_node **node, char *why, size_t capacity) {
    int error = hm_node_new(base, &setup->options, node, why, capacity);
    if (error)
        return error;
    setup->log.node = hm_node_name_of(*node);
    return set_levels(setup->settings, *node, why, capacity);
}

/* ---- cookie ---- */

static const char *home_directory(void) {
    const char *home = getenv("HOME");
    if (home && *home)
        return home;
    const struct passwd *user = getpwuid(getuid());
    return user ? user->pw_dir : NULL;
}

static bool fits(int size, size_t capacity) {
    return size >= 0 && (size_t)size < capacity;
}

/* Where the cookie is: as auth.erl (OTP 25) ~/.erlang.cookie, else the one in the XDG configuration
 * directory, if that exists. */
static bool cookie_path(char *path, size_t capacity) {
    const char *home = home_directory(), *xdg = getenv("XDG_CONFIG_HOME");
    char other[1024];
    if (!home)
        return false;
    if (!fits(snprintf(path, capacity, "%s/.erlang.cookie", home), capacity))
        return false;
    if (access(path, F_OK) == 0)
        return true;
    int size = xdg && *xdg ? snprintf(other, sizeof other, "%s/erlang/.erlang.cookie", xdg)
                           : snprintf(other, sizeof other, "%s/.config/erlang/.erlang.cookie", home);
    if (fits(size, sizeof other) && access(other, F_OK) == 0)
        snprintf(path, capacity, "%s", other);
    return true;
}

int node_setup_cookie(struct node_setup *setup, const struct settings *settings, char *why, size_t capacity) {
    if (settings->cookie) {
        if (strlen(settings->cookie) >= sizeof setup->cookie)
            return complain(HM_ECOOKIE, why, capacity, "the cookie from %s is longer than %zu characters",
                            settings->cookie_from, sizeof setup->cookie - 1);
        strcpy(setup->cookie, settings->cookie);
        snprintf(setup->cookie_from, sizeof setup->cookie_from, "%s", settings->cookie_from);
    } else {
        if (!cookie_path(setup->cookie_from, sizeof setup->cookie_from))
            return complain(
                HM_ECOOKIE, why, capacity,
                "there is no home directory to keep .erlang.cookie in: set $HOME, or give the cookie "
                "with $HERMOD_COOKIE or --cookie");
        if (hm_cookie_load(setup->cookie_from, true, setup->cookie, sizeof setup->cookie, why, capacity))
            return HM_ECOOKIE;
    }
    setup->options.cookie = setup->cookie;
    return 0;
}

/* ---- names ---- */

void node_setup_name(struct node_setup *setup, const struct settings *settings, const char *fallback) {
    setup->options.long_names = settings->name != NULL;
    snprintf(setup->name, sizeof setup->name, "%s",
             settings->name    ? settings->name
             : settings->sname ? settings->sname
                               : fallback);
    setup->options.name = setup->name;
}

int short_host(char *host, size_t capacity) {
    if (gethostname(host, capacity))
        return HM_ESYSTEM;
    host[capacity - 1] = '\0';
    host[strcspn(host, ".")] = '\0';
    return *host ? 0 : HM_ESYSTEM;
}

/* 'a@host' and :"a@host" are what one copies out of a shell. */
static void unquote(const char *text, char *out, size_t capacity) {
    size_t size = strlen(text);
    if (size > 1 && text[0] == ':') {
        text++;
        size--;
    }
    if (size > 1 && (text[0] == '\'' || text[0] == '"') && text[size - 1] == text[0]) {
        text++;
        size -= 2;
    }
    snprintf(out, capacity, "%.*s", (int)size, text);
}

int node_argument_read(struct node_argument *argument, const char *text, const struct settings *settings,
                       char *why, size_t capacity) {
    char given[NODE_NAME_BYTES / 2], host[NODE_NAME_BYTES / 2];
    if (strlen(text) >= sizeof given)
        return complain(HM_ENAME, why, capacity, "a node name cannot be that long: %.40s...", text);
    unquote(text, given, sizeof given);
    const char *at = strchr(given, '@');
    if (given[0] == '\0' || at == given || (at && at[1] == '\0') || (at && strchr(at + 1, '@')))
        return complain(HM_ENAME, why, capacity, "\"%s\" is no node name: give NAME or NAME@HOST", text);
    if (at) {
        snprintf(argument->text, sizeof argument->text, "%s", given);
    } else {
        const char *own = settings->name ? strchr(settings->name, '@') : NULL;
        if (!own && settings->sname)
            own = strchr(settings->sname, '@');
        if (!own && short_host(host, sizeof host))
            return complain(HM_ENAME, why, capacity, "this machine has no host name: say which with %s@HOST",
                            given);
        snprintf(argument->text, sizeof argument->text, "%s@%s", given, own ? own + 1 : host);
    }
    argument->host = strchr(argument->text, '@') + 1;
    argument->long_names = strpbrk(argument->host, ".:") != NULL;
    if (settings->sname && argument->long_names)
        return complain(
            HM_ENAME, why, capacity,
            "%s has a long name, and nodes with short names cannot talk to it: give --name instead of "
            "--sname",
            argument->text);
    if (settings->name && !argument->long_names)
        return complain(
            HM_ENAME, why, capacity,
            "%s has a short name, and nodes with long names cannot talk to it: give --sname instead of "
            "--name",
            argument->text);
    return 0;
}
