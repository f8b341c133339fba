/*
 * The server knows a user by nick and node. When it says nick_in_use, the user in the room may therefore be
 * we ourselves: from a connection that was lost, or from a client that was killed and is back under the same
 * node name (the server of the exercise removes nobody). disconnect tells, since it is granted only to the
 * user's own node; then we join again.
 */
#include "cli/chat_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "cli/chat_text.h"
#include "cli/command.h"

enum {
    SHOWN_BYTES = 32768, /* of one message that others sent */
    GOODBYE_MS = 1000,
    RETRY_FIRST_MS = 500,
    RETRY_LAST_MS = 10000,
};

void chat_finish(struct chat *chat, int code) {
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
        bool from_server = strcmp(nick, "server") == 0;
        if (from_server)
            chat->users_asked -= chat->users_asked > 0;
        else
            remember(chat, nick);
        chat_ui_print(chat->ui, "%s> %s: %s", chat->target.text, nick, text);
    }
    free(nick);
    free(text);
    if (chat->quit_waits && !chat->users_asked)
        chat_quit(chat);
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
    if (chat->stage == STAGE_QUITTING || chat->quit_waits) {
        chat_finish(chat, EXIT_FINE);
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
        chat_join(chat);
}

void chat_on_retry(evutil_socket_t fd, short what, void *arg) {
    struct chat *chat = arg;
    (void)fd;
    (void)what;
    if (chat->quit_waits)
        chat_quit(chat);
    else if (hm_connect(chat->node, chat->peer, on_reconnected, chat))
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
        chat_finish(chat, give_up(code, "%s", why));
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
        chat_join(chat);
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

void chat_join(struct chat *chat) {
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
    chat_finish(arg, EXIT_FINE);
    return HM_CONTINUE;
}

/* The server answers /users after it has taken up what came behind it: who was gone by then would not see the answer. */
static bool wait_for_users(struct chat *chat) {
    struct timeval longest = {.tv_sec = GOODBYE_MS / 1000};
    if (chat->stage != STAGE_JOINED || !chat->users_asked || chat->quit_waits)
        return false;
    chat->quit_waits = true;
    chat_ui_listen(chat->ui, false);
    return evtimer_add(chat->retry, &longest) == 0;
}

void chat_ask_users(struct chat *chat) {
    if (hm_castf(chat->self, hm_to_name("message_server", chat->peer), "{list_users, ~s}", chat->settings->nick) == 0)
        chat->users_asked++;
}

void chat_quit(struct chat *chat) {
    if (wait_for_users(chat))
        return;
    bool in = chat->stage == STAGE_JOINED || chat->stage == STAGE_JOINING;
    if (chat->stage == STAGE_QUITTING || !in) {
        chat_finish(chat, EXIT_FINE);
        return;
    }
    chat->stage = STAGE_QUITTING;
    chat_ui_listen(chat->ui, false);
    forget_monitor(chat);
    if (call_server(chat, "disconnect", on_gone, GOODBYE_MS))
        chat_finish(chat, EXIT_FINE);
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

void chat_leave(struct chat *chat) {
    if (chat->stage != STAGE_JOINED) {
        chat_ui_print(chat->ui, "You are not in the room.");
        return;
    }
    chat->stage = STAGE_LEFT;
    forget_monitor(chat);
    chat_ui_print(chat->ui, "You have left the room: /join takes you back, /quit ends the program.");
    call_server(chat, "disconnect", on_left, (int64_t)chat->settings->timeout_ms);
}

/* ---- the process ---- */

static int on_init(hm_process *self, void *argument) {
    struct chat *chat = argument;
    chat->self = self;
    hm_set_data(self, chat);
    return 0;
}

const struct hm_server_class chat_handler_class = {
    .module = "message_handler",
    .init = on_init,
    .cast = on_cast,
    .info = on_info,
};
