/*
 * The chat client of the ex_messenger exercise: a visible node with a server named message_handler, to which
 * the chat server casts {message, Nick, Text}; it calls and casts to message_server in turn
 * (services/message_server.c has the protocol).
 *
 * The server knows a user by nick and node. When it says nick_in_use, the user in the room may therefore be
 * we ourselves: from a connection that was lost, or from a client that was killed and is back under the same
 * node name (the exercise's server removes nobody). disconnect tells, since it is granted only to the user's
 * own node; then we join again.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <event2/event.h>

#include <hermod/server.h>

#include "cli/chat_text.h"
#include "cli/chat_ui.h"
#include "cli/command.h"
#include "cli/node_setup.h"
#include "cli/suggest.h"

enum {
    SIGNALS = 3,
    NICK_BYTES = 256,     /* servers have limits of their own */
    MESSAGE_BYTES = 8000, /* of one line that the user types */
    SHOWN_BYTES = 32768,  /* of one message that others sent */
    KNOWN_NICKS = 64,     /* for TAB */
    GOODBYE_MS = 1000,
    RETRY_FIRST_MS = 500,
    RETRY_LAST_MS = 10000,
    NAME_ATTEMPTS = 3,
};

enum stage {
    STAGE_STARTING, /* the own node, then the first connection */
    STAGE_JOINING,  /* connect is called */
    STAGE_JOINED,
    STAGE_LEFT, /* /leave */
    STAGE_LOST, /* the server is gone; a timer tries again */
    STAGE_QUITTING,
};

struct chat {
    const struct settings *settings;
    struct node_setup setup;
    struct node_argument target;
    struct event_base *base;
    hm_node *node;
    hm_process *self;
    const hm_node_name *peer;
    hm_ref monitor;
    bool monitored;
    struct chat_ui *ui;
    struct event *retry;
    struct event *signals[SIGNALS];
    unsigned retry_ms;
    enum stage stage;
    bool been_in;  /* joined at least once: from then on a lost server is waited for */
    bool was_lost; /* for "is back" */
    bool told;     /* why we cannot rejoin has been said */
    bool took_out; /* our own nick has been taken out of the room once in this attempt */
    bool name_taken, over;
    int code;
    char known[KNOWN_NICKS][NICK_BYTES];
    size_t known_count, known_next;
};

static const char *const chat_commands[] = {"/help", "/join", "/leave", "/pm", "/quit", "/users"};
enum { CHAT_COMMANDS = sizeof chat_commands / sizeof *chat_commands };

static void join(struct chat *chat);

static void finish(struct chat *chat, int code) {
    if (chat->over)
        return;
    chat->over = true;
    chat->code = code;
    event_base_loopbreak(chat->base);
}

/* ---- what the server calls us with ---- */

static void remember(struct chat *chat, const char *nick) {
    for (size_t i = 0; i < chat->known_count; i++)
        if (strcmp(chat->known[i], nick) == 0)
            return;
    if (strlen(nick) >= NICK_BYTES || strcmp(nick, chat->settings->nick) == 0)
        return;
    strcpy(chat->known[chat->known_next], nick);
    chat->known_next = (chat->known_next + 1) % KNOWN_NICKS;
    if (chat->known_count < KNOWN_NICKS)
        chat->known_count++;
}

/* Any term as clean text: what is no text is printed as a term. */
static char *text_of(hm_term term) {
    char *raw = malloc(SHOWN_BYTES), *clean = malloc(SHOWN_BYTES), *printed = NULL;
    size_t size;
    const void *bytes;
    if (!raw || !clean)
        goto fail;
    if (hm_get_text(term, raw, SHOWN_BYTES, &size))
        chat_text_clean(raw, size, clean, SHOWN_BYTES);
    else if (hm_get_binary(term, &bytes, &size)) /* too long, or no UTF-8 */
        chat_text_clean(bytes, size, clean, SHOWN_BYTES);
    else if (hm_term_print(term, HM_SYNTAX_ERLANG, SHOWN_BYTES - 4, &printed) == 0)
        chat_text_clean(printed, strlen(printed), clean, SHOWN_BYTES);
    else
        goto fail;
    free(printed);
    free(raw);
    return clean;
fail:
    free(raw);
    free(clean);
    return NULL;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct chat *chat = hm_data(self);
    hm_term nick_term, text_term;
    if (!hm_match(message, "{message, ~t, ~t}", &nick_term, &text_term))
        return HM_UNKNOWN;
    char *nick = text_of(nick_term), *text = text_of(text_term);
    if (nick && text) {
        if (strcmp(nick, "server"))
            remember(chat, nick);
        chat_ui_print(chat->ui, "%s> %s: %s", chat->target.text, nick, text);
    }
    free(nick);
    free(text);
    return HM_CONTINUE;
}

