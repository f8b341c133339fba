#include "cli/tool.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "cli/log_lines.h"
#include "cli/term_argument.h"

int64_t tool_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t tool_left_ms(const struct tool *tool) {
    int64_t left = (tool->ends_us - tool_now_us()) / 1000;
    return left > 1 ? left : 1;
}

void tool_finish(struct tool *tool, int code) {
    if (tool->over)
        return;
    tool->over = true;
    tool->code = code;
    /* Not loopexit: what is due in this turn of the loop has no say in the answer any more. */
    event_base_loopbreak(tool->base);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
    struct tool *tool = arg;
    (void)fd;
    (void)what;
    unsigned long long ms = tool->settings->timeout_ms;
    const char *missed = tool->waiting_for, *node = tool->target.text;
    int code;
    if (!*node && tool->asked)
        code = give_up(EXIT_TIMEOUT, "no answer from %s within %llu ms", tool->asked, ms);
    else if (!*node || (strcmp(missed, "connection") && strcmp(missed, "answer")))
        code = give_up(EXIT_TIMEOUT, "no %s within %llu ms", missed, ms);
    else if (strcmp(missed, "connection") == 0)
        code = give_up(EXIT_TIMEOUT, "no connection to %s within %llu ms: is it stopped, or is a firewall in between?", node, ms);
    else if (tool->asked)
        code = give_up(EXIT_TIMEOUT, "no answer from %s on %s within %llu ms: it is busy, or is no GenServer", name_shown(tool->asked), node, ms);
    else
        code = give_up(EXIT_TIMEOUT, "no answer from %s within %llu ms", node, ms);
    tool_finish(tool, code);
}

static int init_process(hm_process *self, void *argument) {
    struct tool *tool = argument;
    tool->self = self;
    hm_set_data(self, tool);
    return 0;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct tool *tool = hm_data(self);
    return tool->info && !tool->over ? tool->info(tool, message) : HM_UNKNOWN;
}

static const struct hm_server_class tool_class = {
    .module = "hermod_tool", .init = init_process, .info = on_info};

void tool_wait_as_long_as_it_takes(struct tool *tool) {
    if (option_source(tool->settings, "timeout") == SOURCE_DEFAULT)
        event_del(tool->deadline);
}

/* Without --log-level a tool says nothing of itself; but what remote processes log below it is seen nowhere else. */
static void log_remote_events(void *arg, enum hm_log_level level, const char *id, const char *text) {
    if (strcmp(id, "logger.remote") == 0)
        log_lines_write(arg, level, id, text);
}

static void on_connected(void *arg, int error, const char *text) {
    struct tool *tool = arg;
    if (tool->over)
        return;
    if (error) {
        tool_finish(tool, give_up(exit_code_of_connection(error), "no connection to %s: %s", tool->target.text,
                                  text && *text ? text : hm_strerror(error)));
        return;
    }
    tool->waiting_for = "answer";
    tool->connected(tool);
}

static void on_ready(void *arg, int error, const char *text) {
    struct tool *tool = arg;
    if (tool->over)
        return;
    if (error) {
        tool_finish(tool, give_up(exit_code_of(error), "%s", text && *text ? text : hm_strerror(error)));
        return;
    }
    if (!tool->peer) {
        tool->connected(tool);
        return;
    }
    error = hm_connect(tool->node, tool->peer, on_connected, tool);
    if (error)
        tool_finish(tool, give_up(exit_code_of_connection(error), "no connection to %s: %s", tool->target.text,
                                  hm_strerror(error)));
}

/*
 * A name that nobody on this machine has now. A name stays for ever in the atom table of every BEAM that sees
 * it, so the tools take few, and again and again: hermod-call-1, and -2 only while another `hermod call`
 * runs. Who holds a number is marked by an abstract socket, which goes with the process whatever its end.
 * Without one (no room for sockets) the process id has to do.
 */
static unsigned own_number(const char *command) {
    enum { NUMBERS = 1000 };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (unsigned number = 1; fd >= 0 && number <= NUMBERS; number++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int size =
            snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "hermod-%s-%u", command, number);
        socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
        if (bind(fd, (struct sockaddr *)&address, length) == 0)
            return number; /* fd stays open until the process ends */
        if (errno != EADDRINUSE)
            break;
    }
    if (fd >= 0)
        close(fd);
    return (unsigned)getpid();
}

/* host: where the target is, for a long name. Several machines may say that they are there, so the name has
 * ours in it. */
static void own_name(char *name, size_t capacity, const char *command, unsigned number, const char *host) {
    char here[256];
    if (!host)
        snprintf(name, capacity, "hermod-%s-%u", command, number);
    else if (short_host(here, sizeof here))
        snprintf(name, capacity, "hermod-%s-%u@%s", command, number, host);
    else
        snprintf(name, capacity, "hermod-%s-%u-%s@%s", command, number, here, host);
}

/* With a short name the node is on this host. For a long one, the full name of this host would take a
 * question to DNS, and may not exist; any long name will do, and the target's host has one. */
