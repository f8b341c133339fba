/* GenServer.cast from the shell. */
#include <stddef.h>

#include "cli/command.h"
#include "cli/deliver.h"

static int run(const struct settings *settings, int count, char **arguments) {
    (void)count;
    return deliver(settings, "cast", arguments, true);
}

static const struct example examples[] = {
    {"hermod cast hermod message_server '{say, <<\"john\">>, <<\"hello\">>}'",
     "John says hello in the chat."},
    {"hermod cast web@vm MyApp.Cache '{:drop, :all}'",
     "A GenServer that is registered under an Elixir module."},
    {NULL, NULL},
};

const struct command command_cast = {
    .name = "cast",
    .bit = IN_CAST,
    .arguments = "NODE NAME TERM",
    .least = 3,
    .most = 3,
    .summary = "GenServer.cast to a named process",
    .about = "Casts TERM to the process that is registered as NAME on NODE, as GenServer.cast and "
             "gen_server:cast do. "
             "Prints nothing. The exit code is 0 when the node has taken the message; as with every cast, it "
             "does not "
             "tell whether there is such a process.",
    .examples = examples,
    .run = run,
};
