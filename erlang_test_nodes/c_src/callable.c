/*
 * Functions in C that other nodes call: the module `callable'. The same are in src/callable.erl; keep the two alike.
 */
#include "callable.h"

#include <stdio.h>

#include <hermod/function.h>

static enum hm_outcome echo(struct hm_function_call *call) {
    hm_put_term(call->result, call->arguments[0]);
    return HM_VALUE;
}

static enum hm_outcome eight(struct hm_function_call *call) {
    hm_put_tuple(call->result, call->arity);
    for (unsigned i = 0; i < call->arity; i++)
        hm_put_term(call->result, call->arguments[i]);
    return HM_VALUE;
}

static enum hm_outcome raise(struct hm_function_call *call) {
    hm_put_term(call->result, call->arguments[1]);
    if (hm_is_atom(call->arguments[0], "throw"))
        return HM_THROW;
    return hm_is_atom(call->arguments[0], "exit") ? HM_EXIT : HM_ERROR;
}

/* sleep: the subject keeps the answer meanwhile; this shows a function that calls a server. */
static enum hm_verdict slept(hm_process *self, void *arg, int error, hm_term reply) {
    (void)self;
    if (error)
        hm_finishf(arg, HM_ERROR, "{hermod, ~i}", (int64_t)error);
    else
        hm_finish(arg, HM_VALUE, reply);
    return HM_CONTINUE;
}

static void give_up(hm_pending *pending, void *arg) {
    (void)arg;
    hm_finish(pending, HM_ERROR, (hm_term){0});
}

static enum hm_outcome sleep_for(struct hm_function_call *call) {
    int64_t ms;
    if (!hm_get_int64(call->arguments[0], &ms) || ms < 0)
        return hm_raise(call, "badarg");
    hm_pending *pending = hm_function_later(call, give_up, NULL);
    hm_build *request = hm_build_new();
    int error = HM_ENOMEM;
    if (!pending || !request)
        goto done;
    hm_put_format(request, "{delayed, ~i, ~t}", ms, call->arguments[1]);
    error = hm_call(call->self, hm_to_name("subject", NULL), hm_build_term(request), -1, slept, pending);
done:
    hm_build_free(request);
    return error ? hm_raise(call, "system_limit") : HM_LATER;
}

static enum hm_outcome sum(struct hm_function_call *call) { /* on the pool */
    uint64_t n;
    volatile uint64_t total = 0;
    if (!hm_get_uint64(call->arguments[0], &n))
        return hm_raise(call, "badarg");
    for (uint64_t i = 1; i <= n; i++)
        total += i;
    hm_put_uint64(call->result, total);
    return HM_VALUE;
}

static enum hm_outcome me(struct hm_function_call *call) {
    hm_put_pid(call->result, hm_self(call->self));
    return HM_VALUE;
}

static enum hm_outcome leader(struct hm_function_call *call) {
    hm_put_pid(call->result, hm_group_leader(call->self));
    return HM_VALUE;
}

static enum hm_outcome wait(struct hm_function_call *call) {
    hm_pid pid;
    if (!hm_get_pid(hm_node_of(call->self), call->arguments[0], &pid))
        return hm_raise(call, "badarg");
    if (!hm_function_later(call, give_up, NULL))
        return HM_ERROR;
    hm_sendf(call->self, hm_to_pid(pid), "{waiting, ~p}", hm_self(call->self));
    return HM_LATER;
}

/* The article's Foo.bar("Buzz"); only here, for trace_test.exs. */
static enum hm_outcome bar(struct hm_function_call *call) {
    const void *name;
    size_t size;
    char text[200];
    if (!hm_get_binary(call->arguments[0], &name, &size) || size > 100)
        return hm_raise(call, "badarg");
    snprintf(text, sizeof text, "Hello, my name is Fizz%.*s", (int)size, (const char *)name);
    hm_put_text(call->result, text);
    return HM_VALUE;
}

int callable_export(hm_node *node) {
    static const struct hm_function FUNCTIONS[] = {
        {.module = "callable", .function = "echo", .arity = 1, .handler = echo},
        {.module = "callable", .function = "eight", .arity = 8, .handler = eight},
        {.module = "callable", .function = "raise", .arity = 2, .handler = raise},
        {.module = "callable", .function = "sleep", .arity = 2, .handler = sleep_for},
        {.module = "callable", .function = "sum", .arity = 1, .handler = sum, .on_pool = true},
        {.module = "callable", .function = "me", .arity = 0, .handler = me},
        {.module = "callable", .function = "leader", .arity = 0, .handler = leader},
        {.module = "callable", .function = "wait", .arity = 1, .handler = wait},
        {.module = "Elixir.Foo", .function = "bar", .arity = 1, .handler = bar},
    };
    return hm_export(node, FUNCTIONS, sizeof FUNCTIONS / sizeof *FUNCTIONS);
}
