/*
 * Publishes one message, or each line of standard input. Lines are read by a worker thread, so that the node goes on while a pipe
 * is silent; the next one is read when the last was taken.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bus_member.h"
#include "cli/term_argument.h"
#include "cli/tool.h"

enum { CONFIRM_MS = 1000 };

struct pub {
    struct tool *tool;
    struct bus_member member;
    bool direct, lines;
    hm_build *topic, *message;
    hm_pid *coordinators;
    size_t count, confirmed;
    char *line;
    size_t line_capacity, line_number;
    ssize_t line_size; /* what getline gave */
    int read_errno;
    int code;
};

static void next_message(struct pub *pub);

/* A worker may stand in a read that never returns, and freeing the node would wait for it. */
static void leave(struct pub *pub, int code) {
    if (!pub->lines) {
        tool_finish(pub->tool, code);
        return;
    }
    fflush(stdout);
    _exit(code);
}

static void print_count(uint64_t count) {
    printf("%llu\n", (unsigned long long)count);
    fflush(stdout);
}

/* ---- through pubsub ---- */

static enum hm_verdict on_published(hm_process *self, void *arg, int error, hm_term reply) {
    struct pub *pub = arg;
    struct hm_text reason;
    uint64_t count;
    (void)self;
    if (error) {
        leave(pub, tool_explain(pub->tool, "pubsub", error, reply, HM_SYNTAX_ERLANG));
        return HM_CONTINUE;
    }
    if (hm_get_uint64(reply, &count))
        print_count(count);
    else if (hm_match(reply, "{error, ~a}", &reason))
        pub->code = give_up(EXIT_FAILED, "%s does not take the message: %.*s", pub->tool->target.text, (int)reason.size,
                            reason.at);
    next_message(pub);
    return HM_CONTINUE;
}

static int publish(struct pub *pub) {
    hm_build *request = hm_build_new();
    int error = HM_ENOMEM;
    if (request) {
        hm_put_format(request, "{publish, ~t, ~t}", hm_build_term(pub->topic), hm_build_term(pub->message));
        error = hm_build_error(request);
    }
    if (!error)
        error = hm_call(pub->tool->self, hm_to_name("pubsub", pub->tool->peer), hm_build_term(request),
                        (int64_t)pub->tool->settings->timeout_ms, on_published, pub);
    hm_build_free(request);
    return error;
}

/* ---- straight to the coordinators ---- */

static int publish_directly(struct pub *pub) {
    hm_build *build = hm_build_new();
    int error = HM_ENOMEM;
    if (build) {
        bus_member_put(&pub->member, build, hm_build_term(pub->topic), hm_build_term(pub->message));
        error = hm_build_error(build);
    }
    if (!error)
        error = hm_send_many(pub->tool->self, pub->coordinators, pub->count, hm_build_term(build));
    hm_build_free(build);
    if (!error) {
        print_count(pub->count);
        next_message(pub);
    }
    return error;
}

static void confirm_next(struct pub *pub);

static enum hm_verdict on_confirmed(hm_process *self, void *arg, int error, hm_term reply) {
    struct pub *pub = arg;
    (void)self;
    (void)reply;
    const hm_node_name *node = pub->coordinators[pub->confirmed - 1].node;
    /* Somebody's short-lived tool, which nobody can dial, is no reason to fail. */
    if (error == HM_ENOCONNECTION && node == pub->tool->peer)
        pub->code = give_up(EXIT_NO_CONNECTION, "the connection to %s was lost; messages may not have arrived there",
                            hm_node_name_text(node));
    else if (error == HM_ENOCONNECTION)
        give_up(EXIT_FINE, "%s is a member and cannot be reached", hm_node_name_text(node));
    confirm_next(pub);
    return HM_CONTINUE;
}

/* Each node is asked something behind the messages: its answer says that it has taken them (deliver.c tells why). */
static void confirm_next(struct pub *pub) {
    struct tool *tool = pub->tool;
    hm_build *request = pub->confirmed < pub->count ? hm_build_new() : NULL;
    if (!request) {
        leave(pub, pub->code);
        return;
    }
    const hm_node_name *node = pub->coordinators[pub->confirmed++].node;
    hm_put_format(request, "{is_auth, ~a}", hm_node_name_of(tool->node));
    if (hm_build_error(request) || hm_call(tool->self, hm_to_name("net_kernel", node), hm_build_term(request), CONFIRM_MS,
                                           on_confirmed, pub))
        leave(pub, EXIT_FAILED);
    hm_build_free(request);
}

/* ---- one message after the other ---- */

