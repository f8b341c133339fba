/*
 * A counter: the smallest server with a state, and one way to answer later.
 *
 *     GenServer.call({:counter, node}, :next)           # {:ok, 1}
 *     GenServer.cast({:counter, node}, {:set, 10})
 *     GenServer.call({:counter, node}, {:wait, 12})     # :ok, as soon as the counter is at 12 or beyond
 *     :sys.get_state({:counter, node})
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <hermod/server.h>

struct waiter {
    struct waiter *next;
    int64_t until;
    hm_from *from;
};

struct counter {
    int64_t value;
    struct waiter *waiters;
};

static int init(hm_process *self, void *argument) {
    (void)argument;
    struct counter *counter = calloc(1, sizeof *counter);
    if (!counter)
        return HM_ENOMEM;
    hm_set_data(self, counter);
    return 0;
}

static void set(hm_process *self, struct counter *counter, int64_t value) {
    counter->value = value;
    for (struct waiter **link = &counter->waiters, *waiter; (waiter = *link);) {
        if (waiter->until > value) {
            link = &waiter->next;
            continue;
        }
        hm_reply(self, waiter->from, "ok");
        *link = waiter->next;
        hm_from_free(waiter->from);
        free(waiter);
    }
}

/* No handler may block: what has to wait is remembered, and others are served meanwhile. */
static enum hm_verdict wait_until(hm_process *self, struct counter *counter, int64_t until,
                                  const hm_from *from) {
    if (counter->value >= until)
        return hm_reply(self, from, "ok");
    struct waiter *waiter = malloc(sizeof *waiter);
    hm_from *kept = waiter ? hm_from_keep(from) : NULL;
    if (!kept) {
        free(waiter);
        return hm_reply(self, from, "{error, no_memory}");
    }
    *waiter = (struct waiter){counter->waiters, until, kept};
    counter->waiters = waiter;
    return HM_CONTINUE;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct counter *counter = hm_data(self);
    int64_t until;
    if (hm_is_atom(request, "next")) {
        set(self, counter, counter->value + 1);
        return hm_reply(self, from, "{ok, ~i}", counter->value);
    }
    if (hm_match(request, "{wait, ~i}", &until))
        return wait_until(self, counter, until, from);
    return HM_UNKNOWN;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    int64_t value;
    if (!hm_match(message, "{set, ~i}", &value))
        return HM_UNKNOWN;
    set(self, hm_data(self), value);
    return HM_CONTINUE;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    struct counter *counter = hm_data(self);
    while (counter->waiters) {
        struct waiter *waiter = counter->waiters;
        counter->waiters = waiter->next;
        hm_from_free(waiter->from);
        free(waiter);
    }
    free(counter);
}

static void put_state(hm_process *self, hm_build *state) {
    const struct counter *counter = hm_data(self);
    hm_put_int64(state, counter->value);
}

static const struct hm_server_class counter_class = {
    .module = "counter",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .terminate = terminate,
    .state = put_state,
};

static int counter_start(hm_node *node) {
    struct hm_start start = {.name = "counter"};
    return hm_server_start(node, &counter_class, &start, NULL, NULL);
}

/* `hermod start --load counter.so` calls this; the node is the daemon's. */
int hermod_load(hm_node *node, const char *argument);
int hermod_load(hm_node *node, const char *argument) {
    (void)argument;
    return counter_start(node);
}

/* A program of its own: counter NAME [COOKIE]. */

static void ready(void *arg, int error, const char *text) {
    hm_node *node = arg;
    if (error == 0) {
        printf("%s is ready\n", hm_node_name_of(node));
        fflush(stdout);
        return;
    }
    fprintf(stderr, "counter: %s\n", text);
    event_base_loopbreak(hm_node_base(node));
}

static void stop(evutil_socket_t number, short what, void *base) {
    (void)number, (void)what;
    event_base_loopbreak(base);
}

int main(int argc, char **argv) {
    char path[4096], cookie[256], why[256] = "";
    struct hm_options options = HM_OPTIONS_INIT;
    options.name = argc > 1 ? argv[1] : "counter";
    options.cookie = cookie;
    options.epmd_start = "epmd";
    if (getenv("ERL_EPMD_PORT"))
        options.epmd_port = (uint16_t)atoi(getenv("ERL_EPMD_PORT"));
    snprintf(path, sizeof path, "%s/.erlang.cookie", getenv("HOME") ? getenv("HOME") : ".");
    if (argc > 2)
        options.cookie = argv[2];
    else if (hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why) != 0) {
        fprintf(stderr, "counter: %s\n", why);
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
        error = counter_start(node);
    if (error == 0)
        error = hm_node_start(node, ready, node);
    if (error == 0 && interrupt && end && event_add(interrupt, NULL) == 0 && event_add(end, NULL) == 0)
        event_base_dispatch(base);
    else
        fprintf(stderr, "counter: %s\n", why[0] ? why : hm_strerror(error));
    hm_node_free(node);
    if (interrupt)
        event_free(interrupt);
    if (end)
        event_free(end);
    event_base_free(base);
    return error ? 1 : 0;
}