/* ---- losing the server and finding it again ---- */

static void forget_monitor(struct chat *chat) {
    if (chat->monitored)
        hm_demonitor(chat->self, &chat->monitor);
    chat->monitored = false;
}

static void schedule_retry(struct chat *chat) {
    struct timeval pause = {.tv_sec = chat->retry_ms / 1000, .tv_usec = chat->retry_ms % 1000 * 1000};
    chat->stage = STAGE_LOST;
    /* A pipe waits, so that nothing it says is lost; a person may want to quit. */
    if (!chat_ui_is_terminal(chat->ui))
        chat_ui_listen(chat->ui, false);
    evtimer_add(chat->retry, &pause);
    chat->retry_ms = chat->retry_ms * 2 < RETRY_LAST_MS ? chat->retry_ms * 2 : RETRY_LAST_MS;
}

/* reason: NULL when it was the connection, else why the chat server ended. */
static void lose(struct chat *chat, const char *reason) {
    forget_monitor(chat);
    if (chat->stage == STAGE_QUITTING) {
        finish(chat, EXIT_FINE);
        return;
    }
    if (chat->stage == STAGE_LOST)
        return;
    if (reason)
        chat_ui_print(chat->ui, "* The chat on %s has ended (%s); waiting for it to come back *",
                      chat->target.text, reason);
    else
        chat_ui_print(chat->ui, "* %s is gone; waiting for it to come back *", chat->target.text);
    chat->was_lost = true;
    chat->told = reason != NULL; /* that nobody answers is no news then */
    chat->retry_ms = RETRY_FIRST_MS;
    schedule_retry(chat);
}

static void on_reconnected(void *arg, int error, const char *text) {
    struct chat *chat = arg;
    if (chat->over || chat->stage != STAGE_LOST)
        return;
    if (error == HM_ECOOKIE && !chat->told) {
        chat->told = true;
        chat_ui_print(chat->ui, "* %s does not let us in: %s *", chat->target.text, text);
    }
    if (error)
        schedule_retry(chat);
    else
        join(chat);
}

static void on_retry(evutil_socket_t fd, short what, void *arg) {
    struct chat *chat = arg;
    (void)fd;
    (void)what;
    if (hm_connect(chat->node, chat->peer, on_reconnected, chat))
        schedule_retry(chat);
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct chat *chat = hm_data(self);
    hm_term ref_term, reason;
    hm_ref ref;
    if (!hm_match(message, "{'DOWN', ~t, process, _, ~t}", &ref_term, &reason))
        return HM_UNKNOWN;
    if (!chat->monitored || !hm_get_ref(chat->node, ref_term, &ref) || !hm_ref_equal(&ref, &chat->monitor))
        return HM_CONTINUE;
    chat->monitored = false;
    char *text = text_of(reason);
    lose(chat, hm_is_atom(reason, "noconnection") ? NULL : text ? text : "no memory");
    free(text);
    return HM_CONTINUE;
}

/* ---- joining ---- */

static int call_server(struct chat *chat, const char *request, hm_call_done *done, int64_t timeout_ms) {
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (build) {
        hm_put_tuple(build, 2);
        hm_put_atom(build, request);
        hm_put_text(build, chat->settings->nick);
        error = hm_build_error(build);
    }
    if (!error)
        error = hm_call(chat->self, hm_to_name("message_server", chat->peer), hm_build_term(build),
                        timeout_ms, done, chat);
    hm_build_free(build);
    return error;
}

