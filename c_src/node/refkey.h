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

#endif
