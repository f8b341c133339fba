/*
 * node/fanout: one message from one process to many of the same node, without a copy and a place in a mailbox for each.
 *
 * The message is held once, with the list of its receivers, and handed over in the turn, to one process after the other. A receiver that has no
 * mail gets it as if it came out of the mailbox; for others it is put behind the mail they have. While one receiver works, the next ones are
 * fetched into the cache: with a hundred thousand of them, waiting for memory is most of the time.
 *
 * The order between two processes is kept. Fan-outs are done in the order in which they were sent. What a process then sends to another of this
 * node becomes a fan-out, too (route.c). Before any other signal of the sender, such as its exit, what is left goes into the mailboxes. At most
 * FANOUT_MAX receivers wait; beyond that messages go into the mailboxes, with the limits of those. One thread.
 */
#ifndef HM_NODE_FANOUT_H
#define HM_NODE_FANOUT_H

#include "node/process.h"

enum {
    FANOUT_LEAST = 16,        /* so many receivers are worth it */
    FANOUT_MAX = 4096 * 1024, /* receivers, and each 8 bytes of a message, in all that wait */
};

/* Whether the process has sent one that is not done. */
static inline bool fanout_waits(const hm_process *sender) {
    return sender && sender->fanouts > 0;
}
/* Pids of other nodes, or of nobody, are passed over; *here: all but those of other nodes. Copies message, or holds shared. HM_ENOMEM, HM_ELIMIT:
 * nothing is sent. */
int fanout_send(hm_process *sender, const hm_pid to[], size_t count, hm_term message, struct block *shared, size_t *here);
/* All that waits is put into the mailboxes. */
void fanout_settle(struct hm_node *node);

#endif