static void send_message(struct pub *pub) {
    int error = pub->direct ? publish_directly(pub) : publish(pub);
    if (error)
        leave(pub, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static void read_line(void *arg) {
    struct pub *pub = arg;
    errno = 0;
    pub->line_size = getline(&pub->line, &pub->line_capacity, stdin);
    pub->read_errno = errno;
}

static enum hm_verdict on_line(hm_process *self, void *arg) {
    struct pub *pub = arg;
    enum hm_syntax syntax;
    char why[WHY_BYTES];
    if (!self)
        return HM_CONTINUE;
    if (pub->line_size < 0) {
        if (pub->read_errno)
            pub->code = give_up(EXIT_FAILED, "cannot read standard input: %s", strerror(pub->read_errno));
        pub->lines = false; /* no worker reads any more */
        if (pub->direct)
            confirm_next(pub);
        else
            leave(pub, pub->code);
        return HM_CONTINUE;
    }
    pub->line_number++;
    if (pub->line_size > 0 && pub->line[pub->line_size - 1] == '\n')
        pub->line[--pub->line_size] = '\0';
    hm_build_reset(pub->message);
    if (strlen(pub->line) != (size_t)pub->line_size)
        pub->code = give_up(EXIT_USAGE, "line %zu has a NUL in it; it is left out", pub->line_number);
    else if (pub->line_size > 0 &&
             term_argument_read(pub->message, pub->line, pub->tool->settings, &syntax, why, sizeof why))
        pub->code = give_up(EXIT_USAGE, "line %zu is left out: %s", pub->line_number, why);
    if (hm_build_term(pub->message).size)
        send_message(pub);
    else
        next_message(pub);
    return HM_CONTINUE;
}

static void next_message(struct pub *pub) {
    if (!pub->lines) {
        if (pub->direct)
            confirm_next(pub);
        else
            leave(pub, pub->code);
        return;
    }
    int error = hm_work(pub->tool->self, read_line, on_line, pub);
    if (error)
        leave(pub, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static enum hm_verdict on_info(struct tool *tool, hm_term message) {
    if (!hm_match(message, "{'DOWN', _, process, _, _}"))
        return HM_UNKNOWN;
    struct pub *pub = tool->arg;
    if (pub->lines)
        leave(pub, give_up(EXIT_NO_CONNECTION, "%s is gone", tool->target.text));
    return HM_CONTINUE;
}

static void start(struct pub *pub) {
    hm_ref ref;
    pub->tool->info = on_info;
    if (!pub->lines) {
        send_message(pub);
        return;
    }
    tool_wait_as_long_as_it_takes(pub->tool);
    (void)hm_monitor(pub->tool->self, hm_to_name("net_kernel", pub->tool->peer), &ref);
    next_message(pub);
}

static enum hm_verdict on_coordinators(hm_process *self, void *arg, const struct hm_rpc_result *result) {
    struct tool *tool = arg;
    struct pub *pub = tool->arg;
    struct hm_list list;
    hm_term element;
    long length = result->error ? 0 : hm_list_length(result->value);
    (void)self;
    pub->coordinators = calloc((size_t)(length > 0 ? length : 0) + 1, sizeof *pub->coordinators);
    if (pub->coordinators && length > 0 && hm_list_begin(result->value, &list))
        while (hm_list_next(&list, &element))
            pub->count += hm_get_pid(tool->node, element, &pub->coordinators[pub->count]);
    if (result->error == HM_ENOCONNECTION || result->error == HM_ETIMEOUT)
        leave(pub, give_up(exit_code_of(result->error), "%s: %s", tool->target.text, hm_strerror(result->error)));
    else if (!pub->count)
        leave(pub, give_up(EXIT_NOPROC, "nobody in the cluster of %s takes part in %s%s", tool->target.text,
                           pub->member.hermes ? "Hermes" : "the Phoenix.PubSub ",
                           pub->member.hermes ? "" : tool->settings->phoenix));
    else
        start(pub);
    return HM_CONTINUE;
}

static void on_connected(struct tool *tool) {
    struct pub *pub = tool->arg;
    pub->tool = tool;
    if (!pub->direct) {
        start(pub);
        return;
    }
    int error = bus_member_coordinators(&pub->member, tool, on_coordinators);
    if (error)
        leave(pub, give_up(exit_code_of(error), "%s", hm_strerror(error)));
}

static int run(const struct settings *settings, int count, char **arguments) {
    struct pub pub = {.topic = hm_build_new(), .message = hm_build_new(), .lines = count == 2};
    enum hm_syntax syntax;
    char why[WHY_BYTES];
    int error, code;
    pub.direct = bus_member_wanted(&pub.member, settings, &error, why, sizeof why);
    if (!error && (!pub.topic || !pub.message))
        error = HM_ENOMEM;
    if (!error)
        error = topic_argument_read(pub.topic, arguments[1], settings, why, sizeof why);
    if (!error && pub.direct)
        error = bus_member_check_topic(&pub.member, hm_build_term(pub.topic), why, sizeof why);
    if (!error && count > 2)
        error = term_argument_read(pub.message, arguments[2], settings, &syntax, why, sizeof why);
    if (error)
        code = give_up(exit_code_of(error), "%s", error == HM_ENOMEM ? hm_strerror(error) : why);
    else
        code = tool_run(settings, "pub", arguments[0], on_connected, &pub);
    bus_member_fini(&pub.member);
    hm_build_free(pub.topic);
    hm_build_free(pub.message);
    free(pub.coordinators);
    free(pub.line);
    return code;
}

static const struct example examples[] = {
    {"hermod pub hermod room.1 hello", "Publishes the atom hello for the topic \"room.1\"."},
    {"hermod pub --elixir hermod room.1 '%{text: \"hi\"}'", "A map of Elixir."},
    {"jq -c .id log.json | hermod pub hermod ids", "Each line is a message."},
    {"hermod pub --phoenix MyApp.PubSub web@vm room:1 '{:hello, 1}'", "To the Phoenix application on web@vm."},
    {NULL, NULL},
};

const struct command command_pub = {
    .name = "pub",
    .bit = IN_PUB,
    .arguments = "NODE TOPIC [TERM]",
    .least = 2,
    .most = 3,
    .summary = "publish a message, or each line of standard input",
    .about =
        "Publishes TERM for TOPIC with the service pubsub on NODE, and prints to how many subscribers it was sent. Without TERM each line "
        "of standard input is a term and a message of its own; a line that is no term is told and left out, and the exit "
        "status is 2 at the end.\n\n"
        "TOPIC is text, or a term when it begins with one of { [ < # % ' \" or as :atom. With --hermes or --phoenix, NODE "
        "is a BEAM and needs no Hermod; what is printed then is to how many nodes the message was sent.",
    .examples = examples,
    .run = run,
};
