/*
 * The server that is measured, and the C client of the measurements: `hermod start --load bench_server.so`.
 * bench_server.erl is the same on a BEAM; keep the two alike. Registered as bench.
 *
 *     call ping                      pong
 *     call count                     how many casts came since reset
 *     call reset                     ok; no casts counted, no subscribers, no idle processes
 *     call {subscribe, Pid}          ok
 *     call {publish, N, Message}     ok, and then Message goes to every subscriber N times
 *     call {spawn, N}                ok, N more idle servers run
 *     call {flood, Node, N, Message} {ok, Microseconds, Count}, after N casts to bench on Node and a call count
 *     cast Anything                  counted
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hermod/server.h>

enum {
    STEP_DELIVERIES = 4000, /* of publish and flood in one turn, so that the node does other things between */
    LOOK_EVERY = 64,        /* casts between two looks whether the peer is busy */
    CALL_MS = 60000,
};

struct bench {
    uint64_t count;
    hm_pid *subscribers;
    size_t subscriber_count, subscriber_room;
    hm_pid *idle;
    size_t idle_count;
    hm_term message; /* of publish or flood; a copy */
    uint64_t publishes, casts;
    const hm_node_name *target; /* of flood */
    hm_from *from;              /* who waits for flood */
    struct timespec began;
    bool stepping;
};

static int init(hm_process *self, void *argument) {
    (void)argument;
    struct bench *bench = calloc(1, sizeof *bench);
    if (!bench)
        return HM_ENOMEM;
    hm_set_data(self, bench);
    return 0;
}

static enum hm_verdict on_idle_cast(hm_process *self, hm_term message) {
    if (hm_is_atom(message, "stop"))
        return hm_stop(self, "normal");
    return HM_UNKNOWN;
}

static const struct hm_server_class idle_class = {.module = "bench_idle", .cast = on_idle_cast};

static void reset(hm_process *self, struct bench *bench) {
    for (size_t i = 0; i < bench->idle_count; i++)
        hm_castf(self, hm_to_pid(bench->idle[i]), "stop");
    free(bench->idle);
    bench->idle = NULL;
    bench->idle_count = bench->subscriber_count = 0;
    bench->count = 0;
}

static int subscribe(struct bench *bench, hm_pid pid) {
    if (bench->subscriber_count == bench->subscriber_room) {
        size_t room = bench->subscriber_room ? bench->subscriber_room * 2 : 64;
        hm_pid *subscribers = realloc(bench->subscribers, room * sizeof *subscribers);
        if (!subscribers)
            return HM_ENOMEM;
        bench->subscribers = subscribers;
        bench->subscriber_room = room;
    }
    bench->subscribers[bench->subscriber_count++] = pid;
    return 0;
}

static int spawn_idle(hm_process *self, struct bench *bench, size_t count) {
    hm_pid *idle = realloc(bench->idle, (bench->idle_count + count) * sizeof *idle);
    if (!idle)
        return HM_ENOMEM;
    bench->idle = idle;
    for (; count > 0; count--) {
        int error = hm_server_start(hm_node_of(self), &idle_class, NULL, NULL, &idle[bench->idle_count]);
        if (error)
            return error;
        bench->idle_count++;
    }
    return 0;
}

static int keep_message(struct bench *bench, hm_term message) {
    free((void *)bench->message.bytes);
    bench->message = (hm_term){NULL, 0};
    return hm_term_copy(message, &bench->message);
}

static enum hm_verdict flooded(hm_process *self, void *arg, int error, hm_term reply) {
    struct bench *bench = arg;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t elapsed_us =
        (now.tv_sec - bench->began.tv_sec) * 1000000 + (now.tv_nsec - bench->began.tv_nsec) / 1000;
    if (error)
        hm_reply(self, bench->from, "{error, ~s}", hm_strerror(error));
    else
        hm_reply(self, bench->from, "{ok, ~i, ~t}", elapsed_us, reply);
    hm_from_free(bench->from);
    bench->from = NULL;
    return HM_CONTINUE;
}

/* The rest is for a later turn: at once, or in a millisecond when the peer has enough for now. */
static void go_on(hm_process *self, struct bench *bench, bool busy) {
    static const unsigned char step[] = {119, 4, 's', 't', 'e', 'p'}; /* the atom */
    hm_term message = {step, sizeof step};
    bench->stepping = (busy ? hm_send_after(self, 1, message, NULL)
                            : hm_send(self, hm_to_pid(hm_self(self)), message)) == 0;
}

