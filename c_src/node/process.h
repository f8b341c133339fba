/*
 * node/process: processes: their table, their turns and their ends.
 *
 * Owns every hm_process. A class (otp/gen_server, otp/erpc ...) says what a message means; it gets terms only: exits that
 * are trapped, DOWNs and node news were made terms before, timers and answers to calls run their own functions.
 * When a process ends: class->ended, name gone, links and monitors told, memory at the end of the turn. One thread.
 */
#ifndef HM_NODE_PROCESS_H
#define HM_NODE_PROCESS_H

#include "node/message.h"
#include "node/node.h"

struct timer;
struct node_watch;

struct process_class {
    const char *module;
    /* One message, borrowed. HM_STOP ends the process with the reason that hm_stop / process_set_reason left (normal when none). */
    enum hm_verdict (*receive)(hm_process *self, hm_term message);
    /* Before a message is handed over while process_suspend is on: may it pass? NULL: none. */
    bool (*urgent)(hm_process *self, hm_term message);
    /* The process ends with this reason; may still send. Frees self->state. */
    void (*ended)(hm_process *self, hm_term reason);
};

/* Something that waits in a process: it sees each message before the class does, and hears of the end. Each function may be NULL and may call
 * process_unwait. */
struct process_waiter;
struct waiter_class {
    /* HM_UNKNOWN: it is not for me. */
    enum hm_verdict (*message)(struct process_waiter *waiter, hm_process *self, hm_term message);
    void (*ended)(struct process_waiter *waiter, hm_term reason); /* it is out of the list already */
};

/* The owner embeds it. */
struct process_waiter {
    LIST_ENTRY(process_waiter) link;
    const struct waiter_class *class;
};

struct hm_process {
    struct turn_task task;
    struct hm_node *node;
    const struct process_class *class;
    /* From the count of the mailbox on there is a cache line with all that a message looks at which is handed over (process_hand). */
    struct mailbox mailbox;
    bool trap_exit, suspended, running, ended;
    bool traced; /* somebody may want to see its messages: node/trace.h */
    LIST_HEAD(, process_waiter) waiters;
    LIST_HEAD(, call) calls; /* hm_call without an outcome yet */
    struct registry_entry *name;
    const hm_node_name *origin; /* of the message that is handled: the node that sent it, or let it be sent; NULL: this one */
    uint64_t handled;           /* messages; "reductions" */
    void *state; /* the class's */
    void *data;  /* hm_data */
    hm_pid pid;
    hm_pid leader;
    hm_pid parent; /* who started it, or HM_NO_PID */
    const hm_node_name *on_behalf; /* the node that had this process started, whose rights it has (otp/access); NULL: this one */
    struct message_list deferred; /* while suspended */
    struct block *reason; /* why it stops, set before HM_STOP is returned; or known_reason */
    LIST_HEAD(, link) links;
    LIST_HEAD(, monitor) watching;   /* monitors of this process on others */
    LIST_HEAD(, monitor) watched_by; /* monitors of others on this one */
    LIST_HEAD(, alias) aliases;
    LIST_HEAD(, timer) timers;
    struct node_watch *node_watch;
    uint32_t drops;   /* messages that did not fit into the mailbox */
    uint32_t fanouts; /* what it sent to many and not all have: fanout.c */
    uint32_t deferred_count;
    uint8_t initial_arity;
    uint8_t known_reason; /* enum reason, when it is not in `reason` */
    bool killed;          /* it will be, before its next message: there was no memory for the signal */
    const char *initial_module, *initial_function; /* for process_info; literal or class->module */
};

struct process_slot {
    hm_process *process;  /* NULL: free */
    uint32_t serial;      /* of the process that is or will be here */
    uint32_t next_free;
};

/* A new process without name and mail; the caller fills state, then it is alive. HM_ENOMEM, HM_ELIMIT. */
int process_spawn(struct hm_node *node, const struct process_class *class, hm_process **process);
/* It has everything that its starter gives it. request: {M, F, Args}, or of size 0. For tracers. */
void process_started(hm_process *process, hm_term request);
/* Takes it back before it ever got a message and without telling anybody (init failed before anything was linked). */
void process_abandon(hm_process *process);
/* NULL: not a pid of this node's present processes. */
hm_process *process_lookup(const struct hm_node *node, hm_pid pid);
/* Calls each for every process; it must not end one directly. */
void process_each(struct hm_node *node, void (*each)(void *arg, hm_process *process), void *arg);

/* Puts a message into the mailbox and the process into the run queue; takes the message. Over max_mailbox a TERM is freed and counted. */
void process_deliver(hm_process *process, struct message *message);
/* The same for an ordinary term: copies it, or holds shared. */
int process_deliver_term(hm_process *process, hm_term term, struct block *shared);
/* The same for a message that another node sent, or had sent. */
int process_deliver_from(hm_process *process, const hm_node_name *origin, hm_term term, struct block *shared);
/* An exit signal. HM_ENOMEM: not when it is untrappable, then it needs no memory. */
int process_deliver_exit(hm_process *process, hm_pid from, hm_term reason, bool untrappable);

/* May a message be handed over without the mailbox: nothing waits there, and it takes messages. */
static inline bool process_is_free(const hm_process *process) {
    return !process->mailbox.count && !process->suspended && !process->running && !process->ended && !process->name;
}
/* Handles the message, a TERM, as if it had come out of the mailbox of a process that is free; in a task of the turn only. Borrows the message. May
 * end the process. Who calls it adds to the node's reductions. */
void process_hand(hm_process *process, const struct message *message);

void process_wait(hm_process *process, struct process_waiter *waiter, const struct waiter_class *class);
static inline void process_unwait(struct process_waiter *waiter) {
    LIST_REMOVE(waiter, link);
}

/* Takes messages of this kind and tag back out of the mailbox. */
void process_drop(hm_process *process, enum message_kind kind, uint64_t tag);

/* Ends it now: never from another process's handler or a socket callback (deliver an exit there). */
void process_exit(hm_process *process, hm_term reason);
/* What HM_STOP will end it with: a copy is kept. HM_ENOMEM: it will end with what is nearest (node/reasons.h). */
int process_set_reason(hm_process *process, hm_term reason);

void process_suspend(hm_process *process);
void process_resume(hm_process *process);

size_t process_memory(const hm_process *process); /* bytes, for process_info */
void process_table_free(struct hm_node *node);

#endif
