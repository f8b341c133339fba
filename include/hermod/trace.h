/*
 * Tracing: what the processes and functions of this node do, told to a handler.
 *
 *     static void on_event(hm_process *self, void *arg, const struct hm_trace_event *event) {
 *         char *text;
 *         if (hm_trace_print(event, HM_SYNTAX_ELIXIR, 0, &text) == 0)
 *             puts(text);
 *         ...
 *     }
 *
 *     struct hm_trace trace = {.target = target, .limit = 5, .returns = true, .event = on_event};
 *     hm_trace_start(self, &trace, &id, why, sizeof why);
 *
 * Every trace has a limit, of events and of events in one second; when one is passed, the trace ends and says so. It belongs to the
 * process that started it and ends with it. Several run at once, each on its own. What was recorded stays for hm_trace_playback when the
 * trace and its process are gone.
 *
 * What happens is copied at once, within bounds, and told later, from the loop: a handler is never called from inside another one. What a
 * handler sends is itself not traced.
 *
 * Events are those of dbg (lib/runtime_tools/src/dbg.erl; "Trace Messages" of erlang:trace/3). Node thread only, except for the functions
 * that only read or write terms.
 */
#ifndef HERMOD_TRACE_H
#define HERMOD_TRACE_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What happened, and what the fields `what` and `value` of the event are then. */
enum hm_trace_type {
    HM_TRACE_CALL,             /* call            {M, F, Args} */
    HM_TRACE_RETURN,           /* return_from     {M, F, Arity}, the value */
    HM_TRACE_EXCEPTION,        /* exception_from  {M, F, Arity}, {Class, Reason} */
    HM_TRACE_RECEIVE,          /* 'receive'       the message */
    HM_TRACE_SEND,             /* send            the message, to whom */
    HM_TRACE_SPAWNED,          /* spawned         the parent, {M, F, Args} or {M, F, Arity} */
    HM_TRACE_EXIT,             /* exit            the reason */
    HM_TRACE_LINK,             /* link            the pid that it links to */
    HM_TRACE_UNLINK,           /* unlink          the pid */
    HM_TRACE_GETTING_LINKED,   /* getting_linked  the pid that links to it */
    HM_TRACE_GETTING_UNLINKED, /* getting_unlinked the pid */
    HM_TRACE_REGISTER,         /* register        the name */
    HM_TRACE_UNREGISTER,       /* unregister      the name */
    HM_TRACE_OTHER,            /* only from hm_trace_read: another event of dbg; its tag is in `tag` */
};

struct hm_trace_event {
    uint64_t trace;   /* the number of the trace; 0 after hm_trace_read */
    int64_t time_us;  /* microseconds since 1970, UTC; 0: not known */
    enum hm_trace_type type;
    hm_term who;      /* the pid that it happened to; of control messages the node, an atom */
    hm_term tag;      /* HM_TRACE_OTHER: an atom */
    hm_term what;
    hm_term value;    /* of size 0 when this type has none */
};

/* Why a trace ended. */
enum hm_trace_end {
    HM_TRACE_STOPPED,        /* hm_trace_stop */
    HM_TRACE_LIMIT,          /* so many events were told */
    HM_TRACE_RATE,           /* more events in one second than `rate` */
    HM_TRACE_TARGET_GONE,    /* the process with the pid that was traced ended */
    HM_TRACE_RECORDING_FULL, /* no room for another recorded event (see hm_options.trace_memory) */
    HM_TRACE_NO_MEMORY,
    HM_TRACE_OWNER_GONE,     /* the process that started it ended */
};
/* An atom of OTP's kind: "limit", "rate", "target_gone" ... Lends for ever. Any thread. */
HM_API const char *hm_trace_end_name(enum hm_trace_end why);

/*
 * A handler runs in the name of the process that started the trace, as one of its handlers, but cannot stop it. The event is borrowed until it
 * returns. It may send, and may stop traces.
 */
typedef void hm_trace_handler(hm_process *self, void *arg, const struct hm_trace_event *event);
/* After the last event; not called when self itself ended. events: how many there were. */
typedef void hm_trace_ended(hm_process *self, void *arg, uint64_t trace, enum hm_trace_end why, uint32_t events);

struct hm_trace {
    /*
     * What to trace; borrowed until hm_trace_start returns:
     *   Name or Pid                a process: what it is asked and told, and with `returns` what it replies
     *   {Name | Pid, {Tag, Arity}} of these only tuples of Arity elements that begin with the atom Tag; Arity 0: the atom itself; '_': any arity
     *   {M, F, Arity}, fun M:F/A   a function that others can call by rpc, erpc or spawn; F and Arity may be '_'
     *   processes                  every process: its start, end, links, name
     *   {peer, Node}               control messages from and to this node
     *   text                       "message_server", "message_server:say/2", "erlang:node/0", "Foo.bar/1", "<0.12.0>", "peer:a@host", "processes"
     * {process, Name | Pid} says that a process is meant, for one that is registered as `processes`.
     */
    hm_term target;
    uint32_t limit;  /* events; from 1 to hm_options.max_trace_events */
    uint32_t rate;   /* events in one second; 0: 100, or fewer when hm_options.max_trace_rate is less */
    bool returns;    /* what calls return, too: each return is an event of its own */
    bool record;     /* keep them for hm_trace_playback */
    bool local;      /* also what processes and functions of this node ask each other; without it, only what comes from other nodes */
    bool messages;   /* of a process: 'receive' and send with the messages as they are, instead of calls and returns */
    hm_trace_handler *event; /* may be NULL */
    hm_trace_ended *ended;   /* may be NULL */
    void *arg;
};

