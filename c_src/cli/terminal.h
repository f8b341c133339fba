/*
 * cli/terminal: standard input and output as an IO device: the group leader of what the commands rpc and
 * spawn run.
 *
 * Owns the events on the two descriptors, and what is not written yet. Neither blocks: output waits for the
 * terminal or pipe (and who prints with it), input is read only while somebody asks for it. Descriptors stay
 * blocking, because other programs share them. Ctrl-C comes back as `stop`, after the terminal shows again
 * what is typed.
 */
#ifndef HM_CLI_TERMINAL_H
#define HM_CLI_TERMINAL_H

#include <termios.h>

#include <hermod/io.h>

struct event;
struct event_base;
struct evbuffer;

struct terminal {
    hm_io_server *server; /* NULL when it has ended */
    hm_pid pid;
    int in_fd, out_fd;
    struct event *in, *in_now, *out, *interrupt, *terminate;
    struct evbuffer *waiting;
    bool wanted, hidden, pollable;
    bool in_line;                        /* the last character that was written is no newline */
    struct termios before;               /* while hidden */
    void (*stop)(void *arg, int signal); /* SIGINT, SIGTERM, or SIGPIPE: nobody reads our output any more */
    void *arg;
};

/* Starts the device on a node, with what it reads from and writes to, which stay the caller's. binary: what is read is a binary, as Elixir
 * expects. */
int terminal_open(struct terminal *terminal, hm_node *node, int in_fd, int out_fd, bool binary,
                  void (*stop)(void *arg, int signal), void *arg);
/* Waits until everything is written, and ends a line that has not ended. */
void terminal_flush(struct terminal *terminal);
/* Idempotent, and for zeroed memory. After the node was freed: its device is the one that must not be told
 * any more. */
void terminal_close(struct terminal *terminal);

#endif
