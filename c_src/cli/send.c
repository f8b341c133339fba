/* A plain message from the shell. */
#include <stddef.h>

#include "cli/command.h"
#include "cli/deliver.h"

static int run(const struct settings *settings, int count, char **arguments) {
    (void)count;
    return deliver(settings, "send", arguments, false);
}

static const struct example examples[] = {
    {"hermod send iex@vm shell '{hello, world}'",
     "For `flush` in an iex that did Process.register(self(), :shell)."},
    {"hermod send web@vm MyApp.Worker :tick", "Ends in handle_info of that GenServer."},
    {NULL, NULL},
};

const struct command command_send = {
    .name = "send",
    .bit = IN_SEND,
    .arguments = "NODE NAME TERM",
    .least = 3,
    .most = 3,
    .summary = "send a plain message to a named process",
    .about = "Sends TERM as it is to the process that is registered as NAME on NODE, as send({NAME, NODE}, "
             "TERM) does. "
             "Prints nothing. The exit code is 0 when the node has taken the message; it does not tell "
             "whether there is "
             "such a process.",
    .examples = examples,
    .run = run,
};