static void publish_some(hm_process *self, struct bench *bench) {
    size_t budget = STEP_DELIVERIES;
    bool busy = false;
    while (bench->publishes > 0 && bench->subscriber_count > 0 && budget > 0) {
        busy = hm_is_busy(hm_node_of(self), bench->subscribers[0].node);
        if (busy)
            break;
        hm_send_many(self, bench->subscribers, bench->subscriber_count, bench->message);
        budget -= bench->subscriber_count < budget ? bench->subscriber_count : budget;
        bench->publishes--;
    }
    if (bench->publishes > 0)
        go_on(self, bench, busy);
}

static void flood_some(hm_process *self, struct bench *bench) {
    hm_address to = hm_to_name("bench", bench->target);
    bool busy = false;
    for (size_t i = 0; bench->casts > 0 && i < STEP_DELIVERIES; i++, bench->casts--) {
        if (i % LOOK_EVERY == 0 && (busy = hm_is_busy(hm_node_of(self), bench->target)))
            break;
        hm_cast(self, to, bench->message);
    }
    if (bench->casts > 0) {
        go_on(self, bench, busy);
        return;
    }
    static const unsigned char count[] = {119, 5, 'c', 'o', 'u', 'n', 't'};
    int error = hm_call(self, to, (hm_term){count, sizeof count}, CALL_MS, flooded, bench);
    if (error)
        flooded(self, bench, error, (hm_term){NULL, 0});
}

static enum hm_verdict start_flood(hm_process *self, struct bench *bench, struct hm_text node, int64_t casts,
                                   hm_term message, const hm_from *from) {
    char name[HM_ATOM_BYTES];
    if (bench->from || bench->stepping || node.size >= sizeof name || keep_message(bench, message) != 0)
        return hm_reply(self, from, "{error, busy}");
    memcpy(name, node.at, node.size);
    name[node.size] = '\0';
    bench->target = hm_node_find(hm_node_of(self), name);
    bench->from = bench->target ? hm_from_keep(from) : NULL;
    if (!bench->from)
        return hm_reply(self, from, "{error, no_node}");
    bench->casts = (uint64_t)casts;
    clock_gettime(CLOCK_MONOTONIC, &bench->began);
    flood_some(self, bench);
    return HM_CONTINUE;
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct bench *bench = hm_data(self);
    hm_term term;
    hm_pid pid;
    struct hm_text node;
    int64_t number;
    if (hm_is_atom(request, "ping"))
        return hm_reply(self, from, "pong");
    if (hm_is_atom(request, "count"))
        return hm_reply(self, from, "~u", bench->count);
    if (hm_is_atom(request, "reset")) {
        reset(self, bench);
        return hm_reply(self, from, "ok");
    }
    if (hm_match(request, "{subscribe, ~t}", &term) && hm_get_pid(hm_node_of(self), term, &pid))
        return hm_reply(self, from, subscribe(bench, pid) == 0 ? "ok" : "error");
    if (hm_match(request, "{publish, ~i, ~t}", &number, &term) && number > 0) {
        if (bench->stepping || keep_message(bench, term) != 0)
            return hm_reply(self, from, "{error, busy}");
        bench->publishes = (uint64_t)number;
        go_on(self, bench, false);
        return hm_reply(self, from, "ok");
    }
    if (hm_match(request, "{spawn, ~i}", &number) && number > 0)
        return hm_reply(self, from, spawn_idle(self, bench, (size_t)number) == 0 ? "ok" : "error");
    if (hm_match(request, "{flood, ~a, ~i, ~t}", &node, &number, &term) && number > 0)
        return start_flood(self, bench, node, number, term, from);
    return HM_UNKNOWN;
}

static enum hm_verdict on_cast(hm_process *self, hm_term message) {
    struct bench *bench = hm_data(self);
    (void)message;
    bench->count++;
    return HM_CONTINUE;
}

static enum hm_verdict on_info(hm_process *self, hm_term message) {
    struct bench *bench = hm_data(self);
    if (!hm_is_atom(message, "step"))
        return HM_UNKNOWN;
    bench->stepping = false;
    if (bench->publishes > 0)
        publish_some(self, bench);
    if (bench->casts > 0)
        flood_some(self, bench);
    return HM_CONTINUE;
}

static void terminate(hm_process *self, hm_term reason) {
    (void)reason;
    struct bench *bench = hm_data(self);
    hm_from_free(bench->from);
    free((void *)bench->message.bytes);
    free(bench->subscribers);
    free(bench->idle);
    free(bench);
}

static const struct hm_server_class bench_class = {
    .module = "bench_server",
    .init = init,
    .call = on_call,
    .cast = on_cast,
    .info = on_info,
    .terminate = terminate,
};

int hermod_load(hm_node *node, const char *argument);
int hermod_load(hm_node *node, const char *argument) {
    struct hm_start start = {.name = "bench"};
    (void)argument;
    return hm_server_start(node, &bench_class, &start, NULL, NULL);
}
