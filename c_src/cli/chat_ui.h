/*
 * cli/chat_ui: the user's side of the chat: a prompt on a terminal, or plain lines in a pipe.
 *
 * On a terminal (standard input and output both are one) libedit edits the line and keeps a history of this
 * session, and what is printed meanwhile goes above the line, which stays as it is. Elsewhere lines are read
 * and printed as they are, and there is no prompt: whoever reads the output gets nothing but lines.
 *
 * It never waits for a key: it reads when the event loop says that there is something. It calls
 * chat_ui_events, and knows nothing of nodes. One of them in a process, because a terminal has only one user.
 */
#ifndef HM_CLI_CHAT_UI_H
#define HM_CLI_CHAT_UI_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct chat_ui;

enum { CHAT_LINE_BYTES = 16384 }; /* what is longer is cut before it is handed out */

struct chat_ui_events {
    /* The user entered a line; borrowed, without its newline. `cut`: it was longer than CHAT_LINE_BYTES. */
    void (*line)(void *arg, const char *line, bool cut);
    /* No more input: Ctrl-D, or the end of the pipe. Once. */
    void (*end)(void *arg);
    /* TAB: the nth word that begins with these bytes, NULL after the last. Borrowed until the next call. */
    const char *(*word)(void *arg, const char *begin, size_t size, size_t nth);
};

/* prompt is copied. HM_ENOMEM, HM_ESYSTEM. */
int chat_ui_new(struct event_base *base, const char *prompt, const struct chat_ui_events *events, void *arg,
                struct chat_ui **ui);
/* Puts the terminal back as it was. NULL is allowed. */
void chat_ui_free(struct chat_ui *ui);

/* Starts or stops reading. While it is off there is no prompt, and what a pipe brings waits in the pipe. */
void chat_ui_listen(struct chat_ui *ui, bool on);
/* Prints one line; the text is printed as it is, so whatever strangers wrote has to be clean. */
void chat_ui_print(struct chat_ui *ui, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool chat_ui_is_terminal(const struct chat_ui *ui);

#endif
