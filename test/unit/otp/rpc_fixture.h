/* Calls of functions as rpc:call makes them, in a process of their own, watched by the probe. */
#ifndef TEST_UNIT_OTP_RPC_FIXTURE_H
#define TEST_UNIT_OTP_RPC_FIXTURE_H

#include "otp_fixture.h"

#include "otp/erpc.h"
#include "otp/mfa.h"

/* Spawns M:F(Args...), args in Erlang syntax with the directives of hm_put_format. call: as rpc:call does, so that the reason of the
 * end is {r, return | throw | ..., Value}; else a plain spawn. */
static inline hm_pid rpc_spawn(struct fixture *fixture, bool call, const char *module, const char *function,
                               const char *args, ...) {
    hm_build *names = hm_build_new(), *arguments = hm_build_new(), *wrapped = hm_build_new();
    hm_term parts[2];
    long arity;
    hm_pid pid;
    const char *refusal = NULL;
    va_list list;
    va_start(list, args);
    hm_put_vformat(arguments, args, list);
    va_end(list);
    hm_put_format(names, "{~a, ~a}", module, function);
    assert_true(hm_tuple_elements(hm_build_term(names), 2, parts));
    assert_true((arity = hm_list_length(hm_build_term(arguments))) >= 0);
    hm_put_format(wrapped, "[r, ~t, ~t, ~t]", parts[0], parts[1], hm_build_term(arguments));
    struct spawn_request request = {.from = fixture->probe.process->pid,
                                    .leader = fixture->probe.process->pid,
                                    .module = call ? ATOM_TERM("erpc") : parts[0],
                                    .function = call ? ATOM_TERM("execute_call") : parts[1],
                                    .arity = call ? 4 : (uint32_t)arity,
                                    .arguments = hm_build_term(call ? wrapped : arguments)};
    assert_int_equal(erpc_on_spawn(fixture->node, &request, &pid, &refusal), HM_OK);
    assert_int_equal(hm_monitor(fixture->probe.process, hm_to_pid(pid), NULL), HM_OK);
    hm_build_free(names);
    hm_build_free(arguments);
    hm_build_free(wrapped);
    return pid;
}

/* The outcome of one that was spawned as a call, the last message of the probe: borrowed until the probe is cleared. */
static inline hm_term rpc_outcome(struct fixture *fixture, const char *kind) {
    hm_term reason, parts[3];
    fixture_run(fixture);
    assert_true(fixture->probe.count > 0);
    assert_true(hm_match(fixture->probe.terms[fixture->probe.count - 1], "{'DOWN', _, process, _, ~t}", &reason));
    if (hm_tuple_arity(reason) == 4 && strcmp(kind, "error") == 0) {
        hm_term four[4];
        assert_true(hm_tuple_elements(reason, 4, four));
        assert_true(hm_is_atom(four[1], "error"));
        return four[2];
    }
    if (!hm_tuple_elements(reason, 3, parts) || !hm_is_atom(parts[1], kind))
        fail_msg("%s is no %s", fixture->probe.texts[fixture->probe.count - 1], kind);
    return parts[2];
}

/* rpc_call(fixture, kind, expected, m, f, args...): the whole call, its outcome as text. */
#define rpc_expect(fixture, kind, expected, ...)                \
    do {                                                        \
        rpc_spawn(fixture, true, __VA_ARGS__);                  \
        char *text_ = print_term(rpc_outcome(fixture, kind));   \
        assert_string_equal(text_, expected);                   \
        free(text_);                                            \
        probe_clear(&(fixture)->probe);                         \
    } while (0)

/* The value of [{Key, Value}]. */
static inline hm_term rpc_property(hm_term list, const char *key) {
    struct hm_list reader;
    hm_term element, pair[2];
    assert_true(hm_list_begin(list, &reader));
    while (hm_list_next(&reader, &element))
        if (hm_tuple_elements(element, 2, pair) && hm_is_atom(pair[0], key))
            return pair[1];
    fail_msg("there is no %s", key);
    return (hm_term){0};
}

#endif
