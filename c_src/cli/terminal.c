#include "cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

enum {
    PIECE = 4096, /* PIPE_BUF: a pipe that is ready takes this much without blocking */
    MAX_OUTPUT = 256 * 1024 * 1024, /* more than a device has: a command prints whatever its user asked for */
};

/* ---- output ---- */

static bool is_ready(int fd, int ms) {
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    return poll(&ready, 1, ms) == 1;
}

static void note_line(struct terminal *terminal, const char *text, size_t size) {
    if (size)
        terminal->in_line = text[size - 1] != '\n';
}

/* Writes what can be written now. 0, HM_IO_LATER, or HM_ESYSTEM. */
static int write_some(struct terminal *terminal, int wait_ms) {
    size_t left;
    while ((left = evbuffer_get_length(terminal->waiting))) {
        if (!is_ready(terminal->out_fd, wait_ms))
            return HM_IO_LATER;
        size_t size = left < PIECE ? left : PIECE;
        ssize_t done = write(terminal->out_fd, evbuffer_pullup(terminal->waiting, (ssize_t)size), size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN && wait_ms == 0)
            return HM_IO_LATER;
        if (done < 0 && errno != EAGAIN)
            return HM_ESYSTEM;
        if (done > 0)
            evbuffer_drain(terminal->waiting, (size_t)done);
    }
    return HM_OK;
}

static void lose_output(struct terminal *terminal) {
    evbuffer_drain(terminal->waiting, evbuffer_get_length(terminal->waiting));
    terminal->stop(terminal->arg, SIGPIPE);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct terminal *terminal = arg;
    (void)fd;
    (void)what;
    int outcome = write_some(terminal, 0);
    if (outcome == HM_IO_LATER) {
        event_add(terminal->out, NULL);
        return;
    }
    if (outcome < 0)
        lose_output(terminal);
    if (terminal->server)
        hm_io_written(terminal->server);
}

static int output(void *arg, hm_pid from, const char *text, size_t size) {
    struct terminal *terminal = arg;
    (void)from;
    if (evbuffer_add(terminal->waiting, text, size))
        return HM_ENOMEM;
    note_line(terminal, text, size);
    int outcome = write_some(terminal, 0);
    if (outcome == HM_IO_LATER)
        event_add(terminal->out, NULL);
    else if (outcome < 0)
        lose_output(terminal);
    return outcome;
}

void terminal_flush(struct terminal *terminal) {
    if (!terminal->waiting)
        return;
    if (terminal->in_line && evbuffer_add(terminal->waiting, "\n", 1) == 0)
        terminal->in_line = false;
    while (write_some(terminal, -1) == HM_IO_LATER)
        continue;
    evbuffer_drain(terminal->waiting, evbuffer_get_length(terminal->waiting));
}

/* ---- input ---- */

/* Files and /dev/null cannot be waited for, and need not be. Asked of epoll itself: libevent would print a
 * warning. */
static bool can_wait(int fd) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    bool can = epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 || errno != EPERM;
    if (epoll >= 0)
        close(epoll);
    return can;
}

static void wait_for_input(struct terminal *terminal) {
    if (terminal->pollable)
        event_add(terminal->in, NULL);
    else
        event_active(terminal->in_now, EV_TIMEOUT, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct terminal *terminal = arg;
    char bytes[PIECE];
    (void)fd;
    (void)what;
    if (!terminal->wanted || !terminal->server)
        return;
    ssize_t size = read(terminal->in_fd, bytes, sizeof bytes);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
        wait_for_input(terminal);
    } else if (size <= 0) { /* also the error of a process in the background whose terminal is gone */
        terminal->wanted = false;
        hm_io_eof(terminal->server);
    } else {
        if (!terminal->hidden && isatty(terminal->in_fd))
            terminal->in_line = bytes[size - 1] != '\n'; /* what was typed stands there, too */
        hm_io_input(terminal->server, bytes, (size_t)size);
        wait_for_input(terminal);
    }
}

static void input(void *arg, bool wanted) {
    struct terminal *terminal = arg;
    terminal->wanted = wanted;
    if (wanted)
        wait_for_input(terminal);
    else
        event_del(terminal->in);
}

static bool echo(void *arg, bool on) {
    struct terminal *terminal = arg;
    struct termios hidden;
    if (on && terminal->hidden) {
        terminal->hidden = false;
        return tcsetattr(terminal->in_fd, TCSANOW, &terminal->before) == 0;
    }
    if (on || terminal->hidden)
        return isatty(terminal->in_fd);
    if (tcgetattr(terminal->in_fd, &terminal->before))
        return false;
    hidden = terminal->before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    terminal->hidden = tcsetattr(terminal->in_fd, TCSANOW, &hidden) == 0;
    return terminal->hidden;
}

static bool geometry(void *arg, unsigned *columns, unsigned *rows) {
    const struct terminal *terminal = arg;
    struct winsize size;
    if ((ioctl(terminal->out_fd, TIOCGWINSZ, &size) && ioctl(terminal->in_fd, TIOCGWINSZ, &size)) ||
        !size.ws_col || !size.ws_row)
        return false;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return true;
}

static void ended(void *arg) {
    struct terminal *terminal = arg;
    terminal->server = NULL;
    echo(terminal, true);
}

/* ---- life ---- */

static void on_signal(evutil_socket_t signal, short what, void *arg) {
    struct terminal *terminal = arg;
    (void)what;
    terminal->stop(terminal->arg, (int)signal);
}

int terminal_open(struct terminal *terminal, hm_node *node, int in_fd, int out_fd, bool binary,
                  void (*stop)(void *arg, int signal), void *arg) {
    struct event_base *base = hm_node_base(node);
    *terminal = (struct terminal){.in_fd = in_fd, .out_fd = out_fd, .stop = stop, .arg = arg};
    terminal->pollable = can_wait(terminal->in_fd);
    terminal->in = event_new(base, terminal->in_fd, EV_READ, on_readable, terminal);
    terminal->in_now = evtimer_new(base, on_readable, terminal);
    terminal->out = event_new(base, out_fd, EV_WRITE, on_writable, terminal);
    terminal->interrupt = evsignal_new(base, SIGINT, on_signal, terminal);
    terminal->terminate = evsignal_new(base, SIGTERM, on_signal, terminal);
    terminal->waiting = evbuffer_new();
    int error = HM_ENOMEM;
    if (terminal->in && terminal->in_now && terminal->out && terminal->waiting && terminal->interrupt &&
        terminal->terminate && !event_add(terminal->interrupt, NULL) &&
        !event_add(terminal->terminate, NULL)) {
        struct hm_io_device device = {.size = sizeof device,
                                      .output = output,
                                      .input = input,
                                      .echo = echo,
                                      .geometry = geometry,
                                      .ended = ended,
                                      .arg = terminal,
                                      .binary = binary,
                                      .max_output = MAX_OUTPUT};
        error = hm_io_server_start(node, &device, NULL, &terminal->server, &terminal->pid);
    }
    if (error)
        terminal_close(terminal);
    return error;
}

void terminal_close(struct terminal *terminal) {
    struct event **const events[] = {&terminal->in, &terminal->in_now, &terminal->out, &terminal->interrupt,
                                     &terminal->terminate};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (*events[i])
            event_free(*events[i]);
        *events[i] = NULL;
    }
    if (terminal->waiting)
        evbuffer_free(terminal->waiting);
    terminal->waiting = NULL;
}
