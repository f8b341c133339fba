/*
 * libedit reads its keys itself, and waits for them. Here it is fed: bytes are read when poll says so, and
 * handed over one whole key at a time (chat_text_whole_keys), so that its reader always finds what it asks
 * for. Its commands that read on by themselves (incremental search, quoted insert, M-x) are unbound for the
 * same reason: they would stop the node. Its readline interface is not used because it has the same trouble
 * and global state besides.
 */
#include "cli/chat_ui.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <event2/event.h>

#include <hermod/error.h>

#include "cli/chat_text.h"
#include "cli/libedit.h"

enum { HISTORY_LINES = 500, CTRL_D = 4, ESCAPE_MS = 100 };

struct chat_ui {
    struct event_base *base;
    const struct chat_ui_events *events;
    void *arg;
    char *prompt;
    struct event *input; /* NULL: standard input is a file, which epoll does not take */
    struct event *again; /* the next turn for what is left in the buffer or in a file */
    struct event *resize, *suspend;
    bool listening, eof, ended;

    char buffer[CHAT_LINE_BYTES + 1];
    size_t size;
    bool overlong; /* in a pipe: the rest of this line is thrown away */

    const struct libedit *libedit;
    EditLine *edit; /* NULL: plain lines */
    History *history;
    const char *keys; /* what libedit's reader takes next */
    size_t keys_left;
    bool editing; /* the terminal is raw and shows the prompt */
};

/* ---- terminal: what libedit asks for ---- */

static struct chat_ui *owner_of(EditLine *edit) {
    void *ui = NULL;
    libedit_get()->get(edit, EL_CLIENTDATA, &ui);
    return ui;
}

static char *give_prompt(EditLine *edit) {
    return owner_of(edit)->prompt;
}

static int give_key(EditLine *edit, wchar_t *key) {
    struct chat_ui *ui = owner_of(edit);
    mbstate_t state = {0};
    if (ui->keys_left == 0)
        return -1;
    size_t taken = mbrtowc(key, ui->keys, ui->keys_left, &state);
    if (taken == 0 || taken > ui->keys_left) {
        *key = L'?'; /* a NUL, or no character of this locale */
        taken = 1;
    }
    ui->keys += taken;
    ui->keys_left -= taken;
    return 1;
}

static unsigned char complete(EditLine *edit, int key) {
    struct chat_ui *ui = owner_of(edit);
    const LineInfo *line = libedit_get()->line(edit);
    const char *begin = line->cursor;
    (void)key;
    while (begin > line->buffer && begin[-1] != ' ')
        begin--;
    size_t size = (size_t)(line->cursor - begin), common = 0;
    char first[256] = "";
    const char *word;
    if (size == 0)
        return CC_ERROR;
    for (size_t n = 0; (word = ui->events->word(ui->arg, begin, size, n)); n++) {
        size_t same = 0;
        if (n == 0) {
            snprintf(first, sizeof first - 1, "%s", word);
            common = strlen(first);
        }
        while (same < common && word[same] == first[same])
            same++;
        common = same;
        first[common] = '\0';
    }
    if (common < size)
        return CC_ERROR;
    /* The only one: it is a whole word. */
    if (!ui->events->word(ui->arg, begin, size, 1)) {
        first[common] = ' ';
        first[common + 1] = '\0';
    }
    if (!first[size] || libedit_get()->insertstr(edit, first + size))
        return CC_ERROR;
    return CC_REFRESH;
}

/* ---- terminal: the line on the screen ---- */

static unsigned columns_of(void) {
    struct winsize window;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col ? window.ws_col : 80;
}

/* How many rows below the prompt's start the cursor is. */
static unsigned cursor_row(struct chat_ui *ui) {
    const LineInfo *line = ui->libedit->line(ui->edit);
    unsigned columns = columns_of(), row = 0, column = (unsigned)strlen(ui->prompt);
    mbstate_t state = {0};
    row += column / columns;
    column %= columns;
    for (const char *at = line->buffer; at < line->cursor;) {
        wchar_t c;
        size_t size = mbrtowc(&c, at, (size_t)(line->cursor - at), &state);
        if (size == 0 || size > (size_t)(line->cursor - at))
            break;
        int width = wcwidth(c);
        unsigned cells = width < 0 ? 2 : (unsigned)width; /* libedit shows ^A */
        if (column + cells > columns) {
            row++;
            column = 0;
        }
        column += cells;
        if (column == columns) {
            row++;
            column = 0;
        }
        at += size;
    }
    return row;
}

