/*
 * Node.spawn from the shell. The process is linked to ours, so that it ends with this command (Ctrl-C) as a
 * program does that was started here; detached ones live on, with a group leader of their own node, since
 * this one is gone when they print.
 */
#include "cli/remote.h"

static int lost(const struct tool *tool) {
    return give_up(EXIT_NO_CONNECTION, "the connection to %s was lost before the process ended",
                   tool->target.text);
}

static void finish_with(struct tool *tool, hm_term reason) {
    struct remote_error error = remote_error_of_exit(reason);
    if (hm_is_atom(reason, "normal"))
        remote_finish(tool, remote_print(tool, reason));
    else if (hm_is_atom(reason, "noconnection"))
        tool_finish(tool, lost(tool));
    else
        remote_finish(tool, remote_fail(tool, &error));
}

static enum hm_verdict on_info(struct tool *tool, hm_term message) {
    struct remote *remote = tool->arg;
    hm_term reference, reason;
    hm_ref ref;
    if (hm_match(message, "{'DOWN', ~t, process, _, ~t}", &reference, &reason) &&
        hm_get_ref(tool->node, reference, &ref) && hm_ref_equal(&ref, &remote->monitor)) {
        finish_with(tool, reason);
        return HM_CONTINUE;
    }
    return hm_match(message, "{'EXIT', _, _}") ? HM_CONTINUE : HM_UNKNOWN; /* the link tells the same */
}

static int print_pid(struct tool *tool, hm_pid pid) {
    hm_build *build = hm_build_new();
    int code = EXIT_FAILED;
    if (build)
        hm_put_pid(build, pid);
    if (build && hm_build_error(build) == HM_OK)
        code = remote_print(tool, hm_build_term(build));
    hm_build_free(build);
    return code;
}

static enum hm_verdict on_spawned(hm_process *self, void *arg, int error, hm_pid pid, hm_term reason) {
    struct tool *tool = arg;
    (void)self;
    if (!error && tool->settings->detach) {
        tool_finish(tool, print_pid(tool, pid));
    } else if (error == HM_EEXIT) {
        struct remote_error refused = {HM_RPC_REFUSED, reason, {0}};
        tool_finish(tool, remote_fail(tool, &refused));
    } else if (error == HM_ENOCONNECTION) {
        tool_finish(tool, lost(tool));
    } else if (error) {
        tool_finish(tool, give_up(exit_code_of(error), "%s cannot spawn processes for others: %s",
                                  tool->target.text, hm_strerror(error)));
    }
    return HM_CONTINUE;
}

static void spawn_below(struct tool *tool, hm_pid leader) {
    struct remote *remote = tool->arg;
    struct hm_spawn spawn = {.node = tool->peer,
                             .module = remote->call.module,
                             .function = remote->call.function,
                             .arguments = hm_build_term(remote->call.arguments),
                             .link = !tool->settings->detach,
                             .monitor = !tool->settings->detach,
                             .leader = leader};
    tool->info = on_info;
    hm_trap_exit(tool->self, true);
    int error = hm_spawn(tool->self, &spawn, on_spawned, tool, &remote->monitor);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

/* user, the group leader of a node's own processes. */
static enum hm_verdict on_user(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    hm_pid leader;
    (void)self;
    if (result->error == HM_OK && hm_get_pid(tool->node, result->value, &leader))
        spawn_below(tool, leader);
    else
        tool_finish(tool, give_up(result->error == HM_ENOCONNECTION ? EXIT_NO_CONNECTION : EXIT_FAILED,
                                  "%s has no process user, below which a detached process could print",
                                  tool->target.text));
    return HM_CONTINUE;
}

static void start(struct tool *tool) {
    struct remote *remote = tool->arg;
    if (!tool->settings->detach) {
        spawn_below(tool, remote->terminal.pid);
        return;
    }
    hm_build *arguments = hm_build_new();
    int error = HM_ENOMEM;
    if (arguments) {
        hm_put_format(arguments, "[user]");
        struct hm_rpc call = HM_RPC(tool->peer, "erlang", "whereis", hm_build_term(arguments), -1);
        error = hm_build_error(arguments);
        if (!error)
            error = hm_rpc_call(tool->self, &call, on_user, tool);
    }
    hm_build_free(arguments);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static int run(const struct settings *settings, int count, char **arguments) {
    return remote_run(settings, "spawn", count, arguments, start);
}

static const struct example examples[] = {
    {"hermod spawn web MyApp.Worker run '[:all]'", "Runs it there, prints here, and waits for its end."},
    {"hermod spawn web io format '[\"~p~n\", [hello]]'", "Prints hello, and then normal, its exit reason."},
    {"hermod spawn --detach web timer sleep '[60000]'", "Prints the pid and does not wait."},
    {NULL, NULL},
};

const struct command command_spawn = {
    .name = "spawn",
    .bit = IN_SPAWN,
    .arguments = "NODE M F [ARGS]",
    .least = 3,
    .most = 4,
    .summary = "run a process on a node, on this terminal",
    .about =
        "Spawns a process on NODE that runs the function F of the module M with a list of ARGS, waits until "
        "it ends, and prints "
        "its exit reason. This terminal is its group leader: what it and the processes below it print "
        "appears here, "
        "and what they read is read here, line by line. It is linked to this command and ends with it, "
        "Ctrl-C "
        "included, unless it traps exits.\n\n"
        "M with a capital letter, or written :module, is Elixir's, and so are the arguments and the "
        "reason. "
        "When the reason is not normal, it is told on standard error, and the exit status is 7; with --json "
        "it is an "
        "object with class, message, reason and stack on standard output.",
    .examples = examples,
    .run = run,
};
