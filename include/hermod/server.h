/*
 * Processes and generic servers in C.
 *
 * A process is a struct and handlers that run to completion on the node's thread, one message at a time: no locks, no
 * reentrance. Messages, timers, exits, answers to calls and news of nodes all enter through its mailbox, in order. A handler must not
 * block; long work goes to hm_work.
 *
 * A server here is what gen_server is on the BEAM: clients call, cast, stop, monitor and inspect it (sys) with the
 * functions that they use for any other server.
 *
 *     static enum hm_verdict on_call(hm_process *self, hm_term request, const hm_from *from) {
 *         struct counter *counter = hm_data(self);
 *         if (hm_is_atom(request, "next"))
 *             return hm_reply(self, from, "{ok, ~i}", counter->value++);
 *         return HM_UNKNOWN;
 *     }
 *
 * Node thread only, except where noted. The wire behaviour follows lib/stdlib/src/gen_server.erl, gen.erl and sys.erl of OTP.
 */
#ifndef HERMOD_SERVER_H
#define HERMOD_SERVER_H

#include <hermod/hermod.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A process of this node as its own handlers see it. Valid inside its handlers and until its terminate returned; others hold its pid. */
typedef struct hm_process hm_process;

/* Who waits for the answer to a call. Borrowed until the handler returns; hm_from_keep makes a copy for later. */
typedef struct hm_from hm_from;

enum hm_verdict {
    HM_CONTINUE, /* go on with the next message */
    HM_STOP,     /* end this process; return what hm_stop gives */
    HM_UNKNOWN,  /* not for me. A call is answered {error, unknown_call}; all are logged as server.unknown */
};

/* What a server does. Slots may be NULL: init then succeeds, call, cast, info and timeout are HM_UNKNOWN. */
struct hm_server_class {
    const char *module; /* what sys:get_status and logs call it: "message_server"; required, lends for ever */
    /* argument as given to hm_server_start. Usually stores a state with hm_set_data. 0, or an error: the start fails. */
    int (*init)(hm_process *self, void *argument);
    enum hm_verdict (*call)(hm_process *self, hm_term request, const hm_from *from);
    enum hm_verdict (*cast)(hm_process *self, hm_term message);
    /* Everything else: plain messages, {'DOWN', Ref, process, Pid, Reason}, {'EXIT', Pid, Reason} when exits are trapped, {nodeup, Node} ... */
    enum hm_verdict (*info)(hm_process *self, hm_term message);
    enum hm_verdict (*next)(hm_process *self);    /* after hm_continue, before any other message */
    enum hm_verdict (*timeout)(hm_process *self); /* hm_set_timeout passed without a message */
    /* Last words, with whatever reason. Frees the state: called exactly once after init succeeded, except after kill it is called too
     * (reason killed): memory must not leak, but a killed process should do nothing else. */
    void (*terminate)(hm_process *self, hm_term reason);
    /* The state for sys:get_state and get_status: write exactly one term. NULL: the atom undefined. */
    void (*state)(hm_process *self, hm_build *state);
};

struct hm_start {
    const char *name;   /* registered name, NULL: none */
    hm_pid link;        /* linked to this process before init */
    hm_pid leader;      /* group leader; HM_NO_PID: the node's own */
    bool trap_exit;
    /* Started again whenever it ends, whatever the reason, until the node stops: a permanent child of a supervisor. init is called each
     * time with the same argument, which must live as long as the node. Not together with link. After five restarts in ten seconds there
     * is a pause of a second before each. The pid changes: reach it by name. */
    bool restart;
};

/* Starts a server: registers the name, then calls init (on this stack). Borrows the class for ever, keeps a copy of the name; start and pid
 * may be NULL. HM_ETAKEN, HM_ENAME, HM_ELIMIT (max_processes), HM_ENOMEM, or what init gave. */
HM_API int hm_server_start(hm_node *node, const struct hm_server_class *server_class, const struct hm_start *start,
                           void *argument, hm_pid *pid);

/* ---- a process about itself -------------------------------------------------------------------------------- */

/* Its pid, which others may keep when the process is gone. */
HM_API hm_pid hm_self(const hm_process *self);
/* The node it runs on: what functions of other headers ask for. Lends until hm_node_free. */
HM_API hm_node *hm_node_of(const hm_process *self);
/* Its state: what hm_set_data was given, NULL before. */
HM_API void *hm_data(const hm_process *self);
HM_API void hm_set_data(hm_process *self, void *data); /* borrows; terminate frees it */
/* To whom it prints (io.h): hm_start.leader, or the node's own. */
HM_API hm_pid hm_group_leader(const hm_process *self);
/* The node that sent the message which is being handled, or had it sent by a process that it started here; NULL: this node. What a pid inside the
 * message says about that may be made up. */
HM_API const hm_node_name *hm_origin(const hm_process *self);
/* process_flag(trap_exit, ...): with true, exits of linked processes and exit/2 come to info as {'EXIT', Pid, Reason} instead of ending this one;
 * kill ends it all the same. */
