/* rpc:call from the shell: the value is printed behind what the function prints. */
#include "cli/remote.h"

static enum hm_verdict on_result(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    (void)self;
    if (result->error == HM_OK) {
        remote_finish(tool, remote_print(tool, result->value));
    } else if (result->error == HM_EEXIT) {
        struct remote_error error = {result->kind, result->value, result->stack};
        remote_finish(tool, remote_fail(tool, &error));
    } else if (result->error == HM_ENOCONNECTION) {
        tool_finish(tool,
                    give_up(EXIT_NO_CONNECTION, "the connection to %s was lost before the function returned",
                            tool->target.text));
    } else {
        tool_finish(tool, give_up(exit_code_of(result->error), "%s", hm_strerror(result->error)));
    }
    return HM_CONTINUE;
}

static void start(struct tool *tool) {
    struct remote *remote = tool->arg;
    struct hm_rpc call = {.node = tool->peer,
                          .module = remote->call.module,
                          .function = remote->call.function,
                          .arguments = hm_build_term(remote->call.arguments),
                          .timeout_ms = -1,
                          .leader = remote->terminal.pid};
    int error = hm_rpc_call(tool->self, &call, on_result, tool);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static int run(const struct settings *settings, int count, char **arguments) {
    return remote_run(settings, "rpc", count, arguments, start);
}

static const struct example examples[] = {
    {"hermod rpc web erlang node", "Prints the node's name."},
    {"hermod rpc web lists seq '[1, 3]'", "Prints [1,2,3]."},
    {"hermod rpc web MyApp.Release migrate", "A function of Elixir; what it prints appears here as it goes."},
    {"hermod rpc web IO gets '[\"name? \"]'", "Asks on this terminal; prints \"joe\\n\"."},
    {"hermod rpc --json web MyApp.Stats to_map",
     "Prints JSON; what the function prints goes to standard error."},
    {NULL, NULL},
};

const struct command command_rpc = {
    .name = "rpc",
    .bit = IN_RPC,
    .arguments = "NODE M F [ARGS]",
    .least = 3,
    .most = 4,
    .summary = "call a function on a node and print its value",
    .about =
        "Calls the function F of the module M on NODE, as rpc:call and :erpc.call do, with a list of ARGS, "
        "[] when there are "
        "none, and prints what it returns. This terminal is the group leader of the process that runs it: "
        "what it "
        "prints appears here, what it reads is read here, line by line, and what it logs appears on standard "
        "error.\n\n"
        "M with a capital letter, or written :module, is Elixir's, and so are the arguments and the "
        "answer. "
        "When the function raises an error, exits or throws, that is printed on standard error, and the exit "
        "status "
        "is 7; with --json it is an object with class, message, reason and stack on standard output.",
    .examples = examples,
    .run = run,
};
