/*
 * A process without calls: plain messages in, plain messages out.
 *
 *     send({:health_check, node}, {self(), :ping})      # :pong comes back
 *     send({:health_check, node}, :exit)                # it ends with the reason normal
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <hermod/server.h>

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    hm_term sender;
    hm_pid pid;
    if (hm_match(message, "{~t, ping}", &sender) && hm_get_pid(hm_node_of(self), sender, &pid)) {
        hm_sendf(self, hm_to_pid(pid), "pong");
        return HM_CONTINUE;
    }
    if (hm_is_atom(message, "exit"))
        return hm_stop(self, "normal");
    return HM_UNKNOWN;
}

static const struct hm_server_class health_check = {
    .module = "health_check",
    .info = on_info,
};

static int health_check_start(hm_node *node) {
    struct hm_start start = {.name = "health_check"};
    return hm_server_start(node, &health_check, &start, NULL, NULL);
}

/* `hermod start --load health_check.so` calls this; the node is the daemon's. */
int hermod_load(hm_node *node, const char *argument);
int hermod_load(hm_node *node, const char *argument) {
    (void)argument;
    return health_check_start(node);
}

/* A program of its own: health_check NAME [COOKIE]. */

static void ready(void *arg, int error, const char *text) {
    hm_node *node = arg;
    if (error == 0) {
        printf("%s is ready\n", hm_node_name_of(node));
        fflush(stdout);
        return;
    }
    fprintf(stderr, "health_check: %s\n", text);
    event_base_loopbreak(hm_node_base(node));
}

static void stop(evutil_socket_t number, short what, void *base) {
    (void)number, (void)what;
    event_base_loopbreak(base);
}

int main(int argc, char **argv) {
    char path[4096], cookie[256], why[256] = "";
    struct hm_options options = HM_OPTIONS_INIT;
    options.name = argc > 1 ? argv[1] : "health_check";
    options.cookie = cookie;
    options.epmd_start = "epmd";
    if (getenv("ERL_EPMD_PORT"))
        options.epmd_port = (uint16_t)atoi(getenv("ERL_EPMD_PORT"));
    snprintf(path, sizeof path, "%s/.erlang.cookie", getenv("HOME") ? getenv("HOME") : ".");
    if (argc > 2)
        options.cookie = argv[2];
    else if (hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why) != 0) {
        fprintf(stderr, "health_check: %s\n", why);
        return 1;
    }

    struct event_base *base = event_base_new();
    if (!base)
        return 1;
    struct event *interrupt = evsignal_new(base, SIGINT, stop, base);
    struct event *end = evsignal_new(base, SIGTERM, stop, base);
    hm_node *node = NULL;
    int error = hm_node_new(base, &options, &node, why, sizeof why);
    if (error == 0)
        error = health_check_start(node);
    if (error == 0)
        error = hm_node_start(node, ready, node);
    if (error == 0 && interrupt && end && event_add(interrupt, NULL) == 0 && event_add(end, NULL) == 0)
        event_base_dispatch(base);
    else
        fprintf(stderr, "health_check: %s\n", why[0] ? why : hm_strerror(error));
    hm_node_free(node);
    if (interrupt)
        event_free(interrupt);
    if (end)
        event_free(end);
    event_base_free(base);
    return error ? 1 : 0;
}