static void erase_line(struct chat_ui *ui) {
    unsigned row = cursor_row(ui);
    if (row)
        printf("\033[%uA", row);
    fputs("\r\033[J", stdout);
}

static void begin_editing(struct chat_ui *ui) {
    if (!ui->editing) {
        ui->editing = true;
        ui->libedit->set(ui->edit, EL_UNBUFFERED, 1);
    }
}

static void end_editing(struct chat_ui *ui) {
    if (ui->editing) {
        ui->editing = false;
        ui->libedit->set(ui->edit, EL_UNBUFFERED, 0);
    }
}

/* Gives up the line that is being edited: what comes next begins below it. */
static void drop_line(struct chat_ui *ui) {
    if (ui->editing) {
        end_editing(ui);
        putchar('\n');
        fflush(stdout);
    }
}

/* Takes the half-typed line off the screen, so that a new prompt can take it up again. */
static char *put_line_aside(struct chat_ui *ui) {
    const LineInfo *line = ui->libedit->line(ui->edit);
    char *kept = strndup(line->buffer, (size_t)(line->lastchar - line->buffer));
    erase_line(ui);
    fflush(stdout);
    end_editing(ui);
    return kept;
}

static void take_line_up(struct chat_ui *ui, char *kept) {
    begin_editing(ui);
    if (kept && *kept)
        ui->libedit->insertstr(ui->edit, kept);
    free(kept);
    ui->libedit->set(ui->edit, EL_REFRESH);
}

static void on_resize(evutil_socket_t number, short what, void *arg) {
    struct chat_ui *ui = arg;
    (void)number;
    (void)what;
    if (ui->editing) {
        erase_line(ui);
        fflush(stdout);
    }
    ui->libedit->resize(ui->edit);
    if (ui->editing)
        ui->libedit->set(ui->edit, EL_REFRESH);
}

/* Ctrl-Z: the shell gets its terminal back in order, and we take it again afterwards. */
static void on_suspend(evutil_socket_t number, short what, void *arg) {
    struct chat_ui *ui = arg;
    bool editing = ui->editing;
    (void)number;
    (void)what;
    char *kept = editing ? put_line_aside(ui) : NULL;
    raise(SIGSTOP);
    if (editing)
        take_line_up(ui, kept);
}

/* ---- lines come in ---- */

static void end_input(struct chat_ui *ui) {
    if (!ui->ended) {
        ui->ended = true;
        drop_line(ui);
        ui->events->end(ui->arg);
    }
}

static bool line_is_empty(struct chat_ui *ui) {
    const LineInfo *line = ui->libedit->line(ui->edit);
    return line->lastchar == line->buffer;
}

static void hand_out_edited(struct chat_ui *ui, const char *text, size_t size) {
    HistEvent event;
    char *line = strndup(text, size);
    if (!line)
        return;
    end_editing(ui);
    if (*line)
        ui->libedit->history(ui->history, &event, H_ENTER, line);
    ui->events->line(ui->arg, line, false);
    free(line);
    if (ui->listening && !ui->ended)
        begin_editing(ui);
}

/* Feeds libedit one key at a time, until a line is whole or what is there is used up. */
static void use_keys(struct chat_ui *ui) {
    size_t whole = chat_text_whole_keys(ui->buffer, ui->size), used = 0;
    while (used < whole && ui->listening && !ui->ended) {
        int count = 0;
        if (ui->buffer[used] == CTRL_D && line_is_empty(ui)) {
            used++;
            end_input(ui);
            break;
        }
        ui->keys = ui->buffer + used;
        ui->keys_left = whole - used;
        const char *text = ui->libedit->gets(ui->edit, &count);
        used = whole - ui->keys_left;
        if (text && count > 0 && (text[count - 1] == '\n' || text[count - 1] == '\r'))
            hand_out_edited(ui, text, (size_t)count - 1);
    }
    ui->size -= used;
    memmove(ui->buffer, ui->buffer + used, ui->size);
}

