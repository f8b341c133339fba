#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hermod/error.h>

extern const struct command command_start, command_ping, command_call, command_cast, command_send,
    command_names, command_chat, command_rpc, command_spawn, command_sub,
    command_pub, command_discover, command_presence, command_watch, command_status, command_top, command_log,
    command_trace;

const struct command *const commands[] = {
    &command_start, &command_chat, &command_ping,  &command_call,
    &command_cast,  &command_send, &command_rpc,   &command_spawn,
    &command_sub,   &command_pub,  &command_presence, &command_names,
    &command_discover, &command_watch, &command_status, &command_top, &command_log,
    &command_trace, NULL,
};

const struct command *command_find(const char *name) {
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* One write: lines of several processes on one terminal stay whole. */
int give_up(int code, const char *format, ...) {
    char text[4096] = "hermod: ";
    va_list arguments;
    va_start(arguments, format);
    size_t used = strlen(text);
    int size = vsnprintf(text + used, sizeof text - used - 1, format, arguments);
    va_end(arguments);
    used += size < 0 ? 0 : (size_t)size < sizeof text - used - 1 ? (size_t)size : sizeof text - used - 2;
    text[used++] = '\n';
    if (write(STDERR_FILENO, text, used) < 0)
        return code; /* nobody is there to be told */
    return code;
}

int exit_code_of(int error) {
    switch (error) {
    case HM_OK:
        return EXIT_FINE;
    case HM_EINVAL:
    case HM_ENAME:
    case HM_ESYNTAX:
        return EXIT_USAGE;
    case HM_ENOCONNECTION:
    case HM_ENOENT:
    case HM_EEPMD:
    case HM_EFLAGS:
        return EXIT_NO_CONNECTION;
    case HM_ECOOKIE:
        return EXIT_COOKIE;
    case HM_ENOPROC:
        return EXIT_NOPROC;
    case HM_ETIMEOUT:
        return EXIT_TIMEOUT;
    default:
        return EXIT_FAILED;
    }
}
