/*
 * A block is aligned to its own size, so that an object finds its block. What was never used of it is not touched, and takes no memory of the
 * machine until then. From the second one on blocks may become huge pages: the first one would cost a small node 2 MiB.
 */
#include "base/slab.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define EACH_ALONE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_ALONE 1
#endif
#endif

enum { BLOCK = 2 * 1024 * 1024 };

struct unused {
    struct unused *next;
};

struct slab_block {
    LIST_ENTRY(slab_block) link;
    struct unused *unused; /* objects that were given back */
    size_t fresh;          /* where those begin that never were in use */
    size_t used;
};

static size_t stride(size_t size) {
    return (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

#ifdef EACH_ALONE

void *slab_take(struct slab *slab, size_t size) {
    (void)slab;
    void *object = aligned_alloc(CACHE_LINE, stride(size));
    return object ? memset(object, 0, size) : NULL;
}

void slab_give(struct slab *slab, size_t size, void *object) {
    (void)slab;
    (void)size;
    free(object);
}

void slab_fini(struct slab *slab) {
    (void)slab;
}

#else

static bool has_room(const struct slab_block *block, size_t size) {
    return block->unused || block->fresh + stride(size) <= BLOCK;
}

static struct slab_block *new_block(struct slab *slab) {
    struct slab_block *block = aligned_alloc(BLOCK, BLOCK);
    if (!block)
        return NULL;
    if (slab->blocks > 0)
        madvise(block, BLOCK, MADV_HUGEPAGE);
    *block = (struct slab_block){.fresh = stride(sizeof *block)};
    LIST_INSERT_HEAD(&slab->with_room, block, link);
    slab->blocks++;
    return block;
}

void *slab_take(struct slab *slab, size_t size) {
    struct slab_block *block = LIST_FIRST(&slab->with_room);
    void *object;
    if (!block && !(block = new_block(slab)))
        return NULL;
    object = block->unused;
    if (object) {
        block->unused = block->unused->next;
    } else {
        object = (char *)block + block->fresh;
        block->fresh += stride(size);
    }
    block->used++;
    if (!has_room(block, size))
        LIST_REMOVE(block, link);
    return memset(object, 0, size);
}

static void free_block(struct slab *slab, struct slab_block *block) {
    LIST_REMOVE(block, link);
    free(block);
    slab->blocks--;
}

void slab_give(struct slab *slab, size_t size, void *object) {
    struct slab_block *block = (struct slab_block *)((uintptr_t)object & ~(uintptr_t)(BLOCK - 1));
    struct unused *unused = object;
    if (!has_room(block, size))
        LIST_INSERT_HEAD(&slab->with_room, block, link);
    unused->next = block->unused;
    block->unused = unused;
    if (--block->used == 0 && (LIST_FIRST(&slab->with_room) != block || LIST_NEXT(block, link)))
        free_block(slab, block);
}

void slab_fini(struct slab *slab) {
    struct slab_block *block;
    while ((block = LIST_FIRST(&slab->with_room)))
        free_block(slab, block);
}

#endif