static void use_lines(struct chat_ui *ui) {
    char *newline;
    while (ui->listening && !ui->ended && (newline = memchr(ui->buffer, '\n', ui->size))) {
        size_t taken = (size_t)(newline - ui->buffer) + 1;
        char line[CHAT_LINE_BYTES + 1];
        size_t size = taken - 1;
        if (size && ui->buffer[size - 1] == '\r')
            size--;
        memcpy(line, ui->buffer, size);
        line[size] = '\0';
        ui->size -= taken;
        memmove(ui->buffer, ui->buffer + taken, ui->size);
        if (!ui->overlong)
            ui->events->line(ui->arg, line, false);
        ui->overlong = false;
    }
    if (ui->listening && !ui->ended && ui->size == CHAT_LINE_BYTES) {
        ui->buffer[ui->size] = '\0';
        ui->size = 0;
        if (!ui->overlong)
            ui->events->line(ui->arg, ui->buffer, true);
        ui->overlong = true;
    }
    if (ui->eof && ui->listening && !ui->ended) {
        if (ui->size && !ui->overlong) { /* the last line without a newline is one too */
            ui->buffer[ui->size] = '\0';
            ui->size = 0;
            ui->events->line(ui->arg, ui->buffer, false);
        }
        if (ui->listening)
            end_input(ui);
    }
}

static void use_input(struct chat_ui *ui) {
    if (ui->edit)
        use_keys(ui);
    else
        use_lines(ui);
    if (ui->edit && ui->eof)
        end_input(ui);
}

static void schedule(struct chat_ui *ui) {
    static const struct timeval at_once = {0, 0}, for_escape = {0, ESCAPE_MS * 1000};
    if (!ui->listening || ui->ended)
        return;
    if (ui->edit && ui->size)
        evtimer_add(ui->again, &for_escape); /* an ESC key alone: nothing follows it */
    else if (!ui->input && !ui->eof)
        evtimer_add(ui->again, &at_once);
}

static void read_input(struct chat_ui *ui) {
    ssize_t got = read(STDIN_FILENO, ui->buffer + ui->size, CHAT_LINE_BYTES - ui->size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        ui->eof = true;
        if (ui->input)
            event_del(ui->input);
    } else {
        ui->size += (size_t)got;
    }
    use_input(ui);
    schedule(ui);
}

static void on_input(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    read_input(arg);
}

static void on_again(evutil_socket_t fd, short what, void *arg) {
    struct chat_ui *ui = arg;
    (void)fd;
    (void)what;
    if (ui->edit) {
        ui->size = 0; /* an unfinished key sequence that nothing followed */
    } else if (ui->size || ui->eof) {
        use_input(ui);
        if (!ui->eof)
            schedule(ui);
    }
    if (!ui->input && !ui->eof && ui->listening)
        read_input(ui);
}

void chat_ui_listen(struct chat_ui *ui, bool on) {
    static const struct timeval at_once = {0, 0};
    if (ui->listening == on || ui->ended)
        return;
    ui->listening = on;
    if (!on) {
        if (ui->input)
            event_del(ui->input);
        evtimer_del(ui->again);
        drop_line(ui);
        return;
    }
    if (ui->edit)
        begin_editing(ui);
    if (ui->input && !ui->eof)
        event_add(ui->input, NULL);
    if (!ui->edit || !ui->input)
        evtimer_add(ui->again, &at_once); /* lines that came in before, or a file */
}

/* ---- printing ---- */

void chat_ui_print(struct chat_ui *ui, const char *format, ...) {
    va_list arguments;
    if (ui->editing)
        erase_line(ui);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fputs(ui->editing ? "\r\n" : "\n", stdout);
    fflush(stdout);
    if (ui->editing)
        ui->libedit->set(ui->edit, EL_REFRESH);
}

