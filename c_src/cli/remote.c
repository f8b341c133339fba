#include "cli/remote.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOG_MS = 500 };

/* Ctrl-C, or nobody reads what we print: `hermod rpc ... | head'. */
static void on_stop(void *arg, int signal) {
    if (signal == SIGINT && isatty(STDERR_FILENO))
        fputc('\n', stderr); /* behind the ^C */
    tool_finish(arg, signal == SIGPIPE ? EXIT_FAILED : 128 + signal);
}

static void on_closing(struct tool *tool) {
    struct remote *remote = tool->arg;
    terminal_close(&remote->terminal);
}

static void on_connected(struct tool *tool) {
    struct remote *remote = tool->arg;
    int out_fd = tool->settings->json ? STDERR_FILENO : STDOUT_FILENO;
    tool->closing = on_closing;
    tool_wait_as_long_as_it_takes(tool);
    int error = terminal_open(&remote->terminal, tool->node, STDIN_FILENO, out_fd,
                              remote->call.syntax == HM_SYNTAX_ELIXIR, on_stop, tool);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
    else
        remote->start(tool);
}

int remote_run(const struct settings *settings, const char *command, int count, char **arguments,
               void (*start)(struct tool *tool)) {
    struct remote *remote = calloc(1, sizeof *remote); /* not on the stack: names are long */
    char why[WHY_BYTES];
    int code, error = HM_ENOMEM;
    if (remote && (remote->call.arguments = hm_build_new())) {
        remote->start = start;
        error = call_argument_read(&remote->call, arguments + 1, count - 1, settings, why, sizeof why);
    }
    if (error)
        code = give_up(exit_code_of(error), "%s", error == HM_ENOMEM ? hm_strerror(error) : why);
    else
        code = tool_run(settings, command, arguments[0], on_connected, remote);
    if (remote)
        hm_build_free(remote->call.arguments);
    free(remote);
    return code;
}

/* ---- the end ---- */

static enum hm_verdict on_logged(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    struct remote *remote = tool->arg;
    (void)self;
    (void)error;
    (void)reply;
    tool_finish(tool, remote->code);
    return HM_CONTINUE;
}

/*
 * Log events take a way of their own, through the node's logger_proxy, and may still be on it. What that
 * process answers comes behind what it had to send (info: logger_olp:info/1); of a node without one comes
 * noproc.
 */
void remote_finish(struct tool *tool, int code) {
    struct remote *remote = tool->arg;
    hm_build *build = hm_build_new();
    remote->code = code;
    fflush(stdout);
    int error = HM_ENOMEM;
    if (build) {
        hm_put_atom(build, "info");
        error = hm_build_error(build);
    }
    if (!error)
        error = hm_call(tool->self, hm_to_name("logger_proxy", tool->peer), hm_build_term(build), LOG_MS,
                        on_logged, tool);
    hm_build_free(build);
    if (error)
        tool_finish(tool, code);
}

/* ---- the outcome ---- */

static int print_json(hm_term term) {
    char *text;
    int error = hm_term_print(term, HM_SYNTAX_JSON, 0, &text);
    if (error == HM_EBADTERM)
        return give_up(EXIT_FAILED, "the answer has parts that JSON cannot say; ask again without --json");
    if (error)
        return give_up(EXIT_FAILED, "cannot print the answer: %s", hm_strerror(error));
    puts(text);
    free(text);
    return EXIT_FINE;
}

int remote_print(struct tool *tool, hm_term value) {
    struct remote *remote = tool->arg;
    char *text;
    terminal_flush(&remote->terminal);
    if (tool->settings->json)
        return print_json(value);
    int error = hm_term_print(value, remote->call.syntax, 0, &text);
    if (error)
        return give_up(EXIT_FAILED, "cannot print the answer: %s", hm_strerror(error));
    puts(text);
    free(text);
    return EXIT_FINE;
}

int remote_fail(struct tool *tool, const struct remote_error *error) {
    struct remote *remote = tool->arg;
    terminal_flush(&remote->terminal);
    if (!tool->settings->json) {
        remote_error_print(stderr, error, remote->call.syntax);
        return EXIT_RAISED;
    }
    hm_build *build = hm_build_new();
    int code = EXIT_RAISED;
    if (build)
        remote_error_put(build, error, remote->call.syntax);
    if (!build || hm_build_error(build))
        code = give_up(EXIT_FAILED, "out of memory");
    else if (print_json(hm_build_term(build)))
        code = EXIT_FAILED;
    hm_build_free(build);
    return code;
}
