#include "cli/screen.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <event2/event.h>

#include <hermod/error.h>

/* xterm's; every terminal emulator, tmux and the Linux console know them or leave them alone. */
#define ENTER "\033[?1049h\033[?25l\033[H\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

enum {
    PIECE = 256, /* a terminal that is writable takes at least so much without waiting */
};

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof *SIGNALS };

struct screen {
    const struct screen_events *events;
    void *arg;
    struct event *input, *output, *signals[SIGNAL_COUNT];
    struct termios before;
    bool entered;
    char *picture; /* what is being written */
    size_t size, written;
};

bool screen_is_possible(void) {
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

void screen_size(unsigned *columns, unsigned *rows) {
    struct winsize window;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col && window.ws_row;
    *columns = known ? window.ws_col : 80;
    *rows = known ? window.ws_row : 24;
}

static void write_now(const char *text) {
    ssize_t written = write(STDOUT_FILENO, text, strlen(text));
    (void)written; /* nobody is there to see it */
}

static bool enter(struct screen *screen) {
    struct termios raw;
    if (screen->entered)
        return true;
    if (tcgetattr(STDIN_FILENO, &screen->before) != 0)
        return false;
    raw = screen->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C and Ctrl-Z stay signals */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
        return false;
    screen->entered = true;
    write_now(ENTER);
    return true;
}

void screen_restore(struct screen *screen) {
    if (!screen || !screen->entered)
        return;
    screen->entered = false;
    screen->size = screen->written = 0;
    event_del(screen->output);
    write_now(LEAVE);
    tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

/* ---- pictures ---- */

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct screen *screen = arg;
    size_t left = screen->size - screen->written;
    (void)what;
    if (left == 0)
        return;
    ssize_t n = write(fd, screen->picture + screen->written, left < PIECE ? left : PIECE);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        screen_restore(screen);
        screen->events->stop(screen->arg, SIGHUP);
        return;
    }
    screen->written += n > 0 ? (size_t)n : 0;
    if (screen->written < screen->size)
        event_add(screen->output, NULL);
}

/* A row is erased before it is written and not after: at the last column of a full one the cursor still stands on a character. */
void screen_draw(struct screen *screen, const char *lines, size_t size) {
    static const char HOME[] = "\033[H", ROW[] = "\033[K", LAST[] = "\033[J", NEXT[] = "\r\n";
    if (!screen->entered || screen->written < screen->size)
        return;
    size_t rows = 0;
    for (size_t i = 0; i < size; i++)
        rows += lines[i] == '\n';
    char *picture = malloc(sizeof HOME + size + rows * (sizeof ROW + sizeof NEXT));
    if (!picture)
        return;
    char *at = stpcpy(picture, HOME);
    for (size_t row = 1; row <= rows; row++) {
        size_t length = strcspn(lines, "\n");
        at = stpcpy(at, row == rows ? LAST : ROW);
        memcpy(at, lines, length);
        at += length;
        lines += length + 1;
        if (row < rows) /* one behind the last row would scroll */
            at = stpcpy(at, NEXT);
    }
    free(screen->picture);
    screen->picture = picture;
    screen->size = (size_t)(at - picture);
    screen->written = 0;
    event_add(screen->output, NULL);
}

/* ---- keys ---- */

static int key_of(const char *bytes, size_t size, size_t *taken) {
    static const struct {
        const char *bytes;
        int key;
    } KEYS[] = {{"\033[A", SCREEN_UP},       {"\033[B", SCREEN_DOWN},       {"\033OA", SCREEN_UP},    {"\033OB", SCREEN_DOWN},
                {"\033[5~", SCREEN_PAGE_UP}, {"\033[6~", SCREEN_PAGE_DOWN}, {"\033[H", SCREEN_HOME},  {"\033[F", SCREEN_END},
                {"\033[1~", SCREEN_HOME},    {"\033[4~", SCREEN_END},       {"\033OH", SCREEN_HOME}, {"\033OF", SCREEN_END}};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        *taken = strlen(KEYS[i].bytes);
        if (*taken <= size && memcmp(bytes, KEYS[i].bytes, *taken) == 0)
            return KEYS[i].key;
    }
    /* Another key that is a sequence does nothing: its letters are none of ours. */
    *taken = *bytes == '\033' ? size : 1;
    return *bytes == '\033' ? -1 : (unsigned char)*bytes;
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct screen *screen = arg;
    char bytes[64];
    size_t taken;
    (void)what;
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        screen_restore(screen);
        event_del(screen->input);
        screen->events->stop(screen->arg, 0);
        return;
    }
    for (size_t at = 0; at < (size_t)n; at += taken) {
        int key = key_of(bytes + at, (size_t)n - at, &taken);
        if (key >= 0)
            screen->events->key(screen->arg, key);
    }
}

/* ---- signals ---- */

/* The shell has the terminal until the program goes on. */
static void suspend(struct screen *screen) {
    screen_restore(screen);
    raise(SIGSTOP);
    if (enter(screen))
        screen->events->resized(screen->arg);
}

static void on_signal(evutil_socket_t number, short what, void *arg) {
    struct screen *screen = arg;
    (void)what;
    switch ((int)number) {
    case SIGWINCH:
    case SIGCONT:
        if (enter(screen))
            screen->events->resized(screen->arg);
        break;
    case SIGTSTP:
        suspend(screen);
        break;
    default:
        screen_restore(screen);
        screen->events->stop(screen->arg, (int)number);
    }
}

/* ---- life ---- */

int screen_open(struct event_base *base, const struct screen_events *events, void *arg, struct screen **opened) {
    struct screen *screen = calloc(1, sizeof *screen);
    int error = HM_ENOMEM;
    if (!screen)
        return error;
    screen->events = events;
    screen->arg = arg;
    screen->input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_readable, screen);
    screen->output = event_new(base, STDOUT_FILENO, EV_WRITE, on_writable, screen);
    if (!screen->input || !screen->output || event_add(screen->input, NULL))
        goto fail;
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        screen->signals[i] = evsignal_new(base, SIGNALS[i], on_signal, screen);
        if (!screen->signals[i] || event_add(screen->signals[i], NULL))
            goto fail;
    }
    error = HM_ESYSTEM;
    if (!enter(screen))
        goto fail;
    *opened = screen;
    return HM_OK;
fail:
    screen_free(screen);
    return error;
}

void screen_free(struct screen *screen) {
    if (!screen)
        return;
    screen_restore(screen);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (screen->signals[i])
            event_free(screen->signals[i]);
    if (screen->input)
        event_free(screen->input);
    if (screen->output)
        event_free(screen->output);
    free(screen->picture);
    free(screen);
}