static int make_node(struct tool *tool, const char *command, char *why, size_t capacity) {
    struct node_setup *setup = &tool->setup;
    const struct settings *settings = tool->settings;
    bool given = settings->name || settings->sname, has_peer = tool->target.host != NULL;
    char name[NODE_NAME_BYTES];
    unsigned number = given ? 0 : own_number(command);
    own_name(name, sizeof name, command, number,
             has_peer && tool->target.long_names ? tool->target.host : NULL);
    node_setup_name(setup, settings, name);
    if (!given && has_peer)
        setup->options.long_names = tool->target.long_names;
    int error = node_setup_node(setup, tool->base, &tool->node, why, capacity);
    if (error == HM_ENAME && !given) {
        own_name(name, sizeof name, command, number, has_peer ? tool->target.host : "localhost");
        node_setup_name(setup, settings, name);
        setup->options.long_names = has_peer && tool->target.long_names;
        error = node_setup_node(setup, tool->base, &tool->node, why, capacity);
    }
    return error;
}

static int run(struct tool *tool, const char *command) {
    const struct settings *settings = tool->settings;
    char why[WHY_BYTES];
    struct node_setup *setup = &tool->setup;
    int error;

    node_setup_init(setup, settings);
    setup->options.hidden = true;
    setup->options.no_listen = true;
    if (option_source(settings, "log-level") == SOURCE_DEFAULT)
        setup->options.log = log_remote_events;
    if (!tool->target.host)
        setup->options.cookie = "none"; /* nobody is going to be asked for it */
    else if ((error = node_setup_cookie(setup, settings, why, sizeof why)))
        return give_up(exit_code_of(error), "%s", why);

    struct event_config *config = event_config_new();
    if (config)
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    tool->base = config ? event_base_new_with_config(config) : NULL;
    if (config)
        event_config_free(config);
    tool->deadline = tool->base ? evtimer_new(tool->base, on_deadline, tool) : NULL;
    if (!tool->deadline)
        return give_up(EXIT_FAILED, "out of memory");
    tool->begun_us = tool_now_us();
    tool->ends_us = tool->begun_us + (int64_t)settings->timeout_ms * 1000;
    struct timeval timeout = {.tv_sec = (time_t)(settings->timeout_ms / 1000),
                              .tv_usec = (suseconds_t)(settings->timeout_ms % 1000 * 1000)};
    event_add(tool->deadline, &timeout);

    error = make_node(tool, command, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "%s", why);
    if (tool->target.host) {
        tool->peer = hm_node_find(tool->node, tool->target.text);
        if (!tool->peer)
            return give_up(EXIT_USAGE, "\"%s\" is no node name", tool->target.text);
    }
    error = hm_server_start(tool->node, &tool_class, NULL, tool, NULL);
    if (!error)
        error = hm_node_start(tool->node, on_ready, tool);
    if (error)
        return give_up(exit_code_of(error), "%s", hm_strerror(error));
    while (!tool->over)
        if (event_base_loop(tool->base, EVLOOP_ONCE) < 0)
            return give_up(EXIT_FAILED, "the event loop failed");
    return tool->code;
}

static int run_and_free(struct tool *tool, const char *command) {
    int code = run(tool, command);
    /* The answer is for the user now; taking leave of the peer can wait until it is printed. */
    fflush(stdout);
    tool->over = true;
    if (tool->leaving)
        tool->leaving(tool);
    hm_node_free(tool->node);
    if (tool->closing)
        tool->closing(tool);
    if (tool->deadline)
        event_free(tool->deadline);
    if (tool->base)
        event_base_free(tool->base);
    return code;
}

int tool_run(const struct settings *settings, const char *command, const char *target,
             void (*connected)(struct tool *tool), void *arg) {
    struct tool tool = {
        .settings = settings, .connected = connected, .arg = arg, .waiting_for = "connection"};
    char why[WHY_BYTES];
    int error = node_argument_read(&tool.target, target, settings, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "%s", why);
    return run_and_free(&tool, command);
}

int tool_run_alone(const struct settings *settings, const char *command, void (*ready)(struct tool *tool),
                   void *arg) {
    return tool_run_alone_until(settings, command, ready, NULL, arg);
}

int tool_run_alone_until(const struct settings *settings, const char *command, void (*ready)(struct tool *tool),
                         void (*leaving)(struct tool *tool), void *arg) {
    struct tool tool = {
        .settings = settings, .connected = ready, .leaving = leaving, .arg = arg, .waiting_for = "answer"};
    return run_and_free(&tool, command);
}

int tool_explain(const struct tool *tool, const char *atom, int error, hm_term reply, enum hm_syntax syntax) {
    const char *name = name_shown(atom);
    char *text = NULL;
    switch (error) {
    case HM_ENOPROC:
        return give_up(EXIT_NOPROC, "no process named %s on %s", name, tool->target.text);
    case HM_ENOCONNECTION:
        return give_up(EXIT_NO_CONNECTION, "the connection to %s was lost before the answer came",
                       tool->target.text);
    case HM_ETIMEOUT:
        return give_up(EXIT_TIMEOUT, "no answer from %s on %s within %llu ms", name, tool->target.text,
                       (unsigned long long)tool->settings->timeout_ms);
    case HM_EEXIT:
        if (reply.size && hm_term_print(reply, syntax, 2000, &text) == 0)
            give_up(EXIT_FAILED, "%s on %s ended before it answered: %s", name, tool->target.text, text);
        else
            give_up(EXIT_FAILED, "%s on %s ended before it answered", name, tool->target.text);
        free(text);
        return EXIT_FAILED;
    default:
        return give_up(exit_code_of(error), "%s", hm_strerror(error));
    }
}