/* We are not in the room. The first time that ends the program; later it may change, and we ask again. */
static void refuse(struct chat *chat, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(struct chat *chat, int code, const char *format, ...) {
    char why[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (!chat->been_in) {
        finish(chat, give_up(code, "%s", why));
        return;
    }
    if (!chat->told)
        chat_ui_print(chat->ui, "* %s *", why);
    chat->told = true;
    if (chat->was_lost) {
        schedule_retry(chat);
    } else { /* after /join: the user decides */
        chat->stage = STAGE_LEFT;
        chat_ui_listen(chat->ui, true);
    }
}

static void settle_in(struct chat *chat, hm_term users) {
    char *list = text_of(users);
    chat->stage = STAGE_JOINED;
    if (chat->was_lost)
        chat_ui_print(chat->ui, "* %s is back *", chat->target.text);
    chat_ui_print(chat->ui, "* Joined the chatroom *");
    chat_ui_print(chat->ui, "* Users in the room: %s *", list ? list : "?");
    if (!chat->been_in && chat_ui_is_terminal(chat->ui))
        chat_ui_print(chat->ui, "* /help tells what you can do here *");
    for (char *rest = list, *nick; rest && (nick = strsep(&rest, ":"));)
        remember(chat, nick);
    free(list);
    chat->been_in = true;
    chat->was_lost = chat->told = false;
    chat->retry_ms = RETRY_FIRST_MS;
    forget_monitor(chat);
    chat->monitored = hm_monitor(chat->self, hm_to_name("message_server", chat->peer), &chat->monitor) == 0;
    chat_ui_listen(chat->ui, true);
}

static enum hm_verdict on_taken_out(hm_process *self, void *arg, int error, hm_term reply) {
    struct chat *chat = arg;
    (void)self;
    if (chat->stage != STAGE_JOINING)
        return HM_CONTINUE;
    if (!error && (hm_is_atom(reply, "ok") || hm_is_atom(reply, "user_not_found")))
        join(chat);
    else if (error == HM_ENOCONNECTION && chat->been_in)
        lose(chat, NULL);
    else
        refuse(chat, EXIT_FAILED, "the nick %s is taken; choose another one with --nick",
               chat->settings->nick);
    return HM_CONTINUE;
}

static void explain_call(struct chat *chat, int error, hm_term reply) {
    const char *server = chat->target.text;
    char *reason;
    switch (error) {
    case HM_ENOPROC:
        refuse(chat, EXIT_NOPROC, "there is no chat on %s: no process is named message_server", server);
        break;
    case HM_ENOCONNECTION:
        if (chat->been_in)
            lose(chat, NULL);
        else
            refuse(chat, EXIT_NO_CONNECTION, "the connection to %s was lost", server);
        break;
    case HM_ETIMEOUT:
        refuse(chat, EXIT_TIMEOUT, "the chat on %s does not answer", server);
        break;
    default:
        reason = error == HM_EEXIT && reply.size ? text_of(reply) : NULL;
        refuse(chat, EXIT_FAILED, "the chat on %s failed: %s", server, reason ? reason : hm_strerror(error));
        free(reason);
    }
}

static enum hm_verdict on_joined(hm_process *self, void *arg, int error, hm_term reply) {
    struct chat *chat = arg;
    hm_term users;
    (void)self;
    if (chat->stage != STAGE_JOINING)
        return HM_CONTINUE;
    if (error) {
        explain_call(chat, error, reply);
    } else if (hm_match(reply, "{ok, ~t}", &users)) {
        settle_in(chat, users);
    } else if (hm_is_atom(reply, "nick_in_use") && !chat->took_out) {
        chat->took_out = true;
        error = call_server(chat, "disconnect", on_taken_out, (int64_t)chat->settings->timeout_ms);
        if (error)
            explain_call(chat, error, (hm_term){0});
    } else if (hm_is_atom(reply, "nick_in_use")) {
        refuse(chat, EXIT_FAILED, "the nick %s is taken; choose another one with --nick",
               chat->settings->nick);
    } else if (hm_is_atom(reply, "nick_not_allowed")) {
        refuse(chat, EXIT_FAILED, "the nick %s is not allowed there; choose another one with --nick",
               chat->settings->nick);
    } else {
        char *text = text_of(reply);
        refuse(chat, EXIT_FAILED, "cannot join the chat: %s", text ? text : "no memory");
        free(text);
    }
    return HM_CONTINUE;
}

static void join(struct chat *chat) {
    if (chat->stage != STAGE_JOINING)
        chat->took_out = false;
    chat->stage = STAGE_JOINING;
    /* The next line of a pipe is meant for the room. */
    if (!chat_ui_is_terminal(chat->ui))
        chat_ui_listen(chat->ui, false);
    int error = call_server(chat, "connect", on_joined, (int64_t)chat->settings->timeout_ms);
    if (error)
        explain_call(chat, error, (hm_term){0});
}

/* ---- leaving ---- */

static enum hm_verdict on_gone(hm_process *self, void *arg, int error, hm_term reply) {
    (void)self;
    (void)error;
    (void)reply;
    finish(arg, EXIT_FINE);
    return HM_CONTINUE;
}

static void quit(struct chat *chat) {
    bool in = chat->stage == STAGE_JOINED || chat->stage == STAGE_JOINING;
    if (chat->stage == STAGE_QUITTING || !in) {
        finish(chat, EXIT_FINE);
        return;
    }
    chat->stage = STAGE_QUITTING;
    chat_ui_listen(chat->ui, false);
    forget_monitor(chat);
    if (call_server(chat, "disconnect", on_gone, GOODBYE_MS))
        finish(chat, EXIT_FINE);
}

static enum hm_verdict on_left(hm_process *self, void *arg, int error, hm_term reply) {
    struct chat *chat = arg;
    (void)self;
    if (chat->stage == STAGE_QUITTING)
        return HM_CONTINUE;
    if (!error && !hm_is_atom(reply, "ok") && !hm_is_atom(reply, "user_not_found")) {
        char *text = text_of(reply);
        chat_ui_print(chat->ui, "* The server does not let you go: %s *", text ? text : "no memory");
        free(text);
    }
    return HM_CONTINUE;
}

static void leave(struct chat *chat) {
    if (chat->stage != STAGE_JOINED) {
        chat_ui_print(chat->ui, "You are not in the room.");
        return;
    }
    chat->stage = STAGE_LEFT;
    forget_monitor(chat);
    chat_ui_print(chat->ui, "You have left the room: /join takes you back, /quit ends the program.");
    call_server(chat, "disconnect", on_left, (int64_t)chat->settings->timeout_ms);
}

/* ---- what the user types ---- */

static void say(struct chat *chat, const char *to, const char *text) {
    hm_address server = hm_to_name("message_server", chat->peer);
    int error = 0;
    if (chat->stage == STAGE_LOST)
        chat_ui_print(chat->ui, "%s is not there: this was not sent.", chat->target.text);
    else if (chat->stage != STAGE_JOINED)
        chat_ui_print(chat->ui, "You are not in the room, so nobody hears you: /join first.");
    else if (strlen(text) > MESSAGE_BYTES)
        chat_ui_print(chat->ui, "Too long by %zu bytes: this was not sent.", strlen(text) - MESSAGE_BYTES);
    else if (to)
        error = hm_castf(chat->self, server, "{private_message, ~s, ~s, ~s}", chat->settings->nick, to, text);
    else
        error = hm_castf(chat->self, server, "{say, ~s, ~s}", chat->settings->nick, text);
    if (error)
        chat_ui_print(chat->ui, "This was not sent: %s.", hm_strerror(error));
}

static void say_to_one(struct chat *chat, char *rest) {
    rest += strspn(rest, " \t");
    char *text = rest + strcspn(rest, " \t");
    if (*text) {
        *text++ = '\0';
        text += strspn(text, " \t");
    }
    if (!*rest || !*text)
        chat_ui_print(chat->ui, "Whom, and what? /pm NICK MESSAGE");
    else
        say(chat, rest, text);
}

static void print_help(struct chat *chat) {
    chat_ui_print(chat->ui, "What you type goes to everybody in the room. These are for you:");
    chat_ui_print(chat->ui, "  /users            who is there");
    chat_ui_print(chat->ui, "  /pm NICK MESSAGE  tell one of them only");
    chat_ui_print(chat->ui, "  /leave            go out of the room, and stay here");
    chat_ui_print(chat->ui, "  /join             go in again");
    chat_ui_print(chat->ui, "  /quit             leave and end; Ctrl-D too");
    chat_ui_print(chat->ui, "A message that begins with a slash is typed with two: //etc is full.");
}

static void run_command(struct chat *chat, char *line) {
    size_t size = strcspn(line, " \t");
    char *rest = line + size;
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)size, line);
    if (strcmp(word, "/help") == 0) {
        print_help(chat);
    } else if (strcmp(word, "/quit") == 0) {
        quit(chat);
    } else if (strcmp(word, "/leave") == 0) {
        leave(chat);
    } else if (strcmp(word, "/join") == 0) {
        if (chat->stage == STAGE_LEFT)
            join(chat);
        else if (chat->stage == STAGE_LOST)
            chat_ui_print(chat->ui, "%s is not there; you will be back in the room as soon as it is.",
                          chat->target.text);
        else
            chat_ui_print(chat->ui, "You are in the room.");
    } else if (strcmp(word, "/users") == 0) {
        if (chat->stage == STAGE_JOINED)
            hm_castf(chat->self, hm_to_name("message_server", chat->peer), "{list_users, ~s}",
                     chat->settings->nick);
        else
            chat_ui_print(chat->ui, "You are not in the room: /join first.");
    } else if (strcmp(word, "/pm") == 0) {
        say_to_one(chat, rest);
    } else {
        struct suggestion best = suggestion_for(word);
        char guess[64], clean[64];
        for (size_t i = 0; i < CHAT_COMMANDS; i++)
            suggestion_try(&best, chat_commands[i], strlen(chat_commands[i]));
        chat_text_clean(word, strlen(word), clean, sizeof clean);
        chat_ui_print(chat->ui, "There is no %s%s (/help lists what there is)", clean,
                      suggestion_text(&best, "", guess, sizeof guess));
    }
}

