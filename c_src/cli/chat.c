/*
 * The chat client of the ex_messenger exercise: a visible node with a server named message_handler, to which
 * the chat server casts {message, Nick, Text}; it calls and casts to message_server in turn
 * (services/message_server.c has the protocol).
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "cli/chat_client.h"
#include "cli/chat_text.h"
#include "cli/command.h"

enum { NAME_ATTEMPTS = 3 };

static void on_connected(void *arg, int error, const char *text) {
    struct chat *chat = arg;
    if (chat->over)
        return;
    if (error)
        chat_finish(chat, give_up(exit_code_of_connection(error), "no connection to %s: %s", chat->target.text,
                                  text && *text ? text : hm_strerror(error)));
    else
        chat_join(chat);
}

static void on_ready(void *arg, int error, const char *text) {
    struct chat *chat = arg;
    if (chat->over)
        return;
    if (error == HM_ETAKEN && !chat->settings->sname && !chat->settings->name) {
        chat->name_taken = true;
        chat_finish(chat, EXIT_FAILED);
        return;
    }
    if (!error) {
        chat_ui_print(chat->ui, "Connecting to %s from %s ...", chat->target.text,
                      hm_node_name_of(chat->node));
        error = hm_connect(chat->node, chat->peer, on_connected, chat);
        text = "";
    }
    if (error)
        chat_finish(chat, give_up(exit_code_of(error), "%s cannot start: %s", hm_node_name_of(chat->node),
                                  text && *text ? text : hm_strerror(error)));
}

/* Log lines must not tear the prompt. */
static void log_above_prompt(void *arg, enum hm_log_level level, const char *id, const char *text) {
    struct chat *chat = arg;
    char line[2000];
    if (!chat->ui || !chat_ui_is_terminal(chat->ui)) {
        log_lines_write(&chat->setup.log, level, id, text);
        return;
    }
    size_t size = log_lines_format(&chat->setup.log, line, sizeof line, level, id, text);
    chat_ui_print(chat->ui, "%.*s", (int)size - 1, line);
}

/* Of this machine's addresses the one that the server sees. A UDP socket that is connected sends nothing, and
 * knows it. */
static bool own_address(const char *server, char *address, size_t capacity) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM}, *found;
    if (getaddrinfo(server, "9", &hints, &found))
        return false;
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                getsockname(fd, (struct sockaddr *)&own, &size) == 0 &&
                getnameinfo((struct sockaddr *)&own, size, address, (socklen_t)capacity, NULL, 0,
                            NI_NUMERICHOST) == 0;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return good;
}

/* Named after the nick, so that it is the same node next time; with a random tail when that name is taken. */
static int make_node(struct chat *chat, int attempt, char *why, size_t capacity) {
    const struct settings *settings = chat->settings;
    char alive[64], name[NODE_NAME_BYTES], host[256] = "";
    unsigned random = 0;

    chat_text_node_name(settings->nick, alive, sizeof alive);
    if (attempt && getrandom(&random, sizeof random, 0) == sizeof random)
        snprintf(alive + strlen(alive), sizeof alive - strlen(alive), "-%04x", random & 0xffff);
    if (chat->target.long_names && own_address(chat->target.host, host, sizeof host))
        snprintf(name, sizeof name, "%s@%s", alive, host);
    else
        snprintf(name, sizeof name, "%s", alive);
    node_setup_name(&chat->setup, settings, name);
    chat->setup.options.long_names = settings->name || (!settings->sname && chat->target.long_names);
    int error = node_setup_node(&chat->setup, chat->base, &chat->node, why, capacity);
    if (error == HM_ENAME && chat->target.long_names && !settings->name)
        complain(error, why, capacity,
                 "%s has a long name, and this machine's own full name is not known: give one with --name "
                 "%s@ADDRESS",
                 chat->target.text, alive);
    return error;
}

static void on_signal(evutil_socket_t number, short what, void *arg) {
    (void)number;
    (void)what;
    chat_quit(arg);
}

static bool watch_signals(struct chat *chat) {
    static const int numbers[CHAT_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < CHAT_SIGNALS; i++) {
        chat->signals[i] = evsignal_new(chat->base, numbers[i], on_signal, chat);
        if (!chat->signals[i] || event_add(chat->signals[i], NULL))
            return false;
    }
    return true;
}

