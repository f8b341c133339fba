/*
 * node/pool: worker threads for hm_work. Made on first use, joined when the node is freed. The only threads of a node; they touch
 * nothing of it but the queue.
 */
#ifndef HM_NODE_POOL_H
#define HM_NODE_POOL_H

#include "node/process.h"

struct pool_stats {
    unsigned threads;
    uint64_t taken, done; /* jobs; the difference waits or runs */
};
struct pool_stats pool_stats(const struct pool *pool); /* NULL: nothing was done yet */
void pool_free(struct pool *pool);

#endif