HM_API void hm_trap_exit(hm_process *self, bool trap);
/* Gives this process a name, in UTF-8, of at most 255 characters. Keeps a copy. HM_ETAKEN, HM_ENAME, HM_ESTATE (it has a name already), HM_ENOMEM. */
HM_API int hm_register(hm_process *self, const char *name);
/* HM_ENOENT: it has none. */
HM_API int hm_unregister(hm_process *self);
/* Ends this process when the handler returns: `return hm_stop(self, "normal");`. The reason is a pattern as for hm_put_format; without memory for it
 * the atom system_limit. Not in init, which returns an error instead. */
HM_API enum hm_verdict hm_stop(hm_process *self, const char *reason, ...);
/* The class's next runs as soon as this handler returned, before any message. Only in servers, not in the process of a function. */
HM_API void hm_continue(hm_process *self);
/* The class's timeout runs when no message came for this long (ms); every message cancels it. Negative: cancels it. Only in servers. */
HM_API void hm_set_timeout(hm_process *self, int64_t ms);
/* A line of the node's log: an id of words with dots, "shop.order", whose first word can have a level of its own (log.h), and a text as of printf.
 * Borrows both. Control characters, which a peer may have sent, are written as \xNN; what is over 1000 bytes is cut off. */
HM_API void hm_log(const hm_process *self, enum hm_log_level level, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- answering calls --------------------------------------------------------------------------------------- */

/* Answers a call, now or later, once; always HM_CONTINUE so that a handler can return it. The pattern is one of hm_put_format. A caller that gave
 * up never sees the answer. An answer that cannot be sent (no memory, a pattern whose values make no term) is logged as server.reply. `from` is
 * borrowed, may not be NULL, and may belong to another server of this node. */
HM_API enum hm_verdict hm_reply(hm_process *self, const hm_from *from, const char *pattern, ...);
/* The same with a term, which is copied. */
HM_API enum hm_verdict hm_reply_term(hm_process *self, const hm_from *from, hm_term reply);
/* To answer later: a copy that the caller owns and ends with hm_from_free. NULL without memory. */
HM_API hm_from *hm_from_keep(const hm_from *from);
HM_API void hm_from_free(hm_from *from); /* NULL is allowed. Answers nothing: a caller that got no answer waits for its timeout */
/* The process that called: as a rule a client's, but it may live for this one call only (a task, an alias). */
HM_API hm_pid hm_from_pid(const hm_from *from);

/* ---- sending ----------------------------------------------------------------------------------------------- */

/* Where to: a pid, or a registered name on a node (node NULL: this one). Borrows the name for the call. */
typedef struct hm_address {
    hm_pid pid;
    const char *name;
    const hm_node_name *node;
} hm_address;

/* A process. */
static inline hm_address hm_to_pid(hm_pid pid) {
    hm_address address = {pid, 0, 0};
    return address;
}

/* Who is registered under this name there when the message arrives; node NULL: on this one. */
static inline hm_address hm_to_name(const char *name, const hm_node_name *node) {
    hm_address address = {{0, 0, 0, 0}, name, node};
    return address;
}

/* Sending never blocks and, as on the BEAM, says nothing about arrival: a message to nobody is lost, and the answer is HM_OK. A node that is not
 * connected is dialled first. Messages of one process to another arrive in order. Everything is borrowed until the function returns. HM_ENOMEM,
 * HM_ELIMIT (too much waits for a connection that is being made), HM_EINVAL (no pid, or a message of size 0: that of a failed builder). */
HM_API int hm_send(hm_process *self, hm_address to, hm_term message);
/* The same with a pattern as for hm_put_format. */
HM_API int hm_sendf(hm_process *self, hm_address to, const char *pattern, ...);
/* One message to many: encoded once, large ones shared. An error is that of the last who could not be sent to; the others have it. */
HM_API int hm_send_many(hm_process *self, const hm_pid to[], size_t count, hm_term message);
/* To whoever made this alias (hm_alias, or alias/1 elsewhere). */
HM_API int hm_send_alias(hm_process *self, const hm_ref *alias, hm_term message);
/* gen_server:cast/2: {'$gen_cast', Message}. Errors as hm_send. */
HM_API int hm_cast(hm_process *self, hm_address to, hm_term message);
HM_API int hm_castf(hm_process *self, hm_address to, const char *pattern, ...);
/* true while much is waiting to be written to that node: good citizens send less. false for this node. */
HM_API bool hm_is_busy(hm_node *node, const hm_node_name *peer);

/* The outcome of hm_call, as a message of the process that called: error 0 and the reply; HM_ENOPROC, HM_ENOCONNECTION, HM_ETIMEOUT, HM_ELIMIT
 * (the reply was larger, or nested deeper, than hm_options allows), or HM_EEXIT and the exit reason of the server. The term is borrowed until it
 * returns (size 0 when there is none). */
typedef enum hm_verdict hm_call_done(hm_process *self, void *arg, int error, hm_term reply);

/* gen_server:call from C: monitored, with a timeout (ms; negative: infinity). Borrows the request. done is called exactly once, except when this
 * process ends first; arg is yours. HM_EINVAL (no pid, a request of size 0), HM_ENOMEM, HM_ELIMIT: done is not called then. */
HM_API int hm_call(hm_process *self, hm_address to, hm_term request, int64_t timeout_ms, hm_call_done *done, void *arg);
/* The same with a system message (lib/stdlib/src/sys.erl), which every process of gen_server, gen_statem, gen_event and supervisor answers by itself,
 * whatever its module is, also while it is suspended: get_status, {debug, {statistics, get}}, suspend, resume ... Other processes do not answer. */
HM_API int hm_system_call(hm_process *self, hm_address to, hm_term request, int64_t timeout_ms, hm_call_done *done, void *arg);

/* ---- links, monitors, exits -------------------------------------------------------------------------------- */

/* link/1. That there is no such process or node comes as an exit (noproc, noconnection), as on the BEAM; linking twice is linking once.
 * HM_EINVAL (no pid), HM_ENOMEM, HM_ELIMIT as of hm_send. */
HM_API int hm_link(hm_process *self, hm_pid pid);
/* HM_OK also when there was no link. HM_EINVAL; HM_ENOMEM, HM_ELIMIT: they stay linked. */
HM_API int hm_unlink(hm_process *self, hm_pid pid);
/* monitor/2: one {'DOWN', Ref, process, Pid | {Name, Node}, Reason} comes to info, at once with noproc or noconnection when nobody is there. *ref
 * (may be NULL) is that Ref: read the one of a message with hm_get_ref, compare with hm_ref_equal. HM_EINVAL (no pid), HM_ENOMEM, HM_ELIMIT
 * as of hm_send. */
HM_API int hm_monitor(hm_process *self, hm_address address, hm_ref *ref);
HM_API void hm_demonitor(hm_process *self, const hm_ref *ref); /* no 'DOWN' of it comes after this */
/* exit/2: kill cannot be trapped, and normal ends nobody but oneself. Borrows the reason. Nobody has the pid: nothing happens. HM_EINVAL
 * (no pid, a reason of size 0), HM_ENOMEM, HM_ELIMIT. */
HM_API int hm_exit(hm_process *self, hm_pid pid, hm_term reason);
/* An alias of this process: who has it can send until hm_unalias. HM_ENOMEM. */
HM_API int hm_alias(hm_process *self, hm_ref *alias);
/* false: it is none of this process. What was sent before may still come. */
HM_API bool hm_unalias(hm_process *self, const hm_ref *alias);
/* {nodeup, Node} and {nodedown, Node} for visible nodes (all: hidden ones too) from now on, as net_kernel:monitor_nodes. on false: no more.
 * Of each connection it hears both or neither: one for which they cannot be made does not come up. HM_ENOMEM (nothing has changed). */
HM_API int hm_monitor_nodes(hm_process *self, bool on, bool all);
/* The pid of a registered name, HM_NO_PID when there is none. */
HM_API hm_pid hm_whereis(const hm_node *node, const char *name);
/* Whether a process of this node has this pid; false for pids of other nodes. */
HM_API bool hm_is_alive(const hm_node *node, hm_pid pid);
/* Calls registered in this process when a process of the node has that name: at once if there is one, and whenever one is given it, so also
 * when a server was started again. An error of it is this function's at once, and nothing is followed then; later it is called again after
 * 100 ms as long as the name is there. Until the process ends; once for each hm_follow. Keeps a copy of the name. HM_ENOMEM. */
typedef int hm_registered(hm_process *self, void *arg, hm_pid pid);
HM_API int hm_follow(hm_process *self, const char *name, hm_registered *registered, void *arg);

/* ---- time -------------------------------------------------------------------------------------------------- */

/* Sends the message to this process after ms (0 or less: as soon as it can), to its info. Copies the message. *timer (may be NULL)
 * identifies it until then. It goes with the process. HM_EINVAL (a message of size 0), HM_ENOMEM. */
HM_API int hm_send_after(hm_process *self, int64_t ms, hm_term message, uint64_t *timer);
/* false: it has fired, or never was. A message that is in the mailbox already stays there. */
HM_API bool hm_cancel_timer(hm_process *self, uint64_t timer);

/* ---- long work --------------------------------------------------------------------------------------------- */

/* Runs work(arg) on a pool of threads, then done(self, arg) as a message of this process. work may use term.h, no more of Hermod. When the
 * process ends before, done is called with self NULL, so that arg can be freed. Keeps nothing but the pointers. HM_ENOMEM, HM_ESYSTEM (no thread can
 * be started): neither function is called then. */
HM_API int hm_work(hm_process *self, void (*work)(void *arg), enum hm_verdict (*done)(hm_process *self, void *arg),
                   void *arg);

#ifdef __cplusplus
}
#endif
#endif
