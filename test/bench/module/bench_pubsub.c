/*
 * Subscribers of the service pubsub, for the measurements: `hermod start --load bench_pubsub.so`. bench_pubsub.erl is the
 * same on a BEAM, with a Registry; keep the two alike. Registered as bench_pubsub.
 *
 *     call {subscribers, N}     {ok, Microseconds}: N more processes are subscribed to <<"bench">>
 *     call {topics, N}          {ok, Microseconds}: one more process is subscribed to N topics <<"bench:I">>
 *     call {expect, N}          ok; from now on N messages are waited for
 *     call wait                 when all of them were heard: the time of the last one, CLOCK_MONOTONIC in ns
 *     call {publish, Message, N}  the time before <<"bench">> was published N times, one behind the other
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hermod/pubsub.h>

enum {
    CALL_MS = 120000,
    STEP = 10000, /* subscriptions that wait in the mailbox of the service at one time */
};

struct bench {
    uint64_t expected, last_ns, began_ns;
    uint64_t topics, topics_wanted;
    hm_pid reader;
    hm_from *waiting, *subscribing;
    hm_process *self;
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void answer_wait(struct bench *bench) {
    if (bench->expected || !bench->waiting)
        return;
    hm_reply(bench->self, bench->waiting, "~u", bench->last_ns);
    hm_from_free(bench->waiting);
    bench->waiting = NULL;
}

static enum hm_verdict on_heard(hm_process *self, void *arg, hm_term topic, hm_term message) {
    struct bench *bench = arg;
    (void)self;
    (void)topic;
    (void)message;
    if (bench->expected && --bench->expected == 0) {
        bench->last_ns = now_ns();
        answer_wait(bench);
    }
    return HM_CONTINUE;
}

static int init_subscriber(hm_process *self, void *argument) {
    hm_build *topic = hm_build_new();
    int error = HM_ENOMEM;
    if (topic) {
        hm_put_text(topic, "bench");
        struct hm_pubsub_subscription subscription = {.topic = hm_build_term(topic), .heard = on_heard, .arg = argument};
        error = hm_pubsub_subscribe(self, &subscription);
    }
    hm_build_free(topic);
    return error;
}

static const struct hm_server_class subscriber_class = {.module = "bench_subscriber", .init = init_subscriber};
static const struct hm_server_class reader_class = {.module = "bench_reader"};

/* The service has taken everything that was sent before. */
static enum hm_verdict on_taken(hm_process *self, void *arg, int error, hm_term reply) {
    struct bench *bench = arg;
    (void)reply;
    hm_from *from = bench->subscribing;
    bench->subscribing = NULL;
    if (error)
        hm_reply(self, from, "{error, ~i}", (int64_t)error);
    else
        hm_reply(self, from, "{ok, ~u}", (now_ns() - bench->began_ns) / 1000);
    hm_from_free(from);
    return HM_CONTINUE;
}

static enum hm_verdict ask_service(hm_process *self, struct bench *bench, hm_call_done *done) {
    hm_build *request = hm_build_new();
    if (request)
        hm_put_format(request, "{subscriber_count, \"bench\"}");
    if (!request || hm_call(self, hm_to_name("pubsub", NULL), hm_build_term(request), CALL_MS, done, bench))
        on_taken(self, bench, HM_ENOMEM, (hm_term){0});
    hm_build_free(request);
    return HM_CONTINUE;
}

static enum hm_verdict subscribe_many(hm_process *self, struct bench *bench, uint64_t count, const hm_from *from) {
    bench->began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        int error = hm_server_start(hm_node_of(self), &subscriber_class, NULL, bench, NULL);
        if (error)
            return hm_reply(self, from, "{error, ~i}", (int64_t)error);
    }
    bench->subscribing = hm_from_keep(from);
    return ask_service(self, bench, on_taken);
}

/* As a process of another node would: the service alone is measured. */
static enum hm_verdict next_topics(hm_process *self, void *arg, int error, hm_term reply) {
    struct bench *bench = arg;
    char name[32];
    if (error || bench->topics == bench->topics_wanted)
        return on_taken(self, bench, error, reply);
    for (int i = 0; i < STEP && bench->topics < bench->topics_wanted; i++, bench->topics++) {
        snprintf(name, sizeof name, "bench:%llu", (unsigned long long)bench->topics);
        hm_castf(self, hm_to_name("pubsub", NULL), "{subscribe, ~s, ~p}", name, bench->reader);
    }
    return ask_service(self, bench, next_topics);
}

static enum hm_verdict subscribe_to_many(hm_process *self, struct bench *bench, uint64_t count, const hm_from *from) {
    int error = hm_server_start(hm_node_of(self), &reader_class, NULL, NULL, &bench->reader);
    bench->began_ns = now_ns();
    bench->topics = 0;
    bench->topics_wanted = count;
    bench->subscribing = hm_from_keep(from);
    return next_topics(self, bench, error, (hm_term){0});
}

static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
    struct bench *bench = hm_data(self);
    uint64_t count;
    hm_term message;
    if (hm_match(request, "{subscribers, ~u}", &count))
        return subscribe_many(self, bench, count, from);
    if (hm_match(request, "{topics, ~u}", &count))
        return subscribe_to_many(self, bench, count, from);
    if (hm_match(request, "{expect, ~u}", &count)) {
        bench->expected = count;
        return hm_reply(self, from, "ok");
    }
    if (hm_is_atom(request, "wait")) {
        bench->waiting = hm_from_keep(from);
        answer_wait(bench);
        return HM_CONTINUE;
    }
    if (hm_match(request, "{publish, ~t, ~u}", &message, &count)) {
        hm_build *topic = hm_build_new();
        uint64_t began = now_ns();
        hm_put_text(topic, "bench");
        while (count-- > 0)
            hm_pubsub_publish(self, hm_build_term(topic), message);
        hm_build_free(topic);
        return hm_reply(self, from, "~u", began);
    }
    return HM_UNKNOWN;
}

static int init(hm_process *self, void *argument) {
    struct bench *bench = argument;
    bench->self = self;
    hm_set_data(self, bench);
    return HM_OK;
}

static const struct hm_server_class bench_class = {.module = "bench_pubsub", .init = init, .call = on_call};

int hermod_load(hm_node *node, const char *argument) {
    static struct bench bench;
    (void)argument;
    return hm_server_start(node, &bench_class, &(struct hm_start){.name = "bench_pubsub"}, &bench, NULL);
}
