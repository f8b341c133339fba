/*
 * A function in C that the whole cluster calls: the edit distance of two words.
 *
 *     :rpc.call(node, EditDistance, :between, ["kitten", "sitting"])      # 3
 *
 * It takes time in proportion to the product of both lengths, so it runs on a worker thread, and the node serves others meanwhile. Nothing
 * here can take the caller's VM down, as a mistake in a NIF would.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <hermod/function.h>

enum { WORD_BYTES = 64 * 1024 };

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein, a row at a time; bytes, not characters. row has room for b_size + 1. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size, size_t *row) {
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_size];
}

/* between(a, b): text in any of its shapes, so "kitten" of Elixir and of Erlang. */
static enum hm_outcome between(struct hm_function_call *call) {
    enum hm_outcome outcome = HM_VALUE;
    char *a = malloc(WORD_BYTES), *b = malloc(WORD_BYTES);
    size_t a_size, b_size, *row = NULL;
    if (!a || !b) {
        outcome = hm_raise(call, "system_limit");
    } else if (!hm_get_text(call->arguments[0], a, WORD_BYTES, &a_size) ||
               !hm_get_text(call->arguments[1], b, WORD_BYTES, &b_size)) {
        outcome = hm_raise(call, "badarg");
    } else if (!(row = malloc((b_size + 1) * sizeof *row))) {
        outcome = hm_raise(call, "system_limit");
    } else {
        hm_put_uint64(call->result, distance(a, a_size, b, b_size, row));
    }
    free(a);
    free(b);
    free(row);
    return outcome;
}

static int edit_distance_export(hm_node *node) {
    static const struct hm_function FUNCTIONS[] = {
        {.module = "Elixir.EditDistance", .function = "between", .arity = 2, .handler = between, .on_pool = true},
    };
    return hm_export(node, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}

/* `hermod start --load edit_distance.so` calls this; the node is the daemon's. */
int hermod_load(hm_node *node, const char *argument);
int hermod_load(hm_node *node, const char *argument) {
    (void)argument;
    return edit_distance_export(node);
}

/* A program of its own: edit_distance NAME [COOKIE]. */

static void ready(void *arg, int error, const char *text) {
    hm_node *node = arg;
    if (error == 0) {
        printf("%s is ready\n", hm_node_name_of(node));
        fflush(stdout);
        return;
    }
    fprintf(stderr, "edit_distance: %s\n", text);
    event_base_loopbreak(hm_node_base(node));
}

static void stop(evutil_socket_t number, short what, void *base) {
    (void)number, (void)what;
    event_base_loopbreak(base);
}

int main(int argc, char **argv) {
    char path[4096], cookie[256], why[256] = "";
    struct hm_options options = HM_OPTIONS_INIT;
    options.name = argc > 1 ? argv[1] : "edit_distance";
    options.cookie = cookie;
    options.epmd_start = "epmd";
    if (getenv("ERL_EPMD_PORT"))
        options.epmd_port = (uint16_t)atoi(getenv("ERL_EPMD_PORT"));
    snprintf(path, sizeof path, "%s/.erlang.cookie", getenv("HOME") ? getenv("HOME") : ".");
    if (argc > 2)
        options.cookie = argv[2];
    else if (hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why) != 0) {
        fprintf(stderr, "edit_distance: %s\n", why);
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
        error = edit_distance_export(node);
    if (error == 0)
        error = hm_node_start(node, ready, node);
    if (error == 0 && interrupt && end && event_add(interrupt, NULL) == 0 && event_add(end, NULL) == 0)
        event_base_dispatch(base);
    else
        fprintf(stderr, "edit_distance: %s\n", why[0] ? why : hm_strerror(error));
    hm_node_free(node);
    if (interrupt)
        event_free(interrupt);
    if (end)
        event_free(end);
    event_base_free(base);
    return error ? 1 : 0;
}
