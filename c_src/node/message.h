/*
 * node/message: what lies in a mailbox, and the mailbox.
 *
 * A message is one block of memory: head and a copy of its bytes, or a hold on a shared block when they are large. The mailbox is
 * the only door into a process. Owner: the mailbox, until mailbox_take hands it to the process that runs. One thread.
 */
#ifndef HM_NODE_MESSAGE_H
#define HM_NODE_MESSAGE_H

#include <sys/queue.h>

#include "base/bytes.h"
#include <hermod/server.h>

enum { SHARE_BYTES = 256 }; /* from here on one block is cheaper than a copy in each mailbox */

enum message_kind {
    MESSAGE_TERM,  /* an ordinary message, whoever sent it */
    MESSAGE_EXIT,  /* exit signal: term = reason, from = who */
    MESSAGE_DOWN,  /* term = the whole {'DOWN', ...}; tag = the struct monitor, see monitors_take */
    MESSAGE_CALL,  /* a timer, an answer to hm_call, the end of hm_work: run(self, message) */
};

struct message {
    STAILQ_ENTRY(message) link;
    hm_term term;
    struct block *shared; /* NULL: term lies behind the head, or is empty */
    enum message_kind kind;
    bool untrappable;     /* EXIT: exit(Pid, kill) */
    bool always;          /* TERM: there is room for it in a full mailbox */
    bool untraced;        /* TERM: sent by a tracer, so tracers do not see it */
    hm_pid from;          /* EXIT: who; TERM: only its node, the peer that sent it, NULL for this node */
    uint64_t tag;
    /* CALL: runs in the process; self is NULL when the process ended before (only to free arg). */
    enum hm_verdict (*run)(hm_process *self, struct message *message);
    void *arg;
};

STAILQ_HEAD(message_list, message);

/* A message with a copy of term, or a hold on shared when it is not NULL (term lies in it). NULL without memory. */
struct message *message_new(enum message_kind kind, hm_term term, struct block *shared);
/* Frees it; a CALL that never ran is run with self NULL first. */
void message_free(struct message *message);

struct mailbox {
    struct message_list list;
    uint32_t count;
};

void mailbox_init(struct mailbox *mailbox);
void mailbox_fini(struct mailbox *mailbox);
void mailbox_put(struct mailbox *mailbox, struct message *message);
void mailbox_put_first(struct mailbox *mailbox, struct message_list *messages, uint32_t count);
struct message *mailbox_take(struct mailbox *mailbox); /* NULL when empty */
/* Frees the messages of this kind and tag in a list; how many are left in it. */
uint32_t messages_drop(struct message_list *list, enum message_kind kind, uint64_t tag);

#endif
