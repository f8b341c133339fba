/*
 * otp/user: the group leader of this node's processes, and of those that they start elsewhere: what is
 * printed to it becomes log lines, io.output, one for each line of the text, and nothing can be read (as with
 * erl -noinput). A BEAM has it under the same name (lib/kernel/src/user.erl).
 *
 * A line without its end is kept for a moment, since many print a line in pieces; then, or when somebody else
 * prints, it is written as it is. What is not printable is escaped, and the log writes only so many lines of
 * one id in a second: printing without end costs neither disk nor memory.
 */
#include "etf/ids.h"
#include "etf/print.h"
#include "otp/io_server.h"
#include "otp/otp.h"

#include <stdlib.h>

enum {
    LINE_BYTES = 800, /* longer ones are written in parts */
    PATIENCE_MS = 200,
};

struct user {
    hm_process *self;
    hm_pid from; /* who printed what is in line */
    size_t size;
    char line[LINE_BYTES];
};

static void write_line(struct user *user) {
    struct printer printer = {.syntax = HM_SYNTAX_ERLANG};
    struct hm_node *node = user->self->node;
    writer_init(&printer.out, 16 * LINE_BYTES);
    print_escaped(&printer, bytes_of(user->line, user->size), 0);
    if (printer.out.error)
        log_error(&node->log, "io.memory", "no memory for what a process of %s printed",
                  hm_node_name_text(user->from.node));
    else
        log_info(&node->log, "io.output", "<%s.%u.%u> %.*s", hm_node_name_text(user->from.node),
                 user->from.id, user->from.serial, (int)printer.out.size,
                 printer.out.size ? (const char *)printer.out.at : "");
    writer_fini(&printer.out);
    user->size = 0;
}

/* How much of a long line is written at once: no character is cut. */
static size_t part_of(const char *text, size_t size, size_t room) {
    if (size <= room)
        return size;
    while (room && ((unsigned char)text[room] & 0xC0) == 0x80)
        room--;
    return room;
}

static int output(void *arg, hm_pid from, const char *text, size_t size) {
    struct user *user = arg;
    if (user->size && !hm_pid_equal(user->from, from))
        write_line(user);
    user->from = from;
    while (size) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;
        size_t part = part_of(text, length, LINE_BYTES - user->size);
        memcpy(user->line + user->size, text, part);
        user->size += part;
        if (part < length || end)
            write_line(user);
        if (part == length && end)
            part++;
        text += part;
        size -= part;
    }
    return 0;
}

static void on_ended(void *arg) {
    free(arg);
}

static int on_init(hm_process *self, void *argument) {
    struct user *user = calloc(1, sizeof *user);
    (void)argument;
    if (!user)
        return HM_ENOMEM;
    user->self = self;
    struct io_server_start start = {.device = {.output = output, .ended = on_ended, .arg = user}};
    int error = io_server_class.init(self, &start);
    if (error) {
        free(user);
        return error;
    }
    self->node->leader = self->pid; /* the group leader of what is started from now on */
    return HM_OK;
}

static struct user *user_of(hm_process *self) {
    return io_server_argument(hm_data(self));
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    enum hm_verdict verdict = io_server_class.info(self, message);
    if (user_of(self)->size)
        hm_set_timeout(self, PATIENCE_MS);
    return verdict;
}

static enum hm_verdict on_timeout(hm_process *self) {
    if (user_of(self)->size)
        write_line(user_of(self));
    return HM_CONTINUE;
}

static void on_terminate(hm_process *self, hm_term reason) {
    if (user_of(self)->size)
        write_line(user_of(self));
    io_server_class.terminate(self, reason);
}

static void put_state(hm_process *self, hm_build *state) {
    io_server_class.state(self, state);
}

const struct hm_server_class user_class = {.module = "user",
                                           .init = on_init,
                                           .info = on_info,
                                           .timeout = on_timeout,
                                           .terminate = on_terminate,
                                           .state = put_state};
