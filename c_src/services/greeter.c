/*
 * The greeter of "Overengineered #001: Hello World", registered as 'Elixir.DistributedHelloWorld.Greeter', or
 * under the names that are given with --greeter.
 *
 *     {nodeup, Node}       cast {greet, OurNode} to the same name on Node
 *     cast {greet, Node}   the log line: Hello world from :"alice@host"
 *
 * Only visible nodes are greeted, as there; a node on which nobody has the name drops the greeting. Casts carry no
 * sender: who greets is whoever the greeting says. It is printed as Elixir's inspect would, so nothing in it reaches a
 * terminal raw; at most GREETING_BYTES of it. A flood of greetings ends at the log's own limit.
 */
#include "services/services.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hermod/metrics.h>

static const char DEFAULT_NAME[] = "Elixir.DistributedHelloWorld.Greeter";

enum { GREETING_BYTES = 1100, NAME_BYTES = HM_ATOM_BYTES + 8 };

struct greeter {
    char name[NAME_BYTES];
    uint64_t sent, heard;
    hm_metrics *metrics;
};

/* MyApp.Greeter is written for 'Elixir.MyApp.Greeter'. */
static int read_name(char *name, const char *given) {
    bool alias = isupper((unsigned char)*given) && strncmp(given, "Elixir.", 7) != 0;
    int size = snprintf(name, NAME_BYTES, "%s%s", alias ? "Elixir." : "", given);
    return *given && size < NAME_BYTES ? HM_OK : HM_ENAME;
}

static void greet(hm_process *self, struct greeter *greeter, struct hm_text node) {
    char text[HM_ATOM_BYTES];
    if (node.size >= sizeof text)
        return;
    memcpy(text, node.at, node.size);
    text[node.size] = '\0';
    const hm_node_name *peer = hm_node_find(hm_node_of(self), text);
    int error = peer ? hm_castf(self, hm_to_name(greeter->name, peer), "{greet, ~a}", hm_node_name_of(hm_node_of(self)))
                     : HM_ELIMIT;
    if (error)
        hm_log(self, HM_LOG_WARN, "greeter.lost", "%s is not greeted: %s", text, hm_strerror(error));
    else
        greeter->sent++;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct greeter *greeter = hm_data(self);
    hm_term who;
    char *text;
    if (!hm_match(message, "{greet, ~t}", &who))
        return HM_UNKNOWN;
    greeter->heard++;
    if (hm_term_print(who, HM_SYNTAX_ELIXIR, GREETING_BYTES, &text) != 0)
        return HM_CONTINUE; /* no memory for a line of the log */
    hm_log(self, HM_LOG_INFO, "greeter.hello", "Hello world from %s", text);
    free(text);
    return HM_CONTINUE;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct hm_text node;
    if (hm_match(message, "{nodeup, ~a}", &node)) {
        greet(self, hm_data(self), node);
        return HM_CONTINUE;
    }
    return hm_match(message, "{nodedown, _}") ? HM_CONTINUE : HM_UNKNOWN;
}

static void put_state(hm_process *self, hm_build *state) {
    const struct greeter *greeter = hm_data(self);
    hm_put_format(state, "#{heard => ~u, sent => ~u}", greeter->heard, greeter->sent);
}

static const struct hm_metric metrics[] = {
    {"hermod_greetings_total", HM_COUNTER, "Greetings of other nodes", {"name", "direction"}},
};

static void collect(void *arg, size_t metric, hm_metrics_out *out) {
    const struct greeter *greeter = arg;
    struct hm_text sent[] = {hm_text_of(greeter->name), hm_text_of("sent")}, heard[] = {sent[0], hm_text_of("received")};
    (void)metric;
    hm_metric_put(out, sent, greeter->sent);
    hm_metric_put(out, heard, greeter->heard);
}

static int init(hm_process *self, void *argument) {
    struct greeter *greeter = calloc(1, sizeof *greeter);
    if (!greeter)
        return HM_ENOMEM;
    int error = read_name(greeter->name, argument);
    if (!error)
        error = hm_monitor_nodes(self, true, false);
    if (!error)
        error = hm_metrics_add(hm_node_of(self), metrics, 1, collect, greeter, &greeter->metrics);
    if (error)
        free(greeter);
    else
        hm_set_data(self, greeter);
    return error;
}

static void terminate(hm_process *self, hm_term reason) {
    struct greeter *greeter = hm_data(self);
    (void)reason;
    hm_metrics_remove(greeter->metrics);
    free(greeter);
}

static const struct hm_server_class class = {
    .module = "greeter",
    .init = init,
    .cast = on_cast,
    .info = on_info,
    .terminate = terminate,
    .state = put_state,
};

static int start_one(hm_node *node, const char *given) {
    char name[NAME_BYTES];
    struct hm_start start = {.name = name, .restart = true};
    int error = read_name(name, given);
    /* init only reads it. */
    return error ? error : hm_server_start(node, &class, &start, (void *)given, NULL);
}

int greeter_start(hm_node *node, const struct service_config *config) {
    if (!config->greeter_count)
        return start_one(node, DEFAULT_NAME);
    int error = HM_OK;
    for (size_t i = 0; error == HM_OK && i < config->greeter_count; i++)
        error = start_one(node, config->greeters[i]);
    return error;
}
