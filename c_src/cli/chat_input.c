/* What the user types: commands with a slash, and everything else is said to the room. */
#include "cli/chat_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/chat_text.h"
#include "cli/suggest.h"

enum { MESSAGE_BYTES = 8000 }; /* of one line */

static const char *const chat_commands[] = {"/help", "/join", "/leave", "/pm", "/quit", "/users"};
enum { CHAT_COMMANDS = sizeof chat_commands / sizeof *chat_commands };

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
        chat_quit(chat);
    } else if (strcmp(word, "/leave") == 0) {
        chat_leave(chat);
    } else if (strcmp(word, "/join") == 0) {
        if (chat->stage == STAGE_LEFT)
            chat_join(chat);
        else if (chat->stage == STAGE_LOST)
            chat_ui_print(chat->ui, "%s is not there; you will be back in the room as soon as it is.",
                          chat->target.text);
        else
            chat_ui_print(chat->ui, "You are in the room.");
    } else if (strcmp(word, "/users") == 0) {
        if (chat->stage == STAGE_JOINED)
            chat_ask_users(chat);
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
    chat_quit(arg);
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

const struct chat_ui_events chat_input_events = {.line = on_line, .end = on_end, .word = on_word};
