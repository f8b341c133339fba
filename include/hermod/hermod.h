/*
 * A node on your event loop.
 *
 *     struct event_base *base = event_base_new();
 *     struct hm_options options = HM_OPTIONS_INIT;
 *     options.name = "counter";
 *     options.cookie = cookie;
 *     hm_node *node;
 *     if (hm_node_new(base, &options, &node, why, sizeof why) == 0 && hm_node_start(node, ready, NULL) == 0)
 *         event_base_dispatch(base);
 *
 * The node is an ordinary member of an Erlang cluster (OTP 25 and later): Node.connect, Node.list, GenServer.call,
 * monitors, links, :rpc and :sys work with it. Everything happens on the thread that runs the event_base; functions
 * of this header and of server.h must be called on that thread unless they say otherwise. Several nodes may live in one program.
 *
 * The wire is that of "Distribution Protocol" in the documentation of erts; what a node does on it follows lib/kernel/src/net_kernel.erl,
 * dist_util.erl and erl_epmd.erl of OTP.
 */
#ifndef HERMOD_HERMOD_H
#define HERMOD_HERMOD_H

#include <hermod/error.h>
#include <hermod/term.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;

typedef struct hm_node hm_node;

#define HM_VERSION "0.1.0"
/* The version of the library that runs; HM_VERSION is the one that was compiled against. Any thread. */
HM_API const char *hm_version(void);

enum hm_log_level { HM_LOG_ERROR, HM_LOG_WARN, HM_LOG_INFO, HM_LOG_DEBUG };

enum hm_family { HM_FAMILY_ANY, HM_FAMILY_INET, HM_FAMILY_INET6 };

/* Options of a node. The strings are copied. Start from HM_OPTIONS_INIT; a number of 0 means its default. */
struct hm_options {
    size_t size;              /* sizeof(struct hm_options): lets the struct grow */
    const char *name;         /* "hermod", or "hermod@host"; required */
    bool long_names;          /* the host part is a full domain name or address (erl -name); else short (-sname) */
    const char *cookie;       /* required */
    bool hidden;              /* not in nodes(), not in global (erl -hidden) */
    bool no_connect_all;      /* only nodes that are asked for are connected; no part in global (erl -connect_all false) */
    bool allow_overlapping_partitions; /* erl -kernel prevent_overlapping_partitions false */
    bool no_listen;           /* dials only: no listening socket, no epmd registration (command-line tools) */

    const char *listen;       /* address to listen on; NULL: all */
    uint16_t port_first, port_last; /* 0, 0: any free port */
    enum hm_family family;
    bool no_epmd;             /* no registration and no look-ups; needs port_first, and dial_port to dial by name */
    uint16_t dial_port;       /* not 0: every node is assumed to listen on this port (erl -erl_epmd_port) */
    uint16_t epmd_port;       /* default 4369 */
    const char *epmd_address; /* where the own epmd listens, comma separated; NULL: loopback */
    const char *epmd_start;   /* command that starts epmd when none answers, as "epmd"; NULL: never start it */

