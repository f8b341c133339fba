/* What is published for a topic, one line for each message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bus_member.h"
#include "cli/term_argument.h"
#include "cli/tool.h"

struct sub {
    struct bus_member member;
    bool direct; /* a member of others' design, without a daemon */
    hm_build *topic;
    bool subscribed, ended; /* ended: the service that was there when we asked */
    uint64_t heard;
};

/* A line that nobody can read ends the command: `hermod sub ... | head'. */
static void print_message(struct tool *tool, hm_term topic, hm_term message) {
    struct sub *sub = tool->arg;
    const struct settings *settings = tool->settings;
    enum hm_syntax syntax = settings->json ? HM_SYNTAX_JSON : settings->elixir ? HM_SYNTAX_ELIXIR : HM_SYNTAX_ERLANG;
    hm_build *both = settings->with_topic ? hm_build_new() : NULL;
    char *text = NULL;
    if (both)
        hm_put_format(both, settings->json ? "#{topic => ~t, message => ~t}" : "{~t, ~t}", topic, message);
    int error = settings->with_topic && (!both || hm_build_error(both))
                    ? HM_ENOMEM
                    : hm_term_print(both ? hm_build_term(both) : message, syntax, 0, &text);
    hm_build_free(both);
    if (error == HM_EBADTERM && settings->json)
        give_up(EXIT_FAILED, "a message has parts that JSON cannot say; it is left out");
    else if (error)
        give_up(EXIT_FAILED, "cannot print a message: %s", hm_strerror(error));
    else if (puts(text) < 0 || fflush(stdout))
        tool_finish(tool, EXIT_FAILED);
    free(text);
    if (++sub->heard == settings->count)
        tool_finish(tool, EXIT_FINE);
}

static void give_up_service(struct tool *tool) {
    tool_finish(tool, give_up(EXIT_NOPROC, "pubsub on %s has ended, and the subscription with it", tool->target.text));
}

static enum hm_verdict on_info(struct tool *tool, hm_term term) {
    struct sub *sub = tool->arg;
    hm_term topic, message, reason;
    if (tool->over)
        return HM_CONTINUE;
    if (hm_match(term, "{'DOWN', _, process, _, ~t}", &reason)) {
        if (sub->direct || hm_is_atom(reason, "noconnection"))
            tool_finish(tool, give_up(EXIT_NO_CONNECTION, "%s is gone", tool->target.text));
        else if (sub->subscribed)
            give_up_service(tool);
        else
            sub->ended = true; /* the answer tells what became of the request */
    } else if (sub->direct) {
        if (!bus_member_read(&sub->member, term, &topic, &message))
            return HM_UNKNOWN;
        if (hm_term_equal(topic, hm_build_term(sub->topic)))
            print_message(tool, topic, message);
    } else if (hm_match(term, "{pubsub_dropped, ~t, ~t}", &topic, &message)) {
        give_up(EXIT_FINE, "messages were dropped, since they are not read fast enough here");
    } else if (hm_match(term, "{~t, ~t}", &topic, &message)) {
        print_message(tool, topic, message);
    } else {
        return HM_UNKNOWN;
    }
    return HM_CONTINUE;
}

static bool watch(struct tool *tool, const char *name) {
    hm_ref ref;
    int error = hm_monitor(tool->self, hm_to_name(name, tool->peer), &ref);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
    return !error;
}

/* From now on the connection counts, and who has our subscription; and --timeout only if it was given. */
static void wait_for_messages(struct tool *tool) {
    struct sub *sub = tool->arg;
    tool->info = on_info;
    tool->waiting_for = "message";
    tool_wait_as_long_as_it_takes(tool);
    sub->subscribed = true;
    if (sub->direct)
        watch(tool, "net_kernel");
    else if (sub->ended)
        give_up_service(tool);
}

static enum hm_verdict on_subscribed(hm_process *self, void *arg, int error, hm_term reply) {
    struct tool *tool = arg;
    struct hm_text reason;
    (void)self;
    if (error)
        tool_finish(tool, tool_explain(tool, "pubsub", error, reply, HM_SYNTAX_ERLANG));
    else if (hm_match(reply, "{error, ~a}", &reason))
        tool_finish(tool, give_up(EXIT_FAILED, "%s does not take the subscription: %.*s", tool->target.text, (int)reason.size,
                                  reason.at));
    else
        wait_for_messages(tool);
    return HM_CONTINUE;
}

static void subscribe(struct tool *tool) {
    struct sub *sub = tool->arg;
    if (sub->direct) {
        tool->info = on_info;
        bus_member_join(&sub->member, tool, wait_for_messages);
        return;
    }
    tool->info = on_info;
    if (!watch(tool, "pubsub")) /* before: another one may have its name by the time of the answer */
        return;
    hm_build *request = hm_build_new();
    int error = HM_ENOMEM;
    if (request) {
        hm_put_format(request, "{subscribe, ~t, ~p, #{tagged => true}}", hm_build_term(sub->topic), hm_self(tool->self));
        error = hm_build_error(request);
    }
    if (!error)
        error = hm_call(tool->self, hm_to_name("pubsub", tool->peer), hm_build_term(request), tool_left_ms(tool),
                        on_subscribed, tool);
    hm_build_free(request);
    if (error)
        tool_finish(tool, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct sub sub = {.topic = hm_build_new()};
    char why[WHY_BYTES];
    int error, code;
    (void)count;
    sub.direct = bus_member_wanted(&sub.member, settings, &error, why, sizeof why);
    if (!error)
        error = sub.topic ? topic_argument_read(sub.topic, arguments[1], settings, why, sizeof why) : HM_ENOMEM;
    if (!error && sub.direct)
        error = bus_member_check_topic(&sub.member, hm_build_term(sub.topic), why, sizeof why);
    if (error)
        code = give_up(exit_code_of(error), "%s", error == HM_ENOMEM ? hm_strerror(error) : why);
    else
        code = tool_run(settings, "sub", arguments[0], subscribe, &sub);
    bus_member_fini(&sub.member);
    hm_build_free(sub.topic);
    return code;
}

static const struct example examples[] = {
    {"hermod sub hermod room.1", "Prints what is published for the topic \"room.1\", until Ctrl-C."},
    {"hermod sub --with-topic hermod 'room.*'", "A pattern; prints {<<\"room.1\">>,hello}."},
    {"hermod sub --json --count 1 hermod '{user, 7}'", "One message for a topic that is a tuple."},
    {"hermod sub --phoenix MyApp.PubSub web@vm room:1", "What the Phoenix application on web@vm broadcasts."},
    {NULL, NULL},
};

const struct command command_sub = {
    .name = "sub",
    .bit = IN_SUB,
    .arguments = "NODE TOPIC",
    .least = 2,
    .most = 2,
    .summary = "print what is published for a topic",
    .about =
        "Subscribes to TOPIC with the service pubsub on NODE and prints each message on a line, until it is interrupted, "
        "--count messages have come, or --timeout milliseconds have passed (then the exit status is 6). When the "
        "connection is lost it ends with 3, when the service ends with 5.\n\n"
        "TOPIC is text, and may be a pattern with * for a segment and > for the rest; or a term, when it begins with "
        "one of { [ < # % ' \" or as :atom. With --hermes or --phoenix, NODE is a BEAM and needs no Hermod; TOPIC is "
        "then the topic itself, and for --phoenix always text.",
    .examples = examples,
    .run = run,
};
