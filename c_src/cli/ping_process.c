#include "cli/ping_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/rpc.h>

#include "cli/noproc.h"
#include "cli/term_argument.h"
#include "cli/tool.h"

enum { RESERVE_MS = 500 }; /* of the time there is, for the question what a silent process does */

struct ping {
    char name[HM_ATOM_BYTES];
    bool answered;
    double ms;
    uint64_t messages; /* what waits for it */
    char function[3 * HM_ATOM_BYTES]; /* what it does, "" when nobody told */
    bool suspended;
};

static void say_pong(struct tool *tool, const struct ping *ping) {
    const char *name = name_shown(ping->name);
    if (tool->settings->json) {
        printf("{\"node\":\"%s\",\"process\":", tool->target.text);
        hm_build *build = hm_build_new();
        char *text = NULL;
        if (build)
            hm_put_binary(build, name, strlen(name));
        bool printed = build && !hm_build_error(build) && hm_term_print(hm_build_term(build), HM_SYNTAX_JSON, 0, &text) == 0;
        printf("%s,\"answer\":\"pong\",\"ms\":%.2f,\"messages\":%llu}\n", printed ? text : "null", ping->ms,
               (unsigned long long)ping->messages);
        free(text);
        hm_build_free(build);
        return;
    }
    printf("pong from %s on %s in %.2f ms", name, tool->target.text, ping->ms);
    if (ping->messages)
        printf(", %llu more message%s wait%s", (unsigned long long)ping->messages, ping->messages == 1 ? "" : "s",
               ping->messages == 1 ? "s" : "");
    putchar('\n');
}

static int say_silence(struct tool *tool, const struct ping *ping) {
    const char *name = name_shown(ping->name);
    unsigned long long ms = tool->settings->timeout_ms, messages = ping->messages;
    if (!*ping->function)
        return give_up(EXIT_TIMEOUT,
                       "no answer from %s on %s within %llu ms: it is busy, or is no gen_server, gen_statem, gen_event or supervisor", name,
                       tool->target.text, ms);
    return give_up(EXIT_TIMEOUT,
                   "no answer from %s on %s within %llu ms: it is in %s with %llu message%s waiting, so it is busy, or is no gen_server, "
                   "gen_statem, gen_event or supervisor",
                   name, tool->target.text, ms, ping->function, messages, messages == 1 ? "" : "s");
}

static void conclude(struct tool *tool) {
    struct ping *ping = tool->arg;
    int code = EXIT_FINE;
    if (!ping->answered)
        code = say_silence(tool, ping);
    else if (ping->suspended)
        code = give_up(EXIT_FAILED, "%s on %s is suspended (sys:suspend): it answers, and does not work", name_shown(ping->name),
                       tool->target.text);
    else
        say_pong(tool, ping);
    tool_finish(tool, code);
}

/* [{current_function, {M, F, A}}, {message_queue_len, N}] */
static void read_facts(struct ping *ping, hm_term value) {
    hm_term mfa;
    uint64_t arity;
    char *module = NULL, *function = NULL;
    hm_term terms[2];
    if (!hm_match(value, "[{current_function, ~t}, {message_queue_len, ~u}]", &mfa, &ping->messages) ||
        !hm_match(mfa, "{~t, ~t, ~u}", &terms[0], &terms[1], &arity))
        return;
    ping->suspended = hm_is_atom(terms[0], "sys") && hm_is_atom(terms[1], "suspend_loop");
    if (hm_term_print(terms[0], HM_SYNTAX_ERLANG, 0, &module) == 0 && hm_term_print(terms[1], HM_SYNTAX_ERLANG, 0, &function) == 0)
        snprintf(ping->function, sizeof ping->function, "%s:%s/%llu", module, function, (unsigned long long)arity);
    free(module);
    free(function);
}

/* Half of what is left: the answer, which is there already, must come in time whatever these do. */
static int ask(struct tool *tool, const char *function, hm_build *arguments, hm_rpc_done *done) {
    struct hm_rpc call = HM_RPC(tool->peer, "erlang", function, hm_build_term(arguments), tool_left_ms(tool) / 2 + 1);
    int error = hm_build_error(arguments);
    return error ? error : hm_rpc_call(tool->self, &call, done, tool);
}

static enum hm_verdict on_facts(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    (void)self;
    if (result->error == HM_OK)
        read_facts(tool->arg, result->value);
    conclude(tool);
    return HM_CONTINUE;
}

static enum hm_verdict on_pid(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    int error = HM_ENOENT;
    (void)self;
    if (result->error == HM_OK && hm_term_type(result->value) == HM_TYPE_PID) {
        hm_build *arguments = hm_build_new();
        error = HM_ENOMEM;
        if (arguments) {
            hm_put_format(arguments, "[~t, [current_function, message_queue_len]]", result->value);
            error = ask(tool, "process_info", arguments, on_facts);
        }
        hm_build_free(arguments);
    }
    if (error)
        conclude(tool);
    return HM_CONTINUE;
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    struct ping *ping = tool->arg;
    (void)self;
    if (error == HM_ENOPROC) {
        noproc_explain(tool, ping->name);
        return HM_CONTINUE;
    }
    if (error && error != HM_ETIMEOUT) {
        tool_finish(tool, tool_explain(tool, ping->name, error, reply, HM_SYNTAX_ERLANG));
        return HM_CONTINUE;
    }
    ping->answered = !error;
    ping->ms = (double)(tool_now_us() - tool->begun_us) / 1000;
    hm_build *arguments = hm_build_new();
    error = HM_ENOMEM;
    if (arguments) {
        hm_put_format(arguments, "[~a]", ping->name);
        error = ask(tool, "whereis", arguments, on_pid);
    }
    hm_build_free(arguments);
    if (error)
        conclude(tool);
    return HM_CONTINUE;
}

static void ask_process(struct tool *tool) {
    struct ping *ping = tool->arg;
    int64_t left = tool_left_ms(tool), reserve = left / 4 < RESERVE_MS ? left / 4 : RESERVE_MS;
    hm_build *request = hm_build_new();
    int error = HM_ENOMEM;
    if (request) {
        hm_put_format(request, "{debug, {statistics, get}}");
        error = hm_build_error(request);
    }
    if (!error)
        error = hm_system_call(tool->self, hm_to_name(ping->name, tool->peer), hm_build_term(request), left - reserve, on_answer, tool);
    hm_build_free(request);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

int ping_process(const struct settings *settings, const char *target, const char *name) {
    struct ping ping = {0};
    char why[WHY_BYTES];
    int error = name_argument_read(ping.name, sizeof ping.name, name, why, sizeof why);
    if (error)
        return give_up(exit_code_of(error), "--process: %s", why);
    return tool_run(settings, "ping", target, ask_process, &ping);
}
