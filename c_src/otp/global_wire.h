/*
 * otp/global_wire: the messages of global, protocol version 8, both ways (lib/kernel/src/global.erl).
 *
 * Reading decodes a message into a struct without side effects; it takes the shapes that OTP sends and nothing else. Writing
 * puts exactly one term. A term of the wrong shape ends the VM of a BEAM (its global_name_server is a permanent child of
 * kernel_sup), so nothing that a peer sent goes on to another peer before it went through global_copy_*. Owns nothing; what is
 * read borrows from the message. One thread (names). The fuzz target is test/fuzz/global_fuzz.c.
 */
#ifndef HM_OTP_GLOBAL_WIRE_H
#define HM_OTP_GLOBAL_WIRE_H

#include "etf/names.h"

enum {
    GLOBAL_VERSION = 8,         /* what we speak, and nothing older */
    GLOBAL_VERSION_WITH_NODES = 7, /* from here on lists of nodes have versions, and lost_connection is understood */
    GLOBAL_UNKNOWN_VERSION = 0,
};

enum global_kind {
    GLOBAL_UNKNOWN,
    /* casts */
    GLOBAL_INIT_CONNECT, /* node, version, tag, pid: its locker */
    GLOBAL_LOCK_SET,     /* pid: its locker, flag, tag unless it is old */
    GLOBAL_EXCHANGE,     /* node, names, tag */
    GLOBAL_RESOLVED,     /* node, ops, known, ext, tag */
    GLOBAL_NEW_NODES,    /* node, ops, ext, known, requester (may be empty) */
    GLOBAL_IN_SYNC,      /* node */
    GLOBAL_OBSOLETE,     /* async_del_name, async_del_lock: before R14 */
    /* plain messages */
    GLOBAL_INIT_CONNECT_ACK, /* node, tag: ours, his_tag */
    GLOBAL_CANCEL_CONNECT,   /* node, tag */
    GLOBAL_LOST_CONNECTION, /* node lost other; creation, operation */
    GLOBAL_REMOVE_CONNECTION, /* node */
    GLOBAL_WHEREIS,          /* name, client: From */
    GLOBAL_WHEREIS_ANSWER,   /* node; flag: it has the name of ours that it was asked for */
    /* calls */
    GLOBAL_SET_LOCK,     /* resource, requester */
    GLOBAL_DEL_LOCK,     /* resource, requester */
    GLOBAL_REGISTER,     /* name, pid, method; node: of register_ext, else NULL */
    GLOBAL_UNREGISTER,   /* name */
    GLOBAL_GET_KNOWN,
    GLOBAL_GET_SYNCED,
    GLOBAL_GET_VERSION,
    GLOBAL_GET_NAMES_EXT,
    GLOBAL_INFO,
    GLOBAL_SYNC,         /* known */
    GLOBAL_DISCONNECT,
    /* calls of this library's own functions to their own node */
    GLOBAL_DO_REGISTER,    /* name, pid, method; flag: replaces what is there */
    GLOBAL_DO_UNREGISTER,  /* name */
};

struct global_message {
    enum global_kind kind;
    const hm_node_name *node, *other;
    bool has_tag; /* tag is an integer (an old peer sends none, one in trouble undefined) */
    bool has_his_tag;
    int64_t tag, his_tag, version, creation, operation;
    hm_pid pid;
    bool flag;
    hm_term names, ops, known, ext, name, method, resource, requester, client;
};

/* false: nothing that we know (kind is GLOBAL_UNKNOWN). */
bool global_read_cast(struct names *names, hm_term term, struct global_message *message);
bool global_read_plain(struct names *names, hm_term term, struct global_message *message);
bool global_read_call(struct names *names, hm_term term, struct global_message *message);

/* ---- what lists hold; elements of another shape are left out ---- */

/* {Name, Pid, Method} of names; {insert, {Name, Pid, Method}} and {delete, Name} (no pid then) of ops. */
struct global_entry {
    hm_term name, pid_term, method;
    hm_pid pid;
};
bool global_next_name(struct names *names, struct hm_list *list, struct global_entry *entry);
bool global_next_op(struct names *names, struct hm_list *list, bool *insert, struct global_entry *entry);
/* Node or {Node, Version} (0: unknown). */
bool global_next_node(struct names *names, struct hm_list *list, const hm_node_name **node, int64_t *version);
/* {Name, Pid, Node}. */
bool global_next_ext(struct names *names, struct hm_list *list, struct global_entry *entry, const hm_node_name **node);
/* The node of an {Name, Pid, Node} of the list for this name and pid, or NULL. */
const hm_node_name *global_find_ext(struct names *names, hm_term list, hm_term name, hm_pid pid);

/* ---- writing ---- */

void global_put_node(hm_build *build, const hm_node_name *node);
void global_put_insert(hm_build *build, hm_term name, hm_pid pid, hm_term method);
void global_put_delete(hm_build *build, hm_term name);
/* Copies the well-formed elements, without header and end; their number. */
uint32_t global_copy_ops(struct names *names, hm_build *build, hm_term ops);
uint32_t global_copy_ext(struct names *names, hm_build *build, hm_term ext);
/* {global, Requester} as the requester of the two lockers: [Smaller, Greater]. */
void global_put_requester(hm_build *build, hm_pid one, hm_pid other);

/* The method of names that are registered here: fun global:NAME/3. */
enum global_method { GLOBAL_RANDOM_EXIT, GLOBAL_RANDOM_NOTIFY, GLOBAL_NOTIFY_ALL, GLOBAL_OTHER_METHOD };
hm_term global_method_term(enum global_method method);
/* What a method is: also the local fun that register_name/2 of a BEAM makes. */
enum global_method global_method_read(hm_term method);

#endif
