/* node/refkey: a reference as the key of a hash table: no padding, unused words 0. Pure. */
#ifndef HM_NODE_REFKEY_H
#define HM_NODE_REFKEY_H

#include <hermod/term.h>

struct refkey {
    const hm_node_name *node;
    uint32_t creation, words, id[5], zero;
};

static inline struct refkey refkey_of(const hm_ref *ref) {
    struct refkey key = {.node = ref->node, .creation = ref->creation, .words = ref->words};
    for (uint32_t i = 0; i < ref->words && i < 5; i++)
        key.id[i] = ref->id[i];
    return key;
}

/* References differ in their words, mostly in the first; a call makes and drops a monitor, so this is paid twice for each. */
static inline unsigned refkey_hash(const void *bytes) {
    const struct refkey *key = bytes;
    uint64_t mixed = ((uint64_t)key->id[1] << 32 | key->id[0]) * 0x9e3779b97f4a7c15ull;
    mixed ^= ((uint64_t)key->id[3] << 32 | key->id[2]) * 0xc2b2ae3d27d4eb4full;
    return (unsigned)(mixed >> 32) ^ (unsigned)mixed;
}

/* For uthash, before it is included. */
#define REFKEY_HASH_FUNCTION(key, size, hash) ((void)(size), (hash) = refkey_hash(key))

#endif
