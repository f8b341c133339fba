/* net_adm:ping: asks net_kernel of the other node whether it knows us, so that a node that accepts and hangs
 * is no pong. */
#include <stdio.h>

#include "cli/ping_process.h"
#include "cli/tool.h"

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    double ms = (double)(tool_now_us() - tool->begun_us) / 1000;
    (void)self;
    /* A node that answers noproc answers as well: C nodes have no net_kernel, and are there. */
    if (error == HM_ENOPROC || (!error && hm_is_atom(reply, "yes"))) {
        if (tool->settings->json)
            printf("{\"node\":\"%s\",\"answer\":\"pong\",\"ms\":%.2f}\n", tool->target.text, ms);
        else
            printf("pong from %s in %.2f ms\n", tool->target.text, ms);
        tool_finish(tool, EXIT_FINE);
    } else if (!error) {
        tool_finish(
            tool, give_up(EXIT_NO_CONNECTION, "%s does not take this node for connected", tool->target.text));
    } else {
        tool_finish(tool, tool_explain(tool, "net_kernel", error, reply, HM_SYNTAX_ERLANG));
    }
    return HM_CONTINUE;
}

static void ask(struct tool *tool) {
    hm_build *request = hm_build_new();
    int error = HM_ENOMEM;
    if (request) {
        hm_put_format(request, "{is_auth, ~a}", hm_node_name_of(tool->node));
        error = hm_build_error(request);
    }
    if (!error)
        error = hm_call(tool->self, hm_to_name("net_kernel", tool->peer), hm_build_term(request),
                        tool_left_ms(tool), on_answer, tool);
    hm_build_free(request);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static int run(const struct settings *settings, int count, char **arguments) {
    (void)count;
    if (settings->process)
        return ping_process(settings, arguments[0], settings->process);
    return tool_run(settings, "ping", arguments[0], ask, NULL);
}

static const struct example examples[] = {
    {"hermod ping hermod", "The node hermod on this machine: pong from hermod@vm in 0.71 ms."},
    {"hermod ping a@db.example.org", "A node with a long name."},
    {"hermod ping --process MyApp.Worker --timeout 1000 web",
     "Does it answer within a second? For probes of containers: the exit code tells."},
    {NULL, NULL},
};

const struct command command_ping = {
    .name = "ping",
    .bit = IN_PING,
    .arguments = "NODE",
    .least = 1,
    .most = 1,
    .summary = "ask whether a node is there, as Node.ping does",
    .about =
        "Connects to NODE and asks its net_kernel. Prints pong and the time that connecting and asking took; "
        "otherwise says why there is no pong, and the exit code tells as well. NODE without @ is on this "
        "machine.\n\n"
        "With --process the process of that name is asked, with a system message that changes nothing and does not carry its "
        "state: gen_server, gen_statem, gen_event and supervisor answer it when they come to it; other processes never do, and "
        "keep it in their mailbox. It is no "
        "pong when the process is busy for --timeout (6), is suspended (1), or is not there (5).",
    .examples = examples,
    .run = run,
};
