/*
 * Functions of this node that other nodes can call: by :rpc, :erpc, spawn and Node.spawn of M, F, Args, Task.Supervisor (hm_task_supervisor_start).
 *
 *     static enum hm_outcome add(struct hm_function_call *call) {
 *         int64_t a, b;
 *         if (!hm_get_int64(call->arguments[0], &a) || !hm_get_int64(call->arguments[1], &b))
 *             return hm_raise(call, "badarg");
 *         hm_put_int64(call->result, a + b);
 *         return HM_VALUE;
 *     }
 *
 *     static const struct hm_function FUNCTIONS[] = {{.module = "Elixir.Native", .function = "add", .arity = 2, .handler = add}};
 *     hm_export(node, FUNCTIONS, 1);
 *
 *     iex> :rpc.call(:"hermod@host", Native, :add, [1, 2])
 *     3
 *
 * Each call runs in a process of its own. What is not exported is undef. Node thread only, except for handlers on the pool.
 *
 * What callers see follows lib/kernel/src/erpc.erl and rpc.erl of OTP, and lib/elixir/lib/task/supervisor.ex of Elixir.
 */
#ifndef HERMOD_FUNCTION_H
#define HERMOD_FUNCTION_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HM_FUNCTION_ARGUMENTS = 16 }; /* the most that a function can have */

enum hm_outcome {
    HM_VALUE, /* result: what the function returns; nothing written: the atom ok */
    HM_ERROR, /* result: the reason, as of erlang:error/1; where it happened is added */
    HM_EXIT,  /* result: the reason, as of exit/1 */
    HM_THROW, /* result: what is thrown */
    HM_LATER, /* from a handler that called hm_function_later */
};

struct hm_function_call {
    hm_process *self; /* the process that runs this call: sends, monitors, hm_call, hm_work are its own. NULL on the pool */
    hm_pid caller;    /* who asked. HM_NO_PID when nobody says */
    unsigned arity;
    const hm_term *arguments; /* borrowed until the handler returns */
    hm_build *result;         /* write at most one term */
    void *argument;           /* of struct hm_function */
    void *reserved;
};

typedef enum hm_outcome hm_function_handler(struct hm_function_call *call);

struct hm_function {
    const char *module, *function; /* atoms; a module of Elixir is "Elixir.Name" */
    unsigned arity;
    hm_function_handler *handler;
    void *argument; /* for the handler; lives as long as the node */
    /* The handler takes long: it runs on a worker thread, may use term.h and no more of Hermod, and the node goes on. Not HM_LATER then. */
    bool on_pool;
};

/* Exports all of them or none. Keeps copies. HM_ETAKEN (there is a function of this name and arity), HM_ENAME (no atoms), HM_EINVAL (no handler,
 * too many arguments), HM_ENOMEM. */
HM_API int hm_export(hm_node *node, const struct hm_function *functions, size_t count);

/* Puts the reason (an atom) into result: `return hm_raise(call, "badarg");`. Any thread. */
HM_API enum hm_outcome hm_raise(struct hm_function_call *call, const char *reason);

/* ---- answering later ---- */

/* A call whose answer comes later, from hm_function_later until hm_finish. */
typedef struct hm_pending hm_pending;

/* The process of the call ended before hm_finish (the caller's node killed it, or this node stops). */
typedef void hm_pending_ended(hm_pending *pending, void *arg);

/* Keep what this gives, return HM_LATER, and call hm_finish exactly once for it: from any handler, timer or event on the node's thread, or in
 * `ended` (may be NULL) or after it, when it only frees. NULL without memory (or when the caller cannot wait): return HM_ERROR, the reason is
 * in result. A caller that gave up meanwhile does not end the process. */
HM_API hm_pending *hm_function_later(struct hm_function_call *call, hm_pending_ended *ended, void *arg);
/* What the process of the call gets while it waits: messages, 'DOWN's of its monitors, timers (hm_send_after with call->self). true: it was for this
 * call; else nobody sees it. It may call hm_finish. */
typedef bool hm_pending_message(hm_pending *pending, void *arg, hm_term message);
/* From now on such messages go to this function; NULL: to nobody, as before. */
HM_API void hm_on_message(hm_pending *pending, hm_pending_message *message);
/* Takes pending, copies the term (size 0: the atom ok). outcome: all but HM_LATER. */
HM_API void hm_finish(hm_pending *pending, enum hm_outcome outcome, hm_term result);
/* The same with a pattern as for hm_put_format. */
HM_API void hm_finishf(hm_pending *pending, enum hm_outcome outcome, const char *pattern, ...);

/* ---- who may call what ---- */

/*
 * Rules about calls from other nodes, by node and module: "MODULE", or "NODE:MODULE", with * for anything and ? for any character: "Elixir.Native",
 * "*@trusted:*". A module that begins with a capital letter is one of Elixir's: "Native" is "Elixir.Native".
 *
 * Without rules everything exported can be called. A call that a deny rule matches is refused, whatever else there is; when there are allow
 * rules, so is one that none of them matches. A refused call is undef, as if the module did not exist, and logged as rpc.denied. The rules
 * are about functions, the built-in ones included, and not about registered servers. Closures count as functions of the module that
 * they were written in (erl_eval when typed into a shell).
 *
 * Keeps a copy. HM_EINVAL (a part is empty), HM_ENOMEM.
 */
HM_API int hm_rpc_allow(hm_node *node, const char *rule);
HM_API int hm_rpc_deny(hm_node *node, const char *rule);
/* May this node call functions of this module? For servers that ask the same rules. Does not log. */
HM_API bool hm_rpc_is_allowed(const hm_node *node, const hm_node_name *caller, const char *module);

/* ---- tasks ------------------------------------------------------------------------------------------------- */

/*
 * A server under this name (an atom: one of Elixir's is "Elixir.MyApp.Tasks") that other nodes use as a Task.Supervisor:
 *
 *     iex> Task.Supervisor.async({MyApp.Tasks, :"hermod@host"}, Native, :add, [1, 2]) |> Task.await()
 *
 * async, async_nolink and async_stream with M, F, Args, start_child, children, terminate_child. The functions are those that are exported.
 * start_child with restart: :transient or :permanent is answered {error, notsup}. max_children 0: as many as max_processes lets; one more is
 * answered {error, max_children}. Started again when it ends. HM_ETAKEN, HM_ENAME, HM_EINVAL, HM_ENOMEM.
 */
HM_API int hm_task_supervisor_start(hm_node *node, const char *name, uint32_t max_children);

#ifdef __cplusplus
}
#endif
#endif
