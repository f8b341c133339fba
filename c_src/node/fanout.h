/*
 * node/fanout: one message from one process to many of the same node, without a copy and a place in a mailbox for each.
 *
 * The message is held once, with the list of who gets it, and handed over in the turn, one process after the other, as if it came out of the
 * mailbox: to who has nothing else waiting; to others it is put behind that. What a process receives is ready to be fetched into the cache
 * while those before it work, which for a hundred thousand of them is most of the time that it takes.
 *
 * Fan-outs are done in the order in which they were sent, and what a process sends after one to a process of this node is made one, too
 * (route.c); before anything of it that is no message, its end, say, they are put into the mailboxes. So the order between two processes is
 * kept. There may be so many waiting (FANOUT_MAX); then they go into the mailboxes, with the limits of those. One thread.
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
/* Pids of other nodes, or of nobody, are passed over. Copies message, or holds shared. HM_ENOMEM, HM_ELIMIT: nothing is sent. */
int fanout_send(hm_process *sender, const hm_pid to[], size_t count, hm_term message, struct block *shared);
/* All that waits is put into the mailboxes. */
void fanout_settle(struct hm_node *node);

#endif
