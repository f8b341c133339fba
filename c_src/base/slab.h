/*
 * base/slab: memory for many objects of one size, each of which begins with a cache line of its own.
 *
 * Reading something of each of a hundred thousand objects is a wait for memory per cache line. malloc would put 56 bytes on two lines three times
 * out of four, and aligned_alloc takes 60 bytes more for each object. A block goes back when nothing of it is in use and another one has room.
 * Under AddressSanitizer each object is an allocation of its own, so that it sees what is used after it was freed. One thread.
 */
#ifndef HM_BASE_SLAB_H
#define HM_BASE_SLAB_H

#include <stddef.h>
#include <sys/queue.h>

enum { CACHE_LINE = 64 };

struct slab_block;

/* Zeroed it is empty. size is the same in all calls, and much less than a block, which is 2 MiB. */
struct slab {
    LIST_HEAD(, slab_block) with_room; /* those that are full are in no list */
    size_t blocks;
};

/* Zeroed. NULL without memory. */
void *slab_take(struct slab *slab, size_t size);
/* Takes what slab_take gave. */
void slab_give(struct slab *slab, size_t size, void *object);
/* Every object was given back before. */
void slab_fini(struct slab *slab);

#endif
