/*
 * The ItemAccumulator of many GenServer tutorials, in C:
 *
 *     GenServer.cast({ItemAccumulator, node}, {:add, "Apples"})
 *     GenServer.call({ItemAccumulator, node}, :list_items)      # ["Apples"]
 *     GenServer.stop({ItemAccumulator, node})                   # prints: Last state: ["Apples"]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <hermod/server.h>

/* The items with the newest last: a list of Elixir grows at its front, an array at its end. */
struct items {
    hm_term *at;
    size_t count, room;
};

static int init(hm_process *self, void *argument) {
    (void)argument;
    struct items *items = calloc(1, sizeof *items);
    if (!items)
        return HM_ENOMEM;
    hm_set_data(self, items);
    return 0;
}

/* The message ends with the handler, so the item is copied. */
static int add(struct items *items, hm_term item) {
    if (items->count == items->room) {
        size_t room = items->room ? items->room * 2 : 8;
        hm_term *at = realloc(items->at, room * sizeof *at);
        if (!at)
            return HM_ENOMEM;
        items->at = at;
        items->room = room;
    }
    int error = hm_term_copy(item, &items->at[items->count]);
    if (error == 0)
        items->count++;
    return error;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    hm_term item;
    if (!hm_match(message, "{add, ~t}", &item))
        return HM_UNKNOWN;
    int error = add(hm_data(self), item);
    if (error)
        hm_log(self, HM_LOG_WARN, "items.lost", "an item is lost: %s", hm_strerror(error));
    return HM_CONTINUE;
}

/* The newest item first. */
static void put_items(hm_process *self, hm_build *build) {
    const struct items *items = hm_data(self);
    hm_put_list(build, (uint32_t)items->count);
    for (size_t i = items->count; i > 0; i--)
        hm_put_term(build, items->at[i - 1]);
    hm_put_nil(build);
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    if (!hm_is_atom(request, "list_items"))
        return HM_UNKNOWN;
    hm_build *build = hm_build_new();
    if (!build)
        return hm_reply(self, from, "{error, no_memory}");
    put_items(self, build);
    if (hm_build_error(build) == 0)
        hm_reply_term(self, from, hm_build_term(build));
    else
        hm_reply(self, from, "{error, no_memory}");
    hm_build_free(build);
    return HM_CONTINUE;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    struct items *items = hm_data(self);
    hm_build *build = hm_build_new();
    char *text;
    if (build) {
        put_items(self, build);
        if (hm_build_error(build) == 0 &&
            hm_term_print(hm_build_term(build), HM_SYNTAX_ELIXIR, 0, &text) == 0) {
            printf("Last state: %s\n", text);
            fflush(stdout);
            free(text);
        }
        hm_build_free(build);
    }
    for (size_t i = 0; i < items->count; i++)
        free((void *)items->at[i].bytes);
    free(items->at);
    free(items);
}

static const struct hm_server_class item_accumulator = {
    .module = "Elixir.ItemAccumulator",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .terminate = terminate,
    .state = put_items,
};

/* A module of Elixir is the atom with Elixir. in front. */
static int item_accumulator_start(hm_node *node) {
    struct hm_start start = {.name = "Elixir.ItemAccumulator"};
    return hm_server_start(node, &item_accumulator, &start, NULL, NULL);
}

/* `hermod start --load item_accumulator.so` calls this; the node is the daemon's. */
int hermod_load(hm_node *node, const char *argument);
int hermod_load(hm_node *node, const char *argument) {
    (void)argument;
    return item_accumulator_start(node);
}

/* A program of its own: item_accumulator NAME [COOKIE]. */

static void ready(void *arg, int error, const char *text) {
    hm_node *node = arg;
    if (error == 0) {
        printf("%s is ready\n", hm_node_name_of(node));
        fflush(stdout);
        return;
    }
    fprintf(stderr, "item_accumulator: %s\n", text);
    event_base_loopbreak(hm_node_base(node));
}

static void stop(evutil_socket_t number, short what, void *base) {
    (void)number, (void)what;
    event_base_loopbreak(base);
}

int main(int argc, char **argv) {
    char path[4096], cookie[256], why[256] = "";
    struct hm_options options = HM_OPTIONS_INIT;
    options.name = argc > 1 ? argv[1] : "item_accumulator";
    options.cookie = cookie;
    options.epmd_start = "epmd";
    if (getenv("ERL_EPMD_PORT"))
        options.epmd_port = (uint16_t)atoi(getenv("ERL_EPMD_PORT"));
    snprintf(path, sizeof path, "%s/.erlang.cookie", getenv("HOME") ? getenv("HOME") : ".");
    if (argc > 2)
        options.cookie = argv[2];
    else if (hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why) != 0) {
        fprintf(stderr, "item_accumulator: %s\n", why);
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
        error = item_accumulator_start(node);
    if (error == 0)
        error = hm_node_start(node, ready, node);
    if (error == 0 && interrupt && end && event_add(interrupt, NULL) == 0 && event_add(end, NULL) == 0)
        event_base_dispatch(base);
    else
        fprintf(stderr, "item_accumulator: %s\n", why[0] ? why : hm_strerror(error));
    hm_node_free(node);
    if (interrupt)
        event_free(interrupt);
    if (end)
        event_free(end);
    event_base_free(base);
    return error ? 1 : 0;
}
