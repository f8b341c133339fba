/*
 * Calling functions on other nodes, and starting processes there.
 *
 *     static enum hm_verdict on_uptime(hm_process *self, void *arg, const struct hm_rpc_result *result) {
 *         if (result->error == HM_OK)
 *             ... result->value ...
 *         return HM_CONTINUE;
 *     }
 *
 *     struct hm_rpc call = HM_RPC(peer, "erlang", "statistics", hm_build_term(arguments), 5000);
 *     hm_rpc_call(self, &call, on_uptime, NULL);
 *
 * Everything answers later, as a message of the process that asked, and connects by itself. Node thread only. What goes over the wire is that
 * of lib/kernel/src/erpc.erl, and of rpc.erl for peers that cannot spawn.
 */
#ifndef HERMOD_RPC_H
#define HERMOD_RPC_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What to call. The strings and the term are borrowed until the function returns. */
struct hm_rpc {
    const hm_node_name *node; /* NULL: this node */
    const char *module, *function;
    hm_term arguments;  /* a proper list of at most 255 */
    int64_t timeout_ms; /* negative: infinity */
    hm_pid leader;      /* group leader of the process that runs it: gets what it prints. HM_NO_PID: that of the caller */
};

#define HM_RPC(node_, module_, function_, arguments_, timeout_ms_) \
    {.node = (node_), .module = (module_), .function = (function_), .arguments = (arguments_), .timeout_ms = (timeout_ms_)}

enum hm_rpc_kind {
    HM_RPC_RETURN,  /* value: what the function returned */
    HM_RPC_THROW,   /* value: what it threw */
    HM_RPC_EXIT,    /* value: the reason of exit/1 */
    HM_RPC_ERROR,   /* value: the reason of error/1; stack: where */
    HM_RPC_SIGNAL,  /* value: the exit reason with which somebody ended the process that ran it */
    HM_RPC_REFUSED, /* value: why the peer would not run it, as system_limit */
};

struct hm_rpc_result {
    int error;             /* HM_OK: it returned. HM_EEXIT: see kind. HM_ENOCONNECTION, HM_ETIMEOUT (it may still run there), HM_ENOMEM */
    enum hm_rpc_kind kind; /* when error is HM_OK or HM_EEXIT */
    hm_term value, stack;  /* size 0 when there is none. Borrowed until the callback returns */
};

/* Called exactly once, except when this process ends first. */
typedef enum hm_verdict hm_rpc_done(hm_process *self, void *arg, const struct hm_rpc_result *result);

/* erpc:call/5. A peer without the distribution flag SPAWN is asked through its rex, as rpc did before OTP 23; there a throw is a value.
 * HM_EINVAL (arguments are no list, or too many; a name that is no atom), HM_ENOMEM, HM_ELIMIT (too much waits for a connection that is
 * being made, or max_processes on this node), HM_ENOCONNECTION (this node stops): done is not called then. */
HM_API int hm_rpc_call(hm_process *self, const struct hm_rpc *call, hm_rpc_done *done, void *arg);
/* erpc:cast/4: nobody hears of the outcome. timeout_ms is not used. */
HM_API int hm_rpc_cast(hm_process *self, const struct hm_rpc *call);

struct hm_spawn {
    const hm_node_name *node; /* NULL: this node */
    const char *module, *function;
    hm_term arguments; /* a proper list of at most 255. For a fun: erlang, apply, [Fun, Arguments] */
    bool link;         /* with the caller, from its first moment */
    bool monitor;      /* a 'DOWN' message tells its end */
    hm_pid leader;     /* group leader; HM_NO_PID: that of the caller */
};

/* error 0: it runs, and this is its pid. HM_ENOCONNECTION, HM_EFLAGS (the peer cannot spawn), HM_EEXIT (it refused); reason is then an
 * atom that says why (noconnection, notsup, system_limit ...), else of size 0; borrowed. */
typedef enum hm_verdict hm_spawn_done(hm_process *self, void *arg, int error, hm_pid pid, hm_term reason);

/* spawn_request/5. done may be NULL; it is called exactly once, before any 'DOWN' or 'EXIT' of the new process, except when this process
 * ends first. *ref (may be NULL): the reference of the monitor. Errors as hm_rpc_call. */
HM_API int hm_spawn(hm_process *self, const struct hm_spawn *spawn, hm_spawn_done *done, void *arg, hm_ref *ref);

#ifdef __cplusplus
}
#endif
#endif
