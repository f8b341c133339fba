/* layer: services
 * What `tracer' is asked, and events of other nodes: a request is refused or starts a trace that shows in the list and can be stopped; an
 * event that can be read is written as the same one, and printed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <hermod/trace.h>

#include "services/tracer_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static hm_node *node;
static hm_process *owner;

static int keep_self(hm_process *self, void *argument) {
    (void)argument;
    owner = self;
    return 0;
}

static const struct hm_server_class owner_class = {.module = "owner", .init = keep_self};

static void start(void) {
    struct hm_options options = HM_OPTIONS_INIT;
    struct event_base *base = event_base_new();
    options.name = "n@host";
    options.cookie = "c";
    if (!base || hm_node_new(base, &options, &node, NULL, 0) || hm_server_start(node, &owner_class, NULL, NULL, NULL))
        abort();
}

static void count(void *arg, const struct hm_trace_info *info) {
    assert(info->target[0] && info->limit > 0 && info->limit <= 10000 && info->rate > 0 && info->rate <= 1000);
    ++*(unsigned *)arg;
}

static void try_request(hm_term term) {
    struct tracer_request request;
    char why[256] = "";
    unsigned running = 0;
    uint64_t id;
    int error = tracer_request_read(term, &request, why, sizeof why);
    assert((error == HM_EINVAL) == (why[0] != '\0'));
    if (error || request.what != TRACER_TRACE)
        return;
    assert(request.limit > 0);
    struct hm_trace trace = {.target = request.target, .limit = request.limit, .rate = request.rate, .returns = request.returns,
                             .record = request.record, .local = request.local, .messages = request.messages};
    error = hm_trace_start(owner, &trace, &id, why, sizeof why);
    hm_trace_each(node, count, &running);
    assert(running == (error ? 0 : 1) && (why[0] != '\0') == (error != 0));
    if (!error)
        assert(hm_trace_stop(node, id) == 0);
    event_base_loop(hm_node_base(node), EVLOOP_NONBLOCK);
}

static void try_event(hm_term term) {
    struct hm_trace_event event, again;
    char *text;
    if (hm_trace_read(term, &event) != 0)
        return;
    for (int syntax = HM_SYNTAX_ERLANG; syntax <= HM_SYNTAX_JSON; syntax++)
        if (hm_trace_print(&event, (enum hm_syntax)syntax, 100, &text) == 0) {
            assert(!strpbrk(text, "\n\x1b"));
            free(text);
        }
    hm_build *build = hm_build_new();
    hm_trace_put(build, &event, event.time_us != 0);
    assert(hm_build_error(build) == 0 && hm_trace_read(hm_build_term(build), &again) == 0);
    assert(again.type == event.type && again.time_us == event.time_us && hm_term_equal(again.who, event.who));
    assert(again.what.size == event.what.size && again.value.size == event.value.size);
    hm_build_reset(build);
    hm_trace_put_map(build, &event);
    assert(hm_build_error(build) == 0 && hm_map_size(hm_build_term(build)) >= 4);
    hm_build_free(build);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hm_term term;
    struct hm_check_limits shallow = {.depth = 256};
    if (hm_term_check(data, size, true, &shallow, &term) != 0)
        return 0;
    if (!node)
        start();
    try_request(term);
    try_event(term);
    return 0;
}