static void on_line(void *arg, const char *given, bool cut) {
    struct chat *chat = arg;
    char *line = strdup(given);
    if (!line || cut) {
        chat_ui_print(chat->ui, cut ? "A line that long is no message: it was not sent." : "Out of memory.");
        free(line);
        return;
    }
    char *start = line + strspn(line, " \t"), *end = line + strlen(line);
    while (end > start && strchr(" \t\r", end[-1]))
        *--end = '\0';
    if (start[0] == '/' && start[1] == '/')
        say(chat, NULL, start + 1);
    else if (start[0] == '/')
        run_command(chat, start);
    else if (*start)
        say(chat, NULL, start);
    free(line);
}

static void on_end(void *arg) {
    quit(arg);
}

static const char *on_word(void *arg, const char *begin, size_t size, size_t nth) {
    struct chat *chat = arg;
    for (size_t i = 0; i < CHAT_COMMANDS + chat->known_count; i++) {
        const char *word = i < CHAT_COMMANDS ? chat_commands[i] : chat->known[i - CHAT_COMMANDS];
        if (strncmp(word, begin, size) == 0 && nth-- == 0)
            return word;
    }
    return NULL;
}

static const struct chat_ui_events ui_events = {.line = on_line, .end = on_end, .word = on_word};

/* ---- the node ---- */