static int run_node(struct chat *chat, int attempt) {
    char why[WHY_BYTES], prompt[NODE_NAME_BYTES + 4];
    chat->over = chat->name_taken = false;
    int error = make_node(chat, attempt, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "%s", why);
    chat->peer = hm_node_find(chat->node, chat->target.text);
    if (!chat->peer)
        return give_up(EXIT_USAGE, "\"%s\" is no node name", chat->target.text);
    if (strcmp(hm_node_name_of(chat->node), chat->target.text) == 0)
        return give_up(EXIT_USAGE,
                       "%s is the server: this node needs another name, give one with --sname or --name",
                       chat->target.text);
    snprintf(prompt, sizeof prompt, "%s> ", hm_node_name_of(chat->node));
    error = chat_ui_new(chat->base, prompt, &chat_input_events, chat, &chat->ui);
    if (!error) {
        struct hm_start start = {.name = "message_handler"};
        error = hm_server_start(chat->node, &chat_handler_class, &start, chat, NULL);
    }
    if (error)
        return give_up(exit_code_of(error), "%s", hm_strerror(error));
    error = hm_node_start(chat->node, on_ready, chat);
    if (error)
        return give_up(exit_code_of(error), "cannot listen: %s",
                       error == HM_ESYSTEM ? strerror(errno) : hm_strerror(error));
    while (!chat->over)
        if (event_base_loop(chat->base, EVLOOP_ONCE) < 0)
            return give_up(EXIT_FAILED, "the event loop failed");
    return chat->code;
}

static void free_node(struct chat *chat) {
    chat->over = true;
    chat_ui_free(chat->ui);
    chat->ui = NULL;
    chat->monitored = false;
    hm_node_free(chat->node);
    chat->node = NULL;
}

static int run_base(struct chat *chat) {
    int code = EXIT_FAILED;
    chat->base = event_base_new();
    chat->retry = chat->base ? evtimer_new(chat->base, chat_on_retry, chat) : NULL;
    if (!chat->retry || !watch_signals(chat))
        return give_up(EXIT_FAILED, "out of memory");
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        code = run_node(chat, attempt);
        bool again = chat->name_taken;
        free_node(chat);
        if (!again)
            return code;
    }
    return give_up(code, "the name of this node is taken: give it another with --sname");
}

static int check_nick(const char *nick) {
    if (!nick)
        return give_up(EXIT_USAGE, "who are you? give a --nick");
    if (!chat_text_is_clean(nick) || strspn(nick, " ") == strlen(nick))
        return give_up(EXIT_USAGE, "--nick must be readable text");
    if (strlen(nick) >= NICK_BYTES)
        return give_up(EXIT_USAGE, "--nick must be shorter than %d bytes", NICK_BYTES);
    return EXIT_FINE;
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct chat *chat = calloc(1, sizeof *chat);
    char why[WHY_BYTES];
    (void)count;
    (void)arguments;
    if (!chat)
        return give_up(EXIT_FAILED, "out of memory");
    chat->settings = settings;
    int code = !settings->server ? give_up(EXIT_USAGE, "where is the chat? give its node with --server")
                                 : check_nick(settings->nick);
    int error = code ? 0 : node_argument_read(&chat->target, settings->server, settings, why, sizeof why);
    if (!code && !error) {
        node_setup_init(&chat->setup, settings);
        chat->setup.options.log =
            option_source(settings, "log-level") == SOURCE_DEFAULT ? NULL : log_above_prompt;
        chat->setup.options.log_arg = chat;
        error = node_setup_cookie(&chat->setup, settings, why, sizeof why);
    }
    if (error)
        code = give_up(exit_code_of(error), "%s", why);
    if (!code)
        code = run_base(chat);
    if (chat->retry)
        event_free(chat->retry);
    for (size_t i = 0; i < CHAT_SIGNALS; i++)
        if (chat->signals[i])
            event_free(chat->signals[i]);
    if (chat->base)
        event_base_free(chat->base);
    free(chat);
    return code;
}

static const struct example examples[] = {
    {"hermod chat --server hermod --nick john", "The chat on the node hermod of this machine."},
    {"hermod chat --server server@vm --nick jane --sname client",
     "With the node name client@vm for this client."},
    {"echo 'backup is done' | hermod chat --server hermod --nick backup", "Says one line and leaves."},
    {NULL, NULL},
};

const struct command command_chat = {
    .name = "chat",
    .bit = IN_CHAT,
    .arguments = "",
    .least = 0,
    .most = 0,
    .summary = "join the chat on a node",
    .about = "Joins the chat room on a node: Hermod's, or the one of the ex_messenger exercise in Elixir. "
             "What you type is "
             "said to everybody; /help, /users, /pm, /leave, /join and /quit are commands, TAB completes "
             "them and nicks, and "
             "Ctrl-D quits. When the server goes away, the client waits for it and joins again.\n\n"
             "With input or output that is no terminal it reads lines and prints lines, without a prompt, "
             "and leaves "
             "at the end of its input.\n\n"
             "The client is a node of its own, called after the nick: john@HOST, or john-XXXX@HOST when that "
             "name is taken. The "
             "server sends to it, so the server's host must be able to reach it.",
    .examples = examples,
    .run = run,
};