/*
 * Calls of a gen_server are {Module, handle_call, [Request, From]}, casts {Module, handle_cast, [Request]}, other messages {Module, handle_info,
 * [Message]}: without the state, which is a struct of C here. Module is that of its class. What it replies is the value of the return.
 *
 * HM_EINVAL (no target that makes sense, no limit or too large a one, self is the target), HM_ENOPROC, HM_ENOENT (no such function), HM_ENOCONNECTION
 * (no such peer), HM_ELIMIT (hm_options.max_traces; the recording is full), HM_ENOMEM. why (may be NULL) gets a sentence.
 */
HM_API int hm_trace_start(hm_process *self, const struct hm_trace *trace, uint64_t *id, char *why, size_t capacity);
/* HM_ENOENT: it is over already. */
HM_API int hm_trace_stop(hm_node *node, uint64_t id);

struct hm_trace_info {
    uint64_t id;
    const char *target; /* as text */
    hm_pid owner;
    uint32_t limit, rate, events;
    bool returns, record, local, messages;
};
/* Calls each for every trace that runs; it must not start or stop one. */
HM_API void hm_trace_each(hm_node *node, void (*each)(void *arg, const struct hm_trace_info *info), void *arg);

/* Writes a list: what was recorded, the oldest first, of one trace, or of all (id 0). As hm_trace_put_map writes them, or with `messages`
 * as hm_trace_put with timestamps. HM_ENOMEM. */
HM_API int hm_trace_playback(hm_node *node, uint64_t id, bool messages, hm_build *build);
/* Forgets what was recorded. */
HM_API void hm_trace_forget(hm_node *node);

/* ---- events as terms and text ---- */

/* {trace, Who, call, {M, F, Args}} and so on; {trace_ts, ..., {MegaSecs, Secs, MicroSecs}} with timestamp. */
HM_API void hm_trace_put(hm_build *build, const struct hm_trace_event *event, bool timestamp);
/* The same backwards, from any node: borrows from the term. HM_EBADTERM. */
HM_API int hm_trace_read(hm_term term, struct hm_trace_event *event);
/*
 * A map for Elixir: args, arity, datetime (a DateTime), function, module and type => call; type => return with return_value instead of args, type =>
 * exception with class and reason. Others: datetime, pid, type, and args => [What] or [What, Value].
 */
HM_API void hm_trace_put_map(hm_build *build, const struct hm_trace_event *event);
/* "Elixir.Foo.bar/1 is being called with: [\"Buzz\"]", on one line, at most limit bytes for each term (0: 1000). Terms as hm_term_print (Erlang or
 * Elixir); with HM_SYNTAX_JSON one object with the keys of hm_trace_put_map, datetime as text of RFC 3339. *text is malloc'ed. */
HM_API int hm_trace_print(const struct hm_trace_event *event, enum hm_syntax syntax, size_t limit, char **text);

/* ---- a port for dbg ---- */

/*
 * Whatever the traces of this node tell is also sent to a client of OTP's trace port, one at a time (a second is closed at once):
 *
 *     iex> :dbg.trace_client(:ip, {~c"localhost", 4711})
 *     $ hermod trace --dbg localhost:4711
 *
 * as {trace_ts, ...}. What is told while there is no client waits for the next. When it is too slow, the newest events are dropped, and it
 * is told how many.
 */
typedef struct hm_trace_port hm_trace_port;

struct hm_trace_port_options {
    const char *address; /* of this machine, numeric or its name; NULL: 127.0.0.1. Whoever reaches it reads what is traced: there is no cookie */
    uint16_t port;       /* 0: any */
    uint32_t queue;      /* events that may wait for the client, 16 MiB at most; 0: 200 */
};

/* Listens at once. Borrows the options until it returns. HM_EINVAL (no address of this machine), HM_ETAKEN, HM_ESYSTEM, HM_ENOMEM; why (may be NULL)
 * gets a sentence. */
HM_API int hm_trace_port_open(hm_node *node, const struct hm_trace_port_options *options, hm_trace_port **port, char *why, size_t capacity);
/* The TCP port it listens on. */
HM_API uint16_t hm_trace_port_number(const hm_trace_port *port);
/* Before hm_node_free. NULL is allowed. */
HM_API void hm_trace_port_close(hm_trace_port *port);

#ifdef __cplusplus
}
#endif
#endif
