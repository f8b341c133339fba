#include "cli/command.h"

#include <string.h>

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