    uint32_t net_ticktime_ms;  /* 60 000 */
    uint32_t net_tickintensity; /* 4 */
    uint32_t setup_ms;         /* longest silence in a handshake, 7 000 */
    uint32_t max_half_open;    /* connections whose handshake is not finished, 128 */
    uint32_t max_frame;        /* bytes, 128 MiB; the message in a larger one is left out as one over max_message */
    uint64_t max_message;      /* bytes of one message put together from fragments, and of all unfinished ones of a peer, 512 MiB; what is larger is
                                  left out, calls with it are answered {error, system_limit} */
    uint32_t max_fragments;    /* unfinished messages of one peer, 4096; a further one is left out */
    uint32_t max_depth;        /* nesting of a message, 1024; one that is deeper is left out in the same way */
    uint32_t max_mailbox;      /* messages that wait in one mailbox, 1 000 000; over it new ones are dropped and counted */
    uint32_t max_names;        /* node names ever seen, 65 536 */
    uint32_t max_processes;    /* 1 000 000 */
    uint32_t max_global_names; /* 1 000 000; over it this node does not know further names that are registered globally */
    uint32_t max_global_locks; /* holders of global locks, 100 000; over it a lock is refused */
    uint32_t max_pg_groups;    /* groups of one pg scope, 1 000 000 */
    uint32_t max_pg_members;   /* memberships of one node in one pg scope, 10 000 000 */
    uint32_t max_pg_monitors;  /* processes that watch the groups of one pg scope, and peers that it has, 65 536 of each */
    uint32_t max_traces;       /* that run at the same time, 32 (see trace.h) */
    uint32_t max_trace_events; /* the largest limit that a trace may have, 10 000 */
    uint32_t max_trace_rate;   /* events in one second that a trace may have, 1000 */
    size_t trace_memory;       /* bytes of recorded events, 16 MiB; over it those of ended traces are forgotten, then a trace that records ends */
    bool no_eval;              /* closures of peers (Node.spawn(node, fn -> ... end)) are undef instead of evaluated */
    size_t eval_memory;        /* bytes of values of one evaluated closure, 32 MiB */
    size_t eval_total_memory;  /* of all of them, 256 MiB */
    uint32_t eval_depth;       /* calls and expressions that wait for a value, 200 000 */
    uint64_t eval_steps;       /* steps that one may take without waiting for a message, 200 million */
    size_t output_high, output_low; /* bytes waiting for one peer: 8 MiB, 1 MiB */
    size_t output_max; /* memory that may wait for a peer that does not read, which is then disconnected: 1 GiB, or twice output_high. More than any message
                        * you send */

    enum hm_log_level log_level; /* the most talkative level wanted */
    /* One event: a stable id ("peer.up") and a line of text without newline. NULL: no log. */
    void (*log)(void *arg, enum hm_log_level level, const char *id, const char *text);
    void *log_arg;
};

#define HM_OPTIONS_INIT {.size = sizeof(struct hm_options), .log_level = HM_LOG_INFO}

/* Makes a node that does not do anything yet. Borrows base (until hm_node_free), keeps a copy of the options.
 * HM_ENAME (a name that is malformed, or whose host part does not fit long_names), HM_EINVAL, HM_ENOMEM, HM_ESYSTEM;
 * why (capacity bytes, may be NULL) gets a sentence that says what is wrong and what to do. */
HM_API int hm_node_new(struct event_base *base, const struct hm_options *options, hm_node **node, char *why,
                       size_t capacity);

/* error 0: the node is registered and reachable. Otherwise it could not start (HM_ETAKEN, HM_EEPMD, HM_ESYSTEM ...);
 * text says why; the node may be freed, from the loop or from this callback's caller but not inside it. */
typedef void hm_node_ready(void *arg, int error, const char *text);

/* Listens and registers; ready (may be NULL) is called once, later, from the loop. Processes may be started before or after. HM_ETAKEN,
 * HM_ESYSTEM (the address or port cannot be listened on), HM_ENOMEM, HM_ESTATE (it was started already, or stopped): ready is not called
 * then. */
HM_API int hm_node_start(hm_node *node, hm_node_ready *ready, void *arg);

/* Ends in order: every process gets the exit reason shutdown and runs its terminate, what they sent is written as far
 * as sockets take it, peers see nodedown at once, epmd forgets the name. Idempotent. Not from inside a handler. */
HM_API void hm_node_stop(hm_node *node);

/* Stops it when it is not stopped, and frees it. NULL is allowed. Not from inside a handler. */
HM_API void hm_node_free(hm_node *node);

HM_API struct event_base *hm_node_base(const hm_node *node); /* as given to hm_node_new */
HM_API const char *hm_node_name_of(const hm_node *node); /* "hermod@host". Lends until free */
HM_API uint16_t hm_node_port(const hm_node *node);       /* where it listens; 0 when it does not */
HM_API uint32_t hm_node_creation(const hm_node *node);   /* tells this life of the node from others of its name: part of its pids */

/* ---- other nodes ------------------------------------------------------------------------------------------- */