bool chat_ui_is_terminal(const struct chat_ui *ui) {
    return ui->edit != NULL;
}

/* ---- beginning and end ---- */

static bool wants_editor(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal && *terminal && strcmp(terminal, "dumb");
}

/* epoll takes no regular files, nor /dev/null. libevent would find out as well, but writes to standard error
 * about it. */
static bool can_be_watched(int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    int probe = epoll_create1(EPOLL_CLOEXEC);
    bool can = probe < 0 || epoll_ctl(probe, EPOLL_CTL_ADD, fd, &event) == 0 || errno != EPERM;
    if (probe >= 0)
        close(probe);
    return can;
}

static int make_editor(struct chat_ui *ui) {
    /* Each of these would read on in the middle of the loop. */
    static const char *const unbound[] = {"^R", "^S", "^V", "^[x", "^[X"};
    HistEvent event;

    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8"))
        setlocale(LC_CTYPE, "C.UTF-8");
    ui->edit = ui->libedit->init("hermod", stdin, stdout, stderr);
    ui->history = ui->libedit->history_init();
    if (!ui->edit || !ui->history)
        return HM_ENOMEM;
    ui->libedit->history(ui->history, &event, H_SETSIZE, HISTORY_LINES);
    ui->libedit->history(ui->history, &event, H_SETUNIQUE, 1);
    ui->libedit->set(ui->edit, EL_CLIENTDATA, ui);
    ui->libedit->set(ui->edit, EL_PROMPT, give_prompt);
    ui->libedit->set(ui->edit, EL_EDITOR, "emacs");
    ui->libedit->set(ui->edit, EL_SIGNAL, 0);
    ui->libedit->set(ui->edit, EL_HIST, ui->libedit->history, ui->history);
    ui->libedit->set(ui->edit, EL_GETCFN, give_key);
    /* set would copy the names for libedit, and libedit never frees them. */
    ui->libedit->wset(ui->edit, EL_ADDFN, L"hermod-complete", L"Complete a command or a nick", complete);
    ui->libedit->set(ui->edit, EL_BIND, "^I", "hermod-complete", NULL);
    for (size_t i = 0; i < sizeof unbound / sizeof *unbound; i++)
        ui->libedit->set(ui->edit, EL_BIND, unbound[i], "ed-unassigned", NULL);
    ui->resize = evsignal_new(ui->base, SIGWINCH, on_resize, ui);
    ui->suspend = evsignal_new(ui->base, SIGTSTP, on_suspend, ui);
    if (!ui->resize || !ui->suspend || event_add(ui->resize, NULL) || event_add(ui->suspend, NULL))
        return HM_ENOMEM;
    return 0;
}

int chat_ui_new(struct event_base *base, const char *prompt, const struct chat_ui_events *events, void *arg,
                struct chat_ui **result) {
    struct chat_ui *ui = calloc(1, sizeof *ui);
    if (!ui)
        return HM_ENOMEM;
    ui->base = base;
    ui->events = events;
    ui->arg = arg;
    ui->prompt = strdup(prompt);
    ui->again = evtimer_new(base, on_again, ui);
    ui->input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, ui);
    int error = ui->prompt && ui->again && ui->input ? 0 : HM_ENOMEM;
    if (!error && !can_be_watched(STDIN_FILENO)) {
        event_free(ui->input);
        ui->input = NULL;
    }
    if (!error && wants_editor() && (ui->libedit = libedit_get()))
        error = make_editor(ui);
    if (error) {
        chat_ui_free(ui);
        return error;
    }
    *result = ui;
    return 0;
}

void chat_ui_free(struct chat_ui *ui) {
    if (!ui)
        return;
    struct event *const all[] = {ui->input, ui->again, ui->resize, ui->suspend};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            event_free(all[i]);
    drop_line(ui);
    if (ui->edit)
        ui->libedit->end(ui->edit);
    if (ui->history)
        ui->libedit->history_end(ui->history);
    free(ui->prompt);
    free(ui);
}