static int on_init(hm_process *self, void *argument) {
    struct chat *chat = argument;
    chat->self = self;
    hm_set_data(self, chat);
    return 0;
}

static const struct hm_server_class handler_class = {
    .module = "message_handler",
    .init = on_init,
    .cast = on_cast,
    .info = on_info,
};

static void on_connected(void *arg, int error, const char *text) {
    struct chat *chat = arg;
    if (chat->over)
        return;
    if (error)
        finish(chat, give_up(exit_code_of(error), "no connection to %s: %s", chat->target.text,
                             text && *text ? text : hm_strerror(error)));
    else
        join(chat);
}

static void on_ready(void *arg, int error, const char *text) {
    struct chat *chat = arg;
    if (chat->over)
        return;
    if (error == HM_ETAKEN && !chat->settings->sname && !chat->settings->name) {
        chat->name_taken = true;
        finish(chat, EXIT_FAILED);
        return;
    }
    if (!error) {
        chat_ui_print(chat->ui, "Connecting to %s from %s ...", chat->target.text,
                      hm_node_name_of(chat->node));
        error = hm_connect(chat->node, chat->peer, on_connected, chat);
        text = "";
    }
    if (error)
        finish(chat, give_up(exit_code_of(error), "%s cannot start: %s", hm_node_name_of(chat->node),
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
    size_t size = log_lines_format(line, sizeof line, level, id, text);
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
    int error = hm_node_new(chat->base, &chat->setup.options, &chat->node, why, capacity);
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
    quit(arg);
}

static bool watch_signals(struct chat *chat) {
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < SIGNALS; i++) {
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
    error = chat_ui_new(chat->base, prompt, &ui_events, chat, &chat->ui);
    if (!error) {
        struct hm_start start = {.name = "message_handler"};
        error = hm_server_start(chat->node, &handler_class, &start, chat, NULL);
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
    chat->retry = chat->base ? evtimer_new(chat->base, on_retry, chat) : NULL;
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
    for (size_t i = 0; i < SIGNALS; i++)
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