/* The interned name of a node, to compare and to address it: NULL when the text is no node name, or without memory. */
HM_API const hm_node_name *hm_node_find(hm_node *node, const char *name);

/* error 0: connected (or it was already). text: a sentence on what failed. */
typedef void hm_connect_done(void *arg, int error, const char *text);

/* Connects. Sending to an unknown node connects by itself; this is for those who want to know. done may be NULL;
 * it is called from the loop, never before this function returns, and not at all on an error: HM_EINVAL (NULL, or this node), HM_ENOMEM,
 * HM_ENOCONNECTION (the node stops). */
HM_API int hm_connect(hm_node *node, const hm_node_name *peer, hm_connect_done *done, void *arg);
/* As hm_connect, but for ever: dials again with a growing pause (0.5 s to 30 s) whenever the peer is not connected. Errors as hm_connect. */
HM_API int hm_keep_connected(hm_node *node, const hm_node_name *peer);
/*
 * A node that somebody says is there: dialled as by hm_keep_connected until hm_candidate_remove, and its name is remembered for good only
 * once it was connected, so that names that strangers make up do not fill max_names. Adding it again changes nothing.
 * HM_ENAME (no node name, or our own), HM_ELIMIT (max_names), HM_ENOMEM, HM_ENOCONNECTION (the node stops).
 */
HM_API int hm_candidate_add(hm_node *node, const char *name);
/* Dials it no more, unless hm_keep_connected was called for it. A connection that is up stays until it goes; hm_disconnect ends it. */
HM_API void hm_candidate_remove(hm_node *node, const char *name);
/* Closes the connection; false when there is none. */
HM_API bool hm_disconnect(hm_node *node, const hm_node_name *peer);

enum hm_nodes { HM_NODES_VISIBLE = 1, HM_NODES_HIDDEN = 2, HM_NODES_CONNECTED = 3 };

/* Calls each for every connected node of these kinds; it must not connect or disconnect. */
HM_API void hm_nodes(hm_node *node, enum hm_nodes kinds, void (*each)(void *arg, const hm_node_name *peer), void *arg);

/* One registered name and the port its node listens on; at the end once with name NULL and the outcome: 0, HM_EEPMD (no epmd
 * answers there), HM_ENOCONNECTION (no such host). The name is borrowed until it returns. */
typedef void hm_epmd_name(void *arg, const char *name, uint16_t port, int error);

/* Asks the epmd of a host (NULL: this one) for the nodes that it knows. Works for a node that was never started. At most until the node is
 * freed; a query that runs then ends without its last call. HM_ENOMEM: each is not called. */
HM_API int hm_epmd_names(hm_node *node, const char *host, hm_epmd_name *each, void *arg);

/* ---- pids and references in terms -------------------------------------------------------------------------- */

/* false: another term, or the table of node names is full. */
HM_API bool hm_get_pid(hm_node *node, hm_term term, hm_pid *pid);
/* The same for a reference. */
HM_API bool hm_get_ref(hm_node *node, hm_term term, hm_ref *ref);
/* A reference that is unique in the cluster. */
HM_API hm_ref hm_make_ref(hm_node *node);

/* ---- odds and ends for programs ---------------------------------------------------------------------------- */

/*
 * The cookie in a file as Erlang keeps it (~/.erlang.cookie): one line of printable ASCII. Makes the file (mode 0400, 20
 * random letters) when there is none and `create`. HM_ESYSTEM, HM_EINVAL (others can read the file, not a regular file, empty, unprintable),
 * HM_ENOENT; why gets a sentence that says what to do. The cookie is stored terminated.
 */
HM_API int hm_cookie_load(const char *path, bool create, char *cookie, size_t cookie_capacity, char *why,
                          size_t why_capacity);

/* What a file given to `hermod start --load FILE.so[:ARGUMENT]` must export under the name hermod_load: starts its servers.
 * 0, or a negative hm_error, which ends the daemon with a message. argument is "" when none was given. */
typedef int hm_load_function(hm_node *node, const char *argument);

#ifdef __cplusplus
}
#endif
#endif
