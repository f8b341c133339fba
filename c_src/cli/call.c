/* GenServer.call from the shell. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/noproc.h"
#include "cli/term_argument.h"
#include "cli/tool.h"

struct call {
    char name[HM_ATOM_BYTES];
    hm_build *request;
    enum hm_syntax syntax;
};

static int print_answer(const struct tool *tool, const struct call *call, hm_term reply) {
    char *text;
    int error = hm_term_print(reply, tool->settings->json ? HM_SYNTAX_JSON : call->syntax, 0, &text);
    if (error == HM_EBADTERM && tool->settings->json)
        return give_up(EXIT_FAILED, "the answer has parts that JSON cannot say; ask again without --json");
    if (error)
        return give_up(EXIT_FAILED, "cannot print the answer: %s", hm_strerror(error));
    puts(text);
    free(text);
    return EXIT_FINE;
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    struct call *call = tool->arg;
    (void)self;
    if (!error)
        tool_finish(tool, print_answer(tool, call, reply));
    else if (error == HM_ENOPROC)
        noproc_explain(tool, call->name);
    else
        tool_finish(tool, tool_explain(tool, call->name, error, reply, call->syntax));
    return HM_CONTINUE;
}

static void ask(struct tool *tool) {
    struct call *call = tool->arg;
    tool->asked = call->name;
    int error = hm_call(tool->self, hm_to_name(call->name, tool->peer), hm_build_term(call->request),
                        tool_left_ms(tool), on_answer, tool);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct call call = {.request = hm_build_new()};
    char why[WHY_BYTES];
    int code;
    (void)count;
    int error = call.request ? name_argument_read(call.name, sizeof call.name, arguments[1], why, sizeof why)
                             : HM_ENOMEM;
    if (!error)
        error = term_argument_read(call.request, arguments[2], settings, &call.syntax, why, sizeof why);
    if (error)
        code = give_up(exit_code_of(error), "%s", error == HM_ENOMEM ? hm_strerror(error) : why);
    else
        code = tool_run(settings, "call", arguments[0], ask, &call);
    hm_build_free(call.request);
    return code;
}

static const struct example examples[] = {
    {"hermod call hermod message_server '{connect, <<\"john\">>}'", "Prints {ok,<<\"john\">>}."},
    {"hermod call hermod message_server '{:connect, \"john\"}'",
     "The same in Elixir; prints {:ok, \"john\"}."},
    {"hermod call web@vm MyApp.Counter :value", "A GenServer that is registered under an Elixir module."},
    {"hermod call --json --timeout 30000 a@db.example.org jobs list", "Waits half a minute, prints JSON."},
    {NULL, NULL},
};

const struct command command_call = {
    .name = "call",
    .bit = IN_CALL,
    .arguments = "NODE NAME TERM",
    .least = 3,
    .most = 3,
    .summary = "GenServer.call a named process and print its answer",
    .about = "Calls the process that is registered as NAME on NODE, as GenServer.call and gen_server:call "
             "do, with TERM as "
             "the request, and prints what it replies.\n\n"
             "TERM is written in Erlang or in Elixir; put it in single quotes, so that the shell leaves it "
             "alone. NAME with "
             "a capital letter is an Elixir module. NODE without @ is on this machine.",
    .examples = examples,
    .run = run,
};
